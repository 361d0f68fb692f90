"""Kernels on one core, over as many rows as the run holds decoded at once."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.kernel_inputs import AS_OF_DAY, ROWS, Array, KernelInputs, make_inputs, make_shard
from bench.stages import time_stage
from encours.kernels.ageing import assign_ageing_bucket
from encours.kernels.allocation import settle_items
from encours.kernels.interest import accrue_interest
from encours.kernels.interest_columns import NO_DAY, new_interest_result
from encours.kernels.keys import match_shard
from encours.ledger.decode import (
    FAULT_NONE,
    TextIndex,
    decode_date,
    decode_money,
    decode_text_codes,
    hash_column,
)
from encours_schemas.configuration import Configuration

pytestmark = [
    pytest.mark.small,
    pytest.mark.informational,
    pytest.mark.benchmark(group="kernels, one core"),
]

DIALECT = Configuration().input.dialect("open_items")


class Balances(NamedTuple):
    """What `settle_items` writes."""

    open_milli: Array
    allocated_milli: Array
    settled_day: Array
    overflow: Array


@pytest.fixture(scope="module")
def inputs() -> KernelInputs:
    return make_inputs()


@pytest.fixture(scope="module")
def item_ids() -> pa.Array:
    return pa.array([f"1000-2026-{number:010d}" for number in range(ROWS)], pa.string())


def test_interest(benchmark: BenchmarkFixture, inputs: KernelInputs) -> None:
    result = new_interest_result(ROWS)

    def accrue() -> int:
        return int(
            accrue_interest(inputs.items, inputs.allocations, inputs.rates, inputs.options, result)
        )

    assert time_stage(benchmark, "interest", ROWS, accrue) == 0
    assert 0.3 < np.count_nonzero(result.penalty_milli) / ROWS < 0.5


def test_ageing(benchmark: BenchmarkFixture, inputs: KernelInputs) -> None:
    days = inputs.days_past_due.astype(np.int32)
    bucket = np.empty(ROWS, np.int32)
    bounds = np.array([30, 60, 90, 180], np.int32)

    def assign() -> None:
        assign_ageing_bucket(days, np.empty(0, np.int32), bounds, bucket)

    time_stage(benchmark, "ageing", ROWS, assign)
    assert bucket[days <= 0].max() == 0
    assert bucket[days > 180].min() == 5


def test_open_amounts(benchmark: BenchmarkFixture, inputs: KernelInputs) -> None:
    out = Balances(
        np.empty(ROWS, np.int64),
        np.empty(ROWS, np.int64),
        np.empty(ROWS, np.int32),
        np.zeros(ROWS, np.uint8),
    )

    def settle() -> None:
        offset, value_day, applied, _ = inputs.allocations
        settle_items(inputs.items.amount_milli, offset, value_day, applied, np.int32(NO_DAY), out)

    time_stage(benchmark, "open amounts and settlement", ROWS, settle)
    np.testing.assert_array_equal(out.open_milli, inputs.items.open_milli)
    np.testing.assert_array_equal(out.settled_day, inputs.items.settled_day)


def test_matching_of_keys(benchmark: BenchmarkFixture) -> None:
    items, allocations = make_shard()
    twin, match = np.empty(len(items), np.int32), np.empty(len(allocations), np.int64)

    def fresh() -> tuple[tuple[Array], dict[str, object]]:
        return (np.full(1 << (2 * ROWS + 2).bit_length(), -1, np.int32),), {}

    def join(slots: Array) -> None:
        match_shard(items, allocations, slots, twin, match)

    time_stage(benchmark, "keys: duplicates and allocations", ROWS, join, setup=fresh)
    assert twin.max() == -1
    np.testing.assert_array_equal(items["first"][match], allocations["first"])


def test_hash_of_ids(benchmark: BenchmarkFixture, item_ids: pa.Array) -> None:
    first, second = time_stage(
        benchmark, "text: 128-bit hash of ids", ROWS, lambda: hash_column(item_ids)
    )
    assert len(np.unique(first)) == len(np.unique(second)) == ROWS


def test_look_up_of_ids(benchmark: BenchmarkFixture, item_ids: pa.Array) -> None:
    index = TextIndex(item_ids.slice(0, ROWS // 2))
    codes = time_stage(
        benchmark, "text: look-up of ids", ROWS, lambda: decode_text_codes(item_ids, index)
    )
    assert codes.max() == ROWS // 2 - 1


def test_amounts_in_text(benchmark: BenchmarkFixture, inputs: KernelInputs) -> None:
    milli = inputs.items.amount_milli
    texts = pa.array([str(Decimal(value).scaleb(-3)) for value in milli.tolist()], pa.string())
    decoded = time_stage(benchmark, "text: amounts", ROWS, lambda: decode_money(texts, DIALECT))
    np.testing.assert_array_equal(decoded.values, milli)


def test_dates_in_text(benchmark: BenchmarkFixture, inputs: KernelInputs) -> None:
    days = inputs.items.due_day
    texts = pa.array(days, pa.int32()).cast(pa.date32()).cast(pa.string())
    decoded = time_stage(benchmark, "text: dates", ROWS, lambda: decode_date(texts, DIALECT))
    np.testing.assert_array_equal(decoded.values, days)
    assert decoded.fault.max() == FAULT_NONE
    assert days.max() > AS_OF_DAY
