"""IBM's late payment histories: every day of two years against the file's own counts of days.

`DaysToSettle` and `DaysLate` are the file's; nothing of the layout or the engine made them.
"""

import csv
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.layouts.layout_nights import EXTRACTS, LayoutNight
from tests.shared_material import SHARED

LEDGER = SHARED / "data" / "ibm_watson_ar"
FILE = LEDGER / "WA_Fn-UseC_-Accounts-Receivable.csv"
SETTINGS = '[reporting]\ncurrency = "USD"\n'
FIRST, LAST = date(2012, 1, 3), date(2014, 1, 9)

pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason="the sample has no licence and lies beside the repository, if at all"
)


class Invoice(NamedTuple):
    """An invoice as the file tells it, its settlement by its own count of days."""

    number: str
    issued: date
    due: date
    amount: Decimal
    is_disputed: bool
    days_to_settle: int
    days_late: int

    @property
    def settled(self) -> date:
        return self.issued + timedelta(self.days_to_settle)


def _day(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()


@pytest.fixture(scope="module")
def invoices() -> list[Invoice]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return [
            Invoice(
                row["invoiceNumber"],
                _day(row["InvoiceDate"]),
                _day(row["DueDate"]),
                Decimal(row["InvoiceAmount"]),
                row["Disputed"] == "Yes",
                int(row["DaysToSettle"]),
                int(row["DaysLate"]),
            )
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    layout = str(EXTRACTS / "ibm_watson.toml")
    return LayoutNight(LEDGER, (layout,), tmp_path_factory.mktemp("ibm"), SETTINGS)


def check_day(night: LayoutNight, invoices: list[Invoice], as_of: date) -> None:
    """Publish a day and compare every item with what the file says of it."""
    text = as_of.isoformat()
    night.publish(text)
    issued = [one for one in invoices if one.issued <= as_of]
    columns = ("open_amount", "days_past_due", "settled_on", "disputed_amount")
    expected: dict[str, tuple[str, int, str | None, str]] = {}
    for one in issued:
        amount = f"{one.amount.normalize():f}"
        if as_of < one.settled:
            disputed = amount if one.is_disputed else "0"
            expected[one.number] = (amount, (as_of - one.due).days, None, disputed)
        elif one.days_late:
            expected[one.number] = ("0", one.days_late, one.settled.isoformat(), "0")
    assert night.items(text, *columns) == expected
    counts = night.manifest(text)["items"]
    assert counts == {
        "open": sum(as_of < one.settled for one in issued),
        "settled_late": sum(as_of >= one.settled and one.days_late > 0 for one in issued),
        "settled_in_time": sum(as_of >= one.settled and one.days_late == 0 for one in issued),
        "not_yet_posted": len(invoices) - len(issued),
        "settled_date_unknown": 0,
    }
    assert night.rows("quarantine", text) == []


def test_all_2466_rows__agree_with_DaysLate_once_all_is_settled(
    night: LayoutNight, invoices: list[Invoice]
) -> None:
    assert len(invoices) == 2466
    check_day(night, invoices, LAST)
    late = night.items(LAST.isoformat(), "days_past_due")
    assert {number: days for number, (days,) in late.items()} == {
        one.number: one.days_late for one in invoices if one.days_late
    }
    assert len(late) == 877


@pytest.mark.parametrize("month", range(0, 24, 2))
def test_month_ends_over_two_years__agree_with_DaysToSettle(
    night: LayoutNight, invoices: list[Invoice], month: int
) -> None:
    first_of_next = date(2012 + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    check_day(night, invoices, first_of_next - timedelta(1))


@pytest.mark.slow
def test_every_day_of_two_years__agrees_with_both(
    tmp_path: Path, invoices: list[Invoice], night: LayoutNight
) -> None:
    daily = LayoutNight(night.ledger, night.layouts, tmp_path, SETTINGS)
    for offset in range((LAST - FIRST).days + 1):
        check_day(daily, invoices, FIRST + timedelta(offset))
