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
from encours.kernels.late import LATE_BUCKETS
from encours.passes import late_items
from encours.passes.late_items import LateItems

AS_OF_DAY, RELEASE_DAYS = 100, 30
CUSTOMERS, COMPANIES = 9, 2

Row = tuple[int, int, int, int, str]  # line, day, open, uncounted, id


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


def naive_oldest(
    rows: list[Row], credit: dict[int, int], materiality: int, account_of: dict[int, int]
) -> dict[int, tuple[int, str, int]]:
    """Give by account the day and id of its oldest item that counts, and what is to be paid."""
    found: dict[int, tuple[int, str, int]] = {}
    for line in sorted({row[0] for row in rows}):
        left, owed, to_pay = credit[line], 0, 0
        oldest: tuple[int, str] | None = None
        for _, day, amount, uncounted, name in sorted(
            (row for row in rows if row[0] == line), key=lambda row: (row[1], row[4].encode())
        ):
            used = min(left, amount)
            left, rest = left - used, amount - used
            counted = rest - uncounted
            if counted > 0 and counted >= materiality:
                oldest = oldest or (day, name)
                if day <= AS_OF_DAY - RELEASE_DAYS:
                    to_pay = owed + counted - max(0, (materiality - 1) // 10 * 10)
            owed += rest
        if oldest:
            account = account_of[line]
            before = found.get(account)
            day, name = min(oldest, before[:2]) if before else oldest
            found[account] = (day, name, to_pay + (before[2] if before else 0))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_late_items__of_many_units_and_shards(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    monkeypatch.setattr(late_items, "_UNDECIDED_ROWS", draw.choice([0, 5, 1 << 21]))
    materiality = draw.choice([0, 10, 90])
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
    rows, ordinal = [], 0
    for _ in range(draw.randrange(1, 5)):
        count = draw.randrange(1, 30)
        own = [names.pop() for _ in range(count)]
        places = sorted(draw.sample(range(count), draw.randrange(1, count + 1)))
        records = np.empty(len(places), LATE_RECORD)
        for at, place in enumerate(places):
            line, amount = draw.choice(keys.tolist()), draw.randrange(1, 9) * 10
            day, uncounted = draw.choice([60, 69, 70, 71]), draw.choice([0, 0, 10, amount])
            records[at] = (line, ordinal + place, amount, uncounted, day)
            rows.append((line, day, amount, uncounted, own[place]))
        bucket = (records["line"] % LATE_BUCKETS).astype(np.int32)
        late.add(LateRows(records, bucket, ordinal, pa.array(own)))
        ordinal += count
    lines = KeyedSums(len(LINE_SUMS))
    sums = np.zeros((len(keys), len(LINE_SUMS)), np.int64)
    sums[:, LINE_SUMS.index("unapplied_credits")] = [-credit[key] for key in keys.tolist()]
    lines.add(keys, sums)
    oldest = late.settle(lines, threads=draw.choice([1, 3]))
    found = zip(
        oldest.place.tolist(), oldest.due_day.tolist(), oldest.item_id.to_pylist(),
        oldest.to_pay_rc.tolist(), strict=True,
    )  # fmt: skip
    account = {line: customer // 2 for line, (customer, _) in of_line.items()}
    assert {place: tuple(rest) for place, *rest in found} == naive_oldest(
        rows, credit, materiality, account
    )
    assert not list(tmp_path.iterdir())
