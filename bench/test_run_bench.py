"""The nightly run from end to end: the command in a process of its own, published on disk."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import gates
from bench.commands import encours_run, time_command
from bench.sizes import (
    AS_OF,
    LARGE,
    LARGEST,
    MEDIUM,
    SMALL,
    TINY,
    Size,
    parameters,
    unlimited_directory,
)

ROUNDS = {TINY: 5, SMALL: 5, MEDIUM: 5, LARGE: 3, LARGEST: 2}


def stages(out: Path) -> dict[str, float]:
    """Give the wall seconds of each stage, from the manifest of a run."""
    manifest = out / f"as_of={AS_OF.isoformat()}" / "manifest.json"
    found = json.loads(manifest.read_text(encoding="utf-8"))["timing"]["wall_seconds"]
    return {str(name): float(seconds) for name, seconds in found.items()}


@pytest.mark.small
@pytest.mark.gate
@pytest.mark.usefixtures("warm_kernels")
@pytest.mark.benchmark(group="run: start-up")
def test_run__of_1_000_items_is_quick(
    benchmark: BenchmarkFixture,
    ledger_of: Callable[[Size], Path],
    work: Path,
) -> None:
    measured = time_command(benchmark, encours_run, ledger_of(TINY), work, rounds=ROUNDS[TINY])
    benchmark.extra_info.update(measured.facts(TINY.items), start="kernels on disk")
    gates.hold(benchmark, {gates.TINY_RUN_SECONDS: measured.wall_seconds})


@pytest.mark.slow  # compiles every kernel: `make test-all` and `make bench` have the time for it
@pytest.mark.small
@pytest.mark.gate
@pytest.mark.benchmark(group="run: start-up")
def test_run__the_first_ever_compiles_its_kernels(
    benchmark: BenchmarkFixture, ledger_of: Callable[[Size], Path], work: Path
) -> None:
    ledger = ledger_of(TINY)
    measured = time_command(benchmark, encours_run, ledger, work, rounds=2, is_cold=True)
    benchmark.extra_info.update(measured.facts(TINY.items), start="no kernel compiled")
    gates.hold(benchmark, {gates.FIRST_RUN_SECONDS: measured.wall_seconds})


@pytest.mark.usefixtures("warm_kernels")
@pytest.mark.benchmark(group="run: without limits")
@pytest.mark.parametrize(
    "size",
    [*parameters("informational", SMALL, MEDIUM, LARGEST), *parameters("gate", LARGE)],
)
def test_run__without_limits(
    benchmark: BenchmarkFixture,
    ledger_of: Callable[[Size], Path],
    work: Path,
    size: Size,
) -> None:
    ledger_of(size)  # or skips
    ledger = unlimited_directory(size)
    measured = time_command(benchmark, encours_run, ledger, work, rounds=ROUNDS[size])
    benchmark.extra_info.update(measured.facts(size.items), stages=stages(measured.last))
    if size == LARGE:
        gates.hold(benchmark, {gates.LARGE_RUN_SECONDS: measured.wall_seconds})


@pytest.mark.usefixtures("warm_kernels")
@pytest.mark.benchmark(group="run: all outputs")
@pytest.mark.parametrize(
    "size",
    [*parameters("informational", SMALL, MEDIUM, LARGEST), *parameters("gate", LARGE)],
)
def test_run__of_all_outputs(
    benchmark: BenchmarkFixture,
    ledger_of: Callable[[Size], Path],
    work: Path,
    size: Size,
) -> None:
    measured = time_command(benchmark, encours_run, ledger_of(size), work, rounds=ROUNDS[size])
    benchmark.extra_info.update(measured.facts(size.items), stages=stages(measured.last))
    if size == LARGE:
        gates.hold(
            benchmark,
            {gates.LARGE_RUN_MEMORY: measured.peak_memory_gigabytes},
        )


@pytest.mark.usefixtures("warm_kernels")
@pytest.mark.benchmark(group="run: with interest periods")
@pytest.mark.parametrize("size", parameters("informational", SMALL, MEDIUM, LARGE))
def test_run__with_interest_periods(
    benchmark: BenchmarkFixture,
    ledger_of: Callable[[Size], Path],
    work: Path,
    size: Size,
) -> None:
    def command(ledger: Path, out: Path) -> list[str | Path]:
        return encours_run(ledger, out, "--interest-periods")

    measured = time_command(benchmark, command, ledger_of(size), work, rounds=3)
    benchmark.extra_info.update(measured.facts(size.items), stages=stages(measured.last))
