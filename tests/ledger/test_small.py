"""The small tables: checked rows as Python values, and what becomes of the others."""

import json
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from encours.ledger.rates import decode_rate
from encours.ledger.small import SmallTable, read_small_table
from encours_schemas import INPUT_TABLES
from encours_schemas.configuration import TableInput
from encours_schemas.reasons import Reason
from tests.ledger.ledgers import LedgerFolder


def read(folder: LedgerFolder, table: str, content: str, unit_rows: int = 1_000) -> SmallTable:
    folder.write(f"{table}.csv", content)
    source = folder.open(unit_rows).tables[table]
    small = read_small_table(source, INPUT_TABLES[table])
    assert small.read == small.rows + len(small.findings)
    assert all(len(values) == small.rows for values in small.columns.values())
    assert tuple(small.columns) == INPUT_TABLES[table].names
    return small


def causes(small: SmallTable) -> list[tuple[int, str, str]]:
    return [(f.row_number, f.column, f.reason.value) for f in small.findings]


LIMITS = "limit_id,party_id,kind,amount,currency,valid_from,valid_to,unlimited,coverage_percent\n"


def test_read_small_table__gives_python_values(folder: LedgerFolder) -> None:
    small = read(
        folder,
        "credit_limits",
        LIMITS
        + "L1,P1,internal,1000.50,EUR,2026-01-01,,,\n"
        + "L2,P1,insured,0,JPY,2026-01-01,2026-12-31,Y,90.5\n",
    )
    assert small.findings == ()
    assert small.columns["amount"] == [Decimal("1000.500"), Decimal(0)]
    assert small.columns["valid_from"] == [date(2026, 1, 1)] * 2
    assert small.columns["valid_to"] == [None, date(2026, 12, 31)]
    assert small.columns["unlimited"] == [None, True]
    assert small.columns["coverage_percent"] == [None, Decimal("90.5")]
    assert small.columns["credit_segment"] == [None, None]
    assert small.columns["kind"] == ["internal", "insured"]


BAD_LIMITS = [
    ("L,P1,internal,-1,EUR,2026-01-01,,,", "amount", Reason.OUT_OF_RANGE),
    ("L,P1,internal,1.005,EUR,2026-01-01,,,", "amount", Reason.TOO_PRECISE),
    ("L,P1,internal,1.5,JPY,2026-01-01,,,", "amount", Reason.TOO_PRECISE),
    ("L,P1,internal,1,EURO,2026-01-01,,,", "currency", Reason.UNKNOWN_CURRENCY),
    ("L,P1,internal,1,eur,2026-01-01,,,", "currency", Reason.UNKNOWN_CURRENCY),
    ("L,P1,other,1,EUR,2026-01-01,,,", "kind", Reason.NOT_IN_LIST),
    ("L,,internal,1,EUR,2026-01-01,,,", "party_id", Reason.MISSING_VALUE),
    ("L,P1,internal,,EUR,2026-01-01,,,", "amount", Reason.MISSING_VALUE),
    ("L,P1,internal,1,EUR,,,,", "valid_from", Reason.MISSING_VALUE),
    ("L,P1,internal,1,EUR,2026-01-01,3001-01-01,,", "valid_to", Reason.OUT_OF_RANGE),
    ("L,P1,internal,1,EUR,2026-01-01,,perhaps,", "unlimited", Reason.WRONG_TYPE),
    ("L,P1,internal,1,EUR,2026-01-01,,,101", "coverage_percent", Reason.OUT_OF_RANGE),
    ("L,P1,internal,1", "", Reason.WRONG_FIELD_COUNT),
]


@pytest.mark.parametrize(("line", "column", "reason"), BAD_LIMITS)
def test_read_small_table__bad_rows_become_findings(
    folder: LedgerFolder, line: str, column: str, reason: Reason
) -> None:
    good = "L{0},P1,internal,1,EUR,2026-01-01,,,\n"
    small = read(folder, "credit_limits", LIMITS + good.format(1) + line + "\n" + good.format(2))
    assert causes(small) == [(2, column, reason.value)]
    assert small.columns["limit_id"] == ["L1", "L2"]
    raw = json.loads(small.findings[0].raw)
    assert raw.get("limit_id", "L") == "L"
    assert small.findings[0].file == "credit_limits.csv"


def test_read_small_table__messages_hold_shapes_not_values(folder: LedgerFolder) -> None:
    small = read(folder, "credit_limits", LIMITS + 'L,P1,internal,"1.234,56",EUR,2026-01-01,,,\n')
    (finding,) = small.findings
    assert finding.reason is Reason.WRONG_TYPE
    assert "9.999,99" in finding.message
    assert "1.234" not in finding.message
    assert json.loads(finding.raw)["amount"] == "1.234,56"


@pytest.mark.parametrize("unit_rows", [1, 2, 1_000])
def test_read_small_table__keys_are_unique(folder: LedgerFolder, unit_rows: int) -> None:
    lines = ["A,FR,one", "B,FR,", "A,FR,one", "C,DE,x", "A,FR,one", "B,DE,", "D,XX,", "D,FR,"]
    content = "\n".join(["company_code,country,name", *lines, ""])
    small = read(folder, "companies", content, unit_rows)
    assert causes(small) == [
        (2, "company_code", "conflicting_duplicate"),
        (3, "company_code", "duplicate_key"),
        (5, "company_code", "duplicate_key"),
        (6, "company_code", "conflicting_duplicate"),
        (7, "country", "unknown_country"),
        (8, "company_code", "conflicting_duplicate"),
    ]
    assert small.columns["company_code"] == ["A", "C"]
    assert small.columns["credit_segment"] == [None] * 2


def test_read_small_table__rows_without_a_key_may_be_alike(folder: LedgerFolder) -> None:
    header = "customer_id,action,valid_from,reason,decided_by\n"
    small = read(folder, "overrides", header + "C1,hold,2026-01-01,r,d\n" * 2)
    assert small.rows == 2


def test_read_small_table__exchange_rates_are_exact(folder: LedgerFolder) -> None:
    header = "from_currency,to_currency,rate_date,rate\n"
    lines = [
        "USD,EUR,2026-10-30,0.859845227859",
        "KRW,EUR,2026-10-30,0.000592417061611374",
        "IDR,EUR,2026-10-30,0.0000000000000000001",
        "GBP,EUR,2026-10-30,0",
        "GBP,EUR,2026-10-29,-1",
        "GBP,EUR,2026-10-28,1e0",
        "GBP,XYZ,2026-10-28,1",
        "GBP,EUR,2026-10-27,",
        f"GBP,EUR,2026-10-26,{10**20}",
    ]
    small = read(folder, "fx_rates", header + "\n".join(lines) + "\n")
    assert small.columns["rate"] == [Decimal("0.859845227859"), Decimal("0.000592417061611374")]
    assert [(column, reason) for _, column, reason in causes(small)] == [
        ("rate", "too_precise"),
        ("rate", "out_of_range"),
        ("rate", "out_of_range"),
        ("rate", "wrong_type"),
        ("to_currency", "unknown_currency"),
        ("rate", "missing_value"),
        ("rate", "too_large"),
    ]


def test_read_small_table__months_begin_on_their_first_day(folder: LedgerFolder) -> None:
    header = "company_code,month,currency,amount_incl_tax\n"
    small = read(folder, "sales", header + "A,2026-10-01,EUR,-1\nA,2026-10-31,EUR,1\n")
    assert causes(small) == [(2, "month", "out_of_range")]
    assert small.columns["amount_incl_tax"] == [Decimal(-1)]


RATE = (38, 18)
POINT = TableInput()


@pytest.mark.parametrize(
    ("column", "dialect", "value", "fault"),
    [
        (pa.array(["1.0850"]), POINT, Decimal("1.085"), 0),
        (
            pa.array(["1.234,5"]),
            TableInput(decimal_mark=",", thousands_separator="."),
            Decimal("1234.5"),
            0,
        ),
        (pa.array(["1,5"]), POINT, None, 2),
        (pa.array(["\u0661"]), POINT, None, 2),
        (pa.array([Decimal("1.5")], pa.decimal128(38, 18)), POINT, Decimal("1.5"), 0),
        (pa.array([Decimal("1e-30")], pa.decimal256(60, 30)), POINT, None, 3),
        (pa.array([7], pa.int8()), POINT, Decimal(7), 0),
        (pa.array([True]), POINT, None, 2),
        (pa.array([1.085]), POINT, None, 2),
        (pa.array([None], pa.string()), POINT, None, 1),
        (pa.array([""]).dictionary_encode(), POINT, None, 1),
    ],
)
def test_decode_rate__is_exact(
    column: pa.Array, dialect: TableInput, value: Decimal | None, fault: int
) -> None:
    values, faults = decode_rate(column, dialect, RATE)
    assert (values, faults.tolist()) == ([value], [fault])


@pytest.mark.parametrize(
    ("value", "decimals", "expected", "fault"),
    [
        (1.085, 3, Decimal("1.085"), 0),
        (0.1 + 0.2, 4, Decimal("0.3"), 0),
        (1.0855, 3, None, 3),
        (float("nan"), 3, None, 2),
        (1e16, 3, None, 4),
    ],
)
def test_decode_rate__declared_floats_mean_the_decimal_next_to_them(
    value: float, decimals: int, expected: Decimal | None, fault: int
) -> None:
    values, faults = decode_rate(pa.array([value]), POINT, RATE, decimals)
    assert (values, faults.tolist()) == ([expected], [fault])
