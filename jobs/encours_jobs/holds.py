"""`encours holds`: the breaker's approval, and the consumer's check of a hold file."""

import importlib

import click

from encours_schemas.names import nearest_name

ACTIONS = {
    "approve": "Let the ERP files of a run that waits be told.",
    "verify": "Check a hold file before it is loaded into an ERP.",
}
"""What can be done with hold files, each with its summary; it lives in `holds_<action>`."""


class Actions(click.Group):
    """A group that imports a command only to run or describe it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the actions in their order."""
        return list(ACTIONS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command of an action; None when there is none."""
        if cmd_name not in ACTIONS:
            return None
        command: click.Command = importlib.import_module(f"encours_jobs.holds_{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the action that the first argument names; suggest the nearest for a wrong one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in ACTIONS:
            near = nearest_name(name, ACTIONS)
            hint = f"did you mean `{near}`?" if near else f"there are {', '.join(ACTIONS)}."
            ctx.fail(f"No such action `{name}`; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of actions from their summaries, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(ACTIONS.items()))


@click.group(
    cls=Actions,
    epilog="\b\nExample:\n  encours holds approve /data/runs/as_of=2026-10-31 --by 'A. Martin'",
)
def command() -> None:
    """Approve and check the hold files for the ERP.

    Both commands take --log-format and --quiet.
    """
