"""Rows of one key: copies, of which the first stays, and rows that contradict one another."""

import random
from typing import Any

import numpy as np
import pytest

from encours.ledger.duplicates import Duplicates, resolve_duplicates, twins_in_memory
from encours.ledger.sources import TableSource
from tests.ledger.ledgers import LedgerFolder, item_line, items_csv, items_table

Array = np.ndarray[Any, np.dtype[Any]]


def twins_of(source: TableSource) -> Array:
    return twins_in_memory(source, "item_id")


def resolved(source: TableSource) -> tuple[list[int], list[int]]:
    found = resolve_duplicates(source, twins_of(source))
    return found.copies.tolist(), found.conflicts.tolist()


def write_items(folder: LedgerFolder, *lines: str, unit_rows: int = 1_000) -> TableSource:
    folder.write("open_items.csv", items_csv(*lines))
    return folder.open(unit_rows).tables["open_items"]


def line(item_id: str, **changes: str) -> str:
    return item_line(1, item_id=item_id, **changes)


@pytest.mark.parametrize("unit_rows", [1, 2, 1_000])
def test_resolve_duplicates__keeps_the_first_of_identical_rows(
    folder: LedgerFolder, unit_rows: int
) -> None:
    lines = [line("A"), line("B"), line("A"), line("C"), line("A")]
    assert resolved(write_items(folder, *lines, unit_rows=unit_rows)) == ([2, 4], [])


@pytest.mark.parametrize("unit_rows", [1, 2, 1_000])
def test_resolve_duplicates__takes_none_of_rows_that_differ(
    folder: LedgerFolder, unit_rows: int
) -> None:
    lines = [line("A"), line("B"), line("A", amount="2.50"), line("A"), line("B")]
    assert resolved(write_items(folder, *lines, unit_rows=unit_rows)) == ([4], [0, 2, 3])


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ({"amount": "10.5"}, {"amount": "10.500"}, True),
        ({"amount": "0010.5"}, {"amount": "10.5"}, True),
        ({"amount": "10.5"}, {"amount": "10.501"}, False),
        ({"amount": "ten"}, {"amount": "ten"}, True),
        ({"amount": "ten"}, {"amount": "TEN"}, False),
        ({"amount": ""}, {"amount": "0"}, False),
        ({"document_date": "2026-01-31"}, {"document_date": "2026-02-01"}, False),
        ({"document_date": "31.01.2026"}, {"document_date": "31.1.2026"}, False),
        ({"customer_id": "C1"}, {"customer_id": "c1"}, False),
        ({"document_type": "invoice"}, {"document_type": "debit_note"}, False),
        ({"document_type": "??"}, {"document_type": "?"}, False),
    ],
)
def test_resolve_duplicates__compares_values_and_not_how_they_are_written(
    folder: LedgerFolder, one: dict[str, str], other: dict[str, str], are_same: bool
) -> None:
    found = resolved(write_items(folder, line("A", **one), line("A", **other)))
    assert found == (([1], []) if are_same else ([], [0, 1]))


def test_resolve_duplicates__compares_across_files_of_different_forms(
    folder: LedgerFolder,
) -> None:
    folder.write("open_items/a.parquet", items_table(3))
    rows = [
        item_line(number, customer_id=f"C{number}", amount=f"0{number}00.0") for number in range(3)
    ]
    rows = [text.replace("2026-01-31", f"2024-10-{4 + n:02}") for n, text in enumerate(rows)]
    folder.write("open_items/b.csv", items_csv(*rows))
    source = folder.open().tables["open_items"]
    dates = source.read(source.units[0], ["document_date"]).column(0).to_pylist()
    assert [str(day) for day in dates] == ["2024-10-04", "2024-10-05", "2024-10-06"]
    assert resolved(source) == ([3, 4, 5], [])


def test_resolve_duplicates__takes_an_absent_column_for_an_empty_one(folder: LedgerFolder) -> None:
    folder.write("open_items/a.csv", items_csv(line("A"), line("B")))
    header, body = items_csv(line("A"), line("B")).split("\n", 1)
    rows = [text + last for text, last in zip(body.split(), ("", "2026-03-01"), strict=True)]
    body = "\n".join(text.replace("1.50", "1.50,", 1) for text in rows)
    folder.write("open_items/b.csv", f"{header},due_date\n{body}\n")
    assert resolved(folder.open().tables["open_items"]) == ([2], [1, 3])


def test_resolve_duplicates__of_no_twins() -> None:
    source: Any = None
    found = resolve_duplicates(source, np.empty((0, 2), np.int64))
    assert (found.copies.tolist(), found.conflicts.tolist()) == ([], [])


@pytest.mark.parametrize("seed", range(12))
def test_resolve_duplicates__like_a_naive_grouping(folder: LedgerFolder, seed: int) -> None:
    chance = random.Random(seed)
    keys = [chance.choice("ABCDEFGH") for _ in range(chance.choice([1, 6, 30]))]
    amounts = [chance.choice(["1", "1", "1", "2"]) for _ in keys]
    lines = [line(key, amount=amount) for key, amount in zip(keys, amounts, strict=True)]
    source = write_items(folder, *lines, unit_rows=chance.choice([1, 4, 100]))
    copies, conflicts = [], []
    for key in dict.fromkeys(keys):
        rows = [row for row, own in enumerate(keys) if own == key]
        if len({amounts[row] for row in rows}) > 1:
            conflicts += rows
        else:
            copies += rows[1:]
    assert resolved(source) == (sorted(copies), sorted(conflicts))


def test_twins_in_memory__pairs_each_row_with_the_first(folder: LedgerFolder) -> None:
    lines = [line("A"), line(""), line("A"), line("B"), line(""), line("A")]
    source = write_items(folder, *lines, unit_rows=2)
    assert twins_of(source).tolist() == [[2, 0], [5, 0]]
    assert twins_in_memory(source, "document_number").tolist() == []


def test_duplicates__of_a_unit_are_counted_from_its_first_row(folder: LedgerFolder) -> None:
    lines = [line("A"), line("B"), line("A"), line("B", amount="9"), line("C"), line("C")]
    source = write_items(folder, *lines, unit_rows=2)
    found: Duplicates = resolve_duplicates(source, twins_of(source))
    rows = [[part.tolist() for part in found.of_unit(unit)] for unit in source.units]
    assert rows == [[[], [1]], [[0], [1]], [[1], []]]
