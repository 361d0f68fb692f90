"""`encours layout`: layouts listed, shown, tried and begun."""

import importlib

import click

from encours_schemas.names import nearest_name

COMMANDS = {
    "list": "Name the bundled layouts.",
    "show": "Show what a layout reads, and what it makes of it.",
    "check": "Try a layout on a ledger: source rows and contract rows side by side.",
    "new": "Write a commented layout to begin with, from the headers of files.",
}
"""Every command of the group with its summary."""


class LayoutCommands(click.Group):
    """A group that imports a command only to run or describe it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name; suggest the nearest for a wrong one."""
        if cmd_name not in COMMANDS:
            near = nearest_name(cmd_name, COMMANDS)
            hint = f"did you mean `{near}`?" if near else f"there are {', '.join(COMMANDS)}."
            ctx.fail(f"No such command `{cmd_name}`; {hint}")
        module = importlib.import_module(f"encours_jobs.layout_{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands from their summaries, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LayoutCommands,
    epilog="\b\nExample:\n  encours layout check sap_bsid --ledger /data/extract\n\n"
    "docs/layouts.md leads from a CSV to a published run.",
)
def command() -> None:
    """Map foreign extracts to the contract: layouts listed, shown, tried and begun.

    A layout is a TOML file that says which files an extract has, how they are written, and how
    the contract's columns come out of theirs. `encours run --layout NAME` applies it.
    """
