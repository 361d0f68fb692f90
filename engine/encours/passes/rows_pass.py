"""Second pass: every row once. Read, compute, encode and write, part by part, on all cores."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.calc.documents import NONE_SHARED, SharedDocuments, first_of_documents
from encours.calc.flows import FLOWS
from encours.calc.hit_sums import HitSums
from encours.calc.lines import CELL_SUMS, LINE_SUMS
from encours.calc.refusals import MissingRates, require_rates
from encours.calc.sums import CurrencyTotals, KeyedSums
from encours.ledger.allocations import by_item
from encours.ledger.carried import carried_schema, with_carried
from encours.ledger.checking import REASONS
from encours.ledger.decode import NO_DAY
from encours.ledger.items import OPEN_ITEMS
from encours.passes.cover_column import UncoveredItems, UncoveredPart
from encours.passes.cover_pass import CoverPass
from encours.passes.encode import schema_with_cover
from encours.passes.keys_pass import KEY_COLUMNS
from encours.passes.late_items import open_late_items
from encours.passes.naming import naming_row
from encours.passes.probe import ProbedUnit, candidates_of, columns_never_needed, probe_documents
from encours.passes.work_unit import Neighbours, UnitOptions, UnitResult, compute_unit
from encours.passes.workers import Ahead, run_in_order
from encours.publish.files import PublishedFile
from encours.publish.parquet import PartWriter, open_part, part_name
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from encours.calc.account_cover import CoverTotals
    from encours.calc.context import RunContext
    from encours.calc.cover_pools import Insurance
    from encours.ledger.duplicates import Duplicates
    from encours.ledger.quarantine import Quarantine
    from encours.ledger.sources import TableSource, Unit
    from encours.passes.keys_pass import Keys
    from encours.passes.late_items import LateItems, SettledLate
    from encours.passes.progress import Progress
    from encours.publish.staging import Staging

Array = np.ndarray[Any, np.dtype[Any]]

UNITS_PER_PART = 4
"""A part file holds the rows of so many consecutive units, whatever the number of threads."""

CHUNK_ROWS = 262_144
"""Rows of a unit that are decoded and measured at once, unless the caller says otherwise.

Two threads hand the interpreter to one another between columns: fewer, longer steps cost less than
columns that fit the processor's cache would gain.
"""

_KEPT_COLUMN = {
    Reason.DUE_BEFORE_DOCUMENT: "due_date",
    Reason.OPEN_AMOUNT_DIFFERS: "open_amount",
}


@dataclass
class RowsResult:
    """What the rows pass leaves for the rest of the run."""

    lines: KeyedSums = field(default_factory=lambda: KeyedSums(len(LINE_SUMS)))
    cells: KeyedSums = field(default_factory=lambda: KeyedSums(len(CELL_SUMS)))
    flows: KeyedSums = field(default_factory=lambda: KeyedSums(len(FLOWS)))
    has_allocations: bool = False
    totals: CurrencyTotals = field(default_factory=CurrencyTotals)
    order_payments: list[pa.Table] = field(default_factory=list)
    refused_ordinals: list[Array] = field(default_factory=list)
    refused_causes: list[tuple[str, Reason]] = field(default_factory=list)
    missing_rates: MissingRates = field(default_factory=Counter)
    published: list[PublishedFile] = field(default_factory=list)
    cover: CoverTotals | None = None
    published_cover: int = 0
    hits: HitSums = field(default_factory=HitSums)
    late_items: LateItems | None = None
    late: SettledLate | None = None
    uncovered: UncoveredItems | None = None
    carried: pa.Schema = field(default_factory=lambda: pa.schema([]))

    def finished(self, files: Iterable[PublishedFile], staging: Staging | None) -> None:
        """List finished files, and let storage sync them while the run goes on."""
        for file in files:
            self.published.append(file)
            if staging is not None:
                staging.harden(file)

    def settle_cover(self, staging: Staging, threads: int, progress: Progress) -> None:
        """Work out what insurance covers, once all rows and orders are there, and publish it."""
        uncovered, self.uncovered = self.uncovered, None
        if uncovered is None:
            return
        self.cover = uncovered.settle(self.late_items, self.hits, threads, progress)
        for file, covered in uncovered.finish(threads):
            self.published_cover += covered
            self.finished([file], staging)

    def settle_late(self, threads: int) -> None:
        """Settle the late items, once all rows are there; nothing where no rule looks at them."""
        if self.late_items is not None:
            self.late = self.late_items.settle(self.lines, threads)
            self.late_items = None

    def let_go_of_facts(self) -> None:
        """Free what was found about items of accounts: it has been laid out by account."""
        self.hits, self.late, self.cover = HitSums(), None, None

    def let_go(self) -> None:
        """Free what there is one of per account or line: all steps are done with it."""
        for sums in (self.lines, self.cells, self.flows):
            sums.clear()
        self.order_payments = []


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
        insurance: Ahead[Insurance] | None = None,
    ) -> None:
        """Take what the keys pass found. Without a staging nothing is written (`validate`)."""
        self._insurance = insurance
        self._source, self._keys, self._duplicates = source, keys, duplicates
        self._extract_day, self._context = extract_day, context
        self._chunk_rows = chunk_rows or CHUNK_ROWS
        self._quarantine, self._staging = quarantine, staging
        self._shared = NONE_SHARED
        self._late = (
            None
            if staging is None
            else open_late_items(
                staging.spill, context, source.row_count, stops_cover=insurance is not None
            )
        )
        self._lock = threading.Lock()
        known = (*OPEN_ITEMS.names, *context.configuration.carry)
        self._columns = [name for name in source.columns if name in known]
        self._carried = carried_schema(source, context.configuration.carry)
        self._uncovered: UncoveredItems | None = None
        if insurance is not None and staging is not None:
            cover = CoverPass(insurance, source, staging.spill, context)
            self._uncovered = UncoveredItems(cover, staging.spill)
        self.result = RowsResult(
            carried=self._carried, late_items=self._late, uncovered=self._uncovered
        )

    def run(self, threads: int, progress: Progress) -> RowsResult:
        """Settle what a unit cannot know alone, then compute and write every unit.

        Raises RateMissing when items need a rate that is not known, once all are counted.
        """
        if len(self._keys.shared_documents):
            self._shared = self._probe_units(threads, progress)
        units = self._source.units
        progress.start_stage("items", self._source.row_count)
        parts = [units[at : at + UNITS_PER_PART] for at in range(0, len(units), UNITS_PER_PART)]

        def write(
            task: tuple[int, Sequence[Unit]],
        ) -> tuple[list[PublishedFile], UncoveredPart | None]:
            return self._write_part(task[0], task[1], progress)

        for files, uncovered in run_in_order(write, enumerate(parts), threads):
            self.result.finished(files, self._staging)
            if uncovered is not None and self._uncovered is not None:
                self._uncovered.parts.append(uncovered)
                if self._staging is not None:
                    self._staging.begin_sync(uncovered.writer.path)
        progress.finish_stage()
        require_rates(self.result.missing_rates, self._context.law)
        for sums in (self.result.lines, self.result.cells, self.result.flows):
            sums.trim()
        return self.result

    def _probe_units(self, threads: int, progress: Progress) -> SharedDocuments:
        """Choose the bearer of each document that units share."""
        shared = SharedDocuments(self._keys.shared_documents, np.empty(0, np.int64))
        units = [unit for unit in self._source.units if self._keys.units_with_shared[unit.number]]
        progress.start_stage("probe", sum(unit.row_count for unit in units))

        def probe(unit: Unit) -> pa.Table:
            with naming_row(self._source, unit, "item_id", unit.first_ordinal):
                found = self._probe_unit(unit, shared)
            progress.advance(unit.row_count)
            return found

        probed = pa.concat_tables(run_in_order(probe, units, threads))
        progress.finish_stage()
        everyone = np.arange(probed.num_rows)
        item_id = probed.column("item_id").combine_chunks()
        rows = first_of_documents(candidates_of(probed), everyone, item_id)
        winners = probed.column("ordinal").to_numpy()[rows]
        return SharedDocuments(shared.keys, np.sort(winners))

    def _probe_unit(self, unit: Unit, shared: SharedDocuments) -> pa.Table:
        """Decode what must be known of a unit before the others; read nothing without need."""
        codes = self._keys.customer_codes.of_unit(unit)
        left_out = columns_never_needed(knows_customers=codes is not None)
        names = [name for name in self._columns if name in OPEN_ITEMS.names]
        names = [name for name in names if name not in {*left_out, "order_id"}]
        data = self._source.read(unit, names, proven=KEY_COLUMNS)
        if codes is None:
            codes = self._context.master.customer_codes(data)
        records = self._keys.routed.read(unit.number)
        probed = ProbedUnit(unit, data, codes, records, *self._duplicates.of_unit(unit))
        return probe_documents(probed, shared, self._extract_day, self._context)

    def _read(self, unit: Unit, neighbours: Neighbours) -> pa.Table:
        """Read a unit; carried columns are there and of one type whatever its file has."""
        left_out = columns_never_needed(knows_customers=neighbours.customer_code is not None)
        wanted = [name for name in self._columns if name not in left_out]
        data = self._source.read(unit, wanted, proven=KEY_COLUMNS)
        return with_carried(data, self._carried)

    def _neighbours(self, unit: Unit, shared: SharedDocuments) -> Neighbours:
        """Gather what a unit must know of rows outside it."""
        copies, conflicts = self._duplicates.of_unit(unit)
        records = self._keys.routed.read(unit.number)
        ordered = by_item(records, unit.first_ordinal, unit.row_count)
        customers = self._keys.customer_codes.of_unit(unit)
        return Neighbours(
            unit.first_ordinal, ordered, copies, conflicts, shared, customer_code=customers
        )

    def _with_facts(self, unit: Unit, neighbours: Neighbours) -> Neighbours:
        """Add when the earlier run had a unit's items due."""
        if self._keys.earlier_due is None:
            return neighbours
        due_day = np.full(unit.row_count, NO_DAY, np.int32)
        earlier = self._keys.earlier_due.read(unit.number)
        due_day[earlier["ordinal"] - unit.first_ordinal] = earlier["due_day"]
        return replace(neighbours, earlier_due_day=due_day)

    def _write_part(
        self, number: int, units: Sequence[Unit], progress: Progress
    ) -> tuple[list[PublishedFile], UncoveredPart | None]:
        """Compute some consecutive units and write their rows into one part of each table.

        Give the files that are finished, and the part that lacks its cover, paused.
        """
        writers: dict[str, PartWriter] = {}
        row_counts = []
        for unit in units:
            for name, table in self._published(unit):
                if name == "items":
                    row_counts.append(table.num_rows)
                if name not in writers and self._staging is not None:
                    writers[name] = self._open_part(self._staging, name, number, table.schema)
                if name in writers:
                    writers[name].write(table)
                del table  # before the next unit is computed
            progress.advance(unit.row_count)
        uncovered = None
        if self._uncovered is not None:
            uncovered = UncoveredPart(writers.pop("items"), units, row_counts)
            uncovered.writer.pause()
        return [writer.close() for writer in writers.values()], uncovered

    def _open_part(self, staging: Staging, name: str, number: int, schema: pa.Schema) -> PartWriter:
        """Open a part of a table; where items are insured, their cover comes later."""
        path = staging.table_directory(name) / part_name(number)
        if name != "items" or self._uncovered is None:
            return open_part(path, schema)
        return open_part(path, schema_with_cover(schema), self._uncovered.later(number))

    def _published(self, unit: Unit) -> Iterator[tuple[str, pa.Table]]:
        """Compute a unit, keep what it adds to the run, and give its published tables by name."""
        with naming_row(self._source, unit, "item_id", unit.first_ordinal):
            neighbours = self._with_facts(unit, self._neighbours(unit, self._shared))
            result = compute_unit(
                self._read(unit, neighbours),
                neighbours,
                UnitOptions(self._extract_day, self._chunk_rows, self._insurance),
                self._context,
            )
        self._collect(unit, result)
        yield "items", result.published
        if result.periods is not None:
            yield "interest_periods", result.periods
        if result.statement is not None:
            yield "interest_statement", result.statement

    def _collect(self, unit: Unit, result: UnitResult) -> None:
        """Combine a unit's sums with those of the others, and quarantine its bad rows."""
        if self._late is not None:
            for late in result.late:
                self._late.add(late)
        if self._uncovered is not None:
            for insured in result.insured:
                self._uncovered.cover.add(insured)
        self._quarantine.add_faults(self._source, unit, result.faults)
        for reason, rows in result.kept.items():
            causes = [(_KEPT_COLUMN[reason], reason)] * len(rows)
            self._quarantine.add_rows(self._source, unit, rows, causes, kept=True)
        with self._lock:
            self.result.lines.merge(result.lines)
            self.result.cells.merge(result.cells)
            self.result.flows.merge(result.flows)
            self.result.totals.merge(result.totals)
            self.result.missing_rates.update(result.missing_rates)
            self.result.hits.add(result.hits)
            if result.order_payments.num_rows:
                self.result.order_payments.append(result.order_payments)
            for refused in result.allocation_faults:
                self.result.refused_ordinals.append(refused.ordinal)
                self.result.refused_causes.extend(
                    (column, REASONS[reason])
                    for column, reason in zip(refused.column, refused.reason.tolist(), strict=True)
                )
