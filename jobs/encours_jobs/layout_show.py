"""`encours layout show`: what a layout says."""

import click

from encours_jobs import options, outcome


@click.command(
    cls=options.Job,
    example=["encours layout show sap_bsid", "encours layout show fr_fec --toml > my_fec.toml"],
)
@click.argument("name", metavar="NAME|FILE.toml")
@click.option("--toml", is_flag=True, help="Print the file itself, to copy and change it.")
def command(*, name: str, toml: bool) -> None:
    """Show what a layout reads, and what it makes of it.

    Its parameters, its sources with their dialect and fields, and every table with the expression
    of each column.
    """
    from encours_jobs.layout_pages import file_text, show_page

    outcome.emit(file_text(name) if toml else show_page(name))
