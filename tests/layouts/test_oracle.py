"""Oracle payment schedules and their applications: the traps on one small extract, by hand."""

import shutil
from pathlib import Path

import pytest

from tests.layouts.layout_nights import FIXTURES, LayoutNight, bundled

SETTINGS = """
[reporting]
currency = "USD"
[input]
unknown_customer = "quarantine"
[input.parameters]
limit_currency = "USD"
"""
DAYS = ("2026-09-10", "2026-09-15", "2026-10-31")
EXTRACTED = ("--extract-date", "2026-10-31")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    night = bundled("oracle_ar", tmp_path_factory.mktemp("oracle"), SETTINGS)
    for as_of in DAYS:
        night.publish(as_of, *EXTRACTED)
    return night


def test_open_amounts__travel_in_time(night: LayoutNight) -> None:
    # 5005: 30 of the receipt 5009, which bounces on the 20th.
    assert night.open_amounts("2026-09-10") == {
        "5001": "600", "5002": "600", "5003": "-150", "5004": "-500", "5005": "190.55",
    }  # fmt: skip
    # 400 cash and 10 discount on 5001; the credit note of the 15th has the GL date of the 30th.
    assert night.open_amounts("2026-09-15") == {
        "5001": "190", "5002": "600", "5003": "-150", "5004": "-100", "5005": "190.55",
    }  # fmt: skip
    # What AMOUNT_DUE_REMAINING says, less deposits, unconfirmed and unidentified receipts.
    assert night.open_amounts("2026-10-31") == {
        "5001": "90", "5002": "600", "5003": "-50", "5004": "-100", "5010": "40.45",
    }  # fmt: skip


def test_applications__agree_with_what_the_extract_says_is_open(night: LayoutNight) -> None:
    for as_of in DAYS:
        assert night.rows("quarantine", as_of) == []  # `open_amount_differs` would stand here


def test_remaining_amount_that_differs__is_reported(tmp_path: Path) -> None:
    ledger = shutil.copytree(FIXTURES / "oracle_ar", tmp_path / "ledger")
    path = ledger / "AR_PAYMENT_SCHEDULES_ALL.csv"
    path.write_text(path.read_text("utf-8").replace(",600,90,100,", ",600,91,100,"), "utf-8")
    night = bundled("oracle_ar", tmp_path, SETTINGS, ledger=ledger)
    night.publish("2026-10-31", *EXTRACTED)
    columns = ("file", "row_number", "reason", "kept")
    found = night.rows("quarantine", "2026-10-31", *columns)
    assert found == [("AR_PAYMENT_SCHEDULES_ALL.csv", 1, "open_amount_differs", True)]


def test_items__are_instalments_with_their_class(night: LayoutNight) -> None:
    columns = ("document_type", "document_number", "due_date", "days_past_due", "settled_on")
    assert night.items("2026-10-31", *columns) == {
        "5001": ("invoice", "INV-1", "2026-08-31", 61, None),
        "5002": ("invoice", "INV-1", "2026-09-30", 31, None),
        "5003": ("credit_note", "CM-1", "2026-09-01", 60, None),
        "5004": ("payment", "RCP-1", "2026-09-10", 51, None),
        "5005": ("invoice", "INV-2", "2026-09-09", 26, "2026-10-05"),
        "5010": ("debit_note", "CB-1", "2026-11-11", -11, None),
    }


def test_dispute__counts_from_its_date(night: LayoutNight) -> None:
    for as_of in DAYS:
        assert night.items(as_of, "disputed_amount")["5001"] == ("40",)


def test_receipt_in_another_currency__uses_up_its_own_amount(night: LayoutNight) -> None:
    # 250.00 USD paid 220.55 EUR: both are settled, and the receipt leaves nothing.
    counts = night.manifest("2026-10-31")["items"]
    assert (counts["settled_late"], counts["open"]) == (1, 5)


def test_limits_in_several_currencies__are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    open_choice = SETTINGS.replace('limit_currency = "USD"', "")
    night = bundled("oracle_ar", tmp_path, open_choice)
    night.refused("2026-10-31", 65)
    rows = night.rejected()
    assert [(one["file"], one["row_number"]) for one in rows] == [
        ("HZ_CUST_PROFILE_AMTS.csv", 2), ("HZ_CUST_PROFILE_AMTS.csv", 3),
    ]  # fmt: skip
    for one in rows:
        assert "limits in several currencies: state limit_currency" in one["message"]
