"""Allocations out of lettering: groups of rows that clear one another, matched oldest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from encours.kernels.clearing import match_clearings
from encours.ledger.buffers import as_text
from encours.ledger.checking import FAULT_COLUMN
from encours.ledger.decode import TextIndex
from encours.ledger.layouts.mapped import ROW_COLUMN, UNIT_COLUMN
from encours.ledger.layouts.spill import Spill, key_of, partition_of
from encours.ledger.layouts.values import NO_DAY, Array, Value, arrow_of, first_fault
from encours_schemas.layouts.expressions import AMOUNT, DATE

if TYPE_CHECKING:
    from encours.ledger.layouts.evaluation import Evaluator
    from encours_schemas.layouts.compiled import CompiledClearing

COLUMNS = ("item_id", "value_date", "posting_date", "currency", "amount", "kind", "clearing_id")


def gathered(
    at: Evaluator, clearing: CompiledClearing, rows: Array | None, unit_number: int
) -> tuple[pa.Table, int]:
    """Give the rows of one unit that belong to a group, and how many could not be read.

    A row at fault is left out: its own rule puts it in the quarantine, and the group does not add
    up.
    """
    group, item_id = at.value(clearing.group), at.value(clearing.item_id)
    amount, currency = at.value(clearing.amount), at.value(clearing.currency)
    day = at.value(clearing.date)
    cleared = None if clearing.cleared_on is None else at.value(clearing.cleared_on)
    kind = None if clearing.kind is None else at.value(clearing.kind)
    parts = [
        one for one in (group, item_id, amount, currency, day, cleared, kind) if one is not None
    ]
    fault = first_fault(*(one.fault for one in parts))
    grouped = ~group.is_missing()
    bad = np.zeros(at.rows, bool) if fault is None else (fault != 0) & grouped
    incomplete = grouped & (
        item_id.is_missing() | amount.is_missing() | currency.is_missing() | day.is_missing()
    )
    keep = np.flatnonzero(grouped & ~bad & ~incomplete)
    source_rows = np.arange(at.rows) if rows is None else rows
    table = pa.table(
        {
            "group": key_of([group.data, currency.data]),
            "clearing_id": group.data,
            "item_id": item_id.data,
            "currency": currency.data,
            "amount": pa.array(amount.data, pa.int64()),
            "day": pa.array(day.data, pa.int32()),
            "cleared": pa.array(_days_or_none(cleared, at.rows), pa.int32()),
            "kind": pa.nulls(at.rows, pa.string()) if kind is None else _texts(kind),
            ROW_COLUMN: pa.array(source_rows.astype(np.int32)),
            UNIT_COLUMN: pa.array(np.full(at.rows, unit_number, np.int32)),
        }
    ).take(pa.array(keep))
    return table, int((bad | incomplete).sum())


def _texts(value: Value) -> pa.Array:
    return value.data.cast(pa.string())


def _days_or_none(value: Value | None, count: int) -> Array:
    if value is None or value.data.dtype != np.int32:
        return np.full(count, NO_DAY, np.int32)
    return np.where(value.is_missing(), NO_DAY, value.data).astype(np.int32)


class Clearings:
    """Gathers rows unit by unit, then clears the groups partition by partition."""

    def __init__(self, clearing: CompiledClearing, spill: Spill) -> None:
        """Take where rows wait."""
        self._clearing, self._spill = clearing, spill

    def add(self, table: pa.Table) -> None:
        """Add the rows of one unit."""
        keys = table.column("group").combine_chunks()
        one = keys.chunk(0) if isinstance(keys, pa.ChunkedArray) and keys.num_chunks else keys
        if table.num_rows:
            self._spill.append(table, partition_of(one, self._spill.count))

    def tables(self) -> Iterator[tuple[pa.Table, int]]:
        """Give the allocations and how many groups have a rest, partition by partition."""
        for number in range(self._spill.count):
            table = self._spill.read(number)
            if table is not None:
                yield allocations_of(table, self._clearing.rest)
        self._spill.require_all_read()


def allocations_of(table: pa.Table, rest: str) -> tuple[pa.Table, int]:
    """Clear the groups of some rows; give the allocations and how many groups have a rest.

    Within a group, the oldest debit meets the oldest credit. Each piece allocates to both: its
    value date is the day of the credit for the debit, of the later of both for the credit; its
    posting date is when the group was cleared, never before its last row.
    """
    keys = as_text(table.column("group").chunk(0))
    first = TextIndex(table.column("group").chunk(0)).find(keys, table.num_rows).astype(np.int64)
    day = table.column("day").to_numpy()
    order = np.lexsort((np.arange(len(first)), day, first))
    table, group, day = table.take(pa.array(order)), first[order], day[order]
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    sizes = np.diff(np.r_[starts, len(group)])
    cleared = table.column("cleared").to_numpy()
    posted = np.maximum(
        np.maximum.reduceat(cleared, starts), np.maximum.reduceat(day, starts)
    ).repeat(sizes)
    amount = np.ascontiguousarray(table.column("amount").to_numpy(), np.int64)
    debit, credit, piece = (np.empty(len(group), np.int64) for _ in range(3))
    left = np.empty(len(group), np.int64)
    count = match_clearings(np.ascontiguousarray(group), amount, debit, credit, piece, left)
    debit, credit, piece = debit[:count], credit[:count], piece[:count]
    unbalanced = int((np.maximum.reduceat(np.abs(left), starts) > 0).sum())
    has_pair = np.zeros(len(group), bool)
    has_pair[debit] = has_pair[credit] = True
    own = np.flatnonzero(left != 0) if rest == "cleared" else np.empty(0, np.int64)
    item = np.concatenate([debit, credit, own])
    giver = np.concatenate([credit, debit, own])
    value_day = np.concatenate([day[credit], np.maximum(day[debit], day[credit]), posted[own]])
    signed = np.concatenate([piece, -piece, left[own]])
    # In the order of the rows that the allocations belong to, as every table is.
    place = np.lexsort(
        (
            np.arange(len(item)),
            table.column(ROW_COLUMN).to_numpy()[item],
            table.column(UNIT_COLUMN).to_numpy()[item],
        )
    )
    item, giver = item[place], giver[place]
    made = pa.table(
        {
            "item_id": table.column("item_id").take(pa.array(item)),
            "value_date": arrow_of(DATE, value_day[place].astype(np.int32), None),
            "posting_date": arrow_of(DATE, posted[item].astype(np.int32), None),
            "currency": table.column("currency").take(pa.array(item)),
            "amount": arrow_of(AMOUNT, signed[place], None),
            "kind": table.column("kind").take(pa.array(giver)),
            "clearing_id": table.column("clearing_id").take(pa.array(item)),
            ROW_COLUMN: table.column(ROW_COLUMN).take(pa.array(item)),
            FAULT_COLUMN: pa.nulls(len(item), pa.string()),
            UNIT_COLUMN: table.column(UNIT_COLUMN).take(pa.array(item)),
        }
    )
    return made, unbalanced
