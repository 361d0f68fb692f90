"""What a peer job wrote, compared with our published run to the last digit."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq

AGEING_COLUMNS = (
    "company_code",
    "customer_id",
    "currency",
    "bucket",
    "bucket_position",
    "open_amount",
    "open_amount_rc",
    "disputed_amount_rc",
    "item_count",
)
ACCOUNT_COLUMNS = (
    "credit_segment",
    "credit_account_id",
    "receivables",
    "bills_of_exchange",
    "financed_with_recourse",
    "deliveries_not_invoiced",
    "production",
    "open_orders",
    "orders_beyond_horizon",
    "credit_notes",
    "unapplied_payments",
    "down_payments",
    "credit_balance",
    "exposure",
    "overdue",
    "overdue_net",
    "disputed_amount",
    "oldest_due_date",
    "max_days_past_due",
    "item_count",
)

# Amounts added up per company code, currency, bucket and regime; interest of the peers' regimes
# alone, and a sum over the dates, so that two wrong dates would have to make up for one another.
ITEM_TOTALS = """
SELECT company_code, credit_segment, document_type, currency, bucket, interest_regime,
       count(*) AS rows, sum(amount) AS amount, sum(open_amount) AS open_amount,
       sum(open_amount_rc) AS open_amount_rc, sum(disputed_amount) AS disputed_amount,
       sum(days_past_due) AS days_past_due,
       sum(settled_on - DATE '1970-01-01') AS settled_on, count(settled_on) AS settled,
       sum(due_date - DATE '1970-01-01') AS due_date,
       sum(CASE WHEN with_interest THEN interest_days END) AS interest_days,
       sum(CASE WHEN with_interest THEN interest_from - DATE '1970-01-01' END) AS interest_from,
       sum(CASE WHEN with_interest THEN interest_to - DATE '1970-01-01' END) AS interest_to,
       sum(CASE WHEN with_interest THEN penalty_interest END) AS penalty_interest,
       sum(CASE WHEN with_interest THEN penalty_interest_rc END) AS penalty_interest_rc,
       sum(CASE WHEN with_interest THEN interest_suspended END) AS interest_suspended
FROM (
    SELECT *, interest_regime IN (SELECT regime FROM read_parquet('{rates}')) AS with_interest
    FROM read_parquet('{run}/items/*.parquet')
)
GROUP BY ALL
"""


def differences(ours: Path, theirs: Path, rates: Path) -> dict[str, int]:
    """Count the rows of ageing, accounts and item totals that only one of two runs has.

    Accounts of ours without an item and a commitment (a limit, a hold or proceedings alone gave
    them their row) are left out: the peers don't know them.
    """
    tables = {
        "ageing": "SELECT {ageing} FROM read_parquet('{run}/ageing/*.parquet')",
        "credit_accounts": (
            "SELECT {accounts} FROM read_parquet('{run}/credit_accounts/*.parquet') "
            "WHERE {not_empty}"
        ),
        "items": ITEM_TOTALS,
    }
    amounts = ACCOUNT_COLUMNS[2:13]
    names = {
        "ageing": ", ".join(AGEING_COLUMNS),
        "accounts": ", ".join(ACCOUNT_COLUMNS),
        "not_empty": " OR ".join(f"{name} <> 0" for name in (*amounts, "item_count")),
        "rates": str(rates),
    }
    found = {}
    with duckdb.connect() as database:
        for table, query in tables.items():
            sides = [query.format(run=run, **names) for run in (ours, theirs)]
            only = (
                f"({sides[0]} EXCEPT ALL {sides[1]}) UNION ALL ({sides[1]} EXCEPT ALL {sides[0]})"
            )
            counted = f"SELECT count(*) FROM ({only})"  # noqa: S608 - names and paths of our own
            [(found[table],)] = database.sql(counted).fetchall()
    return found


def item_rows(run: Path) -> int:
    """Count the published items of a run."""
    return sum(pq.read_metadata(part).num_rows for part in (run / "items").glob("*.parquet"))
