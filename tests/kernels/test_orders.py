"""The kernel of order decisions against the rule as it is written."""

import random

import numpy as np
import pytest

from encours.kernels.orders import FLOOR, UNBOUND, decide_orders

Order = tuple[int, int, bool]


def naive(
    orders: list[Order],
    held: list[int],
    limits: list[list[int]],
    rule_of: list[int],
    room: list[int],
) -> tuple[list[int], list[int], list[int]]:
    """Decide one order after the other, with Python's own integers."""
    rules, after = [], []
    for row, amount, passes in orders:
        rule = -1
        if not passes:
            tight = [rule_of[limit] for limit in limits[row] if room[limit] < amount]
            rule = held[row] if held[row] >= 0 else tight[0] if tight else -1
        if rule < 0:
            for limit in limits[row]:
                room[limit] = max(FLOOR, room[limit] - amount)
        rules.append(rule)
        after.append(min((room[limit] for limit in limits[row]), default=UNBOUND))
    return rules, after, room


def decided(
    orders: list[Order],
    held: list[int],
    limits: list[list[int]],
    rule_of: list[int],
    room: list[int],
) -> tuple[list[int], list[int], list[int]]:
    out_rule, out_after = np.empty(len(orders), np.int8), np.empty(len(orders), np.int64)
    left = np.array(room, np.int64)
    decide_orders(
        np.array(orders, np.int64).reshape(-1, 3),
        np.array(held, np.int8),
        np.cumsum([0, *(len(one) for one in limits)]).astype(np.int64),
        np.array([limit for one in limits for limit in one], np.int64),
        np.array(rule_of, np.int8),
        left,
        out_rule,
        out_after,
    )
    return out_rule.tolist(), out_after.tolist(), left.tolist()


@pytest.mark.parametrize("seed", range(40))
def test_decide_orders__like_twin(seed: int) -> None:
    draw = random.Random(seed)
    largest = draw.choice((5, 1_000, 10**18 - 1))
    bounds = draw.randint(1, 6)
    limits = [
        sorted(draw.sample(range(bounds), draw.randint(0, bounds)))
        for _ in range(draw.randint(1, 5))
    ]
    held = [draw.choice((-1, -1, -1, 3, 15)) for _ in limits]
    room = [draw.randint(-largest, 4 * largest) for _ in range(bounds)]
    orders = [
        (draw.randrange(len(limits)), draw.randint(0, largest), draw.random() < 0.2)
        for _ in range(draw.randint(0, 60))
    ]
    rule_of = [draw.randint(0, 2) for _ in range(bounds)]
    expected = naive(orders, held, limits, rule_of, list(room))
    assert decided(orders, held, limits, rule_of, room) == expected


def test_decide_orders__room_that_is_just_enough_is_enough() -> None:
    orders = [(0, 60, False), (0, 41, False), (0, 40, False)]
    assert decided(orders, [-1], [[0]], [0], [100]) == ([-1, 0, -1], [40, 40, 0], [0])


def test_decide_orders__prepaid_orders_never_wrap_the_room() -> None:
    orders = [(0, 10**18 - 1, True)] * 20
    rules, after, room = decided(orders, [3], [[0]], [0], [-(10**18)])
    assert rules == [-1] * 20
    assert after[-1] == room[0] == FLOOR
