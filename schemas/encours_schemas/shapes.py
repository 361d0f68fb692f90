"""The shape of a value: enough to find the mistake, too little to tell the value."""

from __future__ import annotations

import unicodedata
from itertools import groupby

_RUN_LENGTH_MAX = 4  # `99999` is written 9{5}
_SHAPE_LENGTH_MAX = 40
_VALUE_LENGTH_MAX = 200  # characters looked at; nobody reads a longer shape


def shape_of(value: str) -> str:
    r"""Give the shape of a text: digits are 9, letters a or A, punctuation stays.

    `1.234,56` gives `9.999,99`. A run of more than four like characters is written with its
    length, `9{12}`. Controls and invisible characters are escaped (`\u00a0`), so that a shape
    is one line of visible ASCII and currency signs; an empty text gives `(empty)`.
    """
    if not value:
        return "(empty)"
    marks = [_mark(character) for character in value[:_VALUE_LENGTH_MAX]]
    parts: list[str] = []
    length = 0
    for mark, run in groupby(marks):
        count = len(list(run))
        part = mark * count if count <= _RUN_LENGTH_MAX else f"{mark}{{{count}}}"
        length += len(part)
        if length > _SHAPE_LENGTH_MAX:
            break
        parts.append(part)
    else:
        if len(value) <= _VALUE_LENGTH_MAX:
            return "".join(parts)
    return f"{''.join(parts)}… ({len(value)} characters)"


def _mark(character: str) -> str:
    if character.isnumeric():
        return "9"
    if character.isupper():
        return "A"
    if character.isalpha():
        return "a"
    if (character.isascii() and character.isprintable()) or (
        unicodedata.category(character) == "Sc"
    ):
        return character
    if unicodedata.category(character).startswith("M"):
        return "a"  # an accent standing on its own belongs to a letter
    return f"\\u{ord(character):04x}"
