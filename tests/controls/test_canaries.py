"""Faults put into the engine on purpose: a night with one of them must not be published.

A control that nothing can trip proves nothing. What sums cannot see (an item in the wrong bucket)
the slow twin must.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from encours.calc import accounts as account_tables
from encours.calc import items as item_figures
from encours.calc import lines
from encours.kernels import ageing as ageing_kernels
from encours.kernels import allocation as allocation_kernels
from encours.passes import cover_pass, rows_pass, work_unit
from encours.passes.account_table import AccountTable
from encours_schemas.errors import ControlFailed
from tests.naive.engine import compute_run
from tests.property.ledgers import build_case
from tests.property.limit_ledgers import build_limit_case
from tests.property.published import differences, run_engine

CASE = build_case(71, with_defects=False)
COVERED = build_limit_case(2, with_defects=False)

Fault = Callable[[Any], Any]


def without_last(table: pa.Table) -> pa.Table:
    return table.slice(0, max(table.num_rows - 1, 0))


def without_first(table: pa.Table) -> pa.Table:
    return table.slice(1)


def lose_an_account_in_writing(patch: pytest.MonkeyPatch) -> None:
    """Lose it where all columns are asked for, which is when the table is written."""
    sound = AccountTable.pieces

    def pieces(table: AccountTable, *names: Any) -> Iterator[pa.Table]:
        for place, piece in enumerate(sound(table, *names)):
            yield piece if names or place else without_first(piece)

    patch.setattr(AccountTable, "pieces", pieces)


def cent_more(column: str) -> Fault:
    """Add a cent to the first row of a column."""

    def change(table: pa.Table) -> pa.Table:
        if not table.num_rows:
            return table
        place = table.schema.get_field_index(column)
        values = table.column(place).to_pylist()
        values[0] += Decimal("0.01")
        return table.set_column(place, column, pa.array(values, table.schema.field(place).type))

    return change


def exposure_more(table: pa.Table) -> pa.Table:
    """Add a cent to the first exposure, where it is among the columns."""
    return cent_more("exposure")(table) if "exposure" in table.column_names else table


def changing(module: Any, name: str, fault: Fault) -> Callable[[pytest.MonkeyPatch], None]:
    """Let a function of the engine give its result with a fault."""

    def put_in(patch: pytest.MonkeyPatch) -> None:
        sound = getattr(module, name)
        patch.setattr(module, name, lambda *given, **named: fault(sound(*given, **named)))

    return put_in


def lose_a_line_row(patch: pytest.MonkeyPatch) -> None:
    sound = lines.sum_lines
    patch.setattr(
        work_unit,
        "sum_lines",
        lambda items, measured, paid, rows, context: sound(
            items, measured, paid, rows[:-1], context
        ),
    )


def lose_a_unit(patch: pytest.MonkeyPatch) -> None:
    sound = rows_pass.RowsPass._collect

    def collect(self: Any, unit: Any, result: Any) -> None:
        if unit.number:
            sound(self, unit, result)

    patch.setattr(rows_pass.RowsPass, "_collect", collect)


def add_a_cent_to_open_amounts(patch: pytest.MonkeyPatch) -> None:
    sound: Any = allocation_kernels.settle_items

    def settle(*arguments: Any) -> None:
        sound(*arguments)
        out = arguments[-1]
        out.open_milli[out.open_milli != 0] += 10

    patch.setattr(item_figures, "settle_items", settle)


FAULTS = {
    "a published item is lost": changing(work_unit, "encode_items", without_last),
    "a row of interest's detail is lost": changing(work_unit, "interest_periods", without_last),
    "a row of the statement is lost": changing(work_unit, "statement_rows", without_last),
    "a claim of the statement has a cent more": changing(
        work_unit, "statement_rows", cent_more("interest_unbilled")
    ),
    "a compensation of the statement has a cent more": changing(
        work_unit, "statement_rows", cent_more("indemnity_unbilled")
    ),
    "an item is lost on the way to its customer": lose_a_line_row,
    "a work unit is lost": lose_a_unit,
    "an account is lost": changing(AccountTable, "_piece", without_first),
    "an account is lost as it is written": lose_an_account_in_writing,
    "a bucket is lost": changing(account_tables, "ageing", without_last),
    "open amounts have a cent more": add_a_cent_to_open_amounts,
    "a published open amount has a cent more": changing(
        work_unit, "encode_items", cent_more("open_amount")
    ),
    "interest has a cent more": changing(work_unit, "encode_items", cent_more("penalty_interest")),
    "an account has a cent more": changing(AccountTable, "_piece", exposure_more),
    "a bucket has a cent more": changing(account_tables, "ageing", cent_more("open_amount")),
    "a converted bucket has a cent more": changing(
        account_tables, "ageing", cent_more("open_amount_rc")
    ),
    "a group has a cent more": changing(account_tables, "groups", cent_more("exposure")),
}


def test_run__of_this_ledger_is_sound_without_a_fault(tmp_path: Path) -> None:
    expected = compute_run(CASE.tables, CASE.as_of, CASE.configuration)
    assert len(expected.tables["items"]) > 20
    assert expected.tables["interest_periods"]
    assert expected.tables["interest_statement"]
    assert differences(expected, run_engine(CASE, tmp_path)) == []


@pytest.mark.parametrize("put_in", FAULTS.values(), ids=FAULTS.keys())
def test_run__with_a_fault_is_not_published(
    put_in: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in(monkeypatch)
    with pytest.raises(ControlFailed, match="does not hold"):
        run_engine(CASE, tmp_path)
    assert not list((tmp_path / "out").glob("as_of=*"))


def a_cent_more(covered: np.ndarray) -> np.ndarray:
    covered[covered > 0] += 10
    return covered


COVER_FAULTS = {
    "covered items have a cent more": changing(cover_pass.CoverPass, "of_unit", a_cent_more),
    "covered items are published without cover": changing(
        cover_pass.CoverPass, "of_unit", np.zeros_like
    ),
}


@pytest.mark.parametrize("put_in", COVER_FAULTS.values(), ids=COVER_FAULTS.keys())
def test_run__with_a_fault_of_cover_is_not_published(
    put_in: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_engine(COVERED, tmp_path / "sound")
    assert any(row["insured_covered_rc"] for row in run.table("items"))
    put_in(monkeypatch)
    with pytest.raises(ControlFailed, match="does not hold"):
        run_engine(COVERED, tmp_path / "faulty")
    assert not list((tmp_path / "faulty" / "out").glob("as_of=*"))


def test_run__with_an_item_in_the_next_bucket_differs_from_the_twin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound: Any = ageing_kernels.assign_ageing_bucket

    def assign(days: Any, not_due: Any, late: Any, out: Any) -> None:
        sound(days, not_due, late, out)
        late_rows = np.flatnonzero(days > 0)[:1]
        last = len(not_due) + len(late) + 1
        out[late_rows] = np.where(out[late_rows] == last, last - 1, out[late_rows] + 1)

    monkeypatch.setattr(item_figures, "assign_ageing_bucket", assign)
    expected = compute_run(CASE.tables, CASE.as_of, CASE.configuration)
    found = differences(expected, run_engine(CASE, tmp_path))
    assert any(line.startswith("ageing ") for line in found)
    assert any(line.startswith("items ") and " bucket" in line for line in found)
