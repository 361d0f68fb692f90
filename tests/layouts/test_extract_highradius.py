"""Open items that went through a spreadsheet: ids, terms, two currencies, 9,700 rows."""

import csv
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal

import pytest

from tests.layouts.layout_nights import EXTRACTS, LayoutNight, plain
from tests.shared_material import SHARED

LEDGER = SHARED / "data" / "highradius_open_items"
FILE = LEDGER / "open_items_A_full_columns.csv"
DAYS = ("2020-03-15", "2020-04-30", "2020-05-22", "2020-07-31")

pytestmark = pytest.mark.skipif(
    not FILE.is_file(),
    reason="the extract has no licence and lies beside the repository, if at all",
)

Row = dict[str, str]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    root = tmp_path_factory.mktemp("highradius")
    settings = (
        '[reporting]\ncurrency = "USD"\n'
        '[input.sources.items]\nfiles = ["highradius_open_items/open_items_A*.csv"]\n'
        '[input.sources.rates]\nfiles = ["ecb_fx/eurofxref-hist.zip"]\n'
        '[input.parameters]\nfrom_date = "2020-01-01"\n'
    )
    layouts = (str(EXTRACTS / "highradius.toml"), "ecb_eurofxref")
    night = LayoutNight(SHARED / "data", layouts, root, settings)
    for as_of in DAYS:
        night.publish(as_of)
    return night


def customer_of(row: Row) -> str:
    """Give the customer, its zeros restored."""
    number = row["cust_number"]
    return number.rjust(10, "0") if number.isdigit() else number


def ageing_of(rows: list[Row], as_of: str) -> dict[tuple[str, str, str, str], Decimal]:
    """Age the rows of the file, one by one."""
    found: dict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["posting_date"] > as_of:
            continue
        late = (date.fromisoformat(as_of) - date.fromisoformat(row["due_in_date"])).days
        names = ("not_due", "1-30", "31-60", "61-90", "91-180", ">180")
        bucket = names[sum(late > bound for bound in (0, 30, 60, 90, 180))]
        key = (row["business_code"], customer_of(row), row["invoice_currency"], bucket)
        found[key] += Decimal(row["total_open_amount"])
    return dict(found)


@pytest.mark.parametrize("as_of", DAYS)
def test_ageing__is_what_the_rows_add_up_to(
    night: LayoutNight, rows: list[Row], as_of: str
) -> None:
    columns = ("company_code", "customer_id", "currency", "bucket", "open_amount")
    published = {one[:4]: one[4] for one in night.rows("ageing", as_of, *columns) if one[4]}
    assert published == ageing_of(rows, as_of)


def test_totals__are_those_of_the_file(night: LayoutNight) -> None:
    totals = night.manifest("2020-05-22")["control_totals"]
    found = {currency: totals[currency]["open_amount"] for currency in ("USD", "CAD")}
    assert found == {"USD": "275113716.830", "CAD": "44471009.080"}
    assert night.manifest("2020-05-22")["items"]["open"] == 9700


def test_customers__are_one_with_and_without_their_zeros(
    night: LayoutNight, rows: list[Row]
) -> None:
    written = {row["cust_number"] for row in rows}
    columns = ("credit_account_id", "customer_name", "item_count")
    accounts = night.rows("credit_accounts", "2020-05-22", *columns)
    assert (len(written), len(accounts)) == (664, 526)
    count = Counter(customer_of(row) for row in rows)
    assert {account: items for account, _, items in accounts} == count
    first_names: dict[str, str] = {}
    for row in rows:
        first_names.setdefault(customer_of(row), row["name_customer"].strip())
    assert {account: name for account, name, _ in accounts} == first_names


def test_ids__lose_the_point_and_the_zero_of_a_float(night: LayoutNight, rows: list[Row]) -> None:
    expected = {
        f"{row['business_code']}/{row['doc_id'][:-2]}/{row['business_year'][:-2]}" for row in rows
    }
    assert set(night.items("2020-05-22", "amount")) == expected


def test_early_due_dates__are_kept_and_warned_about(night: LayoutNight, rows: list[Row]) -> None:
    early = sum(row["due_in_date"] < row["document_create_date"] for row in rows)
    kept = night.rows("quarantine", "2020-05-22", "reason", "kept")
    assert kept == [("due_before_document", True)] * early == [("due_before_document", True)] * 40


def test_terms__give_the_due_dates_of_the_file(night: LayoutNight, rows: list[Row]) -> None:
    root = night.root / "terms"
    settings = night.settings + 'due_dates = "terms"\n'
    other = LayoutNight(night.ledger, night.layouts, root, settings)
    other.publish("2020-05-22")
    stated = night.items("2020-05-22", "due_date")
    derived = other.items("2020-05-22", "due_date")
    differing = {item for item, due in stated.items() if derived[item] != due}
    # One term, NAX2, means 0 days to most and 15 to some: a code alone does not say.
    by_id = {f"{row['business_code']}/{row['doc_id'][:-2]}/2020": row for row in rows}
    assert len(differing) == 7
    assert {by_id[item]["cust_payment_terms"] for item in differing} == {"NAX2"}


def test_second_currency__is_converted_at_the_rate_of_the_day(
    night: LayoutNight, rows: list[Row]
) -> None:
    # ECB, 22 May 2020: 1 EUR = 1.0904 USD = 1.5273 CAD.
    ratio = Decimal("1.0904") / Decimal("1.5273")
    columns = ("currency", "open_amount", "open_amount_rc")
    for currency, amount, converted in night.rows("items", "2020-05-22", *columns):
        exact = amount if currency == "USD" else amount * ratio
        assert abs(exact - converted) <= Decimal("0.005"), plain(amount)
