"""The order of many rows by numbers, then by a text where those are equal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from encours.kernels.text_order import sort_ties
from encours.ledger.buffers import as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

Array = np.ndarray[Any, np.dtype[Any]]


def order_by(numbers: Sequence[Array], texts: pa.Array | None = None) -> Array:
    """Give the order of n rows by numbers, the first one first, then by a text's bytes: int64[n].

    numbers  integers[n] each, at least one
    texts    string[n]; without texts rows of equal numbers come in any order

    Texts are compared only where all numbers are equal.
    """
    order, same = _by_numbers(numbers)
    if texts is None:
        return order
    sort_ties(as_text(texts), same, order, np.empty_like(order))
    return order


def _by_numbers(numbers: Sequence[Array]) -> tuple[Array, Array]:
    """Give the order of rows, int64[n], and whether each but the first equals the one before."""
    count = len(numbers[0])
    key, span = _packed(numbers)
    if key is None:
        order = np.lexsort(tuple(reversed(numbers)))
        same = np.ones(max(count - 1, 0), bool)
        for column in numbers:
            ordered = column[order]
            same &= ordered[1:] == ordered[:-1]
        return order, same
    if span * count < 1 << 63:
        # With the row in its last digits, what is sorted tells where it was: much quicker than
        # to sort the rows' places.
        key = key * count + np.arange(count)
        key.sort()
        order, key = key % max(count, 1), key // max(count, 1)
    else:
        order = np.argsort(key)
        key = key[order]
    return order, key[1:] == key[:-1]


def _packed(numbers: Sequence[Array]) -> tuple[Array | None, int]:
    """Put the numbers of each row into one below a span, of the same order; None beyond 63 bits."""
    if not len(numbers[0]):
        return np.empty(0, np.int64), 1
    lows = [int(column.min()) for column in numbers]
    spans = [int(column.max()) - low + 1 for column, low in zip(numbers, lows, strict=True)]
    span = math.prod(spans)
    if span >= 1 << 63:
        return None, span
    key = np.zeros(len(numbers[0]), np.int64)
    for column, low, width in zip(numbers, lows, spans, strict=True):
        key *= width
        key += column.astype(np.int64) - low
    return key, span
