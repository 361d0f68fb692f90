import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encours.rules.indemnity import build_indemnity_tables, indemnity_sums
from encours.rules.regimes import Regime, load_regimes
from encours.rules.series import RateSeries, load_series
from tests.rules.published_cases import Facts, milli

EXAMPLES = tomllib.loads((Path(__file__).parent / "examples.toml").read_text("utf-8"))["example"]


@cache
def regimes() -> dict[str, Regime]:
    return load_regimes()


@cache
def series() -> dict[str, RateSeries]:
    return load_series()


def cents(amount: Fraction) -> Decimal:
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def indemnity(regime: str, principal: Decimal) -> Decimal:
    tables = build_indemnity_tables([regimes()[regime]])
    code = np.zeros(1, np.int32)
    return Decimal(int(indemnity_sums(tables, code, np.array([milli(principal)]))[0])) / 1000


def arithmetic(example: Mapping[str, Any]) -> Decimal:
    """Add the segments as the file says, without the engine."""
    settled, running = Decimal(0), Fraction(0)
    for segment in example["segments"]:
        principal = Fraction(segment.get("principal", example["principal"]))
        rate = Fraction(segment["rate"]) / 100
        running += principal * segment["days"] * rate / segment.get("basis", 365)
        if segment.get("joins") or segment.get("paid"):
            settled += cents(running) if segment.get("joins") else 0
            running = Fraction(0)
    return settled + cents(running)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["title"].split(":")[0])
def test_accrue_interest__gives_the_worked_example(example: Mapping[str, Any]) -> None:
    facts = Facts(
        principal=Decimal(example["principal"]),
        currency=example["currency"],
        due=example["due"],
        end=example["end"],
        regime=regimes()[example["regime"]],
        series=series(),
        payments=[
            (payment["date"], Decimal(payment["amount"]), True)
            for payment in example.get("payments", ())
        ],
        interest_first=example.get("interest_first", False),
    )
    assert facts.interest() == Decimal(example["interest"]) == arithmetic(example)
    assert indemnity(example["regime"], facts.principal) == Decimal(example["indemnity"])


def test_legal_window__differs_from_the_half_open_one_by_a_day_at_the_rate_change() -> None:
    facts = Facts(
        principal=Decimal(10_000),
        currency="EUR",
        due=date(2026, 5, 1),
        end=date(2026, 9, 1),
        regime=regimes()["FR_business"],
        series=series(),
    )
    earlier = replace(facts, due=date(2026, 4, 30), end=date(2026, 8, 31))
    # 61 days at 12.15 and 62 at 12.40, against 60 and 63.
    assert earlier.interest() == cents(Fraction(10_000 * (61 * 1215 + 62 * 1240), 3_650_000))
    assert facts.interest() == cents(Fraction(10_000 * (60 * 1215 + 63 * 1240), 3_650_000))
