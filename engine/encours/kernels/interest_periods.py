"""The interest detail: one row for each stretch of one principal and one rate."""

import numpy as np

from encours.kernels.interest import resolve_claims, set_claimed_layers
from encours.kernels.interest_accrual import accrue_claims
from encours.kernels.interest_columns import (
    ACCRUED_COLUMNS,
    CLAIM_COLUMNS,
    CLAIM_FAULT,
    CLAIM_ITEM_INDEX,
    CLAIM_MINOR_UNIT_MILLI,
    CLAIM_REASON,
    CLAIM_REGIME_CODE,
    DAY_COUNT,
    FAULT_NONE,
    PERIOD_COLUMNS,
    PERIOD_DAYS,
    PERIOD_FROM_DAY,
    PERIOD_INTEREST_MILLI,
    PERIOD_ITEM_INDEX,
    PERIOD_PRINCIPAL_MILLI,
    PERIOD_RATE_DAY,
    PERIOD_RATE_E9,
    PERIOD_REFERENCE_RATE_E9,
    PERIOD_TO_DAY,
    RATE_DIVISOR,
    RATE_UNIT_E9,
    REASON_NONE,
    WEIGHT,
    InterestPeriods,
)


def list_interest_periods(rows, items, allocations, tables, options):
    """Give the detail of the claimed interest of some items, in their order.

    rows          int64[k]  items that `accrue_interest` gave interest without a fault; those with a
                            reason against it get no row
    items, allocations, tables, options   as `accrue_interest` took them

    The amounts of an item add up to its penalty interest. Within an item the rows run by day. Where
    each part takes the rate of its payment, several rows cover the same days.
    """
    claims = np.empty((len(rows), CLAIM_COLUMNS), np.int64)
    resolve_claims(rows, items, allocations, tables, options, claims)
    is_claimed = set_claimed_layers(rows, claims, items, options)
    bears = (claims[:, CLAIM_REASON] == REASON_NONE) & (claims[:, CLAIM_FAULT] == FAULT_NONE)
    claims = claims[bears & is_claimed]
    out = np.empty((len(claims), ACCRUED_COLUMNS), np.int64)
    count = accrue_claims(claims, allocations, tables, _periods(0), out)
    periods = _periods(count)
    accrue_claims(claims, allocations, tables, periods, out)
    _sort_by_day(periods, claims, tables)
    return InterestPeriods(
        item_index=periods[:, PERIOD_ITEM_INDEX].copy(),
        from_day=periods[:, PERIOD_FROM_DAY].astype(np.int32),
        to_day=periods[:, PERIOD_TO_DAY].astype(np.int32),
        days=periods[:, PERIOD_DAYS].astype(np.int32),
        principal_milli=periods[:, PERIOD_PRINCIPAL_MILLI].copy(),
        reference_rate_e9=periods[:, PERIOD_REFERENCE_RATE_E9].copy(),
        rate_e9=periods[:, PERIOD_RATE_E9].copy(),
        interest_milli=periods[:, PERIOD_INTEREST_MILLI].copy(),
        rate_day=periods[:, PERIOD_RATE_DAY].astype(np.int32),
    )


def _sort_by_day(periods, claims, tables):
    """Sort the rows of each item by day, and round their running total again in that order.

    Only parts that were paid, returned and paid again come out of order: few enough for Python.
    """
    same_item = periods[1:, PERIOD_ITEM_INDEX] == periods[:-1, PERIOD_ITEM_INDEX]
    goes_back = periods[1:, PERIOD_FROM_DAY] < periods[:-1, PERIOD_FROM_DAY]
    for item in np.unique(periods[1:, PERIOD_ITEM_INDEX][same_item & goes_back]).tolist():
        claim = claims[np.searchsorted(claims[:, CLAIM_ITEM_INDEX], item)].tolist()
        first, end = np.searchsorted(periods[:, PERIOD_ITEM_INDEX], [item, item + 1])
        rows = periods[first:end]
        rows[:] = rows[np.lexsort((rows[:, PERIOD_TO_DAY], rows[:, PERIOD_FROM_DAY]))]
        facts = tables.regimes[claim[CLAIM_REGIME_CODE]].tolist()
        unit = claim[CLAIM_MINOR_UNIT_MILLI]
        divisor = facts[RATE_DIVISOR] * unit
        weights = tables.days[:, WEIGHT + facts[DAY_COUNT]]
        total, told = 0, 0
        for row in rows:
            last = int(row[PERIOD_TO_DAY]) - tables.first_day
            weight = int(weights[last]) - int(weights[last - int(row[PERIOD_DAYS])])
            rate = int(row[PERIOD_RATE_E9]) // facts[RATE_UNIT_E9]
            total += int(row[PERIOD_PRINCIPAL_MILLI]) * rate * weight
            size = (2 * abs(total) + divisor) // (2 * divisor) * unit
            running = size if total >= 0 else -size
            row[PERIOD_INTEREST_MILLI] = running - told
            told = running


def _periods(count):
    return np.empty((count, PERIOD_COLUMNS), np.int64)
