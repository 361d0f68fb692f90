"""The engine against its slow twin: every table, every cell, on random ledgers.

`ENCOURS_TWIN_LEDGERS` says how many ledgers; every one has a seed of its own, told when it differs.
"""

import os
from pathlib import Path

import pytest

from tests.naive.engine import compute_run
from tests.property.ledgers import build_case
from tests.property.published import differences, run_engine

LEDGERS = int(os.environ.get("ENCOURS_TWIN_LEDGERS", "60"))
CLEAN_EVERY = 4
"""Every so many ledgers one is without defects, so that large sums stay connected."""


@pytest.mark.parametrize("seed", range(LEDGERS))
def test_run__publishes_what_the_slow_twin_publishes(seed: int, tmp_path: Path) -> None:
    case = build_case(seed, with_defects=seed % CLEAN_EVERY != 0)
    expected = compute_run(case.tables, case.as_of, case.configuration)
    actual = run_engine(case, tmp_path, seed)
    found = differences(expected, actual)
    assert not found, f"seed {seed}, as of {case.as_of}:\n" + "\n".join(found[:20])
