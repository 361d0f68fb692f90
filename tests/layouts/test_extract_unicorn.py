"""An AR export with two-digit years, amounts applied and missing due dates: 3,107 rows."""

import csv
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.layouts.layout_nights import EXTRACTS, LayoutNight
from tests.shared_material import SHARED

FILE = SHARED / "data" / "unicorn_ar" / "unicorn_inc.csv"
EXTRACTED = "2025-09-30"
DAYS = (EXTRACTED, "2025-12-31", "2026-03-31")

pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason="the export has no licence and lies beside the repository, if at all"
)

Row = dict[str, str]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    settings = (
        '[reporting]\ncurrency = "USD"\n'
        '[input.sources.bills]\nfiles = ["unicorn_ar/unicorn_inc.csv"]\n'
        '[input.sources.rates]\nfiles = ["ecb_fx/eurofxref-hist.zip"]\n'
        '[input.parameters]\nfrom_date = "2025-01-01"\n'
    )
    layouts = (str(EXTRACTS / "unicorn.toml"), "ecb_eurofxref")
    night = LayoutNight(SHARED / "data", layouts, tmp_path_factory.mktemp("unicorn"), settings)
    for as_of in DAYS:
        night.publish(as_of)
    return night


def day(text: str) -> date:
    month, dom, year = text.split(maxsplit=1)[0].split("/")
    return date(2000 + int(year), int(month), int(dom))


def due(row: Row) -> date:
    """Give the due date, from the terms where it is missing."""
    if row["DueDate"]:
        return day(row["DueDate"])
    return day(row["InvoiceDate"]) + timedelta(int(row["CustomerTerms"].removeprefix("Net ")))


def test_open_amounts__are_billed_less_applied(night: LayoutNight, rows: list[Row]) -> None:
    expected = {
        row["InvoiceNumber"]: Decimal(row["BillTotal"]) - Decimal(row["Applied"]) for row in rows
    }
    published = dict(night.rows("items", EXTRACTED, "item_id", "open_amount"))
    assert published == {item: amount for item, amount in expected.items() if amount}
    assert len(published) == 707
    assert {row["Status"] for row in rows if expected[row["InvoiceNumber"]]} == {"Pending"}


def test_closed_bills__are_settled_on_a_day_that_nobody_knows(night: LayoutNight) -> None:
    assert night.manifest(EXTRACTED)["items"]["settled_date_unknown"] == 3107 - 707


def test_due_dates__are_stated_or_follow_from_the_terms(
    night: LayoutNight, rows: list[Row]
) -> None:
    assert sum(not row["DueDate"] for row in rows) == 149
    by_number = {row["InvoiceNumber"]: row for row in rows}
    published = night.items(EXTRACTED, "document_date", "due_date")
    assert any(not by_number[item]["DueDate"] for item in published)
    for item, dates in published.items():
        row = by_number[item]
        assert dates == (day(row["InvoiceDate"]).isoformat(), due(row).isoformat())


@pytest.mark.parametrize("as_of", DAYS)
def test_ageing__is_what_the_rows_add_up_to(
    night: LayoutNight, rows: list[Row], as_of: str
) -> None:
    expected: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        late = (date.fromisoformat(as_of) - due(row)).days
        names = ("not_due", "1-30", "31-60", "61-90", "91-180", ">180")
        bucket = names[sum(late > bound for bound in (0, 30, 60, 90, 180))]
        amount = Decimal(row["BillTotal"]) - Decimal(row["Applied"])
        expected[row["CustomerName"], row["Currency"], bucket] += amount
    columns = ("customer_id", "currency", "bucket", "open_amount")
    published = {one[:3]: one[3] for one in night.rows("ageing", as_of, *columns) if one[3]}
    assert published == {key: amount for key, amount in expected.items() if amount}
    assert night.rows("quarantine", as_of) == []


def test_earlier_day__shows_bills_issued_by_then_as_the_export_has_them(
    night: LayoutNight, rows: list[Row]
) -> None:
    earlier = "2025-03-31"
    night.publish(earlier)
    expected = {
        row["InvoiceNumber"]
        for row in rows
        if day(row["InvoiceDate"]).isoformat() <= earlier and row["BillTotal"] != row["Applied"]
    }
    assert set(night.open_amounts(earlier)) == expected
