"""Rows that could not be used, with file, row, column, reason and the row itself (TABLES 2)."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.ledger.findings import Finding
from encours_schemas import INPUT_TABLES, OUTPUT_TABLES
from encours_schemas.reasons import REASON_MEANING, Reason
from encours_schemas.shapes import shape_of
from encours_schemas.tables import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from encours.ledger.checking import RowFaults
    from encours.ledger.sources import TableSource, Unit

Array = np.ndarray[Any, np.dtype[Any]]

QUARANTINE = OUTPUT_TABLES["quarantine"]

_EXPECTED = {
    Kind.MONEY: "an amount of at most 15 digits before the point and 3 behind it",
    Kind.DATE: "a date from 1900-01-01 to 2999-12-31 in the declared format",
    Kind.BOOL: "true or false",
    Kind.PERCENT: "a percentage from 0 to 100",
}
_CURE = {
    Reason.WRONG_TYPE: "correct the value, or declare the form in [input.tables]",
    Reason.TOO_PRECISE: "deliver it in the smallest unit of its currency, or correct the currency",
    Reason.UNKNOWN_CUSTOMER: 'add the customer, or set [input] unknown_customer = "placeholder"',
    Reason.UNKNOWN_ITEM: "deliver the item, cleared ones included, or leave the allocation out",
    Reason.UNKNOWN_TERMS: "deliver a due_date, or a term like NET30, NET45EOM, EOM45",
    Reason.MISSING_DUE_DATE: "deliver a due_date or payment_terms",
    Reason.DUPLICATE_KEY: "deliver each row once",
    Reason.CONFLICTING_DUPLICATE: "deliver one row per key",
    Reason.PARENT_QUARANTINED: "correct the row that this one belongs to",
    Reason.CURRENCY_MISMATCH: "deliver the allocation in the currency of its item",
    Reason.MISSING_PARENT: "add the parent to customers, or empty parent_id",
    Reason.PARENT_CYCLE: "break the cycle of parents",
}


class Quarantine:
    """Collects findings of any thread; gives them as the published table."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._tables: list[pa.Table] = []
        self._counts: Counter[tuple[str, str, bool]] = Counter()

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Add findings that are complete."""
        rows = [
            {
                "table": finding.table,
                "file": finding.file,
                "row_number": finding.row_number,
                "column": finding.column or None,
                "reason": str(finding.reason),
                "message": finding.message,
                "raw": finding.raw,
                "kept": finding.kept,
            }
            for finding in findings
        ]
        self._add(rows)

    def add_faults(self, source: TableSource, unit: Unit, faults: RowFaults) -> None:
        """Add every bad row of a unit."""
        rows = np.flatnonzero(faults.bad)
        causes = [faults.of_row(row) for row in rows.tolist()]
        self.add_rows(source, unit, rows, causes)

    def add_rows(
        self,
        source: TableSource,
        unit: Unit,
        rows: Array,
        causes: Sequence[tuple[str, Reason]],
        *,
        kept: bool = False,
    ) -> None:
        """Add rows of a unit, each with its column and reason."""
        if not len(rows):
            return
        self.add_findings(findings_of(source, unit, rows, causes, kept=kept))

    def add_ordinals(
        self,
        source: TableSource,
        ordinals: Array,
        causes: Sequence[tuple[str, Reason]],
        *,
        kept: bool = False,
    ) -> None:
        """Add rows of a table by ordinal, in any order."""
        order = np.argsort(ordinals, kind="stable")
        sorted_ordinals = ordinals[order]
        for unit in source.units:
            low, high = np.searchsorted(
                sorted_ordinals, [unit.first_ordinal, unit.first_ordinal + unit.row_count]
            )
            rows = sorted_ordinals[low:high] - unit.first_ordinal
            self.add_rows(
                source, unit, rows, [causes[place] for place in order[low:high]], kept=kept
            )

    def _add(self, rows: list[dict[str, Any]]) -> None:
        """Add complete rows."""
        if not rows:
            return
        table = pa.Table.from_pylist(rows, schema=QUARANTINE.arrow_schema())
        with self._lock:
            self._tables.append(table)
            self._counts.update((row["table"], row["reason"], row["kept"]) for row in rows)

    def table(self) -> pa.Table:
        """Give all rows, sorted by table, file and row number."""
        with self._lock:
            found = pa.concat_tables([QUARANTINE.arrow_schema().empty_table(), *self._tables])
        return found.sort_by([(name, "ascending") for name in QUARANTINE.key])

    def counts(self, table: str) -> dict[str, int]:
        """Count the rows of a table by reason, kept ones included."""
        found: Counter[str] = Counter()
        for (name, reason, _), count in self._counts.items():
            if name == table:
                found[reason] += count
        return dict(sorted(found.items()))

    def rejected(self, table: str, *, with_cascades: bool = True) -> int:
        """Count the rows of a table that were lost.

        with_cascades  count rows lost because the row they belong to was, too
        """
        return sum(
            count
            for (name, reason, kept), count in self._counts.items()
            if name == table
            and not kept
            and (with_cascades or reason != Reason.PARENT_QUARANTINED.value)
        )

    def kept(self, table: str) -> int:
        """Count the rows of a table that stay in spite of a warning."""
        return sum(
            count for (name, _, kept), count in self._counts.items() if name == table and kept
        )

    @property
    def tables(self) -> list[str]:
        """Name the tables that have rows here."""
        return sorted({name for name, _, _ in self._counts})


def findings_of(
    source: TableSource,
    unit: Unit,
    rows: Array,
    causes: Sequence[tuple[str, Reason]],
    *,
    kept: bool = False,
) -> list[Finding]:
    """Make the findings of rows of a unit, each with its column and reason."""
    numbers = source.row_numbers(unit, rows).tolist()
    raws = source.raw_rows(unit, rows)
    found = []
    for number, raw, contract_row, file, told, (column, reason) in zip(
        numbers,
        raws,
        source.contract_rows(unit, rows, raws),
        source.file_names(unit, rows),
        source.causes(unit, rows),
        causes,
        strict=True,
    ):
        place, message = column, ""
        if told is not None:
            place, message = _told(told, column, reason, raw)
        if not message:
            message = describe(source.name, column, reason, contract_row)
        found.append(Finding(source.name, file, number, place, reason, message, raw, kept))
    return found


def _told(told: str, column: str, reason: Reason, raw: str) -> tuple[str, str]:
    """Say what a layout found wrong, if that is what stands against the row."""
    contract_column, source_column, found_reason, expected, own = json.loads(told)
    if (contract_column, found_reason) != (column, reason.value):
        return column, ""
    if own:
        return column, f"{column}: {own}"
    value = json.loads(raw).get(source_column)
    shape = "nothing" if value in {None, ""} else shape_of(str(value))
    subject = f"{source_column} (for {column})" if source_column else column
    meaning = REASON_MEANING[reason].rstrip(".")
    parts = [f"{subject}: {meaning}"]
    if source_column:
        parts[0] += f"; found {shape}"
    if expected:
        parts.append(f"expected {expected}")
    return source_column or column, "; ".join(parts)


def describe(table: str, column: str, reason: Reason, raw: str) -> str:
    """Say in one sentence what is wrong, what was expected and the cure; never the value itself."""
    value = json.loads(raw).get(column)
    found = "nothing" if value in {None, ""} else shape_of(str(value))
    parts = [f"{column}: {REASON_MEANING[reason].rstrip('.')}; found {found}"]
    expected = _expected(table, column, reason)
    if expected:
        parts.append(f"expected {expected}")
    cure = _CURE.get(reason)
    if cure:
        parts.append(cure)
    return "; ".join(parts)


def _expected(table: str, column: str, reason: Reason) -> str:
    """Say what the column should hold, where that helps."""
    if reason not in {
        Reason.MISSING_VALUE,
        Reason.WRONG_TYPE,
        Reason.OUT_OF_RANGE,
        Reason.NOT_IN_LIST,
        Reason.TOO_LARGE,
    }:
        return ""
    known = INPUT_TABLES[table]
    if column not in known.names:
        return ""
    wanted = known.column(column)
    if wanted.allowed:
        return "one of " + ", ".join(wanted.allowed)
    return _EXPECTED.get(wanted.kind, "a text")
