"""Bitmaps and dictionaries in use, against plain Python."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels.published import keep_int32, keep_int64, mark_valid, number_codes

INT32 = np.iinfo(np.int32)
some_values = st.integers(INT32.min, INT32.max) | st.sampled_from([INT32.min, -1, 0, INT32.max])


@given(st.lists(some_values, max_size=40), some_values)
def test_mark_valid__like_packed_comparisons(values: list[int], least: int) -> None:
    column = np.array(values, np.int32)
    bits = np.full((len(values) + 7) // 8, 255, np.uint8)
    missing = mark_valid(column, np.int32(least), bits)
    assert missing == sum(value < least for value in values)
    assert bits.tolist() == np.packbits(column >= least, bitorder="little").tolist()


@pytest.mark.parametrize("count", [0, 1, 5, 400])
def test_number_codes__by_first_appearance(count: int) -> None:
    chance = random.Random(count)
    codes = [chance.choice([0, 49, chance.randrange(50)]) for _ in range(count)]
    place = np.full(50, -1, np.int32)
    distinct, ids = np.empty(count, np.int32), np.empty(count, np.int32)
    found = number_codes(np.array(codes, np.int32), place, distinct, ids)
    known = list(dict.fromkeys(codes))
    assert distinct[:found].tolist() == known
    assert ids.tolist() == [known.index(code) for code in codes]


@pytest.mark.parametrize(("kernel", "kind"), [(keep_int32, np.int32), (keep_int64, np.int64)])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_keep__like_a_mask(kernel: Any, kind: Any, share: float, count: int) -> None:
    chance = random.Random(count)
    values = np.array([chance.randrange(INT32.min, INT32.max) for _ in range(count)], kind)
    chosen = np.array([chance.random() < share for _ in range(count)], np.uint8)
    expected = values[chosen.astype(bool)]
    out = np.empty(len(expected) + 1, kind)
    kernel(values, chosen, out)
    assert out[:-1].tolist() == expected.tolist()
