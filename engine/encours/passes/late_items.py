"""The oldest net late item of every account: items parked by line, then settled shard by shard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pyarrow as pa

from encours.breaches.overdue_rules import release_days
from encours.calc.hit_sums import order_by
from encours.calc.item_watch import LATE_RECORD
from encours.calc.lines import LINE_SUMS, line_of_key
from encours.kernels.late import LATE_BUCKETS, LineItems, find_oldest_late, mark_ties
from encours.ledger.table_spill import TableSpill
from encours.passes.spill import Spill
from encours.passes.workers import run_in_order

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from encours.calc.context import RunContext
    from encours.calc.item_watch import LateRows
    from encours.calc.sums import KeyedSums

Array = np.ndarray[Any, np.dtype[Any]]

_ROWS_PER_SHARD = 1 << 19
"""Rows of `open_items` for one shard more: a table of few rows is not cut into many pieces."""
_UNDECIDED_ROWS = 1 << 21
"""Items of lines whose order hangs on their ids that wait in memory, at most a shard more."""
_ID_SCHEMA = pa.schema([("item_id", pa.string())])


class OldestOfAccounts(NamedTuple):
    """The oldest net late item of k accounts, by place (segment x accounts + account).

    to_pay_rc  int64[k]  least payment after which no item keeps a hold for its age
    """

    place: Array
    due_day: Array
    item_id: pa.Array
    to_pay_rc: Array


class _Lines(NamedTuple):
    """Late items of some lines, in the order in which credits take them.

    items      `LineItems` of m items
    ordinal    int64[m]
    is_tied    bool[m]   the order among the items of the line's day matters, and is open
    credit_rc  int64[l]  of each line, in their order
    """

    items: LineItems
    ordinal: Array
    is_tied: Array
    credit_rc: Array

    @classmethod
    def joined(cls, parts: Sequence[_Lines]) -> Self:
        """Put lines one behind the other."""
        items = zip(*(part.items for part in parts), strict=True)
        others = zip(*(part[1:] for part in parts), strict=True)
        return cls(LineItems(*map(np.concatenate, items)), *map(np.concatenate, others))


class _Oldest(NamedTuple):
    """The oldest net late item of k lines: int64[k] each, and what `OldestOfAccounts` says."""

    line: Array
    due_day: Array
    ordinal: Array
    to_pay_rc: Array


class LateItems:
    """Late items of one run, on disk until all of them are known; one use.

    Ids lie apart, in the order of the table: few decide or are shown, and texts are slow to move.
    """

    def __init__(self, scratch: Path, context: RunContext, row_count: int, release: int) -> None:
        """Open the spill files in `scratch`.

        row_count  of the table of items
        release    an item of so many days past due keeps a hold
        """
        self._shards = min(1 + row_count // _ROWS_PER_SHARD, LATE_BUCKETS)
        self._records = Spill(scratch / "late_items", LATE_RECORD, self._shards)
        self._ids = TableSpill(scratch / "late_item_ids", _ID_SCHEMA)
        self._context = context
        settings = context.configuration.rules.overdue_age
        self._materiality = int(settings.materiality * 1000)
        self._release_day = context.as_of_day - release

    def add(self, late: LateRows) -> None:
        """Park the late ones of some consecutive items; any thread may call this."""
        shard = late.bucket * np.int32(self._shards) // np.int32(LATE_BUCKETS)
        self._records.append(late.first_ordinal, late.records, shard)
        self._ids.append(0, late.first_ordinal, pa.record_batch([late.item_id], schema=_ID_SCHEMA))

    def settle(self, lines: KeyedSums, threads: int) -> OldestOfAccounts:
        """Set every line's credits against its oldest items, and keep the oldest that is left."""
        order = np.argsort(lines.keys)
        keys = lines.keys[order]
        credits_rc = -lines.sums[order, LINE_SUMS.index("unapplied_credits")]

        def settle_shard(shard: int) -> tuple[_Oldest, _Lines]:
            return self._settle_shard(shard, keys, credits_rc)

        found: list[_Oldest] = []
        undecided: list[_Lines] = []
        for oldest, open_lines in run_in_order(settle_shard, range(self._shards), threads):
            found.append(oldest)
            undecided.append(open_lines)
            if sum(len(part.ordinal) for part in undecided) > _UNDECIDED_ROWS:
                found.append(self._settle_ties(_Lines.joined(undecided)))
                undecided.clear()
        if undecided:
            found.append(self._settle_ties(_Lines.joined(undecided)))
        joined = _Oldest(*(np.concatenate(column) for column in zip(*found, strict=True)))
        item_id = self._ids_of(joined.ordinal)
        self._records.close()
        self._ids.close()
        places = self._places(joined.line)
        return _oldest(OldestOfAccounts(places, joined.due_day, item_id, joined.to_pay_rc))

    def _settle_shard(self, shard: int, keys: Array, credits_rc: Array) -> tuple[_Oldest, _Lines]:
        """Settle the lines of one shard; those in which ids decide are left for later.

        keys, credits_rc  int64[l]  all lines, sorted, and their credits
        """
        late = self._records.read(shard)
        columns = LineItems(*(np.ascontiguousarray(late[name]) for name in LineItems._fields))
        order = order_by((columns.line, columns.due_day))
        items = LineItems(*(column.take(order) for column in columns))
        ordinal = late["ordinal"].take(order)
        starts = _starts(items.line)
        credit = credits_rc[np.searchsorted(keys, items.line[starts])]
        marked = np.empty(len(order), np.uint8)
        mark_ties(items, credit, self._materiality, self._release_day, marked)
        is_open = np.zeros(len(starts), bool)
        is_open[np.searchsorted(starts, np.flatnonzero(marked), side="right") - 1] = True
        kept = np.repeat(is_open, np.diff(np.append(starts, len(order))))
        waiting = _Lines(
            LineItems(*(column[kept] for column in items)),
            ordinal[kept],
            marked[kept].astype(bool),
            credit[is_open],
        )
        return self._settled(_Lines(items, ordinal, kept, credit), ~is_open), waiting

    def _settle_ties(self, lines: _Lines) -> _Oldest:
        """Settle lines in which the order of ids decides."""
        tied = np.flatnonzero(lines.is_tied)
        items = lines.items
        place = np.searchsorted(_starts(items.line), tied, side="right")
        ids = self._ids_of(lines.ordinal[tied])
        by_id = tied[order_by((place, items.due_day[tied]), ids)]
        for column in (items.open_rc, items.uncounted_rc, lines.ordinal):
            column[tied] = column[by_id]
        return self._settled(lines, np.ones(len(lines.credit_rc), bool))

    def _settled(self, lines: _Lines, is_final: Array) -> _Oldest:
        """Give the oldest net item of the lines of `is_final` (bool[l]) that have one."""
        oldest, to_pay = (np.empty(len(lines.credit_rc), np.int64) for _ in range(2))
        find_oldest_late(
            lines.items,
            lines.credit_rc,
            self._materiality,
            self._context.reporting.minor_unit_milli,
            self._release_day,
            oldest,
            to_pay,
        )
        counts = np.flatnonzero((oldest >= 0) & is_final)
        row = oldest[counts]
        items = lines.items
        return _Oldest(items.line[row], items.due_day[row], lines.ordinal[row], to_pay[counts])

    def _ids_of(self, ordinal: Array) -> pa.Array:
        """Give the ids of some items by their ordinals: string[k] of int64[k]."""
        order = np.argsort(ordinal)
        ordered = ordinal[order]
        firsts = self._ids.parts()
        bounds = [*np.searchsorted(ordered, firsts).tolist(), len(ordered)]
        found = [pa.array([], pa.string())]
        for first, low, high in zip(firsts, bounds[:-1], bounds[1:], strict=True):
            if low < high:
                ids = self._ids.read(first).column("item_id").combine_chunks()
                found.append(ids.take(pa.array(ordered[low:high] - first)))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return pa.concat_arrays(found).take(pa.array(place))

    def _places(self, line: Array) -> Array:
        """Give the account of each line: int64[k]."""
        customers, companies = self._context.master.customers, self._context.master.companies
        keys = line_of_key(line, len(companies.codes))
        place: Array = companies.segment_code[keys.company_code].astype(np.int64)
        return place * len(customers.account_ids) + customers.account_code[keys.customer_code]


def _starts(ordered: Array) -> Array:
    """Give where each run of equal values begins: int64[r]."""
    is_first = np.ones(len(ordered), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return np.flatnonzero(is_first)


def open_late_items(scratch: Path, context: RunContext, row_count: int) -> LateItems | None:
    """Prepare for the late items of a run; None where the rule about their age is off.

    row_count  of the table of items
    """
    settings = context.configuration.rules.overdue_age
    if not settings.enabled:
        return None
    return LateItems(scratch, context, row_count, release_days(settings))


def _oldest(lines: OldestOfAccounts) -> OldestOfAccounts:
    """Keep the oldest item of each account over its lines, and add up what must be paid."""
    order = order_by((lines.place, lines.due_day), lines.item_id)
    place = lines.place[order]
    starts = _starts(place)
    first = order[starts]
    to_pay = lines.to_pay_rc[order]
    return OldestOfAccounts(
        lines.place[first],
        lines.due_day[first],
        lines.item_id.take(pa.array(first)),
        np.add.reduceat(to_pay, starts) if len(starts) else to_pay,
    )
