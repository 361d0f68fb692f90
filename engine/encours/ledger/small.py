"""The small tables as checked Python columns: companies, limits, policies, rates, balances."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from encours.ledger import decode
from encours.ledger.checking import REFERENCE, CheckedColumns, RowFaults, check_columns, combine
from encours.ledger.findings import Finding
from encours.ledger.quarantine import findings_of
from encours.ledger.rates import decode_rate
from encours.rules.countries import COUNTRY_CODES
from encours.rules.currencies import CURRENCY_EXPONENTS, minor_unit_milli
from encours_schemas.reasons import Reason
from encours_schemas.tables import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pyarrow as pa

    from encours.ledger.sources import TableSource, Unit
    from encours_schemas.tables import Column, Table

Array = np.ndarray[Any, np.dtype[Any]]

_RATE_KINDS = (Kind.RATE, Kind.FX_RATE)
_CURRENCY_COLUMNS = ("currency", "from_currency", "to_currency")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class SmallTable:
    """The usable rows of a small table, in the order of the input.

    columns   every contract column, as text, Decimal, date, bool or int; None for no value
    rows      how many of them
    read      rows read, the unusable ones included
    findings  one for each unusable row
    places    where each usable row stands: table, unit and row there
    """

    name: str
    columns: dict[str, list[Any]]
    rows: int
    read: int
    findings: tuple[Finding, ...]
    places: tuple[tuple[TableSource, Unit, int], ...] = ()

    def place(self, row: int) -> str:
        """Say where a usable row stands: `reference_rates.csv, row 3`."""
        source, unit, position = self.places[row]
        [number] = source.row_numbers(unit, np.array([position], np.int64)).tolist()
        return f"{unit.file.relative}, row {number}"


@dataclass
class _Rows:
    """Rows gathered from the units so far: their values, where they stand, and what is wrong."""

    columns: dict[str, list[Any]]
    places: list[tuple[Unit, int]] = field(default_factory=list)
    causes: dict[int, tuple[str, Reason]] = field(default_factory=dict)


def read_small_table(source: TableSource, table: Table) -> SmallTable:
    """Read and check a table that fits in memory as Python values.

    Checked per row: kinds, lists, bounds, known currencies and countries, amounts that their
    currency can represent, the first of a month; per table: the key. Of identical rows the first
    stays, of rows that differ under one key none.
    """
    rows = _Rows({name: [] for name in table.names})
    for unit in source.units:
        _add_unit(source, table, unit, rows)
    _check_key(table, rows)
    findings = [*source.rejected, *_findings(source, rows)]
    good = [row for row in range(len(rows.places)) if row not in rows.causes]
    columns = {name: [values[row] for row in good] for name, values in rows.columns.items()}
    return SmallTable(
        name=table.name,
        columns=columns,
        rows=len(good),
        read=len(rows.places) + len(source.rejected),
        findings=tuple(sorted(findings, key=lambda finding: (finding.file, finding.row_number))),
        places=tuple((source, *rows.places[row]) for row in good),
    )


def _add_unit(source: TableSource, table: Table, unit: Unit, rows: _Rows) -> None:
    """Decode and check one unit."""
    data = source.read(unit, table.names)
    exact = [column for column in table.columns if column.kind in _RATE_KINDS]
    checked = check_columns(table, data, source.dialect, skip=[column.name for column in exact])
    for column in table.columns:
        if column.name not in data.column_names:
            values: list[Any] = [None] * unit.row_count
        elif column in exact:
            values = _checked_rates(column, data.column(column.name), source, checked.faults)
        else:
            values = _as_python(column, data.column(column.name), checked)
        rows.columns[column.name].extend(values)
    first = len(rows.places)
    rows.places.extend((unit, row) for row in range(unit.row_count))
    recent = {name: values[first:] for name, values in rows.columns.items()}
    _check_references(table, recent, checked.faults)
    for row in np.flatnonzero(checked.faults.bad).tolist():
        rows.causes[first + row] = checked.faults.of_row(row)


def _as_python(column: Column, array: pa.ChunkedArray, checked: CheckedColumns) -> list[Any]:
    """Give a decoded column as Python values, None where there is none or a fault."""
    if column.kind is Kind.TEXT:
        return [text or None for text in combine(array).to_pylist()]
    values: list[Any] = checked.values[column.name].tolist()
    convert: Callable[[Any], Any] = {
        Kind.MONEY: lambda milli: Decimal(milli).scaleb(-decode.MONEY_DECIMALS),
        Kind.PERCENT: lambda units: Decimal(units).scaleb(-decode.PERCENT_DECIMALS),
        Kind.DATE: lambda day: _EPOCH + timedelta(days=day),
        Kind.BOOL: bool,
    }.get(column.kind, int)
    lost = checked.unreadable.get(column.name)
    if lost is None:
        return [convert(value) for value in values]
    return [
        None if gone else convert(value) for value, gone in zip(values, lost.tolist(), strict=True)
    ]


def _checked_rates(
    column: Column, array: pa.ChunkedArray, source: TableSource, faults: RowFaults
) -> list[Decimal | None]:
    """Decode a column of exact rates, and hold its faults against the rows."""
    digits = column.kind.precision_scale or (18, 9)
    floats = source.dialect.float_decimals.get(column.name)
    values, fault = decode_rate(array, source.dialect, digits, floats)
    if column.required:
        faults.add(fault == decode.FAULT_MISSING, column.name, Reason.MISSING_VALUE)
    for number, reason in (
        (decode.FAULT_WRONG_TYPE, Reason.WRONG_TYPE),
        (decode.FAULT_TOO_PRECISE, Reason.TOO_PRECISE),
        (decode.FAULT_TOO_LARGE, Reason.TOO_LARGE),
    ):
        faults.add(fault == number, column.name, reason)
    outside = [value is not None and _is_outside(column, value) for value in values]
    faults.add(
        np.array(outside, bool) & (fault == decode.FAULT_NONE), column.name, Reason.OUT_OF_RANGE
    )
    return values


def _is_outside(column: Column, value: Decimal) -> bool:
    """Tell whether a number lies outside the column's bounds."""
    return bool(
        (column.at_least and value < Decimal(column.at_least))
        or (column.at_most and value > Decimal(column.at_most))
        or (column.above and value <= Decimal(column.above))
    )


def _check_references(table: Table, columns: dict[str, list[Any]], faults: RowFaults) -> None:
    """Check what values refer to: currencies and their decimals, countries, months."""
    for name in _CURRENCY_COLUMNS:
        if name in columns:
            _hold(
                _unknown(columns[name], CURRENCY_EXPONENTS), name, Reason.UNKNOWN_CURRENCY, faults
            )
    if "country" in columns:
        _hold(
            _unknown(columns["country"], COUNTRY_CODES), "country", Reason.UNKNOWN_COUNTRY, faults
        )
    if "currency" in columns:
        for column in table.columns:
            if column.kind is Kind.MONEY:
                cut = _beyond_currency(columns[column.name], columns["currency"])
                _hold(cut, column.name, Reason.TOO_PRECISE, faults)
    if "month" in columns:
        inside = [day is not None and day.day != 1 for day in columns["month"]]
        _hold(inside, "month", Reason.OUT_OF_RANGE, faults)


def _hold(found: list[bool], column: str, reason: Reason, faults: RowFaults) -> None:
    """Hold a cause against the rows where it was found."""
    faults.add(np.array(found, bool), column, reason, REFERENCE)


def _unknown(values: list[Any], known: Collection[str]) -> list[bool]:
    """Tell which values are given and not known."""
    return [value is not None and value not in known for value in values]


def _beyond_currency(amounts: list[Any], currencies: list[Any]) -> list[bool]:
    """Tell which amounts have more decimals than their currency."""
    return [
        amount is not None
        and currency in CURRENCY_EXPONENTS
        and int(amount.scaleb(decode.MONEY_DECIMALS)) % minor_unit_milli(currency) != 0
        for amount, currency in zip(amounts, currencies, strict=True)
    ]


def _check_key(table: Table, rows: _Rows) -> None:
    """Keep the first of identical rows, and none of rows that differ under one key.

    Rows with a cause of their own count too: a key that also stands in a row which cannot be read
    in full says two things, and which one is right nobody knows.
    """
    if not table.key:
        return
    copies: dict[tuple[Any, ...], list[int]] = {}
    keys = zip(*(rows.columns[name] for name in table.key), strict=True)
    for row, key in enumerate(keys):
        if row not in rows.causes or None not in key:
            copies.setdefault(key, []).append(row)
    for group in copies.values():
        if len(group) == 1:
            continue
        contents = {tuple(values[row] for values in rows.columns.values()) for row in group}
        is_same = len(contents) == 1
        reason = Reason.DUPLICATE_KEY if is_same else Reason.CONFLICTING_DUPLICATE
        for row in group[1:] if is_same else group:
            rows.causes.setdefault(row, (table.key[0], reason))


def _findings(source: TableSource, rows: _Rows) -> list[Finding]:
    """Make the findings of all unusable rows, unit by unit."""
    by_unit: dict[int, list[int]] = {}
    for row in sorted(rows.causes):
        by_unit.setdefault(rows.places[row][0].number, []).append(row)
    found = []
    for bad in by_unit.values():
        unit = rows.places[bad[0]][0]
        places = np.array([rows.places[row][1] for row in bad], np.int64)
        found += findings_of(source, unit, places, [rows.causes[row] for row in bad])
    return found
