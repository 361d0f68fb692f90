"""The oldest late item of a line, after credits took the oldest ones."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from encours.calc.item_watch import LATE_RECORD
from encours.calc.lines import line_key
from encours.kernels.late import (
    INSURABLE,
    IS_AS_OLD,
    IS_BEYOND_CAP,
    IS_LARGE,
    IS_SOON_BARRED,
    IS_TIED,
    LATE_BUCKETS,
    MAY_STOP_COVER,
    NOT_INSURED,
    STOPS_COVER,
    LateLimits,
    WatchedItems,
    WatchLimits,
    find_oldest_late,
    list_late_items,
    mark_ties,
    mark_watched,
    take_standings,
)
from encours.kernels.text import NO_DAY
from encours.ledger.master import CURRENCIES
from encours.passes.late_items import STANDING_RECORD

Item = tuple[int, int, int, int]  # day, open, uncounted, insurable


def late_records(rows: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Give rows of line, day, open and uncounted amount, and insurable or not, as records."""
    records = np.zeros(len(rows), LATE_RECORD)
    for field, name in enumerate(("line", "due_day", "open_rc", "uncounted_rc", "standing")):
        records[name] = [row[field] for row in rows]
    return records


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
            late_records(rows), np.array(credits_rc), materiality, unit, 4, oldest, to_pay
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
    find_oldest_late(late_records(rows), np.array(credit), materiality, 10, 4, oldest, to_pay)
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
    mark_ties(late_records(mixed), np.array(credit), materiality, 4, marked)
    tied = np.flatnonzero(marked & (IS_TIED | IS_AS_OLD))
    again = sorted((mixed[at] for at in tied), key=lambda row: (row[0], row[1], row[5]))
    for at, row in zip(tied.tolist(), again, strict=True):
        mixed[at] = row
    assert set(marked.tolist()) <= set(range(8))
    assert settled(mixed, credit, materiality) == settled(whole, credit, materiality)


DAYS = [NO_DAY, -10, 0, 5, 20_000]
REGIMES = 3
LIMITS = WatchLimits(np.array([30, 60, 2**31 - 1]), np.array([-5, 1, 1]), np.array([9, 0, 0]), 70)


def random_items(draw: random.Random, count: int) -> list[dict[str, Any]]:
    return [
        {
            "customer_code": draw.randrange(4),
            "company_code": draw.randrange(2),
            "currency_code": draw.randrange(3),
            "document_day": draw.choice(DAYS[1:]),
            "due_day": draw.choice([*DAYS[1:], -5, 9, 10]),
            "original_due_day": draw.choice([*DAYS[1:], 35, 36, 65]),
            "disputed_from_day": draw.choice(DAYS),
            "component": draw.choice([-1, 0, 4]),
            "regime_code": draw.choice([-1, 0, 1]),
            "exists": draw.random() < 0.8,
            "bears_interest": draw.random() < 0.8,
            "open_milli": draw.choice([-10, 0, 10]),
            "open_rc": draw.choice([-10, 0, 10, 70, 71]),
            "disputed_rc": draw.choice([0, 10]),
            "is_insurable": draw.random() < 0.5,
        }
        for _ in range(count)
    ]


def columns(rows: list[dict[str, Any]], *, insures: bool = True) -> WatchedItems:
    def kind(name: str) -> type[np.generic]:
        if name in {"exists", "bears_interest", "is_insurable"}:
            return np.bool_
        return np.int64 if name in {"open_milli", "open_rc", "disputed_rc"} else np.int32

    found = WatchedItems(
        *(np.array([row[name] for row in rows], kind(name)) for name in WatchedItems._fields)
    )
    return found if insures else found._replace(is_insurable=np.empty(0, np.bool_))


@pytest.mark.parametrize("seed", range(20))
def test_mark_watched__looks_at_what_the_rules_say(seed: int) -> None:
    rows = random_items(random.Random(seed), 80)
    marks = np.full(len(rows), 99, np.uint8)
    mark_watched(columns(rows), LIMITS, marks)
    for row, mark in zip(rows, marks.tolist(), strict=True):
        regime = row["regime_code"]
        is_claim = row["exists"] and row["bears_interest"] and row["open_milli"] > 0
        term = row["original_due_day"] - row["document_day"]
        is_beyond = is_claim and regime >= 0 and term > [30, 60][regime]
        is_barred = is_claim and regime == 0 and -5 <= row["due_day"] <= 9
        is_large = row["exists"] and row["open_rc"] > 70
        assert mark == IS_BEYOND_CAP * is_beyond + IS_SOON_BARRED * is_barred + IS_LARGE * is_large


@pytest.mark.parametrize("seed", range(20))
def test_list_late_items__like_one_row_at_a_time(seed: int) -> None:
    draw = random.Random(seed)
    rows = random_items(draw, draw.choice([0, 1, 80]))
    of_customer = np.array(draw.choice([[], [True, False, True, True]]), bool)
    of_company = np.array(draw.choice([[], [False, True]]), bool)
    records, bucket = np.empty(len(rows), LATE_RECORD), np.full(len(rows), 99, np.int32)
    limits = LateLimits(9, 35, 5, of_customer, of_company, 2, len(CURRENCIES))
    insures = draw.random() < 0.7
    with np.errstate(over="ignore"):
        count = list_late_items(columns(rows, insures=insures), limits, 500, records, bucket)
    expected = []
    for place, row in enumerate(rows):
        begun = row["disputed_from_day"]
        begun = row["document_day"] if begun == NO_DAY else begun
        is_counted = row["component"] >= 0 and row["open_milli"] > 0 and row["open_rc"] > 0
        is_concerned = (not len(of_customer) or of_customer[row["customer_code"]]) and (
            not len(of_company) or of_company[row["company_code"]]
        )
        ages = is_concerned and row["due_day"] <= 9
        may_stop = insures and row["is_insurable"] and row["original_due_day"] <= 35
        if is_counted and (ages or may_stop):
            customer, company, currency = (
                np.array([row[f"{name}_code"]]) for name in ("customer", "company", "currency")
            )
            line = int(line_key(customer, company, currency, 2)[0])
            uncounted = row["disputed_rc"] if begun >= 5 else 0
            uncounted = uncounted if ages else row["open_rc"]
            standing = NOT_INSURED if ages else MAY_STOP_COVER
            facts = (row["open_rc"], uncounted, row["due_day"], standing)
            expected.append((line, 500 + place, *facts))
    assert records[:count].tolist() == expected
    by_line = dict(zip(records["line"][:count].tolist(), bucket[:count].tolist(), strict=True))
    assert bucket[:count].tolist() == [by_line[line] for line, *_ in expected]
    assert set(bucket[:count].tolist()) <= set(range(LATE_BUCKETS))


@pytest.mark.parametrize("seed", range(40))
def test_take_standings__drops_what_stops_no_cover(seed: int) -> None:
    draw = random.Random(seed)
    ordinals = sorted(draw.sample(range(50), draw.randrange(0, 15)))
    first = {one: draw.choice((NOT_INSURED, MAY_STOP_COVER)) for one in ordinals}
    known = [one for one in ordinals if draw.random() < 0.6]
    told = {one: draw.choice((INSURABLE, STOPS_COVER)) for one in known}
    late = np.zeros(len(ordinals), LATE_RECORD)
    late["ordinal"], late["standing"] = ordinals, [first[one] for one in ordinals]
    late["open_rc"] = [one * 10 for one in ordinals]
    records = np.array(list(told.items()), STANDING_RECORD)
    count = take_standings(late, records)
    expected = [
        (one, one * 10, told.get(one, NOT_INSURED))
        for one in ordinals
        if first[one] == NOT_INSURED or told.get(one) == STOPS_COVER
    ]
    assert late[["ordinal", "open_rc", "standing"]][:count].tolist() == expected
