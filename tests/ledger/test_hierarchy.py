"""Parents of customers: every small case, and long chains."""

import itertools
import random

import numpy as np
import pytest

from encours.ledger.hierarchy import NONE, build_hierarchy, find_cycles


def naive_on_cycle(parents: list[int]) -> list[bool]:
    """Walk up from each party; it lies on a cycle when the walk comes back to it."""
    found = []
    for start in range(len(parents)):
        above, steps = parents[start], 0
        while above not in {NONE, start} and steps <= len(parents):
            above, steps = parents[above], steps + 1
        found.append(above == start)
    return found


def ancestors(parents: list[int], party: int) -> list[int]:
    """Name the party and everyone above it."""
    line = [party]
    while parents[line[-1]] != NONE:
        line.append(parents[line[-1]])
    return line


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_find_cycles__like_a_walk_for_every_parent_function(count: int) -> None:
    for parents in itertools.product(range(NONE, count), repeat=count):
        found = find_cycles(np.array(parents, np.int32))
        assert found.tolist() == naive_on_cycle(list(parents)), parents


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_build_hierarchy__like_a_walk_for_every_forest(count: int) -> None:
    for parents in itertools.product(range(NONE, count), repeat=count):
        if any(naive_on_cycle(list(parents))):
            continue
        assert_like_a_walk(list(parents))


def assert_like_a_walk(parents: list[int]) -> None:
    hierarchy = build_hierarchy(np.array(parents, np.int32))
    lines = [ancestors(parents, party) for party in range(len(parents))]
    assert hierarchy.parent.tolist() == parents
    assert hierarchy.root.tolist() == [line[-1] for line in lines]
    assert hierarchy.depth.tolist() == [len(line) - 1 for line in lines]
    values = [7**party - 50 for party in range(len(parents))][:20] + [1] * (len(parents) - 20)
    expected = [0] * len(parents)
    for line, value in zip(lines, values, strict=True):
        for party in line:
            expected[party] += value
    assert hierarchy.sum_descendants(np.array(values, np.int64)).tolist() == expected


def broken(parents: list[int]) -> list[int]:
    """Drop the links of parties on a cycle, as the customers' table does."""
    on_cycle = find_cycles(np.array(parents, np.int32)).tolist()
    assert on_cycle == naive_on_cycle(parents)
    return [NONE if gone else above for above, gone in zip(parents, on_cycle, strict=True)]


@pytest.mark.parametrize("seed", range(20))
def test_hierarchy__like_a_walk_on_random_parents(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.choice([6, 20, 300])
    parents = [chance.choice([NONE, chance.randrange(count)]) for _ in range(count)]
    assert_like_a_walk(broken(parents))


@pytest.mark.parametrize("order", ["down", "up", "mixed"])
def test_hierarchy__of_a_thousand_levels(order: str) -> None:
    depth = 1_000
    place = list(range(depth))
    if order == "up":
        place.reverse()
    if order == "mixed":
        random.Random(5).shuffle(place)
    parents = [NONE] * depth
    for upper, lower in itertools.pairwise(place):
        parents[lower] = upper
    assert not find_cycles(np.array(parents, np.int32)).any()
    hierarchy = build_hierarchy(np.array(parents, np.int32))
    assert hierarchy.depth[place].tolist() == list(range(depth))
    assert set(hierarchy.root.tolist()) == {place[0]}
    sums = hierarchy.sum_descendants(np.ones(depth, np.int64))
    assert sums[place].tolist() == list(range(depth, 0, -1))


@pytest.mark.parametrize("length", [1, 2, 3, 64, 999, 1_000])
def test_find_cycles__finds_one_of_any_length_and_no_tail(length: int) -> None:
    tail = 1_000 - length
    parents = [(party + 1) % length for party in range(length)]
    parents += [length - 1 if party == 0 else length + party - 1 for party in range(tail)]
    found = find_cycles(np.array(parents, np.int32))
    assert found.tolist() == [True] * length + [False] * tail


def test_build_hierarchy__leaves_its_input_alone() -> None:
    parents = np.array([NONE, 0, 1], np.int32)
    parents.flags.writeable = False
    values = np.array([1, 2, 3], np.int64)
    values.flags.writeable = False
    assert build_hierarchy(parents).sum_descendants(values).tolist() == [6, 5, 3]
