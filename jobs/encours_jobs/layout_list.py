"""`encours layout list`: the bundled layouts."""

import click

from encours_jobs import options, outcome


@click.command(cls=options.Job, example=["encours layout list"])
def command() -> None:
    """Name the bundled layouts, each with what it reads and the tables that it fills."""
    from encours_jobs.layout_pages import list_page

    outcome.emit(list_page())
