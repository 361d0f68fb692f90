"""Arrow columns as the NumPy arrays that kernels take: no copy where the layout already fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.kernels.published import keep_int32, keep_int64
from encours.kernels.text import Text

Array = np.ndarray[Any, np.dtype[Any]]


def _read_only(array: Array) -> Array:
    """Give the array without the right to write: kernels take read-only inputs alone."""
    view = array.view()
    view.flags.writeable = False
    return view


_ASCII_BYTES = 128

EMPTY_BYTES = _read_only(np.empty(0, np.uint8))


def chunks_of(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    """Give the arrays that a column consists of, without the empty ones."""
    if isinstance(column, pa.ChunkedArray):
        return [chunk for chunk in column.chunks if len(chunk)]
    return [column] if len(column) else []


def valid_bytes(array: pa.Array) -> Array:
    """Give one byte per value, 0 where it is null (uint8[n]), or uint8[0] when none is."""
    if array.null_count == 0:
        return EMPTY_BYTES
    if pa.types.is_null(array.type):
        return _read_only(np.zeros(len(array), np.uint8))
    return _read_only(_unpacked(array.buffers()[0], array))


def truth_bytes(array: pa.Array) -> Array:
    """Give one byte per value of a boolean array, 0 for no (uint8[n]), nulls holding anything."""
    return _unpacked(array.buffers()[1], array)


def _unpacked(bitmap: pa.Buffer, array: pa.Array) -> Array:
    """Give the bits that belong to an array's values as bytes: uint8[n]."""
    first, skipped = divmod(array.offset, 8)
    last = (array.offset + len(array) + 7) // 8
    packed = np.frombuffer(bitmap, np.uint8)[first:last]
    return np.unpackbits(packed, bitorder="little")[skipped : skipped + len(array)]


def fixed_values(array: pa.Array, dtype: type[np.generic], per_value: int = 1) -> Array:
    """Give the values of a fixed-width array as dtype[n * per_value], nulls holding anything."""
    data = array.buffers()[1]
    start = array.offset * per_value
    return _read_only(np.frombuffer(data, dtype)[start : start + len(array) * per_value])


def as_text(array: pa.Array) -> Text:
    """Give a string array, of any layout but dictionary, as a `Text`.

    An array above 2 GiB is not taken: units of work are far smaller.
    """
    if array.type != pa.string():
        array = array.cast(pa.string())
    _, offsets, data = array.buffers()
    if len(array) == 0 or offsets is None:
        return Text(_read_only(np.zeros(len(array) + 1, np.int32)), EMPTY_BYTES, EMPTY_BYTES)
    bounds = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    content = EMPTY_BYTES if data is None else _read_only(np.frombuffer(data, np.uint8))
    return Text(_read_only(bounds), content, valid_bytes(array))


def is_text(kind: pa.DataType) -> bool:
    """Tell whether the type is a string of any layout, dictionaries not counted."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def entry_positions(array: pa.DictionaryArray) -> Array:
    """Give the dictionary entry of each row: int32[n], -1 where a row is null."""
    indices = array.indices
    dtype = np.dtype(indices.type.to_pandas_dtype()).type
    positions = fixed_values(indices, dtype).astype(np.int32, copy=False)
    valid = valid_bytes(indices)
    if len(valid):
        positions = positions | (valid.view(np.int8) - np.int8(1))
    return _read_only(positions)


def chosen_values(values: Array, chosen: Array, count: int) -> Array:
    """Give the chosen ones of int32[n] or int64[n], of which there are `count`.

    chosen  uint8[n]  1 for a value that stays, 0 for one that does not
    """
    out = np.empty(count + 1, values.dtype)
    keep: Any = keep_int32 if values.dtype == np.int32 else keep_int64
    keep(_read_only(np.ascontiguousarray(values)), _read_only(chosen), out)
    return out[:count]


def gather(values: Array, array: pa.DictionaryArray, missing: int) -> Array:
    """Spread one value per dictionary entry over the rows; `missing` where a row is null."""
    extended = np.append(values, values.dtype.type(missing))
    return np.take(extended, entry_positions(array))


_NO_BYTES = pa.scalar(0, pa.int32())


def is_empty_text(array: pa.Array) -> pa.Array:
    """Tell which texts are empty; null where there is none.

    The scalar is made once: Arrow takes longer to guess a Python number's type than to compare.
    """
    return pc.equal(pc.binary_length(array), _NO_BYTES)


def is_sound(array: pa.Array) -> bool:
    """Tell at a glance whether a plain text array or a dictionary of texts is sound.

    No does not mean that it is not: Arrow, which takes its time, has the last word. What is looked
    at: that texts follow one another within the data, and are ASCII; that rows have entries.
    """
    if pa.types.is_dictionary(array.type):
        if array.type.index_type != pa.int32() or not is_sound(array.dictionary):
            return False
        positions = fixed_values(array.indices, np.int32)
        return bool(
            positions.min(initial=0) >= 0 and positions.max(initial=-1) < len(array.dictionary)
        )
    if array.type != pa.string():
        return False
    array.validate()
    text = as_text(array)
    first, last = int(text.offsets[0]), int(text.offsets[-1])
    return bool(
        0 <= first <= last <= len(text.data)
        and (text.offsets[1:] >= text.offsets[:-1]).all()
        and text.data[first:last].max(initial=0) < _ASCII_BYTES
    )
