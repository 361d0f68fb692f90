"""A column's values as pages of Parquet, before they are compressed.

Numbers of types and encodings are those of parquet.thrift (apache/parquet-format).
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from encours.kernels import pages as kernels
from encours.kernels.text_order import bound_texts
from encours.ledger.buffers import (
    EMPTY_BYTES,
    as_text,
    chosen_values,
    fixed_values,
    truth_bytes,
    valid_bytes,
)
from encours.publish.parquet import PAGE_ROWS
from encours.publish.thrift import varint

Array = np.ndarray[Any, np.dtype[Any]]

BOOLEAN, INT32, INT64, BYTE_ARRAY = 0, 1, 2, 6
PLAIN, RLE, DELTA_BINARY_PACKED, RLE_DICTIONARY = 0, 3, 5, 8
_NARROW_DECIMAL_DIGITS: Final = 9
"""Decimals of so many digits are stored in 32 bits, which only Arrow's writer does."""
_ENCODINGS: Final = {
    BOOLEAN: PLAIN,
    INT32: DELTA_BINARY_PACKED,
    INT64: DELTA_BINARY_PACKED,
    BYTE_ARRAY: PLAIN,
}


class StoredType(NamedTuple):
    """How values of an Arrow type are stored.

    physical   Type
    converted  ConvertedType, None without one
    logical    field of LogicalType, None without one
    """

    physical: int
    converted: int | None = None
    logical: int | None = None

    @property
    def encoding(self) -> int:
        """Encoding of the values, those of dictionaries left aside."""
        return _ENCODINGS[self.physical]


_TYPES: Final = {
    pa.bool_(): StoredType(BOOLEAN),
    pa.int32(): StoredType(INT32),
    pa.date32(): StoredType(INT32, 6, 6),
    pa.int64(): StoredType(INT64),
    pa.string(): StoredType(BYTE_ARRAY, 0, 1),
    pa.dictionary(pa.int32(), pa.string()): StoredType(BYTE_ARRAY, 0, 1),
}


def stored_type(kind: pa.DataType) -> StoredType | None:
    """Give how an Arrow type is stored; None where this module does not know it."""
    if pa.types.is_decimal64(kind) and kind.precision > _NARROW_DECIMAL_DIGITS:
        return StoredType(INT64, 5, 5)
    return _TYPES.get(kind)


def stored_type_of(kind: pa.DataType) -> StoredType:
    """Give how an Arrow type is stored; TypeError where this module does not know it."""
    found = stored_type(kind)
    if found is None:
        message = f"no column of type {kind} is stored here"
        raise TypeError(message)
    return found


class Page(NamedTuple):
    """A data page before it is compressed.

    body        uint8[m]
    rows        how many it has
    present     values that are not null
    bounds      least and greatest of them, numbers or bytes; None where there are none
    text_bytes  of all its texts
    """

    body: Array
    rows: int
    present: int
    bounds: tuple[Any, Any] | None = None
    text_bytes: int = 0


def pages_of(column: pa.Array, *, is_nullable: bool) -> Iterator[Page]:
    """Encode a column, page by page."""
    encode = _encoder_of(column)
    for first in range(0, len(column), PAGE_ROWS):
        rows = column.slice(first, PAGE_ROWS)
        yield encode(rows, _levels_of(rows) if is_nullable else EMPTY_BYTES)


def _encoder_of(column: pa.Array) -> Callable[[pa.Array, Array], Page]:
    """Give the function that encodes a page of a column's values behind their levels."""
    if pa.types.is_dictionary(column.type):
        entry_bytes = np.diff(as_text(column.dictionary).offsets)  # once for all pages
        return lambda rows, levels: _codes_of(rows.indices, levels, entry_bytes)
    if pa.types.is_string(column.type):
        return _texts_of
    return _truths_of if pa.types.is_boolean(column.type) else _numbers_of


def _present(rows: pa.Array, dtype: type[np.generic]) -> Array:
    """Give the values that are not null: dtype[p]."""
    values, valid = fixed_values(rows, dtype), valid_bytes(rows)
    if not len(valid):
        return values
    return chosen_values(values, valid, len(rows) - rows.null_count)


def _write_numbers(values: Array, bits: int, body: Array, at: int) -> tuple[int, int, int]:
    """Write numbers from byte `at` on; give the byte behind, the least and the greatest."""
    wide = values.astype(np.int64, copy=False)
    wide.flags.writeable = False  # kernels get memory of one kind
    bounds = np.empty(2, np.int64)
    end = kernels.write_numbers(wide, bits, body, at, bounds)
    least, greatest = bounds.tolist()
    return end, least, greatest


def _runs_of(values: Array, width: int, begin: Array, size_bytes: int = 0) -> Array:
    """Encode codes as runs behind what stands before them.

    size_bytes  room for the length of the runs, left between the two
    """
    start = len(begin) + size_bytes
    body = np.empty(start + kernels.runs_room(len(values)), np.uint8)
    body[: len(begin)] = begin
    padded = np.empty(len(values) + kernels.GROUP_VALUES, np.int32)
    padded[: len(values)] = values
    return body[: kernels.write_runs(padded, len(values), width, body, start)]


def _levels_of(rows: pa.Array) -> Array:
    """Encode definition levels, 1 where there is a value, after their length in four bytes."""
    if rows.null_count:
        body = _runs_of(valid_bytes(rows), 1, EMPTY_BYTES, 4)
    else:
        run = varint(len(rows) << 1) + b"\1"
        body = np.frombuffer(bytes(4) + run, np.uint8).copy()
    body[:4] = np.frombuffer((len(body) - 4).to_bytes(4, "little"), np.uint8)
    return body


def _with_room(levels: Array, room: int) -> Array:
    """Give a page that begins with the levels and has room for the values."""
    body = np.empty(len(levels) + room, np.uint8)
    body[: len(levels)] = levels
    return body


def _codes_of(codes: pa.Array, levels: Array, entry_bytes: Array) -> Page:
    """Encode entries of a dictionary, after the bits that each takes."""
    width = 0 if not len(entry_bytes) else max(1, (len(entry_bytes) - 1).bit_length())
    present = _present(codes, np.int32)
    body = _runs_of(present, width, np.append(levels, np.uint8(width)))
    shortest, longest = entry_bytes.min(initial=1 << 30), entry_bytes.max(initial=0)
    text_bytes = len(present) * int(longest)
    if shortest != longest:
        text_bytes = int(np.take(entry_bytes, present).sum())
    return Page(body, len(codes), len(present), None, text_bytes)


def entries_of(dictionary: pa.Array) -> Array:
    """Encode the entries of a dictionary."""
    text = as_text(dictionary)
    body = np.empty(4 * len(dictionary) + len(text.data), np.uint8)
    return body[: kernels.write_texts(text, body, 0)]


def _texts_of(texts: pa.Array, levels: Array) -> Page:
    """Encode texts, each after its length."""
    rows = len(texts)
    texts = texts.drop_null() if texts.null_count else texts
    text = as_text(texts)
    length = int(text.offsets[-1]) - int(text.offsets[0])
    body = _with_room(levels, 4 * len(texts) + length)
    kernels.write_texts(text, body, len(levels))
    bounds = None
    if len(texts):
        row = np.empty(2, np.int64)
        bound_texts(text, row)
        least, greatest = (
            text.data[text.offsets[each] : text.offsets[each + 1]].tobytes() for each in row
        )
        bounds = (least, greatest)
    return Page(body, rows, len(texts), bounds, length)


def _numbers_of(numbers: pa.Array, levels: Array) -> Page:
    """Encode numbers of 32 or 64 bits: dates, amounts, counts."""
    is_wide = stored_type_of(numbers.type).physical == INT64
    values = _present(numbers, np.int64 if is_wide else np.int32)
    body = _with_room(levels, kernels.numbers_room(len(numbers)))
    end, least, greatest = _write_numbers(values, 64 if is_wide else 32, body, len(levels))
    bounds = (least, greatest) if len(values) else None
    return Page(body[:end], len(numbers), len(values), bounds)


def _truths_of(truths: pa.Array, levels: Array) -> Page:
    """Encode yes and no, one bit each."""
    truth = truth_bytes(truths.drop_null() if truths.null_count else truths)
    packed = np.packbits(truth, bitorder="little")
    bounds = (int(truth.min()), int(truth.max())) if len(truth) else None
    return Page(np.concatenate([levels, packed]), len(truths), len(truth), bounds)
