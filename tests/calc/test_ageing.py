"""The names of buckets, and credits set against the oldest of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.calc.ageing import bucket_labels, set_credits_against_oldest
from tests.naive import ageing as naive
from tests.naive.settings import Settings

LABELS = [
    ([30], [], "not_due 1-30 >30 unallocated"),
    ([1], [], "not_due 1-1 >1 unallocated"),
    ([30, 60], [], "not_due 1-30 31-60 >60 unallocated"),
    (
        [30, 60, 90, 180],
        [],
        "not_due 1-30 31-60 61-90 91-180 >180 unallocated",
    ),
    ([30], [30], "due_>30 due_0-30 1-30 >30 unallocated"),
    ([30], [30, 60], "due_>60 due_31-60 due_0-30 1-30 >30 unallocated"),
    ([30], [1, 2, 3], "due_>3 due_3-3 due_2-2 due_0-1 1-30 >30 unallocated"),
    ([1, 2], [7], "due_>7 due_0-7 1-1 2-2 >2 unallocated"),
]


@pytest.mark.parametrize(("bounds", "not_due", "names"), LABELS)
def test_bucket_labels__by_position(bounds: list[int], not_due: list[int], names: str) -> None:
    assert bucket_labels(bounds, not_due) == tuple(names.split())


@given(
    st.sets(st.integers(1, 500), min_size=1, max_size=8), st.sets(st.integers(1, 500), max_size=8)
)
def test_bucket_labels__like_twin_and_all_different(bounds: set[int], not_due: set[int]) -> None:
    late, early = sorted(bounds), sorted(not_due)
    labels = bucket_labels(late, early)
    settings = Settings({"ageing": {"bounds": late, "not_due_bounds": early}})
    assert list(labels) == naive.bucket_labels(settings)
    assert len(set(labels)) == len(labels) == len(late) + len(early) + 3


debts = st.integers(0, 10**15) | st.integers(0, 3)
ladders = st.lists(
    st.tuples(debts, debts, debts, (debts | st.just(3 * 10**15)).map(lambda credit: -credit)),
    max_size=8,
)


@given(ladders)
def test_set_credits_against_oldest__keeps_sums_and_starts_with_the_oldest(
    rows: list[tuple[int, ...]],
) -> None:
    before = np.array(rows, np.int64).reshape(len(rows), 4)
    kept = before.copy()
    after = set_credits_against_oldest(before)
    assert (before == kept).all()
    assert after.sum(axis=1).tolist() == before.sum(axis=1).tolist()
    for given_row, row in zip(before.tolist(), after.tolist(), strict=True):
        credit, *oldest_first = -given_row[-1], *reversed(given_row[:-1])
        expected = []
        for amount in oldest_first:
            used = min(credit, amount)
            credit -= used
            expected.append(amount - used)
        assert row == [*reversed(expected), -credit]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0]),
        ([5, 5, 5, 0], [5, 5, 5, 0]),
        ([5, 5, 5, -3], [5, 5, 2, 0]),
        ([5, 5, 5, -7], [5, 3, 0, 0]),
        ([5, 5, 5, -15], [0, 0, 0, 0]),
        ([5, 5, 5, -20], [0, 0, 0, -5]),
        ([0, 0, 0, -20], [0, 0, 0, -20]),
        ([5, 0, 5, -8], [2, 0, 0, 0]),
    ],
)
def test_set_credits_against_oldest__cases(before: list[int], after: list[int]) -> None:
    assert set_credits_against_oldest(np.array([before], np.int64)).tolist() == [after]
