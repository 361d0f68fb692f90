"""Odoo and ERPNext exports: traps of both on small extracts, figures by hand."""

from pathlib import Path

import pytest

from tests.layouts.layout_nights import LayoutNight, bundled

ODOO = """
[input]
unknown_customer = "quarantine"
[input.parameters]
limit_currency = "EUR"
"""
ERPNEXT = """
[input]
unknown_customer = "quarantine"
[input.parameters]
country = "FR"
"""
EXTRACTED = ("--extract-date", "2026-10-31")
ODOO_DAYS = ("2026-09-19", "2026-09-24", "2026-10-31")
ERPNEXT_DAYS = ("2026-09-10", "2026-10-07", "2026-10-31")


@pytest.fixture(scope="module")
def odoo(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    night = bundled("odoo", tmp_path_factory.mktemp("odoo"), ODOO)
    for as_of in ODOO_DAYS:
        night.publish(as_of, *EXTRACTED)
    return night


@pytest.fixture(scope="module")
def erpnext(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    night = bundled("erpnext", tmp_path_factory.mktemp("erpnext"), ERPNEXT)
    for as_of in ERPNEXT_DAYS:
        night.publish(as_of)
    return night


def test_odoo__open_amounts_travel_in_time(odoo: LayoutNight) -> None:
    assert odoo.open_amounts("2026-09-19") == {
        "101": "1234.56", "102": "300", "103": "300", "109": "500",
    }  # fmt: skip
    # 1,500 pay 101 whole and 265.44 of the first instalment; nothing of the payment is left.
    assert odoo.open_amounts("2026-09-24") == {"102": "34.56", "103": "300", "109": "500"}
    # What amount_residual_currency says.
    assert odoo.open_amounts("2026-10-31") == {"103": "300", "105": "-65.44"}


def test_odoo__items_are_posted_receivable_lines_of_the_commercial_partner(
    odoo: LayoutNight,
) -> None:
    columns = ("customer_id", "document_type", "amount", "document_date", "due_date", "settled_on")
    assert odoo.items("2026-10-31", *columns) == {
        "101": ("10", "invoice", "1234.56", "2026-08-01", "2026-08-31", "2026-09-20"),
        "102": ("10", "invoice", "300", "2026-08-15", "2026-09-15", "2026-09-25"),
        "103": ("10", "invoice", "300", "2026-08-15", "2026-10-15", None),
        "105": ("10", "credit_note", "-100", "2026-09-24", "2026-09-25", None),
    }


def test_odoo__reconciliations_agree_with_the_residuals(odoo: LayoutNight) -> None:
    for as_of in ODOO_DAYS:
        assert odoo.rows("quarantine", as_of) == []


def test_erpnext__open_amounts_travel_in_time(erpnext: LayoutNight) -> None:
    invoice = "Sales Invoice/SINV-1/CUST-1/Debtors - AC"
    payment = "Payment Entry/PE-1/CUST-1/Debtors - AC"
    voucher = "Journal Entry/JV-1/CUST-1/Debtors - AC"
    second = "Sales Invoice/SINV-2/CUST-2/Debtors - AC"
    assert erpnext.open_amounts("2026-09-10") == {invoice: "1000", voucher: "250", second: "20"}
    # 600 of 750 were allocated: the rest is the payment's own, the delinked 600 are nobody's.
    assert erpnext.open_amounts("2026-10-07") == {invoice: "400", payment: "-150", voucher: "250"}
    # Less a credit note of 100.50.
    assert erpnext.open_amounts("2026-10-31") == {
        invoice: "299.5", payment: "-150", voucher: "250",
    }  # fmt: skip


def test_erpnext__items_have_their_voucher_and_due_date(erpnext: LayoutNight) -> None:
    columns = ("document_number", "document_type", "due_date")
    assert set(erpnext.items("2026-10-31", *columns).values()) == {
        ("SINV-1", "invoice", "2026-09-30"),
        ("PE-1", "payment", "2026-10-05"),
        ("JV-1", "debit_note", "2026-09-11"),
    }
    for as_of in ERPNEXT_DAYS:
        assert erpnext.rows("quarantine", as_of) == []


def test_erpnext__country_follows_from_the_first_address(erpnext: LayoutNight) -> None:
    columns = ("credit_segment", "credit_account_id", "country", "customer_name")
    accounts = erpnext.rows("credit_accounts", "2026-10-31", *columns)
    assert ("Acme", "CUST-1", "DE", "Grant Plastics") in accounts


def test_erpnext__customer_without_a_country_is_refused_with_the_cure(tmp_path: Path) -> None:
    night = bundled("erpnext", tmp_path)
    night.refused("2026-10-31", 65)
    (row,) = night.rejected()
    assert (row["file"], row["row_number"]) == ("Customer.csv", 3)
    assert "state country under [input.parameters]" in row["message"]
