"""`encours validate`: the checks of a run without its figures."""

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from encours_jobs import logs, options, outcome
from encours_jobs.options import Voice
from encours_jobs.progress import listener
from encours_jobs.second_compiler import second_compiler

if TYPE_CHECKING:
    from encours.passes.nightly import ValidationResult

_COUNTS = ("read", "accepted", "quarantined", "kept")


@click.command(
    cls=options.Job,
    example=["encours validate --ledger /data/ledger --as-of 2026-10-31 --out /data/check"],
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
    options.extract_date,
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
    extract_date: date | None,
    **flags: object,
) -> None:
    """Check a ledger and write its quarantine, without publishing anything.

    Every row is checked as the nightly job checks it. Rows that it would refuse stand, with the
    reason, in the quarantine whose path is printed.
    """
    from encours_jobs.settings import configuration

    logs.bind(as_of=as_of.isoformat())
    settings = configuration(config_file, os.environ, flags)
    with listener(voice) as progress, second_compiler(threads):
        import encours
        from encours.passes.memory import collect_rarely, keep_freed_memory

        keep_freed_memory()
        collect_rarely()
        result = encours.validate(
            ledger,
            as_of,
            out,
            settings,
            threads=threads,
            extract_date=extract_date,
            progress=progress,
        )
    outcome.emit(_page(result))


def _page(result: "ValidationResult") -> str:
    width = max((len(table) for table in result.rows), default=5)
    heading = "".join(f"{name:>15}" for name in _COUNTS)
    lines = [f"{'table':<{width}}{heading}"]
    for table, rows in result.rows.items():
        figures = "".join(f"{rows[name]:>15,}" for name in _COUNTS)
        lines.append(f"{table:<{width}}{figures}")
    where = "empty" if result.quarantine is None else str(result.quarantine)
    return "\n".join([*lines, "", *_reasons(result), f"quarantine: {where}"])


def _reasons(result: "ValidationResult") -> list[str]:
    lines = [
        f"  {table}: {reason} {count:,}"
        for table, reasons in result.reasons.items()
        for reason, count in reasons.items()
    ]
    return ["reasons:", *lines, ""] if lines else []
