"""Read layout files: by name among the bundled ones, or by path."""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from encours_schemas.configuration.models import SourceForm
from encours_schemas.errors import ConfigurationWrong
from encours_schemas.layouts.compiled import CompiledLayout, LayoutCompiler
from encours_schemas.layouts.models import Layout
from encours_schemas.layouts.problems import problem_of
from encours_schemas.names import nearest_name

_EXTENDS_DEPTH_MAX = 8
_MAP_BYTES_MAX = 16 << 20


def bundled_names(bundled: Path) -> list[str]:
    """Name the bundled layouts, sorted."""
    return sorted(path.stem for path in bundled.glob("*.toml"))


def find_layout(asked: str, bundled: Path) -> Path:
    """Give the file of a layout: a path when it ends in `.toml`, else a bundled name.

    Raises ConfigurationWrong with the nearest name.
    """
    if asked.endswith(".toml"):
        return Path(asked)
    path = bundled / f"{asked}.toml"
    if asked and Path(asked).name == asked and path.is_file():
        return path
    names = bundled_names(bundled)
    near = nearest_name(asked, names)
    raise ConfigurationWrong(
        what="there is no layout of that name",
        where=f"layout {asked}",
        expected=f"a file ending in .toml, or one of {', '.join(names)}",
        cure=f"did you mean {near}?" if near else "",
    )


def read_tree(asked: str, bundled: Path, depth: int = 0) -> dict[str, Any]:
    """Read a layout with everything that it extends and takes in, as plain values.

    Tables are merged key by key over those of the extended layout, lists are replaced.
    """
    path = find_layout(asked, bundled)
    where = f"layout {asked}"
    try:
        tree = tomllib.loads(path.read_bytes().decode("utf-8-sig"), parse_float=_refuse_float)
    except OSError as error:
        raise ConfigurationWrong(
            what="a layout cannot be read",
            where=where,
            found=error.strerror or type(error).__name__,
            cure="check the path; `encours layout list` names the bundled ones",
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        found = "bytes that are not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigurationWrong(what="a layout is not TOML", where=where, found=found) from None
    _take_in_maps(tree, path.parent, where)
    extended = tree.pop("extends", None)
    if extended is None:
        return tree
    if not isinstance(extended, str) or depth == _EXTENDS_DEPTH_MAX:
        raise ConfigurationWrong(
            what="extends names no layout", where=where, expected="a name or a path, no circle"
        )
    if extended.endswith(".toml"):
        extended = str(path.parent / extended)
    return _merged(read_tree(extended, bundled, depth + 1), tree)


def _refuse_float(text: str) -> object:
    """Refuse binary floats: nothing in a layout is measured in them."""
    message = f"the number {text} with decimals; write it as text"
    raise ValueError(message)


def _merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree over another."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        merged[key] = _merged(below, value) if both and isinstance(below, dict) else value
    return merged


def _take_in_maps(tree: dict[str, Any], folder: Path, where: str) -> None:
    """Replace `file = "….csv"` of a value map by the file's pairs."""
    maps = tree.get("maps")
    if not isinstance(maps, dict):
        return
    for name, pairs in maps.items():
        is_file = isinstance(pairs, dict) and set(pairs) == {"file"}
        if is_file and str(pairs["file"]).endswith(".csv"):
            maps[name] = _read_map(folder / pairs["file"], f"{where}, maps.{name}")


def _read_map(path: Path, where: str) -> dict[str, str]:
    """Read a value map: a CSV with a header and two columns."""
    try:
        content = path.read_bytes()
        if len(content) > _MAP_BYTES_MAX:
            raise ConfigurationWrong(what="a value map is too large", where=where)
        rows = list(csv.reader(content.decode("utf-8-sig").splitlines(), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationWrong(
            what="a value map cannot be read", where=where, found=type(error).__name__
        ) from None
    pairs: dict[str, str] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != 2 or row[0] in pairs:
            raise ConfigurationWrong(
                what="a value map is wrong",
                where=f"{where}, line {number}",
                found=f"{len(row)} fields" if len(row) != 2 else "a text that occurred before",
                expected="two columns, each first one once",
            )
        pairs[row[0]] = row[1]
    return pairs


def load_layouts(
    asked: Sequence[str],
    bundled: Path,
    parameters: Mapping[str, object],
    forms: Mapping[str, SourceForm],
) -> tuple[CompiledLayout, ...]:
    """Load layouts that are used together.

    parameters  values by name, `[input.parameters]`
    forms       what is written otherwise, by source, `[input.sources]`

    Raises ConfigurationWrong with everything that is wrong: also names that no layout declares.
    """
    layouts = tuple(load_layout(one, bundled, parameters, forms) for one in asked)
    declared = {name for layout in layouts for name in layout.layout.parameters}
    sources = {name for layout in layouts for name in layout.sources}
    for what, given, known in (
        ("parameter", parameters, declared),
        ("source", forms, sources),
    ):
        for name in given:
            if name not in known:
                near = nearest_name(name, known)
                raise ConfigurationWrong(
                    what=f"no layout in use has the {what} {name}",
                    where=f"configuration, input.{what}s",
                    expected=f"one of {', '.join(sorted(known))}" if known else "none",
                    cure=f"did you mean {near}?" if near else "take it out",
                )
    filled: dict[str, str] = {}
    for layout in layouts:
        for table in layout.layout.tables:
            twin = filled.setdefault(table, layout.origin)
            if twin != layout.origin:
                raise ConfigurationWrong(
                    what=f"two layouts fill the table {table}",
                    where=f"layout {twin} and layout {layout.origin}",
                    cure="use one of them, or a layout of your own that extends it",
                )
    return layouts


def read_layout(asked: str, bundled: Path) -> Layout:
    """Give a layout with its keys checked, its expressions not read yet."""
    return _checked(read_tree(asked, bundled), asked)


def load_layout(
    asked: str,
    bundled: Path,
    parameters: Mapping[str, object] | None = None,
    forms: Mapping[str, SourceForm] | None = None,
) -> CompiledLayout:
    """Load one layout; parameters and forms that it does not declare are not looked at.

    Raises ConfigurationWrong with everything that is wrong in it.
    """
    tree = read_tree(asked, bundled)
    digest = hashlib.sha256(
        json.dumps(tree, sort_keys=True, ensure_ascii=False, default=str).encode()
    ).hexdigest()
    sources = tree.get("sources")
    for name, form in (forms or {}).items():
        if isinstance(sources, dict) and isinstance(sources.get(name), dict):
            said = form.model_dump(mode="json", exclude_none=True, exclude_unset=True)
            sources[name] = {**sources[name], **said}
    return LayoutCompiler(_checked(tree, asked), asked, parameters or {}).compiled(digest)


def _checked(tree: dict[str, Any], asked: str) -> Layout:
    """Check the keys of a layout; ConfigurationWrong with everything that is wrong."""
    try:
        return Layout.model_validate(tree)
    except ValidationError as error:
        where = f"layout {asked}"
        problems = [problem_of(details, where) for details in error.errors(include_url=False)]
        raise ConfigurationWrong.collected(problems) from None
