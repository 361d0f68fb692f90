"""What a salesperson may still sell: the least credit left of all limits that bind (DOMAIN 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.ledger.ordering import order_by

if TYPE_CHECKING:
    from encours.calc.limits import AccountLimits

Array = np.ndarray[Any, np.dtype[Any]]

OWN, SHARED, GROUP = range(3)
"""Whose limit a bound is: the account's, its party's over all segments, a group's."""


class Bounds(NamedTuple):
    """The limits that bind credit, b of them, and which bind whom: pairs by account row.

    limit_milli, exposure_milli  int64[b]
    kind    int8[b]   `OWN`, `SHARED` or `GROUP`
    source  int64[b]  account row, position in the shared parties, or position in the group limits
    row     int64[k]  account rows, ascending
    bound   int64[k]  positions of what binds them: own before shared before groups'
    """

    limit_milli: Array
    exposure_milli: Array
    kind: Array
    source: Array
    row: Array
    bound: Array

    @property
    def left_milli(self) -> Array:
        """Give what is left of each limit, negative where it is exceeded: int64[b]."""
        return self.limit_milli - self.exposure_milli


def bounds_of(limits: AccountLimits) -> Bounds:
    """Gather every limit with an amount, and the accounts that answer to it."""
    accounts, parties, groups = limits.book.accounts, limits.parties, limits.groups
    own = np.flatnonzero(limits.has_available & ~limits.shows_shared)
    shared = np.flatnonzero(~parties.is_unlimited)
    group = np.flatnonzero(~groups.is_unlimited)
    shared_place = np.full(len(parties.is_unlimited) + 1, -1, np.int64)
    shared_place[shared] = len(own) + np.arange(len(shared))
    group_place = np.full(len(groups.is_unlimited), -1, np.int64)
    group_place[group] = len(own) + len(shared) + np.arange(len(group))
    member_row, member_group = limits.group_answers()
    row = np.concatenate([own, np.arange(len(limits)), member_row])
    bound = np.concatenate(
        [
            np.arange(len(own)),
            shared_place[limits.party],  # -1 takes the last place, which is -1
            group_place[member_group],
        ]
    )
    row, bound = row[bound >= 0], bound[bound >= 0]
    order = order_by((row, bound))
    kinds = ((OWN, own), (SHARED, shared), (GROUP, group))
    return Bounds(
        np.concatenate(
            [limits.credit.milli[own], parties.limit_milli[shared], groups.limit_milli[group]]
        ),
        np.concatenate(
            [
                accounts.exposure_milli[own],
                parties.exposure_milli[shared],
                groups.exposure_milli[group],
            ]
        ),
        np.concatenate([np.full(len(rows), kind, np.int8) for kind, rows in kinds]),
        np.concatenate([own, shared, group]),
        row[order],
        bound[order],
    )


def available_to_sell(bounds: Bounds, holds_orders: Array) -> tuple[Array, Array]:
    """Give the least credit left of what binds each account: int64[n], and where it is known.

    holds_orders  bool[n]

    Zero while orders are held, never negative; not known where nothing binds and nothing is held.
    """
    least = np.full(len(holds_orders), np.iinfo(np.int64).max, np.int64)
    np.minimum.at(least, bounds.row, bounds.left_milli[bounds.bound])
    is_bound = np.zeros(len(holds_orders), bool)
    is_bound[bounds.row] = True
    free = np.where(is_bound & ~holds_orders, np.maximum(least, 0), 0)
    return free, is_bound | holds_orders
