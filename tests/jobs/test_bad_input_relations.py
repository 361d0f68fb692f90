"""Rows that don't fit other rows: repeated keys, unknown parties, cycles, cascades."""

import pytest

from tests.jobs.ledgers import Night, allocation, item, items, row

FOUND = ("file", "row_number", "column", "reason", "kept")
EVERYTHING = ("--max-rejected", "1")


def customers(*ids: str) -> list[dict[str, str | None]]:
    return [row("customers", customer_id=name) for name in ids]


# -- repeated keys ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_item__twice_and_the_same_stays_once(fresh: Night, form: str) -> None:
    write = getattr(fresh.ledger, form)
    write("open_items", item("I1"), item("I2"), file=f"open_items/a.{form}")
    write("open_items", item("I3"), item("I1"), item("I1"), file=f"open_items/b.{form}")
    fresh.publish(*EVERYTHING)
    file = f"open_items/b.{form}"
    assert fresh.rows("quarantine", *FOUND) == [
        (file, 2, "item_id", "duplicate_key", False),
        (file, 3, "item_id", "duplicate_key", False),
    ]
    assert fresh.rows("items", "item_id") == ["I1", "I2", "I3"]


def test_item__twice_and_different_is_taken_neither_time(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1"), item("I2"), file="open_items/a.csv")
    fresh.ledger.csv("open_items", item("I1", amount="99.00"), file="open_items/b.csv")
    fresh.ledger.csv("open_items", item("I1"), item("I3"), file="open_items/c.csv")
    fresh.publish(*EVERYTHING)
    assert fresh.rows("quarantine", *FOUND) == [
        (f"open_items/{file}.csv", 1, "item_id", "conflicting_duplicate", False) for file in "abc"
    ]
    assert fresh.rows("items", "item_id") == ["I2", "I3"]


def test_item__twice_in_two_formats_is_compared_by_value(fresh: Night) -> None:
    fresh.ledger.csv(
        "open_items", item("I1", amount="100.5", disputed="N"), file="open_items/a.csv"
    )
    fresh.ledger.parquet(
        "open_items", item("I1", amount="100.50", disputed="false"), file="open_items/b.parquet"
    )
    fresh.publish(*EVERYTHING)
    assert fresh.rows("quarantine", *FOUND) == [
        ("open_items/b.parquet", 1, "item_id", "duplicate_key", False)
    ]
    assert fresh.rows("items", "item_id") == ["I1"]


def test_item__whose_allocations_lose_it_to_a_conflict_takes_them_along(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1"), item("I1", amount="99.00"), item("I2"))
    fresh.ledger.csv("allocations", allocation("I1"), allocation("I2"))
    fresh.publish(*EVERYTHING)
    assert fresh.rows("quarantine", "table", "row_number", "reason") == [
        ("allocations", 1, "parent_quarantined"),
        ("open_items", 1, "conflicting_duplicate"),
        ("open_items", 2, "conflicting_duplicate"),
    ]


def test_allocation__to_a_repeated_item_counts_once(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1"), item("I1"), item("I2"))
    fresh.ledger.csv("allocations", allocation("I1", amount="40.00"))
    fresh.publish(*EVERYTHING)
    assert [str(amount) for amount in fresh.rows("items", "open_amount")] == ["60.000", "100.000"]


@pytest.mark.parametrize(
    ("table", "first", "second"),
    [
        ("customers", {"customer_id": "C7"}, {"customer_id": "C7", "name": "other"}),
        ("companies", {"company_code": "7"}, {"company_code": "7", "country": "DE"}),
        (
            "commitments",
            {"commitment_id": "K7"},
            {"commitment_id": "K7", "amount": "51.00"},
        ),
        ("credit_limits", {"limit_id": "L7"}, {"limit_id": "L7", "amount": "1.00"}),
        (
            "fx_rates",
            {"from_currency": "USD", "rate": "0.9"},
            {"from_currency": "USD", "rate": "0.91"},
        ),
        ("ledger_balances", {"balance": "100.00"}, {"balance": "101.00"}),
        (
            "sales",
            {"customer_id": "C1", "amount_incl_tax": "1.00"},
            {"customer_id": "C1", "amount_incl_tax": "2.00"},
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_key__of_any_table_twice(
    fresh: Night, table: str, first: dict[str, str], second: dict[str, str]
) -> None:
    good = {
        "customers": customers("C1"),
        "companies": [row("companies", company_code="1000")],
    }.get(table, [])
    same, other = row(table, **first), row(table, **second)
    fresh.ledger.csv(table, *good, same, other, file=f"{table}/a.csv")
    fresh.publish(*EVERYTHING)
    n = len(good)
    assert fresh.rows("quarantine", "row_number", "reason") == [
        (n + 1, "conflicting_duplicate"),
        (n + 2, "conflicting_duplicate"),
    ]
    fresh.ledger.csv(table, *good, same, same, file=f"{table}/a.csv")
    fresh.publish("--revise", *EVERYTHING)
    assert fresh.rows("quarantine", "row_number", "reason") == [(n + 2, "duplicate_key")]


# -- unknown parties -------------------------------------------------------------------------------


def test_unknown_customer__gets_a_placeholder_by_default(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1"), item("I2", customer_id="C404"))
    fresh.ledger.csv("commitments", row("commitments", commitment_id="K1", customer_id="C405"))
    fresh.publish()
    assert fresh.rows("quarantine") == []
    assert fresh.rows("items", "item_id", "customer_id", "credit_account_id") == [
        ("I1", "C1", "C1"),
        ("I2", "C404", "C404"),
    ]
    accounts = fresh.rows("credit_accounts", "credit_account_id", "country", "group_id")
    assert accounts == [("C1", "FR", None), ("C404", None, None), ("C405", None, None)]


def test_unknown_customer__is_quarantined_when_configured(night: Night) -> None:
    night.ledger.csv("open_items", item("I1"), item("I2", customer_id="C404"))
    night.ledger.csv("commitments", row("commitments", commitment_id="K1", customer_id="C405"))
    strict = night.configure('input.unknown_customer = "quarantine"')
    said = night.refused(65, *strict)
    assert "too many bad rows in table open_items: 1 of 2 rows" in said
    night.publish("--revise", *strict, *EVERYTHING)
    found = night.rows("quarantine")
    assert [(one["table"], one["row_number"], one["column"], one["reason"]) for one in found] == [
        ("commitments", 1, "customer_id", "unknown_customer"),
        ("open_items", 2, "customer_id", "unknown_customer"),
    ]
    message = found[1]["message"]
    assert "found A999" in message
    assert 'add the customer, or set [input] unknown_customer = "placeholder"' in message
    assert "C404" not in message
    assert night.rows("items", "item_id") == ["I1"]
    assert night.rows("credit_accounts", "credit_account_id") == ["C1"]


def test_unknown_customer__whose_own_row_is_bad_is_a_cascade(fresh: Night) -> None:
    fresh.ledger.csv(
        "customers", *customers("C1"), row("customers", customer_id="C2", country="ZZ")
    )
    fresh.ledger.csv("open_items", item("I1"), item("I2", customer_id="C2"))
    fresh.publish(*EVERYTHING)
    assert fresh.rows("items", "item_id") == ["I1", "I2"]
    strict = fresh.configure('input.unknown_customer = "quarantine"')
    fresh.publish("--revise", *strict, *EVERYTHING)
    assert fresh.rows("items", "item_id") == ["I1"]
    assert fresh.rows("quarantine", "table", "row_number", "reason") == [
        ("customers", 2, "unknown_country"),
        ("open_items", 2, "parent_quarantined"),
    ]


# -- allocations -----------------------------------------------------------------------------------


def test_allocation__of_an_unknown_item_is_quarantined(night: Night) -> None:
    night.ledger.csv("open_items", item("I1"))
    night.ledger.csv("allocations", allocation("I1"), allocation("I404"), allocation("I1 "))
    said = night.refused(65)
    assert "too many bad rows in table allocations: 2 of 3 rows" in said
    assert [(one["row_number"], one["reason"]) for one in night.rejected()] == [
        (2, "unknown_item"),
        (3, "unknown_item"),
    ]
    message = night.rejected()[0]["message"]
    assert "item_id: " in message
    assert "found A999" in message
    assert "deliver the item, cleared ones included, or leave the allocation out" in message


def test_allocation__in_another_currency_is_quarantined(fresh: Night) -> None:
    fresh.ledger.csv(
        "allocations",
        allocation("I1", currency="USD"),
        allocation("I1", currency="EUR"),
        allocation("I1", currency=None),
    )
    fresh.publish(*EVERYTHING)
    (found,) = fresh.rows("quarantine")
    assert (found["row_number"], found["column"]) == (1, "currency")
    assert found["reason"] == "currency_mismatch"
    assert "found AAA" in found["message"]
    assert "deliver the allocation in the currency of its item" in found["message"]
    # No exchange rate of the refused dollars is asked for, and they reduce nothing.
    assert [str(amount) for amount in fresh.rows("items", "open_amount")] == ["80.000"]


def test_allocation__beyond_its_item_stays_and_is_warned_of(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1"))
    fresh.ledger.csv("allocations", allocation("I1", amount="120.00"))
    fresh.publish()
    assert fresh.rows("quarantine") == []
    assert fresh.rows("items", "warnings") == ["over_applied"]


def test_open_amount__that_differs_from_the_allocations_is_kept_and_warned_of(
    fresh: Night,
) -> None:
    fresh.ledger.csv("open_items", item("I1", open_amount="95.00"))
    fresh.ledger.csv("allocations", allocation("I1"))
    fresh.publish("--max-rejected", "0")
    (found,) = fresh.rows("quarantine")
    assert (found["column"], found["reason"]) == ("open_amount", "open_amount_differs")
    assert found["kept"]
    assert [str(amount) for amount in fresh.rows("items", "open_amount")] == ["90.000"]


# -- cascades --------------------------------------------------------------------------------------


def test_cascade__is_quarantined_and_not_counted_again(night: Night) -> None:
    night.ledger.csv("open_items", item("B1", amount="?"), *items(9))
    bad = [allocation("B1") for _ in range(3)]
    night.ledger.csv("allocations", *bad, allocation("I1"))
    night.publish("--revise", "--max-rejected", "0.1")
    assert night.rows("quarantine", "table", "row_number", "reason") == [
        ("allocations", 1, "parent_quarantined"),
        ("allocations", 2, "parent_quarantined"),
        ("allocations", 3, "parent_quarantined"),
        ("open_items", 1, "wrong_type"),
    ]
    message = night.rows("quarantine", "message")[0]
    assert "correct the row that this one belongs to" in message
    assert night.manifest()["rows"]["allocations"] == {
        "read": 4, "accepted": 1, "quarantined": 3, "kept": 0,
    }  # fmt: skip


def test_cascade__does_not_hide_what_is_bad_by_itself(night: Night) -> None:
    night.ledger.csv("open_items", item("B1", amount="?"), *items(9))
    night.ledger.csv("allocations", allocation("B1"), allocation("I404"))
    said = night.refused(65, "--max-rejected", "0.1")
    assert "too many bad rows in table allocations: 1 of 2 rows" in said


# -- parents ---------------------------------------------------------------------------------------


def test_parent__that_is_missing_is_dropped_and_the_customer_kept(fresh: Night) -> None:
    fresh.ledger.csv("customers", row("customers", customer_id="C1", parent_id="P404"))
    fresh.publish("--max-rejected", "0")
    (found,) = fresh.rows("quarantine")
    assert (found["table"], found["row_number"], found["column"]) == ("customers", 1, "parent_id")
    assert (found["reason"], found["kept"]) == ("missing_parent", True)
    assert "found A999" in found["message"]
    assert "add the parent to customers, or empty parent_id" in found["message"]
    assert fresh.rows("credit_accounts", "credit_account_id", "group_id") == [("C1", None)]
    assert fresh.rows("groups") == []


def test_parents__in_a_cycle_are_dropped_and_the_customers_kept(fresh: Night) -> None:
    parents = {"C1": "C2", "C2": "C3", "C3": "C2", "C4": "C4", "C5": "C1"}
    fresh.ledger.csv(
        "customers",
        *[row("customers", customer_id=name, parent_id=parent) for name, parent in parents.items()],
    )
    fresh.ledger.csv("open_items", *[item(f"I{name}", customer_id=name) for name in parents])
    fresh.publish("--max-rejected", "0")
    assert fresh.rows("quarantine", "row_number", "column", "reason", "kept") == [
        (number, "parent_id", "parent_cycle", True) for number in (2, 3, 4)
    ]
    assert fresh.rows("groups", "group_id", "depth", "member_count") == [("C1", 1, 2), ("C2", 0, 3)]
    assert dict(fresh.rows("credit_accounts", "credit_account_id", "group_id")) == {
        "C1": "C2", "C2": "C2", "C3": None, "C4": None, "C5": "C2",
    }  # fmt: skip


def test_parent__whose_own_row_is_bad_is_missing(fresh: Night) -> None:
    fresh.ledger.csv(
        "customers",
        row("customers", customer_id="C1", parent_id="P1"),
        row("customers", customer_id="P1", country="ZZ"),
    )
    fresh.publish(*EVERYTHING)
    assert fresh.rows("quarantine", "row_number", "reason", "kept") == [
        (1, "missing_parent", True),
        (2, "unknown_country", False),
    ]
