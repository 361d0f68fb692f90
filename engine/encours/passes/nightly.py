"""The nightly run from end to end: read, check, age, expose, accrue, control, publish."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.calc import accounts as account_tables
from encours.calc.context import RunContext
from encours.calc.exposure import (
    POSITION_SUMS,
    CommitmentSums,
    Positions,
    build_positions,
    collect_order_payments,
)
from encours.calc.sums import KeyedSums
from encours.calc.tie_out import tie_out
from encours.controls import checks
from encours.controls.checks import Control
from encours.kernels._jit import kernel_cache_directory
from encours.ledger.commitments import Commitments, resolve_commitments
from encours.ledger.duplicates import Duplicates, resolve_duplicates, twins_in_memory
from encours.ledger.quarantine import Quarantine
from encours.ledger.sources import Ledger, Unit, open_ledger
from encours.passes.keys_pass import Keys, KeysPass
from encours.passes.naming import naming_row
from encours.passes.preparation import STREAMED, Preparation, build_context, read_master
from encours.passes.progress import Progress, Silent
from encours.passes.rows_pass import RowsPass, RowsResult
from encours.passes.summary_facts import manifest_facts
from encours.passes.workers import run_in_order
from encours.publish import commit as publication
from encours.publish import manifest as manifests
from encours.publish.parquet import open_part, part_name, write_small_table
from encours.publish.runs import latest_before
from encours.publish.staging import Staging
from encours_schemas import OUTPUT_TABLES
from encours_schemas.errors import ControlFailed, EncoursError, InputRefused
from encours_schemas.reasons import Reason
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from encours.publish.files import PublishedFile
    from encours.publish.manifest import Manifest
    from encours_schemas.configuration import Configuration

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


class NightlyRun:
    """One run for one as-of date; one use."""

    def __init__(
        self,
        ledger: Path,
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

    def publish(self, out: Path) -> RunResult:
        """Compute and publish; on any exception nothing is published and the last run stays."""
        self._announce_compilation()
        with Staging(out, self._as_of, revise=self._options.revise) as staging:
            ledger = self._open(staging)
            previous = latest_before(staging.output, self._as_of)
            run_id = self._run_id(ledger, previous)
            known = publication.already_published(
                staging.output, self._as_of, run_id, revise=self._options.revise
            )
            if known is not None:
                self._progress.note("run.already_published", run_id=run_id)
                return RunResult(
                    run_id, known.directory, manifests.read_manifest(known.directory), True
                )
            with self._refusing(staging, run_id):
                manifest = self._compute(ledger, staging, run_id, previous)
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
            run_id = self._run_id(ledger, None)
            preparation, _, rows = self._passes(ledger, staging, None)
            self._commitments(ledger, preparation.context, rows)
            counts = self._row_counts(ledger, rows)
            where = self._keep_quarantine(staging, run_id)
            reasons = {table: self._quarantine.counts(table) for table in self._quarantine.tables}
            ledger.verify_unchanged()
            self._require_few_rejected(counts)
            return ValidationResult(run_id, counts, reasons, where)

    def _announce_compilation(self) -> None:
        """Say that the first run waits for the compiler."""
        directory = kernel_cache_directory()
        if not directory.is_dir() or not any(directory.rglob("*.nbc")):
            self._progress.note("kernels.compiling", cache=str(directory))

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
        for notice in ledger.warnings:
            self._warn(notice.code, notice.message, notice.count)
        for name in STREAMED:
            if name in ledger.tables:
                self._quarantine.add_findings(ledger.tables[name].rejected)
        return ledger

    def _warn(self, code: RunWarning, message: str, count: int = 1) -> None:
        """Tell a warning and keep it for the manifest."""
        self._warnings.append({"code": code.value, "count": count, "message": message})
        self._progress.note("run.warning", code=code.value, count=count, message=message)

    def _run_id(self, ledger: Ledger, previous: Manifest | None) -> str:
        """Derive the run's id from what decides its figures (TABLES 2, manifest)."""
        return manifests.make_run_id(
            as_of=self._as_of,
            inputs=self._inputs(ledger),
            configuration=self._decisive_configuration(),
            previous_run=None if previous is None else str(previous["run_id"]),
        )

    def _decisive_configuration(self) -> dict[str, Any]:
        """Give the configuration and the options that decide figures, as plain values."""
        chosen: dict[str, Any] = self._configuration.model_dump(mode="json")
        if self._options.extract_date is not None:
            chosen["extract_date"] = self._options.extract_date.isoformat()
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
        self, ledger: Ledger, staging: Staging, run_id: str, previous: Manifest | None
    ) -> Manifest:
        """Compute every table, check the controls, and give the manifest."""
        preparation, keys, rows = self._passes(ledger, staging, staging)
        context = preparation.context
        with self._clock.stage("accounts"):
            committed = self._commitments(ledger, context, rows)
            positions = build_positions(rows.lines, committed, context)
            tables = self._tables(positions, preparation, rows, context)
            counts = self._row_counts(ledger, rows)
            self._require_few_rejected(counts)
            controls = self._controls(counts, rows, committed, positions, tables, context)
            checks.require(controls)
            published = self._write(staging, tables, rows, context)
        ledger.verify_unchanged()
        self._run_warnings(keys, rows, tables)
        facts = manifest_facts(context, rows.totals, controls, self._quarantine, tables, published)
        return manifests.build_manifest(
            {
                **facts,
                "run_id": run_id,
                "as_of": self._as_of,
                "configuration": self._decisive_configuration(),
                "inputs": self._inputs(ledger),
                "rows": counts,
                "outputs": published,
                "warnings": self._warnings,
                "previous_run": None if previous is None else previous["run_id"],
                "timing": self._timing(),
            }
        )

    def _passes(
        self, ledger: Ledger, staging: Staging, target: Staging | None
    ) -> tuple[Preparation, Keys, RowsResult]:
        """Read master data, then keys, then rows."""
        threads = self._options.threads
        with self._clock.stage("master"):
            master = read_master(ledger, self._configuration, self._quarantine, threads)
        with self._clock.stage("keys"):
            items = ledger.tables["open_items"]
            allocations = ledger.tables.get("allocations")
            keys_pass = KeysPass(
                items, allocations, master.customer_index, self._quarantine, staging.spill, threads
            )
            keys = keys_pass.run(self._as_of_day, self._progress)
            if allocations is not None:
                causes = [("item_id", Reason.UNKNOWN_ITEM)] * len(keys.unknown_items)
                self._quarantine.add_ordinals(allocations, keys.unknown_items, causes)
            duplicates = resolve_duplicates(items, keys.twins)
        preparation = build_context(ledger, master, keys, self._as_of_day, self._configuration)
        with self._clock.stage("rows"):
            rows = RowsPass(
                items,
                keys,
                duplicates,
                self._extract_day,
                self._options.chunk_rows,
                preparation.context,
                self._quarantine,
                target,
            ).run(threads, self._progress)
            if allocations is not None and rows.refused_ordinals:
                ordinals = np.concatenate(rows.refused_ordinals)
                self._quarantine.add_ordinals(allocations, ordinals, rows.refused_causes)
            keys.routed.close()
        return preparation, keys, rows

    def _commitments(self, ledger: Ledger, context: RunContext, rows: RowsResult) -> KeyedSums:
        """Add the commitments up."""
        source = ledger.tables.get("commitments")
        if source is None:
            return KeyedSums(len(POSITION_SUMS))
        self._progress.start_stage("commitments", source.row_count)
        empty = pa.table(
            {
                "order_id": pa.array([], pa.string()),
                "customer_code": pa.array([], pa.int32()),
                "company_code": pa.array([], pa.int32()),
                "open_rc": pa.array([], pa.int64()),
            }
        )
        payments = collect_order_payments(pa.concat_tables([empty, *rows.order_payments]), context)
        duplicates: Duplicates = resolve_duplicates(
            source, twins_in_memory(source, "commitment_id")
        )
        sums = CommitmentSums(payments, context)
        accepted = 0

        def resolve(unit: Unit) -> Commitments:
            data = source.read(unit, source.columns)
            found = duplicates.of_unit(unit)
            commitments = resolve_commitments(data, context.master, context.as_of_day, *found)
            self._quarantine.add_faults(source, unit, commitments.faults)
            self._progress.advance(unit.row_count)
            return commitments

        resolved = run_in_order(resolve, source.units, self._options.threads)
        for unit, commitments in zip(source.units, resolved, strict=True):
            accepted += int((~commitments.faults.bad).sum())
            with naming_row(source, unit, "commitment_id"):
                sums.add(commitments)
        rows.totals.count("accepted_commitments", accepted)
        self._progress.finish_stage()
        return sums.finish()

    def _tables(
        self,
        positions: Positions,
        preparation: Preparation,
        rows: RowsResult,
        context: RunContext,
    ) -> dict[str, pa.Table]:
        """Give the small published tables."""
        tables = {
            "credit_accounts": account_tables.credit_accounts(
                positions, preparation.limits, context
            ),
            "groups": account_tables.groups(positions, preparation.limits, context),
            "ageing": account_tables.ageing(rows.cells, context),
        }
        if preparation.balances is not None:
            tables["tie_out"] = tie_out(preparation.balances, rows.lines, context)
        return tables

    def _row_counts(self, ledger: Ledger, rows: RowsResult) -> dict[str, dict[str, int]]:
        """Count rows read, accepted, quarantined and kept per table."""
        counts = {}
        accepted = {
            "open_items": rows.totals.counts.get("accepted", 0),
            "commitments": rows.totals.counts.get("accepted_commitments", 0),
        }
        for name, source in ledger.tables.items():
            read = sum(source.rows_counted.values())
            lost = self._quarantine.rejected(name)
            counts[name] = {
                "read": read,
                "accepted": accepted.get(name, read - lost),
                "quarantined": lost,
                "kept": self._quarantine.kept(name),
            }
        return counts

    def _require_few_rejected(self, counts: dict[str, dict[str, int]]) -> None:
        """Refuse the run (65) when a table lost more rows than configured."""
        most = self._configuration.input.max_rejected
        for table, count in counts.items():
            lost = self._quarantine.rejected(table, with_cascades=False)
            if lost and lost > most * count["read"]:
                raise InputRefused(
                    what=f"too many bad rows in table {table}",
                    where=f"{lost} of {count['read']} rows",
                    found=", ".join(
                        f"{reason} {number}"
                        for reason, number in self._quarantine.counts(table).items()
                    ),
                    expected=f"at most {most} of the rows ([input] max_rejected)",
                    cure="see the quarantine, correct the extract, or raise max_rejected",
                )

    def _controls(
        self,
        counts: dict[str, dict[str, int]],
        rows: RowsResult,
        committed: KeyedSums,
        positions: Positions,
        tables: dict[str, pa.Table],
        context: RunContext,
    ) -> list[Control]:
        """Gather every equation of the run."""
        return [
            *checks.row_controls(
                {name: count["read"] for name, count in counts.items()},
                {name: count["accepted"] for name, count in counts.items()},
                {name: count["quarantined"] for name, count in counts.items()},
            ),
            *checks.money_controls(rows.totals),
            *checks.published_controls(
                rows.totals,
                sum(file.rows or 0 for file in rows.published if file.table == "items"),
            ),
            *checks.ageing_controls(rows.totals, rows.lines, tables["ageing"]),
            *checks.exposure_controls(rows.lines, committed, positions, tables["credit_accounts"]),
            *checks.group_controls(positions, tables["groups"], context),
        ]

    def _write(
        self,
        staging: Staging,
        tables: dict[str, pa.Table],
        rows: RowsResult,
        context: RunContext,
    ) -> list[PublishedFile]:
        """Write the small tables and the quarantine; give every published file."""
        published = list(rows.published)
        tables["quarantine"] = self._quarantine.table()

        def write(name: str) -> PublishedFile:
            path = staging.table_directory(name) / part_name(0)
            return write_small_table(path, tables[name], OUTPUT_TABLES[name].key)

        published.extend(run_in_order(write, tables, self._options.threads))
        chosen = context.configuration.interest
        wanted = ["items", *["interest_periods"] * chosen.periods]
        wanted += ["interest_statement"] * chosen.statement
        for name in wanted:
            if not any(file.table == name for file in rows.published):
                path = staging.table_directory(name) / part_name(0)
                schema = OUTPUT_TABLES[name].arrow_schema()
                for field in rows.carried if name == "items" else ():
                    schema = schema.append(field)
                with open_part(path, schema) as part:
                    published.append(part.close())
        return published

    def _run_warnings(self, keys: Keys, rows: RowsResult, tables: dict[str, pa.Table]) -> None:
        """Tell what a reader of the run should know."""
        counts = rows.totals.counts
        found = (
            (
                RunWarning.CLEARING_UNBALANCED,
                keys.unbalanced_clearings,
                "clearings whose legs do not add up to zero",
            ),
            (
                RunWarning.SETTLED_DATE_UNKNOWN,
                counts.get("settled_date_unknown", 0),
                "items with nothing open and no allocation that says since when",
            ),
            (
                RunWarning.EMPTY_LEDGER,
                int(not counts.get("accepted", 0)),
                "the ledger has no open item: the published tables are empty",
            ),
        )
        for code, count, message in found:
            if count:
                self._warn(code, message, count)
        if "tie_out" in tables:
            differences = _count_nonzero(tables["tie_out"].column("difference"))
            if differences:
                self._warn(
                    RunWarning.TIE_OUT_DIFFERENCE,
                    "balances of the general ledger differ from the open items",
                    differences,
                )
            if differences and self._options.require_tie_out:
                raise ControlFailed(
                    what="the general ledger's balances differ from the open items",
                    where=f"{differences} rows of ledger_balances",
                    expected="no difference (--require-tie-out)",
                    cure="run without --require-tie-out and look at the table tie_out",
                )

    def _timing(self) -> dict[str, object]:
        """Give wall seconds, peak memory and where the ledger lay: none of it decides anything."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {
            "wall_seconds": dict(self._clock.seconds),
            "peak_memory_bytes": peak,
            "threads": self._options.threads,
            "ledger": os.fsencode(self._directory.resolve()).decode(errors="backslashreplace"),
        }


def _count_nonzero(column: pa.ChunkedArray) -> int:
    """Count the amounts of a column that are not zero."""
    return sum(1 for value in column.to_pylist() if value)


def default_threads() -> int:
    """Give the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))
