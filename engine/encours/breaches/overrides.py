"""What a person decided against the rules: holds and releases of customers, for a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from encours.breaches.found import RULE_POSITIONS, RULES
from encours.ledger.decode import TextIndex, decode_text_codes
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from decimal import Decimal

    from encours.calc.account_rows import AccountRows
    from encours.ledger.master import Customers
    from encours.ledger.small import SmallTable

Array = np.ndarray[Any, np.dtype[Any]]

NEVER_IN_GENERAL: Final = frozenset({RuleId.INSOLVENCY, RuleId.COVER_STOPPED, RuleId.MANUAL_HOLD})
"""Rules that only a release that names them lifts (DOMAIN 8)."""
_GENERAL: Final = sum(
    1 << place for rule, place in RULE_POSITIONS.items() if rule not in NEVER_IN_GENERAL
)


@dataclass(frozen=True, order=True)
class Override:
    """One decision in force, in the order in which breaches name them: a rule's before all rules'.

    mask  rules that it bears on: bit k is rule k
    """

    names_no_rule: bool
    days_in_force: int
    action: str
    valid_to: str
    decided_by: str
    reason: str
    customer_id: str
    segment: str
    mask: int
    max_milli: int

    @property
    def text(self) -> str:
        """Say it in a line: what, for how long, who, why."""
        until = f" until {self.valid_to}" if self.valid_to else ""
        return f"{self.action}{until} by {self.decided_by}: {self.reason}"


@dataclass(frozen=True)
class Overrides:
    """The decisions in force on a day, laid against the accounts of a run: n accounts.

    lifted        int64[n]  rules whose holds a release lifts, bit k for rule k
    added         int64[n]  rules whose breaches a person turned into holds
    by_row        the decisions on each account that has some
    pending       releases that begin once the account owes no more than their `max_exposure`
    unknown_count decisions that name a customer, segment or rule that is not there
    """

    lifted: Array
    added: Array
    by_row: dict[int, list[Override]] = field(default_factory=dict)
    pending: tuple[tuple[int, Override], ...] = ()
    unknown_count: int = 0

    def general_holds(self) -> list[tuple[int, Override]]:
        """List the accounts that a person put on hold without naming a rule."""
        return [
            (row, next(one for one in found if one.action == "hold" and one.names_no_rule))
            for row, found in sorted(self.by_row.items())
            if any(one.action == "hold" and one.names_no_rule for one in found)
        ]

    def bearing_on(self, row: int, rule: int) -> Override | None:
        """Give the decision that a breach of an account names: a hold before a release."""
        found = [
            one
            for one in self.by_row.get(row, [])
            if one.mask >> rule & 1 and (one.action == "release" or not one.names_no_rule)
        ]
        return min(found, key=lambda one: (one.action != "hold", one)) if found else None


def no_overrides(count: int) -> Overrides:
    """Give none, for so many accounts."""
    return Overrides(np.zeros(count, np.int64), np.zeros(count, np.int64))


def overrides_on(
    day: date, table: SmallTable | None, accounts: AccountRows, customers: Customers
) -> Overrides:
    """Find the decisions in force on a day, and the accounts that they bear on.

    A decision about a customer bears on the credit account that carries it, in the named segment or
    in all. A release holds while the account's exposure is not above its `max_exposure`.
    """
    found = no_overrides(len(accounts.account_code))
    if table is None or not table.rows:
        return found
    active, unknown = _active(day, table)
    code = decode_text_codes(
        pa.array([one.customer_id for one in active], pa.string()), TextIndex(customers.ids)
    )
    known = np.flatnonzero(code >= 0)
    unknown += len(active) - len(known)
    place, row = accounts.rows_of_accounts(customers.account_code[code[known]])
    by_row: dict[int, list[Override]] = {}
    pending = []
    for at, account in zip(known[place].tolist(), row.tolist(), strict=True):
        one = active[at]
        if not _is_about(one, accounts, account):
            continue
        if _is_within(one, accounts, account):
            by_row.setdefault(account, []).append(one)
            target = found.lifted if one.action == "release" else found.added
            target[account] |= one.mask if one.action == "release" or not one.names_no_rule else 0
        else:
            pending.append((account, one))
    for row_overrides in by_row.values():
        row_overrides.sort()
    found.lifted[:] &= ~found.added
    return Overrides(found.lifted, found.added, by_row, tuple(pending), unknown)


def _is_about(one: Override, accounts: AccountRows, row: int) -> bool:
    """Tell whether a decision is about this account's segment."""
    return one.segment in ("", accounts.segments[int(accounts.segment_code[row])])


def _is_within(one: Override, accounts: AccountRows, row: int) -> bool:
    """Tell whether a decision bears on an account that owes so much: a hold always does."""
    within = one.max_milli < 0 or int(accounts.exposure_milli[row]) <= one.max_milli
    return one.action == "hold" or within


def _active(day: date, table: SmallTable) -> tuple[list[Override], int]:
    """Give the decisions whose dates contain the day, and how many name no rule that exists."""
    active, unknown = [], 0
    for row in range(table.rows):
        value = {name: column[row] for name, column in table.columns.items()}
        last = value["valid_to"]
        if value["valid_from"] > day or (last is not None and last < day):
            continue
        rule = value["rule"]
        if rule is not None and rule not in set(RULES):
            unknown += 1
            continue
        active.append(
            Override(
                names_no_rule=rule is None,
                days_in_force=(day - value["valid_from"]).days,
                action=value["action"],
                valid_to="" if last is None else last.isoformat(),
                decided_by=value["decided_by"],
                reason=value["reason"],
                customer_id=value["customer_id"],
                segment=value["credit_segment"] or "",
                mask=_GENERAL if rule is None else 1 << RULE_POSITIONS[RuleId(rule)],
                max_milli=_milli(value["max_exposure"]),
            )
        )
    return active, unknown


def _milli(amount: Decimal | None) -> int:
    """Give an amount in thousandths, -1 for none."""
    return -1 if amount is None else int(amount.scaleb(3))
