"""Penalty interest of every item, exact to the last thousandth before its one rounding.

The days that bear interest are those after the due date up to an end. The principal P(d) of a day d
is the open amount less the allocations whose value date lies before d, never below zero. The rate
tables turn any stretch of days with one principal into one product of integers; products are summed
in 124 bits and rounded once.

Most items are not late, and most late ones have one principal for all of their days: a first kernel
settles those in passing. The rest (payments in between, disputes, insolvency, compounding) become
claims for a second one. A dispute cuts the principal into layers: the disputed part takes the
lowest, the claim what lies above.
"""

import numpy as np

from encours.kernels._jit import kernel
from encours.kernels.interest_accrual import accrue_claims, rate_times_weight
from encours.kernels.interest_columns import (
    ACCRUED_COLUMNS,
    ACCRUED_FAULT,
    ACCRUED_INTEREST_MILLI,
    ACCRUED_MISSING_DAY,
    BALANCE_LIMIT_MILLI,
    CLAIM_ALLOCATION_FIRST,
    CLAIM_ALLOCATION_LAST,
    CLAIM_BALANCE_MILLI,
    CLAIM_COLUMNS,
    CLAIM_DAYS,
    CLAIM_DUE_DAY,
    CLAIM_END_DAY,
    CLAIM_FAULT,
    CLAIM_FIRST_PRINCIPAL_MILLI,
    CLAIM_FROM_DAY,
    CLAIM_HIGHEST_MILLI,
    CLAIM_INTEREST_FIRST,
    CLAIM_ITEM_INDEX,
    CLAIM_LAYER_FROM_MILLI,
    CLAIM_LAYER_TO_MILLI,
    CLAIM_MINOR_UNIT_MILLI,
    CLAIM_RATE_DAY,
    CLAIM_REASON,
    CLAIM_REGIME_CODE,
    CLAIM_TO_DAY,
    COMPOUNDS,
    FAULT_NONE,
    FAULT_RATE_MISSING,
    FAULT_TOO_LARGE,
    FIXED_AT_PAYMENT,
    FIXED_AT_START,
    FIXING,
    FLAG_CONSUMER,
    FLAG_CREDIT,
    FLAG_INTEREST_FIRST,
    FLAG_INTEREST_NOTE,
    FLAG_INTRAGROUP,
    IS_NONE,
    NEVER,
    NO_DAY,
    NO_LAYER_LIMIT_MILLI,
    PERIOD_COLUMNS,
    RATE_DIVISOR,
    REASON_CONSUMER,
    REASON_CREDIT,
    REASON_DISPUTED,
    REASON_INSOLVENCY,
    REASON_INTEREST_NOTE,
    REASON_INTRAGROUP,
    REASON_NO_REGIME,
    REASON_NONE,
    REASON_NOT_LATE,
    REASON_WITHIN_GRACE,
)
from encours.kernels.wide import add_product, round_money


def accrue_interest(items, allocations, tables, options, result):
    """Write the penalty interest of every item; give the number of items with a fault.

    items         InterestItems, n rows
    allocations   Allocations
    tables        RateTables (rules), from 1900 or the first due day to the as-of date at least
    options       InterestOptions
    result        InterestResult, n rows, written

    An item due before the first day of the tables gets FAULT_RATE_MISSING.

    Rule: DOMAIN 6. Minimum claims need the reporting currency and are not looked at here.
    """
    if options.as_of_day > tables.last_day:
        raise ValueError("the rate tables end before the as-of date")
    pending = np.empty(len(items.due_day), np.int64)
    count = accrue_plain(items, allocations, tables, options, result, pending)
    if count:
        _accrue_pending(pending[:count], items, allocations, tables, options, result)
    return int(np.count_nonzero(result.fault))


def _accrue_pending(rows, items, allocations, tables, options, result):
    """Write the items that `accrue_plain` left: rows int64[k]."""
    claims = np.empty((len(rows), CLAIM_COLUMNS), np.int64)
    resolve_claims(rows, items, allocations, tables, options, claims)
    result.reason[rows] = claims[:, CLAIM_REASON]
    result.fault[rows] = claims[:, CLAIM_FAULT]
    result.rate_missing_day[rows] = np.where(
        claims[:, CLAIM_FAULT] == FAULT_RATE_MISSING, claims[:, CLAIM_DUE_DAY] + 1, NO_DAY
    )
    bears = (claims[:, CLAIM_REASON] == REASON_NONE) & (claims[:, CLAIM_FAULT] == FAULT_NONE)
    _write_claimed(rows[bears], claims[bears], items, allocations, tables, options, result)
    has_billed = (items.has_billed[rows] != 0) & (result.reason[rows] != REASON_DISPUTED)
    corrected = rows[has_billed]
    result.unbilled_milli[corrected] -= items.billed_milli[corrected]


def _write_claimed(rows, claims, items, allocations, tables, options, result):
    """Write days and amounts of items that bear interest; those wholly disputed drop out."""
    disputed = disputed_parts(rows, items)
    is_whole = _is_wholly_disputed(rows, claims, items, disputed)
    claims[:, CLAIM_LAYER_FROM_MILLI] = 0
    claims[:, CLAIM_LAYER_TO_MILLI] = np.where(is_whole, NO_LAYER_LIMIT_MILLI, disputed)
    pays_interest_first = claims[:, CLAIM_INTEREST_FIRST].copy()
    # Payments take the interest on what is claimed; a suspended part alone has none to be paid.
    claims[~is_whole, CLAIM_INTEREST_FIRST] = 0
    result.suspended_milli[rows] = _accrued(claims, disputed > 0, allocations, tables, result)
    claims[:, CLAIM_INTEREST_FIRST] = pays_interest_first
    is_claimed = set_claimed_layers(rows, claims, items, options)
    result.reason[rows[~is_claimed]] = REASON_DISPUTED
    if not is_claimed.all():
        rows, claims = rows[is_claimed], claims[is_claimed]
    result.from_day[rows] = claims[:, CLAIM_FROM_DAY]
    result.to_day[rows] = claims[:, CLAIM_TO_DAY]
    result.days[rows] = claims[:, CLAIM_DAYS]
    result.first_principal_milli[rows] = claims[:, CLAIM_FIRST_PRINCIPAL_MILLI]
    everything = np.ones(len(rows), np.bool_)
    penalty = _accrued(claims, everything, allocations, tables, result)
    result.penalty_milli[rows] = penalty
    billed_to = items.billed_to_day[rows]
    is_part_billed = (items.has_billed[rows] == 0) & (billed_to > claims[:, CLAIM_DUE_DAY])
    claims[:, CLAIM_END_DAY] = np.minimum(claims[:, CLAIM_END_DAY], billed_to)
    billed = _accrued(claims, is_part_billed, allocations, tables, result)
    result.unbilled_milli[rows] = penalty - billed


def disputed_parts(rows, items):
    """Give the disputed part of each positive open amount, 0 where there is none: int64[k]."""
    open_milli = np.maximum(items.open_milli[rows], 0)
    return np.clip(items.disputed_milli[rows], 0, open_milli)


def _is_wholly_disputed(rows, claims, items, disputed):
    """Tell where nothing but the disputed part bears interest, on any day: bool[k].

    All that is open is disputed, or on no interest day more was open than what is disputed: claims
    that were paid in between and came back leave such items.
    """
    above = claims[:, CLAIM_HIGHEST_MILLI] > disputed
    return (disputed > 0) & ((disputed == items.open_milli[rows]) | ~above)


def set_claimed_layers(rows, claims, items, options):
    """Set the layer that is claimed in spite of a dispute; give where there is one, bool[k]."""
    disputed = disputed_parts(rows, items)
    is_claimed = ~_is_wholly_disputed(rows, claims, items, disputed)
    claims[:, CLAIM_LAYER_FROM_MILLI] = disputed
    if options.accrue_on_disputed:
        is_claimed[:] = True
        claims[:, CLAIM_LAYER_FROM_MILLI] = 0
    claims[:, CLAIM_LAYER_TO_MILLI] = NO_LAYER_LIMIT_MILLI
    return is_claimed


def _accrued(claims, is_chosen, allocations, tables, result):
    """Give the interest of the chosen claims, 0 for the others, and note their faults: int64[k]."""
    interest = np.zeros(len(claims), np.int64)
    if is_chosen.any():
        chosen = claims if is_chosen.all() else claims[is_chosen]
        out = np.empty((len(chosen), ACCRUED_COLUMNS), np.int64)
        no_periods = np.empty((0, PERIOD_COLUMNS), np.int64)
        accrue_claims(chosen, allocations, tables, no_periods, out)
        interest[is_chosen] = out[:, ACCRUED_INTEREST_MILLI]
        faulty = out[:, ACCRUED_FAULT] != FAULT_NONE
        rows, out = chosen[faulty, CLAIM_ITEM_INDEX], out[faulty]
        earlier = result.rate_missing_day[rows]
        earlier[earlier == NO_DAY] = NEVER
        missing = np.minimum(out[:, ACCRUED_MISSING_DAY], earlier)
        result.fault[rows] = np.where(missing == NEVER, FAULT_TOO_LARGE, FAULT_RATE_MISSING)
        result.rate_missing_day[rows] = np.where(missing == NEVER, NO_DAY, missing)
    return interest


@kernel
def accrue_plain(items, allocations, tables, options, result, pending):
    """Write the items with one principal and one rule for all days; put the others in `pending`.

    result    InterestResult, n rows, every cell written; of pending items zeros and NO_DAY
    pending   int64[n]  written: rows for `resolve_claims`

    Gives the number of rows in `pending`.
    """
    count = 0
    for i in range(items.due_day.shape[0]):
        flags, due_day = items.flags[i], np.int64(items.due_day[i])
        end_day = np.int64(options.as_of_day)
        penalty, unbilled, principal = np.int64(0), np.int64(0), np.int64(0)
        days, fault, rate_missing = np.int64(0), FAULT_NONE, np.int64(NO_DAY)
        is_pending = False
        if end_day > due_day and items.settled_day[i] != NO_DAY:
            end_day = min(end_day, np.int64(items.settled_day[i]))
        if flags & FLAG_CREDIT:
            reason = REASON_CREDIT
        elif flags & FLAG_INTEREST_NOTE:
            reason = REASON_INTEREST_NOTE
        elif end_day <= due_day:
            reason = REASON_NOT_LATE
        else:
            regime = np.int64(items.regime_code[i])
            balance, allocation, last = balance_after_due(i, items, allocations)
            is_pending = (  # not a function of its own: Numba would count references to the columns
                (allocation < last and allocations.value_day[allocation] < end_day)
                or items.insolvency_day[i] != NO_DAY
                or (items.disputed_milli[i] > 0 and items.open_milli[i] > 0)
                or (items.billed_to_day[i] != NO_DAY and not items.has_billed[i])
                or flags & FLAG_INTEREST_FIRST != 0
                or not -BALANCE_LIMIT_MILLI <= balance <= BALANCE_LIMIT_MILLI
                or due_day < tables.first_day
                or (regime >= 0 and tables.regimes[regime, COMPOUNDS] and end_day - due_day > 365)
            )
            has_no_regime = regime < 0 or tables.regimes[regime, IS_NONE] != 0
            reason = reason_against(flags, balance > 0, has_no_regime)
            if reason == REASON_NONE and end_day - due_day <= options.grace_days:
                reason = REASON_WITHIN_GRACE
            if is_pending:
                reason = REASON_NONE
                pending[count] = i
                count += 1
            elif reason == REASON_NONE:
                unit = options.minor_unit_milli[items.currency_code[i]]
                rate_day = fixing_day(tables, regime, due_day + 1, end_day)
                rates, missing = rate_times_weight(tables, regime, rate_day, due_day + 1, end_day)
                high, low = add_product(np.int64(0), np.int64(0), balance, rates)
                penalty, fits = round_money(high, low, tables.regimes[regime, RATE_DIVISOR], unit)
                if missing != NEVER:
                    fault, rate_missing = FAULT_RATE_MISSING, missing
                elif not fits:
                    fault = FAULT_TOO_LARGE
                principal, days, unbilled = balance, end_day - due_day, penalty
        if items.has_billed[i] and not is_pending:
            unbilled -= items.billed_milli[i]
        result.penalty_milli[i] = penalty
        result.suspended_milli[i] = 0
        result.unbilled_milli[i] = unbilled
        result.first_principal_milli[i] = principal
        result.from_day[i] = due_day + 1 if days else NO_DAY
        result.to_day[i] = end_day if days else NO_DAY
        result.days[i] = days
        result.reason[i] = reason
        result.fault[i] = fault
        result.rate_missing_day[i] = rate_missing
    return count


@kernel
def resolve_claims(rows, items, allocations, tables, options, claims):
    """Write for some items which days bear interest on what, and the reason against it.

    rows     int64[k]
    claims   int64[k, 19]  written, but for the layer
    """
    for k in range(rows.shape[0]):
        i = rows[k]
        due_day = np.int64(items.due_day[i])
        late_end = np.int64(options.as_of_day)
        if items.settled_day[i] != NO_DAY:
            late_end = min(late_end, np.int64(items.settled_day[i]))
        balance, first, last = balance_after_due(i, items, allocations)
        claims[k, CLAIM_BALANCE_MILLI] = balance
        claims[k, CLAIM_ALLOCATION_FIRST] = first
        claims[k, CLAIM_ALLOCATION_LAST] = last
        claims[k, CLAIM_DUE_DAY] = due_day
        claims[k, CLAIM_REGIME_CODE] = items.regime_code[i]
        claims[k, CLAIM_MINOR_UNIT_MILLI] = options.minor_unit_milli[items.currency_code[i]]
        claims[k, CLAIM_INTEREST_FIRST] = items.flags[i] & FLAG_INTEREST_FIRST
        find_interest_days(claims, k, late_end, allocations)
        regime = np.int64(items.regime_code[i])
        has_no_regime = regime < 0 or tables.regimes[regime, IS_NONE] != 0
        reason = reason_against(items.flags[i], claims[k, CLAIM_DAYS] > 0, has_no_regime)
        opening = np.int64(items.insolvency_day[i])
        is_prior = opening != NO_DAY and items.claim_day[i] < opening
        if is_prior and opening <= claims[k, CLAIM_TO_DAY]:
            find_interest_days(claims, k, opening - 1, allocations)
            if reason == REASON_NONE and claims[k, CLAIM_DAYS] == 0:
                reason = REASON_INSOLVENCY
        if reason == REASON_NONE and late_end - due_day <= options.grace_days:
            reason = REASON_WITHIN_GRACE
        if reason == REASON_NONE and due_day < tables.first_day:
            claims[k, CLAIM_FAULT] = FAULT_RATE_MISSING
        claims[k, CLAIM_ITEM_INDEX] = i
        claims[k, CLAIM_REASON] = reason
        if reason == REASON_NONE:
            from_day = claims[k, CLAIM_FROM_DAY]
            to_day = claims[k, CLAIM_TO_DAY]
            claims[k, CLAIM_RATE_DAY] = fixing_day(tables, regime, from_day, to_day)


@kernel
def find_interest_days(claims, k, end_day, allocations):
    """Write the first and the last day with principal, their number, and the first principal.

    claims   int64[k, 19]; FAULT_TOO_LARGE is noted when a balance passes 2^61
    """
    balance = claims[k, CLAIM_BALANCE_MILLI]
    allocation = claims[k, CLAIM_ALLOCATION_FIRST]
    last = claims[k, CLAIM_ALLOCATION_LAST]
    claims[k, CLAIM_FAULT] = FAULT_NONE
    claims[k, CLAIM_END_DAY] = end_day
    claims[k, CLAIM_FROM_DAY] = NO_DAY
    claims[k, CLAIM_TO_DAY] = NO_DAY
    claims[k, CLAIM_DAYS] = 0
    claims[k, CLAIM_HIGHEST_MILLI] = 0
    day = claims[k, CLAIM_DUE_DAY] + 1
    while day <= end_day:
        if balance < -BALANCE_LIMIT_MILLI or balance > BALANCE_LIMIT_MILLI:
            claims[k, CLAIM_FAULT] = FAULT_TOO_LARGE
            break
        stretch_end = end_day
        if allocation < last:
            stretch_end = min(stretch_end, np.int64(allocations.value_day[allocation]))
        if balance > 0:
            if claims[k, CLAIM_DAYS] == 0:
                claims[k, CLAIM_FROM_DAY] = day
                claims[k, CLAIM_FIRST_PRINCIPAL_MILLI] = balance
            claims[k, CLAIM_HIGHEST_MILLI] = max(claims[k, CLAIM_HIGHEST_MILLI], balance)
            claims[k, CLAIM_TO_DAY] = stretch_end
            claims[k, CLAIM_DAYS] += stretch_end - day + 1
        while allocation < last and allocations.value_day[allocation] <= stretch_end:
            if -BALANCE_LIMIT_MILLI <= balance <= BALANCE_LIMIT_MILLI:  # else it stays too large
                balance -= allocations.amount_milli[allocation]
            allocation += 1
        day = stretch_end + 1


@kernel
def reason_against(flags, has_days, has_no_regime):
    """Give the first reason against interest that has nothing to do with which days are late."""
    if not has_days:
        return REASON_NOT_LATE
    if flags & FLAG_CONSUMER:
        return REASON_CONSUMER
    if flags & FLAG_INTRAGROUP:
        return REASON_INTRAGROUP
    if has_no_regime:
        return REASON_NO_REGIME
    return REASON_NONE


@kernel
def balance_after_due(i, items, allocations):
    """Give the balance on the day after the due date, and the allocations that come later."""
    balance = items.amount_milli[i] if items.has_allocation[i] else items.open_milli[i]
    first = allocations.offset[i]
    last = allocations.offset[i + 1]
    while first < last and allocations.value_day[first] <= items.due_day[i]:
        if -BALANCE_LIMIT_MILLI <= balance <= BALANCE_LIMIT_MILLI:  # else it stays too large
            balance -= allocations.amount_milli[first]
        first += 1
    return balance, first, last


@kernel
def fixing_day(tables, regime, first_day, end_day):
    """Give the day that fixes the rate of what is unpaid until `end_day`; NO_DAY: each its own."""
    fixing = tables.regimes[regime, FIXING]
    day = np.int64(NO_DAY)
    if fixing == FIXED_AT_START:
        day = first_day
    elif fixing == FIXED_AT_PAYMENT:
        day = end_day
    return day
