"""Which band of its regime's lump sums a late item falls into."""

from typing import Any, NamedTuple

import numpy as np

from encours.kernels._jit import kernel
from encours.kernels.wide import MONEY_LIMIT_MILLI, add_product, rounded_quotient

NO_BAND = -1
UNDECIDED = -2


class BandTables(NamedTuple):
    """Bands of r regimes, at most b each, and the rates of c currencies to k band currencies.

    band_currency     int32[r]     position of the regime's band currency, -1: no lump sums
    limit_milli       int64[r, b]  last principal of the band, in the band currency
    numerator         int64[k, c]  thousandths to minor units of the band currency
    denominator       int64[k, c]  0 = no ratio that the kernel can use
    minor_unit_milli  int64[k]
    """

    band_currency: Any
    limit_milli: Any
    numerator: Any
    denominator: Any
    minor_unit_milli: Any


@kernel
def choose_bands(rows, regime_code, principal_milli, currency_code, tables, out_kind):
    """Write which lump sum each of some items gets: regime x b + band.

    rows             int64[m]
    regime_code      int32[n]  -1 = no regime
    principal_milli  int64[n]  principal on the first interest day, 0 < principal < 10^18
    currency_code    int32[n]
    tables           BandTables
    out_kind         int64[m]  written; `NO_BAND` where the regime has none, `UNDECIDED` where the
                               principal cannot be converted here

    The principal is rounded half away from zero to the decimals of the band currency (DOMAIN 6).
    Returns how many are undecided.
    """
    width = tables.limit_milli.shape[1]
    undecided = 0
    for i in range(rows.shape[0]):
        regime = regime_code[rows[i]]
        out_kind[i] = NO_BAND
        if regime < 0 or tables.band_currency[regime] < 0:
            continue
        band = tables.band_currency[regime]
        code = currency_code[rows[i]]
        divisor, unit = tables.denominator[band, code], tables.minor_unit_milli[band]
        units, fits = np.int64(0), False
        if divisor > 0:
            size, factor = principal_milli[rows[i]], tables.numerator[band, code]
            high, low = add_product(np.int64(0), np.int64(0), size, factor)
            units, fits = rounded_quotient(high, low, divisor)
        if not fits or units >= MONEY_LIMIT_MILLI // unit:
            out_kind[i] = UNDECIDED
            undecided += 1
            continue
        position = 0
        while position < width - 1 and units * unit > tables.limit_milli[regime, position]:
            position += 1
        out_kind[i] = np.int64(regime) * width + position
    return undecided
