"""Items found by rules, added up by account: memory grows with accounts, not with items."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.item_watch import HIT_SCHEMA
from encours.ledger.ordering import order_by

Array = np.ndarray[Any, np.dtype[Any]]

_GROUP = ("rule", "place", "key")
_SLACK_ROWS = 1 << 18


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
