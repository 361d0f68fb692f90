"""`encours layout new`: a layout to begin with."""

from pathlib import Path

import click

from encours_jobs import options, outcome


@click.command(
    cls=options.Job,
    example=["encours layout new /data/extract/items.csv > my_items.toml"],
)
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
def command(*, files: tuple[Path, ...]) -> None:
    """Write a commented layout to begin with, from the headers of files.

    Declares every column, suggests types and forms from the first rows (marked `?`: check them),
    and lists the contract's columns to be filled. Printed to stdout.
    """
    from encours_jobs.layout_pages import new_page

    outcome.emit(new_page(files))
