"""ISO 4217: how many decimals an amount of each currency has."""

from __future__ import annotations

import csv
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Money is held in thousandths, so a currency with more decimals cannot be held exactly. Only two
# accounting units have four (CLF and UYW); ledgers are kept in CLP and UYU instead.
EXPONENT_MAX: Final = 3


def _load_exponents() -> dict[str, int]:
    text = (files("encours.rules") / "data" / "currencies.csv").read_text(encoding="utf-8")
    return {row["code"]: int(row["exponent"]) for row in csv.DictReader(text.splitlines())}


_ALL_EXPONENTS: Final = _load_exponents()

CURRENCY_EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    {code: exponent for code, exponent in _ALL_EXPONENTS.items() if exponent <= EXPONENT_MAX}
)
"""Decimals of every currency that a ledger may use, those withdrawn since 2011 included."""

UNSUPPORTED_CURRENCIES: Final = frozenset(_ALL_EXPONENTS) - frozenset(CURRENCY_EXPONENTS)
"""Codes of ISO 4217 with more than three decimals; refused rather than rounded."""


def minor_unit_milli(currency: str) -> int:
    """Give the smallest amount of a currency in thousandths: 10 for EUR, 1000 for JPY, 1 for TND.

    Raises KeyError for a code that is not in `CURRENCY_EXPONENTS`.
    """
    return int(10 ** (EXPONENT_MAX - CURRENCY_EXPONENTS[currency]))
