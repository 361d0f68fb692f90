"""`encours regimes`: the late-payment regimes on file, and the user's own."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from encours_jobs import options, outcome, settings

if TYPE_CHECKING:
    from encours.rules.regimes import Regime
    from encours.rules.series import RateSeries


@click.command(
    cls=options.Job,
    example=[
        "encours regimes",
        "encours regimes FR_business",
        "encours regimes --config encours.toml --format json",
    ],
)
@click.argument("name", required=False)
@options.together(options.config_file, options.output_format)
def command(*, name: str | None, config_file: Path | None, output_format: str) -> None:
    """Show the regimes of late-payment interest: rate, days, lump sum, law and source.

    Without NAME all are listed, those of the configuration with them. Each is known as far as the
    rate series that it looks up; how sure its facts are stands beside them.
    """
    from encours.rules.description import regime_record
    from encours.rules.own_regimes import own_regimes
    from encours.rules.regimes import load_regimes
    from encours.rules.series import load_series, own_rates

    configuration = settings.configuration(config_file, os.environ, {})
    series = load_series(own_rates(configuration))
    regimes = load_regimes(own_regimes(configuration))
    if name is not None:
        regimes = {name: settings.one_of("regime", name, regimes)}
    if output_format == "json":
        records = {key: regime_record(one, series) for key, one in regimes.items()}
        outcome.emit(json.dumps(records, indent=2, ensure_ascii=False))
    elif name is not None:
        outcome.emit(_facts(regimes[name], series))
    else:
        outcome.emit(_table(regimes, series))


def _table(regimes: Mapping[str, "Regime"], series: Mapping[str, "RateSeries"]) -> str:
    from encours.rules import description as words

    head = ("regime", "countries", "known to", "confidence", "rate and text")
    rows = [
        (
            name,
            ",".join(one.countries) or "contract",
            str(words.known_until(one, series) or "always"),
            one.confidence or "own",
            f"{words.rate_in_words(one)}; {one.articles or 'contract'}",
        )
        for name, one in regimes.items()
    ]
    widths = [max(len(line[at]) for line in (head, *rows)) for at in range(len(head) - 1)]
    lines = []
    for line in (head, *rows):
        cells = [cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _facts(regime: "Regime", series: Mapping[str, "RateSeries"]) -> str:
    """Give one line per fact."""
    from encours.rules import description as words

    cap = regime.term_cap
    last = words.known_until(regime, series)
    bound = regime.contract_floor
    told = {
        "regime": regime.name,
        "countries": ", ".join(regime.countries) or "none: by contract",
        "serves": "public buyers" if regime.public else "",
        "based on": regime.based_on,
        "rate": f"{words.rate_in_words(regime)} (percent per year)",
        "fixed": words.fixing_in_words(regime),
        "compounding": "" if regime.compounding == "none" else "yearly, from the due date",
        "contracts": f"at least {words.plain(bound.times)} x {bound.series}" if bound else "",
        "day count": regime.day_count.value,
        "compensation": words.indemnity_in_words(regime),
        "longest term": "" if cap is None else f"{cap.net_days} days, {cap.binding}",
        "time-barred": f"after {regime.limitation_years} years" if regime.limitation_years else "",
        "known to": str(last or "always"),
        "text": regime.articles,
        **{f"text in {country}": text for country, text in regime.articles_in.items()},
        "text on compensation": regime.indemnity_articles,
        "source": regime.source,
        "confidence": words.confidence_in_words(regime),
        "note": regime.note,
    }
    shown = {name: text for name, text in told.items() if text}
    width = max(map(len, shown))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in shown.items())
