"""`encours explain customer`: from items and commitments to exposure, limits, cover and holds."""

import json
from pathlib import Path

import click

from encours_jobs import options, outcome
from encours_jobs.run import terminal_width


@click.command(
    cls=options.Job,
    example=[
        "encours explain customer C-4711 --run /data/runs/as_of=2026-10-31",
        "encours explain customer C-4711 --run /data/runs/as_of=2026-10-31 --format json",
    ],
)
@click.argument("customer_id", metavar="ID")
@options.together(
    options.published_run, options.moved_ledger, options.output_format, options.threads
)
def command(
    *,
    customer_id: str,
    directory: Path,
    ledger: Path | None,
    output_format: str,
    threads: int | None,
) -> None:
    """Explain a customer or account: exposure, limits, cover, available credit, holds.

    Reads the run and, streaming, the ledger that it was made from, whose files must be unchanged.
    Tells every open item and commitment with the component that it stands in, the limits of the
    party with what has become of each, cover item by item, the group limits that the account
    answers to, its breaches, and what would clear its holds.
    """
    from encours.explain.customer import explain_customer
    from encours.explain.customer_text import customer_record, customer_text
    from encours.passes.setting import default_threads

    story = explain_customer(directory, customer_id, ledger, threads=threads or default_threads())
    if output_format == "json":
        outcome.emit(json.dumps(customer_record(story), indent=2, ensure_ascii=False))
    else:
        outcome.emit(customer_text(story, terminal_width=terminal_width()))
