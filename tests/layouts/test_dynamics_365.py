"""Dynamics 365 transactions, settlements and open portions; figures by hand."""

import pytest

from tests.layouts.layout_nights import LayoutNight, bundled

SETTINGS = '[input]\nunknown_customer = "quarantine"\n'
DAYS = ("2026-09-05", "2026-09-20", "2026-10-31")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    night = bundled("dynamics_365", tmp_path_factory.mktemp("d365"), SETTINGS)
    for as_of in DAYS:
        night.publish(as_of)
    return night


def test_open_amounts__travel_in_time(night: LayoutNight) -> None:
    # 1,200 in two instalments; 700 paid on the 10th settle the first and 100 of the second.
    assert night.open_amounts("2026-09-05") == {
        "1/2026-08-31": "600", "1/2026-09-30": "600", "4/2026-10-01": "300",
    }  # fmt: skip
    assert night.open_amounts("2026-09-20") == {
        "1/2026-09-30": "500", "3/2026-09-15": "-50", "4/2026-10-01": "300",
    }  # fmt: skip
    # What CustTransOpen holds.
    assert night.open_amounts("2026-10-31") == {
        "1/2026-09-30": "500", "3/2026-09-15": "-50", "7/2026-10-15": "12.34", "8/-": "-100",
    }  # fmt: skip


def test_items__have_currency_type_and_dates_of_their_transaction(night: LayoutNight) -> None:
    columns = ("company_code", "customer_id", "document_type", "currency", "amount",
               "document_date", "due_date")  # fmt: skip
    assert night.items("2026-10-31", *columns) == {
        "1/2026-08-31": (
            "USMF", "USMF/US-001", "invoice", "USD", "600", "2026-07-31", "2026-08-31"),
        "1/2026-09-30": (
            "USMF", "USMF/US-001", "invoice", "USD", "600", "2026-07-31", "2026-09-30"),
        "3/2026-09-15": (
            "USMF", "USMF/US-001", "credit_note", "USD", "-50", "2026-09-15", "2026-09-15"),
        "7/2026-10-15": (
            "USMF", "USMF/US-002", "interest_note", "USD", "12.34", "2026-10-01", "2026-10-15"),
        "8/-": ("USMF", "USMF/US-002", "down_payment", "USD", "-100", "2026-10-02", "2026-10-02"),
    }  # fmt: skip


def test_settled_instalment__was_late_by_its_own_due_date(night: LayoutNight) -> None:
    late = night.items("2026-10-31", "settled_on", "days_past_due")["1/2026-08-31"]
    assert late == ("2026-09-10", 10)
    # The invoice of Nordwind was paid with 2 % discount before it was due.
    assert night.manifest("2026-10-31")["items"]["settled_in_time"] >= 1


def test_invoice_account__carries_the_debt(night: LayoutNight) -> None:
    columns = ("credit_segment", "credit_account_id", "item_count")
    accounts = night.rows("credit_accounts", "2026-10-31", *columns)
    assert ("USMF", "USMF/US-001", 4) in accounts  # two items of US-001 and two of US-002
    assert not [one for one in accounts if one[1] == "USMF/US-002"]


def test_rows__all_find_their_place(night: LayoutNight) -> None:
    for as_of in DAYS:
        assert night.rows("quarantine", as_of) == []
