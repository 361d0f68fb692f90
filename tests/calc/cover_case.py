"""Small worlds of insured limits and items: drawn, run through the engine's ceilings and read."""

from collections.abc import Sequence
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from encours.calc.cover_ceilings import fill_ceilings
from encours.calc.cover_items import ITEM_RECORD, STATE_RECORD, InsurableItems, in_order
from encours.calc.cover_pools import Insurance, build_insurance
from encours.calc.limits import LimitTables
from encours.kernels.cover import LAST_DAY
from encours.ledger.limits import INSURED, limits_of
from encours.ledger.policies import NO_BOUND, Policies, PolicyTerms
from tests.calc.stand_ins import AS_OF_DAY, EUR, customers, run_context
from tests.kernels.cover_twin import NEVER, Item, Limit, Policy

PARTIES = ("K0", "K1")
SEGMENTS = ("NORTH", "SOUTH")


class _Terms(Policies):
    """Policies of one row each."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        super().__init__(None)
        self._known = {policy.name: policy for policy in policies}

    def is_known(self, policy: str | None) -> bool:
        return policy in self._known

    def terms(self, policy: str | None, day: int) -> PolicyTerms:
        del day
        one = self._known.get(policy, Policy(policy))
        return PolicyTerms(
            is_net_of_tax=one.is_net,
            max_credit_days=NO_BOUND if one.credit_days == NEVER else one.credit_days,
            max_extension_days=one.extension,
            binding_orders_days=one.binding,
            dispute_grace_days=one.grace,
        )

    def stretches(self, policy: str | None) -> list[tuple[int, int]]:
        one = self._known.get(policy)
        return [] if one is None else [(max(one.start, -(2**30)), min(one.end, 2**30))]


def insurance_of(limits: Sequence[Limit], policies: Sequence[Policy] = ()) -> tuple[Insurance, Any]:
    """Lay insured limits out as the engine does; give its context, too."""
    rows = [
        {
            "limit_id": row["limit_id"],
            "party": row["party"],
            "segment": row["segment"],
            "policy": row["policy"],
            "kind_code": INSURED,
            "layer_code": row["layer"],
            "amount_milli": row["amount"] or 0,
            "is_unlimited": row["amount"] is None,
            "currency_code": EUR,
            "from_day": row["start"],
            "to_day": min(row["end"], LAST_DAY),
            "is_group": row.get("is_group", False),
        }
        for row in limits
    ]
    context = run_context(
        customers(len(PARTIES), parents=[-1, 0]), ("1000", "2000"), segments=SEGMENTS
    )
    tables = LimitTables(limits_of(rows), _Terms(policies), None)
    return build_insurance(tables, context), context


def covered_by_engine(
    limits: Sequence[Limit], items: Sequence[Item], policies: Sequence[Policy] = ()
) -> SimpleNamespace:
    """Give what the ceilings cover: by item, and by pool and item, and where cover stopped."""
    insurance, context = insurance_of(limits, policies)
    segments = context.master.companies.segment_names
    known = [
        item for item in items if insurance.cluster_of_customer[PARTIES.index(item.party)] >= 0
    ]
    records = np.zeros(len(known), ITEM_RECORD)
    for record, one in zip(records, known, strict=True):
        party = PARTIES.index(one.party)
        record["cluster"] = insurance.cluster_of_customer[party]
        record["account"], record["customer"] = party, party
        record["segment"] = segments.index(one.segment)
        record["delivery_day"], record["due_day"] = one.delivered, one.due
        record["term_days"] = one.term
        record["disputed_day"] = LAST_DAY if one.disputed is None else one.disputed
        record["dispute_end_day"] = min(one.dispute_end, LAST_DAY)
        record["own_risk_day"] = LAST_DAY
        record["state_count"] = len(one.states)
    states = np.array([state for one in known for state in one.states], STATE_RECORD)
    ids = pa.array([one.item_id for one in known], pa.string())
    order_days = np.array([_order_day(one) for one in known], np.int32)
    ordered = in_order(InsurableItems(records, states, ids), order_days)
    names = ids.take(pa.array(ordered.place)).to_pylist()
    result = fill_ceilings(ordered, insurance)
    found = dict.fromkeys(names, 0)
    by_pool: dict[tuple[Any, ...], dict[str, int]] = {}
    pools = insurance.pools
    for pool, item, milli in zip(*(column.tolist() for column in result[-3:]), strict=True):
        account, segment = int(pools.account[pool]), int(pools.segment[pool])
        policy = int(insurance.facts.policy_code[pool])
        key = (
            PARTIES[account] if account >= 0 else f"group {PARTIES[pools.head[pool]]}",
            segments[segment] if segment >= 0 else None,
            insurance.policies[policy] if policy >= 0 else None,
        )
        by_pool.setdefault(key, {})[names[item]] = milli
        found[names[item]] += milli
    stops = {
        int(day): names[item]
        for day, item in zip(result.stop_day.tolist(), result.stop_item.tolist(), strict=True)
        if day != LAST_DAY
    }
    return SimpleNamespace(by_item=found, by_pool=by_pool, stops=stops, total=sum(found.values()))


def _order_day(item: Item) -> int:
    if not item.has_order:
        return LAST_DAY
    return -LAST_DAY if item.confirmed is None else item.confirmed


def limit(amount: int | None, start: int = -400, end: int = NEVER, **further: Any) -> Limit:
    """Give an insured limit of K0; days count from the as-of date."""
    return {
        "limit_id": "L1",
        "party": "K0",
        "segment": None,
        "policy": "P",
        "layer": 0,
        **further,
        "amount": amount,
        "start": AS_OF_DAY + start,
        "end": NEVER if end == NEVER else AS_OF_DAY + end,
    }


def item(item_id: str, delivered: int, amount: int, **further: Any) -> Item:
    """Give an item of K0, open in full; days count from the as-of date."""
    paid = further.pop("paid", ())
    states = [(-(10**6), amount, amount * 5 // 6)]
    for day, rest in paid:
        states.append((AS_OF_DAY + day, rest, rest * 5 // 6))
    given = {"party": "K0", "segment": "NORTH", "due": AS_OF_DAY + 10_000, **further}
    return Item(item_id, delivered=AS_OF_DAY + delivered, states=tuple(states), **given)


def draw_world(random: Random) -> tuple[list[Limit], list[Policy], list[Item]]:
    """Draw limits with cuts and ends, policies, and items paid before and after them."""
    names = ("P", "Q", None)
    limits = [
        limit(
            random.choice((0, 40, 60, 100, 100, 150, 300, None)),
            random.randint(-120, 5),
            random.choice((NEVER, NEVER, random.randint(-60, 3))),
            limit_id=f"L{number}",
            party=random.choice(PARTIES),
            segment=random.choice((None, None, *SEGMENTS)),
            policy=random.choice(names),
            layer=random.choice((0, 0, 0, 1, 2)),
        )
        for number in range(random.randint(1, 7))
    ]
    policies = [
        Policy(
            name,
            start=AS_OF_DAY - random.choice((NEVER, 80)),
            end=random.choice((NEVER, AS_OF_DAY - random.randint(-3, 40))),
            is_net=random.random() < 0.3,
            grace=random.choice((0, 10, 60)),
            credit_days=random.choice((NEVER, 30)),
            extension=random.choice((0, 20, 60)),
            binding=random.choice((0, 5, 30)),
        )
        for name in ("P", "Q")
        if random.random() < 0.7
    ]
    return limits, policies, [_draw_item(random, number) for number in range(random.randint(1, 9))]


def _draw_item(random: Random, number: int) -> Item:
    delivered = random.randint(-110, 2)
    days = sorted(random.sample(range(-100, 1), random.choice((0, 0, 1, 2))))
    has_order = random.random() < 0.5
    return item(
        f"I{number}",
        delivered,
        random.choice((10, 30, 60, 120)),
        paid=[(day, random.choice((0, 0, 10, 25, 60))) for day in days],
        party=random.choice((*PARTIES, "K0")),
        segment=random.choice(SEGMENTS),
        due=AS_OF_DAY + delivered + random.choice((0, 30, 60, 200)),
        term=random.choice((30, 31)),
        disputed=random.choice((None, None, AS_OF_DAY - random.randint(0, 20))),
        dispute_end=random.choice((NEVER, AS_OF_DAY - random.randint(0, 5))),
        has_order=has_order,
        confirmed=AS_OF_DAY + random.randint(-120, 0)
        if has_order and random.random() < 0.5
        else None,
    )
