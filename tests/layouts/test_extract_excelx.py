"""Receivables in five currencies with serial dates, converted at the real rates of the ECB."""

import csv
import io
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.layouts.layout_nights import EXTRACTS, LayoutNight
from tests.shared_material import SHARED

FILE = SHARED / "data" / "excelx_multicurrency_ar" / "AR_Clean_Features_excel_serials.csv"
RATES = SHARED / "data" / "ecb_fx" / "eurofxref-hist.zip"
# A Friday, the Sunday after it, a bank holiday, and the day on which the file was made.
DAYS = ("2024-06-28", "2024-06-30", "2025-01-01", "2025-11-08")
MADE = DAYS[-1]
SETTINGS = (
    "[input]\nmax_rejected = 0.4\n"
    '[input.sources.receivables]\nfiles = ["excelx_multicurrency_ar/*.csv"]\n'
    '[input.sources.rates]\nfiles = ["ecb_fx/eurofxref-hist.zip"]\n'
    '[input.parameters]\nfrom_date = "2024-01-01"\n'
)

pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason="the set lies beside the repository, if at all"
)

Row = dict[str, str]


def serial(text: str) -> date:
    return date(1899, 12, 30) + timedelta(int(text))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def rates() -> list[Row]:
    """Give the days of the history, newest first."""
    with zipfile.ZipFile(RATES) as archive:
        (name,) = archive.namelist()
        return list(csv.DictReader(io.StringIO(archive.read(name).decode("ascii"))))


def night_at(root: Path, settings: str = SETTINGS) -> LayoutNight:
    layouts = (str(EXTRACTS / "excelx.toml"), "ecb_eurofxref")
    return LayoutNight(SHARED / "data", layouts, root, settings)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LayoutNight:
    night = night_at(tmp_path_factory.mktemp("excelx"))
    for as_of in DAYS:
        night.publish(as_of)
    return night


def commercially(value: Fraction) -> Decimal:
    """Round to cents, half away from zero."""
    cents = value * 100
    whole = (2 * abs(cents) + 1) // 2
    return Decimal(int(whole if cents >= 0 else -whole)) / 100


@pytest.mark.parametrize("as_of", DAYS)
def test_open_amounts__are_converted_at_the_last_rate_of_the_bank(
    night: LayoutNight, rows: list[Row], rates: list[Row], as_of: str
) -> None:
    latest = next(row for row in rates if row["Date"] <= as_of)
    expected = {}
    for row in rows:
        received = row["ReceivedDate"] and serial(row["ReceivedDate"]).isoformat() <= as_of
        if row["Status"] == "Partial" or received or serial(row["InvoiceDate"]).isoformat() > as_of:
            continue
        amount = Decimal(row["Amount"]).quantize(Decimal("0.01"))
        rate = Fraction(1) if row["Currency"] == "EUR" else Fraction(latest[row["Currency"]])
        expected[row["ARID"]] = (row["Currency"], amount, commercially(Fraction(amount) / rate))
    columns = ("item_id", "currency", "open_amount", "open_amount_rc")
    published = {one[0]: one[1:] for one in night.rows("items", as_of, *columns) if one[2]}
    assert published == expected
    assert {currency for currency, _, _ in expected.values()} == {"USD", "EUR", "GBP", "CAD", "AUD"}


def test_days__agree_with_the_counts_of_the_file(night: LayoutNight, rows: list[Row]) -> None:
    late = night.items(MADE, "days_past_due")
    expected = {
        row["ARID"]: (int(row["DaysLate"]),)
        for row in rows
        if row["Status"] == "Open" or (row["Status"] == "Received" and int(row["DaysLate"]) > 0)
    }
    assert late == expected


def test_partly_paid_rows__are_refused_with_the_reason(tmp_path: Path, night: LayoutNight) -> None:
    columns = ("reason", "kept")
    refused = [one for one in night.rows("quarantine", MADE, *columns) if not one[1]]
    assert refused == [("refused_by_layout", False)] * 289
    strict = night_at(tmp_path, SETTINGS.replace("max_rejected = 0.4", ""))
    said = strict.refused(MADE, 65)
    assert "refused_by_layout 289" in said
    message = "partly paid, without the amount that was paid"
    assert all(message in one["message"] for one in strict.rejected())


def test_whole_history__gives_the_figures_of_its_last_years(
    tmp_path: Path, night: LayoutNight, rates: list[Row]
) -> None:
    whole = night_at(tmp_path, SETTINGS.partition("[input.parameters]")[0])
    whole.publish(MADE)
    assert whole.items(MADE, "open_amount_rc") == night.items(MADE, "open_amount_rc")
    dead = {"Date", "", "CYP", "EEK", "LTL", "LVL", "MTL", "ROL", "SIT", "SKK", "TRL"}
    quoted = sum(rate != "N/A" for day in rates for code, rate in day.items() if code not in dead)
    assert whole.manifest(MADE)["rows"]["fx_rates"]["accepted"] == quoted > 190_000


def test_noise_of_binary_fractions__is_read_as_cents(night: LayoutNight, rows: list[Row]) -> None:
    noisy = [row["ARID"] for row in rows if len(row["Amount"]) > 9 and row["Status"] == "Open"]
    published = dict(night.rows("items", MADE, "item_id", "amount"))
    assert "AR20063" in noisy
    assert published["AR20063"] == Decimal("997.560")
