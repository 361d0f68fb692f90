"""What was open of an item from day to day, with and without tax, against plain fractions."""

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels.cover import OpenAmounts, OpenStates, open_states

Array = np.ndarray[Any, np.dtype[Any]]

LARGEST_UNITS = 10**15 - 1
BEFORE = -(2**31) + 1

units = st.integers(-50, 50) | st.integers(-LARGEST_UNITS, LARGEST_UNITS)
postings = st.lists(st.tuples(st.integers(0, 9), units), max_size=5)
amounts = st.tuples(st.integers(1, 50) | st.integers(1, LARGEST_UNITS), units, postings)


def rounded(value: Fraction) -> int:
    """Round a positive fraction half away from zero."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def naive_states(
    amount: int, tax: int, posted: list[tuple[int, int]], first: int
) -> list[tuple[int, int, int]]:
    """Give (first day, open, open without tax) in units, from the first day that matters on."""
    days = [BEFORE, *sorted({day for day, _ in posted if day > first})]
    states = []
    for day in days:
        last = first if day == BEFORE else day
        rest = max(0, amount - sum(paid for posted_on, paid in posted if posted_on <= last))
        net = rounded(max(Fraction(0), Fraction(rest * (amount - tax), amount)))
        states.append((day, rest, min(rest, net)))
    return states


@given(st.lists(amounts, min_size=1, max_size=6), st.integers(-1, 10), st.sampled_from((1, 10)))
def test_open_states__are_those_of_plain_fractions(
    items: list[tuple[int, int, list[tuple[int, int]]]], first: int, unit: int
) -> None:
    found = run(items, first, unit)
    expected = [
        (place, day, rest * unit, net * unit)
        for place, (amount, tax, posted) in enumerate(items)
        for day, rest, net in naive_states(amount, tax, posted, first)
    ]
    assert found == expected


def run(
    items: list[tuple[int, int, list[tuple[int, int]]]], first: int, unit: int
) -> list[tuple[int, ...]]:
    """Run the kernel: item, first day, open and net of every state."""
    posted = [sorted(one[2], key=lambda paid: paid[0]) for one in items]
    flat = [paid for own in posted for paid in own]
    n, m = len(items), len(flat)
    amount = np.array([one[0] * unit for one in items], np.int64)
    out = OpenStates(
        np.empty(n + 1, np.int64),
        np.empty(n + m, np.int64),
        np.empty(n + m, np.int32),
        np.empty(n + m, np.int64),
        np.empty(n + m, np.int64),
    )
    count = open_states(
        OpenAmounts(
            amount,
            np.array([one[1] * unit for one in items], np.int64),
            amount,
            np.full(n, unit, np.int64),
        ),
        np.concatenate([[0], np.cumsum([len(own) for own in posted])]).astype(np.int64),
        np.array([day for day, _ in flat], np.int32),
        np.array([paid * unit for _, paid in flat], np.int64),
        np.full(n, first, np.int32),
        out,
    )
    assert out.start[-1] == count
    columns = (out.item, out.day, out.gross_milli, out.net_milli)
    return list(zip(*(column[:count].tolist() for column in columns), strict=True))
