"""Rows that cannot be used: each in the quarantine once, with its place, its shape and the cure.

All bad rows stand in one ledger, which is read once; every test looks at its own row.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.jobs.ledgers import Night, Row, csv_text, item, items, row, snapshot


@dataclass(frozen=True)
class Case:
    """A bad row, and what the quarantine is to say of it.

    column, reason  the cause
    says            what the message says, the shape of the value among it
    hides           the value as it stands in the row, which no message may tell
    """

    name: str
    bad: Row
    column: str
    reason: str
    says: tuple[str, ...]
    hides: str = ""
    kept: bool = field(default=False)


def value(name: str, column: str, text: str, reason: str, *says: str, **others: str) -> Case:
    """Give the case of one wrong value of an open item."""
    return Case(name, item(name, **{**others, column: text}), column, reason, says, hides=text)


AN_AMOUNT = "expected an amount of at most 15 digits before the point and 3 behind it"
A_DATE = "expected a date from 1900-01-01 to 2999-12-31"
DECLARE = "declare the form in [input.tables]"

VALUES = [
    value("comma", "amount", "1.234,56", "wrong_type", "found 9.999,99", AN_AMOUNT, DECLARE),
    value("comma-only", "amount", "12,50", "wrong_type", "found 99,99", AN_AMOUNT),
    value("currency-behind", "amount", "12.50 EUR", "wrong_type", "found 99.99 AAA", AN_AMOUNT),
    value("exponent", "amount", "1E+05", "wrong_type", "found 9A+99", AN_AMOUNT),
    value("not-a-number", "amount", "NaN", "wrong_type", "found AaA", AN_AMOUNT),
    value("infinite", "amount", "inf", "wrong_type", "found aaa", AN_AMOUNT),
    value("blank-before", "amount", " 12.50", "wrong_type", "found  99.99", AN_AMOUNT),
    value("no-break-space", "amount", "1\u00a0234.56", "wrong_type", "found 9\\u00a0999.99"),
    value("full-width", "amount", "\uff11\uff12", "wrong_type", "found 99", AN_AMOUNT),
    value("apostrophe", "amount", "1'234.56", "wrong_type", "found 9'999.99", AN_AMOUNT),
    value("minus-behind", "amount", "12.50-", "wrong_type", "found 99.99-", AN_AMOUNT),
    value("only-a-minus", "amount", "-", "wrong_type", "found -", AN_AMOUNT),
    value("hexadecimal", "amount", "0x1F", "wrong_type", "found 9a9A", AN_AMOUNT),
    value("16-digits", "amount", "1234567890123456.00", "too_large", "9{16}.99", AN_AMOUNT),
    value("40-digits", "amount", "9" * 40, "too_large", "found 9{40}", AN_AMOUNT),
    value("negative-16-digits", "amount", "-1000000000000000", "too_large", "found -9{16}"),
    value("euro-mills", "amount", "10.005", "too_precise", "found 99.999", "smallest unit"),
    value("half-yen", "amount", "1.5", "too_precise", "found 9.9", currency="JPY"),
    value("dinar-tenth-mills", "amount", "1.0005", "too_precise", "9.9999", currency="TND"),
    value("tax-mills", "tax_amount", "1.001", "too_precise", "found 9.999"),
    value("zero-date", "due_date", "0000-00-00", "out_of_range", "found 9999-99-99", A_DATE),
    value("31-february", "document_date", "2026-02-31", "out_of_range", "9999-99-99", A_DATE),
    value("29-february", "document_date", "2026-02-29", "out_of_range", A_DATE),
    value("year-9999", "due_date", "9999-12-31", "out_of_range", "found 9999-99-99", A_DATE),
    value("year-3000", "due_date", "3000-01-01", "out_of_range", A_DATE),
    value("before-1900", "document_date", "1899-12-31", "out_of_range", A_DATE),
    value("year-1", "document_date", "0001-01-01", "out_of_range", A_DATE),
    value("french-date", "due_date", "30/09/2026", "wrong_type", "found 99/99/9999", A_DATE),
    value("date-and-time", "due_date", "2026-09-30T12:00:00", "wrong_type", A_DATE),
    value("short-date", "due_date", "2026-9-30", "wrong_type", "found 9999-9-99", A_DATE),
    value("number-as-date", "due_date", "20260930", "wrong_type", "found 9{8}", A_DATE),
    value("currency", "currency", "EUX", "unknown_currency", "found AAA"),
    value("small-currency", "currency", "eur", "unknown_currency", "found aaa"),
    value("euro-sign", "currency", "\u20ac", "unknown_currency", "found \u20ac"),
    value("type", "document_type", "invoise", "not_in_list", "found a{7}", "one of invoice, "),
    value("capital-type", "document_type", "Invoice", "not_in_list", "found Aa{6}"),
    value("financing", "financing", "pledged", "not_in_list", "one of none, discounted"),
    value("disputed", "disputed", "maybe", "wrong_type", "found a{5}", "true or false"),
    value("regime", "interest_regime", "ZZ_business", "unknown_regime", "found AA_a{8}"),
    value("terms", "payment_terms", "30 days", "unknown_terms", "NET30", due_date=""),
]
EMPTY = [
    Case(f"no-{column}", item(f"no-{column}", **{column: None}), column, "missing_value", says)
    for column, says in (
        ("company_code", ("found nothing",)),
        ("customer_id", ("found nothing",)),
        ("document_type", ("found nothing", "one of invoice, ")),
        ("document_date", ("found nothing", A_DATE)),
        ("currency", ("found nothing",)),
        ("amount", ("found nothing", AN_AMOUNT)),
    )
]
OTHERS = [
    Case("no-id", item(None, document_number="D1"), "item_id", "missing_value", ("nothing",)),
    Case(
        "no-due-date",
        item("no-due-date", due_date=None),
        "due_date",
        "missing_due_date",
        ("found nothing", "deliver a due_date or payment_terms"),
    ),
    Case(
        "due-before-document",
        item("due-before-document", due_date="2026-07-31"),
        "due_date",
        "due_before_document",
        ("found 9999-99-99", "the row stays"),
        kept=True,
    ),
]
CASES = [*VALUES, *EMPTY, *OTHERS]
GOOD = [
    item("good", amount="100.00"),
    item("yen", amount="150", currency="JPY"),
    item("dinar", amount="1.005", currency="TND"),
    item("zeros", amount="10.00500", currency="TND"),
    item("15-digits", amount="-999999999999999.99"),
    item("first-day", document_date="1900-01-01", due_date="2026-09-30"),
    item("last-day", due_date="2999-12-31"),
    item("leap-day", document_date="2024-02-29"),
]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Night:
    made = Night(tmp_path_factory.mktemp("rows"))
    rows = [case.bad for case in CASES]
    made.ledger.csv("open_items", *rows, *GOOD)
    made.ledger.csv(
        "fx_rates",
        row("fx_rates", from_currency="JPY", rate="0.006"),
        row("fx_rates", from_currency="TND", rate="0.3"),
    )
    result = made.publish("--max-rejected", "1")
    log = result.stderr + result.stdout
    assert not [case.name for case in CASES if len(case.hides) > 3 and case.hides in log]
    return made


@pytest.fixture(scope="module")
def quarantine(read: Night) -> dict[int, dict[str, Any]]:
    """Give the rows of the quarantine by row number."""
    return {one["row_number"]: one for one in read.rows("quarantine")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_row__stands_in_the_quarantine(case: Case, quarantine: dict[int, dict[str, Any]]) -> None:
    number = CASES.index(case) + 1
    found = quarantine[number]
    assert (found["table"], found["file"]) == ("open_items", "open_items.csv")
    assert (found["column"], found["reason"]) == (case.column, case.reason)
    assert found["kept"] == case.kept
    raw = json.loads(found["raw"])
    assert {name: raw[name] or None for name in case.bad} == {
        name: text or None for name, text in case.bad.items()
    }
    for words in (f"{case.column}: ", *case.says):
        assert words in found["message"]
    if len(case.hides) > 1:
        assert case.hides not in found["message"]


def test_rows__in_the_quarantine_are_those_and_no_others(
    quarantine: dict[int, dict[str, Any]],
) -> None:
    assert sorted(quarantine) == list(range(1, len(CASES) + 1))


def test_rows__published_are_the_others_and_those_kept(read: Night) -> None:
    kept = [case.name for case in CASES if case.kept]
    assert read.rows("items", "item_id") == kept + [one["item_id"] for one in GOOD]
    warned = dict(read.rows("items", "item_id", "warnings"))
    assert warned.pop("due-before-document") == "due_before_document"
    assert set(warned.values()) <= {None, "terms_exceed_legal"}


def test_rows__are_counted(read: Night) -> None:
    lost = sum(not case.kept for case in CASES)
    assert read.manifest()["rows"]["open_items"] == {
        "read": len(CASES) + len(GOOD),
        "accepted": len(CASES) + len(GOOD) - lost,
        "quarantined": lost,
        "kept": len(CASES) - lost,
    }


# -- too many of them ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.name in {"comma", "zero-date", "currency", "no-id"}],
    ids=lambda case: case.name,
)
def test_bad_row__beyond_max_rejected_refuses_the_input(night: Night, case: Case) -> None:
    night.ledger.csv("open_items", item("I1"), case.bad)
    said = night.refused(65)
    assert "too many bad rows in table open_items: 1 of 2 rows" in said
    assert f"found {case.reason} 1" in said
    assert "at most 0.001 of the rows ([input] max_rejected)" in said
    assert not case.hides or case.hides not in said
    (found,) = night.rejected()
    assert (found["row_number"], found["column"]) == (2, case.column)
    assert (found["reason"], found["kept"]) == (case.reason, False)


def test_too_many_bad_rows__tell_a_machine_the_facts_and_where_the_quarantine_is(
    night: Night,
) -> None:
    night.ledger.csv("open_items", item("I1"), item("B1", amount="1.234,56"))
    night.ledger.complete()
    before = snapshot(night.out)
    result = night.call("run", "--revise", "--log-format", "json")
    kept, failed = [json.loads(line) for line in result.stderr.splitlines()][-2:]
    (folder,) = (night.out / ".encours" / "rejected").iterdir()
    assert re.fullmatch("[0-9a-f]{16}", folder.name)
    assert kept["path"] == str(folder / "quarantine")
    assert kept["rows"] == 1
    facts = ("event", "level", "exit_status", "error_type", "where", "found")
    assert [failed[name] for name in facts] == [
        "failed", "error", 65, "InputRefused", "1 of 2 rows", "wrong_type 1",
    ]  # fmt: skip
    assert result.exit_code == 65
    assert "1.234,56" not in result.stderr
    assert snapshot(night.out) == before


def test_max_rejected__is_inclusive(night: Night) -> None:
    night.ledger.csv("open_items", *items(7), item("B1", amount="?"))
    night.refused(65, "--max-rejected", "0.1249")
    night.publish("--revise", "--max-rejected", "0.125")
    assert night.manifest()["rows"]["open_items"]["quarantined"] == 1


def test_max_rejected__counts_each_table_alone(night: Night) -> None:
    night.ledger.csv("open_items", *items(100))
    night.ledger.csv(
        "customers",
        row("customers", customer_id="C1"),
        row("customers", customer_id="C2", country="ZZ"),
    )
    said = night.refused(65, "--max-rejected", "0.02")
    assert "too many bad rows in table customers: 1 of 2 rows" in said


def test_max_rejected__does_not_count_warnings(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1", due_date="2026-07-31"))
    fresh.publish("--max-rejected", "0")
    assert fresh.rows("quarantine", "reason", "kept") == [("due_before_document", True)]


# -- lines that never become fields ----------------------------------------------------------------


def spoiled_lines() -> tuple[bytes, dict[int, str]]:
    """Give a file of open items with bad lines, and the reason of each by its row number."""
    lines = csv_text("open_items", items(7)).encode().splitlines()
    lines[2] += b",more"
    lines[3] = lines[3].rpartition(b",")[0]
    lines[4] = lines[4].replace(b"C1", b"C\x001")
    lines[5] = lines[5].replace(b"C1", b"C\xe91")
    lines[6] = lines[6].replace(b"I6", b'"I6"x')
    reasons = ["wrong_field_count"] * 2 + ["not_text"] * 2 + ["wrong_field_count"]
    return b"\n".join([*lines, b""]), dict(enumerate(reasons, start=2))


def test_lines__that_never_become_fields_are_quarantined_as_they_are(fresh: Night) -> None:
    text, reasons = spoiled_lines()
    fresh.ledger.text("open_items.csv", text)
    fresh.publish("--max-rejected", "1")
    found = fresh.rows("quarantine")
    assert {one["row_number"]: one["reason"] for one in found} == reasons
    assert {one["file"] for one in found} == {"open_items.csv"}
    assert not any(one["column"] for one in found)
    messages = [one["message"] for one in found]
    assert messages[0] == "expected 8 fields, found 9"
    assert messages[1] == "expected 8 fields, found 7"
    assert messages[2] == messages[3] == "expected text in utf-8, found bytes that are none"
    assert "quotes in a field are doubled" in messages[4]
    assert json.loads(found[0]["raw"])["line"].endswith("102.00,more")
    assert fresh.rows("items", "item_id") == ["I1", "I7"]
    assert fresh.manifest()["rows"]["open_items"]["read"] == 7


def test_lines__that_never_become_fields_count_for_max_rejected(night: Night) -> None:
    text, reasons = spoiled_lines()
    night.ledger.text("open_items.csv", text)
    said = night.refused(65)
    assert "5 of 7 rows" in said
    assert "not_text 2, wrong_field_count 3" in said
    assert len(night.rejected()) == len(reasons)


@pytest.mark.parametrize("table", ["customers", "companies", "allocations", "credit_limits"])
def test_lines__that_never_become_fields_are_found_in_every_table(fresh: Night, table: str) -> None:
    keys = {"customers": "customer_id", "companies": "company_code", "credit_limits": "limit_id"}
    key, name = keys.get(table, "item_id"), {"customers": "C1", "companies": "1000"}.get(table)
    text = csv_text(table, [row(table, **{key: name or "I1"})])
    fresh.ledger.text(f"{table}.csv", text + "a,b,c,d,e,f,g,h,i\n\x00\n")
    fresh.publish("--max-rejected", "1")
    found = fresh.rows("quarantine", "table", "row_number", "reason")
    assert found == [(table, 2, "wrong_field_count"), (table, 3, "not_text")]
    assert fresh.manifest()["rows"][table] == {
        "read": 3, "accepted": 1, "quarantined": 2, "kept": 0,
    }  # fmt: skip


def test_lines__that_are_blank_are_no_rows(fresh: Night) -> None:
    lines = csv_text("open_items", items(3)).splitlines()
    fresh.ledger.text("open_items.csv", "\r\n".join(["", lines[0], "", *lines[1:], "", ""]))
    fresh.publish()
    assert fresh.manifest()["rows"]["open_items"]["read"] == 3


def test_quoted_fields__may_hold_separators_quotes_and_line_ends(fresh: Night) -> None:
    name = 'a, "b"\nc'
    fresh.ledger.csv("customers", row("customers", customer_id="C1", name=name))
    fresh.publish()
    assert fresh.rows("credit_accounts", "customer_name") == [name]


# -- other tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "bad", "column", "reason"),
    [
        ("customers", {"customer_id": "C9", "country": "ZZ"}, "country", "unknown_country"),
        ("customers", {"customer_id": "C9", "country": "fr"}, "country", "unknown_country"),
        ("customers", {"customer_id": "C9", "country": "FRA"}, "country", "unknown_country"),
        ("customers", {"customer_id": "", "country": "FR"}, "customer_id", "missing_value"),
        ("customers", {"customer_id": "C9", "consumer": "?"}, "consumer", "wrong_type"),
        (
            "customers",
            {"customer_id": "C9", "insolvency_kind": "bankrupt"},
            "insolvency_kind",
            "not_in_list",
        ),
        ("companies", {"company_code": "9000", "country": "ZZ"}, "country", "unknown_country"),
        ("commitments", {"commitment_id": "K1", "kind": "quote"}, "kind", "not_in_list"),
        ("commitments", {"commitment_id": "K1", "amount": "-1"}, "amount", "out_of_range"),
        ("commitments", {"commitment_id": "K1", "amount": "0.001"}, "amount", "too_precise"),
        ("credit_limits", {"limit_id": "L1", "amount": "-1"}, "amount", "out_of_range"),
        (
            "credit_limits",
            {"limit_id": "L1", "coverage_percent": "101"},
            "coverage_percent",
            "out_of_range",
        ),
        ("credit_limits", {"limit_id": "L1", "currency": "EUX"}, "currency", "unknown_currency"),
        ("fx_rates", {"from_currency": "USD", "rate": "0"}, "rate", "out_of_range"),
        ("fx_rates", {"from_currency": "USD", "rate": "0,9"}, "rate", "wrong_type"),
        ("fx_rates", {"from_currency": "USX", "rate": "1"}, "from_currency", "unknown_currency"),
        ("ledger_balances", {"balance": "1.005"}, "balance", "too_precise"),
        ("sales", {"month": "2026-10-02", "amount_incl_tax": "1"}, "month", "out_of_range"),
        ("allocations", {"item_id": "I1", "kind": "refund"}, "kind", "not_in_list"),
        ("allocations", {"item_id": "I1", "amount": "10.005"}, "amount", "too_precise"),
        ("allocations", {"item_id": "I1", "currency": "EUX"}, "currency", "unknown_currency"),
        ("allocations", {"item_id": "", "amount": "10"}, "item_id", "missing_value"),
    ],
)
def test_row__of_any_table_is_quarantined(
    fresh: Night, table: str, bad: Row, column: str, reason: str
) -> None:
    keys = {"customers": "customer_id", "companies": "company_code"}
    good = {"customers": "C1", "companies": "1000"}.get(table)
    rows = [row(table, **{keys[table]: good})] if good else []
    fresh.ledger.csv(table, *rows, row(table, **bad))
    fresh.publish("--max-rejected", "1")
    (found,) = fresh.rows("quarantine")
    place = (found["table"], found["file"], found["row_number"])
    assert place == (table, f"{table}.csv", len(rows) + 1)
    assert (found["column"], found["reason"]) == (column, reason)
    wrong = bad[column] or ""
    assert f"found {wrong}" not in found["message"] or len(wrong) <= 1
    assert fresh.manifest()["rows"][table]["quarantined"] == 1
    assert fresh.rows("items", "item_id") == ["I1"]
