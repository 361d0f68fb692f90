"""Limits and exposures carried from day to day: which account passes a level, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.breaches.levels import SEVERITY_CODES, Level, hold_bits, share_floor, share_rest
from encours.breaches.limit_rules import excess_of, levels_of
from encours.breaches.outlook_world import World
from encours.calc.exposure import OUTLOOK_DAYS
from encours_schemas.outputs import LIMIT_STATUSES
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.breaches.evidence import Evidence
    from encours.calc.limits import AccountLimits

Array = np.ndarray[Any, np.dtype[Any]]

ORDER_ENTERS, LIMIT_CHANGES, TEMPORARY_ENDS, ITEM_AGES, COVER_STOPS = range(5)
"""Positions in `OUTLOOK_EVENTS`."""
GRAVE_STEPS = 4
"""Severity times this, plus the number of holds: a number that grows with graveness."""
_NONE = LIMIT_STATUSES.index("none")
_EXPIRED = LIMIT_STATUSES.index("expired")
_HOLD_COUNTS = np.array([bits.bit_count() for bits in range(8)], np.int64)


def graveness(severity: Array, holds: Array) -> Array:
    """Give a number that grows with the severity, then with the number of holds: int64[k]."""
    found: Array = severity.astype(np.int64) * GRAVE_STEPS + _HOLD_COUNTS[holds]
    return found


class Rise(NamedTuple):
    """What is graver than the day before, of one rule: k entries.

    row     int64[k]  row of the run's accounts; for the party's and the group's limit one of them
    head    int64[k]  customer at the head of the group, -1
    excess  int64[k]  thousandths, -1 where it is none
    """

    rule: RuleId
    day: int
    row: Array
    head: Array
    grave: Array
    excess: Array
    event: Array


class _Measured(NamedTuple):
    """What a rule measures on one day: k entries, each with a key that stays from day to day."""

    key: Array
    row: Array
    head: Array
    measure: Array
    limit: Array
    levels: Sequence[Level]


@dataclass
class Days:
    """The state of the world on the day that was looked at last.

    exposure    int64[t]  of the world's accounts
    head_delta  int64[c + 1, segments + 1]  what groups owe more than at the as-of date, by the
                          segment of the orders; the last column is all segments
    """

    evidence: Evidence
    world: World

    def __post_init__(self) -> None:
        """Start at the as-of date."""
        accounts = self.world.book.accounts
        self._scope = {
            rule: self.evidence.in_scope(self.evidence.rules.of(rule))[self.world.rows]
            for rule in ABOUT_LIMITS
        }
        self.exposure = accounts.exposure_milli.copy()
        self._accounts, self._account = np.unique(accounts.account_code, return_inverse=True)
        self._head_place = np.full(len(self.world.heads), -1, np.int64)
        heads = np.flatnonzero(self.world.heads)
        self._head_place[heads] = np.arange(len(heads))
        self._segments = {name: place for place, name in enumerate(accounts.segments)}
        self._head_delta = np.zeros((len(heads), len(self._segments) + 1), np.int64)
        self._read_limits(self.evidence.day)
        self._grave: dict[RuleId, tuple[Array, Array]] = {}
        self._moved_rows = np.zeros(len(accounts), bool)
        self._moved_heads = np.zeros(len(heads), bool)
        for rule in self.rules:
            self._step(rule, self.evidence.day)

    @property
    def rules(self) -> list[RuleId]:
        """Name the rules about limits that are on."""
        return [rule for rule in ABOUT_LIMITS if self.evidence.rules.of(rule).enabled]

    def remember(self, rule: RuleId, row: Array, grave: Array) -> None:
        """Let an account of the run count as that grave already: a hold that is kept is no news."""
        if rule in self._grave and rule not in {
            RuleId.TOTAL_LIMIT_EXCEEDED,
            RuleId.GROUP_LIMIT_EXCEEDED,
        }:
            place = np.searchsorted(self.world.rows, row)
            place = np.minimum(place, max(len(self.world.rows) - 1, 0))
            inside = np.flatnonzero(np.isin(row, self.world.rows))
            keys, known = self._grave[rule]
            wanted = place[inside]
            at = np.searchsorted(keys, wanted)
            found = np.flatnonzero(np.append(keys, -1)[at] == wanted)
            known[at[found]] = np.maximum(known[at[found]], grave[inside[found]])
            absent = np.setdiff1d(np.arange(len(wanted)), found)
            joined = np.concatenate([keys, wanted[absent]])
            order = np.argsort(joined)
            values = np.concatenate([known, grave[inside[absent]]])
            self._grave[rule] = joined[order], values[order]

    def on(self, day: int) -> list[Rise]:
        """Go on to a day, and tell what is graver there than before."""
        orders = self.world.orders
        chosen = np.flatnonzero(orders.day == day)
        self._move(orders.place[chosen], orders.delta[chosen])
        if day in self.world.change_days:
            self._read_limits(day)
        rises = [self._step(rule, day) for rule in self.rules]
        return [rise for rise in rises if len(rise.row)]

    def _read_limits(self, day: int) -> None:
        """Look the limits of a day up."""
        self._limits: AccountLimits = self.world.book.on(day)
        self._groups = self._limits.groups
        self._answers = self._limits.group_answers()

    def _move(self, place: Array, delta: Array) -> None:
        """Let exposures of positions change, and with them those of accounts and groups."""
        evidence = self.evidence
        self._moved_rows[:] = False
        self._moved_heads[:] = False
        positions = evidence.positions
        row = np.searchsorted(self.world.rows, _rows_of_positions(evidence, place))
        np.add.at(self.exposure, row, delta)
        self._moved_rows[row] = True
        names = evidence.context.master.companies.segments
        segment = np.array([self._segments[name] for name in names], np.int64)
        segment = segment[positions.company_code[place]]
        party = positions.customer_code[place].astype(np.int64)
        while len(party):
            head = self._head_place[party]
            known = head >= 0
            np.add.at(self._head_delta, (head[known], segment[known]), delta[known])
            np.add.at(self._head_delta[:, -1], head[known], delta[known])
            self._moved_heads[head[known]] = True
            above = evidence.customers.hierarchy.parent[party].astype(np.int64)
            going = above >= 0
            party, segment, delta = above[going], segment[going], delta[going]

    def _step(self, rule: RuleId, day: int) -> Rise:
        """Measure one rule on a day, compare with the day before, and keep what was found."""
        measured = self._measures(rule)
        place = np.full(len(measured.key), -1, np.int64)
        for number, level in enumerate(measured.levels):
            place[measured.measure > share_floor(measured.limit, level.above)] = number
        hit = np.flatnonzero((place >= 0) & (measured.measure > 0))
        severity = np.array([level.severity for level in measured.levels], np.int64)
        holds = np.array([level.holds for level in measured.levels], np.int64)
        grave = graveness(severity[place[hit]], holds[place[hit]])
        order = np.argsort(measured.key[hit])
        hit, grave = hit[order], grave[order]
        keys = measured.key[hit]
        before = self._known(rule, keys)
        self._grave[rule] = keys, grave
        rose = np.flatnonzero(grave > before)
        at = hit[rose]
        above = np.array([level.above for level in measured.levels], np.int64)[place[at]]
        return Rise(
            rule,
            day,
            self.world.rows[measured.row[at]],
            measured.head[at],
            grave[rose],
            self._excess(measured.measure[at], measured.limit[at], above),
            self._events(rule, measured.row[at], measured.head[at], day),
        )

    def _known(self, rule: RuleId, keys: Array) -> Array:
        """Give how grave each was before, zero where it was not: int64[k]."""
        known_keys, known = self._grave.get(rule, (keys[:0], keys[:0]))
        at = np.searchsorted(known_keys, keys)
        found = np.append(known_keys, -1)[at] == keys
        return np.where(found, np.append(known, 0)[at], 0)

    def _excess(self, measure: Array, limit: Array, above: Array) -> Array:
        """Give by how much each measure is above its threshold: int64[k]."""
        floor, rest = np.zeros((2, len(measure)), np.int64)
        for share in np.unique(above).tolist():
            chosen = above == share
            floor[chosen] = share_floor(limit[chosen], share)
            rest[chosen] = share_rest(limit[chosen], share)
        return excess_of(measure, floor, rest, self.evidence.currency)

    def _measures(self, rule: RuleId) -> _Measured:
        """Give what a rule measures on the day."""
        if rule is RuleId.TOTAL_LIMIT_EXCEEDED:
            return self._of_parties()
        if rule is RuleId.GROUP_LIMIT_EXCEEDED:
            return self._of_groups()
        return self._of_accounts(rule)

    def _of_accounts(self, rule: RuleId) -> _Measured:
        """Give exposures against the accounts' own limits, or against none."""
        limits, applies = self._limits, self._scope[rule]
        levels: Sequence[Level] = levels_of(self.evidence.rules.limit_exceeded)
        serving = limits.credit.milli
        if rule is RuleId.LIMIT_EXCEEDED:
            applies = applies & limits.has_available & ~limits.shows_shared
        elif rule is RuleId.LIMIT_EXPIRED:
            applies = applies & (limits.status_code == _EXPIRED)
            serving, levels = np.zeros(len(applies), np.int64), [self._single(rule)]
        else:
            policy = self.evidence.context.configuration.limits.missing_limit
            applies = applies & (limits.status_code == _NONE) & (policy != "unlimited")
            serving = np.zeros(len(applies), np.int64)
            if policy == "insured":
                applies = applies & ~limits.insured.is_unlimited
                serving = np.where(limits.insured.given, limits.insured.milli, 0)
            levels = self._missing_levels(policy, levels)
        row = np.flatnonzero(applies)
        none = np.full(len(row), -1, np.int64)
        return _Measured(row, row, none, self.exposure[row], serving[row], levels)

    def _single(self, rule: RuleId) -> Level:
        """Give the only level of a rule without thresholds."""
        settings = self.evidence.rules.of(rule)
        severity, holds = getattr(settings, "severity"), getattr(settings, "holds")  # noqa: B009
        return Level(0, SEVERITY_CODES[severity], hold_bits(holds))

    def _missing_levels(self, policy: str, levels: Sequence[Level]) -> Sequence[Level]:
        """Give what an exposure without a limit asks for, by the policy for missing limits."""
        own = self._single(RuleId.LIMIT_MISSING)
        if policy == "by_risk_class":
            return [own]
        return [
            Level(level.above, max(level.severity, own.severity), level.holds | own.holds)
            for level in levels
        ]

    def _of_parties(self) -> _Measured:
        """Give what parties owe together against the limit that their accounts share."""
        parties, rule = self._limits.parties, RuleId.TOTAL_LIMIT_EXCEEDED
        owed = np.zeros(len(self._accounts), np.int64)
        np.add.at(owed, self._account, self.exposure)
        applies = np.zeros(len(self._accounts), bool)
        applies[self._account[self._scope[rule]]] = True
        first = np.zeros(len(self._accounts), np.int64)
        first[self._account[::-1]] = np.arange(len(self._account))[::-1]
        at = np.searchsorted(self._accounts, parties.account_code)
        chosen = np.flatnonzero(applies[at] & ~parties.is_unlimited)
        at = at[chosen]
        none = np.full(len(at), -1, np.int64)
        levels = levels_of(self.evidence.rules.total_limit_exceeded)
        return _Measured(at, first[at], none, owed[at], parties.limit_milli[chosen], levels)

    def _of_groups(self) -> _Measured:
        """Give what groups owe against each group limit, for every account that answers to it."""
        groups, rule = self._groups, RuleId.GROUP_LIMIT_EXCEEDED
        row, group = self._answers
        chosen = self._scope[rule][row] & ~groups.is_unlimited[group]
        row, group = row[chosen], group[chosen]
        head = self._head_place[groups.party_code[group]]
        names = [self._segments.get(name, -1) for name in groups.segments]
        # A group's limit for one segment measures that segment's column, else all of them.
        column = np.array([*names, len(self._segments)], np.int64)[groups.segment_code[group]]
        owed = groups.exposure_milli[group] + np.where(
            column >= 0, self._head_delta[head, column], 0
        )
        width = len(self._segments) + 2
        key = (row * max(len(self._head_delta), 1) + head) * width + column + 1
        levels = levels_of(self.evidence.rules.group_limit_exceeded)
        party = groups.party_code[group]
        return _Measured(key, row, party, owed, groups.limit_milli[group], levels)

    def _events(self, rule: RuleId, row: Array, head: Array, day: int) -> Array:
        """Tell what happens on the day: an order that enters goes before a limit that changes."""
        if rule is RuleId.GROUP_LIMIT_EXCEEDED:
            by_order = self._moved_heads[self._head_place[head]]
        elif rule is RuleId.TOTAL_LIMIT_EXCEEDED:
            moved = np.zeros(len(self._accounts), bool)
            moved[self._account[self._moved_rows]] = True
            by_order = moved[self._account[row]]
        else:
            by_order = self._moved_rows[row]
        key = row * (OUTLOOK_DAYS + 1) + day - self.evidence.day
        other = np.where(np.isin(key, self.world.temporary), TEMPORARY_ENDS, LIMIT_CHANGES)
        return np.where(by_order, ORDER_ENTERS, other)


ABOUT_LIMITS = (
    RuleId.LIMIT_EXCEEDED,
    RuleId.TOTAL_LIMIT_EXCEEDED,
    RuleId.GROUP_LIMIT_EXCEEDED,
    RuleId.LIMIT_MISSING,
    RuleId.LIMIT_EXPIRED,
)
"""Rules that look at limits and exposures alone."""


def _rows_of_positions(evidence: Evidence, place: Array) -> Array:
    """Give the row of `credit_accounts` that each position stands in: int64[k]."""
    positions, companies = evidence.positions, evidence.context.master.companies
    account = evidence.customers.account_code[positions.customer_code[place]].astype(np.int64)
    code = positions.company_code[place].astype(np.int64)
    return evidence.accounts.find(code, companies.segments, account)
