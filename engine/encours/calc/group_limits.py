"""Limits of groups: of a party and all its descendants, at any level (DOMAIN 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from encours.calc.limit_levels import level_of, no_amounts
from encours.ledger.decode import decode_text_codes

if TYPE_CHECKING:
    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext
    from encours.calc.exposure import Positions
    from encours.ledger.limits import Limits
    from encours.ledger.master import MasterData

Array = np.ndarray[Any, np.dtype[Any]]


class GroupLimits(NamedTuple):
    """Limits of groups in force: g of them, one per party and segment.

    party_code      int64[g]  customer at the head
    segments        credit segments; `segment_code` int64[g] points at them, -1 for all
    limit_milli     int64[g]  zero where unlimited
    is_unlimited    bool[g]
    exposure_milli  int64[g]  of the party and all its descendants, in that segment
    """

    party_code: Array
    segments: tuple[str, ...]
    segment_code: Array
    limit_milli: Array
    is_unlimited: Array
    exposure_milli: Array


def heads_of(limits: Limits, master: MasterData) -> Array:
    """Look the head of the group of each limit with scope `group` up: int64[l], -1 for none."""
    found = np.full(len(limits), -1, np.int64)
    of_group = np.flatnonzero(limits.is_group)
    parties, party = np.unique(limits.party_code[of_group], return_inverse=True)
    named = limits.parties.take(pa.array(parties))
    head = decode_text_codes(named, master.customer_index).astype(np.int64)
    head[(head < 0) | master.customers.is_placeholder[np.maximum(head, 0)]] = -1
    found[of_group] = head[party]
    return found


def group_limits(
    limits: Limits,
    chosen: Array,
    milli: Array,
    head: Array,
    positions: Positions,
    context: RunContext,
) -> GroupLimits:
    """Gather the limits of groups that are in force.

    chosen  int64[k]  limits with scope `group`
    milli   int64[k]  what each is worth
    head    int64[k]  customer at the head of the group, -1 where no customer is
    """
    known = head >= 0
    width = len(limits.segments) + 1
    place = head[known] * width + limits.segment_code[chosen[known]] + 1
    level = level_of(limits, chosen[known], milli[known], place)
    total = level.total(no_amounts(len(level.key)))
    party, segment = np.divmod(level.key[total.given], width)
    segment -= 1
    exposure = np.zeros(len(party), np.int64)
    for code in np.unique(segment).tolist():
        name = limits.segments[code] if code >= 0 else None
        of_code = segment == code
        exposure[of_code] = group_exposure(positions, context, name)[party[of_code]]
    return GroupLimits(
        party,
        limits.segments,
        segment,
        total.milli[total.given],
        total.is_unlimited[total.given],
        exposure,
    )


def group_exposure(positions: Positions, context: RunContext, segment: str | None) -> Array:
    """Give the exposure of each customer with its descendants, in one segment or all: int64[c]."""
    customers = context.master.customers
    chosen = np.ones(len(positions.customer_code), bool)
    if segment is not None:
        of_company = np.array([name == segment for name in context.master.companies.segments], bool)
        chosen = of_company[positions.company_code]
    own = np.zeros(len(customers), np.int64)
    np.add.at(own, positions.customer_code[chosen], positions.exposure[chosen])
    return customers.hierarchy.sum_descendants(own)


def answers_of(
    groups: GroupLimits, accounts: AccountRows, context: RunContext
) -> tuple[Array, Array]:
    """Pair every account with the group limits that it answers to: rows, groups, int64[k] each.

    An account answers for each of its customers, to the customer itself and to every party above,
    where the limit is one of the account's segment or of all.
    """
    if not len(groups.party_code):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    customers = context.master.customers
    has_limit = np.zeros(len(customers), bool)
    has_limit[groups.party_code] = True
    customer = np.arange(len(customers), dtype=np.int64)
    party, pairs = customer, []
    while len(party):
        found = has_limit[party]
        account = customers.account_code[customer[found]].astype(np.int64)
        pairs.append(account * len(customers) + party[found])
        above = customers.hierarchy.parent[party].astype(np.int64)
        customer, party = customer[above >= 0], above[above >= 0]
    account, party = np.divmod(np.unique(np.concatenate(pairs)), len(customers))
    place, row = accounts.rows_of_accounts(account)
    return _with_limits(groups, accounts, party[place], row)


def _with_limits(
    groups: GroupLimits, accounts: AccountRows, party: Array, row: Array
) -> tuple[Array, Array]:
    """Spread pairs of party and row over the party's limits, where the segment is the row's."""
    order = np.argsort(groups.party_code, kind="stable")
    ordered = groups.party_code[order]
    low = np.searchsorted(ordered, party)
    counts = np.searchsorted(ordered, party, side="right") - low
    place = np.repeat(np.arange(len(party)), counts)
    before = np.cumsum(counts) - counts
    group = order[low[place] + np.arange(len(place)) - before[place]]
    known = {name: code for code, name in enumerate(accounts.segments)}
    codes = np.array([known.get(name, -1) for name in groups.segments] + [-1], np.int64)
    of_segment = accounts.segment_code[row[place]] == codes[groups.segment_code[group]]
    counts_for = of_segment | (groups.segment_code[group] < 0)
    return row[place][counts_for], group[counts_for]


def head_of_groups(limits: Limits) -> pa.Array:
    """Name the parties of limits with scope `group`, whatever the dates: string[h]."""
    named = np.zeros(len(limits.parties), bool)
    named[limits.party_code[limits.is_group]] = True
    return limits.parties.filter(pa.array(named))
