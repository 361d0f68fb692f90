"""Small ledgers on disk, one file at a time, for the tests of the reading layer."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from encours.ledger.sources import Ledger, TableSource, open_ledger
from encours_schemas.configuration import Configuration

ITEM_HEADER = "item_id,company_code,customer_id,document_type,document_date,currency,amount"
CUSTOMER_HEADER = "customer_id,country"


def item_line(number: int, **changes: str) -> str:
    """Give the CSV line of one plain invoice."""
    values = {
        "item_id": f"I{number}",
        "company_code": "1000",
        "customer_id": "C1",
        "document_type": "invoice",
        "document_date": "2026-01-31",
        "currency": "EUR",
        "amount": f"{number}.50",
        **changes,
    }
    return ",".join(values.values())


def items_csv(*lines: str) -> str:
    return "\n".join([ITEM_HEADER, *lines, ""])


def items_table(count: int, first: int = 0, **columns: Any) -> pa.Table:
    """Give open items in the contract's own types; a column may be replaced, or dropped by None."""
    numbers = range(first, first + count)
    values = {
        "item_id": pa.array([f"I{i}" for i in numbers], pa.string()),
        "company_code": pa.array(["1000"] * count, pa.string()),
        "customer_id": pa.array([f"C{i % 7}" for i in numbers], pa.string()),
        "document_type": pa.array(["invoice"] * count, pa.string()),
        "document_date": pa.array([20_000 + i % 50 for i in numbers], pa.int32()).cast(pa.date32()),
        "currency": pa.array(["EUR"] * count, pa.string()),
        "amount": pa.array([100 * i for i in numbers]).cast(pa.decimal128(22, 3)),
        **columns,
    }
    return pa.table({name: value for name, value in values.items() if value is not None})


@dataclass
class LedgerFolder:
    """A ledger directory in the making; required tables that a test does not write are valid."""

    root: Path
    configuration: Configuration = field(default_factory=Configuration)

    @property
    def path(self) -> Path:
        return self.root / "ledger"

    def write(self, name: str, content: str | bytes | pa.Table, **options: Any) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pa.Table):
            pq.write_table(content, path, **options)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def complete(self) -> None:
        """Add what is required and not there."""
        there = {path.name.split(".")[0] for path in self.path.glob("*")}
        if "customers" not in there:
            self.write("customers.csv", f"{CUSTOMER_HEADER}\nC1,FR\n")
        if "open_items" not in there:
            self.write("open_items.csv", items_csv(item_line(1)))

    def open(self, unit_rows: int = 1_000, threads: int = 2) -> Ledger:
        self.complete()
        return open_ledger(
            self.path, self.configuration, self.root / "staging", threads, unit_rows=unit_rows
        )

    def configure(self, table: str, **dialect: Any) -> None:
        self.configuration = Configuration.model_validate({"input": {"tables": {table: dialect}}})


def rows_of(source: TableSource, *columns: str) -> list[dict[str, Any]]:
    """Give all rows of a table, unit by unit, as dictionaries."""
    wanted = columns or source.columns
    return [row for unit in source.units for row in source.read(unit, wanted).to_pylist()]
