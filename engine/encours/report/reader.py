"""Numbers and dates as the reader of a page writes them: Unicode CLDR's forms, through Babel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from encours.rules.currencies import CURRENCY_EXPONENTS

LANGUAGES: Final = ("en", "fr")
# English of Europe: the day stands before the month, as everywhere that these laws hold.
_LOCALES: Final = {"en": "en_GB", "fr": "fr_FR"}
_CURRENCY_FIRST: Final = ("en",)
_WIDE_SPACES: Final = str.maketrans({"\N{NARROW NO-BREAK SPACE}": " ", "\N{NO-BREAK SPACE}": " "})


@dataclass(frozen=True)
class Reader:
    """The reader's language, `en` or `fr`.

    plain   with ordinary spaces between groups of digits, for a terminal and for searching; else
            with spaces that no line breaks at
    """

    language: str
    plain: bool = False

    def number(self, value: Decimal, decimals: int) -> str:
        """Give a number with groups of thousands and so many decimals; it must not need more."""
        from babel.numbers import format_decimal

        if value != round(value, decimals):
            message = f"{value} needs more than {decimals} decimals"
            raise ValueError(message)
        pattern = "#,##0." + "0" * decimals if decimals else "#,##0"
        text: str = format_decimal(value, format=pattern, locale=_LOCALES[self.language])
        return self._spaced(text)

    def amount(self, value: Decimal, currency: str) -> str:
        """Give an amount with the code of its currency: `EUR 1,234.50`, `1 234,50 EUR`."""
        digits = self.number(value, max(CURRENCY_EXPONENTS.get(currency, 2), decimal_places(value)))
        gap = self._spaced("\N{NO-BREAK SPACE}")
        if self.language in _CURRENCY_FIRST:
            return f"{currency}{gap}{digits}"
        return f"{digits}{gap}{currency}"

    def figure(self, value: Decimal, currency: str) -> str:
        """Give an amount without its currency, for a column that names it."""
        return self.number(value, max(CURRENCY_EXPONENTS.get(currency, 2), decimal_places(value)))

    def percent(self, value: Decimal) -> str:
        """Give a rate in percent with two decimals, more where it has more: `12.40 %`."""
        gap = self._spaced("\N{NO-BREAK SPACE}")
        return f"{self.number(value, max(2, decimal_places(value)))}{gap}%"

    def day(self, value: date) -> str:
        """Give a date in words: `2 May 2026`, `2 mai 2026`, `1er mai 2026`."""
        from babel.dates import format_date

        text: str = format_date(value, "long", locale=_LOCALES[self.language])
        if self.language == "fr" and value.day == 1:  # CLDR has no ordinal for the first
            text = text.replace("1", "1er", 1)
        return self._spaced(text)

    def short_day(self, value: date) -> str:
        """Give a date in figures: `02/05/2026`."""
        from babel.dates import format_date

        text: str = format_date(value, "dd/MM/yyyy", locale=_LOCALES[self.language])
        return text

    def count(self, value: int) -> str:
        """Give a whole number."""
        return self.number(Decimal(value), 0)

    def _spaced(self, text: str) -> str:
        return text.translate(_WIDE_SPACES) if self.plain else text


def decimal_places(value: Decimal) -> int:
    """Count the decimals that a value needs."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
