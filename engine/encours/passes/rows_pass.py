"""Second pass: every row once. Read, compute, encode and write, part by part, on all cores."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.calc.documents import NONE_SHARED, SharedDocuments, first_of_documents
from encours.calc.lines import CELL_SUMS, LINE_SUMS
from encours.calc.refusals import MissingRates, require_rates
from encours.calc.sums import CurrencyTotals, KeyedSums
from encours.ledger.allocations import by_item
from encours.ledger.carried import carried_schema, with_carried
from encours.ledger.checking import REASONS
from encours.ledger.items import OPEN_ITEMS
from encours.passes.naming import naming_row
from encours.passes.work_unit import (
    Neighbours,
    UnitOptions,
    UnitResult,
    candidates_of,
    compute_unit,
    probe_unit,
)
from encours.passes.workers import run_in_order
from encours.publish.files import PublishedFile
from encours.publish.parquet import open_part, part_name
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.calc.context import RunContext
    from encours.ledger.duplicates import Duplicates
    from encours.ledger.quarantine import Quarantine
    from encours.ledger.sources import TableSource, Unit
    from encours.passes.keys_pass import Keys
    from encours.passes.progress import Progress
    from encours.publish.staging import Staging

Array = np.ndarray[Any, np.dtype[Any]]

UNITS_PER_PART = 4
"""A part file holds the rows of so many consecutive units, whatever the number of threads."""

CHUNK_ROWS = 65_536
"""Rows of a unit that are decoded and measured at once, unless the caller says otherwise."""

_KEPT_COLUMN = {
    Reason.DUE_BEFORE_DOCUMENT: "due_date",
    Reason.OPEN_AMOUNT_DIFFERS: "open_amount",
}


@dataclass
class RowsResult:
    """What the rows pass leaves for the rest of the run."""

    lines: KeyedSums = field(default_factory=lambda: KeyedSums(len(LINE_SUMS)))
    cells: KeyedSums = field(default_factory=lambda: KeyedSums(len(CELL_SUMS)))
    totals: CurrencyTotals = field(default_factory=CurrencyTotals)
    order_payments: list[pa.Table] = field(default_factory=list)
    refused_ordinals: list[Array] = field(default_factory=list)
    refused_causes: list[tuple[str, Reason]] = field(default_factory=list)
    missing_rates: MissingRates = field(default_factory=Counter)
    published: list[PublishedFile] = field(default_factory=list)
    carried: pa.Schema = field(default_factory=lambda: pa.schema([]))


class RowsPass:
    """The pass over the units of `open_items`; one use."""

    def __init__(
        self,
        source: TableSource,
        keys: Keys,
        duplicates: Duplicates,
        extract_day: int,
        chunk_rows: int | None,
        context: RunContext,
        quarantine: Quarantine,
        staging: Staging | None,
    ) -> None:
        """Take what the keys pass found. Without a staging nothing is written (`validate`)."""
        self._source, self._keys, self._duplicates = source, keys, duplicates
        self._extract_day, self._context = extract_day, context
        self._chunk_rows = chunk_rows or CHUNK_ROWS
        self._quarantine, self._staging = quarantine, staging
        self._shared = NONE_SHARED
        self._lock = threading.Lock()
        known = (*OPEN_ITEMS.names, *context.configuration.carry)
        self._columns = [name for name in source.columns if name in known]
        self._carried = carried_schema(source, context.configuration.carry)
        self.result = RowsResult(carried=self._carried)

    def run(self, threads: int, progress: Progress) -> RowsResult:
        """Settle documents that several units share, then compute and write every unit.

        Raises RateMissing when items need a rate that is not known, once all are counted.
        """
        if len(self._keys.shared_documents):
            self._shared = self._settle_shared_documents(threads, progress)
        units = self._source.units
        progress.start_stage("items", self._source.row_count)
        parts = [units[at : at + UNITS_PER_PART] for at in range(0, len(units), UNITS_PER_PART)]

        def write(task: tuple[int, Sequence[Unit]]) -> list[PublishedFile]:
            return self._write_part(task[0], task[1], progress)

        for files in run_in_order(write, enumerate(parts), threads):
            self.result.published.extend(files)
            for file in files:
                self._harden(file)
        progress.finish_stage()
        require_rates(self.result.missing_rates, self._context.law)
        return self.result

    def _harden(self, file: PublishedFile) -> None:
        """Let storage sync a finished part while the run goes on."""
        if self._staging is not None:
            self._staging.harden(file)

    def _settle_shared_documents(self, threads: int, progress: Progress) -> SharedDocuments:
        """Choose the item that bears the compensation of each document that units share."""
        shared = SharedDocuments(self._keys.shared_documents, np.empty(0, np.int64))
        units = [unit for unit in self._source.units if self._keys.units_with_shared[unit.number]]
        progress.start_stage("documents", sum(unit.row_count for unit in units))

        def probe(unit: Unit) -> pa.Table:
            with naming_row(self._source, unit, "item_id", unit.first_ordinal):
                found = probe_unit(
                    self._read(unit),
                    self._neighbours(unit, shared),
                    self._extract_day,
                    self._context,
                )
            progress.advance(unit.row_count)
            return found

        probed = pa.concat_tables(run_in_order(probe, units, threads))
        progress.finish_stage()
        everyone = np.arange(probed.num_rows)
        item_id = probed.column("item_id").combine_chunks()
        rows = first_of_documents(candidates_of(probed), everyone, item_id)
        winners = probed.column("ordinal").to_numpy()[rows]
        return SharedDocuments(shared.keys, np.sort(winners))

    def _read(self, unit: Unit) -> pa.Table:
        """Read a unit; carried columns are there and of one type whatever its file has."""
        return with_carried(self._source.read(unit, self._columns), self._carried)

    def _neighbours(self, unit: Unit, shared: SharedDocuments) -> Neighbours:
        """Gather what a unit must know of rows outside it."""
        copies, conflicts = self._duplicates.of_unit(unit)
        records = self._keys.routed.read(unit.number)
        return Neighbours(unit.first_ordinal, by_item(records), copies, conflicts, shared)

    def _write_part(
        self, number: int, units: Sequence[Unit], progress: Progress
    ) -> list[PublishedFile]:
        """Compute some consecutive units and write their rows into one part of each table."""
        writers: dict[str, Any] = {}
        for unit in units:
            with naming_row(self._source, unit, "item_id", unit.first_ordinal):
                result = compute_unit(
                    self._read(unit),
                    self._neighbours(unit, self._shared),
                    UnitOptions(self._extract_day, self._chunk_rows),
                    self._context,
                )
            self._collect(unit, result)
            for name, table in (
                ("items", result.published),
                ("interest_periods", result.periods),
                ("interest_statement", result.statement),
            ):
                if table is not None and self._staging is not None:
                    if name not in writers:
                        path = self._staging.table_directory(name) / part_name(number)
                        writers[name] = open_part(path, table.schema)
                    writers[name].write(table)
            progress.advance(unit.row_count)
        return [writer.close() for writer in writers.values()]

    def _collect(self, unit: Unit, result: UnitResult) -> None:
        """Combine a unit's sums with those of the others, and quarantine its bad rows."""
        self._quarantine.add_faults(self._source, unit, result.faults)
        for reason, rows in result.kept.items():
            causes = [(_KEPT_COLUMN[reason], reason)] * len(rows)
            self._quarantine.add_rows(self._source, unit, rows, causes, kept=True)
        with self._lock:
            self.result.lines.merge(result.lines)
            self.result.cells.merge(result.cells)
            self.result.totals.merge(result.totals)
            self.result.missing_rates.update(result.missing_rates)
            if result.order_payments.num_rows:
                self.result.order_payments.append(result.order_payments)
            for refused in result.allocation_faults:
                self.result.refused_ordinals.append(refused.ordinal)
                self.result.refused_causes.extend(
                    (column, REASONS[reason])
                    for column, reason in zip(refused.column, refused.reason.tolist(), strict=True)
                )
