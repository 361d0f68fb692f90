"""Levels, hysteresis and exact numbers, against the rule in fractions."""

import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from encours.breaches.columns import decimals, money_text
from encours.breaches.customer_rules import months_later, ratio_e6
from encours.breaches.levels import (
    Level,
    reach_days,
    reach_share,
    release_share,
    share_ceiling,
    share_floor,
    share_rest,
)
from encours.breaches.limit_rules import excess_of, may_reach
from encours.breaches.overdue_rules import least_days, release_days
from encours_schemas.configuration.rules import OverdueAgeRule

EPOCH = date(1970, 1, 1)
LEVELS = (Level(900, 1, 0), Level(1000, 2, 1), Level(1200, 2, 7))
LARGEST = 10**18 - 1


def naive_level(measure: int, limit: int, held: int, release: int) -> int:
    """Give the highest level that is passed, or whose hold has not ended yet; -1 for none."""
    reached = -1
    for number, level in enumerate(LEVELS):
        threshold = Fraction(limit * level.above, 1000)
        was_held = level.holds != 0 and held & level.holds == level.holds
        stays = was_held and measure > 0 and measure >= threshold * Fraction(release, 1000)
        if measure > threshold or stays:
            reached = number
    return reached


def cases(seed: int) -> list[tuple[int, int, int]]:
    """Give measures, limits and holds; many lie on a threshold or one thousandth beside it."""
    draw = random.Random(seed)
    found = [(0, 0, 7), (1, 0, 0), (LARGEST, LARGEST, 7), (LARGEST, 1, 0), (1, LARGEST, 7)]
    for _ in range(400):
        limit = draw.choice([0, 1, 999, 1000, 10**6 + 7, 10**15 + 3, LARGEST // 2])
        share = draw.choice([855, 900, 950, 1000, 1140, 1200])
        measure = limit * share // 1000 + draw.choice([-1, 0, 1])
        found.append((max(measure, -1), limit, draw.choice([0, 1, 3, 7])))
    return found


def test_reach_share__is_the_rule_in_fractions() -> None:
    for release in (950, 1000, 1):
        measure, limit, held = (np.array(column) for column in zip(*cases(release), strict=True))
        reached = reach_share(measure, limit, LEVELS, release, held.astype(np.uint8))
        expected = [naive_level(*case, release) for case in cases(release)]
        assert reached.place.tolist() == expected
        unheld = [naive_level(one, cap, 0, release) for one, cap, _ in cases(release)]
        assert reached.is_kept.tolist() == [a > b for a, b in zip(expected, unheld, strict=True)]
        may = may_reach(measure, limit, LEVELS, release)
        assert all(may[reached.place >= 0])


def test_release_share__is_the_largest_measure_without_a_hold() -> None:
    limit = np.array([0, 1, 1000, 100_000, 10**6 + 7, LARGEST // 9])
    release = release_share(limit, LEVELS, 950)
    held = np.full(len(limit), 7, np.uint8)
    for measure, is_held in ((release, False), (release + 1, True)):
        reached = reach_share(measure, limit, LEVELS, 950, held)
        assert ((reached.place >= 1) == is_held).all()
    assert release_share(limit, LEVELS[:1], 950).tolist() == [-1] * len(limit)


@pytest.mark.parametrize("share", [1, 333, 900, 1000, 1200, 9000])
def test_share__is_exact_to_the_last_digit(share: int) -> None:
    limit = np.array([0, 1, 7, 999, 1000, 123_456_789, 10**15 + 1, 10**18 - 1])
    floor, rest = share_floor(limit, share), share_rest(limit, share)
    for one, whole, more in zip(limit.tolist(), floor.tolist(), rest.tolist(), strict=True):
        assert whole * 1000 + more == one * share
    for one, up in zip(limit.tolist(), share_ceiling(limit, share * 950).tolist(), strict=True):
        assert up == -(-one * share * 950 // 10**6)


def test_decimals__hold_what_64_bits_do_not() -> None:
    whole = np.array([0, 1, -1, 10**18 - 1, -(10**18) + 1, 2**62, -(2**62)])
    rest = np.array([0, 999, 1, 7, 500, 0, 999])
    found = decimals(whole, 1000, rest).to_pylist()
    expected = [Decimal(one * 1000 + more).scaleb(-6) for one, more in zip(
        whole.tolist(), rest.tolist(), strict=True)]  # fmt: skip
    assert found == expected


@pytest.mark.parametrize(("currency", "unit"), [("EUR", 10), ("JPY", 1000), ("TND", 1)])
def test_excess__is_rounded_once_to_the_currency(currency: str, unit: int) -> None:
    draw = random.Random(unit)
    rows = [
        (draw.randrange(0, 5000), draw.randrange(0, 5000), draw.choice([0, 1, 499, 500, 501, 999]))
        for _ in range(500)
    ]
    measure, floor, rest = (np.array(column) for column in zip(*rows, strict=True))
    expected = []
    for one, whole, more in rows:
        exact = Fraction(one) - whole - Fraction(more, 1000)
        expected.append(max(0, int(exact / unit + Fraction(1, 2))) * unit if exact > 0 else 0)
    assert excess_of(measure, floor, rest, currency).tolist() == expected
    assert money_text(np.array([unit]), currency).texts().to_pylist() == [
        {"EUR": "0.01", "JPY": "1", "TND": "0.001"}[currency]
    ]


def test_ratio__is_rounded_half_up_without_wrapping() -> None:
    draw = random.Random(5)
    pairs = [(draw.randrange(1, 10**18), draw.randrange(1, 10**18)) for _ in range(200)]
    pairs = [(part, whole) for part, whole in pairs if part < whole * 1000] + [(1, 2 * 10**6)]
    part, whole = (np.array(column) for column in zip(*pairs, strict=True))
    expected = [int(Fraction(one * 10**6, of) + Fraction(1, 2)) for one, of in pairs]
    assert ratio_e6(part, whole).tolist() == expected


def test_reach_days__keeps_a_hold_until_it_is_below_its_part() -> None:
    levels = (Level(30, 1, 0), Level(60, 2, 1), Level(90, 2, 3))
    days = np.array([30, 31, 56, 57, 60, 61, 85, 86])
    free = reach_days(days, levels, 950, np.zeros(8, np.uint8))
    assert free.place.tolist() == [-1, 0, 0, 0, 0, 1, 1, 1]
    held = reach_days(days, levels, 950, np.full(8, 3, np.uint8))
    assert held.place.tolist() == [-1, 0, 0, 1, 1, 1, 1, 2]


def test_least_days__is_the_youngest_age_that_can_matter() -> None:
    rule = OverdueAgeRule()
    assert (least_days(rule), release_days(rule)) == (31, 57)
    early = OverdueAgeRule.model_validate({"levels": [{"above_days": 30, "holds": ["orders"]}]})
    assert (least_days(early), release_days(early)) == (29, 29)
    mild = OverdueAgeRule.model_validate({"levels": [{"above_days": 0, "severity": "warning"}]})
    assert least_days(mild) == 1


def test_months_later__ends_with_the_month() -> None:
    for start in (date(2026, 12, 31), date(2024, 2, 29), date(2026, 8, 30), date(2026, 1, 1)):
        for months in (0, 2, 4, 12):
            month = start.month - 1 + months
            year, month = start.year + month // 12, month % 12 + 1
            following = date(year + month // 12, month % 12 + 1, 1)
            last = (following - timedelta(days=1)).day
            expected = date(year, month, min(start.day, last))
            found = months_later(np.array([(start - EPOCH).days]), np.array([months]))
            assert EPOCH + timedelta(days=int(found[0])) == expected
