"""The nightly job as one data engineer would write it in SQL, on DuckDB.

    python -m bench.peers.duckdb_job LEDGER AS_OF OUT RATES THREADS

Written to be as fast as we could make it: two set-based passes, integer arithmetic, an index of
cumulated rates instead of a join over half-years, no promise about the order of rows. All amounts,
rates and exchange rates are exact, and every column written equals ours on a ledger without bad
rows (`agreement.py` compares them before anything is timed).

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

What it does not do
- items: interest_unbilled, fixed_indemnity and its currency, fixed_indemnity_rc,
  indemnity_unbilled, no_interest_reason, insured_covered_rc, warnings; interest under the other
  regimes (rounded, compounding, contractual, fixed at payment, public buyers);
- credit_accounts: names and attributes, group_id, penalty_interest, interest_unbilled,
  fixed_indemnity, limits, cover and holds;
- groups, interest_periods, quarantine, tie_out, manifest, erp files;
- any check of the input (types, duplicates, unknown codes, currency of allocations), CSV, hashes of
  input and output, control totals, publication as a whole, configuration.
"""

import sys
from pathlib import Path

import duckdb

PREPARE = """
CREATE MACRO div_round(n, d) AS
    CASE WHEN n < 0 THEN -((-2 * n + d) // (2 * d)) ELSE (2 * n + d) // (2 * d) END;
CREATE MACRO minor_unit(currency) AS
    CASE currency WHEN 'JPY' THEN 1000 WHEN 'TND' THEN 1 ELSE 10 END;
CREATE MACRO milli(money) AS (money * 1000)::BIGINT;
CREATE MACRO money(milli) AS (milli::DECIMAL(18, 0) * 0.001)::DECIMAL(18, 3);
CREATE MACRO to_euro(milli, numerator, denominator) AS
    (10 * div_round(milli * numerator, 10 * denominator))::BIGINT;

-- The latest rate of each pair, not older than ten days; everything is quoted against the euro.
CREATE TEMP TABLE fx AS
WITH latest AS (
    SELECT from_currency, to_currency, max_by(rate, rate_date) AS rate
    FROM read_parquet(getvariable('ledger') || '/fx_rates.parquet')
    WHERE rate_date <= getvariable('as_of') AND 'EUR' IN (from_currency, to_currency)
    GROUP BY ALL
    HAVING max(rate_date) >= getvariable('as_of') - 10
)
SELECT 'EUR' AS currency, 1::HUGEINT AS numerator, 1::HUGEINT AS denominator
UNION ALL
SELECT from_currency, (rate * 1000000000)::HUGEINT, 1000000000::HUGEINT
FROM latest WHERE to_currency = 'EUR'
UNION ALL
SELECT to_currency, 1000000000::HUGEINT, (rate * 1000000000)::HUGEINT
FROM latest WHERE from_currency = 'EUR'
  AND to_currency NOT IN (SELECT from_currency FROM latest WHERE to_currency = 'EUR');

-- For every regime and day the cumulated rate: interest of any stretch is one subtraction. A day
-- weighs 1 / 365, or 1 / 366 in a leap year where the day count says so: both over 365 * 366.
CREATE TEMP TABLE rate_index AS
WITH days AS (
    SELECT regime, unnest(generate_series(first_day, last_day, INTERVAL 1 DAY))::DATE AS day,
           rate_e9, day_count, fixed_at_start
    FROM read_parquet(getvariable('rates'))
),
weighted AS (
    SELECT *, CASE WHEN day_count = 'ACT/ACT' AND day(last_day(make_date(year(day), 2, 1))) = 29
                   THEN 365 ELSE 366 END AS weight
    FROM days
)
SELECT regime, day, rate_e9, fixed_at_start,
       sum(rate_e9 * weight) OVER running::BIGINT AS cumulated_rate,
       sum(weight) OVER running::BIGINT AS cumulated_weight
FROM weighted
WINDOW running AS (PARTITION BY regime ORDER BY day);

CREATE TEMP TABLE terms AS
WITH codes AS (
    SELECT DISTINCT payment_terms
    FROM read_parquet(getvariable('ledger') || '/open_items/*.parquet')
    UNION
    SELECT DISTINCT payment_terms FROM read_parquet(getvariable('ledger') || '/customers.parquet')
),
parsed AS (
    SELECT payment_terms,
           regexp_extract(payment_terms, '^(NET|EOM)(\\d+)(EOM)?(?:D(\\d+))?$',
                          ['start', 'days', 'then_end', 'day']) AS part
    FROM codes WHERE payment_terms IS NOT NULL
)
SELECT payment_terms,
       if(part.start = 'NET', part.days::INTEGER, 0) AS net_days,
       part.start = 'EOM' OR part.then_end = 'EOM' AS to_month_end,
       if(part.start = 'EOM', part.days::INTEGER, 0) AS days_after_end,
       nullif(part.day, '')::INTEGER AS day_of_next_month
FROM parsed;

CREATE MACRO moved_to_day(due, day_of_month) AS
    CASE WHEN day_of_month IS NULL THEN due
         ELSE least((date_trunc('month', due + INTERVAL 1 MONTH)::DATE + day_of_month - 1),
                    last_day((date_trunc('month', due) + INTERVAL 1 MONTH)::DATE)) END;
CREATE MACRO due_by_terms(baseline, net_days, to_month_end, days_after_end, day_of_month) AS
    moved_to_day(if(to_month_end, last_day(baseline + net_days) + days_after_end,
                    baseline + net_days), day_of_month);
"""

ALLOCATIONS = """
-- An item with any allocation at all, even one posted later, is decided by its allocations.
CREATE TEMP TABLE posted AS
SELECT item_id, value_date,
       coalesce(sum(milli(amount)) FILTER (
           coalesce(posting_date, value_date) <= getvariable('as_of')), 0)::BIGINT AS applied,
       bool_or(coalesce(posting_date, value_date) <= getvariable('as_of')) AS is_posted
FROM read_parquet(getvariable('ledger') || '/allocations/*.parquet')
GROUP BY ALL;

CREATE TEMP TABLE allocated AS
SELECT item_id, sum(applied)::BIGINT AS applied FROM posted GROUP BY item_id;
"""

ITEMS = """
CREATE TEMP TABLE base AS
SELECT
    i.item_id, i.company_code, k.credit_segment, i.customer_id,
    coalesce(c.credit_account_id, i.customer_id) AS credit_account_id,
    i.document_type, coalesce(i.document_number, i.item_id) AS document_number, i.document_date,
    coalesce(i.due_date,
             due_by_terms(coalesce(i.baseline_date, i.document_date), t.net_days, t.to_month_end,
                          t.days_after_end, t.day_of_next_month),
             i.document_date) AS due_date,
    i.currency, milli(i.amount) AS amount,
    CASE WHEN a.item_id IS NULL THEN milli(coalesce(i.open_amount, i.amount))
         ELSE milli(i.amount) - a.applied END AS open_amount,
    a.item_id IS NOT NULL AS has_allocation,
    i.order_id, coalesce(i.financing, 'none') AS financing,
    i.document_type IN ('invoice', 'debit_note', 'bill_of_exchange') AND i.amount >= 0 AS bears,
    CASE WHEN i.disputed
          AND coalesce(i.disputed_from <= getvariable('as_of'), TRUE)
          AND coalesce(i.disputed_to >= getvariable('as_of'), TRUE)
         THEN coalesce(milli(abs(i.disputed_amount)), 9000000000000000) ELSE 0 END AS dispute,
    CASE WHEN c.consumer OR c.intragroup THEN NULL
         ELSE coalesce(i.interest_regime, c.interest_regime,
                       CASE WHEN c.public_buyer AND c.country = 'FR' THEN 'FR_public' END,
                       r.regime) END AS interest_regime,
    CASE WHEN c.insolvency_date <= getvariable('as_of')
          AND coalesce(i.delivery_date, i.document_date) < c.insolvency_date
         THEN c.insolvency_date - 1 END AS stopped_on
FROM read_parquet(getvariable('ledger') || '/open_items/*.parquet') i
LEFT JOIN read_parquet(getvariable('ledger') || '/customers.parquet') c USING (customer_id)
LEFT JOIN read_parquet(getvariable('ledger') || '/companies.parquet') k USING (company_code)
LEFT JOIN terms t ON t.payment_terms = coalesce(i.payment_terms, c.payment_terms)
LEFT JOIN (VALUES ('FR', 'FR_business'), ('DE', 'DE_business'), ('GB', 'GB_business'),
                  ('IT', 'EU_default'), ('ES', 'EU_default'), ('BE', 'BE_business'),
                  ('PL', 'PL_business')) r(country, regime) ON r.country = k.country
LEFT JOIN allocated a USING (item_id)
WHERE coalesce(i.posting_date, i.document_date) <= getvariable('as_of');

-- Balances by value date. An item with nothing open is settled from the day after the last one on
-- which something was.
CREATE TEMP TABLE balances AS
SELECT p.item_id, p.value_date,
       b.amount - sum(p.applied) OVER by_item::BIGINT AS balance,
       lead(p.value_date) OVER by_item AS next_date
FROM posted p JOIN base b USING (item_id)
WHERE p.is_posted AND b.bears AND b.amount > 0
WINDOW by_item AS (PARTITION BY p.item_id ORDER BY p.value_date);

CREATE TEMP TABLE settlements AS
SELECT b.item_id,
       coalesce(max(s.next_date) FILTER (s.balance <> 0), min(s.value_date)) AS settled_on
FROM base b JOIN balances s USING (item_id) WHERE b.open_amount = 0 GROUP BY b.item_id;

CREATE TEMP TABLE measured AS
SELECT b.* EXCLUDE (dispute),
       to_euro(b.open_amount, f.numerator, f.denominator) AS open_rc,
       sign(b.open_amount) * least(b.dispute, abs(b.open_amount)) AS disputed,
       to_euro(sign(b.open_amount) * least(b.dispute, abs(b.open_amount)),
               f.numerator, f.denominator) AS disputed_rc,
       f.numerator, f.denominator,
       s.settled_on,
       (least(getvariable('as_of'), s.settled_on) - b.due_date)::INTEGER AS days_past_due,
       CASE WHEN financing IN ('factored_no_recourse', 'securitised') THEN NULL
            WHEN document_type = 'payment' THEN 'unapplied_payments'
            WHEN document_type = 'down_payment' THEN 'down_payments'
            WHEN document_type = 'credit_note' OR amount < 0 THEN 'credit_notes'
            WHEN financing <> 'none' AND getvariable('as_of') > due_date + 5 THEN NULL
            WHEN financing <> 'none' THEN 'financed_with_recourse'
            WHEN document_type = 'bill_of_exchange' THEN 'bills_of_exchange'
            ELSE 'receivables' END AS component
FROM base b LEFT JOIN settlements s USING (item_id) LEFT JOIN fx f USING (currency)
WHERE b.open_amount <> 0
   OR (b.bears AND s.settled_on > b.due_date AND getvariable('as_of') > b.due_date);
DROP TABLE base;
"""

INTEREST = """
-- Stretches of one principal within the days after the due date, up to the end.
CREATE TEMP TABLE stretches AS
WITH claims AS (
    SELECT item_id, interest_regime, due_date, has_allocation,
           amount, open_amount, disputed,
           least(getvariable('as_of'), settled_on, stopped_on) AS end_date
    FROM measured
    WHERE bears AND days_past_due > 0
      AND interest_regime IN (SELECT regime FROM rate_index)
),
principals AS (
    SELECT c.*, c.due_date AS after_date,
           least(c.end_date, coalesce(f.first_date, c.end_date)) AS until_date,
           CASE WHEN c.has_allocation THEN c.amount ELSE c.open_amount END AS principal
    FROM claims c
    LEFT JOIN (SELECT item_id, min(value_date) AS first_date FROM balances GROUP BY item_id) f
      USING (item_id)
    UNION ALL
    SELECT c.*, greatest(c.due_date, s.value_date) AS after_date,
           least(c.end_date, coalesce(s.next_date, c.end_date)) AS until_date,
           s.balance AS principal
    FROM claims c JOIN balances s USING (item_id)
)
SELECT item_id, interest_regime, after_date, until_date, principal,
       CASE WHEN disputed <= 0 OR open_amount <= 0 THEN 0
            WHEN disputed = open_amount THEN principal
            ELSE least(principal, disputed) END AS suspended
FROM principals
WHERE principal > 0 AND until_date > after_date;

CREATE TEMP TABLE accrued AS
SELECT s.item_id, any_value(s.interest_regime) AS interest_regime,
       min(s.after_date) + 1 AS first_day, max(s.until_date) AS last_day,
       sum(s.until_date - s.after_date)::INTEGER AS days,
       sum(s.principal - s.suspended) AS claimed_in_all,
       sum((s.principal - s.suspended)::HUGEINT * (e.cumulated_rate - b.cumulated_rate))
           AS claimed_by_rate,
       sum((s.principal - s.suspended)::HUGEINT * (e.cumulated_weight - b.cumulated_weight))
           AS claimed_by_weight,
       sum(s.suspended::HUGEINT * (e.cumulated_rate - b.cumulated_rate)) AS suspended_by_rate,
       sum(s.suspended::HUGEINT * (e.cumulated_weight - b.cumulated_weight)) AS suspended_by_weight
FROM stretches s
JOIN rate_index b ON b.regime = s.interest_regime AND b.day = s.after_date
JOIN rate_index e ON e.regime = s.interest_regime AND e.day = s.until_date
GROUP BY s.item_id;

CREATE TEMP TABLE interest AS
WITH fixed AS (
    SELECT a.*,
           if(r.fixed_at_start, a.claimed_by_weight * r.rate_e9, a.claimed_by_rate) AS claimed,
           if(r.fixed_at_start, a.suspended_by_weight * r.rate_e9, a.suspended_by_rate)
               AS suspended
    FROM accrued a JOIN rate_index r ON r.regime = a.interest_regime AND r.day = a.first_day
)
SELECT f.item_id,
       CASE WHEN claimed_in_all > 0 THEN first_day END AS interest_from,
       CASE WHEN claimed_in_all > 0 THEN last_day END AS interest_to,
       CASE WHEN claimed_in_all > 0 THEN days END AS interest_days,
       (unit * div_round(claimed, unit * 13359000000000000)) ::BIGINT AS penalty,
       (unit * div_round(suspended, unit * 13359000000000000)) ::BIGINT AS suspended
FROM fixed f JOIN (SELECT item_id, minor_unit(currency)::HUGEINT AS unit FROM measured) m
  USING (item_id);
"""

WRITE_ITEMS = """
COPY (
    SELECT m.item_id, m.company_code, m.credit_segment, m.customer_id, m.credit_account_id,
           m.document_type, m.document_number, m.document_date, m.due_date, m.currency,
           money(m.amount) AS amount, money(m.open_amount) AS open_amount,
           money(m.open_rc) AS open_amount_rc, money(m.disputed) AS disputed_amount,
           m.days_past_due,
           CASE WHEN m.open_amount = 0 THEN NULL
                WHEN m.days_past_due <= 0 THEN 'not_due' WHEN m.days_past_due <= 30 THEN '1-30'
                WHEN m.days_past_due <= 60 THEN '31-60' WHEN m.days_past_due <= 90 THEN '61-90'
                WHEN m.days_past_due <= 180 THEN '91-180' ELSE '>180' END AS bucket,
           m.settled_on, m.interest_regime, i.interest_from, i.interest_to, i.interest_days,
           money(coalesce(i.penalty, 0)) AS penalty_interest,
           money(to_euro(coalesce(i.penalty, 0), m.numerator, m.denominator))
               AS penalty_interest_rc,
           money(coalesce(i.suspended, 0)) AS interest_suspended
    FROM measured m LEFT JOIN interest i USING (item_id)
) TO '{out}/items' (FORMAT parquet, COMPRESSION snappy, PER_THREAD_OUTPUT);
"""

WRITE_AGEING = """
COPY (
    SELECT company_code, customer_id, currency,
           ['not_due', '1-30', '31-60', '61-90', '91-180', '>180'][bucket_position + 1] AS bucket,
           bucket_position,
           money(sum(open_amount)) AS open_amount, money(sum(open_rc)) AS open_amount_rc,
           money(sum(disputed_rc)) AS disputed_amount_rc, count(*) AS item_count
    FROM (
        SELECT *, CASE WHEN days_past_due <= 0 THEN 0 WHEN days_past_due <= 30 THEN 1
                       WHEN days_past_due <= 60 THEN 2 WHEN days_past_due <= 90 THEN 3
                       WHEN days_past_due <= 180 THEN 4 ELSE 5 END::INTEGER AS bucket_position
        FROM measured WHERE open_amount <> 0
    )
    GROUP BY company_code, customer_id, currency, bucket_position
    ORDER BY company_code, customer_id, currency, bucket_position
) TO '{out}/ageing/part-0.parquet' (FORMAT parquet, COMPRESSION snappy);
"""

ACCOUNTS = """
CREATE TEMP TABLE commitments AS
WITH existing AS (
    SELECT *, minor_unit(currency)::HUGEINT AS unit
    FROM read_parquet(getvariable('ledger') || '/commitments.parquet')
    WHERE coalesce(document_date <= getvariable('as_of'), TRUE)
      AND coalesce(closed_date > getvariable('as_of'), TRUE)
),
gross AS (
    SELECT *, unit * div_round(
               milli(amount)::HUGEINT
                   * (100000000000 + (coalesce(tax_percent, 0) * 1000000000)::HUGEINT),
               unit * 100000000000) AS with_tax
    FROM existing
),
valued AS (
    SELECT g.commitment_id, g.order_id, g.company_code, g.customer_id,
           CASE WHEN g.kind = 'delivery' THEN 'deliveries_not_invoiced'
                WHEN g.kind = 'production' THEN 'production'
                WHEN g.expected_date > getvariable('as_of') + 90 THEN 'orders_beyond_horizon'
                ELSE 'open_orders' END AS component,
           to_euro(greatest(g.with_tax - milli(coalesce(g.prepaid_amount, 0)), 0),
                   f.numerator, f.denominator) AS left_rc
    FROM gross g JOIN fx f USING (currency)
),
paid AS (
    SELECT company_code, customer_id, order_id, -sum(open_rc)::BIGINT AS paid_rc
    FROM measured WHERE component = 'down_payments' AND open_rc < 0 AND order_id IS NOT NULL
    GROUP BY ALL
)
SELECT v.*, least(v.left_rc, greatest(0, coalesce(p.paid_rc, 0) - (sum(v.left_rc) OVER (
               PARTITION BY v.company_code, v.customer_id, v.order_id ORDER BY v.commitment_id)
               - v.left_rc)))::BIGINT AS used
FROM valued v LEFT JOIN paid p USING (company_code, customer_id, order_id);

-- What each customer owes each company code; then credits count up to the debts.
CREATE TEMP TABLE positions AS
WITH amounts AS (
    SELECT customer_id, company_code, component, open_rc AS amount FROM measured
    UNION ALL
    SELECT customer_id, company_code, component, left_rc - used FROM commitments
    UNION ALL
    SELECT customer_id, company_code, 'down_payments', used FROM commitments WHERE used > 0
    UNION ALL
    SELECT customer_id, company_code, 'credit_balance', -used FROM commitments
    WHERE used > 0 AND component = 'orders_beyond_horizon'
),
summed AS (
    SELECT customer_id, company_code, {component_sums} FROM amounts GROUP BY ALL
),
based AS (
    SELECT s.*, coalesce(c.netting_agreement, FALSE) AS nets,
           greatest(receivables + bills_of_exchange + financed_with_recourse
                    + deliveries_not_invoiced + production + open_orders, 0)
           + greatest(credit_notes, 0) + greatest(unapplied_payments, 0)
           + greatest(down_payments, 0) AS base
    FROM summed s
    LEFT JOIN read_parquet(getvariable('ledger') || '/customers.parquet') c USING (customer_id)
),
notes AS (SELECT *, if(nets, credit_notes, greatest(credit_notes, -base)) AS notes FROM based),
payments AS (
    SELECT *, base + least(notes, 0) AS left_1,
           if(nets, unapplied_payments, greatest(unapplied_payments, -(base + least(notes, 0))))
               AS payments
    FROM notes
),
downs AS (
    SELECT *, if(nets, down_payments, greatest(down_payments, -(left_1 + least(payments, 0))))
               AS downs
    FROM payments
)
SELECT customer_id, company_code, receivables, bills_of_exchange, financed_with_recourse,
       deliveries_not_invoiced, production, open_orders, orders_beyond_horizon,
       notes AS credit_notes, payments AS unapplied_payments, downs AS down_payments,
       credit_balance + credit_notes - notes + unapplied_payments - payments
           + down_payments - downs AS credit_balance
FROM downs;

CREATE TEMP TABLE lateness AS
WITH lines AS (
    SELECT customer_id, company_code,
           sum(open_rc) FILTER (component IS NOT NULL AND open_amount > 0 AND days_past_due > 0)
               AS overdue,
           sum(least(open_rc, 0)) FILTER (component IN ('credit_notes', 'unapplied_payments'))
               AS credits,
           sum(disputed_rc) FILTER (component IS NOT NULL) AS disputed_amount,
           min(due_date) FILTER (component IS NOT NULL AND open_amount > 0 AND days_past_due > 0)
               AS oldest_due_date,
           count(*) FILTER (open_amount <> 0) AS item_count
    FROM measured GROUP BY customer_id, company_code, currency
)
SELECT customer_id, company_code, coalesce(sum(overdue), 0) AS overdue,
       sum(greatest(coalesce(overdue, 0) + coalesce(credits, 0), 0)) AS overdue_net,
       coalesce(sum(disputed_amount), 0) AS disputed_amount,
       min(oldest_due_date) AS oldest_due_date, sum(item_count) AS item_count
FROM lines GROUP BY ALL;
"""

WRITE_ACCOUNTS = """
COPY (
    SELECT coalesce(c.credit_account_id, p.customer_id) AS credit_account_id, k.credit_segment,
           {sums},
           money(sum(receivables + bills_of_exchange + financed_with_recourse
                     + deliveries_not_invoiced + production + open_orders + credit_notes
                     + unapplied_payments + down_payments)) AS exposure,
           money(coalesce(sum(l.overdue), 0)) AS overdue,
           money(coalesce(sum(l.overdue_net), 0)) AS overdue_net,
           money(coalesce(sum(l.disputed_amount), 0)) AS disputed_amount,
           min(l.oldest_due_date) AS oldest_due_date,
           coalesce(getvariable('as_of') - min(l.oldest_due_date), 0)::INTEGER
               AS max_days_past_due,
           coalesce(sum(l.item_count), 0)::BIGINT AS item_count
    FROM positions p
    LEFT JOIN lateness l USING (customer_id, company_code)
    LEFT JOIN read_parquet(getvariable('ledger') || '/customers.parquet') c USING (customer_id)
    LEFT JOIN read_parquet(getvariable('ledger') || '/companies.parquet') k USING (company_code)
    GROUP BY 1, 2
    ORDER BY 2, 1
) TO '{out}/credit_accounts/part-0.parquet' (FORMAT parquet, COMPRESSION snappy);
"""

COMPONENTS = (
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
)


def run(ledger: str, as_of: str, out: Path, rates: str, threads: int) -> None:
    """Compute and write the three tables into `out`, which must not exist."""
    for name in ("items", "ageing", "credit_accounts"):
        (out / name).mkdir(parents=True)
    component_sums = ",\n        ".join(
        f"coalesce(sum(amount) FILTER (component = '{name}'), 0)::BIGINT AS {name}"
        for name in COMPONENTS
    )
    sums = ", ".join(f"money(sum({name})) AS {name}" for name in COMPONENTS)
    database = duckdb.connect(
        config={"threads": threads, "preserve_insertion_order": False, "temp_directory": str(out)}
    )
    database.execute("SET VARIABLE ledger = $ledger", {"ledger": ledger})
    database.execute("SET VARIABLE rates = $rates", {"rates": rates})
    database.execute("SET VARIABLE as_of = $as_of::DATE", {"as_of": as_of})
    steps = (PREPARE, ALLOCATIONS, ITEMS, INTEREST, WRITE_ITEMS, WRITE_AGEING, ACCOUNTS)
    for step in (*steps, WRITE_ACCOUNTS):
        database.execute(
            step.replace("{out}", str(out))
            .replace("{component_sums}", component_sums)
            .replace("{sums}", sums)
        )
    database.close()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
