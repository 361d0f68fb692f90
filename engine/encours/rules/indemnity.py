"""The lump sum for recovery costs (indemnité forfaitaire): which band, which sum."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encours.rules.regimes import Regime

_NO_LIMIT: Final = np.iinfo(np.int64).max


class IndemnityTables(NamedTuple):
    """Bands of every regime, by regime code; b = the most bands that a regime has.

    limit_milli    int64[r, b]  last principal of the band, in thousandths of the band currency
    sum_milli      int64[r, b]  lump sum in thousandths of `currency`; 0 where the regime has none
    currency       the sum's currency, "" where the regime has none
    band_currency  the currency of the limits
    per_due_date   uint8[r]     1: once per due date of a document, 0: once per document
    """

    limit_milli: NDArray[np.int64]
    sum_milli: NDArray[np.int64]
    currency: tuple[str, ...]
    band_currency: tuple[str, ...]
    per_due_date: NDArray[np.uint8]


def build_indemnity_tables(regimes: Sequence[Regime]) -> IndemnityTables:
    """Lay out the bands of the regimes, whose position is their code."""
    width = max((len(regime.indemnity) for regime in regimes), default=0) or 1
    limit = np.full((len(regimes), width), _NO_LIMIT, np.int64)
    amount = np.zeros((len(regimes), width), np.int64)
    for code, regime in enumerate(regimes):
        for position, band in enumerate(regime.indemnity):
            amount[code, position] = _milli(band.sum)
            if band.limit is not None:
                # In whole thousandths "below 1000" is "up to 999.999".
                limit[code, position] = _milli(band.limit) - (0 if band.limit_included else 1)
    return IndemnityTables(
        limit_milli=limit,
        sum_milli=amount,
        currency=tuple(regime.indemnity_currency for regime in regimes),
        band_currency=tuple(regime.indemnity_band_currency for regime in regimes),
        per_due_date=np.array([regime.indemnity_per == "due_date" for regime in regimes], np.uint8),
    )


def indemnity_sums(
    tables: IndemnityTables, regime_code: NDArray[np.int32], principal_milli: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give the lump sum of each item in thousandths of its regime's indemnity currency; int64[n].

    regime_code      int32[n]  -1 = no regime: 0
    principal_milli  int64[n]  principal on the first interest day, in the regime's band currency

    Whether a sum is due at all (an interest day, once per document) is not decided here.
    """
    code = np.maximum(regime_code, 0)
    position = indemnity_bands(tables, code, principal_milli)
    return np.where(regime_code < 0, np.int64(0), tables.sum_milli[code, position])


def indemnity_bands(
    tables: IndemnityTables, regime_code: NDArray[np.int32], principal_milli: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give the position of the band that each principal falls into; int64[n].

    regime_code      int32[n]  none negative
    principal_milli  int64[n]  in the regime's band currency
    """
    return (principal_milli[:, None] > tables.limit_milli[regime_code]).sum(axis=1)


def _milli(value: Decimal) -> int:
    """Give a sum or bound in thousandths; more decimals would be a mistake in the regime."""
    scaled = value * 1000
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value} has more than three decimals")
    return int(scaled)
