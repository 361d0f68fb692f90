"""Arrow columns to kernel columns, one function per kind, with one fault per value.

No function here looks at a row in Python. What is accepted is the contract's widening rule
(TABLES 1): any integer or decimal for money, any layout of text, a timestamp at midnight for a
date. Text is read in the declared dialect and in no other. A dictionary is decoded once per entry,
then spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.kernels.columns import keep_plausible_days, multiply_pairs, rescale_words
from encours.kernels.text import (
    CODE_MISSING,
    CODE_UNKNOWN,
    FAULT_MISSING,
    FAULT_NONE,
    FAULT_OUT_OF_RANGE,
    FAULT_TOO_LARGE,
    FAULT_TOO_PRECISE,
    FAULT_WIDE,
    FAULT_WRONG_TYPE,
    NO_DAY,
    Text,
    TextTable,
    find_codes,
    hash_text,
    parse_dates,
    parse_numbers,
)
from encours.ledger.buffers import (
    EMPTY_BYTES,
    as_text,
    chunks_of,
    fixed_values,
    gather,
    is_text,
    truth_bytes,
    valid_bytes,
)
from encours.ledger.dialect import date_pattern, number_form

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from encours_schemas.configuration import TableInput

__all__ = [
    "CODE_MISSING",
    "CODE_UNKNOWN",
    "FAULT_MISSING",
    "FAULT_NONE",
    "FAULT_NULL",
    "FAULT_OUT_OF_RANGE",
    "FAULT_TOO_LARGE",
    "FAULT_TOO_PRECISE",
    "FAULT_WRONG_TYPE",
    "FIRST_DAY",
    "LAST_DAY",
    "NO_DAY",
    "Decoded",
    "TextIndex",
    "decode_bool",
    "decode_date",
    "decode_int",
    "decode_money",
    "decode_percent",
    "decode_scaled",
    "decode_text_codes",
    "hash_column",
]

Array = np.ndarray[Any, np.dtype[Any]]
Column: TypeAlias = pa.Array | pa.ChunkedArray

FAULT_NULL = FAULT_MISSING
"""1, so that a column's faults tell at once what is missing where nothing else is wrong."""

FIRST_DAY = int(np.datetime64("1900-01-01", "D").astype(np.int64))
LAST_DAY = int(np.datetime64("2999-12-31", "D").astype(np.int64))
"""Plausible dates. Outside lie the fillers of other systems (0001-01-01, 9999-12-31): no receivable
is that old or that far off, and a filler taken at its word would give centuries of interest."""

_OPEN_DAY = int(np.datetime64("9999-01-01", "D").astype(np.int64))
_LAST_OPEN_DAY = int(np.datetime64("9999-12-31", "D").astype(np.int64))
"""Where a date may be an open end, the year 9999 says that there is none."""

_DAY_RANGE = np.array([FIRST_DAY, LAST_DAY], np.int64)
_DAY_RANGE.flags.writeable = False
_OPEN_DAY_RANGE = np.array([FIRST_DAY, _LAST_OPEN_DAY], np.int64)
_OPEN_DAY_RANGE.flags.writeable = False

MONEY_DECIMALS = 3
MONEY_DIGITS = 15
PERCENT_DECIMALS = 9
PERCENT_DIGITS = 9
INTEGER_DIGITS = 18

_PAIR = 2
"""Words of 64 bits in a decimal of 128."""
_WORD_MAX = 2**63
_FLOAT_UNITS_MAX = 2.0**51
_FLOAT32_UNITS_MAX = 2.0**23
"""Units of the last decimal up to which a float gives back the decimal that it was made from: two
roundings, of the quotient and of the product, may be off by half a unit together."""
_FLOAT_TOLERANCE = 1e-9


class Decoded(NamedTuple):
    """One value and one fault per row; the value of a faulty row is harmless (0 or `NO_DAY`)."""

    values: Array
    fault: Array
    """uint8[n], FAULT_..."""


class _Scale(NamedTuple):
    """Decimals that a decoded number keeps, and the digits that may stand before them."""

    decimals: int
    digits: int

    @property
    def limit(self) -> int:
        """Give the greatest magnitude of a value."""
        return int(10 ** (self.decimals + self.digits) - 1)


def decode_money(column: Column, dialect: TableInput, float_decimals: int | None = None) -> Decoded:
    """Read money: int64[n] thousandths of a currency unit.

    float_decimals  how many decimals a float column means; without it floats are of the wrong type

    Faults: null or empty, wrong type, too precise (a non-zero fourth decimal), too large (more than
    15 digits before the mark).
    """
    return decode_scaled(column, dialect, MONEY_DECIMALS, MONEY_DIGITS, float_decimals)


def decode_percent(
    column: Column, dialect: TableInput, float_decimals: int | None = None
) -> Decoded:
    """Read a percentage: int64[n] in units of 10^-9 percent; faults like those of money."""
    return decode_scaled(column, dialect, PERCENT_DECIMALS, PERCENT_DIGITS, float_decimals)


def decode_int(column: Column) -> Decoded:
    """Read whole numbers: int64[n]; a decimal with a fraction is too precise."""
    return _by_chunk(column, lambda array: _numbers(array, "", "", _Scale(0, INTEGER_DIGITS), None))


def decode_scaled(
    column: Column,
    dialect: TableInput,
    decimals: int,
    digits: int,
    float_decimals: int | None = None,
) -> Decoded:
    """Read decimal numbers exactly: int64[n] in units of 10^-decimals.

    digits  before the mark; decimals + digits is at most 18, so that a value fits 64 bits
    """
    mark, separator = dialect.decimal_mark, dialect.thousands_separator
    scale = _Scale(decimals, digits)
    return _by_chunk(column, lambda array: _numbers(array, mark, separator, scale, float_decimals))


def decode_date(column: Column, dialect: TableInput, *, open_end: bool = False) -> Decoded:
    """Read dates: int32[n] days since 1970-01-01, `NO_DAY` where there is a fault.

    open_end  a day of the year 9999 is no date: it is missing

    Faults: null or empty, wrong type (not in the declared form; a time that is not midnight), out
    of range (31 February, 0000-00-00; before 1900-01-01 or after 2999-12-31).
    """
    pattern = date_pattern(dialect.date_format)
    day_range = _OPEN_DAY_RANGE if open_end else _DAY_RANGE
    decoded = _by_chunk(column, lambda array: _dates(array, pattern, day_range), np.int32, NO_DAY)
    if open_end:
        far = decoded.values > LAST_DAY
        decoded.fault[far] = FAULT_OUT_OF_RANGE
        decoded.fault[decoded.values >= _OPEN_DAY] = FAULT_MISSING
        decoded.values[far] = NO_DAY
    return decoded


def decode_bool(column: Column) -> Decoded:
    """Read yes or no: uint8[n]. Text may be true/false, t/f, yes/no, y/n, 1/0, in any case."""
    return _by_chunk(column, _booleans, np.uint8)


class TextIndex:
    """An exact look-up from text to its position in a list; of equal texts the first counts.

    Made once, then read by any number of threads. Null and empty texts have no position.
    """

    def __init__(self, values: Sequence[str] | Column) -> None:
        """Index `values`; n texts take about 12 n to 24 n bytes besides their own."""
        array = (
            values
            if isinstance(values, pa.Array | pa.ChunkedArray)
            else pa.array(values, pa.string())
        )
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        size = 8
        while size < 2 * len(array):
            size *= 2
        self._length = len(array)
        keys = as_text(array)
        self._table = TextTable(keys, np.zeros(size, np.uint64))
        find_codes(keys, self._table, True, np.empty(len(array), np.int32))

    def __len__(self) -> int:
        """Give the number of texts indexed, repeated ones included."""
        return self._length

    def find(self, texts: Text, count: int) -> Array:
        """Give the position of every text: int32[n], `CODE_UNKNOWN` or `CODE_MISSING`."""
        codes = np.empty(count, np.int32)
        find_codes(texts, self._table, False, codes)
        return codes


def positions_of(texts: Column, among: pa.Array) -> Array:
    """Give the position of each text among others: int32[n], -1 where it is not there, or empty."""
    return np.maximum(decode_text_codes(texts, TextIndex(among)), -1)


def decode_text_codes(column: Column, index: TextIndex) -> Array:
    """Give the position of each text in `index`: int32[n], -1 not there, -2 null or empty."""

    def decode(array: pa.Array) -> Decoded:
        if pa.types.is_null(array.type):
            return Decoded(np.full(len(array), CODE_MISSING, np.int32), EMPTY_BYTES)
        return Decoded(index.find(as_text(array), len(array)), EMPTY_BYTES)

    return _by_chunk(column, decode, np.int32, CODE_MISSING).values


def hash_column(column: Column) -> tuple[Array, Array]:
    """Give a 128-bit hash of each text in two halves, uint64[n] each; a null is the empty text."""
    halves = (np.empty(len(column), np.uint64), np.empty(len(column), np.uint64))
    at = 0
    for array in chunks_of(column):
        part = tuple(half[at : at + len(array)] for half in halves)
        if pa.types.is_dictionary(array.type):
            # One more entry, the empty text, is what null rows are spread from.
            whole = pa.concat_arrays(
                [array.dictionary.cast(pa.string()), pa.array([""], pa.string())]
            )
            for target, source in zip(part, hash_column(whole), strict=True):
                target[:] = gather(source[:-1], array, int(source[-1]))
        else:
            plain = array.cast(pa.string())
            text = as_text(plain.fill_null("") if plain.null_count else plain)
            hash_text(text.offsets, text.data, part[0], part[1])
        at += len(array)
    return halves


def _by_chunk(
    column: Column,
    decode: Callable[[pa.Array], Decoded],
    dtype: type[np.generic] = np.int64,
    missing: int = 0,
) -> Decoded:
    """Decode each chunk, dictionaries once per entry, and join the results."""
    parts = [_decode_array(array, decode, dtype, missing) for array in chunks_of(column)]
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Decoded(np.empty(0, dtype), np.empty(0, np.uint8))
    return Decoded(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.fault for part in parts]),
    )


def _decode_array(
    array: pa.Array, decode: Callable[[pa.Array], Decoded], dtype: type[np.generic], missing: int
) -> Decoded:
    """Decode one array of any layout."""
    if not pa.types.is_dictionary(array.type):
        return decode(array)
    entries = _decode_array(array.dictionary, decode, dtype, missing)
    fault = entries.fault
    if len(fault):
        fault = gather(fault, array, FAULT_MISSING)
    elif len(array.dictionary) == 0:
        return Decoded(
            np.full(len(array), missing, dtype), np.full(len(array), FAULT_MISSING, np.uint8)
        )
    return Decoded(gather(entries.values, array, missing), fault)


def _all_faulty(
    count: int, array: pa.Array, fault: int, filler: int, dtype: type[np.generic]
) -> Decoded:
    """Give no value at all: nulls are missing, the rest has `fault`."""
    valid = valid_bytes(array)
    faults = np.full(count, fault, np.uint8)
    if len(valid):
        faults[valid == 0] = FAULT_MISSING
    return Decoded(np.full(count, filler, dtype), faults)


def _numbers(
    array: pa.Array, decimal_mark: str, separator: str, scale: _Scale, float_decimals: int | None
) -> Decoded:
    """Read decimals, integers, text or (declared) floats of one array."""
    kind = array.type
    count = len(array)
    if is_text(kind):
        form = number_form(decimal_mark, separator, scale.decimals, scale.digits)
        values, fault = np.empty(count, np.int64), np.empty(count, np.uint8)
        parse_numbers(as_text(array), form, values, fault)
        return Decoded(values, fault)
    if pa.types.is_decimal(kind):
        width = max(kind.bit_width // 64, 1)
        words = (
            fixed_values(array, np.int64, width) if kind.bit_width >= 64 else _narrow_words(array)
        )
        return _rescaled(words, array, width, kind.scale, scale)
    if pa.types.is_integer(kind):
        return _rescaled(_narrow_words(array), array, 1, 0, scale)
    if pa.types.is_floating(kind) and float_decimals is not None:
        return _floats(array, float_decimals, scale)
    return _all_faulty(count, array, FAULT_WRONG_TYPE, 0, np.int64)


def _narrow_words(array: pa.Array) -> Array:
    """Give integers of at most 64 bits as int64[n]; those above become its greatest, too large."""
    width = array.type.bit_width
    kind = "u" if pa.types.is_unsigned_integer(array.type) else "i"
    source = fixed_values(array, np.dtype(f"{kind}{width // 8}").type)
    if array.type == pa.uint64():
        source = np.minimum(source, np.uint64(np.iinfo(np.int64).max))
    words = source.astype(np.int64, copy=False)
    words.flags.writeable = False
    return words


def _rescaled(
    words: Array, array: pa.Array, width: int, source_scale: int, scale: _Scale
) -> Decoded:
    """Bring integers of `source_scale` decimals to those of `scale`."""
    more = scale.decimals - source_scale
    # A factor beyond the limit lets nothing but zero pass, whatever it is exactly.
    factor = min(10 ** max(more, 0), scale.limit + 1)
    divisor = 10 ** max(-more, 0)
    values, valid = np.empty(len(array), np.int64), valid_bytes(array)
    is_multiplied = width == _PAIR and divisor == 1
    if is_multiplied and multiply_pairs(words, valid, factor, scale.limit // factor, values):
        return Decoded(values, _faults_of_nulls(valid, len(array)))
    shape = np.array([width, factor, divisor if divisor < _WORD_MAX else 0, scale.limit], np.int64)
    shape.flags.writeable = False
    fault = np.empty(len(array), np.uint8)
    rescale_words(words, valid, shape, values, fault)
    if fault.max(initial=FAULT_NONE) == FAULT_WIDE:
        wide = np.flatnonzero(fault == FAULT_WIDE)
        values[wide], fault[wide] = _cut_decimals(array.take(pa.array(wide)), scale)
    return Decoded(values, fault)


def _faults_of_nulls(valid: Array, count: int) -> Array:
    """Give the faults of `count` values of which the nulls alone have one: uint8[n]."""
    if not len(valid):
        return np.zeros(count, np.uint8)
    return valid ^ np.uint8(FAULT_MISSING)


def _cut_decimals(array: pa.Array, scale: _Scale) -> Decoded:
    """Bring decimals that no 64 bits hold to those of `scale` by Arrow's own arithmetic."""
    kind = array.type
    is_256 = pa.types.is_decimal256(kind)
    make = pa.decimal256 if is_256 else pa.decimal128
    cut = array.cast(make(kind.precision, scale.decimals), safe=False)
    is_exact = pc.equal(cut.cast(kind, safe=False), array).to_numpy(zero_copy_only=False)
    width = kind.bit_width // 64
    decoded = _rescaled(fixed_values(cut, np.int64, width), cut, width, scale.decimals, scale)
    decoded.fault[~is_exact & (decoded.fault == FAULT_NONE)] = FAULT_TOO_PRECISE
    decoded.values[decoded.fault != FAULT_NONE] = 0
    return decoded


def _floats(array: pa.Array, float_decimals: int, scale: _Scale) -> Decoded:
    """Take binary floats for the decimals that they were made from, where that is beyond doubt.

    A float stands for k / 10^d when it is the float nearest to it, or within 10^-9 of it, and when
    k is small enough for neighbours to differ.
    """
    if array.type == pa.float16():
        return _all_faulty(len(array), array, FAULT_WRONG_TYPE, 0, np.int64)
    is_single = array.type == pa.float32()
    source = fixed_values(array, np.float32 if is_single else np.float64).astype(np.float64)
    is_number = np.isfinite(source)
    source = np.where(is_number, source, 0.0)
    whole = np.rint(source * 10.0**float_decimals)
    is_large = np.abs(whole) >= (_FLOAT32_UNITS_MAX if is_single else _FLOAT_UNITS_MAX)
    back = whole / 10.0**float_decimals
    if is_single:
        is_near = back.astype(np.float32) == source.astype(np.float32)
    else:
        is_near = np.abs(back - source) <= _FLOAT_TOLERANCE
    words = np.where(is_large, 0.0, whole).astype(np.int64)
    words.flags.writeable = False
    decoded = _rescaled(words, array, 1, float_decimals, scale)
    is_present = decoded.fault != FAULT_MISSING
    for found, fault in (
        (~is_near, FAULT_TOO_PRECISE),
        (is_large, FAULT_TOO_LARGE),
        (~is_number, FAULT_WRONG_TYPE),
    ):
        decoded.fault[found & is_present] = fault
    decoded.values[decoded.fault != FAULT_NONE] = 0
    return decoded


def _dates(array: pa.Array, pattern: Array, day_range: Array) -> Decoded:
    """Read dates, timestamps at midnight, or text of one array."""
    kind = array.type
    if is_text(kind):
        days, fault = np.empty(len(array), np.int32), np.empty(len(array), np.uint8)
        parse_dates(as_text(array), pattern, day_range, days, fault)
        return Decoded(days, fault)
    if kind == pa.date32():
        return _plausible_days(fixed_values(array, np.int32), array, day_range)
    if kind == pa.date64() or (pa.types.is_timestamp(kind) and kind.tz is None):
        unit = "ms" if kind == pa.date64() else kind.unit
        per_day = 86_400 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
        days, rest = np.divmod(fixed_values(array, np.int64), per_day)
        near = np.clip(days, day_range[0] - 1, day_range[1] + 1).astype(np.int32)
        near.flags.writeable = False
        decoded = _plausible_days(near, array, day_range)
        has_time = (rest != 0) & (decoded.fault != FAULT_MISSING)
        decoded.fault[has_time] = FAULT_WRONG_TYPE
        decoded.values[has_time] = NO_DAY
        return decoded
    return _all_faulty(len(array), array, FAULT_WRONG_TYPE, NO_DAY, np.int32)


def _plausible_days(days: Array, array: pa.Array, day_range: Array) -> Decoded:
    """Keep the days that are there and plausible."""
    kept, fault = np.empty(len(days), np.int32), np.empty(len(days), np.uint8)
    if array.null_count == len(days):
        kept[:], fault[:] = NO_DAY, FAULT_MISSING
    else:
        keep_plausible_days(days, valid_bytes(array), day_range, kept, fault)
    return Decoded(kept, fault)


_TRUE_TEXTS = ("true", "True", "TRUE", "t", "T", "yes", "Yes", "YES", "y", "Y", "1")
_FALSE_TEXTS = ("false", "False", "FALSE", "f", "F", "no", "No", "NO", "n", "N", "0")


def _booleans(array: pa.Array) -> Decoded:
    """Read booleans, integers 0 and 1, or text of one array."""
    kind = array.type
    if is_text(kind):
        codes = TextIndex(_TRUE_TEXTS + _FALSE_TEXTS).find(as_text(array), len(array))
        fault = np.where(codes >= 0, FAULT_NONE, FAULT_WRONG_TYPE).astype(np.uint8)
        fault[codes == CODE_MISSING] = FAULT_MISSING
        return Decoded(((codes >= 0) & (codes < len(_TRUE_TEXTS))).astype(np.uint8), fault)
    valid = valid_bytes(array)
    if pa.types.is_boolean(kind):
        values = truth_bytes(array)
        return Decoded(
            values & valid if len(valid) else values, _faults_of_nulls(valid, len(array))
        )
    if not pa.types.is_integer(kind):
        return _all_faulty(len(array), array, FAULT_WRONG_TYPE, 0, np.uint8)
    values = _narrow_words(array)
    fault = np.where((values < 0) | (values > 1), FAULT_WRONG_TYPE, FAULT_NONE).astype(np.uint8)
    if len(valid):
        fault[valid == 0] = FAULT_MISSING
    return Decoded(np.where(fault == FAULT_NONE, values, 0).astype(np.uint8), fault)
