"""Penalty interest in SQL: the same items, allocations and rates as the kernels are given.

One row per item comes out, in thousandths, exact: products are HUGEINT, each item is rounded once.
It has no compounding (NL), no rate by payment (IE) and no interest first; items of other regimes
alone are compared. Dates are day numbers, as the kernels have them.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import duckdb
import numpy as np
import pyarrow as pa

from bench.kernel_inputs import AS_OF_DAY, Array, KernelInputs
from encours.kernels.interest_columns import NO_DAY
from encours.rules.rate_tables import yearly_rate
from encours.rules.regimes import DayCount, Fixing, load_regimes
from encours.rules.series import load_series

WITHOUT = ("NL_business", "IE_business")
"""Regimes that this formulation does not have."""
SCALE = 365 * 366 * 10**6 * 100
"""Daily rates are integers: percent x 10^6 x 366 or 365, over this."""
EPOCH = date(1970, 1, 1)

QUERY = """
WITH claims AS (
    SELECT item, regime, due, amount, unit, disputed, open_amount,
           least({as_of}, coalesce(settled, {as_of}), coalesce(stopped, {as_of})) AS until_day
    FROM items WHERE regime IN (SELECT DISTINCT regime FROM rate_index)
),
balances AS (
    SELECT item, value_day, amount - sum(applied) OVER running AS balance,
           lead(value_day) OVER (PARTITION BY item ORDER BY value_day) AS next_day
    FROM (SELECT a.item, a.value_day, any_value(i.amount) AS amount, sum(a.applied) AS applied
          FROM allocations a JOIN items i USING (item) GROUP BY a.item, a.value_day)
    WINDOW running AS (PARTITION BY item ORDER BY value_day)
),
stretches AS (
    SELECT c.*, due AS after_day, least(until_day, coalesce(f.first_day, until_day)) AS last_day,
           c.amount AS principal
    FROM claims c
    LEFT JOIN (SELECT item, min(value_day) AS first_day FROM allocations GROUP BY item) f
        USING (item)
    UNION ALL
    SELECT c.*, greatest(due, b.value_day) AS after_day,
           least(until_day, coalesce(b.next_day, until_day)) AS last_day, b.balance AS principal
    FROM claims c JOIN balances b USING (item)
),
cut AS (
    SELECT item, regime, unit, after_day, last_day, principal,
           CASE WHEN disputed <= 0 OR open_amount <= 0 THEN 0
                WHEN disputed >= open_amount THEN principal
                ELSE least(principal, disputed) END AS suspended
    FROM stretches WHERE principal > 0 AND last_day > after_day
),
accrued AS (
    SELECT c.item, any_value(c.regime) AS regime, any_value(c.unit) AS unit,
           min(c.after_day) + 1 AS first_day,
           sum((principal - suspended)::HUGEINT * (e.by_rate - b.by_rate)) AS by_rate,
           sum((principal - suspended)::HUGEINT * (e.by_weight - b.by_weight)) AS by_weight
    FROM cut c
    JOIN rate_index b ON b.regime = c.regime AND b.day = c.after_day
    JOIN rate_index e ON e.regime = c.regime AND e.day = c.last_day
    GROUP BY c.item
)
SELECT a.item,
       (a.unit * ((2 * if(r.fixed_at_start, a.by_weight * r.rate, a.by_rate) + {scale} * a.unit)
                  // (2 * {scale}::HUGEINT * a.unit)))::BIGINT AS interest
FROM accrued a JOIN rate_index r ON r.regime = a.regime AND r.day = a.first_day
"""


class Formulation:
    """The inputs as tables of a database, and the query over them."""

    def __init__(self, inputs: KernelInputs, threads: int = 1) -> None:
        """Load the tables; what is timed is `interest` alone."""
        self._count = len(inputs.items.due_day)
        self._database = duckdb.connect(config={"threads": threads})
        for name, table in (
            ("items", _items(inputs)),
            ("allocations", _allocations(inputs)),
            ("rate_index", _rate_index(int(inputs.items.due_day.min()))),
        ):
            self._database.from_arrow(table).create(name)

    def interest(self) -> Array:
        """Give the claimed interest of every item in thousandths, 0 where there is none."""
        query = QUERY.format(as_of=AS_OF_DAY, scale=SCALE)
        found = self._database.execute(query).fetchnumpy()
        interest = np.zeros(self._count, np.int64)
        interest[found["item"]] = found["interest"]
        return interest


def _items(inputs: KernelInputs) -> pa.Table:
    items = inputs.items
    unit = inputs.options.minor_unit_milli[items.currency_code]
    is_prior = (items.insolvency_day != NO_DAY) & (items.claim_day < items.insolvency_day)
    amount = np.where(items.has_allocation != 0, items.amount_milli, items.open_milli)
    return pa.table(
        {
            "item": np.arange(len(amount)),
            "regime": items.regime_code,
            "due": items.due_day,
            "amount": amount,
            "open_amount": items.open_milli,
            "disputed": items.disputed_milli,
            "unit": unit,
            "settled": pa.array(items.settled_day, mask=items.settled_day == NO_DAY),
            "stopped": pa.array(items.insolvency_day - 1, mask=~is_prior),
        }
    )


def _allocations(inputs: KernelInputs) -> pa.Table:
    allocations = inputs.allocations
    owner = np.repeat(np.arange(len(inputs.items.due_day)), np.diff(allocations.offset))
    return pa.table(
        {
            "item": owner,
            "value_day": allocations.value_day,
            "applied": allocations.amount_milli,
        }
    )


def _rate_index(first_day: int) -> pa.Table:
    """Cumulate rate and weight per regime and day, in integers over `SCALE`."""
    regimes, series = load_regimes(), load_series()
    columns: dict[str, list[object]] = {
        name: [] for name in ("regime", "day", "rate", "by_rate", "by_weight", "fixed_at_start")
    }
    for code, regime in enumerate(regimes.values()):
        if regime.name in {*WITHOUT, "NONE"} or regime.day_count is DayCount.THIRTY_E_360:
            continue
        by_rate = by_weight = 0
        for number in range(first_day, AS_OF_DAY + 1):
            day = EPOCH + timedelta(days=number)
            is_leap = (date(day.year + 1, 1, 1) - date(day.year, 1, 1)).days == 366
            weight = 365 if regime.day_count is DayCount.ACT_ACT and is_leap else 366
            rate = Fraction(yearly_rate(regime, series, day).rate) * 10**6
            by_rate, by_weight = by_rate + int(rate) * weight, by_weight + weight
            row = (code, number, int(rate), by_rate, by_weight)
            for name, value in zip(columns, row, strict=False):
                columns[name].append(value)
            columns["fixed_at_start"].append(regime.fixing is Fixing.FIXED_AT_START)
    return pa.table(columns)
