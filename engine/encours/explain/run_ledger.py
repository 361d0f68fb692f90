"""A published run beside the ledger that it was made from, proven to be the same ledger."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encours.ledger.sources import Ledger, open_ledger
from encours.ledger.staging import scratch_directory
from encours.publish.manifest import TIMING
from encours.report.published import PublishedRun, open_run
from encours_schemas.configuration import Configuration
from encours_schemas.errors import InputMissing, InputRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EPOCH = date(1970, 1, 1)
LEDGER = "ledger"
"""Name of the ledger's directory in the manifest's section that no digest covers."""


@dataclass(frozen=True)
class RunLedger:
    """What a run read and what it published; valid while `open_run_ledger` is entered.

    extract_day  the day that the extract's open amounts speak of
    """

    run: PublishedRun
    ledger: Ledger
    configuration: Configuration
    as_of_day: int
    extract_day: int
    threads: int


@contextmanager
def open_run_ledger(
    directory: Path, ledger: Path | None = None, *, threads: int = 1
) -> Iterator[RunLedger]:
    """Open a published run and its ledger, with the configuration of the run.

    directory  the run, as_of=YYYY-MM-DD
    ledger     where the ledger lies now; None: where the run found it

    Raises InputMissing (66) where there is no ledger, and InputRefused (65) naming a file whose
    SHA-256 is not that of the manifest: a figure is explained from what it was computed from.
    """
    run = open_run(directory)
    where = ledger if ledger is not None else _ledger_directory(run)
    configuration, extract_date = recorded_configuration(run.manifest)
    as_of = date.fromisoformat(run.manifest["as_of"])
    with scratch_directory() as scratch:
        opened = open_ledger(where, configuration, scratch, threads)
        _require_same_files(opened, run.manifest)
        yield RunLedger(
            run,
            opened,
            configuration,
            (as_of - EPOCH).days,
            ((extract_date or as_of) - EPOCH).days,
            threads,
        )
        opened.verify_unchanged()


def recorded_configuration(manifest: Mapping[str, Any]) -> tuple[Configuration, date | None]:
    """Give the configuration that a manifest records, and the extract date if one was given."""
    recorded = dict(manifest["configuration"])
    extract_date = recorded.pop("extract_date", None)
    known = {name: value for name, value in recorded.items() if name in Configuration.model_fields}
    return (
        Configuration.model_validate(known),
        None if extract_date is None else date.fromisoformat(extract_date),
    )


def _ledger_directory(run: PublishedRun) -> Path:
    """Give the directory that the run read, as its manifest names it."""
    named = run.manifest[TIMING].get(LEDGER)
    if not named or not Path(named).is_dir():
        raise InputMissing(
            what="the ledger of the run is not where the run found it",
            where=str(named or run.directory),
            expected="the files that the manifest lists",
            cure="name the ledger's directory with --ledger",
        )
    return Path(named)


def _require_same_files(ledger: Ledger, manifest: Mapping[str, Any]) -> None:
    """Raise InputRefused for the first input file that is not the one that the run read."""
    recorded = {(entry["table"], entry["file"]): entry["sha256"] for entry in manifest["inputs"]}
    present = {(file.table, file.relative): file.sha256 for file in ledger.files}
    for table, file in sorted({*recorded, *present}):
        expected, found = recorded.get((table, file)), present.get((table, file))
        if found != expected:
            raise InputRefused(
                what="the ledger is not the one that the run read",
                where=f"{file} (table {table})",
                found="no such file" if found is None else f"SHA-256 {found}",
                expected="no such file" if expected is None else f"SHA-256 {expected}",
                cure="name the unchanged ledger with --ledger, or run the date again and explain "
                "that run",
            )
