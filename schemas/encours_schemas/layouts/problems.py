"""Turn what the models of a layout refuse into sentences: key, shape, expectation, cure."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from encours_schemas.configuration.problems import described, expected_of
from encours_schemas.errors import ConfigurationWrong
from encours_schemas.layouts.models import Layout
from encours_schemas.names import nearest_name

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def problem_of(details: ErrorDetails, where: str) -> ConfigurationWrong:
    """Give one refused value or key of a layout file as an error of ours."""
    path = [part for part in details["loc"] if part != "[key]"]
    place = f"{where}, key {_shown(path)}" if path else where
    context = details.get("ctx", {})
    if details["type"] == "extra_forbidden":
        known = _names_beside(path)
        near = nearest_name(str(path[-1]), known)
        cure = f"did you mean {near}?" if near else f"known here: {', '.join(known)}"
        return ConfigurationWrong(what="unknown key", where=place, cure=cure)
    if details["type"] == "missing":
        return ConfigurationWrong(what="a key is missing", where=place, cure="add it")
    if details["type"] == "encours_unknown_name":
        return ConfigurationWrong(
            what="unknown name", where=place, expected=context["expected"], cure=context["cure"]
        )
    return ConfigurationWrong(
        what="wrong value",
        where=place,
        found=described(details["input"]),
        expected=expected_of(details["type"], context) or details["msg"],
        cure=context.get("cure", ""),
    )


def _shown(path: list[Any]) -> str:
    """Give the key dotted; a position in a list in brackets, from 0."""
    shown = ""
    for part in path:
        shown += f"[{part}]" if isinstance(part, int) else f".{part}" if shown else str(part)
    return shown


def _names_beside(path: list[Any]) -> tuple[str, ...]:
    """Give the keys that may stand where the last part of the path stands."""
    kind: Any = Layout
    for part in path[:-1]:
        kind = _step(kind, part)
        if kind is None:
            return ()
    model = _model_of(kind)
    if model is None:
        return ()
    return tuple(info.alias or name for name, info in model.model_fields.items())


def _step(kind: Any, part: object) -> Any:  # noqa: ANN401 - annotations have no common type
    """Give the type one step below."""
    model = _model_of(kind)
    if model is not None:
        by_name = {info.alias or name: info for name, info in model.model_fields.items()}
        return by_name[str(part)].annotation if str(part) in by_name else None
    plain = _bare(kind)
    arguments = get_args(plain)
    return arguments[1] if get_origin(plain) is dict else arguments[0] if arguments else None


def _bare(kind: Any) -> Any:  # noqa: ANN401 - annotations have no common type
    """Take metadata and `| None` off."""
    while get_origin(kind) in {Annotated, Union, UnionType}:
        options = [one for one in get_args(kind) if one is not type(None)]
        kind = options[0]
    return kind


def _model_of(kind: Any) -> type[BaseModel] | None:  # noqa: ANN401 - see above
    """Give the model that a type is, None when it is none."""
    plain = _bare(kind)
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None
