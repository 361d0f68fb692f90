"""Computing and encoding on one core: a work unit from Arrow to Arrow, then to Parquet on disk."""

import itertools
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.prepared import PreparedUnit
from bench.sizes import MEDIUM, SMALL, Size, parameters
from bench.stages import time_stage
from encours.publish.files import PublishedFile
from encours.publish.parquet import conformed, open_part, stored_schema, write_options

pytestmark = pytest.mark.benchmark(group="computing and encoding, one core")

SIZES = parameters("informational", SMALL, MEDIUM)


@pytest.mark.parametrize("size", SIZES)
def test_computing_of_a_unit(
    benchmark: BenchmarkFixture, prepared: Callable[[Size], PreparedUnit], size: Size
) -> None:
    unit = prepared(size)
    stage = "compute a work unit: decode, check, measure, encode to Arrow"
    result = time_stage(benchmark, stage, unit.rows, unit.compute, rounds=7)
    assert 0.8 < result.published.num_rows / unit.rows < 0.95


@pytest.mark.parametrize("size", SIZES)
def test_writing_of_items(
    benchmark: BenchmarkFixture,
    prepared: Callable[[Size], PreparedUnit],
    work: Path,
    size: Size,
) -> None:
    published = prepared(size).compute().published
    number = itertools.count()

    def fresh() -> tuple[tuple[Path], dict[str, object]]:
        return (work / f"part-{next(number)}.parquet",), {}

    def write(path: Path) -> PublishedFile:
        with open_part(path, published.schema) as part:
            part.write(published)
            return part.close()

    stage = "write items: Parquet and SHA-256"
    file = time_stage(benchmark, stage, published.num_rows, write, setup=fresh, rounds=7)
    benchmark.extra_info.update(bytes_per_item=round(file.size / published.num_rows, 1))
    parts = sorted(work.glob("part-*.parquet"))
    assert pq.read_metadata(parts[-1]).num_rows == published.num_rows


@pytest.mark.parametrize("writer", ["Arrow", "Polars"])
@pytest.mark.parametrize("size", SIZES)
def test_writing_of_items_by_others(
    benchmark: BenchmarkFixture,
    prepared: Callable[[Size], PreparedUnit],
    work: Path,
    size: Size,
    writer: str,
) -> None:
    published = prepared(size).compute().published
    schema = stored_schema(published.schema)
    table = conformed(published, schema)
    frame = pl.DataFrame(table)
    path = work / "others.parquet"

    def by_arrow() -> None:
        with pq.ParquetWriter(path, schema, **write_options(schema)) as file:
            file.write_table(table)

    def by_polars() -> None:
        frame.write_parquet(path, compression="snappy", statistics=False)

    owner = {"Arrow": "Arrow's", "Polars": "Polars'"}[writer]
    stage = f"write items: Parquet by {owner} writer, no digest"
    write = {"Arrow": by_arrow, "Polars": by_polars}[writer]
    time_stage(benchmark, stage, published.num_rows, write, rounds=7)
    found = pl.read_parquet(path, columns=["item_id"])["item_id"]
    assert found.equals(pl.Series("item_id", published.column("item_id")))
