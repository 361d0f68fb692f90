"""Allocations joined to their items; open amounts and settlement dates from them."""

from typing import Any, NamedTuple

import numpy as np

from encours.kernels._jit import kernel

OVERFLOW_LIMIT = 4_611_686_018_427_387_904
"""2^62 thousandths: far above money's 10^18, so that one more addition cannot wrap."""

NOT_REFUSED = -1
REFUSED_WITH_ITEM = 0
REFUSED_FOR_CURRENCY = 1
REFUSED_FOR_PRECISION = 2


class AttachedAllocations(NamedTuple):
    """What `attach_records` writes of m allocations of n items.

    offset            int64[n+1]  kept allocations of item i: offset[i] .. offset[i+1]-1
    value_day         int32[m]    of the kept ones, sorted within an item
    amount_milli      int64[m]
    kind_code         int32[m]
    has_any           bool[n]     the item takes an allocation, however late it is posted
    at_extract_milli  int64[n]    sum of those posted by the extract's day
    """

    offset: Any
    value_day: Any
    amount_milli: Any
    kind_code: Any
    has_any: Any
    at_extract_milli: Any


@kernel
def refuse_allocations(records, item_first, is_bad, currency_code, minor_unit_milli, out_refusal):
    """Write what speaks against each allocation, the gravest first.

    records           ALLOCATION_RECORD[m]; `first` is the ordinal of the item
    item_first        int       ordinal of the first item
    is_bad            bool[n]   of the items
    currency_code     int32[n]  of the items
    minor_unit_milli  int64[c]
    out_refusal       int8[m]   written: REFUSED_..., or NOT_REFUSED
    """
    for j in range(records.shape[0]):
        record = records[j]
        i = np.int64(record["first"]) - item_first
        currency = currency_code[i]
        out_refusal[j] = NOT_REFUSED
        if is_bad[i]:
            out_refusal[j] = REFUSED_WITH_ITEM
        elif record["currency_code"] >= 0 and record["currency_code"] != currency:
            out_refusal[j] = REFUSED_FOR_CURRENCY
        elif record["amount_milli"] % minor_unit_milli[currency] != 0:
            out_refusal[j] = REFUSED_FOR_PRECISION


@kernel
def attach_records(records, item_first, refusal, days, out):
    """Write the allocations posted by the as-of day, by item and value day; give their number.

    records     ALLOCATION_RECORD[m] by item; `first` is the ordinal of the item
    item_first  int      ordinal of the first item
    refusal     int8[m]  `refuse_allocations`
    days        (as-of day, extract's day)
    out         AttachedAllocations, written

    Equal days keep the order of the records. Rule: DOMAIN 3.
    """
    as_of_day, extract_day = days
    kept, j = 0, 0
    for i in range(out.has_any.shape[0]):
        first, at_extract = kept, np.int64(0)
        out.offset[i] = kept
        out.has_any[i] = False
        while j < records.shape[0] and np.int64(records[j]["first"]) - item_first == i:
            record, is_refused = records[j], refusal[j] != NOT_REFUSED
            j += 1
            if is_refused:
                continue
            out.has_any[i] = True
            amount, day = record["amount_milli"], record["value_day"]
            is_within = -OVERFLOW_LIMIT <= at_extract <= OVERFLOW_LIMIT  # else it stays too large
            if record["posting_day"] <= extract_day and is_within:
                at_extract += amount
            if record["posting_day"] > as_of_day:
                continue
            place = kept
            while place > first and out.value_day[place - 1] > day:
                out.value_day[place] = out.value_day[place - 1]
                out.amount_milli[place] = out.amount_milli[place - 1]
                out.kind_code[place] = out.kind_code[place - 1]
                place -= 1
            out.value_day[place] = day
            out.amount_milli[place] = amount
            out.kind_code[place] = record["kind_code"]
            kept += 1
        out.at_extract_milli[i] = at_extract
    out.offset[out.has_any.shape[0]] = kept
    return kept


@kernel
def settle_items(amount_milli, offset, value_day, allocated_milli, no_day, out):
    """Write open amount, sum of allocations and day of settlement of every item.

    amount_milli     int64[n]
    offset           int64[n+1]  allocations of item i: offset[i] .. offset[i+1]-1
    value_day        int32[m]    sorted within an item; only allocations posted by the as-of date
    allocated_milli  int64[m]    sign of the item that they reduce
    no_day           int32       written where the item is not settled
    out              open_milli, allocated_milli int64[n]; settled_day int32[n]; overflow uint8[n]

    The settlement day is the first from which the end-of-day balance by value date stays zero.
    Rule: DOMAIN 3.
    """
    for i in range(amount_milli.shape[0]):
        balance = amount_milli[i]
        allocated = np.int64(0)  # added up on its own: a control compares it with the balance
        settled = no_day
        j = offset[i]
        while j < offset[i + 1]:
            day = value_day[j]
            before = balance
            while j < offset[i + 1] and value_day[j] == day:
                balance -= allocated_milli[j]
                allocated += allocated_milli[j]
                if balance > OVERFLOW_LIMIT or balance < -OVERFLOW_LIMIT:
                    out.overflow[i] = 1
                    balance, allocated = 0, 0
                j += 1
            if balance != 0:
                settled = no_day
            elif before != 0 or settled == no_day:
                settled = day
        out.open_milli[i] = balance
        out.allocated_milli[i] = allocated
        out.settled_day[i] = settled
