"""Clearings matched oldest first, against the rule written down in plain Python."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pytest

from encours.kernels.clearing import match_clearings

Pieces = list[tuple[int, int, int]]


def matched(groups: list[int], amounts: list[int]) -> tuple[Pieces, list[int]]:
    count = len(groups)
    group, amount = np.array(groups, np.int64), np.array(amounts, np.int64)
    debit, credit, piece = (np.empty(count, np.int64) for _ in range(3))
    rest = np.empty(count, np.int64)
    found = match_clearings(group, amount, debit, credit, piece, rest)
    pieces = zip(
        debit[:found].tolist(), credit[:found].tolist(), piece[:found].tolist(), strict=True
    )
    return list(pieces), rest.tolist()


def matched_slowly(groups: list[int], amounts: list[int]) -> tuple[Pieces, list[int]]:
    rest = dict(enumerate(amounts))
    members: dict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        members[group].append(row)
    pieces: Pieces = []
    for rows in members.values():
        while True:
            invoices = [row for row in rows if rest[row] > 0]
            payments = [row for row in rows if rest[row] < 0]
            if not invoices or not payments:
                break
            piece = min(rest[invoices[0]], -rest[payments[0]])
            pieces.append((invoices[0], payments[0], piece))
            rest[invoices[0]] -= piece
            rest[payments[0]] += piece
    return pieces, list(rest.values())


@pytest.mark.parametrize("seed", range(60))
def test_match_clearings__is_the_rule(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.choice([0, 1, 2, 7, 60])
    groups = sorted(chance.randrange(max(count // 4, 1)) for _ in range(count))
    amounts = [chance.choice([0, 1, -1, 5, -5, 10**18 - 1, 1 - 10**18]) for _ in range(count)]
    assert matched(groups, amounts) == matched_slowly(groups, amounts)


def test_match_clearings__moves_nothing_that_is_not_there() -> None:
    pieces, rest = matched([0, 0, 0, 1], [100, 50, -120, 70])
    assert pieces == [(0, 2, 100), (1, 2, 20)]
    assert rest == [0, 30, 0, 70]
