"""The published tables of credit accounts, groups and ageing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.ageing import bucket_labels, set_credits_against_oldest
from encours.calc.columns import day_array, listed_array, money_array, number_array
from encours.calc.exposure import POSITION_SUMS, Positions
from encours.calc.lines import CELL_SUMS, line_of_key
from encours.calc.sums import NO_MINIMUM, KeyedSums
from encours.ledger.decode import NO_DAY
from encours.ledger.master import CURRENCIES, DEFAULT_SEGMENT
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.ledger.limits import LimitHolders
    from encours.ledger.master import Customers
    from encours_schemas.tables import Table

Array = np.ndarray[Any, np.dtype[Any]]


def complete(table: Table, columns: dict[str, pa.Array], count: int) -> pa.Table:
    """Give a published table with every column of the contract; those not given are null."""
    schema = table.arrow_schema()
    filled = [
        columns[field.name] if field.name in columns else pa.nulls(count, field.type)
        for field in schema
    ]
    names = [*table.names, *(name for name in columns if name not in table.names)]
    extra = [columns[name] for name in names[len(filled) :]]
    return pa.table([*filled, *extra], names=names)


def credit_accounts(positions: Positions, limits: LimitHolders, context: RunContext) -> pa.Table:
    """Add positions up per credit segment and credit account (DOMAIN 5, TABLES 2)."""
    customers = context.master.customers
    segments = sorted({*context.master.companies.segment_names, *limits.segment_names})
    segment = np.array(
        [segments.index(name) for name in context.master.companies.segments], np.int64
    )
    accounts, extra = _accounts(positions, segments, limits, context)
    key = segment[positions.company_code] * len(accounts)
    key += customers.account_code[positions.customer_code]
    sums = KeyedSums(len(POSITION_SUMS) + 1)
    sums.add(key, np.column_stack([positions.sums, positions.exposure]), positions.oldest_day)
    sums.add(extra, np.zeros((len(extra), len(POSITION_SUMS) + 1), np.int64))
    segment_code, account_code = np.divmod(sums.keys, len(accounts))
    columns = _sum_columns(sums, context.as_of_day)
    columns["credit_account_id"] = accounts.take(pa.array(account_code))
    columns["credit_segment"] = listed_array(segment_code.astype(np.int32), tuple(segments)).cast(
        pa.string()
    )
    columns.update(_account_texts(account_code, accounts, limits, context))
    return complete(OUTPUT_TABLES["credit_accounts"], columns, sums.count)


def _accounts(
    positions: Positions,
    segments: list[str],
    limits: LimitHolders,
    context: RunContext,
) -> tuple[pa.Array, Array]:
    """Give all account ids, and the keys of accounts that have a row without any item or order.

    A limit named for a segment gives that row; a limit without one, open proceedings or a manual
    hold give a row in `ALL` to an account that has no other.
    """
    customers = context.master.customers
    named = limits.accounts
    is_new = pc.invert(pc.is_in(named, value_set=customers.account_ids))
    accounts = pa.concat_arrays([customers.account_ids, pc.unique(named.filter(is_new))])
    code = pc.index_in(named, value_set=accounts).to_numpy(zero_copy_only=False).astype(np.int64)
    place = pc.fill_null(pc.index_in(limits.segments, value_set=pa.array(segments)), -1)
    place = place.to_numpy(zero_copy_only=False).astype(np.int64)
    with_segment = (place * len(accounts) + code)[place >= 0]
    flagged = is_under_proceedings(customers, context.as_of_day) | customers.has_manual_hold
    alone = np.concatenate([code[place < 0], customers.account_code[flagged]])
    has_row = np.zeros(len(accounts), bool)
    has_row[customers.account_code[positions.customer_code]] = True
    has_row[code[place >= 0]] = True
    lonely = np.unique(alone[~has_row[alone]])
    return accounts, np.concatenate(
        [with_segment, segments.index(DEFAULT_SEGMENT) * len(accounts) + lonely]
    )


def is_under_proceedings(customers: Customers, as_of_day: int) -> Array:
    """Tell whose insolvency proceedings are open at the as-of date: bool[n] (DOMAIN 6)."""
    opened, ended = customers.insolvency_day, customers.insolvency_ended_day
    is_open: Array = (opened != NO_DAY) & (opened <= as_of_day)
    return is_open & ((ended == NO_DAY) | (ended > as_of_day))


def _sum_columns(sums: KeyedSums, as_of_day: int) -> dict[str, pa.Array]:
    """Encode the sums of accounts."""
    columns: dict[str, pa.Array] = {}
    for place, name in enumerate((*POSITION_SUMS, "exposure")):
        values = np.ascontiguousarray(sums.sums[:, place])
        if name == "item_count":
            columns[name] = pa.array(values)
        else:
            columns[name] = money_array(values, where=f"table credit_accounts, column {name}")
    is_late = sums.minimum != NO_MINIMUM
    columns["oldest_due_date"] = day_array(np.where(is_late, sums.minimum, NO_DAY))
    columns["max_days_past_due"] = number_array(
        np.where(is_late, as_of_day - sums.minimum, 0).astype(np.int32)
    )
    return columns


def _account_texts(
    account_code: Array, accounts: pa.Array, limits: LimitHolders, context: RunContext
) -> dict[str, pa.Array]:
    """Give name, country and the like of the customer that stands for each account."""
    customers = context.master.customers
    standing = representatives(customers, accounts)[account_code]
    chosen = pa.array(standing, mask=standing < 0)
    columns = {
        "customer_name" if name == "name" else name: texts.take(chosen)
        for name, texts in customers.texts.items()
    }
    root = np.where(standing >= 0, customers.hierarchy.root[standing], -1)
    is_group = group_parties(customers, limits)
    heads = np.where((root >= 0) & is_group[root], root, -1) if len(is_group) else root
    columns["group_id"] = customers.ids.take(pa.array(heads, mask=heads < 0))
    return columns


def representatives(customers: Customers, accounts: pa.Array) -> Array:
    """Give the customer that stands for each account: int64[a], -1 where there is none.

    The customer named like the account, else the first by id (bytes) of those that share it.
    """
    known = np.flatnonzero(~customers.is_placeholder)
    ids = customers.ids.take(pa.array(known))
    order = pc.sort_indices(ids.cast(pa.binary())).to_numpy()[::-1]
    standing = np.full(len(accounts), -1, np.int64)
    standing[customers.account_code[known[order]]] = known[order]
    namesake = pc.index_in(accounts, value_set=ids)
    found = pc.is_valid(namesake).to_numpy(zero_copy_only=False)
    if len(known):
        place = pc.fill_null(namesake, 0).to_numpy(zero_copy_only=False)
        standing = np.where(found, known[place], standing)
    return standing


def group_parties(customers: Customers, limits: LimitHolders) -> Array:
    """Tell which customers are groups: parties with a child or a group limit: bool[n]."""
    parent = customers.hierarchy.parent
    is_group = np.zeros(len(customers), bool)
    is_group[parent[parent >= 0]] = True
    named = pc.is_in(customers.ids, value_set=limits.groups)
    return is_group | (named.to_numpy(zero_copy_only=False) & ~customers.is_placeholder)


def groups(positions: Positions, limits: LimitHolders, context: RunContext) -> pa.Table:
    """Add positions up over every party and all its descendants (DOMAIN 5)."""
    customers = context.master.customers
    hierarchy = customers.hierarchy
    chosen = np.flatnonzero(group_parties(customers, limits))
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
    return complete(OUTPUT_TABLES["groups"], columns, len(chosen))


def ageing(cells: KeyedSums, context: RunContext) -> pa.Table:
    """Give the ageing buckets of every customer, company code and currency (DOMAIN 4)."""
    settings = context.configuration.ageing
    labels = bucket_labels(settings.bounds, settings.not_due_bounds)
    line, bucket = np.divmod(cells.keys, len(labels))
    amounts = cells.sums.copy()
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
    return complete(OUTPUT_TABLES["ageing"], columns, cells.count)


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
