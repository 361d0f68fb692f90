"""Insured cover: every rule at its boundary, and what must hold whatever is drawn (DOMAIN 7)."""

import os
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calc.cover_case import covered_by_engine, draw_world, item, limit
from tests.calc.stand_ins import AS_OF_DAY
from tests.kernels.cover_twin import NEVER, Item, Limit, Policy, cover_on, pools_of

seeds = st.integers(0, 2**32)
drawn_worlds = settings(max_examples=int(os.environ.get("ENCOURS_COVER_WORLDS", "30")))
"""For what is shown on several limits at once; `ENCOURS_COVER_WORLDS` says on how many worlds."""


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
    """Give the item with payments alone: nothing comes back, nothing is disputed."""
    least = [min(state[1] for state in one.states[: place + 1]) for place in range(len(one.states))]
    states = [(state[0], low, low * 5 // 6) for state, low in zip(one.states, least, strict=True)]
    return replace(one, states=tuple(states), disputed=None)


World = tuple[list[Limit], list[Policy], list[Item]]


def nested_world(random: Random) -> World:
    """Draw limits of one party, cut and withdrawn time and again, for one segment or for both."""
    limits, policies, items = draw_world(random)
    segments = [random.choice((None, None, "NORTH")) for _ in limits]
    limits = [
        {**row, "party": "K0", "segment": at} for row, at in zip(limits, segments, strict=True)
    ]
    return limits, policies, [replace(one, party="K0") for one in items]


def without_falls_from(day: int, world: World) -> World:
    """Give the world in which no ceiling falls after a day, whatever fell before."""
    limits, policies, items = world
    limits = [
        {**row, "end": NEVER if row["end"] >= day else row["end"]}
        for row in limits
        if row["start"] <= day
    ]
    policies = [
        replace(policy, end=NEVER if policy.end >= day else policy.end) for policy in policies
    ]
    return limits, policies, items


def pool_of(row: Limit) -> tuple[str | None, str | None]:
    return row["segment"], row["policy"]


@drawn_worlds
@given(seeds)
def test_cuts__never_uncover_what_was_delivered_before(seed: int) -> None:
    limits, policies, items = nested_world(Random(seed))
    items = [only_paid(one) for one in items]
    policies = [replace(policy, extension=NEVER // 10, is_net=False) for policy in policies]
    policies += [Policy(name, extension=NEVER // 10) for name in ("P", "Q", None)]
    pools = pools_of(limits, {policy.name: policy for policy in reversed(policies)})
    last = max((cut for pool in pools for cut in pool.cuts(AS_OF_DAY)), default=AS_OF_DAY)
    found = cover_on(pools, items, AS_OF_DAY).values()
    before = cover_on(pools, items, last - 1).values()
    for one in items:
        eve, now = (sum(pool.get(one.item_id, 0) for pool in each) for each in (before, found))
        assert one.delivered >= last or now >= min(eve, one.states[-1][1])


@drawn_worlds
@given(seeds, st.integers(-90, 0))
def test_cancellation__never_raises_cover_while_no_ceiling_falls_after_it(
    seed: int, day: int
) -> None:
    random = Random(seed)
    on = AS_OF_DAY + day
    limits, policies, items = without_falls_from(on, nested_world(random))
    cancelled = [
        {**row, "end": min(row["end"], on - 1)} if random.random() < 0.5 else row for row in limits
    ]
    limits = limits or [limit(100)]
    kept_total = covered_by_engine(limits, items, policies).total
    assert covered_by_engine(cancelled or limits, items, policies).total <= kept_total


@drawn_worlds
@given(seeds, st.integers(-90, 0))
def test_cancellation_of_a_policy__raises_cover_of_no_item(seed: int, day: int) -> None:
    """Whatever other policies cover, and were cut before and after, where items are only paid."""
    random = Random(seed)
    limits, policies, items = nested_world(random)
    policies = [replace(policy, binding=0) for policy in policies]
    items = [only_paid(one) for one in items]
    of_pool = pool_of(random.choice(limits))
    last = AS_OF_DAY + day - 1
    cancelled = [
        {**row, "end": min(row["end"], last)} if pool_of(row) == of_pool else row for row in limits
    ]
    kept = covered_by_engine(limits, items, policies).by_item
    found = covered_by_engine(cancelled, items, policies).by_item
    assert all(found[name] <= covered for name, covered in kept.items())


@drawn_worlds
@given(seeds, st.integers(1, 500))
def test_cover__is_monotone_in_any_limit_after_which_no_ceiling_falls(seed: int, more: int) -> None:
    random = Random(seed)
    limits, policies, items = nested_world(random)
    raised = random.choice([row for row in limits if row["amount"] is not None] or [limit(100)])
    limits, policies, items = without_falls_from(raised["start"], (limits, policies, items))
    rest = [row for row in limits if row["limit_id"] != raised["limit_id"]]
    less, most = (
        covered_by_engine([*rest, {**raised, "end": NEVER, "amount": amount}], items, policies)
        for amount in (raised["amount"], raised["amount"] + more)
    )
    assert most.total >= less.total


def test_limit_that_was_raised__may_cover_less_once_it_has_fallen() -> None:
    # DOMAIN leaves no choice: 60 covers A in full, and nothing of B's 40 is left on the eve of the
    # withdrawal. Then B may not move up, and A is paid.
    items = [item("A", -50, 60, paid=[(-10, 0)]), item("B", -40, 10)]
    for amount, covered in ((30, {"A": 0, "B": 10}), (60, {"A": 0, "B": 0})):
        limits = [limit(amount), limit(40, -45, end=-21, limit_id="L2")]
        assert covered_by_engine(limits, items).by_item == covered


def test_layer_that_was_cancelled__may_leave_more_once_the_rest_has_fallen() -> None:
    # With both layers A moves up to 100 when X is paid, and leaves B nothing. Without the upper one
    # A keeps its 20, and B has 40 on the eve of the withdrawal; then A is paid.
    items = [
        item("X", -60, 80, paid=[(-45, 0)]),
        item("A", -59, 100, paid=[(-10, 0)]),
        item("B", -40, 60),
    ]
    for end, covered in ((-21, 0), (-50, 40)):
        layers = [limit(60, end=-21), limit(40, end=end, layer=1, limit_id="L2")]
        assert covered_by_engine(layers, items).by_item == {"X": 0, "A": 0, "B": covered}


def test_payment_that_comes_back__may_leave_more_under_a_cancelled_limit() -> None:
    # Cancelled while A was paid, B keeps 100. Else A takes its 80 back, until it is paid again.
    items = [item("A", -60, 80, paid=[(-50, 0), (-40, 80), (-10, 0)]), item("B", -59, 100)]
    for end, covered in ((-21, 20), (-46, 100)):
        assert covered_by_engine([limit(100, end=end)], items).by_item == {"A": 0, "B": covered}


def test_raised_limit__may_take_an_item_from_a_policy_that_covers_no_other() -> None:
    # Of two limits of which none is for part of the other's items, one must be filled first. The
    # party's takes A's second 10 from the group's, and leaves B none, which the group's is not for.
    items = [item("A", -59, 20), item("B", -40, 10, segment="SOUTH")]
    group = limit(10, is_group=True, segment="NORTH", limit_id="L3")
    for amount, total in ((10, 30), (20, 20)):
        limits = [limit(amount), limit(20, -45, limit_id="L2"), group]
        assert covered_by_engine(limits, items).total == total


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
