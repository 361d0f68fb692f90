import random
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from encours.kernels.interest_columns import NO_RATE_E9
from tests.kernels.interest_case import (
    MINOR_UNITS,
    assert_same,
    day_number,
    regimes,
    run,
    run_periods,
)
from tests.naive.interest import Allocation, Item, accrue_interest, interest_rows
from tests.naive.laws import Law

AS_OF = date(2026, 10, 31)
LAW = Law()


def random_day(chance: random.Random, first: date, last: date) -> date:
    return first + timedelta(days=chance.randrange((last - first).days + 1))


def random_item(chance: random.Random, years_max: int = 1) -> Item:
    """Make an item with a bit of everything, mostly late."""
    unit = chance.choice(MINOR_UNITS)
    as_of_gap = chance.choice([2, 5, 20, 40, 80, 400 * years_max])
    due = random_day(chance, AS_OF - timedelta(days=as_of_gap), AS_OF + timedelta(days=2))
    if chance.random() < 0.1:
        due = chance.choice([date(2026, 6, 30), date(2025, 12, 31), date(2026, 9, 30)])
    amount = chance.choice([unit, chance.randrange(1, 10**6) * unit, 10**15 // unit * unit])
    allocations = []
    for _ in range(chance.choice([0, 0, 0, 1, 1, 2, 3, 5])):
        part = chance.choice([amount, chance.randrange(1, 2 * amount // unit // 3 + 2) * unit])
        part = -part if chance.random() < 0.2 else part
        day = random_day(chance, due - timedelta(days=10), AS_OF + timedelta(days=5))
        if chance.random() < 0.2:
            day = chance.choice([due, due + timedelta(days=1), date(2026, 7, 1), date(2026, 6, 30)])
        allocations.append(Allocation(day, part, chance.random() < 0.7))
    open_now = amount - sum(entry.amount for entry in allocations)
    settled = max(entry.value_date for entry in allocations) if not open_now else None
    disputed = chance.choice([0, 0, 0, abs(open_now), abs(open_now) // 3 // unit * unit, amount])
    insolvency = random_day(chance, due - timedelta(days=5), AS_OF + timedelta(days=1))
    is_odd = chance.random() < 0.15
    return Item(
        amount=amount,
        due=due,
        regime=chance.choice([*regimes(), None] if is_odd else ["FR_business", *regimes()]),
        allocations=tuple(allocations),
        has_allocation=bool(allocations) or chance.random() < 0.1,
        open_amount=None if allocations else chance.choice([None, amount // 2, -amount, 0]),
        settled_on=settled,
        claim_date=due - timedelta(days=chance.choice([0, 30])),
        is_credit=is_odd and chance.random() < 0.2,
        is_interest_note=is_odd and chance.random() < 0.2,
        is_consumer=is_odd and chance.random() < 0.2,
        is_intragroup=is_odd and chance.random() < 0.2,
        interest_first=chance.random() < 0.1,
        insolvency=insolvency if chance.random() < 0.1 and insolvency <= AS_OF else None,
        disputed=disputed if chance.random() < 0.3 else 0,
        billed_to=random_day(chance, due - timedelta(days=3), AS_OF)
        if chance.random() < 0.1
        else None,
        billed=chance.randrange(1000) * unit if chance.random() < 0.1 else None,
        minor_unit=unit,
    )


@pytest.mark.parametrize(
    ("seed", "count", "years", "grace_days", "accrue_on_disputed"),
    [
        (1, 14_000, 1, 0, False),
        (2, 4_000, 1, 10, False),
        (3, 2_000, 2, 0, True),
        (4, 60, 30, 0, False),
    ],
)
def test_accrue_interest__agrees_with_twin_on_random_items(
    seed: int, count: int, years: int, grace_days: int, accrue_on_disputed: bool
) -> None:
    chance = random.Random(seed)
    items = [random_item(chance, years) for _ in range(count)]
    chosen: dict[str, Any] = {"grace_days": grace_days, "accrue_on_disputed": accrue_on_disputed}
    twins = [accrue_interest(item, LAW, AS_OF, **chosen) for item in items]
    assert_same(items, twins, run(items, AS_OF, **chosen))


def test_list_interest_periods__agrees_with_twin_on_random_items() -> None:
    chance = random.Random(5)
    items = [random_item(chance, 3) for _ in range(700)]
    items += [random_item(chance, 30) for _ in range(6)]
    twins = [accrue_interest(item, LAW, AS_OF) for item in items]
    bearing = [
        (item, twin)
        for item, twin in zip(items, twins, strict=True)
        if not twin.reason and twin.missing_day is None
    ]
    periods = run_periods([item for item, _ in bearing], AS_OF)
    start = np.searchsorted(periods.item_index, np.arange(len(bearing) + 1))
    for number, (item, twin) in enumerate(bearing):
        own = slice(start[number], start[number + 1])
        assert periods.interest_milli[own].sum() == twin.penalty
        found = sorted(
            zip(
                periods.from_day[own].tolist(),
                periods.to_day[own].tolist(),
                periods.days[own].tolist(),
                periods.principal_milli[own].tolist(),
                periods.reference_rate_e9[own].tolist(),
                periods.rate_e9[own].tolist(),
                periods.interest_milli[own].tolist(),
                strict=True,
            )
        )
        rows = interest_rows(item, LAW, AS_OF)
        assert found == sorted(
            (
                day_number(row.first),
                day_number(row.last),
                row.days,
                row.principal,
                NO_RATE_E9 if row.reference is None else row.reference * 10**9,
                row.rate * 10**9,
                row.interest,
            )
            for row in rows
        ), item
