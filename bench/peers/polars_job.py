"""The nightly job as one data engineer would write it on Polars, with its streaming engine.

    python -m bench.peers.polars_job LEDGER AS_OF OUT RATES

The number of threads is Polars' own setting, POLARS_MAX_THREADS.

The same rules and the same columns as `duckdb_job.py`, whose docstring lists what is written and
what is not done; written to be as fast as we could make it: lazy frames, integers of thousandths
(128 bits where products need them), an index of cumulated rates instead of a join over half-years.

What it writes
- items: item_id, company_code, credit_segment, customer_id, credit_account_id, document_type,
  document_number, document_date, due_date, currency, amount, open_amount, open_amount_rc,
  disputed_amount, days_past_due, bucket, settled_on, interest_regime, and for the regimes in RATES
  (FR_business, DE_business, GB_business, EU_default) interest_from, interest_to, interest_days,
  penalty_interest, penalty_interest_rc, interest_suspended;
- credit_accounts, of the accounts that have an item or a commitment: credit_account_id,
  credit_segment, the nine components of exposure, orders_beyond_horizon, credit_balance, exposure,
  overdue, overdue_net, disputed_amount, oldest_due_date, max_days_past_due, item_count;
- ageing: all columns.
"""

import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from bench.peers.polars_accounts import (
    component_of,
    lateness,
    net_credits,
    read_commitments,
    write_accounts,
)
from bench.peers.polars_inputs import (
    div_round,
    minor_unit,
    money,
    open_items,
    read_allocations,
    read_exchange_rates,
    read_rate_index,
    stream,
    to_euro,
)

RATE_DIVISOR = 10**9 * 100 * 365 * 366
"""Rates are percent in units of 10^-9; a day weighs 366 or 365 over 365 x 366."""


def balances(items: pl.DataFrame, applied: pl.DataFrame) -> pl.DataFrame:
    """Give the balance after each value date of items that bear interest, and the next date.

    Over sorted rows, running sums and neighbours are five times faster than windows.
    """
    bearing = items.lazy().filter(pl.col("bears") & (pl.col("amount") > 0))
    is_first = (pl.col("item_id") != pl.col("item_id").shift(1)).fill_null(value=True)
    is_followed = pl.col("item_id") == pl.col("item_id").shift(-1)
    running = pl.col("applied").cum_sum()
    before = pl.when(is_first).then(running - pl.col("applied")).forward_fill()
    return (
        applied.lazy()
        .filter("posted")
        .join(bearing.select("item_id", "amount", "open"), on="item_id")
        .collect(engine="streaming")
        .sort("item_id", "value_date")
        .select(
            "item_id",
            "value_date",
            "open",
            (pl.col("amount") - running + before).alias("balance"),
            pl.when(is_followed).then(pl.col("value_date").shift(-1)).alias("next_date"),
        )
    )


def measure(
    items: pl.DataFrame, dated: pl.DataFrame, fx: pl.LazyFrame, as_of: date
) -> pl.DataFrame:
    """Give the items that are published, with what is open, disputed and late."""
    last_change = pl.col("next_date").filter(pl.col("balance") != 0).max()
    settled = (
        dated.lazy()
        .filter(pl.col("open") == 0)
        .group_by("item_id")
        .agg(pl.coalesce(last_change, pl.col("value_date").min()).alias("settled_on"))
    )
    disputed = pl.col("open").sign() * pl.min_horizontal("dispute", pl.col("open").abs())
    end = pl.min_horizontal(pl.lit(as_of), "settled_on")
    is_late = (pl.col("settled_on") > pl.col("due_date")) & (pl.col("due_date") < as_of)
    return stream(
        items.lazy()
        .join(settled, on="item_id", how="left")
        .filter((pl.col("open") != 0) | (pl.col("bears") & is_late))
        .join(fx, on="currency", how="left")
        .with_columns(
            disputed.alias("disputed"),
            to_euro(pl.col("open")).alias("open_rc"),
            to_euro(disputed).alias("disputed_rc"),
            (end - pl.col("due_date")).dt.total_days().cast(pl.Int32).alias("days_past_due"),
            component_of(as_of).alias("component"),
        )
        .drop("dispute")
    )


def stretches(
    items: pl.DataFrame, dated: pl.DataFrame, regimes: list[str], as_of: date
) -> pl.LazyFrame:
    """Give the stretches of one principal within the days that bear interest."""
    end = pl.min_horizontal(pl.lit(as_of), "settled_on", "stopped_on")
    claims = (
        items.lazy()
        .filter(
            pl.col("bears")
            & (pl.col("days_past_due") > 0)
            & pl.col("interest_regime").is_in(regimes)
        )
        .select(
            *("item_id", "interest_regime", "due_date", "has_allocation", "amount", "open"),
            "disputed",
            end.alias("end"),
        )
    )
    first = dated.lazy().group_by("item_id").agg(pl.col("value_date").min().alias("until"))
    original = pl.when("has_allocation").then("amount").otherwise("open")
    columns = ("item_id", "interest_regime", "open", "disputed")
    before = claims.join(first, on="item_id", how="left").select(
        *columns,
        pl.col("due_date").alias("after"),
        pl.min_horizontal("end", "until").alias("until"),
        original.alias("principal"),
    )
    then = claims.join(dated.lazy().drop("open"), on="item_id").select(
        *columns,
        pl.max_horizontal("due_date", "value_date").alias("after"),
        pl.min_horizontal("end", "next_date").alias("until"),
        pl.col("balance").alias("principal"),
    )
    part = (
        pl.when((pl.col("disputed") <= 0) | (pl.col("open") <= 0))
        .then(0)
        .when(pl.col("disputed") == pl.col("open"))
        .then("principal")
        .otherwise(pl.min_horizontal("principal", "disputed"))
    )
    return (
        pl.concat([before, then])
        .filter((pl.col("principal") > 0) & (pl.col("until") > pl.col("after")))
        .with_columns(part.alias("suspended"))
    )


def accrue(
    items: pl.DataFrame, dated: pl.DataFrame, index: pl.LazyFrame, as_of: date
) -> pl.LazyFrame:
    """Give the penalty interest of every late item under the regimes of the index."""
    regimes = index.select(pl.col("regime").unique()).collect().to_series().to_list()
    steps = index.select("regime", "day", "by_rate", "by_weight")
    claimed = (pl.col("principal") - pl.col("suspended")).cast(pl.Int128)
    suspended = pl.col("suspended").cast(pl.Int128)
    rate = pl.col("by_rate_right") - pl.col("by_rate")
    weight = pl.col("by_weight_right") - pl.col("by_weight")
    summed = (
        stretches(items, dated, regimes, as_of)
        .join(steps, left_on=["interest_regime", "after"], right_on=["regime", "day"])
        .join(steps, left_on=["interest_regime", "until"], right_on=["regime", "day"])
        .group_by("item_id", "interest_regime")
        .agg(
            (pl.col("after").min() + timedelta(days=1)).alias("first"),
            pl.col("until").max().alias("last"),
            (pl.col("until") - pl.col("after")).dt.total_days().sum().alias("days"),
            claimed.sum().alias("in_all"),
            *(
                (claimed * step).sum().alias(f"claimed_{name}")
                for name, step in (("rate", rate), ("weight", weight))
            ),
            *(
                (suspended * step).sum().alias(f"suspended_{name}")
                for name, step in (("rate", rate), ("weight", weight))
            ),
        )
        .join(
            index.select("regime", "day", "rate_e9", "fixed_at_start"),
            left_on=["interest_regime", "first"],
            right_on=["regime", "day"],
        )
        .join(items.lazy().select("item_id", minor_unit().alias("unit")), on="item_id")
    )

    def rounded(part: str) -> pl.Expr:
        fixed = pl.col(f"{part}_weight") * pl.col("rate_e9").cast(pl.Int128)
        exact = pl.when("fixed_at_start").then(fixed).otherwise(pl.col(f"{part}_rate"))
        return (div_round(exact, pl.col("unit") * RATE_DIVISOR) * pl.col("unit")).cast(pl.Int64)

    is_claimed = pl.col("in_all") > 0
    return summed.select(
        "item_id",
        pl.when(is_claimed).then("first").alias("interest_from"),
        pl.when(is_claimed).then("last").alias("interest_to"),
        pl.when(is_claimed).then("days").cast(pl.Int32).alias("interest_days"),
        rounded("claimed").alias("penalty"),
        rounded("suspended").alias("suspended"),
    )


def bucket_position() -> pl.Expr:
    """Give the ageing bucket: 0 not due, 1 to 5 late."""
    days = pl.col("days_past_due")
    bounds = (0, 30, 60, 90, 180)
    return pl.sum_horizontal((days > bound).cast(pl.Int32) for bound in bounds).cast(pl.Int32)


def bucket() -> pl.Expr:
    """Name the ageing bucket."""
    names = ["not_due", "1-30", "31-60", "61-90", "91-180", ">180"]
    return bucket_position().replace_strict(list(range(len(names))), names, return_dtype=pl.String)


def write_items(items: pl.DataFrame, interest: pl.LazyFrame, out: Path) -> None:
    """Write the table `items`."""
    penalty = pl.col("penalty").fill_null(0)
    names = (
        *("item_id", "company_code", "credit_segment", "customer_id", "credit_account_id"),
        *("document_type", "document_number", "document_date", "due_date", "currency"),
    )
    (
        items.lazy()
        .join(interest, on="item_id", how="left", maintain_order="none")
        .select(
            *names,
            money("amount").alias("amount"),
            money("open").alias("open_amount"),
            money("open_rc").alias("open_amount_rc"),
            money("disputed").alias("disputed_amount"),
            "days_past_due",
            pl.when(pl.col("open") != 0).then(bucket()).alias("bucket"),
            *("settled_on", "interest_regime", "interest_from", "interest_to", "interest_days"),
            money(penalty).alias("penalty_interest"),
            money(to_euro(penalty)).alias("penalty_interest_rc"),
            money(pl.col("suspended").fill_null(0)).alias("interest_suspended"),
        )
        .sink_parquet(
            out / "items" / "part-0.parquet",
            compression="snappy",
            maintain_order=False,
            engine="streaming",
        )
    )


def write_ageing(items: pl.DataFrame, out: Path) -> None:
    """Write the table `ageing`."""
    keys = ("company_code", "customer_id", "currency", "bucket", "bucket_position")
    (
        items.lazy()
        .filter(pl.col("open") != 0)
        .with_columns(bucket().alias("bucket"), bucket_position().alias("bucket_position"))
        .group_by(*keys)
        .agg(
            pl.col("open", "open_rc", "disputed_rc").sum(),
            pl.len().cast(pl.Int64).alias("item_count"),
        )
        .select(
            *keys,
            money("open").alias("open_amount"),
            money("open_rc").alias("open_amount_rc"),
            money("disputed_rc").alias("disputed_amount_rc"),
            "item_count",
        )
        .sort("company_code", "customer_id", "currency", "bucket_position")
        .sink_parquet(out / "ageing" / "part-0.parquet", compression="snappy", engine="streaming")
    )


def run(ledger: Path, as_of: date, out: Path, rates: Path) -> None:
    """Compute and write the three tables into `out`, which must not exist."""
    for name in ("items", "ageing", "credit_accounts"):
        (out / name).mkdir(parents=True)
    fx = read_exchange_rates(ledger, as_of)
    applied = read_allocations(ledger, as_of)
    existing = stream(open_items(ledger, as_of, applied))
    dated = balances(existing, applied)
    items = measure(existing, dated, fx, as_of)
    del existing
    write_items(items, accrue(items, dated, read_rate_index(rates), as_of), out)
    write_ageing(items, out)
    committed = read_commitments(ledger, items, fx, as_of)
    write_accounts(net_credits(items, committed, ledger), lateness(items), ledger, as_of, out)


if __name__ == "__main__":
    run(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
