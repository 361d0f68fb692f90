"""Source columns read as their fields are declared: text, amounts, dates, and nothing guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.kernels.text import parse_dates, parse_numbers
from encours.ledger.buffers import as_text, is_text
from encours.ledger.checking import combine
from encours.ledger.decode import (
    FAULT_MISSING,
    FAULT_NONE,
    FAULT_OUT_OF_RANGE,
    FAULT_TOO_LARGE,
    FAULT_TOO_PRECISE,
    FAULT_WRONG_TYPE,
    FIRST_DAY,
    LAST_DAY,
    Decoded,
    decode_bool,
    decode_date,
    decode_int,
    decode_scaled,
)
from encours.ledger.dialect import layout_date_pattern, layout_number_form
from encours.ledger.layouts.values import Cause, Causes, Value, nothing
from encours_schemas.configuration import TableInput
from encours_schemas.layouts.date_formats import WORDS
from encours_schemas.layouts.expressions import AMOUNT, BOOL, DATE, INTEGER, RATE, TEXT
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours_schemas.layouts.models import Source, SourceField

Array = np.ndarray[Any, np.dtype[Any]]

_REASONS = {
    FAULT_WRONG_TYPE: Reason.WRONG_TYPE,
    FAULT_TOO_PRECISE: Reason.TOO_PRECISE,
    FAULT_TOO_LARGE: Reason.TOO_LARGE,
    FAULT_OUT_OF_RANGE: Reason.OUT_OF_RANGE,
}
_DAY_RANGE = np.array([FIRST_DAY, LAST_DAY], np.int64)
_DAY_RANGE.flags.writeable = False
_PLAIN = TableInput()
_SERIAL_ZERO = {"serial": 25_569, "serial1904": 24_107, "epoch_days": 0}
_SERIAL_FIRST = 61
"""Before 1 March 1900 the serials of spreadsheets count a 29 February that never was."""
_MILLISECONDS = 86_400_000
_NOISE_DECIMALS = 7
_NOISE = 10
"""Noise of a float: up to 10^-6, in units of the seventh decimal."""
_TRUE: tuple[str, ...] = ("true", "t", "yes", "y", "1")
_FALSE: tuple[str, ...] = ("false", "f", "no", "n", "0")


@dataclass(frozen=True)
class FieldForm:
    """How the values of one field are written: what the field says, else its source."""

    name: str
    column: str
    type: str
    trim: bool
    empty: tuple[str, ...]
    decimal_marks: tuple[str, ...]
    thousands: str
    sign: str
    exponent: bool
    round: int | None
    formats: tuple[str, ...]
    empty_dates: tuple[str, ...]
    pivot: int | None
    true: tuple[str, ...]
    false: tuple[str, ...]
    float_id: bool

    @classmethod
    def of(cls, name: str, column: str, own: SourceField, source: Source) -> FieldForm:
        """Bring a field and its source together."""
        is_date = own.type == DATE
        return cls(
            name=name,
            column=column,
            type=own.type,
            trim=source.trim if own.trim is None else own.trim,
            empty=source.empty if own.empty is None or is_date else own.empty,
            decimal_marks=own.decimal_mark or source.decimal_mark,
            thousands=(
                source.thousands_separator
                if own.thousands_separator is None
                else own.thousands_separator
            ),
            sign=own.sign or source.sign,
            exponent=own.exponent,
            round=own.round,
            formats=own.format or source.date_format,
            empty_dates=source.empty_dates if own.empty is None else own.empty,
            pivot=source.century_pivot if own.century_pivot is None else own.century_pivot,
            true=own.true,
            false=own.false,
            float_id=own.float_id,
        )

    @property
    def expected(self) -> str:
        """Say how values are declared."""
        if self.type == DATE:
            return "a date written " + " or ".join(self.formats)
        if self.type in {AMOUNT, RATE}:
            mark = " or ".join(repr(mark) for mark in self.decimal_marks)
            groups = f", groups of three between {self.thousands!r}" if self.thousands else ""
            sign = "" if self.sign == "leading" else f", sign {self.sign}"
            return f"a number with the decimal mark {mark}{groups}{sign}"
        if self.type == BOOL:
            return (
                f"one of {', '.join(repr(one) for one in (*self.true, *self.false)) or 'yes, no'}"
            )
        return "a whole number" if self.type == INTEGER else "text"


@dataclass
class Normalised:
    """Values that were read by another than the first declared form, by field."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, count: int) -> None:
        """Count some."""
        if count:
            self.counts[name] += count


def read_field(
    form: FieldForm, column: pa.ChunkedArray, causes: Causes, normalised: Normalised
) -> Value:
    """Read one column of a source unit as its field is declared."""
    array = combine(column)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return nothing(len(array), form.type)
    reader = _READERS[form.type]
    value, fault = reader(form, array, normalised)
    if fault is None or not (fault > FAULT_MISSING).any():
        return value
    numbers = np.zeros(len(fault), np.int32)
    for code in np.unique(fault[fault > FAULT_MISSING]).tolist():
        cause = Cause(form.column, _REASONS[code], form.expected)
        numbers[fault == code] = causes.number(cause)
    return value.with_fault(numbers)


def plain_text(form: FieldForm, array: pa.Array) -> pa.Array:
    """Give a column as text, trimmed, null where it says that there is no value."""
    if array.type != pa.string():
        array = array.cast(pa.string())
    if form.trim:
        array = pc.utf8_trim_whitespace(array)
    empty = pc.is_in(array, value_set=pa.array(form.empty, pa.string()))
    if pc.any(empty).as_py():
        array = pc.if_else(empty, pa.scalar(None, pa.string()), array)
    return array


def _read_text(form: FieldForm, array: pa.Array, _: Normalised) -> tuple[Value, Array | None]:
    """Read text, byte for byte but for what is declared."""
    if pa.types.is_floating(array.type):
        # A float prints as `1930571429.0`; beyond 2^53 it is no id any more.
        whole = pc.and_(pc.equal(pc.floor(array), array), pc.less(pc.abs(array), 2.0**53))
        text = array.cast(pa.int64(), safe=False).cast(pa.string())
        data = pc.if_else(whole, text, pa.scalar(None, pa.string()))
        lost = pc.fill_null(pc.invert(whole), False).to_numpy(zero_copy_only=False)
        return Value(TEXT, data), np.where(lost, FAULT_WRONG_TYPE, 0).astype(np.uint8)
    text = plain_text(form, array)
    if form.float_id:
        text = pc.replace_substring_regex(text, r"^([0-9]+)\.0+$", r"\1")
    return Value(TEXT, text), None


def _numbers(
    form: FieldForm, array: pa.Array, decimals: int, digits: int, normalised: Normalised
) -> Decoded:
    """Read numbers of text or of exact types."""
    if not is_text(array.type):
        return decode_scaled(array, _PLAIN, decimals, digits, form.round)
    texts = plain_text(form, array)
    text = as_text(texts)
    values, fault = np.empty(len(texts), np.int64), np.empty(len(texts), np.uint8)
    for place, mark in enumerate(form.decimal_marks):
        if place == 0:
            parse_numbers(text, _form_of(form, mark, decimals, digits), values, fault)
            continue
        again = np.flatnonzero(fault > FAULT_MISSING)
        if not len(again):
            break
        other = texts.take(pa.array(again))
        found, still = np.empty(len(again), np.int64), np.empty(len(again), np.uint8)
        parse_numbers(as_text(other), _form_of(form, mark, decimals, digits), found, still)
        good = again[still == FAULT_NONE]
        values[good], fault[good] = found[still == FAULT_NONE], FAULT_NONE
        normalised.add(form.name, len(good))
    if form.exponent:
        _read_exponents(form, texts, values, fault, decimals, normalised)
    return Decoded(values, fault)


def _form_of(form: FieldForm, mark: str, decimals: int, digits: int) -> Any:  # noqa: ANN401
    return layout_number_form(mark, form.thousands, decimals, digits, form.sign)


def _read_exponents(
    form: FieldForm,
    texts: pa.Array,
    values: Array,
    fault: Array,
    decimals: int,
    normalised: Normalised,
) -> None:
    """Read the few values that are written with an exponent, exactly."""
    matched = pc.match_substring_regex(texts, r"^[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]{1,2}$")
    rows = np.flatnonzero(pc.fill_null(matched, False).to_numpy(zero_copy_only=False))
    for row in rows.tolist():
        text = texts[row].as_py()
        for mark in form.decimal_marks:
            if "." in text and mark != ".":
                continue
            try:
                scaled = Decimal(text.replace(mark, ".")).scaleb(decimals)
            except InvalidOperation:
                continue
            if scaled == int(scaled) and abs(scaled) < 10**18:
                values[row], fault[row] = int(scaled), FAULT_NONE
                normalised.add(form.name, 1)
                break


def _read_amount(
    form: FieldForm, array: pa.Array, normalised: Normalised
) -> tuple[Value, Array | None]:
    """Read amounts: thousandths."""
    if form.round is not None and is_text(array.type):
        decoded = _without_noise(form, array, normalised)
    else:
        decoded = _numbers(form, array, 3, 15, normalised)
    return _value(AMOUNT, decoded)


def _without_noise(form: FieldForm, array: pa.Array, normalised: Normalised) -> Decoded:
    """Read amounts that went through binary floats: 997.5599999999999 means 997.56."""
    marks = "".join(form.decimal_marks).replace(".", r"\.")
    cut = f"([{marks}][0-9]{{{_NOISE_DECIMALS + 2}}})[0-9]+"
    text = array if array.type == pa.string() else array.cast(pa.string())
    short = pc.replace_substring_regex(text, cut, r"\1")
    # Two decimals more than the noise is measured in, so that cutting them decides nothing.
    decoded = _numbers(form, short, _NOISE_DECIMALS + 2, 9, normalised)
    step = 10 ** (_NOISE_DECIMALS + 2 - int(form.round or 0))
    whole = (np.abs(decoded.values) + step // 2) // step
    is_near = np.abs(whole * step - np.abs(decoded.values)) <= _NOISE * 100
    fault = decoded.fault.copy()
    fault[(fault == FAULT_NONE) & ~is_near] = FAULT_TOO_PRECISE
    milli = np.sign(decoded.values) * whole * 10 ** (3 - int(form.round or 0))
    return Decoded(np.where(fault == FAULT_NONE, milli, 0), fault)


def _value(kind: str, decoded: Decoded) -> tuple[Value, Array | None]:
    """Give decoded values and what is against them."""
    if not decoded.fault.any():
        return Value(kind, decoded.values), None
    lost = decoded.fault != FAULT_NONE
    return Value(kind, decoded.values, lost), decoded.fault


def _read_integer(
    form: FieldForm, array: pa.Array, normalised: Normalised
) -> tuple[Value, Array | None]:
    """Read whole numbers; `30.000` is one."""
    if not is_text(array.type):
        return _value(INTEGER, decode_int(array))
    return _value(INTEGER, _numbers(form, array, 0, 18, normalised))


def _read_bool(form: FieldForm, array: pa.Array, _: Normalised) -> tuple[Value, Array | None]:
    """Read yes and no."""
    if not is_text(array.type):
        decoded = decode_bool(array)
        return _value(BOOL, Decoded(decoded.values.astype(bool), decoded.fault))
    if not form.true and not form.false:
        text = pc.utf8_lower(plain_text(form, array))
        true, false = _TRUE, _FALSE
    else:
        text, true, false = array.cast(pa.string()).fill_null(""), form.true, form.false
        text = pc.utf8_trim_whitespace(text) if form.trim else text
    is_true = pc.fill_null(pc.is_in(text, value_set=pa.array(true, pa.string())), False)
    is_false = pc.fill_null(pc.is_in(text, value_set=pa.array(false, pa.string())), False)
    yes = is_true.to_numpy(zero_copy_only=False)
    known = yes | is_false.to_numpy(zero_copy_only=False)
    absent = text.is_null().to_numpy(zero_copy_only=False)
    if (form.true or form.false) and "" not in (*true, *false):
        absent |= pc.equal(text, "").fill_null(False).to_numpy(zero_copy_only=False)
    fault = np.where(known, FAULT_NONE, np.where(absent, FAULT_MISSING, FAULT_WRONG_TYPE))
    return _value(BOOL, Decoded(yes, fault.astype(np.uint8)))


def _read_rate(form: FieldForm, array: pa.Array, _: Normalised) -> tuple[Value, Array | None]:
    """Read exact decimals that pass through: text with a decimal point."""
    if not is_text(array.type):
        if pa.types.is_floating(array.type):
            return nothing(len(array), RATE), np.full(len(array), FAULT_WRONG_TYPE, np.uint8)
        return Value(RATE, array.cast(pa.string())), None
    text = plain_text(form, array)
    if form.thousands:
        text = pc.replace_substring(text, form.thousands, "")
    if "," in form.decimal_marks:
        text = pc.replace_substring(text, ",", ".")
    matched = pc.match_substring_regex(text, r"^-?[0-9]+(\.[0-9]+)?$")
    lost = pc.fill_null(pc.invert(matched), False).to_numpy(zero_copy_only=False)
    return Value(RATE, text), np.where(lost, FAULT_WRONG_TYPE, 0).astype(np.uint8)


def _read_date(
    form: FieldForm, array: pa.Array, normalised: Normalised
) -> tuple[Value, Array | None]:
    """Read dates: days since 1970-01-01."""
    if not is_text(array.type):
        if pa.types.is_date(array.type) or pa.types.is_timestamp(array.type):
            return _value(DATE, _typed_dates(form, array))
        array = array.cast(pa.string())
    texts = plain_text(form, array)
    if form.empty_dates:
        empty = pc.is_in(texts, value_set=pa.array(form.empty_dates, pa.string()))
        texts = pc.if_else(empty, pa.scalar(None, pa.string()), texts)
    decoded = read_days(texts, form.formats[0], form.pivot)
    for other in form.formats[1:]:
        again = np.flatnonzero(decoded.fault == FAULT_WRONG_TYPE)
        if not len(again):
            break
        found = read_days(texts.take(pa.array(again)), other, form.pivot)
        is_so = found.fault != FAULT_WRONG_TYPE
        decoded.values[again[is_so]] = found.values[is_so]
        decoded.fault[again[is_so]] = found.fault[is_so]
        normalised.add(form.name, int((found.fault == FAULT_NONE).sum()))
    return _value(DATE, decoded)


def _typed_dates(form: FieldForm, array: pa.Array) -> Decoded:
    """Read dates of typed columns; sentinels are days, too. A declared `iso` drops the time."""
    if pa.types.is_timestamp(array.type) and array.type.tz is None and "iso" in form.formats:
        array = array.cast(pa.date32(), safe=False)
    if form.empty_dates:
        text = array.cast(pa.date32(), safe=False).cast(pa.string())
        empty = pc.is_in(text, value_set=pa.array(form.empty_dates, pa.string()))
        array = pc.if_else(empty, pa.scalar(None, array.type), array)
    return decode_date(array, _PLAIN)


def read_days(texts: pa.Array, date_format: str, pivot: int | None) -> Decoded:
    """Read dates of one form: int32[n]."""
    if date_format not in WORDS or date_format == "iso":
        days, fault = np.empty(len(texts), np.int32), np.empty(len(texts), np.uint8)
        pattern = layout_date_pattern(date_format, pivot)
        parse_dates(as_text(texts), pattern, _DAY_RANGE, days, fault)
        return Decoded(days, fault)
    if date_format == "inverted":
        numbers = _whole(texts, r"^[0-9]{8}$")
        upright = pc.utf8_lpad(
            pc.subtract(99_999_999, numbers).cast(pa.string()), width=8, padding="0"
        )
        decoded = read_days(upright, "YYYYMMDD", None)
        decoded.fault[_present(texts) & (decoded.fault == FAULT_MISSING)] = FAULT_WRONG_TYPE
        return decoded
    if date_format == "odata":
        inner = pc.replace_substring_regex(texts, r"^/Date\((-?[0-9]{1,15})(\+0000)?\)/$", r"\1")
        milliseconds = _whole(inner, r"^-?[0-9]{1,15}$")
        days = pc.divide(pc.subtract(milliseconds, _floor_part(milliseconds)), _MILLISECONDS)
    else:
        whole = pc.replace_substring_regex(texts, r"^([0-9]{1,7})\.0+$", r"\1")
        serial = _whole(whole, r"^-?[0-9]{1,7}$")
        days = pc.subtract(serial, _SERIAL_ZERO[date_format])
    return _plausible(texts, days, date_format)


def _floor_part(milliseconds: pa.Array) -> pa.Array:
    """Give what lies behind the last midnight, also before 1970."""
    values = milliseconds.fill_null(0).to_numpy(zero_copy_only=False)
    return pa.array(values % _MILLISECONDS)


def _whole(texts: pa.Array, pattern: str) -> pa.Array:
    """Give texts that match as whole numbers, null for the others."""
    matched = pc.match_substring_regex(texts, pattern)
    return pc.if_else(matched, texts, pa.scalar(None, pa.string())).cast(pa.int64())


def _present(texts: pa.Array) -> Array:
    """Tell where there is a text: bool[n]."""
    present: Array = texts.is_valid().to_numpy(zero_copy_only=False)
    return present


def _plausible(texts: pa.Array, days: pa.Array, date_format: str) -> Decoded:
    """Give days that are there and within the plausible range."""
    is_read = days.is_valid().to_numpy(zero_copy_only=False)
    values = days.fill_null(0).to_numpy(zero_copy_only=False)
    first = FIRST_DAY
    if date_format == "serial":
        first = max(first, _SERIAL_FIRST - _SERIAL_ZERO["serial"])
    fault = np.zeros(len(values), np.uint8)
    fault[(values < first) | (values > LAST_DAY)] = FAULT_OUT_OF_RANGE
    fault[~is_read] = FAULT_WRONG_TYPE
    fault[~_present(texts)] = FAULT_MISSING
    return Decoded(np.where(fault == FAULT_NONE, values, 0).astype(np.int32), fault)


_Reader = Callable[[FieldForm, pa.Array, Normalised], tuple[Value, Any]]
_READERS: Mapping[str, _Reader] = {
    TEXT: _read_text,
    AMOUNT: _read_amount,
    INTEGER: _read_integer,
    BOOL: _read_bool,
    RATE: _read_rate,
    DATE: _read_date,
}
