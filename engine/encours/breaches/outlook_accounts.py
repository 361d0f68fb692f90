"""Accounts and parties that will pass a limit, on their own days of change (DOMAIN 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.breaches.levels import SEVERITY_CODES, Level, hold_bits
from encours.breaches.limit_rules import levels_of
from encours.breaches.outlook_timeline import (
    LIMIT_CHANGES,
    ORDER_ENTERS,
    TEMPORARY_ENDS,
    WIDTH,
    Moves,
    Rise,
    Risen,
    distinct,
    from_start,
    graveness,
    is_among,
    latest,
    risen,
)
from encours.calc.exposure import OUTLOOK_DAYS
from encours.calc.limit_states import account_changes, limits_on_days, spread
from encours.ledger.limits import INSURED, INTERNAL, TEMPORARY
from encours_schemas.outputs import LIMIT_STATUSES
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.breaches.evidence import Evidence
    from encours.breaches.found import Found
    from encours.breaches.outlook_orders import Exposed

Array = np.ndarray[Any, np.dtype[Any]]

_NONE = LIMIT_STATUSES.index("none")
_EXPIRED = LIMIT_STATUSES.index("expired")
_SHARED = LIMIT_STATUSES.index("shared")
OF_ACCOUNTS = (RuleId.LIMIT_EXCEEDED, RuleId.LIMIT_MISSING, RuleId.LIMIT_EXPIRED)
"""Rules that look at the limits and the exposure of one account."""


class Touched(NamedTuple):
    """The a accounts that something is known to happen to, and their t rows.

    account     int64[a]  positions in the run's account ids, ascending
    begin       int64[a]  first of the account's rows among those here
    rows        int64[a]  how many there are
    row         int64[t]  rows of the run's accounts, by account, then credit segment
    of_account  int64[t]  positions in `account`
    change      int64[s]  days on which limits change: (position in `account`) x WIDTH + days ahead
    moves       how exposures of the rows here move
    """

    account: Array
    begin: Array
    rows: Array
    row: Array
    of_account: Array
    change: Array
    moves: Moves

    def on_rows(self, keys: Array) -> tuple[Array, Array]:
        """Spread keys of accounts over their rows: positions int64[m], keys of rows int64[m]."""
        account, ahead = np.divmod(keys, WIDTH)
        place, row = spread(self.begin[account], self.rows[account])
        return place, row * WIDTH + ahead[place]


def touched_by(evidence: Evidence, orders: Exposed) -> Touched:
    """Find the accounts whose limits or orders change within the days looked ahead."""
    accounts, start = evidence.accounts, evidence.day
    moved = rows_of_positions(evidence, orders.place)
    account, day = account_changes(
        evidence.limits.book, kinds_looked_at(evidence), start + 1, start + OUTLOOK_DAYS
    )
    touched = np.zeros(len(accounts.account_ids), bool)
    touched[account] = True
    touched[accounts.account_code[moved]] = True
    chosen = np.flatnonzero(touched)
    number = np.cumsum(touched) - 1
    of_account, row = accounts.rows_of_accounts(chosen)
    count = np.bincount(of_account, minlength=len(chosen))
    place = np.full(len(accounts), -1, np.int64)
    place[row] = np.arange(len(row))
    return Touched(
        chosen,
        np.cumsum(count) - count,
        count,
        row,
        of_account,
        distinct(number[account] * WIDTH + day - start),
        Moves(place[moved] * WIDTH + orders.day - start, orders.delta),
    )


def kinds_looked_at(evidence: Evidence) -> tuple[int, ...]:
    """Name the kinds of limits that the rules here depend on."""
    policy = evidence.context.configuration.limits.missing_limit
    return (INTERNAL, TEMPORARY, INSURED) if policy == "insured" else (INTERNAL, TEMPORARY)


def rows_of_positions(evidence: Evidence, place: Array) -> Array:
    """Give the row of `credit_accounts` that each position stands in: int64[k]."""
    positions, companies = evidence.positions, evidence.context.master.companies
    account = evidence.customers.account_code[positions.customer_code[place]].astype(np.int64)
    code = positions.company_code[place].astype(np.int64)
    return evidence.accounts.find(code, companies.segments, account)


def account_rises(
    evidence: Evidence, orders: Exposed, temporary: Array, today: Sequence[Found]
) -> list[Rise]:
    """Tell which accounts and parties pass a level, and when.

    temporary  int64[x]  row x WIDTH + days ahead: a temporary limit is over then; ascending
    """
    touched = touched_by(evidence, orders)
    if not len(touched.row):
        return []
    watch = _Watch(evidence, touched, temporary)
    rises = [watch.of_rows(rule, _remembered(evidence, rule, today)) for rule in OF_ACCOUNTS]
    return [*(rise for rise in rises if rise is not None), *watch.of_parties()]


def _remembered(evidence: Evidence, rule: RuleId, today: Sequence[Found]) -> Array:
    """Give how grave each account counts as already: a hold that is kept is no news: int64[n]."""
    grave = np.zeros(len(evidence.accounts), np.int64)
    for found in today:
        if found.rule is rule:
            own = np.flatnonzero(found.place.row >= 0)
            known = graveness(found.severity[own], found.holds[own])
            np.maximum.at(grave, found.place.row[own], known)
    return grave


class _Watch:
    """The touched accounts with their limits and exposures, day of change by day of change."""

    def __init__(self, evidence: Evidence, touched: Touched, temporary: Array) -> None:
        """Look limits up on the days on which they change, and list what is looked at when."""
        self.evidence, self.touched, self.temporary = evidence, touched, temporary
        account, ahead = np.divmod(touched.change, WIDTH)
        self._states = limits_on_days(
            evidence.limits.book,
            kinds_looked_at(evidence),
            touched.account[account],
            evidence.day + ahead,
        )
        _, changed = touched.on_rows(touched.change)
        known = np.concatenate([np.arange(len(touched.row), dtype=np.int64) * WIDTH, changed])
        order = np.argsort(known)
        self.keys = from_start(len(touched.row), changed, touched.moves.keys)
        self._serving = order[latest(known[order], self.keys)]
        self.exposure = evidence.accounts.exposure_milli[touched.row][self.keys // WIDTH]
        self.exposure += touched.moves.until(self.keys)

    def _shown(self, today: Array, later: Array) -> Array:
        """Give a column of the limits on every day that is looked at: [k].

        today  [n]  at the as-of date, of the run's accounts; later  [v]  on the days of change
        """
        return np.concatenate([today[self.touched.row], later])[self._serving]

    def of_rows(self, rule: RuleId, remembered: Array) -> Rise | None:
        """Hold the exposures of accounts against their own limits, or against none."""
        settings = self.evidence.rules.of(rule)
        if not settings.enabled:
            return None
        row = self.touched.row[self.keys // WIDTH]
        applies = self.evidence.in_scope(settings)[row]
        limit, levels = self._limits_of(rule, applies)
        found = risen(
            self.keys,
            self.exposure,
            limit,
            levels,
            self.evidence.currency,
            remembered[self.touched.row],
        )
        by_order = is_among(self.touched.moves.keys, self.keys[found.place])
        return self._rise(rule, found, self.keys, row, by_order)

    def _limits_of(self, rule: RuleId, applies: Array) -> tuple[Array, Sequence[Level]]:
        """Give what exposures are held against, -1 where the rule says nothing, and its levels."""
        today, later = self.evidence.limits, self._states.shown
        status = self._shown(today.status_code, later.status_code)
        levels: Sequence[Level] = levels_of(self.evidence.rules.limit_exceeded)
        if rule is RuleId.LIMIT_EXCEEDED:
            bound = self._shown(today.credit.is_amount, later.credit.is_amount)
            applies = applies & bound & (status != _SHARED)
            return np.where(
                applies, self._shown(today.credit.milli, later.credit.milli), -1
            ), levels
        if rule is RuleId.LIMIT_EXPIRED:
            return np.where(applies & (status == _EXPIRED), 0, -1), [self._single(rule)]
        policy = self.evidence.context.configuration.limits.missing_limit
        applies = applies & (status == _NONE) & (policy != "unlimited")
        serving = np.zeros(len(self.keys), np.int64)
        if policy == "insured":
            applies &= ~self._shown(today.insured.is_unlimited, later.insured.is_unlimited)
            serving = self._shown(today.insured.milli, later.insured.milli)
        return np.where(applies, serving, -1), self._missing_levels(policy, levels)

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

    def of_parties(self) -> list[Rise]:
        """Hold what parties owe together against the limit that their accounts share."""
        settings, touched = self.evidence.rules.total_limit_exceeded, self.touched
        limit = self._party_limits()
        account = touched.of_account[self.keys // WIDTH]
        known = np.zeros(len(touched.account), bool)
        known[account[limit >= 0]] = True
        if not known.any() or not settings.enabled:
            return []
        # Each day of one of its accounts is a day of the party; all of them show the same limit.
        chosen = np.flatnonzero(known[account])
        keys = account[chosen] * WIDTH + self.keys[chosen] % WIDTH
        keys, at = np.unique(keys, return_index=True)
        party = keys // WIDTH
        scope, first = np.zeros(len(known), bool), np.full(len(known), len(self.evidence.accounts))
        scope[touched.of_account[self.evidence.in_scope(settings)[touched.row]]] = True
        np.minimum.at(first, touched.of_account, touched.row)
        owed = np.zeros(len(known), np.int64)
        np.add.at(owed, touched.of_account, self.evidence.accounts.exposure_milli[touched.row])
        moved = touched.of_account[touched.moves.keys // WIDTH] * WIDTH
        moves = Moves(moved + touched.moves.keys % WIDTH, touched.moves.delta)
        found = risen(
            keys,
            owed[party] + moves.until(keys),
            np.where(scope[party], limit[chosen][at], -1),
            levels_of(settings),
            self.evidence.currency,
        )
        by_order = is_among(moves.keys, keys[found.place])
        return [self._rise(RuleId.TOTAL_LIMIT_EXCEEDED, found, keys, first[party], by_order)]

    def _party_limits(self) -> Array:
        """Give the bounded limit that an account shares on every day looked at: int64[k], or -1."""
        limits, shown = self.evidence.limits, self._states.shown
        today = np.full(len(limits), -1, np.int64)
        shares = np.flatnonzero(limits.party >= 0)
        parties, party = limits.parties, limits.party[shares]
        today[shares] = np.where(parties.is_unlimited, -1, parties.limit_milli)[party]
        bound = shown.shares & ~shown.party_credit.is_unlimited
        return self._shown(today, np.where(bound, shown.party_credit.milli, -1))

    def _rise(self, rule: RuleId, found: Risen, keys: Array, row: Array, by_order: Array) -> Rise:
        """Say which accounts they are, and what happens on the day.

        keys, row  int64[k]  what was looked at; by_order bool[r] an order moves what is found
        """
        row, ahead = row[found.place], keys[found.place] % WIDTH
        return Rise(
            rule,
            ahead,
            row,
            np.full(len(row), -1, np.int64),
            found.grave,
            found.excess,
            event_of(by_order, row, ahead, self.temporary),
        )


def event_of(by_order: Array, row: Array, ahead: Array, temporary: Array) -> Array:
    """Tell what happens on the day: an order that enters goes before a limit that changes.

    temporary  int64[x]  row x WIDTH + days ahead: a temporary limit is over then; ascending
    """
    ends = is_among(temporary, row * WIDTH + ahead)
    return np.where(by_order, ORDER_ENTERS, np.where(ends, TEMPORARY_ENDS, LIMIT_CHANGES))
