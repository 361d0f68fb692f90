"""Where a day's rate comes from: the values of which series, margin, rounding, floor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from encours.rules.rate_tables import fixing_date, rate_missing
from encours.rules.regimes import Regime
from encours.rules.series import RateRow, RateSeries, half_year_start

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class SourceRate:
    """A value of a series: on which day it was looked up, and the row that was in force then."""

    series: str
    looked_up_on: date
    row: RateRow


@dataclass(frozen=True, slots=True)
class FloorRate:
    """What the rate must not fall below: so many times a value; `decides` where it did."""

    value: SourceRate
    times: Decimal
    rate: Decimal
    decides: bool


@dataclass(frozen=True, slots=True)
class RateDerivation:
    """How the rate of a day came about, in percent per year.

    reference          None where the rate is flat
    rounded_reference  the reference as the regime takes it
    margin             None where the rate is flat
    floor              None where the regime has none
    """

    rate: Decimal
    reference: SourceRate | None
    rounded_reference: Decimal | None
    margin: Decimal | None
    floor: FloorRate | None


def derive_rate(regime: Regime, series: dict[str, RateSeries], day: date) -> RateDerivation:
    """Give the rate of a day with its sources; the rate is that of `yearly_rate`.

    day  the day whose rate is taken: under a rate fixed for the whole delay, the day that fixes it

    Raises RateMissing naming the series and the half-year.
    """
    reference, rounded, margin = None, None, None
    if regime.reference is None:
        rate = regime.contractual_rate or Decimal(0)
    else:
        reference = _source(regime, series, regime.reference, fixing_date(regime, day), day)
        rounded = regime.rounded_reference(reference.row.rate_percent)
        margin = regime.margin
        rate = regime.rate_over(reference.row.rate_percent)
    floor = None
    bound = regime.floor
    if bound is not None:
        value = _source(regime, series, bound.series, half_year_start(day), day)
        least = bound.times * value.row.rate_percent
        floor = FloorRate(value, bound.times, least, decides=least > rate)
        rate = max(rate, least)
    return RateDerivation(rate, reference, rounded, margin, floor)


def _source(
    regime: Regime, series: dict[str, RateSeries], name: str, looked_up_on: date, day: date
) -> SourceRate:
    row = series[name].row_on(looked_up_on) if name in series else None
    if row is None:
        raise rate_missing(regime, series, (day - _EPOCH).days)
    return SourceRate(name, looked_up_on, row)
