"""`encours generate`: a synthetic ledger to try, test and measure with."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from encours_jobs import options, outcome
from encours_jobs.options import Voice
from encours_jobs.planted import DEFAULT_RATE, REPORT_NAME
from encours_jobs.progress import listener

if TYPE_CHECKING:
    from encours_jobs.synthetic import GenerationSummary


@click.command(
    cls=options.Job,
    example=[
        "encours generate --items 1000000 --out build/demo/ledger --seed 1",
        "encours generate --items 10000 --out build/bad --defects 0.01",
    ],
)
@click.option(
    "--items",
    type=click.IntRange(min=1, max=1_000_000_000),
    required=True,
    help="How many open items; the other tables grow with them.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Directory of the ledger; new or empty.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**63 - 1),
    default=1,
    show_default=True,
    help="The same seed, size and date give the same ledger, byte for byte.",
)
@click.option(
    "--as-of",
    type=options.CalendarDate(),
    default="2026-10-31",
    show_default=True,
    help="The day that the ledger is an extract of.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    show_default=True,
    help="How its files are written.",
)
@click.option(
    "--defects",
    type=options.Share(),
    is_flag=False,
    flag_value=str(DEFAULT_RATE),
    metavar="[SHARE]",
    help=(
        "Plant bad rows of every reason, this share of each table, and write what was planted to "
        f"{REPORT_NAME}. Without SHARE so few ({DEFAULT_RATE}) that a run of 100,000 items or more "
        "accepts them."
    ),
)
@click.pass_obj
def command(
    voice: Voice,
    /,
    *,
    items: int,
    out: Path,
    seed: int,
    as_of: date,
    file_format: str,
    defects: str | None,
) -> None:
    """Write a realistic synthetic ledger of any size.

    Customers pay late and in parts, dispute, return payments and go insolvent. No row is bad
    unless `--defects` asks for it. `encours run` at the same date ends with exit status 0.
    """
    with listener(voice) as progress:
        from encours_jobs.synthetic import generate_ledger

        summary = generate_ledger(
            out,
            items,
            seed,
            as_of,
            defects=False if defects is None else Decimal(defects),
            file_format=file_format,
            progress=progress,
        )
    if not voice.quiet:
        outcome.emit(_page(summary))


def _page(summary: "GenerationSummary") -> str:
    width = max(len(table) for table in summary.rows)
    made = f"ledger as of {summary.as_of}, seed {summary.seed}"
    lines = [f"{made}: {summary.directory} ({summary.size / 1_000_000:,.1f} MB)"]
    lines += [
        f"  {table:<{width}}  {rows:>13,} rows  {summary.files[table]:>4,} files"
        for table, rows in summary.rows.items()
    ]
    if summary.planted is not None:
        bad = sum(summary.planted.counts.values())
        lines.append(f"  {bad:,} bad rows were planted: {summary.directory / REPORT_NAME}")
    return "\n".join(lines)
