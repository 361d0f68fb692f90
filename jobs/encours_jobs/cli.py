"""The command `encours`: a group whose commands are loaded when they are called.

`encours --help` imports neither Arrow nor Numba; each command lives in the module of its name.
"""

import importlib
import sys
from typing import Any

import click

from encours_jobs import logs, outcome
from encours_schemas.names import nearest_name

COMMANDS = {
    "run": "Compute every figure as of a date and publish it: the nightly job.",
    "validate": "Check a ledger and write its quarantine, without publishing anything.",
    "layout": "Map foreign extracts to the contract: layouts listed, shown, tried and begun.",
    "generate": "Write a realistic synthetic ledger of any size.",
    "explain": "Show how one published figure came about, step by step.",
    "statement": "State what interest and compensation may be claimed, by letter or as rows.",
    "whatif": "Run a night with other inputs and show the difference to it.",
    "report": "Print the summary of a published run again.",
    "holds": "Approve and check the hold files for the ERP.",
    "runs": "List what was published, for which date, with which totals.",
    "verify": "Read a published run again and re-add it.",
    "config": "Show the configuration in force, and where each value comes from.",
    "schema": "Show the tables of the contract: columns, types and meaning.",
    "regimes": "Show the regimes of late-payment interest: rate, days, lump sum, law and source.",
    "rules": "Show the rules as configured: thresholds, severity, holds, and where each applies.",
    "rates": "Show the reference rates on file, and to which day each is known.",
}
"""Every command with its summary, in the order of `--help`."""


class Commands(click.Group):
    """A group that knows its commands by name and imports one only to run or describe it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the names of the commands, the nightly job first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command of that name; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"encours_jobs.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names; suggest the nearest for a wrong one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            near = nearest_name(name, COMMANDS)
            hint = f"did you mean `{near}`?" if near else f"there are {', '.join(COMMANDS)}."
            ctx.fail(f"No such command `{name}`; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands from their summaries, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever it raises becomes a message and an exit status."""
        _make_printing_safe()
        with logs.installed(), outcome.termination_as_exception():
            try:
                return super().invoke(ctx)
            except (click.exceptions.Exit, click.ClickException):
                raise
            except BaseException as error:  # noqa: BLE001 - Polars' PanicException is no Exception
                status = outcome.tell_failure(error)
        raise click.exceptions.Exit(status)


def _make_printing_safe() -> None:
    """Let no name or path that the terminal cannot show end a command: it is escaped instead."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _version() -> str:
    from importlib.metadata import version

    return version("encours")


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"encours {_version()}")
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`encours COMMAND --help` explains a command and gives an example.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and stop.",
)
def main() -> None:
    """Customer credit risk, recomputed every night from the items up.

    Logs and progress go to stderr, results to stdout. On any exit status but 0 nothing was
    published (79: `encours runs` tells), and the previously published run is untouched.
    """
