"""What Arrow columns are made of: the rows in use, bitmaps of what is there, dictionaries."""

from typing import Any

import numpy as np

from encours.kernels._jit import kernel


@kernel
def mark_valid(values, least, out_bits):
    """Write a bit per value, the lowest first: set where the value is not below `least`.

    values    int32[n]
    least     int32
    out_bits  uint8[(n + 7) // 8]  written; bits past the last value are 0

    Returns the number of values below `least`.
    """
    n = values.shape[0]
    given = 0
    for place in range(n // 8):
        bits = 0
        for j in range(8):
            bits |= (values[8 * place + j] >= least) << j
        out_bits[place] = bits
    if n % 8:
        out_bits[n // 8] = 0
    for i in range(n - n % 8, n):
        out_bits[n // 8] |= (values[i] >= least) << (i % 8)
    for i in range(n):
        given += values[i] >= least
    return n - given


@kernel
def number_codes(code, place, out_distinct, out_id):
    """Number codes by first appearance, and return how many different ones there are.

    code          int32[n]  0 .. c-1
    place         int32[c]  working table, filled with -1
    out_distinct  int32[n]  written up to the number of different codes: the code of each number
    out_id        int32[n]  written
    """
    count = 0
    for i in range(code.shape[0]):
        number = place[code[i]]
        if number < 0:
            number = count
            place[code[i]] = count
            out_distinct[count] = code[i]
            count += 1
        out_id[i] = number
    return count


def _keep_chosen(values, chosen, out_kept):
    """Write the chosen values, one behind the other.

    values    int32[n] or int64[n], a kernel each
    chosen    uint8[n]    1 keeps the value, 0 leaves it out
    out_kept  as values, [k + 1] for k chosen ones; the last place is scratch
    """
    at = 0
    for i in range(values.shape[0]):
        # Written in any case: a choice that cannot be foreseen costs more than a store.
        out_kept[at] = values[i]
        at += np.int64(chosen[i])


keep_int32: Any = kernel(_keep_chosen)
keep_int64: Any = kernel(_keep_chosen)
