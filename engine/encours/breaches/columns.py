"""Exact numbers as text and as the decimals of `breaches`, without a Python object per row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.columns import day_array, money_array
from encours.calc.texts import may_hold
from encours.ledger.master import CURRENCY_POSITIONS, MINOR_UNIT_MILLI

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = np.ndarray[Any, np.dtype[Any]]

MICRO: Final = pa.decimal128(38, 6)
_DECIMALS_OF_UNIT: Final = {1: 3, 10: 2, 100: 1, 1000: 0}
_HALF: Final = np.int64(32)
_LOW: Final = np.int64(0xFFFFFFFF)


def decimals(whole: Array, factor: int, rest: Array | None = None) -> pa.Array:
    """Give `whole` x `factor` + `rest` as millionths in decimal128(38, 6), exact beyond 64 bits.

    whole   int64[n]  thousandths with factor 1,000; whole numbers with factor 1,000,000
    factor  positive, below 2^31
    rest    int64[n]  0 <= rest < factor
    """
    whole = np.ascontiguousarray(whole, np.int64)
    low = (whole & _LOW) * factor
    if rest is not None:
        low = low + rest
    high = (whole >> _HALF) * factor + (low >> _HALF)
    words = np.empty((len(whole), 2), np.int64)
    words[:, 0] = (high << _HALF) | (low & _LOW)
    words[:, 1] = high >> _HALF
    return pa.Array.from_buffers(MICRO, len(whole), [None, pa.py_buffer(words)])


@dataclass(frozen=True)
class Written:
    """Values that become text only where a sentence is written: a number each until then."""

    values: Array
    write: Callable[[Array], pa.Array]

    def take(self, rows: Array) -> Written:
        """Give those of some rows."""
        return Written(self.values[rows], self.write)

    def texts(self) -> pa.Array:
        """Write them: string[n]."""
        return self.write(self.values)


Texts: TypeAlias = Written | Any
"""Texts of n rows, written already or not yet."""


def taken(texts: Texts, rows: Array) -> Texts:
    """Give the texts of some rows."""
    return texts.take(rows) if isinstance(texts, Written) else texts.take(pa.array(rows))


def as_array(texts: Texts) -> pa.Array:
    """Give texts as a string array without nulls."""
    array = texts.texts() if isinstance(texts, Written) else texts
    return array.fill_null("")


def money_text(milli: Array, currency: str) -> Written:
    """Write amounts with a point and the decimals of their currency."""
    unit = int(MINOR_UNIT_MILLI[CURRENCY_POSITIONS[currency]])
    kind = pa.decimal128(21, _DECIMALS_OF_UNIT[unit])

    def write(values: Array) -> pa.Array:
        return money_array(values).cast(pa.decimal128(18, 3)).cast(kind).cast(pa.string())

    return Written(milli, write)


def number_text(values: Array) -> Written:
    """Write whole numbers."""
    return Written(values, lambda some: pa.array(np.ascontiguousarray(some)).cast(pa.string()))


def day_text(days: Array) -> Written:
    """Write days as YYYY-MM-DD, empty where there is none."""
    return Written(days, lambda some: day_array(some).cast(pa.string()))


def spread(texts: Sequence[str], place: Array) -> Written:
    """Write the text at each place of a short list: int[n]."""
    known = pa.array(texts, pa.string())
    return Written(place.astype(np.int8), lambda some: known.take(pa.array(some)))


def same(text: str, count: int) -> Written:
    """Write one text for every row."""
    return spread([text], np.zeros(count, np.int8))


def constant(text: str, count: int) -> pa.Array:
    """Repeat a text: string[n]."""
    return pa.repeat(pa.scalar(text, pa.string()), count)


def percent_text(thousandths: int) -> str:
    """Write a share of whole thousandths as percent: 950 is `95`, 1005 is `100.5`."""
    whole, rest = divmod(thousandths, 10)
    return f"{whole}.{rest}" if rest else str(whole)


def escaped(texts: pa.Array) -> pa.Array:
    """Write `%` and `:` of a part of a breach's id so that parts stay apart."""
    if not may_hold(texts, "%:"):
        return texts
    return pc.replace_substring(pc.replace_substring(texts, "%", "%25"), ":", "%3A")
