"""Columns while a layout's expressions are worked out: values, what is missing, what is wrong."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours_schemas.layouts.expressions import AMOUNT, BOOL, DATE, INTEGER, NOTHING, RATE, TEXT
from encours_schemas.reasons import Reason

Array = np.ndarray[Any, np.dtype[Any]]

NO_DAY = -(2**31)
DTYPES = {
    AMOUNT: np.dtype(np.int64),
    INTEGER: np.dtype(np.int64),
    DATE: np.dtype(np.int32),
    BOOL: np.dtype(np.bool_),
}
ARROW_TYPES = {
    AMOUNT: pa.decimal64(18, 3),
    INTEGER: pa.int64(),
    DATE: pa.date32(),
    BOOL: pa.bool_(),
    TEXT: pa.string(),
    RATE: pa.string(),
    NOTHING: pa.null(),
}


@dataclass(frozen=True)
class Cause:
    """What is wrong with a value, as the quarantine will say it.

    column    of the source, or empty where none alone is at fault
    expected  the declared form
    message   the layout's own words, where it refuses
    """

    column: str
    reason: Reason
    expected: str = ""
    message: str = ""

    def as_json(self, contract_column: str) -> str:
        """Give it as it travels in `FAULT_COLUMN`."""
        return json.dumps([contract_column, self.column, self.reason, self.expected, self.message])


@dataclass
class Causes:
    """The causes met so far; a value at fault carries the position of its cause, from 1."""

    found: list[Cause] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def number(self, cause: Cause) -> int:
        """Give the number of a cause."""
        with self._lock:
            if cause not in self.found:
                self.found.append(cause)
            return self.found.index(cause) + 1


@dataclass(frozen=True)
class Value:
    """One value per row.

    data     text and rates: an Arrow string array, null where missing; else NumPy by `DTYPES`
             (amounts in thousandths, dates in days), anything where missing
    missing  bool[n], None where nothing is missing; texts carry nulls instead
    fault    int32[n] number of the cause, 0 where there is none; None where there is none at all
    """

    kind: str
    data: Any
    missing: Array | None = None
    fault: Array | None = None

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.data)

    def is_missing(self) -> Array:
        """Tell where there is no value: bool[n]."""
        if self.kind in {TEXT, RATE, NOTHING}:
            if self.data.null_count == 0:
                return np.zeros(len(self.data), bool)
            return self.data.is_null().to_numpy(zero_copy_only=False)
        return np.zeros(len(self.data), bool) if self.missing is None else self.missing

    def holds(self) -> Array:
        """Tell where a condition is met; a missing one is not: bool[n]."""
        if self.kind == NOTHING:
            return np.zeros(len(self.data), bool)
        return self.data if self.missing is None else self.data & ~self.missing

    def with_fault(self, fault: Array | None) -> Value:
        """Give the value with more against it; what was found first counts."""
        return Value(self.kind, self.data, self.missing, first_fault(self.fault, fault))

    def arrow(self) -> pa.Array:
        """Give it as an Arrow array, null where missing or at fault."""
        lost = self.fault is not None and self.fault != 0
        if self.kind in {TEXT, RATE, NOTHING}:
            if self.fault is None:
                return self.data
            return pc.if_else(pa.array(~lost), self.data, pa.scalar(None, self.data.type))
        mask = self.missing if self.fault is None else self.is_missing() | lost
        return arrow_of(self.kind, self.data, mask)


def arrow_of(kind: str, data: Array, mask: Array | None) -> pa.Array:
    """Give NumPy values as an Arrow array; amounts keep their bytes."""
    if kind != AMOUNT:
        return pa.array(data, ARROW_TYPES[kind], mask=mask)
    whole = pa.array(data, pa.int64(), mask=mask)
    return pa.Array.from_buffers(ARROW_TYPES[AMOUNT], len(whole), whole.buffers())


def first_fault(*faults: Array | None) -> Array | None:
    """Join what is wrong with several values: the first of them counts."""
    joined: Array | None = None
    for fault in faults:
        if fault is None:
            continue
        joined = fault if joined is None else np.where(joined != 0, joined, fault)
    return joined


def any_missing(*values: Value) -> Array | None:
    """Tell where one of several values is missing; None where none is."""
    joined: Array | None = None
    for value in values:
        if value.missing is not None:
            joined = value.missing if joined is None else joined | value.missing
    return joined


def nothing(count: int, kind: str = NOTHING) -> Value:
    """Give no value at all, of a kind."""
    if kind in {TEXT, RATE, NOTHING}:
        return Value(kind, pa.nulls(count, ARROW_TYPES[kind]))
    return Value(kind, np.zeros(count, DTYPES[kind]), np.ones(count, bool))


def as_kind(value: Value, kind: str) -> Value:
    """Give a value that is nothing as a kind; others are of it already."""
    if value.kind == kind or value.kind != NOTHING:
        return value
    return nothing(len(value), kind).with_fault(value.fault)


def constant(kind: str, plain: Any, count: int) -> Value:  # noqa: ANN401 - a constant of any kind
    """Repeat a constant."""
    if plain is None or kind == NOTHING:
        return nothing(count, kind)
    if kind in {TEXT, RATE}:
        indices = pa.array(np.zeros(count, np.int32))
        entries = pa.array([str(plain)], pa.string())
        return Value(kind, pa.DictionaryArray.from_arrays(indices, entries).cast(pa.string()))
    if kind == DATE:
        plain = np.datetime64(plain, "D").astype(np.int32)
    return Value(kind, np.full(count, plain, DTYPES[kind]))


def take(value: Value, rows: Array) -> Value:
    """Give some rows."""
    data = value.data.take(pa.array(rows)) if isinstance(value.data, pa.Array) else value.data[rows]
    missing = None if value.missing is None else value.missing[rows]
    return Value(value.kind, data, missing, None if value.fault is None else value.fault[rows])


def choose(test: Array, then: Value, other: Value, kind: str) -> Value:
    """Take `then` where the test is met, else `other`; the fault of what is not taken is none."""
    then, other = as_kind(then, kind), as_kind(other, kind)
    fault: Array | None = None
    if then.fault is not None or other.fault is not None:
        fault = np.where(
            test,
            0 if then.fault is None else then.fault,
            0 if other.fault is None else other.fault,
        )
    if kind in {TEXT, RATE, NOTHING}:
        if kind == NOTHING:
            return Value(kind, then.data, None, fault)
        return Value(kind, pc.if_else(pa.array(test), then.data, other.data), None, fault)
    missing: Array | None = None
    if then.missing is not None or other.missing is not None:
        missing = np.where(test, then.is_missing(), other.is_missing())
    return Value(kind, np.where(test, then.data, other.data), missing, fault)
