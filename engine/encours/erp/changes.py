"""What differs from what the ERP was last told: BLOCK, CHANGE and RELEASE (DOMAIN 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.erp.lines import LINE_SCHEMA, TOLD_SCHEMA, as_array, keys_of, sorted_lines
from encours_schemas.outputs import HOLD_ACTIONS

if TYPE_CHECKING:
    from encours.erp.shown import ShownHolds
    from encours.ledger.master import Customers

Array = np.ndarray[Any, np.dtype[Any]]

BLOCK, CHANGE, RELEASE = range(3)
CHANGE_SCHEMA: Final = pa.schema([("sequence", pa.int64()), ("action", pa.string()), *LINE_SCHEMA])


@dataclass(frozen=True)
class Changes:
    """What the ERP is told now.

    lines   `CHANGE_SCHEMA`, by customer and segment, numbered from 1
    told    `TOLD_SCHEMA`: what it has been told in all once it took these lines in
    kept    `TOLD_SCHEMA`: holds that are no longer asked for, and stay because others set them
    """

    lines: pa.Table
    told: pa.Table
    kept: pa.Table

    @property
    def counts(self) -> dict[str, int]:
        """Count the lines of each action."""
        actions = self.lines.column("action").to_pylist() if self.lines.num_rows else []
        return {action: actions.count(action) for action in HOLD_ACTIONS}


def no_changes(told: pa.Table) -> Changes:
    """Give what a run tells that is older than the last one told: nothing."""
    return Changes(CHANGE_SCHEMA.empty_table(), told, TOLD_SCHEMA.empty_table())


def find_changes(
    wanted: pa.Table,
    told: pa.Table,
    accounts: pa.Table,
    customers: Customers,
    shown: ShownHolds | None = None,
) -> Changes:
    """Compare who is held with what the ERP was last told.

    wanted    `LINE_SCHEMA`: every customer with a hold
    told      `TOLD_SCHEMA`: what the ERP was last told, in all
    accounts  those of `told` at least, as for `hold_lines`: a release shows the figures of today
    shown     what the ERP says is blocked: a release touches nothing that others set
    """
    wanted_keys, told_keys = keys_of(wanted), keys_of(told)
    gone = told.filter(pc.invert(pc.is_in(told_keys, value_set=wanted_keys)))
    released = _released_lines(gone, accounts, customers)
    before = np.concatenate([_bits_at(wanted_keys, told_keys, told), _bits(gone)])
    lines = pa.concat_tables([wanted, released])
    asked = np.concatenate([_bits(wanted), np.zeros(gone.num_rows, np.uint8)])
    dropped = before & ~asked
    kept = dropped & shown.foreign_only(lines) if shown is not None else np.zeros_like(dropped)
    after = asked | kept
    lines = lines.set_column(
        lines.schema.get_field_index("holds"), "holds", pa.array(after, pa.uint8())
    )
    action = np.where(before == 0, BLOCK, np.where(after == 0, RELEASE, CHANGE))
    actions = pa.array(HOLD_ACTIONS).take(pa.array(action))
    changed = lines.append_column("action", actions).filter(pa.array(before != after))
    changed = sorted_lines(changed)
    numbered = changed.append_column("sequence", pa.array(np.arange(1, changed.num_rows + 1)))
    return Changes(
        numbered.select(CHANGE_SCHEMA.names).cast(CHANGE_SCHEMA),
        sorted_lines(_told(lines, after)),
        sorted_lines(_told(lines, kept)),
    )


def _told(lines: pa.Table, holds: Array) -> pa.Table:
    """Give the rows with a hold: `TOLD_SCHEMA`."""
    table = pa.table(
        [lines.column("customer_id"), lines.column("credit_segment"), pa.array(holds, pa.uint8())],
        schema=TOLD_SCHEMA,
    )
    return table.filter(pa.array(holds > 0))


def _bits(table: pa.Table) -> Array:
    """Give the holds of a table: uint8[n]."""
    bits: Array = as_array(table.column("holds")).to_numpy(zero_copy_only=False)
    return bits


def _bits_at(keys: pa.Array, told_keys: pa.Array, told: pa.Table) -> Array:
    """Give what was told under each key, zero where nothing was: uint8[n]."""
    place = pc.index_in(keys, value_set=told_keys)
    return pc.fill_null(as_array(told.column("holds")).take(place), 0).to_numpy(
        zero_copy_only=False
    )


def accounts_told(told: pa.Table, customers: Customers) -> pa.Array:
    """Give the ids of the credit accounts of customers that the ERP was told of: string[n]."""
    ids = as_array(told.column("customer_id"))
    return _accounts_of(ids, pc.index_in(ids, value_set=customers.ids), customers)


def _accounts_of(ids: pa.Array, place: pa.Array, customers: Customers) -> pa.Array:
    """Give the credit accounts of customers; who is none is told under the account's own id."""
    code = pa.array(customers.account_code).take(place)
    return pc.coalesce(customers.account_ids.take(code).cast(pa.string()), ids)


def _released_lines(gone: pa.Table, accounts: pa.Table, customers: Customers) -> pa.Table:
    """Give lines of customers that are held no more; a vanished account has no exposure."""
    if not gone.num_rows:
        return LINE_SCHEMA.empty_table()
    ids, segments = (as_array(gone.column(name)) for name in ("customer_id", "credit_segment"))
    place = pc.index_in(ids, value_set=customers.ids)
    account_ids = _accounts_of(ids, place, customers)
    today = accounts.filter(pc.is_in(accounts.column("credit_account_id"), value_set=account_ids))
    joined = pc.binary_join_element_wise(account_ids, segments, "\0")
    rows = pc.index_in(
        joined,
        value_set=pc.binary_join_element_wise(
            as_array(today.column("credit_account_id")),
            as_array(today.column("credit_segment")),
            "\0",
        ),
    )
    found = {name: as_array(today.column(name)).take(rows) for name in _FIGURES}
    name = customers.texts["name"].cast(pa.string()).take(place)
    nothing = pa.nulls(gone.num_rows)
    return pa.table(
        [
            ids,
            segments,
            account_ids,
            pc.coalesce(name, found["customer_name"].cast(pa.string())),
            pa.array(np.zeros(gone.num_rows, np.uint8)),
            nothing.cast(pa.string()),
            pc.fill_null(found["exposure"], 0),
            found["credit_limit"],
            nothing.cast(pa.int64()),
        ],
        schema=LINE_SCHEMA,
    )


_FIGURES = ("customer_name", "exposure", "credit_limit")
