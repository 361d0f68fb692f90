"""Limits of accounts on days of change: of each account on its own days, all at once (DOMAIN 7).

What is in force between two days of change stays as it is, so that nothing else need be looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from encours.calc.account_rows import AccountRows
from encours.calc.limits import shown_limits
from encours.ledger.limits import INSURED, INTERNAL

if TYPE_CHECKING:
    from encours.calc.limits import LimitBook, ShownLimits

Array = np.ndarray[Any, np.dtype[Any]]


class LimitStates(NamedTuple):
    """Limits of s accounts, each on a day: v rows, by state, then credit segment.

    state  int64[v]  number of the account and day, ascending
    row    int64[v]  row of the run's accounts
    shown  the limits, v of each
    """

    state: Array
    row: Array
    shown: ShownLimits


def spread(begins: Array, counts: Array) -> tuple[Array, Array]:
    """List some stretches of an array, one after the other: stretch int64[m], place int64[m]."""
    stretch = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return stretch, (begins - before)[stretch] + np.arange(len(stretch))


def days_of_change(first_day: Array, last_day: Array, first: int, last: int) -> tuple[Array, Array]:
    """List when limits begin or are over, within some days: places int64[k], days int64[k]."""
    parts = []
    for days in (first_day.astype(np.int64), last_day.astype(np.int64) + 1):
        chosen = np.flatnonzero((days >= first) & (days <= last))
        parts.append((chosen, days[chosen]))
    place, day = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return place, day


def account_changes(
    book: LimitBook, kinds: tuple[int, ...], first: int, last: int
) -> tuple[Array, Array]:
    """List when limits of accounts change: accounts int64[k], days int64[k], some more than once.

    kinds  kinds of limits that are looked at; for insured ones the days of their policies count
    """
    limits, policies = book.tables.limits, book.tables.policies
    chosen = _usable(book, kinds)
    place, day = days_of_change(limits.from_day[chosen], limits.last_day[chosen], first, last)
    accounts, days = [book.account[chosen[place]]], [day]
    insured = chosen[limits.kind_code[chosen] == INSURED]
    for code in np.unique(limits.policy_code[insured]).tolist():
        stretches = policies.stretches(limits.policies[code]) if code >= 0 else []
        edges = {edge for begin, end in stretches for edge in (begin, end + 1)}
        account = np.unique(book.account[insured[limits.policy_code[insured] == code]])
        for edge in sorted(edges & set(range(first, last + 1))):
            accounts.append(account)
            days.append(np.full(len(account), edge, np.int64))
    return np.concatenate(accounts).astype(np.int64), np.concatenate(days)


def limits_on_days(
    book: LimitBook, kinds: tuple[int, ...], account: Array, day: Array
) -> LimitStates:
    """Give the limits of accounts on days, those of some kinds alone.

    account, day  int64[s]  the states
    """
    limits, accounts = book.tables.limits, book.accounts
    state, limit = _limits_of_states(book, kinds, account)
    begun = limits.from_day[limit] <= day[state]
    state, limit = state[begun], limit[begun]
    place, row = accounts.rows_of_accounts(account)
    # Each state is an account of its own here, with the rows of the account that it is of.
    own = AccountRows(
        pa.nulls(len(account), pa.string()),
        place,
        accounts.segments,
        accounts.segment_code[row],
        accounts.standing[row],
    )
    at = own.find(limits.segment_code[limit], limits.segments, state)
    in_force = limits.ends()[limit] >= day[state]
    in_force &= _attaches(book, limit, day[state])
    of_own, of_all = book.levels(own, limit[in_force], state[in_force], at[in_force])
    internal = limits.kind_code[limit] == INTERNAL
    has_begun = np.zeros(len(account), bool)
    has_begun[state[internal & (limits.segment_code[limit] < 0)]] = True
    has_begun = has_begun[place]
    has_begun[at[internal & (at >= 0)]] = True
    return LimitStates(place, row, shown_limits(book, own, of_own, of_all, has_begun))


def _usable(book: LimitBook, kinds: tuple[int, ...]) -> Array:
    """Give the limits of accounts of some kinds: int64[u] rows."""
    limits = book.tables.limits
    found: Array = np.flatnonzero(
        np.isin(limits.kind_code, kinds) & ~limits.is_group & (book.account >= 0)
    )
    return found


def _limits_of_states(
    book: LimitBook, kinds: tuple[int, ...], account: Array
) -> tuple[Array, Array]:
    """Pair states with all limits of their accounts: states int64[p], limits int64[p]."""
    chosen = _usable(book, kinds)
    asked = np.zeros(len(book.accounts.account_ids), bool)
    asked[account] = True
    chosen = chosen[asked[book.account[chosen]]]
    chosen = chosen[np.argsort(book.account[chosen], kind="stable")]
    counts = np.bincount(book.account[chosen], minlength=len(asked))
    begins = np.cumsum(counts) - counts
    state, place = spread(begins[account], counts[account])
    return state, chosen[place]


def _attaches(book: LimitBook, limit: Array, day: Array) -> Array:
    """Tell which limits are not insured ones of a policy that is not in force: bool[k]."""
    limits, policies = book.tables.limits, book.tables.policies
    found = np.ones(len(limit), bool)
    insured = np.flatnonzero(limits.kind_code[limit] == INSURED)
    for code in np.unique(limits.policy_code[limit[insured]]).tolist():
        if code >= 0 and policies.is_known(limits.policies[code]):
            of_policy = insured[limits.policy_code[limit[insured]] == code]
            covered = np.zeros(len(of_policy), bool)
            for begin, end in policies.stretches(limits.policies[code]):
                covered |= (day[of_policy] >= begin) & (day[of_policy] <= end)
            found[of_policy] = covered
    return found
