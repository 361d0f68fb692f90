"""Interest in detail: one row per stretch of constant principal and rate (DOMAIN 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.calc.columns import coded_array, day_array, listed_array, money_array, number_array
from encours.kernels.interest_columns import NO_RATE_E9
from encours.ledger.master import CURRENCIES
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.items import MeasuredItems
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]


def interest_periods(items: Items, measured: MeasuredItems, context: RunContext) -> pa.Table:
    """Give the table `interest_periods` for a unit's items that bear interest, in their order."""
    from encours.kernels import interest_periods as kernels  # compiled only where asked for

    rows = np.flatnonzero(measured.is_published & (measured.reason == 0))
    inputs = measured.interest_inputs
    arguments = (rows, inputs.items, inputs.allocations, context.law.rates, inputs.options)
    periods = kernels.list_interest_periods(*arguments)
    row = periods.item_index
    reference = periods.reference_rate_e9
    day_counts = tuple(dict.fromkeys(regime.day_count for regime in context.law.regimes))
    of_regime = np.array(
        [day_counts.index(regime.day_count) for regime in context.law.regimes], np.int32
    )
    columns = {
        "item_id": items.item_id.take(pa.array(row)),
        "customer_id": coded_array(items.customer_code[row], context.master.customers.ids),
        "from_date": day_array(periods.from_day),
        "to_date": day_array(periods.to_day),
        "days": number_array(periods.days),
        "principal": money_array(periods.principal_milli),
        "reference_rate_percent": _rate_array(reference, reference != NO_RATE_E9),
        "rate_percent": _rate_array(periods.rate_e9, None),
        "day_count": listed_array(of_regime[measured.regime_code[row]], day_counts),
        "interest": money_array(periods.interest_milli),
        "currency": listed_array(items.currency_code[row], CURRENCIES),
    }
    return pa.table({name: columns[name] for name in OUTPUT_TABLES["interest_periods"].names})


def _rate_array(rate_e9: Array, valid: Array | None) -> pa.Array:
    """Give rates in percent as decimal(18, 9) on top of their integers."""
    bitmap = None
    if valid is not None and not valid.all():
        bitmap = pa.py_buffer(np.packbits(valid, bitorder="little"))
    values = pa.py_buffer(np.ascontiguousarray(rate_e9, np.int64))
    return pa.Array.from_buffers(pa.decimal64(18, 9), len(rate_e9), [bitmap, values])
