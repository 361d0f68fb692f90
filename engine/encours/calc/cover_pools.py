"""Insured limits as ceilings over time: who shares one, and which policy asks what (DOMAIN 7).

A pool is what one policy grants to one party, for a credit segment or for all: its layers add up to
one revolving ceiling. A cluster is a set of credit accounts whose items meet in a pool; no pool
reaches beyond its cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.calc.limit_levels import checked_sums, converted_limits
from encours.kernels.cover import LAST_DAY, UNBOUNDED, CoverPools
from encours.ledger.decode import decode_text_codes, positions_of
from encours.ledger.limits import INSURED, LAYERS, NO_PERCENT
from encours.ledger.ordering import order_by
from encours.ledger.policies import NO_BOUND

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.limits import LimitTables
    from encours.ledger.limits import Limits
    from encours.ledger.master import Customers, MasterData
    from encours.ledger.policies import Policies, PolicyTerms

Array = np.ndarray[Any, np.dtype[Any]]

_FIRST_DAY = -(2**31) + 2


class PoolFacts(NamedTuple):
    """What is known of each pool besides its ceiling: p pools in the order of `CoverPools`.

    cluster      int64[p]
    policy_code  int32[p]  position in `Limits.policies`, -1 none named
    percent_e9   int64[p]  insured percentage x 10^9, zero where none is given
    has_percent  bool[p]
    notify_days  int64[p]  a delay is declared so many days after the original due date
    """

    cluster: Array
    policy_code: Array
    percent_e9: Array
    has_percent: Array
    notify_days: Array


@dataclass(frozen=True)
class Insurance:
    """The pools of a run.

    pools, facts         of the same pools
    cluster_of_customer  int32[customers]  number of the cluster, -1: not insured
    first_eval_day       int32[clusters]   first day that cover is worked out on: the eve of the
                                           first cut, else the as-of date
    policies             names of policies, `PoolFacts.policy_code` points at them
    """

    pools: CoverPools
    facts: PoolFacts
    cluster_of_customer: Array
    first_eval_day: Array
    policies: tuple[str, ...]

    @property
    def binds_orders(self) -> bool:
        """Tell whether some policy keeps a ceiling for confirmed orders."""
        return bool(self.pools.binding_days.any())

    @property
    def needs_net(self) -> bool:
        """Tell whether some policy covers amounts without tax."""
        return bool(self.pools.is_net.any())


def has_insured_limits(limits: Limits) -> bool:
    """Tell whether there is an insured limit to lay out, of whomever."""
    return bool((limits.kind_code == INSURED).any())


def build_insurance(tables: LimitTables, context: RunContext) -> Insurance:
    """Lay the insured limits out (DOMAIN 7).

    Raises InputMissing (66) and InputRefused (65) as `converted_limits` does, and ControlFailed
    (70) when the limits of a pool leave 64 bits.
    """
    limits = tables.limits
    party = _parties(limits, context.master)
    rows = np.flatnonzero(limits.kind_code == INSURED)
    rows = rows[party.code[rows] >= 0]
    return _Pools(tables, rows, party, context).insurance()


class _Party(NamedTuple):
    """The party of each limit: int64[l], a credit account, or a customer where it is a group."""

    code: Array


def _parties(limits: Limits, master: MasterData) -> _Party:
    """Look the parties of limits up among those that can have items; -1 where there is none."""
    customers = master.customers
    account = positions_of(limits.parties, customers.account_ids).astype(np.int64)
    head = decode_text_codes(limits.parties, master.customer_index).astype(np.int64)
    head[(head < 0) | customers.is_placeholder[np.maximum(head, 0)]] = -1
    if not len(limits):
        return _Party(np.empty(0, np.int64))
    code = np.where(limits.is_group, head[limits.party_code], account[limits.party_code])
    return _Party(code)


class _Pools:
    """From rows of insured limits to pools; one use."""

    def __init__(
        self, tables: LimitTables, rows: Array, party: _Party, context: RunContext
    ) -> None:
        """Number the pools: one per scope, party, segment and policy."""
        self.limits, self.policies = tables.limits, tables.policies
        self.context, self.rows = context, rows
        limits = self.limits
        key = party.code[rows] * 2 + limits.is_group[rows]
        key = key * (len(limits.segments) + 1) + limits.segment_code[rows] + 1
        key = np.unique(key, return_inverse=True)[1].astype(np.int64)
        key = key * (len(limits.policies) + 1) + limits.policy_code[rows] + 1
        _, first, self.pool = np.unique(key, return_index=True, return_inverse=True)
        self.count = len(first)
        self.party = party.code[rows[first]]
        self.is_group = limits.is_group[rows[first]]
        self.segment = limits.segment_code[rows[first]]
        self.policy = limits.policy_code[rows[first]]

    def insurance(self) -> Insurance:
        """Order the pools, and give them their terms, ceilings and days."""
        cluster_of_account, cluster = self._clusters()
        order = self._order(cluster)
        number = np.empty(self.count, np.int64)
        number[order] = np.arange(self.count)
        self.pool = number[self.pool]
        self.party, self.is_group = self.party[order], self.is_group[order]
        self.segment, self.policy = self.segment[order], self.policy[order]
        cluster = cluster[order]
        steps = self._steps()
        clusters = int(cluster_of_account.max(initial=-1)) + 1
        eval_start, eval_day = self._eval_days(cluster, clusters, *steps)
        customers = self.context.master.customers
        pools = CoverPools(
            **self._members(),
            **self._terms(),
            step_start=steps[0],
            step_day=steps[1],
            step_milli=steps[2],
            pool_start=_starts(cluster, clusters),
            eval_start=eval_start,
            eval_day=eval_day,
            parent=customers.hierarchy.parent,
        )
        return Insurance(
            pools,
            self._facts(cluster),
            cluster_of_account[customers.account_code].astype(np.int32),
            eval_day[eval_start[:-1]],
            self.limits.policies,
        )

    def _clusters(self) -> tuple[Array, Array]:
        """Number the clusters: int64[accounts], -1 where no pool is, and each pool's: int64[p].

        A group's pool joins the accounts of all its members.
        """
        customers = self.context.master.customers
        label = np.arange(len(customers.account_ids), dtype=np.int64)
        heads = np.unique(self.party[self.is_group])
        account, head = accounts_of_groups(heads, customers)
        is_insured = np.zeros(len(customers.account_ids), bool)
        is_insured[self.party[~self.is_group]] = True
        is_insured[account] = True
        while True:
            lowest = np.full(len(heads), len(label), np.int64)
            np.minimum.at(lowest, head, label[account])
            joined = label.copy()
            np.minimum.at(joined, account, lowest[head])
            if (joined == label).all():
                break
            label = joined
        known, number = np.unique(label[is_insured], return_inverse=True)
        found = np.full(len(label), -1, np.int64)
        found[is_insured] = number
        place = np.minimum(np.searchsorted(heads, self.party), max(len(heads) - 1, 0))
        of_head = np.searchsorted(known, lowest[place]) if len(heads) else self.party * 0
        return found, np.where(self.is_group, of_head, found[self.party * ~self.is_group])

    def _order(self, cluster: Array) -> Array:
        """Order pools by cluster, then as items fill them.

        An account's own limits before its groups', the nearest group first; those of a segment
        before those of all; by the lowest layer; by the name of the policy.
        """
        layer = np.full(self.count, len(LAYERS), np.int64)
        np.minimum.at(layer, self.pool, self.limits.layer_code[self.rows])
        names = [b"", *(name.encode() for name in self.limits.policies)]
        rank = np.empty(len(names), np.int64)
        rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        hierarchy = self.context.master.customers.hierarchy
        of_all = self.segment < 0
        depth = hierarchy.depth[self.party * self.is_group]
        height = np.where(self.is_group, int(depth.max(initial=0)) + 1 - depth, 0)
        number = np.arange(self.count)  # of pools that are alike
        return order_by((cluster, height, of_all, layer, rank[self.policy + 1], number))

    def _members(self) -> dict[str, Array]:
        """Say whose items each pool is for."""
        names = {
            name: code for code, name in enumerate(self.context.master.companies.segment_names)
        }
        codes = np.array([names.get(name, -2) for name in self.limits.segments] + [-1], np.int32)
        return {
            "account": np.where(self.is_group, -1, self.party).astype(np.int32),
            "segment": codes[self.segment],
            "head": np.where(self.is_group, self.party, -1).astype(np.int32),
        }

    def _policy_terms(self) -> list[PolicyTerms]:
        """Give the terms of each policy that limits name, those of no policy at the end."""
        day = self.context.as_of_day
        names: list[str | None] = [*self.limits.policies, None]
        return [self.policies.terms(name, day) for name in names]

    def _terms(self) -> dict[str, Array]:
        """Spread the terms of policies over their pools."""
        terms, at = self._policy_terms(), self.policy
        no_bound = [LAST_DAY if t.max_credit_days == NO_BOUND else t.max_credit_days for t in terms]
        first = np.full(self.count, LAST_DAY, np.int32)
        np.minimum.at(first, self.pool, self.limits.from_day[self.rows])
        return {
            "is_net": np.array([t.is_net_of_tax for t in terms], np.uint8)[at],
            "grace_days": _days([t.dispute_grace_days for t in terms])[at],
            "credit_days": _days(no_bound)[at],
            "extension_days": _days([t.max_extension_days for t in terms])[at],
            "binding_days": _days([t.binding_orders_days for t in terms])[at],
            "first_day": first,
        }

    def _facts(self, cluster: Array) -> PoolFacts:
        """Give the percentages: of the latest limit of the lowest layer, else the policy's."""
        limits = self.limits
        begun = np.flatnonzero(limits.from_day[self.rows] <= self.context.as_of_day)
        rows, pool = self.rows[begun], self.pool[begun]
        # Layers from the highest down: the last limit of a pool is the latest of its lowest one.
        layer = len(LAYERS) - 1 - limits.layer_code[rows].astype(np.int64)
        ordered = limits.by_start(rows, pool * len(LAYERS) + layer)
        pool_of = np.zeros(len(limits), np.int64)
        pool_of[rows] = pool
        terms = self._policy_terms()
        percent = np.array([t.percent_e9 for t in terms], np.int64)[self.policy]
        own = np.full(self.count, NO_PERCENT, np.int64)
        own[pool_of[ordered]] = limits.percent_e9[ordered]  # the last one stays
        percent = np.where(own != NO_PERCENT, own, percent)
        return PoolFacts(
            cluster,
            self.policy.astype(np.int32),
            np.maximum(percent, 0),
            percent != NO_PERCENT,
            np.array([t.notify_after_days for t in terms], np.int64)[self.policy],
        )

    def _steps(self) -> tuple[Array, Array, Array]:
        """Give the ceilings as steps by pool: starts int64[p+1], days int32[s], values int64[s]."""
        pool, first, last, row = self._stretches()
        limits, as_of = self.limits, self.context.as_of_day
        worth = np.zeros(len(limits), np.int64)
        worth[self.rows] = self._converted()
        milli = worth[row]
        checked_sums(pool, milli, self.count)
        unlimited = limits.is_unlimited[row].astype(np.int64)
        event_pool = np.concatenate([pool, pool])
        event_day = np.concatenate([first, last + 1])
        event_milli = np.concatenate([milli, -milli])
        event_unlimited = np.concatenate([unlimited, -unlimited])
        order = order_by((event_pool, event_day))
        order = order[event_day[order] <= as_of]
        values = np.column_stack([event_milli, event_unlimited])[order]
        place, day = event_pool[order], event_day[order]
        running = _running_sums(values, place)
        last_of_day = np.ones(len(day), bool)
        last_of_day[:-1] = (day[1:] != day[:-1]) | (place[1:] != place[:-1])
        running = running[last_of_day]
        ceiling = np.where(running[:, 1] > 0, UNBOUNDED, running[:, 0])
        starts = _starts(place[last_of_day], self.count)
        return starts, day[last_of_day].astype(np.int32), ceiling

    def _converted(self) -> Array:
        """Convert the limits of pools that have begun to the reporting currency: int64[r]."""
        limits, rows = self.limits, self.rows
        counts = ~limits.is_unlimited[rows] & (limits.from_day[rows] <= self.context.as_of_day)
        milli = np.where(counts, limits.amount_milli[rows], 0)
        return converted_limits(limits, rows, milli, self.context.reporting)

    def _stretches(self) -> tuple[Array, Array, Array, Array]:
        """Give when each limit and its policy are both in force: pool, first, last day, limit."""
        limits = self.limits
        starts, firsts, lasts = _policy_stretches(limits.policies, self.policies)
        policy = limits.policy_code[self.rows]
        policy = np.where(policy < 0, len(limits.policies), policy)
        counts = np.diff(starts)[policy]
        place = np.repeat(np.arange(len(self.rows)), counts)
        before = np.cumsum(counts) - counts
        stretch = starts[policy][place] + np.arange(len(place)) - before[place]
        row = self.rows[place]
        first = np.maximum(limits.from_day[row].astype(np.int64), firsts[stretch])
        last = np.minimum(limits.ends()[row].astype(np.int64), lasts[stretch])
        there = first <= last
        return self.pool[place][there], first[there], last[there], row[there]

    def _eval_days(
        self, cluster: Array, clusters: int, step_start: Array, step_day: Array, milli: Array
    ) -> tuple[Array, Array]:
        """Give the days to work cover out on by cluster: eves of cuts, and the as-of date."""
        pool = np.repeat(np.arange(self.count), np.diff(step_start))
        falls = np.zeros(len(milli), bool)
        falls[1:] = (milli[1:] < milli[:-1]) & (pool[1:] == pool[:-1])
        day = step_day[falls].astype(np.int64) - 1
        as_of = np.full(clusters, self.context.as_of_day, np.int64)
        number = np.concatenate([cluster[pool[falls]], np.arange(clusters)])
        key = np.unique((number << 32) + (np.concatenate([day, as_of]) - _FIRST_DAY))
        number, day = key >> 32, (key & 0xFFFFFFFF) + _FIRST_DAY
        return _starts(number, clusters), day.astype(np.int32)


def accounts_of_groups(heads: Array, customers: Customers) -> tuple[Array, Array]:
    """Pair the accounts of all members of groups with the place of their head in `heads`.

    heads  int64[h]  each once

    A pair occurs once for every member that the account has.
    """
    place = np.full(len(customers), -1, np.int64)
    place[heads] = np.arange(len(heads))
    customer = np.arange(len(customers), dtype=np.int64)
    party, accounts, found = customer, [], []
    while len(party) and len(heads):
        inside = place[party] >= 0
        accounts.append(customers.account_code[customer[inside]].astype(np.int64))
        found.append(place[party[inside]])
        above = customers.hierarchy.parent[party].astype(np.int64)
        customer, party = customer[above >= 0], above[above >= 0]
    nothing = np.empty(0, np.int64)
    return np.concatenate([nothing, *accounts]), np.concatenate([nothing, *found])


def _policy_stretches(names: tuple[str, ...], policies: Policies) -> tuple[Array, Array, Array]:
    """Give when cover can attach under each policy: starts int64[names + 2], first, last day.

    A policy without a row, and no policy (the last one), is in force always.
    """
    starts, firsts, lasts = [0], [], []
    every: list[str | None] = [*names, None]
    for name in every:
        stretches = policies.stretches(name) or [(_FIRST_DAY, LAST_DAY)]
        firsts += [first for first, _ in stretches]
        lasts += [last for _, last in stretches]
        starts.append(len(firsts))
    return np.array(starts), np.array(firsts, np.int64), np.array(lasts, np.int64)


def _running_sums(values: Array, place: Array) -> Array:
    """Add rows up within each place, one behind the other: int64[e, w]; places are ascending."""
    running = values.copy()
    starts = np.flatnonzero(np.r_[True, place[1:] != place[:-1]]) if len(place) else place
    lengths = np.diff(np.r_[starts, len(place)])
    turn = 1
    while (longer := lengths > turn).any():
        starts, lengths = starts[longer], lengths[longer]
        running[starts + turn] += running[starts + turn - 1]
        turn += 1
    return running


def _starts(place: Array, count: int) -> Array:
    """Give where each of `count` places begins in an ascending list: int64[count + 1]."""
    return np.searchsorted(place, np.arange(count + 1)).astype(np.int64)


def _days(values: list[int]) -> Array:
    """Give numbers of days that fit 32 bits: int32[n]; larger ones are as good as for ever."""
    return np.minimum(np.array(values, np.int64), LAST_DAY).astype(np.int32)
