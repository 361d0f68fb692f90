"""`encours holds verify`: a consumer's check before it loads a hold file."""

import json
from pathlib import Path

import click

from encours_jobs import options, outcome
from encours_schemas.errors import ControlFailed


@click.command(
    cls=options.Job,
    example=[
        "encours holds verify /data/runs/as_of=2026-10-31/erp/hold_changes.csv",
        "encours holds verify erp --last 3f0c9a52b1d47e86 && load erp/hold_changes.csv",
    ],
)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--last",
    metavar="RUN_ID",
    help="The run whose files were loaded last (empty: none yet): checks that FILE comes next.",
)
@options.output_format
def command(*, file: Path, last: str | None, output_format: str) -> None:
    """Check a hold file before it is loaded into an ERP.

    FILE is a file of a run's folder erp/, or the folder: control.json must stand beside it. Bytes,
    rows, sums, numbering and chain are checked; what is wrong is listed, and ends the command
    with exit status 70. Whoever loads files remembers the run id of the last ones and gives it as
    --last: a file that comes twice, too early or too late is then told.
    """
    from encours.publish.hold_check import check_hold_files

    found = check_hold_files(file, last_run=last)
    if output_format == "json":
        facts = {name: getattr(found, name) for name in type(found).__slots__}
        outcome.emit(json.dumps(facts, indent=2, ensure_ascii=False))
    elif found.problems:
        outcome.emit("\n".join(found.problems))
    if found.problems:
        raise ControlFailed(
            what="the hold files must not be loaded",
            where=str(file),
            found=f"{len(found.problems)} problems",
            expected="none",
            cure="take the folder erp/ of the run again, and load what comes next in the chain",
        )
    if output_format != "json":
        chain = f"follows {found.follows}" if found.follows else "begins the chain"
        what = f"run {found.run_id} of {found.as_of} {chain}"
        outcome.emit(f"{', '.join(found.checked)}: whole and right; {what}")
