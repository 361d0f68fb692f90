"""What a rule measures on days of change, and where it is graver than before (DOMAIN 10).

An entity (an account, a party, a group's limit) is looked at on its own days of change alone: key
= entity x `WIDTH` + days ahead, ascending; each entity's first key is the as-of date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from encours.breaches.levels import share_floor, share_rest
from encours.breaches.limit_rules import excess_of
from encours.calc.exposure import OUTLOOK_DAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.breaches.levels import Level
    from encours_schemas.rule_ids import RuleId

Array = np.ndarray[Any, np.dtype[Any]]

WIDTH: Final = OUTLOOK_DAYS + 1
ORDER_ENTERS, LIMIT_CHANGES, TEMPORARY_ENDS, ITEM_AGES, COVER_STOPS = range(5)
"""Positions in `OUTLOOK_EVENTS`."""
GRAVE_STEPS = 4
"""Severity times this, plus the number of holds: a number that grows with graveness."""
_HOLD_COUNTS = np.array([bits.bit_count() for bits in range(8)], np.int64)


def graveness(severity: Array, holds: Array) -> Array:
    """Give a number that grows with the severity, then with the number of holds: int64[k]."""
    found: Array = severity.astype(np.int64) * GRAVE_STEPS + _HOLD_COUNTS[holds]
    return found


class Rise(NamedTuple):
    """What is graver than before, of one rule: k entries.

    ahead   int64[k]  days after the as-of date
    row     int64[k]  row of the run's accounts; for the party's and the group's limit one of them
    head    int64[k]  customer at the head of the group, -1
    grave   int64[k]  see `graveness`
    excess  int64[k]  thousandths, -1 where it is none
    event   int64[k]  position in `OUTLOOK_EVENTS`
    """

    rule: RuleId
    ahead: Array
    row: Array
    head: Array
    grave: Array
    excess: Array
    event: Array


class Risen(NamedTuple):
    """Keys at which a measure is graver than before: r of them.

    place   int64[r]  positions in the keys
    grave   int64[r]
    excess  int64[r]  thousandths above the threshold that is passed
    """

    place: Array
    grave: Array
    excess: Array


class Moves:
    """Amounts that move entities' exposures, added up from day to day."""

    def __init__(self, key: Array, delta: Array) -> None:
        """Take keys int64[m], in any order, and thousandths int64[m]."""
        order = np.argsort(key, kind="stable")
        self.keys, self.delta = key[order], delta[order]
        # A running total of everybody's may wrap, but the difference of two is exact again.
        self._totals = np.zeros(len(key) + 1, np.int64)
        np.cumsum(self.delta, out=self._totals[1:])

    def until(self, keys: Array) -> Array:
        """Give what has moved each entity until a day, that day included: int64[k] of int64[k]."""
        begin = np.searchsorted(self.keys, keys - keys % WIDTH)
        end = np.searchsorted(self.keys, keys, side="right")
        found: Array = self._totals[end] - self._totals[begin]
        return found


def from_start(count: int, *further: Array) -> Array:
    """Give the as-of date of so many entities, and further keys, each once: int64[k]."""
    return distinct(np.concatenate([np.arange(count, dtype=np.int64) * WIDTH, *further]))


def distinct(keys: Array) -> Array:
    """Sort keys, and give each once: int64[k]."""
    ordered = np.sort(keys)
    is_first = np.ones(len(ordered), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    found: Array = ordered[is_first]
    return found


def latest(known: Array, wanted: Array) -> Array:
    """Give the last known key of the same entity up to each key: int64[k] positions, -1 none.

    known, wanted  int64  keys; those known ascending
    """
    place = np.searchsorted(known, wanted, side="right") - 1
    there = place >= 0
    there &= known[np.maximum(place, 0)] // WIDTH == wanted // WIDTH if len(known) else False
    return np.where(there, place, -1)


def is_among(known: Array, wanted: Array) -> Array:
    """Tell which keys are known: bool[k]; `known` is ascending."""
    if not len(known):
        return np.zeros(len(wanted), bool)
    found: Array = known[np.minimum(np.searchsorted(known, wanted), len(known) - 1)] == wanted
    return found


def risen(
    keys: Array,
    measure: Array,
    limit: Array,
    levels: Sequence[Level],
    currency: str,
    remembered: Array | None = None,
) -> Risen:
    """Hold measures against limits on days of change, and find where a graver level is reached.

    measure, limit  int64[k]  thousandths; a negative limit stands for none: nothing is reached
    remembered      int64[entities]  how grave each counts as at the as-of date, at least
    """
    reached = np.full(len(keys), -1, np.int64)
    may = np.flatnonzero((measure > 0) & (limit >= 0))
    for number, level in enumerate(levels):
        above = measure[may] > share_floor(limit[may], level.above)
        reached[may[above]] = number
    severity = np.array([level.severity for level in levels], np.int64)
    holds = np.array([level.holds for level in levels], np.int64)
    grave = np.append(graveness(severity, holds), 0)[reached]
    start = keys % WIDTH == 0
    before = grave.copy()
    if remembered is not None:
        before[start] = np.maximum(before[start], remembered)
    before = np.append(0, before[:-1])[: len(keys)]
    place = np.flatnonzero((grave > before) & ~start)
    passed = np.array([level.above for level in levels], np.int64)[reached[place]]
    return Risen(place, grave[place], _excess(measure[place], limit[place], passed, currency))


def _excess(measure: Array, limit: Array, above: Array, currency: str) -> Array:
    """Give by how much each measure is above its threshold: int64[k]."""
    floor, rest = np.zeros((2, len(measure)), np.int64)
    for share in np.unique(above).tolist():
        chosen = above == share
        floor[chosen] = share_floor(limit[chosen], share)
        rest[chosen] = share_rest(limit[chosen], share)
    return excess_of(measure, floor, rest, currency)
