"""The order of texts, against Python's own order of bytes."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels import text_order as kernels
from tests.kernels.texts import text_of

NUMBERED = [f"2000-2026-{number:08d}".encode() for number in range(40)]
texts = st.lists(st.binary(max_size=20) | st.sampled_from([*NUMBERED, b"2000-2026-0", b""]))


@given(texts.filter(bool))
def test_bound_texts__like_twin(texts: list[bytes]) -> None:
    row: Any = np.full(2, -9, np.int64)
    kernels.bound_texts(text_of(texts), row)
    assert (texts[row[0]], texts[row[1]]) == (min(texts), max(texts))


def sorted_ties(texts: list[bytes], groups: list[int]) -> list[int]:
    is_tied = np.array(groups[1:]) == np.array(groups[:-1])
    order = np.arange(len(texts))
    kernels.sort_ties(text_of(texts), is_tied, order, np.empty_like(order))
    return order.tolist()


@given(texts, st.integers(1, 5))
def test_sort_ties__like_twin(texts: list[bytes], spread: int) -> None:
    groups = [place // spread for place in range(len(texts))]
    expected = sorted(range(len(texts)), key=lambda row: (groups[row], texts[row]))
    assert sorted_ties(texts, groups) == expected


@pytest.mark.parametrize("count", [1, 15, 16, 17, 31, 32, 33, 64, 65, 1_000])
def test_sort_ties__of_many_rows_keeps_equal_ones_as_they_are(count: int) -> None:
    draw = random.Random(count)
    texts = [draw.choice(NUMBERED) for _ in range(count)] + [b"z", b"a"]
    groups = [0] * count + [1, 1]
    expected = sorted(range(count + 2), key=lambda row: (groups[row], texts[row]))
    assert sorted_ties(texts, groups) == expected
