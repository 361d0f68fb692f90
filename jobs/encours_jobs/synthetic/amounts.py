"""Amounts: log-normal in size, and always whole in the smallest unit of their currency."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.draws import Codes, Draws, Numbers, Quantiles

MEAN_EURO: Final = 2_400
"""About what an item is worth, in euros; limits are set by it."""

_MEDIAN_CENTS: Final = 90_000
_SIGMA: Final = 1.4
_LEAST_CENTS: Final = 800
_WIDEST: Final = 4.5

STEP_MILLI: Final = np.array([currency.step_milli for currency in words.CURRENCIES])
_PRICE_TENTHS: Final = np.array([currency.price_tenths for currency in words.CURRENCIES])


def _cent_quantiles() -> Quantiles:
    """Give the quantiles of an amount in euro cents."""
    normal = NormalDist()
    shares = [step / (Quantiles.KNOTS - 1) for step in range(1, Quantiles.KNOTS - 1)]
    deviations = [-_WIDEST, *(normal.inv_cdf(share) for share in shares), _WIDEST]
    cents = [round(_MEDIAN_CENTS * math.exp(_SIGMA * deviation)) for deviation in deviations]
    return Quantiles(np.maximum(np.array(cents, dtype=np.int64), _LEAST_CENTS))


_CENTS: Final = _cent_quantiles()


def draw_amounts(draws: Draws, currency: Codes) -> Numbers:
    """Give a positive amount for each row, in thousandths of a unit of its currency.

    At least 64 of the currency's smallest units, so that parts of it are never zero.
    """
    return in_currency(draws.spread(_CENTS), currency)


def in_currency(euro_cents: Numbers, currency: Codes) -> Numbers:
    """Give about the same worth in each row's currency, in thousandths of a unit."""
    units: Numbers = euro_cents * _PRICE_TENTHS[currency]
    units //= 10
    units *= STEP_MILLI[currency]
    return units


def part_of(milli: Numbers, share_16: Numbers, currency: Codes) -> Numbers:
    """Give a share (of 65,536) of each amount, cut to what its currency can express."""
    step = STEP_MILLI[currency]
    part: Numbers = milli // step * share_16 // 65_536 * step
    return part
