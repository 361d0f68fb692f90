"""Which accounts will breach in the next days, from what is known today (DOMAIN 10).

The rules about limits are measured again on every day on which an order enters the horizon or a
limit begins or ends; ages of items and stops of cover are counted ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.found import RULE_POSITIONS, RULES
from encours.breaches.levels import SEVERITY_CODES
from encours.breaches.outlook_accounts import account_rises
from encours.breaches.outlook_groups import group_rises
from encours.breaches.outlook_orders import exposed_by_orders
from encours.breaches.outlook_timeline import (
    COVER_STOPS,
    GRAVE_STEPS,
    ITEM_AGES,
    WIDTH,
    Rise,
    distinct,
    graveness,
)
from encours.breaches.overdue_rules import day_levels
from encours.calc.columns import day_array, listed_array, money_array
from encours.calc.exposure import OUTLOOK_DAYS
from encours.ledger.decode import NO_DAY
from encours.ledger.limits import TEMPORARY
from encours.ledger.ordering import order_by
from encours_schemas import OUTPUT_TABLES
from encours_schemas.outputs import OUTLOOK_EVENTS, SEVERITIES
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encours.breaches.evidence import Evidence
    from encours.breaches.found import Found
    from encours.breaches.item_facts import OldestLate
    from encours.calc.account_rows import AccountRows
    from encours.calc.exposure import Committed
    from encours.calc.sums import KeyedSums
    from encours.ledger.master import Customers

Array = np.ndarray[Any, np.dtype[Any]]

OUTLOOK: Final = OUTPUT_TABLES["outlook"]
PIECE_ROWS: Final = 131_072
"""Rows of the table that are laid out as columns at once."""


@dataclass(frozen=True)
class Coming:
    """What changes on coming days: k rows, in the order of the table's columns.

    row     int64[k]  row of `credit_accounts`
    head    int64[k]  customer at the head of a group, -1
    amount  int64[k]  thousandths, -1 where there is none
    """

    rule: RuleId
    day: Array
    row: Array
    head: Array
    event: Array
    severity: Array
    amount: Array


def outlook(
    evidence: Evidence,
    today: Sequence[Found],
    lines: KeyedSums,
    committed: Committed,
    next_stop_day: Array,
) -> OutlookRows:
    """Give the table `outlook`: what will newly be found, or found to be graver, and when.

    today          what the rules found at the as-of date
    next_stop_day  int32[n]  day on which cover of an account stops next, `NO_DAY` for none
    """
    coming: list[Coming] = []
    if evidence.limits.is_given:
        coming += _about_limits(evidence, today, lines, committed)
        coming += _stops(evidence, next_stop_day)
    coming += _ages(evidence, today, evidence.items.oldest_late)
    return _in_order(evidence, coming)


def _about_limits(
    evidence: Evidence, today: Sequence[Found], lines: KeyedSums, committed: Committed
) -> list[Coming]:
    """Measure the rules about limits where, and on the days on which, anything changes."""
    orders = exposed_by_orders(lines, committed, evidence.positions, evidence.context)
    ends = _temporary_ends(evidence)
    rises = [
        *account_rises(evidence, orders, ends, today),
        *group_rises(evidence, orders, ends),
    ]
    return [_coming(rise, evidence.day) for rise in rises]


def _temporary_ends(evidence: Evidence) -> Array:
    """List rows and days ahead on which a temporary limit is no longer in force, as one key."""
    book, limits = evidence.limits.book, evidence.limits.book.tables.limits
    ahead = limits.last_day.astype(np.int64) + 1 - evidence.day
    ends = (ahead > 0) & (ahead < WIDTH) & (limits.kind_code == TEMPORARY) & ~limits.is_group
    chosen = np.flatnonzero(ends)
    place, row = book.rows_of(chosen)
    return distinct(row * WIDTH + ahead[chosen][place])


def _coming(rise: Rise, today: int) -> Coming:
    """Give the rows of one rule."""
    return Coming(
        rise.rule,
        (today + rise.ahead).astype(np.int32),
        rise.row,
        rise.head,
        rise.event,
        rise.grave // GRAVE_STEPS,
        rise.excess,
    )


def _ages(evidence: Evidence, today: Sequence[Found], oldest: OldestLate) -> list[Coming]:
    """Tell when the oldest net item of an account passes the next levels of its age."""
    settings = evidence.rules.overdue_age
    if not settings.enabled:
        return []
    applies = evidence.in_scope(settings)[oldest.row]
    reached = np.zeros(len(evidence.accounts), np.int64)
    for found in today:
        if found.rule is RuleId.OVERDUE_AGE:
            reached[found.place.row] = graveness(found.severity, found.holds)
    coming = []
    for level in day_levels(settings):
        grave = graveness(np.array([level.severity]), np.array([level.holds]))[0]
        day = oldest.due_day.astype(np.int64) + level.above + 1
        comes = (day > evidence.day) & (day <= evidence.day + OUTLOOK_DAYS)
        chosen = np.flatnonzero(applies & comes & (grave > reached[oldest.row]))
        coming.append(_of_rows(RuleId.OVERDUE_AGE, oldest.row[chosen], day[chosen], level.severity))
    return coming


def _stops(evidence: Evidence, next_stop_day: Array) -> list[Coming]:
    """Tell when cover stops."""
    settings = evidence.rules.cover_stopped
    day = next_stop_day.astype(np.int64)
    comes = (day != NO_DAY) & (day > evidence.day) & (day <= evidence.day + OUTLOOK_DAYS)
    rows = np.flatnonzero(comes & evidence.in_scope(settings) & settings.enabled)
    return [_of_rows(RuleId.COVER_STOPPED, rows, day[rows], SEVERITY_CODES[settings.severity])]


def _of_rows(rule: RuleId, row: Array, day: Array, severity: int) -> Coming:
    """Give rows about accounts, without an amount."""
    nothing = np.full(len(row), -1, np.int64)
    event = np.full(len(row), ITEM_AGES if rule is RuleId.OVERDUE_AGE else COVER_STOPS)
    return Coming(
        rule, day.astype(np.int32), row, nothing, event, np.full(len(row), severity), nothing
    )


_NOTHING = np.empty(0, np.int64)
_BY_NAME = np.argsort(np.argsort([rule.value for rule in RULES]))
"""Where each rule of `RULES` stands among their names."""


@dataclass(frozen=True)
class OutlookRows:
    """The rows of the table in their order, k of them: columns of `Coming`.

    rule  int8[k]  position in `RULES`
    """

    accounts: AccountRows
    customers: Customers
    rule: Array
    day: Array
    row: Array
    head: Array
    event: Array
    severity: Array
    amount: Array

    def __len__(self) -> int:
        """Count them."""
        return len(self.row)

    @property
    def schema(self) -> pa.Schema:
        """Give the columns of the contract."""
        return OUTLOOK.arrow_schema()

    def pieces(self) -> Iterator[pa.Table]:
        """Give the table in pieces, sorted by its key, so that no more is held at once."""
        for start in range(0, len(self), PIECE_ROWS):
            yield self._piece(slice(start, start + PIECE_ROWS))

    def _piece(self, rows: slice) -> pa.Table:
        """Lay some rows out."""
        accounts, row, head = self.accounts, self.row[rows], self.head[rows]
        segment = np.where(_is_of_party(self.rule[rows]), -1, accounts.segment_code[row])
        milli = self.amount[rows]
        return pa.table(
            {
                "date": day_array(self.day[rows]),
                "credit_account_id": accounts.account_ids.take(
                    pa.array(accounts.account_code[row])
                ),
                "credit_segment": listed_array(segment.astype(np.int32), accounts.segments),
                "rule": listed_array(
                    self.rule[rows].astype(np.int32), [rule.value for rule in RULES]
                ),
                "event": listed_array(self.event[rows].astype(np.int32), OUTLOOK_EVENTS),
                "severity": listed_array(self.severity[rows].astype(np.int32) - 1, SEVERITIES),
                "subject": self.customers.ids.take(pa.array(head, mask=head < 0)),
                "amount": money_array(np.maximum(milli, 0), milli >= 0),
            }
        )


def _in_order(evidence: Evidence, coming: Sequence[Coming]) -> OutlookRows:
    """Join what comes by day, segment, account, rule and group; no text but few is compared.

    Accounts stand by segment, then id, already; what is said of a party follows, by its id.
    """
    accounts, customers = evidence.accounts, evidence.customers
    rules = [np.full(len(part.row), RULE_POSITIONS[part.rule], np.int8) for part in coming]
    rule = np.concatenate([_NOTHING.astype(np.int8), *rules])
    day, row, head, event, severity, amount = (
        np.concatenate([_NOTHING, *(getattr(part, name) for part in coming)])
        for name in ("day", "row", "head", "event", "severity", "amount")
    )
    place = row.copy()
    of_party = np.flatnonzero(_is_of_party(rule))
    place[of_party] = len(accounts) + _ranks(
        accounts.account_ids, accounts.account_code[row[of_party]]
    )
    group = np.full(len(customers) + 1, len(customers), np.int64)
    group[customers.by_id] = np.arange(len(customers.by_id))
    order = order_by((day, place, _BY_NAME[rule], group[head]))
    return OutlookRows(
        accounts.without_sums(),
        customers,
        rule[order],
        day[order].astype(np.int32),
        row[order],
        head[order],
        event[order].astype(np.int8),
        severity[order].astype(np.int8),
        amount[order],
    )


def _is_of_party(rule: Array) -> Array:
    """Tell which rows are about all accounts of a party: bool[k]; they name no segment."""
    found: Array = rule == RULE_POSITIONS[RuleId.TOTAL_LIMIT_EXCEEDED]
    return found


def _ranks(texts: pa.Array, code: Array) -> Array:
    """Give the rank of each text among those that are named, by bytes: int64[k]."""
    named, place = np.unique(code, return_inverse=True)
    order = pc.sort_indices(texts.take(pa.array(named)).cast(pa.binary())).to_numpy()
    rank = np.empty(len(named), np.int64)
    rank[order] = np.arange(len(named))
    return rank[place]
