"""Published Parquet: the same bytes for the same rows, the same values in every reader."""

import errno
import os
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encours.calc.columns import MONEY, money_array
from encours.publish import files, parquet
from encours.publish.files import sha256_of
from encours.publish.parquet import (
    ROW_GROUP_ROWS,
    open_part,
    part_name,
    stored_schema,
    write_small_table,
)
from encours_schemas import OUTPUT_TABLES
from encours_schemas.errors import InputRefused, OutputUnwritable

CODES = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("bucket", CODES),
        pa.field("amount", pa.decimal128(18, 3), nullable=False),
        pa.field("penalty", pa.decimal128(18, 3)),
        pa.field("utilisation", pa.decimal128(18, 6)),
        pa.field("measured", pa.decimal128(38, 6)),
        pa.field("due_date", pa.date32()),
        pa.field("days_past_due", pa.int32()),
        pa.field("item_count", pa.int64()),
        pa.field("hold_orders", pa.bool_()),
    ]
)
ROWS: list[dict[str, Any]] = [
    {
        "item_id": "0001",
        "bucket": "1-30",
        "amount": Decimal("999999999999999.999"),
        "penalty": Decimal("0.000"),
        "utilisation": Decimal("1.000001"),
        "measured": Decimal("12345678901234567890123456789012.123456"),
        "due_date": date(1900, 1, 1),
        "days_past_due": -(2**31),
        "item_count": 2**63 - 1,
        "hold_orders": True,
    },
    {
        "item_id": "=é\U0001f600\u202e",
        "bucket": ">180",
        "amount": Decimal("-999999999999999.999"),
        "penalty": Decimal("-0.001"),
        "utilisation": Decimal("-0.5"),
        "measured": Decimal("-0.000001"),
        "due_date": date(2999, 12, 31),
        "days_past_due": 2**31 - 1,
        "item_count": -(2**63),
        "hold_orders": False,
    },
    {"item_id": "", "amount": Decimal("0.000")},
    {"item_id": "0004", "bucket": "1-30", "amount": Decimal("0.010"), "item_count": 0},
]


def rows_table(rows: list[dict[str, Any]] = ROWS) -> pa.Table:
    plain = [field.with_type(pa.string()) if field.name == "bucket" else field for field in SCHEMA]
    return pa.Table.from_pylist(rows, pa.schema(plain))


def written(path: Path, *tables: pa.Table, schema: pa.Schema = SCHEMA) -> Path:
    with open_part(path, schema) as part:
        for table in tables:
            part.write(table)
    return path


def read_by_duckdb(path: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(path))
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "pyarrow": lambda path: list(pq.read_table(path).to_pylist()),
    "polars": lambda path: pl.read_parquet(path).to_dicts(),
    "polars, lazily": lambda path: pl.scan_parquet(path).collect().to_dicts(),
    "duckdb": read_by_duckdb,
}


@pytest.mark.parametrize("reader", READERS)
def test_open_part__every_reader_gives_the_rows(place: Path, reader: str) -> None:
    path = written(place / part_name(0), rows_table(), rows_table().slice(1, 2))
    expected = [{name: row.get(name) for name in SCHEMA.names} for row in [*ROWS, *ROWS[1:3]]]
    assert READERS[reader](path) == expected


def test_open_part__every_reader_gives_the_types_of_the_contract(place: Path) -> None:
    path = written(place / part_name(0), rows_table())
    stored = pq.read_schema(path)
    for field in SCHEMA:
        expected = pa.string() if field.type == CODES else field.type
        assert stored.field(field.name).type == expected
        assert stored.field(field.name).nullable == field.nullable
    polars = pl.read_parquet_schema(path)
    assert polars["amount"] == pl.Decimal(18, 3)
    assert polars["utilisation"] == pl.Decimal(18, 6)
    assert polars["measured"] == pl.Decimal(38, 6)
    assert polars["bucket"] == pl.String
    assert polars["due_date"] == pl.Date
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(path))
        types = dict(zip(found.columns, map(str, found.types), strict=True))
    assert types["amount"] == "DECIMAL(18,3)"
    assert types["measured"] == "DECIMAL(38,6)"
    assert types["bucket"] == "VARCHAR"
    assert types["due_date"] == "DATE"


@pytest.mark.parametrize("table", OUTPUT_TABLES.values(), ids=lambda table: str(table.name))
def test_open_part__writes_every_table_of_the_contract(place: Path, table: Any) -> None:
    schema = table.arrow_schema()
    empty = written(place / "empty.parquet", schema=schema)
    assert pq.read_table(empty).schema.equals(schema)
    assert pq.read_metadata(empty).num_rows == 0
    assert pl.read_parquet(empty).columns == schema.names


def test_open_part__stores_decimals_as_integers_with_checksums(place: Path) -> None:
    metadata = pq.read_metadata(written(place / part_name(0), rows_table()))
    assert metadata.schema.column(2).physical_type == "INT64"
    assert metadata.metadata is None  # no Arrow schema, no time, no name of a host
    columns = {
        metadata.row_group(0).column(i).path_in_schema: metadata.row_group(0).column(i)
        for i in range(metadata.num_columns)
    }
    assert "DELTA_BINARY_PACKED" in columns["amount"].encodings
    assert "RLE_DICTIONARY" in columns["bucket"].encodings
    assert "RLE_DICTIONARY" not in columns["item_id"].encodings
    assert columns["amount"].compression == "SNAPPY"
    assert columns["item_id"].compression == "SNAPPY"
    assert columns["due_date"].statistics.min == date(1900, 1, 1)
    assert columns["bucket"].statistics is None
    assert columns["amount"].statistics is None


def test_open_part__flipped_bit_is_noticed_by_a_reader(place: Path) -> None:
    path = written(place / part_name(0), rows_table())
    data = bytearray(path.read_bytes())
    amount = pq.read_metadata(path).row_group(0).column(2)
    data[amount.data_page_offset + amount.total_compressed_size - 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(OSError, match="CRC checksum"):
        pq.read_table(path, page_checksum_verification=True)


def test_open_part__same_rows_same_bytes(place: Path) -> None:
    table = rows_table(ROWS * 9_000)
    first = written(place / "first.parquet", table)
    encoded = table.set_column(1, SCHEMA.field(1), table.column(1).dictionary_encode())
    narrow = encoded.cast(stored_schema(SCHEMA))
    pieces = pa.concat_tables([narrow.slice(0, 7), narrow.slice(7, 20_001), narrow.slice(20_008)])
    batch = narrow.combine_chunks().to_batches()[0]
    shuffled = table.select(list(reversed(table.column_names)))
    for number, same in enumerate([table, encoded, narrow, pieces, batch, shuffled]):
        other = written(place / f"{number}.parquet", same)
        assert sha256_of(other) == sha256_of(first), number


def test_open_part__row_groups_are_bounded(place: Path) -> None:
    number = money_array(np.zeros(ROW_GROUP_ROWS + 1, np.int64))
    schema = pa.schema([pa.field("amount", MONEY)])
    path = written(place / "p.parquet", pa.table([number], schema), schema=schema)
    metadata = pq.read_metadata(path)
    rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert rows == [ROW_GROUP_ROWS, 1]


def test_open_part__large_dictionary_is_cut_down_to_what_occurs(place: Path) -> None:
    dictionary = pa.array([f"C{number:06d}" for number in range(50_000)])
    codes = pa.DictionaryArray.from_arrays(
        pa.array([49_999, None, 3, 49_999], pa.int32()), dictionary
    )
    schema = pa.schema([pa.field("customer_id", CODES)])
    path = written(place / "p.parquet", pa.table([codes], schema), schema=schema)
    assert pq.read_table(path).column(0).to_pylist() == ["C049999", None, "C000003", "C049999"]
    assert path.stat().st_size < 1_000


def test_open_part__dictionary_as_long_as_a_row_group_stays_one(place: Path) -> None:
    count = 150_000
    dictionary = pa.array([f"customer-{number:09d}" for number in range(count)])
    codes = pa.DictionaryArray.from_arrays(pa.array(np.arange(count, dtype=np.int32)), dictionary)
    schema = pa.schema([pa.field("customer_id", CODES)])
    path = written(place / "p.parquet", pa.table([codes], schema), schema=schema)
    assert "PLAIN" in pq.read_metadata(path).row_group(0).column(0).encodings  # the dictionary page
    assert len(pl.read_parquet(path).unique()) == count


def test_open_part__text_that_is_too_long_for_one_array_loses_no_row(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Beyond 2 GiB Arrow gives a column in several arrays, whatever is done to join them.
    table = pa.table({"text": pa.chunked_array([["a", "b"], ["c"]]), "number": [1, 2, 3]})
    monkeypatch.setattr(parquet, "conformed", lambda data, schema: data)
    path = written(place / "p.parquet", table, schema=table.schema)
    assert pq.read_table(path).to_pylist() == table.to_pylist()


def test_open_part__published_file_tells_what_was_written(place: Path) -> None:
    folder = place / "as_of=2026-10-31" / "items"
    folder.mkdir(parents=True)
    part = open_part(folder / part_name(12), SCHEMA)
    part.write(rows_table())
    published = part.close()
    assert (published.table, published.file) == ("items", "items/part-00012.parquet")
    assert published.rows == len(ROWS)
    assert (published.sha256, published.size) == sha256_of(folder / part_name(12))
    with pytest.raises(ValueError, match="is closed"):
        part.write(rows_table())
    with pytest.raises(ValueError, match="is closed"):
        part.close()


@pytest.mark.parametrize("slip", ["missing", "extra", "type", "null"])
def test_open_part__refuses_other_columns(place: Path, slip: str) -> None:
    table = rows_table()
    wrong = {
        "missing": table.drop_columns(["bucket"]),
        "extra": table.append_column("more", table.column(0)),
        "type": table.set_column(8, "item_count", pa.array(["a"] * len(ROWS))),
        "null": table.set_column(0, "item_id", pa.nulls(len(ROWS), pa.string())),
    }
    with pytest.raises((ValueError, OSError)), open_part(place / "p.parquet", SCHEMA) as part:
        part.write(wrong[slip])


def test_open_part__never_replaces_a_file_nor_follows_a_link(place: Path) -> None:
    (place / "taken").write_bytes(b"mine")
    (place / "link").symlink_to(place / "elsewhere")
    for name in ("taken", "link"):
        with pytest.raises(OutputUnwritable, match="cannot create"):
            open_part(place / name, SCHEMA)
    assert (place / "taken").read_bytes() == b"mine"
    assert not (place / "elsewhere").exists()


@pytest.mark.parametrize("rows", [4, 400_000])
def test_open_part__full_disk_is_told_and_the_writer_given_up(
    place: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    def full(descriptor: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "_write", full)
    table = rows_table(ROWS * (rows // 4))
    with (
        pytest.raises(OutputUnwritable, match="No space left") as refusal,
        open_part(place / "p.parquet", SCHEMA) as part,
    ):
        part.write(table)
    assert refusal.value.cure == "free some space, then run again"


def test_money_array__is_the_array_itself() -> None:
    milli = np.array([1, -1, 0, 10**18 - 1], np.int64)
    column = money_array(milli)
    assert column.type == MONEY
    assert column.buffers()[1].address == milli.ctypes.data
    assert column.to_pylist() == [Decimal(int(each)).scaleb(-3) for each in milli]


@pytest.mark.parametrize("kind", [np.bool_, np.uint8])
def test_money_array__null_where_not_valid(kind: type) -> None:
    milli = np.array([5, np.iinfo(np.int64).min, 7], np.int64)
    column = money_array(milli, np.array([1, 0, 1], kind))
    assert column.to_pylist() == [Decimal("0.005"), None, Decimal("0.007")]
    assert column.null_count == 1
    assert money_array(milli[:1], np.ones(1, kind)).null_count == 0


def test_money_array__strided_and_empty_arrays() -> None:
    milli = np.arange(6, dtype=np.int64)[::2]
    assert money_array(milli).to_pylist() == [Decimal("0.000"), Decimal("0.002"), Decimal("0.004")]
    assert len(money_array(np.empty(0, np.int64))) == 0


@pytest.mark.parametrize("large", [10**18, -(10**18), np.iinfo(np.int64).min])
def test_money_array__refuses_what_the_contract_cannot_hold(large: int) -> None:
    milli = np.array([0, large], np.int64)
    with pytest.raises(InputRefused, match="row 1"):
        money_array(milli)
    with pytest.raises(InputRefused):
        money_array(milli, np.array([False, True]))


def test_write_small_table__sorts_by_bytes_of_the_key(place: Path) -> None:
    table = pa.table(
        {
            "company": pa.array(["b", "a", None, "é", "Z", "a"]).dictionary_encode(),
            "number": pa.array([1, 2, 3, 4, 5, 1], pa.int32()),
            "amount": money_array(np.arange(6)),
        }
    )
    published = write_small_table(place / "t.parquet", table, ("company", "number"))
    found = pq.read_table(place / "t.parquet").to_pydict()
    assert found["company"] == ["Z", "a", "a", "b", "é", None]
    assert found["number"] == [5, 1, 2, 1, 4, 3]
    assert published.rows == 6


def test_write_small_table__sorts_by_amount_and_writes_no_rows(place: Path) -> None:
    table = pa.table({"amount": money_array(np.array([3, -1, 2]))})
    write_small_table(place / "t.parquet", table, ("amount",))
    assert pl.read_parquet(place / "t.parquet")["amount"].to_list() == [
        Decimal("-0.001"),
        Decimal("0.002"),
        Decimal("0.003"),
    ]
    assert write_small_table(place / "e.parquet", table.slice(0, 0), ("amount",)).rows == 0
    assert pl.read_parquet(place / "e.parquet").schema == {"amount": pl.Decimal(18, 3)}
