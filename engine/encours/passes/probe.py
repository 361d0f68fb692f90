"""What must be known of rows before the rows pass: documents that units share, insured items.

Only such rows are decoded, each unit is read once for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.calc.cover_items import INSURABLE_TYPES
from encours.calc.documents import Candidates, document_keys, find_candidates, is_among
from encours.ledger.checking import combine, listed_codes
from encours.ledger.decode import hash_column
from encours.ledger.items import with_default
from encours.passes.work_unit import Neighbours, company_hashes, measure_rows, resolve_rows

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.ledger.sources import Unit
    from encours.passes.cover_pass import CoverPass

Array = np.ndarray[Any, np.dtype[Any]]


def insured_rows(data: pa.Table, cover: CoverPass, context: RunContext) -> Array:
    """Give the rows that insurance may cover by customer and type: int64[k].

    data  at least customer_id and document_type
    """
    wanted = cover.is_wanted(context.master.customer_codes(data))
    if wanted.any() and "document_type" in data.column_names:
        types = dict.fromkeys(INSURABLE_TYPES, 0)
        wanted &= listed_codes(combine(data.column("document_type")), types) >= 0
    return np.flatnonzero(wanted)


def probe_cover(
    data: pa.Table,
    neighbours: Neighbours,
    unit: Unit,
    rows: Array,
    cover: CoverPass,
    context: RunContext,
) -> None:
    """Decode the insured rows of a unit, int64[k], and park what may be covered."""
    few = _rows_of(neighbours, rows)
    chosen = _plain_rows(data, rows)
    items, records = resolve_rows(chosen, context.master.customer_codes(chosen), few, context)
    cover.add(unit, items, records, rows)


def shared_rows(data: pa.Table, neighbours: Neighbours) -> Array:
    """Give the rows of documents that other units share: int64[k]."""
    numbers = combine(data.column("item_id"))
    if "document_number" in data.column_names:
        numbers = with_default(combine(data.column("document_number")), numbers)
    company_first, _ = hash_column(combine(data.column("company_code")))
    key, _ = document_keys(numbers, company_first)
    return np.flatnonzero(is_among(key, neighbours.shared.keys))


def probe_documents(
    data: pa.Table, neighbours: Neighbours, extract_day: int, context: RunContext
) -> pa.Table:
    """List the unit's candidates for the compensation of documents that other units share.

    Only the rows of such documents are decoded and measured.
    """
    wanted = shared_rows(data, neighbours)
    few = _rows_of(neighbours, wanted)
    rows = _plain_rows(data, wanted)
    customer_code = context.master.customer_codes(rows)
    items, _, measured = measure_rows(rows, customer_code, few, extract_day, context)
    found = find_candidates(items, measured, company_hashes(context), context)
    return pa.table(
        {
            "key": found.key,
            "identity": found.identity,
            "split_day": found.split_day,
            "due_day": found.due_day,
            "item_id": items.item_id.take(pa.array(found.row)),
            "ordinal": wanted[found.row] + neighbours.first_ordinal,
        }
    )


def _plain_rows(data: pa.Table, wanted: Array) -> pa.Table:
    """Take some rows, and leave behind dictionaries that are larger than they are."""
    few = data.take(pa.array(wanted))
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in few.columns
    ]
    return pa.table(columns, names=few.column_names)


def _rows_of(neighbours: Neighbours, wanted: Array) -> Neighbours:
    """Give the neighbours of some rows of a unit, as if those were a unit of their own."""
    row = (neighbours.records["first"] - np.uint64(neighbours.first_ordinal)).astype(np.int64)
    place = np.searchsorted(wanted, row)
    among = wanted[np.minimum(place, len(wanted) - 1)] == row
    records = neighbours.records[among].copy()
    records["first"] = place[among]
    return Neighbours(
        0,
        records,
        np.flatnonzero(np.isin(wanted, neighbours.copies)),
        np.flatnonzero(np.isin(wanted, neighbours.conflicts)),
    )


def candidates_of(probed: pa.Table) -> Candidates:
    """Give the candidates that several units listed; their rows are rows of that list."""
    return Candidates(
        np.arange(probed.num_rows, dtype=np.int64),
        *(probed.column(name).to_numpy() for name in ("key", "identity", "split_day", "due_day")),
    )
