import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels.wide import (
    CONVERTED,
    CONVERTED_TOO_LARGE,
    CONVERTED_WITHOUT_RATIO,
    add_product,
    convert_amounts,
    round_money,
    rounded_quotient,
)

Wide = tuple[np.int64, np.int64]


def wide(value: int) -> Wide:
    return np.int64(value >> 62), np.int64(value & ((1 << 62) - 1))


def value_of(high: np.int64, low: np.int64) -> int:
    return (int(high) << 62) + int(low)


def half_away(value: Fraction) -> int:
    size = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return size if value >= 0 else -size


def sized(bits: int) -> st.SearchStrategy[int]:
    """Give integers of all sizes up to so many bits."""
    return st.integers(0, bits).flatmap(lambda size: st.integers(0, (1 << size) - (size > 0)))


@given(sized(123), st.booleans(), sized(61), sized(61), st.booleans())
def test_add_product__is_exact(
    start: int, is_negative: bool, factor: int, multiplier: int, lowers: bool
) -> None:
    begin = -start if is_negative else start
    multiplier = -multiplier if lowers else multiplier
    high, low = add_product(*wide(begin), np.int64(factor), np.int64(multiplier))
    assert value_of(high, low) == begin + factor * multiplier
    assert 0 <= low < 1 << 62


@given(sized(123), st.booleans(), sized(60))
def test_rounded_quotient__rounds_half_away_from_zero(
    size: int, is_negative: bool, divisor: int
) -> None:
    value, divisor = -size if is_negative else size, divisor + 1
    quotient, fits = rounded_quotient(*wide(value), np.int64(divisor))
    assert fits == (size < divisor << 62)
    assert quotient == (half_away(Fraction(value, divisor)) if fits else 0)


@pytest.mark.parametrize("divisor", [2, 10, 3650000, (1 << 60) + 2, (1 << 61) - 2])
def test_rounded_quotient__takes_the_half_up_and_what_is_below_it_down(divisor: int) -> None:
    half = divisor // 2
    for whole in (0, 1, 12_345, (1 << 61) - 1):
        for rest, more in ((half - 1, 0), (half, 1), (half + 1, 1)):
            if rest >= divisor:
                continue
            for sign in (1, -1):
                value = sign * (whole * divisor + rest)
                quotient, fits = rounded_quotient(*wide(value), np.int64(divisor))
                assert fits
                assert quotient == sign * (whole + more)


@pytest.mark.parametrize(
    ("thousandths", "unit", "money"),
    [
        (Fraction(4999, 1000), 10, 0),
        (Fraction(5), 10, 10),
        (Fraction(-5), 10, -10),
        (Fraction(14_999, 1000), 10, 10),
        (Fraction(499_999, 1000), 1000, 0),
        (Fraction(500), 1000, 1000),
        (Fraction(1, 2), 1, 1),
        (Fraction(49, 100), 1, 0),
    ],
)
def test_round_money__rounds_to_the_currency(thousandths: Fraction, unit: int, money: int) -> None:
    divisor = 36_500_000
    value = thousandths * divisor
    assert value.denominator == 1
    amount, fits = round_money(*wide(value.numerator), np.int64(divisor), np.int64(unit))
    assert (amount, fits) == (money, True)


@pytest.mark.parametrize("unit", [1, 10, 1000])
@pytest.mark.parametrize("sign", [1, -1])
def test_round_money__refuses_what_has_more_than_18_digits(unit: int, sign: int) -> None:
    largest = sign * (10**18 - unit)
    assert round_money(*wide(largest), np.int64(1), np.int64(unit)) == (largest, True)
    above = sign * 10**18
    assert round_money(*wide(above), np.int64(1), np.int64(unit)) == (0, False)
    assert round_money(*wide(above << 40), np.int64(1), np.int64(unit)) == (0, False)


def test_convert_amounts__agrees_with_fractions() -> None:
    chance = random.Random(1)
    ratios = [
        Fraction(1, 10),
        Fraction(9123, 100_000),
        Fraction(1, 1605),
        Fraction(10**15 + 7, 10**16 + 61),
        Fraction((1 << 61) - 1, (1 << 60) + 1),
    ]
    numerator = np.array([ratio.numerator for ratio in ratios], np.int64)
    denominator = np.array([ratio.denominator for ratio in ratios], np.int64)
    amounts = [
        chance.choice([1, -1]) * chance.randrange(10 ** chance.randrange(1, 16)) * 10
        for _ in range(3_000)
    ]
    codes = [chance.randrange(len(ratios)) for _ in amounts]
    out = np.full(len(amounts), -1, np.int64)
    fault = np.full(len(amounts), 9, np.uint8)
    code = np.array(codes, np.int32)
    milli = np.array(amounts, np.int64)
    faults = convert_amounts(milli, code, numerator, denominator, 10, out, fault)
    assert faults == 0
    assert set(fault.tolist()) == {CONVERTED}
    wanted = [half_away(a * ratios[c]) * 10 for a, c in zip(amounts, codes, strict=True)]
    assert out.tolist() == wanted


def test_convert_amounts__flags_what_does_not_fit_and_what_has_no_ratio() -> None:
    amounts = np.array([10**17, -(10**17), 10**16, 500, 500], np.int64)
    codes = np.array([0, 0, 0, 1, -1], np.int32)
    numerator, denominator = np.array([1, 0], np.int64), np.array([1, 0], np.int64)
    out = np.full(5, -1, np.int64)
    fault = np.full(5, 9, np.uint8)
    assert convert_amounts(amounts, codes, numerator, denominator, 10, out, fault) == 4
    large, lost = CONVERTED_TOO_LARGE, CONVERTED_WITHOUT_RATIO
    assert fault.tolist() == [large, large, CONVERTED, lost, lost]
    assert out.tolist() == [0, 0, 10**17, 0, 0]
