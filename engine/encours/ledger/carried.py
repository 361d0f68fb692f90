"""Columns that the contract does not know and that pass unchanged (configuration `carry`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from encours_schemas import INPUT_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from encours.ledger.sources import TableSource, Unit


def carried_schema(source: TableSource, carry: Iterable[str]) -> pa.Schema:
    """Give the carried columns of a table: of one type in all its files, else text."""
    fields = []
    for name in carry:
        if name not in source.columns or name in INPUT_TABLES[source.name].names:
            continue
        kinds = {_type_in(unit, name) for unit in source.units} - {pa.null()}
        fields.append(pa.field(name, kinds.pop() if len(kinds) == 1 else pa.string()))
    return pa.schema(fields)


def _type_in(unit: Unit, name: str) -> pa.DataType:
    """Give the type of a column in a unit's file: null without one; text of any layout is text."""
    kind = unit.source.types.get(name)
    if kind is None:
        return pa.string() if name in unit.file.partition else pa.null()
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    is_text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return pa.string() if is_text else kind


def with_carried(data: pa.Table, carried: pa.Schema) -> pa.Table:
    """Bring the carried columns of a unit to their types, null where its file lacks one."""
    for field in carried:
        position = data.schema.get_field_index(field.name)
        if position < 0:
            data = data.append_column(field, pa.nulls(data.num_rows, field.type))
        elif data.schema.field(position).type != field.type:
            data = data.set_column(position, field, data.column(position).cast(field.type))
    return data
