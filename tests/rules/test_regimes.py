from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encours.rules.countries import COUNTRY_CODES, LATE_PAYMENT_LAW_COUNTRIES
from encours.rules.currencies import CURRENCY_EXPONENTS, UNSUPPORTED_CURRENCIES, minor_unit_milli
from encours.rules.indemnity import build_indemnity_tables, indemnity_sums
from encours.rules.rate_tables import yearly_rate
from encours.rules.regimes import (
    DayCount,
    Fixing,
    TermCap,
    business_regime,
    latest_legal_due_days,
    limitation_days,
    load_regimes,
    public_regime,
    statutory_regime,
)
from encours.rules.series import load_series
from encours_schemas.errors import ConfigurationWrong, RateMissing

REGIMES = load_regimes()


def days(*calendar: str) -> np.ndarray:
    return np.array(calendar, "datetime64[D]").astype(np.int32)


def test_bundled_regimes__name_series_countries_and_currencies_that_exist() -> None:
    series = load_series()
    assert len(REGIMES) == 15
    assert list(REGIMES)[-1] == "NONE"
    for regime in REGIMES.values():
        assert regime.reference is None or regime.reference in series
        assert set(regime.countries) <= COUNTRY_CODES
        assert regime.contract_floor is None or regime.contract_floor.series in series
        assert all(band.sum > 0 for band in regime.indemnity)
    served = [country for regime in REGIMES.values() for country in regime.countries]
    assert len(served) - len(set(served)) == 1  # France has two: business and public


def test_regime_of_a_country__is_the_seller_s() -> None:
    assert business_regime(REGIMES, "FR") == "FR_business"
    assert public_regime(REGIMES, "FR") == "FR_public"
    assert public_regime(REGIMES, "DE") is None
    assert business_regime(REGIMES, "HR") == "EU_default"
    assert statutory_regime(REGIMES, "US", "companies") == "NONE"


@pytest.mark.parametrize("country", ["BG", "CZ", "HU", "RO", "NO", "IS", "LI"])
def test_statutory_regime__refuses_a_country_whose_regime_is_not_on_file(country: str) -> None:
    with pytest.raises(RateMissing, match=country) as caught:
        statutory_regime(REGIMES, country, "companies, company_code 1000")
    assert caught.value.exit_status == 66


def test_countries__with_a_late_payment_law_are_the_eu_the_eea_gb_and_ch() -> None:
    assert len(COUNTRY_CODES) == 249
    assert len(LATE_PAYMENT_LAW_COUNTRIES) == 27 + 3 + 2


@pytest.mark.parametrize(
    ("country", "reference", "percent"),
    [
        ("BE", "2.15", "10.5"),
        ("BE", "2.5", "10.5"),
        ("BE", "-0.25", "8"),
        ("FI", "2.15", "10.5"),
        ("FI", "2.50", "10.5"),
        ("FI", "-0.30", "8"),
        ("DE", "-0.88", "8.12"),
        ("AT", "1.53", "10.73"),
        ("DK", "9.75", "9.75"),
    ],
)
def test_rate_over__rounds_up_what_the_regime_says(
    country: str, reference: str, percent: str
) -> None:
    regime = REGIMES[f"{country}_business"]
    assert regime.rate_over(Decimal(reference)) == Decimal(percent)


GOOD: dict[str, Any] = {
    "fixing": "contractual",
    "contractual_rate": 12,
    "day_count": "ACT/360",
    "indemnity": [{"up_to": 100, "sum": 10}, {"sum": 20}],
    "indemnity_currency": "EUR",
}


def test_extra_regime__joins_the_bundled_ones_before_none() -> None:
    regimes = load_regimes({"house": GOOD})
    assert list(regimes)[-2:] == ["house", "NONE"]
    assert regimes["house"].contractual_rate == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fixng": "contractual"}, "expected fixing"),
        ({"fixing": "sometimes"}, "not well formed"),
        ({"day_count": "ACT/364"}, "not well formed"),
        ({"contractual_rate": 0.1}, "not well formed"),
        ({"reference": "ecb_main_refinancing_rate"}, "either a reference or"),
        ({"fixing": "per_semester"}, "goes with fixing contractual"),
        ({"compounding": "daily"}, "compounding is wrong"),
        ({"indemnity": [{"sum": 10}, {"sum": 20}]}, "needs a bound"),
        ({"indemnity": [{"up_to": 9, "below": 9, "sum": 1}, {"sum": 20}]}, "not well formed"),
        ({"indemnity_currency": "EURO"}, "unknown currency"),
    ],
)
def test_extra_regime__is_refused_when_it_is_wrong(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationWrong, match=message):
        load_regimes({"house": GOOD | change})


def test_own_regime__changes_the_keys_that_it_gives_of_a_bundled_one() -> None:
    changed = load_regimes({"FR_business": {"margin": "12", "source": "our lawyer"}})
    french = changed["FR_business"]
    assert french.margin == 12
    assert french.is_own
    assert french.source == "our lawyer"
    assert french.articles == REGIMES["FR_business"].articles
    assert french.floor is None  # it is the law that changed, not a contract
    assert business_regime(changed, "FR") == "FR_business"
    assert list(changed) == list(REGIMES)
    assert not changed["DE_business"].is_own


@pytest.mark.parametrize("base", ["FR_business", "FR"])
def test_contract_under_french_law__has_the_floor_of_contracts(base: str) -> None:
    regimes = load_regimes({"ours": {"based_on": base, "contractual_rate": "12"}})
    ours = regimes["ours"]
    assert ours.based_on == "FR_business"
    assert ours.fixing is Fixing.CONTRACTUAL
    assert ours.contractual_rate == 12
    assert ours.reference is None
    assert ours.floor == REGIMES["FR_business"].contract_floor
    assert ours.indemnity == REGIMES["FR_business"].indemnity
    assert (ours.countries, ours.articles) == ((), "")
    series = load_series()
    # Three times 5.07 and 4.92 in 2024 (and more than the statutory 14.50 and 14.25); 12 before.
    rates = [
        yearly_rate(ours, series, date(year, month, 1)).rate
        for year, month in ((2022, 7), (2024, 1), (2024, 7))
    ]
    assert rates == [Decimal(12), Decimal("15.21"), Decimal("14.76")]
    statutory = [
        yearly_rate(REGIMES["FR_business"], series, date(2024, month, 1)).rate for month in (1, 7)
    ]
    assert statutory == [Decimal("14.50"), Decimal("14.25")]


def test_contract__can_follow_a_series_with_a_margin() -> None:
    given = {"based_on": "DE", "fixing": "contractual", "reference": "boe_bank_rate", "margin": 2}
    ours = load_regimes({"ours": given})["ours"]
    assert ours.reference == "boe_bank_rate"
    assert ours.margin == 2
    assert ours.day_count is DayCount.ACT_ACT
    assert ours.floor is None  # German law sets none
    assert ours.indemnity_per == "due_date"


def test_own_regime__that_changes_no_rate_is_under_no_floor() -> None:
    ours = load_regimes({"ours": {"based_on": "FR", "day_count": "ACT/360"}})["ours"]
    assert ours.margin == 10
    assert ours.floor is None
    assert ours.day_count is DayCount.ACT_360


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"NONE": {"contractual_rate": 3}}, "cannot be changed"),
        ({"FR_business": {"based_on": "DE"}}, "cannot be based on another"),
        ({"ours": {"based_on": "XX"}}, "based_on names no bundled regime"),
        ({"ours": {"based_on": "FR_busines"}}, "expected FR_business"),
        ({"ours": GOOD | {"countries": ["FR"]}}, "FR_business serves the country FR, too"),
        ({"ours": GOOD | {"countries": ["FRANCE"]}}, "unknown country"),
        ({"EU_default": {"countries": ["IT", "AT"]}}, "AT_business serves the country AT, too"),
    ],
)
def test_own_regime__is_refused_when_it_contradicts(own: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationWrong, match=message):
        load_regimes(own)


def test_own_regime__can_serve_a_country_that_has_none() -> None:
    given = {"based_on": "EU_default", "countries": ["CZ"], "articles": "nařízení vlády 351/2013"}
    regimes = load_regimes({"CZ_business": given})
    assert statutory_regime(regimes, "CZ", "companies") == "CZ_business"
    assert regimes["CZ_business"].articles_of("CZ") == "nařízení vlády 351/2013"


def test_bundled_regimes__name_their_text_and_how_sure_they_are() -> None:
    grades = {"high", "medium-high", "medium", "low"}
    for regime in REGIMES.values():
        assert regime.articles
        assert regime.source or regime.name == "NONE"
        assert {regime.confidence, *regime.confidence_in.values()} <= grades
        assert {*regime.articles_in, *regime.confidence_in} <= set(regime.countries)
    union = REGIMES["EU_default"]
    assert union.articles_of("ES") == "Ley 3/2004, articles 7 and 8"
    assert union.articles_of("GR") == union.articles_of(None) == union.articles
    assert (union.confidence_of("IT"), union.confidence_of("GR")) == ("high", "low")


def test_legal_cap__takes_the_later_reading_of_end_of_month() -> None:
    cap = REGIMES["FR_business"].term_cap
    assert cap is not None
    document = days("2026-04-15", "2026-01-31")
    assert latest_legal_due_days(cap, document, is_end_of_month=False).tolist() == (
        days("2026-06-14", "2026-04-01").tolist()
    )
    # 15 April + 45 = 30 May -> 31 May, or 30 April + 45 = 14 June; the 60 net days end on 14 June.
    assert latest_legal_due_days(cap, document, is_end_of_month=True).tolist() == (
        days("2026-06-14", "2026-04-01").tolist()
    )
    narrow = TermCap(net_days=10, binding="absolute", end_of_month_days=45)
    assert latest_legal_due_days(narrow, document, is_end_of_month=True).tolist() == (
        days("2026-06-14", "2026-03-31").tolist()
    )


def test_limitation__counts_from_the_due_date_or_the_end_of_its_year() -> None:
    due = days("2021-10-31", "2024-02-29")
    french = limitation_days(REGIMES["FR_business"], due)
    german = limitation_days(REGIMES["DE_business"], due)
    assert french is not None
    assert german is not None
    assert french.tolist() == days("2026-10-31", "2029-02-28").tolist()
    assert german.tolist() == days("2024-12-31", "2027-12-31").tolist()
    assert limitation_days(REGIMES["NONE"], due) is None


@pytest.mark.parametrize(
    ("regime", "principal", "amount"),
    [
        ("FR_business", "0.01", 40),
        ("GB_business", "999.99", 40),
        ("GB_business", "1000", 70),
        ("GB_business", "9999.99", 70),
        ("GB_business", "10000", 100),
        ("IE_business", "1000", 40),
        ("IE_business", "1000.01", 70),
        ("IE_business", "10000", 70),
        ("IE_business", "10000.01", 100),
        ("PL_business", "5000", 40),
        ("PL_business", "49999.99", 70),
        ("PL_business", "50000", 100),
        ("CH_business", "50000", 0),
        ("NONE", "50000", 0),
    ],
)
def test_indemnity_sums__take_the_band_of_the_principal(
    regime: str, principal: str, amount: int
) -> None:
    tables = build_indemnity_tables(list(REGIMES.values()))
    code = np.array([list(REGIMES).index(regime), -1], np.int32)
    milli = np.array([int(Decimal(principal) * 1000)] * 2, np.int64)
    assert indemnity_sums(tables, code, milli).tolist() == [amount * 1000, 0]


def test_indemnity_tables__say_per_what_and_in_which_currency() -> None:
    tables = build_indemnity_tables([REGIMES["DE_business"], REGIMES["PL_business"]])
    assert tables.per_due_date.tolist() == [1, 0]
    assert tables.currency == ("EUR", "EUR")
    assert tables.band_currency == ("EUR", "PLN")


def test_currencies__have_their_decimals() -> None:
    decimals = {
        0: "JPY KRW CLP VND ISK UGX XAF XOF XPF PYG RWF BIF DJF GNF KMF VUV UYI",
        2: "EUR USD GBP CHF PLN SEK DKK NOK CZK HUF RON BGN TRY CNY INR BRL MXN IDR",
        3: "TND BHD KWD JOD OMR LYD IQD",
    }
    for exponent, codes in decimals.items():
        assert {CURRENCY_EXPONENTS[code] for code in codes.split()} == {exponent}
    assert {"CLF", "UYW"} == UNSUPPORTED_CURRENCIES
    assert not UNSUPPORTED_CURRENCIES & set(CURRENCY_EXPONENTS)
    assert [minor_unit_milli(code) for code in ("JPY", "EUR", "TND")] == [1000, 10, 1]
    assert all(len(code) == 3 and code.isupper() for code in CURRENCY_EXPONENTS)


def test_documentation__explains_every_fixing_rule_and_day_count() -> None:
    page = (Path(__file__).parents[2] / "docs" / "regimes.md").read_text("utf-8")
    assert "](reference/regimes.md)" in page
    for fixing in Fixing:
        assert f"`{fixing.value}`" in page
    for day_count in DayCount:
        assert day_count.value in page
