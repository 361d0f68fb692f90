"""Credit limits as columns: every good row of the table, whatever its dates (DOMAIN 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.ledger.checking import CheckedColumns, combine, dictionary_of, listed_codes
from encours.ledger.decode import NO_DAY
from encours.ledger.master import CURRENCY_POSITIONS
from encours.ledger.ordering import order_by
from encours.ledger.streamed import check_streamed
from encours_schemas import INPUT_TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.ledger.duplicates import Each
    from encours.ledger.quarantine import Quarantine
    from encours.ledger.sources import TableSource

Array = np.ndarray[Any, np.dtype[Any]]

CREDIT_LIMITS = INPUT_TABLES["credit_limits"]
GROUP_SCOPE = CREDIT_LIMITS.column("scope").allowed.index("group")
KINDS = CREDIT_LIMITS.column("kind").allowed
INTERNAL, TEMPORARY, INSURED, GUARANTEE = (
    KINDS.index(kind) for kind in ("internal", "temporary", "insured", "guarantee")
)
REPLACE = CREDIT_LIMITS.column("effect").allowed.index("replace")
LAYERS = CREDIT_LIMITS.column("layer").allowed
NO_PERCENT = -1
_LAST_DAY = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Limits:
    """The usable rows of `credit_limits`, l of them.

    is_given      False where the ledger has no such table: then nothing is said of any limit
    limit_id      string[l]
    parties       string[p]  distinct parties; `party_code` int32[l] points at them
    segments      credit segments of limits; `segment_code` int32[l], -1: shared by all segments
    policies      insurance policies of limits; `policy_code` int32[l], -1: none named
    kind_code, effect_code, layer_code  int8[l]  in the contract's order
    from_day, to_day, withdrawn_day     int32[l] the last two at their largest where open
    percent_e9    int64[l]   percent x 10^9, `NO_PERCENT` where the limit names none
    """

    is_given: bool
    limit_id: pa.Array
    parties: pa.Array
    party_code: Array
    is_group: Array
    segments: tuple[str, ...]
    segment_code: Array
    kind_code: Array
    effect_code: Array
    layer_code: Array
    amount_milli: Array
    is_unlimited: Array
    currency_code: Array
    from_day: Array
    to_day: Array
    withdrawn_day: Array
    policies: tuple[str, ...]
    policy_code: Array
    percent_e9: Array
    _order: list[tuple[Array, Array]] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        """Count them."""
        return len(self.limit_id)

    @property
    def segment_names(self) -> set[str]:
        """Name the credit segments of account limits."""
        used = np.unique(self.segment_code[~self.is_group])
        return {self.segments[code] for code in used.tolist() if code >= 0}

    @property
    def last_day(self) -> Array:
        """Give the last day of each limit, were it not superseded: int32[l]."""
        return np.minimum(self.to_day, self.withdrawn_day - 1)

    def order(self) -> tuple[Array, Array]:
        """Give the rows by what supersedes what: int64[l] rows, bool[l] where a key begins.

        Internal and insured limits of one party, scope, segment, kind, policy and layer have one
        key, the latest (then the highest id, by bytes) last. Temporary limits and guarantees add
        up: each has a key of its own.
        """
        if not self._order:
            self._order.append(self._ordered())
        return self._order[0]

    def in_force(self, day: int) -> Array:
        """Give the limits in force on a day: int64[f] rows (DOMAIN 7).

        One that a later limit superseded by then stays out for good, whatever became of that one.
        """
        rows, begins = self.order()
        begun = self.from_day[rows] <= day
        followed = np.zeros(len(rows), bool)
        followed[:-1] = begun[1:] & ~begins[1:]
        chosen = rows[begun & ~followed]
        found: Array = chosen[self.last_day[chosen] >= day]
        return found

    def ends(self) -> Array:
        """Give the last day in force of each limit, supersession included: int32[l].

        A limit that never was in force ends before its first day.
        """
        rows, begins = self.order()
        ends = self.last_day[rows].astype(np.int64)
        superseded = np.full(len(rows), _LAST_DAY, np.int64)
        superseded[:-1] = np.where(begins[1:], _LAST_DAY, self.from_day[rows][1:] - 1)
        found = np.empty(len(rows), np.int32)
        found[rows] = np.minimum(ends, superseded)
        return found

    def _ordered(self) -> tuple[Array, Array]:
        """Sort by key, first day and id; tell where a key begins."""
        key = self._keys()
        order = self.by_start(np.arange(len(self)), key)
        ordered = key[order]
        begins = np.ones(len(order), bool)
        begins[1:] = ordered[1:] != ordered[:-1]
        return order, begins

    def by_start(self, rows: Array, group: Array) -> Array:
        """Sort some rows by group, first day and id (bytes): int64[r] rows.

        rows, group  int64[r]
        """
        found: Array = rows[self.start_order(rows, group)]
        return found

    def start_order(self, rows: Array, group: Array) -> Array:
        """Give the order of some rows by group, first day and id (bytes): int64[r] positions."""
        return order_by((group, self.from_day[rows]), self.limit_id.take(pa.array(rows)))

    def _keys(self) -> Array:
        """Number what supersedes one another: int64[l]; rows that add up have a number each."""
        key = self.party_code.astype(np.int64)
        for code, count in (
            (self.segment_code + 1, len(self.segments) + 1),
            (self.kind_code, len(KINDS)),
            (self.layer_code, len(LAYERS)),
            (self.is_group, 2),
        ):
            key = key * count + code
        # Few policies or many: numbering what came before keeps the product small.
        key = np.unique(key, return_inverse=True)[1].astype(np.int64) * (len(self.policies) + 1)
        key += self.policy_code + 1
        adds_up = (self.kind_code == TEMPORARY) | (self.kind_code == GUARANTEE)
        key[adds_up] = -1 - np.flatnonzero(adds_up)
        return key


def read_limits(source: TableSource | None, quarantine: Quarantine, each: Each = map) -> Limits:
    """Check the limits' table and lay its good rows out.

    each  takes the units: `map`, or the like on several threads
    """
    parts: list[pa.Table] = []
    if source is not None:
        parts.extend(
            _columns(checked, rows)
            for checked, rows in check_streamed(source, CREDIT_LIMITS, quarantine, each)
        )
    limits = _limits(parts, is_given=source is not None)
    limits.order()  # now, while other tables are read beside this one: later steps wait for it
    return limits


NO_LIMITS_SCHEMA = pa.schema(
    {
        "limit_id": pa.string(),
        "party": pa.string(),
        "segment": pa.string(),
        "policy": pa.string(),
        "is_group": pa.bool_(),
        "is_unlimited": pa.bool_(),
        "kind_code": pa.int8(),
        "effect_code": pa.int8(),
        "layer_code": pa.int8(),
        "amount_milli": pa.int64(),
        "percent_e9": pa.int64(),
        "currency_code": pa.int32(),
        "from_day": pa.int32(),
        "to_day": pa.int32(),
        "withdrawn_day": pa.int32(),
    }
)


def _columns(checked: CheckedColumns, rows: Array) -> pa.Table:
    """Take the good rows of one unit."""
    good = checked.take(rows)
    nothing = pa.nulls(good.row_count, pa.string())
    currency = good.values["currency"]
    percent = good.values.get("coverage_percent", np.zeros(good.row_count, np.int64))
    open_end = np.full(good.row_count, _LAST_DAY, np.int32)
    columns = {
        "limit_id": good.values["limit_id"],
        "party": good.values["party_id"],
        "segment": good.values.get("credit_segment", nothing),
        "policy": good.values.get("policy", nothing),
        "is_group": good.listed("scope", default=0) == GROUP_SCOPE,
        "is_unlimited": good.flag("unlimited"),
        "kind_code": good.listed("kind"),
        "effect_code": good.listed("effect", default=0),
        "layer_code": good.listed("layer", default=0),
        "amount_milli": good.money("amount"),
        "percent_e9": np.where(good.is_given("coverage_percent"), percent, NO_PERCENT),
        "currency_code": listed_codes(currency, CURRENCY_POSITIONS),
        "from_day": good.day("valid_from"),
        "to_day": good.day("valid_to", open_end),
        "withdrawn_day": good.day("withdrawn_on", open_end),
    }
    schema = NO_LIMITS_SCHEMA
    arrays = [
        column.cast(kind) if isinstance(column, pa.Array) else pa.array(column).cast(kind)
        for column, kind in zip(columns.values(), schema.types, strict=True)
    ]
    return pa.table(arrays, schema=schema)


def _limits(parts: Sequence[pa.Table], *, is_given: bool) -> Limits:
    """Join the units' columns; texts of few distinct values become codes."""
    data = pa.concat_tables([NO_LIMITS_SCHEMA.empty_table(), *parts])
    parties, party_code = dictionary_of(combine(data.column("party")))
    segments, segment_code = _coded(data.column("segment"))
    policies, policy_code = _coded(data.column("policy"))
    numbers = {
        name: data.column(name).to_numpy()
        for name in NO_LIMITS_SCHEMA.names
        if name not in {"limit_id", "party", "segment", "policy"}
    }
    return Limits(
        is_given=is_given,
        limit_id=combine(data.column("limit_id")),
        parties=parties,
        party_code=party_code,
        segments=segments,
        segment_code=segment_code,
        policies=policies,
        policy_code=policy_code,
        **numbers,
    )


def no_limits(*, is_given: bool = False) -> Limits:
    """Give a table of limits without a row; not given means that the ledger has none."""
    return _limits([], is_given=is_given)


def limits_of(rows: Sequence[dict[str, Any]]) -> Limits:
    """Give limits of plain values, named like the fields of `Limits`; a day left out is open."""
    default: dict[str, Any] = {
        "segment": None,
        "policy": None,
        "is_group": False,
        "is_unlimited": False,
        "effect_code": 0,
        "layer_code": 0,
        "percent_e9": NO_PERCENT,
        "to_day": _LAST_DAY,
        "withdrawn_day": _LAST_DAY,
    }
    filled = [{**default, **row} for row in rows]
    return _limits([pa.Table.from_pylist(filled, NO_LIMITS_SCHEMA)], is_given=True)


def _coded(texts: pa.ChunkedArray) -> tuple[tuple[str, ...], Array]:
    """Give the distinct texts of a column and each row's: int32[n], -1 where there is none."""
    distinct, positions = dictionary_of(combine(texts))
    names = distinct.to_pylist()
    kept = tuple(name for name in names if name)
    place = {name: code for code, name in enumerate(kept)}
    codes = np.array([place.get(name, -1) for name in names] + [-1], np.int32)
    return kept, codes[positions]


def day_or_open(day: Array) -> Array:
    """Give `NO_DAY` where a day is the open end: int32[n]."""
    return np.where(day >= _LAST_DAY - 1, np.int32(NO_DAY), day).astype(np.int32)
