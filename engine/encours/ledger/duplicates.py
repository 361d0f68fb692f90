"""Rows of the same key: identical copies, of which the first stays, and copies that contradict."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa

from encours.ledger.checking import check_columns, combine, null_or_empty
from encours.ledger.decode import decode_date, hash_column
from encours.ledger.numbering import number_keys
from encours_schemas import INPUT_TABLES
from encours_schemas.tables import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from encours.ledger.sources import TableSource, Unit

Result = TypeVar("Result")
Array = np.ndarray[Any, np.dtype[Any]]

_FIRST_MIX = np.uint64(0xFF51AFD7ED558CCD)
_SECOND_MIX = np.uint64(0xC4CEB9FE1A85EC53)


class Duplicates(NamedTuple):
    """Ordinals of rows that are not taken, ascending: int64[d], int64[e]."""

    copies: Array
    conflicts: Array

    def of_unit(self, unit: Unit) -> tuple[Array, Array]:
        """Give the rows of one unit among the copies and among the conflicts."""
        return (_rows_of(self.copies, unit), _rows_of(self.conflicts, unit))


def _rows_of(ordinals: Array, unit: Unit) -> Array:
    """Give the rows of a unit among sorted ordinals."""
    low, high = np.searchsorted(ordinals, [unit.first_ordinal, unit.first_ordinal + unit.row_count])
    return ordinals[low:high] - unit.first_ordinal


def resolve_duplicates(source: TableSource, twins: Array) -> Duplicates:
    """Compare rows of the same key by the values of all contract columns.

    twins  int64[d, 2]  ordinal of a row, ordinal of the first row with its key

    Where all rows of a key are the same, the first stays; where they differ, none is taken. How a
    value is written does not count: 10.5 in one file is 10.500 in another.
    """
    if not len(twins):
        return Duplicates(np.empty(0, np.int64), np.empty(0, np.int64))
    involved = np.unique(twins)
    digest = _content_digests(source, involved)
    own = digest[np.searchsorted(involved, twins[:, 0])]
    first = digest[np.searchsorted(involved, twins[:, 1])]
    differing = np.unique(twins[own != first, 1])
    in_conflict = np.isin(twins[:, 1], differing)
    conflicts = np.unique(np.concatenate([twins[in_conflict, 0], differing]))
    return Duplicates(np.sort(twins[~in_conflict, 0]), conflicts)


def _content_digests(source: TableSource, ordinals: Array) -> Array:
    """Give a 128-bit digest of each row's content, in hexadecimal: S32[k]."""
    digests = np.empty(len(ordinals), "S32")
    for unit in source.units:
        low, high = np.searchsorted(
            ordinals, [unit.first_ordinal, unit.first_ordinal + unit.row_count]
        )
        if low < high:
            rows = pa.array(ordinals[low:high] - unit.first_ordinal)
            contents = row_contents(source, source.read(unit, source.columns).take(rows))
            digests[low:high] = [
                hashlib.blake2b(repr(content).encode(), digest_size=16).hexdigest().encode()
                for content in contents
            ]
    return digests


def row_contents(source: TableSource, data: pa.Table) -> list[tuple[object, ...]]:
    """Give the values of some rows: absent or empty ones as None, unreadable ones as they stand."""
    table = INPUT_TABLES[source.name]
    exact = [column.name for column in table.columns if column.kind in {Kind.RATE, Kind.FX_RATE}]
    checked = check_columns(table, data, source.dialect, skip=exact)
    columns: list[list[object]] = []
    for name in table.names:
        if name not in data.column_names:
            columns.append([None] * data.num_rows)
            continue
        raw = [
            None if value in {None, ""} else str(value) for value in data.column(name).to_pylist()
        ]
        values = checked.values.get(name)
        if not isinstance(values, np.ndarray) or table.column(name).kind is Kind.TEXT:
            columns.append(list(raw))
            continue
        lost = ~checked.is_readable(name)
        columns.append(
            [
                text if gone else value
                for text, value, gone in zip(raw, values.tolist(), lost.tolist(), strict=True)
            ]
        )
    return list(zip(*columns, strict=True))


class Each(Protocol):
    """How units are taken, one result each, in their order: `map`, or the like on threads."""

    def __call__(
        self, function: Callable[[Unit], Result], units: Iterable[Unit], /
    ) -> Iterable[Result]:
        """Give `function(unit)` of every unit."""


def twins_in_memory(source: TableSource, *key: str, each: Each = map) -> Array:
    """Pair the rows of equal key of a table that fits in memory: int64[d, 2] (row, first row).

    each  takes the units

    A row without its only key column has no key; of several columns an empty one is a value.
    """
    if not key or not source.row_count:
        return np.empty((0, 2), np.int64)
    parts = each(lambda unit: _key_hashes(source, unit, key), source.units)
    first, second, has_key = (np.concatenate(column) for column in zip(*parts, strict=True))
    rows = np.flatnonzero(has_key)
    number = number_keys(first[rows].view(np.int64))
    earliest = np.full(int(number.max(initial=-1)) + 1, -1, np.int64)
    earliest[number[::-1]] = rows[::-1]
    twin = earliest[number]
    repeated = (twin != rows) & (second[twin] == second[rows])
    return np.column_stack([rows[repeated], twin[repeated]])


def _key_hashes(source: TableSource, unit: Unit, key: tuple[str, ...]) -> tuple[Array, ...]:
    """Give a 128-bit hash of each row's key in two halves, and whether it has one.

    Returns uint64[n], uint64[n], bool[n]. A date counts by its day, however it is written.
    """
    data = source.read(unit, key)
    first = np.zeros(unit.row_count, np.uint64)
    second = np.zeros(unit.row_count, np.uint64)
    has_key = np.ones(unit.row_count, bool)
    for name in key:
        first, second = first * _FIRST_MIX, second * _SECOND_MIX
        if name not in data.column_names:
            has_key &= len(key) > 1
            continue
        column = combine(data.column(name))
        if INPUT_TABLES[source.name].column(name).kind is Kind.DATE:
            days = decode_date(column, source.dialect).values.astype(np.uint64)
            first, second = first + days, second + days
            continue
        own = hash_column(column)
        first, second = first + own[0], second + own[1]
        missing = null_or_empty(column)
        if len(key) == 1 and missing is not None:
            has_key &= ~missing
    return first, second, has_key
