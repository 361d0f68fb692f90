"""ISO 3166-1 country codes, and the countries whose law gives interest between businesses."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import Final


def _load_countries() -> dict[str, str]:
    text = (files("encours.rules") / "data" / "countries.csv").read_text(encoding="utf-8")
    return {row["code"]: row["late_payment_law"] for row in csv.DictReader(text.splitlines())}


_LATE_PAYMENT_LAW: Final = _load_countries()

COUNTRY_CODES: Final = frozenset(_LATE_PAYMENT_LAW)

# A creditor in one of these has a claim to interest by law, so the lack of a regime on file must
# not pass for "no interest".
LATE_PAYMENT_LAW_COUNTRIES: Final = frozenset(
    country for country, law in _LATE_PAYMENT_LAW.items() if law
)
