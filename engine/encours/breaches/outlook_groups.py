"""Groups that will pass their limit, on their own days of change (DOMAIN 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from encours.breaches.limit_rules import levels_of
from encours.breaches.outlook_accounts import event_of
from encours.breaches.outlook_timeline import (
    WIDTH,
    Moves,
    Rise,
    Risen,
    distinct,
    from_start,
    is_among,
    latest,
    risen,
)
from encours.calc.exposure import OUTLOOK_DAYS
from encours.calc.group_limits import GroupLimits, answers_of, group_exposure
from encours.calc.limit_levels import level_of, no_amounts
from encours.calc.limit_states import days_of_change, spread
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from encours.breaches.evidence import Evidence
    from encours.breaches.outlook_orders import Exposed

Array = np.ndarray[Any, np.dtype[Any]]


def group_rises(evidence: Evidence, orders: Exposed, temporary: Array) -> list[Rise]:
    """Tell which groups pass a level of their limit, and when, for every account that answers.

    temporary  int64[x]  row x WIDTH + days ahead: a temporary limit is over then; ascending
    """
    limits = evidence.limits.book.tables.limits
    usable = np.flatnonzero(limits.is_group & (evidence.limits.book.head >= 0))
    if not evidence.rules.group_limit_exceeded.enabled or not len(usable):
        return []
    watch = _Groups(evidence, orders, usable)
    found = watch.risen()
    return [watch.spread(found, temporary)] if len(found.place) else []


class _Groups:
    """The g groups' limits, by head and credit segment, on each day on which anything changes.

    head, segment  int64[g]  customer; position in the limits' segments, -1 for all
    """

    def __init__(self, evidence: Evidence, orders: Exposed, usable: Array) -> None:
        """List the groups, the days on which their limits change, and what moves them.

        usable  int64[u]  limits of groups that a customer is the head of
        """
        self.evidence = evidence
        limits, book = evidence.limits.book.tables.limits, evidence.limits.book
        self._width = len(limits.segments) + 1
        name = book.head[usable] * self._width + limits.segment_code[usable] + 1
        self._names, self._group = np.unique(name, return_inverse=True)
        self.head, self.segment = np.divmod(self._names, self._width)
        self.segment -= 1
        self._limits = usable
        start = evidence.day
        place, day = days_of_change(
            limits.from_day[usable], limits.last_day[usable], start + 1, start + OUTLOOK_DAYS
        )
        self._changes = from_start(len(self.head), self._group[place] * WIDTH + day - start)
        self._moves = self._moves_of(orders)
        self.keys = distinct(np.concatenate([self._changes, self._moves.keys]))

    def _moves_of(self, orders: Exposed) -> Moves:
        """Let orders move their customer's groups and those above; note the heads they move."""
        evidence, limits = self.evidence, self.evidence.limits.book.tables.limits
        codes = {name: code for code, name in enumerate(limits.segments)}
        companies = evidence.context.master.companies.segments
        of_company = np.array([codes.get(name, -1) for name in companies], np.int64)
        segment = of_company[evidence.positions.company_code[orders.place]]
        party = evidence.positions.customer_code[orders.place].astype(np.int64)
        is_head = np.zeros(len(evidence.customers), bool)
        is_head[self.head] = True
        ahead, delta = orders.day.astype(np.int64) - evidence.day, orders.delta
        names, days, deltas, heads = [], [], [], []
        while len(party):
            known = is_head[party]
            heads.append(party[known] * WIDTH + ahead[known])
            for column in (np.full(int(known.sum()), -1), segment[known]):
                names.append(party[known] * self._width + column + 1)
                days.append(ahead[known])
                # The column of all segments comes first; an unnamed segment has no other.
                deltas.append(delta[known])
            of_none = names[-1] == names[-2]
            names[-1], days[-1], deltas[-1] = (part[-1][~of_none] for part in (names, days, deltas))
            above = evidence.customers.hierarchy.parent[party].astype(np.int64)
            going = above >= 0
            party, segment = above[going], segment[going]
            ahead, delta = ahead[going], delta[going]
        self._moved_heads = distinct(np.concatenate(heads)) if heads else np.empty(0, np.int64)
        if not names:
            return Moves(np.empty(0, np.int64), np.empty(0, np.int64))
        name = np.concatenate(names)
        group = np.searchsorted(self._names, name)
        chosen = np.flatnonzero(is_among(self._names, name))
        keys = group[chosen] * WIDTH + np.concatenate(days)[chosen]
        return Moves(keys, np.concatenate(deltas)[chosen])

    def risen(self) -> Risen:
        """Hold what groups owe against their limits."""
        group = self.keys // WIDTH
        limit = self._limits_on_changes()[latest(self._changes, self.keys)]
        return risen(
            self.keys,
            self._owed_today()[group] + self._moves.until(self.keys),
            limit,
            levels_of(self.evidence.rules.group_limit_exceeded),
            self.evidence.currency,
        )

    def _limits_on_changes(self) -> Array:
        """Give the limit in force from each day of change on: int64[s], -1 without a bound."""
        limits, book = self.evidence.limits.book.tables.limits, self.evidence.limits.book
        order = np.argsort(self._group, kind="stable")
        counts = np.bincount(self._group, minlength=len(self.head))
        group, ahead = np.divmod(self._changes, WIDTH)
        state, place = spread((np.cumsum(counts) - counts)[group], counts[group])
        limit, day = self._limits[order[place]], self.evidence.day + ahead[state]
        in_force = (limits.from_day[limit] <= day) & (limits.ends()[limit] >= day)
        state, limit = state[in_force], limit[in_force]
        level = level_of(limits, limit, book.converted(limit), state)
        total = level.total(no_amounts(len(level.key)))
        found = np.full(len(self._changes), -1, np.int64)
        found[level.key] = np.where(total.is_amount, total.milli, -1)
        return found

    def _owed_today(self) -> Array:
        """Give what each group owes at the as-of date: int64[g]."""
        names = self.evidence.limits.book.tables.limits.segments
        owed = np.zeros(len(self.head), np.int64)
        for code in np.unique(self.segment).tolist():
            of_code = self.segment == code
            name = names[code] if code >= 0 else None
            exposure = group_exposure(self.evidence.positions, self.evidence.context, name)
            owed[of_code] = exposure[self.head[of_code]]
        return owed

    def spread(self, found: Risen, temporary: Array) -> Rise:
        """Give what is found for every account that answers to the group and is looked at."""
        evidence = self.evidence
        group, ahead = np.divmod(self.keys[found.place], WIDTH)
        chosen, number = np.unique(group, return_inverse=True)
        nothing = np.zeros(len(chosen), np.int64)
        named = GroupLimits(
            self.head[chosen],
            evidence.limits.book.tables.limits.segments,
            self.segment[chosen],
            nothing,
            nothing.astype(bool),
            nothing,
        )
        row, answered = answers_of(named, evidence.accounts, evidence.context)
        applies = evidence.in_scope(evidence.rules.group_limit_exceeded)[row]
        row, answered = row[applies], answered[applies]
        order = np.argsort(answered, kind="stable")
        counts = np.bincount(answered, minlength=len(chosen))
        at, place = spread((np.cumsum(counts) - counts)[number], counts[number])
        row, head = row[order[place]], self.head[group[at]]
        by_order = is_among(self._moved_heads, head * WIDTH + ahead[at])
        return Rise(
            RuleId.GROUP_LIMIT_EXCEEDED,
            ahead[at],
            row,
            head,
            found.grave[at],
            found.excess[at],
            event_of(by_order, row, ahead[at], temporary),
        )
