"""`encours explain item`: why an item's figures are what they are."""

import json
from pathlib import Path

import click

from encours_jobs import options, outcome
from encours_jobs.run import terminal_width


@click.command(
    cls=options.Job,
    example=[
        "encours explain item 4711 --run /data/runs/as_of=2026-10-31",
        "encours explain item 4711 --run /data/runs/as_of=2026-10-31 --language fr --format json",
    ],
)
@click.argument("item_id", metavar="ID")
@options.together(
    options.published_run,
    options.moved_ledger,
    options.output_format,
    options.language,
    options.threads,
)
def command(
    *,
    item_id: str,
    directory: Path,
    ledger: Path | None,
    output_format: str,
    language: str,
    threads: int | None,
) -> None:
    """Explain an item: open amount, regime, interest, compensation, what was claimed.

    Reads the run and, streaming, the ledger that it was made from, whose files must be unchanged.
    Tells the facts of the item, the regime with the rule and the text that it rests on, every
    stretch of interest with the row of the rate series, exact fraction and rounded running total,
    the compensation and its band, and the sentence that the debtor can be sent.
    """
    from encours.explain.item import explain_items
    from encours.explain.item_json import item_record
    from encours.explain.item_text import item_text
    from encours.passes.setting import default_threads

    told = explain_items(directory, [item_id], ledger, threads=threads or default_threads())[0]
    if output_format == "json":
        outcome.emit(json.dumps(item_record(told, language), indent=2, ensure_ascii=False))
    else:
        outcome.emit(item_text(told, language, terminal_width=terminal_width()))
