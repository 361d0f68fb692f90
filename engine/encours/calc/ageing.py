"""Ageing buckets: their names and places, and credits set against the oldest (DOMAIN 4)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, np.dtype[Any]]

UNALLOCATED = "unallocated"


def bucket_labels(bounds: Sequence[int], not_due_bounds: Sequence[int]) -> tuple[str, ...]:
    """Name the buckets by position: not due (farthest first), late, unallocated.

    >>> bucket_labels([30, 60], [])
    ('not_due', '1-30', '31-60', '>60', 'unallocated')
    >>> bucket_labels([30], [30, 60])
    ('due_>60', 'due_31-60', 'due_0-30', '1-30', '>30', 'unallocated')
    """
    not_due = ["not_due"]
    if not_due_bounds:
        steps = [-1, *not_due_bounds]
        not_due = [f"due_{low + 1}-{high}" for low, high in pairwise(steps)]
        not_due = [*not_due, f"due_>{steps[-1]}"][::-1]
    late = [f"{low + 1}-{high}" for low, high in pairwise([0, *bounds])]
    return (*not_due, *late, f">{bounds[-1]}", UNALLOCATED)


def set_credits_against_oldest(buckets: Array) -> Array:
    """Reduce each line's buckets by its credits, from the oldest down: int64[l, b] of int64[l, b].

    The last column holds the credits (negative); what exceeds the debts stays there. Every row
    keeps its sum.
    """
    reduced: Array = buckets.copy()
    left = -reduced[:, -1]
    for position in range(buckets.shape[1] - 2, -1, -1):
        used = np.minimum(left, np.maximum(reduced[:, position], 0))
        reduced[:, position] -= used
        left = left - used
    reduced[:, -1] = -left
    return reduced
