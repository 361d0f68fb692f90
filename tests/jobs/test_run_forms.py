"""The same ledger in other forms gives the same figures: types, files, folders, compression."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from tests.jobs.ledgers import Ledger, Night, Row, allocation, arrow_table, csv_text, item, row

ITEMS = [
    item("I1", amount="100.00", tax_amount="20.00", disputed="true", disputed_amount="10.00"),
    item("I2", amount="-30.00", document_type="credit_note", disputed="false"),
    item("I3", amount="75.00", company_code="2000", document_number="D3"),
    item("I4", amount="12.00", company_code="2000", due_date="2026-12-31"),
]
ALLOCATIONS = [allocation("I1", amount="25.00"), allocation("I3", amount="5.00")]
TABLES = ("items", "credit_accounts", "ageing", "quarantine")


def figures(night: Night) -> dict[str, list[Any]]:
    """Give what a night published, items sorted by id because their order is that of the files."""
    found = {name: night.rows(name) for name in TABLES}
    found["items"].sort(key=lambda one: one["item_id"])
    return found


def write_rest(ledger: Ledger) -> None:
    """Write the tables that all forms have in common."""
    ledger.csv("companies", *[row("companies", company_code=code) for code in ("1000", "2000")])
    if not ledger.has("allocations"):
        ledger.csv("allocations", *ALLOCATIONS)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    made = Night(tmp_path_factory.mktemp("plain"))
    made.ledger.csv("open_items", *ITEMS)
    write_rest(made.ledger)
    made.publish()
    return figures(made)


def typed(**types: pa.DataType) -> Callable[[Ledger], None]:
    """Write the items as Parquet with other types than the contract's."""

    def write(ledger: Ledger) -> None:
        ledger.parquet("open_items", *ITEMS, **types)

    return write


CODED = pa.dictionary(pa.int32(), pa.string())
TEXTS = ("item_id", "company_code", "customer_id", "document_type", "currency")


def money_in_float(ledger: Ledger) -> None:
    ledger.parquet("open_items", *ITEMS, amount=pa.float64(), tax_amount=pa.float32())


def in_folders(ledger: Ledger) -> None:
    """Write the items as Hive does: by folder, without the column, in files of several formats."""
    for code, form in (("1000", "parquet"), ("2000", "csv")):
        rows = [
            {name: value for name, value in one.items() if name != "company_code"}
            for one in ITEMS
            if one["company_code"] == code
        ]
        write = getattr(ledger, form)
        write("open_items", *rows, file=f"open_items/company_code={code}/part-0.{form}")
    ledger.text("open_items/_SUCCESS", "")


def in_pieces(ledger: Ledger) -> None:
    """Write one item per file, in every format, columns in another order."""
    forms = ["csv", "csv.gz", "csv.zst", "parquet"]
    for number, (form, one) in enumerate(zip(forms, ITEMS, strict=True)):
        file = f"open_items/{number}.{form}"
        turned: Row = dict(reversed(one.items()))
        if form == "parquet":
            ledger.parquet("open_items", turned, file=file)
        else:
            ledger.csv("open_items", turned, file=file)


def in_small_groups(ledger: Ledger) -> None:
    ledger.arrow(arrow_table("open_items", ITEMS), "open_items.parquet", row_group_size=1)
    ledger.arrow(arrow_table("allocations", ALLOCATIONS), "allocations.parquet", row_group_size=1)


def with_view_of_text(ledger: Ledger) -> None:
    types = dict.fromkeys(TEXTS, pa.string_view())
    ledger.parquet("open_items", *ITEMS, **types)


def with_byte_order_mark(ledger: Ledger) -> None:
    text = csv_text("open_items", ITEMS).replace("\n", "\r\n")
    ledger.text("open_items.csv", b"\xef\xbb\xbf" + text.encode())


def all_quoted(ledger: Ledger) -> None:
    lines = csv_text("open_items", ITEMS).splitlines()
    quoted = ["".join(['"', line.replace(",", '","'), '"']) for line in lines]
    ledger.text("open_items.csv", "\n".join(quoted))


FORMS = [
    pytest.param(typed(), id="contract types"),
    pytest.param(typed(amount=pa.int64(), tax_amount=pa.int32()), id="integers"),
    pytest.param(typed(amount=pa.int16(), tax_amount=pa.uint8()), id="small integers"),
    pytest.param(typed(amount=pa.int8(), tax_amount=pa.uint64()), id="bytes"),
    pytest.param(typed(amount=pa.decimal128(9, 2), tax_amount=pa.decimal128(5, 0)), id="decimals"),
    pytest.param(typed(amount=pa.decimal128(38, 20)), id="wide decimal"),
    pytest.param(typed(amount=pa.decimal256(60, 12)), id="decimal of 256 bits"),
    pytest.param(typed(**dict.fromkeys(TEXTS, pa.large_string())), id="large text"),
    pytest.param(typed(**dict.fromkeys(TEXTS, CODED)), id="dictionaries"),
    pytest.param(typed(document_date=pa.timestamp("s")), id="seconds"),
    pytest.param(typed(document_date=pa.timestamp("us"), due_date=pa.timestamp("ns")), id="times"),
    pytest.param(typed(document_date=pa.date64(), due_date=pa.timestamp("ms")), id="date64"),
    pytest.param(typed(disputed=pa.int8()), id="flags as numbers"),
    pytest.param(with_view_of_text, id="text views"),
    pytest.param(in_folders, id="Hive folders"),
    pytest.param(in_pieces, id="a file each"),
    pytest.param(in_small_groups, id="a row group each"),
    pytest.param(with_byte_order_mark, id="byte order mark and CRLF"),
    pytest.param(all_quoted, id="all quoted, last line open"),
]


@pytest.mark.parametrize("write", FORMS)
def test_form__gives_the_same_figures(
    fresh: Night, expected: dict[str, list[Any]], write: Callable[[Ledger], None]
) -> None:
    write(fresh.ledger)
    write_rest(fresh.ledger)
    fresh.publish()
    assert figures(fresh) == expected


def test_float_money__gives_the_same_figures_once_its_decimals_are_declared(
    fresh: Night, expected: dict[str, list[Any]]
) -> None:
    money_in_float(fresh.ledger)
    write_rest(fresh.ledger)
    declared = """
[input.tables.open_items.float_decimals]
amount = 2
tax_amount = 2
"""
    fresh.publish(*fresh.configure(declared))
    assert figures(fresh) == expected


def test_float_money__that_is_no_number_of_the_declared_decimals_is_bad(fresh: Night) -> None:
    table = arrow_table("open_items", [item(f"I{n}") for n in range(6)])
    amounts = pa.array([0.1 + 0.2, 10.005, float("nan"), float("inf"), 1e300, None])
    position = table.column_names.index("amount")
    fresh.ledger.arrow(table.set_column(position, "amount", amounts), "open_items.parquet")
    declared = fresh.configure("[input.tables.open_items.float_decimals]\namount = 2\n")
    fresh.publish(*declared, "--max-rejected", "1")
    assert [str(amount) for amount in fresh.rows("items", "amount")] == ["0.300"]
    assert fresh.rows("quarantine", "row_number", "reason") == [
        (2, "too_precise"),
        (3, "wrong_type"),
        (4, "wrong_type"),
        (5, "too_large"),
        (6, "missing_value"),
    ]


def test_timestamp__that_is_not_midnight_is_bad(fresh: Night) -> None:
    table = arrow_table("open_items", [item("I1"), item("I2")])
    midnight = 20_700 * 86_400
    days = pa.array([midnight, midnight + 43_200], pa.timestamp("s"))
    position = table.column_names.index("due_date")
    fresh.ledger.arrow(table.set_column(position, "due_date", days), "open_items.parquet")
    fresh.publish("--max-rejected", "1")
    (found,) = fresh.rows("quarantine")
    assert (found["row_number"], found["column"]) == (2, "due_date")
    assert found["reason"] == "wrong_type"
    assert "12:00" not in found["message"]


def test_decimals__that_the_scale_cannot_hold_are_bad(fresh: Night) -> None:
    rows = [item("I1", amount="1.2340"), item("I2", amount="1.2345"), item("I3", amount="9" * 16)]
    wide = pa.decimal256(60, 4)
    table = arrow_table("open_items", [{**one, "amount": "0"} for one in rows])
    amounts = pa.array([one["amount"] for one in rows]).cast(wide)
    position = table.column_names.index("amount")
    fresh.ledger.arrow(table.set_column(position, "amount", amounts), "open_items.parquet")
    fresh.publish("--max-rejected", "1")
    assert fresh.rows("quarantine", "row_number", "reason") == [
        (1, "too_precise"),
        (2, "too_precise"),
        (3, "too_large"),
    ]


def test_types__may_differ_from_file_to_file(fresh: Night, expected: dict[str, list[Any]]) -> None:
    first, second, third, fourth = ITEMS
    fresh.ledger.parquet("open_items", first, file="open_items/0.parquet", amount=pa.int64())
    fresh.ledger.parquet(
        "open_items", second, third, file="open_items/1.parquet", due_date=pa.timestamp("us")
    )
    fresh.ledger.csv("open_items", fourth, file="open_items/2.csv")
    fresh.ledger.parquet(
        "customers",
        row("customers", customer_id="C1", insolvency_date="2027-01-01"),
        file="customers/0.parquet",
        insolvency_date=pa.timestamp("s"),
    )
    fresh.ledger.parquet(
        "customers",
        row("customers", customer_id="C2", insolvency_date="2027-01-01"),
        file="customers/1.parquet",
    )
    fresh.ledger.csv("customers", row("customers", customer_id="C3"), file="customers/2.csv")
    write_rest(fresh.ledger)
    fresh.publish()
    assert figures(fresh) == expected
