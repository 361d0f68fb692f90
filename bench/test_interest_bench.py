"""Interest alone: the kernel, the same in SQL, and its share of a whole run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import encours
from bench import gates, interest_share
from bench.kernel_inputs import ROWS, KernelInputs, make_inputs
from bench.measure import CORES
from bench.peers.duckdb_interest import WITHOUT, Formulation
from bench.sizes import AS_OF, LARGE, MEDIUM, SMALL, Size, parameters
from bench.stages import time_stage
from encours.kernels.interest import accrue_interest
from encours.kernels.interest_columns import NO_DAY, Allocations, new_interest_result
from encours.rules.regimes import load_regimes
from encours_schemas.configuration import Configuration

KERNELS = pytest.mark.benchmark(group="kernels, one core")
SQL_ROWS = {SMALL: SMALL.items, MEDIUM: MEDIUM.items}


def without_allocations() -> KernelInputs:
    """Give items that nothing was applied to and nothing stands against."""
    inputs = make_inputs()
    nothing = Allocations(
        np.zeros(ROWS + 1, np.int64),
        np.empty(0, np.int32),
        np.empty(0, np.int64),
        np.empty(0, np.int64),
    )
    items = inputs.items._replace(
        open_milli=inputs.items.amount_milli,
        has_allocation=np.zeros(ROWS, np.uint8),
        settled_day=np.full(ROWS, NO_DAY, np.int32),
        disputed_milli=np.zeros(ROWS, np.int64),
        insolvency_day=np.full(ROWS, NO_DAY, np.int32),
    )
    return replace(inputs, items=items, allocations=nothing)


@KERNELS
@pytest.mark.small
@pytest.mark.gate
def test_interest_without_allocations(benchmark: BenchmarkFixture) -> None:
    inputs = without_allocations()
    result = new_interest_result(ROWS)

    def accrue() -> int:
        return int(
            accrue_interest(inputs.items, inputs.allocations, inputs.rates, inputs.options, result)
        )

    stage = "interest, items without allocations"
    assert time_stage(benchmark, stage, ROWS, accrue, rounds=200) == 0
    assert 0.4 < np.count_nonzero(result.penalty_milli) / ROWS < 0.5
    if benchmark.enabled and benchmark.stats is not None:
        nanoseconds = benchmark.stats.stats.min / ROWS * 1e9
        gates.hold(benchmark, {gates.PLAIN_INTEREST_NANOSECONDS: nanoseconds})


@KERNELS
@pytest.mark.parametrize("size", parameters("informational", SMALL, MEDIUM))
@pytest.mark.parametrize("engine", ["kernel", "duckdb"])
def test_interest_beside_sql(benchmark: BenchmarkFixture, engine: str, size: Size) -> None:
    inputs = make_inputs(SQL_ROWS[size])
    regimes = list(load_regimes())
    left_out = np.isin(inputs.items.regime_code, [regimes.index(name) for name in WITHOUT])
    result = new_interest_result(size.items)

    def accrue() -> None:
        arguments = (inputs.items, inputs.allocations, inputs.rates, inputs.options)
        assert accrue_interest(*arguments, result) == 0

    if engine == "kernel":
        stage = "interest of all items at once: kernel"
        time_stage(benchmark, stage, size.items, accrue, rounds=7)
        return
    formulation = Formulation(inputs)
    stage = "interest of all items at once: DuckDB, items and rates in memory"
    found = time_stage(benchmark, stage, size.items, formulation.interest, rounds=3)
    accrue()
    assert np.array_equal(found[~left_out], result.penalty_milli[~left_out])
    assert np.count_nonzero(found) > 0.3 * size.items


@pytest.mark.usefixtures("warm_kernels")
@pytest.mark.benchmark(group="interest")
@pytest.mark.parametrize(
    "size", [*parameters("informational", SMALL), *parameters("gate", MEDIUM, LARGE)]
)
def test_interest_share_of_a_run(
    benchmark: BenchmarkFixture, ledger_of: Callable[[Size], Path], work: Path, size: Size
) -> None:
    ledger, out = ledger_of(size), work / "out"
    encours.run(ledger, AS_OF, work / "warm", Configuration(), threads=CORES)

    def run() -> interest_share.Share:
        with interest_share.counting() as share:
            encours.run(ledger, AS_OF, out, Configuration(), threads=CORES)
        return share

    share = benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]
    part_paid = part_paid_share(out / f"as_of={AS_OF.isoformat()}", size.items)
    benchmark.extra_info.update(
        items=size.items,
        cpu_seconds=round(share.process, 3),
        interest_cpu_seconds=round(share.counted, 3),
        part_paid_percent=round(100 * part_paid, 1),
        by_function={name: round(spent, 3) for name, spent in share.by_name.items()},
    )
    assert set(share.by_name) >= {"_accrue", "find_candidates", "choose_bearers", "compensate"}
    assert part_paid > 0.05
    if size is not SMALL:
        gates.hold(benchmark, {gates.INTEREST_SHARE_PERCENT: 100 * share.of_all})


def part_paid_share(run: Path, items: int) -> float:
    """Give the part of the items that are open with less than their amount."""
    table = ds.dataset(run / "items", format="parquet").to_table(["amount", "open_amount"])
    amount = table.column("amount").cast("float64").to_numpy()
    open_amount = table.column("open_amount").cast("float64").to_numpy()
    return float(((open_amount != amount) & (open_amount != 0)).sum() / items)
