"""Partial sums of a work unit, and their combination: integers, in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from encours.kernels.keys import assign_ids
from encours.kernels.totals import add_rows, sum_by_code
from encours.ledger.master import CURRENCIES
from encours_schemas.errors import ControlFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Array = np.ndarray[Any, np.dtype[Any]]

NO_MINIMUM = np.iinfo(np.int32).max
STRETCH_ROWS = 65_536
"""Rows that are worked on at once where there is one per account or line."""


def stretches(count: int) -> Iterator[slice]:
    """Give all rows, so many at once that what is worked out on the way does not weigh."""
    for start in range(0, count, STRETCH_ROWS):
        yield slice(start, min(start + STRETCH_ROWS, count))


class KeyedSums:
    """Sums of several columns by an integer key, growing with the keys alone.

    keys     int64[k]     in order of first appearance
    sums     int64[k, w]  checked additions: an overflow is an error, it never wraps
    minimum  int32[k]     least of one day per row

    What these give lies in the memory of the sums: it is to be let go of before more is added.
    """

    def __init__(self, width: int) -> None:
        """Start empty, with `width` summed columns."""
        self._width = width
        self.clear()

    def clear(self) -> None:
        """Let go of all keys and sums."""
        self.count = 0
        self._keys = np.empty(0, np.int64)
        self._sums = np.empty((0, self._width), np.int64)
        self._minimum = np.empty(0, np.int32)
        self._slots = np.full(16, -1, np.int32)

    @property
    def room(self) -> tuple[Array, Array]:
        """Give sums and least days with room for more keys, for kernels that add by place."""
        return self._sums, self._minimum

    @property
    def keys(self) -> Array:
        """Give the keys met so far."""
        return self._keys[: self.count]

    @property
    def sums(self) -> Array:
        """Give the sums of each key."""
        return self._sums[: self.count]

    @property
    def minimum(self) -> Array:
        """Give the least day of each key, `NO_MINIMUM` where no row had one."""
        return self._minimum[: self.count]

    def add(self, key: Array, values: Array, minimum: Array | None = None) -> None:
        """Add rows: int64[n] keys, int64[n, w] values, int32[n] days.

        Raises ControlFailed (70) when a sum leaves 64 bits.
        """
        if not len(key):
            return
        ids = self.number(key)
        if minimum is None:
            minimum = np.full(len(key), NO_MINIMUM, np.int32)
        values = np.ascontiguousarray(values)
        require_within(add_rows(ids, values, minimum, self._sums, self._minimum))

    def number(self, key: Array) -> Array:
        """Give the place of each key's sums, int32[n] of int64[n]; new ones begin with zero."""
        self._make_findable(len(key))
        ids = np.empty(len(key), np.int32)
        before = self.count
        self.count = int(assign_ids(key, self._slots, self._keys, self.count, ids))
        if self.count > len(self._minimum):
            # Only now is known how many keys are new: few, where rows share them.
            self._resize_sums(max(self.count, len(self._minimum) * 5 // 4))
        self._sums[before : self.count] = 0
        self._minimum[before : self.count] = NO_MINIMUM
        return ids

    def merge(self, other: KeyedSums) -> None:
        """Add the sums of another unit."""
        self.add(other.keys, other.sums, other.minimum)

    def trim(self) -> None:
        """Give the room for further keys back: all is added, or all for a while."""
        self._keys.resize(self.count, refcheck=False)
        self._resize_sums(self.count)
        self._slots = np.full(16, -1, np.int32)

    def _resize_sums(self, capacity: int) -> None:
        """Have room for the sums of so many keys in all.

        Large arrays grow where they lie: a copy would need the memory twice.
        """
        self._sums.resize((capacity, self._width), refcheck=False)
        self._minimum.resize(capacity, refcheck=False)

    def reserve(self, more: int) -> None:
        """Make room at once for so many keys beyond those that are there."""
        self._make_findable(more)
        self._resize_sums(self.count + more)

    def _make_findable(self, more: int) -> None:
        """Let so many rows be looked up, each of which may bring a new key."""
        needed = self.count + more
        if needed > len(self._keys):
            self._keys.resize(max(needed, len(self._keys) * 5 // 4), refcheck=False)
        if 2 * needed > len(self._slots):
            self._slots = np.full(1 << (2 * needed).bit_length(), -1, np.int32)
            again = np.empty(self.count, np.int32)
            known = self.keys.copy()
            assign_ids(known, self._slots, self._keys, 0, again)


def joined_sums(parts: list[KeyedSums]) -> KeyedSums:
    """Give the sums of all parts together, at least one; the others are added to the first."""
    first, *others = parts
    for other in others:
        first.merge(other)
    return first


def require_within(overflow: int) -> None:
    """Refuse sums that have left their range: ControlFailed (70) unless `overflow` is negative."""
    if overflow >= 0:
        raise ControlFailed(
            what="a sum of amounts is larger than 64 bits of thousandths",
            expected="amounts and sums of at most 15 digits before the point",
            cure="correct the largest amounts of the ledger",
        )


@dataclass
class CurrencyTotals:
    """Exact totals per currency, by name; Python integers of thousandths, so that none can wrap."""

    totals: dict[str, list[int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, currency_code: Array, milli: Array, chosen: Array) -> None:
        """Add the chosen rows of an amount column to the totals of `name`."""
        if not milli.any() or not chosen.any():
            return
        high = np.zeros(len(CURRENCIES), np.int64)
        low = np.zeros(len(CURRENCIES), np.int64)
        sum_by_code(currency_code, milli, chosen.astype(np.uint8), high, low)
        present = self.totals.setdefault(name, [0] * len(CURRENCIES))
        for code in np.flatnonzero(high.astype(bool) | low.astype(bool)).tolist():
            present[code] += (int(high[code]) << 32) + int(low[code])

    def count(self, name: str, amount: int) -> None:
        """Count so many rows under `name`."""
        self.counts[name] = self.counts.get(name, 0) + int(amount)

    def merge(self, other: CurrencyTotals) -> None:
        """Add the totals of another unit."""
        for name, amounts in other.totals.items():
            present = self.totals.setdefault(name, [0] * len(CURRENCIES))
            for code, amount in enumerate(amounts):
                present[code] += amount
        for name, amount in other.counts.items():
            self.count(name, amount)

    def of(self, name: str) -> Mapping[str, int]:
        """Give the totals of a name by currency, in thousandths; a zero total is absent."""
        amounts = self.totals.get(name, [])
        return {CURRENCIES[code]: amount for code, amount in enumerate(amounts) if amount}
