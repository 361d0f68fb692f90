"""The engine against its slow twin on ledgers rich in limits, policies, overrides and holds.

`ENCOURS_TWIN_LEDGERS` says how many ledgers; every one has a seed of its own, told when it differs.
"""

import os
from pathlib import Path

import pytest

from encours.breaches import outlook
from encours.breaches import table as breach_table
from encours.calc import sums
from encours.passes import account_table, cover_pass, late_items, rows_pass
from tests.naive.engine import compute_run
from tests.property.limit_ledgers import build_limit_case, next_night
from tests.property.published import differences, run_engine

LEDGERS = int(os.environ.get("ENCOURS_TWIN_LEDGERS", "12"))
NIGHTS = max(LEDGERS // 3, 1)
CLEAN_EVERY = 4
THREADS = (1, 2, 3)
CHUNK_ROWS = (None, 1, 3, 16, 64)


def cut_into_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a ledger of few rows take the ways of a large one: shards, scratch files, many parts."""
    monkeypatch.setattr(cover_pass, "_ROWS_PER_SHARD", 7)
    monkeypatch.setattr(cover_pass, "KEPT_BYTES", 0)
    monkeypatch.setattr(late_items, "_ROWS_PER_SHARD", 11)
    monkeypatch.setattr(rows_pass, "UNITS_PER_PART", 2)
    for module in (account_table, breach_table, outlook):
        monkeypatch.setattr(module, "PIECE_ROWS", 3)
    monkeypatch.setattr(sums, "STRETCH_ROWS", 5)


@pytest.mark.parametrize("seed", range(LEDGERS))
def test_run__publishes_the_limits_that_the_slow_twin_publishes(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed % 2:
        cut_into_pieces(monkeypatch)
    case = build_limit_case(seed, with_defects=seed % CLEAN_EVERY != 0)
    expected = compute_run(case.tables, case.as_of, case.configuration, case.extract_date)
    threads, chunk_rows = THREADS[seed % len(THREADS)], CHUNK_ROWS[seed % len(CHUNK_ROWS)]
    actual = run_engine(case, tmp_path, seed, threads=threads, chunk_rows=chunk_rows)
    found = differences(expected, actual)
    assert not found, f"seed {seed}, as of {case.as_of}:\n" + "\n".join(found[:20])


@pytest.mark.parametrize("seed", range(NIGHTS))
def test_second_night__remembers_what_the_slow_twin_remembers(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed % 2:
        cut_into_pieces(monkeypatch)
    case = build_limit_case(seed, with_defects=False)
    before = compute_run(case.tables, case.as_of, case.configuration, case.extract_date)
    run_engine(case, tmp_path, seed)
    later = next_night(case, seed, days=1 + seed % 9)
    expected = compute_run(
        later.tables, later.as_of, later.configuration, later.extract_date, before
    )
    (tmp_path / "ledger").rename(tmp_path / "first")
    found = differences(expected, run_engine(later, tmp_path, seed))
    assert not found, f"seed {seed}, as of {later.as_of}:\n" + "\n".join(found[:20])
