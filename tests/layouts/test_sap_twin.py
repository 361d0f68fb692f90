"""The SAP layout on random and nasty rows, against its rules in plain Python."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.layouts.clearing_twin import Allocation, Leg, cleared
from tests.layouts.layout_nights import FIXTURES, Rows, mapped

DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3}
HEADER = ("BUKRS", "KUNNR", "UMSKZ", "AUGDT", "AUGBL", "GJAHR", "BELNR", "BUZEI", "BUDAT",
          "BLDAT", "WAERS", "BLART", "SHKZG", "WRBTR", "ZFBDT", "ZBD1T", "ZBD2T", "ZBD3T",
          "REBZG", "BSTAT")  # fmt: skip

Row = dict[str, str]


def raw(day: date) -> str:
    return f"{day:%Y%m%d}"


def random_row(draw: random.Random, number: int) -> Row:
    posted = date(2026, 1, 1) + timedelta(draw.randrange(120))
    cleared = draw.random() < 0.5
    # Clearings of one number and two days are two; a clearing may be older than its rows.
    day = draw.choice((date(2026, 3, 1), date(2026, 6, 30)))
    return {
        "BUKRS": draw.choice(("1000", "2000")),
        "KUNNR": draw.choice(("0000000001", "1", "ACME01")),
        "UMSKZ": draw.choice(("", "", "", "A", "H", "W", "F", "D")),
        "AUGDT": raw(day) if cleared else "00000000",
        "AUGBL": draw.choice(("0140000001", "0140000002")) if cleared else "",
        "GJAHR": "2026",
        "BELNR": str(number),
        "BUZEI": draw.choice(("1", "001")),
        "BUDAT": raw(posted),
        "BLDAT": raw(posted - timedelta(draw.randrange(5))),
        "WAERS": draw.choice(tuple(DECIMALS)),
        "BLART": draw.choice(("RV", "DR", "DG", "DZ", "AB")),
        "SHKZG": draw.choice("SH"),
        # Mostly few distinct amounts, so that rows of a clearing meet in full and in part.
        "WRBTR": draw.choice(("100.00", "250.00", "0.01", f"{draw.randrange(10**9)}.00")),
        "ZFBDT": draw.choice((raw(posted), "00000000", "20240229")),
        "ZBD1T": draw.choice(("", "0", "14", "30")),
        "ZBD2T": draw.choice(("", "0", "0", "45")),
        "ZBD3T": draw.choice(("", "0", "0", "0", "60")),
        "REBZG": draw.choice(("", "", "V", "1800000001")),
        "BSTAT": draw.choice(("", "", "", "", "", "S")),
    }


def day_of(text: str) -> date | None:
    return None if text == "00000000" else date(int(text[:4]), int(text[4:6]), int(text[6:]))


def padded(text: str, places: int) -> str:
    return text.rjust(places, "0") if text.isdigit() else text


def is_read(row: Row) -> bool:
    return row["BSTAT"] != "S" and row["UMSKZ"] != "F"


def item_of(row: Row) -> str:
    document, line = padded(row["BELNR"], 10), padded(row["BUZEI"], 3)
    return f"{row['BUKRS']}/{document}/{row['GJAHR']}/{line}"


def amount_of(row: Row) -> Decimal:
    stored = Decimal(row["WRBTR"]) * 100
    amount = stored / 10 ** DECIMALS[row["WAERS"]]
    return amount if row["SHKZG"] == "S" else -amount


def due_of(row: Row) -> date | None:
    """Work out the net due date: the last filled days, none for a credit without an invoice."""
    base = day_of(row["ZFBDT"]) or day_of(row["BLDAT"])
    assert base is not None
    if row["SHKZG"] == "H" and not row["REBZG"]:
        return base
    days = 0
    for name in ("ZBD1T", "ZBD2T", "ZBD3T"):
        if int(row[name] or 0) > 0:
            days = int(row[name])
    return base + timedelta(days)


def credit_kind(row: Row) -> str:
    return "credit_note" if row["BLART"] in {"DG", "DR", "RV", "RK"} else "payment"


def type_of(row: Row) -> str:
    special = {"A": "down_payment", "H": "down_payment", "W": "bill_of_exchange"}
    if row["UMSKZ"] in special:
        return special[row["UMSKZ"]]
    return "invoice" if row["SHKZG"] == "S" else credit_kind(row)


def leg_of(row: Row) -> Leg:
    posted = day_of(row["BUDAT"])
    assert posted is not None
    return Leg(item_of(row), posted, day_of(row["AUGDT"]), amount_of(row), credit_kind(row))


def expected_allocations(rows: list[Row]) -> list[Allocation]:
    groups: dict[tuple[str, ...], list[Leg]] = defaultdict(list)
    for row in rows:
        if is_read(row) and row["AUGDT"] != "00000000":
            groups[row["BUKRS"], row["AUGBL"], row["AUGDT"], row["WAERS"]].append(leg_of(row))
    return sorted(one for group in groups.values() for one in cleared(group, with_rest=True))


@pytest.mark.parametrize("unit_rows", [262_144, 37])
@pytest.mark.parametrize("seed", range(3))
def test_rows_at_random__are_mapped_as_the_rules_say(
    tmp_path: Path, seed: int, unit_rows: int
) -> None:
    draw = random.Random(seed)
    rows = [random_row(draw, number) for number in range(1, 400)]
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    for name in ("KNA1.csv", "TCURX.csv"):
        (ledger / name).write_bytes((FIXTURES / "sap_bsid" / name).read_bytes())
    # Files are read by name: the order of the rows is that of both files together.
    for name, part in (("BSAD.csv", rows[:150]), ("BSID.csv", rows[150:])):
        with (ledger / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADER, lineterminator="\n")
            writer.writeheader()
            writer.writerows(part)
    tables: dict[str, Rows] = mapped(ledger, "sap_bsid", tmp_path / "staging", unit_rows)
    read = [row for row in rows if is_read(row)]
    assert [
        (one["item_id"], one["customer_id"], one["document_type"], one["amount"], one["due_date"])
        for one in tables["open_items"]
    ] == [
        (item_of(row), padded(row["KUNNR"], 10), type_of(row), amount_of(row), due_of(row))
        for row in read
    ]
    names = ("item_id", "value_date", "posting_date", "amount", "kind")
    found = sorted(tuple(one[name] for name in names) for one in tables["allocations"])
    assert found == expected_allocations(rows)
    assert found
