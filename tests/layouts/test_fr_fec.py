"""French accounting entries files: the legal form, what producers make of it, and lettering."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.layouts.layout_nights import FIXTURES, LayoutNight, bundled

NAME = "123456782FEC20261231.txt"
LEGAL = (FIXTURES / "fr_fec" / NAME).read_text(encoding="utf-8")
TERMS = """
[input]
unknown_customer = "quarantine"
[input.parameters]
payment_terms = "NET30"
"""

AT_CLOSING = {
    ("F2", "600"),  # lettered, but on 20 January of the next year
    ("VIR2", "-600"),
    ("F4", "600"),  # partly lettered: 1,000 less 400
    ("LCR1", "250"),
    ("LCR1", "-250"),
    ("AC1", "-100"),
    ("REJ1", "50"),
    ("F5", "100"),  # USD
}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    night = bundled("fr_fec", tmp_path_factory.mktemp("fec"), TERMS)
    for as_of in ("2026-02-07", "2026-03-31", "2026-12-31"):
        night.publish(as_of)
    return night


def open_by_document(night: LayoutNight, as_of: str) -> set[tuple[object, object]]:
    found = night.items(as_of, "document_number", "open_amount").values()
    return {(number, amount) for number, amount in found if amount != "0"}


def test_open_amounts__follow_lettering_once_it_is_made(night: LayoutNight) -> None:
    # Paid on 5 February, lettered on the 10th.
    assert open_by_document(night, "2026-02-07") == {
        ("F2025-9", "500"), ("F1", "1200"), ("VIR1", "-1700"),
    }  # fmt: skip
    # The same code on another account is another group.
    assert open_by_document(night, "2026-03-31") == {("F2", "600")}
    assert open_by_document(night, "2026-12-31") == AT_CLOSING


def test_items__take_type_from_account_journal_and_side(night: LayoutNight) -> None:
    columns = ("document_number", "company_code", "customer_id", "document_type", "currency",
               "due_date", "settled_on")  # fmt: skip
    assert set(night.items("2026-12-31", *columns).values()) == {
        ("F2025-9", "123456782", "C001", "invoice", "EUR", "2025-12-15", "2026-02-05"),
        ("F2", "123456782", "C002", "invoice", "EUR", "2026-03-31", None),
        ("VIR2", "123456782", "C002", "payment", "EUR", "2026-04-15", None),
        ("F4", "123456782", "C002", "invoice", "EUR", "2026-07-01", None),
        ("LCR1", "123456782", "C003", "bill_of_exchange", "EUR", "2026-08-31", None),
        ("LCR1", "123456782", "C003", "payment", "EUR", "2026-08-01", None),
        ("AC1", "123456782", "C003", "down_payment", "EUR", "2026-08-15", None),
        ("REJ1", "123456782", "C002", "debit_note", "EUR", "2026-10-01", None),
        ("F5", "123456782", "C003", "invoice", "USD", "2026-10-31", None),
    }


def test_opening_entry__keeps_the_date_of_its_document(night: LayoutNight) -> None:
    late = dict(night.items("2026-12-31", "document_number", "days_past_due").values())
    assert late["F2025-9"] == 52  # 15 December to 5 February
    assert late["F4"] == 183


def test_lettering_after_the_closing__counts_from_its_day(tmp_path: Path) -> None:
    # Another country, for which no rate of 2027 is needed.
    night = bundled("fr_fec", tmp_path, TERMS + 'country = "US"\n')
    night.publish("2027-01-31")
    gone = {("F2", "600"), ("VIR2", "-600")}
    assert open_by_document(night, "2027-01-31") == AT_CLOSING - gone


def test_terms__must_be_stated(tmp_path: Path) -> None:
    said = bundled("fr_fec", tmp_path).refused("2026-12-31", 78)
    assert "payment_terms" in said


def _cells(change: Callable[[list[str]], list[str]]) -> str:
    """Rewrite every line of the file."""
    return "\n".join("\t".join(change(line.split("\t"))) for line in LEGAL.splitlines()) + "\n"


def _iso_dates_and_points(cells: list[str]) -> list[str]:
    dates, amounts = (3, 9, 14, 15), (11, 12, 16)
    changed = list(cells)
    if cells[0] != "JournalCode":
        for at in dates:
            day = cells[at]
            changed[at] = f"{day[:4]}-{day[4:6]}-{day[6:]}" if day else "00000000"
        for at in amounts:
            changed[at] = cells[at].replace(",", ".")
    return changed


def _french_dates_with_time(cells: list[str]) -> list[str]:
    changed = list(cells)
    if cells[0] != "JournalCode":
        for at in (3, 9, 14, 15):
            day = cells[at]
            changed[at] = f"{day[6:]}/{day[4:6]}/{day[:4]} 00:00:00" if day else "//"
    return changed


def _side(cells: list[str]) -> list[str]:
    debit, credit = cells[11:13]
    if debit == "Debit":
        return [*cells[:11], "Montant", "Sens", *cells[13:]]
    is_debit = credit == "0,00"
    amount = debit if is_debit else credit
    # A negative amount turns the side, with the sign at its end.
    turned = [f"{amount}-", "C" if is_debit else "D"] if cells[2] == "6" else None
    return [*cells[:11], *(turned or [amount, "+1" if is_debit else "-1"]), *cells[13:]]


def _accents(cells: list[str]) -> list[str]:
    names = {
        "Debit": "Débit",
        "Credit": "Crédit",
        "EcritureLib": "écriturelib",
        "Idevise": "IDEVISE",
    }
    return [names.get(cell, cell) for cell in cells]


def _exponents(cells: list[str]) -> list[str]:
    return ["+1,7E+03" if cell == "1700,00" else cell for cell in cells]


FORMS: dict[str, bytes] = {
    "mark": LEGAL.encode("utf-8-sig"),
    "bars": LEGAL.replace("\t", "|").encode(),
    "semicolons": LEGAL.replace("\t", ";").encode(),
    "CR": LEGAL.replace("\n", "\r").encode(),
    "CRLF": LEGAL.replace("\n", "\r\n").encode(),
    "trailing separator": LEGAL.replace("\n", "\t\n").encode(),
    "NUL and hard blanks": LEGAL.replace("\t0,00", "\t\u00a0 0,00\0\u00a0").encode(),
    "ISO dates and points": _cells(_iso_dates_and_points).encode(),
    "French dates with a time": _cells(_french_dates_with_time).encode(),
    "amount and side": _cells(_side).encode(),
    "accents": _cells(_accents).encode(),
    "exponents": _cells(_exponents).encode(),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_form__of_a_producer_gives_the_same_figures(
    night: LayoutNight, tmp_path: Path, form: bytes
) -> None:
    ledger = shutil.copytree(FIXTURES / "fr_fec", tmp_path / "ledger")
    (ledger / NAME).write_bytes(form)
    other = bundled("fr_fec", tmp_path, TERMS, ledger=ledger)
    other.publish("2026-12-31")
    columns = ("document_number", "document_type", "currency", "amount", "open_amount", "due_date")
    assert other.items("2026-12-31", *columns) == night.items("2026-12-31", *columns)
    assert other.rows("quarantine", "2026-12-31") == []


def test_form__of_the_law_is_read_in_its_own_encoding(night: LayoutNight, tmp_path: Path) -> None:
    ledger = shutil.copytree(FIXTURES / "fr_fec", tmp_path / "ledger")
    (ledger / NAME).write_bytes(LEGAL.encode("iso-8859-15"))
    encoding = '[input.sources.entries]\nencoding = "iso-8859-15"\n'
    other = bundled("fr_fec", tmp_path, TERMS + encoding, ledger=ledger)
    other.publish("2026-12-31")
    columns = ("credit_account_id", "customer_name")
    names = dict(other.rows("credit_accounts", "2026-12-31", *columns))
    assert names["C002"] == 'Société "Œuvre"'
    assert names == dict(night.rows("credit_accounts", "2026-12-31", *columns))


def test_values_in_another_form__are_counted(tmp_path: Path) -> None:
    ledger = shutil.copytree(FIXTURES / "fr_fec", tmp_path / "ledger")
    (ledger / NAME).write_bytes(FORMS["ISO dates and points"])
    night = bundled("fr_fec", tmp_path, TERMS, ledger=ledger)
    night.publish("2026-12-31")
    warnings = [
        one
        for one in night.manifest("2026-12-31")["warnings"]
        if one["code"] == "values_normalised"
    ]
    assert warnings
    assert any("EcritureDate" in one["message"] for one in warnings)


def test_two_years__count_the_opening_entries_once(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    shutil.copy(FIXTURES / "fr_fec" / "fx_rates.csv", ledger)
    header = LEGAL.splitlines()[0]
    label = (
        "AN\tA nouveaux\t1\t{}\t411000\tClients\tC001\tDupré\t{}\t{}\tReprise\t{}\t0,00\t\t\t{}\t\t"
    )
    sale = "VE\tVentes\t2\t{}\t411000\tClients\tC001\tDupré\t{}\t{}\tVente\t{}\t0,00\t\t\t{}\t\t"
    first = [
        label.format("20250101", "F8", "20241201", "70,00", "20250101"),
        sale.format("20250601", "F9", "20250601", "500,00", "20250601"),
    ]
    second = [
        label.format("20260101", "F8", "20241201", "70,00", "20260101"),
        label.format("20260101", "F9", "20250601", "500,00", "20260101"),
        sale.format("20260301", "F10", "20260301", "10,00", "20260301"),
    ]
    for year, lines in (("2025", first), ("2026", second)):
        path = ledger / f"123456782FEC{year}1231.txt"
        path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    night = bundled("fr_fec", tmp_path, TERMS, ledger=ledger)
    night.publish("2026-12-31")
    assert open_by_document(night, "2026-12-31") == {("F8", "70"), ("F9", "500"), ("F10", "10")}


def test_group_that_does_not_add_up__is_counted(night: LayoutNight) -> None:
    codes = {one["code"] for one in night.manifest("2026-12-31")["warnings"]}
    assert "lettering_unbalanced" in codes
