"""`encours verify`: whether a published run still is what was published."""

from pathlib import Path

import click

from encours_jobs import options, outcome
from encours_schemas.errors import ControlFailed


@click.command(cls=options.Job, example=["encours verify /data/runs/as_of=2026-10-31"])
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
def command(*, run: Path) -> None:
    """Read a published run again and re-add it.

    RUN is the directory as_of=YYYY-MM-DD. Every file must be there with the size, rows and
    SHA-256 of the manifest, and the tables must add up. Differences are listed, and end the
    command with exit status 70.
    """
    from encours.publish.runs import verify_run

    differences = verify_run(run)
    if differences:
        outcome.emit("\n".join(str(difference) for difference in differences))
        raise ControlFailed(
            what="the published run is not what was published",
            where=str(run),
            found=f"{len(differences)} differences",
            expected="none",
            cure="publish the date again with --revise, and find out who changed the files",
        )
    outcome.emit(f"{run} is intact")
