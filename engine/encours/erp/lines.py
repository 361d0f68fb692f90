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


def hold_lines(accounts: pa.Table, account_code: Array, customers: Customers) -> pa.Table:
    """Give a line for every customer of a held credit account, by customer and segment (bytes).

    accounts      credit_account_id, credit_segment, customer_name, holds, reasons, exposure,
                  credit_limit, cure_amount; the types of `LINE_SCHEMA`; rows without a hold are
                  left out here
    account_code  int64[n]  positions in the customers' accounts, or beyond: no customer has it

    An account that no customer carries is told under its own id: the ERP must know it.
    """
    chosen = np.flatnonzero(as_array(accounts.column("holds")).to_numpy(zero_copy_only=False))
    held = accounts.take(pa.array(chosen))
    row, customer = _customers_of(account_code[chosen], customers)
    has_customer = np.zeros(len(chosen), bool)
    has_customer[row] = True
    alone = np.flatnonzero(~has_customer)
    own = held.take(pa.array(np.concatenate([row, alone])))
    named = pa.array(np.concatenate([customer, np.zeros_like(alone)]),
                     mask=np.arange(len(own)) >= len(customer))  # fmt: skip
    ids = customers.ids.take(named).cast(pa.string())
    names = customers.texts["name"].take(named).cast(pa.string())
    columns = {name: as_array(own.column(name)) for name in LINE_SCHEMA.names[1:]}
    columns["customer_id"] = pc.coalesce(ids, columns["credit_account_id"].cast(pa.string()))
    columns["customer_name"] = pc.coalesce(names, columns["customer_name"].cast(pa.string()))
    lines = pa.table({name: columns[name] for name in LINE_SCHEMA.names})
    return sorted_lines(lines.cast(LINE_SCHEMA))


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


def _customers_of(account_code: Array, customers: Customers) -> tuple[Array, Array]:
    """Pair accounts with their customers: positions in the list, customer codes; int64[k] each."""
    order = np.argsort(customers.account_code, kind="stable")
    ordered = customers.account_code[order]
    first = np.searchsorted(ordered, account_code, "left")
    count = np.searchsorted(ordered, account_code, "right") - first
    row = np.repeat(np.arange(len(account_code)), count)
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    return row, order[first[row] + step]
