"""Sums of a work unit per line (customer, company code, currency) and per ageing cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.calc.context import COMPONENTS
from encours.calc.sums import KeyedSums, require_within
from encours.kernels.totals import KeyCounts, LineItems, LineSums, add_items, pack_line_keys
from encours.ledger.master import CURRENCIES

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.documents import Indemnities
    from encours.calc.items import MeasuredItems
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]

LINE_SUMS = (
    *COMPONENTS,
    "overdue",
    "disputed_amount",
    "penalty_interest",
    "interest_unbilled",
    "fixed_indemnity",
    "item_count",
    "unapplied_credits",
    "open_rc",
    "ledger_milli",
)
"""Columns summed per line (`kernels.totals`), in the reporting currency but for `item_count` and
`ledger_milli`: what the general ledger should hold of the line, in its own currency."""
CELL_SUMS = ("open_milli", "open_rc", "disputed_rc", "item_count")
"""Columns summed per ageing cell: item currency, reporting currency, reporting currency, rows."""


class LineKeys(NamedTuple):
    """What a line's key says."""

    customer_code: Array
    company_code: Array
    currency_code: Array


def line_key(customer: Array, company: Array, currency: Array, company_count: int) -> Array:
    """Pack a line into one number: int64[n]."""
    key: Array = customer.astype(np.int64) * company_count + company
    return key * len(CURRENCIES) + currency


def line_of_key(key: Array, company_count: int) -> LineKeys:
    """Unpack `line_key`."""
    pair, currency = np.divmod(key, len(CURRENCIES))
    customer, company = np.divmod(pair, company_count)
    return LineKeys(customer.astype(np.int32), company.astype(np.int32), currency.astype(np.int32))


def ageing_bucket_count(context: RunContext) -> int:
    """Count the ageing buckets: the two ladders, the open end of each, and `unallocated`."""
    return len(context.not_due_bounds) + len(context.late_bounds) + 3


def sum_lines(
    items: Items, measured: MeasuredItems, paid: Indemnities, rows: Array, context: RunContext
) -> tuple[KeyedSums, KeyedSums]:
    """Sum the published rows of a unit per line and per ageing cell (line x buckets + bucket).

    Raises ControlFailed (70) when a sum passes 2^62 thousandths.
    """
    columns = LineItems(
        *(
            # Kernels get memory of one kind, whoever made a column.
            np.require(column, requirements=("C", "W"))
            for column in (
                items.customer_code,
                items.company_code,
                items.currency_code,
                items.financing_code,
                measured.component,
                measured.bucket,
                measured.days_past_due,
                items.due_day,
                measured.open_milli,
                measured.open_rc,
                measured.disputed_rc,
                measured.penalty_rc,
                measured.unbilled_rc,
                paid.rc,
            )
        )
    )
    counts = KeyCounts(
        len(context.master.companies.codes), len(CURRENCIES), ageing_bucket_count(context)
    )
    lines, cells = KeyedSums(len(LINE_SUMS)), KeyedSums(len(CELL_SUMS))
    line_key, cell_key = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    open_count = pack_line_keys(rows, columns, counts, line_key, cell_key)
    line_id, cell_id = lines.number(line_key), cells.number(cell_key[:open_count])
    sums = LineSums(*lines.room, cells.room[0])
    require_within(add_items(rows, line_id, cell_id, columns, sums))
    return lines, cells
