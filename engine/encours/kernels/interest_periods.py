"""The interest detail: one row for each stretch of one principal and one rate."""

import numpy as np

from encours.kernels.interest import resolve_claims, set_claimed_layers
from encours.kernels.interest_accrual import accrue_claims
from encours.kernels.interest_columns import (
    ACCRUED_COLUMNS,
    CLAIM_COLUMNS,
    CLAIM_FAULT,
    CLAIM_REASON,
    FAULT_NONE,
    PERIOD_COLUMNS,
    PERIOD_DAYS,
    PERIOD_FROM_DAY,
    PERIOD_INTEREST_MILLI,
    PERIOD_ITEM_INDEX,
    PERIOD_PRINCIPAL_MILLI,
    PERIOD_RATE_E9,
    PERIOD_REFERENCE_RATE_E9,
    PERIOD_TO_DAY,
    REASON_NONE,
    InterestPeriods,
)


def list_interest_periods(rows, items, allocations, tables, options):
    """Give the detail of the claimed interest of some items, in their order.

    rows          int64[k]  items that `accrue_interest` gave interest without a fault; those with a
                            reason against it get no row
    items, allocations, tables, options   as `accrue_interest` took them

    The amounts of an item add up to its penalty interest. Within an item the rows run by day; where
    each part takes the rate of its payment they run by part, from the last paid to the first.
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
    return InterestPeriods(
        item_index=periods[:, PERIOD_ITEM_INDEX].copy(),
        from_day=periods[:, PERIOD_FROM_DAY].astype(np.int32),
        to_day=periods[:, PERIOD_TO_DAY].astype(np.int32),
        days=periods[:, PERIOD_DAYS].astype(np.int32),
        principal_milli=periods[:, PERIOD_PRINCIPAL_MILLI].copy(),
        reference_rate_e9=periods[:, PERIOD_REFERENCE_RATE_E9].copy(),
        rate_e9=periods[:, PERIOD_RATE_E9].copy(),
        interest_milli=periods[:, PERIOD_INTEREST_MILLI].copy(),
    )


def _periods(count):
    return np.empty((count, PERIOD_COLUMNS), np.int64)
