"""Insured cover through a whole night: history from allocations, orders, files and threads."""

import random
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from tests.jobs.ledgers import Night, Row, allocation, item, left_in_staging, row

LIMITS = [
    row("credit_limits", limit_id="L1", kind="insured", policy="P", amount="100.00"),
    row(
        "credit_limits",
        limit_id="L2",
        kind="insured",
        policy="P",
        amount="50.00",
        valid_from="2026-09-01",
    ),
    row("credit_limits", limit_id="L3", amount="500.00"),
    row("credit_limits", limit_id="L4", kind="guarantee", amount="7.00", valid_to="9999-12-31"),
]
"""100.00 insured from January, cut to 50.00 on 1 September; an internal limit, a guarantee."""

ITEMS = [
    # On the eve of the cut A fills 80.00 of the 100.00 and B the rest; A was paid afterwards.
    item("A", amount="80.00", document_date="2026-08-01", due_date="2026-10-20"),
    item("B", amount="50.00", document_date="2026-08-02", due_date="2026-10-20"),
    # Delivered in August, invoiced and posted after the cut: nothing was left on its eve.
    item(
        "C",
        amount="40.00",
        delivery_date="2026-08-03",
        document_date="2026-09-05",
        due_date="2026-10-20",
    ),
    # Delivered after the cut on an order of July: the old ceiling of 100.00 holds.
    item(
        "D", amount="70.00", document_date="2026-09-03", due_date="2026-11-20", order_id="ORDER-1"
    ),
    # The same on an order that was confirmed after the cut: the new ceiling is used up.
    item(
        "E", amount="30.00", document_date="2026-09-04", due_date="2026-11-20", order_id="ORDER-2"
    ),
    item("F", amount="-5.00", document_type="credit_note", document_date="2026-09-05"),
    # A neighbour without a limit, and an item that does not exist: neither is covered.
    item("G", amount="60.00", customer_id="C2", due_date="2026-11-20"),
    item("H", amount="60.00", posting_date="2026-11-01", document_date="2026-08-01"),
]
COVERED = {"B": "20.00", "C": "0.00", "D": "70.00", "E": "0.00", "F": "0", "G": "0"}

ALLOCATIONS = [
    allocation("A", amount="80.00", value_date="2026-09-10"),
    allocation("B", amount="5.00", value_date="2026-09-11"),
    allocation("B", amount="-5.00", value_date="2026-09-12", kind="return"),
]


def commitment(number: int, **values: str) -> Row:
    """Give an order of C1; what was delivered of it is closed."""
    return row("commitments", commitment_id=f"K{number}", closed_date="2026-09-02", **values)


def write(night: Night, parts: int, chance: random.Random) -> None:
    """Write the ledger, its rows shuffled and spread over files."""
    shuffled = {
        "open_items": chance.sample(ITEMS, len(ITEMS)),
        "allocations": chance.sample(ALLOCATIONS, len(ALLOCATIONS)),
        "credit_limits": chance.sample(LIMITS, len(LIMITS)),
    }
    for table, rows in shuffled.items():
        for part in range(parts):
            if rows[part::parts]:
                night.ledger.csv(table, *rows[part::parts], file=f"{table}/part-{part}.csv")
    night.ledger.csv("customers", *(row("customers", customer_id=one) for one in ("C1", "C2")))
    night.ledger.csv(
        "policies",
        row(
            "policies",
            policy="P",
            insured_percent="90",
            binding_orders_days="10",
            valid_from="2026-01-01",
        ),
    )
    night.ledger.csv(
        "commitments",
        commitment(1, order_id="ORDER-1", document_date="2026-07-01"),
        commitment(2, order_id="ORDER-2", document_date="2026-09-01"),
        commitment(3, order_id="ORDER-2", document_date="2026-07-01", company_code="2000"),
    )
    night.ledger.csv(
        "companies", *(row("companies", company_code=code) for code in ("1000", "2000"))
    )


@pytest.mark.parametrize(("parts", "options"), [(1, ()), (3, ("--threads", "3")), (2, ())])
def test_run__covers_items_in_the_order_of_delivery(
    tmp_path: Path, parts: int, options: tuple[str, ...]
) -> None:
    night = Night(tmp_path)
    write(night, parts, random.Random(parts))
    assert "cover: finished" in night.publish(*options).stderr
    found = {
        name: amount
        for name, amount in night.rows("items", "item_id", "insured_covered_rc")
        if name in COVERED
    }
    expected = {name: Decimal(amount) for name, amount in COVERED.items() if name in found}
    assert found == expected
    assert len(found) == 6
    columns = ("insured_covered", "guarantees", "secured", "unsecured", "insured_limit")
    [account] = [
        one
        for one in night.rows("credit_accounts", "credit_account_id", "exposure", *columns)
        if one[0] == "C1"
    ]
    assert account[1:] == tuple(Decimal(amount) for amount in ("185", "90", "7", "88", "97", "50"))


def test_run__of_a_ledger_without_insured_limits_works_out_no_cover(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.ledger.csv("credit_limits", LIMITS[2])
    result = night.publish()
    assert night.rows("items", "insured_covered_rc") == [None]
    assert night.rows("credit_accounts", "insured_covered", "secured") == [(0, 0)]
    assert "cover: finished" not in result.stderr


def test_run__of_a_ledger_without_limits_says_nothing_of_them(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.publish()
    assert "no_credit_limits" in night.warnings()
    columns = ("limit_status", "credit_limit", "insured_covered", "secured", "unsecured")
    assert night.rows("credit_accounts", *columns) == [(None,) * 5]


def test_run__takes_an_item_only_where_it_is_not_quarantined(tmp_path: Path) -> None:
    night = Night(tmp_path)
    bad = item("A", amount="80.00", document_date="2026-08-01", interest_regime="XX")
    good = item("B", amount="50.00", document_date="2026-08-02", due_date="2026-10-20")
    night.ledger.csv("open_items", bad, good)
    night.ledger.csv("credit_limits", LIMITS[0])
    night.publish(*night.configure("input.max_rejected = 1"))
    assert {"policy_missing", "insured_percent_missing"} <= night.warnings().keys()
    assert night.rows("items", "item_id", "insured_covered_rc") == [("B", Decimal("50.000"))]


@pytest.mark.parametrize("kind", ["insured", "internal"])
def test_run__names_the_limit_that_money_cannot_hold_once_converted(
    tmp_path: Path, kind: str
) -> None:
    night = Night(tmp_path)
    large = {"limit_id": "L77", "kind": kind, "currency": "GBP", "amount": "999999999999999.99"}
    night.ledger.csv("credit_limits", LIMITS[0], {**LIMITS[0], **large})
    night.ledger.csv(
        "fx_rates", row("fx_rates", from_currency="GBP", to_currency="EUR", rate="1.2")
    )
    night.ledger.csv("open_items", item("A", amount="10.00"))
    told = night.refused(65)
    assert "an amount is more than money can hold once it is converted from GBP to EUR" in told
    assert "credit_limits, limit_id A99" in told


@pytest.mark.parametrize("paid", [None, "999999999999989.99"])
def test_run__names_the_insured_item_that_money_cannot_hold_once_converted(
    tmp_path: Path, paid: str | None
) -> None:
    night = Night(tmp_path)
    if paid is not None:  # what was open on the eve of the cut is converted, too
        night.ledger.csv("allocations", allocation("C", amount=paid, value_date="2026-09-10"))
    night.ledger.csv("credit_limits", *LIMITS[:2])
    night.ledger.csv(
        "fx_rates", row("fx_rates", from_currency="GBP", to_currency="EUR", rate="1.2")
    )
    night.ledger.csv(
        "open_items",
        item("A", document_type="payment", amount="-1.00"),
        item("B", amount="10.00"),
        item("C", amount="999999999999999.99", currency="GBP"),
    )
    told = night.refused(65)
    assert "an amount is more than money can hold once it is converted from GBP to EUR" in told
    assert "open_items.csv, row 3, item_id A" in told


def test_run__covers_items_with_columns_that_arrow_has_to_write(tmp_path: Path) -> None:
    night = Night(tmp_path)
    write(night, 1, random.Random(7))
    for path in night.ledger.directory.glob("open_items/*"):
        path.unlink()
    for number, one in enumerate(ITEMS):  # several work units to a part, and several parts
        own, file = one | {"weight": str(number)}, f"open_items/part-{number}.parquet"
        night.ledger.parquet("open_items", own, file=file, weight=pa.float64())
    night.publish(*night.configure('carry = ["weight"]'))
    found = night.rows("items", "item_id", "weight", "insured_covered_rc")
    assert {name: Decimal(COVERED[name]) for name, _, _ in found} == {
        name: covered for name, _, covered in found
    }
    assert [weight for _, weight, _ in found] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    parts = list((night.published() / "items").glob("*.parquet"))
    assert len(parts) == 2
    assert not left_in_staging(night.out)


def test_run__an_insurer_whose_policy_begins_later_stops_cover_all_the_same(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.ledger.csv("credit_limits", LIMITS[0])
    night.ledger.csv("policies", row("policies", policy="P", valid_from="2026-12-01"))
    night.ledger.csv("open_items", item("A", document_date="2026-02-01", due_date="2026-03-01"))
    night.publish()
    assert night.rows("items", "insured_covered_rc") == [Decimal("0.000")]
    assert "cover_stopped" in night.rows("breaches", "rule")


def test_run__of_insured_limits_and_no_item_publishes_empty_tables(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.ledger.csv("credit_limits", *LIMITS)
    night.ledger.csv("open_items")
    night.publish()
    assert night.rows("items", "insured_covered_rc") == []
    assert night.rows("credit_accounts", "insured_covered") == [Decimal("0.000")]


def test_validate__of_insured_limits_leaves_nothing_behind(tmp_path: Path) -> None:
    night = Night(tmp_path)
    write(night, 2, random.Random(1))
    night.ledger.complete()
    result = night.call("validate")
    assert result.exit_code == 0, result.stderr
    assert "cover: finished" not in result.stderr
    assert not left_in_staging(night.out)
