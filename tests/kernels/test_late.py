"""The oldest late item of a line, after credits took the oldest ones."""

import random

import numpy as np

from encours.kernels.late import find_oldest_late

Item = tuple[int, int, int]  # day, open, uncounted


def naive_oldest(
    items: list[Item], credit: int, materiality: int, unit: int, release_day: int
) -> tuple[int, int]:
    """Give the place of the oldest item that counts, and the least payment that frees the line."""

    def counting(paid: int) -> list[int]:
        left, found = credit + paid, []
        for place, (_, owed, uncounted) in enumerate(items):
            used = min(left, owed)
            left -= used
            counted = owed - used - uncounted
            if counted > 0 and counted >= materiality:
                found.append(place)
        return found

    oldest = counting(0)
    payment = 0
    while any(items[place][0] <= release_day for place in counting(payment)):
        payment += unit
    return (oldest[0] if oldest else -1), payment


def test_find_oldest_late__agrees_with_paying_cent_by_cent() -> None:
    draw = random.Random(11)
    for _ in range(60):
        materiality, unit = draw.choice([0, 10, 95, 100]), draw.choice([1, 10])
        lines, rows, credits_rc = [], [], []
        for line in range(draw.randrange(1, 5)):
            days = sorted(draw.randrange(0, 9) for _ in range(draw.randrange(1, 6)))
            items = []
            for day in days:
                owed = draw.randrange(1, 20) * 10
                items.append((day, owed, draw.choice([0, 0, owed // 20 * 10, owed])))
            lines.append(items)
            credits_rc.append(draw.choice([0, 0, 30, 100, 250]))
            rows += [(line, *item) for item in items]
        oldest, to_pay = np.empty(len(lines), np.int64), np.empty(len(lines), np.int64)
        find_oldest_late(
            np.array(rows, np.int64), np.array(credits_rc), materiality, unit, 4, oldest, to_pay
        )
        at = 0
        for line, items in enumerate(lines):
            place, payment = naive_oldest(items, credits_rc[line], materiality, unit, 4)
            assert oldest[line] == (at + place if place >= 0 else -1)
            assert to_pay[line] == payment
            at += len(items)
