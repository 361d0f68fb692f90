"""Items that an insurer may cover, laid out for the ceilings (DOMAIN 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from encours.calc.items import RECOURSE_DAYS_AFTER_MATURITY, convert
from encours.calc.refusals import renumbering
from encours.kernels.cover import (
    ITEM_COLUMNS,
    ITEM_ORDER_DAY,
    ITEM_OWN_RISK_DAY,
    ITEM_STATE_END,
    ITEM_STATE_FIRST,
    LAST_DAY,
    STATE_COLUMNS,
    OpenAmounts,
    OpenStates,
    open_states,
)
from encours.ledger.allocations import posted_allocations
from encours.ledger.buffers import is_empty_text
from encours.ledger.decode import NO_DAY, hash_column
from encours.ledger.items import BILL_OF_EXCHANGE, DEBIT_NOTE, DOCUMENT_TYPES, FINANCING, INVOICE
from encours.ledger.master import MINOR_UNIT_MILLI
from encours.ledger.ordering import order_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from encours.calc.context import RunContext
    from encours.calc.cover_pools import Insurance
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]


def _listing(texts: Sequence[str], chosen: Iterable[str]) -> Array:
    """Tell of each text whether it is among those chosen; the last entry is for no text."""
    return np.array([text in set(chosen) for text in texts] + [False], bool)


INSURABLE_TYPES = frozenset(
    DOCUMENT_TYPES[code] for code in (INVOICE, DEBIT_NOTE, BILL_OF_EXCHANGE)
)
_IS_INSURABLE_TYPE = _listing(DOCUMENT_TYPES, INSURABLE_TYPES)
_IS_SOLD = _listing(FINANCING, ("factored_no_recourse", "securitised"))
_HAS_RECOURSE = _listing(FINANCING, ("discounted", "factored_recourse"))
_COMPANY_MIX = np.uint64(0xD6E8FEB86659FD93)
_CUSTOMER_MIX = np.uint64(0xA5A3564E27F88695)
NO_ORDER = np.uint64(0)

ITEM_RECORD = np.dtype(
    [
        ("account", np.int32),
        ("segment", np.int32),
        ("customer", np.int32),
        ("delivery_day", np.int32),
        ("due_day", np.int32),
        ("term_days", np.int32),
        ("disputed_day", np.int32),
        ("dispute_end_day", np.int32),
        ("own_risk_day", np.int32),
        ("state_count", np.int32),
        ("cluster", np.int64),
        ("ordinal", np.int64),
        ("order_first", np.uint64),
        ("order_second", np.uint64),
    ]
)
"""An item as it is parked; its first fields are the first columns of an item in the kernel."""
STATE_RECORD = np.dtype([("day", np.int64), ("gross_milli", np.int64), ("net_milli", np.int64)])
"""A state of an item, as the kernel reads it."""
_SAME_IN_KERNEL = ITEM_OWN_RISK_DAY + 1


class InsurableItems(NamedTuple):
    """Items that may be covered.

    items    `ITEM_RECORD`[n]
    states   `STATE_RECORD`[t]  item by item
    item_id  string[n]
    """

    items: Array
    states: Array
    item_id: pa.Array


class OrderedItems(NamedTuple):
    """Items by cluster, delivery day and id (bytes), laid out for the kernel.

    place    int64[n]      where each stood among those that were put in order
    cluster  int64[n]
    table    int64[n, 12]  `ITEM_COLUMNS`; no order is known yet
    states   int64[t, 3]   `STATE_COLUMNS`
    """

    place: Array
    cluster: Array
    table: Array
    states: Array


def order_keys(order_id: pa.Array, company: Array, customer: Array) -> tuple[Array, Array]:
    """Give 128 bits for each order of a company and customer; `NO_ORDER` where there is no id."""
    first, second = hash_column(order_id)
    missing = is_empty_text(order_id).fill_null(True).to_numpy(zero_copy_only=False)
    first = first + company.astype(np.uint64) * _COMPANY_MIX
    second = second ^ (customer.astype(np.uint64) * _CUSTOMER_MIX)
    first[missing], second[missing] = NO_ORDER, NO_ORDER
    return first, second


def insurable_items(
    items: Items, records: Array, ordinal: Array, insurance: Insurance, context: RunContext
) -> InsurableItems:
    """List the items that may be covered on some day that cover is worked out on.

    records  `ALLOCATION_RECORD`[m] whose `first` is a row of `items`
    ordinal  int64[n]  of each row in the table
    """
    cluster = np.take(insurance.cluster_of_customer, items.customer_code)
    chosen = (cluster >= 0) & ~items.faults.bad & (items.posting_day <= context.as_of_day)
    chosen &= np.take(_IS_INSURABLE_TYPE, items.type_code) & (items.amount_milli > 0)
    chosen &= ~np.take(_IS_SOLD, items.financing_code)
    states = _states(items, records, np.take(insurance.first_eval_day, cluster), context)
    is_open = np.zeros(items.row_count, bool)
    is_open[np.take(states.item, np.flatnonzero(states.gross_milli > 0))] = True
    is_open &= chosen
    rows, kept = np.flatnonzero(is_open), np.flatnonzero(np.take(is_open, states.item))
    of_item = np.take(states.item, kept)
    code = np.take(items.currency_code, of_item)
    found = np.empty(len(code), STATE_RECORD)
    found["day"] = np.take(states.day, kept)
    with renumbering(of_item.item):
        gross = convert(np.take(states.gross_milli, kept), code, context.reporting)
        net = gross
        if insurance.needs_net:
            net = convert(np.take(states.net_milli, kept), code, context.reporting)
            net = np.minimum(gross, net)
    found["gross_milli"], found["net_milli"] = gross, net
    own = _records(items, rows, insurance, context)
    own["cluster"], own["ordinal"] = np.take(cluster, rows), np.take(ordinal, rows)
    own["state_count"] = np.take(states.start, rows + 1) - np.take(states.start, rows)
    return InsurableItems(own, found, items.item_id.take(pa.array(rows)))


def _states(items: Items, records: Array, first_day: Array, context: RunContext) -> OpenStates:
    """Give what was open of the items, from the first day on that matters."""
    posted = posted_allocations(records, items, 0, context.as_of_day)
    n, m = items.row_count, len(posted.posting_day)
    out = OpenStates(
        np.empty(n + 1, np.int64),
        np.empty(n + m, np.int64),
        np.empty(n + m, np.int32),
        np.empty(n + m, np.int64),
        np.empty(n + m, np.int64),
    )
    amounts = OpenAmounts(
        items.amount_milli,
        items.tax_milli,
        np.where(posted.has_any, items.amount_milli, items.extract_open_milli),
        MINOR_UNIT_MILLI[items.currency_code],
    )
    count = open_states(
        amounts,
        posted.offset,
        posted.posting_day,
        posted.amount_milli,
        np.ascontiguousarray(first_day, np.int32),
        out,
    )
    return OpenStates(out.start, *(column[:count] for column in out[1:]))


def _records(items: Items, rows: Array, insurance: Insurance, context: RunContext) -> Array:
    """Give what the items tell themselves: `ITEM_RECORD`[k], the rest is still to come."""
    customers, companies = context.master.customers, context.master.companies
    customer, company = np.take(items.customer_code, rows), np.take(items.company_code, rows)
    disputed, ends = np.take(items.disputed_from_day, rows), np.take(items.disputed_to_day, rows)
    document, due = np.take(items.document_day, rows), np.take(items.original_due_day, rows)
    disputed = np.where(disputed == NO_DAY, document, disputed)
    is_disputed = np.take(items.is_marked_disputed, rows)
    matures = np.take(items.due_day, rows) + np.int32(RECOURSE_DAYS_AFTER_MATURITY)
    has_recourse = np.take(_HAS_RECOURSE, np.take(items.financing_code, rows))
    found = np.zeros(len(rows), ITEM_RECORD)
    found["account"] = np.take(customers.account_code, customer)
    found["segment"] = np.take(companies.segment_code, company)
    found["customer"] = customer
    found["delivery_day"] = np.take(items.delivery_day, rows)
    found["due_day"] = due
    found["term_days"] = due - document
    found["disputed_day"] = np.where(is_disputed, disputed, LAST_DAY)
    found["dispute_end_day"] = np.where(ends == NO_DAY, LAST_DAY, ends)
    found["own_risk_day"] = np.where(has_recourse, matures, LAST_DAY)
    if insurance.binds_orders and items.order_id is not None:
        order_id = items.order_id.take(pa.array(rows))
        found["order_first"], found["order_second"] = order_keys(order_id, company, customer)
    return found


def in_order(found: InsurableItems) -> OrderedItems:
    """Order items by cluster, delivery day and id (bytes), and lay them out for the kernel."""
    order, cluster = _order(found)
    words = found.items.view(np.int64).reshape(len(order), ITEM_RECORD.itemsize // 8)
    halves = np.take(words, order, axis=0).view(np.int32)
    table = np.empty((len(order), ITEM_COLUMNS), np.int64)
    table[:, :_SAME_IN_KERNEL] = halves[:, :_SAME_IN_KERNEL]
    table[:, ITEM_ORDER_DAY] = LAST_DAY
    counts = found.items["state_count"].astype(np.int64)
    starts, moved = np.cumsum(counts) - counts, np.take(counts, order)
    ends = np.cumsum(moved)
    table[:, ITEM_STATE_FIRST], table[:, ITEM_STATE_END] = ends - moved, ends
    state = np.repeat(np.take(starts, order) - (ends - moved), moved)
    state += np.arange(len(state))
    states = np.take(found.states.view(np.int64).reshape(-1, STATE_COLUMNS), state, axis=0)
    return OrderedItems(order, cluster, table, states)


def _order(found: InsurableItems) -> tuple[Array, Array]:
    """Give the order of items, and the cluster of each: int64[n]; ids decide ties alone."""
    cluster = found.items["cluster"]
    order = order_by((cluster, found.items["delivery_day"]), found.item_id)
    return order, np.take(cluster, order)
