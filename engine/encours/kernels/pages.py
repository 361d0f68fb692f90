"""Values of a column as the pages of Apache Parquet hold them.

The encodings are those of the format's own description (apache/parquet-format, Encodings.md):
DELTA_BINARY_PACKED for numbers, PLAIN for texts, RLE for definition levels and for the codes of a
dictionary. Where the description leaves a choice, it is made as Arrow's writer makes it, so that
its bytes and ours are the same.

Kernels that write a page begin at byte `at` of it and give the byte behind the last one written;
`numbers_room` and `runs_room` say how many bytes are enough.
"""

import numpy as np

from encours.kernels._jit import kernel

MINIBLOCKS = 4
BLOCK_VALUES_PER_BYTE = 32
"""A block has 128 values of four bytes, or 256 of eight, in four miniblocks, each packed at a width
of its own (DELTA_BINARY_PACKED)."""

GROUP_VALUES = 8
_LITERAL_GROUPS = 63
"""Most groups of eight in one run of packed values: its header stays one byte (RLE)."""


def numbers_room(count: int) -> int:
    """Give the bytes that are enough for numbers: a block more than there are, and the widths."""
    return count * 9 + 2_560


def runs_room(count: int) -> int:
    """Give the bytes that are enough for runs of 32 bits each."""
    return count * 5 + 64


@kernel
def _write_varint(value, out_page, at):
    """Write an unsigned number, seven bits to the byte, the lowest first (ULEB128)."""
    rest = np.uint64(value)
    while rest >= np.uint64(128):
        out_page[at] = np.uint8(rest & np.uint64(127)) | np.uint8(128)
        rest >>= np.uint64(7)
        at += 1
    out_page[at] = np.uint8(rest)
    return at + 1


@kernel
def _bits_of(value):
    """Give the number of bits up to the highest that is set."""
    bits = 0
    while value:
        value >>= np.uint64(1)
        bits += 1
    return bits


@kernel
def _pack(word, count, width, out_page, at):
    """Write values at `width` bits each, the lowest first, and return the byte behind them.

    word   uint64[count + 1]  the values, each below 2 ** width; overwritten
    count  a multiple of eight

    Neighbours are joined while two fit 64 bits, several pairs at a time; what is left for one value
    after the other is an eighth.
    """
    size = count * width // 8
    while 2 * width <= 64 and count % 2 == 0:
        count //= 2
        for i in range(count):
            word[i] = word[2 * i] | word[2 * i + 1] << np.uint64(width)
        width *= 2
    held = np.uint64(0)
    used = 0
    words = 0
    for i in range(count):
        joined = word[i]
        held |= joined << np.uint64(used)
        used += width
        if used >= 64:
            word[words] = held
            words += 1
            used -= 64
            # A shift by 64 is undefined: in two steps it is not one.
            held = (joined >> np.uint64(1)) >> np.uint64(width - used - 1)
    word[words] = held
    packed = word.view(np.uint8)[:size]
    target = out_page[at : at + size]
    for i in range(size):
        target[i] = packed[i]
    return at + size


@kernel
def _are_alike(value, start):
    """Tell whether eight values from `start` on are the same."""
    differs = np.int32(0)
    for i in range(start + 1, start + GROUP_VALUES):
        differs |= value[i] ^ value[start]
    return differs == 0


@kernel
def write_runs(value, count, width, out_page, at):
    """Write codes as runs of one code and of packed ones (RLE / bit-packing hybrid).

    value     int32[count + 8]  each below 2 ** width; what is behind `count` is overwritten
    count     int64
    width     int64     bits of a code, up to 32
    out_page  uint8[m]  written
    at        int64     first byte to write

    From eight on, codes that are alike are a run of their own, counted from where a group begins.
    """
    word = np.empty(_LITERAL_GROUPS * GROUP_VALUES + 1, np.uint64)
    first = 0
    while first < count:
        end = first
        while (
            end + GROUP_VALUES <= count
            and end - first < _LITERAL_GROUPS * GROUP_VALUES
            and not _are_alike(value, end)
        ):
            end += GROUP_VALUES
        packed = end - first
        if count - end < GROUP_VALUES and packed < _LITERAL_GROUPS * GROUP_VALUES:
            # The last values, fewer than eight: one run if they are alike and stand alone.
            is_run = packed == 0
            for i in range(end + 1, count):
                is_run = is_run and value[i] == value[end]
            if end < count and not is_run:
                value[count : count + GROUP_VALUES] = 0
                packed += GROUP_VALUES
                end = count
        if packed:
            out_page[at] = np.uint8((packed // GROUP_VALUES << 1) | 1)
            for i in range(packed):
                word[i] = value[first + i]
            at = _pack(word, packed, width, out_page, at + 1)
        else:
            while end < count and value[end] == value[first]:
                end += 1
            at = _write_varint((end - first) << 1, out_page, at)
            for k in range((width + 7) // 8):
                out_page[at] = np.uint8((value[first] >> (8 * k)) & 255)
                at += 1
        first = end
    return at


@kernel
def write_numbers(value, bits, out_page, at, out_bounds):
    """Write numbers by their differences (DELTA_BINARY_PACKED).

    value       int64[n]
    bits        int64     32 or 64: of a stored number; differences wrap around at that width
    out_page    uint8[m]  written
    at          int64     first byte to write
    out_bounds  int64[2]  written: least and greatest value, if there is one
    """
    count = value.shape[0]
    in_full = BLOCK_VALUES_PER_BYTE * bits // 8
    at = _write_varint(in_full, out_page, at)
    at = _write_varint(MINIBLOCKS, out_page, at)
    at = _write_varint(count, out_page, at)
    if count == 0:
        out_page[at] = 0
        return at + 1
    least = greatest = value[0]
    for i in range(1, count):
        least = min(least, value[i])
        greatest = max(greatest, value[i])
    out_bounds[0] = least
    out_bounds[1] = greatest
    at = _write_varint((value[0] << 1) ^ (value[0] >> 63), out_page, at)
    unused = 64 - bits
    delta = np.empty(in_full, np.int64)
    above = np.empty(in_full, np.uint64)
    word = np.empty(in_full // MINIBLOCKS + 1, np.uint64)
    for first in range(1, count, in_full):
        in_block = min(in_full, count - first)
        for j in range(in_block):
            delta[j] = (value[first + j] - value[first + j - 1]) << unused >> unused
        at = _write_block(delta, in_block, unused, above, word, out_page, at)
    return at


@kernel
def _write_block(delta, count, unused, above, word, out_page, at):
    """Write a block of differences: the least of them, four widths, what the others are above it.

    delta  int64[b]          of which `count` are in use
    above  uint64[b]         working space
    word   uint64[b // 4 + 1]  working space
    """
    least = delta[0]
    for j in range(1, count):
        least = min(least, delta[j])
    at = _write_varint((least << 1) ^ (least >> 63), out_page, at)
    mask = ~np.uint64(0) >> np.uint64(unused)
    for j in range(count):
        above[j] = np.uint64(delta[j] - least) & mask
    above[count:] = 0
    in_miniblock = delta.shape[0] // MINIBLOCKS
    widths = at
    at += MINIBLOCKS
    for number in range(MINIBLOCKS):
        start = number * in_miniblock
        every = np.uint64(0)
        for j in range(in_miniblock):
            word[j] = above[start + j]
            every |= word[j]
        width = _bits_of(every)
        out_page[widths + number] = width
        if start < count:
            at = _pack(word, in_miniblock, width, out_page, at)
    return at


@kernel
def write_texts(text, out_page, at):
    """Write texts, each after its length in four bytes (PLAIN).

    text      Text      none of them null
    out_page  uint8[m]  written
    at        int64     first byte to write

    Positions are unsigned: an index that might be negative is looked at for every byte.
    """
    place = np.uint64(at)
    for i in range(text.offsets.shape[0] - 1):
        first, last = np.uint64(text.offsets[i]), np.uint64(text.offsets[i + 1])
        for k in range(4):
            out_page[place] = np.uint8(((last - first) >> np.uint64(8 * k)) & np.uint64(255))
            place += np.uint64(1)
        while first < last:
            out_page[place] = text.data[first]
            place += np.uint64(1)
            first += np.uint64(1)
    return np.int64(place)
