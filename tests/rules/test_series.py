from datetime import date
from decimal import Decimal

import pytest

from encours.rules.series import (
    UserRate,
    half_year_end,
    half_year_name,
    half_year_start,
    load_series,
)
from encours_schemas.errors import ConfigurationWrong, InputRefused, RateMissing


def test_bundled_series__are_sorted_known_and_sourced() -> None:
    series = load_series()
    assert len(series) == 9
    assert list(series) == sorted(series)
    for found in series.values():
        dates = [row.effective_date for row in found.rows]
        assert dates == sorted(set(dates))
        assert found.known[0][0] == dates[0]
        assert found.known_until >= dates[0]
        assert found.known_until == half_year_end(found.known_until)
        for row in found.rows:
            assert row.source
            assert row.confidence
            assert -1 <= row.rate_percent <= 25


@pytest.mark.parametrize(
    ("name", "day", "percent"),
    [
        ("ecb_main_refinancing_rate", date(2026, 6, 16), "2.15"),
        ("ecb_main_refinancing_rate", date(2026, 6, 17), "2.40"),
        ("ecb_main_refinancing_rate", date(2026, 12, 31), "2.65"),
        ("boe_bank_rate", date(2024, 6, 30), "5.25"),
        ("de_basiszinssatz", date(2020, 1, 1), "-0.88"),
        ("de_basiszinssatz", date(2026, 7, 1), "1.52"),
        ("at_basiszinssatz", date(2026, 7, 1), "1.53"),
        ("fr_taux_interet_legal_professionnels", date(2026, 7, 1), "2.75"),
        ("se_riksbank_reference_rate", date(2026, 6, 30), "2.00"),
    ],
)
def test_rate_on__gives_the_value_in_force(name: str, day: date, percent: str) -> None:
    assert load_series()[name].rate_on(day) == Decimal(percent)


@pytest.mark.parametrize(
    ("name", "day", "half_year"),
    [
        ("ecb_main_refinancing_rate", date(2027, 1, 1), "2027-H1"),
        ("ecb_main_refinancing_rate", date(1998, 12, 31), "1998-H2"),
        ("dk_morarente_rate", date(2026, 7, 1), "2026-H2"),
        ("us_prompt_payment_rate", date(2025, 7, 1), "2025-H2"),  # a row not known to be right
    ],
)
def test_rate_on__refuses_what_is_not_known(name: str, day: date, half_year: str) -> None:
    with pytest.raises(RateMissing) as caught:
        load_series()[name].rate_on(day)
    assert caught.value.exit_status == 66
    assert caught.value.what == f"rate series {name} has no value for {half_year}"


def test_user_row__reaches_to_the_end_of_its_half_year() -> None:
    extra = [UserRate("dk_morarente_rate", date(2026, 7, 1), Decimal("10.0"), "Nationalbanken")]
    found = load_series(extra)["dk_morarente_rate"]
    assert found.rate_on(date(2026, 12, 31)) == Decimal("10.0")
    assert found.rate_on(date(2026, 6, 30)) == Decimal("9.75")
    with pytest.raises(RateMissing, match="2027-H1"):
        found.rate_on(date(2027, 1, 1))


def test_user_row__leaves_a_gap_unknown() -> None:
    extra = [UserRate("ecb_main_refinancing_rate", date(2028, 1, 1), Decimal(3), "ECB")]
    found = load_series(extra)["ecb_main_refinancing_rate"]
    assert found.rate_on(date(2028, 3, 1)) == 3
    with pytest.raises(RateMissing, match="2027-H1"):
        found.rate_on(date(2027, 6, 30))


def test_user_row__replaces_a_bundled_value_and_starts_a_series() -> None:
    extra = [
        UserRate("de_basiszinssatz", date(2026, 7, 1), Decimal("1.50"), "own"),
        UserRate("house_rate", date(2026, 2, 1), Decimal("7.5"), "own"),
    ]
    series = load_series(extra)
    assert series["de_basiszinssatz"].rate_on(date(2026, 8, 1)) == Decimal("1.50")
    assert series["house_rate"].rate_on(date(2026, 6, 30)) == Decimal("7.5")
    with pytest.raises(RateMissing, match="2026-H1"):
        series["house_rate"].rate_on(date(2026, 1, 31))


def test_user_rows__that_contradict_each_other_or_are_too_precise_are_refused() -> None:
    day = date(2027, 1, 1)
    twice = [
        UserRate("x", day, Decimal(1), "a", "rates.csv, row 1"),
        UserRate("x", day, Decimal(2), "b", "configuration"),
    ]
    with pytest.raises(InputRefused, match="two values") as caught:
        load_series(twice)
    assert caught.value.found == "1 (rates.csv, row 1) and 2 (configuration)"
    configured = [row._replace(place="interest.rates") for row in twice]
    with pytest.raises(ConfigurationWrong, match="two values"):
        load_series(configured)
    assert load_series([twice[0], twice[0]])["x"].rate_on(day) == 1
    with pytest.raises(InputRefused, match="decimals"):
        load_series([UserRate("x", day, Decimal("0.1234567891"), "a")])


def test_half_years__begin_in_january_and_july() -> None:
    assert half_year_start(date(2026, 6, 30)) == date(2026, 1, 1)
    assert half_year_start(date(2026, 7, 1)) == date(2026, 7, 1)
    assert half_year_end(date(2026, 7, 1)) == date(2026, 12, 31)
    assert half_year_name(date(2026, 7, 1)) == "2026-H2"
