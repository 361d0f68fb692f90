"""Sums that cannot wrap: per code in two halves, per key with a checked addition."""

from typing import Any, NamedTuple

from encours.kernels._jit import kernel

LIMIT = 9_223_372_036_854_775_807
SUM_LIMIT = 2**62

# Columns of a line's sums: the nine components of exposure, then these.
CREDIT_NOTES = 6
UNAPPLIED_PAYMENTS = 7
OVERDUE = 9
DISPUTED = 10
PENALTY = 11
UNBILLED = 12
INDEMNITY = 13
ITEM_COUNT = 14
UNAPPLIED_CREDITS = 15
OPEN = 16
LEDGER = 17
LINE_COLUMNS = 18


class LineItems(NamedTuple):
    """Columns of n published items, in the reporting currency but for the last.

    component     int32  component of exposure, -1 when not counted
    is_late       uint8  a counted item with a positive open amount past its due date
    is_open       uint8
    due_day       int32
    ledger_milli  int64  what the general ledger should hold of the item, in the item's currency
    """

    component: Any
    open_rc: Any
    disputed_rc: Any
    penalty_rc: Any
    unbilled_rc: Any
    indemnity_rc: Any
    is_late: Any
    is_open: Any
    due_day: Any
    ledger_milli: Any


@kernel
def sum_by_code(code, value, chosen, out_high, out_low):
    """Add every chosen value to the two halves of its code's total.

    code      int32[n]  0 .. c-1
    value     int64[n]
    chosen    uint8[n]  0 leaves the row out
    out_high  int64[c]  added to: value >> 32 (rounds towards minus infinity)
    out_low   int64[c]  added to: the low 32 bits, never negative

    total = high x 2^32 + low; neither half can wrap below 2^31 rows.
    """
    for i in range(code.shape[0]):
        if chosen[i]:
            out_high[code[i]] += value[i] >> 32
            out_low[code[i]] += value[i] & 0xFFFFFFFF


@kernel
def add_rows(row_id, values, minimum, out_sums, out_minimum):
    """Add each row of `values` to the sums of its id, and keep the least of `minimum`.

    row_id       int32[n]     0 .. k-1; negative leaves the row out
    values       int64[n, w]
    minimum      int32[n]     one day per row, the largest int32 where there is none
    out_sums     int64[k, w]  added to
    out_minimum  int32[k]     lowered

    Returns the first row whose addition would leave int64, or -1.
    """
    for i in range(row_id.shape[0]):
        k = row_id[i]
        if k < 0:
            continue
        for j in range(values.shape[1]):
            added = values[i, j]
            present = out_sums[k, j]
            if (added > 0 and present > LIMIT - added) or (added < 0 and present < -LIMIT - added):
                return i
            out_sums[k, j] = present + added
        if minimum[i] < out_minimum[k]:
            out_minimum[k] = minimum[i]
    return -1


@kernel
def add_items(row_id, items, out_sums, out_minimum):
    """Add a unit's published items to the sums of their lines.

    row_id       int32[n]                line of each item, 0 .. k-1
    items        LineItems               columns of the items, each below 10^18
    out_sums     int64[k, LINE_COLUMNS]  added to
    out_minimum  int32[k]                lowered to the due day of late items

    Returns the first row that takes a sum past 2^62, or -1: no addition can wrap.
    """
    for i in range(row_id.shape[0]):
        line = out_sums[row_id[i]]
        component = items.component[i]
        amount = items.open_rc[i]
        if component >= 0:
            line[component] += amount
            line[DISPUTED] += items.disputed_rc[i]
            if component == CREDIT_NOTES or component == UNAPPLIED_PAYMENTS:  # noqa: PLR1714
                line[UNAPPLIED_CREDITS] += min(amount, 0)
            if items.is_late[i]:
                line[OVERDUE] += amount
                out_minimum[row_id[i]] = min(out_minimum[row_id[i]], items.due_day[i])
        line[PENALTY] += items.penalty_rc[i]
        line[UNBILLED] += items.unbilled_rc[i]
        line[INDEMNITY] += items.indemnity_rc[i]
        line[ITEM_COUNT] += items.is_open[i]
        line[OPEN] += amount
        line[LEDGER] += items.ledger_milli[i]
        for j in range(LINE_COLUMNS):
            if line[j] > SUM_LIMIT or line[j] < -SUM_LIMIT:
                return i
    return -1
