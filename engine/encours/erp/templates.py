"""Files for ERPs from templates: which columns, and how each is written, is data (TOML)."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.erp import text
from encours.erp.hold_files import field_texts
from encours_schemas.errors import ConfigurationWrong, InputRefused
from encours_schemas.names import nearest_name
from encours_schemas.shapes import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from encours.erp.hold_files import FileHead
    from encours_schemas.configuration import AdapterColumn, AdapterTemplate, Erp

Array = np.ndarray[Any, np.dtype[Any]]

_AMOUNTS = ("exposure", "credit_limit", "cure_amount")


def bundled_names() -> tuple[str, ...]:
    """Name the adapters that come with the engine."""
    folder = resources.files("encours.erp") / "templates"
    found = (path.name for path in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def load_bundled(name: str) -> AdapterTemplate:
    """Read a bundled adapter."""
    from encours_schemas.configuration import AdapterTemplate

    folder = resources.files("encours.erp") / "templates"
    return AdapterTemplate.model_validate(
        tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    )


def chosen_adapters(settings: Erp) -> dict[str, AdapterTemplate]:
    """Give the adapters whose files a run writes, by file name.

    Raises ConfigurationWrong (78) for a name that is neither bundled nor configured, and for two
    adapters that write the same file.
    """
    known = {*settings.adapters, *bundled_names()}
    found: dict[str, AdapterTemplate] = {}
    for name in settings.files:
        if name not in known:
            near = nearest_name(name, sorted(known))
            raise ConfigurationWrong(
                what="unknown adapter",
                where="encours.toml, key erp.files",
                found=name,
                expected=f"one of {', '.join(sorted(known))}",
                cure=f"did you mean {near}?" if near else "",
            )
        own = settings.adapters.get(name)
        template = own if own is not None else load_bundled(name)
        file = template.file or f"{name}.csv"
        if file in found:
            raise ConfigurationWrong(
                what="two adapters write the same file",
                where="encours.toml, key erp.files",
                found=file,
                cure="give one of them another `file`",
            )
        found[file] = template
    return found


def lines_of(template: AdapterTemplate, holds: pa.Table, changes: pa.Table) -> pa.Table:
    """Give the lines that a file shows."""
    if template.content == "holds":
        return holds
    if not template.actions:
        return changes
    wanted = pa.array(template.actions, pa.string())
    return changes.filter(pc.is_in(changes.column("action"), value_set=wanted))


def render(
    file: str, template: AdapterTemplate, lines: pa.Table, head: FileHead
) -> Iterator[bytes]:
    """Write a file by its template, piece by piece.

    Raises InputRefused (65) for a value that the template cannot write: a hold that the ERP would
    not get must not be lost without a word.
    """
    names = [column.name for column in template.columns]
    if template.format == "csv" and template.header:
        yield text.csv_lines(
            [pa.array([name]) for name in names],
            template.separator,
            template.line_end,
            quote_all=template.quoting == "all",
        )
    for piece in text.chunks(lines):
        fields = field_texts(piece, head)
        values = [_column_texts(column, piece, fields, head, file) for column in template.columns]
        if template.format == "json_lines":
            shown = [
                _json_values(column, each)
                for column, each in zip(template.columns, values, strict=True)
            ]
            yield text.json_lines(names, shown, template.line_end)
            continue
        if template.quoting == "none":
            for column, each in zip(template.columns, values, strict=True):
                _refuse(text.needs_quotes(each, template.separator), each, column, file, _UNQUOTED)
        yield text.csv_lines(
            [
                pc.fill_null(each, column.empty)
                for column, each in zip(template.columns, values, strict=True)
            ],
            template.separator,
            template.line_end,
            quote_all=template.quoting == "all",
        )


def _column_texts(
    column: AdapterColumn,
    lines: Mapping[str, pa.Array],
    fields: Mapping[str, Callable[[], pa.Array]],
    head: FileHead,
    file: str,
) -> pa.Array:
    """Write one column, step by step as `AdapterColumn` lists them; null: no value."""
    count = len(lines["customer_id"])
    if column.value is None:
        return text.constant_text(column.constant or "", count)
    if column.value == "as_of":
        texts = text.constant_text(head.as_of.strftime(column.date_format), count)
    elif column.value in _AMOUNTS:
        texts = text.amount_text(lines[column.value], column.decimals, column.decimal_mark)
    else:
        texts = fields[column.value]()
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    texts = _mapped(column, texts, file)
    if column.zero_pad:
        digits = pc.fill_null(pc.match_substring_regex(texts, r"^[0-9]+$"), False)
        texts = pc.if_else(digits, pc.utf8_lpad(texts, column.zero_pad, "0"), texts)
    if column.prefix or column.suffix:
        texts = pc.binary_join_element_wise(column.prefix, texts, column.suffix, "")
    if column.longest:
        too_long = pc.fill_null(pc.greater(pc.utf8_length(texts), column.longest), False)
        expected = f"at most {column.longest} characters"
        _refuse(too_long.to_numpy(zero_copy_only=False), texts, column, file, expected)
    return texts


def _mapped(column: AdapterColumn, texts: pa.Array, file: str) -> pa.Array:
    """Write other texts in the place of those that the column maps."""
    if not column.map:
        return texts
    place = pc.index_in(texts, value_set=pa.array(list(column.map), pa.string()))
    unknown = pc.and_(pc.is_null(place), pc.is_valid(texts)).to_numpy(zero_copy_only=False)
    if column.unmapped == "refuse":
        _refuse(unknown, texts, column, file, "one of the texts in `map`")
    replaced = pa.array(list(column.map.values()), pa.string()).take(place)
    return pc.if_else(pa.array(unknown), texts, replaced)


def _json_values(column: AdapterColumn, texts: pa.Array) -> pa.Array:
    """Write texts as JSON values; null where there is none and nothing stands in its place."""
    if column.json_type == "boolean":
        is_true = pc.is_in(texts, value_set=pa.array(["Y", "true"]))
        flags = pa.array(["false", "true"]).take(is_true.cast(pa.int8()))
        return pc.if_else(pc.is_valid(texts), flags, pa.scalar(None, pa.string()))
    if column.json_type == "number":
        return texts
    return text.json_text(pc.fill_null(texts, column.empty) if column.empty else texts)


_UNQUOTED = "no separator, quote or line end, because the file has no quotes"


def _refuse(bad: Array, texts: pa.Array, column: AdapterColumn, file: str, expected: str) -> None:
    """Raise for the first text that cannot be written."""
    rows = np.flatnonzero(bad)
    if len(rows):
        raise InputRefused(
            what=f"{len(rows)} values cannot be written into a file for the ERP",
            where=f"erp/{file}, column {column.name}, field {column.value}",
            found=shape_of(texts[int(rows[0])].as_py() or ""),
            expected=expected,
            cure="correct the ledger or the adapter's column in [erp.adapters]",
        )
