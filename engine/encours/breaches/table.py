"""The published table `breaches`."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.breaches.columns import constant
from encours.breaches.found import RULE_POSITIONS, codes_of, no_numbers, rendered, values_as_json
from encours.breaches.levels import HOLD_BITS
from encours.breaches.memory import cured, with_memory
from encours.calc.columns import money_array
from encours_schemas import OUTPUT_TABLES
from encours_schemas.messages import TEMPLATES, MessageCode
from encours_schemas.outputs import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from encours.breaches.found import Found
    from encours.breaches.memory import Memory
    from encours.breaches.overrides import Override, Overrides

Array = np.ndarray[Any, np.dtype[Any]]

BREACHES = OUTPUT_TABLES["breaches"]


def breaches_table(
    breaches: Sequence[Found],
    memory: Memory,
    overrides: Overrides,
    as_of: date,
    currency: str,
    looked_at: Collection[str],
) -> pa.Table:
    """Give the table: what was found, compared with the earlier run, and what was cured.

    looked_at  ids of the rules that were on: only their breaches can be cured
    """
    schema = BREACHES.arrow_schema()
    parts = [_rows(found, overrides, currency).cast(schema) for found in breaches if len(found)]
    found = pa.concat_tables([schema.empty_table(), *parts]).combine_chunks()
    place = memory.find(found.column("breach_id").combine_chunks())
    found = with_memory(found, place, memory, as_of)
    gone = _cured_rows(cured(place, memory, looked_at), schema)
    return pa.concat_tables([found.cast(schema), gone.cast(schema)])


def _rows(found: Found, overrides: Overrides, currency: str) -> pa.Table:
    """Give the rows of one rule; status and first day are still to come."""
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
        "override": _override_texts(found, overrides),
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
