"""The names of configuration keys: as path, dotted, and as environment variable."""

from __future__ import annotations

import json
import re
import tomllib
from decimal import Decimal
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from encours_schemas.configuration.models import Configuration
from encours_schemas.errors import ConfigurationWrong

if TYPE_CHECKING:
    from collections.abc import Iterator

KeyPath = tuple[str, ...]
VARIABLE_PREFIX: Final = "ENCOURS_"
_LEVEL: Final = "__"
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_NAMED_WITH_CASE: Final[dict[KeyPath, str]] = {
    ("exposure", "segments"): "a credit segment",
    ("interest", "regimes"): "an interest regime",
}
_FALSE: Final = frozenset({"false", "no", "off", "0"})


def dotted(path: KeyPath) -> str:
    """Give the key as TOML writes it: parts with a point between, quoted where needed."""
    return ".".join(
        part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part, ensure_ascii=False)
        for part in path
    )


def path_of_dotted(key: str) -> KeyPath:
    """Give the path of a dotted key, read as TOML reads it."""
    path: list[str] = []
    try:
        node: Any = tomllib.loads(f"{key} = 0") if "\n" not in key else {}
        while isinstance(node, dict):
            (name, node), *others = node.items()
            if others:
                break
            path.append(name)
    except (tomllib.TOMLDecodeError, ValueError):
        raise ConfigurationWrong(
            what="no name of a key", where="flag", expected="parts with a point between"
        ) from None
    return tuple(path)


def variable_of(path: KeyPath) -> str:
    """Give the environment variable of a key."""
    return VARIABLE_PREFIX + _LEVEL.join(part.upper() for part in path)


def path_of_variable(name: str) -> KeyPath | None:
    """Give the key that an environment variable sets, None when it sets none.

    A variable with two underscores between two parts is always a key. One without is a key
    only when it names a top-level value, as `ENCOURS_CARRY`; others belong to the commands.
    """
    if not name.startswith(VARIABLE_PREFIX):
        return None
    path = tuple(name.removeprefix(VARIABLE_PREFIX).lower().split(_LEVEL))
    if len(path) == 1:
        if path not in set(static_keys()):
            _refuse_near_miss(name)
            return None
    elif path[:2] in _NAMED_WITH_CASE:
        raise ConfigurationWrong(
            what=f"{_NAMED_WITH_CASE[path[:2]]} cannot be configured here",
            where=f"environment {name}",
            cure="set it in the file: a variable cannot carry the case of its name",
        )
    return path


def _refuse_near_miss(name: str) -> None:
    """Refuse `ENCOURS_FX_PIVOT`: a single underscore would be ignored without a word."""
    for path in static_keys():
        variable = variable_of(path)
        if variable.replace(_LEVEL, "_") == name:
            raise ConfigurationWrong(
                what="unknown key",
                where=f"environment {name}",
                cure=f"did you mean {variable}, with two underscores between section and key?",
            )


def static_keys(model: type[BaseModel] = Configuration, prefix: KeyPath = ()) -> Iterator[KeyPath]:
    """Give the keys that exist whatever segments, rules and tables are named."""
    for name, field in model.model_fields.items():
        section = _model_in(field.annotation)
        if section is None:
            yield (*prefix, name)
        else:
            yield from static_keys(section, (*prefix, name))


def siblings(path: KeyPath) -> tuple[str, ...]:
    """Give the names that may stand where the last part of the path stands."""
    holder = _annotation_at(path[:-1])
    section = _model_in(holder)
    return tuple(section.model_fields) if section is not None else ()


def default_of(path: KeyPath) -> object:
    """Give the default of a key that always exists; None when there is none."""
    value: object = Configuration()
    for part in path:
        if not isinstance(value, BaseModel) or part not in type(value).model_fields:
            return None
        value = getattr(value, part)
    return value


def value_of_text(path: KeyPath, text: str) -> object:
    """Read a text for the key at `path`: as it stands, or as TOML where a text won't do.

    Lists may be written as TOML or with commas. A text that cannot be read is given back, and
    the check of the key says what was expected.
    """
    kind = _annotation_at(path)
    if kind is None or _holds(kind, str):
        return text
    plain = text.strip().casefold()
    if _holds(kind, bool) and plain in _TRUE | _FALSE:
        return plain in _TRUE
    if "\n" in text:
        return text  # a second line would be a second key
    try:
        return tomllib.loads(f"value = {text}", parse_float=Decimal)["value"]
    except tomllib.TOMLDecodeError:
        if not _holds(kind, tuple):
            return text
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    return tuple(int(part) if re.fullmatch(r"[+-]?[0-9]+", part) else part for part in parts)


def _annotation_at(path: KeyPath) -> Any:  # noqa: ANN401 - annotations have no common type
    """Give the type declared at a path, None when there is no such key, Any below `rules`."""
    kind: Any = Configuration
    for part in path:
        kind = _without_metadata(kind)
        section = _model_in(kind)
        if kind is Any:
            return Any
        if section is not None:
            if part not in section.model_fields:
                return None
            kind = section.model_fields[part].annotation
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif get_origin(kind) is tuple:
            kind = get_args(kind)[0]
        else:
            return None
    return _without_metadata(kind)


def _without_metadata(kind: Any) -> Any:  # noqa: ANN401 - annotations have no common type
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return kind


def _model_in(kind: Any) -> type[BaseModel] | None:  # noqa: ANN401 - see above
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def choices_of(kind: Any) -> tuple[str, ...]:  # noqa: ANN401 - annotations have no common type
    """Give the words of a choice, also of a list of choices; empty when any value will do."""
    kind = _without_metadata(kind)
    if get_origin(kind) is Literal:
        return tuple(str(one) for one in get_args(kind))
    if get_origin(kind) in {tuple, Union, UnionType}:
        return next((found for one in get_args(kind) if (found := choices_of(one))), ())
    return ()


def _holds(kind: Any, wanted: type) -> bool:  # noqa: ANN401 - see above
    """Tell whether a text, flag or list is what the annotation asks for.

    A choice of words counts as text; so does an exact number, which is read from its text.
    """
    kind = _without_metadata(kind)
    if get_origin(kind) in {Union, UnionType}:
        return any(_holds(one, wanted) for one in get_args(kind))
    if wanted is str and (kind is Decimal or get_origin(kind) is Literal):
        return True
    return wanted in {kind, get_origin(kind)}
