"""Which files make up a ledger, and what is refused, skipped or only mentioned."""

import hashlib
import os
import socket
from pathlib import Path

import numpy as np
import pytest

from encours.ledger.discovery import discover
from encours.ledger.sources import open_ledger
from encours_schemas.configuration import Configuration
from encours_schemas.errors import InputMissing, InputRefused, OutputUnwritable
from encours_schemas.warnings import RunWarning
from tests.ledger.ledgers import (
    CUSTOMER_HEADER,
    LedgerFolder,
    item_line,
    items_csv,
    items_table,
    rows_of,
)


def test_open_ledger__missing_directory_is_66(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match=r"does not exist.*nowhere"):
        open_ledger(tmp_path / "nowhere", Configuration(), tmp_path / "s", 1)


def test_open_ledger__file_instead_of_directory_is_66(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("x")
    with pytest.raises(InputMissing, match=r"is a file, not a directory"):
        open_ledger(tmp_path / "ledger", Configuration(), tmp_path / "s", 1)


def test_open_ledger__link_to_the_directory_is_followed(folder: LedgerFolder) -> None:
    folder.complete()
    link = folder.root / "latest"
    link.symlink_to(folder.path)
    ledger = open_ledger(link, Configuration(), folder.root / "staging", 1)
    assert list(ledger.tables) == ["open_items", "customers"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("open_item.csv", "open_item.csv, which is near"),
        ("Open_Items.parquet", "Open_Items.parquet, which is near"),
        ("zzz.csv", "the required table open_items is missing"),
    ],
)
def test_discover__missing_table_names_what_is_near(
    folder: LedgerFolder, name: str, hint: str
) -> None:
    folder.write(name, "a\n1\n")
    with pytest.raises(InputMissing, match=hint):
        discover(folder.path)


def test_discover__missing_customers_is_66(folder: LedgerFolder) -> None:
    folder.write("open_items.csv", items_csv())
    with pytest.raises(InputMissing, match=r"required table customers is missing"):
        discover(folder.path)


def test_discover__marker_and_hidden_files_are_skipped_others_mentioned(
    folder: LedgerFolder,
) -> None:
    for name in ("_SUCCESS", ".open_items.csv.crc", "_temporary/part.csv", ".git/x"):
        folder.write(name, "x")
    folder.write("allocation.csv", "x")
    folder.write("readme.txt", "x")
    folder.write("open_items/_SUCCESS", "")
    folder.write("open_items/a.csv", items_csv(item_line(1)))
    folder.write("open_items/a.csv.md5", "0123")
    ledger = folder.open()
    assert {notice.code for notice in ledger.warnings} == {RunWarning.UNLISTED_FILE}
    assert [notice.message for notice in ledger.warnings] == [
        "allocation.csv belongs to no table and is not read; did you mean allocations?",
        "open_items/a.csv.md5 belongs to no table and is not read",
        "readme.txt belongs to no table and is not read",
    ]


@pytest.mark.parametrize("other", ["open_items/part.csv", "open_items.csv", "open_items.csv.gz"])
def test_discover__table_in_two_forms_is_refused(folder: LedgerFolder, other: str) -> None:
    folder.write("open_items.parquet", items_table(1))
    folder.write(other, items_csv())
    with pytest.raises(InputRefused, match=r"table open_items is there twice.*open_items.parquet"):
        folder.open()


def test_discover__directory_with_a_suffix_is_refused(folder: LedgerFolder) -> None:
    folder.write("credit_limits.parquet/part-0.parquet", items_table(1))
    with pytest.raises(InputRefused, match=r"credit_limits.parquet is a directory.*credit_limits$"):
        folder.open()


@pytest.mark.parametrize("table", ["open_items", "sales"])
def test_discover__directory_without_data_is_66(folder: LedgerFolder, table: str) -> None:
    folder.write(f"{table}/_SUCCESS", "")
    with pytest.raises(InputMissing, match=rf"table {table} is a directory without a single"):
        folder.open()


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "socket", "linked directory"])
@pytest.mark.parametrize("inside", [False, True])
def test_discover__links_and_pipes_are_refused(
    folder: LedgerFolder, kind: str, inside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = folder.root / "elsewhere.csv"
    target.write_text(items_csv(item_line(1)))
    name = "open_items/part.csv" if inside else "open_items.csv"
    if kind == "linked directory":
        name = "open_items/a=1" if inside else "open_items"
        target = folder.root
    place = folder.path / name
    place.parent.mkdir(exist_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "socket":
        monkeypatch.chdir(place.parent)  # the path of a socket is short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(place.name)
    else:
        place.symlink_to("nowhere" if kind == "dangling" else target)
    with pytest.raises(InputRefused, match=r"is not a regular file.*copy the file itself"):
        folder.open()


def test_discover__files_of_a_table_follow_their_names(folder: LedgerFolder) -> None:
    folder.write("open_items/b.csv", items_csv(item_line(2)))
    folder.write("open_items/a.parquet", items_table(1, first=1))
    folder.write("open_items/c.csv", items_csv(item_line(3), item_line(4)))
    source = folder.open().tables["open_items"]
    assert [file.relative for file in source.files] == [
        "open_items/a.parquet",
        "open_items/b.csv",
        "open_items/c.csv",
    ]
    assert [row["item_id"] for row in rows_of(source)] == ["I1", "I2", "I3", "I4"]
    assert [(unit.number, unit.first_ordinal) for unit in source.units] == [(0, 0), (1, 1), (2, 2)]


def test_discover__hive_partitions_give_columns(folder: LedgerFolder) -> None:
    without = items_table(2, company_code=None)
    folder.write("open_items/company_code=10%2F1/year=2026/a.parquet", without)
    header = items_csv(item_line(9)).replace("company_code", "x").replace(",1000,", ",,")
    folder.write("open_items/company_code=2000/year=2025/a.csv", header)
    folder.write("open_items/company_code=__HIVE_DEFAULT_PARTITION__/b.parquet", without)
    source = folder.open().tables["open_items"]
    assert "company_code" in source.columns
    assert source.ignored == ("x", "year")
    found = {row["company_code"] for row in rows_of(source, "item_id", "company_code")}
    assert found == {"10/1", "2000", None}
    raw = source.raw_rows(source.units[0], np.array([0]))[0]
    assert '"company_code": "10/1", "year": "2026"' in raw


@pytest.mark.parametrize("name", ["old", "a=1/a=2", "=x"])
def test_discover__other_folders_inside_a_table_are_refused(
    folder: LedgerFolder, name: str
) -> None:
    folder.write(f"open_items/{name}/part.csv", items_csv(item_line(1)))
    with pytest.raises(InputRefused, match=r"is not a partition"):
        folder.open()


def test_open_ledger__column_in_file_and_folder_is_refused(folder: LedgerFolder) -> None:
    folder.write("open_items/company_code=1/a.csv", items_csv(item_line(1)))
    with pytest.raises(InputRefused, match=r"in a file and in its partition folder.*company_code"):
        folder.open()


def test_open_ledger__same_file_under_two_names_is_refused(folder: LedgerFolder) -> None:
    folder.write("open_items/a.csv", items_csv(item_line(1)))
    folder.write("open_items/b.csv", items_csv(item_line(1)))
    with pytest.raises(InputRefused, match=r"open_items/a.csv and open_items/b.csv"):
        folder.open()


def test_open_ledger__empty_files_may_be_alike(folder: LedgerFolder) -> None:
    folder.write("open_items/a.csv", items_csv())
    folder.write("open_items/b.csv", items_csv())
    source = folder.open().tables["open_items"]
    assert source.row_count == 0
    assert source.rows_counted == {"open_items/a.csv": 0, "open_items/b.csv": 0}


def test_open_ledger__missing_column_names_what_is_near(folder: LedgerFolder) -> None:
    folder.write("open_items.csv", items_csv().replace("amount", "Ammount"))
    with pytest.raises(InputMissing, match=r"required column amount.*Ammount, which is near"):
        folder.open()


def test_open_ledger__every_file_must_have_the_required_columns(folder: LedgerFolder) -> None:
    folder.write("open_items/a.parquet", items_table(2))
    folder.write("open_items/b.parquet", items_table(2, currency=None))
    with pytest.raises(InputMissing, match=r"column currency: open_items/b.parquet"):
        folder.open()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("customer_id,country,country", "a column name occurs twice.*country"),
        ("customer_id,country,Country", "a column name occurs twice, in other case.*country"),
        ("customer_id,,country", "a column has no name.*position 2"),
        ("customer_id, ,country", "a column has no name.*position 2"),
    ],
)
def test_open_ledger__unclear_names_are_refused(
    folder: LedgerFolder, header: str, message: str
) -> None:
    folder.write("customers.csv", f"{header}\nC1,FR,x\n")
    with pytest.raises(InputRefused, match=message):
        folder.open()


def test_open_ledger__unknown_columns_are_named_once_per_table(folder: LedgerFolder) -> None:
    folder.write("customers.csv", f"{CUSTOMER_HEADER},Risk_Class,zip\nC1,FR,A,1\n")
    (notice,) = folder.open().warnings
    assert notice.code is RunWarning.UNKNOWN_COLUMN_IGNORED
    assert notice.count == 2
    assert notice.message == (
        "table customers: columns ignored: Risk_Class (did you mean risk_class?), zip"
    )


def test_open_ledger__carried_columns_are_columns(folder: LedgerFolder) -> None:
    folder.configuration = Configuration.model_validate({"carry": ["zip"]})
    folder.write("customers.csv", f"{CUSTOMER_HEADER},zip\nC1,FR,01234\n")
    ledger = folder.open()
    assert ledger.warnings == ()
    assert ledger.tables["customers"].columns == ("customer_id", "country", "zip")
    assert rows_of(ledger.tables["customers"])[0]["zip"] == "01234"


def test_open_ledger__carried_column_that_is_nowhere_is_66(folder: LedgerFolder) -> None:
    folder.configuration = Configuration.model_validate({"carry": ["ziip"]})
    folder.write("customers.csv", f"{CUSTOMER_HEADER},zip\nC1,FR,01234\n")
    with pytest.raises(InputMissing, match=r"no table has the column ziip.*zip, which is near"):
        folder.open()


def test_verify_unchanged__names_the_file_that_changed(folder: LedgerFolder) -> None:
    path = folder.write("open_items.csv", items_csv(item_line(1)))
    ledger = folder.open()
    ledger.verify_unchanged()
    path.write_text(items_csv(item_line(1), item_line(2)))
    with pytest.raises(InputRefused, match=r"changed while it was being read: open_items.csv"):
        ledger.verify_unchanged()
    path.unlink()
    with pytest.raises(InputRefused, match=r"open_items.csv; found no file"):
        ledger.verify_unchanged()


@pytest.mark.parametrize("name", ["open_items.csv", "open_items.parquet"])
def test_open_ledger__staging_that_cannot_be_written_is_73(folder: LedgerFolder, name: str) -> None:
    folder.write(name, items_csv(item_line(1)) if name.endswith("csv") else items_table(100))
    (folder.root / "staging").write_text("a file in the way")
    with pytest.raises(OutputUnwritable, match=r"staged part of the input cannot be written"):
        folder.open(unit_rows=10)


def test_open_ledger__hundreds_of_small_files(folder: LedgerFolder) -> None:
    for i in range(300):
        name = f"open_items/part-{i:05d}"
        if i % 3:
            folder.write(f"{name}.csv", items_csv(item_line(i)))
        else:
            folder.write(f"{name}.parquet", items_table(1, first=i))
    source = folder.open().tables["open_items"]
    assert [row["item_id"] for row in rows_of(source, "item_id")] == [f"I{i}" for i in range(300)]
    assert [unit.first_ordinal for unit in source.units] == list(range(300))


def test_open_ledger__hashes_are_those_of_the_bytes(folder: LedgerFolder) -> None:
    content = items_csv(item_line(1))
    folder.write("open_items.csv", content)
    by_name = {file.relative: file for file in folder.open().files}
    file = by_name["open_items.csv"]
    assert file.sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert (file.size, file.rows, file.format) == (len(content), 1, "csv")
