"""Changing single values of finished tables."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from encours_jobs.synthetic.defect_recipes import Value, Variant


class Edits:
    """New values for single cells of one table, applied together."""

    def __init__(self) -> None:
        """Begin without any."""
        self._cells: dict[str, dict[int, Value]] = defaultdict(dict)

    def change(self, row: int, variant: Variant) -> None:
        """Give a row new values; a later change of the same cell wins."""
        for column, value in variant.items():
            self._cells[column][row] = value

    def applied(self, table: pa.Table) -> pa.Table:
        """Give the table with the new values."""
        for column, cells in self._cells.items():
            place = table.schema.get_field_index(column)
            spoiled = _replaced(table.column(place).combine_chunks(), cells)
            table = table.set_column(place, column, spoiled)
        return table


def _replaced(array: pa.Array, cells: dict[int, Value]) -> pa.Array:
    """Give the column with some values replaced, in the same type."""
    is_coded = pa.types.is_dictionary(array.type)
    plain = array.cast(array.type.value_type) if is_coded else array
    rows = sorted(cells)
    mask = np.zeros(len(plain), dtype=np.bool_)
    mask[rows] = True
    values = [cells[row] for row in rows]
    if pa.types.is_string(plain.type):
        values = [_as_text(value) for value in values]
    changed = pc.replace_with_mask(plain, pa.array(mask), pa.array(values, type=plain.type))
    return changed.dictionary_encode() if is_coded else changed


def _as_text(value: Value) -> str | None:
    """Give a value as the canonical dialect of a CSV file shows it."""
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value).lower()
