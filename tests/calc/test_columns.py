"""Kernel columns as Arrow columns."""

import random
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from encours.calc.columns import coded_array, day_array, listed_array, money_array, number_array
from encours.ledger.numbering import number_keys
from encours_schemas.errors import InputRefused
from tests.calc.stand_ins import NO_DAY

MOST = 10**18 - 1


@pytest.mark.parametrize("values", [[], [0], [1, -1, MOST, -MOST], list(range(-20, 20))])
def test_money_array__is_the_thousandths_themselves(values: list[int]) -> None:
    array = money_array(np.array(values, np.int64))
    array.validate(full=True)
    assert array.to_pylist() == [Decimal(value).scaleb(-3) for value in values]


@pytest.mark.parametrize("value", [MOST + 1, -MOST - 1, 2**63 - 1, -(2**63)])
def test_money_array__refuses_more_than_15_digits_but_not_below_a_null(value: int) -> None:
    values = np.array([5, value], np.int64)
    with pytest.raises(InputRefused, match="row 1"):
        money_array(values)
    assert money_array(values, np.array([True, False])).to_pylist() == [Decimal("0.005"), None]
    with pytest.raises(InputRefused):
        money_array(values, np.array([False, True]))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 64, 65])
def test_columns__have_nulls_where_they_should(count: int) -> None:
    chance = random.Random(count)
    valid = np.array([chance.random() < 0.5 for _ in range(count)], bool)
    values = np.arange(count, dtype=np.int64)
    expected = [place if is_valid else None for place, is_valid in enumerate(valid.tolist())]
    numbers = number_array(values, valid)
    numbers.validate(full=True)
    assert numbers.to_pylist() == expected
    money = money_array(values, valid).to_pylist()
    assert [None if one is None else int(one.scaleb(3)) for one in money] == expected
    days = day_array(np.where(valid, values, NO_DAY))
    assert days.cast(pa.int32()).to_pylist() == expected


def test_number_array__keeps_the_width() -> None:
    assert number_array(np.array([1], np.int32)).type == pa.int32()
    assert number_array(np.array([[1, 2], [3, 4]], np.int64)[:, 1]).to_pylist() == [2, 4]


@pytest.mark.parametrize(
    ("codes", "texts"),
    [([], []), ([0, 1, 0], ["b", "a", "b"]), ([-1, 1], [None, "a"]), ([-1, -1], [None, None])],
)
def test_listed_array__names_codes(codes: list[int], texts: list[Any]) -> None:
    array = listed_array(np.array(codes, np.int32), ("b", "a"))
    array.validate(full=True)
    assert array.to_pylist() == texts


@pytest.mark.parametrize("codes", [[], [2], [2, 0, 2, 2, 0], [0, 1, 2, 3]])
def test_coded_array__lists_only_what_occurs(codes: list[int]) -> None:
    texts = pa.array(["a", "b", "", "d"])
    array = coded_array(np.array(codes, np.int32), texts)
    array.validate(full=True)
    assert array.to_pylist() == [texts[code].as_py() for code in codes]
    assert len(array.dictionary) == len(set(codes))


@pytest.mark.parametrize(
    "keys", [[], [5], [5, 5], [-1, 2**63 - 1, -(2**63), -1], list(range(999, -1, -1)) * 2]
)
def test_number_keys__numbers_by_first_appearance(keys: list[int]) -> None:
    distinct = np.empty(len(keys), np.int64)
    ids = number_keys(np.array(keys, np.int64), distinct)
    known = list(dict.fromkeys(keys))
    assert ids.tolist() == [known.index(key) for key in keys]
    assert distinct[: len(known)].tolist() == known
