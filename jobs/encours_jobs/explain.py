"""`encours explain`: how one published figure came about. Each subject is a command of its own."""

import importlib

import click

from encours_schemas.names import nearest_name

SUBJECTS = {
    "item": "Explain an item: open amount, regime, interest, compensation, what was claimed.",
    "customer": "Explain a customer or account: exposure, limits, cover, available credit, holds.",
    "breach": "Explain a breach: what was measured, against what, the holds asked for, since when.",
}
"""What can be explained, each with its summary; the command lives in `explain_<subject>`."""


class Subjects(click.Group):
    """A group that imports the command of a subject only to run or describe it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the subjects in their order."""
        return list(SUBJECTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command of a subject; None when there is none."""
        if cmd_name not in SUBJECTS:
            return None
        command: click.Command = importlib.import_module(f"encours_jobs.explain_{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subject that the first argument names; suggest the nearest for a wrong one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in SUBJECTS:
            near = nearest_name(name, SUBJECTS)
            hint = f"did you mean `{near}`?" if near else f"there are {', '.join(SUBJECTS)}."
            ctx.fail(f"No such subject `{name}`; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of subjects from their summaries, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBJECTS.items()))


@click.group(
    cls=Subjects,
    epilog="\b\nExample:\n  encours explain item 4711 --run /data/runs/as_of=2026-10-31",
)
def command() -> None:
    """Show how one published figure came about, step by step.

    The figure is computed again from the run's own ledger by the functions of the run; what is
    told is what was published, or the command says that it is not and fails. The commands take
    --log-format and --quiet.
    """
