"""What must be known of rows before the rows pass: the bearers of documents that units share.

Only rows of such documents are decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.documents import Candidates, document_keys, find_candidates, is_among
from encours.calc.refusals import renumbering
from encours.ledger.allocations import by_item
from encours.ledger.checking import combine
from encours.ledger.decode import hash_column
from encours.ledger.items import with_default
from encours.passes.work_unit import Neighbours, company_hashes, measure_rows

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.documents import SharedDocuments
    from encours.ledger.sources import Unit

Array = np.ndarray[Any, np.dtype[Any]]

_NEVER_DECIDES = frozenset({"dispute_reason"})
"""Text that no check refuses and nothing is worked out from; what a check may refuse is read, for a
row that is refused is not compensated."""


class ProbedUnit(NamedTuple):
    """A unit of n rows, read as far as probing needs it.

    customer_code  int32[n]  `MasterData.customer_codes`
    records        allocations of its items in any order, `first` = ordinal of the item
    copies, conflicts  int64[d]  rows, as in `Neighbours`
    """

    unit: Unit
    data: pa.Table
    customer_code: Array
    records: Array
    copies: Array
    conflicts: Array


def columns_never_needed(*, knows_customers: bool) -> frozenset[str]:
    """Name the columns of `open_items` that no pass over the rows needs.

    knows_customers  the customer of every row has been looked up
    """
    return _NEVER_DECIDES | {"customer_id"} if knows_customers else _NEVER_DECIDES


def shared_rows(data: pa.Table, shared: SharedDocuments) -> Array:
    """Give the rows of documents that other units share: int64[k]."""
    numbers = combine(data.column("item_id"))
    if "document_number" in data.column_names:
        numbers = with_default(combine(data.column("document_number")), numbers)
    company_first, _ = hash_column(combine(data.column("company_code")))
    key, _ = document_keys(numbers, company_first)
    return np.flatnonzero(is_among(key, shared.keys))


def probe_documents(
    probed: ProbedUnit, shared: SharedDocuments, extract_day: int, context: RunContext
) -> pa.Table:
    """List the unit's candidates for the compensation of documents that other units share.

    Only the rows of such documents are decoded and measured.
    """
    wanted = shared_rows(probed.data, shared)
    ordinal = wanted + probed.unit.first_ordinal
    data, customer_code, few = _some_rows(probed, wanted)
    with renumbering(ordinal.item):
        items, _, measured, _ = measure_rows(data, customer_code, few, extract_day, context)
    found = find_candidates(items, measured, company_hashes(context), context)
    return pa.table(
        {
            "key": found.key,
            "identity": found.identity,
            "split_day": found.split_day,
            "due_day": found.due_day,
            "item_id": items.item_id.take(pa.array(found.row)),
            "ordinal": ordinal[found.row],
        }
    )


def _some_rows(probed: ProbedUnit, wanted: Array) -> tuple[pa.Table, Array, Neighbours]:
    """Give some rows of a unit, int64[k], their customers and neighbours, as a unit of their own.

    Dictionaries that are larger than the rows stay behind.
    """
    few = pc.take(probed.data, pa.array(wanted.astype(np.int32)), boundscheck=False)
    columns = [combine(column) for column in few.columns]
    columns = [
        column.dictionary_decode()
        if pa.types.is_dictionary(column.type) and len(column.dictionary) > len(wanted)
        else column
        for column in columns
    ]
    place = np.full(probed.data.num_rows, -1, np.int64)
    place[wanted] = np.arange(len(wanted))
    at = place[probed.records["first"].astype(np.int64) - probed.unit.first_ordinal]
    kept = np.flatnonzero(at >= 0)
    words = probed.records.view(np.uint64).reshape(len(at), probed.records.itemsize // 8)
    records = np.take(words, kept, axis=0).reshape(-1).view(probed.records.dtype)
    records["first"] = at[kept]
    copies, conflicts = place[probed.copies], place[probed.conflicts]
    neighbours = Neighbours(
        0,
        by_item(records, 0, len(wanted)),
        copies[copies >= 0],
        conflicts[conflicts >= 0],
    )
    table = pa.table(columns, names=few.column_names)
    return table, probed.customer_code[wanted], neighbours


def candidates_of(probed: pa.Table) -> Candidates:
    """Give the candidates that several units listed; their rows are rows of that list."""
    return Candidates(
        np.arange(probed.num_rows, dtype=np.int64),
        *(probed.column(name).to_numpy() for name in ("key", "identity", "split_day", "due_day")),
    )
