"""Writes a random ledger as some ERP might: CSV or Parquet, one file or many, any column order."""

import csv
import gzip
import io
import itertools
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.naive.contract import INPUT_TABLES, Column
from tests.property.ledgers import Row

NATIVE: dict[str, type] = {
    "money": Decimal,
    "days": int,
    "rate": Decimal,
    "percent": Decimal,
    "date": date,
    "bool": bool,
}
CSV_ENDINGS = (".csv", ".csv", ".csv.gz", ".csv.zst")

PARTITION_COLUMN = "company_code"
MOST_PARTITIONED_ROWS = 20

Placement = dict[tuple[str, int], tuple[str, int]]
"""From a table and the place of a row in its list to the file and the number of its data row."""


class LedgerWriter:
    """Writes tables into a directory; every choice comes from the random numbers given."""

    def __init__(
        self,
        directory: Path,
        random: Random,
        dialects: Mapping[str, Mapping[str, str]],
        *,
        only_format: str | None = None,
    ) -> None:
        """Write below `directory`.

        dialects     per table what its CSV files do otherwise: the configuration's `input.tables`
        only_format  "csv" or "parquet", where that can hold the rows
        """
        self.dialects = dialects
        self.directory = directory
        self.random = random
        self.only_format = only_format
        self.placement: Placement = {}

    def write(self, tables: dict[str, list[Row]]) -> Placement:
        """Write all tables, rows in their order, and say where each row went."""
        self.directory.mkdir(parents=True)
        for name, rows in tables.items():
            self.dialect = self.dialects.get(name, {})
            columns = self._columns(name, rows)
            if self._is_partitioned(name, rows):
                self._write_partitions(name, columns, rows)
                continue
            cuts = sorted(self.random.randint(0, len(rows)) for _ in range(self._file_count() - 1))
            pieces = list(itertools.pairwise([0, *cuts, len(rows)]))
            for number, (start, end) in enumerate(pieces):
                stem = name if len(pieces) == 1 else f"{name}/part-{number:03}"
                self._write_piece(name, stem, columns, rows, start, end)
        return self.placement

    def _write_piece(
        self, name: str, stem: str, columns: list[Column], rows: list[Row], start: int, end: int
    ) -> None:
        """Write the rows from `start` to before `end` as one file, and note their places."""
        relative = self._write_file(stem, columns, rows[start:end])
        for row in range(start, end):
            self.placement[name, row] = (relative, row - start + 1)

    def _is_partitioned(self, name: str, rows: list[Row]) -> bool:
        """Choose now and then to let the company code stand in the path, where it can."""
        codes = {row.get(PARTITION_COLUMN) for row in rows}
        few = 0 < len(rows) <= MOST_PARTITIONED_ROWS
        can = name == "open_items" and few and None not in codes
        return can and self.random.random() < 0.3

    def _write_partitions(self, name: str, columns: list[Column], rows: list[Row]) -> None:
        """Write one file per run of rows of one company code: `load=000/company_code=C1/…`."""
        inside = [column for column in columns if column.name != PARTITION_COLUMN]
        start = 0
        for number, (code, run) in enumerate(
            itertools.groupby(rows, key=lambda row: row[PARTITION_COLUMN])
        ):
            end = start + len(list(run))
            stem = f"{name}/load={number:03}/{PARTITION_COLUMN}={code}/part"
            self._write_piece(name, stem, inside, rows, start, end)
            start = end

    def _file_count(self) -> int:
        return self.random.choice((1, 1, 2, 3, 5))

    def _columns(self, name: str, rows: Sequence[Row]) -> list[Column]:
        """Choose the columns that occur, and some that stand empty, in any order."""
        columns = [
            column
            for column in INPUT_TABLES[name]
            if column.required
            or any(row.get(column.name) is not None for row in rows)
            or self.random.random() < 0.3
        ]
        known = {column.name for column in INPUT_TABLES[name]} | {"_rejected"}
        extra = {column for row in rows for column in row if column not in known}
        columns += [Column(column, "text") for column in sorted(extra)]
        self.random.shuffle(columns)
        return columns

    def _write_file(self, stem: str, columns: list[Column], rows: list[Row]) -> str:
        """Write one file; Parquet where every cell has its native type."""
        wants_parquet = self.only_format == "parquet" or (
            self.only_format is None and self.random.random() < 0.6
        )
        if wants_parquet and all(_is_native(row, columns) for row in rows):
            return self._write_parquet(stem + ".parquet", columns, rows)
        return self._write_csv(stem + self.random.choice(CSV_ENDINGS), columns, rows)

    def _path(self, relative: str) -> Path:
        path = self.directory / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _write_parquet(self, relative: str, columns: list[Column], rows: list[Row]) -> str:
        arrays = {column.name: self._array(column, rows) for column in columns}
        pq.write_table(
            pa.table(arrays),
            self._path(relative),
            row_group_size=self.random.choice((1, 3, 10, 1000)),
            compression=self.random.choice(("none", "snappy", "zstd")),
            use_dictionary=self.random.random() < 0.5,
        )
        return relative

    def _array(self, column: Column, rows: list[Row]) -> pa.Array:
        """Give a column; a date may also stand there as a timestamp at midnight."""
        values = [row.get(column.name) for row in rows]
        if column.kind == "date":
            days = pa.array(values, pa.date32())
            return days.cast(pa.timestamp("us")) if self.random.random() < 0.5 else days
        return pa.array(values, self._arrow_type(column, rows))

    def _arrow_type(self, column: Column, rows: list[Row]) -> pa.DataType:
        """Choose any type that the contract lets a column have and that holds the values."""
        values = [row[column.name] for row in rows if row.get(column.name) is not None]
        pick = self.random.choice
        if column.kind == "bool":
            return pa.bool_()
        if column.kind == "days":
            return pick((pa.int32(), pa.int64()))
        if column.kind in {"rate", "percent"}:
            return pa.decimal128(38, 18) if column.kind == "rate" else pa.decimal128(18, 9)
        if column.kind == "money":
            scale = max((-value.as_tuple().exponent for value in values), default=0)
            is_whole = all(value == int(value) for value in values)
            wide = pa.decimal128(38, max(scale, 3))
            narrow = pa.decimal128(18, 3)
            fits = scale <= 3 and all(abs(value) < 10**15 for value in values)
            return pick([wide, *[narrow] * fits, *[pa.int64()] * is_whole])
        return pick((pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())))

    def _write_csv(self, relative: str, columns: list[Column], rows: list[Row]) -> str:
        ending = self.random.choice(("\n", "\r\n"))
        separator = self.dialect.get("separator", ",")
        encoding = self.dialect.get("encoding", "utf-8")
        lines = [_csv_line([column.name for column in columns], separator, ending).encode(encoding)]
        for row in rows:
            fields = [self._text(row.get(column.name)) for column in columns]
            if row.get("_rejected") == "wrong_field_count":
                fields = [*fields, "one too many"] if self.random.random() < 0.5 else fields[:-1]
            line = _csv_line(fields, separator, ending).encode(encoding)
            if row.get("_rejected") == "not_text":
                line = b"\xff\x81" + line
            lines.append(line)
        contents = b"".join(lines)
        if relative.endswith(".gz"):
            contents = gzip.compress(contents)
        if relative.endswith(".zst"):
            contents = pa.Codec("zstd").compress(contents, asbytes=True)
        self._path(relative).write_bytes(contents)
        return relative

    def _text(self, value: Any) -> str:
        """Give a cell as the text of a field."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return self.random.choice(("true", "Y", "1") if value else ("false", "N", "0"))
        if isinstance(value, Decimal):
            return format(value, "f").replace(".", self.dialect.get("decimal_mark", "."))
        if isinstance(value, date):
            form = self.dialect.get("date_format", "%Y-%m-%d")
            return value.strftime(form)
        return str(value)


def _is_native(row: Row, columns: list[Column]) -> bool:
    """Say whether Parquet can hold a row with the columns' own types."""
    return "_rejected" not in row and all(
        row.get(column.name) is None or isinstance(row[column.name], NATIVE.get(column.kind, str))
        for column in columns
    )


def _csv_line(fields: list[str], separator: str, ending: str) -> str:
    """Give one record as RFC 4180 has it."""
    line = io.StringIO()
    csv.writer(line, delimiter=separator, lineterminator=ending).writerow(fields)
    return line.getvalue()
