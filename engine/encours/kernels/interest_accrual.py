"""Interest of one layer of one item's principal, by any fixing rule, with its detail where wanted.

Figure and detail come from the same lines: the detail cuts the same stretches on the days on which
a row has to begin, and its amounts are differences of the rounded running total.
"""

import numpy as np

from encours.kernels._jit import kernel
from encours.kernels.interest_columns import (
    ACCRUED_FAULT,
    ACCRUED_INTEREST_MILLI,
    ACCRUED_MISSING_DAY,
    CLAIM_ALLOCATION_FIRST,
    CLAIM_ALLOCATION_LAST,
    CLAIM_BALANCE_MILLI,
    CLAIM_DUE_DAY,
    CLAIM_END_DAY,
    CLAIM_INTEREST_FIRST,
    CLAIM_ITEM_INDEX,
    CLAIM_LAYER_FROM_MILLI,
    CLAIM_LAYER_TO_MILLI,
    CLAIM_MINOR_UNIT_MILLI,
    CLAIM_RATE_DAY,
    CLAIM_REGIME_CODE,
    COMPOUNDS,
    CUMULATIVE_BASE,
    DAY_COUNT,
    FAULT_NONE,
    FAULT_RATE_MISSING,
    FAULT_TOO_LARGE,
    FIRST_DAY,
    FIRST_UNKNOWN_DAY,
    FIXED_AT_PAYMENT,
    FIXING,
    NEVER,
    NO_DAY,
    NO_RATE_E9,
    PERIOD_DAYS,
    PERIOD_FROM_DAY,
    PERIOD_INTEREST_MILLI,
    PERIOD_ITEM_INDEX,
    PERIOD_PRINCIPAL_MILLI,
    PERIOD_RATE_DAY,
    PERIOD_RATE_E9,
    PERIOD_REFERENCE_RATE_E9,
    PERIOD_TO_DAY,
    RATE,
    RATE_DIVISOR,
    RATE_UNIT_E9,
    REFERENCE_RATE_E9,
    SEGMENT,
    STARTS_PERIOD,
    WEIGHT,
    Claim,
    Running,
)
from encours.kernels.wide import MONEY_LIMIT_MILLI, add_product, round_money


@kernel
def accrue_claims(claims, allocations, tables, periods, out):
    """Write the rounded interest of every claim, and the rows of its detail; give their number.

    claims        int64[k, 19]  CLAIM_... columns; their days lie within the tables
    allocations   Allocations
    tables        RateTables
    periods       int64[p, 9]   the detail, written as far as it goes; of no rows: only counted
    out           int64[k, 3]   ACCRUED_... columns, written

    Rule: DOMAIN 6. On a day without principal nothing accrues, on capitalised interest neither:
    settlement in the ledger ends the accrual, whatever interest is left unpaid.
    """
    zero = np.int64(0)
    row = zero
    for k in range(claims.shape[0]):
        claim = Claim(
            claims[k, CLAIM_ITEM_INDEX],
            claims[k, CLAIM_BALANCE_MILLI],
            claims[k, CLAIM_ALLOCATION_FIRST],
            claims[k, CLAIM_ALLOCATION_LAST],
            claims[k, CLAIM_DUE_DAY],
            claims[k, CLAIM_END_DAY],
            claims[k, CLAIM_RATE_DAY],
            claims[k, CLAIM_REGIME_CODE],
            claims[k, CLAIM_LAYER_FROM_MILLI],
            claims[k, CLAIM_LAYER_TO_MILLI],
            claims[k, CLAIM_MINOR_UNIT_MILLI],
            claims[k, CLAIM_INTEREST_FIRST],
        )
        running = Running(zero, zero, zero, zero, zero, row, zero, zero + NEVER)
        if tables.regimes[claim.regime_code, FIXING] == FIXED_AT_PAYMENT:
            running = _accrue_levels(running, claim, allocations, tables, periods)
        else:
            running = _accrue_window(running, claim, allocations, tables, periods)
        running = _settle(running, claim, tables, periods, claim.end_day, zero, zero + 1)
        row = running.row
        fault = FAULT_TOO_LARGE if running.is_too_large else FAULT_NONE
        out[k, ACCRUED_INTEREST_MILLI] = running.capital_milli
        out[k, ACCRUED_FAULT] = fault if running.missing_day == NEVER else FAULT_RATE_MISSING
        out[k, ACCRUED_MISSING_DAY] = running.missing_day
    return row


@kernel
def _accrue_levels(running, claim, allocations, tables, periods):
    """Let each part of the principal take the rate of the day on which it was paid.

    A part is a level of the principal. It is paid for good on the last day of the window on which
    the principal reaches it (the day of payment bears interest, so that day is the payment's) and
    takes that day's rate for all days on which the principal reached it: a returned payment never
    counts as paid. What is unpaid at the end takes the rate of the end.

    Without returns each level has been open since the due date, and needs no walk of its own.
    """
    layer_from, layer_to = claim.layer_from_milli, claim.layer_to_milli
    has_return = False
    for k in range(claim.first, claim.last):
        has_return |= allocations.amount_milli[k] < 0
    balance = claim.balance_milli
    allocation = claim.first
    stretch_end = claim.due_day
    while stretch_end < claim.end_day:
        stretch_end = claim.end_day
        if allocation < claim.last:
            stretch_end = min(stretch_end, np.int64(allocations.value_day[allocation]))
        principal = max(min(balance, layer_to) - layer_from, np.int64(0))
        reached = balance
        while allocation < claim.last and allocations.value_day[allocation] <= stretch_end:
            balance -= allocations.amount_milli[allocation]
            allocation += 1
        later = np.int64(0)
        if stretch_end < claim.end_day:
            highest, tried, k = balance, balance, allocation
            while has_return and k < claim.last and allocations.value_day[k] < claim.end_day:
                tried -= allocations.amount_milli[k]
                k += 1
                if k == claim.last or allocations.value_day[k] != allocations.value_day[k - 1]:
                    highest = max(highest, tried)  # at the end of a day
            later = max(min(highest, layer_to) - layer_from, np.int64(0))
        if principal > later:
            level = Claim(
                claim.item_index,
                claim.balance_milli if has_return else reached,
                claim.first if has_return else claim.last,
                claim.last,
                claim.due_day,
                stretch_end,
                stretch_end,
                claim.regime_code,
                layer_from + later,
                layer_from + principal,
                claim.minor_unit_milli,
                np.int64(0),  # what a payment pays first is not combined with what fixes its rate
            )
            running = _accrue_window(running, level, allocations, tables, periods)
    return running


@kernel
def _accrue_window(running, claim, allocations, tables, periods):
    """Walk the stretches of one principal, payments and anniversaries from the due date on."""
    layer_from, layer_to = claim.layer_from_milli, claim.layer_to_milli
    compounds = tables.regimes[claim.regime_code, COMPOUNDS] != 0
    years = np.int64(0)
    anniversary = claim.due_day
    balance = claim.balance_milli
    allocation = claim.first
    day = claim.due_day + 1
    while day <= claim.end_day:
        stretch_end = claim.end_day
        if compounds:
            if anniversary < day:
                years += 1
                anniversary = anniversary_day(claim.due_day, years)
            stretch_end = min(stretch_end, anniversary)
        principal = max(min(balance, layer_to) - layer_from, np.int64(0))
        payment = np.int64(0)
        while allocation < claim.last and allocations.value_day[allocation] <= stretch_end:
            value_day = np.int64(allocations.value_day[allocation])
            while allocation < claim.last and allocations.value_day[allocation] == value_day:
                reduction = allocations.amount_milli[allocation]
                balance -= reduction
                if claim.interest_first:
                    payment += allocations.payment_milli[allocation]
                    payment = min(payment, np.int64(MONEY_LIMIT_MILLI))
                allocation += 1
            # What leaves this layer as it is ends no stretch.
            left = max(min(balance, layer_to) - layer_from, np.int64(0))
            if payment > 0 or left != principal:
                stretch_end = value_day
        if principal > 0:
            running = _accrue_stretch(running, claim, tables, periods, day, stretch_end, principal)
        joins = np.int64(compounds and stretch_end == anniversary)
        if joins or payment > 0:
            running = _settle(running, claim, tables, periods, stretch_end, payment, joins)
        day = stretch_end + 1
    return running


@kernel
def _accrue_stretch(running, claim, tables, periods, day, stretch_end, principal):
    """Add the interest of days with one principal, in as many rows as the detail wants."""
    high, low, row = running.high, running.low, running.row
    regime, rate_day = claim.regime_code, claim.rate_day
    principal += running.capital_milli + running.paid_milli
    missing_day = running.missing_day
    while day <= stretch_end:
        piece_end = stretch_end
        segment = tables.days[day - tables.first_day, SEGMENT]
        next_segment = segment + 1
        while rate_day == NO_DAY and next_segment < tables.segments.shape[1]:
            next_day = tables.segments[regime, next_segment, FIRST_DAY]
            if next_day > piece_end:
                break
            if tables.segments[regime, next_segment, STARTS_PERIOD]:
                piece_end = next_day - 1
            next_segment += 1
        before_high, before_low = high, low
        multiplier, missing = rate_times_weight(tables, regime, rate_day, day, piece_end)
        high, low = add_product(high, low, principal, multiplier)
        missing_day = min(missing_day, missing)
        if row < periods.shape[0]:
            divisor, unit = tables.regimes[regime, RATE_DIVISOR], claim.minor_unit_milli
            before, _ = round_money(before_high, before_low, divisor, unit)
            after, _ = round_money(high, low, divisor, unit)
            if rate_day != NO_DAY:
                segment = tables.days[rate_day - tables.first_day, SEGMENT]
            reference_e9 = tables.segments[regime, segment, REFERENCE_RATE_E9]
            rate = tables.segments[regime, segment, RATE]
            periods[row, PERIOD_ITEM_INDEX] = claim.item_index
            periods[row, PERIOD_FROM_DAY] = day
            periods[row, PERIOD_TO_DAY] = piece_end
            periods[row, PERIOD_DAYS] = piece_end - day + 1
            periods[row, PERIOD_PRINCIPAL_MILLI] = principal
            periods[row, PERIOD_REFERENCE_RATE_E9] = reference_e9
            periods[row, PERIOD_RATE_E9] = rate * tables.regimes[regime, RATE_UNIT_E9]
            periods[row, PERIOD_INTEREST_MILLI] = after - before
            periods[row, PERIOD_RATE_DAY] = day if rate_day == NO_DAY else rate_day
        row += 1
        day = piece_end + 1
    return Running(
        high,
        low,
        running.unpaid_milli,
        running.capital_milli,
        running.paid_milli,
        row,
        running.is_too_large,
        missing_day,
    )


@kernel
def _settle(running, claim, tables, periods, day, payment, joins):
    """Round what has accrued by a day, let a payment take of it, and the rest join the principal.

    The ledger took the whole payment off the principal, so what it paid of the interest is put back
    there. In the detail that is a row without days, its interest what the payment took, negative.
    """
    zero = np.int64(0)
    divisor = tables.regimes[claim.regime_code, RATE_DIVISOR]
    accrued, fits = round_money(running.high, running.low, divisor, claim.minor_unit_milli)
    unpaid = running.unpaid_milli + accrued
    total = running.capital_milli + running.paid_milli + unpaid
    if not fits or total >= MONEY_LIMIT_MILLI or total <= -MONEY_LIMIT_MILLI:
        return Running(zero, zero, zero, zero, zero, running.row, zero + 1, running.missing_day)
    taken = min(payment, max(unpaid, zero))
    row = running.row
    if taken > 0:
        if row < periods.shape[0]:
            periods[row, PERIOD_ITEM_INDEX] = claim.item_index
            periods[row, PERIOD_FROM_DAY] = day
            periods[row, PERIOD_TO_DAY] = day
            periods[row, PERIOD_DAYS] = 0
            periods[row, PERIOD_PRINCIPAL_MILLI] = 0
            periods[row, PERIOD_REFERENCE_RATE_E9] = NO_RATE_E9
            periods[row, PERIOD_RATE_E9] = 0
            periods[row, PERIOD_INTEREST_MILLI] = -taken
            periods[row, PERIOD_RATE_DAY] = day
        row += 1
    unpaid -= taken
    return Running(
        zero,
        zero,
        zero if joins else unpaid,
        running.capital_milli + (unpaid if joins else zero),
        running.paid_milli + taken,
        row,
        running.is_too_large,
        running.missing_day,
    )


@kernel
def rate_times_weight(tables, regime, rate_day, day, last_day):
    """Give the sum of rate x weight over some days, and the first of them without a rate.

    rate_day   the day whose rate they all take, NO_DAY: each its own

    The second is NEVER when all rates are known.
    """
    # One way out and single elements, no rows as views: otherwise Numba counts references to the
    # arrays, which costs more than all of the arithmetic.
    weight_column = WEIGHT + tables.regimes[regime, DAY_COUNT]
    last_weight = np.int64(tables.days[last_day - tables.first_day, weight_column])
    eve_weight = np.int64(tables.days[day - 1 - tables.first_day, weight_column])
    first_needed = day if rate_day == NO_DAY else rate_day
    last_needed = last_day if rate_day == NO_DAY else rate_day
    segment = tables.days[first_needed - tables.first_day, SEGMENT]
    missing_day = max(first_needed, tables.segments[regime, segment, FIRST_UNKNOWN_DAY])
    if missing_day > last_needed:
        missing_day = np.int64(NEVER)
    if rate_day == NO_DAY:
        segment = tables.days[last_day - tables.first_day, SEGMENT]
        total = tables.segments[regime, segment, CUMULATIVE_BASE]
        total += tables.segments[regime, segment, RATE] * last_weight
        segment = tables.days[day - 1 - tables.first_day, SEGMENT]
        total -= tables.segments[regime, segment, CUMULATIVE_BASE]
        total -= tables.segments[regime, segment, RATE] * eve_weight
    else:
        total = tables.segments[regime, segment, RATE] * (last_weight - eve_weight)
    return total, missing_day


@kernel
def anniversary_day(day, years):
    """Give the same day some years later; 29 February becomes 28 February in other years.

    Days since 1970-01-01 to calendar and back by eras of 400 years (146097 days) from 1 March 0000,
    which puts the leap day at the end of a year.
    """
    shifted = day + 719468
    era = shifted // 146097
    day_of_era = shifted - era * 146097
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    target = era * 400 + year + years
    # A year from 1 March on ends with the February of the next calendar year.
    february = target + 1
    is_leap = february % 4 == 0 and (february % 100 != 0 or february % 400 == 0)
    if day_of_year == 365 and not is_leap:
        day_of_year = np.int64(364)
    target_era = target // 400
    year_of_era = target - target_era * 400
    start = 365 * year_of_era + year_of_era // 4 - year_of_era // 100
    return target_era * 146097 + start + day_of_year - 719468
