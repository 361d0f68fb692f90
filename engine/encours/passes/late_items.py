"""The oldest net late item of every account: items parked by line, then settled shard by shard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pyarrow as pa

from encours.breaches.item_facts import LinePayments
from encours.breaches.overdue_rules import release_days
from encours.calc.item_watch import LATE_RECORD
from encours.calc.lines import LINE_SUMS, line_of_key
from encours.kernels.late import (
    IS_AS_OLD,
    IS_TIED,
    LATE_BUCKETS,
    STOPS_COVER,
    find_oldest_late,
    mark_ties,
    take_standings,
)
from encours.ledger.ordering import order_by
from encours.ledger.table_spill import TableSpill
from encours.passes.memory import give_memory_back
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
_PIECES_PER_TRIM = 16
"""Shards and units after which the memory that they took is given back."""
STANDING_RECORD = np.dtype([("ordinal", np.int64), ("standing", np.int64)])
"""How an item stands with its insurer (`kernels/late.py`)."""
_ID_SCHEMA = pa.schema([("item_id", pa.string())])


class OldestOfAccounts(NamedTuple):
    """The oldest net late item of k accounts, by place (segment x accounts + account)."""

    place: Array
    due_day: Array
    item_id: pa.Array


class SettledLate(NamedTuple):
    """What the late items of a run come to; rows of payments are places as of `oldest`."""

    oldest: OldestOfAccounts
    payments: LinePayments


class _Lines(NamedTuple):
    """Late items of some lines, in the order in which credits take them.

    late       `LATE_RECORD`[m]
    is_tied    bool[m]   the order among the items of the line's day may matter, and is open
    credit_rc  int64[l]  of each line, in their order
    """

    late: Array
    is_tied: Array
    credit_rc: Array

    @classmethod
    def joined(cls, parts: Sequence[_Lines]) -> Self:
        """Put lines one behind the other."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))


class _Settled(NamedTuple):
    """The oldest net late items of lines, and what p lines must pay: int64 each.

    line, due_day, ordinal  [k]     of the oldest items that are left, some of one day
    payer                   [p]     line
    payments                [p, 5]  as in `LinePayments`, from `for_age` on
    """

    line: Array
    due_day: Array
    ordinal: Array
    payer: Array
    payments: Array


class _Stops(NamedTuple):
    """The lines that keep cover stopped, among some.

    lines  int64[k]          which they are
    rows   int64[r]          their items
    paid   `LATE_RECORD`[r]  these, as if those that keep cover stopped were paid
    """

    lines: Array
    rows: Array
    paid: Array

    @classmethod
    def of(cls, late: Array, starts: Array) -> Self:
        """Look for them among late items by line; `starts` (int64[l]) says where each begins."""
        stops = np.flatnonzero(late["standing"] == STOPS_COVER)
        is_stopping = np.zeros(len(starts), bool)
        is_stopping[np.searchsorted(starts, stops, side="right") - 1] = True
        lengths = np.diff(np.append(starts, len(late)))
        rows = np.flatnonzero(np.repeat(is_stopping, lengths))
        paid = late.take(rows)
        is_paid = paid["standing"] == STOPS_COVER
        for name in ("open_rc", "uncounted_rc"):
            paid[name][is_paid] = 0
        return cls(np.flatnonzero(is_stopping), rows, paid)


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
        self._standings = Spill(scratch / "late_standings", STANDING_RECORD, self._shards)
        self._ids = TableSpill(scratch / "late_item_ids", _ID_SCHEMA)
        self._context = context
        settings = context.configuration.rules.overdue_age
        self._materiality = int(settings.materiality * 1000)
        self._release_day = context.as_of_day - release

    def add(self, late: LateRows) -> None:
        """Park the late ones of some consecutive items; any thread may call this."""
        self._records.append(late.first_ordinal, late.records, self._shard(late.bucket))
        self._ids.append(0, late.first_ordinal, pa.record_batch([late.item_id], schema=_ID_SCHEMA))

    def add_standings(self, label: int, ordinal: Array, standing: Array, bucket: Array) -> None:
        """Say how some of the late items stand with their insurers, once that is known.

        label  unique, for the order in which they are kept; any thread may call this
        """
        records = np.empty(len(ordinal), STANDING_RECORD)
        records["ordinal"], records["standing"] = ordinal, standing
        self._standings.append(label, records, self._shard(bucket))

    def _shard(self, bucket: Array) -> Array:
        """Give the shard of items by their lines' buckets: int32[n]."""
        shard: Array = bucket * np.int32(self._shards) // np.int32(LATE_BUCKETS)
        return shard

    def _late_of_shard(self, shard: int) -> Array:
        """Give the late items of a shard as they stand now: `LATE_RECORD`[m] by ordinal."""
        late, told = self._records.read(shard), self._standings.read(shard)
        told = told.take(np.argsort(told["ordinal"]))
        return late[: take_standings(late, told)]

    def settle(self, lines: KeyedSums, threads: int) -> SettledLate:
        """Set every line's credits against its oldest items, and keep the oldest that is left."""
        order = np.argsort(lines.keys)
        keys = lines.keys[order]
        credits_rc = -lines.sums[order, LINE_SUMS.index("unapplied_credits")]

        def settle_shard(shard: int) -> tuple[_Settled, _Lines]:
            return self._settle_shard(shard, keys, credits_rc)

        found: list[_Settled] = []
        undecided: list[_Lines] = []
        for settled, open_lines in run_in_order(settle_shard, range(self._shards), threads):
            found.append(settled)
            undecided.append(open_lines)
            if sum(len(part.late) for part in undecided) > _UNDECIDED_ROWS:
                found.append(self._settle_ties(_Lines.joined(undecided), threads))
                undecided.clear()
            if len(undecided) % _PIECES_PER_TRIM == 0:
                give_memory_back()
        if undecided:
            found.append(self._settle_ties(_Lines.joined(undecided), threads))
            undecided.clear()
            give_memory_back()
        joined = _Settled(*(np.concatenate(column) for column in zip(*found, strict=True)))
        item_id = self._ids_of(joined.ordinal, threads)
        for spill in (self._records, self._standings, self._ids):
            spill.close()
        oldest = OldestOfAccounts(self._places(joined.line), joined.due_day, item_id)
        return SettledLate(_oldest(oldest), self._line_payments(joined))

    def _settle_shard(self, shard: int, keys: Array, credits_rc: Array) -> tuple[_Settled, _Lines]:
        """Settle the lines of one shard; those in which ids decide are left for later.

        keys, credits_rc  int64[l]  all lines, sorted, and their credits
        """
        late = self._late_of_shard(shard)
        # Whole records are moved, once: what follows looks at an item's fields together.
        late = late.take(order_by((late["line"], late["due_day"])))
        starts = _starts(late["line"])
        credit = credits_rc[np.searchsorted(keys, late["line"][starts])]
        marked = self._ties(late, credit)
        stops = _Stops.of(late, starts)
        if len(stops.lines):
            marked[stops.rows] |= self._ties(stops.paid, credit[stops.lines])
        is_open = np.zeros(len(starts), bool)
        tied = np.flatnonzero((marked & IS_TIED) != 0)
        is_open[np.searchsorted(starts, tied, side="right") - 1] = True
        waits = np.repeat(is_open, np.diff(np.append(starts, len(late))))
        waiting = _Lines(late.compress(waits), marked[waits] != 0, credit[is_open])
        is_as_old = ((marked & IS_AS_OLD) != 0) & ~waits
        settled = self._settled(_Lines(late, is_as_old, credit), ~is_open)
        return settled, _shortened(waiting)

    def _settle_ties(self, lines: _Lines, threads: int) -> _Settled:
        """Settle lines in which the order of ids decides."""
        late, tied = lines.late, np.flatnonzero(lines.is_tied)
        place = np.searchsorted(_starts(late["line"]), tied, side="right")
        ids = self._ids_of(late["ordinal"][tied], threads)
        late[tied] = late.take(tied[order_by((place, late["due_day"][tied]), ids)])
        decided = lines._replace(is_tied=np.zeros(len(late), bool))
        return self._settled(decided, np.ones(len(lines.credit_rc), bool))

    def _settled(self, lines: _Lines, is_final: Array) -> _Settled:
        """Give the oldest net item, and the payments, of those lines of `is_final` (bool[l]).

        Items that are tied are as old, if their ids say so.
        """
        late = lines.late
        oldest, for_age = self._oldest_of_lines(late, lines.credit_rc)
        for_stop, after_stop = np.zeros(len(oldest), np.int64), for_age.copy()
        starts = _starts(late["line"])
        stops = _Stops.of(late, starts)
        if len(stops.lines):
            credit = lines.credit_rc[stops.lines]
            _, after_stop[stops.lines] = self._oldest_of_lines(stops.paid, credit)
            open_rc = np.where(late["standing"] == STOPS_COVER, late["open_rc"], 0)
            for_stop = np.add.reduceat(open_rc, starts)
        counts = np.flatnonzero((oldest >= 0) & is_final)
        pays = np.flatnonzero(((for_age[:, 0] > 0) | (for_stop > 0)) & is_final)
        is_other = lines.is_tied.copy()
        is_other[oldest[counts]] = False
        found = late.take(np.concatenate([oldest[counts], np.flatnonzero(is_other)]))
        return _Settled(
            found["line"],
            found["due_day"].astype(np.int64),
            found["ordinal"],
            late["line"][starts[pays]],
            np.column_stack([for_age[pays], for_stop[pays], after_stop[pays]]),
        )

    def _ties(self, late: Array, credit: Array) -> Array:
        """Mark the items whose order within a line's day decides: uint8[m]."""
        marked = np.empty(len(late), np.uint8)
        mark_ties(late, credit, self._materiality, self._release_day, marked)
        return marked

    def _oldest_of_lines(self, late: Array, credit: Array) -> tuple[Array, Array]:
        """Give each line's oldest item, and what it must pay for its age: int64[l], int64[l, 2]."""
        oldest, payment = np.empty(len(credit), np.int64), np.empty((len(credit), 2), np.int64)
        unit = self._context.reporting.minor_unit_milli
        find_oldest_late(late, credit, self._materiality, unit, self._release_day, oldest, payment)
        return oldest, payment

    def _line_payments(self, settled: _Settled) -> LinePayments:
        """Name the parties of what lines must pay."""
        parties = line_of_key(settled.payer, len(self._context.master.companies.codes))
        return LinePayments(
            self._places(settled.payer),
            parties.customer_code.astype(np.int64),
            parties.company_code.astype(np.int64),
            *settled.payments.T,
        )

    def _ids_of(self, ordinal: Array, threads: int) -> pa.Array:
        """Give the ids of some items by their ordinals: string[k] of int64[k]."""
        order = np.argsort(ordinal)
        ordered = ordinal[order]
        firsts = self._ids.parts()
        bounds = [*np.searchsorted(ordered, firsts).tolist(), len(ordered)]

        def read(piece: tuple[int, int, int]) -> pa.Array:
            first, low, high = piece
            ids = self._ids.read(first).column("item_id").combine_chunks()
            return ids.take(pa.array(ordered[low:high] - first))

        pieces = zip(firsts, bounds[:-1], bounds[1:], strict=True)
        wanted = (piece for piece in pieces if piece[1] < piece[2])
        found = [pa.array([], pa.string())]
        for number, ids in enumerate(run_in_order(read, wanted, threads), 1):
            found.append(ids)
            # Between what is kept, holes of ever other sizes stay behind.
            if number % _PIECES_PER_TRIM == 0:
                give_memory_back()
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return pa.concat_arrays(found).take(pa.array(place))

    def _places(self, line: Array) -> Array:
        """Give the account of each line: int64[k]."""
        customers, companies = self._context.master.customers, self._context.master.companies
        keys = line_of_key(line, len(companies.codes))
        place: Array = companies.segment_code[keys.company_code].astype(np.int64)
        return place * len(customers.account_ids) + customers.account_code[keys.customer_code]


def _shortened(lines: _Lines) -> _Lines:
    """Put the items in a row that decide nothing into one that does not count itself.

    What credits leave of such items, all or nothing, is owed before later ones; no more is asked.
    """
    late, is_tied = lines.late, lines.is_tied
    begins = is_tied.copy()
    begins[1:] |= is_tied[:-1] | (late["standing"][1:] != late["standing"][:-1])
    begins[_starts(late["line"])] = True
    starts = np.flatnonzero(begins)
    if not len(starts):
        return lines
    kept, is_tied = late.take(starts), is_tied[starts]
    kept["open_rc"] = np.add.reduceat(late["open_rc"], starts)
    kept["uncounted_rc"] = np.where(is_tied, kept["uncounted_rc"], kept["open_rc"])
    return _Lines(kept, is_tied, lines.credit_rc)


def _starts(ordered: Array) -> Array:
    """Give where each run of equal values begins: int64[r]."""
    is_first = np.ones(len(ordered), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return np.flatnonzero(is_first)


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
    first = order[_starts(place)]
    return OldestOfAccounts(
        lines.place[first], lines.due_day[first], lines.item_id.take(pa.array(first))
    )
