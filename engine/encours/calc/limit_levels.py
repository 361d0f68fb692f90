"""Limits of one level: what is in force of each kind, per account or per party (DOMAIN 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.calc.items import convert
from encours.calc.refusals import ItemRefused
from encours.calc.sums import KeyedSums
from encours.ledger.limits import GUARANTEE, INSURED, INTERNAL, REPLACE, TEMPORARY
from encours_schemas.errors import InputRefused
from encours_schemas.shapes import shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.calc.context import Conversion
    from encours.ledger.limits import Limits

Array = np.ndarray[Any, np.dtype[Any]]


class Amounts(NamedTuple):
    """Limits of one kind, one per place.

    milli         int64[n]  zero where none is given or where it is unlimited
    given         bool[n]   such a limit is in force
    is_unlimited  bool[n]   and knows no bound
    """

    milli: Array
    given: Array
    is_unlimited: Array

    def at(self, place: Array) -> Amounts:
        """Give those of some places: int64[m], negative for nothing."""
        if not len(self.milli):
            return no_amounts(len(place))
        there = place >= 0
        safe = np.maximum(place, 0)
        return Amounts(
            np.where(there, self.milli[safe], 0),
            there & self.given[safe],
            there & self.is_unlimited[safe],
        )

    def some(self, rows: slice) -> Amounts:
        """Give those of some places in a row."""
        return Amounts(self.milli[rows], self.given[rows], self.is_unlimited[rows])

    @property
    def is_amount(self) -> Array:
        """Tell where there is a limit with a bound: bool[n]."""
        found: Array = self.given & ~self.is_unlimited
        return found


def no_amounts(count: int) -> Amounts:
    """Give places without a limit."""
    return Amounts(np.zeros(count, np.int64), np.zeros(count, bool), np.zeros(count, bool))


def joined_amounts(parts: Sequence[Amounts]) -> Amounts:
    """Put places one behind the other."""
    return Amounts(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def chosen_amounts(chosen: Array, these: Amounts, others: Amounts) -> Amounts:
    """Give `these` where chosen (bool[n]), the others elsewhere."""
    if not chosen.any():
        return others
    return Amounts(
        *(np.where(chosen, this, other) for this, other in zip(these, others, strict=True))
    )


@dataclass(frozen=True)
class Level:
    """What is in force at some places, by kind.

    key        int64[k]  the places, ascending
    temporary  all temporary limits together, as an account shows them; unlimited ones left out
    """

    key: Array
    internal: Amounts
    replacing: Amounts
    adding: Amounts
    temporary: Amounts
    insured: Amounts
    guarantee: Amounts

    def at(self, wanted: Array) -> Level:
        """Give what is in force at some places: int64[m], in any order."""
        place = np.full(len(wanted), -1, np.int64)
        if len(self.key):
            found = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
            place = np.where(self.key[found] == wanted, found, -1)
        return Level(
            wanted,
            self.internal.at(place),
            self.replacing.at(place),
            self.adding.at(place),
            self.temporary.at(place),
            self.insured.at(place),
            self.guarantee.at(place),
        )

    @property
    def is_named(self) -> Array:
        """Tell where an internal or a temporary limit is in force: bool[k]."""
        found: Array = self.internal.given | self.temporary.given
        return found

    def total(self, default: Amounts) -> Amounts:
        """Give the credit limit: the replacing, internal or default one, and what adds to it."""
        start = chosen_amounts(self.internal.given, self.internal, default)
        start = chosen_amounts(self.replacing.given, self.replacing, start)
        given = start.given | self.adding.given
        is_unlimited = start.is_unlimited | self.adding.is_unlimited
        # No wrap: what passes 2^62 is refused as more than money can hold when it is encoded.
        added = start.milli + np.minimum(self.adding.milli, 2**62)
        milli = np.where(is_unlimited, 0, added)
        return Amounts(milli, given, is_unlimited)


def level_of(limits: Limits, rows: Array, milli: Array, place: Array) -> Level:
    """Gather limits in force by place.

    rows   int64[r]  limits in force
    milli  int64[r]  what each is worth
    place  int64[r]  where it counts
    """
    key, at = np.unique(place, return_inverse=True)
    kind = limits.kind_code[rows]
    replaces = limits.effect_code[rows] == REPLACE

    def summed(chosen: Array) -> Amounts:
        return _summed(limits, rows[chosen], milli[chosen], at[chosen], len(key))

    def latest(chosen: Array) -> Amounts:
        return _latest(limits, rows[chosen], milli[chosen], at[chosen], len(key))

    is_temporary = kind == TEMPORARY
    every = summed(is_temporary)
    bounded = summed(is_temporary & ~limits.is_unlimited[rows])
    return Level(
        key,
        internal=latest(kind == INTERNAL),
        replacing=latest(is_temporary & replaces),
        adding=summed(is_temporary & ~replaces),
        temporary=Amounts(bounded.milli, every.given, every.given & ~bounded.given),
        insured=summed(kind == INSURED),
        guarantee=summed(kind == GUARANTEE),
    )


def converted_limits(limits: Limits, rows: Array, milli: Array, conversion: Conversion) -> Array:
    """Convert what some limits are worth, each by itself: int64[r] of int64[r].

    rows  int64[r]  the limits; milli  int64[r]  thousandths of their own currencies

    Raises InputMissing (66) where a rate is missing, and InputRefused (65), naming the limit, where
    money cannot hold what comes out.
    """
    try:
        return convert(milli, limits.currency_code[rows], conversion)
    except ItemRefused as error:
        shape = shape_of(limits.limit_id[int(rows[error.row])].as_py())
        raise InputRefused(
            what=error.what,
            where=f"credit_limits, limit_id {shape}",
            found=error.found,
            expected=error.expected,
            cure=error.cure,
        ) from error


def _summed(limits: Limits, rows: Array, milli: Array, at: Array, count: int) -> Amounts:
    """Add limits up; one without a bound makes the sum unlimited."""
    found = no_amounts(count)
    found.given[at] = True
    found.is_unlimited[at[limits.is_unlimited[rows]]] = True
    found.milli[:] = checked_sums(at, milli, count)
    found.milli[found.is_unlimited] = 0
    return found


def checked_sums(at: Array, milli: Array, count: int) -> Array:
    """Add amounts up by place: int64[count].

    Raises ControlFailed (70) when a sum leaves 64 bits.
    """
    sums = KeyedSums(1)
    sums.add(at.astype(np.int64), milli.reshape(-1, 1))
    out = np.zeros(count, np.int64)
    out[sums.keys] = sums.sums[:, 0]
    return out


def _latest(limits: Limits, rows: Array, milli: Array, at: Array, count: int) -> Amounts:
    """Take the limit of each place that began last; a limit may count at several places."""
    found = no_amounts(count)
    # Mostly a place has one: only where there are several must they be put in order.
    several = np.flatnonzero(np.bincount(at, minlength=count)[at] > 1)
    order = several[limits.start_order(rows[several], at[several])]
    last = np.ones(len(order), bool)
    last[:-1] = at[order[1:]] != at[order[:-1]]
    is_taken = np.ones(len(rows), bool)
    is_taken[several] = False
    is_taken[order[last]] = True
    place = at[is_taken]
    found.given[place] = True
    found.is_unlimited[place] = limits.is_unlimited[rows[is_taken]]
    found.milli[place] = milli[is_taken]
    return found
