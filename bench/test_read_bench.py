"""Reading on one core: finding and hashing files, staging CSV, columns of a unit, keys."""

import itertools
import statistics
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.foreign import decode_items, foreign_directories
from bench.gates import MAPPED_CSV_RATIO, hold
from bench.prepared import open_directory, run_keys_pass
from bench.sizes import MEDIUM, SMALL, Size, ledger_directory, parameters
from bench.stages import one_core, time_stage
from encours.ledger.sources import open_ledger
from encours_schemas.configuration import Configuration

pytestmark = pytest.mark.benchmark(group="reading, one core")

SIZES = parameters("informational", SMALL, MEDIUM)


@pytest.mark.parametrize("size", SIZES)
def test_opening_of_parquet(benchmark: BenchmarkFixture, work: Path, size: Size) -> None:
    directory = ledger_directory(size)
    ledger = time_stage(
        benchmark,
        "open Parquet: find and hash files",
        size.items,
        lambda: open_directory(directory, work),
        rounds=5,
    )
    assert ledger.tables["open_items"].row_count == size.items


@pytest.mark.parametrize("size", SIZES)
def test_opening_of_csv(benchmark: BenchmarkFixture, work: Path, size: Size) -> None:
    directory = ledger_directory(size, "csv")
    number = itertools.count()

    def fresh() -> tuple[tuple[Path], dict[str, object]]:
        return (work / f"staging-{next(number)}",), {}

    ledger = time_stage(
        benchmark,
        "open CSV: hash, scan and stage files",
        size.items,
        lambda staging: open_directory(directory, staging),
        setup=fresh,
        rounds=3,
    )
    assert ledger.tables["open_items"].row_count == size.items


@pytest.mark.parametrize("size", SIZES)
def test_reading_of_columns(benchmark: BenchmarkFixture, work: Path, size: Size) -> None:
    source = open_directory(ledger_directory(size), work).tables["open_items"]

    def read() -> int:
        return sum(int(source.read(unit, source.columns).num_rows) for unit in source.units)

    rows = time_stage(benchmark, "read Parquet: all columns to Arrow", size.items, read, rounds=5)
    assert rows == size.items


@pytest.mark.parametrize("size", SIZES)
def test_keys_pass(benchmark: BenchmarkFixture, work: Path, size: Size) -> None:
    ledger = open_directory(ledger_directory(size), work)
    number = itertools.count()

    def fresh() -> tuple[tuple[Path], dict[str, object]]:
        return (work / f"spill-{next(number)}",), {}

    keys = time_stage(
        benchmark,
        "master data and keys pass",
        size.items,
        lambda spill: run_keys_pass(ledger, spill),
        setup=fresh,
        rounds=3,
    )
    assert len(keys.twins) == 0
    assert len(keys.unknown_items) == 0


@pytest.mark.parametrize("size", parameters("gate", SMALL, MEDIUM))
def test_reading_of_a_mapped_csv(benchmark: BenchmarkFixture, work: Path, size: Size) -> None:
    canonical, foreign = foreign_directories(size)
    layout = Configuration.model_validate({"input": {"layouts": [str(foreign / "foreign.toml")]}})
    number = itertools.count()

    def read(directory: Path, configuration: Configuration) -> tuple[int, int]:
        staging = work / f"mapped-{next(number)}"
        ledger = open_ledger(directory, configuration, staging, threads=1)
        return decode_items(ledger)

    def seconds(directory: Path, configuration: Configuration) -> float:
        started = time.perf_counter()
        read(directory, configuration)
        return time.perf_counter() - started

    plain = Configuration()
    with one_core():
        rounds = [(seconds(canonical, plain), seconds(foreign, layout)) for _ in range(4)][1:]
    found = time_stage(
        benchmark,
        "read a mapped CSV: stage, map and decode",
        size.items,
        lambda: read(foreign, layout),
        rounds=2,
    )
    assert found == read(canonical, plain)
    ratio = statistics.median(mapped / unmapped for unmapped, mapped in rounds)
    hold(benchmark, {MAPPED_CSV_RATIO: ratio})
