"""`encours layout check`: a layout tried on the first rows of a ledger."""

import os
from pathlib import Path

import click

from encours_jobs import options, outcome


@click.command(
    cls=options.Job,
    example=["encours layout check my_bsid.toml --ledger /data/bsid"],
)
@click.argument("names", metavar="NAME|FILE.toml...", nargs=-1, required=True)
@options.together(options.ledger, options.config_file)
@click.option(
    "--rows",
    type=click.IntRange(min=1, max=100_000),
    default=1_000,
    show_default=True,
    help="Rows of each file that are read.",
)
@click.option(
    "--show",
    "shown",
    type=click.IntRange(min=0, max=100),
    default=2,
    show_default=True,
    help="Rows, and rows that would be quarantined, shown of each rule.",
)
def command(
    *, names: tuple[str, ...], ledger: Path | str, config_file: Path | None, rows: int, shown: int
) -> None:
    """Try a layout on the first rows of a ledger, without a run.

    Shows source row and contract row side by side, how many rows each rule takes and leaves out,
    and what would be quarantined for what it holds itself, with the reason. What only the whole
    ledger shows (unknown items, duplicate keys) `encours validate --layout` tells.
    """
    from encours_jobs.layout_pages import check_page
    from encours_jobs.settings import configuration

    settings = configuration(config_file, os.environ, {"layouts": names})
    outcome.emit(check_page(ledger, settings, rows, shown))
