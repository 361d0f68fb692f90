"""Joins, distinct rows and clearings give the same through the disk as in memory."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encours.ledger.layouts import spill
from encours.ledger.sources import Ledger, open_ledger
from encours_schemas.configuration import Configuration

FIXTURES = Path(__file__).resolve().parents[1] / "layouts" / "fixtures"
CASES: tuple[tuple[str, dict[str, str]], ...] = (
    ("sap_bsid", {}),
    ("oracle_ar", {}),
    ("dynamics_365", {}),
    ("odoo", {}),
    ("erpnext", {}),
    ("fr_fec", {"payment_terms": "NET30"}),
    ("sap_s4_odata", {}),
)


def rows_of(ledger: Ledger) -> dict[str, Counter[Any]]:
    found = {}
    for name, table in ledger.tables.items():
        rows: Counter[Any] = Counter()
        for unit in table.units:
            data = table.read(unit, table.columns)
            numbers = table.row_numbers(unit, np.arange(unit.row_count))
            for number, row in zip(numbers.tolist(), data.to_pylist(), strict=True):
                rows[number, *(str(row.get(column)) for column in table.columns)] += 1
        found[name] = rows
    return found


def opened(layout: str, parameters: dict[str, str], staging: Path, threads: int) -> Ledger:
    configuration = Configuration.model_validate(
        {"input": {"layouts": [layout], "parameters": parameters}}
    )
    return open_ledger(FIXTURES / layout, configuration, staging, threads)


@pytest.mark.parametrize(("layout", "parameters"), CASES, ids=[case[0] for case in CASES])
def test_open_ledger__with_layouts_gives_the_same_through_the_disk(
    layout: str, parameters: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory = rows_of(opened(layout, parameters, tmp_path / "memory", 1))
    monkeypatch.setattr(spill, "PARTITION_ROWS", 2)
    on_disk = rows_of(opened(layout, parameters, tmp_path / "disk", 3))
    assert on_disk == in_memory
    assert sum(in_memory["open_items"].values()) > 3
    leftovers = [path.name for path in (tmp_path / "disk").rglob("*.spill")]
    assert not leftovers
