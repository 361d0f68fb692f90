"""Items that an insurer may cover, laid out for the ceilings (DOMAIN 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from encours.calc.item_watch import LATE_RECORD
from encours.calc.items import RECOURSE_DAYS_AFTER_MATURITY, convert
from encours.calc.refusals import renumbering
from encours.kernels.cover import ITEM_COLUMNS, STATE_COLUMNS
from encours.kernels.insurable import (
    InsurableColumns,
    InsuredItems,
    InsuredParties,
    InsuredSetting,
    OpenAmounts,
    OpenStates,
    lay_out_in_order,
    lay_out_insured,
    list_insurable,
    open_states,
)
from encours.ledger.allocations import refusals_of
from encours.ledger.buffers import as_text, is_empty_text
from encours.ledger.decode import hash_column
from encours.ledger.items import BILL_OF_EXCHANGE, DEBIT_NOTE, DOCUMENT_TYPES, FINANCING, INVOICE
from encours.ledger.master import MINOR_UNIT_MILLI
from encours.ledger.ordering import order_by
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from encours.calc.context import RunContext
    from encours.calc.cover_pools import Insurance
    from encours.calc.item_watch import LateRows
    from encours.calc.items import MeasuredItems
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]


def _listing(texts: Sequence[str], chosen: Iterable[str]) -> Array:
    """Tell of each text whether it is among those chosen; the last entry is for no text."""
    named = set(chosen)
    return np.array([text in named for text in texts] + [False], bool)


_IS_INSURABLE_TYPE = _listing(
    DOCUMENT_TYPES, (DOCUMENT_TYPES[code] for code in (INVOICE, DEBIT_NOTE, BILL_OF_EXCHANGE))
)
_IS_SOLD = _listing(FINANCING, ("factored_no_recourse", "securitised"))
_HAS_RECOURSE = _listing(FINANCING, ("discounted", "factored_recourse"))
_EVERYBODY = np.empty(0, np.bool_)
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
        ("published_row", np.int32),
        ("id_bytes", np.int32),
        ("late_bucket", np.int64),
        ("cluster", np.int64),
        ("ordinal", np.int64),
        ("undeclared_rc", np.int64),
        ("order_first", np.uint64),
        ("order_second", np.uint64),
    ]
)
"""An item as it is parked.

published_row  among the published rows of its work unit, -1 where it is not published
id_bytes       length of its id
late_bucket    where it is parked as a late item (`LateRows`), -1 where it is not
undeclared_rc  what is open of it, where insurers want its delay declared; -1 where they need not
"""
STATE_RECORD = np.dtype([("day", np.int64), ("gross_milli", np.int64), ("net_milli", np.int64)])
"""A state of an item, as the kernel reads it."""
_NONE_LATE, _NO_BUCKET = np.empty(0, LATE_RECORD), np.empty(0, np.int32)


class Insurable(NamedTuple):
    """Which of some items may be covered, and what was open of them.

    rows         int64[k]
    state_count  int32[k]
    states       `STATE_RECORD`[t]  item by item
    """

    rows: Array
    state_count: Array
    states: Array


class InsuredRows(NamedTuple):
    """Items that may be covered, among consecutive ones.

    items    `ITEM_RECORD`[k]
    states   `STATE_RECORD`[t]  item by item
    rows     int64[k]           where they stand among all
    item_id  string[n]          of all
    """

    items: Array
    states: Array
    rows: Array
    item_id: pa.Array


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
    table    int64[n, 12]  `ITEM_COLUMNS`
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


def find_insurable(
    items: Items, records: Array, first_ordinal: int, insurance: Insurance, context: RunContext
) -> Insurable:
    """List the items that may be covered on some day that cover is worked out on.

    records  `ALLOCATION_RECORD`[m] by item, `first` = ordinal of an item of these
    """
    rows = _insurable_rows(items, insurance, context)
    cluster = np.take(insurance.cluster_of_customer, np.take(items.customer_code, rows))
    states = _states(
        items, rows, np.take(insurance.first_eval_day, cluster), records, first_ordinal, context
    )
    of_item = np.repeat(states.row, states.state_count)
    found = np.empty(len(of_item), STATE_RECORD)
    found["day"] = states.day
    with renumbering((of_item + first_ordinal).item):
        gross = convert(states.gross_milli, states.code, context.reporting)
        net = gross
        if insurance.needs_net:
            net = np.minimum(gross, convert(states.net_milli, states.code, context.reporting))
    found["gross_milli"], found["net_milli"] = gross, net
    return Insurable(states.row, states.state_count, found)


def insured_rows(
    found: Insurable,
    items: Items,
    measured: MeasuredItems,
    late: LateRows | None,
    place: tuple[int, int],
    insurance: Insurance,
    context: RunContext,
) -> InsuredRows:
    """Lay out the items that may be covered, so that they can be parked.

    late   those of the items that are late
    place  ordinal of the first item, and how many rows of its work unit are published before it
    """
    customers, companies = context.master.customers, context.master.companies
    rule = RuleId.INSURER_NOTIFICATION
    scope = {} if context.item_rules is None else context.item_rules.scope
    of_customer, of_company = scope.get(rule, (None, None))
    own = np.empty(len(found.rows), ITEM_RECORD)
    lay_out_insured(
        InsuredItems(
            items.customer_code,
            items.company_code,
            items.financing_code,
            items.delivery_day,
            items.document_day,
            items.due_day,
            items.original_due_day,
            items.disputed_from_day,
            items.disputed_to_day,
            items.is_marked_disputed,
            measured.is_published,
            measured.open_milli,
            measured.open_rc,
        ),
        InsuredParties(
            insurance.cluster_of_customer,
            customers.account_code,
            companies.segment_code,
            _EVERYBODY if of_customer is None else of_customer,
            _EVERYBODY if of_company is None else of_company,
            _HAS_RECOURSE,
        ),
        InsuredSetting(*place, context.as_of_day, RECOURSE_DAYS_AFTER_MATURITY, int(rule in scope)),
        found.rows,
        (_NONE_LATE, _NO_BUCKET) if late is None else (late.records, late.bucket),
        own,
    )
    own["state_count"] = found.state_count
    offsets = as_text(items.item_id).offsets
    own["id_bytes"] = np.take(offsets, found.rows + 1) - np.take(offsets, found.rows)
    own["order_first"], own["order_second"] = NO_ORDER, NO_ORDER
    if insurance.binds_orders and items.order_id is not None:
        own["order_first"], own["order_second"] = order_keys(
            items.order_id.take(pa.array(found.rows)),
            np.take(items.company_code, found.rows),
            np.take(items.customer_code, found.rows),
        )
    return InsuredRows(own, found.states, found.rows, items.item_id)


def _insurable_rows(items: Items, insurance: Insurance, context: RunContext) -> Array:
    """Give the items that may be covered by what they are: int64[k]."""
    columns = InsurableColumns(
        items.customer_code,
        items.type_code,
        items.financing_code,
        items.posting_day,
        items.amount_milli,
        items.faults.bad,
    )
    rows = np.empty(items.row_count, np.int64)
    count = list_insurable(
        columns,
        insurance.cluster_of_customer,
        _IS_INSURABLE_TYPE,
        _IS_SOLD,
        context.as_of_day,
        rows,
    )
    return rows[:count]


def _states(
    items: Items,
    rows: Array,
    first_day: Array,
    records: Array,
    first_ordinal: int,
    context: RunContext,
) -> OpenStates:
    """Give what was open of some items, from the first day on that matters."""
    k, m = len(rows), len(records)
    amounts = OpenAmounts(
        items.amount_milli, items.tax_milli, items.extract_open_milli, items.currency_code
    )
    refusals = refusals_of(records, items, first_ordinal)
    out = OpenStates(
        np.empty(k, np.int64),
        np.empty(k, np.int32),
        np.empty(k + m, np.int32),
        np.empty(k + m, np.int32),
        np.empty(k + m, np.int64),
        np.empty(k + m, np.int64),
    )
    kept, count = open_states(
        amounts,
        MINOR_UNIT_MILLI,
        rows,
        first_day,
        (records, refusals, first_ordinal, context.as_of_day),
        (np.empty(m, np.int32), np.empty(m, np.int64)),
        out,
    )
    return OpenStates(
        out.row[:kept], out.state_count[:kept], *(column[:count] for column in out[2:])
    )


def in_order(found: InsurableItems, order_day: Array) -> OrderedItems:
    """Order items by cluster, delivery day and id (bytes), and lay them out for the kernel.

    order_day  int32[n]  last day on which each item's order was confirmed, `LAST_DAY` without order
    """
    order, cluster = _order(found)
    table = np.empty((len(order), ITEM_COLUMNS), np.int64)
    states = np.empty((len(found.states), STATE_COLUMNS), np.int64)
    lay_out_in_order(found.items, order_day, found.states, order, table, states)
    return OrderedItems(order, cluster, table, states)


def _order(found: InsurableItems) -> tuple[Array, Array]:
    """Give the order of items, and the cluster of each: int64[n]; ids decide ties alone."""
    cluster = found.items["cluster"]
    order = order_by((cluster, found.items["delivery_day"]), found.item_id)
    return order, np.take(cluster, order)
