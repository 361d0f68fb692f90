"""Which orders the credit that is left lets through (DOMAIN 8, TABLES 2 `order_decisions`).

Readings: docs/decisions/0056-orders-and-what-lifts-a-hold.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.columns import day_array, listed_array, money_array
from encours.calc.exposure import exposure_terms
from encours.calc.sell import GROUP, OWN, SHARED, Bounds
from encours.kernels.orders import UNBOUND, decide_orders
from encours.ledger.commitments import KINDS
from encours_schemas import OUTPUT_TABLES
from encours_schemas.outputs import ORDER_DECISIONS
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext
    from encours.calc.exposure import Positions
    from encours.calc.limits import AccountLimits

Array = np.ndarray[Any, np.dtype[Any]]

ORDER_SCHEMA: Final = pa.schema(
    [
        ("commitment_id", pa.string()),
        ("order_id", pa.string()),
        ("customer_code", pa.int32()),
        ("company_code", pa.int32()),
        ("kind_code", pa.int32()),
        ("amount_rc", pa.int64()),
        ("expected_day", pa.int32()),
        ("document_day", pa.int32()),
        ("is_in_advance", pa.bool_()),
    ]
)
"""A commitment that can still be stopped: ordered or in production. `amount_rc` is what is left
after prepayments and down payments, in thousandths of the reporting currency."""

RULE_OF_KIND: Final = {
    OWN: RuleId.LIMIT_EXCEEDED,
    SHARED: RuleId.TOTAL_LIMIT_EXCEEDED,
    GROUP: RuleId.GROUP_LIMIT_EXCEEDED,
}
"""The rule of each kind of limit: an order that finds no room is held by it."""
RULES: Final = tuple(RuleId)
_COLUMNS: Final = {"order": "open_orders", "production": "production"}
_TABLE: Final = OUTPUT_TABLES["order_decisions"]


@dataclass(frozen=True)
class Room:
    """The credit that orders can take: n accounts, b limits.

    held           int8[n]       rule that holds all orders of an account, -1 where none does
    offset, bound  int64[n + 1], int64[k]  the limits that bind each account
    rule_of_bound  int8[b]
    left_milli     int64[b]      limit less exposure without orders and production; taken from
    """

    held: Array
    offset: Array
    bound: Array
    rule_of_bound: Array
    left_milli: Array


def room_for_orders(
    bounds: Bounds, binds: Array, held: Array, limits: AccountLimits, positions: Positions
) -> Room:
    """Give what limits leave before any order takes of it.

    binds  bool[k]  which pairs of `bounds` bind: a rule that is off or released holds no order
    held   int8[n]  as in `Room`
    """
    accounts, context = limits.book.accounts, limits.book.context
    ordered = sum(
        (accounts.column(name) for name in _COLUMNS.values()),
        np.zeros(len(accounts), np.int64),
    )
    of_party = np.zeros(len(accounts.account_ids), np.int64)
    np.add.at(of_party, accounts.account_code, ordered)
    groups = limits.groups
    counted = np.zeros(len(bounds.kind), np.int64)
    for kind, source in ((OWN, ordered), (SHARED, of_party[limits.parties.account_code])):
        chosen = bounds.kind == kind
        counted[chosen] = source[bounds.source[chosen]]
    chosen = bounds.kind == GROUP
    counted[chosen] = _of_groups(groups, positions, context)[bounds.source[chosen]]
    row, bound = bounds.row[binds], bounds.bound[binds]
    rules = np.array([RULES.index(RULE_OF_KIND[kind]) for kind in (OWN, SHARED, GROUP)], np.int8)
    return Room(
        held=held,
        offset=np.searchsorted(row, np.arange(len(accounts) + 1)).astype(np.int64),
        bound=np.ascontiguousarray(bound, np.int64),
        rule_of_bound=rules[bounds.kind],
        left_milli=bounds.left_milli + counted,
    )


def _of_groups(groups: Any, positions: Positions, context: RunContext) -> Array:  # noqa: ANN401
    """Give the orders and production of each group, in the segment of its limit: int64[g]."""
    customers = context.master.customers
    amounts = sum(
        (positions.column(name) for name in _COLUMNS.values()),
        np.zeros(len(positions.customer_code), np.int64),
    )
    found = np.zeros(len(groups.party_code), np.int64)
    for code in np.unique(groups.segment_code).tolist():
        chosen = np.ones(len(amounts), bool)
        if code >= 0:
            name = groups.segments[code]
            of_company = [one == name for one in context.master.companies.segments]
            chosen = np.array(of_company, bool)[positions.company_code]
        own = np.zeros(len(customers), np.int64)
        np.add.at(own, positions.customer_code[chosen], amounts[chosen])
        of_code = groups.segment_code == code
        found[of_code] = customers.hierarchy.sum_descendants(own)[groups.party_code[of_code]]
    return found


def decide(orders: pa.Table, room: Room, accounts: AccountRows, context: RunContext) -> pa.Table:
    """Decide orders, and take from the room what those that pass need; by commitment id (bytes).

    orders  `ORDER_SCHEMA`: all orders of the accounts that they touch, and of whoever shares a
            limit with these
    """
    ids = orders.column("commitment_id").cast(pa.binary())
    orders = orders.take(pc.sort_indices(ids))
    customer = orders.column("customer_code").to_numpy()
    company = orders.column("company_code").to_numpy()
    amount = orders.column("amount_rc").to_numpy()
    in_advance = orders.column("is_in_advance").combine_chunks()
    passes = (amount == 0) | in_advance.to_numpy(zero_copy_only=False)
    takes = np.where(_counts(orders, company, context), amount, 0)
    row = accounts.find(
        context.master.companies.segment_code[company].astype(np.int64),
        context.master.companies.segment_names,
        context.master.customers.account_code[customer].astype(np.int64),
    )
    turns = _turns(orders)
    rule = np.empty(len(row), np.int8)
    after = np.empty(len(row), np.int64)
    decide_orders(
        np.column_stack([column[turns].astype(np.int64) for column in (row, takes, passes)]),
        room.held,
        room.offset,
        room.bound,
        room.rule_of_bound,
        room.left_milli,
        rule,
        after,
    )
    places = np.empty(len(turns), np.int64)
    places[turns] = np.arange(len(turns))
    return _decided(orders, rule[places], after[places], context)


def _turns(orders: pa.Table) -> Array:
    """Give the order in which orders take credit: expected day, document day, id; int64[n].

    orders  by id

    A day that is not known comes first: such an order counts at once.
    """
    days = (orders.column("document_day").to_numpy(), orders.column("expected_day").to_numpy())
    return np.lexsort(days)  # the last key counts first, and equal days stay as they are


def _counts(orders: pa.Table, company: Array, context: RunContext) -> Array:
    """Tell which orders are of a component that counts in their segment: bool[n]."""
    out = np.zeros((len(context.master.companies.codes), len(KINDS)), bool)
    for place, terms in enumerate(exposure_terms(context)):
        for kind, component in _COLUMNS.items():
            out[place, KINDS.index(kind)] = component in terms.components_left_out
    counts: Array = ~out[company, orders.column("kind_code").to_numpy()]
    return counts


def _decided(orders: pa.Table, rule: Array, after: Array, context: RunContext) -> pa.Table:
    """Encode the decisions: the published table, in the order of the orders."""
    customers, companies = context.master.customers, context.master.companies
    company = orders.column("company_code").to_numpy()
    segment = companies.segment_code[company]
    rules = tuple(one.value for one in RULES)
    bound = after != UNBOUND
    # A room below what money can hold says no more than that there is none.
    shown = np.maximum(np.where(bound, after, 0), -(10**18) + 1)
    columns = {
        "commitment_id": orders.column("commitment_id"),
        "order_id": orders.column("order_id"),
        "customer_id": customers.ids.take(orders.column("customer_code").combine_chunks()),
        "credit_segment": listed_array(segment, companies.segment_names).cast(pa.string()),
        "kind": listed_array(orders.column("kind_code").to_numpy(), KINDS).cast(pa.string()),
        "amount_rc": money_array(orders.column("amount_rc").to_numpy()),
        "expected_date": day_array(orders.column("expected_day").to_numpy()),
        "decision": pa.array(ORDER_DECISIONS).take(pa.array((rule >= 0).astype(np.int8))),
        "rule": listed_array(rule.astype(np.int32), rules).cast(pa.string()),
        "room_after": money_array(shown, bound),
    }
    return pa.table({name: columns[name] for name in _TABLE.names})
