"""What the earlier run found, and how what is found now compares with it (DOMAIN 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.levels import HOLD_BITS
from encours.ledger.decode import TextIndex, decode_text_codes
from encours_schemas import OUTPUT_TABLES
from encours_schemas.outputs import BREACH_STATUSES, SEVERITIES
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Array = np.ndarray[Any, np.dtype[Any]]

NEW, WORSENED, UNCHANGED, IMPROVED, CURED = (
    BREACH_STATUSES.index(name) for name in ("new", "worsened", "unchanged", "improved", "cured")
)
FEWER_IS_WORSE: Final = frozenset(
    {
        RuleId.INSURER_NOTIFICATION,
        RuleId.COVER_ENDING,
        RuleId.TEMPORARY_LIMIT_ENDING,
        RuleId.CLAIM_FILING,
        RuleId.LIMITATION,
        RuleId.INSURED_LIMIT_REDUCED,
    }
)
"""Rules that measure what is left: days to go, or a limit that fell."""
KEPT: Final = (
    "breach_id",
    "rule",
    "severity",
    "scope",
    "party_id",
    "credit_segment",
    "subject",
    "measured",
    "threshold",
    "hold_orders",
    "hold_deliveries",
    "hold_production",
    "first_seen",
)
REMEMBERED: Final = (*KEPT, "status")
"""Columns of `breaches` that the next run needs."""
_FEW_VALUES: Final = ("rule", "severity", "scope", "credit_segment")
_COMPARED: Final = (
    "rule",
    "severity",
    "measured",
    "threshold",
    "hold_orders",
    "hold_deliveries",
    "hold_production",
)
_NARROW: Final = pa.decimal128(37, 6)


@dataclass(frozen=True)
class Memory:
    """The breaches of the earlier run that were not cured, m rows of `KEPT` columns.

    Texts of few distinct values are held as dictionaries: what is remembered is as long as a night.

    as_of  date of that run, None where there is none
    """

    as_of: date | None
    table: pa.Table

    @property
    def ids(self) -> pa.Array:
        """Name them: string[m]."""
        return _one(self.table.column("breach_id"))

    def held(self, ids: pa.Array) -> Array:
        """Give the holds that breaches asked for in the earlier run: uint8[k], none: 0."""
        place = self.find(ids)
        return np.where(place >= 0, self.holds_and_none[place], 0).astype(np.uint8)

    def find(self, ids: pa.Array) -> Array:
        """Give the place of breaches here, -1 where there is none: int64[k]."""
        return np.maximum(decode_text_codes(ids, self._index), -1).astype(np.int64)

    @cached_property
    def _index(self) -> TextIndex:
        """Give the index of the ids, built once for all rules."""
        return TextIndex(self.ids)

    def is_of_rule(self, rule: str) -> Array:
        """Tell which breaches are of a rule: bool[m]."""
        names = self._rules.dictionary.to_pylist()
        codes = self._rules.indices.to_numpy()
        found: Array = codes == names.index(rule) if rule in names else np.zeros(len(codes), bool)
        return found

    @cached_property
    def _rules(self) -> pa.DictionaryArray:
        return _one(self.table.column("rule"))

    def take(self, place: Array, columns: Sequence[str]) -> pa.Table:
        """Give some columns of some breaches, texts as plain strings."""
        part = self.table.select(columns).take(pa.array(place))
        plain = [
            column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
            for column in part.columns
        ]
        return pa.table(plain, names=list(columns))

    @cached_property
    def holds_and_none(self) -> Array:
        """Give the holds asked for as bits, and zero at the end: uint8[m + 1]."""
        return np.append(holds_of(self.table), 0).astype(np.uint8)


def remember(
    earlier: Iterable[pa.Table], as_of: date | None, *, is_comparable: bool = True
) -> Memory:
    """Keep what the next run needs of a published table `breaches`, given in pieces.

    is_comparable  False where the earlier run measured in another reporting currency: then its
                   measures say nothing, and severity and holds alone are compared
    """
    schema = OUTPUT_TABLES["breaches"].arrow_schema()
    kinds = {name: schema.field(name).type for name in KEPT}
    kinds |= {name: pa.dictionary(pa.int32(), pa.string()) for name in _FEW_VALUES}
    kept = [pa.table({name: pa.array([], kind) for name, kind in kinds.items()})]
    for piece in earlier:
        known = piece.filter(pc.not_equal(piece.column("status"), "cured"))
        columns = {
            name: known.column(name).dictionary_encode()
            if name in _FEW_VALUES
            else known.column(name).cast(kinds[name])
            for name in KEPT
        }
        if not is_comparable:
            columns["measured"] = pa.nulls(known.num_rows, kinds["measured"])
        kept.append(pa.table(columns))
    # Left in its pieces: joining them would hold everything twice for a moment.
    return Memory(as_of, pa.concat_tables(kept).unify_dictionaries())


def holds_of(table: pa.Table) -> Array:
    """Give the hold columns of a table of breaches as bits: uint8[k]."""
    bits = np.zeros(table.num_rows, np.uint8)
    for name, bit in HOLD_BITS.items():
        flags = _one(table.column(f"hold_{name}")).to_numpy(zero_copy_only=False)
        bits |= flags.astype(bool).astype(np.uint8) * np.uint8(bit)
    return bits


def with_memory(found: pa.Table, place: Array, memory: Memory, as_of: date) -> pa.Table:
    """Add status and first day to the breaches of this run (columns `status`, `first_seen`).

    place  int64[b]  where the memory has each of them, -1 for nowhere
    """
    known = place >= 0
    status = np.full(found.num_rows, NEW, np.int64)
    rows = np.flatnonzero(known)
    if len(rows):
        before = memory.take(place[rows], _COMPARED)
        now = found.select(_COMPARED)
        status[rows] = _compared(now if known.all() else now.take(pa.array(rows)), before)
    seen = _one(memory.table.column("first_seen")).take(pa.array(place, mask=~known))
    return found.set_column(
        found.column_names.index("status"),
        "status",
        pa.array(BREACH_STATUSES, pa.string()).take(pa.array(status)),
    ).set_column(
        found.column_names.index("first_seen"),
        "first_seen",
        seen.fill_null(pa.scalar(as_of, pa.date32())),
    )


def _compared(now: pa.Table, before: pa.Table) -> Array:
    """Compare breaches with what they were: by severity, then holds, then distance: int64[k]."""
    severity = _rank(now) - _rank(before)
    counts = np.array([bits.bit_count() for bits in range(8)], np.int64)
    holds = counts[holds_of(now)] - counts[holds_of(before)]
    change = np.where(severity != 0, severity, np.where(holds != 0, holds, _distance(now, before)))
    return np.where(change > 0, WORSENED, np.where(change < 0, IMPROVED, UNCHANGED))


def _rank(table: pa.Table) -> Array:
    """Give the severity as a number: int64[k]."""
    found = pc.index_in(_one(table.column("severity")), value_set=pa.array(SEVERITIES))
    return found.to_numpy(zero_copy_only=False).astype(np.int64)


def _distance(now: pa.Table, before: pa.Table) -> Array:
    """Tell whether the measure has moved away from its threshold (1) or towards it (-1)."""
    moved = pc.subtract(_above(now).cast(_NARROW), _above(before).cast(_NARROW))
    sign = pc.fill_null(pc.sign(moved), 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
    fewer = pc.is_in(
        _one(now.column("rule")),
        value_set=pa.array([rule.value for rule in sorted(FEWER_IS_WORSE)], pa.string()),
    )
    return np.where(fewer.to_numpy(zero_copy_only=False), -sign, sign)


def _above(table: pa.Table) -> pa.Array:
    """Give measured less threshold; null where one is missing."""
    measured = _one(table.column("measured")).cast(pa.decimal128(36, 6))
    return pc.subtract(measured, _one(table.column("threshold")).cast(pa.decimal128(36, 6)))


def cured(rule: str, place: Array, memory: Memory) -> pa.Table:
    """Give the breaches of one rule in the earlier run that are there no more.

    place  int64[b]  where the memory has the rule's breaches of this run, -1 for nowhere
    """
    is_gone: Array = memory.is_of_rule(rule).copy()
    is_gone[place[place >= 0]] = False
    return memory.take(np.flatnonzero(is_gone), KEPT)


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
