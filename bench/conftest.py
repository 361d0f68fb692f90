"""What holds for every benchmark: kernels kept in `build/`, compiled before anything is timed."""

import os
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bench.prepared import PreparedUnit

# Before any module imports a kernel, or Polars: both are read once, at import.
os.environ.setdefault(
    "ENCOURS_KERNEL_CACHE", str(Path(__file__).resolve().parents[1] / "build" / "kernels")
)
os.environ.setdefault("POLARS_MAX_THREADS", "1")  # stages are timed on one core

from bench import commands, sizes
from bench.measure import CORES


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--largest", action="store_true", help="also measure 30 million items (with -m large)"
    )


def pytest_benchmark_update_machine_info(machine_info: dict[str, object]) -> None:
    names = ("encours", "numpy", "numba", "pyarrow", "polars", "duckdb")
    machine_info["versions"] = {name: metadata.version(name) for name in names}
    machine_info["cores_used"] = CORES


@pytest.fixture
def ledger_of(pytestconfig: pytest.Config) -> Callable[[sizes.Size], Path]:
    """Give the ledger of a size."""

    def directory(size: sizes.Size) -> Path:
        if size.items >= sizes.LARGEST.items and not pytestconfig.getoption("--largest"):
            pytest.skip("30 million items take a quarter of an hour: --largest asks for them")
        if size.items >= sizes.LARGE.items and not pytestconfig.getoption("benchmark_enable"):
            pytest.skip("10 million items are there to be timed: `make bench` runs them")
        return sizes.ledger_directory(size)

    return directory


@pytest.fixture
def work() -> Iterator[Path]:
    """Give a directory for outputs, deleted after the benchmark."""
    with commands.work_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def warm_kernels() -> None:
    """Compile every kernel of a run into the cache of the tests, and load what a run imports."""
    with commands.work_directory() as directory:
        ledger = sizes.ledger_directory(sizes.TINY)
        commands.execute(commands.encours_run, ledger, directory / "out")


@pytest.fixture(scope="session")
def prepared() -> "Iterator[Callable[[sizes.Size], PreparedUnit]]":
    """Give the first work unit of a ledger with everything that its computation needs."""
    from bench.prepared import prepare_unit

    found: dict[sizes.Size, PreparedUnit] = {}
    with commands.work_directory() as directory:

        def prepare(size: sizes.Size) -> "PreparedUnit":
            if size not in found:
                staging = directory / str(size.items)
                found[size] = prepare_unit(sizes.ledger_directory(size), staging)
            return found[size]

        yield prepare
