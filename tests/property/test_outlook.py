"""The outlook against the rules really run on each of the next ninety days."""

import os
from pathlib import Path

import pytest

from tests.property.outlook_days import foreseen_by_running, quiet_case
from tests.property.published import run_engine

LEDGERS = int(os.environ.get("ENCOURS_OUTLOOK_LEDGERS", "3"))


@pytest.mark.parametrize("seed", range(LEDGERS))
def test_outlook__is_what_the_rules_find_on_the_coming_days(seed: int, tmp_path: Path) -> None:
    case = quiet_case(seed)
    run = run_engine(case, tmp_path, seed)
    names = ("date", "credit_account_id", "credit_segment", "rule", "severity", "subject")
    told = {tuple(row[name] for name in names) for row in run.table("outlook")}
    assert told == foreseen_by_running(case)
