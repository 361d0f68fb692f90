"""How exposures move in the next days, as orders enter the horizon (DOMAIN 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encours.calc.exposure import POSITION_SUMS, build_positions
from encours.calc.lines import line_of_key
from encours.calc.sums import KeyedSums

if TYPE_CHECKING:
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
    keys = line_of_key(lines.keys, company_count)
    pair = keys.customer_code.astype(np.int64) * company_count + keys.company_code
    touched = np.unique(entering.pair)
    own_lines = _chosen(lines, np.isin(pair, touched))
    own = _chosen(committed.sums, np.isin(committed.sums.keys, touched))
    # In turns: the first order of every position, then the second, which counts with the first.
    key = positions.customer_code.astype(np.int64) * company_count + positions.company_code
    by_key = np.argsort(key)
    place = by_key[np.searchsorted(key, entering.pair[order], sorter=by_key)]
    parts: list[tuple[Array, Array, Array]] = []
    exposure = positions.exposure.copy()
    turn = _turns(entering.pair[order])
    for number in range(int(turn.max(initial=-1)) + 1):
        chosen = order[turn == number]
        values = np.zeros((len(chosen), len(POSITION_SUMS)), np.int64)
        values[:, _OPEN_ORDERS] = entering.left_rc[chosen]
        values[:, _BEYOND] = -entering.left_rc[chosen]
        values[:, _BALANCE] = entering.used_rc[chosen]
        own.add(entering.pair[chosen], values)
        now = build_positions(own_lines, own, context)
        named = now.customer_code.astype(np.int64) * company_count + now.company_code
        by_name = np.argsort(named)
        at = by_name[np.searchsorted(named, entering.pair[chosen], sorter=by_name)]
        where = place[turn == number]
        delta = now.exposure[at] - exposure[where]
        exposure[where] += delta
        parts.append((where, entering.day[chosen], delta))
    if not parts:
        nothing = np.empty(0, np.int64)
        return Exposed(nothing, np.empty(0, np.int32), nothing)
    found = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    by_day = np.argsort(found[1], kind="stable")
    return Exposed(found[0][by_day], found[1][by_day].astype(np.int32), found[2][by_day])


def _turns(keys: Array) -> Array:
    """Count how often each key came before: int64[n] of int64[n]."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.empty(0, bool)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(ordered)), 0))
    turns = np.empty(len(ordered), np.int64)
    turns[order] = np.arange(len(ordered)) - first
    return turns


def _chosen(sums: KeyedSums, chosen: Array) -> KeyedSums:
    """Give some keys with their sums, in their order."""
    found = KeyedSums(sums.sums.shape[1])
    found.add(sums.keys[chosen], sums.sums[chosen], sums.minimum[chosen])
    return found
