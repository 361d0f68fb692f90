"""Exposure per credit account in the Polars job: components, down payments, credits, lateness."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from bench.peers.polars_inputs import div_round, milli, minor_unit, money, read_companies, to_euro

DEBITS = (
    "receivables",
    "bills_of_exchange",
    "financed_with_recourse",
    "deliveries_not_invoiced",
    "production",
    "open_orders",
)
CREDITS = ("credit_notes", "unapplied_payments", "down_payments")
COMPONENTS = (*DEBITS, "orders_beyond_horizon", *CREDITS, "credit_balance")
HORIZON = timedelta(days=90)
RECOURSE = timedelta(days=5)


def component_of(as_of: date) -> pl.Expr:
    """Name the component of exposure, null when the item is not counted."""
    kind, financing = pl.col("document_type"), pl.col("financing")
    is_financed = financing != "none"
    return (
        pl.when(financing.is_in(("factored_no_recourse", "securitised")))
        .then(None)
        .when(kind == "payment")
        .then(pl.lit("unapplied_payments"))
        .when(kind == "down_payment")
        .then(pl.lit("down_payments"))
        .when((kind == "credit_note") | (pl.col("amount") < 0))
        .then(pl.lit("credit_notes"))
        .when(is_financed & (pl.col("due_date") < as_of - RECOURSE))
        .then(None)
        .when(is_financed)
        .then(pl.lit("financed_with_recourse"))
        .when(kind == "bill_of_exchange")
        .then(pl.lit("bills_of_exchange"))
        .otherwise(pl.lit("receivables"))
    )


def read_commitments(
    ledger: Path, items: pl.DataFrame, fx: pl.LazyFrame, as_of: date
) -> pl.DataFrame:
    """Give what is committed, in euro, and what down payments for the same order take of it."""
    paid = (
        items.lazy()
        .filter(
            (pl.col("component") == "down_payments")
            & (pl.col("open_rc") < 0)
            & pl.col("order_id").is_not_null()
        )
        .group_by("company_code", "customer_id", "order_id")
        .agg((-pl.col("open_rc").sum()).alias("paid"))
    )
    percent_e9 = pl.col("tax_percent").to_physical().cast(pl.Int128).fill_null(0)
    exact = milli("amount").cast(pl.Int128) * (percent_e9 + 100 * 10**9)
    unit = minor_unit()
    gross = (div_round(exact, unit * (100 * 10**9)) * unit).cast(pl.Int64)
    left = pl.max_horizontal(gross - milli("prepaid_amount").fill_null(0), pl.lit(0, pl.Int64))
    component = (
        pl.when(pl.col("kind") == "delivery")
        .then(pl.lit("deliveries_not_invoiced"))
        .when(pl.col("kind") == "production")
        .then(pl.lit("production"))
        .when((pl.col("expected_date") > as_of + HORIZON).fill_null(value=False))
        .then(pl.lit("orders_beyond_horizon"))
        .otherwise(pl.lit("open_orders"))
    )
    order = ("company_code", "customer_id", "order_id")
    before = pl.col("left_rc").cum_sum().over(order) - pl.col("left_rc")
    used = (pl.col("paid").fill_null(0) - before).clip(0, pl.col("left_rc"))
    return (
        pl.scan_parquet(ledger / "commitments.parquet")
        .filter((pl.col("document_date") <= as_of).fill_null(value=True))
        .filter((pl.col("closed_date") > as_of).fill_null(value=True))
        .join(fx, on="currency")
        .select(
            "commitment_id", *order, component.alias("component"), to_euro(left).alias("left_rc")
        )
        .join(paid, on=order, how="left")
        .sort("commitment_id")
        .with_columns(used.alias("used"))
        .collect()
    )


def net_credits(items: pl.DataFrame, committed: pl.DataFrame, ledger: Path) -> pl.LazyFrame:
    """Give what each customer owes each company code; credits count up to its debts."""
    pair = ("customer_id", "company_code")
    used = committed.lazy().filter(pl.col("used") > 0)
    amounts = pl.concat(
        [
            items.lazy().select(*pair, "component", pl.col("open_rc").alias("amount")),
            committed.lazy().select(
                *pair, "component", (pl.col("left_rc") - pl.col("used")).alias("amount")
            ),
            used.select(
                *pair, pl.lit("down_payments").alias("component"), pl.col("used").alias("amount")
            ),
            used.filter(pl.col("component") == "orders_beyond_horizon").select(
                *pair,
                pl.lit("credit_balance").alias("component"),
                (-pl.col("used")).alias("amount"),
            ),
        ]
    )
    summed = amounts.group_by(*pair).agg(
        pl.col("amount").filter(pl.col("component") == name).sum().alias(name)
        for name in COMPONENTS
    )
    netting = pl.scan_parquet(ledger / "customers.parquet").select(
        "customer_id", "netting_agreement"
    )
    nets = pl.col("netting_agreement").fill_null(value=False)
    base = pl.max_horizontal(pl.sum_horizontal(DEBITS), pl.lit(0, pl.Int64))
    base += pl.sum_horizontal(pl.col(name).clip(lower_bound=0) for name in CREDITS)
    frame = summed.join(netting, on="customer_id", how="left").with_columns(base.alias("base"))
    for name in CREDITS:
        counted = pl.max_horizontal(name, -pl.col("base"))
        counted = pl.when(nets).then(name).otherwise(counted)
        frame = frame.with_columns(counted.alias("counted")).with_columns(
            pl.col("counted").alias(name),
            (pl.col("credit_balance") + pl.col(name) - pl.col("counted")).alias("credit_balance"),
            (pl.col("base") + pl.col("counted").clip(upper_bound=0)).alias("base"),
        )
    return frame.select(*pair, *COMPONENTS)


def lateness(items: pl.DataFrame) -> pl.LazyFrame:
    """Give what is late per customer and company code, credits set against it by currency."""
    pair = ("customer_id", "company_code")
    is_counted = pl.col("component").is_not_null()
    is_late = is_counted & (pl.col("open") > 0) & (pl.col("days_past_due") > 0)
    is_credit = pl.col("component").is_in(("credit_notes", "unapplied_payments"))
    net = (pl.col("overdue") + pl.col("credits")).clip(lower_bound=0)
    return (
        items.lazy()
        .group_by(*pair, "currency")
        .agg(
            pl.col("open_rc").filter(is_late).sum().alias("overdue"),
            pl.col("open_rc").filter(is_credit & (pl.col("open_rc") < 0)).sum().alias("credits"),
            pl.col("disputed_rc").filter(is_counted).sum().alias("disputed_amount"),
            pl.col("due_date").filter(is_late).min().alias("oldest_due_date"),
            (pl.col("open") != 0).sum().cast(pl.Int64).alias("item_count"),
        )
        .with_columns(net.alias("overdue_net"))
        .group_by(*pair)
        .agg(
            pl.col("overdue", "overdue_net", "disputed_amount", "item_count").sum(),
            pl.col("oldest_due_date").min(),
        )
    )


def write_accounts(
    positions: pl.LazyFrame, late: pl.LazyFrame, ledger: Path, as_of: date, out: Path
) -> None:
    """Write the table `credit_accounts`."""
    accounts = pl.scan_parquet(ledger / "customers.parquet").select(
        "customer_id", "credit_account_id"
    )
    sums = (*COMPONENTS, "overdue", "overdue_net", "disputed_amount")
    days = (pl.lit(as_of) - pl.col("oldest_due_date")).dt.total_days().fill_null(0).cast(pl.Int32)
    (
        positions.join(late, on=["customer_id", "company_code"], how="left")
        .join(accounts, on="customer_id", how="left")
        .join(read_companies(ledger), on="company_code", how="left")
        .group_by(
            pl.coalesce("credit_account_id", "customer_id").alias("credit_account_id"),
            "credit_segment",
        )
        .agg(pl.col(*sums).sum(), pl.col("oldest_due_date").min(), pl.col("item_count").sum())
        .select(
            "credit_account_id",
            "credit_segment",
            *(money(name).alias(name) for name in sums),
            money(pl.sum_horizontal(*DEBITS, *CREDITS)).alias("exposure"),
            "oldest_due_date",
            days.alias("max_days_past_due"),
            "item_count",
        )
        .sort("credit_segment", "credit_account_id")
        .sink_parquet(
            out / "credit_accounts" / "part-0.parquet", compression="snappy", engine="streaming"
        )
    )
