"""Decoding of columns in every layout: slices, chunks, nulls, dictionaries, decimals, floats."""

import random
from collections.abc import Callable
from datetime import date
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from encours.ledger.decode import (
    NO_DAY,
    Decoded,
    TextIndex,
    decode_bool,
    decode_date,
    decode_int,
    decode_money,
    decode_percent,
    decode_text_codes,
    hash_column,
)
from encours.ledger.dialect import date_pattern
from encours_schemas.configuration import TableInput
from encours_schemas.errors import ConfigurationWrong
from tests.naive import text as naive

POINT = TableInput()
COMMA = TableInput(decimal_mark=",", thousands_separator=".", date_format="%d.%m.%Y")
OK, MISSING, WRONG_TYPE, TOO_PRECISE, TOO_LARGE, OUT_OF_RANGE = range(6)


def money(
    column: pa.Array | pa.ChunkedArray, dialect: TableInput = POINT, **options: Any
) -> Decoded:
    return decode_money(column, dialect, **options)


@pytest.mark.parametrize(
    ("text", "dialect", "value", "fault"),
    [
        ("1.234,56", POINT, 0, WRONG_TYPE),
        ("1.234,56", COMMA, 1_234_560, OK),
        ("1,234.56", COMMA, 0, WRONG_TYPE),
        ("1.234", POINT, 1_234, OK),
        ("1.234", COMMA, 1_234_000, OK),
        ("1E+05", POINT, 0, WRONG_TYPE),
        ("+1", POINT, 0, WRONG_TYPE),
        ("1.00-", POINT, 0, WRONG_TYPE),
        ("-0.00", POINT, 0, OK),
        ("NaN", POINT, 0, WRONG_TYPE),
        ("1.0050", POINT, 1_005, OK),
        ("1.0005", POINT, 0, TOO_PRECISE),
        ("999999999999999.999", POINT, 10**18 - 1, OK),
        ("1000000000000000", POINT, 0, TOO_LARGE),
        ("", POINT, 0, MISSING),
        (None, POINT, 0, MISSING),
    ],
)
def test_decode_money__reads_exactly_the_declared_form(
    text: str | None, dialect: TableInput, value: int, fault: int
) -> None:
    decoded = money(pa.array([text], pa.string()), dialect)
    assert (decoded.values.tolist(), decoded.fault.tolist()) == ([value], [fault])


def layouts(array: pa.Array) -> list[pa.Array | pa.ChunkedArray]:
    """Give an array in other layouts of the same values."""
    offset = pa.concat_arrays([array[:1], array, array[:2]]).slice(1, len(array))
    chunks = pa.chunked_array([array[:3], array[3:3], array[3:]], array.type)
    found = [array, offset, chunks]
    if not (pa.types.is_null(array.type) or pa.types.is_decimal(array.type)):
        coded = array.dictionary_encode()
        small = coded.cast(pa.dictionary(pa.uint8(), array.type))
        found += [
            coded,
            coded.slice(2).take(pa.array([], pa.int64())),
            small,
            chunks.dictionary_encode(),
        ]
        found += [pa.concat_arrays([coded, coded]).slice(1, len(array))]
    if array.type == pa.string():
        found += [array.cast(pa.large_string()), offset.cast(pa.string_view())]
        found += [coded.cast(pa.dictionary(pa.int16(), pa.large_string()))]
    return found


def as_python(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    return column.to_pylist()


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["1.5", None, "", "x", "-2", "1.5", None, "7.0001"]),
        pa.array([None] * 7, pa.string()),
        pa.array(["1"] * 7),
    ],
)
def test_decode_money__any_layout_of_text_gives_the_same(array: pa.Array) -> None:
    for column in layouts(array):
        expected = [naive.parse_number(text, ".", "", 3, 15) for text in as_python(column)]
        decoded = money(column)
        assert list(zip(decoded.values.tolist(), decoded.fault.tolist(), strict=True)) == expected
        assert [part.dtype.name for part in decoded] == ["int64", "uint8"]


def random_decimals(
    source: random.Random, precision: int, scale: int, count: int
) -> list[Decimal | None]:
    values: list[Decimal | None] = [None]
    for _ in range(count):
        whole = source.randrange(10 ** source.randrange(1, precision + 1))
        values.append(Decimal(whole * source.choice([1, -1])).scaleb(-scale))
    return values


@pytest.mark.parametrize(
    "kind",
    [
        pa.decimal32(9, 2),
        pa.decimal64(18, 4),
        pa.decimal128(18, 3),
        pa.decimal128(15, 2),
        pa.decimal128(38, 0),
        pa.decimal128(38, 18),
        pa.decimal128(20, -3),
        pa.decimal256(76, 3),
        pa.decimal256(76, 40),
    ],
)
def test_decode_money__any_decimal_is_exact_or_a_fault(kind: pa.DataType) -> None:
    source = random.Random(str(kind))
    values = random_decimals(source, kind.precision, kind.scale, 80)
    exact = Context(prec=100)
    for value in values[:40]:
        if value is not None and kind.scale >= 3:
            values.append(value.quantize(Decimal("0.001"), context=exact))
    array = pa.array(values, kind)
    for column in layouts(array)[:3]:
        expected = [naive.rescale(value, 3, 15) for value in as_python(column)]
        decoded = money(column)
        assert list(zip(decoded.values.tolist(), decoded.fault.tolist(), strict=True)) == expected


@pytest.mark.parametrize(
    "kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
)
def test_decode_money__integers_are_whole_units(kind: str) -> None:
    limits = np.iinfo(kind)
    values = [
        None,
        0,
        1,
        limits.min,
        limits.max,
        min(10**15, limits.max),
        min(10**15 - 1, limits.max),
    ]
    column = pa.array(values, getattr(pa, kind)())
    decoded = money(column)
    expected = [naive.rescale(value, 3, 15) for value in values]
    assert list(zip(decoded.values.tolist(), decoded.fault.tolist(), strict=True)) == expected
    assert decode_int(column).fault.tolist()[1:3] == [OK, OK]


@pytest.mark.parametrize(
    ("value", "decimals", "milli", "fault"),
    [
        (19.99, 2, 19_990, OK),
        (1.15, 2, 1_150, OK),
        (0.29, 2, 290, OK),
        (0.1 + 0.2, 2, 300, OK),
        (-1234567890.12, 2, -1_234_567_890_120, OK),
        (22517998136852.47, 2, 22_517_998_136_852_470, OK),
        (22517998136852.48, 2, 0, TOO_LARGE),
        (1e30, 2, 0, TOO_LARGE),
        (0.005, 2, 0, TOO_PRECISE),
        (1.0000001, 2, 0, TOO_PRECISE),
        (1.0000000001, 2, 1_000, OK),
        (12.5, 0, 0, TOO_PRECISE),
        (7.0, 0, 7_000, OK),
        (-0.0, 2, 0, OK),
        (float("nan"), 2, 0, WRONG_TYPE),
        (float("inf"), 2, 0, WRONG_TYPE),
        (None, 2, 0, MISSING),
    ],
)
def test_decode_money__declared_floats_mean_the_decimal_next_to_them(
    value: float | None, decimals: int, milli: int, fault: int
) -> None:
    column = pa.array([value], pa.float64())
    decoded = money(column, float_decimals=decimals)
    assert (decoded.values.tolist(), decoded.fault.tolist()) == ([milli], [fault])
    undeclared = money(column)
    assert undeclared.fault.tolist() == [MISSING if value is None else WRONG_TYPE]


def test_decode_money__every_cent_survives_a_float() -> None:
    cents = np.concatenate([np.arange(-20_000, 20_000), np.arange(2**51 - 9_000, 2**51)])
    decoded = money(pa.array(cents / 100), float_decimals=2)
    assert (decoded.fault == OK).all()
    assert (decoded.values == cents * 10).all()
    single = np.concatenate([np.arange(-20_000, 20_000), np.arange(2**23 - 9_000, 2**23)])
    decoded = money(pa.array((single / 100).astype(np.float32)), float_decimals=2)
    assert (decoded.values == single * 10).all()


@pytest.mark.parametrize("kind", [pa.bool_(), pa.date32(), pa.binary(), pa.null()])
def test_decode_money__other_types_are_faults_not_exceptions(kind: pa.DataType) -> None:
    decoded = money(pa.nulls(3, kind))
    assert decoded.fault.tolist() == [MISSING] * 3
    assert money(pa.array([True, None])).fault.tolist() == [WRONG_TYPE, MISSING]


def test_decode_percent__keeps_nine_decimals() -> None:
    decoded = decode_percent(pa.array(["33.333333333", "0.0000000001", "1000000000", "-5"]), POINT)
    assert decoded.values.tolist() == [33_333_333_333, 0, 0, -5_000_000_000]
    assert decoded.fault.tolist() == [OK, TOO_PRECISE, TOO_LARGE, OK]


@pytest.mark.parametrize(
    ("text", "value", "fault"),
    [
        ("60", 60, OK),
        ("-1", -1, OK),
        ("60.0", 0, WRONG_TYPE),
        ("9" * 19, 0, TOO_LARGE),
        ("", 0, MISSING),
    ],
)
def test_decode_int__reads_whole_numbers(text: str, value: int, fault: int) -> None:
    decoded = decode_int(pa.array([text]))
    assert (decoded.values.tolist(), decoded.fault.tolist()) == ([value], [fault])


DAYS = [
    date(1900, 1, 1),
    date(2999, 12, 31),
    date(1899, 12, 31),
    date(3000, 1, 1),
    date(9999, 12, 31),
]


def test_decode_date__keeps_plausible_days() -> None:
    for kind in (pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("us")):
        decoded = decode_date(pa.array([*DAYS, None], pa.date32()).cast(kind), POINT)
        assert decoded.fault.tolist() == [OK, OK, *[OUT_OF_RANGE] * 3, MISSING]
        assert decoded.values.tolist() == [-25_567, 376_199, *[NO_DAY] * 4]
        assert decoded.values.dtype == np.int32


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("2026-02-31", OUT_OF_RANGE),
        ("0000-00-00", OUT_OF_RANGE),
        ("9999-12-31", OUT_OF_RANGE),
        ("1899-12-31", OUT_OF_RANGE),
        ("2026-02-28", OK),
        ("28.02.2026", WRONG_TYPE),
        ("46081", WRONG_TYPE),
        ("", MISSING),
    ],
)
def test_decode_date__text_that_is_no_plausible_day_is_a_fault(text: str, fault: int) -> None:
    decoded = decode_date(pa.array([text]), POINT)
    assert decoded.fault.tolist() == [fault]
    assert (decoded.values[0] == NO_DAY) == (fault != OK)


def test_decode_date__year_9999_is_an_open_end_where_there_may_be_one() -> None:
    days = [date(2999, 12, 31), date(3000, 1, 1), date(9998, 12, 31), date(9999, 1, 1), None]
    plain = pa.array([*days, date(9999, 12, 31)], pa.date32())
    for column in (plain, plain.cast(pa.timestamp("s")), plain.cast(pa.string())):
        decoded = decode_date(column, POINT, open_end=True)
        expected = [OK, OUT_OF_RANGE, OUT_OF_RANGE, MISSING, MISSING, MISSING]
        assert decoded.fault.tolist() == expected
        assert decoded.values.tolist() == [376_199, *[NO_DAY] * 5]


def test_decode_date__time_of_day_is_of_the_wrong_type() -> None:
    for unit, noon in (("s", 43_200), ("ms", 1), ("us", -1), ("ns", 86_399_999_999_999)):
        decoded = decode_date(pa.array([0, noon], pa.timestamp(unit)), POINT)
        assert decoded.fault.tolist() == [OK, WRONG_TYPE]
        assert decoded.values.tolist() == [0, NO_DAY]
    zoned = decode_date(pa.array([0, None], pa.timestamp("s", "Europe/Paris")), POINT)
    assert zoned.fault.tolist() == [WRONG_TYPE, MISSING]


def test_decode_date__any_layout_gives_the_same() -> None:
    array = pa.array(["2026-01-31", None, "", "2026-02-30", "x", "2026-01-31", "1999-12-31"])
    for column in layouts(array):
        expected = [naive.parse_date(text, "%Y-%m-%d") for text in as_python(column)]
        decoded = decode_date(column, POINT)
        assert decoded.fault.tolist() == [fault for _, fault in expected]
        days = [NO_DAY if day is None else (day - date(1970, 1, 1)).days for day, _ in expected]
        assert decoded.values.tolist() == days


@pytest.mark.parametrize(
    "wrong", ["%y-%m-%d", "%Y-%m", "%Y-%m-%d %H", "%Y%Y%m%d", "%d %b %Y", "%Y-%m-%"]
)
def test_date_pattern__unclear_formats_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationWrong, match=r"date format is not understood"):
        date_pattern(wrong)


def test_decode_bool__reads_the_usual_forms() -> None:
    true = ["true", "True", "TRUE", "t", "T", "y", "Y", "yes", "YES", "1"]
    false = ["false", "False", "FALSE", "f", "n", "N", "no", "No", "0"]
    other = ["oui", "2", "-1", " true", "tRuE", "on"]
    decoded = decode_bool(pa.array([*true, *false, *other, "", None]))
    assert decoded.values.tolist() == [1] * 10 + [0] * (9 + 6 + 2)
    assert decoded.fault.tolist() == [OK] * 19 + [WRONG_TYPE] * 6 + [MISSING] * 2
    for column in layouts(pa.array([True, None, False, True])):
        expected = as_python(column)
        decoded = decode_bool(column)
        assert decoded.values.tolist() == [int(value or 0) for value in expected]
        assert decoded.fault.tolist() == [int(value is None) for value in expected]
    integers = decode_bool(pa.array([0, 1, 2, -1, None], pa.int8()))
    assert integers.values.tolist() == [0, 1, 0, 0, 0]
    assert integers.fault.tolist() == [OK, OK, WRONG_TYPE, WRONG_TYPE, MISSING]
    assert decode_bool(pa.array([1.0])).fault.tolist() == [WRONG_TYPE]


def test_decode_text_codes__any_layout_gives_the_same() -> None:
    index = TextIndex(["b", "a", "", "b", "é"])
    places = {"b": 0, "a": 1, "é": 4, None: -2, "": -2}
    for column in layouts(pa.array(["a", None, "", "é", "zz", "b", "b"])):
        codes = decode_text_codes(column, index)
        assert codes.tolist() == [places.get(text, -1) for text in as_python(column)]
        assert codes.dtype == np.int32
    assert decode_text_codes(pa.nulls(2), index).tolist() == [-2, -2]


@pytest.mark.parametrize("values", [[], ["x"], [None], ["a", None, "a"]])
def test_text_index__is_made_of_any_layout(values: list[str | None]) -> None:
    array = pa.array(values, pa.string())
    for made in (values, array, pa.chunked_array([array]), array.dictionary_encode()):
        index = TextIndex(made)
        assert len(index) == len(values)
        expected = [0 if values and values[0] == text else -1 for text in ("x", "a")]
        assert decode_text_codes(pa.array(["x", "a"]), index).tolist() == expected


def test_hash_column__any_layout_gives_the_same() -> None:
    array = pa.array(["a", None, "", "é" * 9, "zz", "a", "x" * 50])
    for column in layouts(array):
        first, second = hash_column(column)
        expected = [naive.hash_text((text or "").encode()) for text in as_python(column)]
        assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected


DECODERS: list[Callable[[pa.Array], Any]] = [
    money,
    decode_int,
    decode_bool,
    lambda column: decode_date(column, POINT),
    lambda column: decode_text_codes(column, TextIndex(["a"])),
    lambda column: hash_column(column)[0],
]


@pytest.mark.parametrize("decode", DECODERS)
def test_decoders__take_columns_without_rows(decode: Callable[[pa.Array], Any]) -> None:
    for kind in (pa.string(), pa.dictionary(pa.int32(), pa.string())):
        for empty in (pa.array([], kind), pa.chunked_array([], kind)):
            decoded = decode(empty)
            values = decoded.values if isinstance(decoded, Decoded) else decoded
            assert len(values) == 0
