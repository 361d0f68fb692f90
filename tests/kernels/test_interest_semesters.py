"""Every bundled regime in every half-year since 2015, against the slow twin."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from encours.rules.rate_tables import yearly_rate
from encours.rules.regimes import load_regimes
from encours_schemas.errors import RateMissing
from tests.kernels.interest_case import assert_same, regimes, run, series
from tests.naive.interest import Allocation, Item, accrue_interest
from tests.naive.laws import Law, UnknownRateError

ONE_DAY = timedelta(days=1)
AS_OF = date(2026, 12, 31)
LAW = Law()
SEMESTERS = [date(year, month, 1) for year in range(2015, 2027) for month in (1, 7)]


def items_of(regime: str, start: date) -> list[Item]:
    """Give delays that begin before, in and at the end of a half-year, and end in and after it."""
    last = date(start.year, 6, 30) if start.month == 1 else date(start.year, 12, 31)
    found = []
    for due in (start - ONE_DAY, start, start + 45 * ONE_DAY, last):
        for end in (start, start + 60 * ONE_DAY, last, last + ONE_DAY):
            if due < end <= AS_OF:
                paid = (Allocation(end, 7_654_320),)
                found.append(Item(7_654_320, due, regime, paid, settled_on=end))
    part = (Allocation(start, 1_000_010), Allocation(start + 30 * ONE_DAY, 2_500_000))
    found.append(Item(7_654_320, start - 40 * ONE_DAY, regime, part, minor_unit=10))
    return found


@pytest.mark.parametrize("regime", [name for name in regimes() if name != "NONE"])
def test_interest__of_every_half_year_agrees_with_twin(regime: str) -> None:
    items = [item for start in SEMESTERS for item in items_of(regime, start)]
    # Of a delay that reaches into a half-year without a rate both name the same first day.
    twins = [accrue_interest(item, LAW, AS_OF) for item in items]
    assert_same(items, twins, run(items, AS_OF))
    assert sum(twin.penalty > 0 for twin in twins) > 200


@pytest.mark.parametrize("regime", list(regimes()))
def test_rate__of_every_half_year_agrees_with_twin(regime: str) -> None:
    for start in SEMESTERS:
        for day in (start, start + 100 * ONE_DAY):
            try:
                wanted = LAW.rate_fixed_for(regime, day)
            except UnknownRateError:
                with pytest.raises(RateMissing):
                    yearly_rate(regimes()[regime], series(), day)
                continue
            found = yearly_rate(regimes()[regime], series(), day)
            reference = None if found.reference is None else Fraction(found.reference)
            assert (reference, Fraction(found.rate)) == wanted, day


def test_french_floor__exceeds_the_default_rate_in_the_half_years_of_2024_alone() -> None:
    contract = load_regimes({"flat": {"based_on": "FR", "contractual_rate": "1"}})["flat"]
    above = []
    for start in SEMESTERS:
        floor = yearly_rate(contract, series(), start).rate
        default = yearly_rate(regimes()["FR_business"], series(), start).rate
        above += [(start.year, start.month, floor, default)] if floor > default else []
    told = [(year, month, f"{floor}", f"{default}") for year, month, floor, default in above]
    assert told == [(2024, 1, "15.21", "14.50"), (2024, 7, "14.76", "14.25")]
