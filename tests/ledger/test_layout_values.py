"""Fields and expressions of layouts, against the same worked out row by row in plain Python."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from encours.ledger.layouts.evaluation import Evaluator
from encours.ledger.layouts.fields import FieldForm, Normalised, read_field
from encours.ledger.layouts.values import Causes, Value
from encours_schemas.layouts.expressions import Scope, compile_expression
from encours_schemas.layouts.models import Source
from encours_schemas.reasons import Reason

EPOCH = date(1970, 1, 1)


def form_of(kind: str, **said: Any) -> FieldForm:
    source = Source.model_validate({"files": ["x.csv"], "fields": {"x": {"type": kind, **said}}})
    return FieldForm.of("x", "x", source.fields["x"], source)


def read(kind: str, texts: list[Any], **said: Any) -> list[Any]:
    """Read a column; give plain values, None for none, the reason where there is a fault."""
    causes = Causes()
    column = pa.chunked_array([pa.array(texts)])
    value = read_field(form_of(kind, **said), column, causes, Normalised())
    return plain(value, causes)


def plain(value: Value, causes: Causes) -> list[Any]:
    faults = np.zeros(len(value), int) if value.fault is None else value.fault
    return [
        causes.found[fault - 1].reason if fault else one
        for one, fault in zip(value.arrow().to_pylist(), faults.tolist(), strict=True)
    ]


AMOUNTS: list[tuple[dict[str, Any], list[tuple[str, object]]]] = [
    (
        {"decimal_mark": ",", "thousands_separator": ".", "sign": "trailing"},
        [
            ("1.234,56-", "-1234.56"),
            ("1234,56", "1234.56"),
            ("0,001", "0.001"),
            ("12+", "12"),
            (",5", "0.5"),
            ("-1", Reason.WRONG_TYPE),
            ("1.23,4", Reason.WRONG_TYPE),
            ("1,234.56", Reason.WRONG_TYPE),
            ("0,0001", Reason.TOO_PRECISE),
            ("1.000.000.000.000.000,00", Reason.TOO_LARGE),
            ("1e3", Reason.WRONG_TYPE),
        ],
    ),
    ({"sign": "parentheses"}, [("(1.5)", "-1.5"), ("1.5", "1.5"), ("-2", "-2"), ("(1", None)]),
    ({"sign": "either"}, [("1-", "-1"), ("-1", "-1"), ("+1", "1"), ("--1", None)]),
    ({"thousands_separator": "\u202f", "decimal_mark": ","}, [("1\u202f250,00", "1250")]),
    ({"decimal_mark": [",", "."]}, [("1,5", "1.5"), ("1.5", "1.5"), ("1.5.5", None)]),
    (
        {"round": 2},
        [
            ("997.5599999999999", "997.56"),
            ("-0.30000000000000004", "-0.3"),
            ("10.005", Reason.TOO_PRECISE),
            ("12", "12"),
        ],
    ),
    ({"exponent": True}, [("1.5E+03", "1500"), ("1.5e-3", Reason.WRONG_TYPE), ("2", "2")]),
]


@pytest.mark.parametrize(("said", "cases"), AMOUNTS)
def test_amounts__are_read_as_declared(
    said: dict[str, Any], cases: list[tuple[str, object]]
) -> None:
    found = read("amount", [text for text, _ in cases], **said)
    for (text, wanted), one in zip(cases, found, strict=True):
        if isinstance(wanted, str) and not isinstance(wanted, Reason):
            assert one == Decimal(wanted), text
        else:
            assert one == (Reason.WRONG_TYPE if wanted is None else wanted), text


def test_amounts__of_typed_columns_keep_every_digit() -> None:
    column = [Decimal("123456789012345.678"), None, Decimal("-0.001")]
    assert read("amount", column) == column
    assert read("amount", [1.1, 2.25], round=2) == [Decimal("1.1"), Decimal("2.25")]
    assert read("amount", [1.1]) == [Reason.WRONG_TYPE]


DATES: list[tuple[dict[str, Any], list[tuple[str, object]]]] = [
    (
        {"format": "YYYYMMDD", "empty": ["00000000"]},
        [("20240229", date(2024, 2, 29)), ("00000000", None)],
    ),
    (
        {"format": "YYYYMMDD"},
        [("20230229", Reason.OUT_OF_RANGE), ("2024-02-29", Reason.WRONG_TYPE)],
    ),
    (
        {"format": "M/D/YYYY"},
        [("1/31/2024", date(2024, 1, 31)), ("31/1/2024", Reason.OUT_OF_RANGE)],
    ),
    (
        {"format": "M/D/YY 0:00", "century_pivot": 70},
        [
            ("1/2/24 0:00", date(2024, 1, 2)),
            ("12/31/69 0:00", date(2069, 12, 31)),
            ("1/1/70 0:00", date(1970, 1, 1)),
            ("1/2/2024 0:00", Reason.WRONG_TYPE),
            ("1/2/24", Reason.WRONG_TYPE),
        ],
    ),
    (
        {"format": "serial"},
        [
            ("45157", date(2023, 8, 19)),
            ("45157.0", date(2023, 8, 19)),
            ("45157.5", Reason.WRONG_TYPE),
            ("60", Reason.OUT_OF_RANGE),
            ("61", date(1900, 3, 1)),
        ],
    ),
    ({"format": "serial1904"}, [("43695", date(2023, 8, 19))]),
    ({"format": "epoch_days"}, [("19723", date(2024, 1, 1)), ("x", Reason.WRONG_TYPE)]),
    ({"format": "inverted"}, [("79769898", date(2023, 1, 1)), ("7976989", Reason.WRONG_TYPE)]),
    (
        {"format": "odata"},
        [
            ("/Date(1492041600000)/", date(2017, 4, 13)),
            ("/Date(-1)/", date(1969, 12, 31)),
            ("/Date(x)/", Reason.WRONG_TYPE),
        ],
    ),
    (
        {"format": "iso"},
        [
            ("2024-01-31", date(2024, 1, 31)),
            ("2024-01-31T12:00:00Z", date(2024, 1, 31)),
            ("2024-01-31 23:59:59.999+02:00", date(2024, 1, 31)),
            ("2024-01-31x", Reason.WRONG_TYPE),
            ("9999-12-31", Reason.OUT_OF_RANGE),
        ],
    ),
    (
        {"format": ["YYYYMMDD", "DD/MM/YYYY", "YYYY-MM-DD"]},
        [
            ("20240131", date(2024, 1, 31)),
            ("31/01/2024", date(2024, 1, 31)),
            ("2024-01-31", date(2024, 1, 31)),
            ("01-31-2024", Reason.WRONG_TYPE),
        ],
    ),
    (
        {"format": "D MMMM YYYY"},
        [("13 April 2026", date(2026, 4, 13)), ("13 Avril 2026", Reason.WRONG_TYPE)],
    ),
    (
        {"format": "DD-MMM-YYYY"},
        [("01-may-2026", date(2026, 5, 1)), ("1-MAY-2026", Reason.WRONG_TYPE)],
    ),
]


@pytest.mark.parametrize(("said", "cases"), DATES)
def test_dates__are_read_as_declared(said: dict[str, Any], cases: list[tuple[str, object]]) -> None:
    assert read("date", [text for text, _ in cases], **said) == [wanted for _, wanted in cases]


@pytest.mark.parametrize("seed", range(5))
def test_dates__of_every_token_are_what_Python_reads(seed: int) -> None:
    chance = random.Random(seed)
    days = [EPOCH + timedelta(chance.randrange(-20_000, 40_000)) for _ in range(200)]
    forms: dict[str, Callable[[date], str]] = {
        "YYYYMMDD": lambda day: f"{day:%Y%m%d}",
        "D.M.YYYY": lambda day: f"{day.day}.{day.month}.{day.year}",
        "DD MMM YYYY": lambda day: f"{day:%d %b %Y}",
        "MMMM D, YYYY": lambda day: f"{day:%B} {day.day}, {day.year}",
        "YYYY/MM/DD hh:mm:ss": lambda day: f"{day:%Y/%m/%d} 11:22:33",
    }
    for form, written in forms.items():
        assert read("date", [written(day) for day in days], format=form) == days, form


def test_texts__are_kept_byte_for_byte_unless_declared() -> None:
    assert read("text", [" a ", "", None, "\u00a0b"]) == [" a ", None, None, "\u00a0b"]
    assert read("text", [" a ", "\u00a0b\u00a0", " "], trim=True) == ["a", "b", None]
    assert read("text", ["N/A", "x", ""], empty=["N/A"]) == [None, "x", ""]
    ids = ["1930571429.0", "0042", "7.5", "C1.0"]
    assert read("text", ids, float_id=True) == ["1930571429", "0042", "7.5", "C1.0"]
    assert read("text", [1930571429.0, 7.5]) == ["1930571429", Reason.WRONG_TYPE]


def test_bools__are_the_declared_texts() -> None:
    assert read("bool", ["Yes", "no", None, "x"]) == [True, False, None, Reason.WRONG_TYPE]
    assert read("bool", ["X", "", None, "y"], true=["X"], false=[""]) == [
        True,
        False,
        False,
        Reason.WRONG_TYPE,
    ]


def test_normalised_values__are_counted() -> None:
    normalised = Normalised()
    form = form_of("date", format=["YYYYMMDD", "DD/MM/YYYY"])
    column = pa.chunked_array([["20240101", "01/02/2024", "02/02/2024", "x"]])
    read_field(form, column, Causes(), normalised)
    assert normalised.counts == {"x": 2}


# -- expressions -----------------------------------------------------------------------------------

Row = dict[str, Any]
FIELDS = {"Name": "text", "Net": "amount", "Days": "integer", "Day": "date", "Open": "bool"}


def column_of(kind: str, values: list[Any]) -> Value:
    missing = np.array([value is None for value in values])
    if kind == "text":
        return Value(kind, pa.array(values, pa.string()))
    if kind == "amount":
        milli = [0 if value is None else int(value * 1000) for value in values]
        return Value(kind, np.array(milli, np.int64), missing)
    if kind == "date":
        days = [0 if value is None else (value - EPOCH).days for value in values]
        return Value(kind, np.array(days, np.int32), missing)
    dtype = np.bool_ if kind == "bool" else np.int64
    return Value(kind, np.array([value or 0 for value in values], dtype), missing)


def evaluated(text: str, rows: list[Row]) -> list[Any]:
    causes = Causes()
    at = Evaluator(
        lambda _: None,
        len(rows),
        {},
        {"kinds": {"a": "invoice", "b": "payment"}},
        causes,
        ("items.csv", 2, lambda numbers: numbers + 1),
    )
    for name, kind in FIELDS.items():
        at.give(name, column_of(kind, [row[name] for row in rows]))
    scope = Scope(fields=FIELDS, maps=frozenset({"kinds"}))
    return plain(at.value(compile_expression(text, scope)), causes)


def added(row: Row, left: str, right: str, sign: int = 1) -> Any:
    return None if row[left] is None or row[right] is None else row[left] + sign * row[right]


def padded(text: str | None) -> str | None:
    return text if text is None or not re.fullmatch("[0-9]+", text) else text.rjust(5, "0")


SLOWLY: dict[str, Callable[[Row], Any]] = {
    "Net - Net * 3": lambda row: None if row["Net"] is None else row["Net"] * -2,
    "first(Net, 0) + 1": lambda row: (row["Net"] or Decimal(0)) + 1,
    "Day + Days": lambda row: (
        None if None in {row["Day"], row["Days"]} else row["Day"] + timedelta(row["Days"])
    ),
    "Day - date('2024-01-01')": lambda row: (
        None if row["Day"] is None else (row["Day"] - date(2024, 1, 1)).days
    ),
    "abs(-Days)": lambda row: None if row["Days"] is None else abs(row["Days"]),
    "Days * Days": lambda row: None if row["Days"] is None else row["Days"] ** 2,
    "Name == 'a'": lambda row: row["Name"] == "a",
    "Name != 'a'": lambda row: row["Name"] != "a",
    "Name in ('a', '7')": lambda row: row["Name"] in {"a", "7"},
    "Days > 0 and not Open": lambda row: (row["Days"] or 0) > 0 and not row["Open"],
    "Net <= 0 or Day is None": lambda row: (
        (row["Net"] is not None and row["Net"] <= 0) or row["Day"] is None
    ),
    "0 < Days <= 30": lambda row: row["Days"] is not None and 0 < row["Days"] <= 30,
    "Days if Open else None": lambda row: row["Days"] if row["Open"] else None,
    "greatest(Day, date('2024-06-30'))": lambda row: max(row["Day"] or EPOCH, date(2024, 6, 30)),
    "least(Days, 3)": lambda row: min(3 if row["Days"] is None else row["Days"], 3),
    "pad(Name, 5)": lambda row: padded(row["Name"]),
    "unpad(Name)": lambda row: (
        row["Name"] if not row["Name"] else re.sub("^0+([0-9]+)$", r"\1", row["Name"])
    ),
    "join('-', Name, Days)": lambda row: (
        None if None in {row["Name"], row["Days"]} else f"{row['Name']}-{row['Days']}"
    ),
    "upper(left(Name, 1))": lambda row: None if row["Name"] is None else row["Name"][:1].upper(),
    "right(Name, 2)": lambda row: None if row["Name"] is None else row["Name"][-2:],
    "slice(Name, 1, 2)": lambda row: None if row["Name"] is None else row["Name"][1:3],
    "replace(Name, '0', '')": lambda row: (
        None if row["Name"] is None else row["Name"].replace("0", "")
    ),
    "matches(Name, '^[0-9]+$')": lambda row: bool(re.match("^[0-9]+$", row["Name"] or "")),
    "extract(Name, '([0-9]+)')": lambda row: (re.search("([0-9]+)", row["Name"] or "") or [None])[
        0
    ],
    r"extract(Name, '/(\w)')": lambda row: "y" if row["Name"] == "x/y" else None,
    "map(Name, 'kinds', 'other')": lambda row: {None: None, "a": "invoice", "b": "payment"}.get(
        row["Name"], "other"
    ),
    "map(Name, 'kinds')": lambda row: {None: None, "a": "invoice", "b": "payment"}.get(
        row["Name"], Reason.NOT_IN_LIST
    ),
    "refuse('why') if Open else Days": lambda row: (
        Reason.REFUSED_BY_LAYOUT if row["Open"] else row["Days"]
    ),
    "text(Net)": lambda row: None if row["Net"] is None else short(row["Net"]),
    "text(Day)": lambda row: None if row["Day"] is None else row["Day"].isoformat(),
    "as_date(text(Day), 'YYYY-MM-DD')": lambda row: row["Day"],
    "end_of_month(Day)": lambda row: None if row["Day"] is None else month_end(row["Day"]),
    "add_months(Day, 1)": lambda row: None if row["Day"] is None else next_month(row["Day"]),
    "rescaled(Net, 2, 0)": lambda row: None if row["Net"] is None else row["Net"] * 100,
    "currency_decimals('JPY')": lambda _: 0,
    "source_file()": lambda _: "items.csv",
    "source_number()": lambda _: 2,
}


def short(amount: Decimal) -> str:
    return f"{amount.normalize():f}" if amount else "0"


def month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(31)).replace(day=1) - timedelta(1)


def next_month(day: date) -> date:
    following = (day.replace(day=1) + timedelta(31)).replace(day=1)
    return min(following + timedelta(day.day - 1), month_end(following))


def random_rows(seed: int, count: int = 60) -> list[Row]:
    chance = random.Random(seed)

    def maybe(value: Any) -> Any:
        return None if chance.random() < 0.2 else value

    return [
        {
            "Name": maybe(chance.choice(["a", "b", "ab7", "0042", "7", "Éa0", "x/y"])),
            "Net": maybe(Decimal(chance.randrange(-(10**9), 10**9)).scaleb(-3)),
            "Days": maybe(chance.randrange(-60, 60)),
            "Day": maybe(date(2024, 1, 1) + timedelta(chance.randrange(0, 800))),
            "Open": maybe(chance.random() < 0.5),
        }
        for _ in range(count)
    ]


@pytest.mark.parametrize("text", SLOWLY)
def test_expression__is_what_it_says_row_by_row(text: str) -> None:
    for seed in range(3):
        rows = random_rows(seed)
        for row, found in zip(rows, evaluated(text, rows), strict=True):
            assert found == SLOWLY[text](row), (text, row)


def test_key__is_unambiguous() -> None:
    rows = random_rows(1, 2)
    rows[0]["Name"], rows[1]["Name"] = "x/y", "x"
    found = evaluated("key(Name, 'y', 'z')", rows)
    assert found == [r"x\/y/y/z", "x/y/z"]
    assert evaluated("source_row()", rows) == [1, 2]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Net * 1000000000000", Reason.TOO_LARGE),
        ("Day + 1000000", Reason.OUT_OF_RANGE),
        ("rescaled(Net, 0, 9)", Reason.TOO_PRECISE),
        ("rescaled(Net, 9, 0) * 1000", Reason.TOO_LARGE),
        ("currency_decimals('XQQ')", Reason.UNKNOWN_CURRENCY),
        ("as_date(Name, 'YYYYMMDD')", Reason.WRONG_TYPE),
    ],
)
def test_expression__that_goes_beyond_is_a_fault(text: str, reason: Reason) -> None:
    row = {"Name": "a", "Net": Decimal("123456.789"), "Days": 1, "Day": date(2024, 1, 1), "Open": 0}
    assert evaluated(text, [row]) == [reason]


def test_condition__that_is_decided_does_not_ask_what_is_wrong_with_the_rest() -> None:
    causes = Causes()
    at = Evaluator(lambda _: None, 2, {}, {}, causes, ("x", 0, lambda rows: rows))
    at.give("Name", Value("text", pa.array(["a", "b"])))
    bad = Value("amount", np.zeros(2, np.int64), np.ones(2, bool), np.array([1, 1], np.int32))
    at.give("Net", bad)
    scope = Scope(fields={"Name": "text", "Net": "amount"})
    value = at.value(compile_expression("Name == 'a' or Net > 0", scope))
    assert value.holds().tolist() == [True, False]
    assert value.fault is not None
    assert value.fault.tolist() == [0, 1]
    chosen = at.value(compile_expression("0 if Name == 'a' else Net", scope))
    assert chosen.fault is not None
    assert chosen.fault.tolist() == [0, 1]
