"""The summing kernels against Python's own integers, near both ends of 64 bits."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels import totals as kernels
from encours.kernels.totals import LINE_COLUMNS, SUM_LIMIT, KeyCounts, LineItems, LineSums
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


COUNTS = KeyCounts(companies=3, currencies=4, buckets=5)


def columns(items: list[naive.LineItem]) -> LineItems:
    def of(name: str, dtype: str) -> Array:
        return np.array([getattr(item, name) for item in items], dtype)

    names = ("customer", "company", "currency", "financing", "component", "bucket")
    return LineItems(
        *(of(name, "i4") for name in (*names, "days_past_due", "due_day")),
        *(of(name, "i8") for name in vars(PLAIN) if name.startswith("open")),
        *(of(f"{name}_rc", "i8") for name in ("disputed", "penalty", "unbilled", "indemnity")),
    )


def added(items: list[naive.LineItem], rows: list[int]) -> tuple[int, Any, Any]:
    """Add rows to their lines and cells: the place that failed, lines by key, cells by key."""
    given, chosen = columns(items), np.array(rows, np.int64)
    keys = [np.empty(len(rows), np.int64) for _ in range(2)]
    open_count = kernels.pack_line_keys(chosen, given, COUNTS, *keys)
    numbered = [np.unique(key, return_inverse=True) for key in (keys[0], keys[1][:open_count])]
    (line_keys, line_id), (cell_keys, cell_id) = numbered
    sums = LineSums(
        np.zeros((len(line_keys), LINE_COLUMNS), np.int64),
        np.full(len(line_keys), NO_DAY_LEAST, np.int32),
        np.zeros((len(cell_keys), 4), np.int64),
    )
    ids = (line_id.astype(np.int32), cell_id.astype(np.int32))
    failed = kernels.add_items(chosen, *ids, given, sums)
    by_line = zip(sums.lines.tolist(), sums.oldest_day.tolist(), strict=True)
    return (
        failed,
        dict(zip(line_keys.tolist(), by_line, strict=True)),
        dict(zip(cell_keys.tolist(), sums.cells.tolist(), strict=True)),
    )


def line_key(item: naive.LineItem) -> int:
    return (item.customer * COUNTS.companies + item.company) * COUNTS.currencies + item.currency


def twin(items: list[naive.LineItem]) -> tuple[dict[int, Any], dict[int, Any]]:
    lines: dict[int, list[naive.LineItem]] = {}
    cells: dict[int, list[naive.LineItem]] = {}
    for item in items:
        lines.setdefault(line_key(item), []).append(item)
        if item.open_milli:
            cells.setdefault(line_key(item) * COUNTS.buckets + item.bucket, []).append(item)
    return (
        {key: naive.line_sums(members) for key, members in lines.items()},
        {key: naive.cell_sums(members) for key, members in cells.items()},
    )


PLAIN = naive.LineItem(
    customer=0,
    company=0,
    currency=0,
    financing=0,
    component=0,
    bucket=0,
    days_past_due=3,
    due_day=5,
    open_milli=0,
    open_rc=0,
    disputed_rc=0,
    penalty_rc=0,
    unbilled_rc=0,
    indemnity_rc=0,
)


def random_item(chance: random.Random) -> naive.LineItem:
    amount = chance.choice([0, 1, -1, 100_000, -(10**18) + 1, 10**18 - 1])
    amount = chance.choice([amount, chance.randrange(-(10**9), 10**9)])
    return naive.LineItem(
        customer=chance.choice([0, 1, 2**31 - 1]),
        company=chance.randrange(COUNTS.companies),
        currency=chance.randrange(COUNTS.currencies),
        financing=chance.choice([0, 0, 2]),
        component=chance.randrange(-1, 9),
        bucket=chance.randrange(COUNTS.buckets),
        days_past_due=chance.randrange(-2, 3),
        due_day=chance.randrange(-5, 20_000),
        open_milli=amount,
        open_rc=amount // 2,
        disputed_rc=amount // 3,
        penalty_rc=chance.randrange(10**6),
        unbilled_rc=chance.randrange(-(10**6), 10**6),
        indemnity_rc=chance.choice([0, 40_000]),
    )


@pytest.mark.parametrize("count", [0, 1, 4, 300])
def test_add_items__like_twin_on_random_items(count: int) -> None:
    chance = random.Random(count)
    items = [random_item(chance) for _ in range(count)]
    rows = [row for row in range(count) if chance.random() < 0.8]
    lines, cells = twin([items[row] for row in rows])
    amounts = [amount for sums, _ in lines.values() for amount in sums]
    assert max(map(abs, amounts), default=0) < SUM_LIMIT
    assert added(items, rows) == (-1, lines, cells)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "changed", ["open_milli", "open_rc", "disputed_rc", "penalty_rc", "unbilled_rc", "indemnity_rc"]
)
@pytest.mark.parametrize("component", [-1, 0, 7])
def test_add_items__flags_the_row_that_passes_the_limit(
    changed: str, sign: int, component: int
) -> None:
    open_one = replace(PLAIN, open_milli=1, component=component)
    most = replace(open_one, **{changed: sign * (10**18 - 1)})
    fitting = SUM_LIMIT // (10**18 - 1)
    failed, found, _ = added([most] * 20, list(range(20)))
    assert failed == fitting
    assert found == twin([most] * (fitting + 1))[0]


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
    item = replace(PLAIN, open_milli=6, open_rc=7, due_day=-5)
    read_only = columns([item])
    for column in read_only:
        column.flags.writeable = False
    rows, place = fixed([0], "i8"), fixed([0], "i4")
    line, cell = np.zeros((1, LINE_COLUMNS), np.int64), np.zeros((1, 4), np.int64)
    sums_of_line = LineSums(line, least, cell)
    assert kernels.add_items(rows, place, place, read_only, sums_of_line) == -1
    assert (line.tolist(), least.tolist()) == ([naive.line_sums([item])[0]], [-5])
    assert cell.tolist() == [naive.cell_sums([item])]
