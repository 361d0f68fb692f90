"""What the rules need to know of single items, gathered per credit account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class OldestLate:
    """The oldest net item of k accounts that have one (DOMAIN 8, `overdue_age`).

    Items that will not be too old within the days of the outlook are left out.

    row      int64[k]   account
    due_day  int32[k]   its due day
    item_id  string[k]
    """

    row: Array
    due_day: Array
    item_id: pa.Array


class LinePayments(NamedTuple):
    """What lines (customer, company code, currency) must pay: k of them that must pay something.

    Thousandths of the reporting currency. A payment takes the oldest items of a line first. Items
    that keep insured cover stopped are paid in full where that is asked for, before all others.

    row                int64[k]  credit account
    customer, company  int64[k]  codes
    for_age            int64[k]  least payment after which no item is old enough to keep a hold
    insured_for_age    int64[k]  what of it falls on insurable items
    for_stop           int64[k]  what is open of items that keep cover stopped
    after_stop         int64[k]  least payment for the age of the others once those are paid
    insured_after_stop int64[k]  what of it falls on insurable items
    """

    row: Array
    customer: Array
    company: Array
    for_age: Array
    insured_for_age: Array
    for_stop: Array
    after_stop: Array
    insured_after_stop: Array


def no_payments() -> LinePayments:
    """Give none."""
    return LinePayments(*[np.empty(0, np.int64)] * len(LinePayments._fields))


@dataclass(frozen=True)
class ItemHits:
    """The items of one rule, added up per account and key: k groups.

    row        int64[k]   account
    key        string[k]  what parts the account's items, mostly empty
    count      int64[k]   items
    amount_rc  int64[k]   what is open of them, thousandths of the reporting currency
    worst      int64[k]   measure of the worst item; the meaning is the rule's
    item_id    string[k]  the worst item
    """

    row: Array
    key: pa.Array
    count: Array
    amount_rc: Array
    worst: Array
    item_id: pa.Array


@dataclass(frozen=True)
class ItemFacts:
    """What the rows pass found for the rules about items; a rule that is off has no hits."""

    oldest_late: OldestLate
    payments: LinePayments
    hits: dict[str, ItemHits]


def no_item_facts() -> ItemFacts:
    """Give the facts of a ledger without items."""
    nothing, texts = np.empty(0, np.int64), pa.array([], pa.string())
    return ItemFacts(OldestLate(nothing, np.empty(0, np.int32), texts), no_payments(), {})
