"""Our own encoder of Parquet against Arrow's writer: the same bytes for the same rows."""

import io
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.publish.parquet import (
    PAGE_ROWS,
    ROW_GROUP_ROWS,
    open_part,
    stored_schema,
    write_options,
)
from encours.publish.parquet_encoder import ParquetEncoder, can_encode
from encours_schemas import OUTPUT_TABLES

CODES = pa.dictionary(pa.int32(), pa.string())
MONEY = pa.decimal64(18, 3)
KINDS: dict[str, pa.DataType] = {
    "text": pa.string(),
    "code": CODES,
    "date": pa.date32(),
    "number": pa.int32(),
    "count": pa.int64(),
    "money": MONEY,
    "share": pa.decimal64(18, 6),
    "truth": pa.bool_(),
}


def bytes_of_arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, **write_options(table.schema)) as writer:
        if table.num_rows:
            writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
    return sink.getvalue()


def bytes_of_ours(table: pa.Table) -> bytes:
    written: list[Any] = []
    statistics = frozenset(write_options(table.schema)["write_statistics"])
    encoder = ParquetEncoder(lambda piece: written.append(bytes(piece)), table.schema, statistics)
    for start in range(0, table.num_rows, ROW_GROUP_ROWS):
        encoder.write_group(table.slice(start, ROW_GROUP_ROWS))
    encoder.close()
    return b"".join(written)


def values_of(kind: pa.DataType, random: np.random.Generator, count: int) -> pa.Array:
    """Draw values of a type: far apart or near, in runs or not, sorted or not."""
    reach = int(random.choice([1, 3, 100, 10**6, 2**31 - 1]))
    numbers = random.integers(-reach, reach, count, dtype=np.int64)
    if random.random() < 0.3:
        numbers[random.random(count) < 0.9] = 0
    if random.random() < 0.3:
        numbers.sort()
    if kind == pa.bool_():
        return pa.array(numbers > 0)
    if kind == pa.date32():
        return pa.array((numbers % 60_000).astype(np.int32)).view(kind)
    if kind == pa.int32():
        return pa.array(numbers.astype(np.int32))
    if pa.types.is_decimal64(kind):
        return pa.array(numbers * int(random.choice([1, 10**8]))).view(kind)
    if kind == pa.int64():
        return pa.array(numbers * int(random.choice([1, 2**32])))
    words = [f"{'é' * (number % 3)}{number}" for number in range(min(reach, 5_000))]
    codes = np.abs(numbers) % len(words)
    if kind == pa.string():
        return pa.array([words[code] for code in codes], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words))


def with_nulls(values: pa.Array, share: float, random: np.random.Generator) -> pa.Array:
    is_null = pa.array(random.random(len(values)) < share)
    if not pa.types.is_dictionary(values.type):
        return pa.compute.if_else(is_null, pa.scalar(None, values.type), values)
    indices = pa.compute.if_else(is_null, pa.scalar(None, pa.int32()), values.indices)
    return pa.DictionaryArray.from_arrays(indices, values.dictionary)


def random_table(seed: int, count: int) -> pa.Table:
    """Give a column of each kind that is never null, and one that may be."""
    random = np.random.default_rng(seed)
    columns, fields = [], []
    for name, kind in KINDS.items():
        columns.append(values_of(kind, random, count))
        fields.append(pa.field(name, kind, nullable=False))
        share = float(random.choice([0, 0.02, 0.5, 0.98, 1]))
        columns.append(with_nulls(values_of(kind, random, count), share, random))
        fields.append(pa.field(f"{name} or null", kind))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


@given(st.integers(0, 2**32), st.integers(1, 700))
def test_encoder__writes_what_arrow_writes(seed: int, count: int) -> None:
    table = random_table(seed, count)
    assert bytes_of_ours(table) == bytes_of_arrow(table)


@pytest.mark.parametrize(
    "count",
    [0, 1, 8, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 900, ROW_GROUP_ROWS, ROW_GROUP_ROWS + 70_000],
)
def test_encoder__ends_pages_and_row_groups_where_arrow_does(count: int) -> None:
    table = random_table(count, count)
    assert bytes_of_ours(table) == bytes_of_arrow(table)


def test_encoder__takes_slices_of_columns() -> None:
    table = random_table(5, 3_000)
    for first in (1, 7, 8, 1_001):
        part = table.slice(first, 1_500)
        assert bytes_of_ours(part) == bytes_of_arrow(part)


def edge_columns() -> dict[str, pa.Array]:
    many = pa.array([f"{number:040d}" for number in range(100_000)])
    no_entry = pa.DictionaryArray.from_arrays(pa.nulls(3, pa.int32()), pa.array([], pa.string()))
    return {
        "every text null": pa.nulls(3, pa.string()),
        "every number null": pa.nulls(3, pa.int64()),
        "a dictionary without entries": no_entry,
        "a dictionary of one entry": pa.array(["a", "a", None]).dictionary_encode(),
        "a dictionary as long as the column": many.dictionary_encode(),
        "empty texts": pa.array(["", "", ""]),
        "long texts": pa.array(["x" * 70_000, "y", "x" * 70_001]),
        "a least text that is too long": pa.array(["b" * 4_097, "c" * 4_096]),
        "bytes in disorder": pa.array(["é", "z", "a\0b", "a", "\U0001f600"]),
        "the ends of 64 bits": pa.array([-(2**63), 2**63 - 1, 0, -1]),
        "the ends of 32 bits": pa.array([-(2**31), 2**31 - 1, 0, -1], pa.int32()),
        "the ends of money": pa.array([1 - 10**18, 10**18 - 1]).view(MONEY),
    }


@pytest.mark.parametrize("name", edge_columns())
def test_encoder__writes_edges_as_arrow_does(name: str) -> None:
    column = edge_columns()[name]
    table = pa.Table.from_arrays([column], schema=pa.schema([pa.field(name, column.type)]))
    assert bytes_of_ours(table) == bytes_of_arrow(table)


def test_encoder__last_page_without_a_value() -> None:
    # Arrow repeats the first value of the page before in the header of one that has none.
    column = pa.concat_arrays([pa.array([7] * PAGE_ROWS), pa.nulls(9, pa.int64())])
    table = pa.table({"number": column})
    assert pq.read_table(io.BytesIO(bytes_of_ours(table))).equals(table)
    assert len(bytes_of_ours(table)) == len(bytes_of_arrow(table))


READERS: dict[str, Callable[[bytes], list[dict[str, Any]]]] = {
    "polars": lambda data: pl.read_parquet(io.BytesIO(data)).to_dicts(),
    "polars, without statistics": lambda data: pl.read_parquet(
        io.BytesIO(data), use_statistics=False
    ).to_dicts(),
    "pyarrow, checksums verified": lambda data: list(
        pq.read_table(io.BytesIO(data), page_checksum_verification=True).to_pylist()
    ),
}


@pytest.mark.parametrize("reader", READERS)
def test_encoder__is_read_by(reader: str) -> None:
    table = random_table(11, 2_000)
    assert READERS[reader](bytes_of_ours(table)) == table.to_pylist()


def test_encoder__is_read_by_duckdb(place: Any) -> None:
    table = random_table(12, 70_000)
    path = place / "p.parquet"
    path.write_bytes(bytes_of_ours(table))
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(path)).fetchall()
    assert found == [tuple(row.values()) for row in table.to_pylist()]


def test_encoder__takes_every_table_but_those_with_wide_numbers() -> None:
    left = {
        name
        for name, table in OUTPUT_TABLES.items()
        if not can_encode(stored_schema(table.arrow_schema()))
    }
    wide = {
        name
        for name, table in OUTPUT_TABLES.items()
        if any(
            pa.types.is_decimal(each) and each.precision > 18 for each in table.arrow_schema().types
        )
    }
    assert left == wide


def test_encoder__leaves_other_types_to_arrow(place: Any) -> None:
    table = pa.table({"weight": pa.array([1.5, None]), "item_id": ["a", "b"]})
    assert not can_encode(stored_schema(table.schema))
    path = place / "p.parquet"
    with open_part(path, table.schema) as part:
        part.write(table)
    assert pq.read_table(path).equals(table)
    assert path.read_bytes() == bytes_of_arrow(table)
