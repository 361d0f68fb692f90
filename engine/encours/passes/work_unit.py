"""One work unit: Arrow in; Arrow, partial sums and findings out. It keeps nothing between calls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.columns import milli_of
from encours.calc.context import COMPONENTS
from encours.calc.cover_items import find_insurable, insured_rows
from encours.calc.documents import (
    NONE_SHARED,
    Candidates,
    SharedDocuments,
    choose_bearers,
    compensate,
    find_candidates,
    join_candidates,
)
from encours.calc.flows import sum_flows
from encours.calc.hit_sums import grouped
from encours.calc.item_watch import LateRows, Watched, watch_items
from encours.calc.items import MeasuredItems, measure_items
from encours.calc.lines import CELL_SUMS, LINE_SUMS, sum_lines
from encours.calc.periods import interest_periods
from encours.calc.refusals import MissingRates, renumbering
from encours.calc.statements import legal_basis, statement_rows
from encours.calc.sums import CurrencyTotals, KeyedSums, joined_sums
from encours.ledger.allocations import AllocationFaults, attach_allocations
from encours.ledger.checking import WHOLE_TABLE, RowFaults, combine, dictionary_of
from encours.ledger.decode import hash_column
from encours.ledger.items import OPEN_ITEMS, Items, resolve_items
from encours.ledger.master import CURRENCY_POSITIONS
from encours.passes.encode import encode_items, gather_rows
from encours.passes.scenario import delay_payments
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.cover_items import Insurable, InsuredRows
    from encours.calc.cover_pools import Insurance
    from encours.passes.workers import Ahead

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Neighbours:
    """What a unit must know of rows outside it.

    first_ordinal  of its first row in the table
    records        allocations of its items, by item (`first` = ordinal of the item)
    copies         int64[d] rows of the unit that repeat an earlier row
    conflicts      int64[d] rows of the unit whose key other, different rows have, too
    shared         documents that other units have items of, too
    start          row of the unit where these rows begin
    customer_code  int32[n] `MasterData.customer_codes` of the unit, where it is known already
    earlier_due_day  int32[rows] due days in the earlier run, `NO_DAY` where unknown; None: no run
    """

    first_ordinal: int
    records: Array
    copies: Array
    conflicts: Array
    shared: SharedDocuments = field(default=NONE_SHARED)
    start: int = 0
    customer_code: Array | None = None
    earlier_due_day: Array | None = None

    def ordinal(self, row: int) -> int:
        """Give the ordinal in the table of one of the rows."""
        return self.first_ordinal + row

    def rows(self, start: int, count: int) -> Neighbours:
        """Give the neighbours of some consecutive rows of the unit."""
        first = self.first_ordinal + start
        low, high = np.searchsorted(self.records["first"], np.array([first, first + count], "u8"))
        return Neighbours(
            first,
            self.records[low:high],
            _within(self.copies, start, count),
            _within(self.conflicts, start, count),
            self.shared,
            start,
            earlier_due_day=(
                None
                if self.earlier_due_day is None
                else self.earlier_due_day[start : start + count]
            ),
        )


def _within(rows: Array, start: int, count: int) -> Array:
    """Give the rows within a stretch, counted from its start."""
    return rows[(rows >= start) & (rows < start + count)] - start


@dataclass(frozen=True)
class UnitOptions:
    """How a unit is worked on.

    extract_day  day that the extract's open amounts speak of
    chunk_rows   rows decoded and measured at once
    insurance    what may cover items, once all of them are there; None: nobody insures anything
    """

    extract_day: int
    chunk_rows: int
    insurance: Ahead[Insurance] | None = None


@dataclass(frozen=True)
class UnitResult:
    """What comes out of a unit: published rows, sums to combine, and findings.

    published          without `COVERED` where there is an insurance
    faults             what is wrong with its rows
    kept               rows that stay in spite of a warning, by reason: int64[k]
    allocation_faults  allocations that their items refuse
    missing_rates      items whose interest needs a rate that is not known
    hits               items that rules look for, by account (`HIT_SCHEMA`)
    late               late items that may be too old, slice by slice
    insured            items that may be covered, slice by slice
    flows              what was posted since the earlier run, per line (`FLOWS`)
    """

    published: pa.Table
    periods: pa.Table | None
    statement: pa.Table | None
    lines: KeyedSums
    cells: KeyedSums
    totals: CurrencyTotals
    order_payments: pa.Table
    faults: RowFaults
    kept: dict[Reason, Array]
    allocation_faults: list[AllocationFaults]
    missing_rates: MissingRates
    hits: pa.Table
    late: list[LateRows]
    insured: list[InsuredRows]
    flows: KeyedSums


@dataclass(frozen=True)
class _Slice:
    """Consecutive rows of a unit, measured; `start` is the first of them."""

    start: int
    data: pa.Table
    items: Items
    measured: MeasuredItems
    refused: AllocationFaults
    candidates: Candidates
    insurable: Insurable | None
    watched: Watched
    flows: KeyedSums


def compute_unit(
    data: pa.Table, neighbours: Neighbours, options: UnitOptions, context: RunContext
) -> UnitResult:
    """Compute a unit of open items from end to end (DOMAIN 3 to 6).

    data  columns of `open_items` by the contract's names, in any accepted type

    Rows are decoded and measured slice by slice, so that columns stay in the processor's cache;
    what comes out does not depend on where the slices lie.
    """
    customer_code = neighbours.customer_code
    if customer_code is None:
        customer_code = context.master.customer_codes(data)
    slices = [
        _measure_slice(
            data.slice(start, options.chunk_rows),
            customer_code[start : start + options.chunk_rows],
            neighbours.rows(start, options.chunk_rows),
            options,
            context,
        )
        for start in range(0, max(data.num_rows, 1), options.chunk_rows)
    ]
    bearers = choose_bearers(
        join_candidates([piece.candidates for piece in slices]),
        _joined_ids(slices),
        neighbours.first_ordinal,
        neighbours.shared,
    )
    result = _joined_result(slices)
    published, periods, order_payments = [], [], []
    lines, cells = [], []
    for piece in slices:
        own = _within(bearers, piece.start, piece.items.row_count)
        with renumbering(neighbours.rows(piece.start, 0).ordinal):
            paid = compensate(piece.items, piece.measured, own, context)
        rows = np.flatnonzero(piece.measured.is_published)
        of_lines, of_cells = sum_lines(piece.items, piece.measured, paid, rows, context)
        lines.append(of_lines)
        cells.append(of_cells)
        carried = _carried(piece.data, context)
        published.append(gather_rows(piece.items, piece.measured, paid, carried, context))
        order_payments.append(_order_payments(piece.items, piece.measured))
        if context.configuration.interest.periods:
            periods.append(interest_periods(piece.items, piece.measured, context))
    result = replace(
        result,
        lines=joined_sums(lines),
        cells=joined_sums(cells),
        published=encode_items(published, context, lacks_cover=options.insurance is not None),
        periods=one_chunk(periods) if periods else None,
        order_payments=pa.concat_tables(order_payments),
        insured=_insured(slices, neighbours, options.insurance, context),
    )
    if context.configuration.interest.statement:
        statement = statement_rows(result.published, legal_basis(context))
        result = replace(result, statement=statement)
    result.totals.merge(_published_totals(result.published, result.periods, result.statement))
    return result


def _insured(
    slices: list[_Slice],
    neighbours: Neighbours,
    insurance: Ahead[Insurance] | None,
    context: RunContext,
) -> list[InsuredRows]:
    """Lay out the items of all slices that insurance may cover."""
    found, published_before = [], 0
    for piece in slices:
        if insurance is None or piece.insurable is None:
            continue
        found.append(
            insured_rows(
                piece.insurable,
                piece.items,
                piece.measured,
                piece.watched.late,
                (neighbours.ordinal(piece.start), published_before),
                insurance.result(),
                context,
            )
        )
        published_before += int(np.count_nonzero(piece.measured.is_published))
    return found


def _joined_ids(slices: list[_Slice]) -> pa.Array:
    """Give the item ids of all slices; those of a single one are not copied."""
    ids = [piece.items.item_id for piece in slices]
    return ids[0] if len(ids) == 1 else pa.concat_arrays(ids)


def one_chunk(tables: list[pa.Table]) -> pa.Table:
    """Join tables into one of one chunk per column, so that its bytes do not tell the slices."""
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _measure_slice(
    data: pa.Table,
    customer_code: Array,
    neighbours: Neighbours,
    options: UnitOptions,
    context: RunContext,
) -> _Slice:
    """Decode and measure consecutive rows of a unit."""
    items, refused, measured, records = measure_rows(
        data, customer_code, neighbours, options.extract_day, context
    )
    found = find_candidates(items, measured, company_hashes(context), context)
    candidates = found._replace(row=found.row + neighbours.start)
    insurable = None
    if options.insurance is not None:
        insurable = find_insurable(
            items, records, neighbours.first_ordinal, options.insurance.result(), context
        )
    watched = watch_items(
        items,
        measured,
        data,
        neighbours.first_ordinal,
        neighbours.earlier_due_day,
        None if insurable is None else insurable.rows,
        context,
    )
    measured.warning_bits[:] |= watched.warning_bits
    flows = sum_flows(items, measured, neighbours.records, neighbours.first_ordinal, context)
    return _Slice(
        neighbours.start, data, items, measured, refused, candidates, insurable, watched, flows
    )


def _joined_result(slices: list[_Slice]) -> UnitResult:
    """Join what the slices found; tables and sums are still to come."""
    faults = RowFaults(OPEN_ITEMS, 0)
    faults.join([piece.items.faults for piece in slices])
    totals = CurrencyTotals()
    kept: dict[Reason, list[Array]] = {}
    for piece in slices:
        totals.merge(_totals(piece.items, piece.measured))
        for reason, rows in _kept(piece.items, piece.measured).items():
            kept.setdefault(reason, []).append(rows + piece.start)
    return UnitResult(
        published=pa.table({}),
        periods=None,
        statement=None,
        lines=KeyedSums(len(LINE_SUMS)),
        cells=KeyedSums(len(CELL_SUMS)),
        totals=totals,
        order_payments=pa.table({}),
        faults=faults,
        kept={reason: np.concatenate(rows) for reason, rows in kept.items()},
        allocation_faults=[piece.refused for piece in slices],
        missing_rates=sum((piece.measured.missing_rates for piece in slices), MissingRates()),
        hits=grouped(pa.concat_tables([piece.watched.hits for piece in slices])),
        late=[piece.watched.late for piece in slices if piece.watched.late is not None],
        insured=[],
        flows=joined_sums([piece.flows for piece in slices]),
    )


def _carried(data: pa.Table, context: RunContext) -> dict[str, pa.Array]:
    """Give the columns of the items that pass unchanged."""
    return {
        name: combine(data.column(name))
        for name in context.configuration.carry
        if name in data.column_names and name not in OPEN_ITEMS.names
    }


def company_hashes(context: RunContext) -> Array:
    """Give the hash of each company code's text: uint64[companies]."""
    return hash_column(pa.array(context.master.companies.codes, pa.string()))[0]


def resolve_rows(
    data: pa.Table, customer_code: Array, neighbours: Neighbours, context: RunContext
) -> tuple[Items, Array]:
    """Decode and check a unit's items; give them and the allocations that go with them."""
    items = resolve_items(data, customer_code, context.master, context.as_of_day)
    for rows, reason in (
        (neighbours.copies, Reason.DUPLICATE_KEY),
        (neighbours.conflicts, Reason.CONFLICTING_DUPLICATE),
    ):
        found = np.zeros(items.row_count, bool)
        found[rows] = True
        items.faults.add(found, "item_id", reason, WHOLE_TABLE)
    if context.payment_delay_days is None:
        return items, neighbours.records
    records, items = delay_payments(
        neighbours.records, items, neighbours.first_ordinal, context.payment_delay_days
    )
    return items, records


def measure_rows(
    data: pa.Table,
    customer_code: Array,
    neighbours: Neighbours,
    extract_day: int,
    context: RunContext,
) -> tuple[Items, AllocationFaults, MeasuredItems, Array]:
    """Decode, check, join and measure a unit's items; give their allocations, too."""
    items, records = resolve_rows(data, customer_code, neighbours, context)
    attached, refused = attach_allocations(
        records, items, neighbours.first_ordinal, context.as_of_day, extract_day
    )
    with renumbering(neighbours.ordinal):
        measured = measure_items(items, attached, context, extract_day)
    return items, refused, measured, records


def _totals(items: Items, measured: MeasuredItems) -> CurrencyTotals:
    """Sum what the control totals need: per currency, to the last digit (DOMAIN 11)."""
    totals = CurrencyTotals()
    bad, exists = items.faults.bad, measured.exists
    sums = (
        ("amount", items.amount_milli, ~bad),
        ("allocated", measured.allocated_milli, exists),
        ("extract_difference", measured.extract_difference_milli, exists),
        ("not_yet_posted", items.amount_milli, ~bad & ~exists),
        ("quarantined_amount", items.amount_milli, bad & items.is_amount_readable),
    )
    for name, milli, chosen in sums:
        totals.add(name, items.currency_code, milli, chosen)
    for name, chosen in (
        ("quarantined_unreadable", bad & ~items.is_amount_readable),
        ("accepted", ~bad),
        ("open", exists & (measured.open_milli != 0)),
        ("settled_late", measured.is_published & (measured.open_milli == 0)),
        ("settled_in_time", measured.is_settled_in_time),
        ("settled_date_unknown", measured.is_settled_date_unknown),
        ("not_yet_posted", ~bad & ~exists),
    ):
        totals.count(name, int(np.count_nonzero(chosen)))
    return totals


def _published_totals(
    published: pa.Table, periods: pa.Table | None, statement: pa.Table | None
) -> CurrencyTotals:
    """Sum the very columns that are written, so that nothing is lost on the way there."""
    totals = CurrencyTotals()
    sums = [("open_amount", published, "open_amount")]
    if periods is not None:
        sums.append(("penalty_interest", published, "penalty_interest"))
        sums.append(("interest_detail", periods, "interest"))
    if statement is not None:
        for name in ("interest_unbilled", "indemnity_unbilled"):
            sums.append((name, published, name))
            sums.append((f"{name} of statement", statement, name))
    for name, table, column in sums:
        texts, positions = dictionary_of(combine(table.column("currency")))
        codes = np.array([CURRENCY_POSITIONS[text] for text in texts.to_pylist()], np.int32)
        milli = milli_of(table.column(column)).copy()  # kernels get memory of one kind: writable
        totals.add(name, codes[positions], milli, np.ones(table.num_rows, np.uint8))
    return totals


def _order_payments(items: Items, measured: MeasuredItems) -> pa.Table:
    """List the down payments that name an order: they reduce it first (DOMAIN 5)."""
    rows = np.empty(0, np.int64)
    if items.order_id is not None:
        is_payment = measured.component == COMPONENTS.index("down_payments")
        rows = np.flatnonzero(is_payment & (measured.open_rc < 0))
    orders = items.order_id
    named = pa.nulls(0, pa.string()) if orders is None else orders.take(pa.array(rows))
    table = pa.table(
        {
            "order_id": named.cast(pa.string()),
            "customer_code": items.customer_code[rows],
            "company_code": items.company_code[rows],
            "open_rc": measured.open_rc[rows],
        }
    )
    lengths = pc.binary_length(table.column("order_id"))
    return table.filter(pc.greater(lengths, 0))


def _kept(items: Items, measured: MeasuredItems) -> dict[Reason, Array]:
    """Give the accepted rows that a warning stands against, one reason each."""
    early = ~items.faults.bad & items.due_before_document
    differs = ~items.faults.bad & ((measured.warning_bits & 4) > 0) & ~early
    return {
        Reason.DUE_BEFORE_DOCUMENT: np.flatnonzero(early),
        Reason.OPEN_AMOUNT_DIFFERS: np.flatnonzero(differs),
    }
