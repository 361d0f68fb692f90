import csv
import io
import json
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.erp import text
from tests.erp.formula_corpus import CONTROL_STARTS, FORMULAS, HARMLESS, INSIDE, SIGNS

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(',;"\n\r\t=+-@|\\\u2028'),
    max_size=12,
)


def array(texts: list[str] | list[str | None]) -> pa.Array:
    return pa.array(texts, pa.string())


@pytest.mark.parametrize("corpus", [FORMULAS, CONTROL_STARTS], ids=["formulas", "controls"])
def test_starts_formula__finds_every_form(corpus: list[str]) -> None:
    found = text.starts_formula(array(corpus))
    assert [one for one, hit in zip(corpus, found, strict=True) if not hit] == []


def test_starts_formula__leaves_plain_ids_alone() -> None:
    found = text.starts_formula(array([*HARMLESS, None]))
    assert [one for one, hit in zip([*HARMLESS, None], found, strict=True) if hit] == []
    assert text.escape_formulas(array(HARMLESS)).to_pylist() == HARMLESS


def cells_of(written: str, separator: str) -> list[str]:
    """Split as a spreadsheet set to another separator does: quotes only count at a cell's start."""
    return [cell for line in written.splitlines() for cell in line.split(separator)]


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_escape_formulas__leaves_no_cell_that_starts_one(separator: str) -> None:
    corpus = [*FORMULAS, *CONTROL_STARTS, *INSIDE]
    escaped = text.escape_formulas(array(corpus)).to_pylist()
    for original, one in zip(corpus, escaped, strict=True):
        for cell in cells_of(one, separator):
            assert not cell.lstrip(' "\t\u00a0\ufeff\u200b\x00\x0b').startswith(SIGNS), original


@given(st.lists(TEXTS, max_size=8))
def test_csv_lines__are_read_back_as_they_were(texts: list[str]) -> None:
    columns = [array(texts), array([one[::-1] for one in texts])]
    for quote_all in (False, True):
        data = text.csv_lines(columns, ",", "\n", quote_all=quote_all)
        read = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
        assert read == [[one, one[::-1]] for one in texts]


def test_csv_lines__quote_only_what_needs_it() -> None:
    data = text.csv_lines([array(["a", 'b"', "c,d", None])], ",", "\r\n")
    assert data == b'a\r\n"b"""\r\n"c,d"\r\n\r\n'


@given(st.lists(st.none() | TEXTS, max_size=8))
def test_json_lines__are_read_back_as_they_were(texts: list[str | None]) -> None:
    data = text.json_lines(
        ['a"b', "n"], [text.json_text(array(texts)), array(["1"] * len(texts))], "\n"
    )
    lines = data.decode().split("\n")[:-1] if data else []
    expected: list[dict[str, Any]] = [{'a"b': one, "n": 1} for one in texts]
    assert [json.loads(line) for line in lines] == expected


@given(
    st.lists(st.none() | st.integers(-(10**17), 10**17), max_size=8),
    st.integers(0, 3),
    st.sampled_from(".,"),
)
def test_amount_text__is_rounded_half_away_from_zero(
    values: list[int | None], decimals: int, mark: str
) -> None:
    found = text.amount_text(pa.array(values, pa.int64()), decimals, mark).to_pylist()
    unit = Decimal(1).scaleb(-decimals)
    for value, shown in zip(values, found, strict=True):
        if value is None:
            assert shown is None
            continue
        exact = Decimal(value).scaleb(-3).quantize(unit, ROUND_HALF_UP)
        assert Decimal(shown.replace(mark, ".")) == exact
        assert shown == f"{exact:f}".replace(".", mark) or exact == 0


def test_bytes_of__a_slice_gives_its_own_texts() -> None:
    texts = array(["one", "two", "three"])
    assert text.bytes_of(texts.slice(1, 1)) == b"two"
    assert text.bytes_of(texts.slice(3)) == b""


def test_chunks__hold_every_line_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "CHUNK_LINES", 3)
    table = pa.table({"n": np.arange(8)})
    assert [piece["n"].to_pylist() for piece in text.chunks(table)] == [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7],
    ]
