"""Rules about items: one breach per account and key, with count, amount and the worst item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.breaches.columns import Texts, day_text, decimals, money_text, number_text, same
from encours.breaches.found import Found, Measure, Sentence, no_money
from encours.breaches.item_facts import ItemHits
from encours.breaches.levels import SEVERITY_CODES, hold_bits
from encours_schemas.messages import MessageCode
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from encours.breaches.evidence import Evidence
    from encours_schemas.configuration.rules import Holds, Rule

Array = np.ndarray[Any, np.dtype[Any]]


def insurer_notification(evidence: Evidence) -> Found:
    """Find late insured items that must be declared; `worst` is the earliest last day."""
    settings = evidence.rules.insurer_notification
    hits = _hits(evidence, RuleId.INSURER_NOTIFICATION, settings)
    left = hits.worst - evidence.day
    is_due = left <= 0
    return _about_items(
        evidence,
        RuleId.INSURER_NOTIFICATION,
        hits,
        _measured_days(left, settings.warn_days, hits),
        (np.where(is_due, 2, 1), np.where(is_due, hold_bits(settings.holds), 0)),
        Sentence(
            (MessageCode.INSURER_NOTIFICATION, MessageCode.INSURER_NOTIFICATION_DUE),
            is_due.astype(np.int64),
            {"notify_by": day_text(hits.worst.astype(np.int32))},
        ),
    )


def due_date_moved(evidence: Evidence) -> Found:
    """Find items whose due date is later than in the earlier run; `worst` is by how many days."""
    settings = evidence.rules.due_date_moved
    hits = _hits(evidence, RuleId.DUE_DATE_MOVED, settings)
    run_date = evidence.memory.as_of
    values = {
        "run_date": same("" if run_date is None else run_date.isoformat(), len(hits.row)),
        "days": number_text(hits.worst),
    }
    return _about_items(
        evidence,
        RuleId.DUE_DATE_MOVED,
        hits,
        _measured_days(hits.worst, 0, hits),
        _configured(settings.severity, settings.holds, len(hits.row)),
        _one(MessageCode.DUE_DATE_MOVED, values, len(hits.row)),
    )


def terms_exceed_legal(evidence: Evidence) -> Found:
    """Find items with a term beyond the legal cap, per term; `worst` is by how many days."""
    settings = evidence.rules.terms_exceed_legal
    hits = _hits(evidence, RuleId.TERMS_EXCEED_LEGAL, settings)
    return _about_items(
        evidence,
        RuleId.TERMS_EXCEED_LEGAL,
        hits,
        _measured_days(hits.worst, 0, hits),
        _configured(settings.severity, settings.holds, len(hits.row)),
        _one(
            MessageCode.TERMS_EXCEED_LEGAL,
            {"term": hits.key, "days": number_text(hits.worst)},
            len(hits.row),
        ),
    )


def limitation(evidence: Evidence) -> Found:
    """Find items that become time-barred; `worst` is the earliest last day."""
    settings = evidence.rules.limitation
    hits = _hits(evidence, RuleId.LIMITATION, settings)
    values = {
        "within": same(str(settings.days), len(hits.row)),
        "last_day": day_text(hits.worst.astype(np.int32)),
    }
    return _about_items(
        evidence,
        RuleId.LIMITATION,
        hits,
        _measured_days(hits.worst - evidence.day, settings.days, hits),
        _configured(settings.severity, settings.holds, len(hits.row)),
        _one(MessageCode.LIMITATION, values, len(hits.row)),
    )


def document_value(evidence: Evidence) -> Found:
    """Find documents above the cap; `worst` is the largest open amount."""
    settings = evidence.rules.document_value
    hits = _hits(evidence, RuleId.DOCUMENT_VALUE, settings)
    cap = int(settings.cap * 1000)
    count = len(hits.row)
    values = {
        "cap": money_text(np.full(count, cap, np.int64), evidence.currency),
        "amount": money_text(hits.worst, evidence.currency),
    }
    return _about_items(
        evidence,
        RuleId.DOCUMENT_VALUE,
        hits,
        Measure(
            decimals(hits.worst, 1000),
            decimals(np.full(count, cap, np.int64), 1000),
            hits.worst - cap,
            np.full(count, cap, np.int64),
        ),
        _configured(settings.severity, settings.holds, count),
        _one(MessageCode.DOCUMENT_VALUE, values, count),
    )


def _hits(evidence: Evidence, rule: RuleId, settings: Rule) -> ItemHits:
    """Give the hits of a rule in the accounts that it applies to."""
    nothing, texts = np.empty(0, np.int64), pa.array([], pa.string())
    hits = evidence.items.hits.get(rule.value)
    if hits is None:
        return ItemHits(nothing, texts, nothing, nothing, nothing, texts)
    chosen = np.flatnonzero(evidence.in_scope(settings)[hits.row])
    rows = pa.array(chosen)
    return ItemHits(
        hits.row[chosen],
        hits.key.take(rows),
        hits.count[chosen],
        hits.amount_rc[chosen],
        hits.worst[chosen],
        hits.item_id.take(rows),
    )


def _measured_days(days: Array, threshold: int, hits: ItemHits) -> Measure:
    """Measure days against days; the money is what is open of the items."""
    return Measure(
        decimals(days, 10**6),
        decimals(np.full(len(days), threshold, np.int64), 10**6),
        hits.amount_rc,
        no_money(len(days)),
    )


def _configured(severity: str, holds: Holds, count: int) -> tuple[Array, Array]:
    """Give the same severity and holds to all."""
    return np.full(count, SEVERITY_CODES[severity]), np.full(count, hold_bits(holds))


def _one(code: MessageCode, values: Mapping[str, Texts], count: int) -> Sentence:
    """Say the same sentence of every breach."""
    return Sentence((code,), np.zeros(count, np.int64), values)


def _about_items(
    evidence: Evidence,
    rule: RuleId,
    hits: ItemHits,
    measure: Measure,
    asked: tuple[Array, Array],
    sentence: Sentence,
) -> Found:
    """Give the breaches of one rule about items."""
    values = {
        "count": number_text(hits.count),
        "amount": money_text(hits.amount_rc, evidence.currency),
        "currency": same(evidence.currency, len(hits.row)),
        **sentence.values,
    }
    severity, holds = asked
    return Found(
        rule=rule,
        scope="item",
        place=evidence.place(hits.row, hits.key),
        measure=measure,
        severity=severity.astype(np.int8),
        holds=holds.astype(np.uint8),
        sentence=Sentence(sentence.codes, sentence.choice, values),
        subject=hits.item_id,
    )
