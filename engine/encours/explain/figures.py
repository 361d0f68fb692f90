"""Figures of some items of a run's ledger, computed by the functions of the run itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.calc.documents import (
    Indemnities,
    compensate,
    find_candidates,
    first_of_documents,
    join_candidates,
)
from encours.explain.locate import LocatedItems, LocatedUnit, locate_items
from encours.ledger.allocations import by_item
from encours.ledger.checking import REASONS, combine
from encours.ledger.quarantine import Quarantine
from encours.passes.keys_pass import unknown_texts
from encours.passes.preparation import build_context, read_master
from encours.passes.work_unit import Neighbours, company_hashes, measure_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from encours.calc.context import RunContext
    from encours.calc.items import MeasuredItems
    from encours.explain.run_ledger import RunLedger
    from encours.ledger.items import Items
    from encours.passes.preparation import Master
    from encours_schemas.reasons import Reason

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Parties:
    """The parties that the located rows name; see `PartiesFound`."""

    company_codes: frozenset[str]
    unknown_customers: frozenset[str]


@dataclass(frozen=True)
class UnitFigures:
    """The located rows of one work unit, measured.

    bears      bool[n]  the row bears its document's compensation
    candidate  bool[n]  it could: interest days and no reason against
    records    `ALLOCATION_RECORD`[m]: `first` is the row's place here
    refused    what its item refuses, by position in `LocatedItems.allocation_ids`
    """

    located: LocatedUnit
    items: Items
    measured: MeasuredItems
    paid: Indemnities
    bears: Array
    candidate: Array
    records: Array
    refused: dict[int, Reason]

    def document(self, row: int, *, per_due_date: bool) -> tuple[str, int, int, int | None]:
        """Give what names the document that a row belongs to, for its compensation."""
        return (
            str(self.items.document_number[row].as_py()),
            int(self.items.company_code[row]),
            int(self.items.customer_code[row]),
            int(self.items.due_day[row]) if per_due_date else None,
        )


@dataclass(frozen=True)
class Figures:
    """Some items with the others of their documents, and what holds for the whole run."""

    context: RunContext
    located: LocatedItems
    units: tuple[UnitFigures, ...]

    def rows_of(self, item_id: str) -> list[tuple[UnitFigures, int]]:
        """Give the rows with an id: one, or several where the ledger repeats it."""
        return [
            (unit, row)
            for unit in self.units
            for row, text in enumerate(unit.items.item_id.to_pylist())
            if text == item_id
        ]


def compute_figures(source: RunLedger, ids: Collection[str]) -> Figures:
    """Locate some items and compute them as the run does."""
    tables = source.ledger.tables
    located = locate_items(tables["open_items"], tables.get("allocations"), ids, source.threads)
    master = read_master(source.ledger, source.configuration, Quarantine(), source.threads)
    preparation = build_context(
        source.ledger,
        master,
        _parties(located, master),
        source.as_of_day,
        source.configuration,
    )
    context = preparation.context
    measured = [_measured(unit, located, source.extract_day, context) for unit in located.units]
    return Figures(context, located, _compensated(measured, context))


def _parties(located: LocatedItems, master: Master) -> Parties:
    """Name the company codes of the located rows, and the customers without a row of their own."""
    companies: set[str] = set()
    unknown: set[str] = set()
    for unit in located.units:
        names = unit.data.column_names
        if "company_code" in names:
            companies |= {text for text in unit.data.column("company_code").to_pylist() if text}
        if "customer_id" in names:
            texts = combine(unit.data.column("customer_id")).cast(pa.string())
            unknown |= unknown_texts(texts, master.customer_index)
    return Parties(frozenset(companies), frozenset(unknown))


@dataclass(frozen=True)
class _Measured:
    """A unit before its compensation is known."""

    located: LocatedUnit
    items: Items
    measured: MeasuredItems
    records: Array
    refused: dict[int, Reason]


def _measured(
    unit: LocatedUnit, located: LocatedItems, extract_day: int, context: RunContext
) -> _Measured:
    """Decode and measure located rows as if they were a unit of their own."""
    ordinals = unit.ordinals
    own = np.isin(located.allocations["first"], ordinals.astype(np.uint64))
    records = located.allocations[own].copy()
    records["first"] = np.searchsorted(ordinals, records["first"].astype(np.int64))
    records = by_item(records, 0, unit.data.num_rows)
    copies, conflicts = located.duplicates.of_unit(unit.unit)
    neighbours = Neighbours(
        0, records, np.searchsorted(unit.rows, copies), np.searchsorted(unit.rows, conflicts)
    )
    customer_code = context.master.customer_codes(unit.data)
    items, refused, measured, _ = measure_rows(
        unit.data, customer_code, neighbours, extract_day, context
    )
    reasons = dict(
        zip(
            refused.ordinal.tolist(),
            [REASONS[reason] for reason in refused.reason.tolist()],
            strict=True,
        )
    )
    return _Measured(unit, items, measured, records, reasons)


def _compensated(units: list[_Measured], context: RunContext) -> tuple[UnitFigures, ...]:
    """Choose the item that bears each document's compensation, over all units; give the sums."""
    if not units:
        return ()
    hashes = company_hashes(context)
    candidates, start, starts = [], 0, []
    for unit in units:
        found = find_candidates(unit.items, unit.measured, hashes, context)
        candidates.append(found._replace(row=found.row + start))
        starts.append(start)
        start += unit.items.row_count
    joined = join_candidates(candidates)
    item_id = pa.concat_arrays([unit.items.item_id for unit in units])
    bearers = np.sort(first_of_documents(joined, np.arange(len(joined.row)), item_id))
    figures = []
    for unit, found, first in zip(units, candidates, starts, strict=True):
        count = unit.items.row_count
        own = bearers[(bearers >= first) & (bearers < first + count)] - first
        paid = compensate(unit.items, unit.measured, own, context)
        bears, candidate = np.zeros(count, bool), np.zeros(count, bool)
        bears[own] = True
        candidate[found.row - first] = True
        figures.append(
            UnitFigures(
                unit.located,
                unit.items,
                unit.measured,
                paid,
                bears,
                candidate,
                unit.records,
                unit.refused,
            )
        )
    return tuple(figures)
