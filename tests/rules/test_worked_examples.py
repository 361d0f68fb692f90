import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from encours.rules.indemnity import build_indemnity_tables, indemnity_sums
from encours.rules.regimes import Regime, load_regimes
from encours.rules.series import RateSeries, load_series
from tests.rules.published_cases import Facts, facts_of, milli
from tests.shared_material import SHARED

EXAMPLES = tomllib.loads((Path(__file__).parent / "examples.toml").read_text("utf-8"))["example"]
PUBLISHED = SHARED / "law" / "worked_examples.json"
COUNTRY_REGIME = {
    "FR": "FR_business",
    "DE": "DE_business",
    "AT": "AT_business",
    "UK": "GB_business",
    "IT": "EU_default",
}


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


# -- examples that others published ----------------------------------------------------------------


class Convention(NamedTuple):
    """How a source counts where it does not count as the engine does."""

    why: str
    shift_days: int = 0  # the window, and payments with it, lies so many days later
    counts_both_ends: bool = False
    rounds_segments: bool = False


EARLIER = "counts the due day and not the end day: the same window a day earlier"
CONVENTIONS = {
    "fr-01-two-semesters": Convention(EARLIER, shift_days=-1),
    "fr-06-rate-change": Convention(EARLIER, shift_days=-1),
    "fr-11-semester-change-interest-first": Convention(EARLIER, shift_days=-1),
    "de-04-ameax-readme-multi": Convention(EARLIER, shift_days=-1, rounds_segments=True),
    "de-10-30-360": Convention("counts both ends", counts_both_ends=True),
    "nl-06-two-partials": Convention("rounds each segment", rounds_segments=True),
}

# Published figures that no convention explains, or whose rule the engine does not have.
LISTED = {
    "de-04-ameax-readme-multi": "the source loses a day at each of five rate changes",
    "it-01-biancolavoro": "the source's own formula gives another figure",
    "nl-07-credit-negative": "a credit bears no interest here, not even negative",
    "nl-09-basenet-monthly-compound": "a contract that compounds monthly; no regime of ours does",
    "uk-03-govuk-style": "the source rounds the daily amount to the penny first",
    "uk-05-toolfy": "the source cuts 45 / 365 to four digits",
}
ENGINE_REFUSES = {"nl-07-credit-negative", "nl-09-basenet-monthly-compound"}


@cache
def published_cases() -> dict[str, dict[str, Any]]:
    if not PUBLISHED.exists():
        return {}
    return {case["id"]: case for case in json.loads(PUBLISHED.read_text("utf-8"))}


needs_published = pytest.mark.skipif(
    not PUBLISHED.exists(), reason="the published examples lie outside of the repository"
)


def under(convention: Convention, facts: Facts) -> Facts:
    """Move the facts to where the engine's counting gives what the source counted."""
    shift = timedelta(days=convention.shift_days)
    return Facts(
        principal=facts.principal,
        currency=facts.currency,
        due=facts.due + shift - timedelta(days=convention.counts_both_ends),
        end=facts.end + shift,
        regime=facts.regime,
        series=facts.series,
        payments=[(day + shift, amount, is_payment) for day, amount, is_payment in facts.payments],
        interest_first=facts.interest_first,
    )


def by_segment(facts: Facts, rate_starts: Sequence[date]) -> Decimal:
    """Add the interest of each stretch of one principal and rate, each rounded by itself."""
    last_days = [start - timedelta(days=1) for start in rate_starts]
    cuts = [(day, Decimal(0)) for day in [*last_days, facts.end] if day > facts.due]
    cuts += [(day, amount) for day, amount, _ in facts.payments]
    total, start, principal = Decimal(0), facts.due, facts.principal
    for day, amount in sorted(cuts):
        stretch = Facts(principal, facts.currency, start, day, facts.regime, facts.series)
        total += stretch.interest()
        start, principal = day, principal - amount
    return total


@needs_published
@pytest.mark.parametrize("case_id", sorted(published_cases()))
def test_accrue_interest__gives_the_published_figure(case_id: str) -> None:
    case = published_cases()[case_id]
    if case_id in ENGINE_REFUSES:
        return  # LISTED says why; the next test sees to it that nothing else is left out
    facts = facts_of(case)
    convention = CONVENTIONS.get(case_id, Convention("as the engine"))
    facts = under(convention, facts)
    interest = facts.interest()
    if convention.rounds_segments:
        starts = [date.fromisoformat(rate["from"]) for rate in case["rates"]]
        interest = by_segment(facts, starts)
    wanted = case["recomputed_interest"] if case_id in LISTED else case["expected_interest"]
    assert interest == Decimal(str(wanted)), convention.why


@needs_published
def test_published_figures__that_differ_are_listed() -> None:
    differs = {
        case_id
        for case_id, case in published_cases().items()
        if Decimal(str(case["expected_interest"])) != Decimal(case["recomputed_interest"])
    }
    assert differs | ENGINE_REFUSES == set(LISTED)
    assert set(CONVENTIONS) <= set(published_cases())


@needs_published
@pytest.mark.parametrize("case_id", sorted(published_cases()))
def test_indemnity_sums__give_the_published_sum(case_id: str) -> None:
    case = published_cases()[case_id]
    regime = COUNTRY_REGIME.get(case["jurisdiction"])
    if regime is None or case["expected_indemnity"] is None:
        return  # a contract, a consumer, or a country without a lump sum in the example
    principal = Decimal(str(case["principal"]))
    assert indemnity(regime, principal) == Decimal(str(case["expected_indemnity"]))


def test_legal_window__differs_from_the_half_open_one_by_a_day_at_the_rate_change() -> None:
    facts = Facts(
        principal=Decimal(10_000),
        currency="EUR",
        due=date(2026, 5, 1),
        end=date(2026, 9, 1),
        regime=regimes()["FR_business"],
        series=series(),
    )
    earlier = under(CONVENTIONS["fr-01-two-semesters"], facts)
    # 61 days at 12.15 and 62 at 12.40, against 60 and 63.
    assert earlier.interest() == cents(Fraction(10_000 * (61 * 1215 + 62 * 1240), 3_650_000))
    assert facts.interest() == cents(Fraction(10_000 * (60 * 1215 + 63 * 1240), 3_650_000))
