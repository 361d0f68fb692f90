"""Days of change of many entities in one array: what moves them, and where they get graver."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encours.breaches.levels import BREACH, WARNING, Level
from encours.breaches.outlook_timeline import (
    GRAVE_STEPS,
    WIDTH,
    Moves,
    distinct,
    from_start,
    is_among,
    latest,
    risen,
)

LEVELS = (Level(900, WARNING, 0), Level(1_000, BREACH, 1))
EUR = "EUR"
few_keys = st.lists(st.integers(0, 4 * WIDTH - 1), max_size=12)


def keys_of(*pairs: tuple[int, int]) -> np.ndarray:
    """Give keys of entities and days ahead."""
    return np.array([entity * WIDTH + ahead for entity, ahead in pairs], np.int64)


def rises(
    keys: np.ndarray, owed: Sequence[int], remembered: Sequence[int]
) -> list[tuple[int, int, int]]:
    """Give entity, days ahead and severity of rises above a limit of 100 euros; owed in euros."""
    found = risen(
        keys,
        np.array(owed, np.int64) * 1_000,
        np.full(len(keys), 100_000, np.int64),
        LEVELS,
        EUR,
        np.array(remembered, np.int64),
    )
    return [
        (int(key) // WIDTH, int(key) % WIDTH, int(grave) // GRAVE_STEPS)
        for key, grave in zip(keys[found.place], found.grave, strict=True)
    ]


def test_risen__compares_with_the_day_before_of_the_same_entity() -> None:
    keys = keys_of((0, 0), (0, 3), (0, 7), (1, 0), (1, 2), (1, 5))
    owed = [80, 95, 101, 101, 95, 101]
    assert rises(keys, owed, [0, 0]) == [(0, 3, WARNING), (0, 7, BREACH), (1, 5, BREACH)]


def test_risen__a_hold_that_is_kept_is_no_news_whatever_happens_to_others() -> None:
    kept = BREACH * GRAVE_STEPS + 1
    alone = rises(keys_of((0, 0), (0, 9)), [97, 101], [kept])
    keys = keys_of((0, 0), (0, 9), (1, 0), (1, 1))
    assert alone == []
    assert rises(keys, [97, 101, 50, 101], [kept, 0]) == [(1, 1, BREACH)]


def test_risen__without_a_limit_nothing_is_reached() -> None:
    found = risen(keys_of((0, 0), (0, 1)), np.array([0, 9]), np.array([0, -1]), LEVELS, EUR)
    assert found.place.tolist() == []


@given(st.lists(st.tuples(st.integers(0, 4 * WIDTH - 1), st.integers(-(2**62), 2**62))), few_keys)
def test_moves__add_up_per_entity_until_a_day(
    moves: list[tuple[int, int]], wanted: list[int]
) -> None:
    key = np.array([one for one, _ in moves], np.int64)
    delta = np.array([amount for _, amount in moves], np.int64)
    found = Moves(key, delta).until(np.array(wanted, np.int64))
    for one, total in zip(wanted, found.tolist(), strict=True):
        exact = sum(x for at, x in moves if at // WIDTH == one // WIDTH and at <= one)
        assert total == (exact + 2**63) % 2**64 - 2**63


@given(few_keys, few_keys)
def test_look_ups__find_the_latest_key_of_the_same_entity(
    known: list[int], wanted: list[int]
) -> None:
    keys = distinct(np.array(known, np.int64))
    asked = np.array(wanted, np.int64)
    assert keys.tolist() == sorted(set(known))
    assert is_among(keys, asked).tolist() == [one in known for one in wanted]
    for one, place in zip(wanted, latest(keys, asked).tolist(), strict=True):
        earlier = [at for at in known if at // WIDTH == one // WIDTH and at <= one]
        assert (keys[place] if place >= 0 else None) == (max(earlier) if earlier else None)
    assert from_start(4, keys).tolist() == sorted({*known, *range(0, 4 * WIDTH, WIDTH)})
