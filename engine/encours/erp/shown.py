"""What the ERP says is blocked, against what it was told (DOMAIN 8, table `erp_holds`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.erp.lines import HOLD_BITS, as_array, keys_of
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Array = np.ndarray[Any, np.dtype[Any]]

MISSING, FOREIGN, KEPT, OWN_NOT_TOLD = range(4)
_TABLE = OUTPUT_TABLES["hold_differences"]
_DIFFERENCES = _TABLE.column("difference").allowed
_KINDS = tuple(HOLD_BITS)


@dataclass(frozen=True)
class ShownHolds:
    """Rows of `erp_holds`: r rows.

    customer_id, segment  string[r]; a null segment: every segment
    bits                  uint8[r]   one of `HOLD_BITS`
    is_own                bool[r]    its origin is one of ours
    origin, set_on        string[r], date32[r], null where the ERP does not say
    """

    customer_id: pa.Array
    segment: pa.Array
    bits: Array
    is_own: Array
    origin: pa.Array
    set_on: pa.Array

    def bits_on(self, lines: pa.Table, chosen: Array) -> Array:
        """Give what the chosen rows block of each line (customer, segment): uint8[n]."""
        found = np.zeros(lines.num_rows, np.uint8)
        everywhere = self.segment.is_null().to_numpy(zero_copy_only=False)
        keyed = np.flatnonzero(chosen & ~everywhere)
        self._mark(found, keyed, pc.index_in(self._keys(keyed), value_set=keys_of(lines)))
        general = np.flatnonzero(chosen & everywhere)
        names = pc.unique(self.customer_id.take(pa.array(general)))
        of_name = np.zeros(len(names), np.uint8)
        ids = self.customer_id.take(pa.array(general))
        self._mark(of_name, general, pc.index_in(ids, value_set=names))
        place = pc.index_in(as_array(lines.column("customer_id")), value_set=names)
        hit = pc.is_valid(place).to_numpy(zero_copy_only=False)
        found[hit] |= of_name[place.drop_null().to_numpy()]
        return found

    def foreign_only(self, lines: pa.Table) -> Array:
        """Give what of each line is blocked by others and not by us: uint8[n]."""
        return self.bits_on(lines, ~self.is_own) & ~self.bits_on(lines, self.is_own)

    def _keys(self, rows: Array) -> pa.Array:
        """Give the key texts of rows with a segment."""
        chosen = pa.array(rows)
        return pc.binary_join_element_wise(
            self.customer_id.take(chosen), self.segment.take(chosen), "\0"
        )

    def _mark(self, found: Array, rows: Array, place: pa.Array) -> None:
        """Set the bits of rows at their places, where they have one."""
        hit = pc.is_valid(place).to_numpy(zero_copy_only=False)
        np.bitwise_or.at(found, place.drop_null().to_numpy(), self.bits[rows[hit]])


def shown_holds(columns: Mapping[str, Sequence[Any]], own_origins: Sequence[str]) -> ShownHolds:
    """Take the rows of `erp_holds`; a row without origin was not set by us."""
    origins = pa.array(columns["origin"], pa.string())
    own = pc.is_in(origins, value_set=pa.array(own_origins, pa.string()))
    return ShownHolds(
        pa.array(columns["customer_id"], pa.string()),
        pa.array(columns["credit_segment"], pa.string()),
        np.array([HOLD_BITS[kind] for kind in columns["hold_kind"]], np.uint8),
        own.to_numpy(zero_copy_only=False).astype(bool),
        origins,
        pa.array(columns["set_on"], pa.date32()),
    )


def hold_differences(shown: ShownHolds, told: pa.Table, kept: pa.Table) -> pa.Table:
    """List where the ERP's holds are not those that it was last told, before today's changes.

    told  `TOLD_SCHEMA`: what it was last told
    kept  `TOLD_SCHEMA`: what stays today because others hold it

    `missing_in_erp`: told, and the ERP does not show it; `foreign`: blocked by others, not told;
    `foreign_kept`: told and no longer asked for, but blocked by others now; `own_not_told`: ours by
    its origin, and never told or released since.
    """
    was_told = as_array(told.column("holds")).to_numpy(zero_copy_only=False)
    everyone = np.ones(len(shown.bits), bool)
    missing = was_told & ~shown.bits_on(told, everyone)
    parts = [_missing_rows(told, missing, bit, kind) for kind, bit in HOLD_BITS.items()]
    is_told = _is_told(shown, told)
    is_kept = _is_told(shown, kept) & ~shown.is_own
    code = np.where(shown.is_own, OWN_NOT_TOLD, FOREIGN)
    code = np.where(is_kept, KEPT, np.where(is_told, -1, code))
    rows = np.flatnonzero(code >= 0)
    chosen = pa.array(rows)
    kinds = [_KINDS[int(bit).bit_length() - 1] for bit in shown.bits[rows]]
    parts.append(
        pa.table(
            [
                shown.customer_id.take(chosen),
                shown.segment.take(chosen),
                pa.array(kinds, pa.string()),
                pa.array(_DIFFERENCES).take(pa.array(code[rows])),
                shown.origin.take(chosen),
                shown.set_on.take(chosen),
            ],
            names=_TABLE.names,
        )
    )
    return pa.concat_tables(parts).cast(_TABLE.arrow_schema())


def _missing_rows(told: pa.Table, missing: Array, bit: int, kind: str) -> pa.Table:
    """List the customers whose hold of one kind the ERP does not show."""
    chosen = told.filter(pa.array((missing & bit) > 0))
    count = chosen.num_rows
    return pa.table(
        [
            chosen.column("customer_id"),
            chosen.column("credit_segment"),
            pa.array([kind] * count, pa.string()),
            pa.array([_DIFFERENCES[MISSING]] * count, pa.string()),
            pa.nulls(count, pa.string()),
            pa.nulls(count, pa.date32()),
        ],
        names=_TABLE.names,
    )


def _is_told(shown: ShownHolds, told: pa.Table) -> Array:
    """Tell which rows block what was told, in that segment or in any: bool[r]."""
    bits = as_array(told.column("holds")).to_numpy(zero_copy_only=False)
    ids = as_array(told.column("customer_id"))
    names = pc.unique(ids)
    anywhere = np.zeros(len(names), np.uint8)
    np.bitwise_or.at(anywhere, pc.index_in(ids, value_set=names).to_numpy(), bits)
    everywhere = shown.segment.is_null().to_numpy(zero_copy_only=False)
    keys = pc.binary_join_element_wise(shown.customer_id, pc.fill_null(shown.segment, ""), "\0")
    keyed = _looked_up(keys, keys_of(told), bits)
    general = _looked_up(shown.customer_id, names, anywhere)
    found: Array = (np.where(everywhere, general, keyed) & shown.bits) > 0
    return found


def _looked_up(keys: pa.Array, known: pa.Array, values: Array) -> Array:
    """Give the value of each key, zero where it is not known: uint8[n]."""
    place = pc.fill_null(pc.index_in(keys, value_set=known), len(values))
    return np.append(values, np.uint8(0))[place.to_numpy(zero_copy_only=False)]
