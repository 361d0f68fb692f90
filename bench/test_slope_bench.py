"""Whether time grows with the items alone: seconds per million items, and how steep it gets."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import gates
from bench.commands import encours_run, execute, time_command
from bench.measure import Usage
from bench.sizes import LARGE, LARGEST, MEDIUM, TINY, Size

FEW = Size("small", 3_000)
MORE = Size("small", 10_000)
"""Too small to say anything of the slope: they keep the benchmark itself in order."""


@pytest.mark.usefixtures("warm_kernels")
@pytest.mark.benchmark(group="slope")
@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param(
            (TINY, FEW, MORE), marks=(pytest.mark.small, pytest.mark.informational), id="tiny"
        ),
        pytest.param(
            (MEDIUM, LARGE, LARGEST), marks=(pytest.mark.large, pytest.mark.gate), id="1-10-30M"
        ),
    ],
)
def test_slope(
    benchmark: BenchmarkFixture,
    ledger_of: Callable[[Size], Path],
    work: Path,
    sizes: tuple[Size, ...],
) -> None:
    ledgers = [ledger_of(size) for size in sizes]
    rounds = 2 if benchmark.enabled else 1
    points = []
    for size, ledger in zip(sizes[:-1], ledgers[:-1], strict=True):
        usages = []
        for number in range(rounds):
            out = work / f"{size.items}-{number}"
            usages.append(execute(encours_run, ledger, out))
            shutil.rmtree(out)
        points.append(point(size, usages))
    last = time_command(benchmark, encours_run, ledgers[-1], work, rounds=rounds)
    points.append(point(sizes[-1], last.usages))
    slopes = [
        (later["wall_seconds"] - earlier["wall_seconds"])
        / (later["items"] - earlier["items"])
        * 1e6
        for earlier, later in itertools.pairwise(points)
    ]
    benchmark.extra_info.update(points=points, seconds_per_million=slopes)
    if LARGEST in sizes:
        gates.hold(benchmark, {gates.SLOPE_RATIO: slopes[1] / slopes[0]})


def point(size: Size, usages: list[Usage]) -> dict[str, float]:
    """Give the quickest of some rounds, and their highest peak."""
    return {
        "items": size.items,
        "wall_seconds": min(usage.wall_seconds for usage in usages),
        "peak_memory_bytes": max(usage.peak_memory_bytes for usage in usages),
    }
