"""Insured cover, item by item and day by day (DOMAIN 7).

A pool is what one policy grants to one party, for a segment or for all: one revolving ceiling.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.naive.arithmetic import rounded
from tests.naive.contract import EXPONENTS
from tests.naive.exposure import RECOURSE_DAYS, column_of
from tests.naive.items import Item
from tests.naive.laws import ONE_DAY
from tests.naive.limits import ZERO, Key, LimitBook, is_policy_in_force, policy_row
from tests.naive.rows import Row

LAYERS = ("primary", "top_up", "discretionary")
INSURABLE_TYPES = ("invoice", "debit_note", "bill_of_exchange")
POLICY_DEFAULTS = {
    "tax_base": "incl",
    "max_credit_days": None,
    "max_extension_days": 60,
    "notify_after_days": 90,
    "binding_orders_days": 0,
    "dispute_grace_days": 60,
    "insured_percent": None,
}
NO_BOUND = Fraction(10**30)

State = dict["Pool", dict[str, Fraction]]
"""Per pool and item id what is covered."""


@dataclass(eq=False)
class Pool:
    """One revolving ceiling, with the items that it may cover in the order of delivery."""

    scope: str
    party: str
    segment: str | None
    policy: str | None
    rows: list[Row] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    rank: tuple[Any, ...] = ()


@dataclass
class Cover:
    """What insurance covers at the as-of date."""

    by_item: dict[str, Fraction]
    by_account: dict[Key, Fraction]
    insured_share: dict[Key, Fraction]
    stopped: dict[Key, date]


class Insurance:
    """Works the cover of a whole ledger out."""

    def __init__(self, book: LimitBook, items: list[Item]) -> None:
        """Lay the pools out in the order in which an item fills them."""
        self.book, self.setting = book, book.setting
        self.items = sorted(
            (item for item in items if item["document_type"] in INSURABLE_TYPES),
            key=lambda item: (item["delivery_date"], item["item_id"].encode()),
        )
        self.pools = self._pools()
        self._states: dict[date, State] = {}
        self._confirmed = self._last_confirmed()

    def _pools(self) -> list[Pool]:
        pools: dict[tuple[Any, ...], Pool] = {}
        for row in self.book.rows:
            if row["kind"] == "insured":
                key = (row["scope"], row["party_id"], row["credit_segment"], row["policy"])
                pools.setdefault(key, Pool(*key)).rows.append(row)
        for pool in pools.values():
            layer = min(LAYERS.index(row["layer"]) for row in pool.rows)
            level = (0, 0) if pool.scope == "account" else (1, -self._depth(pool.party))
            shared = pool.segment is None
            pool.rank = (*level, shared, layer, (pool.policy or "").encode())
            pool.items = [item for item in self.items if self._is_of(pool, item)]
        return sorted(pools.values(), key=lambda pool: pool.rank)

    def _depth(self, party: str) -> int:
        return len(self._chain(party))

    def _chain(self, party: str) -> list[str]:
        chain = [party]
        while chain[-1] in self.setting.ledger.parents:
            chain.append(self.setting.ledger.parents[chain[-1]])
        return chain

    def _is_of(self, pool: Pool, item: Item) -> bool:
        if pool.segment not in {None, item.credit_segment}:
            return False
        if pool.scope == "account":
            return item.credit_account == pool.party
        known = pool.party in self.setting.ledger.customers
        return known and pool.party in self._chain(item["customer_id"])

    def _last_confirmed(self) -> dict[tuple[str, ...], date]:
        """Give per order the latest day on which a part of it was confirmed."""
        found: dict[tuple[str, ...], date] = {}
        for row in self.setting.ledger.commitments:
            if row["order_id"] and row["document_date"]:
                key = (row["company_code"], row["customer_id"], row["order_id"])
                found[key] = max(row["document_date"], found.get(key, row["document_date"]))
        return found

    # -- ceilings

    def ceiling(self, pool: Pool, day: date) -> Fraction:
        """Give what the layers of a pool add up to on a day."""
        if not is_policy_in_force(self.setting, pool.policy, day):
            return ZERO
        rows = [
            row
            for row in self.book.in_force(pool.scope, pool.party, "insured", day)
            if (row["credit_segment"], row["policy"]) == (pool.segment, pool.policy)
        ]
        if any(row["unlimited"] for row in rows):
            return NO_BOUND
        return self.book.total(rows)

    def cut_days(self, pool: Pool, last: date) -> list[date]:
        """Give the days up to `last` on which the ceiling falls."""
        days = set()
        policies = self.setting.ledger.tables["policies"].rows
        for row in [*pool.rows, *(one for one in policies if one["policy"] == pool.policy)]:
            days |= {row["valid_from"], row.get("withdrawn_on")}
            if row["valid_to"] is not None:
                days.add(row["valid_to"] + ONE_DAY)
        days.discard(None)
        return [
            day
            for day in sorted(days)
            if day <= last and self.ceiling(pool, day) < self.ceiling(pool, day - ONE_DAY)
        ]

    def _ceiling_of(self, pool: Pool, item: Item) -> Fraction:
        """Give the limit that an item was delivered under, binding orders included."""
        delivered = item["delivery_date"]
        limit = self.ceiling(pool, delivered)
        if item["order_id"] is None:
            return limit
        order = (item["company_code"], item["customer_id"], item["order_id"])
        confirmed = self._confirmed.get(order)
        for day in self.cut_days(pool, delivered):
            bound = timedelta(days=self.fact(pool, "binding_orders_days"))
            before = confirmed is None or confirmed < day
            if before and delivered < day + bound:
                limit = max(limit, self.ceiling(pool, day - ONE_DAY))
        return limit

    def fact(self, pool: Pool, name: str) -> Any:
        """Give a term of the pool's policy, its default where the policy says nothing."""
        row = policy_row(self.setting, pool.policy, self.setting.as_of)
        value = row[name] if row is not None else None
        return POLICY_DEFAULTS[name] if value is None else value

    # -- what can be covered

    def base(self, pool: Pool, item: Item, day: date) -> Fraction:
        """Give what of an item is insurable on a day, on the policy's tax base."""
        amount, open_amount = item["amount"], open_on(item, day)
        if amount <= 0 or open_amount <= 0 or item["delivery_date"] > day:
            return ZERO
        if not self._is_own_risk(item, day) or self._is_excluded(pool, item, day):
            return ZERO
        worth = self.setting.in_reporting(open_amount, item["currency"])
        if self.fact(pool, "tax_base") == "incl":
            return worth
        net = rounded(
            open_amount * (amount - (item["tax_amount"] or ZERO)) / amount,
            EXPONENTS[item["currency"]],
        )
        return min(worth, max(ZERO, self.setting.in_reporting(net, item["currency"])))

    def _is_own_risk(self, item: Item, day: date) -> bool:
        if item["financing"] in {"factored_no_recourse", "securitised"}:
            return False
        recourse = column_of(item) == "financed_with_recourse"
        return not recourse or day <= item["due_date"] + RECOURSE_DAYS

    def _is_excluded(self, pool: Pool, item: Item, day: date) -> bool:
        """Say whether a long dispute or a long credit term keeps an item out."""
        begun = item["disputed_from"] or item["document_date"]
        ended = item["disputed_to"] is not None and item["disputed_to"] < day
        starts_later = item["disputed_from"] is not None and item["disputed_from"] > day
        is_disputed = item["disputed"] and not ended and not starts_later
        if is_disputed and (day - begun).days >= self.fact(pool, "dispute_grace_days"):
            return True
        longest = self.fact(pool, "max_credit_days")
        term = (original_due(item) - item["document_date"]).days
        return longest is not None and term > longest

    def stopping(self, pool: Pool, day: date) -> list[tuple[date, Item]]:
        """Give the items that keep cover stopped on a day, each with the day on which it began."""
        first = min(row["valid_from"] for row in pool.rows)
        extension = timedelta(days=self.fact(pool, "max_extension_days") + 1)
        return [
            (original_due(item) + extension, item)
            for item in pool.items
            if item["delivery_date"] >= first and self.base(pool, item, day) > 0
            if item["delivery_date"] < original_due(item) + extension <= day
        ]

    def stop(self, pool: Pool, day: date) -> tuple[date, str] | None:
        """Give the first day of the stop of cover that holds on a day, and the item behind it."""
        stops = [(begun, item["item_id"]) for begun, item in self.stopping(pool, day)]
        return min(stops, default=None, key=lambda one: one[0])

    def insurable(self, key: Key) -> Fraction:
        """Add up what of an account's items is insurable, each by the pool that takes most."""
        return sum((base for _, base in self.insurable_items(key)), ZERO)

    def insurable_items(self, key: Key) -> list[tuple[Item, Fraction]]:
        """Give the insurable items of an account, and what of each is insurable."""
        day = self.setting.as_of
        found = []
        for item in self.items:
            if (item.credit_segment, item.credit_account) == key:
                bases = [self.base(pool, item, day) for pool in self.pools if item in pool.items]
                found.append((item, max(bases, default=ZERO)))
        return [(item, base) for item, base in found if base > 0]

    # -- cover

    def state(self, day: date) -> State:
        """Give what every pool covers at the end of a day."""
        if day not in self._states:
            self._states[day] = self._state(day)
        return self._states[day]

    def _state(self, day: date) -> State:
        covered: State = {}
        left: dict[str, Fraction] = {}
        for pool in self.pools:
            covered[pool] = self._pool_cover(pool, day, left)
        return covered

    def _pool_cover(self, pool: Pool, day: date, left: dict[str, Fraction]) -> dict[str, Fraction]:
        """Fill one pool with what earlier pools left open.

        left  per item what earlier pools cover of it; this pool's share is added
        """
        cuts = self.cut_days(pool, day)
        caps = self.state(cuts[-1] - ONE_DAY)[pool] if cuts else {}
        stopped = self.stop(pool, day)
        stop = stopped[0] if stopped else None
        used = ZERO
        covered = {}
        for item in pool.items:
            item_id, delivered = item["item_id"], item["delivery_date"]
            base = self.base(pool, item, day) - left.get(item_id, ZERO)
            amount = max(ZERO, min(base, self._ceiling_of(pool, item) - used))
            if cuts and delivered < cuts[-1]:
                amount = min(amount, caps[item_id])
            if stop is not None and delivered >= stop:
                amount = ZERO
            used += amount
            covered[item_id] = amount
            left[item_id] = left.get(item_id, ZERO) + amount
        return covered

    def percent(self, pool: Pool) -> Fraction:
        """Give the share of a loss that the insurer pays."""
        day = self.setting.as_of
        rows = sorted(
            pool.rows,
            key=lambda row: (
                -LAYERS.index(row["layer"]),
                row["valid_from"],
                row["limit_id"].encode(),
            ),
        )
        rows = [row for row in rows if row["valid_from"] <= day]
        own = rows[-1]["coverage_percent"] if rows else None
        percent = own if own is not None else self.fact(pool, "insured_percent")
        return Fraction(percent or 0)

    def at_as_of(self, exposures: dict[Key, Fraction]) -> Cover:
        """Give the cover of items and accounts at the as-of date."""
        state = self.state(self.setting.as_of)
        by_item: dict[str, Fraction] = defaultdict(Fraction)
        room = {key: max(ZERO, exposure) for key, exposure in exposures.items()}
        by_account: dict[Key, Fraction] = defaultdict(Fraction)
        share: dict[Key, Fraction] = defaultdict(Fraction)
        digits = EXPONENTS[self.setting.reporting_currency]
        for pool in self.pools:
            of_pool: dict[Key, Fraction] = defaultdict(Fraction)
            for item in pool.items:
                amount = state[pool][item["item_id"]]
                by_item[item["item_id"]] += amount
                if amount:
                    of_pool[item.credit_segment, item.credit_account] += amount
            for key, amount in of_pool.items():
                counted = min(amount, room[key])
                room[key] -= counted
                by_account[key] += counted
                share[key] += rounded(counted * self.percent(pool) / 100, digits)
        return Cover(by_item, by_account, share, {})


def open_on(item: Item, day: date) -> Fraction:
    """Give what is open of an item at the end of a day, by the posting dates of allocations.

    An item that was delivered by then and posted later counts: cover attaches at delivery.
    """
    if not item.has_allocation:
        return item.open_amount
    posted = (row["amount"] for row in item.posted if row["posting_date"] <= day)
    amount: Fraction = item["amount"]
    return amount - sum(posted, ZERO)


def original_due(item: Item) -> date:
    """Give the due date that the insurer looks at."""
    due: date = item["original_due_date"] or item["due_date"]
    return due


def guarantees_of(
    book: LimitBook, exposures: dict[Key, Fraction], share: dict[Key, Fraction]
) -> dict[Key, Fraction]:
    """Give the pledged amounts of every account; a shared one fills the accounts in turn."""
    day = book.setting.as_of
    by_party: dict[str, list[Key]] = defaultdict(list)
    for key in sorted(exposures, key=lambda one: one[0].encode()):
        by_party[key[1]].append(key)
    found: dict[Key, Fraction] = {}
    for party, keys in by_party.items():
        rows = book.in_force("account", party, "guarantee", day)
        for key in keys:
            found[key] = book.total(row for row in rows if row["credit_segment"] == key[0])
        rest = book.total(row for row in rows if row["credit_segment"] is None)
        for key in keys:
            room = max(ZERO, exposures[key]) - share.get(key, ZERO) - found[key]
            taken = min(rest, max(ZERO, room))
            found[key] += taken
            rest -= taken
        found[keys[0]] += rest
    return found
