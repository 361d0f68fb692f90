"""Items found by rules, added up by account: memory grows with accounts, not with items."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.item_watch import HIT_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, np.dtype[Any]]

_GROUP = ("rule", "place", "key")
_SLACK_ROWS = 1 << 18


def order_by(numbers: Sequence[Array], texts: pa.Array | None = None) -> Array:
    """Give the order of rows by numbers, the first one first, then by the bytes of a text.

    Texts are compared only where all numbers are equal; without texts such rows come in any order.
    """
    count = len(numbers[0])
    key = _packed((*numbers, np.arange(count)))
    if key is None:
        order = np.lexsort(tuple(reversed(numbers)))
    else:
        # With the row in its last digits, what is sorted tells where it was: much quicker than
        # to sort the rows' places.
        key.sort()
        order = key % count
    if count < 2 or texts is None:
        return order
    same = np.ones(count - 1, bool)
    if key is None:
        for column in numbers:
            ordered = column[order]
            same &= ordered[1:] == ordered[:-1]
    else:
        group = key // count
        same = group[1:] == group[:-1]
    tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
    if not len(tied):
        return order
    group = np.cumsum(np.r_[True, ~same])[tied]
    rows = order[tied]
    names = pc.rank(texts.take(pa.array(rows)).cast(pa.binary()), tiebreaker="dense").to_numpy()
    order[tied] = rows[np.lexsort((names, group))]
    return order


def _packed(numbers: Sequence[Array]) -> Array | None:
    """Put the numbers of each row into one of the same order; None where 63 bits are too few."""
    if not numbers or not len(numbers[0]):
        return None
    lows = [int(column.min()) for column in numbers]
    spans = [int(column.max()) - low + 1 for column, low in zip(numbers, lows, strict=True)]
    if math.prod(spans) >= 1 << 63:
        return None
    key = np.zeros(len(numbers[0]), np.int64)
    for column, low, span in zip(numbers, lows, spans, strict=True):
        key *= span
        key += column.astype(np.int64) - low
    return key


def grouped(hits: pa.Table) -> pa.Table:
    """Add hits up by rule, account and key; of each group the worst item stays.

    The order is by rule and account, then by key.
    """
    hits = hits.combine_chunks()
    if not hits.num_rows:
        return hits
    keys = hits.column("key").combine_chunks().dictionary_encode()
    names = keys.dictionary
    by_name = pc.rank(names.cast(pa.binary()), tiebreaker="dense").to_numpy().astype(np.int64)
    key = by_name[keys.indices.to_numpy()]
    rule, place, worst = (hits.column(name).to_numpy() for name in ("rule", "place", "worst"))
    order = order_by((rule, place, key, worst), hits.column("item_id").combine_chunks())
    rule, place, key = rule[order], place[order], key[order]
    is_first = np.r_[
        True, (rule[1:] != rule[:-1]) | (place[1:] != place[:-1]) | (key[1:] != key[:-1])
    ]
    starts = np.flatnonzero(is_first)
    worst_rows = pa.array(order[starts])
    columns = {name: hits.column(name).take(worst_rows) for name in (*_GROUP, "worst", "item_id")}
    for name in ("count", "amount_rc"):
        values = hits.column(name).to_numpy()[order]
        columns[name] = pa.array(np.add.reduceat(values, starts))
    return pa.table({name: columns[name] for name in HIT_SCHEMA.names}, schema=HIT_SCHEMA)


class HitSums:
    """Hits of all units, added up as they come; in any order."""

    def __init__(self) -> None:
        """Start with none."""
        self._sums = HIT_SCHEMA.empty_table()
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0

    def add(self, hits: pa.Table) -> None:
        """Add the hits of a unit."""
        if hits.num_rows:
            self._waiting.append(hits)
            self._waiting_rows += hits.num_rows
        if self._waiting_rows > self._sums.num_rows + _SLACK_ROWS:
            self._join_waiting()

    def result(self) -> pa.Table:
        """Give a row for each rule, account and key, in that order."""
        self._join_waiting()
        return self._sums

    def _join_waiting(self) -> None:
        self._sums = grouped(pa.concat_tables([self._sums, *self._waiting]))
        self._waiting, self._waiting_rows = [], 0
