"""Allocations: decoded in the keys pass, parked by item, joined to the items of a work unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.kernels import allocation as kernels
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
from encours.ledger.decode import hash_column
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
    kind_code: Array
    has_any: Array
    at_extract_milli: Array


class AllocationFaults(NamedTuple):
    """Allocations that their item refuses: ordinals in the table, `REASONS` positions, columns."""

    ordinal: Array
    reason: Array
    column: tuple[str, ...]


_REFUSALS = {
    kernels.REFUSED_WITH_ITEM: (Reason.PARENT_QUARANTINED, "item_id"),
    kernels.REFUSED_FOR_CURRENCY: (Reason.CURRENCY_MISMATCH, "currency"),
    kernels.REFUSED_FOR_PRECISION: (Reason.TOO_PRECISE, "amount"),
}


def attach_allocations(
    records: Array, items: Items, first_ordinal: int, as_of_day: int, extract_day: int
) -> tuple[ItemAllocations, AllocationFaults]:
    """Join a unit's allocations to its items (DOMAIN 3).

    records  `ALLOCATION_RECORD`[m] by item, `first` = ordinal of an item of this unit
    """
    refusal = refusals_of(records, items, first_ordinal)
    attached = _attached(records, refusal, items.row_count, first_ordinal, as_of_day, extract_day)
    refused = np.flatnonzero(refusal != kernels.NOT_REFUSED)
    causes = [_REFUSALS[code] for code in refusal[refused].tolist()]
    return attached, AllocationFaults(
        records["ordinal"][refused],
        np.array([REASON_POSITION[reason] for reason, _ in causes], np.int16),
        tuple(column for _, column in causes),
    )


def _attached(
    records: Array, refusal: Array, count: int, first_ordinal: int, as_of_day: int, extract_day: int
) -> ItemAllocations:
    """Give the allocations that are not refused, by item and value day."""
    out = kernels.AttachedAllocations(
        offset=np.empty(count + 1, np.int64),
        value_day=np.empty(len(records), np.int32),
        amount_milli=np.empty(len(records), np.int64),
        kind_code=np.empty(len(records), np.int32),
        has_any=np.empty(count, np.bool_),
        at_extract_milli=np.empty(count, np.int64),
    )
    days = (int(as_of_day), int(extract_day))
    kept = kernels.attach_records(records, int(first_ordinal), refusal, days, out)
    return ItemAllocations(
        out.offset,
        out.value_day[:kept],
        out.amount_milli[:kept],
        out.kind_code[:kept],
        out.has_any,
        out.at_extract_milli,
    )


def accepted(records: Array, items: Items, first_ordinal: int) -> Array:
    """Tell which allocations their items take: bool[m]; `first` is the ordinal of the item."""
    taken: Array = refusals_of(records, items, first_ordinal) == kernels.NOT_REFUSED
    return taken


def refusals_of(records: Array, items: Items, first_ordinal: int) -> Array:
    """Give what speaks against each allocation: int8[m], `NOT_REFUSED` or why it is refused.

    records  `ALLOCATION_RECORD`[m] in any order, `first` = ordinal of an item of these
    """
    refusal = np.empty(len(records), np.int8)
    kernels.refuse_allocations(
        records,
        int(first_ordinal),
        items.faults.bad,
        items.currency_code,
        MINOR_UNIT_MILLI,
        refusal,
    )
    return refusal
