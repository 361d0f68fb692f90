"""The engine against its slow twin: every table, every cell, on random ledgers.

`ENCOURS_TWIN_LEDGERS` says how many ledgers; every one has a seed of its own, told when it differs.
"""

import os
from pathlib import Path

import pytest

from tests.naive.engine import compute_run
from tests.property.ledgers import build_case
from tests.property.published import differences, run_engine

LEDGERS = int(os.environ.get("ENCOURS_TWIN_LEDGERS", "24"))
CLEAN_EVERY = 4
"""Every so many ledgers one is without defects, so that large sums stay connected."""
THREADS = (1, 2, 3)
CHUNK_ROWS = (None, 1, 3, 16, 64)


@pytest.mark.parametrize("seed", range(LEDGERS))
def test_run__publishes_what_the_slow_twin_publishes(seed: int, tmp_path: Path) -> None:
    case = build_case(seed, with_defects=seed % CLEAN_EVERY != 0)
    expected = compute_run(case.tables, case.as_of, case.configuration, case.extract_date)
    threads, chunk_rows = THREADS[seed % len(THREADS)], CHUNK_ROWS[seed % len(CHUNK_ROWS)]
    actual = run_engine(case, tmp_path, seed, threads=threads, chunk_rows=chunk_rows)
    found = differences(expected, actual)
    assert not found, f"seed {seed}, as of {case.as_of}:\n" + "\n".join(found[:20])
