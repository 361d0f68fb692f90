from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from encours.kernels.wide import CONVERTED_WITHOUT_RATIO, convert_amounts
from encours.rules.fx import FxTable, build_fx, convert_exactly
from encours_schemas.errors import InputMissing, InputRefused

AS_OF = date(2026, 10, 31)
AS_OF_DAY = (AS_OF - date(1970, 1, 1)).days


def table(*rows: tuple[str, str, date, str], target: str = "EUR", pivot: str = "EUR") -> FxTable:
    given = [(one, other, day, Decimal(rate)) for one, other, day, rate in rows]
    return build_fx(given, AS_OF_DAY, target, pivot, max_age_days=10)


def test_ratio__is_the_latest_direct_rate_on_or_before_the_as_of_date() -> None:
    fx = table(
        ("USD", "EUR", date(2026, 10, 28), "0.91"),
        ("USD", "EUR", date(2026, 10, 30), "0.92"),
        ("USD", "EUR", date(2026, 11, 1), "0.99"),
    )
    assert fx.ratio("USD") == Fraction(92, 100)
    assert fx.ratio("EUR") == 1


def test_ratio__prefers_a_fresh_direct_rate_to_a_newer_inverse_one() -> None:
    fx = table(
        ("USD", "EUR", date(2026, 10, 21), "0.90"),
        ("EUR", "USD", date(2026, 10, 31), "1.25"),
    )
    assert fx.ratio("USD") == Fraction(9, 10)


def test_ratio__takes_the_inverse_when_the_direct_rate_is_stale() -> None:
    fx = table(
        ("USD", "EUR", date(2026, 10, 20), "0.90"),  # eleven days
        ("EUR", "USD", date(2026, 10, 31), "1.25"),
    )
    assert fx.ratio("USD") == Fraction(4, 5)


def test_ratio__crosses_through_the_pivot_with_each_leg_direct_or_inverse() -> None:
    fx = table(
        ("EUR", "JPY", date(2026, 10, 30), "160"),
        ("GBP", "EUR", date(2026, 10, 30), "1.2"),
        target="GBP",
    )
    assert fx.ratio("JPY") == 1 / Fraction(160) / Fraction(12, 10)
    assert fx.between("GBP", "JPY") == 192
    assert fx.convert(1_000_000, "JPY") == 5_210  # 1000 JPY = 5.2083 GBP


def test_ratio__does_not_cross_through_anything_but_the_pivot() -> None:
    fx = table(
        ("JPY", "USD", date(2026, 10, 30), "0.0066"),
        ("USD", "EUR", date(2026, 10, 30), "0.9"),
    )
    with pytest.raises(InputMissing, match="no exchange rate from JPY to EUR"):
        fx.ratio("JPY")


def test_missing_rate__names_the_pair_and_what_is_stale() -> None:
    fx = table(("USD", "EUR", date(2026, 10, 1), "0.9"), ("GBP", "EUR", date(2026, 10, 1), "1.2"))
    with pytest.raises(InputMissing) as caught:
        fx.ratio("USD")
    assert caught.value.exit_status == 66
    assert caught.value.what == "no exchange rate from USD to EUR"
    assert caught.value.found == "only stale rates (USD to EUR of 2026-10-01)"
    assert "10 days" in caught.value.expected


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
def test_build_fx__refuses_a_rate_that_is_not_positive(rate: str) -> None:
    with pytest.raises(InputRefused, match="positive"):
        table(("USD", "EUR", AS_OF, rate))


def test_build_fx__refuses_two_rates_of_one_pair_and_date() -> None:
    with pytest.raises(InputRefused, match="two rates"):
        table(("USD", "EUR", AS_OF, "0.9"), ("USD", "EUR", AS_OF, "0.91"))
    assert table(("USD", "EUR", AS_OF, "0.9"), ("USD", "EUR", AS_OF, "0.90")).ratio("USD") == (
        Fraction(9, 10)
    )


def test_ratio_arrays__turn_thousandths_into_minor_units_of_the_target() -> None:
    fx = table(("USD", "EUR", AS_OF, "0.9123"), ("EUR", "JPY", AS_OF, "160.5"))
    numerator, denominator = fx.ratio_arrays(["EUR", "USD", "JPY"])
    assert [Fraction(int(n), int(d)) for n, d in zip(numerator, denominator, strict=True)] == [
        Fraction(1, 10),
        Fraction(9123, 100_000),
        Fraction(2, 3210),
    ]
    yen, per = fx.ratio_arrays(["EUR"], target="JPY")
    assert Fraction(int(yen[0]), int(per[0])) == Fraction(1605, 10) / 1000


def test_ratio_of_many_digits__is_left_to_whole_python_numbers() -> None:
    fx = table(
        ("AAA", "EUR", AS_OF, "1.234567890123456789"),
        ("BBB", "EUR", AS_OF, "0.987654321098765431"),
    )
    numerator, denominator = fx.ratio_arrays(["AAA", "EUR"])
    assert (numerator[0], denominator[0]) == (0, 0)
    amounts = np.array([1_000_010, -1_000_010, 10, 1_000_010], np.int64)
    out = np.zeros(4, np.int64)
    fault = np.zeros(4, np.uint8)
    code = np.zeros(4, np.int32)
    assert convert_amounts(amounts, code, numerator, denominator, 10, out, fault) == 4
    assert set(fault.tolist()) == {CONVERTED_WITHOUT_RATIO}
    converted = convert_exactly(amounts, fx.ratio("AAA"), 10)
    # 1000.01 x 1.234567890123456789 = 1234.5802…
    assert converted.tolist() == [1_234_580, -1_234_580, 10, 1_234_580]
    assert [fx.convert(int(amount), "AAA") for amount in amounts] == converted.tolist()


def test_convert_exactly__names_the_row_that_is_too_large() -> None:
    amounts = np.array([10, 10**17], np.int64)
    with pytest.raises(OverflowError, match="row 1"):
        convert_exactly(amounts, Fraction(10), 10)
    assert convert_exactly(np.zeros(0, np.int64), Fraction(10), 10).tolist() == []
