"""Invoices, payments and limits with planted errors: all are found, none is believed."""

import csv
from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from tests.layouts.layout_nights import EXTRACTS, LayoutNight
from tests.shared_material import SHARED

LEDGER = SHARED / "data" / "ar_with_credit_limits"
DAYS = ("2024-06-30", "2025-06-30", "2026-04-30")
LAST = DAYS[-1]
SETTINGS = '[reporting]\ncurrency = "INR"\n[input]\nmax_rejected = 0.01\n'

pytestmark = pytest.mark.skipif(
    not LEDGER.is_dir(), reason="the set has no licence and lies beside the repository, if at all"
)

Row = dict[str, str]


def read(name: str) -> list[Row]:
    with (LEDGER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    layout = str(EXTRACTS / "ar_with_credit_limits.toml")
    night = LayoutNight(LEDGER, (layout,), tmp_path_factory.mktemp("limits"), SETTINGS)
    for as_of in DAYS:
        night.publish(as_of)
    return night


def is_good(row: Row) -> bool:
    """Tell whether an invoice can be read in one way only."""
    return "/" not in row["Invoice_Date"] and bool(row["Invoice_Amount"]) and (
        not row["Invoice_Amount"].startswith("-")
    )  # fmt: skip


def open_by_rows(as_of: str) -> dict[str, Decimal]:
    """Work out what is open of every good invoice, one by one."""
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for row in read("Payments.csv"):
        if row["Payment_Date"] <= as_of:
            paid[row["Invoice_ID"]] += Decimal(row["Amount_Paid"])
    issued = {
        row["Invoice_ID"]: Decimal(row["Invoice_Amount"])
        for row in read("Invoices.csv")
        if is_good(row) and row["Invoice_Date"] <= as_of
    }
    rest = {invoice: amount - paid[invoice] for invoice, amount in issued.items()}
    return {invoice: amount for invoice, amount in rest.items() if amount}


def test_planted_errors__are_found_and_counted(night: LayoutNight) -> None:
    columns = ("table", "reason", "kept")
    found = Counter(night.rows("quarantine", LAST, *columns))
    lost_payments = sum(
        1 for row in read("Payments.csv")
        if not any(is_good(one) for one in by_invoice[row["Invoice_ID"]])
    ) if (by_invoice := _by_invoice()) else 0  # fmt: skip
    assert found == {
        ("open_items", "wrong_type", False): 10,  # DD/MM/YYYY among ISO dates
        ("open_items", "missing_value", False): 6,  # amounts
        ("open_items", "refused_by_layout", False): 3,  # below zero, and paid
        ("open_items", "duplicate_key", False): 5,
        ("customers", "duplicate_key", False): 3,
        ("allocations", "parent_quarantined", False): lost_payments,
    }


def _by_invoice() -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in read("Invoices.csv"):
        rows[row["Invoice_ID"]].append(row)
    return rows


def test_bad_dates__are_named_with_their_shape_and_the_declared_form(night: LayoutNight) -> None:
    columns = ("reason", "column", "file", "row_number", "message", "raw")
    bad = [one for one in night.rows("quarantine", LAST, *columns) if one[0] == "wrong_type"]
    rows = read("Invoices.csv")
    for _, column, file, number, message, raw in bad:
        assert (column, file) == ("Invoice_Date", "Invoices.csv")
        assert "/" in rows[number - 1]["Invoice_Date"]
        assert "99/99/9999" in message
        assert "YYYY-MM-DD" in message
        assert rows[number - 1]["Invoice_ID"] in raw


@pytest.mark.parametrize("as_of", DAYS)
def test_open_amounts__follow_from_invoices_and_payments(night: LayoutNight, as_of: str) -> None:
    published = {
        item: amount for item, amount in night.rows("items", as_of, "item_id", "open_amount")
        if amount
    }  # fmt: skip
    assert published == open_by_rows(as_of)


def test_missing_due_dates__follow_from_the_terms_of_the_customer(night: LayoutNight) -> None:
    terms = {
        row["Customer_ID"]: int(row["Payment_Terms"][4:]) for row in read("Customer_Master.csv")
    }
    published = night.items(LAST, "document_date", "due_date", "customer_id")
    missing = [row for row in read("Invoices.csv") if not row["Due_Date"]]
    assert len(missing) == 15
    seen = 0
    for row in missing:
        if row["Invoice_ID"] in published:
            issued, due, customer = published[row["Invoice_ID"]]
            days = _days(due) - _days(issued)
            assert days == terms[str(customer)]
            seen += 1
    assert seen


def _days(text: object) -> int:
    from datetime import date

    return date.fromisoformat(str(text)).toordinal()


def test_stated_exposure__is_not_believed(night: LayoutNight) -> None:
    stated = {
        row["Customer_ID"]: Decimal(row["Current_Exposure"]) for row in read("Credit_Limits.csv")
    }
    columns = ("credit_account_id", "exposure")
    computed = dict(night.rows("credit_accounts", LAST, *columns))
    owner = {row["Invoice_ID"]: row["Customer_ID"] for row in read("Invoices.csv")}
    expected: dict[str, Decimal] = dict.fromkeys(stated, Decimal(0))
    for invoice, amount in open_by_rows(LAST).items():
        expected[owner[invoice]] += amount
    assert computed == expected
    # The file's own column is nowhere near: it agrees on no customer of 500.
    assert [customer for customer in stated if computed[customer] == stated[customer]] == []
