"""Each situation of an item's life through engine and slow twin, against its arithmetic."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.naive.engine import compute_run
from tests.property.ledgers import Case
from tests.property.life_situations import (
    AS_OF,
    CONFIGURATIONS,
    DUE,
    SITUATIONS,
    Row,
    Situation,
    money,
)
from tests.property.published import compare_rows, run_engine

OWN_REGIMES = {"FLAT": {"based_on": "FR", "contractual_rate": "15"}}


@dataclass
class Night:
    """What engine and twin say of the situations of one configuration, by item."""

    published: dict[str, Row]
    expected: dict[str, Row]
    periods: dict[str, list[Row]]
    expected_periods: dict[str, list[Row]]


def by_item(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["item_id"], []).append(row)
    return found


def ledger_of(situations: list[Situation]) -> dict[str, list[Row]]:
    """Lay the situations out as one ledger; each has a customer of its own."""
    items, allocations, customers = [], [], []
    for one in situations:
        item = {
            "item_id": one.name,
            "company_code": "1000",
            "customer_id": one.name,
            "document_type": "invoice",
            "document_date": DUE.replace(month=4, day=30),
            "due_date": DUE,
            "currency": "EUR",
            "amount": money(10_000),
            **one.item,
        }
        items.append({"posting_date": item["document_date"], **item})
        customers.append({"customer_id": one.name, "country": "FR", **one.customer})
        allocations += [{"item_id": one.name, **row} for row in one.applied]
    return {
        "companies": [{"company_code": "1000", "country": "FR"}],
        "customers": customers,
        "open_items": items,
        "allocations": allocations,
    }


@cache
def night(configuration: str) -> Night:
    """Run all situations of a configuration once, through both."""
    tables = ledger_of([one for one in SITUATIONS if one.configuration == configuration])
    chosen: dict[str, Any] = {
        "interest": {"periods": True, "regimes": OWN_REGIMES, **CONFIGURATIONS[configuration]},
        "input": {},
    }
    case = Case(0, AS_OF, tables, chosen)
    expected = compute_run(case.tables, case.as_of, case.configuration)
    with TemporaryDirectory() as place:
        run = run_engine(case, Path(place))
        published, periods = run.table("items"), run.table("interest_periods")
    return Night(
        {row["item_id"]: row for row in published},
        {row["item_id"]: row for row in expected.tables["items"]},
        by_item(periods),
        by_item(expected.tables["interest_periods"]),
    )


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.name)
def test_item__bears_what_its_life_says(situation: Situation) -> None:
    found = night(situation.configuration)
    row = found.published[situation.name]
    assert {name: row[name] for name in situation.wanted} == dict(situation.wanted)
    assert not compare_rows("items", [found.expected[situation.name]], [row])


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.name)
def test_detail__adds_up_to_the_item(situation: Situation) -> None:
    found = night(situation.configuration)
    rows = found.periods.get(situation.name, [])
    assert not compare_rows(
        "interest_periods", found.expected_periods.get(situation.name, []), rows
    )
    total = sum((row["interest"] for row in rows), Decimal(0))
    assert total == found.published[situation.name]["penalty_interest"]


def test_situations__have_names_of_their_own() -> None:
    assert len({one.name for one in SITUATIONS}) == len(SITUATIONS)
    assert {one.configuration for one in SITUATIONS} == set(CONFIGURATIONS)
