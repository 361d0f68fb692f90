"""Items that an insurer may cover, laid out for the ceilings (DOMAIN 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.items import RECOURSE_DAYS_AFTER_MATURITY, convert
from encours.calc.refusals import renumbering
from encours.kernels.cover import LAST_DAY, CoverItems, OpenAmounts, OpenStates, open_states
from encours.ledger.allocations import posted_allocations
from encours.ledger.buffers import is_empty_text
from encours.ledger.decode import NO_DAY, hash_column
from encours.ledger.items import BILL_OF_EXCHANGE, DEBIT_NOTE, DOCUMENT_TYPES, FINANCING, INVOICE
from encours.ledger.master import MINOR_UNIT_MILLI

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.cover_pools import Insurance
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]

INSURABLE_TYPES = frozenset(
    DOCUMENT_TYPES[code] for code in (INVOICE, DEBIT_NOTE, BILL_OF_EXCHANGE)
)
_SOLD = (FINANCING.index("factored_no_recourse"), FINANCING.index("securitised"))
_RECOURSE = (FINANCING.index("discounted"), FINANCING.index("factored_recourse"))
_COMPANY_MIX = np.uint64(0xD6E8FEB86659FD93)
_CUSTOMER_MIX = np.uint64(0xA5A3564E27F88695)
NO_ORDER = np.uint64(0)

NUMBERS = {
    "ordinal": np.int64,
    "cluster": np.int32,
    "account": np.int32,
    "segment": np.int32,
    "customer": np.int32,
    "delivery_day": np.int32,
    "due_day": np.int32,
    "term_days": np.int32,
    "disputed_day": np.int32,
    "dispute_end_day": np.int32,
    "own_risk_day": np.int32,
    "order_first": np.uint64,
    "order_second": np.uint64,
    "state_count": np.int32,
}
"""Columns of one row per item."""
STATES = {"state_day": np.int32, "gross_milli": np.int64, "net_milli": np.int64}
"""Columns of one row per state of an item, those of one item together."""


class InsurableItems(NamedTuple):
    """Items that may be covered: `NUMBERS` and item_id of n items, `STATES` of t states."""

    items: pa.Table
    states: pa.Table


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
    cluster = insurance.cluster_of_customer[items.customer_code]
    chosen = (cluster >= 0) & ~items.faults.bad & (items.posting_day <= context.as_of_day)
    chosen &= np.isin(items.type_code, (INVOICE, DEBIT_NOTE, BILL_OF_EXCHANGE))
    chosen &= (items.amount_milli > 0) & ~np.isin(items.financing_code, _SOLD)
    states = _states(items, records, insurance.first_eval_day[cluster], context)
    wanted = chosen[states.item] & (states.gross_milli > 0)
    is_open = np.zeros(items.row_count, bool)
    is_open[states.item[wanted]] = True
    rows = np.flatnonzero(chosen & is_open)
    kept = is_open[states.item] & chosen[states.item]
    code = items.currency_code[states.item[kept]]
    with renumbering(states.item[kept].item):
        gross = convert(states.gross_milli[kept], code, context.reporting)
        net = gross
        if insurance.needs_net:
            net = np.minimum(gross, convert(states.net_milli[kept], code, context.reporting))
    numbers = _numbers(items, rows, cluster, ordinal, insurance, context)
    numbers["state_count"] = np.diff(states.start)[rows].astype(np.int32)
    return InsurableItems(
        pa.table({**numbers, "item_id": items.item_id.take(pa.array(rows))}),
        pa.table({"state_day": states.day[kept], "gross_milli": gross, "net_milli": net}),
    )


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


def _numbers(
    items: Items,
    rows: Array,
    cluster: Array,
    ordinal: Array,
    insurance: Insurance,
    context: RunContext,
) -> dict[str, Array]:
    """Give the columns of one row per item but the number of its states."""
    customers, companies = context.master.customers, context.master.companies
    disputed = items.disputed_from_day[rows]
    document = items.document_day[rows]
    disputed = np.where(disputed == NO_DAY, document, disputed)
    ends = items.disputed_to_day[rows]
    due = items.due_day[rows]
    matures = due.astype(np.int64) + RECOURSE_DAYS_AFTER_MATURITY
    first, second = np.zeros((2, len(rows)), np.uint64)
    if insurance.binds_orders and items.order_id is not None:
        order_id = items.order_id.take(pa.array(rows))
        first, second = order_keys(order_id, items.company_code[rows], items.customer_code[rows])
    columns = {
        "ordinal": ordinal[rows],
        "cluster": cluster[rows],
        "account": customers.account_code[items.customer_code[rows]],
        "segment": companies.segment_code[items.company_code[rows]],
        "customer": items.customer_code[rows],
        "delivery_day": items.delivery_day[rows],
        "due_day": items.original_due_day[rows],
        "term_days": items.original_due_day[rows] - document,
        "disputed_day": np.where(items.is_marked_disputed[rows], disputed, LAST_DAY),
        "dispute_end_day": np.where(ends == NO_DAY, LAST_DAY, ends),
        "own_risk_day": np.where(np.isin(items.financing_code[rows], _RECOURSE), matures, LAST_DAY),
        "order_first": first,
        "order_second": second,
    }
    return {name: values.astype(NUMBERS[name]) for name, values in columns.items()}


def in_order(found: InsurableItems) -> tuple[CoverItems, pa.Table]:
    """Order items by cluster, delivery day and id (bytes), and lay them out for the kernel.

    Gives the items as columns, orders unknown (`order_day` says nobody has one), and their table.
    """
    table = found.items
    cluster = table.column("cluster").to_numpy().astype(np.int64)
    delivery = table.column("delivery_day").to_numpy().astype(np.int64)
    key = (cluster << 32) + (delivery - NO_DAY)
    order = np.argsort(key)  # equal keys in any order: their ids decide below
    ordered = key[order]
    same = np.zeros(len(order), bool)
    same[1:] = ordered[1:] == ordered[:-1]
    tied = same.copy()
    tied[:-1] |= same[1:]
    places = np.flatnonzero(tied)
    if len(places):
        ids = table.column("item_id").take(pa.array(order[places])).cast(pa.binary())
        ties = pa.table({"run": np.cumsum(~same[places]), "id": ids})
        keys = [("run", "ascending"), ("id", "ascending")]
        order[places] = order[places][pc.sort_indices(ties, sort_keys=keys).to_numpy()]
    table = table.take(pa.array(order))
    counts = found.items.column("state_count").to_numpy().astype(np.int64)
    starts = np.cumsum(counts) - counts
    moved = counts[order]
    state_start = np.concatenate([[0], np.cumsum(moved)]).astype(np.int64)
    state = np.repeat(starts[order] - state_start[:-1], moved) + np.arange(state_start[-1])
    columns = {
        name: np.array(table.column(name).to_numpy())  # a copy: kernels get memory of one kind
        for name in NUMBERS
        if name in CoverItems._fields
    }
    states = {name: found.states.column(name).to_numpy()[state] for name in STATES}
    nobody = np.full(len(order), LAST_DAY, np.int32)
    return CoverItems(**columns, order_day=nobody, state_start=state_start, **states), table
