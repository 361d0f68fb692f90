"""Group and match rows by key: records, partitions, dense ids, hash join of one shard."""

from typing import Any, NamedTuple

import numpy as np

from encours.kernels._jit import kernel
from encours.kernels.text import NO_DAY, hash_bytes

HASH_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: multiplicative hashing (Knuth, TAOCP 6.4)."""
COMPANY_MIX = np.uint64(0xD6E8FEB86659FD93)
"""Sets the hash of a company code apart from that of a document number, which it is added to."""
SHARD_SHIFT = np.uint64(58)
"""The upper six bits of a key say in which of 64 shards it is matched."""
NO_REASON = -1

Array = np.ndarray[Any, np.dtype[Any]]


class AllocationColumns(NamedTuple):
    """Columns of n allocations, decoded.

    first, second  uint64[n]  key of the item
    value_day, posting_day  int32[n]  `NO_DAY` where there is none
    currency_code, kind_code  int32[n]
    reason         int16[n]   what is wrong with the row, NO_REASON where nothing is
    """

    first: Array
    second: Array
    amount_milli: Array
    value_day: Array
    posting_day: Array
    currency_code: Array
    kind_code: Array
    reason: Array


@kernel
def pack_item_keys(item_id, ordinal_first, out_item, out_shard):
    """Write the key of every item.

    item_id        Text
    ordinal_first  int64      of the first row
    out_item       record[n]  written: fields first, second (128-bit key), ordinal
    out_shard      int32[n]   written: upper bits of the key, -1 for a null or empty id
    """
    has_nulls = item_id.valid.shape[0] > 0
    for i in range(out_shard.shape[0]):
        start = item_id.offsets[i]
        end = item_id.offsets[i + 1]
        if has_nulls and item_id.valid[i] == 0:
            end = start
        first, second = hash_bytes(item_id.data, start, end)
        out_item[i]["first"] = first
        out_item[i]["second"] = second
        out_item[i]["ordinal"] = ordinal_first + i
        out_shard[i] = np.int32(first >> SHARD_SHIFT) if end > start else -1


@kernel
def pack_document_keys(item, number, company_position, company_first, out_key, out_shard):
    """Write the key of every item's document, by its number and company code.

    item              record[n]  as `pack_item_keys` writes them
    number            Text       of documents; a null or empty one is the item's id
    company_position  int32[n]   in `company_first`; -1 is its last place
    company_first     uint64[k]  hash of each company code, of no code at the end
    out_key           uint64[n]  written
    out_shard         int32[n]   written: upper bits of the key
    """
    has_nulls = number.valid.shape[0] > 0
    for i in range(out_key.shape[0]):
        start = number.offsets[i]
        end = number.offsets[i + 1]
        key = item[i]["first"]
        if end > start and not (has_nulls and number.valid[i] == 0):
            key, _ = hash_bytes(number.data, start, end)
        key += company_first[company_position[i]] * COMPANY_MIX
        out_key[i] = key
        out_shard[i] = np.int32(key >> SHARD_SHIFT)


@kernel
def pack_allocations(columns, ordinal_first, out_record, out_row, out_shard):
    """Write the good ones of n allocations as records, and return how many there are.

    columns        AllocationColumns
    ordinal_first  int64      of the first row
    out_record     record[n]  written from its beginning: `ALLOCATION_RECORD`
    out_row        int64[n]   written: row of each record
    out_shard      int32[n]   written: upper bits of each record's key

    An allocation is posted on its value day and is of the first kind unless it says otherwise.
    """
    count = 0
    for i in range(out_row.shape[0]):
        if columns.reason[i] != NO_REASON:
            continue
        posting_day = columns.posting_day[i]
        out_record[count]["first"] = columns.first[i]
        out_record[count]["second"] = columns.second[i]
        out_record[count]["ordinal"] = ordinal_first + i
        out_record[count]["amount_milli"] = columns.amount_milli[i]
        out_record[count]["value_day"] = columns.value_day[i]
        out_record[count]["posting_day"] = (
            columns.value_day[i] if posting_day == NO_DAY else posting_day
        )
        out_record[count]["currency_code"] = columns.currency_code[i]
        out_record[count]["kind_code"] = max(columns.kind_code[i], 0)
        out_row[count] = i
        out_shard[count] = np.int32(columns.first[i] >> SHARD_SHIFT)
        count += 1
    return count


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
