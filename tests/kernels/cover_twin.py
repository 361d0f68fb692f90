"""Insured cover once more: plain Python, day by day, from rows of limits (DOMAIN 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

LAYERS = 3
NO_BOUND = Fraction(10**30)
NEVER = 10**9

Limit = Mapping[str, Any]
"""A row of insured limits: party, segment, policy, layer, amount (None: unlimited), start, end."""


@dataclass(frozen=True)
class Policy:
    """Terms of a policy, and the day on which it ends."""

    name: str | None
    start: int = -NEVER
    end: int = NEVER
    is_net: bool = False
    grace: int = 60
    credit_days: int = NEVER
    extension: int = 60
    binding: int = 0


@dataclass(frozen=True)
class Item:
    """An item with what was open of it: `states` are (first day, gross, net), by day."""

    item_id: str
    party: str
    segment: str
    delivered: int
    due: int
    states: tuple[tuple[int, int, int], ...]
    term: int = 30
    disputed: int | None = None
    dispute_end: int = NEVER
    has_order: bool = False
    confirmed: int | None = None


@dataclass
class Pool:
    """One ceiling: party, segment (None: all) and policy."""

    party: str
    segment: str | None
    policy: Policy
    rows: list[Limit] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """Name it."""
        return self.party, self.segment, self.policy.name

    def ceiling(self, day: int) -> Fraction:
        """Add up, layer by layer, the limit that began last by a day, if it is still in force."""
        if not self.policy.start <= day <= self.policy.end:
            return Fraction(0)
        total = Fraction(0)
        for layer in range(LAYERS):
            begun = [row for row in self.rows if row["layer"] == layer and row["start"] <= day]
            if begun:
                last = max(begun, key=lambda row: (row["start"], row["limit_id"].encode()))
                if last["end"] >= day:
                    total += NO_BOUND if last["amount"] is None else last["amount"]
        return total

    def cuts(self, last: int) -> list[int]:
        """Give every day up to `last` on which the ceiling falls."""
        days = {row[name] + 1 for row in self.rows for name in ("start", "end")}
        days |= {row["start"] for row in self.rows} | {self.policy.end + 1, self.policy.start}
        return [
            day for day in sorted(days) if day <= last and self.ceiling(day) < self.ceiling(day - 1)
        ]

    def ceiling_of(self, item: Item) -> Fraction:
        """Give the ceiling that an item was delivered under."""
        best = self.ceiling(item.delivered)
        for cut in self.cuts(item.delivered):
            is_old = item.has_order and (item.confirmed is None or item.confirmed < cut)
            if is_old and item.delivered < cut + self.policy.binding:
                best = max(best, self.ceiling(cut - 1))
        return best

    def base(self, item: Item, day: int) -> Fraction:
        """Give what of an item is insurable on a day."""
        policy = self.policy
        if item.delivered > day or item.term > policy.credit_days:
            return Fraction(0)
        is_disputed = item.disputed is not None and item.dispute_end >= day
        if is_disputed and day - (item.disputed or 0) >= policy.grace:
            return Fraction(0)
        states = [state for state in item.states if state[0] <= day]
        return Fraction(states[-1][2 if policy.is_net else 1]) if states else Fraction(0)

    def stop(self, items: Sequence[Item], day: int) -> int:
        """Give the first day of the stop of cover that holds on a day."""
        first = min(row["start"] for row in self.rows)
        late = [
            passed
            for item in items
            if item.delivered >= first and self.base(item, day) > 0
            if item.delivered < (passed := item.due + self.policy.extension + 1) <= day
        ]
        return min(late, default=NEVER)


def pools_of(limits: Sequence[Limit], policies: Mapping[str | None, Policy]) -> list[Pool]:
    """Lay pools out in the order in which items fill them."""
    pools: dict[tuple[str, str | None, str | None], Pool] = {}
    for row in limits:
        key = (row["party"], row["segment"], row["policy"])
        pool = Pool(
            row["party"], row["segment"], policies.get(row["policy"], Policy(row["policy"]))
        )
        pools.setdefault(key, pool).rows.append(row)
    return sorted(
        pools.values(),
        key=lambda pool: (
            pool.party,
            pool.segment is None,
            min(row["layer"] for row in pool.rows),
            (pool.policy.name or "").encode(),
        ),
    )


def cover_on(
    pools: Sequence[Pool], items: Sequence[Item], day: int
) -> dict[tuple[Any, ...], dict[str, Fraction]]:
    """Give what each pool covers of each item on a day."""
    ordered = sorted(items, key=lambda item: (item.delivered, item.item_id.encode()))
    left: dict[str, Fraction] = {}
    covered: dict[tuple[Any, ...], dict[str, Fraction]] = {}
    for pool in pools:
        own = [
            item
            for item in ordered
            if item.party == pool.party and pool.segment in {None, item.segment}
        ]
        cuts = pool.cuts(day)
        before = cover_on(pools, items, cuts[-1] - 1)[pool.key] if cuts else {}
        stop = pool.stop(own, day)
        used = Fraction(0)
        covered[pool.key] = {}
        for item in own:
            room = min(
                pool.base(item, day) - left.get(item.item_id, 0), pool.ceiling_of(item) - used
            )
            if cuts and item.delivered < cuts[-1]:
                room = min(room, before[item.item_id])
            amount = max(room, Fraction(0)) if item.delivered < stop else Fraction(0)
            used += amount
            left[item.item_id] = left.get(item.item_id, Fraction(0)) + amount
            covered[pool.key][item.item_id] = amount
    return covered
