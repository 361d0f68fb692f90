"""What Arrow columns need beside their values: bitmaps of what is there, dictionaries in use."""

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
    missing = 0
    for place in range(out_bits.shape[0]):
        bits = 0
        first = 8 * place
        for i in range(first, min(first + 8, n)):
            if values[i] >= least:
                bits |= 1 << (i - first)
            else:
                missing += 1
        out_bits[place] = bits
    return missing


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
