"""The same ledger gives the same figures, however it is written and worked on."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.property.ledgers import Case, Row, build_case
from tests.property.limit_ledgers import build_limit_case
from tests.property.published import KEYS, EngineRun, run_engine

SEEDS = (1, 2, 5, 9)
INSURED_SEEDS = (2, 11)
"""Ledgers in which insurance covers items."""
FINDING = ("table", "column", "reason", "kept")
WAYS: list[dict[str, Any]] = [
    {"threads": 1},
    {"threads": 2},
    {"threads": 3, "chunk_rows": 5},
    {"threads": 2, "chunk_rows": 1},
    {"threads": 1, "chunk_rows": 64},
]


def in_order(rows: list[Row], key: tuple[str, ...]) -> list[Row]:
    return sorted(rows, key=lambda row: [str(row[column]) for column in key])


def values(run: EngineRun) -> dict[str, Any]:
    """Give all published rows in the order of their keys, and the counts."""
    tables: dict[str, Any] = {}
    for name, key in KEYS.items():
        rows = run.table(name)
        if name == "quarantine":
            tables[name] = Counter(tuple(row[column] for column in FINDING) for row in rows)
        else:
            tables[name] = in_order(rows, key)
    for part in ("rows", "items", "control_totals"):
        tables[f"manifest {part}"] = run.manifest[part]
    return tables


def shuffled(case: Case, seed: int) -> Case:
    random = Random(seed)
    tables = {name: random.sample(rows, len(rows)) for name, rows in case.tables.items()}
    return replace(case, tables=tables)


@pytest.mark.parametrize("seed", SEEDS)
def test_run__order_of_rows_and_files_changes_no_figure(seed: int, tmp_path: Path) -> None:
    case = build_case(seed)
    first = values(run_engine(case, tmp_path / "first", 0))
    for shape in (1, 2):
        again = run_engine(shuffled(case, shape), tmp_path / str(shape), shape)
        assert values(again) == first, f"shape {shape}"


@pytest.mark.parametrize("seed", SEEDS)
def test_run__csv_and_parquet_give_the_same_figures(seed: int, tmp_path: Path) -> None:
    case = build_case(seed, with_defects=False)
    as_csv = run_engine(case, tmp_path / "csv", 3, only_format="csv")
    as_parquet = run_engine(case, tmp_path / "parquet", 3, only_format="parquet")
    assert values(as_csv) == values(as_parquet)


@pytest.mark.parametrize(
    ("build", "seed"),
    [
        *((build_case, seed) for seed in SEEDS),
        *((build_limit_case, seed) for seed in INSURED_SEEDS),
    ],
)
def test_run__threads_and_chunks_change_no_byte(
    build: Callable[[int], Case], seed: int, tmp_path: Path
) -> None:
    case = build(seed)
    digests = []
    for number, options in enumerate(WAYS):
        run = run_engine(case, tmp_path / str(number), seed, **options)
        digests.append(
            {
                str(path.relative_to(run.directory)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(run.directory.rglob("*.parquet"))
            }
        )
    for options, digest in zip(WAYS, digests, strict=True):
        assert digest == digests[0], options
