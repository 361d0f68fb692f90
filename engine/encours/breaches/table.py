"""The published table `breaches`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.columns import constant
from encours.breaches.found import RULE_POSITIONS, codes_of, no_numbers, rendered, values_as_json
from encours.breaches.levels import HOLD_BITS
from encours.breaches.memory import cured, with_memory
from encours.calc.columns import money_array
from encours_schemas import OUTPUT_TABLES
from encours_schemas.messages import TEMPLATES, MessageCode
from encours_schemas.outputs import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from encours.breaches.found import Found
    from encours.breaches.memory import Memory
    from encours.breaches.overrides import Override, Overrides

Array = np.ndarray[Any, np.dtype[Any]]

PIECE_ROWS = 131_072
"""Rows of the table that are held as text at once."""
BREACHES = OUTPUT_TABLES["breaches"]


@dataclass(frozen=True)
class BreachRows:
    """The rows of the table: what was found, compared with the earlier run, and what was cured.

    looked_at  ids of the rules that were on: only their breaches can be cured
    """

    breaches: Sequence[Found]
    memory: Memory
    overrides: Overrides
    as_of: date
    currency: str
    looked_at: Collection[str]

    @property
    def schema(self) -> pa.Schema:
        """Give the columns of the contract."""
        return BREACHES.arrow_schema()

    def pieces(self) -> Iterator[pa.Table]:
        """Give the table in pieces, sorted by id: rule by rule, so that no more is held at once."""
        found = {one.rule.value: one for one in self.breaches}
        for rule in sorted(self.looked_at, key=lambda name: f"{name}:"):
            yield from self._of_rule(rule, found.get(rule))

    def _of_rule(self, rule: str, found: Found | None) -> Iterator[pa.Table]:
        """Give the rows of one rule, sorted by id."""
        ids = pa.array([], pa.string()) if found is None else found.place.ids(found.rule)
        place = self.memory.find(ids)
        gone = cured(rule, place, self.memory)
        everything = pa.concat_arrays([ids, gone.column("breach_id").combine_chunks()])
        order = pc.sort_indices(everything).to_numpy()
        for start in range(0, len(order), PIECE_ROWS):
            rows = order[start : start + PIECE_ROWS]
            yield self._piece(found, place, gone, rows)

    def _piece(self, found: Found | None, place: Array, gone: pa.Table, rows: Array) -> pa.Table:
        """Give some rows: positions among what was found, then among what was cured."""
        schema = BREACHES.arrow_schema()
        is_found = rows < len(place)
        parts = [schema.empty_table()]
        if found is not None and is_found.any():
            own = rows[is_found]
            table = _rows(found, own, self.overrides, self.currency)
            parts.append(with_memory(table, place[own], self.memory, self.as_of).cast(schema))
            if len(own) == len(rows):
                return parts[-1]
        cured_rows = pa.array(rows[~is_found] - len(place))
        parts.append(_cured_rows(gone.take(cured_rows), schema).cast(schema))
        order = np.argsort(np.concatenate([np.flatnonzero(is_found), np.flatnonzero(~is_found)]))
        return pa.concat_tables(parts).take(pa.array(order))


def _rows(whole: Found, chosen: Array, overrides: Overrides, currency: str) -> pa.Table:
    """Give some rows of one rule; status and first day are still to come."""
    found = whole.take(chosen)
    count = len(found)
    has_money = found.measure.excess_milli >= 0
    severity = pa.array(SEVERITIES, pa.string()).take(pa.array(found.severity - 1))
    excess = np.maximum(found.measure.excess_milli, 0)
    no_texts = pa.nulls(count, pa.string())
    money = constant(currency, count)
    columns = {
        "breach_id": found.place.ids(found.rule),
        "rule": constant(found.rule.value, count),
        "severity": severity,
        "scope": constant(found.scope, count),
        "party_id": found.place.party,
        "credit_segment": found.place.segment,
        "subject": no_texts if found.subject is None else found.subject,
        "measured": found.measure.measured,
        "threshold": found.measure.threshold,
        "excess": money_array(excess, has_money, "table breaches, column excess"),
        "currency": money if has_money.all() else _only(money, has_money),
        **{f"hold_{name}": pa.array((found.holds & bit) > 0) for name, bit in HOLD_BITS.items()},
        "status": constant("new", count),
        "first_seen": pa.repeat(pa.scalar(date(1970, 1, 1), pa.date32()), count),
        "override": _override_texts(whole, overrides).take(pa.array(chosen)),
        "message_code": codes_of(found.sentence),
        "message_values": values_as_json(found.sentence),
        "message": rendered(found.sentence),
    }
    return pa.table({name: columns[name] for name in BREACHES.names})


def _only(texts: pa.Array, chosen: Array) -> pa.Array:
    """Keep some texts, null the others."""
    places = np.arange(len(texts))
    return texts.take(pa.array(places, mask=~chosen))


def _override_texts(found: Found, overrides: Overrides) -> pa.Array:
    """Say which decision of a person bears on each breach, null where none does: string[k]."""
    texts: dict[int, Override] = {}
    if overrides.by_row:
        decided = np.zeros(len(overrides.lifted), bool)
        decided[list(overrides.by_row)] = True
        breach, row = found.bears_on()
        near = np.flatnonzero(decided[row])
        for at, account in zip(breach[near].tolist(), row[near].tolist(), strict=True):
            one = overrides.bearing_on(account, RULE_POSITIONS[found.rule])
            if one is not None:
                texts[at] = min(one, texts.get(at, one))
    column = np.full(len(found), None, object)
    for at, one in texts.items():
        column[at] = one.text
    return pa.array(column, pa.string())


def _cured_rows(gone: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give the rows of breaches that are there no more: they ask for nothing."""
    count = gone.num_rows
    kept = ("breach_id", "rule", "severity", "scope", "party_id", "credit_segment", "subject")
    columns = {name: gone.column(name) for name in (*kept, "threshold", "first_seen")}
    nothing = pa.nulls(count, pa.string())
    columns |= {
        "measured": no_numbers(count),
        "excess": pa.nulls(count, schema.field("excess").type),
        "currency": nothing,
        **{f"hold_{name}": constant_flag(count) for name in HOLD_BITS},
        "status": constant("cured", count),
        "override": nothing,
        "message_code": constant(MessageCode.CURED.value, count),
        "message_values": constant("{}", count),
        "message": constant(TEMPLATES["en"][MessageCode.CURED], count),
    }
    return pa.table({name: columns[name] for name in BREACHES.names})


def constant_flag(count: int) -> pa.Array:
    """Give a column of no."""
    return pa.array(np.zeros(count, bool))
