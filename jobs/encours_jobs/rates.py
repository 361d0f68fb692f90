"""`encours rates`: the reference rates that come with the program, and the user's own."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from encours_jobs import options, outcome, settings

if TYPE_CHECKING:
    from encours.rules.series import RateSeries


@click.command(
    cls=options.Job,
    example=[
        "encours rates",
        "encours rates ecb_main_refinancing_rate",
        "encours rates --format json",
    ],
)
@click.argument("series", required=False)
@options.together(options.config_file, options.output_format)
def command(*, series: str | None, config_file: Path | None, output_format: str) -> None:
    """Show the reference rates on file, and to which day each is known.

    With SERIES every value of it, with its source and how sure it is. A run that needs a later
    value ends with exit status 66 and names it; the ledger's table `reference_rates`, or
    `[[interest.rates]]` of the configuration, extends a series without a new version.
    """
    from encours.rules.description import series_record
    from encours.rules.series import load_series, own_rates

    on_file = load_series(own_rates(settings.configuration(config_file, os.environ, {})))
    if series is not None:
        on_file = {series: settings.one_of("rate series", series, on_file)}
    if output_format == "json":
        records = {name: series_record(one) for name, one in on_file.items()}
        outcome.emit(json.dumps(records, indent=2, ensure_ascii=False))
    elif series is not None:
        outcome.emit(_values(on_file[series]))
    else:
        outcome.emit(_table(on_file))


def _values(series: "RateSeries") -> str:
    from encours.rules.description import plain

    lines = [f"{'from':<10}  {'percent':>8}  {'confidence':<19}  source"]
    for row in series.rows:
        grade = row.confidence or row.place
        shown = plain(row.rate_percent)
        lines.append(f"{row.effective_date}  {shown:>8}  {grade:<19}  {row.source}".rstrip())
    lines.append(f"known to {series.known_until}")
    return "\n".join(lines)


def _table(series: Mapping[str, "RateSeries"]) -> str:
    from encours.rules.description import grades_in_words
    from encours.rules.series import half_year_name

    width = max(len(name) for name in series)
    head = f"{'series':<{width}}  {'from':<10}  {'known to':<10}  half-year"
    lines = [f"{head}  {'latest value':<27}  confidence of the values"]
    for name, one in series.items():
        latest = one.row_on(one.known_until)
        value = "" if latest is None else f"{latest.rate_percent} % from {latest.effective_date}"
        lines.append(
            f"{name:<{width}}  {one.rows[0].effective_date}  {one.known_until}  "
            f"{half_year_name(one.known_until):<9}  {value:<27}  {grades_in_words(one)}"
        )
    return "\n".join(lines)
