"""The open items of a ledger as another system would have written them, and the layout for that."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import polars as pl

from bench.sizes import BUILD, Size, ledger_directory
from encours.ledger.checking import check_columns
from encours.ledger.sources import Ledger
from encours_schemas import INPUT_TABLES

_KINDS: Final = {
    "invoice": "RV",
    "debit_note": "DR",
    "credit_note": "DG",
    "payment": "DZ",
    "down_payment": "DA",
    "bill_of_exchange": "DW",
    "interest_note": "DI",
}
_DATES: Final = (
    "document_date",
    "posting_date",
    "delivery_date",
    "baseline_date",
    "due_date",
    "original_due_date",
    "disputed_from",
    "disputed_to",
    "interest_billed_to",
)
_AMOUNTS: Final = (
    "tax_amount",
    "open_amount",
    "disputed_amount",
    "interest_billed_amount",
    "indemnity_billed_amount",
)
_TEXTS: Final = (
    "item_id",
    "company_code",
    "document_number",
    "payment_terms",
    "currency",
    "order_id",
    "dispute_reason",
    "financing",
    "interest_regime",
)
LAYOUT: Final = f"""
layout = 1
name = "foreign"

[maps.kind]
{chr(10).join(f'{code} = "{kind}"' for kind, code in _KINDS.items())}

[sources.items]
files = ["ITEMS.txt"]
separator = ";"
decimal_mark = ","
thousands_separator = "."
sign = "trailing"
date_format = "DD.MM.YYYY"
empty_dates = ["00.00.0000"]

[sources.items.fields]
KIND = "text"
CUSTOMER = "text"
SIDE = "text"
AMOUNT = "amount"
disputed = {{ type = "bool", true = ["X"], false = [""] }}
{chr(10).join(f'{name} = "text"' for name in _TEXTS)}
{chr(10).join(f'{name} = "date"' for name in _DATES)}
{chr(10).join(f'{name} = "amount"' for name in _AMOUNTS)}

[[tables.open_items]]
from = "items"
same_names = true
[tables.open_items.columns]
customer_id = "pad(CUSTOMER, 10)"
document_type = "map(KIND, 'kind')"
amount = "AMOUNT if SIDE == 'S' else -AMOUNT if SIDE == 'H' else refuse('SIDE is S or H')"
"""


def foreign_directories(size: Size) -> tuple[Path, Path]:
    """Give two ledgers of the same items and customers: the contract's form, and another's."""
    source = ledger_directory(size, "csv")
    root = BUILD / "foreign" / source.name
    canonical, foreign = root / "canonical", root / "foreign"
    if not foreign.is_dir():
        shutil.rmtree(root, ignore_errors=True)
        canonical.mkdir(parents=True)
        making = root / "making"
        making.mkdir()
        items = pl.read_csv(source / "open_items" / "*.csv", infer_schema=False)
        items.write_csv(canonical / "open_items.csv")
        _written_elsewhere(items).write_csv(making / "ITEMS.txt", separator=";")
        for directory in (canonical, making):
            shutil.copy(source / "customers.csv", directory)
        (making / "foreign.toml").write_text(LAYOUT, encoding="utf-8")
        making.rename(foreign)
    return canonical, foreign


def _written_elsewhere(items: pl.DataFrame) -> pl.DataFrame:
    """Write the items as the layout says: unsigned amounts with a side, dates with points."""
    dates = [
        pl.col(name).str.replace(r"^(\d{4})-(\d{2})-(\d{2})$", "$3.$2.$1").fill_null("00.00.0000")
        for name in _DATES
    ]
    amounts = [
        pl.col(name).str.replace(r"^-(.*)$", "$1-").str.replace(".", ",", literal=True)
        for name in _AMOUNTS
    ]
    return items.with_columns(
        *dates,
        *amounts,
        pl.when(pl.col("amount").str.starts_with("-"))
        .then(pl.lit("H"))
        .otherwise(pl.lit("S"))
        .alias("SIDE"),
        pl.col("amount").str.strip_prefix("-").str.replace(".", ",", literal=True).alias("AMOUNT"),
        pl.col("document_type").replace_strict(_KINDS).alias("KIND"),
        pl.col("customer_id").str.strip_chars_start("0").alias("CUSTOMER"),
        pl.when(pl.col("disputed") == "true").then(pl.lit("X")).alias("disputed"),
    ).drop("amount", "document_type", "customer_id")


def decode_items(ledger: Ledger) -> tuple[int, int]:
    """Read and decode every column of the items; give the rows, and the sum of their amounts."""
    source = ledger.tables["open_items"]
    rows = total = 0
    for unit in source.units:
        data = source.read(unit, source.columns)
        checked = check_columns(INPUT_TABLES["open_items"], data, source.dialect)
        rows += int((~checked.faults.bad).sum())
        total += int(checked.money("amount").sum())
    return rows, total
