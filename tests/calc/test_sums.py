"""Partial sums: the same in any order, and never wrapped."""

import random
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.calc.sums import NO_MINIMUM, STRETCH_ROWS, CurrencyTotals, KeyedSums, stretches
from encours.ledger.master import CURRENCIES, CURRENCY_POSITIONS
from encours_schemas.errors import ControlFailed

Rows = list[tuple[int, int, int]]

INT64_MAX = 2**63 - 1


def as_dict(sums: KeyedSums) -> dict[int, tuple[list[int], int]]:
    """Give sums and least day by key."""
    rows = zip(sums.keys.tolist(), sums.sums.tolist(), sums.minimum.tolist(), strict=True)
    found = {key: (amounts, day) for key, amounts, day in rows}
    assert len(found) == sums.count
    return found


def expected(rows: Rows) -> dict[int, tuple[list[int], int]]:
    return {
        key: (
            [sum(amount for own, amount, _ in rows if own == key)],
            min(day for own, _, day in rows if own == key),
        )
        for key in {key for key, _, _ in rows}
    }


def summed(rows: Rows) -> KeyedSums:
    sums = KeyedSums(1)
    add(sums, rows)
    return sums


def add(sums: KeyedSums, rows: Rows) -> None:
    sums.add(
        np.array([key for key, _, _ in rows], np.int64),
        np.array([[amount] for _, amount, _ in rows], np.int64).reshape(len(rows), 1),
        np.array([day for _, _, day in rows], np.int32),
    )


extreme_keys = st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1])
some_rows = st.lists(
    st.tuples(extreme_keys, st.integers(-(10**15), 10**15), st.integers(-9, 9)), max_size=30
)


@given(st.lists(some_rows, max_size=6))
def test_keyed_sums__add_batches_up_whatever_their_sizes(batches: list[Rows]) -> None:
    sums = KeyedSums(1)
    for batch in batches:
        add(sums, batch)
    assert as_dict(sums) == expected([row for batch in batches for row in batch])


@given(st.lists(some_rows, min_size=2, max_size=4))
def test_keyed_sums__merge_in_any_order_to_the_same(batches: list[Rows]) -> None:
    wanted = expected([row for batch in batches for row in batch])
    for order in permutations(range(len(batches))):
        merged = KeyedSums(1)
        for place in order:
            merged.merge(summed(batches[place]))
        assert as_dict(merged) == wanted
    nested = summed(batches[0])
    rest = KeyedSums(1)
    for batch in batches[1:]:
        rest.merge(summed(batch))
    nested.merge(rest)
    assert as_dict(nested) == wanted


def test_keyed_sums__grow_from_nothing_to_thousands_of_keys() -> None:
    chance = random.Random(3)
    rows: Rows = []
    sums = KeyedSums(1)
    for size in (0, 1, 7, 8, 9, 40, 1, 3_000, 2, 3_000):
        batch = [
            (chance.choice([chance.randrange(-(2**62), 2**62), chance.randrange(50)]), 1, 5)
            for _ in range(size)
        ]
        add(sums, batch)
        rows += batch
    counts: dict[int, int] = {}
    for key, _, _ in rows:
        counts[key] = counts.get(key, 0) + 1
    assert as_dict(sums) == {key: ([count], 5) for key, count in counts.items()}
    assert sums.keys.tolist() == list(dict.fromkeys(key for key, _, _ in rows))


def test_keyed_sums__without_days_have_no_least_day() -> None:
    sums = KeyedSums(2)
    sums.add(np.array([4, 4], np.int64), np.array([[1, 2], [3, 4]], np.int64))
    assert as_dict(sums) == {4: ([4, 6], NO_MINIMUM)}


def test_keyed_sums__take_columns_in_any_memory_order() -> None:
    values = np.asfortranarray(np.array([[1, 2, 3], [4, 5, 6]], np.int64))
    sums = KeyedSums(3)
    sums.add(np.array([9, 9], np.int64), values)
    assert as_dict(sums) == {9: ([5, 7, 9], NO_MINIMUM)}


@pytest.mark.parametrize("sign", [1, -1])
def test_keyed_sums__refuse_what_leaves_64_bits(sign: int) -> None:
    sums = summed([(1, sign * INT64_MAX, 0), (2, 5, 0)])
    with pytest.raises(ControlFailed, match="larger than 64 bits"):
        add(sums, [(2, 1, 0), (1, sign, 0)])


def test_keyed_sums__refuse_two_halves_that_are_too_much_together() -> None:
    merged = summed([(1, 2**62, 0)])
    with pytest.raises(ControlFailed, match="larger than 64 bits"):
        merged.merge(summed([(1, 2**62, 0)]))


currencies = st.sampled_from(["EUR", "USD", "JPY", CURRENCIES[0], CURRENCIES[-1]])
near_the_end = st.integers(2**63 - 5, 2**63 - 1) | st.integers(-(2**63), -(2**63) + 5)
amounts = st.integers(-(2**63), 2**63 - 1) | near_the_end | st.integers(-2, 2)
Amounts = list[tuple[str, int, bool]]


def add_amounts(totals: CurrencyTotals, rows: Amounts) -> None:
    codes = np.array([CURRENCY_POSITIONS[currency] for currency, _, _ in rows], np.int32)
    milli = np.array([amount for _, amount, _ in rows], np.int64)
    totals.add("open_amount", codes, milli, np.array([chosen for _, _, chosen in rows], bool))
    totals.count("rows", len(rows))


@given(st.lists(st.lists(st.tuples(currencies, amounts, st.booleans()), max_size=20), max_size=5))
def test_currency_totals__are_exact_near_64_bits_and_merge_in_any_order(
    units: list[Amounts],
) -> None:
    wanted: dict[str, int] = {}
    for currency, amount, chosen in (row for unit in units for row in unit):
        wanted[currency] = wanted.get(currency, 0) + amount * chosen
    wanted = {currency: total for currency, total in wanted.items() if total}
    for ordered in (units, units[::-1]):
        whole = CurrencyTotals()
        for unit in ordered:
            part = CurrencyTotals()
            add_amounts(part, unit)
            whole.merge(part)
        assert dict(whole.of("open_amount")) == wanted
        assert whole.counts.get("rows", 0) == sum(map(len, units))
    assert dict(CurrencyTotals().of("never added")) == {}


@pytest.mark.parametrize("amount", [2**63 - 1, -(2**63)])
def test_currency_totals__go_beyond_64_bits(amount: int) -> None:
    totals = CurrencyTotals()
    for _ in range(4):
        add_amounts(totals, [("EUR", amount, True)] * 1_000)
    assert totals.of("open_amount") == {"EUR": amount * 4_000}


def test_keyed_sums__grow_where_they_lie_and_keep_every_sum() -> None:
    sums = KeyedSums(2)
    for start in range(0, 5_000, 7):
        keys = np.arange(start, start + 11, dtype=np.int64) % 4_000
        sums.add(keys, np.column_stack([keys, np.ones(11, np.int64)]), keys.astype(np.int32))
    before = (sums.keys.copy(), sums.sums.copy(), sums.minimum.copy())
    sums.trim()
    for kept, now in zip(before, (sums.keys, sums.sums, sums.minimum), strict=True):
        assert np.array_equal(kept, now)
    assert np.array_equal(before[1][:, 0], before[0] * before[1][:, 1])
    # A key that is known is found again after the trim, a new one comes behind.
    sums.add(np.array([before[0][5], 9_999]), np.full((2, 2), 3))
    assert sums.count == len(before[0]) + 1
    assert sums.sums[5].tolist() == (before[1][5] + 3).tolist()
    sums.clear()
    assert (sums.count, len(sums.keys), sums.sums.shape) == (0, 0, (0, 2))
    sums.add(np.array([7]), np.array([[1, 2]]))
    assert sums.sums.tolist() == [[1, 2]]


@pytest.mark.parametrize("count", [0, 1, STRETCH_ROWS, STRETCH_ROWS + 1, 3 * STRETCH_ROWS])
def test_stretches__give_every_row_once(count: int) -> None:
    rows = [row for some in stretches(count) for row in range(some.start, some.stop)]
    assert rows == list(range(count))
