"""`encours explain breach`: what was measured, against what, and what follows from it."""

import json
from pathlib import Path

import click

from encours_jobs import options, outcome
from encours_jobs.run import terminal_width


@click.command(
    cls=options.Job,
    example=[
        "encours explain breach limit_exceeded:C-4711:NORTH: --run /data/runs/as_of=2026-10-31"
    ],
)
@click.argument("breach_id", metavar="ID")
@options.together(options.published_run, options.output_format)
def command(*, breach_id: str, directory: Path, output_format: str) -> None:
    """Explain a breach: what was measured, against what, the holds asked for, since when.

    The rule is shown as the run was configured, with the accounts of the party and the item that
    the breach is about.
    """
    from encours.explain.breach import breach_record, breach_text, explain_breach

    story = explain_breach(directory, breach_id)
    if output_format == "json":
        outcome.emit(json.dumps(breach_record(story), indent=2, ensure_ascii=False))
    else:
        outcome.emit(breach_text(story, terminal_width=terminal_width()))
