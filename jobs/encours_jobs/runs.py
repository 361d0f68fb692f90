"""`encours runs`: what was published."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from encours_jobs import options, outcome

if TYPE_CHECKING:
    from encours.publish.runs import RunSummary


@click.command(cls=options.Job, example=["encours runs --out /data/runs"])
@options.out
@options.output_format
def command(*, out: Path, output_format: str) -> None:
    """List what was published, for which date, with which totals.

    One line per as-of date, earliest first: the run, its revision, its rows per table and the
    open amount per currency. After exit status 79 this tells whether the publication took place.
    """
    from encours.publish.runs import list_runs

    found = list_runs(out)
    if output_format == "json":
        outcome.emit(json.dumps([_record(run) for run in found], indent=2, ensure_ascii=False))
    elif found:
        outcome.emit("\n".join(_line(run) for run in found))
    else:
        outcome.emit(f"nothing is published in {out}")


def _record(run: "RunSummary") -> dict[str, object]:
    return {
        "as_of": run.as_of.isoformat(),
        "run_id": run.run_id,
        "revision": run.revision,
        "directory": str(run.directory),
        "rows": run.rows,
        "totals": run.totals,
    }


def _line(run: "RunSummary") -> str:
    rows = ", ".join(f"{table} {count:,}" for table, count in run.rows.items())
    totals = ", ".join(
        f"{currency} {amounts['open_amount']}" for currency, amounts in sorted(run.totals.items())
    )
    return (
        f"{run.as_of}  run {run.run_id}  revision {run.revision}  {run.directory}\n"
        f"  rows: {rows}\n"
        f"  open: {totals or 'nothing'}"
    )
