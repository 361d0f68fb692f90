"""Exact arithmetic past 64 bits: products, sums and rounded quotients of up to 124 bits.

A wide number is a pair (high, low) and stands for high * 2^62 + low, with 0 <= low < 2^62 and the
sign in `high`. Both are int64 that never wrap: every partial product stays below 2^63. So the same
code gives the same figures without the compiler, where a wrapping integer would warn, and no int64
meets a uint64, which NumPy and Numba would turn into a float.
"""

import numpy as np

from encours.kernels._jit import kernel

WIDE_BITS = 62
LOW_MASK = (1 << 62) - 1
HALF_BITS = 31
HALF_MASK = (1 << 31) - 1

MONEY_LIMIT_MILLI = 10**18  # decimal128(18, 3): the first amount with too many digits
SAFE_UNITS = 10**15  # of a thousand thousandths or less each: below the limit

CONVERTED = 0
CONVERTED_TOO_LARGE = 1
CONVERTED_WITHOUT_RATIO = 2


@kernel
def add_product(high, low, factor, multiplier):
    """Give the wide number plus factor * multiplier.

    high, low    int64   wide number
    factor       int64   0 <= factor < 2^62
    multiplier   int64   -2^62 < multiplier < 2^62

    Not checked here: bounds; the sum must stay below 2^124 (`build_rate_tables` sees to both).
    """
    size = multiplier if multiplier >= 0 else -multiplier
    factor_top = factor >> HALF_BITS
    factor_rest = factor & HALF_MASK
    size_top = size >> HALF_BITS
    size_rest = size & HALF_MASK
    middle = factor_top * size_rest + factor_rest * size_top
    product_low = factor_rest * size_rest + ((middle & HALF_MASK) << HALF_BITS)
    product_high = factor_top * size_top + (middle >> HALF_BITS) + (product_low >> WIDE_BITS)
    product_low &= LOW_MASK
    if multiplier >= 0:
        low += product_low
        high += product_high + (low >> WIDE_BITS)
    else:
        low -= product_low
        high += (low >> WIDE_BITS) - product_high  # the shift gives -1 when a bit is borrowed
    return high, low & LOW_MASK


@kernel
def rounded_quotient(high, low, divisor):
    """Give the wide number / divisor rounded half away from zero, and whether it fits 62 bits.

    high, low   int64   wide number
    divisor     int64   0 < divisor < 2^61

    A quotient that does not fit is given as 0.
    """
    is_negative = high < 0
    if is_negative:
        high = -high
        if low != 0:
            high -= 1
            low = LOW_MASK + 1 - low
    if high >= divisor:
        return np.int64(0), False
    if high == 0:
        quotient = low // divisor
        rest = low - quotient * divisor
    else:
        quotient, rest = _divide(high, low, divisor)
    if rest >= divisor - rest:
        quotient += 1
    return -quotient if is_negative else quotient, True


@kernel
def _divide(high, low, divisor):
    """Give quotient and rest of a positive wide number with high < divisor, a few bits at a time.

    The rest is below the divisor, so with k bits in the divisor 62 - k bits can be appended to it
    without reaching 2^62.
    """
    step = WIDE_BITS
    while step > 1 and (divisor >> (WIDE_BITS - step)) != 0:
        step -= 1
    quotient = np.int64(0)
    rest = high
    bits_left = WIDE_BITS
    while bits_left > 0:
        bits = min(bits_left, step)
        bits_left -= bits
        rest = (rest << bits) | ((low >> bits_left) & ((1 << bits) - 1))
        digit = rest // divisor
        rest -= digit * divisor
        quotient = (quotient << bits) | digit
    return quotient, rest


@kernel
def round_money(high, low, divisor, minor_unit_milli):
    """Give wide / divisor in thousandths, rounded half away from zero to the currency's decimals.

    high, low          int64   wide number, thousandths times divisor
    divisor            int64   0 < divisor * minor_unit_milli < 2^61
    minor_unit_milli   int64   10 for EUR, 1000 for JPY, 1 for TND

    Gives (thousandths, fits); an amount of 10^18 thousandths or more does not fit and is given as
    0.
    """
    units, fits = rounded_quotient(high, low, divisor * minor_unit_milli)
    size = units if units >= 0 else -units
    # Most are far below any limit: no division to find out.
    if not fits or (size >= SAFE_UNITS and size >= MONEY_LIMIT_MILLI // minor_unit_milli):
        return np.int64(0), False
    return units * minor_unit_milli, True


@kernel
def _is_multiple(amount_milli, unit_milli):
    """Tell whether an amount is a multiple of a unit; the usual unit costs no division."""
    if unit_milli == 10:
        return amount_milli % 10 == 0
    return amount_milli % unit_milli == 0


@kernel
def convert_amounts(
    amount_milli,
    currency_code,
    numerator,
    denominator,
    target_minor_unit_milli,
    out_milli,
    out_fault,
):
    """Convert amounts, each rounded half away from zero to the target currency's decimals.

    amount_milli              int64[n]  below 10^18 either way
    currency_code             int32[n]  index into the ratios; -1 = unknown
    numerator, denominator    int64[c]  thousandths to minor units of the target; 0 = no ratio
    target_minor_unit_milli   int       thousandths in a minor unit of the target
    out_milli                 int64[n]  written; 0 where there is a fault
    out_fault                 uint8[n]  written: 0 converted, 1 too large for money, 2 no ratio

    Zero needs no rate: it is zero in every currency.

    Gives the number of faults. Rule: DOMAIN 4 (one conversion, one rounding per item).
    """
    faults = 0
    is_own = (numerator == 1) & (denominator == target_minor_unit_milli)  # most amounts are
    for i in range(amount_milli.shape[0]):
        code = currency_code[i]
        amount = amount_milli[i]
        out_milli[i] = 0
        if amount == 0:
            out_fault[i] = CONVERTED
            continue
        if code >= 0 and is_own[code] and _is_multiple(amount, target_minor_unit_milli):
            out_milli[i] = amount
            out_fault[i] = CONVERTED
            continue
        out_fault[i] = CONVERTED_WITHOUT_RATIO
        if code >= 0 and denominator[code] > 0:
            size = amount if amount >= 0 else -amount
            high, low = add_product(np.int64(0), np.int64(0), size, numerator[code])
            units, fits = rounded_quotient(high, low, denominator[code])
            out_fault[i] = CONVERTED_TOO_LARGE
            if fits and units < MONEY_LIMIT_MILLI // target_minor_unit_milli:
                out_fault[i] = CONVERTED
                converted = units * target_minor_unit_milli
                out_milli[i] = converted if amount >= 0 else -converted
        if out_fault[i] != CONVERTED:
            faults += 1
    return faults
