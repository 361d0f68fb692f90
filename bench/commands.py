"""The commands that are measured, each in a process of its own and with a fresh output."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.measure import CORES, Usage, measure_command
from bench.sizes import AS_OF, BUILD, ROOT

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

THREADS: Final = CORES
KERNEL_CACHE: Final = Path(os.environ.get("ENCOURS_KERNEL_CACHE", ROOT / "build" / "kernels"))
ENCOURS: Final = Path(sys.executable).with_name("encours")

Command = Callable[[Path, Path], list[str | Path]]
"""The words of a command, from a ledger and an output directory that does not exist yet."""


def encours_run(ledger: Path, out: Path, *options: str) -> list[str | Path]:
    """Give the nightly job."""
    places = ("--ledger", ledger, "--as-of", AS_OF.isoformat(), "--out", out)
    return [ENCOURS, "run", *places, "--threads", str(THREADS), "--quiet", *options]


def environment(kernel_cache: Path = KERNEL_CACHE) -> dict[str, str]:
    """Give the environment of a measured command: nobody's own settings, our kernel cache.

    Python finds its bytecode, as it does where pip has installed a package.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENCOURS_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **kept,
        "PYTHONPYCACHEPREFIX": str(BUILD / "bytecode"),
        "ENCOURS_KERNEL_CACHE": str(kernel_cache),
        "POLARS_MAX_THREADS": str(THREADS),
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def work_directory() -> Iterator[Path]:
    """Give a directory beside the ledgers, on the disk that a run would use; deleted at the end.

    Those of sessions that were killed are deleted at the start: their names tell the process.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    for left in BUILD.glob("work-*-*"):
        if not Path("/proc", left.name.split("-")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix=f"work-{os.getpid()}-", dir=BUILD))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@dataclass
class Measured:
    """What the timed rounds of a command took.

    last  the output directory of the last round
    """

    usages: list[Usage] = field(default_factory=list)
    last: Path = Path()

    @property
    def wall_seconds(self) -> float:
        """Give the median of the rounds."""
        return statistics.median(usage.wall_seconds for usage in self.usages)

    @property
    def peak_memory_gigabytes(self) -> float:
        """Give the highest peak of the rounds."""
        return max(usage.peak_memory_bytes for usage in self.usages) / 1e9

    def facts(self, items: int) -> dict[str, object]:
        """Give what the tables show, as plain numbers."""
        cpu_seconds = statistics.median(usage.cpu_seconds for usage in self.usages)
        return {
            "items": items,
            "wall_seconds": round(self.wall_seconds, 4),
            "cpu_seconds": round(cpu_seconds, 4),
            "peak_memory_bytes": max(usage.peak_memory_bytes for usage in self.usages),
            "peak_private_bytes": max(usage.peak_private_bytes for usage in self.usages),
            "items_per_second": round(items / self.wall_seconds),
            "output_bytes": _size(self.last),
        }


def execute(command: Command, ledger: Path, out: Path, kernel_cache: Path = KERNEL_CACHE) -> Usage:
    """Execute a command once."""
    log = out.with_name(f"{out.name}.log")
    return measure_command(command(ledger, out), environment(kernel_cache), log)


def time_command(
    benchmark: BenchmarkFixture,
    command: Command,
    ledger: Path,
    work: Path,
    *,
    rounds: int,
    is_cold: bool = False,
    before: Callable[[], object] = lambda: None,
    check: Callable[[Path], None] | None = None,
) -> Measured:
    """Execute a command in timed rounds, each with an output of its own, the last one kept.

    is_cold  every round finds an empty kernel cache, and no round warms up
    before   called ahead of each round, outside the clock: what is compared is taken in turns
    check    looks at the output of the first round, which warms up and does not count
    """
    measured = Measured()
    number = 0

    def fresh() -> tuple[tuple[Path, Path], dict[str, object]]:
        nonlocal number
        if number:
            shutil.rmtree(measured.last)
        number += 1
        measured.last = work / f"out-{number}"
        before()
        if benchmark.enabled:
            os.sync()  # what earlier rounds wrote is not to be written on this one's time
        return (measured.last, work / f"kernels-{number}" if is_cold else KERNEL_CACHE), {}

    def body(out: Path, kernel_cache: Path) -> None:
        measured.usages.append(execute(command, ledger, out, kernel_cache))
        if check is not None and number == 1:
            check(out)

    benchmark.pedantic(  # type: ignore[no-untyped-call]
        body, setup=fresh, rounds=rounds, warmup_rounds=0 if is_cold else 1
    )
    if benchmark.enabled and not is_cold:
        del measured.usages[0]
    return measured


def _size(directory: Path) -> int:
    """Give the bytes of all files below a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
