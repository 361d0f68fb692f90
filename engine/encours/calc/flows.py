"""What happened to the items of a unit since the earlier run, per line and kind of movement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from encours.calc.lines import line_key
from encours.calc.sums import KeyedSums
from encours.ledger.allocations import ALLOCATION_KINDS, accepted
from encours.ledger.decode import NO_DAY
from encours.ledger.items import CREDIT_NOTE, DOWN_PAYMENT, PAYMENT

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.items import MeasuredItems
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]

FLOWS: Final = ("invoiced", "cash", "credits", "write_offs", "exchange")
"""Kinds of movement, summed per line in the items' own currency."""
INVOICED, CASH, CREDITS, WRITE_OFFS, EXCHANGE = range(len(FLOWS))
_OF_KIND: Final = {
    "payment": CASH,
    "credit_note": CREDITS,
    "discount": CREDITS,
    "write_off": WRITE_OFFS,
    "bill_of_exchange": INVOICED,
    "offset": CASH,
    "exchange_difference": EXCHANGE,
    "return": CASH,
}
_OF_ANY_ITEM: Final = (WRITE_OFFS, EXCHANGE)


def sum_flows(
    items: Items, measured: MeasuredItems, records: Array, first_ordinal: int, context: RunContext
) -> KeyedSums:
    """Sum what was posted after the earlier run and by the as-of date, per line.

    records  `ALLOCATION_RECORD`[m] of the unit's items, by item

    New items count with their amount, allocations with the opposite sign. A credit that is set
    against an invoice moves nothing: both legs are of the credit's kind.
    """
    flows = KeyedSums(len(FLOWS))
    if context.previous_day == NO_DAY:
        return flows
    flow = _flow_of_items(items)
    is_new = measured.exists & (items.posting_day > context.previous_day)
    rows = np.flatnonzero(is_new)
    _add(flows, items, rows, flow[rows], items.amount_milli[rows], context)
    # What the extract shows as settled without saying by what: most likely paid.
    unexplained = rows[measured.extract_difference_milli[rows] != 0]
    paid = -measured.extract_difference_milli[unexplained]
    _add(flows, items, unexplained, np.full(len(unexplained), CASH), paid, context)
    if len(records):
        row = (records["first"] - np.uint64(first_ordinal)).astype(np.int64)
        posted = records["posting_day"]
        chosen = (posted <= context.as_of_day) & measured.exists[row]
        chosen &= (posted > context.previous_day) | is_new[row]
        chosen[chosen] = accepted(records[chosen], items, first_ordinal)
        records, row = records[chosen], row[chosen]
        of_kind = np.array([_OF_KIND[kind] for kind in ALLOCATION_KINDS], np.int64)
        kind = of_kind[records["kind_code"]]
        by_item = (flow[row] != INVOICED) & ~np.isin(kind, _OF_ANY_ITEM)
        kind = np.where(by_item, flow[row], kind)
        _add(flows, items, row, kind, -records["amount_milli"], context)
    return flows


def _flow_of_items(items: Items) -> Array:
    """Give the kind of movement that a new item is: int64[n]."""
    is_cash = (items.type_code == PAYMENT) | (items.type_code == DOWN_PAYMENT)
    is_credit = (items.type_code == CREDIT_NOTE) | (items.amount_milli < 0)
    return np.where(is_cash, CASH, np.where(is_credit, CREDITS, INVOICED))


def _add(
    flows: KeyedSums, items: Items, rows: Array, flow: Array, milli: Array, context: RunContext
) -> None:
    """Add amounts of some rows to one kind of movement each."""
    values = np.zeros((len(rows), len(FLOWS)), np.int64)
    values[np.arange(len(rows)), flow] = milli
    key = line_key(
        items.customer_code[rows],
        items.company_code[rows],
        items.currency_code[rows],
        len(context.master.companies.codes),
    )
    flows.add(key, values)
