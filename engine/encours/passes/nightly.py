"""The nightly run from end to end: read, check, age, expose, accrue, control, publish."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.calc.cover_pools import insured_customers
from encours.controls import checks
from encours.erp.hold_files import FileHead
from encours.erp.templates import chosen_adapters
from encours.kernels._jit import kernel_cache_directory
from encours.ledger.duplicates import resolve_duplicates
from encours.ledger.findings import RunNotice
from encours.ledger.quarantine import Quarantine
from encours.ledger.sources import AppliedLayout, Ledger, describe_layouts, open_ledger
from encours.passes.commitments_pass import sum_commitments
from encours.passes.compilation import has_no_kernels
from encours.passes.cover_pass import open_cover
from encours.passes.credit_steps import CreditResult, Positioned, credit_steps, positioned
from encours.passes.erp_files import (
    Chain,
    Night,
    Telling,
    decide_telling,
    place_in_chain,
    rows_read,
    write_telling,
)
from encours.passes.keys_pass import Keys, KeysPass
from encours.passes.memory import give_memory_back
from encours.passes.order_pass import OrderBook, open_book, room_of, write_order_decisions
from encours.passes.preparation import STREAMED, Preparation, build_context, read_master
from encours.passes.progress import Progress, Silent
from encours.passes.rows_pass import RowsPass, RowsResult
from encours.passes.run_checks import (
    RowCounts,
    gather_controls,
    notices_of_run,
    notices_of_tie_out,
    require_few_rejected,
    row_counts,
)
from encours.passes.scenario import altered, payment_delays
from encours.passes.summary_facts import manifest_facts
from encours.passes.table_files import write_pieces, write_tables
from encours.passes.workers import side_by_side
from encours.publish import commit as publication
from encours.publish import manifest as manifests
from encours.publish.earlier import EarlierRun, find_earlier_run
from encours.publish.parquet import part_name, write_small_table
from encours.publish.staging import Staging
from encours_schemas.errors import EncoursError, InputRefused
from encours_schemas.reasons import Reason
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from encours.calc.context import RunContext
    from encours.calc.exposure import Committed
    from encours.publish.files import PublishedFile
    from encours.publish.manifest import Manifest
    from encours_schemas.configuration import Configuration
    from encours_schemas.scenario import Scenario

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class RunResult:
    """What a run left: its id, its published directory, its manifest.

    already_published  the same run stood there before; nothing was written
    """

    run_id: str
    directory: Path
    manifest: Manifest
    already_published: bool


@dataclass(frozen=True)
class ValidationResult:
    """What the checks alone found.

    rows        per table: rows read, accepted, quarantined, kept with a warning
    reasons     per table: rows by reason
    quarantine  where the rows are, None when there are none
    """

    run_id: str
    rows: dict[str, dict[str, int]]
    reasons: dict[str, dict[str, int]]
    quarantine: Path | None


@dataclass
class _Clock:
    """Wall seconds per stage; they decide nothing and stand outside every digest."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure one stage."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - started, 3)


@dataclass(frozen=True)
class RunOptions:
    """What the caller chose besides the configuration."""

    threads: int
    revise: bool = False
    require_tie_out: bool = False
    extract_date: date | None = None
    chunk_rows: int | None = None
    approve_first: bool = False
    without_memory: bool = False
    scenario: Scenario | None = None
    memory_of: Path | None = None


class _Decided(NamedTuple):
    """What is left of a run once all is worked out: what is written, and what the manifest says.

    tables  small tables by name, let go of as they are written
    others  write tables that come in pieces
    """

    counts: RowCounts
    controls: list[checks.Control]
    tables: dict[str, pa.Table]
    telling: Telling
    others: Sequence[Callable[[], PublishedFile]]
    notices: list[RunNotice]


class NightlyRun:
    """One run for one as-of date; one use."""

    def __init__(
        self,
        ledger: Path | str,
        as_of: date,
        configuration: Configuration,
        options: RunOptions,
        progress: Progress | None = None,
    ) -> None:
        """Remember what to do; nothing is read before `publish` or `validate`."""
        self._directory, self._as_of = ledger, as_of
        self._configuration, self._options = configuration, options
        self._progress = progress or Silent()
        self._clock = _Clock()
        self._quarantine = Quarantine()
        self._as_of_day = (as_of - EPOCH).days
        self._extract_day = ((options.extract_date or as_of) - EPOCH).days
        self._warnings: list[dict[str, object]] = []
        self._layouts: tuple[AppliedLayout, ...] = ()
        self._earlier: EarlierRun | None = None

    def publish(self, out: Path) -> RunResult:
        """Compute and publish; on any exception nothing is published and the last run stays."""
        chosen_adapters(self._configuration.erp)  # a wrong name is told now, not after the night
        self._announce_compilation()
        with Staging(out, self._as_of, revise=self._options.revise) as staging:
            ledger = self._open(staging)
            previous = self._remember(staging.output)
            run_id, chain = self._identify(ledger, staging.output, previous)
            known = publication.already_published(
                staging.output, self._as_of, run_id, revise=self._options.revise
            )
            if known is not None:
                self._progress.note("run.already_published", run_id=run_id)
                return RunResult(
                    run_id, known.directory, manifests.read_manifest(known.directory), True
                )
            with self._refusing(staging, run_id):
                manifest = self._compute(ledger, staging, run_id, previous, chain)
            with self._clock.stage("commit"):
                self._progress.start_stage("publish", None)
                published = publication.commit(staging, manifest, revise=self._options.revise)
                self._progress.finish_stage()
            return RunResult(run_id, published.directory, manifest, published.already)

    def validate(self, out: Path) -> ValidationResult:
        """Run the checks alone; the quarantine goes to `<out>/.encours/rejected/<run id>`."""
        self._announce_compilation()
        with Staging(out, self._as_of) as staging:
            ledger = self._open(staging)
            run_id = self._run_id(ledger, None, None)
            preparation, _, rows = self._passes(ledger, staging, None)
            self._commitments(ledger, preparation.context, rows)
            counts = row_counts(ledger, rows.totals, self._quarantine)
            where = self._keep_quarantine(staging, run_id)
            reasons = {table: self._quarantine.counts(table) for table in self._quarantine.tables}
            ledger.verify_unchanged()
            self._require_few_rejected(counts)
            return ValidationResult(run_id, counts, reasons, where)

    def _remember(self, output: Path) -> Manifest | None:
        """Find the latest earlier run, whose breaches this one remembers, and give its manifest.

        Raises InputRefused (65) where it cannot be read, unless the caller goes on without memory.
        """
        try:
            self._earlier = find_earlier_run(self._options.memory_of or output, self._as_of)
        except InputRefused:
            if not self._options.without_memory:
                raise
            text = "the earlier run cannot be read: every breach is new, no hold is kept"
            self._warn(RunNotice(RunWarning.MEMORY_LOST, text))
        return None if self._earlier is None else self._earlier.manifest

    def _announce_compilation(self) -> None:
        """Say that the first run waits for the compiler."""
        if has_no_kernels():
            self._progress.note("kernels.compiling", cache=str(kernel_cache_directory()))

    def _open(self, staging: Staging) -> Ledger:
        """Find, hash and stage the input."""
        with self._clock.stage("open"):
            self._progress.start_stage("open", None)
            ledger = open_ledger(
                self._directory,
                self._configuration,
                staging.spill,
                self._options.threads,
            )
            self._progress.finish_stage()
        self._layouts = ledger.layouts
        for notice in ledger.warnings:
            self._warn(notice)
        for name in STREAMED:
            if name in ledger.tables:
                self._quarantine.add_findings(ledger.tables[name].rejected)
        return ledger

    def _warn(self, notice: RunNotice) -> None:
        """Tell a warning and keep it for the manifest."""
        told: dict[str, Any] = {
            "code": notice.code.value,
            "count": notice.count,
            "message": notice.message,
        }
        self._warnings.append(told)
        self._progress.note("run.warning", **told)

    def _commitments(
        self,
        ledger: Ledger,
        context: RunContext,
        rows: RowsResult,
        orders: OrderBook | None = None,
    ) -> Committed:
        """Add the commitments up, and park the orders."""
        threads = self._options.threads
        return sum_commitments(
            ledger, context, rows, self._quarantine, threads, self._progress, orders
        )

    def _require_few_rejected(self, counts: RowCounts) -> None:
        """Refuse the run (65) when a table lost more rows than configured."""
        require_few_rejected(counts, self._quarantine, self._configuration.input.max_rejected)

    def _identify(
        self, ledger: Ledger, output: Path, previous: Manifest | None
    ) -> tuple[str, Chain]:
        """Give the run's id and its place in the chain of hold files."""
        return place_in_chain(
            output,
            self._as_of,
            lambda follows: self._run_id(ledger, previous, follows),
            approve_first=self._options.approve_first,
            without_memory=self._options.without_memory,
        )

    def _run_id(self, ledger: Ledger, previous: Manifest | None, follows: str | None) -> str:
        """Derive the run's id from what decides its figures (TABLES 2, manifest)."""
        return manifests.make_run_id(
            as_of=self._as_of,
            inputs=self._inputs(ledger),
            configuration=self._decisive_configuration(),
            previous_run=None if previous is None else str(previous["run_id"]),
            follows=follows,
        )

    def _decisive_configuration(self) -> dict[str, Any]:
        """Give the configuration and the options that decide figures, as plain values."""
        chosen: dict[str, Any] = self._configuration.model_dump(mode="json")
        describe_layouts(chosen, self._layouts)
        if self._options.extract_date is not None:
            chosen["extract_date"] = self._options.extract_date.isoformat()
        if self._options.scenario is not None:
            chosen["scenario"] = self._options.scenario.model_dump(mode="json")
        return chosen

    @staticmethod
    def _inputs(ledger: Ledger) -> list[dict[str, object]]:
        """List the input files."""
        return [
            {
                "table": file.table,
                "file": file.relative,
                "size": file.size,
                "rows": file.rows,
                "sha256": file.sha256,
            }
            for file in ledger.files
        ]

    @contextmanager
    def _refusing(self, staging: Staging, run_id: str) -> Iterator[None]:
        """Keep the quarantine of a run that does not get through."""
        try:
            yield
        except EncoursError:
            self._keep_quarantine(staging, run_id)
            raise

    def _keep_quarantine(self, staging: Staging, run_id: str) -> Path | None:
        """Write the quarantine outside any published run; None when it is empty."""
        table = self._quarantine.table()
        if not table.num_rows:
            return None
        folder = staging.table_directory("quarantine")
        path = folder / part_name(0)
        if not path.exists():
            write_small_table(path, table)
        where = publication.publish_rejected(staging, run_id, folder)
        self._progress.note("quarantine.kept", path=str(where), rows=table.num_rows)
        return where

    def _compute(
        self,
        ledger: Ledger,
        staging: Staging,
        run_id: str,
        previous: Manifest | None,
        chain: Chain,
    ) -> Manifest:
        """Compute every table, check the controls, and give the manifest."""
        preparation, keys, rows = self._passes(ledger, staging, staging)
        context = preparation.context
        with self._clock.stage("accounts"):
            decided = self._decide(ledger, staging, preparation, rows, run_id, previous, chain)
            give_memory_back()
            names, tied = frozenset(decided.tables), decided.tables.get("tie_out")
            published, erp = self._write(staging, decided, rows, context, run_id, chain)
        ledger.verify_unchanged()
        for notice in (
            *notices_of_run(keys, rows.totals),
            *notices_of_tie_out(tied, required=self._options.require_tie_out),
            *decided.notices,
        ):
            self._warn(notice)
        facts = manifest_facts(
            context, rows.totals, decided.controls, self._quarantine, names, published
        )
        return manifests.build_manifest(
            {
                **facts,
                "run_id": run_id,
                "as_of": self._as_of,
                "configuration": self._decisive_configuration(),
                "inputs": self._inputs(ledger),
                "rows": decided.counts,
                **({"layouts": [one.facts() for one in self._layouts]} if self._layouts else {}),
                "outputs": published,
                "warnings": self._warnings,
                "previous_run": None if previous is None else previous["run_id"],
                "erp": erp,
                "timing": self._timing(),
            }
        )

    def _write(
        self,
        staging: Staging,
        decided: _Decided,
        rows: RowsResult,
        context: RunContext,
        run_id: str,
        chain: Chain,
    ) -> tuple[list[PublishedFile], dict[str, Any]]:
        """Write the tables and the files for the ERP; give all files, and what the ERP is told."""
        threads = self._options.threads

        def tabulate() -> list[PublishedFile]:
            others = decided.others
            return write_tables(staging, decided.tables, rows, context, threads, others)

        def tell() -> tuple[list[PublishedFile], dict[str, Any]]:
            head, counts = self._file_head(run_id), rows_read(decided.counts)
            erp = self._configuration.erp
            return write_telling(staging, decided.telling, head, counts, chain, erp)

        tables, (told, erp) = side_by_side(tabulate, tell, threads)
        return [*tables, *told], erp

    def _decide(
        self,
        ledger: Ledger,
        staging: Staging,
        preparation: Preparation,
        rows: RowsResult,
        run_id: str,
        previous: Manifest | None,
        chain: Chain,
    ) -> _Decided:
        """Work everything out that follows the rows, and check it; what is written stays alone."""
        context = preparation.context
        orders = open_book(ledger.tables.get("commitments"), staging.spill, context)
        threads = self._options.threads

        def settle() -> None:
            rows.settle_late(threads)

        def commit() -> Positioned:
            committed = self._commitments(ledger, context, rows, orders)
            return positioned(committed, rows, preparation)

        _, sums = side_by_side(settle, commit, threads)
        give_memory_back()
        credit = credit_steps(preparation, rows, sums, self._earlier, threads)
        counts = row_counts(ledger, rows.totals, self._quarantine)
        self._require_few_rejected(counts)
        controls = gather_controls(counts, rows, credit, context)
        checks.require(controls)
        rows.let_go()
        tables = credit.tables
        tables["quarantine"] = self._quarantine.table()
        night = self._night(run_id, credit, preparation, counts, previous)
        telling = decide_telling(night, chain, self._configuration.erp)
        tables.update(telling.tables)
        room, breaches = room_of(credit), credit.rules.rows
        accounts = credit.accounts.without_sums()
        others = (
            lambda: write_order_decisions(staging, orders, room, accounts, context, threads),
            lambda: write_pieces(staging, "breaches", breaches.pieces()),
        )
        notices = [*credit.notices, *telling.notices]
        return _Decided(counts, controls, tables, telling, others, notices)

    def _file_head(self, run_id: str) -> FileHead:
        """Give what every file for the ERP says of its run."""
        return FileHead(run_id, self._as_of, self._configuration.reporting.currency)

    def _night(
        self,
        run_id: str,
        credit: CreditResult,
        preparation: Preparation,
        counts: RowCounts,
        previous: Manifest | None,
    ) -> Night:
        """Gather what the hold files are made of."""
        accounts = credit.tables["credit_accounts"]
        return Night(
            head=self._file_head(run_id),
            accounts=accounts,
            account_code=credit.accounts.account_code,
            reasons=credit.rules.holds.reasons_text(),
            customers=preparation.context.master.customers,
            erp_holds=preparation.erp_holds,
            rows_read=rows_read(counts),
            earlier_rows=[] if previous is None else [rows_read(previous["rows"])],
        )

    def _passes(
        self, ledger: Ledger, staging: Staging, target: Staging | None
    ) -> tuple[Preparation, Keys, RowsResult]:
        """Read master data, then keys, then rows."""
        threads = self._options.threads
        with self._clock.stage("master"):
            master = read_master(ledger, self._configuration, self._quarantine, threads)
            if self._options.scenario is not None:
                master = altered(master, self._options.scenario, self._as_of_day)
        with self._clock.stage("keys"):
            items = ledger.tables["open_items"]
            allocations = ledger.tables.get("allocations")
            keys_pass = KeysPass(
                items,
                allocations,
                master.customer_index,
                self._quarantine,
                staging.spill,
                threads,
                self._earlier if self._configuration.rules.due_date_moved.enabled else None,
                insured_customers(master.limits, master.customers),
            )
            keys = keys_pass.run(self._as_of_day, self._progress)
            if allocations is not None:
                causes = [("item_id", Reason.UNKNOWN_ITEM)] * len(keys.unknown_items)
                self._quarantine.add_ordinals(allocations, keys.unknown_items, causes)
            duplicates = resolve_duplicates(items, keys.twins)
            give_memory_back()
        preparation = build_context(ledger, master, keys, self._as_of_day, self._configuration)
        if self._earlier is not None:
            earlier_day = (self._earlier.as_of - EPOCH).days
            context = replace(preparation.context, previous_day=earlier_day)
            preparation = replace(preparation, context=context)
        if self._options.scenario is not None:
            delays = payment_delays(self._options.scenario, preparation.context.master.customers)
            context = replace(preparation.context, payment_delay_days=delays)
            preparation = replace(preparation, context=context)
        with self._clock.stage("rows"):
            cover = open_cover(ledger, preparation, staging.spill)
            rows = RowsPass(
                items,
                keys,
                duplicates,
                self._extract_day,
                self._options.chunk_rows,
                preparation.context,
                self._quarantine,
                target,
                cover,
            ).run(threads, self._progress)
            rows.has_allocations = allocations is not None
            if allocations is not None and rows.refused_ordinals:
                ordinals = np.concatenate(rows.refused_ordinals)
                self._quarantine.add_ordinals(allocations, ordinals, rows.refused_causes)
            keys.close()
            give_memory_back()
        return preparation, keys, rows

    def _timing(self) -> dict[str, object]:
        """Give wall seconds, peak memory and where the ledger lay: none of it decides anything."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        where = self._directory
        located = where if isinstance(where, str) else where.resolve()
        return {
            "wall_seconds": dict(self._clock.seconds),
            "peak_memory_bytes": peak,
            "threads": self._options.threads,
            "ledger": os.fsencode(located).decode(errors="backslashreplace"),
        }


def default_threads() -> int:
    """Give the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))
