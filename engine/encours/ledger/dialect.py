"""How one table writes its numbers and dates: the declared form, made ready for the kernels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from encours.kernels.text import PATTERN_DAY, PATTERN_MONTH, PATTERN_YEAR, NumberForm
from encours_schemas.errors import ConfigurationWrong

Array = np.ndarray[Any, np.dtype[Any]]

_DATE_PARTS = {"%Y": PATTERN_YEAR, "%m": PATTERN_MONTH, "%d": PATTERN_DAY}


@lru_cache(maxsize=64)
def number_form(
    decimal_mark: str, thousands_separator: str, decimals: int, digits: int
) -> NumberForm:
    """Give the form of numbers in text.

    decimal_mark         one ASCII character; empty when numbers are whole
    thousands_separator  empty, or one character of any alphabet
    decimals, digits     places kept behind the mark, and places allowed before it

    Not checked here: that the marks differ and are no digits (the configuration is).
    """
    thousands = np.frombuffer(thousands_separator.encode(), np.uint8)
    return NumberForm(ord(decimal_mark) if decimal_mark else -1, thousands, decimals, digits)


@lru_cache(maxsize=64)
def date_pattern(date_format: str) -> Array:
    """Compile a date format to the parts and literal bytes that the kernel follows: uint8[p].

    `%Y`, `%m` and `%d` stand for four, two and two digits and occur once each; all else is literal.
    Two-digit years are refused: 01/02/03 is read in three ways in three countries.

    Raises ConfigurationWrong for anything else.
    """
    pattern: list[int] = []
    at = 0
    while at < len(date_format):
        if date_format[at] == "%":
            pattern.append(_DATE_PARTS.get(date_format[at : at + 2], 0))
            at += 2
        else:
            pattern.extend(date_format[at].encode())
            at += 1
    if sorted(part for part in pattern if part <= PATTERN_DAY) != sorted(_DATE_PARTS.values()):
        raise ConfigurationWrong(
            what="a date format is not understood",
            where="input.tables",
            found=repr(date_format),
            expected="%Y, %m and %d once each with marks between, such as '%d.%m.%Y'",
        )
    compiled = np.array(pattern, np.uint8)
    compiled.flags.writeable = False
    return compiled
