"""Items found by rules, added up by account in any order."""

import random

import pyarrow as pa

from encours.calc.hit_sums import HitSums, grouped
from encours.calc.item_watch import HIT_SCHEMA


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
