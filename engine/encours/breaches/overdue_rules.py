"""The rule about the age of the oldest net late item (DOMAIN 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.breaches.columns import decimals, number_text, spread
from encours.breaches.found import Found, Measure, Sentence, no_money
from encours.breaches.levels import SEVERITY_CODES, Level, hold_bits, reach_days, thousandths
from encours_schemas.messages import MessageCode
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from encours.breaches.evidence import Evidence
    from encours_schemas.configuration.rules import OverdueAgeRule

DAYS_MAX = 36_500
Array = np.ndarray[Any, np.dtype[Any]]


def day_levels(settings: OverdueAgeRule) -> tuple[Level, ...]:
    """Give the configured levels as numbers."""
    return tuple(
        Level(level.above_days, SEVERITY_CODES[level.severity], hold_bits(level.holds))
        for level in settings.levels
    )


def least_days(settings: OverdueAgeRule) -> int:
    """Give the least age in days that can reach a level, a held one included."""
    release = thousandths(settings.release_below)
    ages = [level.above + 1 for level in day_levels(settings)[:1]]
    holding = [level.above for level in day_levels(settings) if level.holds]
    return max(1, min([*ages, *(-(-above * release // 1000) for above in holding)]))


def release_days(settings: OverdueAgeRule) -> int:
    """Give the least age in days at which a hold goes on; a century where no level holds."""
    release = thousandths(settings.release_below)
    holding = [level.above for level in day_levels(settings) if level.holds]
    return max(1, -(-holding[0] * release // 1000)) if holding else DAYS_MAX


def overdue_age(evidence: Evidence) -> Found:
    """Find accounts whose oldest net late item is too old."""
    settings = evidence.rules.overdue_age
    levels, release = day_levels(settings), thousandths(settings.release_below)
    oldest = evidence.items.oldest_late
    days = evidence.day - oldest.due_day.astype(np.int64)
    chosen = np.flatnonzero(
        evidence.in_scope(settings)[oldest.row] & (days >= least_days(settings))
    )
    place, days = evidence.place(oldest.row[chosen]), days[chosen]
    held = evidence.memory.held(place.ids(RuleId.OVERDUE_AGE))
    reached = reach_days(days, levels, release, held)
    rows = np.flatnonzero(reached.place >= 0)
    at, is_kept, days = reached.place[rows], reached.is_kept[rows], days[rows]
    items = oldest.item_id.take(pa.array(chosen[rows]))
    values = {
        "item": items,
        "days": number_text(days),
        "threshold": spread([str(level.above) for level in levels], at),
        "release": spread([_days_text(level.above * release) for level in levels], at),
    }
    return Found(
        rule=RuleId.OVERDUE_AGE,
        scope="account",
        place=place.take(rows),
        measure=Measure(
            decimals(days, 10**6),
            decimals(np.array([level.above for level in levels], np.int64)[at], 10**6),
            no_money(len(rows)),
            no_money(len(rows)),
        ),
        severity=np.array([level.severity for level in levels], np.int8)[at],
        holds=np.array([level.holds for level in levels], np.uint8)[at],
        sentence=Sentence(
            (MessageCode.OVERDUE_AGE, MessageCode.OVERDUE_AGE_HOLD_KEPT),
            is_kept.astype(np.int64),
            values,
        ),
        subject=items,
    )


def _days_text(thousandths_of_days: int) -> str:
    whole, rest = divmod(thousandths_of_days, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)
