"""Writing tables as they come: Parquet or CSV, one file or many parts, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from encours_schemas import INPUT_TABLES

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

# Columns with few different values, or with many repetitions of each. A dictionary of any other
# column would be built in vain.
_DICTIONARY_COLUMNS: Final = frozenset(
    {
        "account_manager", "action", "approved_by", "company_code", "country", "credit_segment",
        "currency", "customer_id", "decided_by", "dispute_reason", "document_type", "effect",
        "financing", "from_currency", "hold_kind", "imputation", "insolvency_kind",
        "interest_regime", "kind", "layer", "month", "origin", "payment_terms", "policy",
        "risk_class", "rule", "scope", "sector", "segment", "tax_percent", "to_currency",
        "rate_date", "coverage_percent",
    }
)  # fmt: skip
# The customers of a row group may be 200,000; with the default of 1 MB the column would lose its
# dictionary half-way.
_DICTIONARY_BYTES: Final = 8 << 20


_PLAIN_PLACES: Final = 6


class _File(Protocol):
    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class _ParquetFile:
    """A Parquet file; every table written becomes one row group."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        # Without the Arrow schema a dictionary column reads back as the plain text that the
        # contract promises.
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression="snappy",  # what most engines write unless told otherwise
            use_dictionary=[name for name in schema.names if name in _DICTIONARY_COLUMNS],
            dictionary_pagesize_limit=_DICTIONARY_BYTES,
            # Least and greatest text of a row group say nothing here, and cost a tenth of the time.
            write_statistics=[field.name for field in schema if not _is_text(field.type)],
            store_schema=False,
            store_decimal_as_integer=True,
        )

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def close(self) -> None:
        self._writer.close()


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_dictionary(type_))


class _CsvFile:
    """A CSV file in the canonical dialect: comma, point, ISO dates, UTF-8, a header.

    Tables come as text (`text_table`). Only what needs quotation marks gets them.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = path.open("wb")
        self._file.write((",".join(schema.names) + "\n").encode("utf-8"))

    def write(self, table: pa.Table) -> None:
        if table.num_rows == 0:
            return
        columns = [_quoted(column.combine_chunks()) for column in table.columns]
        lines = pc.binary_join_element_wise(
            *columns, ",", null_handling="replace", null_replacement=""
        )
        self._file.write(_joined(pc.binary_join_element_wise(lines, "", "\n")))

    def close(self) -> None:
        self._file.close()


def _quoted(texts: pa.StringArray) -> pa.StringArray:
    """Give the texts with quotation marks round those that a reader would else take apart."""
    special = pc.match_substring_regex(texts, '[",\r\n]')
    if not pc.any(special).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(special, pc.binary_join_element_wise('"', doubled, '"', ""), texts)


def _joined(lines: pa.StringArray) -> memoryview:
    """Give the bytes of all lines, which lie one behind the other in an Arrow array."""
    offsets = np.frombuffer(lines.buffers()[1], dtype=np.int32)
    end = int(offsets[lines.offset + len(lines)])
    return memoryview(lines.buffers()[2])[int(offsets[lines.offset]) : end]


def text_table(table: pa.Table) -> pa.Table:
    """Give all columns as the text that a CSV file of the canonical dialect shows."""
    return pa.table({name: _as_text(table.column(name)) for name in table.column_names})


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # Arrow shows a decimal zero of more than six places as `0E-9`, which is no number of the
    # dialect. No value here has more places; the cast fails if one should.
    if pa.types.is_decimal(column.type) and column.type.scale > _PLAIN_PLACES:
        column = column.cast(pa.decimal128(column.type.precision, _PLAIN_PLACES))
    return column.cast(pa.string())


class TableSink:
    """One table on its way to disk.

    parts  a directory of numbered files of `file_rows` rows each, else one file
    """

    def __init__(
        self, ledger: Path, table: str, *, file_format: str, parts: bool, sizes: tuple[int, int]
    ) -> None:
        """Take the sizes as rows of a row group and row groups of a file."""
        self._ledger = ledger
        self._table = table
        self._format = file_format
        self._parts = parts
        self._group_rows, self._groups_per_file = sizes
        self._waiting: list[pa.Table] = []
        self._file: _File | None = None
        self._groups = 0
        self.rows = 0
        self.files = 0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is waiting, unless something failed."""
        if kind is None:
            self.finish()
        elif self._file is not None:
            self._file.close()

    def write(self, table: pa.Table) -> None:
        """Take rows; they are written as soon as they fill a row group."""
        self.rows += table.num_rows
        self._waiting.append(table)
        waiting = sum(part.num_rows for part in self._waiting)
        while waiting >= self._group_rows:
            joined = pa.concat_tables(self._waiting)
            self._write_group(joined.slice(0, self._group_rows))
            waiting -= self._group_rows
            self._waiting = [joined.slice(self._group_rows)] if waiting else []

    def finish(self) -> None:
        """Write the last rows; a table without any gets a file with its columns."""
        if self._waiting and self.rows:
            self._write_group(pa.concat_tables(self._waiting))
        self._waiting = []
        if self.files == 0:
            empty = INPUT_TABLES[self._table].arrow_schema().empty_table()
            self._write_group(empty if self._format == "parquet" else text_table(empty))
        self.end_file()

    def end_file(self) -> None:
        """Close the file under way, so that the next rows begin another."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_group(self, table: pa.Table) -> None:
        if self._file is None:
            self._file = self._next_file(table.schema)
            self._groups = 0
        self._file.write(table.unify_dictionaries().combine_chunks())
        self._groups += 1
        if self._parts and self._groups == self._groups_per_file:
            self.end_file()

    def _next_file(self, schema: pa.Schema) -> _File:
        suffix = self._format
        if self._parts:
            directory = self._ledger / self._table
            directory.mkdir(exist_ok=True)
            path = directory / f"part-{self.files:05d}.{suffix}"
        else:
            path = self._ledger / f"{self._table}.{suffix}"
        self.files += 1
        return _ParquetFile(path, schema) if suffix == "parquet" else _CsvFile(path, schema)
