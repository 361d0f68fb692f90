"""The oldest late item of every account, over work units and shards: against one loop per line."""

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from encours.calc.item_watch import LATE_RECORD, LateRows
from encours.calc.lines import LINE_SUMS, line_key
from encours.calc.sums import KeyedSums
from encours.kernels.late import INSURABLE, LATE_BUCKETS, MAY_STOP_COVER, NOT_INSURED, STOPS_COVER
from encours.passes import late_items
from encours.passes.late_items import LateItems

AS_OF_DAY, RELEASE_DAYS = 100, 30
CUSTOMERS, COMPANIES = 9, 2

Row = tuple[int, int, int, int, int, str]  # line, day, open, uncounted, standing, id


def context(materiality: int) -> Any:
    codes = np.arange(CUSTOMERS, dtype=np.int32)
    return SimpleNamespace(
        as_of_day=AS_OF_DAY,
        reporting=SimpleNamespace(minor_unit_milli=10),
        configuration=SimpleNamespace(
            rules=SimpleNamespace(overdue_age=SimpleNamespace(materiality=materiality / 1000))
        ),
        master=SimpleNamespace(
            customers=SimpleNamespace(
                account_ids=pa.array([f"A{code}" for code in range(CUSTOMERS)]),
                account_code=codes // 2,
            ),
            companies=SimpleNamespace(codes=["1000", "2000"], segment_code=np.array([0, 0])),
        ),
    )


def naive_line(
    rows: list[Row], credit: int, materiality: int
) -> tuple[tuple[int, str] | None, int, int]:
    """Give a line's oldest item that counts, what is to be paid, and how much of it insurable."""
    left, owed, insurable, to_pay, insured = credit, 0, 0, 0, 0
    oldest: tuple[int, str] | None = None
    for _, day, amount, uncounted, standing, name in sorted(
        rows, key=lambda row: (row[1], row[5].encode())
    ):
        used = min(left, amount)
        left, rest = left - used, amount - used
        counted = rest - uncounted
        if counted > 0 and counted >= materiality:
            oldest = oldest or (day, name)
            if day <= AS_OF_DAY - RELEASE_DAYS:
                paid = counted - max(0, (materiality - 1) // 10 * 10)
                to_pay, insured = owed + paid, insurable + paid * (standing != NOT_INSURED)
        owed += rest
        insurable += rest * (standing != NOT_INSURED)
    return oldest, to_pay, insured


def naive_oldest(
    rows: list[Row], credit: dict[int, int], materiality: int, account_of: dict[int, int]
) -> tuple[dict[int, tuple[int, str]], dict[int, tuple[int, ...]]]:
    """Give by account its oldest item that counts, and by line what is to be paid."""
    found: dict[int, tuple[int, str]] = {}
    payments: dict[int, tuple[int, ...]] = {}
    for line in sorted({row[0] for row in rows}):
        own = [row for row in rows if row[0] == line]
        oldest, to_pay, insured = naive_line(own, credit[line], materiality)
        stops = [row for row in own if row[4] == STOPS_COVER]
        others = [(*row[:2], 0, 0, *row[4:]) if row in stops else row for row in own]
        _, *after = naive_line(others, credit[line], materiality)
        for_stop = sum(row[2] for row in stops)
        if to_pay or for_stop:
            payments[line] = (to_pay, insured, for_stop, *after)
        if oldest:
            account = account_of[line]
            found[account] = min(oldest, found.get(account, oldest))
    return found, payments


@pytest.mark.parametrize("seed", range(40))
def test_late_items__of_many_units_and_shards(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    monkeypatch.setattr(late_items, "_UNDECIDED_ROWS", draw.choice([0, 5, 1 << 21]))
    materiality = draw.choice([0, 10, 90])
    standings = draw.choice([[NOT_INSURED], [NOT_INSURED, INSURABLE, STOPS_COVER]])
    numbers = [(customer, company) for customer in range(CUSTOMERS) for company in range(COMPANIES)]
    chosen = draw.sample(numbers, draw.randrange(1, len(numbers)))
    keys = line_key(
        np.array([one[0] for one in chosen]), np.array([one[1] for one in chosen]),
        np.full(len(chosen), 3), COMPANIES,
    )  # fmt: skip
    credit = {key: draw.choice([0, 0, 40, 300]) for key in keys.tolist()}
    of_line = dict(zip(keys.tolist(), chosen, strict=True))
    late = LateItems(tmp_path, context(materiality), draw.choice([1, 1 << 22, 1 << 30]), 30)
    names = [f"I{number}" for number in range(120)]
    draw.shuffle(names)
    rows, told, ordinal = [], [], 0
    for _ in range(draw.randrange(1, 5)):
        count = draw.randrange(1, 30)
        own = [names.pop() for _ in range(count)]
        places = sorted(draw.sample(range(count), draw.randrange(1, count + 1)))
        records = np.empty(len(places), LATE_RECORD)
        for at, place in enumerate(places):
            line, amount = draw.choice(keys.tolist()), draw.randrange(1, 9) * 10
            day, uncounted = draw.choice([60, 69, 70, 71]), draw.choice([0, 0, 10, amount])
            standing = draw.choice(standings)
            may_stop = len(standings) > 1 and draw.random() < 0.3
            first = MAY_STOP_COVER if may_stop else NOT_INSURED
            records[at] = (line, ordinal + place, amount, uncounted, day, first)
            if standing != NOT_INSURED:
                told.append((ordinal + place, standing, line % LATE_BUCKETS))
            if not may_stop or standing == STOPS_COVER:
                rows.append((line, day, amount, uncounted, standing, own[place]))
        bucket = (records["line"] % LATE_BUCKETS).astype(np.int32)
        late.add(LateRows(records, bucket, ordinal, pa.array(own)))
        ordinal += count
    draw.shuffle(told)
    for label in range(3):
        columns = np.array(told[label::3], np.int64).reshape(-1, 3).T
        late.add_standings(label, columns[0], columns[1], columns[2].astype(np.int32))
    lines = KeyedSums(len(LINE_SUMS))
    sums = np.zeros((len(keys), len(LINE_SUMS)), np.int64)
    sums[:, LINE_SUMS.index("unapplied_credits")] = [-credit[key] for key in keys.tolist()]
    lines.add(keys, sums)
    settled = late.settle(lines, threads=draw.choice([1, 3]))
    account = {line: customer // 2 for line, (customer, _) in of_line.items()}
    oldest, payments = naive_oldest(rows, credit, materiality, account)
    found = zip(*(column.tolist() for column in settled.oldest[:2]), strict=True)
    named = zip(found, settled.oldest.item_id.to_pylist(), strict=True)
    assert {place: (day, name) for (place, day), name in named} == oldest
    paid = {
        (place, customer, company): tuple(amounts)
        for place, customer, company, *amounts in np.column_stack(settled.payments).tolist()
    }
    assert paid == {(account[line], *of_line[line]): payments[line] for line in payments}
    assert not list(tmp_path.iterdir())
