"""Look-ups in another source: an exact index over its keys, values taken or added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from encours.ledger.buffers import as_text
from encours.ledger.decode import TextIndex
from encours.ledger.layouts.evaluation import evaluator_over
from encours.ledger.layouts.values import (
    ARROW_TYPES,
    DTYPES,
    Array,
    Cause,
    Causes,
    Value,
    first_fault,
)
from encours_schemas.layouts.expressions import INTEGER, NOTHING, RATE, TEXT
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours.ledger.layouts.source_tables import SourceTable, SourceUnit
    from encours_schemas.layouts.compiled import CompiledJoin

_HALF = 32
_LOW = (1 << _HALF) - 1


@dataclass(frozen=True)
class LookedUp:
    """What a join gives to the rows of a unit: values, which rows have a partner, faults."""

    values: Mapping[str, Value]
    found: Array
    fault: Array | None


@dataclass(frozen=True)
class Shelf:
    """Rows of the other source that can be looked up: their keys and what is taken from them."""

    keys: pa.Array
    values: Mapping[str, Value]


def read_shelf(
    join: CompiledJoin,
    source: SourceTable,
    unit: SourceUnit,
    maps: Mapping[str, Mapping[str, str]],
    causes: Causes,
) -> Shelf:
    """Work out keys and values of one unit of the other source; rows without a key are left out."""
    taken = [*join.values.values(), *(node for _, node in join.combined.values() if node)]
    nodes = [one for one in (join.to, join.where, *taken) if one is not None]
    at = evaluator_over(source, unit, maps, causes, nodes)
    keep = np.ones(at.rows, bool)
    if join.where is not None:
        keep &= at.value(join.where).holds()
    key = at.value(join.to)
    keep &= ~key.is_missing()
    if key.fault is not None:
        keep &= key.fault == 0
    if not keep.all():
        at.only(np.flatnonzero(keep))
    values = {name: at.value(node) for name, node in join.values.items()}
    for name, (_, node) in join.combined.items():
        if node is not None:
            values[name] = at.value(node)
    return Shelf(at.value(join.to).data, values)


def empty_shelf(join: CompiledJoin) -> Shelf:
    """Give a shelf without rows."""
    kinds = kinds_of(join)
    return Shelf(pa.array([], pa.string()), {name: _none(kind) for name, kind in kinds.items()})


def kinds_of(join: CompiledJoin) -> dict[str, str]:
    """Give the kinds of the values on a join's shelf."""
    kinds = {name: node.kind for name, node in join.values.items()}
    combined = join.combined.items()
    return kinds | {name: node.kind for name, (_, node) in combined if node is not None}


def _none(kind: str) -> Value:
    """Give a column without rows."""
    if kind in {TEXT, RATE, NOTHING}:
        return Value(kind, pa.array([], ARROW_TYPES[kind]))
    return Value(kind, np.empty(0, DTYPES[kind]))


def joined_shelves(join: CompiledJoin, shelves: Iterable[Shelf]) -> Shelf:
    """Put shelves one behind the other."""
    every = list(shelves)
    if not every:
        return empty_shelf(join)
    keys = pa.concat_arrays([shelf.keys for shelf in every])
    return Shelf(
        keys,
        {name: concat([shelf.values[name] for shelf in every]) for name in every[0].values},
    )


def concat(values: list[Value]) -> Value:
    """Put columns one behind the other."""
    kind = next((one.kind for one in values if one.kind != NOTHING), NOTHING)
    fault: Array | None = None
    if any(one.fault is not None for one in values):
        fault = np.concatenate(
            [np.zeros(len(one), np.int32) if one.fault is None else one.fault for one in values]
        )
    if kind in {TEXT, RATE, NOTHING}:
        data = pa.concat_arrays([one.data.cast(ARROW_TYPES[kind]) for one in values])
        return Value(kind, data, None, fault)
    missing: Array | None = None
    if any(one.missing is not None for one in values):
        missing = np.concatenate([one.is_missing() for one in values])
    return Value(kind, np.concatenate([one.data for one in values]), missing, fault)


class JoinIndex:
    """A shelf with an index over its keys; read by any number of threads."""

    def __init__(self, join: CompiledJoin, shelf: Shelf, causes: Causes) -> None:
        """Index a shelf; with `combine`, add its rows up by key."""
        self._join, self._causes = join, causes
        keys = shelf.keys
        values = shelf.values
        if join.several == "last" and not join.combined:
            order = np.arange(len(keys))[::-1]
            keys = keys.take(pa.array(order))
            values = {name: _taken(value, order) for name, value in values.items()}
        self._index = TextIndex(keys)
        positions = (
            self._index.find(as_text(keys), len(keys)) if len(keys) else np.empty(0, np.int32)
        )
        self._ambiguous: Array | None = None
        if join.combined:
            values = self._combined(positions, values)
        elif join.several == "refuse":
            copies = np.flatnonzero(positions != np.arange(len(positions)))
            if len(copies):
                self._ambiguous = np.zeros(len(keys), bool)
                self._ambiguous[positions[copies]] = True
        self._values = values

    def look_up(self, unit: SourceUnit, key: Value) -> LookedUp:  # noqa: ARG002 - see SpilledJoin
        """Look the keys of a unit's rows up."""
        return self.find(key)

    def find(self, key: Value) -> LookedUp:
        """Look keys up; what is not found is missing."""
        count = len(key)
        text = key.data if key.kind == TEXT else pa.nulls(count, pa.string())
        codes = self._index.find(as_text(text), count) if count else np.empty(0, np.int32)
        found = codes >= 0
        values = {name: _spread(value, codes, found) for name, value in self._values.items()}
        return LookedUp(values, found, self._faults(codes, found, key.fault))

    def close(self) -> None:
        """Nothing is held on disk."""

    def _faults(self, codes: Array, found: Array, fault: Array | None) -> Array | None:
        """Hold against rows what the join requires: one partner, and not several."""
        join = self._join
        where = f"a row of the source {join.source} (join {join.name})"
        if join.required and not found.all():
            number = self._causes.number(Cause("", Reason.MISSING_JOIN, where))
            fault = first_fault(fault, np.where(found, 0, number).astype(np.int32))
        if self._ambiguous is not None:
            doubled = found & self._ambiguous[np.maximum(codes, 0)]
            if doubled.any():
                number = self._causes.number(Cause("", Reason.AMBIGUOUS_JOIN, f"one {where[2:]}"))
                fault = first_fault(fault, np.where(doubled, number, 0).astype(np.int32))
        return fault

    def _combined(self, positions: Array, values: Mapping[str, Value]) -> dict[str, Value]:
        """Add up by key: one value per key, standing at the key's first row."""
        order = np.argsort(positions, kind="stable")
        groups = positions[order]
        starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]]) if len(groups) else groups
        firsts = groups[starts] if len(groups) else groups
        combined = {}
        for name, (what, node) in self._join.combined.items():
            if what == "count" or node is None:
                counts = np.diff(np.r_[starts, len(groups)]).astype(np.int64)
                made = Value(INTEGER, counts)
            else:
                made = aggregate(what, _taken(values[name], order), starts, self._causes)
            combined[name] = _at(made, firsts, len(positions))
        return combined


def aggregate(what: str, value: Value, starts: Array, causes: Causes) -> Value:
    """Add up, or take the extreme of, values by stretches; missing ones are left out."""
    if not len(starts):
        return value
    missing = value.is_missing()
    fault = None if value.fault is None else np.maximum.reduceat(value.fault, starts)
    none = np.minimum.reduceat(missing.astype(np.uint8), starts).astype(bool)
    if what == "sum":
        data, beyond = exact_sums(np.where(missing, 0, value.data), starts)
        if beyond.any():
            number = causes.number(Cause("", Reason.TOO_LARGE, "a sum of at most 15 digits"))
            fault = first_fault(fault, np.where(beyond, number, 0).astype(np.int32))
    else:
        edge = np.iinfo(value.data.dtype)
        filler = edge.min if what == "greatest" else edge.max
        reducer = np.maximum if what == "greatest" else np.minimum
        data = reducer.reduceat(np.where(missing, filler, value.data), starts)
    data = np.where(none, 0, data).astype(value.data.dtype)
    return Value(value.kind, data, none if none.any() else None, fault)


def exact_sums(values: Array, starts: Array) -> tuple[Array, Array]:
    """Add 64-bit integers up by stretches, in halves, so that none can wrap unseen.

    Returns int64[k] and bool[k] where the sum has more than 59 bits.
    """
    whole = values.astype(np.int64)
    low = np.add.reduceat(whole & _LOW, starts)
    high = np.add.reduceat(whole >> _HALF, starts) + (low >> _HALF)
    beyond = np.abs(high) >= 1 << 27
    sums = (np.where(beyond, 0, high) << _HALF) + (low & _LOW)
    return np.where(beyond, 0, sums), beyond


def _at(value: Value, places: Array, count: int) -> Value:
    """Put values at some places of a longer column; the others are never asked for."""
    data = np.zeros(count, value.data.dtype)
    data[places] = value.data
    missing = fault = None
    if value.missing is not None:
        missing = np.zeros(count, bool)
        missing[places] = value.missing
    if value.fault is not None:
        fault = np.zeros(count, np.int32)
        fault[places] = value.fault
    return Value(value.kind, data, missing, fault)


def _taken(value: Value, rows: Array) -> Value:
    """Give rows of a column."""
    data = value.data.take(pa.array(rows)) if isinstance(value.data, pa.Array) else value.data[rows]
    return Value(
        value.kind,
        data,
        None if value.missing is None else value.missing[rows],
        None if value.fault is None else value.fault[rows],
    )


def _spread(value: Value, codes: Array, found: Array) -> Value:
    """Give each row the value that its code stands for, and none where there is no code."""
    if value.kind in {TEXT, RATE, NOTHING}:
        positions = pa.array(codes, mask=~found)
        data = value.data.take(positions)
        fault = None
    else:
        safe = np.maximum(codes, 0)
        data = value.data[safe] if len(value) else np.zeros(len(codes), DTYPES[value.kind])
    fault = None
    if value.fault is not None:
        fault = np.where(found, value.fault[np.maximum(codes, 0)], 0) if len(value) else None
    if value.kind in {TEXT, RATE, NOTHING}:
        return Value(value.kind, data, None, fault)
    missing = ~found
    if value.missing is not None and len(value):
        missing = missing | value.missing[np.maximum(codes, 0)]
    return Value(value.kind, data, missing if missing.any() else None, fault)
