"""Rows of the same key: identical copies, of which the first stays, and copies that contradict."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.ledger.checking import check_columns
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
    low, high = np.searchsorted(
        ordinals, [unit.first_ordinal, unit.first_ordinal + unit.row_count]
    )
    return ordinals[low:high] - unit.first_ordinal


def resolve_duplicates(source: TableSource, twins: Array) -> Duplicates:
    """Compare rows of the same key by the values of all contract columns.

    twins  int64[d, 2]  ordinal of a row, ordinal of the first row with its key

    Where all rows of a key are the same, the first stays; where they differ, none is taken. How a value
    is written does not count: 10.5 in one file is 10.500 in another.
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
    """Give the values of some rows, an absent or empty one as None, an unreadable one as it stands."""
    table = INPUT_TABLES[source.name]
    exact = [column.name for column in table.columns if column.kind in {Kind.RATE, Kind.FX_RATE}]
    checked = check_columns(table, data, source.dialect, skip=exact)
    columns: list[list[object]] = []
    for name in table.names:
        if name not in data.column_names:
            columns.append([None] * data.num_rows)
            continue
        raw = [None if value in {None, ""} else str(value) for value in data.column(name).to_pylist()]
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


def twins_in_memory(source: TableSource, column: str) -> Array:
    """Pair the rows of equal key of a table that fits in memory: int64[d, 2] (row, first row)."""
    if column not in source.columns or not source.row_count:
        return np.empty((0, 2), np.int64)
    keys = [source.read(unit, [column]).column(column) for unit in source.units]
    texts = pa.chunked_array([chunk.cast(pa.string()) for key in keys for chunk in key.chunks])
    whole = texts.combine_chunks()
    named = pc.if_else(pc.equal(pc.binary_length(whole), 0), pa.scalar(None, pa.string()), whole)
    positions = named.dictionary_encode().indices
    codes = positions.fill_null(-1).to_numpy(zero_copy_only=False)
    first = np.full(int(codes.max(initial=-1)) + 1, -1, np.int64)
    rows = np.flatnonzero(codes >= 0)
    first[codes[rows[::-1]]] = rows[::-1]
    repeated = rows[first[codes[rows]] != rows]
    return np.column_stack([repeated, first[codes[repeated]]])
