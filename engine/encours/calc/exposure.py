"""Exposure of customers, credit accounts and groups (DOMAIN 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.context import COMPONENTS, CREDIT_COMPONENTS, DEBIT_COMPONENTS, RunContext
from encours.calc.items import convert
from encours.calc.lines import LINE_SUMS
from encours.calc.sums import KeyedSums, stretches
from encours.ledger.buffers import is_empty_text
from encours.ledger.commitments import KINDS
from encours.ledger.decode import NO_DAY, TextIndex, decode_text_codes
from encours.ledger.master import CURRENCIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from encours.ledger.commitments import Commitments
    from encours_schemas.configuration import ExposureTerms

Array = np.ndarray[Any, np.dtype[Any]]

POSITION_SUMS = (
    *COMPONENTS,
    "orders_beyond_horizon",
    "credit_balance",
    "overdue",
    "overdue_net",
    "disputed_amount",
    "penalty_interest",
    "interest_unbilled",
    "fixed_indemnity",
    "item_count",
)
"""Columns summed per customer and company code; reporting currency but for the count."""
OUTLOOK_DAYS = 90
"""So many days after the as-of date are looked ahead (DOMAIN 10)."""
_COLUMN = {name: place for place, name in enumerate(POSITION_SUMS)}
_COMPONENT_OF_KIND = {
    "order": "open_orders",
    "production": "production",
    "delivery": "deliveries_not_invoiced",
}


@dataclass(frozen=True)
class OrderPayments:
    """Down payments by the order that they name: o orders of one customer and company code each.

    orders   index over texts `company|customer|order`, as codes
    paid_rc  int64[o]  what was paid, positive
    """

    orders: TextIndex
    paid_rc: Array


def order_names(company_code: Array, customer_code: Array, order_id: pa.Array) -> pa.Array:
    """Name each order by company, customer and its own id; null where it has no id."""
    parties = pc.binary_join_element_wise(
        pa.array(company_code).cast(pa.string()), pa.array(customer_code).cast(pa.string()), "|"
    )
    has_id = pc.invert(is_empty_text(order_id))
    named = pc.binary_join_element_wise(parties, order_id, "|")
    return pc.if_else(has_id.fill_null(False), named, pa.scalar(None, pa.string()))


def collect_order_payments(payments: pa.Table, context: RunContext) -> OrderPayments:
    """Add the down payments of each order up, where credits reduce the exposure at all.

    payments  columns order_id, customer_code, company_code, open_rc (negative)
    """
    reduces = np.array([terms.credits_reduce for terms in exposure_terms(context)], bool)
    payments = payments.filter(pa.array(reduces[payments.column("company_code").to_numpy()]))
    names = order_names(
        payments.column("company_code").to_numpy(),
        payments.column("customer_code").to_numpy(),
        payments.column("order_id").combine_chunks(),
    )
    encoded = names.dictionary_encode()
    paid = KeyedSums(1)
    amounts = -payments.column("open_rc").to_numpy()
    paid.add(encoded.indices.to_numpy().astype(np.int64), amounts.reshape(-1, 1))
    sums = np.zeros(len(encoded.dictionary), np.int64)
    sums[paid.keys] = paid.sums[:, 0]
    return OrderPayments(TextIndex(encoded.dictionary), sums)


@dataclass(frozen=True)
class EnteringOrders:
    """Orders beyond the horizon that come within it in the next days, added up: e sums.

    pair, day  int64[e]  customer and company code as in the sums of commitments; int32[e]
    left_rc    int64[e]  what they add to the open orders, after their down payments
    used_rc    int64[e]  down payments that they have used: no longer a balance that counts nowhere
    """

    pair: Array
    day: Array
    left_rc: Array
    used_rc: Array


def no_entering_orders() -> EnteringOrders:
    """Give none."""
    nothing = np.empty(0, np.int64)
    return EnteringOrders(nothing, np.empty(0, np.int32), nothing, nothing)


class Committed(NamedTuple):
    """Commitments added up, and those that will count later."""

    sums: KeyedSums
    entering: EnteringOrders


class CommitmentSums:
    """Commitments added up per customer and company code, orders after their down payments."""

    def __init__(
        self,
        payments: OrderPayments,
        context: RunContext,
        list_orders: Callable[[pa.Table], None] | None = None,
    ) -> None:
        """Start with no commitments; `list_orders` gets those that can be stopped, after payments.

        Its tables have the columns of `calc.orders.ORDER_SCHEMA`.
        """
        self._list_orders = list_orders
        self._listed: list[pa.Table] = []
        self._payments = payments
        self._context = context
        self._company_count = len(context.master.companies.codes)
        self._horizon_day = horizon_days(context)
        self._paid: list[pa.Table] = []
        self._entering = KeyedSums(2)
        self.sums = KeyedSums(len(POSITION_SUMS))

    def add(self, commitments: Commitments) -> None:
        """Add one unit of commitments; those with a down payment wait for `finish`."""
        rows = np.flatnonzero(commitments.exists)
        self._context.master.companies.require_countries(commitments.company_code[rows])
        left_rc = convert(
            commitments.left_milli, commitments.currency_code, self._context.reporting
        )[rows]
        column = self._columns(commitments)[rows]
        pair = (
            commitments.customer_code[rows].astype(np.int64) * self._company_count
            + commitments.company_code[rows]
        )
        order = np.full(len(rows), -1, np.int32)
        if len(self._payments.orders):
            names = order_names(
                commitments.company_code[rows],
                commitments.customer_code[rows],
                commitments.order_id.take(pa.array(rows)),
            )
            order = decode_text_codes(names, self._payments.orders)
        waits = order >= 0
        ahead = self._days_ahead(commitments)[rows]
        self._add_amounts(pair[~waits], column[~waits], left_rc[~waits])
        self._add_entering(pair[~waits], ahead[~waits], left_rc[~waits])
        listed = _orders_of(commitments, rows, left_rc)
        if self._list_orders is not None:
            self._list(listed.filter(pa.array(~waits)))
        if waits.any():
            self._listed.append(listed.filter(pa.array(waits)))
            self._paid.append(
                pa.table(
                    {
                        "order": order[waits],
                        "commitment_id": commitments.commitment_id.take(pa.array(rows[waits])),
                        "pair": pair[waits],
                        "column": column[waits],
                        "left_rc": left_rc[waits],
                        "ahead": ahead[waits],
                    }
                )
            )

    def finish(self) -> KeyedSums:
        """Set down payments against their orders, by commitment id; give all sums."""
        if self._paid:
            waiting = pa.concat_tables(self._paid)
            keys = [("order", "ascending"), ("commitment_id", "ascending")]
            turns = pc.sort_indices(waiting, sort_keys=keys)
            waiting = waiting.take(turns)
            names = ("order", "pair", "column", "left_rc", "ahead")
            order, pair, column, left, ahead = (waiting.column(name).to_numpy() for name in names)
            pair = pair.copy()  # Arrow lends it read-only, which would make kernels of its own
            used = _used(order, left, self._payments.paid_rc)
            if self._list_orders is not None:
                listed = pa.concat_tables(self._listed).take(turns)
                place = listed.schema.get_field_index("amount_rc")
                self._list(listed.set_column(place, "amount_rc", pa.array(left - used)))
            self._add_amounts(pair, column, left - used)
            self._add_entering(pair, ahead, left - used, used)
            self._add_amounts(pair, np.full(len(pair), _COLUMN["down_payments"]), used)
            # What reduced an order that does not count is neither owed back nor set against a debt.
            idle = self._does_not_count(pair, column)
            balance = np.full(int(idle.sum()), _COLUMN["credit_balance"])
            self._add_amounts(pair[idle], balance, -used[idle])
        return self.sums

    def _list(self, orders: pa.Table) -> None:
        """Hand over what can still be stopped: a delivery has left."""
        has_left = pc.equal(orders.column("kind_code"), KINDS.index("delivery"))
        if self._list_orders is not None:
            self._list_orders(orders.filter(pc.invert(has_left)))

    @property
    def entering(self) -> EnteringOrders:
        """Give the orders that enter the horizon within the days looked ahead."""
        pair, ahead = np.divmod(self._entering.keys, OUTLOOK_DAYS + 1)
        left, used = self._entering.sums.T
        day = (self._context.as_of_day + ahead).astype(np.int32)
        return EnteringOrders(pair, day, left.copy(), used.copy())

    def _days_ahead(self, commitments: Commitments) -> Array:
        """Give in how many days each order enters the horizon: int64[n], 0 where not looked at."""
        by_kind = np.array([kind == "order" for kind in KINDS], bool)
        is_order = by_kind[np.maximum(commitments.kind_code, 0)]
        expected = commitments.expected_day.astype(np.int64)
        ahead = expected - self._horizon_day[commitments.company_code]
        looked_at = is_order & (expected != NO_DAY) & (ahead > 0) & (ahead <= OUTLOOK_DAYS)
        return np.where(looked_at, ahead, 0)

    def _add_entering(
        self, pair: Array, ahead: Array, left: Array, used: Array | None = None
    ) -> None:
        """Remember the orders that enter the horizon soon."""
        soon = ahead > 0
        used = np.zeros(len(pair), np.int64) if used is None else used
        key = pair[soon] * (OUTLOOK_DAYS + 1) + ahead[soon]
        self._entering.add(key, np.column_stack([left[soon], used[soon]]))

    def _does_not_count(self, pair: Array, column: Array) -> Array:
        """Tell which commitments stand beyond the horizon or in a component left out: bool[n]."""
        left_out = np.zeros((self._company_count, len(POSITION_SUMS)), bool)
        left_out[:, _COLUMN["orders_beyond_horizon"]] = True
        for company, terms in enumerate(exposure_terms(self._context)):
            for name in terms.components_left_out:
                left_out[company, _COLUMN[name]] = True
        found: Array = left_out[pair % self._company_count, column]
        return found

    def _columns(self, commitments: Commitments) -> Array:
        """Give the position's column that each commitment stands in."""
        by_kind = np.array([_COLUMN[_COMPONENT_OF_KIND[kind]] for kind in KINDS], np.int64)
        column = by_kind[np.maximum(commitments.kind_code, 0)]
        last_day = self._horizon_day[commitments.company_code]
        beyond = (commitments.expected_day != NO_DAY) & (commitments.expected_day > last_day)
        beyond &= column == _COLUMN["open_orders"]
        return np.where(beyond, _COLUMN["orders_beyond_horizon"], column)

    def _add_amounts(self, pair: Array, column: Array, amount: Array) -> None:
        """Add amounts to one column each."""
        values = np.zeros((len(pair), len(POSITION_SUMS)), np.int64)
        values[np.arange(len(pair)), column] = amount
        self.sums.add(pair, values)


def _orders_of(commitments: Commitments, rows: Array, left_rc: Array) -> pa.Table:
    """Give rows of commitments as `calc.orders.ORDER_SCHEMA` lists them."""
    chosen = pa.array(rows)
    return pa.table(
        {
            "commitment_id": commitments.commitment_id.take(chosen),
            "order_id": commitments.order_id.take(chosen),
            "customer_code": commitments.customer_code[rows].astype(np.int32),
            "company_code": commitments.company_code[rows].astype(np.int32),
            "kind_code": commitments.kind_code[rows].astype(np.int32),
            "amount_rc": left_rc,
            "expected_day": commitments.expected_day[rows],
            "document_day": commitments.document_day[rows],
            "is_in_advance": commitments.is_in_advance[rows],
        }
    )


def _used(order: Array, left: Array, paid_rc: Array) -> Array:
    """Give what each commitment takes of its order's down payments; rows are grouped by order."""
    before = np.cumsum(left) - left
    starts = np.flatnonzero(np.r_[True, order[1:] != order[:-1]])
    lengths = np.diff(np.r_[starts, len(order)])
    before -= np.repeat(before[starts], lengths)
    return np.clip(paid_rc[order] - before, 0, left)


def exposure_terms(context: RunContext) -> list[ExposureTerms]:
    """Give what is configured for each company code's credit segment."""
    exposure = context.configuration.exposure
    return [exposure.for_segment(name) for name in context.master.companies.segments]


def horizon_days(context: RunContext) -> Array:
    """Give the last day of the horizon of orders per company code: int64[companies]."""
    days = [terms.horizon_days for terms in exposure_terms(context)]
    return context.as_of_day + np.array(days, np.int64)


@dataclass(frozen=True)
class Positions:
    """What each customer owes each company code: p pairs.

    sums        int64[p, POSITION_SUMS]
    oldest_day  int32[p]  oldest due day of a positive late item, the largest int32 where none
    """

    customer_code: Array
    company_code: Array
    sums: Array
    oldest_day: Array
    has_components_left_out: bool

    def column(self, name: str) -> Array:
        """Give one column: int64[p]."""
        return self.sums[:, _COLUMN[name]]

    @property
    def exposure(self) -> Array:
        """Give the exposure: the plain sum of the components."""
        total: Array = self.sums[:, : len(COMPONENTS)].sum(axis=1)
        return total


def sums_of_items(lines: KeyedSums) -> KeyedSums:
    """Add lines up per customer and company code: `POSITION_SUMS`."""
    added = KeyedSums(len(POSITION_SUMS))
    for some in stretches(lines.count):
        pair = lines.keys[some] // len(CURRENCIES)
        added.add(pair, _position_sums(lines.sums[some]), lines.minimum[some])
    return added


def build_positions(lines: KeyedSums, commitments: KeyedSums, context: RunContext) -> Positions:
    """Join items and commitments per customer and company code, and net the credits."""
    return joined_positions(sums_of_items(lines), commitments, context)


def joined_positions(joined: KeyedSums, commitments: KeyedSums, context: RunContext) -> Positions:
    """Do what `build_positions` does, from `sums_of_items`, to which commitments are added."""
    company_count = len(context.master.companies.codes)
    joined.merge(commitments)
    joined.trim()
    customer, company = np.divmod(joined.keys, company_count)
    for some in stretches(joined.count):
        _count_credits(joined.sums[some], customer[some], company[some], context)
    return Positions(
        customer.astype(np.int32),
        company.astype(np.int32),
        joined.sums,
        joined.minimum,
        any(terms.components_left_out for terms in exposure_terms(context)),
    )


def _position_sums(lines: Array) -> Array:
    """Give what lines add to their positions: int64[l, POSITION_SUMS] of int64[l, LINE_SUMS]."""
    values = np.zeros((len(lines), len(POSITION_SUMS)), np.int64)
    for name in POSITION_SUMS:
        if name in LINE_SUMS:
            values[:, _COLUMN[name]] = lines[:, LINE_SUMS.index(name)]
    unapplied = lines[:, LINE_SUMS.index("unapplied_credits")]
    overdue = lines[:, LINE_SUMS.index("overdue")]
    values[:, _COLUMN["overdue_net"]] = np.maximum(overdue + unapplied, 0)
    return values


def _count_credits(sums: Array, customer: Array, company: Array, context: RunContext) -> None:
    """Count credits up to the debts to the same company code, in place; the rest is a balance."""
    terms = exposure_terms(context)
    for name in COMPONENTS:
        out = np.array([name in one.components_left_out for one in terms], bool)[company]
        if name in CREDIT_COMPONENTS:
            sums[out, _COLUMN["credit_balance"]] += sums[out, _COLUMN[name]]
        sums[out, _COLUMN[name]] = 0
    debits = sums[:, : len(DEBIT_COMPONENTS)].sum(axis=1)
    credited = sums[:, len(DEBIT_COMPONENTS) : len(COMPONENTS)]
    base = np.maximum(debits, 0) + np.maximum(credited, 0).sum(axis=1)
    reduces = np.array([one.credits_reduce for one in terms], bool)[company]
    base[~reduces] = 0
    nets_all = reduces & context.master.customers.has_netting[customer]
    for name in CREDIT_COMPONENTS:
        amount = sums[:, _COLUMN[name]]
        owed = np.where(nets_all, 0, np.maximum(-amount, 0))
        counted = np.minimum(base, owed)
        sums[:, _COLUMN["credit_balance"]] += counted - owed
        sums[:, _COLUMN[name]] = np.where(owed > 0, -counted, amount)
        base = base - counted
