"""What limits, rules, memory and files add to a run: the same ledger with them and without."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import gates
from bench.commands import encours_run, execute, time_command
from bench.sizes import LARGE, MEDIUM, SMALL, TINY, Size, parameters, unlimited_directory


@pytest.mark.usefixtures("warm_kernels")
@pytest.mark.benchmark(group="limits")
@pytest.mark.parametrize(
    "size", [*parameters("informational", TINY, SMALL, MEDIUM), *parameters("gate", LARGE)]
)
def test_limits__beside_the_same_run_without_them(
    benchmark: BenchmarkFixture, ledger_of: Callable[[Size], Path], work: Path, size: Size
) -> None:
    ledger = ledger_of(size)
    rounds = 3 if benchmark.enabled else 1
    plain = unlimited_directory(size)
    bare = [execute(encours_run, plain, work / f"bare-{number}") for number in range(rounds)]
    measured = time_command(benchmark, encours_run, ledger, work, rounds=rounds)
    accounts = sum(
        pq.ParquetFile(part).metadata.num_rows
        for part in measured.last.rglob("credit_accounts/*.parquet")
    )
    assert accounts
    quickest = min(usage.wall_seconds for usage in bare)
    ratio = min(usage.wall_seconds for usage in measured.usages) / quickest
    more_memory = max(usage.peak_memory_bytes for usage in measured.usages) - max(
        usage.peak_memory_bytes for usage in bare
    )
    benchmark.extra_info.update(
        items=size.items,
        accounts=accounts,
        wall_ratio=ratio,
        more_bytes_per_account=more_memory / accounts,
    )
    if size == LARGE:
        gates.hold(benchmark, {gates.LIMITS_SHARE_PERCENT: 100 * (ratio - 1)})
