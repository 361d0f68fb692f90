"""Columns made fit for measuring, compared with plain Python and NumPy on nasty and random data."""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels import columns as kernels
from encours.kernels.text import FAULT_MISSING, FAULT_OUT_OF_RANGE, FAULT_WIDE, NO_DAY
from encours.ledger.buffers import EMPTY_BYTES
from encours.ledger.checking import listed_codes
from encours.ledger.decode import decode_date, decode_money
from encours.ledger.items import with_default
from encours_schemas.configuration import TableInput
from tests.naive import text as naive

LIMIT = 10**18 - 1


def read_only(values: list[int], kind: Any) -> np.ndarray:
    """Give an array as Arrow's buffers are: not to be written."""
    array = np.array(values, kind)
    array.flags.writeable = False
    return array


def words_of(values: list[int], width: int) -> np.ndarray:
    """Give integers as two's complement words, lowest first."""
    data = b"".join(value.to_bytes(8 * width, "little", signed=True) for value in values)
    return np.frombuffer(data, np.int64)


def rescale(values: list[int], width: int, scale: int) -> list[tuple[int, int]]:
    factor = min(10 ** max(3 - scale, 0), 10**18)
    divisor = 10 ** max(scale - 3, 0)
    shape = np.array([width, factor, divisor if divisor < 2**63 else 0, LIMIT], np.int64)
    shape.flags.writeable = False
    out, fault = np.empty(len(values), np.int64), np.empty(len(values), np.uint8)
    kernels.rescale_words(words_of(values, width), EMPTY_BYTES, shape, out, fault)
    return list(zip(out.tolist(), fault.tolist(), strict=True))


BOUNDARIES = [
    sign * (base + delta)
    for base in (0, 10**3, 10**15, 10**18, 2**31, 2**32, 2**62, 2**63)
    for delta in (-1, 0, 1)
    for sign in (1, -1)
]
WIDTHS = [(1, (0, 2, 3, 5, 17)), (2, (-30, 0, 2, 3, 4, 9, 18, 21, 22, 35)), (4, (0, 3, 4, 70))]


@pytest.mark.parametrize(("width", "scales"), WIDTHS)
def test_rescale_words__like_twin_at_boundaries_and_at_random(
    width: int, scales: tuple[int, ...]
) -> None:
    source = random.Random(width)
    bits = 64 * width - 1
    drawn = [source.randrange(-(2 ** source.randrange(1, bits)), 2**bits) for _ in range(200)]
    for scale in scales:
        values = [*BOUNDARIES, -(2**bits), 2**bits - 1, *drawn]
        values += [value * 10 ** max(scale - 3, 0) for value in values]
        values = [value for value in values if -(2**bits) <= value < 2**bits]
        for value, found in zip(values, rescale(values, width, scale), strict=True):
            digits = tuple(map(int, str(abs(value))))
            expected = naive.rescale(Decimal((int(value < 0), digits, -scale)), 3, 15)
            needs_more = scale > 3 and (scale > 21 or not -(2**63) <= value < 2**63)
            assert found == ((0, FAULT_WIDE) if needs_more else expected)


def multiply(
    values: list[int | None], factor: int, limit: int, *, marks_nulls: bool
) -> tuple[list[int], bool]:
    valid = read_only([value is not None for value in values], np.uint8)
    words = words_of([-(2**127) + 1 if value is None else value for value in values], 2)
    out = np.empty(len(values), np.int64)
    is_right = kernels.multiply_pairs(
        words, valid if marks_nulls else EMPTY_BYTES, factor, limit // factor, out
    )
    return out.tolist(), bool(is_right)


@pytest.mark.parametrize("factor", [1, 10, 1_000, 10**18])
def test_multiply_pairs__is_right_or_says_that_it_is_not(factor: int) -> None:
    source = random.Random(factor)
    reach = LIMIT // factor
    for count in (0, 1, 7, 64, 1_001):
        good = [source.randint(-reach, reach) for _ in range(count)]
        assert multiply([*good], factor, LIMIT, marks_nulls=False) == (
            [value * factor for value in good],
            True,
        )
        some = [value if source.random() < 0.5 else None for value in good]
        assert multiply(some, factor, LIMIT, marks_nulls=True) == (
            [(value or 0) * factor for value in some],
            True,
        )
    for bad in BOUNDARIES:
        for place in (0, 5, 63):
            mixed: list[int | None] = [0] * 64
            mixed[place] = bad
            for marks_nulls in (False, True):
                _, is_right = multiply(mixed, factor, LIMIT, marks_nulls=marks_nulls)
                assert is_right == (-reach <= bad <= reach)


def test_decode_money__of_one_bad_decimal_spoils_no_other() -> None:
    values = [Decimal(value) for value in ("1.25", "-3.5", "0", "99999999999999999.99", "7.01")]
    for kind in (pa.decimal128(19, 2), pa.decimal128(38, 2)):
        decoded = decode_money(pa.array([*values, None], kind), TableInput())
        expected = [naive.rescale(value, 3, 15) for value in [*values, None]]
        assert list(zip(decoded.values.tolist(), decoded.fault.tolist(), strict=True)) == expected


UNITS = np.array([10, 1, 1_000, 7], np.int64)


@given(
    st.lists(st.tuples(st.integers(-LIMIT, LIMIT), st.integers(0, 3), st.booleans()), max_size=50)
)
def test_are_multiples__like_a_division_of_each(
    drawn: list[tuple[int, int, bool]],
) -> None:
    units = UNITS.tolist()
    rows = [
        (value // units[code] * units[code] if cut else value, code) for value, code, cut in drawn
    ]
    value = np.array([row[0] for row in rows], np.int64)
    code = np.array([row[1] for row in rows], np.int32)
    expected = all(value % units[code] == 0 for value, code in rows)
    assert kernels.are_multiples(value, code, UNITS) == expected


FIRST, LAST = -25_567, 376_199
DAYS = [NO_DAY, FIRST - 1, FIRST, -1, 0, 1, LAST, LAST + 1, 2**31 - 1] * 9


@pytest.mark.parametrize("marks_nulls", [False, True])
def test_keep_plausible_days__like_plain_python(marks_nulls: bool) -> None:
    source = random.Random(3)
    day = [*DAYS, *(source.randrange(-(2**31), 2**31) for _ in range(200))]
    valid = [int(source.random() < 0.7) for _ in day] if marks_nulls else [1] * len(day)
    kept, fault = np.empty(len(day), np.int32), np.empty(len(day), np.uint8)
    given_bytes = read_only(valid, np.uint8) if marks_nulls else EMPTY_BYTES
    kernels.keep_plausible_days(
        read_only(day, np.int32), given_bytes, read_only([FIRST, LAST], np.int64), kept, fault
    )
    for i, is_there in enumerate(valid):
        is_plausible = FIRST <= day[i] <= LAST
        assert kept[i] == (day[i] if is_there and is_plausible else NO_DAY)
        wrong = 0 if is_plausible else FAULT_OUT_OF_RANGE
        assert fault[i] == (wrong if is_there else FAULT_MISSING)


def test_fill_days__takes_the_default_where_there_is_no_day() -> None:
    source = random.Random(4)
    day = np.array([source.choice([NO_DAY, 0, -1, 20_000]) for _ in range(333)], np.int32)
    default = np.array([source.choice([NO_DAY, 5, 6]) for _ in range(333)], np.int32)
    filled = np.empty(333, np.int32)
    kernels.fill_days(day, default, filled)
    assert filled.tolist() == np.where(day == NO_DAY, default, day).tolist()


def test_spread_codes__like_a_look_up_of_each() -> None:
    source = random.Random(6)
    codes = [source.randrange(-2, 2**31 - 1) for _ in range(40)]
    position = [source.randrange(-1, 39) for _ in range(500)]
    spread = np.empty(500, np.int32)
    kernels.spread_codes(read_only(position, np.int32), np.array(codes, np.int32), spread)
    assert spread.tolist() == [codes[place + 1] for place in position]


TEXTS = st.one_of(st.none(), st.text(max_size=12))


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=60), st.integers(0, 5))
def test_with_default__like_a_choice_of_each(
    rows: list[tuple[str | None, str | None]], skipped: int
) -> None:
    for default in (
        pa.array([row[1] for row in rows], pa.string()),
        pa.array([row[1] or "" for row in rows], pa.string()),
    ):
        texts = pa.array([row[0] for row in rows], pa.string())
        expected = [
            text or other
            for text, other in zip(texts.to_pylist(), default.to_pylist(), strict=True)
        ]
        for layout in (texts, texts.dictionary_encode(), texts.cast(pa.large_string())):
            found = with_default(layout.slice(skipped), default.slice(skipped))
            found.validate(full=True)
            assert found.to_pylist() == expected[skipped:]


KERNELS: list[Callable[..., Any]] = [
    kernels.rescale_words,
    kernels.multiply_pairs,
    kernels.keep_plausible_days,
    kernels.spread_codes,
    kernels.fill_texts,
]


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels__are_compiled_for_one_signature(kernel: Callable[..., Any]) -> None:
    dialect = TableInput()
    mutable = pa.array(np.array([1, 2, 3], np.int64))
    decimals = mutable.cast(pa.decimal128(22, 2))
    for column in (
        mutable,
        decimals,
        decimals.take(pa.array([0, None])),
        decimals.slice(1),
        mutable.cast(pa.int8()),
        pa.array([1, None]),
    ):
        decode_money(column, dialect)
    days = pa.array(np.array([1, 2, 3], np.int32)).cast(pa.date32())
    for column in (days, days.take(pa.array([0, None])), days.cast(pa.timestamp("us"))):
        decode_date(column, dialect)
    texts = pa.array(["a", None, ""])
    for column in (texts, texts.slice(1), texts.dictionary_encode(), texts.cast("large_string")):
        listed_codes(column, {"a": 1})
        with_default(column, pa.array(["x", "y", "z"]).slice(3 - len(column)))
    assert len(getattr(kernel, "signatures", [()])) == 1
