"""`encours rates`: the reference rates that come with the program."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from encours_jobs import options, outcome

if TYPE_CHECKING:
    from encours.rules.series import RateSeries


@click.command(cls=options.Job, example=["encours rates", "encours rates --format json"])
@options.output_format
def command(*, output_format: str) -> None:
    """Show the reference rates on file, and to which day each is known.

    A run that needs a later value ends with exit status 66 and names it; the ledger's table
    `reference_rates` extends a series without a new version of the program.
    """
    from encours.rules.series import load_series

    series = load_series()
    if output_format == "json":
        records = {name: _record(one) for name, one in series.items()}
        outcome.emit(json.dumps(records, indent=2, ensure_ascii=False))
    else:
        outcome.emit(_table(series))


def _record(series: "RateSeries") -> dict[str, object]:
    return {
        "known_from": series.rows[0].effective_date.isoformat(),
        "known_until": series.known_until.isoformat(),
        "values": [
            {
                "effective_date": row.effective_date.isoformat(),
                "rate_percent": str(row.rate_percent),
                "source": row.source,
            }
            for row in series.rows
        ],
    }


def _table(series: Mapping[str, "RateSeries"]) -> str:
    from encours.rules.series import half_year_name

    width = max(len(name) for name in series)
    lines = [f"{'series':<{width}}  {'from':<10}  {'known to':<10}  half-year  latest value"]
    for name, one in series.items():
        latest = one.row_on(one.known_until)
        value = "" if latest is None else f"{latest.rate_percent} % from {latest.effective_date}"
        lines.append(
            f"{name:<{width}}  {one.rows[0].effective_date}  {one.known_until}  "
            f"{half_year_name(one.known_until):<9}  {value}"
        )
    return "\n".join(lines)
