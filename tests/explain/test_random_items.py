"""Every item of random ledgers: what is explained is what was published, and it adds up.

`ENCOURS_EXPLAINED_LEDGERS` says how many ledgers.
"""

import os
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from encours.explain.item import ItemExplanation, ItemStatus, explain_items
from encours.explain.item_json import item_record
from encours.explain.item_text import item_text
from tests.naive.arithmetic import rounded
from tests.naive.contract import EXPONENTS
from tests.property.ledgers import Row, build_case
from tests.property.published import EngineRun, run_engine

LEDGERS = int(os.environ.get("ENCOURS_EXPLAINED_LEDGERS", "12"))
CLEAN_EVERY = 3
STATUS_COUNTS = {
    ItemStatus.SETTLED_IN_TIME: "settled_in_time",
    ItemStatus.SETTLED_DATE_UNKNOWN: "settled_date_unknown",
    ItemStatus.NOT_YET_POSTED: "not_yet_posted",
}
PUBLISHED_AS = {
    "penalty_interest": "penalty_interest",
    "interest_suspended": "interest_suspended",
    "interest_unbilled": "interest_unbilled",
    "reason": "no_interest_reason",
    "days": "interest_days",
}


@pytest.mark.parametrize("seed", range(300, 300 + LEDGERS))
def test_explain_items__tells_what_every_item_of_a_ledger_was_published_with(
    seed: int, tmp_path: Path
) -> None:
    case = build_case(seed, with_defects=seed % CLEAN_EVERY != 0)
    run = run_engine(case, tmp_path, seed, threads=1 + seed % 2)
    published = {row["item_id"]: row for row in run.table("items")}
    periods = defaultdict(list)
    for row in run.table("interest_periods"):
        periods[row["item_id"]].append(row)
    named = {row["item_id"] for row in case.tables["open_items"] if row.get("item_id")}
    explained = {told.item_id: told for told in explain_items(run.directory, sorted(named))}
    assert explained.keys() == named >= published.keys()
    for item_id, told in explained.items():
        is_published = told.status is ItemStatus.PUBLISHED
        assert is_published == (item_id in published), item_id
        if is_published:
            record = item_record(told, "fr" if seed % 2 else "en")
            assert not disagreements(record, published[item_id]), item_id
            assert not slips(record), item_id
            if not told_reason(record):
                assert stretches(record) == [as_stretch(row) for row in periods[item_id]]
    check_statuses(explained, run)


def told_reason(record: dict[str, Any]) -> str | None:
    """Give the reason against interest that an explanation tells."""
    reason: str | None = record["interest"]["reason"]
    return reason


def disagreements(record: dict[str, Any], published: Row) -> list[str]:
    """Tell the figures of an explanation that are not those of the published row."""
    interest, compensation = record["interest"], record["compensation"]
    told = {PUBLISHED_AS[name]: interest[name] for name in PUBLISHED_AS}
    told |= {
        "interest_from": interest["from"],
        "interest_to": interest["to"],
        "interest_regime": record["regime"]["name"],
        "fixed_indemnity": compensation["fixed_indemnity"],
        "indemnity_unbilled": compensation["indemnity_unbilled"],
        **{name: record["item"][name] for name in ("amount", "open_amount", "due_date")},
    }
    return [
        f"{name}: told {value}, published {published[name]}"
        for name, value in told.items()
        if not same(value, published[name])
    ]


def same(told: Any, published: Any) -> bool:
    """Compare a JSON value with a published one."""
    if isinstance(published, Decimal):
        return told is not None and Decimal(told) == published
    return told == (published.isoformat() if hasattr(published, "isoformat") else published)


def slips(record: dict[str, Any]) -> list[str]:
    """Work the stretches out again from what is told of them, and tell what does not add up."""
    found = []
    exponent = EXPONENTS[record["item"]["currency"]]
    settled, accrued, running = Fraction(0), Fraction(0), Fraction(0)
    for number, period in enumerate(record["interest"]["periods"]):
        if period["rounded_on"] or not period["days"]:
            settled += rounded(accrued, exponent)
            accrued = Fraction(0)
        exact = Fraction(0)
        if period["days"]:
            share = sum(Fraction(part) for part in period["year_fraction"].split(" + "))
            rate = Fraction(period["rate_percent"]) / 100
            exact = Fraction(period["principal"]) * rate * share
        else:
            settled += Fraction(period["interest"])
        accrued += exact
        running += Fraction(period["interest"])
        if Fraction(period["exact"]) != exact or Fraction(period["accrued_exact"]) != accrued:
            found.append(f"stretch {number}: exact {exact}, so far {accrued}, told {period}")
        if not settled + rounded(accrued, exponent) == running == Fraction(period["running_total"]):
            found.append(f"stretch {number}: running total {running}, told {period}")
        found += rate_slips(period)
    return found


def rate_slips(period: dict[str, Any]) -> list[str]:
    """Tell where a rate does not follow from what is told of its sources."""
    rounded_reference = period["rounded_reference"]
    if rounded_reference is None:
        return []
    rate = Decimal(rounded_reference) + Decimal(period["margin"])
    steps = (Decimal(period["rate_percent"]) - rate, Decimal("0.5"))
    is_near = 0 <= steps[0] < steps[1]  # Belgium rounds the sum up to half a point
    is_source = Decimal(period["reference"]["rate_percent"]) <= Decimal(rounded_reference)
    return [] if is_near and is_source else [f"rate: {period}"]


def stretches(record: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Give the stretches as `interest_periods` has them."""
    return [
        (
            period["from"],
            period["to"],
            period["days"],
            Decimal(period["principal"]),
            Decimal(period["rate_percent"]),
            Decimal(period["interest"]),
            period["day_count"],
        )
        for period in record["interest"]["periods"]
    ]


def as_stretch(row: Row) -> tuple[Any, ...]:
    """Give a row of `interest_periods` in the same form."""
    return (
        row["from_date"].isoformat(),
        row["to_date"].isoformat(),
        row["days"],
        row["principal"],
        row["rate_percent"],
        row["interest"],
        row["day_count"],
    )


def check_statuses(explained: dict[str, ItemExplanation], run: EngineRun) -> None:
    """Count what is told of items that are not published: the manifest counts the same."""
    for status, name in STATUS_COUNTS.items():
        told = sum(one.status is status for one in explained.values())
        assert told == run.manifest["items"][name], name


@pytest.mark.parametrize("language", ["en", "fr"])
def test_item_text__can_be_written_of_every_item(language: str, tmp_path: Path) -> None:
    case = build_case(401, with_defects=True)
    run = run_engine(case, tmp_path, 401)
    named = sorted({row["item_id"] for row in case.tables["open_items"] if row.get("item_id")})
    for told in explain_items(run.directory, named):
        text = item_text(told, language)
        assert text.startswith("Item " if language == "en" else "Poste ")
        assert told.run_id in text
        if told.interest is not None and told.interest.penalty:
            assert str(told.interest.steps[-1].exact) in text
