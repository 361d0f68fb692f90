"""Sums that cannot wrap: per code in two halves, per key with a checked addition."""

from typing import Any, NamedTuple

import numpy as np

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
    """Columns of a unit's n items, published or not; `_rc` in the reporting currency.

    component       int32  component of exposure, -1 when not counted
    financing_code  int32  0: the item stands in the general ledger
    bucket          int32  ageing bucket
    """

    customer_code: Any
    company_code: Any
    currency_code: Any
    financing_code: Any
    component: Any
    bucket: Any
    days_past_due: Any
    due_day: Any
    open_milli: Any
    open_rc: Any
    disputed_rc: Any
    penalty_rc: Any
    unbilled_rc: Any
    indemnity_rc: Any


class KeyCounts(NamedTuple):
    """How many companies, currencies and ageing buckets there are; int64 each."""

    companies: Any
    currencies: Any
    buckets: Any


class LineSums(NamedTuple):
    """Sums of k lines and c ageing cells, added to.

    lines       int64[k, LINE_COLUMNS]
    oldest_day  int32[k]     lowered to the due day of late items
    cells       int64[c, 4]  open amount, the same and its disputed part converted, rows
    """

    lines: Any
    oldest_day: Any
    cells: Any


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
def pack_line_keys(rows, items, counts, out_line_key, out_cell_key):
    """Write the key of each row's line, and of the ageing cell of each row that is open.

    rows          int64[r]   published rows of the unit
    items         LineItems
    counts        KeyCounts
    out_line_key  int64[r]   written: (customer x companies + company) x currencies + currency
    out_cell_key  int64[r]   written up to the number of open rows: line key x buckets + bucket

    Returns the number of open rows.
    """
    open_count = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        pair = np.int64(items.customer_code[row]) * counts.companies + items.company_code[row]
        key = pair * counts.currencies + items.currency_code[row]
        out_line_key[i] = key
        if items.open_milli[row] != 0:
            out_cell_key[open_count] = key * counts.buckets + items.bucket[row]
            open_count += 1
    return open_count


@kernel
def _is_beyond(total):
    """Tell whether a sum is past the limit."""
    return total > SUM_LIMIT or total < -SUM_LIMIT


@kernel
def add_items(rows, line_id, cell_id, items, out):
    """Add a unit's published items to the sums of their lines, the open ones to their cells.

    rows     int64[r]   published rows of the unit
    line_id  int32[r]   line of each row
    cell_id  int32[o]   ageing cell of each open row, in their order
    items    LineItems  amounts below 10^18
    out      LineSums   added to

    Late is what counts, is open with a positive amount and past its due date.

    Returns the place of the first row that takes a sum past 2^62, or -1: no addition can wrap.
    """
    open_count = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        line = out.lines[line_id[i]]
        component, amount = items.component[row], items.open_rc[row]
        line[PENALTY] += items.penalty_rc[row]
        line[UNBILLED] += items.unbilled_rc[row]
        line[INDEMNITY] += items.indemnity_rc[row]
        beyond = _is_beyond(line[PENALTY])
        beyond |= _is_beyond(line[UNBILLED]) | _is_beyond(line[INDEMNITY])
        open_milli = items.open_milli[row]
        if open_milli != 0:
            cell = out.cells[cell_id[open_count]]
            open_count += 1
            cell[0] += open_milli
            cell[1] += amount
            cell[2] += items.disputed_rc[row]
            cell[3] += 1
            beyond |= _is_beyond(cell[0]) | _is_beyond(cell[1]) | _is_beyond(cell[2])
            line[ITEM_COUNT] += 1
            line[OPEN] += amount
            if items.financing_code[row] == 0:
                line[LEDGER] += open_milli
            beyond |= _is_beyond(line[OPEN]) | _is_beyond(line[LEDGER])
        if component >= 0:
            line[component] += amount
            line[DISPUTED] += items.disputed_rc[row]
            beyond |= _is_beyond(line[component]) | _is_beyond(line[DISPUTED])
            if component == CREDIT_NOTES or component == UNAPPLIED_PAYMENTS:  # noqa: PLR1714
                line[UNAPPLIED_CREDITS] += min(amount, 0)
                beyond |= _is_beyond(line[UNAPPLIED_CREDITS])
            if open_milli > 0 and items.days_past_due[row] > 0:
                line[OVERDUE] += amount
                beyond |= _is_beyond(line[OVERDUE])
                out.oldest_day[line_id[i]] = min(out.oldest_day[line_id[i]], items.due_day[row])
        if beyond:
            return i
    return -1
