"""Arrow columns from NumPy arrays, without a Python object per value.

A null is a sentinel of the array (`NO_DAY`, `NO_MONEY`, `NO_CODE`), so that values and nulls
cannot drift apart.
"""

from __future__ import annotations

from functools import cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encours_jobs.synthetic.draws import Mask, Numbers

Bytes: TypeAlias = npt.NDArray[np.uint8]

NO_DAY: Final = np.iinfo(np.int32).min
NO_MONEY: Final = np.iinfo(np.int64).min
NO_CODE: Final = -1

MONEY: Final = pa.decimal128(18, 3)
_FOUR_DIGITS: Final = np.frombuffer(
    b"".join(b"%04d" % number for number in range(10_000)), dtype="<u4"
)


def _validity(valid: Mask) -> tuple[pa.Buffer | None, int]:
    """Give the bitmap of the values that are not null, and how many are."""
    nulls = int(valid.size - np.count_nonzero(valid))
    if nulls == 0:
        return None, 0
    return pa.py_buffer(np.packbits(valid, bitorder="little")), nulls


def date_column(days: npt.NDArray[np.integer]) -> pa.Array:
    """Give dates of day numbers since 1970-01-01."""
    values = np.ascontiguousarray(days, dtype=np.int32)
    bitmap, nulls = _validity(values != NO_DAY)
    buffers = [bitmap, pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.date32(), values.size, buffers, null_count=nulls)


def money_column(milli: Numbers) -> pa.Array:
    """Give amounts of thousandths."""
    return decimal_column(milli, milli != NO_MONEY, MONEY)


def decimal_column(scaled: Numbers, valid: Mask, type_: pa.Decimal128Type) -> pa.Array:
    """Give decimals of whole numbers that are scaled as the type says."""
    wide = np.empty((scaled.size, 2), dtype=np.int64)
    wide[:, 0] = scaled
    np.right_shift(scaled, 63, out=wide[:, 1])
    bitmap, nulls = _validity(valid)
    return pa.Array.from_buffers(type_, scaled.size, [bitmap, pa.py_buffer(wide)], null_count=nulls)


def flag_column(flags: Mask, valid: Mask | None = None) -> pa.Array:
    """Give true and false, null where not valid."""
    bitmap, nulls = (None, 0) if valid is None else _validity(valid)
    packed = pa.py_buffer(np.packbits(flags, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), flags.size, [bitmap, packed], null_count=nulls)


def int32_column(values: npt.NDArray[np.integer]) -> pa.Array:
    """Give whole numbers, none of them null."""
    return pa.array(values.astype(np.int32), type=pa.int32())


@cache
def text_pool(texts: tuple[str, ...]) -> pa.StringArray:
    """Give the dictionary of these texts; the same object each time, so that chunks share it."""
    return pa.array(texts, type=pa.string())


def coded_column(codes: npt.NDArray[np.integer], pool: pa.StringArray) -> pa.DictionaryArray:
    """Give texts of a pool by their positions; NO_CODE is null."""
    indices = np.ascontiguousarray(codes, dtype=np.int32)
    bitmap, nulls = _validity(indices >= 0)
    buffers = [bitmap, pa.py_buffer(indices)]
    index = pa.Array.from_buffers(pa.int32(), indices.size, buffers, null_count=nulls)
    return pa.DictionaryArray.from_arrays(index, pool, safe=False)


def compacted(codes: npt.NDArray[np.integer], size: int) -> tuple[Numbers, npt.NDArray[np.int32]]:
    """Give the codes that occur (of 0 to below `size`), and each row's position among them."""
    occurs = np.zeros(size, dtype=np.bool_)
    occurs[codes] = True
    position = np.cumsum(occurs, dtype=np.int32)
    position -= 1
    return np.flatnonzero(occurs), position[codes]


def serial_bytes(prefix: str, numbers: Numbers, digits: int) -> Bytes:
    """Give uint8[n, w]: the prefix, then each number with leading zeros.

    digits  a multiple of 4 that is no less than the digits of the largest number
    """
    start = -len(prefix) % 4
    texts = np.empty((numbers.size, start + len(prefix) + digits), dtype=np.uint8)
    texts[:, start : start + len(prefix)] = np.frombuffer(prefix.encode("ascii"), np.uint8)
    write_digits(texts, numbers, digits)
    return texts[:, start:] if start else texts


def write_digits(texts: Bytes, numbers: Numbers, digits: int) -> None:
    """Write each number with leading zeros over the last `digits` (a multiple of 4) bytes."""
    words = texts.view("<u4")
    last = words.shape[1] - 1
    first = last + 1 - digits // 4
    rest = numbers
    for word in range(last, first, -1):
        higher = rest // 10_000
        words[:, word] = _FOUR_DIGITS[rest - higher * 10_000]
        rest = higher
    words[:, first] = _FOUR_DIGITS[rest]


def bytes_column(texts: Bytes, valid: Mask | None = None) -> pa.StringArray:
    """Give texts of equal width, null where not valid; `texts` holds the valid rows alone."""
    width = texts.shape[1]
    rows = texts.shape[0] if valid is None else valid.size
    if valid is None:
        offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
        bitmap, nulls = None, 0
    else:
        offsets = np.zeros(rows + 1, dtype=np.int32)
        np.cumsum(valid, out=offsets[1:], dtype=np.int32)
        offsets *= width
        bitmap, nulls = _validity(valid)
    buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(texts))]
    return pa.Array.from_buffers(pa.string(), rows, buffers, null_count=nulls)


def serial_column(
    prefix: str, numbers: Numbers, digits: int, valid: Mask | None = None
) -> pa.StringArray:
    """Give texts `prefix` + number with leading zeros; null where not valid."""
    chosen = numbers if valid is None else numbers[valid]
    return bytes_column(serial_bytes(prefix, chosen, digits), valid)
