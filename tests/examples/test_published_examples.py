from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from encours.rules.indemnity import build_indemnity_tables, indemnity_sums
from encours.rules.regimes import business_regime, load_regimes
from tests.examples.due_date_cases import code_of, judge_due_date
from tests.examples.interest_cases import Verdict, judge
from tests.rules.published_cases import milli

Record = Callable[[str, Verdict], None]
OTHER_NAMES = {"UK": "GB"}
# A source may speak of a contract or of another sum: these jurisdictions' cases name the law's.
LAWFUL_SUMS = ("FR", "DE", "AT", "UK", "GB", "IT")

WINDOW: dict[str, Any] = {
    "id": "own-window",
    "jurisdiction": "FR",
    "principal": 10000.0,
    "currency": "EUR",
    "due_date": "2026-05-01",
    "end_date": "2026-09-01",
    "rates": [{"from": "2026-05-01", "rate": 12.15}, {"from": "2026-07-01", "rate": 12.4}],
    "day_count": "ACT/365F",
    "expected_interest": 413.75,
}


def test_interest__of_the_published_example(
    interest_case: dict[str, Any], record_verdict: Record
) -> None:
    verdict = judge(interest_case)
    record_verdict("interest_case", verdict)
    assert not verdict.complaint, verdict.complaint


def test_indemnity__of_the_published_example(interest_case: dict[str, Any]) -> None:
    published, law = interest_case.get("expected_indemnity"), interest_case["jurisdiction"]
    if published is None or law not in LAWFUL_SUMS:
        return
    regimes = load_regimes()
    name = business_regime(regimes, OTHER_NAMES.get(law, law))
    assert name is not None
    tables = build_indemnity_tables([regimes[name]])
    principal = np.array([milli(Decimal(str(interest_case["principal"])))], np.int64)
    found = indemnity_sums(tables, np.zeros(1, np.int32), principal)
    assert Decimal(int(found[0])) / 1000 == Decimal(str(published))


def test_due_date__of_the_published_example(
    due_date_case: dict[str, Any], record_verdict: Record
) -> None:
    verdict = judge_due_date(due_date_case)
    record_verdict("due_date_case", verdict)
    assert not verdict.complaint, verdict.complaint


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, "reproduced"),
        ({"expected_interest": 413.68}, "other window"),
        ({"expected_interest": 413.76}, "rounded per segment"),
        ({"expected_interest": 413.0, "recomputed_interest": "413.75"}, "wrong"),
        ({"expected_interest": 413.0, "recomputed_interest": "413.00"}, "unexplained"),
        ({"expected_interest": 413.0}, "unexplained"),
        ({"principal": -10000.0, "expected_interest": -413.75}, "credit"),
        ({"principal": 10010.0, "expected_interest": 414.16}, "truncated"),
        # 10,000 x (1 + 12.15 % / 12)^4 - 10,000: four whole months.
        ({"expected_interest": 411.19}, "compounded monthly"),
        ({"day_count": "ACT/364"}, "no such rule"),
    ],
)
def test_verdict__follows_from_the_figures(change: dict[str, Any], outcome: str) -> None:
    verdict = judge({**WINDOW, **change})
    assert verdict.outcome == outcome
    assert bool(verdict.complaint) == (outcome == "unexplained")
    assert bool(verdict.arithmetic) == (outcome != "reproduced")


def test_verdict__shows_the_arithmetic_of_another_window() -> None:
    verdict = judge({**WINDOW, "expected_interest": 413.68})
    assert verdict.ours == "413.75"
    assert verdict.arithmetic == (
        "counts the due day and not the end",
        "2026-05-01 to 2026-06-30: 10000.0 x 61 days x 12.15 % (ACT/365F) = 203.05",
        "2026-07-01 to 2026-08-31: 10000.0 x 62 days x 12.4 % (ACT/365F) = 210.63",
    )


def test_due_date__verdicts() -> None:
    case = {
        "id": "own",
        "invoice_date": "2008-04-15",
        "method": "end of month then +45",
        "published_due_date": "2008-06-15",
        "recomputed_due_date": "2008-06-14",
    }
    assert judge_due_date(case).outcome == "wrong"
    assert judge_due_date({**case, "published_due_date": "2008-06-14"}).outcome == "reproduced"
    assert judge_due_date({**case, "recomputed_due_date": "2008-06-16"}).complaint
    assert judge_due_date({**case, "method": "by the moon"}).outcome == "no such rule"
    assert code_of("invoice+30") == "NET30"
