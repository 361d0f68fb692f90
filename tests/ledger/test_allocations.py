"""Allocations on their way to their items."""

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from encours.ledger.allocations import (
    ALLOCATION_KINDS,
    ALLOCATION_RECORD,
    attach_allocations,
    by_item,
    decode_allocations,
)
from encours.ledger.checking import ABSENT, REASONS, RowFaults
from encours.ledger.decode import hash_column
from encours.ledger.master import CURRENCY_POSITIONS
from encours_schemas import INPUT_TABLES
from encours_schemas.configuration import TableInput
from encours_schemas.reasons import Reason

Array = np.ndarray[Any, np.dtype[Any]]

EUR, JPY, TND = (CURRENCY_POSITIONS[currency] for currency in ("EUR", "JPY", "TND"))
AS_OF_DAY, EXTRACT_DAY, FIRST_ORDINAL = 1_000, 990, 2**33
NO_DAY = np.iinfo(np.int32).min


def records(*rows: dict[str, int]) -> Array:
    """Give allocations of 10 euros to the first item, but for what a row says."""
    made = np.zeros(len(rows), ALLOCATION_RECORD)
    for place, row in enumerate(rows):
        plain = {"amount_milli": 10_000, "value_day": 950, "posting_day": 960, "item": 0}
        plain |= {"currency_code": ABSENT, "ordinal": 100 + place}
        values = {**plain, **row}
        values["first"] = FIRST_ORDINAL + values.pop("item")
        for name, value in values.items():
            made[place][name] = value
    return made


def items(*currencies: int, bad: tuple[int, ...] = ()) -> Any:
    """Give items of these currencies; those of `bad` have a fault."""
    faults = RowFaults(INPUT_TABLES["open_items"], len(currencies))
    rows = np.isin(np.arange(len(currencies)), bad)
    faults.add(rows, "amount", Reason.WRONG_TYPE)
    return SimpleNamespace(
        row_count=len(currencies), currency_code=np.array(currencies, np.int32), faults=faults
    )


def attach(made: Array, joined: Any) -> tuple[list[Any], list[tuple[int, str, str]]]:
    """Give value days and amounts per item, and what was refused: ordinal, column, reason."""
    found, refused = attach_allocations(made, joined, FIRST_ORDINAL, AS_OF_DAY, EXTRACT_DAY)
    assert found.offset[0] == 0
    assert found.offset[-1] == len(found.value_day) == len(found.amount_milli)
    pairs = list(zip(found.value_day.tolist(), found.amount_milli.tolist(), strict=True))
    per_item = [pairs[found.offset[row] : found.offset[row + 1]] for row in range(joined.row_count)]
    causes = [
        (ordinal, column, REASONS[reason].value)
        for ordinal, column, reason in zip(
            refused.ordinal.tolist(), refused.column, refused.reason.tolist(), strict=True
        )
    ]
    attached = list(
        zip(per_item, found.has_any.tolist(), found.at_extract_milli.tolist(), strict=True)
    )
    return attached, causes


def test_attach_allocations__of_none() -> None:
    assert attach(records(), items(EUR, EUR)) == ([([], False, 0), ([], False, 0)], [])
    assert attach(records(), items()) == ([], [])


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_attach_allocations__looks_at_the_posting_day(days: int) -> None:
    one = records({"posting_day": AS_OF_DAY + days, "value_day": 5})
    attached, causes = attach(one, items(EUR))
    assert attached == [([(5, 10_000)] if days <= 0 else [], True, 0)]
    assert not causes


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_attach_allocations__sums_what_was_posted_by_the_extract_day(days: int) -> None:
    one = records({"posting_day": EXTRACT_DAY + days, "value_day": 2_000})
    attached, _ = attach(one, items(EUR))
    assert attached == [([(2_000, 10_000)], True, 10_000 if days <= 0 else 0)]


@pytest.mark.parametrize(
    ("row", "currency", "is_bad", "cause"),
    [
        ({"currency_code": EUR}, EUR, False, None),
        ({"currency_code": JPY, "amount_milli": 1_000}, EUR, False, "currency_mismatch"),
        ({"amount_milli": 10_005}, EUR, False, "too_precise"),
        ({"amount_milli": 10_005}, TND, False, None),
        ({"amount_milli": 10_500}, JPY, False, "too_precise"),
        ({"amount_milli": -10_005}, EUR, False, "too_precise"),
        ({"currency_code": JPY, "amount_milli": 10_005}, EUR, False, "currency_mismatch"),
        ({}, EUR, True, "parent_quarantined"),
        ({"currency_code": JPY, "amount_milli": 5}, EUR, True, "parent_quarantined"),
    ],
)
def test_attach_allocations__refuses_what_does_not_fit_the_item(
    row: dict[str, int], currency: int, is_bad: bool, cause: str | None
) -> None:
    columns = {
        "currency_mismatch": "currency",
        "too_precise": "amount",
        "parent_quarantined": "item_id",
    }
    attached, causes = attach(records(row), items(currency, bad=(0,) if is_bad else ()))
    assert causes == ([(100, columns[cause], cause)] if cause else [])
    parts, has_any, at_extract = attached[0]
    assert has_any == (cause is None)
    assert bool(parts) == bool(at_extract) == (cause is None)


def test_attach_allocations__sorts_by_item_then_value_day_and_keeps_the_order_of_a_day() -> None:
    chance = random.Random(2)
    days = [NO_DAY + 1, -5, -1, 0, 1, 2**31 - 1]
    rows = [
        {"item": chance.randrange(4), "value_day": chance.choice(days), "amount_milli": 10 * place}
        for place in range(200)
    ]
    made = by_item(records(*rows), FIRST_ORDINAL, 5)
    attached, _ = attach(made, items(EUR, EUR, EUR, EUR, EUR))
    for item, (parts, has_any, at_extract) in enumerate(attached):
        own = [row for row in rows if row["item"] == item]
        expected = sorted(own, key=lambda row: row["value_day"])
        assert parts == [(row["value_day"], row["amount_milli"]) for row in expected]
        assert has_any == bool(own)
        assert at_extract == sum(row["amount_milli"] for row in own)


def test_attach_allocations__does_not_wrap_what_the_extract_knows() -> None:
    huge = 10**18 - 10
    rows = [{"amount_milli": huge, "posting_day": EXTRACT_DAY, "ordinal": n} for n in range(20)]
    attached, _ = attach(records(*rows), items(EUR))
    assert attached[0][2] > 2**62


def table(**columns: Sequence[str | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def test_decode_allocations__gives_records_of_good_rows() -> None:
    data = table(
        item_id=["A", "", "B", "C"],
        value_date=["1970-01-11", "1970-01-11", "1970-01-21", "1970-01-11"],
        posting_date=["", "1970-01-15", "1970-01-25", ""],
        amount=["1.50", "1", "-2.005", "x"],
        currency=["EUR", "EUR", "", "EUR"],
        kind=["", "payment", "return", "payment"],
    )
    decoded = decode_allocations(data, TableInput(), 70)
    first, second = hash_column(data.column("item_id").combine_chunks())
    assert decoded.rows.tolist() == [0, 2]
    assert decoded.records.tolist() == [
        (first[0], second[0], 70, 1_500, 10, 10, EUR, 0),
        (first[2], second[2], 72, -2_005, 20, 24, ABSENT, ALLOCATION_KINDS.index("return")),
    ]
    assert decoded.faults.bad.tolist() == [False, True, False, True]
    assert [decoded.faults.of_row(row) for row in (1, 3)] == [
        ("item_id", Reason.MISSING_VALUE),
        ("amount", Reason.WRONG_TYPE),
    ]


@pytest.mark.parametrize(
    ("currency", "reason"), [("EUR", None), ("", None), ("XYZ", Reason.UNKNOWN_CURRENCY)]
)
def test_decode_allocations__knows_currencies(currency: str, reason: Reason | None) -> None:
    data = table(item_id=["A"], value_date=["2026-01-31"], amount=["1"], currency=[currency])
    decoded = decode_allocations(data, TableInput(), 0)
    assert decoded.faults.bad.tolist() == [reason is not None]
    if reason is not None:
        assert decoded.faults.of_row(0) == ("currency", reason)


def test_decode_allocations__without_a_single_row_or_good_one() -> None:
    for values in ([], ["x"]):
        count = len(values)
        data = table(item_id=["A"] * count, value_date=["2026-01-31"] * count, amount=values)
        decoded = decode_allocations(data, TableInput(), 0)
        assert decoded.records.dtype == ALLOCATION_RECORD
        assert len(decoded.records) == len(decoded.rows) == 0


def test_by_item__orders_by_item_and_keeps_the_order_within_one() -> None:
    chance = random.Random(3)
    rows = records(*({"item": chance.randrange(5), "amount_milli": 10 * at} for at in range(300)))
    ordered = by_item(rows, FIRST_ORDINAL, 5)
    keys = [(int(row["first"]), int(row["ordinal"])) for row in rows]
    expected = sorted(range(len(rows)), key=lambda at: (keys[at][0], at))
    assert ordered.tolist() == [rows[at].tolist() for at in expected]
    assert by_item(rows[:0], FIRST_ORDINAL, 5).tolist() == []
