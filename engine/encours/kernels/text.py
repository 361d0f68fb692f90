"""Text straight from Arrow's buffers: amounts, dates, hashes, look-ups, the records of CSV.

A column of n texts is a `Text`: text i is `data[offsets[i]:offsets[i + 1]]`, UTF-8, and `valid[i]`
is 0 where it is null; an empty `valid` means that none is. No kernel makes an object per row.
"""

from typing import Any, NamedTuple

import numpy as np

from encours.kernels._jit import kernel

Array = np.ndarray[Any, np.dtype[Any]]

NO_DAY = -(2**31)
"""The day number of a date that is not there."""

FAULT_NONE = 0
FAULT_MISSING = 1
FAULT_WRONG_TYPE = 2
FAULT_TOO_PRECISE = 3
FAULT_TOO_LARGE = 4
FAULT_OUT_OF_RANGE = 5
FAULT_WIDE = 6
"""Not a fault of the value: one kernel's word that another way must be taken (`decode`)."""

CODE_UNKNOWN = -1
CODE_MISSING = -2

PATTERN_YEAR = 1
PATTERN_MONTH = 2
PATTERN_DAY = 3
PATTERN_SHORT_YEAR = 4
"""Two digits; the next byte of the pattern is the pivot below which they are 20YY."""
PATTERN_OPEN_MONTH = 5
PATTERN_OPEN_DAY = 6
"""One or two digits."""
PATTERN_MONTH_NAME = 7
PATTERN_MONTH_SHORT_NAME = 8
PATTERN_TWO_DIGITS = 9
PATTERN_DIGITS = 10
"""Digits that say nothing about the day: two of them, or one and more."""
PATTERN_ISO_TIME = 11
"""The end, or `T` or a blank and a time of digits and `:.Zz+-`."""
PATTERN_LAST = 11

SIGN_LEADING = 1
SIGN_TRAILING = 2
SIGN_PLUS = 4
SIGN_PARENTHESES = 8
BARE_MARK = 16
"""`.5` and `5.` are numbers, too."""

_MONTHS = np.frombuffer(
    b"january  february march    april    may      june     "
    b"july     august   septemberoctober  november december ",
    np.uint8,
)
_MONTH_WIDTH = 9

RECORD_HAS_NUL = 1
RECORD_HAS_LONE_RETURN = 2
RECORD_HAS_TEXT_AFTER_QUOTE = 4
RECORD_HAS_HIGH_BYTE = 8
RECORD_HAS_QUOTED_NEWLINE = 16
RECORD_IS_BLANK = 32


class Text(NamedTuple):
    """A column of texts, as the kernels want it."""

    offsets: Array
    """int32[n + 1]"""
    data: Array
    """uint8[m]"""
    valid: Array
    """uint8[n], or uint8[0] when no text is null"""


class NumberForm(NamedTuple):
    """How numbers are written, and what fits: `decimals` digits kept, `digits` before the mark."""

    decimal_mark: int
    """its byte, -1 where numbers have no decimals"""
    thousands: Array
    """uint8[0..4], the bytes of the separator; empty when there is none"""
    decimals: int
    digits: int
    signs: int
    """SIGN_... bits: where a sign may stand"""


class TextTable(NamedTuple):
    """An open-addressing table from text to code, which is the position of the text in `keys`."""

    keys: Text
    slots: Array
    """uint64[s], s a power of two above 2 x the keys: upper half of the key's hash, then its code
    + 1; 0 where free. One look at a slot tells almost always whether the key is worth one."""


@kernel
def read_word(data, at):
    """Give the eight bytes from `at` as one number, lowest byte first on every machine.

    data  uint8[m]
    at    0 .. m - 8

    The position is unsigned: an index that might be negative is looked at eight times, which keeps
    the compiler from reading the eight bytes at once.
    """
    at = np.uint64(at)
    word = np.uint64(data[at])
    word |= np.uint64(data[at + np.uint64(1)]) << np.uint64(8)
    word |= np.uint64(data[at + np.uint64(2)]) << np.uint64(16)
    word |= np.uint64(data[at + np.uint64(3)]) << np.uint64(24)
    word |= np.uint64(data[at + np.uint64(4)]) << np.uint64(32)
    word |= np.uint64(data[at + np.uint64(5)]) << np.uint64(40)
    word |= np.uint64(data[at + np.uint64(6)]) << np.uint64(48)
    return word | np.uint64(data[at + np.uint64(7)]) << np.uint64(56)


@kernel
def hash_bytes(data, start, end):
    """Give two 64-bit hashes of `data[start:end]` that share nothing but the text.

    Each lane takes eight bytes at a time and mixes each in full before the next, with the
    finalisers of MurmurHash3 and SplitMix64 (both in the public domain): reversible, so two texts
    of one length that differ in one word never meet within a lane. One multiplication per word is
    not enough: the last word overlaps the one before it, and in numbered ids the same digits then
    stand in both and cancel (80,000 collisions in ten million). The length is mixed in first.
    Not a defence against someone who crafts ids.
    """
    at = np.int64(start)
    last = np.int64(end)
    length = np.uint64(last - at)
    first = np.uint64(0x243F6A8885A308D3) ^ (length * np.uint64(0x9E3779B97F4A7C15))
    second = np.uint64(0x13198A2E03707344) + length * np.uint64(0xC2B2AE3D27D4EB4F)
    while at < last:
        if last - at >= 8:
            word = read_word(data, at)
        elif length >= np.uint64(8):
            word = read_word(data, last - 8)
        else:
            word = np.uint64(0)
            for i in range(last - at):
                word |= np.uint64(data[at + i]) << np.uint64(8 * i)
        first = (first ^ word) * np.uint64(0x87C37B91114253D5)
        first = (first ^ (first >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        first = (first ^ (first >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
        first ^= first >> np.uint64(33)
        second = (second + word) * np.uint64(0x4CF5AD432745937F)
        second = (second ^ (second >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        second = (second ^ (second >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        second ^= second >> np.uint64(31)
        at += 8
    return first, second


@kernel
def hash_text(offsets, data, out_first, out_second):
    """Write a 128-bit hash of every text, in two halves; a null hashes like the empty text.

    offsets     int32[n+1]
    data        uint8[m]
    out_first   uint64[n]  written
    out_second  uint64[n]  written

    Not checked here: that the offsets lie within the data (`ledger.sources` validates columns).
    """
    for i in range(out_first.shape[0]):
        out_first[i], out_second[i] = hash_bytes(data, offsets[i], offsets[i + 1])


@kernel
def _code_at(text, i, whole, table):
    """Look text i, of hash `whole`, up: its code or CODE_UNKNOWN, and the slot it ended at."""
    start = text.offsets[i]
    length = text.offsets[i + 1] - start
    mask = np.int64(table.slots.shape[0] - 1)
    place = np.int64(whole & np.uint64(0x7FFFFFFF)) & mask
    while table.slots[place] != 0:
        slot = table.slots[place]
        if slot >> np.uint64(32) == whole >> np.uint64(32):
            code = np.int64(slot & np.uint64(0xFFFFFFFF)) - 1
            at = table.keys.offsets[code]
            equal = 0
            if table.keys.offsets[code + 1] - at == length:
                while equal < length and table.keys.data[at + equal] == text.data[start + equal]:
                    equal += 1
            if equal == length:
                return code, place
        place = (place + 1) & mask
    return np.int64(CODE_UNKNOWN), place


@kernel
def find_codes(text, table, insert, out_code):
    """Write the code of every text, comparing all its bytes.

    text      Text
    table     TextTable
    insert    bool      put what is not found into the table; `text` is then `table.keys`
    out_code  int32[n]  written: position in the keys (the first of equal keys), CODE_UNKNOWN, or
                        CODE_MISSING for a null or empty text

    A large table lies outside the caches: the second loop asks for the memory of a block of
    look-ups at once, so that their waits overlap (a third of the time with a million keys).
    """
    block = 32
    whole = np.empty(block, np.uint64)
    near = np.empty(block, np.uint8)
    mask = np.uint64(table.slots.shape[0] - 1) & np.uint64(0x7FFFFFFF)
    has_nulls = text.valid.shape[0] > 0
    for first in range(0, out_code.shape[0], block):
        last = min(first + block, out_code.shape[0])
        for i in range(first, last):
            whole[i - first], _ = hash_bytes(text.data, text.offsets[i], text.offsets[i + 1])
        if not insert:
            for i in range(last - first):
                slot = table.slots[np.int64(whole[i] & mask)]
                if slot != 0:
                    at = table.keys.offsets[np.int64(slot & np.uint64(0xFFFFFFFF)) - 1]
                    near[i] = table.keys.data[at]
        for i in range(first, last):
            if text.offsets[i] == text.offsets[i + 1] or (has_nulls and text.valid[i] == 0):
                out_code[i] = CODE_MISSING
                continue
            code, place = _code_at(text, i, whole[i - first], table)
            if insert and code < 0:
                table.slots[place] = (whole[i - first] >> np.uint64(32)) << np.uint64(
                    32
                ) | np.uint64(i + 1)
                code = np.int64(i)
            out_code[i] = code


@kernel
def _sign_at(data, start, end, signs):
    """Take the sign off a number: where its digits begin and end, and whether it is negative."""
    first = data[start]
    last = data[end - 1]
    if first == 45 and signs & SIGN_LEADING:
        return start + 1, end, True
    if last == 45 and signs & SIGN_TRAILING:
        return start, end - 1, True
    if first == 40 and last == 41 and signs & SIGN_PARENTHESES:
        return start + 1, end - 1, True
    if first == 43 and signs & SIGN_PLUS and signs & SIGN_LEADING:
        return start + 1, end, False
    if last == 43 and signs & SIGN_PLUS and signs & SIGN_TRAILING:
        return start, end - 1, False
    return start, end, False


@kernel
def _number_at(data, start, end, form):
    """Read one number: value in units of the last decimal kept, and its fault."""
    at, end, is_negative = _sign_at(data, np.int64(start), np.int64(end), form.signs)
    value = np.int64(0)
    run = 0
    groups = 0
    significant = 0
    while at < end:
        digit = np.int64(data[at]) - 48
        if 0 <= digit <= 9:
            run += 1
            significant += significant > 0 or digit > 0
            if significant <= form.digits:
                value = value * 10 + digit
            at += 1
            continue
        width = form.thousands.shape[0]
        matched = 0
        while (
            matched < width and at + matched < end and data[at + matched] == form.thousands[matched]
        ):
            matched += 1
        if width == 0 or matched < width:
            break
        if run == 0 or run > 3 or (groups > 0 and run < 3):
            return 0, FAULT_WRONG_TYPE
        groups += 1
        run = 0
        at += width
    is_bare = run == 0
    if (groups > 0 and run != 3) or (is_bare and not (form.signs & BARE_MARK and at < end)):
        return 0, FAULT_WRONG_TYPE
    places = 0
    is_cut = False
    if at < end and np.int64(data[at]) == form.decimal_mark:
        at += 1
        while at < end and 48 <= data[at] <= 57:
            if places < form.decimals:
                value = value * 10 + (np.int64(data[at]) - 48)
            elif data[at] != 48:
                is_cut = True
            places += 1
            at += 1
        is_bare = places == 0 and (is_bare or not form.signs & BARE_MARK)
    if at < end or is_bare:
        return 0, FAULT_WRONG_TYPE
    if significant > form.digits:
        return 0, FAULT_TOO_LARGE
    if is_cut:
        return 0, FAULT_TOO_PRECISE
    for _ in range(form.decimals - places):
        value *= 10
    return -value if is_negative else value, FAULT_NONE


@kernel
def parse_numbers(text, form, out_value, out_fault):
    """Read numbers written in exactly one declared form.

    text       Text
    form       NumberForm
    out_value  int64[n]  written, in units of 10^-decimals; 0 where there is a fault
    out_fault  uint8[n]  written: missing, wrong type, too large (digits), too precise (non-zero
                         decimals beyond those kept), the first of them in this order

    A number is grouped by threes throughout or not at all; a sign stands where the form says.
    Anything else, an exponent, a blank, NaN, is of the wrong type: what a sender did not declare is
    never guessed.
    """
    has_nulls = text.valid.shape[0] > 0
    for i in range(out_value.shape[0]):
        start = text.offsets[i]
        end = text.offsets[i + 1]
        if start == end or (has_nulls and text.valid[i] == 0):
            out_value[i] = 0
            out_fault[i] = FAULT_MISSING
        else:
            value, fault = _number_at(text.data, start, end, form)
            out_value[i] = value
            out_fault[i] = fault


@kernel
def _day_number(year, month, day):
    """Give the day since 1970-01-01, Gregorian, or NO_DAY where there is no such date."""
    if month < 1 or month > 12 or day < 1:
        return NO_DAY
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = 30 + ((month + (month >> 3)) & 1)
    if month == 2:
        length = 29 if is_leap else 28
    if day > length:
        return NO_DAY
    # Years are counted from March, so that the leap day is the last of its year.
    shifted = year - (month <= 2)
    month_from_march = month + (9 if month <= 2 else -3)
    before_year = shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400
    return before_year + (153 * month_from_march + 2) // 5 + day - 1 - 719_468


@kernel
def _month_named(data, start, end, is_short):
    """Give the month whose English name begins at `start`, in any case, and where it ends."""
    for month in range(12):
        width = 0
        while width < 9 and _MONTHS[month * _MONTH_WIDTH + width] != 32:
            width += 1
        width = 3 if is_short else width
        same = 0
        while (
            same < width
            and start + same < end
            and data[start + same] | 32 == _MONTHS[month * _MONTH_WIDTH + same]
        ):
            same += 1
        if same == width:
            return month + 1, start + width
    return 0, start


@kernel
def _date_at(data, start, end, pattern):
    """Read one date: day number, and whether it is written as the pattern says."""
    at = np.int64(start)
    year = np.int64(0)
    month = np.int64(0)
    day = np.int64(0)
    i = 0
    while i < pattern.shape[0]:
        part = pattern[i]
        i += 1
        if part > PATTERN_LAST:
            if at >= end or data[at] != part:
                return NO_DAY, False
            at += 1
            continue
        if part == PATTERN_ISO_TIME:
            if at < end and data[at] != 84 and data[at] != 32:
                return NO_DAY, False
            first = at
            at += at < end
            while at < end and (
                48 <= data[at] <= 58
                or data[at] == 90
                or data[at] == 122
                or data[at] == 43
                or data[at] == 45
                or data[at] == 46
            ):
                at += 1
            if at < end or at - first == 1:
                return NO_DAY, False
            continue
        if part in (PATTERN_MONTH_NAME, PATTERN_MONTH_SHORT_NAME):
            month, at = _month_named(data, at, end, part == PATTERN_MONTH_SHORT_NAME)
            if month == 0:
                return NO_DAY, False
            continue
        width = 4 if part == PATTERN_YEAR else 20 if part == PATTERN_DIGITS else 2
        number = np.int64(0)
        taken = 0
        while taken < width and at < end and 48 <= data[at] <= 57:
            number = number * 10 + (np.int64(data[at]) - 48) if taken < 4 else number
            taken += 1
            at += 1
        is_open = part in (PATTERN_OPEN_MONTH, PATTERN_OPEN_DAY, PATTERN_DIGITS)
        if taken < (1 if is_open else width):
            return NO_DAY, False
        if part == PATTERN_YEAR:
            year = number
        elif part == PATTERN_SHORT_YEAR:
            year = number + (2000 if number < np.int64(pattern[i]) else 1900)
            i += 1
        elif part in (PATTERN_MONTH, PATTERN_OPEN_MONTH):
            month = number
        elif part in (PATTERN_DAY, PATTERN_OPEN_DAY):
            day = number
    if at < end:
        return NO_DAY, False
    return _day_number(year, month, day), True


@kernel
def parse_dates(text, pattern, day_range, out_day, out_fault):
    """Read dates written in one declared form.

    text       Text
    pattern    uint8[p]   parts of a date (PATTERN_...) and literal bytes, in order
    day_range  int64[2]   first and last plausible day
    out_day    int32[n]   written; NO_DAY where there is a fault
    out_fault  uint8[n]   written: missing, wrong type (not of this form), out of range (no such
                          day, or not a plausible one)
    """
    has_nulls = text.valid.shape[0] > 0
    for i in range(out_day.shape[0]):
        start = text.offsets[i]
        end = text.offsets[i + 1]
        out_day[i] = NO_DAY
        if start == end or (has_nulls and text.valid[i] == 0):
            out_fault[i] = FAULT_MISSING
            continue
        day, is_written_so = _date_at(text.data, start, end, pattern)
        if not is_written_so:
            out_fault[i] = FAULT_WRONG_TYPE
        elif day < day_range[0] or day > day_range[1]:
            out_fault[i] = FAULT_OUT_OF_RANGE
        else:
            out_day[i] = day
            out_fault[i] = FAULT_NONE


@kernel
def scan_records(data, separator, quote, out_end, out_fields, out_flags):
    """Find the complete CSV records (RFC 4180) of a block that begins with one; return how many.

    data        uint8[m]
    separator   int64     byte between fields
    quote       int64     byte around a field, -1 when the file has none
    out_end     int64[r]  written: where the next record begins; r = line feeds in the block
    out_fields  int32[r]  written: fields of the record
    out_flags   uint8[r]  written: RECORD_... bits

    A record ends with a line feed, perhaps behind a carriage return, outside quotes. A quote opens
    a field only as its first byte, and is itself when doubled inside; elsewhere it is text like
    any other. This shares no code with the reader of the values, so that the two can be compared.
    """
    count = 0
    fields = 1
    flags = 0
    is_quoted = False
    was_quoted = False
    start = 0
    field_start = 0
    at = 0
    while at < data.shape[0]:
        byte = np.int64(data[at])
        at += 1
        if is_quoted:
            if byte == quote:
                is_quoted = False
                was_quoted = True
            elif byte == 10:
                flags |= RECORD_HAS_QUOTED_NEWLINE
        elif byte in (separator, 10):
            if byte == separator:
                fields += 1
            else:
                length = at - 1 - start - (1 if at - 2 >= start and data[at - 2] == 13 else 0)
                out_end[count] = at
                out_fields[count] = fields
                out_flags[count] = flags | (RECORD_IS_BLANK if length == 0 else 0)
                count += 1
                fields = 1
                flags = 0
                start = at
            field_start = at
            was_quoted = False
        elif byte == quote and (at - 1 == field_start or was_quoted):
            is_quoted = True
            was_quoted = False
        elif byte != 13 or at >= data.shape[0] or data[at] != 10:
            if byte == 13:
                flags |= RECORD_HAS_LONE_RETURN
            if was_quoted:
                flags |= RECORD_HAS_TEXT_AFTER_QUOTE
            was_quoted = False
        if byte == 0:
            flags |= RECORD_HAS_NUL
        elif byte >= 128:
            flags |= RECORD_HAS_HIGH_BYTE
    return count
