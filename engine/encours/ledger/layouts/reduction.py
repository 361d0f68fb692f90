"""`distinct` and `sum`: one row per key out of many, in the order of the source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from encours.ledger.buffers import as_text, fixed_values
from encours.ledger.checking import FAULT_COLUMN
from encours.ledger.decode import TextIndex
from encours.ledger.layouts.joins import exact_sums
from encours.ledger.layouts.mapped import ROW_COLUMN, UNIT_COLUMN
from encours.ledger.layouts.spill import Spill, key_of, partition_of
from encours.ledger.layouts.values import ARROW_TYPES, Array, Cause, arrow_of
from encours_schemas.layouts.expressions import AMOUNT
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours.ledger.layouts.rules import Made
    from encours_schemas.layouts.models import Rule

_KEY = "__key"


def located(made: Made, unit_number: int) -> pa.Table:
    """Give rows with the unit and row that they come from, and a fault column, always."""
    table = made.table()
    if made.rows is None:
        table = table.append_column(ROW_COLUMN, pa.array(np.arange(made.count, dtype=np.int32)))
    if made.fault is None:
        table = table.append_column(FAULT_COLUMN, pa.nulls(made.count, pa.string()))
    for place, field in enumerate(table.schema):
        if pa.types.is_null(field.type):
            table = table.set_column(place, field.name, pa.nulls(made.count, pa.string()))
    numbers = pa.array(np.full(made.count, unit_number, np.int32))
    own = [ROW_COLUMN, FAULT_COLUMN]
    names = [*(name for name in table.column_names if name not in own), *own]
    return table.select(names).append_column(UNIT_COLUMN, numbers)


def reduce_rows(table: pa.Table, rule: Rule) -> pa.Table:
    """Keep one row per key: the first or the last, with the sums of all."""
    keys = table.column(_KEY).combine_chunks() if _KEY in table.column_names else _keys(table, rule)
    if isinstance(keys, pa.ChunkedArray):
        keys = keys.chunk(0) if keys.num_chunks == 1 else pa.concat_arrays(keys.chunks)
    index = TextIndex(keys)
    group = index.find(as_text(keys), len(keys))
    if rule.keep == "first":
        chosen = np.flatnonzero(group == np.arange(len(group)))
    else:
        latest = np.full(len(group), -1, np.int64)
        latest[group] = np.arange(len(group))
        chosen = np.sort(latest[latest >= 0])
    reduced = table.take(pa.array(chosen))
    for name in rule.sum:
        reduced = _with_sum(reduced, table, name, group, chosen)
    return reduced


def _keys(table: pa.Table, rule: Rule) -> pa.Array:
    return key_of([table.column(name).combine_chunks() for name in rule.distinct])


def _with_sum(
    reduced: pa.Table, table: pa.Table, name: str, group: Array, chosen: Array
) -> pa.Table:
    """Put the sum over each group in the place of its row's value."""
    place = table.schema.get_field_index(name)
    kind = table.schema.field(place).type
    column = table.column(place).combine_chunks()
    array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    values = np.where(
        array.is_null().to_numpy(zero_copy_only=False), 0, fixed_values(array, np.int64)
    )
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sums, beyond = exact_sums(values[order], starts)
    at = np.searchsorted(ordered[starts], group[chosen])
    if kind == ARROW_TYPES[AMOUNT]:
        summed = arrow_of(AMOUNT, sums[at], beyond[at] if beyond.any() else None)
    else:
        summed = pa.array(sums[at], kind)
    reduced = reduced.set_column(place, name, summed)
    faults = _group_faults(table, order, starts, beyond, name)
    if faults is None:
        return reduced
    return reduced.set_column(
        reduced.schema.get_field_index(FAULT_COLUMN), FAULT_COLUMN, faults.take(pa.array(at))
    )


def _group_faults(
    table: pa.Table, order: Array, starts: Array, beyond: Array, name: str
) -> pa.Array | None:
    """Give each group the first fault of its rows: a sum with a hole is no sum."""
    column = table.column(FAULT_COLUMN)
    if column.null_count == len(column) and not beyond.any():
        return None
    faults = column.combine_chunks()
    whole = faults.chunk(0) if isinstance(faults, pa.ChunkedArray) else faults
    is_bad = whole.is_valid().to_numpy(zero_copy_only=False)[order]
    places = np.where(is_bad, np.arange(len(order)), len(order))
    first = np.minimum.reduceat(places, starts)
    texts: list[str | None] = [
        whole[int(order[place])].as_py() if place < len(order) else None for place in first.tolist()
    ]
    told = Cause("", Reason.TOO_LARGE, "a sum of at most 15 digits").as_json(name)
    texts = [told if high else text for text, high in zip(texts, beyond.tolist(), strict=True)]
    return pa.array(texts, pa.string())


class Reduction:
    """Gathers the rows of a rule unit by unit, then reduces them partition by partition."""

    def __init__(self, rule: Rule, spill: Spill) -> None:
        """Take where rows wait."""
        self._rule, self._spill = rule, spill

    def add(self, table: pa.Table) -> None:
        """Add the located rows of one unit, reduced already among themselves."""
        keys = _keys(table, self._rule)
        self._spill.append(table.append_column(_KEY, keys), partition_of(keys, self._spill.count))

    def tables(self) -> Iterator[pa.Table]:
        """Give the reduced rows, partition by partition."""
        for number in range(self._spill.count):
            table = self._spill.read(number)
            if table is not None:
                yield reduce_rows(table, self._rule).drop_columns([_KEY])
        self._spill.require_all_read()
