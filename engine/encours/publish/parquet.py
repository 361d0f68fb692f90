"""Published Parquet: the same rows give the same bytes, read alike by every reader we know.

What is written and why (measured per item of the `items` table, 32 columns, one core):

- Numbers (money, rates, dates, counts) as DELTA_BINARY_PACKED, texts plain, all pages under
  Snappy: 46 bytes. With zstd level 1 it would be 34 to 39 bytes and a sixth to a half more time. A
  byte costs 1 ns to hash and write: time decides. BYTE_STREAM_SPLIT is as fast and 15 % smaller,
  but not every reader knows it for integers; nor does every one know DELTA_LENGTH_BYTE_ARRAY,
  which would take 8 ns less per text (Spark's vectorized reader until 3.4, Iceberg's).
- Pages come from kernels of our own (`parquet_encoder`): 0.35 µs, 0.6 µs by Arrow's writer.
  Arrow's writer takes over where a column is of a type that they do not know. Both make the same
  bytes of the same rows; but a column that comes `Later` stands last in ours.
- Decimals of up to 18 digits as INT64. `MONEY` is Arrow's 64-bit decimal, whose buffer is the array
  of thousandths itself, so nothing is copied; Parquet knows one DECIMAL(18, 3) alone, and readers
  give decimal128(18, 3).
- Dictionary pages only where the schema says dictionary. The Arrow schema is not stored, so that
  such columns are plain text to readers.
- Columns that are never null carry no definition levels: the contract says which.
- No statistics of dictionary columns and of money: over unsorted codes and amounts they prune
  nothing.
- Data pages version 1 of 65,536 rows with a checksum each; no timestamps, no random ids, no host
  names.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from encours.ledger.table_spill import TableSpill
from encours.publish.files import NewFile, PublishedFile

ROW_GROUP_ROWS: Final = 262_144
PAGE_ROWS: Final = 65_536
"""Rows of a data page: a column's share fits a processor's cache."""
PART_SUFFIX: Final = ".parquet"

_SINK_BUFFER_BYTES: Final = 4 << 20
# Pages end after so many rows and for no other reason: neither data nor dictionary is too large.
_NO_LIMIT_BYTES: Final = (1 << 31) - 1

PART_WRITE_OPTIONS: Final[dict[str, Any]] = {
    "version": "2.6",
    "compression": "SNAPPY",
    "data_page_version": "1.0",
    "store_schema": False,
    "store_decimal_as_integer": True,
    "write_page_checksum": True,
    "dictionary_pagesize_limit": _NO_LIMIT_BYTES,
    "data_page_size": _NO_LIMIT_BYTES,
    "max_rows_per_page": PAGE_ROWS,
    "write_batch_size": PAGE_ROWS,
}


# -- parts -----------------------------------------------------------------------------------------


def part_name(number: int) -> str:
    """Give the file name of a table's part: `part-00000.parquet`."""
    return f"part-{number:05d}{PART_SUFFIX}"


class Later(NamedTuple):
    """A column whose values are known once all rows of its file are written.

    waiting  where rows are kept that cannot be written before; may be shared by the parts of a
             table
    part     number of the part
    """

    name: str
    waiting: TableSpill
    part: int


def open_part(path: Path, schema: pa.Schema, later: Later | None = None) -> "PartWriter":
    """Open a new Parquet file for tables of this schema: the contract's, or with dictionaries.

    later  the column of the schema that the tables lack
    """
    return PartWriter(path, schema, later)


class PartWriter:
    """One Parquet file in the making; any thread may write it, one at a time.

    Left by an exception or by `abort` the file stays, unreadable, for the staging to be deleted.
    """

    def __init__(self, path: Path, schema: pa.Schema, later: Later | None = None) -> None:
        """Create the file; `OutputUnwritable` when the name is taken."""
        self.rows = 0
        self._later = later
        whole = stored_schema(schema)
        self._schema = pa.schema([each for each in whole if not later or each.name != later.name])
        self._file = NewFile(path)
        self._writer: _Writer | None = _writer_of(self._file, whole, later)

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append row groups of at most `ROW_GROUP_ROWS`; nothing for no rows.

        Decimals may come as 128 bit, dictionary fields as plain text and the other way round; names
        must be the schema's, in any order.
        """
        writer = self._opened()
        if data.num_rows:
            table = conformed(data, self._schema)
            for start in range(0, table.num_rows, ROW_GROUP_ROWS):
                # One batch, but where texts of more than 2 GiB cannot be one array.
                for batch in table.slice(start, ROW_GROUP_ROWS).to_batches():
                    writer.write_group(pa.Table.from_batches([batch]))
            self.rows += data.num_rows

    def pause(self) -> None:
        """Hold no open file until the column that comes later is there."""
        self._opened()
        self._file.pause()

    @property
    def path(self) -> Path:
        """Give the path of the file."""
        return self._file.path

    def write_later(self, values: pa.Array) -> None:
        """Append the column that comes later, a value for every row, after a pause."""
        writer = self._opened()
        if self._later is None:
            message = f"{self._file.path} waits for no column"
            raise ValueError(message)
        if len(values) != self.rows:
            message = f"{self._file.path} waits for {self.rows} values, {len(values)} came"
            raise ValueError(message)
        self._file.resume()
        writer.write_column(self._later.name, values)
        self._later = None

    def close(self) -> PublishedFile:
        """Finish the file and give its entry of the manifest."""
        writer = self._opened()
        if self._later is not None:
            message = f"{self._file.path} waits for a column: {self._later.name}"
            raise ValueError(message)
        self._writer = None
        try:
            writer.close()
        finally:
            self._file.close()
        return self._file.published(self.rows)

    def abort(self) -> None:
        """Give up: close what is open and leave an unfinished file behind."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._file.discard()
            writer.abort()
            self._file.close()

    def _opened(self) -> "_Writer":
        if self._writer is None:
            message = f"{self._file.path} is closed"
            raise ValueError(message)
        return self._writer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.abort()
        elif self._writer is not None:
            self.close()


class _Writer(Protocol):
    """What makes Parquet of row groups."""

    def write_group(self, table: pa.Table) -> None: ...
    def write_column(self, name: str, values: pa.Array) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


def _writer_of(file: NewFile, schema: pa.Schema, later: Later | None) -> _Writer:
    """Give our own encoder, or Arrow's writer where the schema has a type that ours lacks."""
    from encours.publish.parquet_encoder import ParquetEncoder, can_encode  # kernels load slowly

    if not can_encode(schema):
        return _ArrowWriter(file, schema, later)
    return ParquetEncoder(file.write, schema, frozenset(write_options(schema)["write_statistics"]))


class _ArrowWriter:
    """Arrow's own writer of a file, for columns of any type.

    It takes whole rows only: they wait on disk for a column that comes later.
    """

    def __init__(self, file: NewFile, schema: pa.Schema, later: Later | None) -> None:
        # Arrow writes page by page; through a buffer it asks for the interpreter every 4 MiB only.
        self._sink = pa.BufferedOutputStream(pa.PythonFile(file, "w"), _SINK_BUFFER_BYTES)
        self._options = write_options(schema)
        self._schema = schema
        self._writer: pq.ParquetWriter | None = None
        self._later = later
        self._waiting_count = 0

    def write_group(self, table: pa.Table) -> None:
        """Append rows as a row group."""
        if self._later is not None:
            self._later.waiting.append(0, self._place(self._later, self._waiting_count), table)
            self._waiting_count += 1
            return
        self._opened().write_table(table, row_group_size=ROW_GROUP_ROWS)

    def write_column(self, name: str, values: pa.Array) -> None:
        """Append all rows that wait, with the column that they lack."""
        later, self._later = self._later, None
        if later is None:
            return
        start = 0
        for number in range(self._waiting_count):
            table = later.waiting.read(self._place(later, number))
            table = table.append_column(name, values.slice(start, table.num_rows))
            self.write_group(table.select(self._schema.names).cast(self._schema))
            start += table.num_rows

    def close(self) -> None:
        """Append the footer."""
        self._opened().close()
        self._sink.close()

    def abort(self) -> None:
        """Let go: Arrow writes the footer anyway, and raises again what made us give up."""
        with contextlib.suppress(pa.ArrowException, OSError):
            self.close()
        with contextlib.suppress(pa.ArrowException, OSError):
            self._sink.close()

    @staticmethod
    def _place(later: Later, number: int) -> int:
        """Give where a row group of the part waits."""
        return (later.part << 32) + number

    def _opened(self) -> pq.ParquetWriter:
        """Give Arrow's writer, which writes the head of the file as soon as it is made."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._sink, self._schema, **self._options)
        return self._writer


def write_small_table(path: Path, table: pa.Table, sort_key: Sequence[str] = ()) -> PublishedFile:
    """Write a table into one file, sorted by its key, text by its bytes; even without rows."""
    order = sorted_order(table, sort_key)
    with PartWriter(path, table.schema) as part:
        for start in range(0, table.num_rows, ROW_GROUP_ROWS):
            chosen = table.slice(start, ROW_GROUP_ROWS)
            part.write(chosen if order is None else table.take(order.slice(start, ROW_GROUP_ROWS)))
        return part.close()


def sorted_order(table: pa.Table, sort_key: Sequence[str]) -> pa.Array | None:
    """Give the rows in ascending order of the key's columns; None: as they are."""
    if not sort_key or table.num_rows < 2:
        return None
    keys = pa.table({name: _sortable(table.column(name)) for name in sort_key})
    return pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in sort_key])


def _sortable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if pa.types.is_decimal64(column.type):
        return column.cast(pa.decimal128(column.type.precision, column.type.scale))
    return column


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """Give the schema as it is handed to Arrow's writer: decimals of 64 bits where they fit."""
    return pa.schema([pa.field(each.name, _stored(each.type), each.nullable) for each in schema])


def _stored(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind) and kind.precision <= 18:
        return pa.decimal64(kind.precision, kind.scale)
    if pa.types.is_dictionary(kind):
        return pa.dictionary(pa.int32(), pa.string())
    return pa.string() if pa.types.is_large_string(kind) else kind


def write_options(schema: pa.Schema) -> dict[str, Any]:
    """Give the options of Arrow's writer for a stored schema."""
    dictionaries = [each.name for each in schema if pa.types.is_dictionary(each.type)]
    numbers = [each.name for each in schema if _is_number(each.type)]
    money = [each.name for each in schema if pa.types.is_decimal64(each.type)]
    unsorted = {*dictionaries, *money}
    return PART_WRITE_OPTIONS | {
        "use_dictionary": dictionaries,
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
        "write_statistics": [each.name for each in schema if each.name not in unsorted],
    }


def _is_number(kind: pa.DataType) -> bool:
    return kind in {pa.date32(), pa.int32(), pa.int64()} or bool(pa.types.is_decimal64(kind))


def conformed(data: pa.RecordBatch | pa.Table, schema: pa.Schema) -> pa.Table:
    """Give the columns in the order and types of a stored schema; ArrowInvalid if impossible."""
    if set(data.schema.names) != set(schema.names) or data.num_columns != len(schema):
        message = f"columns {data.schema.names} are not those of the schema, {schema.names}"
        raise ValueError(message)
    columns = [_as_stored(data.column(each.name), each.type) for each in schema]
    table = pa.Table.from_arrays(columns, schema=schema)
    if any(column.num_chunks > 1 for column in columns):
        # Pages end where chunks end: the bytes must not tell how the rows were handed over.
        table = table.unify_dictionaries().combine_chunks()
    return table


def _as_stored(column: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if pa.types.is_dictionary(kind):
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        typed = column if column.type == kind else column.cast(kind)
        return pa.chunked_array([_compacted(each) for each in typed.chunks], kind)
    return column if column.type == kind else column.cast(kind)


def _compacted(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Keep only the dictionary entries in use when there are more of them than rows.

    Parquet would store them all, in every row group: a run's list of customers, for a few rows.
    """
    if len(column.dictionary) <= max(len(column), 1):
        return column
    indices = column.indices
    codes = indices.fill_null(0).to_numpy(zero_copy_only=False)
    used = np.zeros(len(column.dictionary), np.bool_)
    used[codes] = True
    new_code = np.cumsum(used, dtype=np.int32) - np.int32(1)
    mask = indices.is_null().to_numpy(zero_copy_only=False) if indices.null_count else None
    kept = column.dictionary.take(pa.array(np.flatnonzero(used)))
    return pa.DictionaryArray.from_arrays(pa.array(new_code[codes], pa.int32(), mask=mask), kept)
