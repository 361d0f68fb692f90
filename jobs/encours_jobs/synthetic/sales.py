"""Monthly sales of the larger customers, for the key figures of paying behaviour."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.amounts import MEAN_EURO, in_currency, part_of
from encours_jobs.synthetic.columns import (
    NO_MONEY,
    coded_column,
    date_column,
    money_column,
    text_pool,
)
from encours_jobs.synthetic.customers import CustomerBook, customer_column, expected_items
from encours_jobs.synthetic.draws import Draws
from encours_jobs.synthetic.plan import SALES_STREAM, Plan

MONTHS: Final = 13
_TAX_PERCENT: Final = np.array([company.tax_percent for company in words.COMPANIES])
# Open items turn over about every two months, so a month sells half of what is open.
_MONTHS_OPEN: Final = 2


def _month_starts(as_of: date) -> list[int]:
    """Give the first days of the months up to that of the as-of date."""
    last = as_of.year * 12 + as_of.month - 1
    months = [divmod(last - back, 12) for back in range(MONTHS - 1, -1, -1)]
    return [(date(year, month + 1, 1) - date(1970, 1, 1)).days for year, month in months]


def sales_table(plan: Plan, book: CustomerBook, chunk: int, first: int, rows: int) -> pa.Table:
    """Give the sales of one chunk of customers: a third of them, thirteen months each."""
    # A chunk of customers gives about 4 rows each; every row draws its own fluctuation.
    sold = np.flatnonzero(book.rank[first : first + rows] < max(1, book.count // 3)) + first
    draws = Draws(plan.seed, SALES_STREAM, chunk, sold.size * MONTHS)
    customers = np.repeat(sold, MONTHS)
    month = np.tile(np.array(_month_starts(plan.as_of)), sold.size)
    company = book.company[customers]
    currency = book.currency[customers]
    worth = expected_items(book, plan.items, customers) * MEAN_EURO // 1_000 // _MONTHS_OPEN
    cents = (worth + 500) * (60 + draws.below(80))
    gross = in_currency(cents, currency)
    percent = _TAX_PERCENT[company]
    net = gross - part_of(gross, percent * 65_536 // (100 + percent), currency)
    net[draws.chance(0.02)] = NO_MONEY
    columns = {
        "company_code": coded_column(
            company, text_pool(tuple(entity.code for entity in words.COMPANIES))
        ),
        "customer_id": customer_column(customers, book.count),
        "month": date_column(month),
        "currency": coded_column(currency, text_pool(words.CURRENCY_CODES)),
        "amount_incl_tax": money_column(gross),
        "amount_excl_tax": money_column(net),
    }
    return pa.table(columns)
