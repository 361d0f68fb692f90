"""Sums of a work unit per line (customer, company code, currency) and per ageing cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.calc.context import COMPONENTS
from encours.calc.sums import KeyedSums
from encours.kernels.totals import LineItems
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
    """Sum the published rows of a unit per line and per ageing cell (line x buckets + bucket)."""
    key = line_key(
        items.customer_code[rows],
        items.company_code[rows],
        items.currency_code[rows],
        len(context.master.companies.codes),
    )
    component = measured.component[rows]
    open_milli = measured.open_milli[rows]
    open_rc = measured.open_rc[rows]
    is_open = open_milli != 0
    late = (component >= 0) & (open_milli > 0) & (measured.days_past_due[rows] > 0)
    lines = KeyedSums(len(LINE_SUMS))
    lines.add_items(
        key,
        LineItems(
            component=component,
            open_rc=open_rc,
            disputed_rc=measured.disputed_rc[rows],
            penalty_rc=measured.penalty_rc[rows],
            unbilled_rc=measured.unbilled_rc[rows],
            indemnity_rc=paid.rc[rows],
            is_late=late.view(np.uint8),
            is_open=is_open.view(np.uint8),
            due_day=items.due_day[rows],
            ledger_milli=np.where(items.financing_code[rows] == 0, open_milli, 0),
        ),
    )
    cells = KeyedSums(len(CELL_SUMS))
    cell_values = np.column_stack(
        [
            open_milli[is_open],
            open_rc[is_open],
            measured.disputed_rc[rows][is_open],
            np.ones(int(is_open.sum()), np.int64),
        ]
    )
    cell_key = key * ageing_bucket_count(context) + measured.bucket[rows]
    cells.add(cell_key[is_open], cell_values)
    return lines, cells
