"""Which accounts will breach in the next days, from what is known today (DOMAIN 10).

The rules about limits are measured again on every day on which an order enters the horizon or a
limit begins or ends; ages of items and stops of cover are counted ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from encours.breaches.columns import constant
from encours.breaches.levels import SEVERITY_CODES
from encours.breaches.outlook_days import COVER_STOPS, GRAVE_STEPS, ITEM_AGES, Days, Rise, graveness
from encours.breaches.outlook_world import world_of
from encours.breaches.overdue_rules import day_levels
from encours.calc.columns import day_array, money_array
from encours.calc.exposure import OUTLOOK_DAYS
from encours.ledger.decode import NO_DAY
from encours_schemas import OUTPUT_TABLES
from encours_schemas.outputs import OUTLOOK_EVENTS, SEVERITIES
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.breaches.evidence import Evidence
    from encours.breaches.found import Found
    from encours.breaches.item_facts import OldestLate
    from encours.calc.exposure import Committed
    from encours.calc.sums import KeyedSums

Array = np.ndarray[Any, np.dtype[Any]]

OUTLOOK: Final = OUTPUT_TABLES["outlook"]


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
) -> pa.Table:
    """Give the table `outlook`: what will newly be found, or found to be graver, and when.

    today          what the rules found at the as-of date
    next_stop_day  int32[n]  day on which cover of an account stops next, `NO_DAY` for none
    """
    coming: list[Coming] = []
    if evidence.limits.is_given:
        coming += _about_limits(evidence, today, lines, committed)
        coming += _stops(evidence, next_stop_day)
    coming += _ages(evidence, today, evidence.items.oldest_late)
    return _table(evidence, coming)


def _about_limits(
    evidence: Evidence, today: Sequence[Found], lines: KeyedSums, committed: Committed
) -> list[Coming]:
    """Measure the rules about limits on each day of change."""
    world = world_of(evidence, lines, committed)
    if not world.days:
        return []
    days = Days(evidence, world)
    for found in today:
        own = np.flatnonzero(found.place.row >= 0)
        grave = graveness(found.severity, found.holds)
        days.remember(found.rule, found.place.row[own], grave[own])
    return [_coming(rise) for day in world.days for rise in days.on(day)]


def _coming(rise: Rise) -> Coming:
    """Give the rows of one rule and day."""
    return Coming(
        rise.rule,
        np.full(len(rise.row), rise.day, np.int32),
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


def _table(evidence: Evidence, coming: Sequence[Coming]) -> pa.Table:
    """Join the rows; the file is sorted when it is written."""
    schema = OUTLOOK.arrow_schema()
    severities = pa.array(SEVERITIES, pa.string())
    events = pa.array(OUTLOOK_EVENTS, pa.string())
    tables = [schema.empty_table()]
    for part in coming:
        if not len(part.row):
            continue
        place = evidence.place(part.row)
        segment = place.segment
        if part.rule is RuleId.TOTAL_LIMIT_EXCEEDED:
            segment = pa.nulls(len(part.row), pa.string())
        columns = {
            "date": day_array(part.day),
            "credit_account_id": place.party,
            "credit_segment": segment,
            "rule": constant(part.rule.value, len(part.row)),
            "event": events.take(pa.array(part.event)),
            "severity": severities.take(pa.array(part.severity - 1)),
            "subject": evidence.customers.ids.take(pa.array(part.head, mask=part.head < 0)),
            "amount": money_array(np.maximum(part.amount, 0), part.amount >= 0),
        }
        tables.append(pa.table(columns).select(schema.names).cast(schema))
    return pa.concat_tables(tables)
