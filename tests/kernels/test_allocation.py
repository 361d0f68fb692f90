"""The allocation kernel against its slow twin: partial, returned, repeated and huge payments."""

import random
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels import allocation as kernels
from tests.naive import allocation as naive

Array = np.ndarray[Any, np.dtype[Any]]
Case = tuple[int, list[tuple[int, int]]]

NO_DAY = np.iinfo(np.int32).min
MONEY_MAX = 10**18 - 1
LIMIT = 2**62


class Settled(NamedTuple):
    """What the kernel writes for n items."""

    open_milli: Array
    allocated_milli: Array
    settled_day: Array
    overflow: Array


def settle(cases: list[Case], *, is_fixed: bool = False) -> Settled:
    """Run the kernel on items with their allocations; `is_fixed` forbids writing to the input."""
    sorted_parts = [sorted(parts, key=lambda part: part[0]) for _, parts in cases]
    columns = (
        np.array([amount for amount, _ in cases], np.int64),
        np.cumsum([0, *(len(parts) for parts in sorted_parts)], dtype=np.int64),
        np.array([day for parts in sorted_parts for day, _ in parts], np.int32),
        np.array([part for parts in sorted_parts for _, part in parts], np.int64),
    )
    for column in columns:
        column.flags.writeable = not is_fixed
    n = len(cases)
    out = Settled(
        np.full(n, -9, np.int64),
        np.full(n, -9, np.int64),
        np.full(n, -9, np.int32),
        np.zeros(n, np.uint8),
    )
    kernels.settle_items(*columns, np.int32(NO_DAY), out)
    return out


def assert_like_twin(cases: list[Case]) -> None:
    out = settle(cases)
    for place, (amount, parts) in enumerate(cases):
        balance, day = naive.settle_item(amount, parts)
        found = (int(out.open_milli[place]), int(out.settled_day[place]))
        assert found == (balance, NO_DAY if day is None else day), (amount, parts)
        assert int(out.allocated_milli[place]) == sum(part for _, part in parts)
        assert not out.overflow[place]


NASTY: dict[str, Case] = {
    "never paid": (100, []),
    "nothing owed": (0, []),
    "nothing owed and nothing paid": (0, [(5, 0)]),
    "nothing owed, paid and returned the same day": (0, [(5, 10), (5, -10)]),
    "nothing owed, paid and returned later": (0, [(5, 10), (9, -10)]),
    "paid at once": (100, [(5, 100)]),
    "paid in parts on one day": (100, [(5, 40), (5, 60)]),
    "paid in parts": (100, [(5, 40), (9, 60)]),
    "paid in part": (100, [(5, 40)]),
    "paid too much": (100, [(5, 140)]),
    "settled, then a payment of nothing": (100, [(5, 100), (9, 0)]),
    "settled, undone and redone": (100, [(5, 100), (9, -100), (12, 100)]),
    "settled and undone": (100, [(5, 100), (9, -100)]),
    "undone and redone on the same day": (100, [(5, 100), (9, -100), (9, 100)]),
    "redone before it was undone, by the order of rows": (100, [(5, 100), (9, 100), (9, -100)]),
    "too much, then given back": (100, [(5, 140), (9, -40)]),
    "too little, too much, level": (100, [(5, 40), (9, 100), (12, -40)]),
    "a return alone": (100, [(5, -50)]),
    "a credit": (-100, [(5, -100)]),
    "a credit in part": (-100, [(5, -40)]),
    "before the epoch": (100, [(-400, 60), (-1, 40)]),
    "first and last day": (100, [(-(2**31) + 1, 40), (2**31 - 1, 60)]),
    "the most that money holds": (MONEY_MAX, [(5, MONEY_MAX)]),
    "the most there and back": (MONEY_MAX, [(5, -MONEY_MAX), (6, MONEY_MAX), (6, MONEY_MAX)]),
    "the most owed back": (-MONEY_MAX, [(5, MONEY_MAX), (6, MONEY_MAX)]),
    "up to the limit": (0, [(5, -MONEY_MAX)] * 4 + [(6, -(LIMIT - 4 * MONEY_MAX))]),
}


@pytest.mark.parametrize("case", NASTY.values(), ids=NASTY.keys())
def test_settle_items__like_twin_on_nasty_items(case: Case) -> None:
    assert_like_twin([case])


def test_settle_items__keeps_items_apart() -> None:
    assert_like_twin(list(NASTY.values()))
    assert_like_twin([])


def test_settle_items__like_twin_on_random_items() -> None:
    chance = random.Random(11)
    cases: list[Case] = []
    for _ in range(4_000):
        amount = chance.choice([0, 100, -100, 1_000, chance.randrange(-MONEY_MAX, MONEY_MAX)])
        parts, left = [], amount
        for _ in range(chance.choice([0, 1, 1, 2, 3, 6])):
            part = chance.choice([left, -left, left // 2, amount, 0, chance.randrange(-50, 50)])
            parts.append((chance.randrange(6), part))
            left -= part
        cases.append((amount, parts))
    assert_like_twin([case for case in cases if abs(case[0]) * 8 < LIMIT])


@given(
    st.lists(
        st.tuples(
            st.integers(-3, 3),
            st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), max_size=7),
        ),
        max_size=8,
    )
)
def test_settle_items__like_twin_on_small_amounts(cases: list[Case]) -> None:
    assert_like_twin(cases)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("count", [5, 10, 40])
def test_settle_items__flags_what_leaves_the_range_and_never_wraps(sign: int, count: int) -> None:
    huge: Case = (0, [(day, -sign * MONEY_MAX) for day in range(count)])
    assert abs(naive.settle_item(*huge)[0]) > LIMIT
    beside: Case = (100, [(5, 100)])
    out = settle([beside, huge, beside])
    assert out.overflow.tolist() == [0, 1, 0]
    assert out.settled_day.tolist()[::2] == [5, 5]
    assert out.open_milli.tolist()[::2] == [0, 0]


def test_settle_items__flags_a_balance_that_came_back() -> None:
    away = [(day, -MONEY_MAX) for day in range(6)]
    back = [(day + 10, MONEY_MAX) for day in range(6)]
    assert settle([(0, away + back)]).overflow.tolist() == [1]


def test_settle_items__takes_columns_that_may_not_be_written() -> None:
    assert settle([(100, [(5, 100)])], is_fixed=True).settled_day.tolist() == [5]
