from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from encours.kernels import interest_columns as columns
from encours.kernels.interest_accrual import rate_times_weight
from encours.rules.rate_tables import (
    DAY_COUNT_CODES,
    EARLIEST_DAY,
    FIXING_CODES,
    NO_RATE_E9,
    build_rate_tables,
    fixing_date,
    rate_missing,
    yearly_rate,
)
from encours.rules.regimes import DayCount, Fixing, Regime, load_regimes
from encours.rules.series import RateSeries, load_series
from encours_schemas.errors import ConfigurationWrong, RateMissing
from tests.naive.laws import day_weight

EPOCH = date(1970, 1, 1)
REGIMES = load_regimes()
SERIES = load_series()
FIRST, LAST = date(2019, 11, 3), date(2026, 10, 31)


def number(day: date) -> int:
    return (day - EPOCH).days


def flat(day_count: DayCount, rate: str = "12") -> Regime:
    return Regime(
        name="flat",
        fixing=Fixing.CONTRACTUAL,
        day_count=day_count,
        contractual_rate=Decimal(rate),
    )


def interest_share(
    regime: Regime, series: dict[str, RateSeries], first: date, last: date
) -> Fraction:
    """Give what the tables say that one unit bears over first .. last."""
    tables = build_rate_tables([regime], series, number(FIRST), number(LAST))
    total, missing = rate_times_weight(tables, 0, columns.NO_DAY, number(first), number(last))
    assert missing == columns.NEVER
    return Fraction(int(total), int(tables.regimes[0, columns.RATE_DIVISOR]))


@pytest.mark.parametrize("day_count", list(DayCount))
@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2019, 11, 4), date(2019, 11, 4)),
        (date(2020, 2, 1), date(2020, 2, 29)),
        (date(2021, 2, 28), date(2021, 3, 1)),
        (date(2023, 12, 31), date(2024, 12, 31)),
        (date(2024, 1, 31), date(2026, 10, 31)),
        (date(2019, 11, 4), date(2026, 10, 31)),
    ],
)
def test_day_count__adds_the_weights_of_the_days(
    day_count: DayCount, first: date, last: date
) -> None:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    wanted = sum(day_weight(day_count, day) for day in days) * Fraction(12, 100)
    assert interest_share(flat(day_count), {}, first, last) == wanted


@pytest.mark.parametrize(
    ("after", "until", "days"),
    [
        (date(2026, 1, 31), date(2026, 2, 28), 28),
        (date(2026, 2, 28), date(2026, 3, 31), 32),  # February is not adjusted
        (date(2024, 2, 28), date(2024, 3, 1), 3),
        (date(2026, 3, 30), date(2026, 3, 31), 0),
        (date(2025, 10, 31), date(2026, 10, 31), 360),
    ],
)
def test_thirty_e_360__counts_months_of_thirty_days(after: date, until: date, days: int) -> None:
    share = interest_share(flat(DayCount.THIRTY_E_360), {}, after + timedelta(days=1), until)
    assert share == Fraction(days, 360) * Fraction(12, 100)


@pytest.mark.parametrize(
    ("regime", "day", "fixed_on", "percent"),
    [
        ("FR_business", date(2026, 6, 30), date(2026, 1, 1), "12.15"),
        ("FR_business", date(2026, 7, 1), date(2026, 7, 1), "12.40"),
        ("GB_business", date(2025, 1, 1), date(2024, 12, 31), "12.75"),
        ("GB_business", date(2024, 12, 31), date(2024, 6, 30), "13.25"),
        ("BE_business", date(2026, 6, 30), date(2026, 1, 1), "10.5"),
        ("CH_business", date(2026, 6, 30), date(2026, 6, 30), "5"),
    ],
)
def test_yearly_rate__is_fixed_on_the_day_that_the_regime_says(
    regime: str, day: date, fixed_on: date, percent: str
) -> None:
    assert fixing_date(REGIMES[regime], day) == fixed_on
    assert yearly_rate(REGIMES[regime], SERIES, day).rate == Decimal(percent)


def test_half_year_is_known__when_its_fixing_day_is() -> None:
    # Known to 31 December 2026: enough for the British rate of 2027-H1, fixed on the eve.
    assert yearly_rate(REGIMES["GB_business"], SERIES, date(2027, 6, 30)).rate == Decimal("11.75")
    with pytest.raises(RateMissing, match="ecb_main_refinancing_rate has no value for 2027-H1"):
        yearly_rate(REGIMES["FR_business"], SERIES, date(2027, 1, 1))


def test_contract_over_a_series__follows_it_day_by_day_above_its_floor() -> None:
    text = {
        "fixing": "contractual",
        "reference": "ecb_main_refinancing_rate",
        "margin": 3,
        "day_count": "ACT/365F",
        "floor": {"series": "fr_taux_interet_legal_professionnels", "times": 3},
    }
    regime = load_regimes({"contract": text})["contract"]
    # ECB 2.15 + 3 and 2.40 + 3 stay below three times the legal rate of 2.62 and 2.75.
    assert yearly_rate(regime, SERIES, date(2026, 6, 30)).rate == Decimal("7.86")
    assert yearly_rate(regime, SERIES, date(2026, 7, 1)).rate == Decimal("8.25")
    without = load_regimes({"contract": {key: text[key] for key in text if key != "floor"}})
    first, last = date(2026, 6, 1), date(2026, 9, 30)
    # 16 days of 2.15, 91 of 2.40 from 17 June, 15 of 2.65 from 16 September.
    wanted = Fraction(16 * 515 + 91 * 540 + 15 * 565, 36_500 * 100)
    assert interest_share(without["contract"], SERIES, first, last) == wanted


def test_tables__flag_the_first_day_without_a_rate() -> None:
    tables = build_rate_tables([REGIMES["DK_business"]], SERIES, EARLIEST_DAY, number(LAST))

    def missing(first: date, last: date, rate_day: int = columns.NO_DAY) -> int:
        return int(rate_times_weight(tables, 0, rate_day, number(first), number(last))[1])

    assert missing(date(2026, 1, 1), date(2026, 6, 30)) == columns.NEVER
    assert missing(date(2026, 1, 1), date(2026, 8, 1)) == number(date(2026, 7, 1))
    assert missing(date(2026, 8, 1), date(2026, 8, 3)) == number(date(2026, 8, 1))
    assert missing(date(2012, 5, 5), date(2014, 1, 1)) == number(date(2012, 5, 5))
    start = date(2026, 7, 5)
    assert missing(date(2026, 8, 1), date(2026, 8, 3), number(start)) == number(start)


def test_rate_missing__names_series_half_year_and_regime() -> None:
    error = rate_missing(REGIMES["DK_business"], SERIES, number(date(2026, 9, 1)))
    assert error.exit_status == 66
    assert str(error) == (
        "rate series dk_morarente_rate has no value for 2026-H2: interest of 2026-09-01 under "
        "regime DK_business; found known to 2026-06-30; append the rate of 2026-H2 to the table "
        "reference_rates"
    )
    assert "1899-12-31" in rate_missing(REGIMES["CH_business"], SERIES, EARLIEST_DAY - 1).what


def test_codes_and_columns__are_those_of_the_kernels() -> None:
    tables = build_rate_tables(list(REGIMES.values()), SERIES, EARLIEST_DAY, number(LAST))
    assert FIXING_CODES[Fixing.FIXED_AT_START] == columns.FIXED_AT_START
    assert FIXING_CODES[Fixing.FIXED_AT_PAYMENT] == columns.FIXED_AT_PAYMENT
    assert columns.NO_RATE_E9 == NO_RATE_E9
    for code, regime in enumerate(REGIMES.values()):
        facts = tables.regimes[code]
        assert facts[columns.FIXING] == FIXING_CODES[regime.fixing]
        assert facts[columns.DAY_COUNT] == DAY_COUNT_CODES[regime.day_count]
        assert facts[columns.COMPOUNDS] == (regime.name == "NL_business")
        assert facts[columns.IS_NONE] == (regime.name == "NONE")
    france = list(REGIMES).index("FR_business")
    last = tables.segments[france, -1]
    unit = tables.regimes[france, columns.RATE_UNIT_E9]
    assert last[columns.RATE] * unit == 12_400_000_000
    assert last[columns.REFERENCE_RATE_E9] == 2_400_000_000
    assert last[columns.STARTS_PERIOD] == 1
    assert last[columns.FIRST_DAY] == number(date(2026, 7, 1))
    for array in (tables.days, tables.segments, tables.regimes):
        assert array.flags.c_contiguous
    assert tables.days.dtype == np.int32
    assert tables.segments.dtype == tables.regimes.dtype == np.int64


@pytest.mark.parametrize("rate", ["0.123456789", "1000000000000000000"])
def test_tables__refuse_rates_beyond_exact_arithmetic(rate: str) -> None:
    with pytest.raises(ConfigurationWrong, match="exact arithmetic"):
        build_rate_tables([flat(DayCount.ACT_ACT, rate)], {}, number(FIRST), number(LAST))


def test_tables__hold_eight_decimals_and_refuse_an_unknown_series() -> None:
    build_rate_tables([flat(DayCount.ACT_ACT, "12.12345678")], {}, EARLIEST_DAY, number(LAST))
    lost = Regime(
        name="lost",
        fixing=Fixing.PER_SEMESTER,
        day_count=DayCount.ACT_360,
        reference="boe_bank_rat",
    )
    with pytest.raises(ConfigurationWrong, match="expected boe_bank_rate"):
        build_rate_tables([lost], SERIES, number(FIRST), number(LAST))
