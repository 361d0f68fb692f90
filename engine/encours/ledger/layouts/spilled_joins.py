"""Look-ups in a source that is too large for memory: both sides meet partition by partition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from encours.ledger.buffers import fixed_values
from encours.ledger.layouts.joins import JoinIndex, LookedUp, Shelf, kinds_of
from encours.ledger.layouts.spill import Spill, partition_of, partitions_for
from encours.ledger.layouts.values import DTYPES, Array, Cause, Causes, Value, first_fault, nothing
from encours_schemas.layouts.expressions import AMOUNT, BOOL, DATE, INTEGER, NOTHING, RATE, TEXT
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours.ledger.layouts.source_tables import SourceUnit
    from encours_schemas.layouts.compiled import CompiledJoin

_PLAIN: Mapping[str, type[np.generic]] = {
    AMOUNT: np.int64,
    INTEGER: np.int64,
    DATE: np.int32,
}
_FILES_MAX = 256
"""Files that hits are put down in, each for some consecutive units."""


class SpilledJoin:
    """Looks keys up on disk: the rows of both sides are spilled by key, matched, and put in order.

    Memory holds one partition of both sides, then the hits of a few units.
    """

    def __init__(self, join: CompiledJoin, place: Path, causes: Causes, rows: int) -> None:
        """Take where rows wait, and how many the other source has."""
        self._join, self._causes, self._place = join, causes, place
        self._partitions = partitions_for(rows)
        self._kinds = kinds_of(join)
        self._hits: Spill | None = None
        self._units = 1

    def prepare(
        self,
        shelves: Iterable[Shelf],
        keys: Callable[[SourceUnit], Value],
        units: tuple[SourceUnit, ...],
    ) -> None:
        """Match every key of every unit: `keys` gives those of one, over all its rows."""
        name = self._place.name
        with (
            Spill(self._place.with_name(f"{name}-shelf"), self._partitions) as shelf_rows,
            Spill(self._place.with_name(f"{name}-probe"), self._partitions) as probes,
        ):
            for shelf in shelves:
                if len(shelf.keys):
                    table = _table_of(shelf.values, len(shelf.keys)).append_column(
                        "key", shelf.keys
                    )
                    shelf_rows.append(table, partition_of(shelf.keys, self._partitions))
            for unit in units:
                self._put_down(probes, unit, keys(unit))
            self._units = max(len(units), 1)
            self._hits = Spill(self._place.with_name(f"{name}-hits"), min(self._units, _FILES_MAX))
            for number in range(self._partitions):
                self._match(shelf_rows.read(number), probes.read(number))
            shelf_rows.require_all_read()
            probes.require_all_read()

    def _put_down(self, probes: Spill, unit: SourceUnit, key: Value) -> None:
        """Spill the keys of a unit that are there."""
        if key.kind != TEXT:
            return
        rows = np.flatnonzero(~key.is_missing())
        present = key.data.take(pa.array(rows))
        table = pa.table(
            {
                "key": present,
                "unit": pa.array(np.full(len(rows), unit.number, np.int32)),
                "row": pa.array(rows.astype(np.int32)),
            }
        )
        if len(rows):
            probes.append(table, partition_of(present, self._partitions))

    def _match(self, shelf_rows: pa.Table | None, probes: pa.Table | None) -> None:
        """Match one partition, and put the hits down by unit."""
        if probes is None or shelf_rows is None or self._hits is None:
            return
        values = {name: _value_in(shelf_rows, name, kind) for name, kind in self._kinds.items()}
        shelf = Shelf(shelf_rows.column("key").chunk(0), values)
        index = JoinIndex(self._join, shelf, self._causes)
        hit = index.find(Value(TEXT, probes.column("key").chunk(0)))
        found = np.flatnonzero(hit.found)
        table = _table_of(hit.values, probes.num_rows)
        for name in ("unit", "row"):
            table = table.append_column(name, probes.column(name))
        fault = np.zeros(probes.num_rows, np.int32) if hit.fault is None else hit.fault
        table = table.append_column("fault", pa.array(fault)).take(pa.array(found))
        if len(found):
            self._hits.append(table, self._file_of(table.column("unit").to_numpy()))

    def _file_of(self, unit: Array) -> Array:
        """Give the file of hits for units."""
        files = min(self._units, _FILES_MAX)
        return unit.astype(np.int64) * files // self._units

    def look_up(self, unit: SourceUnit, key: Value) -> LookedUp:
        """Give what was found for all rows of a unit."""
        count = len(key)
        found = np.zeros(count, bool)
        fault = np.zeros(count, np.int32)
        values = {name: nothing(count, kind) for name, kind in self._made_kinds().items()}
        table = None
        if self._hits is not None:
            file = int(self._file_of(np.array([unit.number]))[0])
            table = self._hits.read(file)
        if table is not None:
            own = np.flatnonzero(table.column("unit").to_numpy() == unit.number)
            table = table.take(pa.array(own)).combine_chunks()
            if table.num_rows:
                rows = table.column("row").to_numpy().astype(np.int64)
                found[rows] = True
                fault[rows] = table.column("fault").to_numpy()
                values = {
                    name: _scattered(_value_in(table, name, kind), rows, count)
                    for name, kind in self._made_kinds().items()
                }
        if self._join.required and not found.all():
            where = f"a row of the source {self._join.source} (join {self._join.name})"
            number = self._causes.number(Cause("", Reason.MISSING_JOIN, where))
            fault = np.where(found, fault, number).astype(np.int32)
        told = fault if fault.any() else None
        return LookedUp(values, found, first_fault(key.fault, told))

    def _made_kinds(self) -> dict[str, str]:
        """Give the kinds of what a row gets."""
        join = self._join
        if not join.combined:
            return self._kinds
        return {
            name: "integer" if node is None else node.kind
            for name, (_, node) in join.combined.items()
        }

    def close(self) -> None:
        """Delete the hits."""
        if self._hits is not None:
            self._hits.close()


def _table_of(values: Mapping[str, Value], count: int) -> pa.Table:
    """Give values as a table, what is wrong with them beside them."""
    columns: dict[str, pa.Array] = {}
    for name, value in values.items():
        array = value.arrow()
        columns[f"value {name}"] = (
            array.cast(pa.string()) if pa.types.is_null(array.type) else array
        )
        fault = np.zeros(len(value), np.int32) if value.fault is None else value.fault
        columns[f"fault {name}"] = pa.array(fault)
    if not columns:
        return pa.table({"none": pa.nulls(count, pa.int8())})
    return pa.table(columns)


def _value_in(table: pa.Table, name: str, kind: str) -> Value:
    """Give a value back out of a table."""
    array = table.column(f"value {name}").combine_chunks()
    whole = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    fault = table.column(f"fault {name}").to_numpy()
    told = fault if fault.any() else None
    if kind in {TEXT, RATE, NOTHING}:
        return Value(RATE if kind == RATE else TEXT, whole, None, told)
    missing = whole.is_null().to_numpy(zero_copy_only=False)
    if kind == BOOL:
        data = whole.fill_null(False).to_numpy(zero_copy_only=False)
    else:
        data = np.where(missing, 0, fixed_values(whole, _PLAIN[kind]))
    return Value(kind, data.astype(DTYPES[kind]), missing if missing.any() else None, told)


def _scattered(value: Value, rows: Array, count: int) -> Value:
    """Put values at their rows; the others are missing."""
    fault: Array | None = None
    if value.fault is not None:
        fault = np.zeros(count, np.int32)
        fault[rows] = value.fault
    if value.kind in {TEXT, RATE}:
        places = np.full(count, -1, np.int64)
        places[rows] = np.arange(len(rows))
        data = value.data.take(pa.array(places, mask=places < 0))
        return Value(value.kind, data, None, fault)
    data = np.zeros(count, DTYPES[value.kind])
    missing = np.ones(count, bool)
    data[rows] = value.data
    missing[rows] = value.is_missing()
    return Value(value.kind, data, missing, fault)
