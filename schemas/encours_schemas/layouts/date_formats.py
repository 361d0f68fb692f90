"""How dates are written: the tokens of a layout's date format.

A format is a text of tokens, `YYYY-MM-DD` or `M/D/YY hh:mm`, or one of the words below. Everything
that is no token stands for itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

WORDS: Final = ("iso", "serial", "serial1904", "odata", "epoch_days", "inverted")
"""Forms that are no sequence of tokens.

iso         YYYY-MM-DD, then optionally a time behind `T` or a blank, which is dropped
serial      days of a spreadsheet of the 1900 system; serial1904 of the other one
odata       /Date(1492041600000)/, milliseconds since 1970-01-01
epoch_days  days since 1970-01-01
inverted    99999999 - YYYYMMDD
"""

YEAR, MONTH, DAY = "YYYY", "MM", "DD"
TOKENS: Final = ("YYYY", "YY", "MMMM", "MMM", "MM", "M", "DD", "D", "hh", "mm", "ss", "fff")
_TOKEN = re.compile("|".join(TOKENS))
_YEARS = {"YYYY", "YY"}
_MONTHS = {"MMMM", "MMM", "MM", "M"}
_DAYS = {"DD", "D"}


@dataclass(frozen=True)
class DatePart:
    """A token, or text that stands for itself."""

    text: str
    is_token: bool


def parts_of(date_format: str) -> tuple[DatePart, ...]:
    """Cut a format into tokens and literal text.

    Raises ValueError with what was expected when it does not name one year, one month and one day,
    or leaves it open where a number ends.
    """
    parts: list[DatePart] = []
    at = 0
    for match in _TOKEN.finditer(date_format):
        if match.start() > at:
            parts.append(DatePart(date_format[at : match.start()], is_token=False))
        parts.append(DatePart(match.group(), is_token=True))
        at = match.end()
    if at < len(date_format):
        parts.append(DatePart(date_format[at:], is_token=False))
    tokens = [part.text for part in parts if part.is_token]
    for what, group in (("year", _YEARS), ("month", _MONTHS), ("day", _DAYS)):
        if sum(token in group for token in tokens) != 1:
            message = f"one {what} ({', '.join(sorted(group, key=len, reverse=True))})"
            raise ValueError(message)
    _refuse_open_ends(parts)
    if not date_format.isascii():
        message = "ASCII characters between the parts"
        raise ValueError(message)
    return tuple(parts)


def _refuse_open_ends(parts: list[DatePart]) -> None:
    """Refuse a number of open length before another number: 1/11 and 11/1 without the mark."""
    for part, behind in pairwise(parts):
        is_open = part.is_token and part.text in {"M", "D", "fff"}
        if is_open and (behind.is_token or behind.text[0].isdigit()):
            message = f"a mark behind `{part.text}`, which may have one or two digits"
            raise ValueError(message)


def needs_pivot(date_format: str) -> bool:
    """Tell whether a format has two-digit years."""
    return date_format not in WORDS and any(
        part.is_token and part.text == "YY" for part in parts_of(date_format)
    )


def ambiguous_pair(formats: tuple[str, ...]) -> tuple[str, str] | None:
    """Give two formats of a list under which one text could mean two days; None for none.

    Two formats are told apart by their words, or by what stands between and how wide the parts are.
    """
    shapes: dict[tuple[str, ...], str] = {}
    for one in formats:
        shape = _shape(one)
        if shape in shapes and shapes[shape] != one:
            return shapes[shape], one
        shapes[shape] = one
    return None


def _shape(date_format: str) -> tuple[str, ...]:
    """Give what a reader sees of a format: marks and widths of numbers, not what they mean."""
    if date_format in {"serial", "serial1904", "epoch_days"}:
        return ("number",)
    if date_format == "inverted":
        return _shape("YYYYMMDD")
    if date_format in WORDS:
        return (date_format,)
    shape = ""
    for part in parts_of(date_format):
        if not part.is_token:
            shape += part.text
        elif part.text in {"M", "D", "MM", "DD"}:
            shape += "nn"  # 1 fits M and 01 fits MM: only what stands between tells them apart
        else:
            shape += {"YYYY": "nnnn", "YY": "nn", "MMMM": "name", "MMM": "name"}.get(
                part.text, part.text
            )
    return (shape,)
