"""The holds of credit accounts: what their breaches ask for, less what a person released."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.breaches.found import RULE_POSITIONS, RULES
from encours.breaches.levels import HOLD_BITS, hold_bits
from encours.ledger.decode import decode_text_codes
from encours.ledger.hierarchy import NONE
from encours_schemas.outputs import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from encours.breaches.evidence import Evidence
    from encours.breaches.found import Found

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class HoldState:
    """The holds of the n rows of `credit_accounts`.

    holds     uint8[n]  in force: 1 orders, 2 deliveries, 4 production
    asked     uint8[n]  what the breaches ask for, before overrides
    reasons   int64[n]  rules whose holds are in force: bit k is rule k of `RULES`
    lifted    int64[n]  rules whose holds a person released
    severity  int8[n]   worst of its breaches: 0 none, 1 warning, 2 breach
    """

    holds: Array
    asked: Array
    reasons: Array
    lifted: Array
    severity: Array

    def some(self, rows: slice | Array) -> HoldState:
        """Give the holds of some rows."""
        return HoldState(
            self.holds[rows],
            self.asked[rows],
            self.reasons[rows],
            self.lifted[rows],
            self.severity[rows],
        )

    def reasons_text(self) -> pa.Array:
        """Name the rules whose holds are in force, `|` between, null where none: string[n]."""
        masks, place = np.unique(self.reasons, return_inverse=True)
        texts = [
            "|".join(rule.value for bit, rule in enumerate(RULES) if mask >> bit & 1) or None
            for mask in masks.tolist()
        ]
        return pa.array(texts, pa.string()).take(pa.array(place))


def holds_of_accounts(breaches: Sequence[Found], evidence: Evidence) -> HoldState:
    """Join what all breaches ask of each account (DOMAIN 8)."""
    count = len(evidence.accounts.account_code)
    state = HoldState(
        np.zeros(count, np.uint8),
        np.zeros(count, np.uint8),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.int8),
    )
    by_person = np.uint8(hold_bits(evidence.rules.manual_hold.holds))
    for found in breaches:
        bit = RULE_POSITIONS[found.rule]
        breach, row = found.bears_on()
        asked = found.holds[breach]
        is_lifted = (evidence.overrides.lifted[row] >> bit & 1).astype(bool)
        is_added = (evidence.overrides.added[row] >> bit & 1).astype(bool)
        holds = np.where(is_lifted, np.uint8(0), asked)
        holds = np.where(is_added, holds | by_person, holds).astype(np.uint8)
        np.bitwise_or.at(state.asked, row, asked)
        np.bitwise_or.at(state.holds, row, holds)
        np.bitwise_or.at(state.reasons, row[holds > 0], np.int64(1 << bit))
        np.bitwise_or.at(state.lifted, row[is_lifted & (asked > 0)], np.int64(1 << bit))
        np.maximum.at(state.severity, row, found.severity[breach])
    return state


def hold_columns(state: HoldState) -> dict[str, Callable[[], pa.Array]]:
    """Give what makes the columns of `credit_accounts` that the rules fill."""

    def flags(bit: int) -> pa.Array:
        return pa.array((state.holds & bit) > 0)

    columns = {f"hold_{name}": partial(flags, bit) for name, bit in HOLD_BITS.items()}
    return {**columns, "worst_severity": lambda: severity_text(state.severity)}


def severity_text(severity: Array) -> pa.Array:
    """Give severities as text, null where there is none: string[n] of int8[n]."""
    return pa.array(SEVERITIES, pa.string()).take(
        pa.array(severity.astype(np.int64) - 1, mask=severity == 0)
    )


def severity_of_parties(state: HoldState, breaches: Sequence[Found], evidence: Evidence) -> Array:
    """Give the worst severity of every party with its descendants: int8[customers]."""
    customers = evidence.customers
    of_account = np.zeros(len(evidence.accounts.account_ids), np.int8)
    np.maximum.at(of_account, evidence.accounts.account_code, state.severity)
    worst = of_account[customers.account_code]
    for found in breaches:
        party = np.flatnonzero(found.place.row < 0)
        if found.scope == "portfolio" and len(party):
            names = found.place.party.take(pa.array(party))
            code = decode_text_codes(names, evidence.context.master.customer_index)
            np.maximum.at(worst, code, found.severity[party])
    hierarchy = customers.hierarchy
    for depth in range(int(hierarchy.depth.max(initial=0)), 0, -1):
        members = np.flatnonzero((hierarchy.depth == depth) & (hierarchy.parent != NONE))
        np.maximum.at(worst, hierarchy.parent[members], worst[members])
    return worst
