"""What texts hold is told from their bytes, the same as text by text."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.calc.texts import may_hold, may_hold_control

MARKS = '",\r\n\\'


@given(
    st.lists(st.none() | st.text(st.sampled_from('a"\\,\n\r é€\x00\x1f'), max_size=4)),
    st.integers(0, 3),
    st.integers(0, 5),
)
def test_may_hold__as_text_by_text(texts: list[str | None], start: int, length: int) -> None:
    array = pa.array(texts, pa.string()).slice(start, length)
    joined = "".join(text or "" for text in array.to_pylist())
    assert may_hold(array, MARKS) == any(mark in joined for mark in MARKS)
    assert may_hold_control(array) == any(character < " " for character in joined)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_may_hold__says_look_closer_of_another_layout(kind: pa.DataType) -> None:
    array = pa.array(["a"]).cast(kind)
    assert may_hold(array, '"')
    assert may_hold_control(array)


def test_may_hold__nothing_where_all_is_null() -> None:
    assert not may_hold(pa.nulls(3, pa.string()), '"')
    assert not may_hold_control(pa.nulls(0, pa.string()))
