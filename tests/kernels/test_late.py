"""The oldest late item of a line, after credits took the oldest ones."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from encours.kernels.late import find_oldest_late, mark_ties

Item = tuple[int, int, int, int]  # day, open, uncounted, insurable


def naive_oldest(
    items: list[Item], credit: int, materiality: int, unit: int, release_day: int
) -> tuple[int, int, int]:
    """Give the place of the oldest item that counts, and the least payment that frees the line.

    The last figure is what of the payment falls on insurable items.
    """

    def used(paid: int) -> list[int]:
        left, found = paid, []
        for _, owed, _, _ in items:
            found.append(min(left, owed))
            left -= found[-1]
        return found

    def counting(paid: int) -> list[int]:
        found = []
        for place, (taken, item) in enumerate(zip(used(credit + paid), items, strict=True)):
            counted = item[1] - taken - item[2]
            if counted > 0 and counted >= materiality:
                found.append(place)
        return found

    oldest = counting(0)
    payment = 0
    while any(items[place][0] <= release_day for place in counting(payment)):
        payment += unit
    before, after = used(credit), used(credit + payment)
    insurable = sum(after[place] - before[place] for place, item in enumerate(items) if item[3])
    return (oldest[0] if oldest else -1), payment, insurable


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
                uncounted = draw.choice([0, 0, owed // 20 * 10, owed])
                items.append((day, owed, uncounted, draw.choice([0, 1])))
            lines.append(items)
            credits_rc.append(draw.choice([0, 0, 30, 100, 250]))
            rows += [(line, *item) for item in items]
        oldest, to_pay = np.empty(len(lines), np.int64), np.empty((len(lines), 2), np.int64)
        find_oldest_late(
            np.array(rows, np.int64), np.array(credits_rc), materiality, unit, 4, oldest, to_pay
        )
        at = 0
        for line, items in enumerate(lines):
            place, *payment = naive_oldest(items, credits_rc[line], materiality, unit, 4)
            assert oldest[line] == (at + place if place >= 0 else -1)
            assert to_pay[line].tolist() == payment
            at += len(items)


def settled(
    rows: Sequence[tuple[int, ...]], credit: list[int], materiality: int
) -> list[tuple[int, list[int]]]:
    """Give each line's oldest item by name (the last field), and what is to be paid."""
    oldest, to_pay = np.empty(len(credit), np.int64), np.empty((len(credit), 2), np.int64)
    items = np.array([row[:5] for row in rows], np.int64)
    find_oldest_late(items, np.array(credit), materiality, 10, 4, oldest, to_pay)
    names = [rows[at][5] if at >= 0 else -1 for at in oldest.tolist()]
    return list(zip(names, to_pay.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(300))
def test_mark_ties__marks_every_day_whose_order_decides(seed: int) -> None:
    draw = random.Random(seed)
    materiality, lines = draw.choice([0, 10, 90, 100]), draw.randrange(1, 4)
    rows = []
    for name in range(draw.randrange(1, 25)):
        owed = draw.randrange(1, 20) * 10
        uncounted = draw.choice([0, 0, owed // 20 * 10, owed])
        day, insurable = draw.randrange(8), draw.choice([0, 1])
        rows.append((draw.randrange(lines), day, owed, uncounted, insurable, name))
    numbers = sorted({row[0] for row in rows})
    rows = [(numbers.index(row[0]), *row[1:]) for row in rows]
    credit = [draw.choice([0, 0, 30, 100, 250, 900]) for _ in numbers]
    whole = sorted(rows, key=lambda row: (row[0], row[1], row[5]))
    mixed = sorted(rows, key=lambda row: (row[0], row[1], draw.random()))
    marked = np.full(len(rows), 9, np.uint8)
    items = np.array([row[:5] for row in mixed], np.int64)
    mark_ties(items, np.array(credit), materiality, 4, marked)
    tied = np.flatnonzero(marked)
    again = sorted((mixed[at] for at in tied), key=lambda row: (row[0], row[1], row[5]))
    for at, row in zip(tied.tolist(), again, strict=True):
        mixed[at] = row
    assert set(marked.tolist()) <= {0, 1}
    assert settled(mixed, credit, materiality) == settled(whole, credit, materiality)
