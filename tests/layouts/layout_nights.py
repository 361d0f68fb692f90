"""Nights on foreign extracts, through the command line, and what they publish."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from click.testing import CliRunner, Result

from encours.ledger.sources import open_ledger
from encours_jobs.cli import main
from encours_schemas.configuration import load_configuration
from tests.jobs.ledgers import parquet_files, plain_rows

HERE = Path(__file__).resolve().parent
FIXTURES = HERE / "fixtures"
EXTRACTS = HERE / "extracts"

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class LayoutNight:
    """An extract where it lies, the layouts that read it, and an output.

    settings  the configuration, as TOML
    """

    ledger: Path
    layouts: tuple[str, ...]
    root: Path
    settings: str = ""
    options: tuple[str, ...] = field(default=())

    @property
    def out(self) -> Path:
        """Give the output."""
        return self.root / "out"

    def call(self, command: str, as_of: str, *options: str) -> Result:
        """Call a command on the extract."""
        self.root.mkdir(parents=True, exist_ok=True)
        configuration = self.root / "encours.toml"
        configuration.write_text(self.settings, encoding="utf-8")
        layouts = [part for layout in self.layouts for part in ("--layout", layout)]
        places = ["--ledger", str(self.ledger), "--out", str(self.out)]
        settings = ["--config", str(configuration), "--as-of", as_of]
        arguments = [command, *places, *settings, *layouts, *self.options, *options]
        return CliRunner().invoke(main, arguments)

    def publish(self, as_of: str, *options: str) -> Result:
        """Run the job and see it publish."""
        result = self.call("run", as_of, *options)
        assert result.exit_code == 0, result.stderr
        return result

    def refused(self, as_of: str, status: int, *options: str) -> str:
        """Run the job, see it refuse with a status; give what it says."""
        result = self.call("run", as_of, *options)
        assert result.exit_code == status, result.stderr or result.stdout
        assert "Traceback" not in result.stderr
        assert not (self.out / f"as_of={as_of}").exists()
        return result.stderr

    def table(self, name: str, as_of: str) -> pa.Table:
        """Give a published table."""
        return parquet_files(self.out / f"as_of={as_of}" / name)

    def rows(self, name: str, as_of: str, *columns: str) -> list[Any]:
        """Give the rows of a published table."""
        return plain_rows(self.table(name, as_of), columns)

    def items(self, as_of: str, *columns: str) -> dict[str, tuple[Any, ...]]:
        """Give columns of the published items by item, money without trailing zeros."""
        rows = self.rows("items", as_of, "item_id", *columns)
        return {one[0]: tuple(map(plain, one[1:])) for one in rows}

    def open_amounts(self, as_of: str) -> dict[str, str]:
        """Give what is open, by item."""
        amounts = self.items(as_of, "open_amount")
        return {item: amount for item, (amount,) in amounts.items() if amount != "0"}

    def rejected(self) -> list[dict[str, Any]]:
        """Give the quarantine of the one run that was refused."""
        (folder,) = (self.out / ".encours" / "rejected").iterdir()
        return plain_rows(parquet_files(folder / "quarantine"), ())

    def manifest(self, as_of: str) -> dict[str, Any]:
        """Give the manifest."""
        text = (self.out / f"as_of={as_of}" / "manifest.json").read_text(encoding="utf-8")
        manifest: dict[str, Any] = json.loads(text)
        return manifest


def plain(value: object) -> object:
    """Give an amount or a day as short text, everything else as it is."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    return value.isoformat() if isinstance(value, date) else value


def bundled(name: str, root: Path, settings: str = "", **changes: Any) -> LayoutNight:
    """Give a night of a bundled layout on its fixture."""
    return LayoutNight(changes.pop("ledger", FIXTURES / name), (name,), root, settings, **changes)


def mapped(
    ledger: Path, layout: str, staging: Path, unit_rows: int = 262_144, **parameters: str
) -> dict[str, Rows]:
    """Give the contract's tables of an extract, missing values left out of the rows.

    unit_rows  rows of a work unit; two threads where they are few
    """
    settings = {"input.layouts": [layout], "input.parameters": parameters}
    configuration = load_configuration(None, {}, settings).configuration
    threads = 1 if unit_rows > 1000 else 2
    opened = open_ledger(ledger, configuration, staging, threads, unit_rows=unit_rows)
    found: dict[str, Rows] = {}
    for name, source in opened.tables.items():
        read = [source.read(unit, source.columns).to_pylist() for unit in source.units]
        found[name] = [
            {key: value for key, value in row.items() if value is not None}
            for part in read
            for row in part
        ]
    return found
