"""SAP S/4HANA journal entry items, as two versions of OData write them; figures by hand."""

from pathlib import Path

import pytest

from tests.layouts.layout_nights import LayoutNight, bundled

SETTINGS = '[input]\nunknown_customer = "quarantine"\n'

DAYS = ("2026-09-17", "2026-10-31")
CLEARED = "1010/9400000003/2026/001"


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    night = bundled("sap_s4_odata", tmp_path_factory.mktemp("s4"), SETTINGS)
    for as_of in DAYS:
        night.publish(as_of)
    return night


def test_items__of_both_versions_are_read_with_the_sign_that_they_have(night: LayoutNight) -> None:
    columns = ("customer_id", "document_type", "currency", "amount", "document_date", "due_date")
    assert night.items("2026-10-31", *columns) == {
        "1010/9400000001/2026/001": (
            "0017100001", "invoice", "EUR", "1190", "2026-08-03", "2026-09-02"),
        # DebitCreditCode H and -7199.1: turned once more it would be a debt.
        "1010/9400000002/2026/001": (
            "0017100001", "credit_note", "EUR", "-7199.1", "2026-08-31", "2026-09-01"),
        CLEARED: ("0017100001", "invoice", "EUR", "7199.1", "2026-06-01", "2026-07-01"),
        # 155000 is 155,000 yen: no TCURX here.
        "1010/9400000004/2026/001": (
            "0017100002", "invoice", "JPY", "155000", "2026-09-10", "2026-10-10"),
        "1010/1500000001/2026/001": (
            "0017100002", "down_payment", "EUR", "-300.5", "2026-09-12", "2026-09-12"),
        "1010/1600000001/2026/001": (
            "0017100002", "bill_of_exchange", "EUR", "820.25", "2026-09-13", "2026-12-13"),
    }  # fmt: skip


def test_open_amounts__travel_in_time(night: LayoutNight) -> None:
    between = night.open_amounts("2026-09-17")
    assert between[CLEARED] == "7199.1"
    assert between["1010/1400000007/2026/001"] == "-7199.1"
    assert CLEARED not in night.open_amounts("2026-10-31")
    settled = night.items("2026-10-31", "settled_on", "days_past_due")[CLEARED]
    assert settled == ("2026-09-15", 76)  # paid on the 15th, cleared on the 20th


def test_rows__of_other_accounts_and_requests_are_left_out(night: LayoutNight) -> None:
    for as_of in DAYS:
        assert night.manifest(as_of)["rows"]["open_items"]["accepted"] == 7
        assert night.rows("quarantine", as_of) == []


def test_an_answer_that_stops_short__is_refused(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    for path in bundled("sap_s4_odata", tmp_path).ledger.iterdir():
        text = path.read_text(encoding="utf-8")
        (ledger / path.name).write_text(text[:-40] if "page1" in path.name else text, "utf-8")
    said = bundled("sap_s4_odata", tmp_path, SETTINGS, ledger=ledger).refused("2026-10-31", 65)
    assert "items_page1.json" in said
