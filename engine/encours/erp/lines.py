"""Every customer with a hold, as one line per customer and credit segment (DOMAIN 8, TABLES 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from encours.ledger.master import Customers

Array = np.ndarray[Any, np.dtype[Any]]

HOLD_BITS: Final = {"orders": 1, "deliveries": 2, "production": 4}
"""What is stopped, as bits of a column `holds`."""

LINE_SCHEMA: Final = pa.schema(
    [
        ("customer_id", pa.string()),
        ("credit_segment", pa.string()),
        ("credit_account_id", pa.string()),
        ("customer_name", pa.string()),
        ("holds", pa.uint8()),
        ("reasons", pa.string()),
        ("exposure", pa.int64()),
        ("credit_limit", pa.int64()),
        ("cure_amount", pa.int64()),
    ]
)
"""A line: amounts in thousandths of the reporting currency; limit and cure may be null."""

TOLD_SCHEMA: Final = pa.schema(
    [("customer_id", pa.string()), ("credit_segment", pa.string()), ("holds", pa.uint8())]
)
"""What an ERP was told in the end: one row per customer and segment with a hold."""

_KEY = ("customer_id", "credit_segment")


def hold_lines(accounts: pa.Table, customers: Customers) -> pa.Table:
    """Give a line for every customer of a held credit account, by customer and segment (bytes).

    accounts  credit_account_id, credit_segment, customer_name, holds, reasons, exposure,
              credit_limit, cure_amount; the types of `LINE_SCHEMA`; rows without a hold are left
              out here

    An account that no customer carries is told under its own id: the ERP must know it.
    """
    held = accounts.filter(pc.greater(accounts.column("holds"), 0))
    row, ids = _customers_of(as_array(held.column("credit_account_id")), customers)
    spread = held.take(pa.array(row)).append_column("customer_id", ids)
    named = _own_names(ids, customers)
    place = spread.schema.get_field_index("customer_name")
    own = pc.coalesce(named, as_array(spread.column("customer_name")))
    spread = spread.set_column(place, "customer_name", own)
    return sorted_lines(spread.select(LINE_SCHEMA.names).cast(LINE_SCHEMA))


def sorted_lines(lines: pa.Table) -> pa.Table:
    """Give lines by customer, then segment, both by their bytes."""
    keys = [(name, "ascending") for name in _KEY]
    return lines.take(pc.sort_indices(lines.select(_KEY), sort_keys=keys))


def keys_of(lines: pa.Table) -> pa.Array:
    """Give one text per customer and segment: string[n]. No text of a ledger holds a NUL."""
    return pc.binary_join_element_wise(*(as_array(lines.column(name)) for name in _KEY), "\0")


def as_array(column: pa.ChunkedArray) -> pa.Array:
    """Give a column as one array of plain texts or numbers."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    joined = column.combine_chunks()
    return joined if isinstance(joined, pa.Array) else pa.concat_arrays(joined.chunks)


def _customers_of(account_ids: pa.Array, customers: Customers) -> tuple[Array, pa.Array]:
    """Give every customer of each account: int64[k] positions of accounts, string[k] ids."""
    code = pc.fill_null(pc.index_in(account_ids, value_set=customers.account_ids), -1)
    wanted = code.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.argsort(customers.account_code, kind="stable")
    ordered = customers.account_code[order]
    first = np.searchsorted(ordered, wanted, "left")
    count = np.where(wanted >= 0, np.searchsorted(ordered, wanted, "right") - first, 0)
    alone = np.flatnonzero(count == 0)
    row = np.repeat(np.arange(len(wanted)), count)
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    ids = customers.ids.take(pa.array(order[first[row] + step]))
    return (
        np.concatenate([row, alone]),
        pa.concat_arrays([ids.cast(pa.string()), account_ids.take(pa.array(alone))]),
    )


def _own_names(ids: pa.Array, customers: Customers) -> pa.Array:
    """Give each customer's own name; null where it has none."""
    place = pc.index_in(ids, value_set=customers.ids)
    return customers.texts["name"].cast(pa.string()).take(place)
