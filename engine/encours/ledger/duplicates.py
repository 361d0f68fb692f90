"""Rows of the same key: identical copies, of which the first stays, and copies that contradict."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.ledger.checking import check_columns, combine
from encours.ledger.decode import NO_DAY, decode_date
from encours_schemas import INPUT_TABLES
from encours_schemas.tables import Kind

if TYPE_CHECKING:
    from encours.ledger.sources import TableSource, Unit

Array = np.ndarray[Any, np.dtype[Any]]


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


def twins_in_memory(source: TableSource, *key: str) -> Array:
    """Pair the rows of equal key of a table that fits in memory: int64[d, 2] (row, first row).

    A row without its only key column has no key; of several columns an empty one is a value.
    """
    if not key or not source.row_count:
        return np.empty((0, 2), np.int64)
    codes = _key_codes(source, key[0])
    for name in key[1:]:
        own = _key_codes(source, name)
        codes = _dense_codes(pa.array((codes + 1) * (int(own.max()) + 2) + own + 1))
    first = np.full(int(codes.max()) + 1, -1, np.int64)
    rows = np.flatnonzero(codes >= 0)
    first[codes[rows[::-1]]] = rows[::-1]
    repeated = rows[first[codes[rows]] != rows]
    return np.column_stack([repeated, first[codes[repeated]]])


def _key_codes(source: TableSource, name: str) -> Array:
    """Give equal numbers to equal values of a key column, -1 where there is none: int64[n]."""
    if name not in source.columns:
        return np.full(source.row_count, -1, np.int64)
    is_date = INPUT_TABLES[source.name].column(name).kind is Kind.DATE
    parts = []
    for unit in source.units:
        data = source.read(unit, [name])
        if name not in data.column_names:
            parts.append(pa.nulls(unit.row_count, pa.int32() if is_date else pa.string()))
        elif is_date:
            days = decode_date(data.column(name), source.dialect).values
            parts.append(pa.array(days, mask=days == NO_DAY))
        else:
            texts = combine(data.column(name)).cast(pa.string())
            empty = pc.equal(pc.binary_length(texts), 0)
            parts.append(pc.if_else(empty, pa.scalar(None, pa.string()), texts))
    return _dense_codes(pa.concat_arrays(parts))


def _dense_codes(values: pa.Array) -> Array:
    """Number the distinct values from 0, -1 for null: int64[n]."""
    positions = values.dictionary_encode().indices.fill_null(-1)
    return positions.to_numpy(zero_copy_only=False).astype(np.int64)
