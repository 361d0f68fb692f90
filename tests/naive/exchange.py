"""Exchange rates as of a date, as exact fractions (TABLES, fx_rates)."""

from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from tests.naive.arithmetic import rounded
from tests.naive.contract import EXPONENTS


class NoFreshRateError(Exception):
    """No rate for a pair is fresh enough."""


class Exchange:
    """Turns amounts of any currency into any other at the as-of rates."""

    def __init__(
        self, rows: Iterable[Mapping[str, Any]], as_of: date, pivot: str, max_age_days: int
    ) -> None:
        """Keep the latest rate of every pair that isn't stale."""
        self.pivot = pivot
        self.fresh: dict[tuple[str, str], Fraction] = {}
        latest: dict[tuple[str, str], date] = {}
        for row in rows:
            pair = (row["from_currency"], row["to_currency"])
            day = row["rate_date"]
            if day <= as_of and (pair not in latest or day > latest[pair]):
                latest[pair] = day
                self.fresh[pair] = Fraction(row["rate"])
        for pair, day in latest.items():
            if (as_of - day).days > max_age_days:
                del self.fresh[pair]

    def _leg(self, source: str, target: str) -> Fraction | None:
        """Give the direct rate, else the inverse of the other direction."""
        if source == target:
            return Fraction(1)
        if (source, target) in self.fresh:
            return self.fresh[source, target]
        if (target, source) in self.fresh:
            return 1 / self.fresh[target, source]
        return None

    def ratio(self, source: str, target: str) -> Fraction:
        """Give what one unit of `source` is worth in `target`."""
        straight = self._leg(source, target)
        if straight is not None:
            return straight
        first, second = self._leg(source, self.pivot), self._leg(self.pivot, target)
        if first is None or second is None:
            raise NoFreshRateError(source, target)
        return first * second

    def convert(self, amount: Fraction, source: str, target: str) -> Fraction:
        """Give an amount in another currency, rounded once."""
        return rounded(amount * self.ratio(source, target), EXPONENTS[target])
