"""SAP customer items: every trap of the raw tables on one small extract, figures by hand."""

import csv
import shutil
from pathlib import Path

import pytest

from tests.layouts.layout_nights import FIXTURES, LayoutNight, bundled

CLIENT = '[input]\nunknown_customer = "quarantine"\n[input.parameters]\nclient = "100"\n'
"""The extract carries two clients; a customer that KNA1 does not know would be a padding slip."""

DISPUTED = CLIENT + 'dispute_blocks = "R"\n'

ITEM = "1000/1800000001/2026/001"
LARGE = "1000/1800000002/2026/001"
CREDIT_ALONE = "1000/1600000001/2026/001"
CREDIT_OF_INVOICE = "1000/1600000002/2026/001"
CREDIT_WITH_TERMS = "1000/1600000003/2026/001"
YEN = "1000/1800000006/2026/001"
DINAR = "1000/1800000007/2026/001"
DOWN_PAYMENT = "1000/1500000001/2026/001"
BILL = "1000/1900000001/2026/001"
ON_ACCOUNT = "1000/1400000001/2026/001"
CLEARED = "1000/1700000001/2026/001"
CLEARING = "1000/1400000009/2026/001"
DISCOUNTED = "1000/1700000002/2026/001"


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    night = bundled("sap_bsid", tmp_path_factory.mktemp("sap"), DISPUTED)
    for as_of in ("2026-07-09", "2026-09-15", "2026-09-22", "2026-10-31"):
        night.publish(as_of)
    return night


def test_items__are_typed_signed_and_due_by_the_rules_of_the_source(night: LayoutNight) -> None:
    found = night.items("2026-10-31", "document_type", "currency", "amount", "due_date")
    assert found == {
        ITEM: ("invoice", "EUR", "1190", "2026-10-01"),  # 2/10 net 30: the last filled days
        LARGE: ("invoice", "EUR", "250.5", "2026-09-29"),  # no baseline: 15 August + 45
        CREDIT_ALONE: ("credit_note", "EUR", "-200", "2026-09-10"),  # its days do not count
        CREDIT_OF_INVOICE: ("credit_note", "EUR", "-90", "2026-10-01"),  # terms of the invoice
        CREDIT_WITH_TERMS: ("credit_note", "EUR", "-10", "2026-10-04"),  # REBZG = V: + 14
        YEN: ("invoice", "JPY", "123400", "2026-10-20"),  # stored as 1234.00
        DINAR: ("invoice", "KWD", "1234.567", "2026-08-30"),  # stored as 12345.67
        DOWN_PAYMENT: ("down_payment", "EUR", "-300", "2026-09-05"),
        BILL: ("bill_of_exchange", "EUR", "700", "2026-11-15"),
        ON_ACCOUNT: ("payment", "EUR", "-50", "2026-10-10"),
        CLEARED: ("invoice", "EUR", "500", "2026-08-31"),  # settled late, so still published
    }


def test_open_amounts__travel_in_time(night: LayoutNight) -> None:
    assert night.open_amounts("2026-07-09") == {DINAR: "1234.567", DISCOUNTED: "100"}
    mid_september = {
        ITEM: "1190", LARGE: "250.5", CREDIT_ALONE: "-200", DINAR: "1234.567",
        DOWN_PAYMENT: "-300", CLEARED: "500",
    }  # fmt: skip
    assert night.open_amounts("2026-09-15") == mid_september
    # Paid on the 20th, cleared on the 25th: on the 22nd both legs are open.
    assert night.open_amounts("2026-09-22") == mid_september | {
        CREDIT_OF_INVOICE: "-90", CREDIT_WITH_TERMS: "-10", YEN: "123400", CLEARING: "-500",
    }  # fmt: skip
    at_last = night.open_amounts("2026-10-31")
    assert CLEARED not in at_last
    assert CLEARING not in at_last


def test_interest__of_a_cleared_item_ends_when_it_was_paid(night: LayoutNight) -> None:
    columns = ("settled_on", "days_past_due", "interest_from", "interest_to", "interest_days")
    late = night.items("2026-10-31", *columns)[CLEARED]
    assert late == ("2026-09-20", 20, "2026-09-01", "2026-09-20", 20)


def test_cash_discount__clears_the_invoice_whole(night: LayoutNight) -> None:
    # 98.00 was paid on 100.00 within the term: both legs are settled in time and published no more.
    assert night.manifest("2026-09-15")["items"]["settled_in_time"] == 2
    assert DISCOUNTED not in night.items("2026-09-15", "amount")


def test_rows__of_another_client_and_noted_items_are_left_out_and_counted(
    night: LayoutNight,
) -> None:
    manifest = night.manifest("2026-10-31")
    assert manifest["items"]["not_yet_posted"] == 1  # 1800000008, posted in November
    assert manifest["rows"]["open_items"]["accepted"] == 15  # 17 rows, less client 200 and F
    assert night.rows("quarantine", "2026-10-31") == []


def test_accounts__carry_the_items_of_those_that_name_them(night: LayoutNight) -> None:
    columns = ("credit_account_id", "receivables", "bills_of_exchange", "credit_notes",
               "unapplied_payments", "down_payments", "exposure", "item_count")  # fmt: skip
    found = {
        one[0]: tuple(str(value) for value in one[1:])
        for one in night.rows("credit_accounts", "2026-10-31", *columns)
        if one[-1]
    }
    # 123,400 JPY at 0.00625 = 771.25 EUR; 1,234.567 KWD at 3 = 3,703.70 EUR.
    assert found == {
        "0000100001": ("2211.750", "700.000", "-300.000", "-50.000", "-300.000", "2261.750", "9"),
        "ACME01": ("3703.700", "0.000", "0.000", "0.000", "0.000", "3703.700", "1"),
    }  # fmt: skip


def test_item_flags__come_from_blocks(night: LayoutNight) -> None:
    items = night.items("2026-10-31", "disputed_amount", "interest_regime", "no_interest_reason")
    assert items[LARGE][0] == "250.5"  # MANSP R, stated as a dispute
    assert items[ITEM][0] == "0"
    assert items[DINAR][1] == "NONE"  # ZINKZ


def test_figures__are_the_same_without_TCURX(night: LayoutNight, tmp_path: Path) -> None:
    ledger = shutil.copytree(FIXTURES / "sap_bsid", tmp_path / "ledger")
    (ledger / "TCURX.csv").unlink()
    other = bundled("sap_bsid", tmp_path, DISPUTED, ledger=ledger)
    other.publish("2026-10-31")
    assert other.open_amounts("2026-10-31") == night.open_amounts("2026-10-31")


LIST_DOWNLOAD = """
real_decimals = true
[input.sources.items]
encoding = "utf-16"
separator = "\\t"
decimal_mark = ","
thousands_separator = "."
sign = "trailing"
date_format = "DD.MM.YYYY"
empty_dates = ["00.00.0000"]
"""


def _as_list_download(path: Path) -> None:
    """Write a raw table the way a list of it is saved: UTF-16, tabs, real decimals."""
    decimals = {"JPY": 0, "KWD": 3}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = ["\t".join(rows[0])]
    for row in rows:
        places = decimals.get(row["WAERS"], 2)
        cents = int(row["WRBTR"].replace(".", ""))
        whole, part = divmod(cents, 10**places) if places else (cents, 0)
        row["WRBTR"] = f"{whole:,}".replace(",", ".") + (f",{part:0{places}}" if places else "")
        row["WRBTR"] = f"{row['WRBTR']:>16} "
        for name in ("BUDAT", "BLDAT", "CPUDT", "AUGDT", "ZFBDT"):
            row[name] = f"{row[name][6:]}.{row[name][4:6]}.{row[name][:4]}"
        row["SGTXT"] = row["SGTXT"].replace('"', "")
        lines.append("\t".join(row.values()))
    path.with_suffix(".txt").write_bytes("\r\n".join([*lines, ""]).encode("utf-16"))
    path.unlink()


def test_figures__are_the_same_from_a_list_download(night: LayoutNight, tmp_path: Path) -> None:
    ledger = shutil.copytree(FIXTURES / "sap_bsid", tmp_path / "ledger")
    for name in ("BSID.csv", "BSAD.csv"):
        _as_list_download(ledger / name)
    # KNKK stays as it is: its amounts then mean what they say, which no figure here shows.
    other = bundled("sap_bsid", tmp_path, DISPUTED + LIST_DOWNLOAD, ledger=ledger)
    other.publish("2026-10-31")
    columns = ("document_type", "currency", "amount", "open_amount", "due_date", "settled_on")
    assert other.items("2026-10-31", *columns) == night.items("2026-10-31", *columns)


def _with_row(tmp_path: Path, table: str, change: dict[str, str]) -> Path:
    """Copy the extract and append a changed copy of the first row of a table to it."""
    ledger = shutil.copytree(FIXTURES / "sap_bsid", tmp_path / "ledger")
    with (ledger / "BSAD.csv").open(encoding="utf-8", newline="") as file:
        row = next(iter(csv.DictReader(file)))
    with (ledger / table).open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow((row | change).values())
    return ledger


def test_an_item_in_both_files__is_an_extract_race_and_named(tmp_path: Path) -> None:
    ledger = _with_row(tmp_path, "BSID.csv", {"AUGDT": "00000000", "AUGBL": ""})
    night = bundled("sap_bsid", tmp_path, CLIENT, ledger=ledger)
    night.publish("2026-10-31", "--max-rejected", "1")
    columns = ("table", "file", "row_number", "column", "reason")
    found = night.rows("quarantine", "2026-10-31", *columns)
    assert found == [("open_items", "BSID.csv", 14, "item_id", "duplicate_key")]


def test_signed_amounts__are_not_turned_twice(tmp_path: Path) -> None:
    ledger = _with_row(tmp_path, "BSID.csv", {"BELNR": "1", "WRBTR": "-500.00", "SHKZG": "H"})
    night = bundled("sap_bsid", tmp_path, CLIENT, ledger=ledger)
    night.refused("2026-10-31", 65)
    (row,) = night.rejected()
    assert (row["file"], row["row_number"]) == ("BSID.csv", 14)
    assert "WRBTR is signed" in row["message"]
