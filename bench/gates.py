"""The figures that a release must not fall behind. They hold on two cores of a quiet machine.

`hold` notes every gate with what was measured; it asserts only where benchmarks are timed
(`make bench`), so that a slow or busy machine never fails the tests.
"""

from dataclasses import dataclass
from typing import Final

from pytest_benchmark.fixture import BenchmarkFixture


@dataclass(frozen=True)
class Gate:
    """The most that a figure may be."""

    figure: str
    limit: float
    unit: str


TINY_RUN_SECONDS: Final = Gate("1,000 items, everything warm", 3.0, "s")
FIRST_RUN_SECONDS: Final = Gate("first run ever, kernels compiled", 20.0, "s")
LARGE_RUN_SECONDS: Final = Gate(
    "10,000,000 items without limits, all outputs but interest periods", 15.0, "s"
)
LARGE_RUN_MEMORY: Final = Gate("peak memory with 10,000,000 items", 1.5, "GB")
LIMITS_SHARE_PERCENT: Final = Gate(
    "limits, cover, rules, memory and hold files, over the run without limits", 20.0, "%"
)
PLAIN_INTEREST_NANOSECONDS: Final = Gate("interest of an item without allocations", 25.0, "ns")
INTEREST_SHARE_PERCENT: Final = Gate("interest and compensation, of a run's CPU time", 25.0, "%")
SLOPE_RATIO: Final = Gate("seconds per item from 10 to 30 million over 1 to 10 million", 1.1, "x")
MAPPED_CSV_RATIO: Final = Gate("a mapped CSV over the same CSV in the contract's form", 2.5, "x")


def hold(benchmark: BenchmarkFixture, measured: dict[Gate, float]) -> None:
    """Note what was measured against each gate; assert it where benchmarks are timed."""
    benchmark.extra_info["gates"] = [
        {"figure": gate.figure, "limit": gate.limit, "unit": gate.unit, "measured": round(value, 3)}
        for gate, value in measured.items()
    ]
    if benchmark.enabled:
        missed = [
            f"{gate.figure}: {value:.2f} {gate.unit}, at most {gate.limit} {gate.unit}"
            for gate, value in measured.items()
            if value > gate.limit
        ]
        assert not missed, "\n".join(missed)
