"""What commands have in common: their kind, their options, and the types of these."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import click

from encours_jobs import logs
from encours_jobs.logs import LogFormat

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

# What the engine takes for a date of a ledger, too: beyond, somebody mistyped a year.
FIRST_DATE = date(1900, 1, 1)
LAST_DATE = date(2999, 12, 31)


@dataclass(frozen=True)
class Voice:
    """How a command speaks: the format of its log, and whether it keeps quiet."""

    log_format: LogFormat
    quiet: bool


class Job(click.Command):
    """A command with an example in its help, `--log-format` and `--quiet`.

    Its callback gets a `Voice` through `click.pass_obj` when it asks for one.
    """

    def __init__(self, *args: Any, example: Sequence[str], **settings: Any) -> None:
        """Take one or more command lines as examples, and what click.Command takes."""
        lines = "\n".join(f"  {line}" for line in example)
        settings["epilog"] = f"\b\nExample:\n{lines}"
        super().__init__(*args, **settings)
        self.params += [
            click.Option(
                ["--log-format"],
                type=click.Choice([choice.value for choice in LogFormat]),
                default=LogFormat.TEXT.value,
                envvar="ENCOURS_LOG_FORMAT",
                show_default=True,
                help="Log lines for people or for machines, on stderr.",
            ),
            click.Option(
                ["--quiet", "-q"],
                is_flag=True,
                help="No progress and no information; warnings, errors and results only.",
            ),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Set the log up as the command line says, then run."""
        log_format = LogFormat(ctx.params.pop("log_format"))
        quiet = bool(ctx.params.pop("quiet"))
        logs.choose(log_format, quiet=quiet)
        ctx.obj = Voice(log_format=log_format, quiet=quiet)
        return super().invoke(ctx)


class CalendarDate(click.ParamType[date]):
    """A date written YYYY-MM-DD and no other way: 01/02 means two days in two countries."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Give the date, or fail with an example."""
        if isinstance(value, date):
            return value
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            problem = f"`{value}` is not written as YYYY-MM-DD; example: 2026-10-31"
            raise click.BadParameter(problem, ctx, param)
        try:
            day = date.fromisoformat(value)
        except ValueError:
            problem = f"`{value}` is no day of the calendar; example: 2026-10-31"
            raise click.BadParameter(problem, ctx, param) from None
        if not FIRST_DATE <= day <= LAST_DATE:
            problem = f"`{value}` lies outside {FIRST_DATE} to {LAST_DATE}"
            raise click.BadParameter(problem, ctx, param)
        return day


class Share(click.ParamType[str]):
    """A share of the whole between 0 and 1, exact: `0.001` is one in a thousand."""

    name = "SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the share as the text that it was written as, or fail with an example."""
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,18})?", str(value)) and Decimal(value) <= 1:
            return str(value)
        problem = f"`{value}` is no share between 0 and 1; example: 0.001"
        raise click.BadParameter(problem, ctx, param)


class CurrencyCode(click.ParamType[str]):
    """Three capital letters; whether it is a currency of ISO 4217 the engine tells."""

    name = "CODE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the code, or fail with an example."""
        if re.fullmatch(r"[A-Z]{3}", value):
            return str(value)
        problem = f"`{value}` is no currency code; example: EUR"
        raise click.BadParameter(problem, ctx, param)


ledger = click.option(
    "--ledger",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Directory of the ledger: one file or folder per table.",
)
as_of = click.option(
    "--as-of", type=CalendarDate(), required=True, help="The day at whose end everything stands."
)
out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Directory of the published runs.",
)
config_file = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration, encours.toml; without one, defaults and ENCOURS_… variables.",
)
threads = click.option(
    "--threads",
    type=click.IntRange(min=1, max=1024),
    help="Worker threads; default: one per core that this process may use.",
)
extract_date = click.option(
    "--extract-date",
    type=CalendarDate(),
    help="The day of the extract's open amounts; default: the as-of date.",
)
chunk_rows = click.option(
    "--chunk-rows",
    type=click.IntRange(min=1, max=2**27),
    help="About how many rows a worker takes at once; fewer take less memory.",
)
max_rejected = click.option(
    "--max-rejected",
    type=Share(),
    help="Share of bad rows per table above which the input is refused (`input.max_rejected`).",
)
reporting_currency = click.option(
    "--reporting-currency",
    type=CurrencyCode(),
    help="Currency of the totals (`reporting.currency`).",
)

published_run = click.option(
    "--run",
    "directory",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The published run, as_of=YYYY-MM-DD.",
)
moved_ledger = click.option(
    "--ledger",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the run's ledger lies now; default: where the run found it.",
)
language = click.option(
    "--language",
    type=click.Choice(["en", "fr"]),
    default="en",
    show_default=True,
    help="Language of the reader, and form of numbers and dates.",
)
output_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people or a description for machines.",
)


def together(*decorators: Callable[[Decorated], Decorated]) -> Callable[[Decorated], Decorated]:
    """Give one decorator for several options, which `--help` lists in this order."""

    def decorate(function: Decorated) -> Decorated:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate
