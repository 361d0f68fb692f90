"""Limits in force of every credit account and group, and what is left of them (DOMAIN 7).

An account is one row of `credit_accounts`: a credit account in a credit segment. Its party is the
credit account with all its rows. Amounts are thousandths of the reporting currency; each limit is
converted and rounded by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from encours.calc.group_limits import GroupLimits, answers_of, group_limits, heads_of
from encours.calc.items import convert
from encours.calc.limit_levels import (
    Amounts,
    Level,
    checked_sums,
    chosen_amounts,
    converted_limits,
    joined_amounts,
    level_of,
    no_amounts,
)
from encours.calc.sums import stretches
from encours.ledger.checking import dictionary_of
from encours.ledger.decode import NO_DAY, positions_of
from encours.ledger.findings import RunNotice
from encours.ledger.limits import INSURED, INTERNAL, TEMPORARY, day_or_open
from encours.ledger.master import CURRENCY_POSITIONS
from encours_schemas.outputs import LIMIT_STATUSES
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext
    from encours.calc.exposure import Positions
    from encours.ledger.limits import Limits
    from encours.ledger.policies import Policies
    from encours.ledger.small import SmallTable

Array = np.ndarray[Any, np.dtype[Any]]

STATUS = {name: np.int8(code) for code, name in enumerate(LIMIT_STATUSES)}
UTILISATION_ONE = 10**6
UTILISATION_MAX = 10**18 - 1
_NAMED_CLASSES = 10
_FAST_MILLI = 2**42
"""Exposures up to here times two millions stay within 64 bits."""


class SharedParties(NamedTuple):
    """Parties with a credit limit that their accounts share: p of them.

    account_code    int64[p]
    limit_milli     int64[p]  zero where unlimited
    is_unlimited    bool[p]
    exposure_milli  int64[p]  of all accounts of the party
    """

    account_code: Array
    limit_milli: Array
    is_unlimited: Array
    exposure_milli: Array


class CreditShown(NamedTuple):
    """What n accounts show of their limits: columns of `AccountLimits`.

    status_code     int8[n]   position in `LIMIT_STATUSES`
    measured_milli  int64[n]  the exposure that the limit shown is measured on
    """

    status_code: Array
    internal: Amounts
    temporary: Amounts
    insured: Amounts
    credit: Amounts
    measured_milli: Array

    def some(self, rows: slice) -> CreditShown:
        """Give what some accounts show."""
        return CreditShown(
            self.status_code[rows],
            self.internal.some(rows),
            self.temporary.some(rows),
            self.insured.some(rows),
            self.credit.some(rows),
            self.measured_milli[rows],
        )

    @property
    def has_available(self) -> Array:
        """Tell where there is an amount to be left of: bool[n]."""
        return self.credit.is_amount

    @property
    def available_milli(self) -> Array:
        """Give limit less exposure, zero where there is no limit: int64[n]."""
        return np.where(self.has_available, self.credit.milli - self.measured_milli, 0)

    @property
    def has_utilisation(self) -> Array:
        """Tell where the limit is an amount above zero: bool[n]."""
        found: Array = self.has_available & (self.credit.milli != 0)
        return found

    @property
    def utilisation_e6(self) -> Array:
        """Give exposure / limit in millionths, rounded half away from zero: int64[n]."""
        return utilisation_e6(self.measured_milli, self.credit.milli, self.has_utilisation)


@dataclass(frozen=True)
class LimitTables:
    """The tables that limits come from."""

    limits: Limits
    policies: Policies
    defaults: SmallTable | None


@dataclass(frozen=True)
class AccountLimits:
    """The limits of the n rows of `credit_accounts` on one day.

    is_given         False without a table of limits: then nothing here says anything
    status_code      int8[n]   position in `LIMIT_STATUSES`
    internal, temporary, insured, credit  as the account shows them
    guarantee, shared_guarantee  its own, and those of its party (each account shows the same)
    party            int32[n]  position in `parties`, -1 where the party shares no limit
    insured_is_shared  bool[n] the insured limit shown is one that all accounts of the party share
    lacking_classes  risk classes without a default limit, of accounts that needed one
    """

    day: int
    is_given: bool
    status_code: Array
    internal: Amounts
    temporary: Amounts
    insured: Amounts
    guarantee: Amounts
    shared_guarantee: Amounts
    credit: Amounts
    party: Array
    parties: SharedParties
    insured_is_shared: Array
    lacking_classes: tuple[str, ...]
    book: LimitBook

    def __len__(self) -> int:
        """Count the accounts."""
        return len(self.status_code)

    @property
    def measured_milli(self) -> Array:
        """Give what the limit shown is measured on: the account's exposure, or the party's."""
        exposure = self.book.accounts.exposure_milli
        shares = self.shows_shared
        if not shares.any():
            return exposure
        return np.where(shares, self.parties.exposure_milli[self.party * shares], exposure)

    @property
    def shows_shared(self) -> Array:
        """Tell which accounts show the limit that they share: bool[n]."""
        found: Array = self.status_code == STATUS["shared"]
        return found

    @property
    def has_available(self) -> Array:
        """Tell where there is an amount to be left of: bool[n]."""
        return self.credit.is_amount

    @property
    def as_shown(self) -> CreditShown:
        """Give what the accounts show."""
        return CreditShown(
            self.status_code,
            self.internal,
            self.temporary,
            self.insured,
            self.credit,
            self.measured_milli,
        )

    @cached_property
    def groups(self) -> GroupLimits:
        """Give the limits of groups that are in force on the day."""
        return self.book.groups_on(self.day)

    def group_answers(self) -> tuple[Array, Array]:
        """Pair every account with the group limits that it answers to: int64[k], int64[k]."""
        return answers_of(self.groups, self.book.accounts, self.book.context)

    def last_days(self, kind: int) -> Array:
        """Give per account the earliest known end of its limits of a kind in force: int32[n].

        kind  `INTERNAL`, `TEMPORARY`, `INSURED` (ends of policies included) or `GUARANTEE`

        `NO_DAY` where none ends. A limit that all accounts share counts for each of them.
        """
        return self.book.last_days(kind, self.day)

    @property
    def expired_day(self) -> Array:
        """Give the last day of the internal limit that ended last, where expired: int32[n]."""
        return self.book.expired_days(self.status_code == STATUS["expired"], self.day)


class LimitBook:
    """The limits of a ledger, laid against the accounts of a run."""

    def __init__(
        self, tables: LimitTables, accounts: AccountRows, positions: Positions, context: RunContext
    ) -> None:
        """Look parties and segments up; nothing is in force before a day is named.

        account  int64[l]  position of each limit's party in the accounts' ids, -1 where none is
        """
        self.tables, self.accounts, self.context = tables, accounts, context
        self.positions = positions
        limits = tables.limits
        place = positions_of(limits.parties, accounts.account_ids)
        self.account = place[limits.party_code] if len(place) else limits.party_code
        self._row = accounts.find(limits.segment_code, limits.segments, self.account)

    def on(self, day: int) -> AccountLimits:
        """Give the limits in force on a day."""
        limits = self.tables.limits
        chosen = limits.in_force(day)
        chosen = chosen[~limits.is_group[chosen] & self.can_attach(chosen, day)]
        row = self._row[chosen]
        own, shared = self.levels(self.accounts, chosen, self.account[chosen], row)
        shown = shown_limits(self, self.accounts, own, shared, self.has_begun(day))
        return _resolved(self, day, shown)

    def levels(
        self, accounts: AccountRows, chosen: Array, account: Array, row: Array
    ) -> tuple[Level, Level]:
        """Gather limits in force by the account they are for, and by party where all share them.

        chosen        int64[k]  limits in force
        account, row  int64[k]  positions in `accounts` of the party and, where a segment is named,
                                of its account
        """
        limits = self.tables.limits
        is_own, kind = limits.segment_code[chosen] >= 0, limits.kind_code[chosen]
        row = _effective_rows(accounts, account, row, is_own, kind)
        milli, is_own = self.converted(chosen), row >= 0
        own = level_of(limits, chosen[is_own], milli[is_own], row[is_own])
        return own, level_of(limits, chosen[~is_own], milli[~is_own], account[~is_own])

    def can_attach(self, rows: Array, day: int) -> Array:
        """Tell which limits are not insured ones of a policy that is not in force: bool[r]."""
        limits, policies = self.tables.limits, self.tables.policies
        in_force = [policies.in_force(name, day) for name in limits.policies]
        attaches = np.array([*in_force, True], bool)[limits.policy_code[rows]]
        found: Array = (limits.kind_code[rows] != INSURED) | attaches
        return found

    def converted(self, rows: Array) -> Array:
        """Convert some limits to the reporting currency: int64[r]; an unlimited one is zero."""
        limits = self.tables.limits
        milli = np.where(limits.is_unlimited[rows], 0, limits.amount_milli[rows])
        return converted_limits(limits, rows, milli, self.context.reporting)

    def groups_on(self, day: int) -> GroupLimits:
        """Give the limits of groups in force on a day."""
        limits = self.tables.limits
        chosen = limits.in_force(day)
        chosen = chosen[limits.is_group[chosen]]
        head = self.head[chosen]
        return group_limits(
            limits, chosen, self.converted(chosen), head, self.positions, self.context
        )

    @cached_property
    def head(self) -> Array:
        """Give the customer at the head of the group of each limit: int64[l], -1 for none.

        A party that no customer is has no members: its limits bear on nobody.
        """
        return heads_of(self.tables.limits, self.context.master)

    def rows_of(self, limit_rows: Array) -> tuple[Array, Array]:
        """Pair limits of accounts with the accounts that they bear on: positions int64[k], rows.

        A limit for one segment bears on one row, one for all segments on every row of its party.
        """
        limits, accounts = self.tables.limits, self.accounts
        is_own = limits.segment_code[limit_rows] >= 0
        own = np.flatnonzero(is_own & (self._row[limit_rows] >= 0))
        shared = np.flatnonzero(~is_own & (self.account[limit_rows] >= 0))
        place, row = accounts.rows_of_accounts(self.account[limit_rows[shared]])
        return (
            np.concatenate([own, shared[place]]),
            np.concatenate([self._row[limit_rows[own]], row]),
        )

    def last_days(self, kind: int, day: int) -> Array:
        """Give per account the earliest known end of its limits of a kind: see `AccountLimits`."""
        limits = self.tables.limits
        chosen = limits.in_force(day)
        chosen = chosen[(limits.kind_code[chosen] == kind) & ~limits.is_group[chosen]]
        last = limits.last_day[chosen].copy()
        if kind == INSURED:
            last = np.minimum(last, self._policy_ends(day)[limits.policy_code[chosen]])
        found = np.full(len(self.accounts), np.iinfo(np.int32).max, np.int32)
        place, row = self.rows_of(chosen)
        np.minimum.at(found, row, last[place])
        return day_or_open(found)

    def _policy_ends(self, day: int) -> Array:
        """Give the last day of each policy's row in force: int32[policies + 1], open at the end."""
        policies, names = self.tables.policies, self.tables.limits.policies
        ends = [policies.last_day(name, day) for name in names]
        open_end = np.iinfo(np.int32).max
        return np.array([open_end if end is None else end for end in ends] + [open_end], np.int32)

    def expired_days(self, is_expired: Array, day: int) -> Array:
        """Give the last day of the internal limit that ended last: int32[n], else `NO_DAY`."""
        limits = self.tables.limits
        chosen = np.flatnonzero(
            (limits.kind_code == INTERNAL) & ~limits.is_group & (limits.from_day <= day)
        )
        found = np.full(len(self.accounts), NO_DAY, np.int32)
        place, row = self.rows_of(chosen)
        np.maximum.at(found, row, limits.ends()[chosen][place])
        return np.where(is_expired, found, np.int32(NO_DAY)).astype(np.int32)

    def has_begun(self, day: int) -> Array:
        """Tell which accounts ever had an internal limit of their own or shared: bool[n]."""
        limits = self.tables.limits
        chosen = np.flatnonzero(
            (limits.kind_code == INTERNAL) & ~limits.is_group & (limits.from_day <= day)
        )
        found = np.zeros(len(self.accounts), bool)
        found[self.rows_of(chosen)[1]] = True
        return found


class ShownLimits(NamedTuple):
    """What n accounts show: see `AccountLimits` for the columns of the same names.

    shares        bool[n]  a limit of the party is in force for the account
    party_credit  that limit
    """

    status_code: Array
    internal: Amounts
    temporary: Amounts
    insured: Amounts
    guarantee: Amounts
    shared_guarantee: Amounts
    credit: Amounts
    shares: Array
    party_credit: Amounts
    insured_is_shared: Array
    lacking_classes: tuple[str, ...]


def shown_limits(
    book: LimitBook, accounts: AccountRows, own: Level, shared: Level, begun: Array
) -> ShownLimits:
    """Say what each account shows: its own limits, those of its party, or its class's.

    begun  bool[n]  accounts that ever had an internal limit

    So many accounts at a time: on the way there is much more of each than is kept.
    """
    party_has_own = np.zeros(len(accounts.account_ids), bool)
    party_has_own[accounts.account_code[own.key[own.is_named]]] = True
    return _joined(
        [
            _shown_of(book, accounts, rows, own, shared, begun[rows], party_has_own)
            for rows in list(stretches(len(accounts))) or [slice(0, 0)]
        ]
    )


def _shown_of(
    book: LimitBook,
    everybody: AccountRows,
    rows: slice,
    own: Level,
    shared: Level,
    begun: Array,
    party_has_own: Array,
) -> ShownLimits:
    """Do what `shown_limits` does for some accounts.

    party_has_own  bool[a]  by credit account: some row of it has a limit of its own
    """
    accounts = everybody.some(rows)
    own = own.at(np.arange(rows.start, rows.stop))
    of_party = shared.at(accounts.account_code)
    shares = of_party.is_named & (of_party.internal.given | ~party_has_own[accounts.account_code])
    shows_party = shares & ~own.is_named
    default, lacking = _defaults(
        book, accounts, ~shows_party & ~own.internal.given & ~(begun & ~own.is_named)
    )
    credit = own.total(default)
    status = np.full(len(accounts), STATUS["none"], np.int8)
    status[begun] = STATUS["expired"]
    status[own.is_named] = STATUS["set"]
    status[default.given & ~own.replacing.given] = STATUS["default"]
    status[shows_party] = STATUS["shared"]
    party_credit = of_party.total(no_amounts(len(accounts)))
    credit = chosen_amounts(shows_party, party_credit, credit)
    status[credit.is_unlimited] = STATUS["unlimited"]
    insured_is_shared = ~own.insured.given & of_party.insured.given
    return ShownLimits(
        status_code=status,
        internal=chosen_amounts(shows_party, of_party.internal, own.internal),
        temporary=chosen_amounts(shows_party, of_party.temporary, own.temporary),
        insured=chosen_amounts(insured_is_shared, of_party.insured, own.insured),
        guarantee=own.guarantee,
        shared_guarantee=of_party.guarantee,
        credit=credit,
        shares=shares,
        party_credit=party_credit,
        insured_is_shared=insured_is_shared,
        lacking_classes=lacking,
    )


def _joined(parts: list[ShownLimits]) -> ShownLimits:
    """Put what some accounts show one behind the other, column by column: parts are let go of."""
    *columns, lacking = (list(column) for column in zip(*parts, strict=True))
    parts.clear()
    columns.reverse()
    joined: list[Any] = []
    while columns:
        column = columns.pop()
        is_amounts = isinstance(column[0], Amounts)
        joined.append(joined_amounts(column) if is_amounts else np.concatenate(column))
    return ShownLimits._make([*joined, tuple(sorted(set().union(*lacking)))])


def _resolved(book: LimitBook, day: int, shown: ShownLimits) -> AccountLimits:
    """Give the limits of a day, with the parties that share one."""
    party, parties = _parties(shown.shares, shown.party_credit, book.accounts)
    return AccountLimits(
        day=day,
        is_given=book.tables.limits.is_given,
        status_code=shown.status_code,
        internal=shown.internal,
        temporary=shown.temporary,
        insured=shown.insured,
        guarantee=shown.guarantee,
        shared_guarantee=shown.shared_guarantee,
        credit=shown.credit,
        party=party,
        parties=parties,
        insured_is_shared=shown.insured_is_shared,
        lacking_classes=shown.lacking_classes,
        book=book,
    )


def _effective_rows(
    accounts: AccountRows, account: Array, row: Array, is_own: Array, kind: Array
) -> Array:
    """Give the account that each limit in force is for: int64[k], -1 for all of its party.

    A limit for all accounts of a party that has one is that account's. Where such an account
    has an internal limit of its segment, too, the internal limit for all stays the party's,
    and so do the temporary ones that go with it.
    """
    only = np.where(is_own, -1, accounts.single_row(account))
    has_own, has_shared = np.zeros((2, len(accounts)), bool)
    has_own[row[is_own & (kind == INTERNAL)]] = True
    has_shared[only[(only >= 0) & (kind == INTERNAL)]] = True
    stays = (only >= 0) & (has_own & has_shared)[np.maximum(only, 0)]
    stays &= (kind == INTERNAL) | (kind == TEMPORARY)
    return np.where(is_own, row, np.where(stays, -1, only))


def _parties(shares: Array, credit: Amounts, accounts: AccountRows) -> tuple[Array, SharedParties]:
    """Number the parties that share a limit: int32[n] per account, and what they owe together."""
    party = np.full(len(accounts), -1, np.int32)
    codes, first, number = np.unique(
        accounts.account_code[shares], return_index=True, return_inverse=True
    )
    party[shares] = number
    rows = np.flatnonzero(shares)
    return party, SharedParties(
        codes,
        credit.milli[rows[first]],
        credit.is_unlimited[rows[first]],
        checked_sums(number, accounts.exposure_milli[rows], len(codes)),
    )


def _defaults(
    book: LimitBook, accounts: AccountRows, needed: Array
) -> tuple[Amounts, tuple[str, ...]]:
    """Give the default limits of the accounts that need one, and the classes without (DOMAIN 7).

    The row of the account's segment goes before the row for every segment.
    """
    context = book.context
    found = no_amounts(len(accounts))
    if context.configuration.limits.missing_limit != "by_risk_class" or not needed.any():
        return found, ()
    rows = np.flatnonzero(needed & (accounts.standing >= 0))
    texts = context.master.customers.texts["risk_class"]
    classes, code = dictionary_of(texts.take(pa.array(accounts.standing[rows])))
    names = classes.to_pylist()
    given = _default_amounts(book)
    table = np.zeros((len(accounts.segments), len(names) + 1), np.int64)
    has = np.zeros(table.shape, bool)
    for column, name in enumerate(names):
        for line, segment in enumerate(accounts.segments):
            milli = given.get((name, segment), given.get((name, None)))
            if milli is not None:
                table[line, column], has[line, column] = milli, True
    at = (accounts.segment_code[rows], code)
    found.milli[rows], found.given[rows] = table[at], has[at]
    lacking = np.unique(code[~has[at] & (code >= 0)]).tolist()
    return found, tuple(sorted(names[column] for column in lacking if names[column]))


def _default_amounts(book: LimitBook) -> dict[tuple[str, str | None], int]:
    """Give the default limits by risk class and segment (None: every segment)."""
    table = book.tables.defaults
    if table is None or not table.rows:
        return {}
    columns = table.columns
    amounts = np.array([int(amount * 1_000) for amount in columns["amount"]], np.int64)
    codes = np.array([CURRENCY_POSITIONS[name] for name in columns["currency"]], np.int32)
    converted = convert(amounts, codes, book.context.reporting).tolist()
    keys = zip(columns["risk_class"], columns["credit_segment"], strict=True)
    return dict(zip(keys, converted, strict=True))


def utilisation_e6(exposure_milli: Array, limit_milli: Array, wanted: Array) -> Array:
    """Give exposure / limit in millionths, half away from zero, where wanted: int64[n].

    What has more than 12 digits before the point is given as the largest ratio that has not.
    """
    found = np.zeros(len(exposure_milli), np.int64)
    rows = np.flatnonzero(wanted)
    exposure, limit = exposure_milli[rows], limit_milli[rows]
    size = np.abs(exposure)
    fast = (size < _FAST_MILLI) & (limit < 2**61)
    quotient = np.zeros(len(rows), np.int64)
    twice = limit[fast] * 2
    quotient[fast] = (size[fast] * (2 * UTILISATION_ONE) + limit[fast]) // twice
    for row in np.flatnonzero(~fast).tolist():
        above, below = int(size[row]) * UTILISATION_ONE, int(limit[row])
        quotient[row] = min((2 * above + below) // (2 * below), UTILISATION_MAX)
    found[rows] = np.sign(exposure) * quotient
    return found


def limit_notices(limits: AccountLimits) -> list[RunNotice]:
    """Say what a reader of the limits must know: tables and rows that are not there."""
    tables = limits.book.tables
    if not limits.is_given:
        message = "the ledger has no table credit_limits: all rules of limits are off"
        return [RunNotice(RunWarning.NO_CREDIT_LIMITS, message)]
    notices = []
    if limits.lacking_classes:
        named = ", ".join(limits.lacking_classes[:_NAMED_CLASSES])
        notices.append(
            RunNotice(
                RunWarning.NO_DEFAULT_LIMIT,
                f"accounts without a limit have risk classes without a default limit: {named}",
                len(limits.lacking_classes),
            )
        )
    unknown = [name for name in tables.limits.policies if not tables.policies.is_known(name)]
    if unknown:
        message = "policies of insured limits have no row in policies: the defaults serve"
        notices.append(RunNotice(RunWarning.POLICY_MISSING, message, len(unknown)))
    return notices
