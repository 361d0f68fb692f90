"""Figures of a work unit as columns of the published tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.calc.ageing import bucket_labels
from encours.calc.items import ITEM_WARNINGS
from encours.kernels.interest_columns import NO_INTEREST_REASONS
from encours.ledger.items import DOCUMENT_TYPES
from encours.ledger.master import CURRENCIES
from encours.calc.columns import coded_array, day_array, listed_array, money_array, number_array
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.documents import Indemnities
    from encours.calc.items import MeasuredItems
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]

WARNING_TEXTS = tuple(
    "|".join(text.value for bit, text in enumerate(ITEM_WARNINGS) if bits >> bit & 1)
    for bits in range(1 << len(ITEM_WARNINGS))
)


def encode_items(
    items: Items,
    measured: MeasuredItems,
    paid: Indemnities,
    rows: Array,
    carried: dict[str, pa.Array],
    context: RunContext,
) -> pa.Table:
    """Give the published table `items` for the chosen rows, in their order."""
    columns = {
        **_names(items, measured, paid, rows, context),
        **_amounts(items, measured, paid, rows),
        **_days(items, measured, rows),
    }
    columns["insured_covered_rc"] = pa.nulls(len(rows), columns["amount"].type)
    chosen = pa.array(rows)
    ordered = {name: columns[name] for name in OUTPUT_TABLES["items"].names}
    ordered.update({name: column.take(chosen) for name, column in carried.items()})
    return pa.table(ordered)


def _names(
    items: Items, measured: MeasuredItems, paid: Indemnities, rows: Array, context: RunContext
) -> dict[str, pa.Array]:
    """Encode ids, codes and other texts."""
    customers, companies = context.master.customers, context.master.companies
    customer, company = items.customer_code[rows], items.company_code[rows]
    labels = bucket_labels(
        context.configuration.ageing.bounds, context.configuration.ageing.not_due_bounds
    )
    is_open = measured.open_milli[rows] != 0
    bits = measured.warning_bits[rows].astype(np.int32)
    chosen = slice(None) if len(rows) == items.row_count else pa.array(rows)
    item_id, number = _taken(items.item_id, chosen), _taken(items.document_number, chosen)
    account = customers.account_code[customer]
    return {
        "item_id": item_id,
        "document_number": number,
        "company_code": listed_array(company, companies.codes),
        "credit_segment": listed_array(companies.segment_code[company], companies.segment_names),
        "customer_id": coded_array(customer, customers.ids),
        "credit_account_id": coded_array(account, customers.account_ids),
        "document_type": listed_array(items.type_code[rows], DOCUMENT_TYPES),
        "currency": listed_array(items.currency_code[rows], CURRENCIES),
        "bucket": listed_array(np.where(is_open, measured.bucket[rows], -1), labels),
        "interest_regime": listed_array(measured.regime_code[rows], context.law.names),
        "fixed_indemnity_currency": listed_array(paid.currency_code[rows], CURRENCIES),
        "no_interest_reason": listed_array(
            measured.reason[rows].astype(np.int32) - 1, NO_INTEREST_REASONS[1:]
        ),
        "warnings": listed_array(np.where(bits > 0, bits, -1), WARNING_TEXTS),
    }


def _taken(texts: pa.Array, chosen: pa.Array | slice) -> pa.Array:
    """Give the chosen rows of a text column, all of them without a copy."""
    return texts if isinstance(chosen, slice) else texts.take(chosen)


def _amounts(
    items: Items, measured: MeasuredItems, paid: Indemnities, rows: Array
) -> dict[str, pa.Array]:
    """Encode money."""
    amounts = {
        "amount": items.amount_milli,
        "open_amount": measured.open_milli,
        "open_amount_rc": measured.open_rc,
        "disputed_amount": measured.disputed_milli,
        "penalty_interest": measured.penalty_milli,
        "penalty_interest_rc": measured.penalty_rc,
        "interest_suspended": measured.suspended_milli,
        "interest_unbilled": measured.unbilled_milli,
        "fixed_indemnity": paid.milli,
        "fixed_indemnity_rc": paid.rc,
        "indemnity_unbilled": paid.milli - items.indemnity_billed_milli,
    }
    return {name: money_array(values[rows]) for name, values in amounts.items()}


def _days(items: Items, measured: MeasuredItems, rows: Array) -> dict[str, pa.Array]:
    """Encode dates and numbers of days."""
    return {
        "document_date": day_array(items.document_day[rows]),
        "due_date": day_array(items.due_day[rows]),
        "days_past_due": number_array(measured.days_past_due[rows]),
        "settled_on": day_array(measured.settled_day[rows]),
        "interest_from": day_array(measured.from_day[rows]),
        "interest_to": day_array(measured.to_day[rows]),
        # With a reason against it an item has no interest days: null, not zero (TABLES 2).
        "interest_days": number_array(measured.interest_days[rows], measured.reason[rows] == 0),
    }
