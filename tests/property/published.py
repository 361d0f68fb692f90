"""Runs the engine on a random ledger and reads back what it published; tells the differences."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq

import encours
from encours_schemas.configuration import Configuration
from tests.naive.engine import Published
from tests.property.files import LedgerWriter, Placement
from tests.property.ledgers import Case, Row

KEYS = {
    "items": ("item_id",),
    "credit_accounts": ("credit_segment", "credit_account_id"),
    "groups": ("group_id",),
    "breaches": ("breach_id",),
    "order_decisions": ("commitment_id",),
    "ageing": ("company_code", "customer_id", "currency", "bucket_position"),
    "interest_periods": ("item_id",),
    "interest_statement": ("item_id",),
    "quarantine": ("table", "file", "row_number"),
    "tie_out": ("company_code", "currency", "customer_id"),
}
ZERO = "0.000"
IN_ORDER_OF_INPUT = ("items", "interest_periods", "interest_statement")


@dataclass
class EngineRun:
    """What the engine published for a ledger, and where each input row stood."""

    directory: Path
    manifest: dict[str, Any]
    placement: Placement

    def table(self, name: str) -> list[Row]:
        """Read a published table, its files in order."""
        return read_table(self.directory, name)


def read_table(directory: Path, name: str) -> list[Row]:
    """Read a published table, its files in order; none at all is no rows."""
    rows: list[Row] = []
    for part in sorted((directory / name).glob("*.parquet")):
        rows += pq.ParquetFile(part).read().to_pylist()
    return rows


def run_engine(
    case: Case, place: Path, shape: int = 0, *, only_format: str | None = None, **options: Any
) -> EngineRun:
    """Write a ledger in the files of a shape, and run the engine on it.

    shape    seed of how the rows are split into files
    options  threads, chunk_rows
    """
    ledger, out = place / "ledger", place / "out"
    dialects = case.configuration["input"].get("tables", {})
    writer = LedgerWriter(ledger, Random(shape), dialects, only_format=only_format)
    placement = writer.write(case.tables)
    configuration = Configuration.model_validate(case.configuration)
    result = encours.run(
        ledger, case.as_of, out, configuration, extract_date=case.extract_date, **options
    )
    return EngineRun(Path(result.directory), result.manifest, placement)


def differences(expected: Published, actual: EngineRun) -> list[str]:
    """Tell every cell, row and count that differs; the twin's word first."""
    found: list[str] = []
    for name, rows in expected.tables.items():
        told = rows
        if name == "quarantine":
            told = [_placed(row, actual.placement) for row in rows]
        found += compare_rows(name, told, actual.table(name))
    for name, counts in expected.rows.items():
        found += _compare(f"rows of {name}", counts, actual.manifest["rows"].get(name, {}))
    found += _compare("items", expected.item_counts, actual.manifest["items"])
    for currency, totals in expected.control_totals.items():
        told_totals = actual.manifest["control_totals"].get(currency, {})
        found += _compare(
            f"control totals of {currency}",
            {name: str(total) for name, total in totals.items()},
            {name: str(told_totals.get(name, ZERO)) for name in totals},
        )
    return found


def _placed(row: Row, placement: Placement) -> Row:
    """Name the file and row of a finding instead of its place in the list."""
    file, row_number = placement[row["table"], row["row"]]
    place = {"file": file, "row_number": row_number}
    return place | {name: value for name, value in row.items() if name != "row"}


def compare_rows(name: str, expected: list[Row], actual: list[Row]) -> list[str]:
    """Tell the differences of one table: its rows by key, then the order that they stand in."""
    key = KEYS[name]

    def keyed(rows: Iterable[Row]) -> dict[tuple[Any, ...], Row]:
        found: dict[tuple[Any, ...], Row] = {}
        repeated: Counter[tuple[Any, ...]] = Counter()
        for row in rows:
            one = tuple(row[column] for column in key)
            repeated[one] += 1
            # Stretches of an item may share their days: they are told apart by their order.
            found[(*one, repeated[one]) if name == "interest_periods" else one] = row
        return found

    ours, theirs = keyed(expected), keyed(actual)
    found = [f"{name} {one}: not published" for one in ours if one not in theirs]
    found += [f"{name} {one}: published, not expected" for one in theirs if one not in ours]
    if len(theirs) != len(actual):
        found.append(f"{name}: a key occurs twice")
    for one in ours.keys() & theirs.keys():
        found += _compare(f"{name} {one}", ours[one], theirs[one])
    wanted_order = list(ours) if name in IN_ORDER_OF_INPUT else sorted(ours, key=_sort_key)
    if not found and wanted_order != list(theirs):
        found.append(f"{name}: the rows stand in another order")
    return found


def _sort_key(key: tuple[Any, ...]) -> list[tuple[bool, Any]]:
    """Sort text by its bytes, nulls last."""
    return [(value is None, value.encode() if isinstance(value, str) else value) for value in key]


def _compare(where: str, expected: Row, actual: Row) -> list[str]:
    """Tell the cells that differ."""
    return [
        f"{where} {name}: expected {value}, published {actual.get(name, 'nothing')}"
        for name, value in expected.items()
        if name not in actual or actual[name] != value
    ]
