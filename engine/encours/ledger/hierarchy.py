"""Parents of customers: missing ones, cycles, depth and roots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

NONE = -1


@dataclass(frozen=True)
class Hierarchy:
    """The forest of parties.

    parent  int32[c]  code of the parent, -1 at a root; no cycles
    root    int32[c]  code of the root party, itself at a root
    depth   int32[c]  number of ancestors
    """

    parent: Array
    root: Array
    depth: Array

    def sum_descendants(self, values: Array) -> Array:
        """Give per party the sum over itself and all its descendants: int64[c] of int64[c]."""
        sums: Array = values.copy()
        for depth in range(int(self.depth.max(initial=0)), 0, -1):
            members = np.flatnonzero(self.depth == depth)
            np.add.at(sums, self.parent[members], sums[members])
        return sums


def find_cycles(parent: Array) -> Array:
    """Tell which parties lie on a cycle of parents: bool[c].

    Following parents at least c times from any party that never meets a root ends on a cycle, and
    every member of a cycle is such an end.
    """
    jump = parent.astype(np.int64)
    steps = 1
    while steps <= len(parent):
        jump = np.where(jump >= 0, jump[jump], NONE)
        steps *= 2
    on_cycle = np.zeros(len(parent), bool)
    on_cycle[jump[jump >= 0]] = True
    return on_cycle


def build_hierarchy(parent: Array) -> Hierarchy:
    """Give roots and depths of a forest: int32[c] parents, -1 at a root, free of cycles."""
    root = np.arange(len(parent), dtype=np.int32)
    depth = np.zeros(len(parent), np.int32)
    above = parent.astype(np.int32)
    while (climbing := above >= 0).any():
        root = np.where(climbing, above, root).astype(np.int32)
        depth += climbing
        above = np.where(climbing, parent[above], NONE).astype(np.int32)
    return Hierarchy(parent.astype(np.int32), root, depth)
