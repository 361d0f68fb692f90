"""Insured cover: every rule at its boundary, and what must hold whatever is drawn (DOMAIN 7)."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calc.cover_case import covered_by_engine, draw_world, item, limit
from tests.calc.stand_ins import AS_OF_DAY
from tests.kernels.cover_twin import NEVER, Item, Limit, Policy, cover_on, pools_of

seeds = st.integers(0, 2**32)


@given(seeds)
def test_fill_pools__covers_what_the_slow_twin_covers(seed: int) -> None:
    limits, policies, items = draw_world(Random(seed))
    pools = pools_of(limits, {policy.name: policy for policy in policies})
    expected = cover_on(pools, items, AS_OF_DAY)
    found = covered_by_engine(limits, items, policies).by_pool
    for key, covered in expected.items():
        positive = {name: amount for name, amount in covered.items() if amount > 0}
        assert found.get(key, {}) == positive, key
    assert set(found) <= set(expected)


@given(seeds)
def test_cover__never_exceeds_what_is_open_nor_the_highest_limit(seed: int) -> None:
    limits, policies, items = draw_world(Random(seed))
    found = covered_by_engine(limits, items, policies)
    pools = {pool.key: pool for pool in pools_of(limits, {one.name: one for one in policies})}
    named = {one.item_id: one for one in items}
    for name, covered in found.by_item.items():
        assert 0 <= covered <= named[name].states[-1][1]
    for key, covered_items in found.by_pool.items():
        highest = max(pools[key].ceiling_of(named[name]) for name in covered_items)
        assert sum(covered_items.values()) <= highest


def plain(items: list[Item]) -> list[Item]:
    """Give the items of one party without disputes."""
    return [replace(one, disputed=None, party="K0") for one in items]


LASTING = Policy("P", extension=NEVER // 10)


@given(seeds, st.integers(-90, 0))
def test_cut__never_uncovers_what_was_delivered_before(seed: int, day: int) -> None:
    random = Random(seed)
    items = plain(draw_world(random)[2])
    ended = [limit(random.choice((40, 100, 300)), end=day - 1)]
    pools = pools_of(ended, {"P": LASTING})
    [eve] = cover_on(pools, items, AS_OF_DAY + day - 1).values()
    found = covered_by_engine(ended, items, [LASTING]).by_item
    for one in items:
        if one.delivered < AS_OF_DAY + day:
            assert found[one.item_id] == min(eve[one.item_id], one.states[-1][1])


def only_paid(one: Item) -> Item:
    """Give the item with payments alone: nothing comes back."""
    least = [min(state[1] for state in one.states[: place + 1]) for place in range(len(one.states))]
    states = [(state[0], low, low * 5 // 6) for state, low in zip(one.states, least, strict=True)]
    return replace(one, states=tuple(states))


@given(seeds, st.integers(-90, 0))
def test_cancellation__never_raises_cover(seed: int, day: int) -> None:
    # Binding orders, disputes and payments that come back may shift cover to another item.
    limits, policies, items = draw_world(Random(seed))
    one_pool = [{**row, "policy": "P", "segment": None, "party": "K0"} for row in limits]
    policies = [replace(policy, binding=0) for policy in policies if policy.name == "P"]
    items = [only_paid(one) for one in plain(items)]
    cancelled = [{**row, "end": min(row["end"], AS_OF_DAY + day - 1)} for row in one_pool]
    kept_total = covered_by_engine(one_pool, items, policies).total
    assert covered_by_engine(cancelled, items, policies).total <= kept_total


@given(seeds, st.integers(1, 500), st.integers(0, 500))
def test_cover__is_monotone_in_the_limit(seed: int, amount: int, more: int) -> None:
    _, policies, items = draw_world(Random(seed))
    policies = [replace(one, start=-NEVER, end=NEVER) for one in policies]
    less = covered_by_engine([limit(amount)], items, policies).by_item
    found = covered_by_engine([limit(amount + more)], items, policies).by_item
    assert all(found[name] >= covered for name, covered in less.items())


@given(seeds, st.integers(-90, 0), st.integers(1, 300), st.integers(0, 300))
def test_cover__is_monotone_in_a_limit_that_was_withdrawn(
    seed: int, day: int, amount: int, more: int
) -> None:
    _, policies, items = draw_world(Random(seed))
    policies = [replace(one, start=-NEVER, end=NEVER) for one in policies]
    less = covered_by_engine([limit(amount, end=day)], items, policies).total
    assert covered_by_engine([limit(amount + more, end=day)], items, policies).total >= less


def test_revolving_ceiling__is_filled_by_delivery_then_id() -> None:
    items = [item("B", -5, 60), item("A", -5, 60), item("0", -4, 60), item("Z", -9, 10)]
    assert covered_by_engine([limit(100)], items).by_item == {"Z": 10, "A": 60, "B": 30, "0": 0}


def test_payment__lets_what_is_uncovered_move_up_only_without_a_cut() -> None:
    items = [item("A", -50, 80, paid=[(-10, 0)]), item("B", -40, 50)]
    assert covered_by_engine([limit(100)], items).by_item["B"] == 50
    cut = [limit(100, limit_id="L1"), limit(50, -20, limit_id="L2")]
    assert covered_by_engine(cut, items).by_item["B"] == 20


def test_cancelled_new_limit__does_not_revive_the_old_one() -> None:
    limits = [limit(100, limit_id="L1"), limit(200, -30, end=-20, limit_id="L2")]
    items = [item("A", -25, 10), item("B", -10, 10)]
    assert covered_by_engine(limits, items).by_item == {"A": 10, "B": 0}


@pytest.mark.parametrize(
    ("delivered", "confirmed", "covered"),
    [(-20, None, 90), (-11, None, 90), (-10, None, 40), (-15, -21, 90), (-15, -20, 40)],
)
def test_binding_orders__keep_the_limit_that_was_cut(
    delivered: int, confirmed: int | None, covered: int
) -> None:
    limits = [limit(100), limit(40, -20, limit_id="L2")]
    day = None if confirmed is None else AS_OF_DAY + confirmed
    ordered = item("A", delivered, 90, has_order=True, confirmed=day)
    policy = Policy("P", binding=10)
    assert covered_by_engine(limits, [ordered], [policy]).by_item == {"A": covered}
    without = replace(ordered, has_order=False)
    assert covered_by_engine(limits, [without], [policy]).by_item == {"A": 40}


@pytest.mark.parametrize(("late", "covered"), [(60, 10), (61, 0), (70, 0)])
def test_stop_of_cover__leaves_later_deliveries_uncovered(late: int, covered: int) -> None:
    items = [item("A", -90, 10, due=AS_OF_DAY - late), item("B", 0, 10)]
    found = covered_by_engine([limit(100)], items)
    assert found.by_item == {"A": 10, "B": covered}
    assert found.stops == ({} if covered else {AS_OF_DAY - late + 61: "A"})


def test_stop_of_cover__spares_what_was_delivered_before_and_ends_with_payment() -> None:
    late = item("A", -90, 10, due=AS_OF_DAY - 70)
    items = [late, item("B", -10, 10), item("C", -9, 10)]
    assert covered_by_engine([limit(100)], items).by_item == {"A": 10, "B": 10, "C": 0}
    paid = item("A", -90, 10, due=AS_OF_DAY - 70, paid=[(-1, 0)])
    assert covered_by_engine([limit(100)], [paid, *items[1:]]).by_item["C"] == 10


@pytest.mark.parametrize(("days", "covered"), [(59, 10), (60, 0)])
def test_dispute__is_insurable_within_the_grace(days: int, covered: int) -> None:
    disputed = item("A", -90, 10, disputed=AS_OF_DAY - days)
    assert covered_by_engine([limit(100)], [disputed]).by_item == {"A": covered}


@pytest.mark.parametrize(("term", "covered"), [(60, 10), (61, 0)])
def test_credit_term__is_insurable_up_to_the_policys(term: int, covered: int) -> None:
    policy = Policy("P", credit_days=60)
    found = covered_by_engine([limit(100)], [item("A", -9, 10, term=term)], [policy])
    assert found.by_item == {"A": covered}


def test_tax_base__is_the_policys() -> None:
    items = [item("A", -9, 60), item("B", -8, 60)]
    net = covered_by_engine([limit(80)], items, [Policy("P", is_net=True)])
    assert net.by_item == {"A": 50, "B": 30}


def test_layers__add_up_and_policies_cover_what_is_left() -> None:
    layers = [limit(50), limit(30, layer=1, limit_id="L2")]
    assert covered_by_engine(layers, [item("A", -9, 100)]).by_item == {"A": 80}
    further = [*layers, limit(10, layer=1, policy="TOP", limit_id="L3")]
    found = covered_by_engine(further, [item("A", -9, 100)])
    assert found.by_pool == {("K0", None, "P"): {"A": 80}, ("K0", None, "TOP"): {"A": 10}}


def test_shared_limit__is_one_for_all_segments() -> None:
    items = [item("A", -9, 60), item("B", -8, 60, segment="SOUTH")]
    assert covered_by_engine([limit(100)], items).by_item == {"A": 60, "B": 40}
    own: list[Limit] = [limit(100), limit(30, segment="SOUTH", limit_id="L2")]
    found = covered_by_engine(own, items).by_pool
    assert found == {("K0", None, "P"): {"A": 60, "B": 30}, ("K0", "SOUTH", "P"): {"B": 30}}


def test_group_limit__covers_all_members_after_their_own() -> None:
    group = limit(50, party="K0", is_group=True)
    own = limit(20, party="K1", limit_id="L2")
    items = [item("A", -9, 30), item("B", -8, 60, party="K1")]
    found = covered_by_engine([group, own], items)
    assert found.by_pool == {
        ("group K0", None, "P"): {"A": 30, "B": 20},
        ("K1", None, "P"): {"B": 20},
    }


def test_policy_that_ended__keeps_what_it_covered() -> None:
    policy = Policy("P", end=AS_OF_DAY - 10)
    items = [item("A", -10, 10), item("B", -9, 10)]
    assert covered_by_engine([limit(100)], items, [policy]).by_item == {"A": 10, "B": 0}


def test_limit_without_a_bound__covers_everything() -> None:
    assert covered_by_engine([limit(None)], [item("A", -9, 10**18 - 1)]).total == 10**18 - 1
