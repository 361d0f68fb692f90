"""Items found by rules, added up by account in any order."""

import random

import numpy as np
import pyarrow as pa
import pytest

from encours.calc.hit_sums import HitSums, grouped, order_by
from encours.calc.item_watch import HIT_SCHEMA


@pytest.mark.parametrize("spread", [1, 2**20, 2**40])
def test_order_by__compares_texts_where_all_numbers_are_equal(spread: int) -> None:
    draw = random.Random(3)
    rows = [
        (
            draw.randrange(-1, 2) * spread,
            draw.randrange(3) * spread,
            draw.choice(["b", "a", "é", "ab", "", "Z"]),
        )
        for _ in range(200)
    ]
    first, second, texts = zip(*rows, strict=True)
    order = order_by((np.array(first), np.array(second)), pa.array(texts))
    ordered = [(rows[at][0], rows[at][1], rows[at][2].encode()) for at in order.tolist()]
    assert ordered == sorted((one, two, text.encode()) for one, two, text in rows)
    assert order_by((np.empty(0, np.int64),), pa.array([], pa.string())).tolist() == []


def test_hit_sums__do_not_depend_on_the_order_or_on_how_units_were_cut() -> None:
    draw = random.Random(4)
    rows = [
        (draw.randrange(2), draw.randrange(5), draw.choice(["", "NET30", "é"]), 1,
         draw.randrange(1000), draw.randrange(-4, 4), f"I{draw.randrange(40)}")
        for _ in range(300)
    ]  # fmt: skip
    expected = []
    for key in sorted({row[:3] for row in rows}, key=lambda one: (*one[:2], one[2].encode())):
        same = [row for row in rows if row[:3] == key]
        worst = min(same, key=lambda row: (row[5], row[6].encode()))
        expected.append((*key, len(same), sum(row[4] for row in same), *worst[5:]))
    for step in (1, 7, 300):
        draw.shuffle(rows)
        sums = HitSums()
        for at in range(0, len(rows), step):
            columns = [pa.array(column) for column in zip(*rows[at : at + step], strict=True)]
            table = pa.table(columns, names=HIT_SCHEMA.names).cast(HIT_SCHEMA)
            sums.add(grouped(table))
        found = sums.result().to_pylist()
        assert [tuple(row.values()) for row in found] == expected
    assert HitSums().result().num_rows == 0
