"""Kernel columns as Arrow columns, on top of the same memory, without a Python object per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from encours.kernels.published import mark_valid, number_codes
from encours.ledger.decode import NO_DAY
from encours_schemas.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, np.dtype[Any]]

MONEY: Final = pa.decimal64(18, 3)
"""Money while it is on its way: its buffer is the array of thousandths itself."""
RATIO: Final = pa.decimal64(18, 6)
"""A ratio on its way: its buffer is the array of millionths itself."""
_MILLI_MAX: Final = 10**18 - 1


def money_array(values_milli: Array, valid: Array | None = None, where: str = "") -> pa.Array:
    """Give a money column on top of an array of thousandths, without copying it.

    values_milli  int64[n]  must not change until the column is written
    valid         bool[n]   False = null; None: no nulls
    where         table and column, for the error

    Raises InputRefused (65) where a valid amount has more than 15 digits before the point.
    """
    values = np.ascontiguousarray(values_milli, np.int64)
    if len(values) and (values.max() > _MILLI_MAX or values.min() < -_MILLI_MAX):
        large = (values > _MILLI_MAX) | (values < -_MILLI_MAX)
        if valid is not None:
            large &= valid.astype(bool)
        if large.any():
            raise InputRefused(
                what="an amount or a sum of amounts has more than 15 digits before the point",
                where=f"{where or 'the columns to publish'}, row {int(large.argmax())}",
                expected="what decimal128(18, 3) can hold",
                cure="correct the largest amounts, or report in a currency of larger units",
            )
    return _primitive(MONEY, values, valid)


def ratio_array(values_e6: Array, valid: Array) -> pa.Array:
    """Give a column of ratios on top of int64[n] millionths, null where not valid, not copied."""
    return _primitive(RATIO, np.ascontiguousarray(values_e6, np.int64), valid)


def milli_of(column: pa.ChunkedArray) -> Array:
    """Give the thousandths below a money column without nulls: int64[n], read-only."""
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    parts = [
        np.frombuffer(chunk.buffers()[1], np.int64)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in chunks
    ]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int64), *parts])


def day_array(values_day: Array) -> pa.Array:
    """Give a date column on top of an array of day numbers, not copied; null where `NO_DAY`."""
    return _from_least(pa.date32(), values_day, NO_DAY + 1)


def number_array(values: Array, valid: Array | None = None) -> pa.Array:
    """Give an int64 or int32 column on top of an array, without copying it."""
    return _primitive(pa.from_numpy_dtype(values.dtype), np.ascontiguousarray(values), valid)


def listed_array(codes: Array, texts: Sequence[str] | pa.Array) -> pa.DictionaryArray:
    """Give texts of few distinct values as a dictionary column: null where the code is negative."""
    dictionary = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    return pa.DictionaryArray.from_arrays(_from_least(pa.int32(), codes, 0), dictionary)


def coded_array(codes: Array, texts: pa.Array) -> pa.DictionaryArray:
    """Give texts of many distinct values as a dictionary of those that occur, by first appearance.

    codes  int32[n]  positions in `texts`, none negative
    """
    place = np.full(len(texts), -1, np.int32)
    ids, distinct = np.empty(len(codes), np.int32), np.empty(len(codes), np.int32)
    count = number_codes(_int32(codes), place, distinct, ids)
    return pa.DictionaryArray.from_arrays(pa.array(ids), texts.take(pa.array(distinct[:count])))


def _int32(values: Array) -> Array:
    """Give int32[n] in memory of the one kind that kernels get."""
    return np.require(values, np.int32, ("C", "W"))


def _from_least(kind: pa.DataType, values: Array, least: int) -> pa.Array:
    """Wrap int32[n] without a copy where the layout fits; null where a value is below `least`."""
    values = _int32(values)
    bits = np.empty((len(values) + 7) // 8, np.uint8)
    missing = mark_valid(values, np.int32(least), bits)
    buffers = [pa.py_buffer(bits) if missing else None, pa.py_buffer(values)]
    return pa.Array.from_buffers(kind, len(values), buffers, missing)


def _primitive(kind: pa.DataType, values: Array, valid: Array | None) -> pa.Array:
    """Wrap numbers without a copy, with a validity bitmap where something is missing."""
    bitmap = None
    if valid is not None and not valid.all():
        bitmap = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [bitmap, pa.py_buffer(values)])
