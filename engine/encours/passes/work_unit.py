"""One work unit: Arrow in; Arrow, partial sums and findings out. It keeps nothing between calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.context import COMPONENTS
from encours.calc.documents import (
    NONE_SHARED,
    Candidates,
    SharedDocuments,
    choose_bearers,
    compensate,
    document_keys,
    find_candidates,
    is_among,
)
from encours.calc.items import MeasuredItems, measure_items
from encours.calc.lines import sum_lines
from encours.calc.periods import interest_periods
from encours.calc.sums import CurrencyTotals, KeyedSums
from encours.ledger.allocations import AllocationFaults, attach_allocations
from encours.ledger.checking import WHOLE_TABLE, combine
from encours.ledger.decode import hash_column
from encours.ledger.items import OPEN_ITEMS, Items, resolve_items, with_default
from encours.passes.encode import encode_items
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours.calc.context import RunContext

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Neighbours:
    """What a unit must know of rows outside it.

    first_ordinal  of its first row in the table
    records        allocations of its items (`ALLOCATION_RECORD`, `first` = ordinal of the item)
    copies         int64[d] rows of the unit that repeat an earlier row
    conflicts      int64[d] rows of the unit whose key other, different rows have, too
    shared         documents that other units have items of, too
    """

    first_ordinal: int
    records: Array
    copies: Array
    conflicts: Array
    shared: SharedDocuments = field(default=NONE_SHARED)


@dataclass(frozen=True)
class UnitResult:
    """What comes out of a unit: published rows, sums to combine, and findings."""

    published: pa.Table
    periods: pa.Table | None
    lines: KeyedSums
    cells: KeyedSums
    totals: CurrencyTotals
    order_payments: pa.Table
    items: Items
    allocation_faults: AllocationFaults
    kept: dict[Reason, Array]


def compute_unit(
    data: pa.Table, neighbours: Neighbours, extract_day: int, context: RunContext
) -> UnitResult:
    """Compute a unit of open items from end to end (DOMAIN 3 to 6).

    data  columns of `open_items` by the contract's names, in any accepted type
    """
    items, refused, measured = _measure(data, neighbours, extract_day, context)
    candidates = find_candidates(items, measured, company_hashes(context), context)
    bearers = choose_bearers(
        candidates, items.item_id, neighbours.first_ordinal, neighbours.shared
    )
    paid = compensate(items, measured, bearers, context)
    rows = np.flatnonzero(measured.is_published)
    lines, cells = sum_lines(items, measured, paid, rows, context)
    carried = {
        name: combine(data.column(name))
        for name in context.configuration.carry
        if name in data.column_names and name not in OPEN_ITEMS.names
    }
    wants_periods = context.configuration.interest.periods
    return UnitResult(
        published=encode_items(items, measured, paid, rows, carried, context),
        periods=interest_periods(items, measured, context) if wants_periods else None,
        lines=lines,
        cells=cells,
        totals=_totals(items, measured),
        order_payments=_order_payments(items, measured),
        items=items,
        allocation_faults=refused,
        kept=_kept(items, measured),
    )


def probe_unit(
    data: pa.Table, neighbours: Neighbours, extract_day: int, context: RunContext
) -> pa.Table:
    """List the unit's candidates for the compensation of documents that other units share.

    Only the rows of such documents are decoded and measured.
    """
    numbers = with_default(
        combine(data.column("document_number")), combine(data.column("item_id"))
    )
    company_first, _ = hash_column(combine(data.column("company_code")))
    key, _ = document_keys(numbers, company_first)
    wanted = np.flatnonzero(is_among(key, neighbours.shared.keys))
    few = _rows_of(neighbours, wanted)
    items, _, measured = _measure(_plain_rows(data, wanted), few, extract_day, context)
    found = find_candidates(items, measured, company_hashes(context), context)
    return pa.table(
        {
            "key": found.key,
            "identity": found.identity,
            "split_day": found.split_day,
            "due_day": found.due_day,
            "item_id": items.item_id.take(pa.array(found.row)),
            "ordinal": wanted[found.row] + neighbours.first_ordinal,
        }
    )


def _plain_rows(data: pa.Table, wanted: Array) -> pa.Table:
    """Take some rows, and leave behind dictionaries that are larger than they are."""
    few = data.take(pa.array(wanted))
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in few.columns
    ]
    return pa.table(columns, names=few.column_names)


def _rows_of(neighbours: Neighbours, wanted: Array) -> Neighbours:
    """Give the neighbours of some rows of a unit, as if they were a unit of their own from row 0."""
    row = (neighbours.records["first"] - np.uint64(neighbours.first_ordinal)).astype(np.int64)
    place = np.searchsorted(wanted, row)
    among = wanted[np.minimum(place, len(wanted) - 1)] == row
    records = neighbours.records[among].copy()
    records["first"] = place[among]
    return Neighbours(
        0,
        records,
        np.flatnonzero(np.isin(wanted, neighbours.copies)),
        np.flatnonzero(np.isin(wanted, neighbours.conflicts)),
    )


def candidates_of(probed: pa.Table) -> Candidates:
    """Give the candidates that several units listed; their rows are rows of that list."""
    return Candidates(
        np.arange(probed.num_rows, dtype=np.int64),
        *(probed.column(name).to_numpy() for name in ("key", "identity", "split_day", "due_day")),
    )


def company_hashes(context: RunContext) -> Array:
    """Give the hash of each company code's text: uint64[companies]."""
    return hash_column(pa.array(context.master.companies.codes, pa.string()))[0]


def _measure(
    data: pa.Table, neighbours: Neighbours, extract_day: int, context: RunContext
) -> tuple[Items, AllocationFaults, MeasuredItems]:
    """Decode, check, join and measure a unit's items."""
    items = resolve_items(data, context.master, context.as_of_day)
    for rows, reason in (
        (neighbours.copies, Reason.DUPLICATE_KEY),
        (neighbours.conflicts, Reason.CONFLICTING_DUPLICATE),
    ):
        found = np.zeros(items.row_count, bool)
        found[rows] = True
        items.faults.add(found, "item_id", reason, WHOLE_TABLE)
    attached, refused = attach_allocations(
        neighbours.records, items, neighbours.first_ordinal, context.as_of_day, extract_day
    )
    measured = measure_items(items, attached, context, extract_day)
    return items, refused, measured


def _totals(items: Items, measured: MeasuredItems) -> CurrencyTotals:
    """Sum what the control totals need: per currency, to the last digit (DOMAIN 11)."""
    totals = CurrencyTotals()
    bad, exists = items.faults.bad, measured.exists
    sums = (
        ("amount", items.amount_milli, ~bad),
        ("open_amount", measured.open_milli, measured.is_published),
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
        ("published", measured.is_published),
    ):
        totals.count(name, int(chosen.sum()))
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
    """Give the accepted rows that a warning stands against, one reason each: int64[k] per reason."""
    early = ~items.faults.bad & items.due_before_document
    differs = ~items.faults.bad & ((measured.warning_bits & 4) > 0) & ~early
    return {
        Reason.DUE_BEFORE_DOCUMENT: np.flatnonzero(early),
        Reason.OPEN_AMOUNT_DIFFERS: np.flatnonzero(differs),
    }
