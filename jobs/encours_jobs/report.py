"""`encours report`: the summary of a published run, once more."""

from pathlib import Path

import click

from encours_jobs import options, outcome
from encours_jobs.run import terminal_width


@click.command(cls=options.Job, example=["encours report --run /data/runs/as_of=2026-10-31"])
@click.option(
    "--run",
    "directory",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The published run, as_of=YYYY-MM-DD.",
)
def command(*, directory: Path) -> None:
    """Print the summary of a published run again.

    Reads the published tables and the manifest, and computes nothing but sums over them.
    """
    from encours.report.summary import summary_text

    outcome.emit(summary_text(directory, terminal_width=terminal_width()))
