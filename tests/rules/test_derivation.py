from datetime import date, timedelta
from decimal import Decimal

import pytest

from encours.rules.derivation import derive_rate
from encours.rules.rate_tables import yearly_rate
from encours.rules.regimes import Regime, load_regimes
from encours.rules.series import load_series
from encours_schemas.errors import RateMissing

SERIES = load_series()
CONTRACTS = {
    "FLAT": {"based_on": "FR", "contractual_rate": "5"},
    "FOLLOWS": {
        "based_on": "FR",
        "fixing": "contractual",
        "reference": "boe_bank_rate",
        "margin": "1",
    },
}
REGIMES = load_regimes(CONTRACTS)
DAYS = [
    date(year, month, 1) + timedelta(offset)
    for year in range(2013, 2028)
    for month in (1, 7)
    for offset in (-1, 0, 77)
]


def rate_or_none(regime: Regime, day: date) -> Decimal | None:
    """Give the rate of a day by `yearly_rate`, None where it is not known."""
    try:
        return yearly_rate(regime, SERIES, day).rate
    except RateMissing:
        return None


@pytest.mark.parametrize("name", list(REGIMES))
def test_derive_rate__leads_to_the_rate_that_the_kernels_take(name: str) -> None:
    regime = REGIMES[name]
    known = 0
    for day in DAYS:
        expected = rate_or_none(regime, day)
        if expected is None:
            with pytest.raises(RateMissing):
                derive_rate(regime, SERIES, day)
            continue
        known += 1
        found = derive_rate(regime, SERIES, day)
        assert found.rate == expected, day
        if found.reference is not None:
            source = found.reference
            assert source.row in SERIES[source.series].rows
            assert source.row.effective_date <= source.looked_up_on <= day
    assert known


def test_derive_rate__tells_rounding_margin_and_the_eve() -> None:
    day = date(2024, 8, 1)
    finnish = derive_rate(REGIMES["FI_business"], SERIES, day)
    assert finnish.reference is not None
    # 4.25 % from 12 June 2024, rounded up to 4.5, + 8
    assert (finnish.reference.row.rate_percent, finnish.rounded_reference) == (
        Decimal("4.25"),
        Decimal("4.5"),
    )
    assert (finnish.margin, finnish.rate) == (Decimal(8), Decimal("12.5"))
    british = derive_rate(REGIMES["GB_business"], SERIES, day)
    assert british.reference is not None
    assert british.reference.looked_up_on == date(2024, 6, 30)
    belgian = derive_rate(REGIMES["BE_business"], SERIES, day)
    assert (belgian.rounded_reference, belgian.rate) == (Decimal("4.25"), Decimal("12.5"))


@pytest.mark.parametrize(
    ("day", "legal", "decides"),
    # three times the legal rate against a contract of 5 %: 15.21 % in 2024-H1, 3 x 0.76 in 2021-H2
    [(date(2024, 3, 1), "5.07", True), (date(2021, 9, 1), "0.76", False)],
)
def test_derive_rate__tells_whether_the_floor_decides(day: date, legal: str, decides: bool) -> None:
    floor = derive_rate(REGIMES["FLAT"], SERIES, day).floor
    assert floor is not None
    assert floor.value.row.rate_percent == Decimal(legal)
    assert floor.decides is decides
    assert floor.rate == 3 * Decimal(legal)
