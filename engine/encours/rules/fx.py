"""Exchange rates as exact ratios: direct, else inverse, else crossed through the pivot currency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from encours.rules.currencies import minor_unit_milli
from encours_schemas.errors import InputMissing, InputRefused

FxRow = tuple[str, str, date, Decimal]
"""from_currency, to_currency, rate_date, rate: 1 from = rate to."""

_EPOCH: Final = date(1970, 1, 1)

# The kernel's wide arithmetic takes factors below 2^62 and divisors below 2^61.
_PART_LIMIT: Final = 1 << 61
MONEY_LIMIT_MILLI: Final = 10**18
"""An amount of the contract has at most 18 digits, three of them decimals."""


class FxTable:
    """The rates in force on the as-of date, as Fractions; `target` is the reporting currency."""

    def __init__(
        self,
        rates: dict[tuple[str, str], tuple[date, Decimal]],
        as_of: date,
        target: str,
        pivot: str,
        max_age_days: int,
    ) -> None:
        """Keep the latest rate of every pair on or before the as-of date, stale ones too."""
        self.as_of = as_of
        self.target = target
        self.pivot = pivot
        self.max_age_days = max_age_days
        self._rates = rates
        self._found: dict[tuple[str, str], Fraction] = {}

    def ratio(self, currency: str) -> Fraction:
        """Give what one unit of a currency is worth in the reporting currency.

        Raises InputMissing naming the pair when no fresh rate leads there.
        """
        return self.between(currency, self.target)

    def between(self, from_currency: str, to_currency: str) -> Fraction:
        """Give what one unit of a currency is worth in another.

        Raises InputMissing naming the pair when no fresh rate leads there.
        """
        pair = (from_currency, to_currency)
        if pair not in self._found:
            found = self._one_leg(*pair)
            if found is None and self.pivot not in pair:
                first = self._one_leg(from_currency, self.pivot)
                second = self._one_leg(self.pivot, to_currency)
                found = first * second if first is not None and second is not None else None
            if found is None:
                raise self._missing(*pair)
            self._found[pair] = found
        return self._found[pair]

    def ratio_arrays(
        self, currencies: Sequence[str], target: str | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give numerator and denominator, int64[c], for the kernel `convert_amounts`.

        numerator / denominator turns thousandths of currency c into minor units of `target`
        (default: the reporting currency). Where one of them does not fit the kernel (a rate of very
        many digits) both are 0, the kernel leaves those rows to `convert_exactly`.

        Raises InputMissing as `ratio` does.
        """
        target = target or self.target
        numerator = np.zeros(len(currencies), np.int64)
        denominator = np.zeros(len(currencies), np.int64)
        for code, currency in enumerate(currencies):
            ratio = self.between(currency, target) / minor_unit_milli(target)
            if max(ratio.numerator, ratio.denominator) < _PART_LIMIT:
                numerator[code], denominator[code] = ratio.numerator, ratio.denominator
        return numerator, denominator

    def convert(self, amount_milli: int, currency: str, to: str | None = None) -> int:
        """Convert one amount in thousandths, rounded half away from zero."""
        target = to or self.target
        return _converted(amount_milli, self.between(currency, target), minor_unit_milli(target))

    def _one_leg(self, from_currency: str, to_currency: str) -> Fraction | None:
        """Give the direct rate if it is fresh, else the inverse one if that is, else None."""
        if from_currency == to_currency:
            return Fraction(1)
        direct = self._fresh(from_currency, to_currency)
        if direct is not None:
            return Fraction(direct)
        inverse = self._fresh(to_currency, from_currency)
        return None if inverse is None else 1 / Fraction(inverse)

    def _fresh(self, from_currency: str, to_currency: str) -> Decimal | None:
        rate_date, rate = self._rates.get((from_currency, to_currency), (date.min, Decimal(0)))
        return rate if (self.as_of - rate_date).days <= self.max_age_days else None

    def _missing(self, from_currency: str, to_currency: str) -> InputMissing:
        legs = {from_currency, to_currency, self.pivot}
        stale = sorted(
            f"{pair[0]} to {pair[1]} of {rate_date}"
            for pair, (rate_date, _) in self._rates.items()
            if set(pair) <= legs and (self.as_of - rate_date).days > self.max_age_days
        )
        return InputMissing(
            what=f"no exchange rate from {from_currency} to {to_currency}",
            where=f"fx_rates, as of {self.as_of}",
            found=f"only stale rates ({', '.join(stale)})" if stale else "",
            expected=f"a rate at most {self.max_age_days} days old, direct, inverse or by way of "
            f"{self.pivot}",
            cure="add the missing rates to fx_rates",
        )


def build_fx(
    rows: Iterable[FxRow], as_of_day: int, target: str, pivot: str, max_age_days: int
) -> FxTable:
    """Take the latest rate of every pair on or before the as-of date.

    rows           (from_currency, to_currency, rate_date, rate), in any order; later ones ignored
    as_of_day      days since 1970-01-01
    max_age_days   a rate older than this many days is stale and not used

    Raises InputRefused for a rate that is not positive, and for two rates of one pair and date.
    """
    as_of = _EPOCH + timedelta(days=as_of_day)
    latest: dict[tuple[str, str], tuple[date, Decimal]] = {}
    seen: dict[tuple[str, str, date], Decimal] = {}
    for from_currency, to_currency, rate_date, rate in rows:
        if not rate.is_finite() or rate <= 0:
            raise _bad_rate(
                "an exchange rate must be positive", from_currency, to_currency, rate_date
            )
        if seen.setdefault((from_currency, to_currency, rate_date), rate) != rate:
            raise _bad_rate(
                "two rates for one pair and date", from_currency, to_currency, rate_date
            )
        pair = (from_currency, to_currency)
        if rate_date <= as_of and (pair not in latest or rate_date > latest[pair][0]):
            latest[pair] = (rate_date, rate)
    return FxTable(latest, as_of, target, pivot, max_age_days)


def _bad_rate(what: str, from_currency: str, to_currency: str, rate_date: date) -> InputRefused:
    """Refuse a row; the sentence is made here, not for each of the good rows of a long history."""
    return InputRefused(what=what, where=f"fx_rates: {from_currency} to {to_currency}, {rate_date}")


def convert_exactly(
    amount_milli: NDArray[np.int64], ratio: Fraction, target_minor_unit_milli: int
) -> NDArray[np.int64]:
    """Convert amounts with a ratio of any size, in whole Python numbers, once per distinct amount.

    The slow way for ratios that `FxTable.ratio_arrays` gives as 0 / 0; int64[n] thousandths in and
    out. Raises OverflowError naming the row when a result has more than 18 digits.
    """
    distinct, position = np.unique(amount_milli, return_inverse=True)
    converted = [
        _converted(int(amount), ratio, target_minor_unit_milli) for amount in distinct.tolist()
    ]
    too_large = np.array([abs(amount) >= MONEY_LIMIT_MILLI for amount in converted], np.bool_)
    if too_large.any():
        row = int(np.flatnonzero(too_large[position])[0])
        raise OverflowError(f"the converted amount of row {row} has more than 18 digits")
    return np.array(converted, np.int64)[position]


def _converted(amount_milli: int, ratio: Fraction, target_minor_unit_milli: int) -> int:
    """Round amount x ratio half away from zero to a multiple of the minor unit."""
    exact = abs(amount_milli) * ratio / target_minor_unit_milli
    units = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
    return (units if amount_milli >= 0 else -units) * target_minor_unit_milli
