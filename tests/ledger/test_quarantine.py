"""The quarantine: where a bad row stood, why it is there, and never its value in the message."""

import json
import string
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.ledger.checking import RowFaults
from encours.ledger.findings import Finding
from encours.ledger.quarantine import QUARANTINE, Quarantine, describe
from encours.ledger.sources import TableSource
from encours_schemas import INPUT_TABLES
from encours_schemas.reasons import REASON_MEANING, Reason
from tests.ledger.ledgers import LedgerFolder, item_line, items_csv

COLUMNS = [(table.name, column.name) for table in INPUT_TABLES.values() for column in table.columns]
LETTERS = string.ascii_letters + "éßÜ"
# No nine and no A or a, which stand for themselves in a shape.
telling = st.text("12345678" + "bcdefghBCDEFGH", min_size=1, max_size=12)
around = st.text(LETTERS + string.digits + " .,-;:/'\"{}\u00a0\u202f€", max_size=20)


@given(st.sampled_from(COLUMNS), st.sampled_from(Reason), telling, around, around)
def test_describe__never_tells_the_value(
    place: tuple[str, str], reason: Reason, marked: str, before: str, after: str
) -> None:
    table, column = place
    value = f"{before}73x{marked}28{after}"
    message = describe(table, column, reason, json.dumps({column: value, "other": "secret"}))
    assert value not in message
    assert f"73x{marked}28" not in message
    assert "secret" not in message
    assert message.startswith(f"{column}: {REASON_MEANING[reason].rstrip('.')}; found ")


@pytest.mark.parametrize("raw", [{}, {"amount": None}, {"amount": ""}, {"other": "5"}])
def test_describe__finds_nothing_where_nothing_is(raw: dict[str, Any]) -> None:
    message = describe("open_items", "amount", Reason.MISSING_VALUE, json.dumps(raw))
    assert "; found nothing; expected an amount" in message


@pytest.mark.parametrize(
    ("column", "reason", "told"),
    [
        ("amount", Reason.WRONG_TYPE, "found 9.999,99; expected an amount of at most 15 digits"),
        ("due_date", Reason.OUT_OF_RANGE, "expected a date from 1900-01-01 to 2999-12-31"),
        ("disputed", Reason.WRONG_TYPE, "expected true or false"),
        ("document_type", Reason.NOT_IN_LIST, "expected one of invoice, debit_note"),
        ("customer_id", Reason.UNKNOWN_CUSTOMER, "; add the customer, or set"),
        ("item_id", Reason.MISSING_VALUE, "expected a text"),
    ],
)
def test_describe__says_what_was_expected_and_the_cure(
    column: str, reason: Reason, told: str
) -> None:
    assert told in describe("open_items", column, reason, json.dumps({column: "1.234,56"}))


def test_describe__of_a_column_that_the_contract_lacks() -> None:
    message = describe("open_items", "line", Reason.WRONG_TYPE, json.dumps({"line": "xyz"}))
    assert "expected" not in message


@pytest.fixture
def source(folder: LedgerFolder) -> TableSource:
    """Give six items in three units."""
    folder.write("open_items.csv", items_csv(*(item_line(number) for number in range(6))))
    return folder.open(2).tables["open_items"]


CAUSE = ("amount", Reason.TOO_PRECISE)


def test_quarantine__of_ordinals_finds_units_and_causes(source: TableSource) -> None:
    quarantine = Quarantine()
    causes = [("item_id", Reason.UNKNOWN_ITEM), CAUSE, ("currency", Reason.CURRENCY_MISMATCH)]
    quarantine.add_ordinals(source, np.array([5, 0, 3]), causes)
    rows = quarantine.table().to_pylist()
    assert [(row["row_number"], row["column"], row["reason"]) for row in rows] == [
        (1, "amount", "too_precise"),
        (4, "currency", "currency_mismatch"),
        (6, "item_id", "unknown_item"),
    ]
    assert [json.loads(row["raw"])["item_id"] for row in rows] == ["I0", "I3", "I5"]
    assert {row["file"] for row in rows} == {"open_items.csv"}
    assert quarantine.tables == ["open_items"]


def test_quarantine__of_faults_lists_bad_rows_alone(source: TableSource) -> None:
    quarantine = Quarantine()
    for unit in source.units:
        faults = RowFaults(INPUT_TABLES["open_items"], unit.row_count)
        faults.add(np.array([unit.number == 1, False]), *CAUSE)
        quarantine.add_faults(source, unit, faults)
    assert quarantine.table().column("row_number").to_pylist() == [3]


def finding(table: str, row: int, reason: Reason, *, kept: bool = False) -> Finding:
    return Finding(table, f"{table}.csv", row, "", reason, "message", "{}", kept=kept)


def test_quarantine__counts_lost_and_kept_rows_apart() -> None:
    quarantine = Quarantine()
    quarantine.add_findings(
        [
            finding("b", 3, Reason.WRONG_TYPE),
            finding("b", 1, Reason.PARENT_QUARANTINED),
            finding("b", 2, Reason.WRONG_TYPE),
            finding("b", 2, Reason.DUE_BEFORE_DOCUMENT, kept=True),
            finding("a", 9, Reason.WRONG_TYPE),
        ]
    )
    assert quarantine.rejected("b") == 3
    assert quarantine.rejected("b", with_cascades=False) == 2
    assert quarantine.kept("b") == 1
    assert quarantine.counts("b") == {
        "due_before_document": 1,
        "parent_quarantined": 1,
        "wrong_type": 2,
    }
    assert (quarantine.rejected("c"), quarantine.counts("c")) == (0, {})
    assert quarantine.tables == ["a", "b"]
    keys = [(row["table"], row["row_number"]) for row in quarantine.table().to_pylist()]
    assert keys == sorted(keys)


def test_quarantine__is_empty_with_all_its_columns() -> None:
    table = Quarantine().table()
    assert table.num_rows == 0
    assert table.schema == QUARANTINE.arrow_schema()
    assert table.column_names == list(QUARANTINE.names)


def test_quarantine__is_the_same_whichever_thread_came_first() -> None:
    def filled(order: list[int]) -> Quarantine:
        quarantine = Quarantine()
        with ThreadPoolExecutor(4) as pool:
            batches = [[finding("a", row, Reason.WRONG_TYPE)] for row in order]
            list(pool.map(quarantine.add_findings, batches))
        return quarantine

    one, other = filled(list(range(40))), filled(list(range(39, -1, -1)))
    assert one.table().equals(other.table())
    assert one.rejected("a") == other.rejected("a") == 40
