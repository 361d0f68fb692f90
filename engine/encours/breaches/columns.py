"""Exact numbers as text and as the decimals of `breaches`, without a Python object per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.columns import day_array, money_array
from encours.ledger.master import CURRENCY_POSITIONS, MINOR_UNIT_MILLI

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def money_text(milli: Array, currency: str) -> pa.Array:
    """Write amounts with a point and the decimals of their currency: string[n]."""
    unit = int(MINOR_UNIT_MILLI[CURRENCY_POSITIONS[currency]])
    kind = pa.decimal128(21, _DECIMALS_OF_UNIT[unit])
    amounts = money_array(milli).cast(pa.decimal128(18, 3))
    return amounts.cast(kind).cast(pa.string())


def number_text(values: Array) -> pa.Array:
    """Write whole numbers: string[n]."""
    return pa.array(np.ascontiguousarray(values)).cast(pa.string())


def day_text(days: Array) -> pa.Array:
    """Write days as YYYY-MM-DD, empty where there is none: string[n]."""
    return day_array(days).cast(pa.string()).fill_null("")


def constant(text: str, count: int) -> pa.Array:
    """Repeat a text: string[n]."""
    return pa.repeat(pa.scalar(text, pa.string()), count)


def spread(texts: Sequence[str], place: Array) -> pa.Array:
    """Give the text at each place of a short list: string[n] of int[n]."""
    return pa.array(texts, pa.string()).take(pa.array(place))


def percent_text(thousandths: int) -> str:
    """Write a share of whole thousandths as percent: 950 is `95`, 1005 is `100.5`."""
    whole, rest = divmod(thousandths, 10)
    return f"{whole}.{rest}" if rest else str(whole)


def escaped(texts: pa.Array) -> pa.Array:
    """Write `%` and `:` of a part of a breach's id so that parts stay apart."""
    return pc.replace_substring(pc.replace_substring(texts, "%", "%25"), ":", "%3A")
