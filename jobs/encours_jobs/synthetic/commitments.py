"""Commitments: orders, production made to order, and deliveries not yet invoiced."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.amounts import draw_amounts, part_of
from encours_jobs.synthetic.columns import (
    NO_CODE,
    NO_DAY,
    NO_MONEY,
    coded_column,
    date_column,
    decimal_column,
    money_column,
    serial_column,
    text_pool,
)
from encours_jobs.synthetic.customers import CustomerBook, customer_column
from encours_jobs.synthetic.draws import Choice, Codes, Draws, Numbers
from encours_jobs.synthetic.plan import COMMITMENT_STREAM, Plan
from encours_schemas.inputs import COMMITMENT_KINDS
from encours_schemas.tables import Kind

ORDER, PRODUCTION, DELIVERY = range(3)

_FIRST_KIND: Final = Choice((80, 9, 11))
_TERMS_CHOICE: Final = Choice(tuple(terms.weight for terms in words.PAYMENT_TERMS))
_TAX_PERCENT: Final = np.array([company.tax_percent for company in words.COMPANIES])
_PERCENT_SCALE: Final = 10**9


def commitment_table(plan: Plan, book: CustomerBook, chunk: int, first: int, rows: int) -> pa.Table:
    """Give one chunk of the table `commitments`."""
    draws = Draws(plan.seed, COMMITMENT_STREAM, chunk, rows)
    serial = np.arange(first, first + rows, dtype=np.int64)
    # The first rows are the orders in turn; the others are second rows of some order.
    second = serial >= plan.orders
    order = np.where(second, (serial - plan.orders) * 5 % plan.orders, serial)
    customer = book.of_order(order, plan.seed)
    company = book.company[customer]
    currency = book.currency[customer]
    kind = np.where(second, np.int8(DELIVERY), draws.choose(_FIRST_KIND))
    amount = draw_amounts(draws, currency)
    amount[draws.chance(0.001)] = 0
    terms = np.where(draws.chance(0.6), draws.choose(_TERMS_CHOICE), NO_CODE)
    columns = {
        "commitment_id": serial_column("COM-", serial + 1, 12),
        "order_id": serial_column("ORD-", order, 12, second | draws.chance(0.97)),
        "company_code": coded_column(
            company, text_pool(tuple(entity.code for entity in words.COMPANIES))
        ),
        "customer_id": customer_column(customer, book.count),
        "kind": coded_column(kind, text_pool(COMMITMENT_KINDS)),
        "currency": coded_column(currency, text_pool(words.CURRENCY_CODES)),
        "amount": money_column(amount),
        "tax_percent": _tax_percent(draws, company),
        "prepaid_amount": money_column(_prepaid(draws, amount, currency)),
        **_dates(draws, kind, plan.as_of_day),
        "payment_terms": coded_column(terms, text_pool(words.TERMS_CODES)),
    }
    return pa.table(columns)


def _tax_percent(draws: Draws, company: Codes) -> pa.Array:
    """Give the tax of net amounts; null where the amount includes it."""
    scaled = _TAX_PERCENT[company] * _PERCENT_SCALE
    scaled[draws.chance(0.1)] = 0
    return decimal_column(scaled, draws.chance(0.6), Kind.PERCENT.arrow_type())


def _prepaid(draws: Draws, amount: Numbers, currency: Codes) -> Numbers:
    """Give what was paid ahead of some orders: a part, all, or a little more than the net."""
    prepaid = np.full(draws.rows, NO_MONEY, dtype=np.int64)
    rows = np.flatnonzero(draws.chance(0.08))
    share = draws.below(72_000, rows.size)
    prepaid[rows] = part_of(amount[rows], share, currency[rows])
    return prepaid


def _dates(draws: Draws, kind: Codes, as_of_day: int) -> dict[str, pa.Array]:
    """Give the days on which it exists, and when it is expected, some of them far ahead."""
    document = as_of_day + 2 - draws.below(120)
    closed = _sometimes(draws, 0.06, as_of_day - 10 + draws.below(60))
    ahead = np.where(draws.chance(0.15), draws.below(360), draws.below(80))
    expected = np.where(kind == DELIVERY, NO_DAY, as_of_day - 12 + ahead)
    expected[draws.chance(0.06)] = NO_DAY
    return {
        "document_date": date_column(_sometimes(draws, 0.95, document)),
        "closed_date": date_column(closed),
        "expected_date": date_column(expected),
    }


def _sometimes(draws: Draws, share: float, days: Numbers) -> Numbers:
    return np.where(draws.chance(share), days, NO_DAY)
