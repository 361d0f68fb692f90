"""Bands of lump sums against whole fractions."""

import random
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest

from encours.kernels.compensation import NO_BAND, UNDECIDED, BandTables, choose_bands

NO_LIMIT = np.iinfo(np.int64).max
# Regimes: one sum for all, three bands in another currency, none at all.
LIMITS = [[NO_LIMIT] * 3, [4_999_999, 50_000_000, NO_LIMIT], [NO_LIMIT] * 3]
BAND_CURRENCY = [0, 1, -1]
# Two band currencies of 10 and 1000 thousandths, four currencies; the last has no ratio.
RATIOS = [[(1, 10), (7, 30), (10**17 + 3, 10**18 + 9), (0, 0)]] * 2
RATIOS = [RATIOS[0], [(1, 4_000), (1, 1_000), (2**60, 1), (0, 0)]]
UNITS = [10, 1_000]


def twin(regime: int, principal: int, currency: int) -> int:
    if regime < 0 or BAND_CURRENCY[regime] < 0:
        return NO_BAND
    above, below = RATIOS[BAND_CURRENCY[regime]][currency]
    unit = UNITS[BAND_CURRENCY[regime]]
    if not below:
        return UNDECIDED
    milli = floor(Fraction(principal * above, below) + Fraction(1, 2)) * unit
    if milli >= 10**18:
        return UNDECIDED
    return regime * 3 + sum(milli > limit for limit in LIMITS[regime])


def found(items: list[tuple[int, int, int]]) -> list[int]:
    columns: Any = np.array(items, np.int64).reshape(len(items), 3).T
    ratios = np.array(RATIOS, np.int64)
    tables = BandTables(
        np.array(BAND_CURRENCY, np.int32),
        np.array(LIMITS, np.int64),
        np.ascontiguousarray(ratios[:, :, 0]),
        np.ascontiguousarray(ratios[:, :, 1]),
        np.array(UNITS, np.int64),
    )
    kind = np.empty(len(items), np.int64)
    undecided = choose_bands(
        np.arange(len(items)),
        columns[0].astype(np.int32),
        np.ascontiguousarray(columns[1]),
        columns[2].astype(np.int32),
        tables,
        kind,
    )
    assert undecided == (kind == UNDECIDED).sum()
    listed: list[int] = kind.tolist()
    return listed


@pytest.mark.parametrize("seed", range(5))
def test_choose_bands__like_fractions(seed: int) -> None:
    chance = random.Random(seed)
    items = []
    for _ in range(300):
        near = chance.choice([4_999_999, 50_000_000, 50_000_000 * 4, 10**18 - 1, 5_000_000])
        principal = chance.choice([1, 499, 500, near, near + chance.randrange(-600, 600)])
        principal = min(principal, 10**18 - 1)
        items.append((chance.randrange(-1, 3), principal, chance.randrange(4)))
    assert found(items) == [twin(*item) for item in items]


@pytest.mark.parametrize(
    ("principal", "band"),
    [(4_999_499, 0), (4_999_500, 1), (50_000_000, 1), (50_000_499, 1), (50_000_500, 2)],
)
def test_choose_bands__rounds_the_principal_before_it_looks(principal: int, band: int) -> None:
    assert found([(1, principal, 1)]) == [3 + band]
