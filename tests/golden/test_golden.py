"""The golden ledger: what the engine publishes, cell by cell, against tables that a person read."""

import csv
import os
from pathlib import Path

import pytest

import encours
from encours_schemas.configuration import load_configuration
from tests.golden.renew import (
    AS_OF,
    COUNTS,
    HERE,
    Row,
    as_text,
    count_rows,
    expected_run,
    known_columns,
    renew,
)
from tests.property.published import EngineRun

EXPECTED = HERE / "expected"
TABLES = sorted(path.stem for path in EXPECTED.glob("*.csv") if path.stem != COUNTS)

PARTS = {"items": "items", "rows": "rows", "totals": "control_totals"}


@pytest.fixture(scope="session", autouse=True)
def _renewed() -> None:
    if os.environ.get("ENCOURS_RENEW_GOLDEN"):
        renew()


@pytest.fixture(scope="session")
def golden_run(tmp_path_factory: pytest.TempPathFactory) -> EngineRun:
    configuration = load_configuration(HERE / "encours.toml", {}, {}).configuration
    out = tmp_path_factory.mktemp("golden")
    result = encours.run(HERE / "ledger", AS_OF, out, configuration)
    return EngineRun(Path(result.directory), result.manifest, {})


def read_expected(name: str) -> list[Row]:
    with (EXPECTED / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def differences(name: str, expected: list[Row], actual: list[Row]) -> list[str]:
    """Tell every cell that differs; rows in any order where the table is sorted otherwise."""
    columns = list(expected[0])
    told = as_text([{column: row[column] for column in columns} for row in actual])
    missing = [f"{name}: missing {row}" for row in expected if row not in told]
    return missing + [f"{name}: not expected {row}" for row in told if row not in expected]


@pytest.mark.parametrize("name", TABLES)
def test_golden_run__publishes_the_expected_table(golden_run: EngineRun, name: str) -> None:
    assert not differences(name, read_expected(name), golden_run.table(name))


def test_golden_run__counts_and_adds_up_as_expected(golden_run: EngineRun) -> None:
    expected = {(row["what"], row["name"]): row["value"] for row in read_expected(COUNTS)}
    manifest = golden_run.manifest
    for (what, name), value in expected.items():
        part, _, group = what.partition(" ")
        counts = manifest[PARTS[part]]
        told = counts if part == "items" else counts[group]
        assert str(told[name]) == value, (what, name)


def test_slow_twin__still_computes_the_expected_tables() -> None:
    published = expected_run()
    for name in TABLES:
        rows = published.tables[name]
        assert as_text(rows, known_columns(rows)) == read_expected(name), name
    assert as_text(count_rows(published)) == read_expected(COUNTS)
