"""Rates of small tables as exact decimals: up to 18 places, more than 64 bits hold."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.kernels.text import (
    FAULT_MISSING,
    FAULT_NONE,
    FAULT_TOO_LARGE,
    FAULT_TOO_PRECISE,
    FAULT_WRONG_TYPE,
)

if TYPE_CHECKING:
    from encours_schemas.configuration import TableInput

Array = np.ndarray[Any, np.dtype[Any]]

_EXACT = Context(prec=80)
_FLOAT_UNITS_MAX = 2**51
_UNITS_IN_LAST_PLACE = 4
"""How far a float may lie from the decimal that it means: what a short sum or product leaves."""


def decode_rate(
    column: pa.Array | pa.ChunkedArray,
    dialect: TableInput,
    precision_scale: tuple[int, int],
    float_decimals: int | None = None,
) -> tuple[list[Decimal | None], Array]:
    """Read rates as decimals without loss; None where there is a fault.

    precision_scale  digits in all and behind the mark that fit
    float_decimals   how many decimals a float column means; without it floats are of the wrong type

    Gives the values and the faults (uint8[n]: missing, wrong type, too precise, too large). One
    Python object per row: for the small tables only.
    """
    form = _number_expression(dialect.decimal_mark, dialect.thousands_separator)
    read = [_rate(value, form, dialect, float_decimals) for value in column.to_pylist()]
    checked = [_fitted(value, fault, *precision_scale) for value, fault in read]
    return [value for value, _ in checked], np.array([fault for _, fault in checked], np.uint8)


def _number_expression(decimal_mark: str, separator: str) -> re.Pattern[str]:
    """Give the expression of numbers in the declared form, the same that the kernel follows."""
    grouped = rf"|[0-9]{{1,3}}(?:{re.escape(separator)}[0-9]{{3}})+" if separator else ""
    return re.compile(rf"-?(?:[0-9]+{grouped})(?:{re.escape(decimal_mark)}[0-9]+)?")


def _rate(
    value: object, form: re.Pattern[str], dialect: TableInput, float_decimals: int | None
) -> tuple[Decimal | None, int]:
    """Read one value of any accepted type."""
    if value is None or value == "":
        return None, FAULT_MISSING
    if isinstance(value, str):
        if not form.fullmatch(value):
            return None, FAULT_WRONG_TYPE
        if dialect.thousands_separator:
            value = value.replace(dialect.thousands_separator, "")
        return Decimal(value.replace(dialect.decimal_mark, ".")), FAULT_NONE
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value), FAULT_NONE
    if isinstance(value, float) and float_decimals is not None:
        return _decimal_of_float(value, float_decimals)
    return None, FAULT_WRONG_TYPE


def _decimal_of_float(value: float, decimals: int) -> tuple[Decimal | None, int]:
    """Give the decimal that a binary float was made from, where that is beyond doubt."""
    if not math.isfinite(value):
        return None, FAULT_WRONG_TYPE
    whole = round(value * 10**decimals)
    if abs(whole) >= _FLOAT_UNITS_MAX:
        return None, FAULT_TOO_LARGE
    if abs(whole / 10**decimals - value) > _UNITS_IN_LAST_PLACE * math.ulp(value):
        return None, FAULT_TOO_PRECISE
    return Decimal(whole).scaleb(-decimals), FAULT_NONE


def _fitted(
    value: Decimal | None, fault: int, precision: int, scale: int
) -> tuple[Decimal | None, int]:
    """Keep a value that fits the column's digits."""
    if value is None:
        return None, fault
    if abs(value) >= 10 ** (precision - scale):
        return None, FAULT_TOO_LARGE
    places = -int(value.as_tuple().exponent)
    if places > scale and value.quantize(Decimal(1).scaleb(-scale), context=_EXACT) != value:
        return None, FAULT_TOO_PRECISE
    return value, FAULT_NONE
