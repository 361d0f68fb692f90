"""The same night in DuckDB and in Polars, on the same ledger, cores and disk.

Ours does the whole job; theirs does what their docstrings say. Nothing is timed before their open
amounts, ageing, accounts and interest equal ours to the last digit.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.commands import THREADS, Command, encours_run, execute, time_command, work_directory
from bench.peers.agreement import differences, item_rows
from bench.peers.rates import write_rates
from bench.sizes import AS_OF, LARGE, MEDIUM, SMALL, Size, parameters

pytestmark = [
    pytest.mark.usefixtures("warm_kernels"),
    pytest.mark.benchmark(group="peers: the same night"),
    pytest.mark.parametrize("size", parameters("informational", SMALL, MEDIUM, LARGE)),
]

ROUNDS = {SMALL: 5, MEDIUM: 5, LARGE: 3}
RUN = f"as_of={AS_OF.isoformat()}"


@pytest.fixture(scope="module")
def rates() -> Iterator[Path]:
    """Give the table of statutory rates that the peers are handed."""
    with work_directory() as directory:
        yield write_rates(directory / "rates.parquet", AS_OF)


@pytest.fixture(scope="module")
def published() -> Iterator[Callable[[Path], Path]]:
    """Give our published run of a ledger, to compare with."""
    found: dict[Path, Path] = {}
    with work_directory() as directory:

        def publish(ledger: Path) -> Path:
            if ledger not in found:
                out = directory / str(len(found))
                execute(encours_run, ledger, out)
                found[ledger] = out / RUN
            return found[ledger]

        yield publish


def peer_command(name: str, rates: Path) -> Command:
    """Give the command of a peer job."""

    def command(ledger: Path, out: Path) -> list[str | Path]:
        module = f"bench.peers.{name}_job"
        arguments = (ledger, AS_OF.isoformat(), out, rates, str(THREADS))
        return [sys.executable, "-m", module, *arguments]

    return command


def test_peer__encours(
    benchmark: BenchmarkFixture,
    ledger_of: Callable[[Size], Path],
    work: Path,
    size: Size,
) -> None:
    measured = time_command(benchmark, encours_run, ledger_of(size), work, rounds=ROUNDS[size])
    benchmark.extra_info.update(measured.facts(size.items), peer="encours")


@pytest.mark.parametrize("peer", ["duckdb", "polars"])
def test_peer(
    benchmark: BenchmarkFixture,
    ledger_of: Callable[[Size], Path],
    published: Callable[[Path], Path],
    rates: Path,
    work: Path,
    size: Size,
    peer: str,
) -> None:
    ledger = ledger_of(size)
    ours = published(ledger)

    def compare(theirs: Path) -> None:
        assert differences(ours, theirs, rates) == {"ageing": 0, "credit_accounts": 0, "items": 0}
        assert item_rows(ours) == item_rows(theirs)

    measured = time_command(
        benchmark, peer_command(peer, rates), ledger, work, rounds=ROUNDS[size], check=compare
    )
    benchmark.extra_info.update(measured.facts(size.items), peer=peer)
