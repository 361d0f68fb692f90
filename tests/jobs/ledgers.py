"""Tiny ledgers: rows as dictionaries with defaults, as CSV or Parquet, and nights on them."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import CliRunner, Result

from encours_jobs.cli import main
from encours_schemas import INPUT_TABLES
from encours_schemas.tables import Kind

AS_OF = "2026-10-31"
EVE = "2026-10-30"

Row = dict[str, str | None]

DEFAULTS: dict[str, Row] = {
    "open_items": {
        "company_code": "1000",
        "customer_id": "C1",
        "document_type": "invoice",
        "document_date": "2026-08-01",
        "due_date": "2026-09-30",
        "currency": "EUR",
        "amount": "100.00",
    },
    "allocations": {"value_date": "2026-10-01", "amount": "10.00"},
    "commitments": {
        "company_code": "1000",
        "customer_id": "C1",
        "kind": "order",
        "currency": "EUR",
        "amount": "50.00",
    },
    "customers": {"country": "FR"},
    "companies": {"country": "FR"},
    "credit_limits": {
        "party_id": "C1",
        "kind": "internal",
        "amount": "1000.00",
        "currency": "EUR",
        "valid_from": "2026-01-01",
    },
    "fx_rates": {"to_currency": "EUR", "rate_date": "2026-10-30"},
    "ledger_balances": {"company_code": "1000", "currency": "EUR"},
    "sales": {"company_code": "1000", "month": "2026-10-01", "currency": "EUR"},
}
"""What a row says where a test does not: an invoice of company 1000 to C1, late since September."""


def row(table: str, **values: str | None) -> Row:
    """Give a row of a table: the defaults, and what the test says; None is an empty field."""
    return {**DEFAULTS.get(table, {}), **values}


def item(item_id: str | None, **values: str | None) -> Row:
    """Give an open item."""
    return row("open_items", item_id=item_id, **values)


def items(count: int, first: int = 1) -> list[Row]:
    """Give so many open items, I1, I2 …, each of another amount."""
    numbers = range(first, first + count)
    return [item(f"I{number}", amount=f"{100 + number}.00") for number in numbers]


def allocation(item_id: str | None, **values: str | None) -> Row:
    """Give an allocation."""
    return row("allocations", item_id=item_id, **values)


def columns_of(table: str, rows: list[Row]) -> list[str]:
    """Name the columns that rows have: the contract's in its order, then others."""
    there = list(dict.fromkeys(name for one in rows for name in one))
    known = [name for name in INPUT_TABLES[table].names if name in there]
    return known + [name for name in there if name not in known]


def csv_text(table: str, rows: list[Row], separator: str = ",") -> str:
    """Give rows as the text of a CSV file."""
    names = columns_of(table, rows) or list(INPUT_TABLES[table].names)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([one.get(name) for name in names] for one in rows)
    return text.getvalue()


_PYTHON_VALUES: dict[Kind, Callable[[str], object]] = {
    Kind.DATE: date.fromisoformat,
    Kind.TEXT: str,
    Kind.BOOL: lambda text: text == "true",
}


def arrow_table(table: str, rows: list[Row], **types: pa.DataType) -> pa.Table:
    """Give rows as an Arrow table of the contract's types; unknown columns are text.

    types  of columns that are to have another type than the contract's
    """
    contract = INPUT_TABLES[table]
    names = columns_of(table, rows) or list(contract.names)
    arrays = {}
    for name in names:
        kind = contract.column(name).kind if name in contract.names else Kind.TEXT
        convert: Callable[[str], object] = _PYTHON_VALUES.get(kind, Decimal)
        values = [one.get(name) for one in rows]
        array = pa.array(
            [None if value is None else convert(value) for value in values], kind.arrow_type()
        )
        arrays[name] = array.cast(types[name]) if name in types else array
    return pa.table(arrays)


@dataclass(frozen=True)
class Ledger:
    """A ledger directory in the making."""

    directory: Path

    def text(self, file: str, content: str | bytes) -> Path:
        """Write a file as it is, compressed as its name says."""
        path = self.directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
        if compression is None:
            path.write_bytes(data)
        else:
            with pa.CompressedOutputStream(str(path), compression) as stream:
                stream.write(data)
        return path

    def csv(self, table: str, *rows: Row, file: str = "") -> Path:
        """Write rows as CSV, as `<table>.csv` unless a file is named."""
        return self.text(file or f"{table}.csv", csv_text(table, list(rows)))

    def arrow(self, content: pa.Table, file: str, **options: Any) -> Path:
        """Write an Arrow table as Parquet."""
        path = self.directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(content, path, **options)
        return path

    def parquet(self, table: str, *rows: Row, file: str = "", **types: pa.DataType) -> Path:
        """Write rows as Parquet, as `<table>.parquet` unless a file is named."""
        content = arrow_table(table, list(rows), **types)
        return self.arrow(content, file or f"{table}.parquet", write_page_checksum=True)

    def has(self, table: str) -> bool:
        """Tell whether something is there under the name of a table."""
        return any(path.name.split(".")[0] == table for path in self.directory.glob("*"))

    def complete(self) -> None:
        """Add what a run needs and the test did not write: customer C1, company 1000, item I1."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for table, key, value in (
            ("customers", "customer_id", "C1"),
            ("companies", "company_code", "1000"),
            ("open_items", "item_id", "I1"),
        ):
            if not self.has(table):
                self.csv(table, row(table, **{key: value}))


@dataclass(frozen=True)
class Night:
    """A ledger, an output, and the commands of the job on them, in process."""

    root: Path

    @property
    def ledger(self) -> Ledger:
        """Give the ledger."""
        return Ledger(self.root / "ledger")

    @property
    def out(self) -> Path:
        """Give the output."""
        return self.root / "out"

    def published(self, as_of: str = AS_OF) -> Path:
        """Give the directory of a published run."""
        return self.out / f"as_of={as_of}"

    def configure(self, text: str) -> tuple[str, str]:
        """Write a configuration; give the option that names it."""
        path = self.root / "encours.toml"
        path.write_text(text, encoding="utf-8")
        return "--config", str(path)

    def call(self, command: str, *arguments: str, as_of: str = AS_OF) -> Result:
        """Call a command on the ledger as it stands."""
        places = ("--ledger", str(self.ledger.directory), "--out", str(self.out))
        return CliRunner().invoke(main, [command, *places, "--as-of", as_of, *arguments])

    def run(self, *arguments: str, as_of: str = AS_OF) -> Result:
        """Run the job; whatever the test did not write of the ledger is made up."""
        self.ledger.complete()
        return self.call("run", *arguments, as_of=as_of)

    def publish(self, *arguments: str, as_of: str = AS_OF) -> Result:
        """Run the job and see it publish."""
        result = self.run(*arguments, as_of=as_of)
        assert result.exit_code == 0, result.stderr
        assert (self.published(as_of) / "manifest.json").is_file()
        return result

    def refused(self, status: int, *arguments: str, as_of: str = AS_OF) -> str:
        """Run the job, see it refuse with a status and change nothing; give its last log line.

        With `--revise`, so that a run of the same date would be replaced, did it not refuse.
        """
        self.ledger.complete()
        return self.call_refused(status, "run", "--revise", *arguments, as_of=as_of)

    def call_refused(self, status: int, *call: str, as_of: str = AS_OF) -> str:
        """Call a command, see it refuse and change nothing; give its last log line."""
        before = snapshot(self.out)
        result = self.call(*call, as_of=as_of)
        assert result.exit_code == status, result.stderr or result.stdout
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        assert snapshot(self.out) == before
        assert left_in_staging(self.out) == []
        return result.stderr.splitlines()[-1]

    def manifest(self, as_of: str = AS_OF) -> dict[str, Any]:
        """Give the manifest of a published run."""
        text = (self.published(as_of) / "manifest.json").read_text(encoding="utf-8")
        manifest: dict[str, Any] = json.loads(text)
        return manifest

    def warnings(self, as_of: str = AS_OF) -> dict[str, str]:
        """Give the warnings of a published run, code and message."""
        return {one["code"]: one["message"] for one in self.manifest(as_of)["warnings"]}

    def table(self, name: str, as_of: str = AS_OF) -> pa.Table:
        """Give a published table."""
        return parquet_files(self.published(as_of) / name)

    def rows(self, name: str, *columns: str, as_of: str = AS_OF) -> list[Any]:
        """Give the rows of a published table: dictionaries, tuples of columns, or one column."""
        return plain_rows(self.table(name, as_of), columns)

    def rejected(self) -> list[dict[str, Any]]:
        """Give the quarantine of the one run that was refused."""
        (folder,) = (self.out / ".encours" / "rejected").iterdir()
        return plain_rows(parquet_files(folder / "quarantine"), ())


def parquet_files(folder: Path) -> pa.Table:
    """Give the rows of all Parquet files of a folder, by file name."""
    return pa.concat_tables([pq.ParquetFile(path).read() for path in sorted(folder.iterdir())])


def plain_rows(table: pa.Table, columns: tuple[str, ...]) -> list[Any]:
    """Give rows as dictionaries, or as tuples of some columns, or as values of one."""
    rows = table.to_pylist()
    if not columns:
        return rows
    if len(columns) == 1:
        return [one[columns[0]] for one in rows]
    return [tuple(one[name] for name in columns) for one in rows]


def snapshot(out: Path) -> dict[str, tuple[int, int, bytes]]:
    """Give every file of the published runs: its inode, the time of its last change, its bytes."""
    found = {}
    for directory in sorted(out.glob("as_of=*")) if out.is_dir() else []:
        for path in sorted(directory.rglob("*")):
            status = path.stat()
            data = path.read_bytes() if path.is_file() else b""
            found[str(path.relative_to(out))] = (status.st_ino, status.st_mtime_ns, data)
    return found


def left_in_staging(out: Path) -> list[str]:
    """Name what a run left in the staging."""
    folder = out / ".encours" / "staging"
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def copied(source: Night, root: Path) -> Night:
    """Give a night of its own with the output of another."""
    shutil.copytree(source.out, root / "out")
    return Night(root)
