"""What the rows pass found for the rules about items, laid against the accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.breaches.item_facts import ItemFacts, ItemHits, OldestLate, no_payments
from encours.calc.item_watch import HIT_RULES, LARGEST_IS_WORST

if TYPE_CHECKING:
    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext
    from encours.passes.rows_pass import RowsResult

Array = np.ndarray[Any, np.dtype[Any]]


def item_facts(rows: RowsResult, accounts: AccountRows, context: RunContext) -> ItemFacts:
    """Give the oldest late items and the hits of every rule, by the rows of the accounts."""
    payments = no_payments()
    if rows.late is not None:
        payments = rows.late.payments
        payments = payments._replace(row=_rows_of_places(payments.row, accounts, context))
    return ItemFacts(
        _oldest_late(rows, accounts, context),
        payments,
        _hits_by_rule(rows, accounts, context),
    )


def _rows_of_places(place: Array, accounts: AccountRows, context: RunContext) -> Array:
    """Give the row of each place (segment x accounts + account): every item has one."""
    segment, account = np.divmod(place, max(len(context.master.customers.account_ids), 1))
    return accounts.find(segment, context.master.companies.segment_names, account)


def _oldest_late(rows: RowsResult, accounts: AccountRows, context: RunContext) -> OldestLate:
    if rows.late is None:
        nothing = np.empty(0, np.int64)
        return OldestLate(nothing, np.empty(0, np.int32), pa.array([], pa.string()))
    found = rows.late.oldest
    row = _rows_of_places(found.place, accounts, context)
    return OldestLate(row, found.due_day.astype(np.int32), found.item_id)


def _hits_by_rule(
    rows: RowsResult, accounts: AccountRows, context: RunContext
) -> dict[str, ItemHits]:
    """Part the hits by rule; amounts that were turned round to sort are turned back."""
    hits = rows.hits.result().combine_chunks()
    rule = hits.column("rule").to_numpy()
    found = {}
    for code, name in enumerate(HIT_RULES):
        part = hits.take(pa.array(np.flatnonzero(rule == code)))
        worst = part.column("worst").to_numpy()
        found[name.value] = ItemHits(
            row=_rows_of_places(part.column("place").to_numpy(), accounts, context),
            key=part.column("key").combine_chunks(),
            count=part.column("count").to_numpy(),
            amount_rc=part.column("amount_rc").to_numpy(),
            worst=-worst if name in LARGEST_IS_WORST else worst,
            item_id=part.column("item_id").combine_chunks(),
        )
    return found
