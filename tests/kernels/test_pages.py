"""What the page kernels write, read back by a slow twin that knows the format alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels import pages as kernels
from tests.kernels.texts import text_of
from tests.naive import pages as naive

INT32, INT64 = np.iinfo(np.int32), np.iinfo(np.int64)


def written_numbers(values: list[int], bits: int) -> tuple[list[int], list[int]]:
    page = np.full(kernels.numbers_room(len(values)) + 3, 0xAA, np.uint8)
    bounds = np.zeros(2, np.int64)
    end = kernels.write_numbers(np.array(values, np.int64), bits, page, 3, bounds)
    found, behind = naive.read_numbers(page[3:end].tobytes(), bits)
    assert behind == end - 3
    return found, bounds.tolist()


def written_runs(values: list[int], width: int) -> list[int]:
    page = np.full(kernels.runs_room(len(values)) + 1, 0xAA, np.uint8)
    padded = np.full(len(values) + kernels.GROUP_VALUES, -7, np.int32)
    padded[: len(values)] = values
    end = kernels.write_runs(padded, len(values), width, page, 1)
    return naive.read_runs(page[1:end].tobytes(), len(values), width)


NASTY_32 = [INT32.min, INT32.max, 0, -1, 1]
NASTY_64 = [INT64.min, INT64.max, 0, -1, 1, INT32.min, INT32.max]


@given(st.lists(st.integers(INT32.min, INT32.max) | st.sampled_from(NASTY_32), min_size=1))
def test_write_numbers__of_32_bits_are_read_back(values: list[int]) -> None:
    found, bounds = written_numbers(values, 32)
    assert found == values
    assert bounds == [min(values), max(values)]


@given(st.lists(st.integers(INT64.min, INT64.max) | st.sampled_from(NASTY_64), min_size=1))
def test_write_numbers__of_64_bits_are_read_back(values: list[int]) -> None:
    found, bounds = written_numbers(values, 64)
    assert found == values
    assert bounds == [min(values), max(values)]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("width", range(32))
def test_write_numbers__at_every_width_and_around_the_ends_of_blocks(bits: int, width: int) -> None:
    random = np.random.default_rng(width)
    for count in (1, 2, 31, 32, 33, 64, 65, 128, 129, 130, 256, 257, 258, 1_000):
        values = random.integers(0, 1 << width, count).tolist()
        assert written_numbers(values, bits)[0] == values


@pytest.mark.parametrize("width", range(32, 64))
def test_write_numbers__at_every_width_beyond_32(width: int) -> None:
    values = np.random.default_rng(width).integers(0, 1 << width, 700).tolist()
    assert written_numbers(values, 64)[0] == values


def test_write_numbers__fill_no_more_than_their_room() -> None:
    for count in (0, 1, 2, 256, 257, 258, 5_000):
        values = [INT64.min if i % 2 else INT64.max for i in range(count)]
        page = np.zeros(kernels.numbers_room(count), np.uint8)
        bounds = np.zeros(2, np.int64)
        end = kernels.write_numbers(np.array(values, np.int64), 64, page, 0, bounds)
        assert end <= len(page)
        assert naive.read_numbers(page[:end].tobytes(), 64)[0][:count] == values


runs = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40)), max_size=40)


@given(runs, st.integers(5, 32))
def test_write_runs__are_read_back(runs: list[tuple[int, int]], width: int) -> None:
    values = [value for value, count in runs for _ in range(count)]
    assert written_runs(values, width) == values


@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 503, 504, 505, 512, 513, 3_000])
def test_write_runs__at_many_widths_and_around_the_longest_run(width: int, count: int) -> None:
    values = np.random.default_rng(count).integers(0, 1 << width, count).tolist()
    assert written_runs(values, width) == values
    assert written_runs([(1 << width) - 1] * count, width) == [(1 << width) - 1] * count


texts = st.lists(st.binary(max_size=20))


@given(texts, st.integers(0, 3))
def test_write_texts__puts_each_behind_its_length(texts: list[bytes], at: int) -> None:
    expected = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    page = np.zeros(at + len(expected), np.uint8)
    assert kernels.write_texts(text_of(texts), page, at) == len(page)
    assert page[at:].tobytes() == expected
