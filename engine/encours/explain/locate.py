"""The few rows of a ledger that a figure hangs on, found by streaming its key columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.ledger.allocations import ALLOCATION_RECORD, decode_allocations
from encours.ledger.checking import combine
from encours.ledger.duplicates import Duplicates, resolve_duplicates
from encours.ledger.items import with_default
from encours.passes.workers import run_in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from encours.ledger.sources import TableSource, Unit

Array = np.ndarray[Any, np.dtype[Any]]

_DOCUMENT_COLUMNS = ("item_id", "document_number", "company_code", "customer_id")
Document = tuple[str, str, str]


@dataclass(frozen=True)
class LocatedUnit:
    """Some rows of one work unit: int64[k] ascending, and the rows themselves."""

    unit: Unit
    rows: Array
    data: pa.Table

    @property
    def ordinals(self) -> Array:
        """Give the rows' positions in their table: int64[k]."""
        return self.rows + self.unit.first_ordinal


@dataclass(frozen=True)
class LocatedItems:
    """Items, the other items of their documents, and all rows with the id of one of these.

    allocations     `ALLOCATION_RECORD`[m] of these items: `first` is the ordinal of the item,
                    `ordinal` the position in `allocation_ids`
    """

    units: tuple[LocatedUnit, ...]
    duplicates: Duplicates
    allocations: Array
    allocation_ids: tuple[str | None, ...]


def locate_items(
    items: TableSource, allocations: TableSource | None, ids: Collection[str], threads: int
) -> LocatedItems:
    """Find some items with all that their figures hang on, reading no more columns than needed."""
    wanted = _locate(items, _with_id(ids), ("item_id",), threads)
    documents = {key for located in wanted for key in _documents(located.data)}
    among = _of_documents(documents)
    related = _locate(items, among, _DOCUMENT_COLUMNS, threads) if documents else []
    every_id = {*ids, *(text for located in related for text in _texts(located.data, "item_id"))}
    every_id.discard("")
    if every_id != set(ids):
        wanted = _locate(items, _with_id(every_id), ("item_id",), threads)
    units = _united(items, wanted, related)
    first, twins = _first_rows(units)
    records, names = _allocations(allocations, every_id, first, threads)
    return LocatedItems(units, resolve_duplicates(items, twins), records, names)


def _locate(
    source: TableSource,
    choose: Callable[[pa.Table], Array],
    key_columns: Sequence[str],
    threads: int,
) -> list[LocatedUnit]:
    """Read the key columns of every unit, and all columns of the rows that are chosen."""
    keys = [name for name in key_columns if name in source.columns]

    def search(unit: Unit) -> LocatedUnit | None:
        rows = choose(source.read(unit, keys))
        return _located(source, unit, rows) if len(rows) else None

    found = run_in_order(search, source.units, threads)
    return [located for located in found if located is not None]


def _located(source: TableSource, unit: Unit, rows: Array) -> LocatedUnit:
    """Take some rows of a unit, and leave behind dictionaries that are larger than they are."""
    few = source.read(unit, source.columns).take(pa.array(rows))
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in few.columns
    ]
    return LocatedUnit(unit, rows, pa.table(columns, names=few.column_names))


def _united(
    source: TableSource, first: Iterable[LocatedUnit], second: Iterable[LocatedUnit]
) -> tuple[LocatedUnit, ...]:
    """Join two lists of rows, each row once, units in their order."""
    rows: dict[int, Array] = {}
    for located in (*first, *second):
        earlier = rows.get(located.unit.number, np.empty(0, np.int64))
        rows[located.unit.number] = np.union1d(earlier, located.rows)
    return tuple(_located(source, source.units[number], rows[number]) for number in sorted(rows))


def _with_id(ids: Collection[str]) -> Callable[[pa.Table], Array]:
    """Choose the rows whose item id is one of some."""
    wanted = pa.array(sorted(ids), pa.string())

    def choose(data: pa.Table) -> Array:
        if "item_id" not in data.column_names:
            return np.empty(0, np.int64)
        return _matching(combine(data.column("item_id")), wanted)

    return choose


def _matching(texts: pa.Array, wanted: pa.Array) -> Array:
    """Give the rows whose text is among those wanted: int64[k]."""
    plain = texts.cast(pa.string())
    found = pc.is_in(plain, value_set=wanted)
    return np.flatnonzero(found.to_numpy(zero_copy_only=False))


def _of_documents(documents: set[Document]) -> Callable[[pa.Table], Array]:
    """Choose the rows that belong to one of some documents."""
    numbers = pa.array(sorted({number for number, _, _ in documents}), pa.string())

    def choose(data: pa.Table) -> Array:
        rows = _matching(_document_numbers(data), numbers)
        among = [key in documents for key in _documents(data.take(pa.array(rows)))]
        return rows[np.array(among, bool)]

    return choose


def _document_numbers(data: pa.Table) -> pa.Array:
    """Give each row's document number, the item id where it has none."""
    item_id = combine(data.column("item_id")).cast(pa.string())
    if "document_number" not in data.column_names:
        return item_id
    return with_default(combine(data.column("document_number")), item_id)


def _documents(data: pa.Table) -> list[Document]:
    """Give the document of each row: number, company code, customer."""
    numbers = [text or "" for text in _document_numbers(data).to_pylist()]
    return list(
        zip(numbers, _texts(data, "company_code"), _texts(data, "customer_id"), strict=True)
    )


def _texts(data: pa.Table, name: str) -> list[str]:
    """Give a column of text, empty where there is none."""
    if name not in data.column_names:
        return [""] * data.num_rows
    return [text or "" for text in combine(data.column(name)).cast(pa.string()).to_pylist()]


def _first_rows(units: Iterable[LocatedUnit]) -> tuple[dict[str, int], Array]:
    """Give the ordinal of the first row of each id, and the twins: int64[d, 2] (row, first)."""
    first: dict[str, int] = {}
    twins = []
    for located in units:
        for text, ordinal in zip(
            _texts(located.data, "item_id"), located.ordinals.tolist(), strict=True
        ):
            if text and first.setdefault(text, ordinal) != ordinal:
                twins.append((ordinal, first[text]))
    return first, np.array(twins, np.int64).reshape(-1, 2)


def _allocations(
    source: TableSource | None, ids: Collection[str], first: dict[str, int], threads: int
) -> tuple[Array, tuple[str | None, ...]]:
    """Give the good allocations of some items as the keys pass would, and their own ids."""
    parts, names = [np.empty(0, ALLOCATION_RECORD)], list[str | None]()
    if source is None:
        return parts[0], ()
    for some in _locate(source, _with_id(ids), ("item_id",), threads):
        decoded = decode_allocations(some.data, source.dialect, 0)
        rows = decoded.rows
        records = decoded.records.copy()
        own = _texts(some.data, "item_id")
        records["first"] = [first[own[row]] for row in rows.tolist()]
        records["ordinal"] = len(names) + np.arange(len(rows))
        named = _texts(some.data, "allocation_id")
        names += [named[row] or None for row in rows.tolist()]
        parts.append(records)
    return np.concatenate(parts), tuple(names)
