"""Columns as Arrow lays them out, made fit for measuring: decimals, days, codes, what stands in.

Nearly every value of a ledger is good, and a loop without a branch goes over several at a time. So
`multiply_pairs` tells whether all are, and only where one is not does `rescale_words` look at each.
"""

from typing import Any

import numpy as np

from encours.kernels._jit import kernel
from encours.kernels.text import (
    FAULT_MISSING,
    FAULT_NONE,
    FAULT_OUT_OF_RANGE,
    FAULT_TOO_LARGE,
    FAULT_TOO_PRECISE,
    FAULT_WIDE,
    NO_DAY,
)

Array = np.ndarray[Any, np.dtype[Any]]


@kernel
def multiply_pairs(words, valid, factor, limit, out_value):
    """Multiply integers of 128 bits; tell whether every product is right.

    words      int64[2 * n]  two's complement, lower word first
    valid      uint8[n] or uint8[0]
    factor     int64
    limit      int64     greatest magnitude of what is multiplied; factor * limit fits 64 bits
    out_value  int64[n]  written; 0 where there is no value. Nothing of it counts where one integer
                         is beyond the limit

    An integer fits 64 bits when its upper word repeats the sign of the lower one.
    """
    has_nulls = valid.shape[0] > 0
    beyond = np.int64(0)
    for i in range(out_value.shape[0]):
        is_there = not has_nulls or valid[i] != 0
        low = words[2 * i] if is_there else np.int64(0)
        high = words[2 * i + 1] if is_there else np.int64(0)
        is_within = (low >= -limit) & (low <= limit)
        beyond |= (high ^ (low >> 63)) | np.int64(not is_within)
        out_value[i] = (low if is_within else np.int64(0)) * factor
    return beyond == 0


@kernel
def rescale_words(words, valid, shape, out_value, out_fault):
    """Bring integers of any width to other decimals, exactly.

    words      int64[n * width]  two's complement, lowest word first
    valid      uint8[n] or uint8[0]
    shape      int64[4]  width (1, 2, 4), factor to multiply by, divisor (one of the two is 1; 0 for
                         a divisor beyond 64 bits), greatest magnitude of a result
    out_value  int64[n]  written; 0 where there is a fault
    out_fault  uint8[n]  written: missing, too precise (a non-zero decimal would be lost), too
                         large, or FAULT_WIDE where a division needs more than 64 bits
    """
    width, factor, divisor, limit = shape[0], shape[1], shape[2], shape[3]
    has_nulls = valid.shape[0] > 0
    source_limit = limit // factor
    for i in range(out_value.shape[0]):
        value = words[i * width]
        sign = value >> 63
        is_narrow = True
        for j in range(1, width):
            is_narrow = is_narrow and words[i * width + j] == sign
        fault = FAULT_NONE
        if has_nulls and valid[i] == 0:
            fault = FAULT_MISSING
        elif divisor != 1 and (not is_narrow or divisor == 0):
            fault = FAULT_WIDE
        elif divisor != 1:
            if value % divisor != 0:
                fault = FAULT_TOO_PRECISE
            value //= divisor
        if fault == FAULT_NONE and (not is_narrow or value > source_limit or value < -source_limit):
            fault = FAULT_TOO_LARGE
        out_value[i] = value * factor if fault == FAULT_NONE else 0
        out_fault[i] = fault


@kernel
def are_multiples(value, code, unit):
    """Tell whether every value is a multiple of the unit of its code.

    value  int64[n]
    code   int32[n]  0 .. u - 1
    unit   int64[u]  above 0

    Most amounts are in cents, ten thousandths: a division by a known number is a multiplication.
    """
    rest = np.int64(0)
    for i in range(value.shape[0]):
        if value[i] != 0:
            divisor = unit[code[i]]
            rest |= value[i] % 10 if divisor == 10 else value[i] % divisor
    return rest == 0


@kernel
def keep_plausible_days(day, valid, day_range, out_day, out_fault):
    """Keep the days that are there and plausible.

    day        int32[n]
    valid      uint8[n] or uint8[0]
    day_range  int64[2]   first and last plausible day
    out_day    int32[n]   written; NO_DAY where there is a fault
    out_fault  uint8[n]   written: missing or out of range
    """
    first, last = np.int32(day_range[0]), np.int32(day_range[1])
    has_nulls = valid.shape[0] > 0
    for i in range(day.shape[0]):
        is_there = not has_nulls or valid[i] != 0
        is_plausible = (first <= day[i]) & (day[i] <= last)
        out_day[i] = day[i] if is_there & is_plausible else np.int32(NO_DAY)
        fault = FAULT_NONE if is_plausible else FAULT_OUT_OF_RANGE
        out_fault[i] = fault if is_there else FAULT_MISSING


@kernel
def fill_days(day, default, out_day):
    """Write each day, and its default where there is none.

    day      int32[n]  NO_DAY where there is none
    default  int32[n]
    out_day  int32[n]  written
    """
    for i in range(day.shape[0]):
        out_day[i] = default[i] if day[i] == NO_DAY else day[i]


@kernel
def spread_codes(position, code, out_code):
    """Write the code of each row's entry.

    position  int32[n]      0 .. e - 1, or -1 where a row has no entry
    code      int32[e + 1]  that of no entry, then those of the entries
    out_code  int32[n]      written

    Not checked here: positions (`ledger.sources` validates columns).
    """
    for i in range(position.shape[0]):
        out_code[i] = code[position[i] + 1]


@kernel
def _copy_texts(source, start, end, at, out_offsets, out_data):
    """Write consecutive texts from byte `at` on; return where they end."""
    first = np.int64(source.offsets[start])
    length = np.int64(source.offsets[end]) - first
    for i in range(start, end):
        out_offsets[i + 1] = source.offsets[i + 1] - first + at
    data = source.data[first : first + length]
    target = out_data[at : at + length]
    for i in range(data.shape[0]):
        target[i] = data[i]
    return at + length


@kernel
def fill_texts(text, default, missing, out_offsets, out_data):
    """Write each text, and its default where it is missing; return the bytes written.

    text         Text
    default      Text      of as many texts
    missing      bool[n]
    out_offsets  int32[n + 1]  written
    out_data     uint8[m]      written; room for the data of both

    Texts that follow one another are copied at once: few are missing, or nearly all.
    """
    at = np.int64(0)
    start = np.int64(0)
    out_offsets[0] = 0
    while start < missing.shape[0]:
        end = start + 1
        while end < missing.shape[0] and missing[end] == missing[start]:
            end += 1
        if missing[start]:
            at = _copy_texts(default, start, end, at, out_offsets, out_data)
        else:
            at = _copy_texts(text, start, end, at, out_offsets, out_data)
        start = end
    return at
