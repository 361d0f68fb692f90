"""Which level of a rule is reached, and which hold stays because it ends lower than it began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

Array = np.ndarray[Any, np.dtype[Any]]

HOLD_BITS: Final = {"orders": 1, "deliveries": 2, "production": 4}
WARNING, BREACH = 1, 2
SEVERITY_CODES: Final = {"warning": WARNING, "breach": BREACH}
SHARE_SCALE: Final = 1000


def hold_bits(holds: Iterable[str]) -> int:
    """Give a list of holds as bits: 1 orders, 2 deliveries, 4 production."""
    return sum(HOLD_BITS[hold] for hold in holds)


def thousandths(share: Decimal) -> int:
    """Give a configured share, which has at most three decimals, in thousandths."""
    return int(share * SHARE_SCALE)


@dataclass(frozen=True)
class Level:
    """One level: reached above `above`, which is thousandths of a limit, or days."""

    above: int
    severity: int
    holds: int


@dataclass(frozen=True)
class Reached:
    """The level of each of k measures.

    place    int64[k]  position of the highest level that is reached, -1 where none is
    is_kept  bool[k]   it is reached only because its hold does not end yet
    """

    place: Array
    is_kept: Array


def share_floor(limit: Array, share: int) -> Array:
    """Give limit x share / 1,000 rounded down: a whole measure is above one where above the other.

    limit  int64[k]  thousandths, not negative; share at most 9,000, so nothing passes 64 bits
    """
    whole, rest = np.divmod(limit, SHARE_SCALE)
    return whole * share + rest * share // SHARE_SCALE


def share_rest(limit: Array, share: int) -> Array:
    """Give what `share_floor` rounds away, in millionths of a unit: int64[k]."""
    rest: Array = limit % SHARE_SCALE * share % SHARE_SCALE
    return rest


def share_ceiling(limit: Array, millionths: int) -> Array:
    """Give limit x millionths / 1,000,000 rounded up: int64[k] of int64[k], not negative."""
    whole, rest = np.divmod(limit, SHARE_SCALE * SHARE_SCALE)
    up: Array = whole * millionths - (-rest * millionths // (SHARE_SCALE * SHARE_SCALE))
    return up


def reach_share(
    measure: Array, limit: Array, levels: Sequence[Level], release: int, held: Array
) -> Reached:
    """Give the level that each measure reaches against its limit (DOMAIN 8).

    measure, limit  int64[k]  thousandths; a limit of zero is passed by any positive measure
    release         thousandths of its threshold below which a hold ends
    held            uint8[k]  holds that the breach asked for in the earlier run
    """
    above = [measure > share_floor(limit, level.above) for level in levels]
    stays = [
        (measure > 0) & (measure >= share_ceiling(limit, level.above * release)) for level in levels
    ]
    return _reach(above, stays, levels, held)


def reach_days(days: Array, levels: Sequence[Level], release: int, held: Array) -> Reached:
    """Give the level that each number of days reaches: int64[k]."""
    above = [days > level.above for level in levels]
    stays = [(days > 0) & (days * SHARE_SCALE >= level.above * release) for level in levels]
    return _reach(above, stays, levels, held)


def _reach(
    above: Sequence[Array], stays: Sequence[Array], levels: Sequence[Level], held: Array
) -> Reached:
    place = np.full(len(held), -1, np.int64)
    is_kept = np.zeros(len(held), bool)
    for number, level in enumerate(levels):
        was_held = (level.holds != 0) & ((held & level.holds) == level.holds)
        kept = ~above[number] & stays[number] & was_held
        place[above[number] | kept] = number
        is_kept = np.where(above[number], False, is_kept | kept)
    return Reached(place, is_kept)


def release_share(limit: Array, levels: Sequence[Level], release: int) -> Array:
    """Give the largest measure at which no hold is asked for any more: int64[k] thousandths.

    -1 where no level asks for a hold.
    """
    holding = [level for level in levels if level.holds]
    if not holding:
        return np.full(len(limit), -1, np.int64)
    return np.maximum(share_ceiling(limit, holding[0].above * release) - 1, 0)
