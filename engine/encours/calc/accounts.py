"""The published tables of credit accounts, groups and ageing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.account_rows import ACCOUNT_SUMS
from encours.calc.ageing import bucket_labels, set_credits_against_oldest
from encours.calc.columns import day_array, listed_array, money_array, number_array, ratio_array
from encours.calc.group_limits import head_of_groups
from encours.calc.limits import utilisation_e6
from encours.calc.lines import CELL_SUMS, line_of_key
from encours.calc.sums import NO_MINIMUM, KeyedSums
from encours.ledger.decode import NO_DAY
from encours.ledger.master import CURRENCIES
from encours.ledger.ordering import order_by
from encours_schemas import OUTPUT_TABLES
from encours_schemas.outputs import LIMIT_STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext
    from encours.calc.exposure import Positions
    from encours.calc.limits import AccountLimits, CreditShown
    from encours.calc.secured import Secured
    from encours.ledger.limits import Limits
    from encours.ledger.master import Customers

Array = np.ndarray[Any, np.dtype[Any]]
Columns = dict[str, Callable[[], pa.Array]]
"""What makes each column of a table, by name: a reader may want some alone."""


def complete(
    schema: pa.Schema, columns: Mapping[str, pa.Array], count: int, names: Sequence[str] = ()
) -> pa.Table:
    """Give a published table with every column of its schema; those not given are null.

    names  the columns that are wanted, where not all are
    """
    wanted = names or schema.names
    filled = [
        columns[name] if name in columns else pa.nulls(count, schema.field(name).type)
        for name in wanted
    ]
    return pa.table(filled, names=list(wanted))


def credit_columns(
    accounts: AccountRows,
    shown: CreditShown | None,
    secured: Secured,
    head: Array,
    context: RunContext,
) -> Columns:
    """Give what makes each column of credit accounts, but for what rules find (DOMAIN 5 and 7).

    shown  None without a table of limits
    head   int32[customers]  as `heads_of_groups` gives them
    """
    columns = _sum_columns(accounts, context.as_of_day)
    columns["credit_account_id"] = lambda: accounts.account_ids.take(
        pa.array(accounts.account_code)
    )
    columns["credit_segment"] = lambda: listed_array(
        accounts.segment_code.astype(np.int32), accounts.segments
    ).cast(pa.string())
    columns |= _account_texts(accounts, head, context)
    if shown is not None:
        columns |= _limit_columns(shown)
        columns |= _secured_columns(secured)
    return columns


def _money(name: str, milli: Array, valid: Array | None = None) -> Callable[[], pa.Array]:
    """Say how to make a column of money."""
    return partial(money_array, milli, valid, f"table credit_accounts, column {name}")


def _limit_columns(shown: CreditShown) -> Columns:
    """Encode limits; null where there is none, or none with a bound."""
    limits = {
        "internal_limit": shown.internal,
        "temporary_limit": shown.temporary,
        "insured_limit": shown.insured,
        "credit_limit": shown.credit,
    }
    columns: Columns = {
        name: _money(name, amounts.milli, amounts.is_amount) for name, amounts in limits.items()
    }
    columns["limit_status"] = lambda: listed_array(shown.status_code, LIMIT_STATUSES).cast(
        pa.string()
    )
    columns["available"] = _money("available", shown.available_milli, shown.has_available)
    columns["utilisation"] = lambda: ratio_array(shown.utilisation_e6, shown.has_utilisation)
    return columns


def _secured_columns(secured: Secured) -> Columns:
    """Encode what insurance and guarantees cover."""
    columns = {
        "insured_covered": secured.covered_milli,
        "guarantees": secured.guarantees_milli,
        "secured": secured.secured_milli,
        "unsecured": secured.unsecured_milli,
    }
    return {name: _money(name, milli) for name, milli in columns.items()}


def _sum_columns(accounts: AccountRows, as_of_day: int) -> Columns:
    """Encode the sums of accounts."""

    def make(name: str) -> pa.Array:
        values = accounts.column(name)
        return pa.array(values) if name == "item_count" else _money(name, values)()

    def days_late() -> pa.Array:
        oldest = accounts.oldest_day
        days = np.where(oldest != NO_MINIMUM, as_of_day - oldest, 0)
        return number_array(days.astype(np.int32))

    columns: Columns = {name: partial(make, name) for name in ACCOUNT_SUMS}
    columns["oldest_due_date"] = lambda: day_array(
        np.where(accounts.oldest_day != NO_MINIMUM, accounts.oldest_day, NO_DAY)
    )
    columns["max_days_past_due"] = days_late
    return columns


def _account_texts(accounts: AccountRows, head: Array, context: RunContext) -> Columns:
    """Give name, country and the like of the customer that stands for each account."""
    customers = context.master.customers
    standing = accounts.standing

    def take(texts: pa.Array) -> pa.Array:
        return texts.take(pa.array(standing, mask=standing < 0))

    def groups_of() -> pa.Array:
        heads = np.where(standing >= 0, head[standing], -1)
        return customers.ids.take(pa.array(heads, mask=heads < 0))

    columns: Columns = {
        "customer_name" if name == "name" else name: partial(take, texts)
        for name, texts in customers.texts.items()
    }
    columns["group_id"] = groups_of
    return columns


def heads_of_groups(customers: Customers, limits: Limits) -> Array:
    """Give the head of each customer's group: int32[n], -1 for a customer outside of any."""
    is_group = group_parties(customers, limits)
    root = customers.hierarchy.root
    if not len(root):
        return root
    return np.where((root >= 0) & is_group[root], root, np.int32(-1)).astype(np.int32)


def group_parties(customers: Customers, limits: Limits) -> Array:
    """Tell which customers are groups: parties with a child or a group limit: bool[n]."""
    parent = customers.hierarchy.parent
    is_group = np.zeros(len(customers), bool)
    is_group[parent[parent >= 0]] = True
    named = pc.is_in(customers.ids, value_set=head_of_groups(limits))
    return is_group | (named.to_numpy(zero_copy_only=False) & ~customers.is_placeholder)


def groups(positions: Positions, limits: AccountLimits, context: RunContext) -> pa.Table:
    """Add positions up over every party and all its descendants (DOMAIN 5 and 7)."""
    customers = context.master.customers
    hierarchy = customers.hierarchy
    chosen = np.flatnonzero(group_parties(customers, limits.book.tables.limits))
    amounts = {
        "exposure": positions.exposure,
        "overdue": positions.column("overdue"),
        "overdue_net": positions.column("overdue_net"),
    }
    columns: dict[str, pa.Array] = {}
    for name, values in amounts.items():
        own = np.zeros(len(customers), np.int64)
        np.add.at(own, positions.customer_code, values)
        columns[name] = money_array(hierarchy.sum_descendants(own)[chosen])
    members = hierarchy.sum_descendants(np.ones(len(customers), np.int64))
    columns["group_id"] = customers.ids.take(pa.array(chosen))
    columns["depth"] = number_array(hierarchy.depth[chosen])
    columns["member_count"] = pa.array(members[chosen])
    columns.update(_group_limit_columns(limits, chosen, len(customers)))
    return complete(OUTPUT_TABLES["groups"].arrow_schema(), columns, len(chosen))


def _group_limit_columns(
    limits: AccountLimits, chosen: Array, customer_count: int
) -> dict[str, pa.Array]:
    """Give the limits that groups have for all segments, and what is left of them."""
    found = limits.groups
    of_all = np.flatnonzero((found.segment_code < 0) & ~found.is_unlimited)
    place = np.full(customer_count, -1, np.int64)
    place[found.party_code[of_all]] = of_all
    at = place[chosen]
    has, at = at >= 0, np.maximum(at, 0)
    limit, exposure = np.zeros((2, len(chosen)), np.int64)
    limit[has], exposure[has] = found.limit_milli[at[has]], found.exposure_milli[at[has]]
    is_positive = has & (limit > 0)
    return {
        "group_limit": money_array(limit, has, "table groups, column group_limit"),
        "available": money_array(limit - exposure, has, "table groups, column available"),
        "utilisation": ratio_array(utilisation_e6(exposure, limit, is_positive), is_positive),
    }


def ageing(cells: KeyedSums, context: RunContext) -> pa.Table:
    """Give the ageing buckets of every customer, company code and currency (DOMAIN 4).

    By company code, customer id (bytes), currency and bucket.
    """
    settings = context.configuration.ageing
    labels = bucket_labels(settings.bounds, settings.not_due_bounds)
    order = _order_of_cells(cells.keys, len(labels), context)
    line, bucket = np.divmod(cells.keys[order], len(labels))
    amounts = cells.sums[order]
    if settings.credits == "oldest_first":
        _set_credits(line, bucket, amounts, len(labels))
    keys = line_of_key(line, len(context.master.companies.codes))
    columns = {
        "company_code": _texts(keys.company_code, context.master.companies.codes),
        "customer_id": context.master.customers.ids.take(pa.array(keys.customer_code)),
        "currency": _texts(keys.currency_code, CURRENCIES),
        "bucket": _texts(bucket, labels),
        "bucket_position": number_array(bucket.astype(np.int32)),
        "item_count": pa.array(np.ascontiguousarray(amounts[:, CELL_SUMS.index("item_count")])),
    }
    for name, source in (
        ("open_amount", "open_milli"),
        ("open_amount_rc", "open_rc"),
        ("disputed_amount_rc", "disputed_rc"),
    ):
        columns[name] = money_array(np.ascontiguousarray(amounts[:, CELL_SUMS.index(source)]))
    return complete(OUTPUT_TABLES["ageing"].arrow_schema(), columns, cells.count)


def _order_of_cells(keys: Array, bucket_count: int, context: RunContext) -> Array:
    """Give the order in which cells are published: int64[k]; codes are ranked, no text compared."""
    line, bucket = np.divmod(keys, bucket_count)
    codes = line_of_key(line, len(context.master.companies.codes))
    customers = context.master.customers
    rank = np.empty(len(customers), np.int32)
    rank[customers.by_id] = np.arange(len(customers), dtype=np.int32)
    return order_by(
        (
            _ranks(context.master.companies.codes)[codes.company_code],
            rank[codes.customer_code],
            _ranks(CURRENCIES)[codes.currency_code],
            bucket,
        )
    )


def _ranks(texts: tuple[str, ...]) -> Array:
    """Give each text's place in the order of all of them: int64[t]."""
    ranks = np.empty(len(texts), np.int64)
    ranks[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    return ranks


def _texts(codes: Array, texts: tuple[str, ...]) -> pa.Array:
    """Spread a list of texts over codes."""
    return pa.array(texts, pa.string()).take(pa.array(codes))


def _set_credits(line: Array, bucket: Array, amounts: Array, bucket_count: int) -> None:
    """Set each line's credits against its oldest buckets, in place, in both currencies."""
    _, row = np.unique(line, return_inverse=True)
    for name in ("open_milli", "open_rc"):
        column = CELL_SUMS.index(name)
        buckets = np.zeros((int(row.max(initial=-1)) + 1, bucket_count), np.int64)
        buckets[row, bucket] = amounts[:, column]
        amounts[:, column] = set_credits_against_oldest(buckets)[row, bucket]
