"""Texts in the order of their bytes: the least, the greatest, and those that numbers leave tied."""

import numpy as np

from encours.kernels._jit import kernel
from encours.kernels.text import read_word


@kernel
def is_less(data, first, last, other, other_last):
    """Tell whether a text comes before another by its bytes.

    data               uint8[m]
    first, last        int   where the text begins, and the byte behind it
    other, other_last  int   the same of the other
    """
    at, other_at = np.uint64(first), np.uint64(other)
    rest = np.uint64(min(last - first, other_last - other))
    while rest >= np.uint64(8) and read_word(data, at) == read_word(data, other_at):
        at += np.uint64(8)
        other_at += np.uint64(8)
        rest -= np.uint64(8)
    while rest:
        if data[at] != data[other_at]:
            return data[at] < data[other_at]
        at += np.uint64(1)
        other_at += np.uint64(1)
        rest -= np.uint64(1)
    return last - first < other_last - other


@kernel
def bound_texts(text, out_row):
    """Find the least and the greatest of texts, ordered by their bytes.

    text     Text      at least one, none of them null
    out_row  int64[2]  written: their rows
    """
    least = greatest = 0
    for i in range(1, text.offsets.shape[0] - 1):
        first, last = text.offsets[i], text.offsets[i + 1]
        if is_less(text.data, text.offsets[greatest], text.offsets[greatest + 1], first, last):
            greatest = i
        elif is_less(text.data, first, last, text.offsets[least], text.offsets[least + 1]):
            least = i
    out_row[0] = least
    out_row[1] = greatest


@kernel
def _comes_first(text, row, other):
    """Tell whether a row's text comes before another row's; a null is an empty text."""
    return is_less(
        text.data,
        text.offsets[row],
        text.offsets[row + 1],
        text.offsets[other],
        text.offsets[other + 1],
    )


@kernel
def sort_ties(text, is_tied, order, scratch):
    """Put rows that numbers leave tied in the order of their texts; equal ones stay as they are.

    text     Text
    is_tied  bool[n - 1]  the row behind ties with the one before
    order    int64[n]     rows, put in order in place; ties stand together
    scratch  int64[n]     working space

    Few rows tie, mostly: they are put in one by one. Where more do, runs of sixteen are merged.
    """
    n = order.shape[0]
    start = 0
    while start < n:
        end = start + 1
        while end < n and is_tied[end - 1]:
            end += 1
        for low in range(start, end, 16):
            for i in range(low + 1, min(low + 16, end)):
                row, j = order[i], i
                while j > low and _comes_first(text, row, order[j - 1]):
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = row
        width = 16
        while width < end - start:
            for low in range(start, end, 2 * width):
                _merge(text, order, low, min(low + width, end), min(low + 2 * width, end), scratch)
            width *= 2
        start = end


@kernel
def _merge(text, order, low, middle, high, scratch):
    """Merge two runs of rows that follow one another."""
    for i in range(low, middle):
        scratch[i] = order[i]
    left, right, at = low, middle, low
    while left < middle and right < high:
        if _comes_first(text, order[right], scratch[left]):
            order[at] = order[right]
            right += 1
        else:
            order[at] = scratch[left]
            left += 1
        at += 1
    while left < middle:
        order[at] = scratch[left]
        left += 1
        at += 1
