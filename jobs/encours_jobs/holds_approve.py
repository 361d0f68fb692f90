"""`encours holds approve`: a person lets the ERP files of a run be told."""

import logging
from pathlib import Path

import click

from encours_jobs import logs, options, outcome


class Name(click.ParamType[str]):
    """The name of a person: one line of text that is not empty."""

    name = "NAME"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the name without blanks around it, or fail."""
        text = value.strip()
        if text and len(text) <= 200 and text.isprintable():
            return text
        problem = "a name is one line of 1 to 200 characters; example: 'A. Martin'"
        raise click.BadParameter(problem, ctx, param)


@click.command(
    cls=options.Job,
    example=["encours holds approve /data/runs/as_of=2026-10-31 --by 'A. Martin'"],
)
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--by", type=Name(), required=True, help="Who approves; it is recorded.")
def command(*, run: Path, by: str) -> None:
    """Let the ERP files of a run that waits be told.

    RUN is the directory as_of=YYYY-MM-DD. Its folder erp/ appears as a whole or not at all. Only
    the latest published run can be approved, and only as long as nothing else was told since;
    approving it twice changes nothing.
    """
    from encours.publish.outbox import approve

    done = approve(run, by)
    counts = ", ".join(f"{count} {action}" for action, count in done.changes.items())
    verb = "were told already" if done.already else "are told now"
    outcome.emit(f"the ERP files of run {done.run_id} {verb}: {done.directory / 'erp'} ({counts})")
    facts = {"run_id": done.run_id, "approved_by": by, "already": done.already}
    logs.tell(logging.INFO, "holds.approved", f"run {done.run_id} is approved", facts)
