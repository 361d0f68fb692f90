"""Group and match rows by key: partitions, dense ids of integer keys, hash join of one shard."""

from typing import Any

import numpy as np

from encours.kernels._jit import kernel

HASH_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: multiplicative hashing (Knuth, TAOCP 6.4)."""

Array = np.ndarray[Any, np.dtype[Any]]


@kernel
def partition_rows(code, words, out_start, out_words):
    """Gather rows by a small code, keeping their order within a code.

    code       int32[n]      0 .. b - 1; a negative code leaves the row out
    words      uint64[n, k]  the rows, k words of 64 bits each
    out_start  int64[b+1]    written: where each code begins in `out_words`
    out_words  uint64[n, k]  written up to out_start[b]: the rows, code by code
    """
    bucket_count = out_start.shape[0] - 1
    for i in range(bucket_count + 1):
        out_start[i] = 0
    for i in range(code.shape[0]):
        if code[i] >= 0:
            out_start[code[i] + 1] += 1
    for i in range(bucket_count):
        out_start[i + 1] += out_start[i]
    place = out_start.copy()
    for i in range(code.shape[0]):
        if code[i] >= 0:
            at = place[code[i]]
            for j in range(words.shape[1]):
                out_words[at, j] = words[i, j]
            place[code[i]] = at + 1


@kernel
def assign_ids(key, slot_id, keys, count, out_id):
    """Give every key its dense id, in order of first appearance, and return how many there are now.

    key      int64[n]  keys to look up
    slot_id  int32[s]  open-addressing table, s a power of two above 2 x (count + n); -1 where free
    keys     int64[k]  key of each id; extended in place, room for count + n
    count    int64     ids already given
    out_id   int32[n]  written
    """
    mask = np.uint64(slot_id.shape[0] - 1)
    for i in range(key.shape[0]):
        mixed = np.uint64(key[i]) * HASH_MULTIPLIER
        place = (mixed ^ (mixed >> np.uint64(32))) & mask
        while True:
            found = slot_id[place]
            if found < 0:
                slot_id[place] = count
                keys[count] = key[i]
                out_id[i] = count
                count += 1
                break
            if keys[found] == key[i]:
                out_id[i] = found
                break
            place = (place + np.uint64(1)) & mask
    return count


@kernel
def match_shard(items, allocations, slot_index, out_twin, out_match):
    """Find duplicate item keys of one shard, and the item of every allocation.

    items        record[n]  fields first, second: 128-bit key
    allocations  record[m]  the same fields
    slot_index   int32[s]   working table, s a power of two above 2 n, filled with -1
    out_twin     int32[n]   written: the first row with the same key, or -1 when the row is that one
    out_match    int64[m]   written: the first item row with that key, -1 when there is none
    """
    mask = np.uint64(slot_index.shape[0] - 1)
    for i in range(items.shape[0]):
        place = items[i]["second"] & mask
        out_twin[i] = -1
        while slot_index[place] >= 0:
            other = slot_index[place]
            if (
                items[other]["first"] == items[i]["first"]
                and items[other]["second"] == items[i]["second"]
            ):
                out_twin[i] = other
                break
            place = (place + np.uint64(1)) & mask
        if slot_index[place] < 0:
            slot_index[place] = i
    for i in range(allocations.shape[0]):
        place = allocations[i]["second"] & mask
        out_match[i] = -1
        while slot_index[place] >= 0:
            other = slot_index[place]
            if (
                items[other]["first"] == allocations[i]["first"]
                and items[other]["second"] == allocations[i]["second"]
            ):
                out_match[i] = other
                break
            place = (place + np.uint64(1)) & mask


@kernel
def find_keys(items, slot_index, first, second, out_match):
    """Find the item row of every key of a shard that `match_shard` has indexed.

    items       record[n]  fields first, second: 128-bit key
    slot_index  int32[s]   the working table as `match_shard` leaves it
    first       uint64[m]  keys to look for, in two halves
    second      uint64[m]
    out_match   int64[m]   written: the first item row with that key, -1 when there is none
    """
    mask = np.uint64(slot_index.shape[0] - 1)
    for i in range(first.shape[0]):
        place = second[i] & mask
        out_match[i] = -1
        while slot_index[place] >= 0:
            other = slot_index[place]
            if items[other]["first"] == first[i] and items[other]["second"] == second[i]:
                out_match[i] = other
                break
            place = (place + np.uint64(1)) & mask


@kernel
def find_straddling(key, unit, slot_index, out_straddles):
    """Mark the rows whose key also occurs in another work unit.

    key            uint64[n]
    unit           int64[n]  work unit of each row
    slot_index     int32[s]  working table, s a power of two above 2 n, filled with -1
    out_straddles  uint8[n]  written: 1 on the first row and on every row of another unit
    """
    mask = np.uint64(slot_index.shape[0] - 1)
    for i in range(key.shape[0]):
        place = (key[i] * HASH_MULTIPLIER) >> np.uint64(20) & mask
        out_straddles[i] = 0
        while slot_index[place] >= 0 and key[slot_index[place]] != key[i]:
            place = (place + np.uint64(1)) & mask
        other = slot_index[place]
        if other < 0:
            slot_index[place] = i
        elif unit[other] != unit[i]:
            out_straddles[other] = 1
            out_straddles[i] = 1
