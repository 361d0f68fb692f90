"""Writes the expected tables of the golden ledger again, from the slow twin."""

import csv
import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tests.naive.contract import INPUT_TABLES
from tests.naive.engine import Published, compute_run

HERE = Path(__file__).parent
AS_OF = date(2026, 10, 31)
COUNTS = "counts"

Row = dict[str, Any]


def read_ledger() -> dict[str, list[Row]]:
    """Read the golden ledger as rows of text."""
    tables = {}
    for name in INPUT_TABLES:
        path = HERE / "ledger" / f"{name}.csv"
        if path.exists():
            tables[name] = _read_source(path)
    return tables


def _read_source(path: Path) -> list[Row]:
    """Read one input file; a line with too few or too many fields cannot become a row."""
    with path.open(encoding="utf-8", newline="") as lines:
        header, *records = csv.reader(lines)
    return [
        dict(zip(header, record, strict=True))
        if len(record) == len(header)
        else {"_rejected": "wrong_field_count"}
        for record in records
    ]


def read_configuration() -> dict[str, Any]:
    """Read the configuration of the golden run."""
    return tomllib.loads((HERE / "encours.toml").read_text("utf-8"))


def expected_run() -> Published:
    """Compute the golden run with the slow twin, findings named by file and row."""
    published = compute_run(read_ledger(), AS_OF, read_configuration())
    for row in published.tables["quarantine"]:
        row["file"], row["row_number"] = f"{row['table']}.csv", row.pop("row") + 1
    return published


def known_columns(rows: list[Row]) -> list[str]:
    """Name the columns that the slow twin tells for every row; some it tells where it can."""
    return [name for name in rows[0] if all(name in row for row in rows)]


def as_text(rows: list[Row], columns: Sequence[str] | None = None) -> list[dict[str, str]]:
    """Give rows, or some columns of them, as the text of CSV fields: a null is an empty field."""
    return [
        {
            name: "" if row[name] is None else str(row[name])
            for name in (row if columns is None else columns)
        }
        for row in rows
    ]


def count_rows(published: Published) -> list[Row]:
    """Give what the manifest counts and adds up as rows."""
    rows = [
        {"what": "items", "name": name, "value": n} for name, n in published.item_counts.items()
    ]
    for part, groups in (("rows", published.rows), ("totals", published.control_totals)):
        for group, values in groups.items():
            rows += [
                {"what": f"{part} {group}", "name": name, "value": value}
                for name, value in values.items()
            ]
    return rows


def renew() -> None:
    """Write every expected table."""
    published = expected_run()
    tables = {**published.tables, COUNTS: count_rows(published)}
    (HERE / "expected").mkdir(exist_ok=True)
    for name, rows in tables.items():
        if not rows:
            continue
        with (HERE / "expected" / f"{name}.csv").open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, known_columns(rows), lineterminator="\n")
            writer.writeheader()
            writer.writerows(as_text(rows, known_columns(rows)))


if __name__ == "__main__":
    renew()
