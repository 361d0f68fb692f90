"""The summing kernels against Python's own integers, near both ends of 64 bits."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels import totals as kernels
from encours.kernels.totals import LINE_COLUMNS, SUM_LIMIT, LineItems
from tests.naive import totals as naive

Array = np.ndarray[Any, np.dtype[Any]]

INT64 = np.iinfo(np.int64)
NO_DAY_LEAST = np.iinfo(np.int32).max
EXTREMES = [0, 1, -1, INT64.max, INT64.min, -INT64.max, 2**32 - 1, 2**32, -(2**32), 2**62, -(2**62)]
extreme_amounts = st.integers(INT64.min, INT64.max) | st.sampled_from(EXTREMES)


def by_code(codes: list[int], values: list[int], chosen: list[bool]) -> dict[int, int]:
    high, low = np.zeros(5, np.int64), np.zeros(5, np.int64)
    kernels.sum_by_code(
        np.array(codes, np.int32),
        np.array(values, np.int64),
        np.array(chosen, np.uint8),
        high,
        low,
    )
    assert not (low < 0).any()
    sums = {code: (int(high[code]) << 32) + int(low[code]) for code in range(5)}
    return {code: total for code, total in sums.items() if total}


def nonzero(totals: dict[int, int]) -> dict[int, int]:
    return {code: total for code, total in totals.items() if total}


@given(st.lists(st.tuples(st.integers(0, 4), extreme_amounts, st.booleans()), max_size=60))
def test_sum_by_code__like_twin_far_beyond_64_bits(rows: list[tuple[int, int, bool]]) -> None:
    codes, values = ([row[place] for row in rows] for place in range(2))
    chosen = [row[2] for row in rows]
    assert by_code(codes, values, chosen) == nonzero(naive.sum_by_code(codes, values, chosen))


@pytest.mark.parametrize("value", EXTREMES)
@pytest.mark.parametrize("count", [0, 1, 2, 1_000])
def test_sum_by_code__adds_one_value_many_times(value: int, count: int) -> None:
    assert by_code([3] * count, [value] * count, [True] * count) == nonzero({3: value * count})


def add_rows(
    ids: list[int], values: list[list[int]], minimum: list[int], sums: list[list[int]]
) -> tuple[int | None, list[list[int]], list[int]]:
    out = np.array(sums, np.int64)
    least = np.full(len(sums), NO_DAY_LEAST, np.int32)
    failed = kernels.add_rows(
        np.array(ids, np.int32),
        np.array(values, np.int64).reshape(len(ids), out.shape[1]),
        np.array(minimum, np.int32),
        out,
        least,
    )
    return (None if failed < 0 else int(failed)), out.tolist(), least.tolist()


def assert_adds_like_twin(
    ids: list[int], values: list[list[int]], minimum: list[int], sums: list[list[int]]
) -> int | None:
    expected, least = [list(row) for row in sums], [NO_DAY_LEAST] * len(sums)
    failed = naive.add_rows(ids, values, minimum, expected, least)
    assert add_rows(ids, values, minimum, sums) == (failed, expected, least)
    return failed


@pytest.mark.parametrize(
    ("present", "added", "fits"),
    [
        (INT64.max, 0, True),
        (INT64.max, 1, False),
        (INT64.max - 1, 1, True),
        (INT64.max, -INT64.max, True),
        (-INT64.max, -1, False),
        (-INT64.max, 0, True),
        (-INT64.max + 1, -1, True),
        (0, INT64.max, True),
        (1, INT64.max, False),
        (0, -INT64.max, True),
        (-1, -INT64.max, False),
        (0, INT64.min, False),
        (1, INT64.min, True),
        (INT64.max, INT64.min, True),
        (-INT64.max, INT64.min, False),
        (2**62, 2**62, False),
        (2**62, 2**62 - 1, True),
        (-(2**62), -(2**62) + 1, True),
    ],
)
def test_add_rows__flags_every_sum_beyond_64_bits(present: int, added: int, fits: bool) -> None:
    failed = assert_adds_like_twin([0], [[0, added]], [5], [[0, present]])
    assert (failed is None) == fits


@given(
    st.lists(
        st.tuples(
            st.integers(-1, 2),
            st.tuples(extreme_amounts, st.integers(-5, 5), st.integers(-(2**61), 2**61)),
            st.sampled_from([-5, 0, 7, NO_DAY_LEAST]),
        ),
        max_size=20,
    )
)
def test_add_rows__like_twin_on_random_rows(rows: list[tuple[int, Any, int]]) -> None:
    ids, minimum = [row[0] for row in rows], [row[2] for row in rows]
    assert_adds_like_twin(ids, [list(row[1]) for row in rows], minimum, [[0, 0, 0]] * 3)


def columns(items: list[naive.LineItem]) -> LineItems:
    def of(name: str, dtype: str) -> Array:
        return np.array([getattr(item, name) for item in items], dtype)

    return LineItems(
        component=of("component", "i4"),
        open_rc=of("open_rc", "i8"),
        disputed_rc=of("disputed_rc", "i8"),
        penalty_rc=of("penalty_rc", "i8"),
        unbilled_rc=of("unbilled_rc", "i8"),
        indemnity_rc=of("indemnity_rc", "i8"),
        is_late=of("is_late", "u1"),
        is_open=of("is_open", "u1"),
        due_day=of("due_day", "i4"),
        ledger_milli=of("ledger", "i8"),
    )


def add_items(lines: list[int], items: list[naive.LineItem], line_count: int) -> tuple[int, Any]:
    sums = np.zeros((line_count, LINE_COLUMNS), np.int64)
    least = np.full(line_count, NO_DAY_LEAST, np.int32)
    failed = kernels.add_items(np.array(lines, np.int32), columns(items), sums, least)
    return failed, list(zip(sums.tolist(), least.tolist(), strict=True))


def random_item(chance: random.Random) -> naive.LineItem:
    amount = chance.choice([0, 1, -1, 100_000, -(10**18) + 1, 10**18 - 1])
    amount = chance.choice([amount, chance.randrange(-(10**9), 10**9)])
    component = chance.randrange(-1, 9)
    return naive.LineItem(
        component=component,
        open_rc=amount,
        disputed_rc=amount // 3,
        penalty_rc=chance.randrange(10**6),
        unbilled_rc=chance.randrange(-(10**6), 10**6),
        indemnity_rc=chance.choice([0, 40_000]),
        is_late=chance.random() < 0.5 and component >= 0,
        is_open=amount != 0,
        due_day=chance.randrange(-5, 20_000),
        ledger=chance.choice([0, amount]),
    )


@pytest.mark.parametrize("count", [0, 1, 4, 300])
def test_add_items__like_twin_on_random_items(count: int) -> None:
    chance = random.Random(count)
    line_count = count // 3 + 1
    items = [random_item(chance) for _ in range(count)]
    lines = [chance.randrange(line_count) for _ in items]
    expected = []
    for line in range(line_count):
        members = [item for item, own in zip(items, lines, strict=True) if own == line]
        expected.append(naive.line_sums(members))
    largest = max((abs(amount) for amounts, _ in expected for amount in amounts), default=0)
    assert largest < SUM_LIMIT
    failed, found = add_items(lines, items, line_count)
    assert failed == -1
    assert found == [(amounts, least) for amounts, least in expected]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "changed", ["open_rc", "disputed_rc", "penalty_rc", "unbilled_rc", "indemnity_rc", "ledger"]
)
def test_add_items__flags_the_row_that_passes_the_limit(changed: str, sign: int) -> None:
    plain = naive.LineItem(0, 0, 0, 0, 0, 0, is_late=True, is_open=True, due_day=5, ledger=0)
    most = naive.LineItem(**{**vars(plain), changed: sign * (10**18 - 1)})
    fitting = SUM_LIMIT // (10**18 - 1)
    failed, found = add_items([0] * 20, [most] * 20, 1)
    assert failed == fitting
    amounts, _ = naive.line_sums([most] * (fitting + 1))
    assert found[0][0] == amounts


def test_kernels_of_totals__take_columns_that_may_not_be_written() -> None:
    def fixed(values: list[int], dtype: str) -> Array:
        made = np.array(values, dtype)
        made.flags.writeable = False
        return made

    high, low = np.zeros(1, np.int64), np.zeros(1, np.int64)
    kernels.sum_by_code(fixed([0], "i4"), fixed([7], "i8"), fixed([1], "u1"), high, low)
    assert (int(high[0]), int(low[0])) == (0, 7)
    sums, least = np.zeros((1, 1), np.int64), np.zeros(1, np.int32)
    values = fixed([7], "i8").reshape(1, 1)
    assert kernels.add_rows(fixed([0], "i4"), values, fixed([5], "i4"), sums, least) == -1
    assert sums.tolist() == [[7]]
    item = naive.LineItem(0, 7, 1, 2, 3, 4, is_late=True, is_open=True, due_day=-5, ledger=6)
    read_only = columns([item])
    for column in read_only:
        column.flags.writeable = False
    lines = np.zeros((1, LINE_COLUMNS), np.int64)
    assert kernels.add_items(fixed([0], "i4"), read_only, lines, least) == -1
    assert (lines.tolist(), least.tolist()) == ([naive.line_sums([item])[0]], [-5])
