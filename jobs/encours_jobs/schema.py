"""`encours schema`: the contract, from the code."""

from typing import TYPE_CHECKING

import click

from encours_jobs import options, outcome

if TYPE_CHECKING:
    from encours_schemas.render import Format


@click.command(
    cls=options.Job,
    example=["encours schema open_items", "encours schema --format json > contract.json"],
)
@click.argument("table", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="A page for people or a description for machines.",
)
def command(*, table: str | None, form: "Format") -> None:
    """Show the tables of the contract: columns, types and meaning.

    Without TABLE all tables are shown, those that are read before those that are published.
    """
    from encours_schemas.render import render_contract

    outcome.emit(render_contract(table, form).rstrip("\n"))
