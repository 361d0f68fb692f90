"""The nightly run from end to end: find the ledger, tell which run this is, compute, publish."""

from __future__ import annotations

import importlib
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encours.erp.templates import chosen_adapters
from encours.kernels._jit import kernel_cache_directory
from encours.ledger.findings import RunNotice
from encours.ledger.sources import STREAMED, AppliedLayout, Ledger, describe_layouts, open_ledger
from encours.passes.compilation import has_no_kernels
from encours.passes.erp_files import place_in_chain
from encours.passes.progress import Progress, Silent
from encours.passes.setting import Identity, RunOptions, Setting
from encours.publish import commit as publication
from encours.publish import manifest as manifests
from encours.publish.earlier import EarlierRun, find_earlier_run
from encours.publish.parquet import part_name, write_small_table
from encours.publish.staging import Staging
from encours_schemas.errors import EncoursError, InputRefused
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from encours.passes.computation import Computation
    from encours.publish.manifest import Manifest
    from encours_schemas.configuration import Configuration

_COMPUTATION = "encours.passes.computation"


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
        self._directory = ledger
        self._setting = Setting(as_of, configuration, options, progress or Silent())
        self._warnings: list[dict[str, object]] = []
        self._layouts: tuple[AppliedLayout, ...] = ()
        self._earlier: EarlierRun | None = None

    def publish(self, out: Path) -> RunResult:
        """Compute and publish; on any exception nothing is published and the last run stays."""
        setting, revise = self._setting, self._setting.options.revise
        chosen_adapters(setting.configuration.erp)  # a wrong name is told now, not after the night
        self._announce_compilation()
        with Staging(out, setting.as_of, revise=revise) as staging:
            ledger = self._open(staging)
            self._remember(staging.output)
            identity = self._identify(ledger, staging.output)
            run_id = identity.run_id
            known = publication.already_published(
                staging.output, setting.as_of, run_id, revise=revise
            )
            if known is not None:
                setting.progress.note("run.already_published", run_id=run_id)
                return RunResult(
                    run_id, known.directory, manifests.read_manifest(known.directory), True
                )
            with self._refusing(staging, run_id):
                manifest = self._compute(ledger, staging, identity)
            with setting.clock.stage("commit"):
                setting.progress.start_stage("publish", None)
                published = publication.commit(staging, manifest, revise=revise)
                setting.progress.finish_stage()
            return RunResult(run_id, published.directory, manifest, published.already)

    def validate(self, out: Path) -> ValidationResult:
        """Run the checks alone; the quarantine goes to `<out>/.encours/rejected/<run id>`."""
        self._announce_compilation()
        with Staging(out, self._setting.as_of) as staging:
            ledger = self._open(staging)
            run_id = self._run_id(ledger, None)
            computation = self._computation(ledger, staging)
            counts = computation.check()
            where = self._keep_quarantine(staging, run_id)
            quarantine = self._setting.quarantine
            reasons = {table: quarantine.counts(table) for table in quarantine.tables}
            ledger.verify_unchanged()
            computation.require_few_rejected(counts)
            return ValidationResult(run_id, counts, reasons, where)

    def _remember(self, output: Path) -> None:
        """Find the latest earlier run, whose breaches this one remembers.

        Raises InputRefused (65) where it cannot be read, unless the caller goes on without memory.
        """
        options = self._setting.options
        try:
            self._earlier = find_earlier_run(options.memory_of or output, self._setting.as_of)
        except InputRefused:
            if not options.without_memory:
                raise
            text = "the earlier run cannot be read: every breach is new, no hold is kept"
            self._warn(RunNotice(RunWarning.MEMORY_LOST, text))

    def _announce_compilation(self) -> None:
        """Say that the first run waits for the compiler."""
        if has_no_kernels():
            self._setting.progress.note("kernels.compiling", cache=str(kernel_cache_directory()))

    def _open(self, staging: Staging) -> Ledger:
        """Find, hash and stage the input."""
        setting = self._setting
        with setting.clock.stage("open"), _importing_ahead(_COMPUTATION):
            setting.progress.start_stage("open", None)
            ledger = open_ledger(
                self._directory, setting.configuration, staging.spill, setting.threads
            )
            setting.progress.finish_stage()
        self._layouts = ledger.layouts
        for notice in ledger.warnings:
            self._warn(notice)
        for name in STREAMED:
            if name in ledger.tables:
                setting.quarantine.add_findings(ledger.tables[name].rejected)
        return ledger

    def _warn(self, notice: RunNotice) -> None:
        """Tell a warning and keep it for the manifest."""
        told: dict[str, Any] = {
            "code": notice.code.value,
            "count": notice.count,
            "message": notice.message,
        }
        self._warnings.append(told)
        self._setting.progress.note("run.warning", **told)

    def _identify(self, ledger: Ledger, output: Path) -> Identity:
        """Give the run's id and its place in the chain of hold files."""
        options = self._setting.options
        place = place_in_chain(
            output,
            self._setting.as_of,
            lambda follows: self._run_id(ledger, follows),
            approve_first=options.approve_first,
            without_memory=options.without_memory,
        )
        return Identity(*place)

    def _run_id(self, ledger: Ledger, follows: str | None) -> str:
        """Derive the run's id from what decides its figures (TABLES 2, manifest)."""
        return manifests.make_run_id(
            as_of=self._setting.as_of,
            inputs=self._inputs(ledger),
            configuration=self._decisive_configuration(),
            previous_run=None if self._earlier is None else self._earlier.run_id,
            follows=follows,
        )

    def _decisive_configuration(self) -> dict[str, Any]:
        """Give the configuration and the options that decide figures, as plain values."""
        chosen: dict[str, Any] = self._setting.configuration.model_dump(mode="json")
        describe_layouts(chosen, self._layouts)
        options = self._setting.options
        if options.extract_date is not None:
            chosen["extract_date"] = options.extract_date.isoformat()
        if options.scenario is not None:
            chosen["scenario"] = options.scenario.model_dump(mode="json")
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
        table = self._setting.quarantine.table()
        if not table.num_rows:
            return None
        folder = staging.table_directory("quarantine")
        path = folder / part_name(0)
        if not path.exists():
            write_small_table(path, table)
        where = publication.publish_rejected(staging, run_id, folder)
        self._setting.progress.note("quarantine.kept", path=str(where), rows=table.num_rows)
        return where

    def _compute(self, ledger: Ledger, staging: Staging, identity: Identity) -> Manifest:
        """Compute and write every table, and give the manifest."""
        computed = self._computation(ledger, staging).write(identity)
        ledger.verify_unchanged()
        for notice in computed.notices:
            self._warn(notice)
        return manifests.build_manifest(
            {
                **computed.facts,
                "run_id": identity.run_id,
                "as_of": self._setting.as_of,
                "configuration": self._decisive_configuration(),
                "inputs": self._inputs(ledger),
                "rows": computed.rows,
                **({"layouts": [one.facts() for one in self._layouts]} if self._layouts else {}),
                "outputs": computed.published,
                "warnings": self._warnings,
                "previous_run": None if self._earlier is None else self._earlier.run_id,
                "erp": computed.erp,
                "timing": self._timing(),
            }
        )

    def _computation(self, ledger: Ledger, staging: Staging) -> Computation:
        """Prepare the computation, whose module was imported while files were hashed."""
        from encours.passes.computation import Computation

        return Computation(self._setting, ledger, staging, self._earlier)

    def _timing(self) -> dict[str, object]:
        """Give wall seconds, peak memory and where the ledger lay: none of it decides anything."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        where = self._directory
        located = where if isinstance(where, str) else where.resolve()
        return {
            "wall_seconds": dict(self._setting.clock.seconds),
            "peak_memory_bytes": peak,
            "threads": self._setting.threads,
            "ledger": os.fsencode(located).decode(errors="backslashreplace"),
        }


@contextmanager
def _importing_ahead(module: str) -> Iterator[None]:
    """Import a module on a thread of its own while the block waits for files.

    Whatever goes wrong is raised where the module is asked for.
    """

    def load() -> None:
        with suppress(Exception):
            importlib.import_module(module)

    thread = threading.Thread(target=load, name="encours-import")
    thread.start()
    try:
        yield
    finally:
        thread.join()
