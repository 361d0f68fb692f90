"""Parquet: units, types that widen, and every way in which a file can be broken."""

import random
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encours.ledger.columns import LOW_CARDINALITY
from encours.ledger.decode import decode_bool, decode_date, decode_int, decode_money
from encours_schemas.configuration import TableInput
from encours_schemas.errors import EncoursError, InputRefused
from tests.ledger.ledgers import LedgerFolder, items_table, rows_of

DIALECT = TableInput()
DICTIONARY = pa.dictionary(pa.int32(), pa.string())


def units_of(folder: LedgerFolder, group_sizes: list[int], unit_rows: int) -> list[int]:
    """Write row groups of these sizes; give the rows of each unit."""
    path = folder.path / "open_items.parquet"
    with pq.ParquetWriter(path, items_table(1).schema) as writer:
        first = 0
        for size in group_sizes:
            writer.write_table(items_table(size, first), row_group_size=max(size, 1))
            first += size
    source = folder.open(unit_rows).tables["open_items"]
    assert source.row_count == sum(group_sizes) == source.rows_counted["open_items.parquet"]
    ids = [row["item_id"] for row in rows_of(source, "item_id")]
    assert ids == [f"I{i}" for i in range(sum(group_sizes))]
    firsts = np.cumsum([0, *(unit.row_count for unit in source.units)])[:-1]
    assert [unit.first_ordinal for unit in source.units] == firsts.tolist()
    for unit in source.units:
        numbers = source.row_numbers(unit, np.array([0, unit.row_count - 1]))
        first, last = unit.first_ordinal + 1, unit.first_ordinal + unit.row_count
        assert numbers.tolist() == [first, last]
    return [unit.row_count for unit in source.units]


@pytest.mark.parametrize(
    ("group_sizes", "expected"),
    [
        ([], []),
        ([0, 0], []),
        ([10], [10]),
        ([100, 100], [100, 100]),
        ([40, 50, 20, 0, 80], [90, 100]),
        ([200, 30], [200, 30]),
        ([30, 201, 30], [30, 67, 67, 67, 30]),
        ([1000], [100] * 10),
    ],
)
def test_open_ledger__cuts_files_into_units(
    folder: LedgerFolder, group_sizes: list[int], expected: list[int]
) -> None:
    assert units_of(folder, group_sizes, unit_rows=100) == expected


def test_read__gives_columns_in_the_order_asked_for(folder: LedgerFolder) -> None:
    folder.write("open_items.parquet", items_table(3))
    source = folder.open().tables["open_items"]
    table = source.read(source.units[0], ["amount", "due_date", "item_id", "amount"])
    assert table.column_names == ["amount", "item_id"]
    assert source.read(source.units[0], ["due_date"]).num_columns == 0


@pytest.mark.parametrize("unit_rows", [1_000, 10])
def test_read__keeps_dictionaries_of_few_texts(folder: LedgerFolder, unit_rows: int) -> None:
    folder.write("open_items.parquet", items_table(100))
    source = folder.open(unit_rows).tables["open_items"]
    table = source.read(source.units[-1], source.columns)
    for name in table.column_names:
        is_text = name in {"item_id", *LOW_CARDINALITY}
        expected = DICTIONARY if name in LOW_CARDINALITY else pa.string()
        assert not is_text or table.schema.field(name).type == expected


@pytest.mark.parametrize("unit_rows", [10_000, 2_000])
def test_read__plain_text_where_nearly_every_row_has_its_own(
    folder: LedgerFolder, unit_rows: int
) -> None:
    customers = pa.array([f"C{i}" for i in range(5_000)])
    folder.write("open_items/a.parquet", items_table(5_000, customer_id=customers))
    folder.write("open_items/b.parquet", items_table(5_000, 9_000, customer_id=customers))
    source = folder.open(unit_rows).tables["open_items"]
    first, *_, last = (source.read(unit, ["customer_id", "currency"]) for unit in source.units)
    assert last.schema.types == [pa.string(), DICTIONARY]
    assert first.column(0).to_pylist()[:2] == ["C0", "C1"]


@pytest.mark.parametrize(
    "kind",
    [
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int64(), pa.large_string()),
    ],
)
def test_read__text_of_any_layout_is_plain_or_dictionary(
    folder: LedgerFolder, kind: pa.DataType
) -> None:
    texts = ["0001", None, "É", "0001"]
    columns = {name: pa.array(texts).cast(kind) for name in ("item_id", "company_code")}
    folder.write("open_items.parquet", items_table(4, **columns))
    source = folder.open().tables["open_items"]
    table = source.read(source.units[0], ["item_id", "company_code"])
    assert set(table.schema.types) <= {pa.string(), DICTIONARY}
    assert table.column(0).to_pylist() == table.column(1).to_pylist() == texts


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1, -2, None], pa.int8()), [1000, -2000, 0]),
        (pa.array([1, 2**63, None], pa.uint64()), [1000, 0, 0]),
        (pa.array([1, -(2**63), 10**15 - 1], pa.int64()), [1000, 0, 999_999_999_999_999_000]),
        (pa.array([Decimal("1.5"), Decimal("-99999.99")], pa.decimal32(7, 2)), [1500, -99999990]),
        (pa.array([Decimal("1.5"), None], pa.decimal64(18, 2)), [1500, 0]),
        (pa.array([Decimal("1.2340"), Decimal("1.2345")], pa.decimal128(20, 4)), [1234, 0]),
        (pa.array([Decimal("1.23"), Decimal(10) ** 40], pa.decimal256(60, 18)), [1230, 0]),
        (pa.array([None, None], pa.null()), [0, 0]),
    ],
)
def test_read__numbers_widen_to_money(
    folder: LedgerFolder, values: pa.Array, expected: list[int]
) -> None:
    table = items_table(len(values), amount=values)
    folder.write("open_items.parquet", table)
    source = folder.open().tables["open_items"]
    decoded = decode_money(source.read(source.units[0], ["amount"]).column("amount"), DIALECT)
    assert decoded.values.tolist() == expected
    assert ((decoded.fault != 0) == (decoded.values == 0)).all()


@pytest.mark.parametrize(
    "kind", [pa.date32(), pa.date64(), *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns"))]
)
def test_read__timestamps_at_midnight_are_dates(folder: LedgerFolder, kind: pa.DataType) -> None:
    dates = pa.array([20_000, None, -1], pa.int32()).cast(pa.date32()).cast(kind)
    folder.write("open_items.parquet", items_table(3, document_date=dates))
    source = folder.open().tables["open_items"]
    column = source.read(source.units[0], ["document_date"]).column(0)
    decoded = decode_date(column, DIALECT)
    assert decoded.values.tolist() == [20_000, -(2**31), -1]
    assert decoded.fault.tolist() == [0, 1, 0]


def test_read__old_timestamps_do_not_wrap(folder: LedgerFolder) -> None:
    dates = pa.array([2_932_896, 20_000], pa.int32()).cast(pa.date32()).cast(pa.timestamp("us"))
    table = items_table(2, document_date=dates)
    folder.write("open_items.parquet", table, use_deprecated_int96_timestamps=True)
    source = folder.open().tables["open_items"]
    decoded = decode_date(source.read(source.units[0], ["document_date"]).column(0), DIALECT)
    assert decoded.values.tolist() == [-(2**31), 20_000]
    assert decoded.fault.tolist() == [5, 0]


WRONG_TYPES = [
    ("amount", pa.array([1.5]), "double", "decimals, integers.*float_decimals. amount = 2"),
    ("amount", pa.array(["1.5"]), "string", "decimals, integers"),
    ("amount", pa.array([True]), "bool", "decimals, integers"),
    ("document_date", pa.array(["2026-01-01"]), "string", "date32, date64, timestamp"),
    ("document_date", pa.array([20_000]), "int64", "date32"),
    ("document_date", pa.array([0], pa.timestamp("us", "UTC")), "UTC", "ledger's own time zone"),
    ("item_id", pa.array([17]), "int64", "string, large_string"),
    ("item_id", pa.array([b"17"]), "binary", "string, large_string"),
    ("disputed", pa.array(["Y"]), "string", "bool"),
    ("due_date", pa.array([[1]]), "list", "date32"),
]


@pytest.mark.parametrize(("column", "values", "found", "expected"), WRONG_TYPES)
def test_open_ledger__wrong_types_name_file_column_found_and_accepted(
    folder: LedgerFolder, column: str, values: pa.Array, found: str, expected: str
) -> None:
    folder.write("open_items/x.parquet", items_table(1, **{column: values}))
    where = rf"column {column} of table open_items .*: open_items/x.parquet"
    message = rf"{where}; found .*{found}.*, expected .*{expected}"
    with pytest.raises(InputRefused, match=message):
        folder.open()


def test_open_ledger__floats_are_taken_when_their_decimals_are_declared(
    folder: LedgerFolder,
) -> None:
    folder.configure("open_items", float_decimals={"amount": 2})
    folder.write("open_items.parquet", items_table(2, amount=pa.array([19.99, 0.1 + 0.2])))
    source = folder.open().tables["open_items"]
    column = source.read(source.units[0], ["amount"]).column(0)
    decoded = decode_money(column, source.dialect, source.dialect.float_decimals["amount"])
    assert decoded.values.tolist() == [19_990, 300]


def test_open_ledger__each_file_has_its_own_schema(folder: LedgerFolder) -> None:
    folder.write("open_items/a.parquet", items_table(1, disputed=pa.array([True])))
    folder.write("open_items/b.parquet", items_table(1, 1, amount=pa.array([7], pa.int32())))
    folder.write("open_items/c.parquet", items_table(1, 2, disputed=pa.array([1], pa.int8())))
    source = folder.open().tables["open_items"]
    assert "disputed" in source.columns
    read = [source.read(unit, ["amount", "disputed"]) for unit in source.units]
    assert [table.column_names for table in read] == [
        ["amount", "disputed"],
        ["amount"],
        ["amount", "disputed"],
    ]
    assert decode_bool(read[2].column("disputed")).values.tolist() == [1]
    assert decode_money(read[1].column("amount"), DIALECT).values.tolist() == [7000]


def test_decode_int__takes_whole_decimals(folder: LedgerFolder) -> None:
    column = pa.array([Decimal("60.00"), Decimal("60.50"), None], pa.decimal128(10, 2))
    decoded = decode_int(column)
    assert decoded.values.tolist() == [60, 0, 0]
    assert decoded.fault.tolist() == [0, 3, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"PAR1", "not a complete Parquet file"),
        (b"PAR1PAR1PAR1", "footer of 827474256 bytes"),
        (b"item_id,amount\n1,2\n", "not a complete Parquet file"),
        (b"PARE" + bytes(20) + b"PARE", "encrypted"),
        (b"PAR1" + bytes(20) + b"\xff\xff\xff\x7fPAR1", "footer of 2147483647 bytes"),
        (b"PAR1" + bytes(20) + b"\x14\0\0\0PAR1", "a file is broken"),
    ],
)
def test_open_ledger__what_is_not_parquet_is_refused(
    folder: LedgerFolder, content: bytes, message: str
) -> None:
    folder.write("open_items.parquet", content)
    with pytest.raises(InputRefused, match=rf"open_items.parquet.*{message}|{message}.*open_items"):
        folder.open()


def read_whole(folder: LedgerFolder) -> list[dict[str, list[Any]]]:
    source = folder.open(unit_rows=300).tables["open_items"]
    return [source.read(unit, source.columns).to_pydict() for unit in source.units]


def test_open_ledger__truncated_parquet_is_refused_wherever_it_ends(folder: LedgerFolder) -> None:
    path = folder.write("open_items.parquet", items_table(500), row_group_size=200)
    whole = path.read_bytes()
    source = random.Random(73)
    cuts = {source.randrange(len(whole)) for _ in range(60)} | set(
        range(len(whole) - 20, len(whole))
    )
    for cut in cuts:
        path.write_bytes(whole[:cut])
        with pytest.raises(InputRefused, match=r"open_items.parquet"):
            read_whole(folder)


def flipped_reads(folder: LedgerFolder, count: int, **options: Any) -> list[str]:
    """Flip one bit at a time anywhere; say of each try what came of it."""
    path = folder.write("open_items.parquet", items_table(500), row_group_size=200, **options)
    whole, expected = path.read_bytes(), read_whole(folder)
    source = random.Random(74)
    outcomes = []
    for _ in range(count):
        broken = bytearray(whole)
        broken[source.randrange(len(whole))] ^= 1 << source.randrange(8)
        path.write_bytes(bytes(broken))
        try:
            outcomes.append("same" if read_whole(folder) == expected else "changed")
        except EncoursError as error:
            assert "open_items.parquet" in str(error)  # noqa: PT017 - any of ours, by its name
            outcomes.append("refused")
        except (OverflowError, ValueError):
            outcomes.append("changed")  # a date that Python's own type cannot hold
    return outcomes


def test_open_ledger__flipped_bits_never_pass_where_pages_have_checksums(
    folder: LedgerFolder,
) -> None:
    outcomes = flipped_reads(folder, 150, write_page_checksum=True)
    assert "changed" not in outcomes
    assert outcomes.count("refused") > 75


def test_open_ledger__flipped_bits_end_in_a_refusal_or_in_rows_never_in_a_crash(
    folder: LedgerFolder,
) -> None:
    # Without checksums most damage to values cannot be seen: the totals of the sender show it.
    outcomes = flipped_reads(folder, 150, compression="none")
    assert set(outcomes) <= {"same", "changed", "refused"}
    assert outcomes.count("refused") > 10


def test_open_ledger__scale_that_contradicts_the_writer_is_refused(folder: LedgerFolder) -> None:
    path = folder.write("open_items.parquet", items_table(5))
    whole = path.read_bytes()
    refusals = []
    for at in range(len(whole) - 1_600, len(whole)):
        # The scale 3 of the amounts as Thrift writes it: 6, twice its value; 4 is a scale of 2.
        if whole[at] == 6:
            path.write_bytes(whole[:at] + b"\x04" + whole[at + 1 :])
            try:
                assert rows_of(folder.open().tables["open_items"])[1]["amount"] == 100
            except InputRefused as error:
                refusals.append(error.found)
            except EncoursError:
                pass
    found = "column amount is decimal128(22, 2), but was written as decimal128(22, 3)"
    assert refusals.count(found) == 1


def test_open_ledger__text_that_is_not_utf8_is_refused(folder: LedgerFolder) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe")]
    )
    folder.write("open_items.parquet", items_table(1, item_id=bad))
    source = folder.open().tables["open_items"]
    with pytest.raises(InputRefused, match=r"open_items.parquet.*UTF8"):
        source.read(source.units[0], ["item_id"])


def test_open_ledger__more_rows_than_a_byte_can_hold_are_refused(folder: LedgerFolder) -> None:
    count = 4_000_000
    numbers = pa.array(np.zeros(count, np.int8))
    table = pa.table({"item_id": numbers})
    folder.write("open_items.parquet", table, row_group_size=count)
    with pytest.raises(InputRefused, match=r"claims more rows than its size can hold"):
        folder.open()


def test_raw_rows__gives_every_column_as_text(folder: LedgerFolder) -> None:
    table = items_table(
        3,
        first=1,
        note=pa.array(["a", None, "É"]),
        disputed=pa.array([True, False, None]),
        seen=pa.array([2**40, None, 0], pa.timestamp("us")),
        document_date=pa.array([2**30, 1, 2], pa.int32()).cast(pa.date32()),
    )
    folder.write("open_items.parquet", table)
    source = folder.open().tables["open_items"]
    third, first = source.raw_rows(source.units[0], np.array([2, 0]))
    assert '"note": "É"' in third
    assert '"disputed": null' in third
    assert '"amount": "300.000"' in third
    assert '"document_date": "<value out of range: 1073741824>"' in first
    assert '"disputed": "true"' in first
