"""`encours run`: the nightly job."""

import logging
import os
import shutil
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from encours_jobs import logs, options, outcome
from encours_jobs.options import Voice
from encours_jobs.progress import listener
from encours_jobs.second_compiler import second_compiler

if TYPE_CHECKING:
    from encours.passes.nightly import RunResult


@click.command(
    cls=options.Job,
    example=[
        "encours run --ledger /data/ledger --as-of 2026-10-31 --out /data/runs",
        "encours run --ledger /data/ledger --as-of 2026-10-31 --out /data/runs \\",
        "    --config encours.toml --interest-periods --log-format json",
        "encours run --layout sap_bsid --ledger /data/bsid --as-of 2026-10-31 --out /data/runs",
    ],
)
@options.together(
    options.ledger,
    options.as_of,
    options.out,
    options.layouts,
    options.config_file,
    options.reporting_currency,
    options.max_rejected,
    options.threads,
    options.chunk_rows,
    options.extract_date,
)
@click.option(
    "--interest-periods",
    is_flag=True,
    default=None,
    help="Publish how each item's interest came about (`interest.periods`).",
)
@click.option(
    "--interest-statement",
    is_flag=True,
    default=None,
    help="Publish what may be claimed, a row per item (`interest.statement`).",
)
@click.option(
    "--require-tie-out",
    is_flag=True,
    help="Publish nothing when an open total differs from `ledger_balances`.",
)
@click.option(
    "--approve-first",
    is_flag=True,
    help="Tell the ERP at once in the first run of an output, which else waits for approval.",
)
@click.option(
    "--without-memory",
    is_flag=True,
    help="Go on when the earlier run cannot be read. The price: every breach is new with a new "
    "first day, no hold is kept by its release threshold, and no due date counts as moved.",
)
@click.option(
    "--revise", is_flag=True, help="Replace what was published for this date from other inputs."
)
@click.pass_obj
def command(
    voice: Voice,
    /,
    *,
    ledger: Path | str,
    as_of: date,
    out: Path,
    config_file: Path | None,
    threads: int | None,
    chunk_rows: int | None,
    extract_date: date | None,
    require_tie_out: bool,
    approve_first: bool,
    without_memory: bool,
    revise: bool,
    **flags: object,
) -> None:
    """Compute every figure as of a date and publish it: the nightly job.

    Reads a ledger, checks every row, computes what is open, since when, what the delay costs and
    the exposure of every customer, and publishes the tables in OUT/as_of=YYYY-MM-DD, as a whole
    or not at all. The same inputs again publish nothing new and succeed.
    """
    from encours_jobs.settings import configuration

    logs.bind(as_of=as_of.isoformat())
    settings = configuration(config_file, os.environ, flags)
    with listener(voice) as progress, second_compiler(threads):
        import encours
        from encours.passes.memory import collect_rarely, keep_freed_memory

        keep_freed_memory()
        collect_rarely()
        result = encours.run(
            ledger,
            as_of,
            out,
            settings,
            threads=threads,
            chunk_rows=chunk_rows,
            revise=revise,
            require_tie_out=require_tie_out,
            extract_date=extract_date,
            approve_first=approve_first,
            without_memory=without_memory,
            progress=progress,
        )
    _tell_end(voice, result)


def _tell_end(voice: Voice, result: "RunResult") -> None:
    """Print the summary and the last log line.

    The run is published: whatever goes wrong from here on, an interrupt included, is no reason
    for an exit status that says that nothing was.
    """
    try:
        logs.bind(run_id=result.run_id)
        if not voice.quiet:
            from encours.report.summary import summary_text

            outcome.emit(summary_text(result.directory, terminal_width=terminal_width()))
    except BaseException as error:  # noqa: BLE001 - see above
        message = "published, but the summary could not be printed"
        logs.tell(logging.WARNING, "summary.failed", message, error=error)
    verb = "was published already" if result.already_published else "is published"
    erp = _erp_state(result)
    waits = erp == "waiting"
    cure = f"; its ERP files wait: encours holds approve {result.directory} --by NAME"
    logs.tell(
        logging.WARNING if waits else logging.INFO,
        "run.finished",
        f"run {result.run_id} {verb}: {result.directory}{cure if waits else ''}",
        {
            "exit_status": 0,
            "directory": str(result.directory),
            "already_published": result.already_published,
            "erp": erp,
        },
    )


def _erp_state(result: "RunResult") -> str:
    """Give what became of the files for the ERP: told, waiting, or older than what was told."""
    state = str(result.manifest.get("erp", {}).get("state", ""))
    approved = (result.directory / "erp" / "control.json").exists()
    return "told" if state == "waiting" and approved else state


def terminal_width() -> int | None:
    """Give the columns of the terminal that stdout is, None when it is none."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "") in {"", "dumb"}:
        return None
    return max(shutil.get_terminal_size().columns, 60)
