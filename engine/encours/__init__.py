"""Encours recomputes a company's customer credit risk as of a date, from the items up.

>>> import encours
>>> encours.__all__
['run', 'validate']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from encours.passes.nightly import RunResult, ValidationResult
    from encours.passes.progress import Progress
    from encours_schemas.configuration import Configuration
    from encours_schemas.scenario import Scenario

__all__ = ["run", "validate"]


def run(  # noqa: PLR0913 - the options of the nightly job, all but four of them by name
    ledger: Path | str,
    as_of: date,
    out: Path,
    configuration: Configuration,
    *,
    threads: int | None = None,
    chunk_rows: int | None = None,
    revise: bool = False,
    require_tie_out: bool = False,
    extract_date: date | None = None,
    approve_first: bool = False,
    without_memory: bool = False,
    scenario: Scenario | None = None,
    memory_of: Path | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Compute and publish one as-of date of a ledger; the contract is TABLES 1 to 3.

    ledger        a directory, or an address in object storage: s3://, gs://, az://
    threads       work units computed at once; default: the cores that the process may use
    chunk_rows    rows of a work unit's slice held decoded at once; decides memory, never a figure
    extract_date  the day that the extract's open amounts speak of; default: the as-of date
    approve_first the first run of an output tells the ERP at once, without an approval
    without_memory  an earlier run that cannot be read counts as none; every breach is new then
    scenario      what changes in the ledger; such a run belongs in an output of its own
    memory_of     the output whose earlier runs the rules remember; default: `out`

    Raises an `EncoursError` with its exit status; then nothing was published.
    """
    from encours.passes.nightly import NightlyRun
    from encours.passes.setting import RunOptions, default_threads

    options = RunOptions(
        threads=threads or default_threads(),
        chunk_rows=chunk_rows,
        revise=revise,
        require_tie_out=require_tie_out,
        extract_date=extract_date,
        approve_first=approve_first,
        without_memory=without_memory,
        scenario=scenario,
        memory_of=memory_of,
    )
    return NightlyRun(ledger, as_of, configuration, options, progress).publish(out)


def validate(
    ledger: Path | str,
    as_of: date,
    out: Path,
    configuration: Configuration,
    *,
    threads: int | None = None,
    extract_date: date | None = None,
    progress: Progress | None = None,
) -> ValidationResult:
    """Run the checks alone: the quarantine goes below `<out>/.encours`, nothing is published."""
    from encours.passes.nightly import NightlyRun
    from encours.passes.setting import RunOptions, default_threads

    options = RunOptions(threads=threads or default_threads(), extract_date=extract_date)
    return NightlyRun(ledger, as_of, configuration, options, progress).validate(out)
