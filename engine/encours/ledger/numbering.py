"""Dense numbers for keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from encours.kernels.keys import assign_ids

Array = np.ndarray[Any, np.dtype[Any]]


def number_keys(key: Array, out_distinct: Array | None = None) -> Array:
    """Number integer keys by first appearance: int32[n] of int64[n].

    out_distinct  int64[n]  written: the key of each number
    """
    ids = np.empty(len(key), np.int32)
    distinct = np.empty(len(key), np.int64) if out_distinct is None else out_distinct
    slots = np.full(1 << (2 * len(key) + 2).bit_length(), -1, np.int32)
    assign_ids(np.ascontiguousarray(key), slots, distinct, 0, ids)
    return ids
