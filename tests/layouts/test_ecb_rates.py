"""The euro reference rates of the ECB: daily and history, in every form that they come in."""

import gzip
import io
import shutil
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from encours.ledger.sources import open_ledger
from encours_schemas.configuration import load_configuration
from tests.layouts.layout_nights import LayoutNight
from tests.shared_material import SHARED

# Made up, in the form of the bank: newest first, a trailing comma, N/A, dead currencies.
HISTORY = (
    "Date,USD,JPY,BGN,ROL,RON,TRL,TRY,\n"
    "2026-01-02,1.1702,183.5,N/A,N/A,5.0921,N/A,50.4,\n"
    "2025-12-31,1.175,184.09,1.9558,N/A,5.0971,N/A,50.4838,\n"
    "2005-06-30,1.2092,133.95,1.9559,36035,N/A,N/A,1.6144,\n"
)
SAVED = (
    HISTORY.replace(",\n", "\n")
    .replace("2026-01-02", "1/2/2026")
    .replace("2025-12-31", "12/31/2025")
    .replace("2005-06-30", "6/30/2005")
)
DAILY = "Date, USD, JPY, RON, TRY, \n02 January 2026, 1.1702, 183.50, 5.0921, 50.4, \n"

ITEMS = (
    "item_id,company_code,customer_id,document_type,document_date,due_date,currency,amount\n"
    "U,1,C,invoice,2025-12-01,2025-12-31,USD,117.02\n"
    "J,1,C,invoice,2025-12-01,2025-12-31,JPY,1835\n"
    "R,1,C,invoice,2025-12-01,2025-12-31,RON,50.00\n"
    "T,1,C,invoice,2025-12-01,2025-12-31,TRY,252.00\n"
)


def night(root: Path, file: str, content: bytes) -> LayoutNight:
    ledger = root / "ledger"
    ledger.mkdir()
    (ledger / "open_items.csv").write_text(ITEMS, encoding="utf-8")
    (ledger / "customers.csv").write_text("customer_id,country\nC,US\n", encoding="utf-8")
    (ledger / "companies.csv").write_text("company_code,country\n1,US\n", encoding="utf-8")
    (ledger / file).write_bytes(content)
    return LayoutNight(ledger, ("ecb_eurofxref",), root)


def zipped(content: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("eurofxref-hist.csv", content)
    return target.getvalue()


FORMS = {
    "eurofxref-hist.csv": HISTORY.encode(),
    "eurofxref-hist.zip": zipped(HISTORY),
    "eurofxref-hist.csv.gz": gzip.compress(HISTORY.encode()),
    "eurofxref-saved.csv": SAVED.encode(),
    "eurofxref.csv": DAILY.encode(),
}


@pytest.mark.parametrize("file", FORMS)
def test_rates__are_units_per_euro_of_the_latest_day(tmp_path: Path, file: str) -> None:
    made = night(tmp_path, file, FORMS[file])
    made.publish("2026-01-04")  # a Sunday: the rates of Friday
    assert made.items("2026-01-04", "open_amount_rc") == {
        "U": ("100",),
        "J": ("10",),
        "R": ("9.82",),  # 50 / 5.0921 = 9.8191...
        "T": ("5",),
    }
    assert made.rows("quarantine", "2026-01-04") == []


def test_rates__of_dead_currencies_and_missing_ones_are_left_out(tmp_path: Path) -> None:
    made = night(tmp_path, "eurofxref-hist.csv", FORMS["eurofxref-hist.csv"])
    made.publish("2026-01-04")
    accepted = made.manifest("2026-01-04")["rows"]["fx_rates"]["accepted"]
    # 4 + 5 + 4 of the living (RON and BGN have gaps), one ROL left out.
    assert accepted == 13


def test_rates__of_a_day_before_the_file_are_missing(tmp_path: Path) -> None:
    made = night(tmp_path, "eurofxref.csv", FORMS["eurofxref.csv"])
    said = made.refused("2025-12-31", 66)
    assert "EUR" in said


# -- the real files --------------------------------------------------------------------------------

REAL = SHARED / "data" / "ecb_fx"


def real_rates(file: str, staging: Path) -> dict[tuple[str, date], Decimal]:
    """Give the rates of 2024 and later that the layout makes of one of the real files."""
    settings = {
        "input.layouts": ["ecb_eurofxref"],
        "input.parameters": {"from_date": "2024-01-01"},
        "input.sources": {"rates": {"files": [f"ecb_fx/{file}"]}},
    }
    configuration = load_configuration(None, {}, settings).configuration
    ledger = staging / "ledger"
    (ledger / "ecb_fx").mkdir(parents=True)
    for table, text in (("open_items", ITEMS), ("customers", "customer_id,country\nC,US\n")):
        (ledger / f"{table}.csv").write_text(text, encoding="utf-8")
    shutil.copy(REAL / file, ledger / "ecb_fx" / file)
    source = open_ledger(ledger, configuration, staging, 1).tables["fx_rates"]
    columns = ("to_currency", "rate_date", "rate")
    return {
        (row["to_currency"], row["rate_date"]): Decimal(row["rate"])
        for unit in source.units
        for row in source.read(unit, columns).to_pylist()
    }


@pytest.mark.skipif(
    not REAL.is_dir(), reason="the bank's files lie beside the repository, if at all"
)
def test_real_files__agree_where_they_overlap(tmp_path: Path) -> None:
    history = real_rates("eurofxref-hist.zip", tmp_path / "history")
    daily = real_rates("eurofxref.csv", tmp_path / "daily")
    saved = real_rates("eurofxref-hist_mdY_dates_2024-06-03.csv.gz", tmp_path / "saved")
    assert len(daily) == 29
    assert daily == {key: rate for key, rate in history.items() if key[1] == date(2026, 4, 13)}
    assert max(day for _, day in saved) == date(2024, 3, 6)
    assert saved == {key: rate for key, rate in history.items() if key[1] <= date(2024, 3, 6)}
