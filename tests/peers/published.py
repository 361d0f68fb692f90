"""Running extracts through the engine, many at once, and what was published of each.

Extracts of one day and one configuration share a run: each is a company code group of its own, so
that no figure of one meets a figure of another. Ids carry the extract's key in front.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

import encours
from encours_schemas.configuration import load_configuration
from tests.peers.extract import Extract

Cells = dict[str, Any]

ID_COLUMNS: Final = (
    "item_id",
    "company_code",
    "customer_id",
    "credit_account_id",
    "parent_id",
    "group_id",
    "commitment_id",
    "order_id",
    "allocation_id",
    "clearing_id",
)
READ_TABLES: Final = (
    "items",
    "credit_accounts",
    "ageing",
    "interest_periods",
    "quarantine",
    "tie_out",
)
# Tables that hold for the whole ledger: extracts that differ in them cannot share a run.
COMMON_TABLES: Final = ("fx_rates", "reference_rates")


@dataclass
class Slice:
    """What was published of one extract, ids as in the case.

    items  by item id; the other tables are lists of rows
    """

    tables: dict[str, list[Cells]]
    manifest: Mapping[str, Any]
    extract: Extract

    @property
    def items(self) -> dict[str, Cells]:
        return {row["item_id"]: row for row in self.tables["items"]}

    @property
    def open_items(self) -> dict[str, Cells]:
        return {key: row for key, row in self.items.items() if row["open_amount"] != 0}

    def rejection(self, item_id: str) -> str:
        """Why an item stands in the quarantine; empty when it does not."""
        for row in self.tables["quarantine"]:
            if row["table"] == "open_items" and row["item_id"] == item_id and not row["kept"]:
                return f"quarantined: {row['reason']} ({row['column']})"
        return ""


@dataclass
class Runs:
    """Runs extracts when they are first asked for, with all those that can share the run."""

    directory: Path
    waiting: dict[str, Extract] = field(default_factory=dict)
    done: dict[str, Slice] = field(default_factory=dict)
    outputs: dict[str, Path] = field(default_factory=dict)
    run_count: int = 0

    def expect(self, key: str, extract: Extract) -> None:
        """Take note of an extract; it runs when it, or one that can share its run, is wanted."""
        self.waiting[key] = extract

    def published(self, key: str) -> Slice:
        """Give what the engine published of an extract."""
        if key not in self.done:
            wanted = self.waiting[key]
            together = {
                other: extract
                for other, extract in self.waiting.items()
                if other == key or _share(wanted, extract)
            }
            try:
                self._run(together)
            except Exception:
                # One extract must not hide the others' figures; the wanted one may fail alone.
                if len(together) == 1:
                    raise
                self._run({key: wanted})
        return self.done[key]

    def _run(self, together: dict[str, Extract]) -> None:
        """Write one ledger of all these extracts, run it and take each one's part."""
        self.run_count += 1
        folder = self.directory / f"run{self.run_count:03d}"
        first_key, first = next(iter(together.items()))
        _write_ledger(folder / "ledger", together)
        configuration_file = folder / "encours.toml"
        configuration_file.write_text(_toml(first.configuration), encoding="utf-8")
        output = folder / "out"
        if first.follows:
            output = self.outputs[f"{first_key.rpartition('/')[0]}/{first.follows}"]
        result = encours.run(
            folder / "ledger",
            first.as_of,
            output,
            load_configuration(configuration_file, {}, {}).configuration,
            threads=1,
        )
        tables = {name: _read_table(result.directory / name) for name in READ_TABLES}
        for key, extract in together.items():
            self.outputs[key] = output
            self.done[key] = Slice(_slice(tables, key), result.manifest, extract)
            self.waiting.pop(key, None)


def _share(one: Extract, other: Extract) -> bool:
    return (
        not (one.alone or other.alone)
        and one.as_of == other.as_of
        and one.configuration == other.configuration
        and all(one.tables.get(t, []) == other.tables.get(t, []) for t in COMMON_TABLES)
    )


def _write_ledger(folder: Path, together: Mapping[str, Extract]) -> None:
    """Write the tables as CSV, every value as the case wrote it."""
    folder.mkdir(parents=True)
    tables: dict[str, list[dict[str, str]]] = {"open_items": [], "customers": []}
    for key, extract in together.items():
        for name, rows in extract.tables.items():
            if name in COMMON_TABLES:
                tables[name] = rows
            else:
                tables.setdefault(name, []).extend(_with_key(key, row) for row in rows)
    for name, rows in tables.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        if not columns:
            columns = _columns_of(name)
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _columns_of(name: str) -> list[str]:
    from encours_schemas import INPUT_TABLES

    return [column.name for column in INPUT_TABLES[name].columns if column.required]


def _with_key(key: str, row: Mapping[str, str]) -> dict[str, str]:
    return {
        name: f"{key}|{value}" if name in ID_COLUMNS and value else value
        for name, value in row.items()
    }


def _read_table(folder: Path) -> list[Cells]:
    """Read every part file of a published table; an absent table has no rows."""
    rows: list[Cells] = []
    for part in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(part) as file:
            rows += file.read().to_pylist()
    return rows


def _slice(tables: Mapping[str, Iterable[Cells]], key: str) -> dict[str, list[Cells]]:
    """Give the rows of one extract, without the key in front of ids."""
    return {
        name: [_without_key(key, row) for row in rows if _OWNER[name](row).startswith(f"{key}|")]
        for name, rows in tables.items()
    }


def _without_key(key: str, row: Cells) -> Cells:
    ids = {name: row[name] for name in ID_COLUMNS if row.get(name) is not None}
    if "raw" in row:
        ids["item_id"] = json.loads(row["raw"]).get("item_id") or ""
    return row | {name: str(value).removeprefix(f"{key}|") for name, value in ids.items()}


def _raw_owner(row: Cells) -> str:
    raw = json.loads(row["raw"])
    return str(raw.get("item_id") or raw.get("customer_id") or raw.get("company_code") or "")


_OWNER: Final[dict[str, Callable[[Cells], str]]] = {
    "items": lambda row: str(row["item_id"]),
    "credit_accounts": lambda row: str(row["credit_account_id"]),
    "ageing": lambda row: str(row["company_code"]),
    "interest_periods": lambda row: str(row["item_id"]),
    "quarantine": _raw_owner,
    "tie_out": lambda row: str(row["company_code"]),
}


def _toml(configuration: Mapping[str, Any]) -> str:
    """Write a configuration, each value under its dotted key."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in _dotted(configuration))


def _dotted(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
