"""The text kernels against their slow twins, on nasty and on random texts."""

import random
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels import text as kernels
from encours.ledger.buffers import EMPTY_BYTES, as_text
from encours.ledger.decode import (
    FIRST_DAY,
    LAST_DAY,
    TextIndex,
    decode_date,
    decode_money,
    decode_text_codes,
    hash_column,
)
from encours.ledger.dialect import date_pattern, number_form
from encours_schemas.configuration import TableInput
from tests.naive import text as naive

NASTY_NUMBERS = [
    *("", "0", "-0", "-0.00", "00", "007", "1", "-1", "1.5", "-1.50", "1.234", "1.2340", "1.2345"),
    *("1.", ".5", "-.5", "-", ".", "--1", "+1", "1-", " 1", "1 ", "1e5", "1E+05", "NaN", "inf"),
    *("1,234.56", "1.234,56", "1 234,56", "1'234.56", "12,34", "1,2345", "1,234,567", "1234,567"),
    *(",123", "1,,234", "1,23", "1,234,", "-1,234.50", "1,234.5,6", "1.2.3", "0x10", "1_000", "½"),
    *("999999999999999.999", "-999999999999999.999", "1000000000000000", "0999999999999999.9990"),
    *(
        "000000000000000000000000000000001",
        "9223372036854775808",
        "123456789012345678901234567890x",
    ),
    *(
        "1.0000000000000000000000000000000001",
        "1.00000000000000000000000000000000",
        "\u0661",
        "1\0",
        "\u22121",
    ),
    *(
        "1\u00a0234.5",
        "1\u202f234.5",
        "1\u2019234.5",
        "1\u00a0234\u00a0567",
        "(1.00)",
        "1.00-",
        "1.00 EUR",
    ),
]
FORMS = [(".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", "'"), (",", "\u00a0")]


def parse(texts: list[str | None], form: kernels.NumberForm) -> list[tuple[int, int]]:
    values, fault = np.empty(len(texts), np.int64), np.empty(len(texts), np.uint8)
    kernels.parse_numbers(as_text(pa.array(texts, pa.string())), form, values, fault)
    return list(zip(values.tolist(), fault.tolist(), strict=True))


@pytest.mark.parametrize(
    ("mark", "separator"), [*FORMS, (".", "\u202f"), (".", "\u2019"), ("", "")]
)
def test_parse_numbers__like_twin_on_nasty_texts(mark: str, separator: str) -> None:
    for decimals, digits in ((3, 15), (9, 9), (0, 18)):
        texts = [*NASTY_NUMBERS, None]
        found = parse(texts, number_form(mark, separator, decimals, digits))
        expected = [naive.parse_number(t, mark, separator, decimals, digits) for t in texts]
        assert dict(zip(texts, found, strict=True)) == dict(zip(texts, expected, strict=True))


def random_number(source: random.Random, mark: str, separator: str) -> str:
    """Write a number of some form, and often spoil one character."""
    whole = str(source.randrange(10 ** source.randrange(1, 18)))
    if separator and source.random() < 0.7:
        whole = f"{int(whole):,}".replace(",", separator)
    places = source.randrange(6)
    text = whole + (mark + "".join(source.choices("0123456789", k=places)) if places else "")
    text = ("-" if source.random() < 0.3 else "") + text
    if source.random() < 0.4:
        at = source.randrange(len(text) + 1)
        text = text[:at] + source.choice(" .,-+e0'9\u00a0") + text[at + source.randrange(2) :]
    return text


def test_parse_numbers__like_twin_on_thousands_of_random_texts() -> None:
    source = random.Random(20261031)
    faults = set()
    for mark, separator in FORMS:
        texts = [random_number(source, mark, separator) for _ in range(1_500)]
        found = parse(list(texts), number_form(mark, separator, 3, 15))
        expected = [naive.parse_number(t, mark, separator, 3, 15) for t in texts]
        assert found == expected
        faults |= {fault for _, fault in found}
    assert faults == {0, 2, 3, 4}


@given(
    st.lists(st.one_of(st.none(), st.text(alphabet="0123456789.,- eE+\u00a0\u202f", max_size=24)))
)
def test_parse_numbers__like_twin_on_any_text(texts: list[str | None]) -> None:
    for mark, separator in ((".", ","), (",", "\u202f")):
        found = parse(texts, number_form(mark, separator, 3, 15))
        assert found == [naive.parse_number(t, mark, separator, 3, 15) for t in texts]


NASTY_DATES = [
    *("2026-10-31", "2026-1-31", "2026-10-3", "26-10-31", "2026-02-29", "2024-02-29", "1900-02-29"),
    *(
        "2000-02-29",
        "2100-02-29",
        "2026-02-31",
        "2026-04-31",
        "0000-00-00",
        "2026-00-10",
        "2026-13-01",
    ),
    *(
        "2026-12-00",
        "2026-12-32",
        "9999-12-31",
        "3000-01-01",
        "2999-12-31",
        "1899-12-31",
        "1900-01-01",
    ),
    *(
        "0001-01-01",
        "2026/10/31",
        "20261031",
        "31.10.2026",
        "10/31/2026",
        "31/10/2026",
        "2026-10-31 ",
    ),
    *(
        "2026-10-31T00:00:00",
        " 2026-10-31",
        "2026-10-31\0",
        "\u0662026-10-31",
        "",
        "45231",
        "2026-10-3a",
    ),
]
DATE_FORMATS = ["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y"]
EPOCH = date(1970, 1, 1)


def parse_days(texts: list[str | None], date_format: str) -> list[tuple[date | None, int]]:
    days, fault = np.empty(len(texts), np.int32), np.empty(len(texts), np.uint8)
    day_range = np.array([FIRST_DAY, LAST_DAY], np.int64)
    day_range.flags.writeable = False
    column = as_text(pa.array(texts, pa.string()))
    kernels.parse_dates(column, date_pattern(date_format), day_range, days, fault)
    return [
        (None if day == kernels.NO_DAY else EPOCH + timedelta(days=day), wrong)
        for day, wrong in zip(days.tolist(), fault.tolist(), strict=True)
    ]


@pytest.mark.parametrize("date_format", DATE_FORMATS)
def test_parse_dates__like_twin_on_nasty_texts(date_format: str) -> None:
    texts = [*NASTY_DATES, None]
    expected = [naive.parse_date(text, date_format) for text in texts]
    assert parse_days(texts, date_format) == expected


@pytest.mark.parametrize("date_format", DATE_FORMATS)
def test_parse_dates__gives_every_day_of_four_centuries(date_format: str) -> None:
    first = date(1900, 1, 1)
    days = [
        first + timedelta(days=i)
        for i in range(0, 150_000, 7 if date_format == "%Y-%m-%d" else 331)
    ]
    found = parse_days([day.strftime(date_format) for day in days], date_format)
    assert found == [(day, 0) for day in days]


def random_bytes_text(source: random.Random) -> str:
    return "".join(source.choices("abcÄ€𝄞019 ", k=source.randrange(40)))


def test_hash_text__like_twin_at_every_length() -> None:
    source = random.Random(5)
    texts = ["x" * length for length in range(70)] + [random_bytes_text(source) for _ in range(500)]
    with np.errstate(over="ignore"):
        first, second = hash_column(pa.array(texts))
    found = list(zip(first.tolist(), second.tolist(), strict=True))
    assert found == [naive.hash_text(text.encode()) for text in texts]


def test_hash_text__sees_the_same_text_at_any_place() -> None:
    whole = pa.array(["", "a", "abcdefgh", "abcdefghi", "abcdefghijklmnopq"] * 3)
    with np.errstate(over="ignore"):
        first, second = hash_column(whole)
        sliced, _ = hash_column(whole.slice(3, 7))
    assert (first.reshape(3, 5) == first[:5]).all()
    assert (second.reshape(3, 5) == second[:5]).all()
    assert (sliced == first[3:10]).all()


def test_hash_text__does_not_meet_on_ids_that_look_alike() -> None:
    ids = [f"{i:010d}" for i in range(40_000)] + [f"{i}" for i in range(40_000)]
    ids += [f"INV-2026-{i:06d}" for i in range(20_000)] + ["0" * length for length in range(1, 200)]
    distinct = sorted(set(ids))
    with np.errstate(over="ignore"):
        first, second = hash_column(pa.array(distinct))
    assert len(np.unique(first)) == len(distinct)
    assert len(np.unique(second)) == len(distinct)
    # Each half spreads well enough to shard by its upper bits and to index by its lower ones.
    for half in (first, second):
        for bits in (half >> np.uint64(56), half & np.uint64(255)):
            counts = np.bincount(bits.astype(np.int64), minlength=256)
            assert counts.min() > 0.7 * len(distinct) / 256
            assert counts.max() < 1.3 * len(distinct) / 256


def test_hash_text__does_not_meet_on_numbered_ids_of_many_lengths() -> None:
    # A lane that multiplied once per word met 80,000 times on ten million ids like these.
    numbers = np.arange(200_000).astype("U10")
    for form in ("1000-2026-{}", "7000-{}", "INVO{}", "{}"):
        before, after = form.split("{}")
        padded = np.char.add(np.char.add(before, np.char.zfill(numbers, 10)), after)
        for half in hash_column(pa.array(padded)):
            assert len(np.unique(half)) == len(padded), form


def test_hash_text__changes_half_the_bits_with_one_of_the_text() -> None:
    source = random.Random(9)
    for length in (1, 7, 8, 9, 16, 23):
        changed = []
        for _ in range(60):
            text = bytearray(source.randbytes(length))
            before = naive.hash_text(bytes(text))
            text[source.randrange(length)] ^= 1 << source.randrange(8)
            after = naive.hash_text(bytes(text))
            changed.append([(a ^ b).bit_count() for a, b in zip(before, after, strict=True)])
        mean = np.array(changed).mean(axis=0)
        assert ((mean > 28) & (mean < 36)).all()


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=60),
    st.lists(st.text(max_size=20)),
)
def test_find_codes__like_a_dictionary(keys: list[str | None], texts: list[str]) -> None:
    wanted: list[str | None] = [*texts, *keys, None]
    places: dict[str, int] = {}
    for place, key in enumerate(keys):
        if key:
            places.setdefault(key, place)
    with np.errstate(over="ignore"):
        index = TextIndex(pa.array(keys, pa.string()))
        found = index.find(as_text(pa.array(wanted, pa.string())), len(wanted))
    expected = [places.get(text, -1) if text else -2 for text in wanted]
    assert found.tolist() == expected


def test_find_codes__tells_texts_of_one_hash_slot_apart() -> None:
    keys = [f"C{i:05d}" for i in range(3_000)]
    with np.errstate(over="ignore"):
        index = TextIndex(keys)
        found = index.find(as_text(pa.array([*keys[::-1], "C99999", "C0000", "c00001"])), 3_003)
    assert found.tolist() == [*range(2_999, -1, -1), -1, -1, -1]


ODDITIES = {
    kernels.RECORD_HAS_NUL: "nul",
    kernels.RECORD_HAS_LONE_RETURN: "return",
    kernels.RECORD_HAS_TEXT_AFTER_QUOTE: "stray",
    kernels.RECORD_HAS_HIGH_BYTE: "high",
    kernels.RECORD_HAS_QUOTED_NEWLINE: "newline",
    kernels.RECORD_IS_BLANK: "blank",
}


def scan(data: bytes, separator: str, quote: str) -> list[tuple[bytes, int, set[str]]]:
    count = data.count(b"\n")
    ends, fields = np.empty(count, np.int64), np.empty(count, np.int32)
    flags = np.empty(count, np.uint8)
    view = np.frombuffer(data, np.uint8) if data else EMPTY_BYTES
    quote_byte = ord(quote) if quote else -1
    found = kernels.scan_records(view, ord(separator), quote_byte, ends, fields, flags)
    records, start = [], 0
    for end, parts, flag in zip(ends[:found], fields[:found], flags[:found], strict=True):
        odd = {name for bit, name in ODDITIES.items() if flag & bit}
        records.append((data[start:end], int(parts), odd))
        start = int(end)
    return records


NASTY_RECORDS = [
    *(
        b"",
        b"\n",
        b"\r\n",
        b"a",
        b"a\n",
        b"a,b\r\nc,d\n",
        b"a,,\n",
        b",\n",
        b'"a,b",c\n',
        b'"a""b"\n',
    ),
    *(b'"a\nb",c\nd,e\n', b'"a\r\nb"\r\n', b'a"b,c"\n', b'"a"b,c\n', b'"a" ,c\n', b'"a"b"c,d"e\n'),
    *(
        b'"unclosed,b\nc,d\n',
        b'a,"b\nc,"d",e\n',
        b'""\n',
        b'"",""\n',
        b'""""\n',
        b'"""\n"\n',
        b' "a",b\n',
    ),
    *(
        b"a\rb\n",
        b"a\r\r\n",
        b"a\rb\rc\r",
        b"\r\n\r\n",
        b"\0\n",
        b"\xc3\xa9,\xff\n",
        b'"\r",b\n',
        b'"a"\r\n',
    ),
    *(b'"a"\rb\n', b"\n\n\na,b\n\n", b'a,"b""\n",c\n', b'"a""', b'x,"', b'"a"""b"\n'),
]


@pytest.mark.parametrize("data", NASTY_RECORDS)
def test_scan_records__like_twin_on_nasty_blocks(data: bytes) -> None:
    for separator, quote in ((",", '"'), (";", '"'), (",", ""), (",", "'")):
        assert scan(data, separator, quote) == naive.split_records(data, separator, quote)


def test_scan_records__like_twin_on_thousands_of_random_blocks() -> None:
    source = random.Random(31)
    for _ in range(6_000):
        data = bytes(
            source.choices(
                b'a,"\n\r\0\xc3', weights=[6, 4, 5, 3, 1, 0.2, 0.3], k=source.randrange(28)
            )
        )
        assert scan(data, ",", '"') == naive.split_records(data, ",", '"')


KERNELS = [
    "parse_numbers",
    "parse_dates",
    "hash_text",
    "find_codes",
    "scan_records",
]


@pytest.mark.parametrize("name", KERNELS)
def test_kernels__are_compiled_for_one_signature(name: str) -> None:
    dialect = TableInput()
    texts = pa.chunked_array([["12.5", None], [], ["7"]], pa.string())
    with np.errstate(over="ignore"):
        for layout in (texts, texts.cast(pa.large_string()), texts.dictionary_encode(), texts[1:]):
            hash_column(layout)
            decode_date(layout, dialect)
            decode_text_codes(layout, TextIndex(layout))
            decode_money(layout, dialect)
    scan(b"a,b\n", ",", '"')
    kernel = getattr(kernels, name)
    assert len(getattr(kernel, "signatures", [()])) == 1
