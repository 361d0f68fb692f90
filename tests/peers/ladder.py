"""The peer's ageing buckets as ranges of days, and bounds of the engine that cut at those days."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Final

from tests.peers.cases import Fields

DEFAULT_BOUNDS: Final = (30, 60, 90, 180)


@dataclass(frozen=True)
class DayRange:
    """A bucket of the peer: days past due above `low` and up to `high`; None has no end."""

    label: str
    low: int | None
    high: int | None

    def holds(self, other: DayRange) -> bool:
        """Whether the other range lies within this one."""
        low = self.low is None or (other.low is not None and other.low >= self.low)
        high = self.high is None or (other.high is not None and other.high <= self.high)
        return low and high


@dataclass(frozen=True)
class Ladder:
    """The peer's buckets in order, and bounds for the engine that cut wherever the peer cuts."""

    ranges: tuple[DayRange, ...]
    bounds: tuple[int, ...]


def read_ladder(config: Fields, as_of: date) -> Ladder:
    """Give the ladder that a case's configuration describes; without one, the engine's own."""
    ranges = tuple(_ranges(config, as_of))
    given = [edge for one in ranges for edge in (one.low, one.high) if edge is not None]
    edges = {edge for edge in given if edge > 0}
    return Ladder(ranges, tuple(sorted(edges)) or DEFAULT_BOUNDS)


def engine_range(bucket: str) -> DayRange | None:
    """Give the days of a published bucket; None for credits that stand in no bucket."""
    if bucket == "not_due" or bucket.startswith("due_"):
        return DayRange(bucket, None, 0)
    if match := re.fullmatch(r"(\d+)-(\d+)", bucket):
        return DayRange(bucket, int(match[1]) - 1, int(match[2]))
    if match := re.fullmatch(r">(\d+)", bucket):
        return DayRange(bucket, int(match[1]), None)
    return None


def class_range(label: str) -> DayRange | None:
    """Give the days of a class as a peer writes it: `50 - 100`, `> 100`, `not due`."""
    if label.lower() in {"not due", "current"}:
        return DayRange(label, None, 0)
    numbers = [int(text) for text in re.findall(r"\d+", label)]
    if len(numbers) == 2:
        return DayRange(label, numbers[0] or None, numbers[1])
    if len(numbers) == 1 and re.search(r">|\+|over|above", label):
        return DayRange(label, numbers[0], None)
    return None


def _ranges(config: Fields, as_of: date) -> list[DayRange]:
    if "buckets_upper_days" in config:
        return _from_bounds([int(bound) for bound in config["buckets_upper_days"]])
    if "class_bounds" in config:
        return _from_bounds([int(bound) for bound in config["class_bounds"] if int(bound) > 0])
    if "unit" in config:
        count = int(config.get("bucket_count", 14))
        bounds = _period_bounds(str(config["unit"]), count - 2, as_of)
        return _from_bounds([0, *bounds], counted=True)
    buckets = config.get("buckets", ())
    named = [_named(bucket) if isinstance(bucket, dict) else _written(bucket) for bucket in buckets]
    return [one for one in named if one is not None]


def _from_bounds(bounds: Sequence[int], *, counted: bool = False) -> list[DayRange]:
    """Give the ranges between bounds; what is not due stands in the first."""
    edges: list[int | None] = [None, *bounds, None]
    return [
        DayRange(str(i) if counted else f"up to {high}", low, high)
        for i, (low, high) in enumerate(pairwise(edges))
    ]


def _named(bucket: dict[str, Any]) -> DayRange:
    last = bucket.get("to")
    return DayRange(
        str(bucket["name"]), int(bucket["from"]) - 1, None if last is None else int(last)
    )


def _written(text: str) -> DayRange | None:
    """Read `0-30` or `>365`; a first bucket from 0 also holds what is not due."""
    if match := re.fullmatch(r"(\d+)-(\d+)", text):
        first = int(match[1])
        return DayRange(text, first - 1 if first else None, int(match[2]))
    if match := re.fullmatch(r">\s*(\d+)", text):
        return DayRange(text, int(match[1]), None)
    return None


def _period_bounds(unit: str, count: int, as_of: date) -> list[int]:
    """Give the days past due at which each of so many calendar periods before the day ends."""
    if unit == "month":
        return [(as_of - _months_before(as_of, k)).days for k in range(1, count + 1)]
    length = 7 if unit == "week" else 1
    return [length * k for k in range(1, count + 1)]


def _months_before(day: date, months: int) -> date:
    """Give the same day of an earlier month, or that month's last day where it is shorter."""
    number = day.year * 12 + day.month - 1 - months
    year, month = divmod(number, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
