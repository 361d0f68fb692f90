"""The oldest net late item of every account: items parked by line, then settled shard by shard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from encours.breaches.item_facts import LinePayments
from encours.breaches.overdue_rules import release_days
from encours.calc.cover_of_items import NOT_INSURED, STOPS_COVER
from encours.calc.hit_sums import order_by
from encours.calc.item_watch import LATE_SCHEMA
from encours.calc.lines import LINE_SUMS, line_of_key
from encours.kernels.late import find_oldest_late, mark_ties
from encours.passes.batch_spill import BatchSpill
from encours.passes.workers import run_in_order

if TYPE_CHECKING:
    from pathlib import Path

    from encours.calc.context import RunContext
    from encours.calc.sums import KeyedSums

Array = np.ndarray[Any, np.dtype[Any]]

MOST_SHARDS = 64
_ROWS_PER_SHARD = 1 << 19
"""Rows of `open_items` for one shard more: a table of few rows is not cut into many pieces."""
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class OldestOfAccounts(NamedTuple):
    """The oldest net late item of k accounts, by place (segment x accounts + account)."""

    place: Array
    due_day: Array
    item_id: pa.Array


class SettledLate(NamedTuple):
    """What the late items of a run come to; rows of payments are places as of `oldest`."""

    oldest: OldestOfAccounts
    payments: LinePayments


class LateItems:
    """Late items of one run, on disk until all of them are known; one use."""

    def __init__(self, scratch: Path, context: RunContext, row_count: int, release: int) -> None:
        """Open the spill file in `scratch`.

        row_count  of the table of items
        release    an item of so many days past due keeps a hold
        """
        self._shards = min(1 + row_count // _ROWS_PER_SHARD, MOST_SHARDS)
        self._spill = BatchSpill(scratch / "late_items", LATE_SCHEMA)
        self._context = context
        self._release_day = context.as_of_day - release
        self._materiality = int(context.configuration.rules.overdue_age.materiality * 1000)

    def add(self, unit_number: int, late: pa.Table) -> None:
        """Park the late items of a unit; any thread may call this."""
        if not late.num_rows:
            return
        late = late.combine_chunks()
        line = late.column("line").to_numpy().astype(np.uint64)
        # In a byte, for NumPy sorts those by counting.
        shard = (((line * _MULTIPLIER) >> np.uint64(32)) % np.uint64(self._shards)).astype(np.uint8)
        order = np.argsort(shard, kind="stable")
        ordered = late.take(pa.array(order))
        counts = np.bincount(shard, minlength=self._shards)
        ends = np.cumsum(counts)
        for part in np.flatnonzero(counts).tolist():
            piece = ordered.slice(ends[part] - counts[part], counts[part])
            self._spill.append(unit_number, part, piece)

    def settle(self, lines: KeyedSums, threads: int) -> SettledLate:
        """Set every line's credits against its oldest items, and keep the oldest that is left."""
        order = np.argsort(lines.keys)
        keys = lines.keys[order]
        credits_rc = -lines.sums[order, LINE_SUMS.index("unapplied_credits")]

        def settle_shard(shard: int) -> SettledLate:
            return self._settle_shard(shard, keys, credits_rc)

        found = list(run_in_order(settle_shard, range(self._shards), threads))
        self._spill.close()
        oldest = [one.oldest for one in found]
        return SettledLate(
            _oldest(
                OldestOfAccounts(
                    np.concatenate([one.place for one in oldest]),
                    np.concatenate([one.due_day for one in oldest]),
                    pa.concat_arrays([one.item_id for one in oldest]),
                )
            ),
            LinePayments(*map(np.concatenate, zip(*(one.payments for one in found), strict=True))),
        )

    def _settle_shard(self, shard: int, keys: Array, credits_rc: Array) -> SettledLate:
        """Settle the lines of one shard.

        keys, credits_rc  int64[l]  all lines, sorted, and their credits
        """
        late = self._spill.read(shard)
        line, due = late.column("line").to_numpy(), late.column("due_day").to_numpy()
        ids = late.column("item_id").combine_chunks()
        order = order_by((line, due))
        ordered = line[order]
        is_first = np.ones(len(ordered), bool)
        is_first[1:] = ordered[1:] != ordered[:-1]
        distinct = ordered[is_first]
        standing = late.column("standing").to_numpy()
        stops = standing == STOPS_COVER
        columns = (
            due,
            late.column("open_rc").to_numpy(),
            late.column("uncounted_rc").to_numpy(),
            standing != NOT_INSURED,
        )
        items = np.empty((len(order), 5), np.int64)
        items[:, 0] = np.cumsum(is_first) - 1
        for place, column in enumerate(columns, 1):
            items[:, place] = column[order]
        credit = credits_rc[np.searchsorted(keys, distinct)]
        marked = self._ties(items, credit)
        if stops.any():
            marked |= self._ties(_without(items, stops[order]), credit)
        # Texts are slow to compare: only where the order within a line's day decides.
        tied = np.flatnonzero(marked)
        rows = order[tied]
        again = rows[order_by((line[rows], due[rows]), ids.take(pa.array(rows)))]
        order[tied] = again
        for place, column in enumerate(columns[1:], 2):
            items[tied, place] = column[again]
        oldest, for_age = self._oldest_of_lines(items, credit)
        after_stop = for_age
        for_stop = np.zeros(len(distinct), np.int64)
        if stops.any():
            after_stop = self._oldest_of_lines(_without(items, stops[order]), credit)[1]
            np.add.at(for_stop, items[:, 0], np.where(stops[order], items[:, 2], 0))
        counts = np.flatnonzero(oldest >= 0)
        row = order[oldest[counts]]
        pays = np.flatnonzero((for_age[:, 0] > 0) | (for_stop > 0))
        parties = line_of_key(distinct[pays], len(self._context.master.companies.codes))
        return SettledLate(
            OldestOfAccounts(self._places(distinct[counts]), due[row], ids.take(pa.array(row))),
            LinePayments(
                self._places(distinct[pays]),
                parties.customer_code.astype(np.int64),
                parties.company_code.astype(np.int64),
                for_age[pays, 0],
                for_age[pays, 1],
                for_stop[pays],
                after_stop[pays, 0],
                after_stop[pays, 1],
            ),
        )

    def _ties(self, items: Array, credit: Array) -> Array:
        """Mark the items whose order within a line's day decides: uint8[m]."""
        marked = np.empty(len(items), np.uint8)
        mark_ties(items, credit, self._materiality, self._release_day, marked)
        return marked

    def _oldest_of_lines(self, items: Array, credit: Array) -> tuple[Array, Array]:
        """Give each line's oldest item, and what it must pay for its age: int64[l], int64[l, 2]."""
        oldest, payment = np.empty(len(credit), np.int64), np.empty((len(credit), 2), np.int64)
        unit = self._context.reporting.minor_unit_milli
        find_oldest_late(items, credit, self._materiality, unit, self._release_day, oldest, payment)
        return oldest, payment

    def _places(self, line: Array) -> Array:
        """Give the account of each line: int64[k]."""
        customers, companies = self._context.master.customers, self._context.master.companies
        keys = line_of_key(line, len(companies.codes))
        place: Array = companies.segment_code[keys.company_code].astype(np.int64)
        return place * len(customers.account_ids) + customers.account_code[keys.customer_code]


def _without(items: Array, paid: Array) -> Array:
    """Give the same items, some of them paid: int64[m, 5]."""
    left = items.copy()
    left[paid, 2:4] = 0
    return left


def open_late_items(
    scratch: Path, context: RunContext, row_count: int, *, stops_cover: bool
) -> LateItems | None:
    """Prepare for the late items of a run; None where no rule looks at them.

    row_count    of the table of items
    stops_cover  some insurer may stop cover for late items
    """
    settings = context.configuration.rules.overdue_age
    if not (settings.enabled or stops_cover):
        return None
    return LateItems(scratch, context, row_count, release_days(settings))


def _oldest(lines: OldestOfAccounts) -> OldestOfAccounts:
    """Keep the oldest item of each account over its lines."""
    order = order_by((lines.place, lines.due_day), lines.item_id)
    place = lines.place[order]
    starts = np.flatnonzero(np.r_[True, place[1:] != place[:-1]]) if len(place) else place
    first = order[starts]
    return OldestOfAccounts(
        lines.place[first],
        lines.due_day[first],
        lines.item_id.take(pa.array(first)),
    )
