"""The kernels of keys against their slow twins: repeated, colliding and extreme keys."""

from collections.abc import Callable
from itertools import count, islice
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels import keys as kernels
from encours.kernels.text import NO_DAY
from encours.ledger.allocations import ALLOCATION_RECORD
from encours.ledger.buffers import as_text
from tests.naive import keys as naive
from tests.naive.text import hash_text

Array = np.ndarray[Any, np.dtype[Any]]

INT64 = np.iinfo(np.int64)
MASK_64 = 2**64 - 1
MULTIPLIER = 0x9E3779B97F4A7C15
COMPANY_MIX = int(kernels.COMPANY_MIX)
KEY_RECORD = np.dtype([("first", np.uint64), ("second", np.uint64), ("ordinal", np.int64)])
CROWDED = 24
"""Keys that all want one place of a table with 128."""


def id_place(key: int) -> int:
    mixed = (key & MASK_64) * MULTIPLIER & MASK_64
    return (mixed ^ mixed >> 32) & 127


def straddling_place(key: int) -> int:
    return (key * MULTIPLIER & MASK_64) >> 20 & 127


def crowded(place: Callable[[int], int], wanted: int) -> list[int]:
    """Give keys that all want the same place, so that each is looked for past the others."""
    return list(islice((key for key in count(1) if place(key) == wanted), CROWDED))


NASTY_KEYS = {
    "none": [],
    "one": [7],
    "zero": [0, 0],
    "all equal": [5] * 40,
    "all different": list(range(50)),
    "negative": [-1, -2, -1, 1, 2, -2],
    "extremes": [INT64.min, INT64.max, 0, -1, INT64.max, INT64.min],
    "colliding": crowded(id_place, 3) * 2,
    "colliding at the end of the table": crowded(id_place, 127) + crowded(id_place, 0),
    "colliding in find_straddling": crowded(straddling_place, 127) * 2,
}
nasty_keys = pytest.mark.parametrize("keys", NASTY_KEYS.values(), ids=NASTY_KEYS.keys())
few_keys = st.lists(st.integers(-4, 4) | st.sampled_from([INT64.min, INT64.max]), max_size=60)


def free_slots(rows: int) -> Array:
    return np.full(max(128, 1 << (2 * rows + 2).bit_length()), -1, np.int32)


def assign(batches: list[list[int]]) -> tuple[list[list[int]], list[int]]:
    """Look batches of keys up in one table; give their ids and the keys by id."""
    rows = sum(len(batch) for batch in batches)
    slots, distinct = free_slots(rows), np.empty(rows, np.int64)
    known, ids = 0, []
    for batch in batches:
        out = np.empty(len(batch), np.int32)
        with np.errstate(over="ignore"):
            known = kernels.assign_ids(np.array(batch, np.int64), slots, distinct, known, out)
        ids.append(out.tolist())
    return ids, distinct[:known].tolist()


@nasty_keys
def test_assign_ids__like_twin_on_nasty_keys(keys: list[int]) -> None:
    known: list[int] = []
    expected = naive.assign_ids(keys, known)
    assert assign([keys]) == ([expected], known)


@given(st.lists(few_keys, max_size=4))
def test_assign_ids__like_twin_batch_after_batch(batches: list[list[int]]) -> None:
    known: list[int] = []
    expected = [naive.assign_ids(batch, known) for batch in batches]
    assert assign(batches) == (expected, known)


def test_assign_ids__fills_the_smallest_table_allowed() -> None:
    keys = crowded(id_place, 127)[:8]
    slots, distinct, out = np.full(16, -1, np.int32), np.empty(8, np.int64), np.empty(8, np.int32)
    with np.errstate(over="ignore"):
        assert kernels.assign_ids(np.array(keys, np.int64), slots, distinct, 0, out) == 8
    assert out.tolist() == list(range(8))
    assert int((slots >= 0).sum()) == 8


def partition(codes: list[int], bucket_count: int, width: int = 2) -> tuple[list[int], list[Any]]:
    words = np.arange(len(codes) * width, dtype=np.uint64).reshape(len(codes), width)
    start = np.full(bucket_count + 1, -9, np.int64)
    ordered = np.zeros_like(words)
    kernels.partition_rows(np.array(codes, np.int32), words, start, ordered)
    return start.tolist(), ordered[: start[-1]].tolist()


@pytest.mark.parametrize(
    ("codes", "bucket_count"),
    [
        ([], 1),
        ([], 3),
        ([0], 1),
        ([-1], 1),
        ([-1, -1, -2147483648], 4),
        ([2, 2, 2], 3),
        ([0, 0, 0], 3),
        ([3, 2, 1, 0, -1, 3], 4),
    ],
)
def test_partition_rows__like_twin_on_nasty_codes(codes: list[int], bucket_count: int) -> None:
    rows = [[2 * row, 2 * row + 1] for row in range(len(codes))]
    assert partition(codes, bucket_count) == naive.partition_rows(codes, rows, bucket_count)


@given(st.lists(st.integers(-1, 5), max_size=50), st.integers(1, 4))
def test_partition_rows__like_twin_on_random_codes(codes: list[int], width: int) -> None:
    rows = [list(range(row * width, (row + 1) * width)) for row in range(len(codes))]
    assert partition(codes, 6, width) == naive.partition_rows(codes, rows, 6)


def records(keys: list[naive.Key]) -> Array:
    made = np.zeros(len(keys), KEY_RECORD)
    made["first"] = np.array([first for first, _ in keys], np.uint64)
    made["second"] = np.array([second for _, second in keys], np.uint64)
    return made


def match(items: list[naive.Key], allocations: list[naive.Key]) -> tuple[list[Any], list[Any]]:
    twin, found = np.empty(len(items), np.int32), np.empty(len(allocations), np.int64)
    slots = free_slots(len(items))
    kernels.match_shard(records(items), records(allocations), slots, twin, found)
    again = np.empty(len(allocations), np.int64)
    first, second = (records(allocations)[name].copy() for name in ("first", "second"))
    kernels.find_keys(records(items), slots, first, second, again)
    assert again.tolist() == found.tolist()
    return (
        [None if row < 0 else row for row in twin.tolist()],
        [None if row < 0 else row for row in found.tolist()],
    )


SAME_PLACE = [(first, 128 * turn + 127) for first in range(3) for turn in range(8)]
NASTY_PAIRS = {
    "nothing": ([], []),
    "no items": ([], [(1, 1), (0, 0)]),
    "no allocations": ([(1, 1), (1, 1)], []),
    "all equal": ([(9, 9)] * 30, [(9, 9)] * 5),
    "zero key": ([(0, 0), (0, 0)], [(0, 0), (0, 1), (1, 0)]),
    "half of the key alike": ([(1, 5), (2, 5), (1, 6), (2, 5)], [(2, 6), (2, 5), (1, 5), (3, 5)]),
    "halves swapped": ([(1, 2), (2, 1)], [(2, 1), (1, 2)]),
    "one place for all": (SAME_PLACE * 2, [*SAME_PLACE, (3, 127), (0, 128 * 9 + 127)]),
    "extremes": ([(MASK_64, MASK_64), (0, MASK_64), (MASK_64, 0)], [(MASK_64, 0), (2**63, 2**63)]),
}
nasty_pairs = pytest.mark.parametrize(
    ("items", "allocations"), NASTY_PAIRS.values(), ids=NASTY_PAIRS.keys()
)
few_pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2) | st.just(128)), max_size=40)


@nasty_pairs
def test_match_shard__like_twin_on_nasty_keys(
    items: list[naive.Key], allocations: list[naive.Key]
) -> None:
    assert match(items, allocations) == naive.match_shard(items, allocations)


@given(few_pairs, few_pairs)
def test_match_shard__like_twin_on_random_keys(
    items: list[naive.Key], allocations: list[naive.Key]
) -> None:
    assert match(items, allocations) == naive.match_shard(items, allocations)


def straddling(keys: list[int], units: list[int]) -> set[int]:
    out = np.full(len(keys), 7, np.uint8)
    with np.errstate(over="ignore"):
        kernels.find_straddling(
            np.array(keys, np.int64).view(np.uint64),
            np.array(units, np.int64),
            free_slots(len(keys)),
            out,
        )
    assert set(out.tolist()) <= {0, 1}
    return set(np.flatnonzero(out).tolist())


@nasty_keys
@pytest.mark.parametrize("units", [1, 2, 3, 1000])
def test_find_straddling__like_twin_on_nasty_keys(keys: list[int], units: int) -> None:
    unit = [row % units for row in range(len(keys))]
    assert straddling(keys, unit) == naive.find_straddling(keys, unit)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2)), max_size=50))
def test_find_straddling__names_every_key_and_every_unit_concerned(
    rows: list[tuple[int, int]],
) -> None:
    keys, units = [key for key, _ in rows], [unit for _, unit in rows]
    found = straddling(keys, units)
    assert found == naive.find_straddling(keys, units)
    units_of: dict[int, set[int]] = {}
    for key, unit in rows:
        units_of.setdefault(key, set()).add(unit)
    shared = {key for key, among in units_of.items() if len(among) > 1}
    assert {keys[row] for row in found} == shared
    assert {units[row] for row in found} == {unit for key in shared for unit in units_of[key]}


def test_kernels_of_keys__take_columns_that_may_not_be_written() -> None:
    def fixed(values: Array) -> Array:
        values.flags.writeable = False
        return values

    keys = fixed(np.array([3, 1, 3], np.int64))
    ids, distinct = np.empty(3, np.int32), np.empty(3, np.int64)
    with np.errstate(over="ignore"):
        assert kernels.assign_ids(keys, free_slots(3), distinct, 0, ids) == 2
    assert ids.tolist() == [0, 1, 0]
    start, words = np.empty(3, np.int64), fixed(np.arange(3, dtype=np.uint64).reshape(3, 1))
    ordered = np.empty_like(words)
    kernels.partition_rows(fixed(np.array([1, 0, 1], np.int32)), words, start, ordered)
    assert ordered[:, 0].tolist() == [1, 0, 2]
    pairs = fixed(records([(1, 1), (1, 1)]))
    twin, found = np.empty(2, np.int32), np.empty(2, np.int64)
    kernels.match_shard(pairs, pairs, free_slots(2), twin, found)
    assert (twin.tolist(), found.tolist()) == ([-1, 0], [0, 0])
    out = np.empty(3, np.uint8)
    units = fixed(np.array([0, 0, 1], np.int64))
    with np.errstate(over="ignore"):
        kernels.find_straddling(keys.view(np.uint64), units, free_slots(3), out)
    assert out.tolist() == [1, 0, 1]


def packed(
    ids: list[str | None], numbers: list[str | None], companies: list[int]
) -> tuple[Array, Array, Array, Array]:
    """Give items' records and shards, and keys and shards of their documents."""
    count, firsts = len(ids), np.array([17, MASK_64, 5], np.uint64)
    items, shard = np.empty(count, KEY_RECORD), np.full(count, 9, np.int32)
    kernels.pack_item_keys(as_text(pa.array(ids, pa.string())), 70, items, shard)
    key, document_shard = np.empty(count, np.uint64), np.full(count, 9, np.int32)
    position = np.array(companies, np.int32)
    with np.errstate(over="ignore"):
        kernels.pack_document_keys(
            items, as_text(pa.array(numbers, pa.string())), position, firsts, key, document_shard
        )
    return items, shard, key, document_shard


TEXTS = ["", None, "a", "é", "a" * 8, "b" * 20, "\0"]


@given(
    st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(TEXTS), st.integers(-1, 2)))
    | st.lists(st.tuples(st.text(), st.text(), st.integers(-1, 2)))
)
def test_pack_item_keys__like_twin_with_documents(
    rows: list[tuple[str | None, str | None, int]],
) -> None:
    ids = [row[0] for row in rows]
    items, shard, key, document_shard = packed(
        ids, [row[1] for row in rows], [row[2] for row in rows]
    )
    hashes = [hash_text((text or "").encode()) for text in ids]
    assert [(first, second) for first, second, _ in items.tolist()] == hashes
    assert items["ordinal"].tolist() == list(range(70, 70 + len(rows)))
    assert shard.tolist() == [
        first >> 58 if text else -1 for text, (first, _) in zip(ids, hashes, strict=True)
    ]
    wanted = [
        hash_text((number or text or "").encode())[0] + [17, MASK_64, 5][company] * COMPANY_MIX
        for text, number, company in rows
    ]
    assert key.tolist() == [one & MASK_64 for one in wanted]
    assert document_shard.tolist() == [(one & MASK_64) >> 58 for one in wanted]


@given(
    st.lists(
        st.tuples(
            st.integers(0, MASK_64),
            st.integers(INT64.min, INT64.max),
            st.sampled_from([NO_DAY, -1, 0, 20_000]),
            st.sampled_from([NO_DAY, -1, 0, 20_001]),
            st.integers(-2, 3),
            st.sampled_from([-1, -1, 0, 7]),
        )
    )
)
def test_pack_allocations__like_twin(rows: list[tuple[int, ...]]) -> None:
    count = len(rows)
    types = (np.uint64, np.int64, np.int32, np.int32, np.int32, np.int16)
    first, amount, value, posting, kind, reason = (
        np.array([row[field] for row in rows], kind) for field, kind in enumerate(types)
    )
    second, currency = first[::-1].copy(), np.arange(count, dtype=np.int32)
    columns = kernels.AllocationColumns(
        first, second, amount, value, posting, currency, kind, reason
    )
    made, row = np.empty(count, ALLOCATION_RECORD), np.empty(count, np.int64)
    shard = np.empty(count, np.int32)
    kept = kernels.pack_allocations(columns, 30, made, row, shard)
    good = [place for place, one in enumerate(rows) if one[5] == -1]
    assert row[:kept].tolist() == good
    assert shard[:kept].tolist() == [rows[place][0] >> 58 for place in good]
    assert made[:kept].tolist() == [
        (
            rows[place][0],
            rows[count - 1 - place][0],
            30 + place,
            rows[place][1],
            rows[place][2],
            rows[place][2] if rows[place][3] == NO_DAY else rows[place][3],
            place,
            max(rows[place][4], 0),
        )
        for place in good
    ]
