"""CSV: dialects, encodings, compression, and lines that cannot be split into fields."""

import gzip
import json
import random

import numpy as np
import pyarrow as pa
import pytest

from encours.ledger import csv_files, text_files
from encours.ledger.sources import TableSource
from encours_schemas.errors import EncoursError, InputMissing, InputRefused
from encours_schemas.reasons import Reason
from tests.ledger.ledgers import CUSTOMER_HEADER, LedgerFolder, item_line, items_csv, rows_of

HEADER = f"{CUSTOMER_HEADER},name"


def customers(
    folder: LedgerFolder, content: str | bytes, name: str = "customers.csv"
) -> TableSource:
    """Read a customers' file of these bytes."""
    folder.write(name, content)
    return folder.open().tables["customers"]


def names(source: TableSource) -> list[str | None]:
    return [row["name"] for row in rows_of(source, "name")]


def check_counts(source: TableSource) -> None:
    """Rows counted by the scan are those read and those rejected."""
    assert sum(source.rows_counted.values()) == source.row_count + len(source.rejected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("C1,FR,A\nC2,DE,B\n", ["A", "B"]),
        ("C1,FR,A\nC2,DE,B", ["A", "B"]),
        ("C1,FR,A\r\nC2,DE,B\r\n", ["A", "B"]),
        ("C1,FR,A\r\nC2,DE,B\nC3,DE,C\r", ["A", "B", "C"]),
        ("\n\r\nC1,FR,A\n\n\n\nC2,DE,B\n\n", ["A", "B"]),
        ('C1,FR,"A, B"\nC2,DE,"say ""no"""\n', ["A, B", 'say "no"']),
        ('C1,FR,"two\nlines"\nC2,DE,"two\r\nlines"\n', ["two\nlines", "two\r\nlines"]),
        ('C1,FR,\nC2,DE,""\nC3,DE, \n', [None, "", " "]),
        ('C1,FR,5" pipe\nC2,DE,a"b"c\n', ['5" pipe', 'a"b"c']),
        ('C1,FR,"\r"\n', ["\r"]),
        ("C1,FR,NULL\nC2,DE,nan\nC3,DE,N/A\n", ["NULL", "nan", "N/A"]),
        ("", []),
    ],
)
def test_read__fields_are_text_as_written(
    folder: LedgerFolder, body: str, expected: list[str | None]
) -> None:
    source = customers(folder, f"{HEADER}\n{body}")
    assert names(source) == expected
    assert source.rejected == ()
    check_counts(source)


def test_read__ids_stay_byte_for_byte(folder: LedgerFolder) -> None:
    ids = [
        "000123",
        "1E+05",
        "123456789012345678901234",
        " 7",
        "7 ",
        "=A1",
        "1.0",
        "é",
        "e\u0301",
        "-0",
    ]
    source = customers(folder, "\n".join([HEADER, *(f"{text},FR,x" for text in ids), ""]))
    assert [row["customer_id"] for row in rows_of(source, "customer_id")] == ids


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".csv.zst"])
def test_read__compressed_files_in_one_or_several_members(
    folder: LedgerFolder, suffix: str
) -> None:
    parts = [f"{HEADER}\nC1,FR,A\nC2,D".encode(), b"E,B\n"]
    pack = {
        ".csv": lambda data: data,
        ".csv.gz": gzip.compress,
        ".csv.zst": lambda data: pa.compress(data, "zstd", asbytes=True),
    }[suffix]
    source = customers(folder, b"".join(map(pack, parts)), f"customers{suffix}")
    assert names(source) == ["A", "B"]
    assert source.files[0].format == "csv"


def broken_gzip() -> dict[str, bytes]:
    whole = gzip.compress("\n".join([HEADER, *(f"C{i},FR,{i}" for i in range(999)), ""]).encode())
    return {
        "cut": whole[: len(whole) // 2],
        "without its end": whole[:-8],
        "one byte short": whole[:-1],
        "wrong checksum": whole[:-8] + b"\0\0\0\0" + whole[-4:],
        "junk behind": whole + b"junk and more junk",
        "no gzip": b"customer_id,country\nC1,FR\n",
        "nothing": b"",
    }


@pytest.mark.parametrize("case", broken_gzip())
def test_open_ledger__broken_gzip_is_refused(folder: LedgerFolder, case: str) -> None:
    with pytest.raises(InputRefused, match=r"a file is broken: customers.csv.gz"):
        customers(folder, broken_gzip()[case], "customers.csv.gz")


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_open_ledger__broken_zstandard_is_refused(folder: LedgerFolder, cut: int) -> None:
    whole = pa.compress(f"{HEADER}\nC1,FR,A\n".encode() * 50, "zstd", asbytes=True)
    for content in (whole[:-cut], whole + b"junkjunk"):
        with pytest.raises(InputRefused, match=r"a file is broken: customers.csv.zst"):
            customers(folder, content, "customers.csv.zst")


def test_open_ledger__compression_bomb_is_refused(
    folder: LedgerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "_RATIO_FREE_BYTES", 1 << 20)
    bomb = gzip.compress(f"{HEADER}\n".encode() + b"C1,FR,A\n" * 4_000_000)
    with pytest.raises(InputRefused, match=r"bytes unpack to more than"):
        customers(folder, bomb, "customers.csv.gz")


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("latin-1", "latin-1"),
        ("cp1252", "cp1252"),
        ("iso8859-15", "iso8859-15"),
        ("cp850", "cp850"),
    ],
)
def test_read__declared_encodings(folder: LedgerFolder, encoding: str, written: str) -> None:
    folder.configure("customers", encoding=encoding)
    text = f"{HEADER}\nC1,FR,Société Müller\nC2,FR,\u00a0ç\n"
    source = customers(folder, text.encode(written))
    assert names(source) == ["Société Müller", "\u00a0ç"]
    assert source.columns == ("customer_id", "name", "country")


def test_open_ledger__utf16_that_nobody_declared_is_refused(folder: LedgerFolder) -> None:
    with pytest.raises(InputRefused, match=r'UTF-16.*encoding = "utf-16"'):
        customers(folder, f"{HEADER}\nC1,FR,A\n".encode("utf-16"))
    with pytest.raises(InputRefused, match=r"not a header.*NUL"):
        customers(folder, f"{HEADER}\nC1,FR,A\n".encode("utf-16-le"))


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [
        ("utf-8", b"C2,FR,Soci\xe9t\xe9"),
        ("utf-8", b"C2,FR,\xc0\xaf"),  # an overlong slash
        ("utf-8", b"C2,FR,\xed\xa0\x80"),  # half of a surrogate pair
        ("utf-8", b"C2,FR,a\0b"),
        ("utf-8", b"\0\0\0,FR,ab"),
        ("utf-8", b"C2,FR,a\rb"),
        ("utf-8", b"C2,FR,a\r"),
        ("cp1252", b"C2,FR,a\x81b"),
        ("ascii", b"C2,FR,\xff"),
    ],
)
def test_rejected__bytes_that_are_no_text_cost_their_row_alone(
    folder: LedgerFolder, encoding: str, bad: bytes
) -> None:
    folder.configure("customers", encoding=encoding)
    line_end = b"\r\n" if bad.endswith(b"\r") else b"\n"
    head = HEADER.encode()
    content = line_end.join([head, b"C1,FR,A", bad, b"C3,FR,C", b""])
    source = customers(folder, content)
    (finding,) = source.rejected
    assert names(source) == ["A", "C"]
    assert (finding.reason, finding.row_number) == (Reason.NOT_TEXT, 2)
    assert (finding.table, finding.file) == ("customers", "customers.csv")
    assert encoding in finding.message
    assert "FR" in json.loads(finding.raw)["line"]
    assert source.row_numbers(source.units[0], np.array([0, 1])).tolist() == [1, 3]
    check_counts(source)


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        ("C2,FR", "found 2"),
        ("C2", "found 1"),
        ("   ", "found 1"),
        ("C2,FR,B,", "found 4"),
        ("C2,FR,B,C,D", "found 5"),
        ('"C2,FR,B"', "found 1"),
        ("TOTAL: 17", "found 1"),
    ],
)
def test_rejected__wrong_number_of_fields_costs_the_row_alone(
    folder: LedgerFolder, bad: str, found: str
) -> None:
    source = customers(folder, f"{HEADER}\nC1,FR,A\n\n{bad}\nC3,FR,C\n")
    (finding,) = source.rejected
    assert finding.reason is Reason.WRONG_FIELD_COUNT
    assert finding.row_number == 2
    assert finding.message == f"expected 3 fields, {found}"
    assert json.loads(finding.raw) == {"line": bad}
    assert names(source) == ["A", "C"]
    check_counts(source)


def test_rejected__text_behind_a_closing_quote_costs_the_row_alone(folder: LedgerFolder) -> None:
    source = customers(folder, f'{HEADER}\nC1,FR,"A"\nC2,FR,"ACME "Best" Co"\nC3,FR,"C" \n')
    assert [finding.row_number for finding in source.rejected] == [2, 3]
    assert {finding.reason for finding in source.rejected} == {Reason.WRONG_FIELD_COUNT}
    assert "closing quote" in source.rejected[0].message
    assert names(source) == ["A"]


@pytest.mark.parametrize(
    "tail",
    [
        'C2,FR,"B\n',
        'C2,FR,"B\nC3,FR,C\nC4,FR,D\n',
        'C2,FR,"B\nC3,FR,"C"\nC4,FR,D\n',
        '"C2,FR,B\n"C3",FR,C\n',
        'C2,FR,"B\nC3,FR,C",x\n',
        'C2,FR,"',
    ],
)
def test_open_ledger__unclosed_quote_names_the_row_where_it_opened(
    folder: LedgerFolder, tail: str
) -> None:
    with pytest.raises(InputRefused, match=r"quoted field is not closed: customers.csv, row 2;"):
        customers(folder, f"{HEADER}\nC1,FR,A\n{tail}")


def test_open_ledger__unclosed_quote_in_a_long_file_is_found_in_bounded_memory(
    folder: LedgerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(csv_files, "RECORD_BYTES_MAX", 3_000)
    body = "".join(f"C{i},FR,x\n" for i in range(500)) + 'D,FR,"open\n' + "E,FR,x\n" * 2_000
    with pytest.raises(InputRefused, match=r"row 501;"):
        customers(folder, f"{HEADER}\n{body}")


def test_read__quotes_are_text_where_none_are_declared(folder: LedgerFolder) -> None:
    folder.configure("customers", quote="")
    source = customers(folder, f'{HEADER}\nC1,FR,"A\nC2,FR,"B"\n')
    assert names(source) == ['"A', '"B"']


def test_read__other_separator_and_quote(folder: LedgerFolder) -> None:
    folder.configure("customers", separator=";", quote="'")
    source = customers(folder, "customer_id;country;'name'\nC1;FR;'a;b'\nC2;FR;\"\n")
    assert names(source) == ["a;b", '"']


@pytest.mark.parametrize("size", [1, 50, 4_000])
def test_open_ledger__carriage_returns_alone_are_refused(
    folder: LedgerFolder, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(csv_files, "RECORD_BYTES_MAX", 5_000)
    with pytest.raises(InputRefused, match=r"carriage return alone: customers.csv"):
        customers(folder, "\r".join([HEADER, *["C1,FR,A"] * size, ""]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n \n", "not a header"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"C1,FR,A\nC2,DE,B\n", "the first row of a CSV file is not a header.*3 fields"),
        (b"customer_id;country;name\nC1;FR;A\n", "not a header.*by ','; declare .*separator = ';'"),
        (b"\xff,country\n", "not a header.*not utf-8"),
        (b"PAR1xxxxPAR1", "not CSV but a Parquet file"),
        (b"PK\x03\x04....", "a zip archive or a spreadsheet"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (gzip.compress(b"customer_id"), r"name it .csv.gz"),
        (b"-----BEGIN PGP MESSAGE-----\n", "encrypted text"),
    ],
)
def test_open_ledger__what_is_no_csv_with_a_header_is_refused(
    folder: LedgerFolder, content: bytes, message: str
) -> None:
    with pytest.raises((InputRefused), match=message):
        customers(folder, content)


def test_open_ledger__header_of_nearly_right_names_is_66(folder: LedgerFolder) -> None:
    with pytest.raises(InputMissing, match=r"customer_id.*Customer-ID, which is near"):
        customers(folder, "Customer-ID,Land\nC1,FR\n")


def test_open_ledger__file_of_another_dialect_is_refused_early(
    folder: LedgerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "_REJECTED_FREE", 10)
    with pytest.raises(InputRefused, match=r"does not fit its dialect.*3 fields separated by ','"):
        customers(folder, f"{HEADER}\n" + "C1;FR;A\n" * 30)


@pytest.mark.parametrize("block", [1, 7, 64, 1_000, 1 << 20])
@pytest.mark.parametrize("unit_rows", [1, 10, 64, 10_000])
def test_open_ledger__blocks_and_units_change_nothing(
    folder: LedgerFolder, block: int, unit_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "BLOCK_BYTES", block)
    lines, wanted, rejected = [], [], []
    for i in range(1, 131):
        if i % 17 == 0:
            lines.append("short")
            rejected.append(i)
        else:
            name = "é" * (i % 5) + ('"x\n""y"' if i % 11 == 0 else str(i))
            name = f'"line\n""{i}"' if i % 11 == 0 else name
            lines.append(f"C{i},FR,{name}" + "\n" * (i % 3))
            wanted.append(i)
    folder.write("customers.csv", "\n".join([HEADER, *lines, ""]))
    source = folder.open(unit_rows).tables["customers"]
    numbers = [
        int(number)
        for unit in source.units
        for number in source.row_numbers(unit, np.arange(unit.row_count))
    ]
    assert [row["customer_id"] for row in rows_of(source, "customer_id")] == [
        f"C{i}" for i in wanted
    ]
    assert numbers == wanted
    assert [finding.row_number for finding in source.rejected] == rejected
    assert all(unit.row_count <= unit_rows for unit in source.units)
    assert '"line\n""11"'.strip('"').replace('""', '"') in names(source)
    check_counts(source)


def test_open_ledger__long_records_make_smaller_units(
    folder: LedgerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "UNIT_BYTES_MAX", 1_000)
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 400)
    source = customers(
        folder, "\n".join([HEADER, *(f"C{i},FR,{'x' * 200}" for i in range(40)), ""])
    )
    assert len(source.units) > 5
    assert source.row_count == 40


def test_open_ledger__mutated_csv_is_read_refused_or_rejected_and_always_counted(
    folder: LedgerFolder,
) -> None:
    whole = items_csv(*(item_line(i, item_id=f'"I,{i}"') for i in range(30))).encode()
    source = random.Random(87)
    outcomes: set[object] = set()
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(source.randrange(1, 4)):
            at = source.randrange(len(broken))
            broken[at : at + source.randrange(2)] = source.choice(
                [b'"', b"\n", b"\r", b",", b"\0", b"\xff", b""]
            )
        folder.write("open_items.csv", bytes(broken))
        try:
            table = folder.open(unit_rows=7).tables["open_items"]
        except EncoursError as error:
            outcomes.add(type(error))
        else:
            check_counts(table)
            outcomes.add(bool(table.rejected))
    assert outcomes == {InputRefused, InputMissing, True, False}


def test_raw_rows__are_the_text_as_read(folder: LedgerFolder) -> None:
    source = customers(folder, f'{HEADER},zip\nC1,FR,"A, ""B""",01\nC2,FR,,\n')
    unit = source.units[0]
    assert [json.loads(raw) for raw in source.raw_rows(unit, np.array([1, 0]))] == [
        {"customer_id": "C2", "country": "FR", "name": None, "zip": None},
        {"customer_id": "C1", "country": "FR", "name": 'A, "B"', "zip": "01"},
    ]
