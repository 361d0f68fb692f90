"""Allocations: decoded in the keys pass, parked by item, joined to the items of a work unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.kernels.keys import AllocationColumns, pack_allocations, partition_rows
from encours.ledger.checking import (
    ABSENT,
    REASON_POSITION,
    UNLISTED,
    CheckedColumns,
    RowFaults,
    check_columns,
    combine,
    listed_codes,
)
from encours.ledger.decode import NO_DAY, hash_column
from encours.ledger.master import CURRENCY_POSITIONS, MINOR_UNIT_MILLI
from encours_schemas import INPUT_TABLES
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    import pyarrow as pa

    from encours.ledger.items import Items
    from encours_schemas.configuration import TableInput

Array = np.ndarray[Any, np.dtype[Any]]

ALLOCATIONS = INPUT_TABLES["allocations"]
ALLOCATION_KINDS = ALLOCATIONS.column("kind").allowed
OUTSIDE_CLEARING = tuple(
    ALLOCATION_KINDS.index(kind) for kind in ("discount", "write_off", "exchange_difference")
)

ALLOCATION_RECORD = np.dtype(
    [
        ("first", np.uint64),
        ("second", np.uint64),
        ("ordinal", np.int64),
        ("amount_milli", np.int64),
        ("value_day", np.int32),
        ("posting_day", np.int32),
        ("currency_code", np.int32),
        ("kind_code", np.int32),
    ]
)
"""An allocation on its way to its item; `first` becomes the ordinal of the item."""


class DecodedAllocations(NamedTuple):
    """Good allocations of a unit as records, their rows and shards, and what is wrong with others.

    records  `ALLOCATION_RECORD`[k]
    rows     int64[k]
    shard    int32[k]  where the item of each is looked for
    """

    records: Array
    rows: Array
    shard: Array
    faults: RowFaults
    checked: CheckedColumns


def decode_allocations(
    data: pa.Table, dialect: TableInput, first_ordinal: int
) -> DecodedAllocations:
    """Decode and check what an allocation shows alone; the item is checked where it is met."""
    checked = check_columns(ALLOCATIONS, data, dialect, skip=("currency",))
    currency = np.full(data.num_rows, ABSENT, np.int32)
    if "currency" in data.column_names:
        currency = listed_codes(combine(data.column("currency")), CURRENCY_POSITIONS)
        checked.faults.add(currency == UNLISTED, "currency", Reason.UNKNOWN_CURRENCY)
    records = np.empty(data.num_rows, ALLOCATION_RECORD)
    rows, shard = np.empty(data.num_rows, np.int64), np.empty(data.num_rows, np.int32)
    count = 0
    if not checked.faults.bad.all():
        columns = AllocationColumns(
            *hash_column(checked.values["item_id"]),
            checked.money("amount"),
            checked.day("value_date"),
            checked.day("posting_date"),
            currency,
            checked.listed("kind"),
            checked.faults.reason,
        )
        count = pack_allocations(columns, first_ordinal, records, rows, shard)
    return DecodedAllocations(records[:count], rows[:count], shard[:count], checked.faults, checked)


def by_item(records: Array, first_ordinal: int, item_count: int) -> Array:
    """Order the allocations of a unit by the ordinal of their item: `ALLOCATION_RECORD`[m].

    Items are consecutive, so counting does it; no comparison sort is needed.
    """
    words = records.view(np.uint64).reshape(-1, ALLOCATION_RECORD.itemsize // 8)
    row = (records["first"] - np.uint64(first_ordinal)).astype(np.int32)
    ordered = np.empty_like(words)
    partition_rows(row, words, np.empty(item_count + 1, np.int64), ordered)
    return ordered.reshape(-1).view(ALLOCATION_RECORD)


class ItemAllocations(NamedTuple):
    """Allocations of a unit's n items, those of item i at offset[i] .. offset[i+1]-1.

    Sorted by value day within an item; only those posted by the as-of date. `has_any` (bool[n])
    tells which items have an accepted allocation at all: then the allocations decide (DOMAIN 3).
    `at_extract_milli` (int64[n]) sums those posted by the extract date. `kind_code` (int32[m]) is a
    position in `ALLOCATION_KINDS`.
    """

    offset: Array
    value_day: Array
    amount_milli: Array
    has_any: Array
    at_extract_milli: Array
    kind_code: Array


class AllocationFaults(NamedTuple):
    """Allocations that their item refuses: ordinals in the table, `REASONS` positions, columns."""

    ordinal: Array
    reason: Array
    column: tuple[str, ...]


_REFUSALS = (
    (Reason.PARENT_QUARANTINED, "item_id"),
    (Reason.CURRENCY_MISMATCH, "currency"),
    (Reason.TOO_PRECISE, "amount"),
)


def attach_allocations(
    records: Array, items: Items, first_ordinal: int, as_of_day: int, extract_day: int
) -> tuple[ItemAllocations, AllocationFaults]:
    """Join a unit's allocations to its items (DOMAIN 3).

    records  `ALLOCATION_RECORD`[m] whose `first` is the ordinal of an item of this unit
    """
    row = (records["first"] - np.uint64(first_ordinal)).astype(np.int64)
    refusal = _refusals(records, row, items)
    good = refusal < 0
    posted = good & (records["posting_day"] <= as_of_day)
    order = _by_item_and_day(row, records["value_day"], posted)
    counts = np.bincount(row[posted], minlength=items.row_count)
    by_extract = good & (records["posting_day"] <= extract_day)
    at_extract = np.zeros(items.row_count, np.int64)
    np.add.at(at_extract, row[by_extract], records["amount_milli"][by_extract])
    attached = ItemAllocations(
        offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        value_day=np.ascontiguousarray(records["value_day"][order]),
        amount_milli=np.ascontiguousarray(records["amount_milli"][order]),
        has_any=np.bincount(row[good], minlength=items.row_count) > 0,
        at_extract_milli=at_extract,
        kind_code=records["kind_code"][order],
    )
    refused = np.flatnonzero(~good)
    reasons = np.array([REASON_POSITION[reason] for reason, _ in _REFUSALS], np.int16)
    return attached, AllocationFaults(
        records["ordinal"][refused],
        reasons[refusal[refused]],
        tuple(_REFUSALS[place][1] for place in refusal[refused].tolist()),
    )


class PostedAllocations(NamedTuple):
    """Accepted allocations posted by the as-of date, by item and posting day.

    offset           int64[n+1]  those of item i: offset[i] .. offset[i+1]-1
    has_any          bool[n]     the item has an accepted allocation, however late it is posted
    """

    offset: Array
    posting_day: Array
    amount_milli: Array
    has_any: Array


def posted_allocations(
    records: Array, items: Items, first_ordinal: int, as_of_day: int
) -> PostedAllocations:
    """Give the allocations of a unit's items in the order in which they were posted.

    records  `ALLOCATION_RECORD`[m] whose `first` is the ordinal of an item of this unit
    """
    row = (records["first"] - np.uint64(first_ordinal)).astype(np.int64)
    good = _refusals(records, row, items) < 0
    posted = good & (records["posting_day"] <= as_of_day)
    order = _by_item_and_day(row, records["posting_day"], posted)
    counts = np.bincount(row[posted], minlength=items.row_count)
    return PostedAllocations(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.ascontiguousarray(records["posting_day"][order]),
        np.ascontiguousarray(records["amount_milli"][order]),
        np.bincount(row[good], minlength=items.row_count) > 0,
    )


def accepted(records: Array, row: Array, items: Items) -> Array:
    """Tell which allocations their items take: bool[m]; `row` is the row of each one's item."""
    taken: Array = _refusals(records, row, items) < 0
    return taken


def _refusals(records: Array, row: Array, items: Items) -> Array:
    """Give the position in `_REFUSALS` of what speaks against each allocation, -1 for nothing."""
    currency = records["currency_code"]
    expected = items.currency_code[row]
    refusal = np.full(len(records), -1, np.int8)
    refusal[records["amount_milli"] % MINOR_UNIT_MILLI[expected] != 0] = 2
    refusal[(currency >= 0) & (currency != expected)] = 1
    refusal[items.faults.bad[row]] = 0
    return refusal


def _by_item_and_day(row: Array, day: Array, posted: Array) -> Array:
    """Give the order of the posted allocations by item, then day: int64[p]."""
    chosen = np.flatnonzero(posted)
    key = (row[chosen] << 32) + (day[chosen].astype(np.int64) - NO_DAY)
    if not (key[1:] < key[:-1]).any():  # rows come by item, and mostly in the order of their days
        return chosen
    return chosen[np.argsort(key, kind="stable")]
