"""What the rules need to know of single items, gathered per credit account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    to_pay_rc  int64[k]  least payment (taken by the oldest items first) after which no item is old
                         enough to keep a hold; thousandths of the reporting currency
    """

    row: Array
    due_day: Array
    item_id: pa.Array
    to_pay_rc: Array


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
    hits: dict[str, ItemHits]


def no_item_facts() -> ItemFacts:
    """Give the facts of a ledger without items."""
    nothing, texts = np.empty(0, np.int64), pa.array([], pa.string())
    return ItemFacts(OldestLate(nothing, np.empty(0, np.int32), texts, nothing), {})
