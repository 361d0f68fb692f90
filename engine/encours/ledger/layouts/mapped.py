"""Contract tables made by a layout: units in staging, each row knowing where it came from."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.ledger.checking import FAULT_COLUMN
from encours.ledger.sources import TableSource, Unit
from encours.ledger.staging import read_staged

if TYPE_CHECKING:
    from pathlib import Path

    from encours.ledger.layouts.source_tables import SourceTable, SourceUnit

Array = np.ndarray[Any, np.dtype[Any]]

ROW_COLUMN = "__row"
"""int32: row of the source unit that a row was made of; absent where rows are the unit's own."""
UNIT_COLUMN = "__unit"
"""int32: number of the source unit, where the rows of several stand in one unit."""


@dataclass(frozen=True, eq=False)
class StagedRows:
    """Rows of a contract table that one rule made.

    path     their staged file
    rows     how many
    source   of the rows
    origin   the source unit that they come from; None: `UNIT_COLUMN` says it
    columns  names in the file, without our own
    faulty   whether `FAULT_COLUMN` is there
    direct   whether rows are the unit's own, one by one
    """

    path: Path
    rows: int
    source: SourceTable
    origin: SourceUnit | None
    types: dict[str, pa.DataType]
    faulty: bool
    direct: bool


@dataclass(frozen=True, eq=False)
class MappedUnit(Unit):
    """A unit of a contract table that a layout made."""

    staged: StagedRows = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class MappedTable(TableSource):
    """A contract table that layouts made; read like any other."""

    @property
    def rows_counted(self) -> dict[str, int]:
        """Give the rows made of each source file's rows, and those that never became fields."""
        return {"": self.row_count + len(self.rejected)}

    def read(self, unit: Unit, columns: Iterable[str], proven: Container[str] = ()) -> pa.Table:  # noqa: ARG002
        """Give columns of a unit, and what the layout found against its rows."""
        staged = _staged(unit)
        names = [name for name in dict.fromkeys(columns) if name in staged.types]
        if not names:
            return pa.table({})
        if staged.faulty:
            names.append(FAULT_COLUMN)
        return read_staged(staged.path, names)

    def row_numbers(self, unit: Unit, rows: Array) -> Array:
        """Give the 1-based data rows of the source files: int64[k]."""
        numbers = np.zeros(len(rows), np.int64)
        for origin, places, source_rows in _origins(unit, rows):
            numbers[places] = origin.part.numbers.one_based(source_rows)
        return numbers

    def raw_rows(self, unit: Unit, rows: Array) -> list[str]:
        """Give the source rows as JSON."""
        found = [""] * len(rows)
        for origin, places, source_rows in _origins(unit, rows):
            raws = _staged(unit).source.raw_rows(origin, source_rows)
            for place, raw in zip(places.tolist(), raws, strict=True):
                found[place] = raw
        return found

    def file_names(self, unit: Unit, rows: Array) -> list[str]:
        """Give the source file of each row."""
        found = [""] * len(rows)
        for origin, places, _ in _origins(unit, rows):
            for place in places.tolist():
                found[place] = origin.file.relative
        return found

    def contract_rows(self, unit: Unit, rows: Array, raw: list[str]) -> list[str]:  # noqa: ARG002
        """Give rows as JSON by the contract's names."""
        table = self._rows(unit, rows, list(_staged(unit).types))
        columns = [column.cast(pa.string()).to_pylist() for column in table.columns]
        return [
            json.dumps(dict(zip(table.column_names, values, strict=True)))
            for values in zip(*columns, strict=True)
        ]

    def causes(self, unit: Unit, rows: Array) -> list[str | None]:
        """Give what the layout found against rows."""
        if not _staged(unit).faulty:
            return [None] * len(rows)
        found: list[str | None] = self._rows(unit, rows, [FAULT_COLUMN]).column(0).to_pylist()
        return found

    @staticmethod
    def _rows(unit: Unit, rows: Array, names: list[str]) -> pa.Table:
        """Give some rows of a unit."""
        return read_staged(_staged(unit).path, names).take(pa.array(rows))


def _staged(unit: Unit) -> StagedRows:
    """Give what a unit of a layout is made of."""
    if not isinstance(unit, MappedUnit):
        message = f"unit {unit.number} of {unit.table} was not made by a layout"
        raise TypeError(message)
    return unit.staged


def _origins(unit: Unit, rows: Array) -> list[tuple[SourceUnit, Array, Array]]:
    """Give source units, the places in `rows` that come from them, and the rows there."""
    staged = _staged(unit)
    chosen = np.asarray(rows, np.int64)
    if not len(chosen):
        return []
    if staged.direct and staged.origin is not None:
        return [(staged.origin, np.arange(len(chosen)), chosen)]
    names = [ROW_COLUMN] + [UNIT_COLUMN] * (staged.origin is None)
    table = read_staged(staged.path, names).take(pa.array(chosen))
    source_rows = table.column(ROW_COLUMN).to_numpy().astype(np.int64)
    if staged.origin is not None:
        return [(staged.origin, np.arange(len(chosen)), source_rows)]
    numbers = table.column(UNIT_COLUMN).to_numpy()
    return [
        (
            staged.source.units[number],
            np.flatnonzero(numbers == number),
            source_rows[numbers == number],
        )
        for number in np.unique(numbers).tolist()
    ]
