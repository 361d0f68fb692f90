"""What limits, rules, memory and files add to a run: the same ledger with them and without."""

import os
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import gates
from bench.commands import encours_run, execute, time_command
from bench.measure import Usage
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
    rounds = 5 if benchmark.enabled else 1
    plain = unlimited_directory(size)
    bare: list[Usage] = []

    def run_bare() -> None:
        out = work / "bare"
        shutil.rmtree(out, ignore_errors=True)
        if benchmark.enabled:
            os.sync()
        bare.append(execute(encours_run, plain, out))

    measured = time_command(benchmark, encours_run, ledger, work, rounds=rounds, before=run_bare)
    bare = bare[-len(measured.usages) :]
    accounts = sum(
        pq.ParquetFile(part).metadata.num_rows
        for part in measured.last.rglob("credit_accounts/*.parquet")
    )
    assert accounts
    # Each round over the bare one before it: a machine's speed drifts from minute to minute.
    ratio = statistics.median(
        usage.wall_seconds / other.wall_seconds
        for usage, other in zip(measured.usages, bare, strict=True)
    )
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
