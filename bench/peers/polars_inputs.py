"""What the Polars job reads, and the arithmetic that its steps share."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

REGIME_OF_COUNTRY = {
    "FR": "FR_business",
    "DE": "DE_business",
    "GB": "GB_business",
    "IT": "EU_default",
    "ES": "EU_default",
    "BE": "BE_business",
    "PL": "PL_business",
}
WHOLE = 9 * 10**15
"""A dispute without an amount is about everything."""


def milli(name: str) -> pl.Expr:
    """Give a money column as whole thousandths."""
    return pl.col(name).to_physical().cast(pl.Int64)


def money(value: pl.Expr | str) -> pl.Expr:
    """Give whole thousandths as decimal(18, 3)."""
    whole = pl.col(value) if isinstance(value, str) else value
    return (whole.cast(pl.Decimal(21, 3)) * pl.lit(Decimal("0.001"))).cast(pl.Decimal(18, 3))


def div_round(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Divide 128-bit integers, rounded half away from zero."""
    size = (numerator.abs() * 2 + denominator) // (denominator * 2)
    return pl.when(numerator < 0).then(size * -1).otherwise(size)


def to_euro(value: pl.Expr) -> pl.Expr:
    """Convert thousandths by the row's rate, rounded to cents."""
    exact = value.cast(pl.Int128) * pl.col("numerator")
    return (div_round(exact, pl.col("denominator") * 10) * 10).cast(pl.Int64)


def minor_unit() -> pl.Expr:
    """Give the smallest unit of each row's currency in thousandths."""
    units = {"JPY": 1000, "TND": 1}
    return pl.col("currency").replace_strict(units, default=10, return_dtype=pl.Int128)


def stream(frame: pl.LazyFrame) -> pl.DataFrame:
    """Collect with the streaming engine."""
    return frame.collect(engine="streaming")


def read_exchange_rates(ledger: Path, as_of: date) -> pl.LazyFrame:
    """Give the latest rates to the euro, not older than ten days, as fractions."""
    scaled = pl.col("rate").to_physical().cast(pl.Int128) // 10**9
    latest = (
        pl.scan_parquet(ledger / "fx_rates.parquet")
        .filter(pl.col("rate_date") <= as_of)
        .sort("rate_date")
        .group_by("from_currency", "to_currency")
        .agg(scaled.last().alias("rate"), pl.col("rate_date").last())
        .filter(pl.col("rate_date") >= as_of - timedelta(days=10))
    )
    one = pl.lit(10**9, pl.Int128)
    direct = latest.filter(pl.col("to_currency") == "EUR").select(
        pl.col("from_currency").alias("currency"),
        pl.col("rate").alias("numerator"),
        one.alias("denominator"),
    )
    inverse = latest.filter(pl.col("from_currency") == "EUR").select(
        pl.col("to_currency").alias("currency"),
        one.alias("numerator"),
        pl.col("rate").alias("denominator"),
    )
    inverse = inverse.join(direct, on="currency", how="anti")
    euro = pl.LazyFrame(
        {"currency": ["EUR"], "numerator": [1], "denominator": [1]},
        schema={"currency": pl.String, "numerator": pl.Int128, "denominator": pl.Int128},
    )
    return pl.concat([euro, direct, inverse]).collect().lazy()


def read_rate_index(rates: Path) -> pl.LazyFrame:
    """Give for every regime and day the cumulated rate: any stretch is one subtraction."""
    is_actual = pl.col("day_count") == "ACT/ACT"
    days = (
        pl.scan_parquet(rates)
        .with_columns(pl.date_ranges("first_day", "last_day").alias("day"))
        .explode("day")
        .sort("regime", "day")
        .with_columns(
            pl.when(is_actual & pl.col("day").dt.is_leap_year())
            .then(365)
            .otherwise(366)
            .cast(pl.Int64)
            .alias("weight")
        )
    )
    return (
        days.select(
            "regime",
            "day",
            "rate_e9",
            "fixed_at_start",
            (pl.col("rate_e9") * pl.col("weight")).cum_sum().over("regime").alias("by_rate"),
            pl.col("weight").cum_sum().over("regime").alias("by_weight"),
        )
        .collect()
        .lazy()
    )


def parse_terms(codes: Iterable[str]) -> pl.LazyFrame:
    """Give the steps of each payment term: days, end of month, days, day of the next month."""
    table = pl.DataFrame({"payment_terms": sorted(codes)}, schema={"payment_terms": pl.String})
    part = pl.col("payment_terms").str.extract_groups(
        r"^(?<start>NET|EOM)(?<days>\d+)(?<then_end>EOM)?(?:D(?<day>\d+))?$"
    )
    field = part.struct.field
    days = field("days").cast(pl.Int32)
    is_net = field("start") == "NET"
    return table.lazy().select(
        "payment_terms",
        pl.when(is_net).then(days).otherwise(0).alias("net_days"),
        (~is_net | field("then_end").is_not_null()).alias("to_month_end"),
        pl.when(is_net).then(0).otherwise(days).alias("days_after_end"),
        field("day").cast(pl.Int32).alias("day_of_next_month"),
    )


def due_by_terms(baseline: pl.Expr) -> pl.Expr:
    """Give the due date by the row's payment term, null without one."""
    due = baseline + pl.duration(days="net_days")
    end = due.dt.month_end() + pl.duration(days="days_after_end")
    due = pl.when("to_month_end").then(end).otherwise(due)
    next_month = due.dt.month_start().dt.offset_by("1mo")
    moved = next_month + pl.duration(days=pl.col("day_of_next_month") - 1)
    moved = pl.min_horizontal(moved, next_month.dt.month_end())
    return pl.when(pl.col("day_of_next_month").is_not_null()).then(moved).otherwise(due)


def read_allocations(ledger: Path, as_of: date) -> pl.DataFrame:
    """Give what is applied to each item by value date: thousandths posted by the as-of date."""
    is_posted = pl.coalesce("posting_date", "value_date") <= as_of
    return stream(
        pl.scan_parquet(ledger / "allocations" / "*.parquet")
        .select("item_id", "value_date", milli("amount").alias("amount"), is_posted.alias("posted"))
        .group_by("item_id", "value_date")
        .agg(
            pl.col("amount").filter(pl.col("posted")).sum().alias("applied"),
            pl.col("posted").any(),
        )
    )


def read_customers(ledger: Path, as_of: date) -> pl.LazyFrame:
    """Give the facts of customers that items need."""
    names = ("customer_id", "credit_account_id", "payment_terms", "netting_agreement")
    exempt = pl.col("consumer").fill_null(value=False) | pl.col("intragroup").fill_null(value=False)
    is_public = pl.col("public_buyer") & (pl.col("country") == "FR")
    regime = pl.coalesce("interest_regime", pl.when(is_public).then(pl.lit("FR_public")))
    opened = pl.col("insolvency_date")
    return (
        pl.scan_parquet(ledger / "customers.parquet")
        .select(
            *names,
            exempt.alias("is_exempt"),
            regime.alias("customer_regime"),
            pl.when(opened <= as_of).then(opened).alias("opened_on"),
        )
        .rename({"payment_terms": "customer_terms"})
        .collect()
        .lazy()
    )


def read_companies(ledger: Path) -> pl.LazyFrame:
    """Give segment and statutory regime of each company code."""
    regime = pl.col("country").replace_strict(
        REGIME_OF_COUNTRY, default=None, return_dtype=pl.String
    )
    return pl.scan_parquet(ledger / "companies.parquet").select(
        "company_code", "credit_segment", regime.alias("company_regime")
    )


def open_items(ledger: Path, as_of: date, applied: pl.DataFrame) -> pl.LazyFrame:
    """Give every item that exists, with its open amount."""
    scan = pl.scan_parquet(ledger / "open_items" / "*.parquet")
    customers = read_customers(ledger, as_of)
    own = set(scan.select(pl.col("payment_terms").unique()).collect().to_series())
    theirs = set(customers.select(pl.col("customer_terms").unique()).collect().to_series())
    terms = parse_terms({code for code in own | theirs if code})
    by_item = applied.lazy().group_by("item_id").agg(pl.col("applied").sum())
    disputed = pl.col("disputed").fill_null(value=False)
    disputed &= (pl.col("disputed_from") <= as_of).fill_null(value=True)
    disputed &= (pl.col("disputed_to") >= as_of).fill_null(value=True)
    baseline = pl.coalesce("baseline_date", "document_date")
    is_prior = pl.coalesce("delivery_date", "document_date") < pl.col("opened_on")
    types = ("invoice", "debit_note", "bill_of_exchange")
    regime = pl.coalesce("interest_regime", "customer_regime", "company_regime")
    by_extract = milli("open_amount").fill_null(milli("amount"))
    by_allocations = milli("amount") - pl.col("applied")
    has_allocation = pl.col("applied").is_not_null()
    return (
        scan.filter(pl.coalesce("posting_date", "document_date") <= as_of)
        .join(customers, on="customer_id", how="left")
        .join(read_companies(ledger), on="company_code", how="left")
        .with_columns(pl.coalesce("payment_terms", "customer_terms").alias("payment_terms"))
        .join(terms, on="payment_terms", how="left")
        .join(by_item, on="item_id", how="left")
        .select(
            *("item_id", "company_code", "credit_segment", "customer_id", "document_type"),
            *("document_date", "currency", "order_id", "netting_agreement"),
            pl.coalesce("credit_account_id", "customer_id").alias("credit_account_id"),
            pl.coalesce("document_number", "item_id").alias("document_number"),
            pl.coalesce("due_date", due_by_terms(baseline), "document_date").alias("due_date"),
            milli("amount").alias("amount"),
            pl.when(has_allocation).then(by_allocations).otherwise(by_extract).alias("open"),
            has_allocation.alias("has_allocation"),
            pl.col("financing").fill_null("none"),
            (pl.col("document_type").is_in(types) & (milli("amount") >= 0)).alias("bears"),
            pl.when(disputed)
            .then(milli("disputed_amount").abs().fill_null(WHOLE))
            .otherwise(0)
            .alias("dispute"),
            pl.when(~pl.col("is_exempt")).then(regime).alias("interest_regime"),
            pl.when(is_prior).then(pl.col("opened_on") - timedelta(days=1)).alias("stopped_on"),
        )
    )
