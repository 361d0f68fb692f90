"""Interest of amounts, delays and rates by the hundred thousand against integers of any size.

`make test` compares a hundred thousand triples, `make test-all` a million more.
Every rate and every weight of a day is added up day by day in Python integers over one denominator,
which is what fractions would do; some of them are computed again as fractions, to be sure.
"""

import math
import os
import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

from encours.kernels.interest import accrue_interest
from encours.kernels.interest_columns import (
    FAULT_NONE,
    NO_DAY,
    Allocations,
    InterestItems,
    InterestOptions,
    new_interest_result,
)
from encours.rules.rate_tables import RateTables, build_rate_tables
from encours.rules.regimes import DayCount, Fixing, Regime
from encours.rules.series import RateSeries, UserRate, load_series
from tests.naive.arithmetic import half_year
from tests.naive.laws import day_weight

EPOCH = date(1970, 1, 1)
FIRST, AS_OF = date(1990, 1, 1), date(2026, 10, 31)
DAYS = (AS_OF - FIRST).days
UNITS = (10, 1000, 1)
AMOUNT_MAX = 10**15  # thousandths
ONE_DAY = timedelta(days=1)
COUNT = 3_000 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 100_000

Array = np.ndarray[Any, np.dtype[Any]]


def day_number(day: date) -> int:
    return (day - EPOCH).days


@cache
def rate_in_force(decimals: int, half: date) -> Decimal:
    """Give a rate between -3.5 and 25 percent for a half-year, always the same one."""
    chance = random.Random(f"{decimals} {half}")
    if chance.random() < 0.1:
        return Decimal(chance.choice(("0", "-3.5", "25", "-0.88")))
    return Decimal(chance.randint(-35 * 10 ** (decimals - 1), 25 * 10**decimals)).scaleb(-decimals)


def half_years() -> list[date]:
    return [date(year, month, 1) for year in range(1990, 2027) for month in (1, 7)]


@dataclass(frozen=True)
class Law:
    """Regimes over random rates, and their daily shares of a year as integers.

    share     per regime: object[DAYS + 1], the sum of rate x weight of the days up to each day
    weight    per regime: object[DAYS + 1], the sum of the weights alone
    scale     per regime: share / scale is a share of the principal
    """

    regimes: list[Regime]
    series: dict[str, RateSeries]
    tables: RateTables
    share: list[Array]
    weight: list[Array]
    scale: list[int]


@pytest.fixture(scope="module")
def law() -> Law:
    rows = [
        UserRate(f"decimals_{decimals}", half, rate_in_force(decimals, half))
        for decimals in (2, 8)
        for half in half_years()
    ]
    regimes = [
        Regime(name=f"{fixing}", fixing=fixing, day_count=count, reference=f"decimals_{decimals}")
        for decimals in (2, 8)
        for fixing in (Fixing.PER_SEMESTER, Fixing.FIXED_AT_START)
        for count in DayCount
    ]
    series = load_series(rows)
    tables = build_rate_tables(regimes, series, day_number(FIRST), day_number(AS_OF))
    sums = [daily_sums(regime) for regime in regimes]
    return Law(regimes, series, tables, *map(list, zip(*sums, strict=True)))


def decimals_of(regime: Regime) -> int:
    return int(str(regime.reference).removeprefix("decimals_"))


def daily_sums(regime: Regime) -> tuple[Array, Array, int]:
    """Add shares and weights up day by day, over one denominator."""
    decimals = decimals_of(regime)
    basis = 365 * 366 * 360
    shares, weights = [0], [0]
    for number in range(1, DAYS + 1):
        day = FIRST + number * ONE_DAY
        weight = int(day_weight(regime.day_count, day) * basis)
        rate = int(rate_in_force(decimals, half_year(day)).scaleb(decimals))
        shares.append(shares[-1] + rate * weight)
        weights.append(weights[-1] + weight)
    return np.array(shares, object), np.array(weights, object), basis * 100 * 10**decimals


@dataclass(frozen=True)
class Triples:
    """Amounts, delays and regimes; n items that are open, or paid in full on their last day."""

    amount: Array
    due: Array
    end: Array
    billed_to: Array
    regime: Array
    unit: Array


def draw(law: Law, count: int, seed: int) -> Triples:
    """Draw triples: amounts of every size, delays of every length, and what is at the edge."""
    chance = np.random.default_rng(seed)
    unit = np.array(UNITS)[chance.integers(0, 3, count)]
    size = 10 ** chance.uniform(0, 15, count)
    amount = np.clip(size.astype(np.int64), 1, AMOUNT_MAX) // unit * unit
    edge = chance.random(count) < 0.05
    amount[edge] = np.where(chance.random(edge.sum()) < 0.5, AMOUNT_MAX, unit[edge])
    amount = np.maximum(amount, unit)
    due = chance.integers(0, DAYS, count)
    end = np.minimum(due + 10 ** chance.uniform(0, math.log10(DAYS), count).astype(int), DAYS)
    end[chance.random(count) < 0.3] = DAYS
    turns = np.array([(half - FIRST).days for half in half_years()])
    at_turn = chance.random(count) < 0.2
    near = turns[chance.integers(0, len(turns), at_turn.sum())] + chance.integers(
        -2, 2, at_turn.sum()
    )
    due[at_turn] = np.clip(near, 0, DAYS - 1)
    ends_at_turn = chance.random(count) < 0.2
    turn = turns[chance.integers(0, len(turns), ends_at_turn.sum())]
    end[ends_at_turn] = np.clip(turn + chance.integers(-2, 2, ends_at_turn.sum()), 0, DAYS)
    end = np.where(end <= due, np.minimum(due + 1, DAYS), end)
    billed = np.where(chance.random(count) < 0.2, chance.integers(0, DAYS, count), NO_DAY)
    regime = chance.integers(0, len(law.regimes), count)
    triples = Triples(amount, due, end, billed, regime, unit)
    make_ties(law, triples, chance.random(count) < 0.1)
    return triples


def make_ties(law: Law, triples: Triples, wanted: Array) -> None:
    """Choose amounts whose interest lies exactly half-way between two units of the currency."""
    for row in np.flatnonzero(wanted).tolist():
        share = share_of(law, triples, row, triples.end)
        half = law.scale[triples.regime[row]] * int(triples.unit[row])
        if half % 2 or not share:
            continue
        common = math.gcd(share, half // 2)
        odd = half // 2 // common
        fits = odd * share // (half // 2) % 2 and odd % int(triples.unit[row]) == 0
        if fits and odd <= AMOUNT_MAX:
            triples.amount[row] = odd * (1 + 2 * (row % ((AMOUNT_MAX // odd + 1) // 2)))


def share_of(law: Law, triples: Triples, row: int, until: Array) -> int:
    """Give the share of the principal that accrues to a day, over the regime's scale."""
    code, due, end = int(triples.regime[row]), int(triples.due[row]), int(until[row])
    if law.regimes[code].fixing is Fixing.PER_SEMESTER:
        return int(law.share[code][end] - law.share[code][due])
    decimals = decimals_of(law.regimes[code])
    rate = rate_in_force(decimals, half_year(FIRST + (due + 1) * ONE_DAY))
    return int(rate.scaleb(decimals)) * int(law.weight[code][end] - law.weight[code][due])


def rounded(law: Law, triples: Triples, until: Array) -> Array:
    """Give the interest to a day in thousandths, rounded half away from zero: object[n]."""
    share = np.array([share_of(law, triples, row, until) for row in range(len(until))], object)
    scale = np.array(law.scale, object)[triples.regime] * triples.unit.astype(object)
    exact = share * triples.amount.astype(object)
    size = (2 * abs(exact) + scale) // (2 * scale) * triples.unit.astype(object)
    return np.where(exact < 0, -size, size)


def run(law: Law, triples: Triples) -> Any:
    """Run the kernels over all triples at once."""
    count, first = len(triples.amount), day_number(FIRST)
    is_settled = triples.end < DAYS
    items = InterestItems(
        amount_milli=triples.amount,
        open_milli=triples.amount,
        has_allocation=np.zeros(count, np.uint8),
        due_day=(triples.due + first).astype(np.int32),
        claim_day=(triples.due + first).astype(np.int32),
        settled_day=np.where(is_settled, triples.end + first, NO_DAY).astype(np.int32),
        regime_code=triples.regime.astype(np.int32),
        flags=np.zeros(count, np.uint8),
        insolvency_day=np.full(count, NO_DAY, np.int32),
        disputed_milli=np.zeros(count, np.int64),
        billed_to_day=np.where(
            triples.billed_to == NO_DAY, NO_DAY, triples.billed_to + first
        ).astype(np.int32),
        billed_milli=np.zeros(count, np.int64),
        has_billed=np.zeros(count, np.uint8),
        currency_code=np.array([UNITS.index(unit) for unit in triples.unit.tolist()], np.int32),
    )
    nothing = Allocations(
        np.zeros(count + 1, np.int64),
        np.empty(0, np.int32),
        np.empty(0, np.int64),
        np.empty(0, np.int64),
    )
    result = new_interest_result(count)
    options = InterestOptions(day_number(AS_OF), 0, False, np.array(UNITS, np.int64))
    accrue_interest(items, nothing, law.tables, options, result)
    return result


def check(law: Law, count: int, seed: int) -> Triples:
    triples = draw(law, count, seed)
    result = run(law, triples)
    assert (result.fault == FAULT_NONE).all()
    wanted = rounded(law, triples, triples.end)
    assert (result.penalty_milli == wanted).all()
    billed_to = np.clip(
        np.where(triples.billed_to == NO_DAY, 0, triples.billed_to), triples.due, None
    )
    told = rounded(law, triples, np.minimum(billed_to, triples.end))
    assert (result.unbilled_milli == wanted - told).all()
    return triples


def test_interest__of_random_and_boundary_triples_is_exact(law: Law) -> None:
    triples = check(law, COUNT, seed=1)
    years = (triples.end - triples.due) / 365
    assert triples.amount.max() == AMOUNT_MAX
    assert years.max() > 30
    assert (triples.billed_to != NO_DAY).any()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_interest__of_a_million_triples_is_exact(law: Law, seed: int) -> None:
    check(law, 100_000, seed)


def test_oracle__is_what_fractions_give_day_by_day(law: Law) -> None:
    triples = draw(law, 60, seed=99)
    found = rounded(law, triples, triples.end)
    for row, interest in enumerate(found):
        regime = law.regimes[triples.regime[row]]
        exact, start = Fraction(0), FIRST + (int(triples.due[row]) + 1) * ONE_DAY
        for number in range(int(triples.due[row]) + 1, int(triples.end[row]) + 1):
            day = FIRST + number * ONE_DAY
            fixed_on = day if regime.fixing is Fixing.PER_SEMESTER else start
            rate = Fraction(rate_in_force(decimals_of(regime), half_year(fixed_on)))
            exact += rate / 100 * day_weight(regime.day_count, day)
        units = exact * int(triples.amount[row]) / int(triples.unit[row])
        size = (2 * abs(units) + 1) // 2 * int(triples.unit[row])
        assert interest == (size if units >= 0 else -size)


def test_ties__are_among_the_triples(law: Law) -> None:
    triples = draw(law, 2_000, seed=7)
    ties = 0
    for row in range(2_000):
        twice = 2 * share_of(law, triples, row, triples.end) * int(triples.amount[row])
        unit = law.scale[triples.regime[row]] * int(triples.unit[row])
        ties += twice % unit == 0 and twice // unit % 2 == 1
    assert ties > 20
