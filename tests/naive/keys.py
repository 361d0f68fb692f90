"""Slow twins of the kernels that group and match rows by key: dictionaries, one row at a time."""

from collections.abc import Sequence
from typing import Any

Key = tuple[int, int]


def partition_rows(
    codes: Sequence[int], rows: Sequence[Any], bucket_count: int
) -> tuple[list[int], list[Any]]:
    """Give where each code begins, and the rows code by code; a negative code is left out."""
    groups = [
        [row for code, row in zip(codes, rows, strict=True) if code == wanted]
        for wanted in range(bucket_count)
    ]
    starts = [sum(len(group) for group in groups[:wanted]) for wanted in range(bucket_count + 1)]
    return starts, [row for group in groups for row in group]


def assign_ids(keys: Sequence[int], known: list[int]) -> list[int]:
    """Give each key its place in `known`, which takes new keys at its end."""
    ids = []
    for key in keys:
        if key not in known:
            known.append(key)
        ids.append(known.index(key))
    return ids


def match_shard(
    items: Sequence[Key], allocations: Sequence[Key]
) -> tuple[list[int | None], list[int | None]]:
    """Give the first item with the same key, of items (not themselves) and of allocations."""
    first: dict[Key, int] = {}
    for row, key in enumerate(items):
        first.setdefault(key, row)
    twins = [None if first[key] == row else first[key] for row, key in enumerate(items)]
    return twins, [first.get(key) for key in allocations]


def find_straddling(keys: Sequence[int], units: Sequence[int]) -> set[int]:
    """Name the rows of keys in several units: the first row, and those of other units than its."""
    first: dict[int, int] = {}
    found = set()
    for row, (key, unit) in enumerate(zip(keys, units, strict=True)):
        start = first.setdefault(key, row)
        if units[start] != unit:
            found |= {start, row}
    return found
