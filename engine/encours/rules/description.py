"""Regimes and series in words, for the command line and the pages that are made from the data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from encours.rules.rate_tables import series_of
from encours.rules.regimes import Fixing, IndemnityBand, Regime
from encours.rules.series import ONE_DAY, RateRow, RateSeries, half_year_end, half_year_name

_FIXING = {
    Fixing.PER_SEMESTER: "each day takes the rate of its half-year",
    Fixing.FIXED_AT_START: "the half-year of the first interest day, for the whole delay",
    Fixing.FIXED_AT_PAYMENT: "the half-year of the payment, for the part that it paid",
    Fixing.CONTRACTUAL: "day by day",
}


def plain(number: Decimal) -> str:
    """Write a number without exponent and without zeros that say nothing."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def rate_in_words(regime: Regime) -> str:
    """Say what the yearly rate is made of, in percent."""
    if regime.reference is None:
        text = f"{plain(regime.contractual_rate or Decimal(0))} flat"
    else:
        text = regime.reference
        if regime.round_reference_up_to is not None:
            text += f" rounded up to {plain(regime.round_reference_up_to)}"
        sign = "-" if regime.margin < 0 else "+"
        text += f" {sign} {plain(abs(regime.margin))}" if regime.margin else ""
        if regime.round_total_up_to is not None:
            text += f", the total rounded up to {plain(regime.round_total_up_to)}"
    if regime.floor is not None:
        text += f", at least {plain(regime.floor.times)} x {regime.floor.series}"
    return text


def fixing_in_words(regime: Regime) -> str:
    """Say which rate a day takes."""
    if regime.fixing is Fixing.CONTRACTUAL and regime.reference is None:
        return "one rate for all days"
    text = _FIXING[regime.fixing]
    return f"{text}; fixed on its eve" if regime.fixing_day == "eve" else text


def indemnity_in_words(regime: Regime) -> str:
    """Say which lump sum is due, by band of the principal."""
    if not regime.indemnity:
        return "none"
    sums = " / ".join(plain(band.sum) for band in regime.indemnity)
    text = f"{sums} {regime.indemnity_currency}"
    bounds = [_bound(band) for band in regime.indemnity]
    if len(bounds) > 1:
        text += f" ({', '.join(bounds)}, in {regime.indemnity_band_currency})"
    return f"{text} per {regime.indemnity_per.replace('_', ' ')}"


def _bound(band: IndemnityBand) -> str:
    if band.limit is None:
        return "above"
    return f"{'up to' if band.limit_included else 'below'} {plain(band.limit)}"


def confidence_in_words(regime: Regime) -> str:
    """Say how sure the facts are, and where that differs."""
    differs = [f"{country} {grade}" for country, grade in regime.confidence_in.items()]
    return f"{regime.confidence} ({', '.join(differs)})" if differs else regime.confidence


def known_until(regime: Regime, series: Mapping[str, RateSeries]) -> date | None:
    """Give the last day whose rate is known; None for a flat rate without a floor.

    A rate fixed on the eve of a half-year is known for the half-year after the series' last day.
    """
    days = []
    if regime.reference is not None:
        last = series_of(series, regime.reference, regime).known_until
        is_eve = regime.fixing_day == "eve" and regime.fixing is not Fixing.CONTRACTUAL
        days.append(half_year_end(last + ONE_DAY) if is_eve else last)
    if regime.floor is not None:
        days.append(series_of(series, regime.floor.series, regime).known_until)
    return min(days, default=None)


def regime_record(regime: Regime, series: Mapping[str, RateSeries]) -> dict[str, object]:
    """Give every fact of a regime as plain values, with how far its series are known."""
    last = known_until(regime, series)
    cap = regime.term_cap
    return {
        "countries": list(regime.countries),
        "public": regime.public,
        "rate": rate_in_words(regime),
        "reference": regime.reference,
        "margin": plain(regime.margin),
        "contractual_rate": _plain_or_none(regime.contractual_rate),
        "round_reference_up_to": _plain_or_none(regime.round_reference_up_to),
        "round_total_up_to": _plain_or_none(regime.round_total_up_to),
        "floor": _floor(regime, "floor"),
        "contract_floor": _floor(regime, "contract_floor"),
        "fixing": regime.fixing.value,
        "fixing_day": regime.fixing_day,
        "compounding": regime.compounding,
        "day_count": regime.day_count.value,
        "indemnity": [_band(band) for band in regime.indemnity],
        "indemnity_currency": regime.indemnity_currency,
        "indemnity_band_currency": regime.indemnity_band_currency,
        "indemnity_per": regime.indemnity_per,
        "term_cap": None
        if cap is None
        else {name: getattr(cap, name) for name in cap.__slots__ if getattr(cap, name) is not None},
        "limitation_years": regime.limitation_years,
        "limitation_from": regime.limitation_from,
        "articles": regime.articles,
        "articles_in": dict(regime.articles_in),
        "indemnity_articles": regime.indemnity_articles or regime.articles,
        "source": regime.source,
        "confidence": regime.confidence,
        "confidence_in": dict(regime.confidence_in),
        "note": regime.note,
        "based_on": regime.based_on,
        "bundled": not regime.is_own,
        "known_until": None if last is None else last.isoformat(),
    }


def _plain_or_none(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def _floor(regime: Regime, name: str) -> dict[str, str] | None:
    floor = getattr(regime, name)
    return None if floor is None else {"series": floor.series, "times": plain(floor.times)}


def _band(band: IndemnityBand) -> dict[str, str]:
    record = {"sum": plain(band.sum)}
    if band.limit is not None:
        record["up_to" if band.limit_included else "below"] = plain(band.limit)
    return record


def row_record(row: RateRow) -> dict[str, str]:
    """Give a value of a series as plain values."""
    return {
        "effective_date": row.effective_date.isoformat(),
        "rate_percent": str(row.rate_percent),
        "source": row.source,
        "confidence": row.confidence,
        "place": row.place,
    }


def series_record(one: RateSeries) -> dict[str, object]:
    """Give a series as plain values: how far it is known, and each value with its source."""
    return {
        "known_from": one.rows[0].effective_date.isoformat(),
        "known_until": one.known_until.isoformat(),
        "known_until_half_year": half_year_name(one.known_until),
        "values": [row_record(row) for row in one.rows],
    }


def grades_in_words(one: RateSeries) -> str:
    """Say how sure the values of a series are: grades with how many values have them."""
    counts: dict[str, int] = {}
    for row in one.rows:
        counts[row.confidence or "own"] = counts.get(row.confidence or "own", 0) + 1
    order = sorted(counts, key=lambda grade: (-counts[grade], grade))
    return ", ".join(f"{grade} {counts[grade]}" for grade in order)
