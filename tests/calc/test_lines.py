"""Lines and ageing cells of a unit."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.calc.accounts import ageing
from encours.calc.lines import (
    CELL_SUMS,
    LINE_SUMS,
    ageing_bucket_count,
    line_key,
    line_of_key,
    sum_lines,
)
from encours.kernels.totals import LINE_COLUMNS, SUM_LIMIT
from encours.ledger.master import CURRENCIES
from encours_schemas.errors import ControlFailed
from tests.calc.stand_ins import EUR, USD, customers, run_context


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**31 - 1), st.integers(0, 999), st.integers(0, len(CURRENCIES) - 1)
        ),
        max_size=20,
    )
)
def test_line_key__gives_back_what_it_packed(lines: list[tuple[int, int, int]]) -> None:
    columns = np.array(lines, np.int32).reshape(len(lines), 3).T
    customer, company, currency = columns
    keys = line_key(customer, company, currency, 1_000)
    assert len(set(keys.tolist())) == len(set(lines))
    unpacked = line_of_key(keys, 1_000)
    assert [column.tolist() for column in unpacked] == [column.tolist() for column in columns]
    assert all(column.dtype == np.int32 for column in unpacked)


def unit(buckets: list[int], amounts: list[int]) -> tuple[Any, Any, Any]:
    """Give items of two customers by turns, one per bucket, with nothing but open amounts."""
    n = len(buckets)
    zeros = np.zeros(n, np.int64)
    items = SimpleNamespace(
        customer_code=np.arange(n, dtype=np.int32) % 2,
        company_code=np.zeros(n, np.int32),
        currency_code=np.where(np.arange(n) % 3, EUR, USD).astype(np.int32),
        due_day=np.full(n, 10, np.int32),
        financing_code=np.zeros(n, np.int32),
    )
    measured = SimpleNamespace(
        component=np.zeros(n, np.int32),
        open_milli=np.array(amounts, np.int64),
        open_rc=np.array(amounts, np.int64),
        days_past_due=np.zeros(n, np.int32),
        disputed_rc=zeros,
        penalty_rc=zeros,
        unbilled_rc=zeros,
        bucket=np.array(buckets, np.int32),
    )
    return items, measured, SimpleNamespace(rc=zeros)


def test_lines__have_the_columns_of_their_kernel() -> None:
    assert len(LINE_SUMS) == LINE_COLUMNS
    assert "item_count" in CELL_SUMS


@pytest.mark.parametrize(("late", "not_due"), [(1, 0), (5, 3), (70, 0), (60, 40), (400, 400)])
def test_sum_lines__keeps_cells_apart_however_many_buckets(late: int, not_due: int) -> None:
    ladders = {"bounds": range(1, late + 1), "not_due_bounds": range(1, not_due + 1)}
    context = run_context(customers(2), ageing={name: list(one) for name, one in ladders.items()})
    buckets = list(range(late + not_due + 3)) * 2
    amounts = [1_000 + place for place in range(len(buckets))]
    rows = np.arange(len(buckets))
    _, cells = sum_lines(*unit(buckets, amounts), rows, context)
    table = ageing(cells, context).to_pylist()
    found = {
        (row["customer_id"], row["currency"], row["bucket_position"]): int(
            row["open_amount"].scaleb(3)
        )
        for row in table
    }
    expected: dict[tuple[str, str, int], int] = {}
    for place, (bucket, amount) in enumerate(zip(buckets, amounts, strict=True)):
        key = (f"K{place % 2}", "EUR" if place % 3 else "USD", bucket)
        expected[key] = expected.get(key, 0) + amount
    assert found == expected


def test_sum_lines__counts_open_items_in_cells_and_all_rows_in_lines() -> None:
    items, measured, paid = unit([0, 1, 1, 2], [5, 0, 7, -3])
    lines, cells = sum_lines(items, measured, paid, np.arange(4), run_context(customers(2)))
    assert int(cells.sums[:, CELL_SUMS.index("item_count")].sum()) == 3
    assert int(lines.sums[:, LINE_SUMS.index("item_count")].sum()) == 3
    assert int(lines.sums[:, LINE_SUMS.index("open_rc")].sum()) == 9


def test_sum_lines__packs_the_keys_that_are_unpacked() -> None:
    buckets = [0, 1, 2, 1, 0, 3]
    items, measured, paid = unit(buckets, [5, 0, 7, -3, 4, 2])
    context = run_context(customers(2))
    lines, cells = sum_lines(items, measured, paid, np.array([0, 1, 3, 5]), context)
    keys = line_key(items.customer_code, items.company_code, items.currency_code, 1)
    assert lines.keys.tolist() == list(dict.fromkeys(keys[[0, 1, 3, 5]].tolist()))
    width = ageing_bucket_count(context)
    assert cells.keys.tolist() == [int(keys[row]) * width + buckets[row] for row in (0, 3, 5)]


def test_sum_lines__refuses_sums_beyond_their_limit() -> None:
    count = SUM_LIMIT // 10**17 + 1
    items, measured, paid = unit([0] * count, [10**17] * count)
    items.customer_code[:], items.currency_code[:] = 0, EUR
    with pytest.raises(ControlFailed, match="larger than 64 bits"):
        sum_lines(items, measured, paid, np.arange(count), run_context(customers(1)))
