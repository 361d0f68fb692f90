import random

import numpy as np
import pyarrow as pa
import pytest

from encours.ledger.ordering import order_by


@pytest.mark.parametrize("spread", [1, 2**20, 2**30, 2**40])
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
