"""What columns show: the first cause against a row, defaults, joined units."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from encours.ledger.checking import (
    ABSENT,
    DERIVED,
    REFERENCE,
    UNLISTED,
    VALUE,
    WHOLE_TABLE,
    CheckedColumns,
    RowFaults,
    check_columns,
    combine,
    dictionary_of,
    join_checked,
    listed_codes,
    null_or_empty,
)
from encours.ledger.decode import NO_DAY
from encours_schemas import INPUT_TABLES
from encours_schemas.configuration import TableInput
from encours_schemas.reasons import Reason

ITEMS = INPUT_TABLES["open_items"]
ALLOCATIONS = INPUT_TABLES["allocations"]
POLICIES = INPUT_TABLES["credit_limits"]


def texts(**columns: Sequence[str | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def allocations(**changes: list[str | None]) -> CheckedColumns:
    """Check allocations of text, good but for what a test says."""
    count = len(next(iter(changes.values()), [None]))
    plain: dict[str, list[str | None]] = {
        "item_id": ["I1"] * count,
        "value_date": ["2026-01-31"] * count,
        "amount": ["10.00"] * count,
    }
    return check_columns(ALLOCATIONS, texts(**{**plain, **changes}), TableInput())


def causes(faults: RowFaults) -> list[tuple[str, str] | None]:
    return [
        (column, reason.value) if bad else None
        for row, bad in enumerate(faults.bad.tolist())
        for column, reason in [faults.of_row(row) if bad else ("", Reason.MISSING_VALUE)]
    ]


# -- which cause stays -----------------------------------------------------------------------------


def faults_of(*found: tuple[str, Reason, int]) -> tuple[str, Reason]:
    faults = RowFaults(ITEMS, 2)
    for column, reason, phase in found:
        faults.add(np.array([False, True]), column, reason, phase)
    assert faults.bad.tolist() == [False, True]
    return faults.of_row(1)


def test_row_faults__keep_the_first_column_of_a_phase_whatever_the_order() -> None:
    early = ("item_id", Reason.MISSING_VALUE, VALUE)
    late = ("amount", Reason.WRONG_TYPE, VALUE)
    assert faults_of(early, late) == faults_of(late, early) == early[:2]


@pytest.mark.parametrize(
    ("earlier", "later"), [(VALUE, REFERENCE), (REFERENCE, DERIVED), (DERIVED, WHOLE_TABLE)]
)
def test_row_faults__keep_the_earlier_phase_whatever_the_column(earlier: int, later: int) -> None:
    first = (ITEMS.names[-1], Reason.WRONG_TYPE, earlier)
    second = (ITEMS.names[0], Reason.DUPLICATE_KEY, later)
    assert faults_of(first, second) == faults_of(second, first) == first[:2]


def test_row_faults__of_two_causes_in_one_column_keep_the_one_found_first() -> None:
    one = ("amount", Reason.WRONG_TYPE, VALUE)
    other = ("amount", Reason.TOO_PRECISE, VALUE)
    assert faults_of(one, other) == one[:2]
    assert faults_of(other, one) == other[:2]


def test_row_faults__join_units_in_their_order() -> None:
    parts = [RowFaults(ITEMS, count) for count in (2, 0, 1)]
    parts[0].add(np.array([False, True]), "amount", Reason.WRONG_TYPE)
    parts[2].add(np.array([True]), "item_id", Reason.DUPLICATE_KEY, WHOLE_TABLE)
    joined = RowFaults(ITEMS, 0)
    joined.join(parts)
    assert causes(joined) == [None, ("amount", "wrong_type"), ("item_id", "duplicate_key")]
    joined.add(np.array([True, True, True]), "customer_id", Reason.UNKNOWN_CUSTOMER, REFERENCE)
    assert [cause and cause[0] for cause in causes(joined)] == [
        "customer_id",
        "amount",
        "customer_id",
    ]


# -- columns ---------------------------------------------------------------------------------------


def test_check_columns__finds_nothing_against_good_rows() -> None:
    checked = allocations(amount=["10.00", "-0.005"])
    assert not checked.faults.bad.any()
    assert checked.values["amount"].tolist() == [10_000, -5]
    assert checked.missing == {}
    assert checked.unreadable == {}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("item_id", "", "missing_value"),
        ("item_id", None, "missing_value"),
        ("value_date", "", "missing_value"),
        ("value_date", "2026-02-30", "out_of_range"),
        ("value_date", "yesterday", "wrong_type"),
        ("amount", None, "missing_value"),
        ("amount", "1e3", "wrong_type"),
        ("amount", "0.0005", "too_precise"),
        ("amount", "1" + "0" * 15, "too_large"),
        ("posting_date", "9999-12-31", "out_of_range"),
        ("kind", "barter", "not_in_list"),
        ("kind", "Payment", "not_in_list"),
    ],
)
def test_check_columns__names_column_and_reason(
    column: str, value: str | None, reason: str
) -> None:
    good = {"posting_date": "2026-02-01", "kind": "payment", "amount": "1.00"}
    good |= {"value_date": "2026-01-31", "item_id": "I1"}
    checked = allocations(**{column: [good[column], value]})
    assert causes(checked.faults) == [None, (column, reason)]


def test_check_columns__takes_empty_optional_columns() -> None:
    checked = allocations(posting_date=[None, ""], kind=["", None], clearing_id=["", "X"])
    assert not checked.faults.bad.any()
    assert checked.listed("kind", default=3).tolist() == [3, 3]
    assert checked.day("posting_date").tolist() == [NO_DAY, NO_DAY]
    assert checked.is_given("clearing_id").tolist() == [False, True]


def test_check_columns__misses_a_required_column_in_every_row() -> None:
    data = texts(item_id=["I1", "I2"], value_date=["2026-01-31", "nonsense"])
    checked = check_columns(ALLOCATIONS, data, TableInput())
    assert causes(checked.faults) == [("amount", "missing_value"), ("value_date", "wrong_type")]
    skipped = check_columns(ALLOCATIONS, data, TableInput(), skip=("amount", "value_date"))
    assert not skipped.faults.bad.any()
    assert "value_date" not in skipped.values


@pytest.mark.parametrize(
    ("column", "value", "is_bad"),
    [
        ("coverage_percent", "0", False),
        ("coverage_percent", "100", False),
        ("coverage_percent", "100.000000001", True),
        ("coverage_percent", "-0.000000001", True),
        ("amount", "-0.01", True),
        ("amount", "0", False),
    ],
)
def test_check_columns__holds_numbers_outside_their_bounds_against_rows(
    column: str, value: str, is_bad: bool
) -> None:
    bounds = POLICIES.column(column)
    assert bounds.at_least or bounds.kind.value == "percent"
    skip = [name for name in POLICIES.names if name != column]
    checked = check_columns(POLICIES, texts(**{column: [value]}), TableInput(), skip=skip)
    assert causes(checked.faults) == [(column, "out_of_range") if is_bad else None]


def test_checked_columns__fill_in_what_is_missing() -> None:
    checked = allocations(amount=["1.00", None, "x"], posting_date=["2026-02-01", "", None])
    other = np.array([7, 8, 9], np.int64)
    assert checked.money("amount").tolist() == [1_000, 0, 0]
    assert checked.money("amount", other).tolist() == [1_000, 8, 0]
    assert checked.money("absent", other).tolist() == [7, 8, 9]
    assert checked.money("absent").tolist() == [0, 0, 0]
    assert checked.is_given("amount").tolist() == [True, False, True]
    assert checked.is_readable("amount").tolist() == [True, False, False]
    value_day = checked.day("value_date")
    assert checked.day("posting_date", value_day)[1:].tolist() == value_day[1:].tolist()
    assert checked.day("absent").tolist() == [NO_DAY] * 3
    assert checked.flag("absent").tolist() == [False] * 3
    assert checked.listed("absent", default=2).tolist() == [2] * 3
    assert checked.is_readable("absent").tolist() == [False] * 3


def test_checked_columns__take_rows_with_nothing_against_them() -> None:
    checked = allocations(amount=["1.00", None, "x"], item_id=["A", "B", "C"])
    taken = checked.take(np.array([2, 0]))
    assert taken.row_count == 2
    assert not taken.faults.bad.any()
    assert taken.values["item_id"].to_pylist() == ["C", "A"]
    assert taken.money("amount").tolist() == [0, 1_000]
    assert taken.is_readable("amount").tolist() == [False, True]
    assert taken.is_given("amount").tolist() == [True, True]


def test_join_checked__fills_what_only_one_unit_has() -> None:
    parts = [
        allocations(amount=["1.00", "x"]),
        allocations(
            amount=["3.00"], kind=["return"], clearing_id=["Z"], posting_date=["2026-02-01"]
        ),
    ]
    joined = join_checked(ALLOCATIONS, parts)
    assert joined.row_count == 3
    assert causes(joined.faults) == [None, ("amount", "wrong_type"), None]
    assert joined.money("amount").tolist() == [1_000, 0, 3_000]
    assert joined.is_readable("amount").tolist() == [True, False, True]
    assert joined.values["clearing_id"].to_pylist() == [None, None, "Z"]
    is_return = ALLOCATIONS.column("kind").allowed.index("return")
    assert joined.listed("kind").tolist() == [-1, -1, is_return]
    days = joined.day("posting_date").tolist()
    assert days[:2] == [NO_DAY, NO_DAY]
    assert days[2] != NO_DAY
    assert joined.is_given("posting_date").tolist() == [False, False, True]


# -- texts -----------------------------------------------------------------------------------------

LAYOUTS = [
    pa.string(),
    pa.large_string(),
    pa.dictionary(pa.int32(), pa.string()),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("values", [[], [None], ["a", "", None, "b", "a", "A", "ä"]])
def test_listed_codes__look_every_text_up(layout: Any, values: list[str | None]) -> None:
    array = pa.array(values, pa.string()).cast(layout)
    known = {"a": 4, "ä": 0}
    expected = [known.get(value, UNLISTED) if value else ABSENT for value in values]
    assert listed_codes(array, known).tolist() == expected
    missing = null_or_empty(array)
    found = [False] * len(values) if missing is None else missing.tolist()
    assert found == [not value for value in values]
    distinct, positions = dictionary_of(array)
    told = distinct.to_pylist()
    assert [None if place < 0 else told[place] for place in positions.tolist()] == values


def test_listed_codes__sees_a_null_inside_a_dictionary() -> None:
    indices = pa.array([0, 1, 2, None], pa.int32())
    array = pa.DictionaryArray.from_arrays(indices, pa.array(["a", None, ""]))
    assert listed_codes(array, {"a": 7}).tolist() == [7, ABSENT, ABSENT, ABSENT]
    missing = null_or_empty(array)
    assert missing is not None
    assert missing.tolist() == [False, True, True, True]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_combine__joins_chunks_of_any_layout(layout: Any) -> None:
    chunks = [pa.array(values, pa.string()).cast(layout) for values in (["b", None], [], ["a"])]
    joined = combine(pa.chunked_array(chunks, layout))
    assert joined.to_pylist() == ["b", None, "a"]
    assert combine(pa.chunked_array(chunks[:1], layout)).to_pylist() == ["b", None]
    assert combine(pa.chunked_array([], layout)).to_pylist() == []
