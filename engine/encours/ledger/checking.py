"""Turn the columns of a table into kernel columns, and tell which rows cannot be used and why."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.kernels.columns import fill_days, spread_codes
from encours.ledger import decode
from encours.ledger.buffers import as_text, entry_positions
from encours.ledger.decode import NO_DAY
from encours_schemas.reasons import Reason
from encours_schemas.tables import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from encours_schemas.configuration import TableInput
    from encours_schemas.tables import Column, Table

Array = np.ndarray[Any, np.dtype[Any]]

REASONS = tuple(Reason)
REASON_POSITION = {reason: position for position, reason in enumerate(REASONS)}
NO_REASON = -1
VALUE, REFERENCE, DERIVED, WHOLE_TABLE = range(4)

FAULT_COLUMN = "__fault"
"""Text column of a unit that a layout made: per row null, or a JSON list that begins with the
contract's column, the source's column and the reason for which the row cannot be used."""


@dataclass
class RowFaults:
    """The first cause found against each row: by phase, then by the contract's columns.

    Phases: what a column shows alone; what it refers to; what must be derived from several; what
    only the whole table shows. Of two causes in one column the one found first stays.
    """

    table: Table
    row_count: int

    def __post_init__(self) -> None:
        """Start with nothing against any row."""
        self._names = self.table.names
        self.reason: Array = np.full(self.row_count, NO_REASON, np.int16)
        self.rank: Array = np.full(self.row_count, np.iinfo(np.int16).max, np.int16)

    def add(self, found: Array, column: str, reason: Reason, phase: int = VALUE) -> None:
        """Hold `reason` in `column` against the rows of `found` (bool[n])."""
        if not found.any():
            return
        rank = self._names.index(column) + phase * len(self._names)
        fresh = found & (self.rank > rank)
        self.reason[fresh] = REASON_POSITION[reason]
        self.rank[fresh] = rank

    def join(self, parts: list[RowFaults]) -> None:
        """Take over the causes of several units of this table, one behind the other."""
        self.reason = np.concatenate([self.reason[:0], *(part.reason for part in parts)])
        self.rank = np.concatenate([self.rank[:0], *(part.rank for part in parts)])

    @property
    def bad(self) -> Array:
        """Tell which rows have something against them: bool[n]."""
        return self.reason != NO_REASON

    def of_row(self, row: int) -> tuple[str, Reason]:
        """Give the column and reason of a bad row."""
        return self._names[self.rank[row] % len(self._names)], REASONS[self.reason[row]]


@dataclass
class CheckedColumns:
    """The decoded columns of one unit of a table; a column that the ledger lacks is absent.

    values   per column: text stays an Arrow array, listed text int32 codes in the order of
             `Column.allowed` (-1 null), money int64 thousandths, dates int32 days (`NO_DAY` null),
             booleans uint8, integers int64
    missing  per column: bool[n], only where something is missing; of text, which tells it itself,
             only for required columns
    unreadable  per column: bool[n], missing or not a value; only where something is
    """

    row_count: int
    faults: RowFaults
    values: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, Array] = field(default_factory=dict)
    unreadable: dict[str, Array] = field(default_factory=dict)

    def take(self, rows: Array) -> CheckedColumns:
        """Give some rows, int64[k], with nothing against them."""

        def chosen(values: Any) -> Any:  # noqa: ANN401 - an array of either library
            return values.take(pa.array(rows)) if isinstance(values, pa.Array) else values[rows]

        return CheckedColumns(
            len(rows),
            RowFaults(self.faults.table, len(rows)),
            {name: chosen(values) for name, values in self.values.items()},
            {name: found[rows] for name, found in self.missing.items()},
            {name: found[rows] for name, found in self.unreadable.items()},
        )

    def money(self, name: str, default: Array | None = None) -> Array:
        """Give a money column in thousandths, `default` (or zero) where it is missing."""
        values: Array | None = self.values.get(name)
        if values is None:
            return default if default is not None else np.zeros(self.row_count, np.int64)
        if default is not None and name in self.missing:
            filled: Array = default * self.missing[name]
            filled += values  # which are 0 where they are missing
            return filled
        return values

    def is_given(self, name: str) -> Array:
        """Tell where a column has a value: bool[n]."""
        if name not in self.values:
            return np.zeros(self.row_count, bool)
        missing = self.missing.get(name)
        if missing is None and isinstance(self.values[name], pa.Array):
            missing = null_or_empty(self.values[name])
        return np.ones(self.row_count, bool) if missing is None else ~missing

    def is_readable(self, name: str) -> Array:
        """Tell where a column holds a value of its kind: bool[n]."""
        if name not in self.values:
            return np.zeros(self.row_count, bool)
        if name in self.unreadable:
            return ~self.unreadable[name]
        return np.ones(self.row_count, bool)

    def day(self, name: str, default: Array | None = None) -> Array:
        """Give a date column in days, `default` (or `NO_DAY`) where it is missing."""
        values: Array | None = self.values.get(name)
        if values is None:
            return default if default is not None else np.full(self.row_count, NO_DAY, np.int32)
        if default is None:
            return values
        days = np.empty(self.row_count, np.int32)
        fill_days(values, default, days)
        return days

    def flag(self, name: str) -> Array:
        """Give a yes/no column as bool[n], no where it is missing."""
        values = self.values.get(name)
        return np.zeros(self.row_count, bool) if values is None else values.view(bool)

    def listed(self, name: str, default: int = -1) -> Array:
        """Give the codes of a listed text column, `default` where it is missing: int32[n]."""
        values = self.values.get(name)
        if values is None:
            return np.full(self.row_count, default, np.int32)
        if default == 0:
            return np.maximum(values, 0)
        return np.where(values < 0, np.int32(default), values) if default > 0 else values


def join_checked(table: Table, parts: list[CheckedColumns]) -> CheckedColumns:
    """Join the decoded units of a table, whatever types their files had."""
    joined = CheckedColumns(
        sum(part.row_count for part in parts),
        RowFaults(table, sum(part.row_count for part in parts)),
    )
    joined.faults.join([part.faults for part in parts])
    for name in dict.fromkeys(name for part in parts for name in part.values):
        values = [part.values.get(name) for part in parts]
        given = next(value for value in values if value is not None)
        if isinstance(given, pa.Array):
            joined.values[name] = pa.concat_arrays(
                [
                    pa.nulls(part.row_count, pa.string())
                    if value is None
                    else value.cast(pa.string())
                    for part, value in zip(parts, values, strict=True)
                ]
            )
            continue
        filler = NO_DAY if table.column(name).kind is Kind.DATE else 0
        filler = -1 if table.column(name).kind is Kind.TEXT else filler
        joined.values[name] = np.concatenate(
            [
                np.full(part.row_count, filler, given.dtype) if value is None else value
                for part, value in zip(parts, values, strict=True)
            ]
        )
        joined.missing[name] = np.concatenate([~part.is_given(name) for part in parts])
        joined.unreadable[name] = np.concatenate([~part.is_readable(name) for part in parts])
    return joined


_FAULT_REASONS = (
    (decode.FAULT_WRONG_TYPE, Reason.WRONG_TYPE),
    (decode.FAULT_TOO_PRECISE, Reason.TOO_PRECISE),
    (decode.FAULT_TOO_LARGE, Reason.TOO_LARGE),
    (decode.FAULT_OUT_OF_RANGE, Reason.OUT_OF_RANGE),
)


def check_columns(
    table: Table, data: pa.Table, dialect: TableInput, skip: Iterable[str] = ()
) -> CheckedColumns:
    """Decode and check every contract column of `data`, in the contract's order.

    The first cause per row, by the order of the contract's columns, is kept. Columns in `skip` are
    left to the caller. Checks over several columns are the caller's.
    """
    checked = CheckedColumns(data.num_rows, RowFaults(table, data.num_rows))
    if FAULT_COLUMN in data.column_names:
        _take_over_faults(table, data.column(FAULT_COLUMN), checked.faults)
    left_out = set(skip)
    for column in table.columns:
        if column.name in left_out:
            continue
        if column.name in data.column_names:
            _check_column(column, data.column(column.name), dialect, checked)
        elif column.required:
            everywhere = np.ones(data.num_rows, bool)
            checked.faults.add(everywhere, column.name, Reason.MISSING_VALUE)
    return checked


def _take_over_faults(table: Table, column: pa.ChunkedArray, faults: RowFaults) -> None:
    """Hold against the rows what a layout could not read in them."""
    texts, positions = dictionary_of(combine(column))
    for place, text in enumerate(texts.to_pylist()):
        if text is not None:
            name, _, reason, *_ = json.loads(text)
            known = name if name in table.names else table.names[0]
            faults.add(positions == place, known, Reason(reason))


def _check_column(
    column: Column, array: pa.ChunkedArray, dialect: TableInput, checked: CheckedColumns
) -> None:
    """Decode one column into `checked`."""
    if column.kind is Kind.TEXT:
        missing = _check_text(column, array, checked)
    else:
        missing = _check_scalar(column, array, dialect, checked)
    if missing is not None and missing.any():
        checked.missing[column.name] = missing
        if column.required:
            checked.faults.add(missing, column.name, Reason.MISSING_VALUE)


def _check_scalar(
    column: Column, array: pa.ChunkedArray, dialect: TableInput, checked: CheckedColumns
) -> Array | None:
    """Decode money, dates, booleans and integers; give where the value is missing."""
    float_decimals = dialect.float_decimals.get(column.name)
    if column.kind is Kind.MONEY:
        decoded = decode.decode_money(array, dialect, float_decimals)
    elif column.kind is Kind.PERCENT:
        decoded = decode.decode_percent(array, dialect, float_decimals)
    elif column.kind is Kind.DATE:
        decoded = decode.decode_date(array, dialect, open_end=column.open_end)
    elif column.kind is Kind.BOOL:
        decoded = decode.decode_bool(array)
    else:
        decoded = decode.decode_int(array)
    checked.values[column.name] = decoded.values
    _check_bounds(column, decoded, checked.faults)
    worst = decoded.fault.max(initial=decode.FAULT_NONE)
    if worst == decode.FAULT_NONE:
        return None
    if worst == decode.FAULT_MISSING:  # then a fault, 0 or 1, tells what is missing
        checked.unreadable[column.name] = decoded.fault.view(bool)
        return checked.unreadable[column.name]
    checked.unreadable[column.name] = decoded.fault != decode.FAULT_NONE
    for fault, reason in _FAULT_REASONS:
        checked.faults.add(decoded.fault == fault, column.name, reason)
    missing: Array = decoded.fault == decode.FAULT_NULL
    return missing


_UNITS_OF_ONE = {Kind.MONEY: 1_000, Kind.PERCENT: 10**9, Kind.INT32: 1, Kind.INT64: 1}


def _check_bounds(column: Column, decoded: decode.Decoded, faults: RowFaults) -> None:
    """Hold numbers outside the column's bounds against their rows."""
    one = _UNITS_OF_ONE.get(column.kind)
    if one is None or not (column.at_least or column.at_most or column.above):
        return
    good = decoded.fault == decode.FAULT_NONE
    if column.at_least:
        low = decoded.values < int(Decimal(column.at_least) * one)
        faults.add(good & low, column.name, Reason.OUT_OF_RANGE)
    if column.at_most:
        high = decoded.values > int(Decimal(column.at_most) * one)
        faults.add(good & high, column.name, Reason.OUT_OF_RANGE)
    if column.above:
        low = decoded.values <= int(Decimal(column.above) * one)
        faults.add(good & low, column.name, Reason.OUT_OF_RANGE)


def _check_text(column: Column, array: pa.ChunkedArray, checked: CheckedColumns) -> Array | None:
    """Keep free text as it is, turn listed text into codes; give where the value is missing."""
    one = combine(array)
    if not column.allowed:
        checked.values[column.name] = one
        return null_or_empty(one) if column.required else None
    codes = listed_codes(one, {text: code for code, text in enumerate(column.allowed)})
    checked.values[column.name] = np.maximum(codes, -1)
    checked.faults.add(codes == UNLISTED, column.name, Reason.NOT_IN_LIST)
    return codes == ABSENT


ABSENT = -2
UNLISTED = -1


def combine(array: pa.ChunkedArray) -> pa.Array:
    """Give a column as one array; dictionaries of several chunks are unified."""
    if array.num_chunks == 1:
        return array.chunk(0)
    if pa.types.is_dictionary(array.type):
        array = array.unify_dictionaries()
    if array.num_chunks == 0:
        return pa.array([], array.type)
    return pa.concat_arrays(array.chunks)


def dictionary_of(array: pa.Array) -> tuple[pa.Array, Array]:
    """Give the distinct texts of an array and int32[n] positions in them, -1 where null."""
    encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    return encoded.dictionary, entry_positions(encoded)


def listed_codes(array: pa.Array, codes: Mapping[str, int]) -> Array:
    """Give the code of each text: int32[n], `ABSENT` for null or empty, `UNLISTED` for others.

    For columns of few distinct texts: the look-up runs once per distinct text.
    """
    texts, positions = dictionary_of(array)
    table = [codes.get(text, UNLISTED) if text else ABSENT for text in texts.to_pylist()]
    found = np.empty(len(positions), np.int32)
    spread_codes(positions, np.array([ABSENT, *table], np.int32), found)
    return found


def null_or_empty(array: pa.Array) -> Array | None:
    """Tell where a text is null or empty: bool[n], or None where none is."""
    if pa.types.is_dictionary(array.type):
        texts, positions = dictionary_of(array)
        empty = null_or_empty(texts)
        found: Array = (
            positions < 0 if empty is None else np.take(np.append(empty, True), positions)
        )
    else:
        text = as_text(array)
        found = text.offsets[1:] == text.offsets[:-1]
        if len(text.valid):
            found |= text.valid == 0
    return found if found.any() else None
