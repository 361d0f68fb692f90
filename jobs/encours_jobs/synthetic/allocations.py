"""Allocations: what was paid, credited, returned or set off against the items of a chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.amounts import part_of
from encours_jobs.synthetic.columns import (
    NO_CODE,
    NO_DAY,
    Bytes,
    bytes_column,
    coded_column,
    date_column,
    money_column,
    serial_column,
    text_pool,
)
from encours_jobs.synthetic.documents import CLEARING_CREDIT
from encours_jobs.synthetic.draws import Choice, Codes, Days, Draws, Mask, Numbers, Quantiles
from encours_jobs.synthetic.items import (
    CLEARED,
    OVER_APPLIED,
    PARTLY_PAID,
    PAYMENT_RETURNED,
    SETTLED_IN_TIME,
    SETTLED_LATE,
    Items,
)

_PARTS_WHEN_OPEN: Final = Choice((0, 72, 21, 7))
_PARTS_WHEN_SETTLED: Final = Choice((0, 86, 11, 3))
_LAST_KIND: Final = Choice((90, 5, 0, 0.4, 4.6))
_EARLIER_KIND: Final = Choice((62, 12, 14, 5, 3, 0, 4))


def _delay_quantiles() -> Quantiles:
    """Give the days by which those who pay late are late."""
    points = {0.0: 1, 0.35: 4, 0.6: 10, 0.8: 24, 0.92: 55, 0.98: 130, 1.0: 400}
    shares = np.linspace(0.0, 1.0, Quantiles.KNOTS)
    days = np.interp(shares, list(points), list(points.values()))
    return Quantiles(np.floor(days).astype(np.int64))


_DELAY_DAYS: Final = _delay_quantiles()


@dataclass(slots=True)
class Owners:
    """The items of a chunk that have allocations.

    row    int64[k]  row of the item in the chunk, ascending
    count  int64[k]  its allocations, at least one
    start  int64[k]  where they begin
    of     int64[m]  the owner of each allocation, as a position in these arrays
    """

    row: Numbers
    count: Numbers
    start: Numbers
    of: Numbers


@dataclass(slots=True)
class Allocations:
    """The allocations of a chunk, item by item.

    item           int64[m]  row of the item in the chunk
    part           int64[m]  0, 1, … within the item
    posting_day    int32[m]  also where the extract leaves it out
    posting_shown  bool[m]   whether the extract gives it
    clearing       int64[m]  row of the credit that clears, NO_CODE for none
    """

    owners: Owners
    item: Numbers
    part: Numbers
    is_last: Mask
    value_day: Days
    posting_day: Days
    posting_shown: Mask
    amount: Numbers
    kind: Codes
    clearing: Numbers


def draw_allocations(draws: Draws, items: Items, as_of_day: int) -> Allocations:
    """Draw what was applied to the items of one chunk."""
    owners = _owners(draws, items)
    item = owners.row[owners.of]
    part = np.arange(item.size, dtype=np.int64) - owners.start[owners.of]
    is_last = part == owners.count[owners.of] - 1
    value_day = _value_days(draws, items, owners, is_last, as_of_day)
    last_kind = draws.choose(_LAST_KIND, item.size)
    allocations = Allocations(
        owners=owners,
        item=item,
        part=part,
        is_last=is_last,
        value_day=value_day,
        posting_day=value_day,
        posting_shown=is_last,
        amount=_amounts(draws, items, owners, is_last),
        kind=np.where(is_last, last_kind, draws.choose(_EARLIER_KIND, item.size)),
        clearing=np.full(item.size, NO_CODE, dtype=np.int64),
    )
    fate = items.fate[item]
    allocations.kind[fate == PAYMENT_RETURNED] = words.BY_PAYMENT
    allocations.kind[(fate == PAYMENT_RETURNED) & is_last] = words.RETURNED
    _set_posting_days(draws, allocations, fate, as_of_day)
    _set_off(draws, items, allocations, as_of_day)
    return allocations


def _owners(draws: Draws, items: Items) -> Owners:
    """Draw how many allocations each item has."""
    fate = items.fate
    parts = np.zeros(fate.size, dtype=np.int8)
    partly = np.flatnonzero(fate == PARTLY_PAID)
    parts[partly] = draws.choose(_PARTS_WHEN_OPEN, partly.size)
    settled = np.flatnonzero((fate == SETTLED_LATE) | (fate == SETTLED_IN_TIME))
    parts[settled] = draws.choose(_PARTS_WHEN_SETTLED, settled.size)
    parts[fate == PAYMENT_RETURNED] = 2
    parts[(fate == OVER_APPLIED) | (fate == CLEARED)] = 1
    row = np.flatnonzero(parts)
    count = parts[row].astype(np.int64)
    return Owners(
        row=row,
        count=count,
        start=np.cumsum(count) - count,
        of=np.repeat(np.arange(row.size), count),
    )


def _value_days(draws: Draws, items: Items, owners: Owners, is_last: Mask, as_of_day: int) -> Days:
    """Draw the value dates: the last one by the item's fate, the others before it."""
    fate = items.fate[owners.row]
    document = items.documents.day[owners.row].astype(np.int64)
    due = items.due_day[owners.row].astype(np.int64)
    chance = draws.bits16(owners.row.size).astype(np.int64)
    late = np.minimum(due + draws.spread(_DELAY_DAYS, owners.row.size), as_of_day)
    due = np.minimum(due, as_of_day)
    in_time = due - (np.minimum(due - document, 24) * chance >> 16)
    sometime = as_of_day - ((as_of_day - document) * chance >> 16)
    last = np.where(fate == SETTLED_LATE, late, sometime)
    last = np.where(fate == SETTLED_IN_TIME, in_time, last)
    earlier = document + ((last - document) * draws.bits16(owners.row.size) >> 16)
    return np.where(is_last, last[owners.of], earlier[owners.of]).astype(np.int32)


def _amounts(draws: Draws, items: Items, owners: Owners, is_last: Mask) -> Numbers:
    """Draw the amounts: settled items to the cent, returned payments back to nothing."""
    fate = items.fate[owners.row]
    currency = items.documents.currency[owners.row]
    size = np.abs(items.amount[owners.row])
    target = part_of(size, draws.below(45_000, size.size) + 16_384, currency)
    settled = (fate == SETTLED_LATE) | (fate == SETTLED_IN_TIME)
    target = np.where(settled, size, target)
    target = np.where(fate == OVER_APPLIED, size + target, target)
    target[fate == PAYMENT_RETURNED] = 0
    base = np.where(fate == PAYMENT_RETURNED, size, target)[owners.of]
    share = draws.below(8_192, base.size) + 8_192
    amount = part_of(base, share, currency[owners.of])
    amount[is_last] = 0
    if amount.size:
        amount[is_last] = target - np.add.reduceat(amount, owners.start)
    return amount * np.sign(items.amount[owners.row])[owners.of]


def _set_posting_days(draws: Draws, allocations: Allocations, fate: Codes, as_of_day: int) -> None:
    """Post most allocations by the as-of date, some days after their value date.

    A few are posted only later; a few are posted already, with a value date still to come.
    """
    rows = fate.size
    lag = (draws.bits16(rows) & np.uint16(7)).astype(np.int32)
    lag[lag > 3] = 0
    allocations.posting_day = np.minimum(allocations.value_day + lag, np.int32(as_of_day))
    later = np.flatnonzero(draws.chance(0.012, rows))
    allocations.posting_day[later] = as_of_day + 1 + draws.below(4, later.size)
    ahead = (fate == PARTLY_PAID) & allocations.is_last & draws.chance(0.006, rows)
    ahead[later] = False
    post_dated = np.flatnonzero(ahead)
    allocations.posting_day[post_dated] = as_of_day
    allocations.value_day[post_dated] = as_of_day + 1 + draws.below(20, post_dated.size)
    differs = allocations.posting_day != allocations.value_day
    allocations.posting_shown = differs | draws.chance(0.4, rows)


def _set_off(draws: Draws, items: Items, allocations: Allocations, as_of_day: int) -> None:
    """Let each clearing credit and its invoice reduce each other by the same amount."""
    credit = np.flatnonzero(items.documents.link == CLEARING_CREDIT)
    credit_leg = allocations.owners.start[np.searchsorted(allocations.owners.row, credit)]
    invoice_leg = allocations.owners.start[np.searchsorted(allocations.owners.row, credit - 1)]
    both = np.minimum(np.abs(items.amount[credit]), np.abs(items.amount[credit - 1]))
    document = items.documents.day[credit].astype(np.int64)
    age = as_of_day - document
    value_day = document + (age * draws.bits16(credit.size) >> 16)
    by_note = items.documents.kind[credit] == words.CREDIT_NOTE
    for leg, amount in ((credit_leg, -both), (invoice_leg, both)):
        allocations.amount[leg] = amount
        allocations.value_day[leg] = value_day
        allocations.posting_day[leg] = value_day
        allocations.clearing[leg] = credit
    allocations.kind[credit_leg] = words.BY_OFFSET
    allocations.kind[invoice_leg] = np.where(by_note, words.BY_CREDIT_NOTE, words.BY_PAYMENT)


def posted_by(allocations: Allocations, as_of_day: int) -> Numbers:
    """Give what was posted by the as-of date on each owner."""
    posted = np.where(allocations.posting_day <= as_of_day, allocations.amount, 0)
    if not posted.size:
        return posted
    return np.add.reduceat(posted, allocations.owners.start)


def allocation_table(
    draws: Draws, items: Items, allocations: Allocations, item_ids: Bytes, first: int
) -> pa.Table:
    """Give the chunk of the table `allocations`, in an order of its own.

    item_ids  uint8[n, w]  the ids of the chunk's items
    first     ledger row of the chunk's first item
    """
    order = draws.order(allocations.item.size)
    item = allocations.item[order]
    currency = items.documents.currency[item]
    kind = allocations.kind[order]
    kind[(kind == words.BY_PAYMENT) & draws.chance(0.2, kind.size)] = NO_CODE
    clearing = allocations.clearing[order]
    posting = np.where(allocations.posting_shown, allocations.posting_day, np.int32(NO_DAY))
    serial = (item + first) * 10 + allocations.part[order]
    columns = {
        "allocation_id": serial_column("ALLO", serial, 12),
        "item_id": bytes_column(np.take(item_ids, item, axis=0)),
        "value_date": date_column(allocations.value_day[order]),
        "posting_date": date_column(posting[order]),
        "currency": coded_column(
            np.where(draws.chance(0.9, item.size), currency, NO_CODE),
            text_pool(words.CURRENCY_CODES),
        ),
        "amount": money_column(allocations.amount[order]),
        "kind": coded_column(kind, text_pool(words.ALLOCATION_KINDS)),
        "clearing_id": serial_column("CLR-", clearing + first, 12, clearing != NO_CODE),
    }
    return pa.table(columns)
