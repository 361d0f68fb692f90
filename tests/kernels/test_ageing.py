"""The ageing kernel against its slow twin, around every bound."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels import ageing as kernels
from tests.naive import buckets as naive

INT32 = np.iinfo(np.int32)
LADDERS = [
    ((), (30, 60, 90, 180)),
    ((30, 60), (30, 60, 90, 180)),
    ((1,), (1,)),
    ((1, 2, 3), (1, 2, 3)),
    ((), (INT32.max,)),
    ((INT32.max,), (INT32.max - 1,)),
    ((7, 365), (36_500,)),
]
Bounds = tuple[int, ...]


def positions(days: list[int], not_due: Bounds, late: Bounds) -> list[int]:
    out = np.full(len(days), -9, np.int32)
    bounds = np.array(not_due, np.int32), np.array(late, np.int32)
    kernels.assign_ageing_bucket(np.array(days, np.int32), *bounds, out)
    found: list[int] = out.tolist()
    return found


@pytest.mark.parametrize(("not_due", "late"), LADDERS)
def test_assign_ageing_bucket__like_twin_at_every_bound(not_due: Bounds, late: Bounds) -> None:
    edges = {0, *late, *(-bound for bound in not_due)}
    days = sorted({edge + step for edge in edges for step in (-1, 0, 1)})
    days = [day for day in days if -INT32.max <= day <= INT32.max] + [-INT32.max, INT32.max]
    assert positions(days, not_due, late) == [
        naive.assign_ageing_bucket(day, not_due, late) for day in days
    ]


@pytest.mark.parametrize(
    ("days", "position"),
    [
        *[(-1, 0), (0, 0), (1, 1), (30, 1), (31, 2), (60, 2), (61, 3), (90, 3), (91, 4)],
        *[(180, 4), (181, 5), (100_000, 5)],
    ],
)
def test_assign_ageing_bucket__ends_each_bucket_with_its_bound(days: int, position: int) -> None:
    assert positions([days], (), (30, 60, 90, 180)) == [position]


@pytest.mark.parametrize(
    ("days", "position"),
    [(-1000, 0), (-61, 0), (-60, 1), (-31, 1), (-30, 2), (-1, 2), (0, 2), (1, 3), (30, 3), (31, 4)],
)
def test_assign_ageing_bucket__runs_from_the_farthest_due_date(days: int, position: int) -> None:
    assert positions([days], (30, 60), (30,)) == [position]


def test_assign_ageing_bucket__takes_no_items_at_all() -> None:
    assert positions([], (30,), (30,)) == []


bounds = st.sets(st.integers(1, 400), max_size=6).map(lambda found: tuple(sorted(found)))


@given(
    st.lists(st.integers(-500, 500) | st.sampled_from([-INT32.max, INT32.max]), max_size=40),
    bounds,
    bounds.filter(bool),
)
def test_assign_ageing_bucket__like_twin_and_rising_with_the_days(
    days: list[int], not_due: Bounds, late: Bounds
) -> None:
    found = positions(sorted(days), not_due, late)
    assert found == [naive.assign_ageing_bucket(day, not_due, late) for day in sorted(days)]
    assert found == sorted(found)
    assert all(0 <= position <= len(not_due) + len(late) + 1 for position in found)


def test_assign_ageing_bucket__takes_columns_that_may_not_be_written() -> None:
    columns: list[Any] = [np.array(one, np.int32) for one in ([-31, 5], [30], [30])]
    for column in columns:
        column.flags.writeable = False
    out = np.empty(2, np.int32)
    days, not_due, late = columns
    kernels.assign_ageing_bucket(days, not_due, late, out)
    assert out.tolist() == [0, 2]
