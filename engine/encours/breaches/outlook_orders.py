"""How exposures move in the next days, as orders enter the horizon (DOMAIN 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encours.calc.exposure import POSITION_SUMS, build_positions
from encours.calc.lines import line_of_key
from encours.calc.sums import KeyedSums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from encours.calc.context import RunContext
    from encours.calc.exposure import Committed, Positions

Array = np.ndarray[Any, np.dtype[Any]]

_OPEN_ORDERS = POSITION_SUMS.index("open_orders")
_BEYOND = POSITION_SUMS.index("orders_beyond_horizon")
_BALANCE = POSITION_SUMS.index("credit_balance")


@dataclass(frozen=True)
class Exposed:
    """How exposures move as orders enter the horizon: m changes, in the order of their days.

    place  int64[m]  position (customer and company code) in the run's positions
    day    int32[m]
    delta  int64[m]  thousandths, what the exposure of the position changes by on that day
    """

    place: Array
    day: Array
    delta: Array


def exposed_by_orders(
    lines: KeyedSums, committed: Committed, positions: Positions, context: RunContext
) -> Exposed:
    """Net the credits of a position again each time that orders of it enter the horizon."""
    entering, company_count = committed.entering, len(context.master.companies.codes)
    order = np.argsort(entering.day, kind="stable")
    key = _pairs(positions.customer_code, positions.company_code, company_count)
    place = _places(key, entering.pair)
    parts: list[tuple[Array, Array, Array]] = []
    exposure = positions.exposure.copy()
    own = committed.sums
    for chosen in _in_turns(entering.pair, order):
        # Only positions with so many orders are netted again: the work grows with the orders.
        pair, where = entering.pair[chosen], place[chosen]
        lines = _of_pairs(lines, _pairs_of_lines(lines, company_count), pair)
        own = _of_pairs(own, own.keys, pair)
        values = np.zeros((len(chosen), len(POSITION_SUMS)), np.int64)
        values[:, _OPEN_ORDERS] = entering.left_rc[chosen]
        values[:, _BEYOND] = -entering.left_rc[chosen]
        values[:, _BALANCE] = entering.used_rc[chosen]
        own.add(pair, values)
        now = build_positions(lines, own, context)
        at = _places(_pairs(now.customer_code, now.company_code, company_count), pair)
        delta = now.exposure[at] - exposure[where]
        exposure[where] += delta
        parts.append((where, entering.day[chosen], delta))
    if not parts:
        nothing = np.empty(0, np.int64)
        return Exposed(nothing, np.empty(0, np.int32), nothing)
    found = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    by_day = np.argsort(found[1], kind="stable")
    return Exposed(found[0][by_day], found[1][by_day].astype(np.int32), found[2][by_day])


def _in_turns(pair: Array, order: Array) -> Iterator[Array]:
    """Give the first order of every position, then the second, which counts with the first.

    pair  int64[e]  position of each order; order int64[e] the orders by day
    """
    turn = _turns(pair[order])
    by_turn = order[np.argsort(turn, kind="stable")]
    yield from np.split(by_turn, np.cumsum(np.bincount(turn))[:-1]) if len(turn) else ()


def _turns(keys: Array) -> Array:
    """Count how often each key came before: int64[n] of int64[n]."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.empty(0, bool)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(ordered)), 0))
    turns = np.empty(len(ordered), np.int64)
    turns[order] = np.arange(len(ordered)) - first
    return turns


def _pairs(customer_code: Array, company_code: Array, company_count: int) -> Array:
    """Give customer and company code as one key: int64[n]."""
    found: Array = customer_code.astype(np.int64) * company_count + company_code
    return found


def _pairs_of_lines(lines: KeyedSums, company_count: int) -> Array:
    """Give the customer and company code of each line as one key: int64[n]."""
    keys = line_of_key(lines.keys, company_count)
    return _pairs(keys.customer_code, keys.company_code, company_count)


def _places(keys: Array, wanted: Array) -> Array:
    """Give where each key stands, all of which are there: int64[k]."""
    order = np.argsort(keys)
    found: Array = order[np.searchsorted(keys, wanted, sorter=order)]
    return found


def _of_pairs(sums: KeyedSums, pairs: Array, wanted: Array) -> KeyedSums:
    """Give the sums of some positions, a copy, in their order; pairs int64[n] of the sums."""
    chosen = np.isin(pairs, wanted)
    found = KeyedSums(sums.sums.shape[1])
    found.add(sums.keys[chosen], sums.sums[chosen], sums.minimum[chosen])
    return found
