"""Turn what the models refuse into sentences: key, shape found, what was expected, the cure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from encours_schemas.configuration import keys
from encours_schemas.errors import ConfigurationWrong
from encours_schemas.names import nearest_name
from encours_schemas.shapes import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from encours_schemas.configuration.keys import KeyPath

_EXPECTED: Final = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "string_type": "a text",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "missing": "a value",
    "is_instance_of": "an exact number",
    "finite_number": "a finite number",
}


def problem_of(details: ErrorDetails, origins: Mapping[KeyPath, str]) -> ConfigurationWrong:
    """Give one refused value or key as an error of ours.

    details  one entry of a pydantic error
    origins  path of every value that was given -> where it was given
    """
    path = tuple(str(part) for part in details["loc"] if part != "[key]")
    where = f"{_origin_of(path, origins)}, key {_shown(details['loc'])}"
    context = details.get("ctx", {})
    if details["type"] == "extra_forbidden":
        return ConfigurationWrong(what="unknown key", where=where, cure=_nearest_key(path))
    if details["type"] == "encours_unknown_name":
        return ConfigurationWrong(
            what="unknown name", where=where, expected=context["expected"], cure=context["cure"]
        )
    return ConfigurationWrong(
        what="wrong value",
        where=where,
        found=described(details["input"]),
        expected=expected_of(details["type"], context) or details["msg"],
        cure=context.get("cure") or _cure(path, details),
    )


def _origin_of(path: KeyPath, origins: Mapping[KeyPath, str]) -> str:
    """Give where the value at the path, above it, or else below it was given."""
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return origins[path[:length]]
    below = [origin for given, origin in origins.items() if given[: len(path)] == path]
    return below[0] if below else "default"


def _shown(location: tuple[int | str, ...]) -> str:
    """Give the key dotted, with the position in a list in brackets, from 0."""
    names = tuple(part for part in location if isinstance(part, str) and part != "[key]")
    places = "".join(f"[{part}]" for part in location if isinstance(part, int))
    return keys.dotted(names) + places


def _nearest_key(path: KeyPath) -> str:
    """Suggest a key of the same section, or the same key of another section."""
    known = keys.siblings(path)
    path = tuple(part for part in path if not part.isdigit())  # a place in a list is no name
    by_last = {key[-1]: key for key in keys.static_keys()}
    near = nearest_name(path[-1], known)
    if near is not None and path[-1] not in by_last:
        return f"did you mean {keys.dotted((*path[:-1], near))}?"
    elsewhere = nearest_name(path[-1], by_last)
    if elsewhere is not None:
        return f"did you mean {keys.dotted(by_last[elsewhere])}?"
    return f"known here: {', '.join(known)}" if known else ""


def described(value: object) -> str:
    """Say what stands there without telling the value."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float, Decimal)):
        return f"number {shape_of(str(value))}"
    if isinstance(value, str):
        return f"text {shape_of(value)}"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    return "a table" if isinstance(value, dict) else f"a {type(value).__name__}"


def expected_of(type_: str, context: Mapping[str, Any]) -> str:
    """Say what was expected, from an error of pydantic or of ours."""
    if type_ == "literal_error":
        return str(context["expected"]).replace("'", "`")
    if type_ == "greater_than_equal":
        return f"at least {context['ge']}"
    if type_ == "less_than_equal":
        return f"at most {context['le']}"
    return str(context.get("expected", "")) or _EXPECTED.get(type_, "")


def _cure(path: KeyPath, details: ErrorDetails) -> str:
    if details["type"] == "literal_error" and isinstance(details["input"], str):
        allowed = re.findall(r"'([^']+)'", str(details["ctx"]["expected"]))
        near = nearest_name(details["input"], allowed)
        if near is not None:
            return f"did you mean `{near}`?"
    default = keys.default_of(path)
    if default is None or isinstance(default, (dict, BaseModel)):
        return "correct it, or take the key out"
    return f"correct it, or take the key out for the default {_as_toml(default)}"


def _as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_as_toml(one) for one in value)}]"
    if isinstance(value, BaseModel):
        named = ((name, getattr(value, name)) for name in type(value).model_fields)
        return f"{{ {', '.join(f'{name} = {_as_toml(one)}' for name, one in named)} }}"
    return str(value) if isinstance(value, int) else f'"{value}"'
