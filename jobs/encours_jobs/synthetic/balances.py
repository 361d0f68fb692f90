"""What the general ledger holds at the as-of date, added up from the items as they are drawn."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.allocations import Allocations, posted_by
from encours_jobs.synthetic.columns import NO_CODE, NO_DAY, NO_MONEY, money_column
from encours_jobs.synthetic.draws import Numbers
from encours_jobs.synthetic.item_table import Extract
from encours_jobs.synthetic.items import Items

_CURRENCIES: Final = len(words.CURRENCIES)
_PLACES: Final = len(words.COMPANIES) * _CURRENCIES


def ledger_sums(
    items: Items, allocations: Allocations, extract: Extract, as_of_day: int
) -> Numbers:
    """Give what is open per company and currency, in thousandths: int64[companies * currencies].

    Allocations decide, else the extract (DOMAIN 3). What was financed stands outside the ledger.
    """
    documents = items.documents
    remaining = np.where(extract.open_amount == NO_MONEY, items.amount, extract.open_amount)
    owner = allocations.owners.row
    remaining[owner] = items.amount[owner] - posted_by(allocations, as_of_day)
    posted = np.where(items.posting_day == NO_DAY, documents.day, items.posting_day)
    financed = (extract.financing != NO_CODE) & (extract.financing != words.NOT_FINANCED)
    remaining[(posted > as_of_day) | financed] = 0
    place = documents.company.astype(np.int64) * _CURRENCIES + documents.currency
    sums = np.zeros(_PLACES, dtype=np.int64)
    np.add.at(sums, place, remaining)
    return sums


def balance_table(sums: Numbers) -> pa.Table:
    """Give the table `ledger_balances`: one row per company and currency that has a balance."""
    places = np.flatnonzero(sums).tolist()
    return pa.table(
        {
            "company_code": [words.COMPANIES[place // _CURRENCIES].code for place in places],
            "currency": [words.CURRENCY_CODES[place % _CURRENCIES] for place in places],
            "customer_id": pa.nulls(len(places), pa.string()),
            "balance": money_column(sums[places]),
        }
    )
