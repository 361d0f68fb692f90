"""Rates and day counts as integer arrays: the interest of any stretch of days is one product.

For a regime r and a day d the tables give, through the segment s in which d lies,

    cumulative(r, d) = cumulative_base[r, s] + rate[r, s] * cumulative_weight[day_count[r], d]

which is the sum over all days up to d of rate x weight. A weight is the day's share of the year
times the basis of the day count, an integer. The interest of a principal P (thousandths) over the
days a .. b is

    P * (cumulative(r, b) - cumulative(r, a - 1)) / rate_divisor[r]

exactly, before rounding. Rates are held with no more decimals than a regime needs: smaller
integers, and the product of most items fits 64 bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encours.rules.own_regimes import NO_REGIME
from encours.rules.regimes import DayCount, Fixing, Regime
from encours.rules.series import ONE_DAY, RateSeries, half_year_end, half_year_start
from encours_schemas.errors import ConfigurationWrong, RateMissing
from encours_schemas.names import nearest_name

_EPOCH: Final = date(1970, 1, 1)
EARLIEST_DAY: Final = (date(1900, 1, 1) - _EPOCH).days
"""The first day that the tables need to cover: no due date of a ledger lies before 1900."""

NO_RATE_E9: Final = int(np.iinfo(np.int64).min)
"""Stands for the reference rate of a regime that has none."""

# Codes shared with the kernels.
FIXING_CODES: Final = {
    Fixing.PER_SEMESTER: 0,
    Fixing.CONTRACTUAL: 0,  # the same arithmetic: each day takes the rate of its segment
    Fixing.FIXED_AT_START: 1,
    Fixing.FIXED_AT_PAYMENT: 2,
}
DAY_COUNT_CODES: Final = {day_count: code for code, day_count in enumerate(DayCount)}

# The kernels' wide arithmetic takes factors below 2^62 and divisors below 2^61. A balance is below
# 2^61 thousandths; with these bounds no product or sum of an item can overflow.
_DIVISOR_LIMIT: Final = 1 << 61
_RATE_SUM_LIMIT: Final = 1 << 59
_MINOR_UNIT_MAX: Final = 1000

_NEVER: Final = 1 << 31  # later than any day

_BASIS: Final = {
    DayCount.ACT_365F: 365,
    DayCount.ACT_360: 360,
    DayCount.ACT_ACT: 365 * 366,
    DayCount.THIRTY_E_360: 360,
}


class YearlyRate(NamedTuple):
    """What a day pays, in percent per year: the reference rate, the whole rate, and its floor."""

    reference: Decimal | None
    rate: Decimal
    floor: Decimal | None = None


class RateTables(NamedTuple):
    """Input of the interest kernels: few arrays, what belongs together on one cache line.

    first_day   int                the day of row 0 of `days`; last_day that of its last row
    days        int32[D, 5]        SEGMENT: in which the day lies; then, per day count, the sum of
                                   the weights of all days up to it (column 1 + DAY_COUNT)
    segments    int64[r, s, 6]     per regime and segment:
                                   RATE               percent * 10^decimals of the regime
                                   CUMULATIVE_BASE
                                   FIRST_UNKNOWN_DAY  first day of it or a later one without a rate
                                   REFERENCE_RATE_E9  percent * 10^9, NO_RATE_E9 where there is none
                                   STARTS_PERIOD      1: a row of the interest detail begins with it
                                   FIRST_DAY
    regimes     int64[r, 6]        FIXING, DAY_COUNT, COMPOUNDS (once a year), IS_NONE (no regime),
                                   RATE_DIVISOR (basis * 100 * 10^decimals), RATE_UNIT_E9
                                   (10^(9 - decimals))
    """

    first_day: int
    last_day: int
    days: NDArray[np.int32]
    segments: NDArray[np.int64]
    regimes: NDArray[np.int64]


def fixing_date(regime: Regime, day: date) -> date:
    """Give the day whose reference rate a day's rate is fixed by.

    The reference in force on the first day of the half-year, or on its eve (United Kingdom: 31
    December and 30 June); a contractual rate over a series follows the series day by day.
    """
    if regime.fixing is Fixing.CONTRACTUAL:
        return day
    start = half_year_start(day)
    return start - ONE_DAY if regime.fixing_day == "eve" else start


def yearly_rate(regime: Regime, series: dict[str, RateSeries], day: date) -> YearlyRate:
    """Give the rate of a regime on a day.

    Raises RateMissing naming the series and the half-year.
    """
    found = _yearly_rate_or_none(regime, series, day)
    if found is None:
        raise rate_missing(regime, series, (day - _EPOCH).days)
    return found


def rate_missing(regime: Regime, series: dict[str, RateSeries], day: int) -> RateMissing:
    """Give the error for a day (since 1970-01-01) whose rate is not known, to be raised."""
    calendar_day = _EPOCH + timedelta(days=day)
    found = missing_look_up(regime, series, calendar_day)
    if found is not None:
        error = series[found[0]].missing(found[1])
        error.where = f"interest of {calendar_day} under regime {regime.name}"
        return error
    return RateMissing(
        what=f"no interest rates are held for {calendar_day}",
        where=f"interest regime {regime.name}",
        expected=f"a due date from {_EPOCH + timedelta(days=EARLIEST_DAY)} on",
    )


def missing_look_up(
    regime: Regime, series: dict[str, RateSeries], day: date
) -> tuple[str, date] | None:
    """Give the series and the date that a day's rate needs and that is not known; None: it is."""
    for name, needed in _look_ups(regime, day):
        if series_of(series, name, regime).row_on(needed) is None:
            return name, needed
    return None


def build_rate_tables(
    regimes: Sequence[Regime], series: dict[str, RateSeries], first_day: int, last_day: int
) -> RateTables:
    """Lay out the rates of the regimes, whose position is their code, from one day to another.

    first_day, last_day   days since 1970-01-01, inclusive; `EARLIEST_DAY` and the as-of date

    Raises ConfigurationWrong for rates too large or with too many decimals for exact arithmetic.
    """
    starts = _segment_starts(regimes, series, first_day, last_day)
    start_day = [(start - _EPOCH).days for start in starts]
    days = np.arange(first_day, last_day + 1, dtype=np.int32)
    weight = _cumulative_weights(days)
    first_column = np.array([*start_day, last_day + 1]) - first_day
    rows = []
    for regime in regimes:
        # Cumulative weight on the eve of every segment, and on the last day.
        eve_weight = np.concatenate(([0], weight[DAY_COUNT_CODES[regime.day_count]]))[first_column]
        found = [_yearly_rate_or_none(regime, series, start) for start in starts]
        rows.append(_regime_row(regime, found, starts, [int(eve) for eve in eve_weight]))
    segment = np.searchsorted(start_day, days, side="right") - 1
    return RateTables(
        first_day=first_day,
        last_day=last_day,
        days=np.ascontiguousarray(np.column_stack((segment, weight.T)), np.int32),
        segments=np.array([row.segments for row in rows], np.int64),
        regimes=np.array([row.facts for row in rows], np.int64),
    )


class _RegimeRow(NamedTuple):
    """One regime's rows of the tables: the columns of every segment, and its facts."""

    segments: Sequence[tuple[int, ...]]
    facts: tuple[int, ...]


def _regime_row(
    regime: Regime, found: list[YearlyRate | None], starts: list[date], eve_weight: list[int]
) -> _RegimeRow:
    """Scale a regime's rates to integers and sum them up; an unknown rate counts as 0."""
    decimals = max((_decimals(rate.rate) for rate in found if rate is not None), default=0)
    scaled = [0 if rate is None else int(rate.rate.scaleb(decimals)) for rate in found]
    divisor = _BASIS[regime.day_count] * 100 * 10**decimals
    largest = max(abs(rate) for rate in scaled) * eve_weight[-1]
    if decimals > 9 or divisor * _MINOR_UNIT_MAX >= _DIVISOR_LIMIT or largest >= _RATE_SUM_LIMIT:
        raise ConfigurationWrong(
            what="the rates are too large or too precise for exact arithmetic",
            where=f"interest regime {regime.name}",
            found=f"{decimals} decimals",
            expected="a yearly rate in percent with up to 8 decimals",
        )
    start_day = [(start - _EPOCH).days for start in starts]
    unknown = _first_unknown_days([rate is not None for rate in found], start_day)
    segments, total = [], 0
    for position, rate in enumerate(scaled):
        segments.append(
            (
                rate,
                total - rate * eve_weight[position],
                unknown[position],
                _reference_e9(found[position]),
                int(_starts_period(regime, starts[position], position, scaled)),
                start_day[position],
            )
        )
        total += rate * (eve_weight[position + 1] - eve_weight[position])
    return _RegimeRow(
        segments=segments,
        facts=(
            FIXING_CODES[regime.fixing],
            DAY_COUNT_CODES[regime.day_count],
            int(regime.compounding != "none"),
            int(regime.name == NO_REGIME),
            divisor,
            10 ** (9 - decimals),
        ),
    )


def _starts_period(regime: Regime, start: date, position: int, scaled: list[int]) -> bool:
    """Tell whether the interest detail begins a new row where a segment begins."""
    if regime.fixing is Fixing.PER_SEMESTER:
        return start == half_year_start(start)
    if regime.fixing is Fixing.CONTRACTUAL:
        return position > 0 and scaled[position] != scaled[position - 1]
    return False


def _first_unknown_days(is_known: list[bool], start_day: list[int]) -> list[int]:
    """Give for every segment the first day from its start on that has no known rate."""
    unknown, result = _NEVER, []
    for known, start in zip(reversed(is_known), reversed(start_day), strict=True):
        unknown = unknown if known else start
        result.append(unknown)
    return result[::-1]


def _cumulative_weights(days: NDArray[np.int32]) -> NDArray[np.int64]:
    """Give int64[4, D]: the weights of all days up to each day, per day count.

    Under 30E/360 a day d weighs g(d) - g(d - 1) with g = 360 Y + 30 M + min(D, 30): 0 for a 31st,
    3 for 1 March after a February of 28 days. The sum over (a, b] is then g(b) - g(a).
    """
    extended = np.concatenate((days[:1] - 1, days)).astype("datetime64[D]")
    months = extended.astype("datetime64[M]")
    day_of_month = (extended - months.astype("datetime64[D]")).astype(np.int64) + 1
    thirty = 30 * months.astype(np.int64) + np.minimum(day_of_month, 30)
    years = extended[1:].astype("datetime64[Y]")
    year_start = years.astype("datetime64[D]").astype(np.int64)
    is_leap = (years + 1).astype("datetime64[D]").astype(np.int64) - year_start == 366
    actual = np.arange(1, len(days) + 1)
    by_day_count = {
        DayCount.ACT_365F: actual,
        DayCount.ACT_360: actual,
        DayCount.ACT_ACT: np.cumsum(np.where(is_leap, 365, 366)),
        DayCount.THIRTY_E_360: thirty[1:] - thirty[0],
    }
    return np.array([by_day_count[day_count] for day_count in DAY_COUNT_CODES], np.int64)


def _segment_starts(
    regimes: Sequence[Regime], series: dict[str, RateSeries], first_day: int, last_day: int
) -> list[date]:
    """Give the first day of every stretch in which no regime changes its rate, ascending."""
    first, last = _EPOCH + timedelta(days=first_day), _EPOCH + timedelta(days=last_day)
    starts = {first}
    half_year = half_year_end(first) + ONE_DAY
    while half_year <= last:
        starts.add(half_year)
        half_year = half_year_end(half_year) + ONE_DAY
    for regime in regimes:
        if regime.fixing is Fixing.CONTRACTUAL and regime.reference is not None:
            followed = series_of(series, regime.reference, regime)
            changes = [row.effective_date for row in followed.rows]
            for known_first, known_last in followed.known:
                changes += [known_first, known_last + ONE_DAY]
            starts.update(change for change in changes if first < change <= last)
    return sorted(starts)


def _yearly_rate_or_none(
    regime: Regime, series: dict[str, RateSeries], day: date
) -> YearlyRate | None:
    values = []
    for name, needed in _look_ups(regime, day):
        row = series_of(series, name, regime).row_on(needed)
        if row is None:
            return None
        values.append(row.rate_percent)
    reference = None if regime.reference is None else values[0]
    rate = regime.contractual_rate
    if rate is None:
        rate = regime.rate_over(values[0])
    floor = None
    if regime.floor is not None:
        floor = regime.floor.times * values[-1]
        rate = max(rate, floor)
    return YearlyRate(reference, rate, floor)


def _look_ups(regime: Regime, day: date) -> list[tuple[str, date]]:
    """Name the series that a day's rate needs, each with the date of the look-up."""
    needed = []
    if regime.reference is not None:
        needed.append((regime.reference, fixing_date(regime, day)))
    if regime.floor is not None:
        needed.append((regime.floor.series, half_year_start(day)))
    return needed


def series_of(series: Mapping[str, RateSeries], name: str, regime: Regime) -> RateSeries:
    """Give a series that a regime names; raises ConfigurationWrong where there is none."""
    if name not in series:
        raise ConfigurationWrong(
            what=f"there is no rate series {name}",
            where=f"interest regime {regime.name}",
            expected=nearest_name(name, series) or "",
            cure="add its rates to the table reference_rates, or to interest.rates",
        )
    return series[name]


def _reference_e9(rate: YearlyRate | None) -> int:
    if rate is None or rate.reference is None:
        return NO_RATE_E9
    return int(rate.reference.scaleb(9))


def _decimals(value: Decimal) -> int:
    """Count the decimals that a value needs: 12.150 needs two."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
