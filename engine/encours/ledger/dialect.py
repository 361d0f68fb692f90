"""How one table writes its numbers and dates: the declared form, made ready for the kernels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from encours.kernels.text import (
    BARE_MARK,
    PATTERN_DAY,
    PATTERN_DIGITS,
    PATTERN_ISO_TIME,
    PATTERN_MONTH,
    PATTERN_MONTH_NAME,
    PATTERN_MONTH_SHORT_NAME,
    PATTERN_OPEN_DAY,
    PATTERN_OPEN_MONTH,
    PATTERN_SHORT_YEAR,
    PATTERN_TWO_DIGITS,
    PATTERN_YEAR,
    SIGN_LEADING,
    SIGN_PARENTHESES,
    SIGN_PLUS,
    SIGN_TRAILING,
    NumberForm,
)
from encours_schemas.errors import ConfigurationWrong
from encours_schemas.layouts.date_formats import parts_of

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
    mark = ord(decimal_mark) if decimal_mark else -1
    return NumberForm(mark, thousands, decimals, digits, SIGN_LEADING)


_SIGNS = {
    "leading": SIGN_LEADING,
    "trailing": SIGN_TRAILING | SIGN_PLUS,
    "either": SIGN_LEADING | SIGN_TRAILING | SIGN_PLUS,
    "parentheses": SIGN_LEADING | SIGN_PARENTHESES,
}


@lru_cache(maxsize=64)
def layout_number_form(
    decimal_mark: str, thousands_separator: str, decimals: int, digits: int, sign: str
) -> NumberForm:
    """Give the form of numbers of a layout's source, which says where signs stand."""
    plain = number_form(decimal_mark, thousands_separator, decimals, digits)
    return plain._replace(signs=_SIGNS[sign] | BARE_MARK)


_TOKENS = {
    "YYYY": PATTERN_YEAR,
    "YY": PATTERN_SHORT_YEAR,
    "MMMM": PATTERN_MONTH_NAME,
    "MMM": PATTERN_MONTH_SHORT_NAME,
    "MM": PATTERN_MONTH,
    "M": PATTERN_OPEN_MONTH,
    "DD": PATTERN_DAY,
    "D": PATTERN_OPEN_DAY,
    "hh": PATTERN_TWO_DIGITS,
    "mm": PATTERN_TWO_DIGITS,
    "ss": PATTERN_TWO_DIGITS,
    "fff": PATTERN_DIGITS,
}


@lru_cache(maxsize=64)
def layout_date_pattern(date_format: str, century_pivot: int | None) -> Array:
    """Compile a checked date format of a layout, `iso` among them, for the kernel: uint8[p].

    Month names are English. The hours of `M/D/YY 0:00` are literal text.
    """
    text, ends_iso = ("YYYY-MM-DD", True) if date_format == "iso" else (date_format, False)
    pattern: list[int] = []
    for part in parts_of(text):
        if not part.is_token:
            pattern.extend(part.text.encode())
            continue
        pattern.append(_TOKENS[part.text])
        if part.text == "YY":
            pattern.append(century_pivot or 0)
    if ends_iso:
        pattern.append(PATTERN_ISO_TIME)
    compiled = np.array(pattern, np.uint8)
    compiled.flags.writeable = False
    return compiled


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
