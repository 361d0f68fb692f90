"""What limits, rules, memory and files add to a run: the same ledger with them and without."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.commands import encours_run, execute, time_command
from bench.sizes import LARGE, MEDIUM, SMALL, TINY, Size, parameters

OF_LIMITS = ("credit_limits", "policies", "default_limits", "overrides", "erp_holds")


def without_limits(ledger: Path, copy: Path) -> Path:
    """Copy a ledger and leave the tables of limits and what goes with them behind."""
    shutil.copytree(
        ledger, copy, ignore=shutil.ignore_patterns(*(f"{name}*" for name in OF_LIMITS))
    )
    return copy


@pytest.mark.usefixtures("warm_kernels")
@pytest.mark.benchmark(group="limits")
@pytest.mark.parametrize("size", parameters("informational", TINY, SMALL, MEDIUM, LARGE))
def test_limits__beside_the_same_run_without_them(
    benchmark: BenchmarkFixture, ledger_of: Callable[[Size], Path], work: Path, size: Size
) -> None:
    ledger = ledger_of(size)
    rounds = 3 if benchmark.enabled else 1
    plain = without_limits(ledger, work / "plain")
    bare = [execute(encours_run, plain, work / f"bare-{number}") for number in range(rounds)]
    measured = time_command(benchmark, encours_run, ledger, work, rounds=rounds)
    accounts = sum(
        pq.ParquetFile(part).metadata.num_rows
        for part in measured.last.rglob("credit_accounts/*.parquet")
    )
    assert accounts
    quickest = min(usage.wall_seconds for usage in bare)
    more_memory = max(usage.peak_memory_bytes for usage in measured.usages) - max(
        usage.peak_memory_bytes for usage in bare
    )
    benchmark.extra_info.update(
        items=size.items,
        accounts=accounts,
        wall_ratio=min(usage.wall_seconds for usage in measured.usages) / quickest,
        more_bytes_per_account=more_memory / accounts,
    )
