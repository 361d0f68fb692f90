"""Every date of a leap cycle under every day count, against QuantLib.

The fractions of QuantLib are floats: the number of days is compared exactly, the fraction of the
year to twelve digits, and exactly where both are whole days over one basis.
"""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

from encours.kernels import interest_columns as columns
from encours.kernels.interest_accrual import rate_times_weight
from encours.rules.rate_tables import DAY_COUNT_CODES, RateTables, build_rate_tables
from encours.rules.regimes import DayCount, Fixing, Regime
from tests.naive.laws import day_weight

quantlib = pytest.importorskip(
    "QuantLib", reason="QuantLib, the other library, is not installed: `make setup` does it"
)

ONE_DAY = timedelta(days=1)
EPOCH = date(1970, 1, 1)
# 1 January 2023 to 31 December 2026 holds 29 February 2024; 2099 to 2101 a leap year that is none.
CYCLE = [date(2023, 1, 1) + ONE_DAY * number for number in range(1461)]
CENTURY = [date(2099, 2, 27) + ONE_DAY * number for number in range(735)]
LENGTHS = (1, 2, 27, 28, 29, 30, 31, 32, 59, 60, 61, 89, 92, 180, 181, 184, 364, 365, 366, 367)
LONGER = (730, 731, 1095, 1461, 3652, 10_957)
BASES = {DayCount.ACT_365F: 365, DayCount.ACT_360: 360, DayCount.THIRTY_E_360: 360}


@cache
def tables() -> RateTables:
    """Lay out a flat rate of one percent per day count."""
    one = Decimal(1)
    regimes = [
        Regime(name=count, fixing=Fixing.CONTRACTUAL, day_count=count, contractual_rate=one)
        for count in DayCount
    ]
    return build_rate_tables(regimes, {}, number(date(2022, 1, 1)), number(date(2141, 12, 31)))


def number(day: date) -> int:
    return (day - EPOCH).days


def year_fraction(count: DayCount, after: date, until: date) -> Fraction:
    """Give the part of a year of (after, until], as the kernels take it."""
    code = DAY_COUNT_CODES[count]
    first, last = number(after) + 1, number(until)
    total, missing = rate_times_weight(tables(), code, columns.NO_DAY, first, last)
    assert missing == columns.NEVER
    return Fraction(int(total) * 100, int(tables().regimes[code, columns.RATE_DIVISOR]))


def theirs(count: DayCount) -> Any:
    """Give QuantLib's name of a day count."""
    return {
        DayCount.ACT_365F: quantlib.Actual365Fixed(),
        DayCount.ACT_360: quantlib.Actual360(),
        DayCount.ACT_ACT: quantlib.ActualActual(quantlib.ActualActual.ISDA),
        DayCount.THIRTY_E_360: quantlib.Thirty360(quantlib.Thirty360.European),
    }[count]


def day_of(calendar: date) -> Any:
    return quantlib.Date(calendar.day, calendar.month, calendar.year)


@pytest.mark.parametrize("count", list(DayCount))
@pytest.mark.parametrize("dates", [CYCLE, CENTURY], ids=["leap cycle", "a century's end"])
def test_every_date__counts_as_in_quantlib(count: DayCount, dates: list[date]) -> None:
    other = theirs(count)
    # QuantLib counts [d1, d2): for ACT/ACT, where the day's own year matters, it is called with the
    # day after the due date and the day after the end (DOMAIN 6).
    shift = ONE_DAY if count is DayCount.ACT_ACT else timedelta(0)
    for due in dates:
        start = day_of(due + shift)
        for length in LENGTHS:
            end = due + ONE_DAY * length
            fraction = year_fraction(count, due, end)
            stop = day_of(end + shift)
            if count in BASES:
                assert fraction == Fraction(other.dayCount(start, stop), BASES[count]), (due, end)
            else:
                assert float(fraction) == pytest.approx(other.yearFraction(start, stop), rel=1e-12)


@pytest.mark.parametrize("count", list(DayCount))
@pytest.mark.parametrize("length", LONGER)
def test_long_delays__count_as_in_quantlib(count: DayCount, length: int) -> None:
    shift = ONE_DAY if count is DayCount.ACT_ACT else timedelta(0)
    for due in CYCLE[::7]:
        end = due + ONE_DAY * length
        told = theirs(count).yearFraction(day_of(due + shift), day_of(end + shift))
        assert float(year_fraction(count, due, end)) == pytest.approx(told, rel=1e-12)


@pytest.mark.parametrize("count", list(DayCount))
def test_every_date__weighs_what_the_slow_twin_says(count: DayCount) -> None:
    for day in [*CYCLE, *CENTURY]:
        assert year_fraction(count, day - ONE_DAY, day) == day_weight(count, day)


def test_weights__of_a_delay_are_those_of_its_days() -> None:
    days = np.random.default_rng(3).integers(0, len(CYCLE) - 1, (200, 2))
    for count in DayCount:
        for left, right in np.sort(days, axis=1).tolist():
            own = sum(day_weight(count, day) for day in CYCLE[left + 1 : right + 1])
            assert year_fraction(count, CYCLE[left], CYCLE[right]) == own
