"""Rules about credit insurance and guarantees (DOMAIN 7 and 8)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.breaches.columns import day_text, decimals, money_text, same
from encours.breaches.found import Found, Measure, Place, Sentence, no_money
from encours.breaches.levels import BREACH, SEVERITY_CODES, WARNING, Level, hold_bits
from encours.breaches.limit_rules import AgainstLimit, hold_against
from encours.ledger.decode import NO_DAY
from encours.ledger.limits import GUARANTEE, INSURED
from encours_schemas.messages import MessageCode
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from encours.breaches.evidence import Evidence

Array = np.ndarray[Any, np.dtype[Any]]

WHOLE = 1000
"""The whole limit, in thousandths."""


def insured_limit_exceeded(evidence: Evidence) -> Found:
    """Hold insurable exposure against the insured limit in force.

    A warning; where the credit segment requires full cover a breach, whose holds end like those of
    other limits.
    """
    settings = evidence.rules.insured_limit_exceeded
    limits, cover = evidence.limits, evidence.cover
    insured = limits.insured
    applies = insured.given & ~insured.is_unlimited & evidence.in_scope(settings)
    measure = _over_party(evidence, cover.insurable_milli)
    uncovered = _over_party(evidence, cover.insurable_milli - cover.item_covered_milli)
    full = np.array([name in settings.full_cover_segments for name in evidence.accounts.segments])
    is_full = full[evidence.accounts.segment_code] if len(full) else np.zeros(len(applies), bool)
    candidate = applies & (measure > 0)
    candidate &= is_full | (measure > insured.milli)
    rows = np.flatnonzero(candidate)
    candidates = AgainstLimit(
        RuleId.INSURED_LIMIT_EXCEEDED,
        "account",
        evidence.place(rows),
        measure[rows],
        insured.milli[rows],
        (MessageCode.FULL_COVER_MISSING, MessageCode.FULL_COVER_HOLD_KEPT),
        {"uncovered": money_text(uncovered[rows], evidence.currency)},
    )
    level = (Level(WHOLE, BREACH, hold_bits(settings.holds)),)
    found, chosen = hold_against(evidence, candidates, level, settings)
    mild = ~is_full[rows[chosen]]
    return replace(
        found,
        severity=np.where(mild, WARNING, found.severity).astype(np.int8),
        holds=np.where(mild, 0, found.holds).astype(np.uint8),
        sentence=Sentence(
            (*found.sentence.codes, MessageCode.INSURED_LIMIT_EXCEEDED),
            np.where(mild, 2, found.sentence.choice),
            found.sentence.values,
        ),
    )


def _over_party(evidence: Evidence, amounts: Array) -> Array:
    """Add amounts up over the accounts of a party that share an insured limit: int64[n]."""
    shares = evidence.limits.insured_is_shared
    sums = np.zeros(len(evidence.accounts.account_ids), np.int64)
    account = evidence.accounts.account_code
    np.add.at(sums, account[shares], amounts[shares])
    return np.where(shares, sums[account], amounts)


def cover_stopped(evidence: Evidence) -> Found:
    """Find accounts whose later deliveries the insurer does not cover."""
    settings = evidence.rules.cover_stopped
    cover = evidence.cover
    stopped = cover.stopped_day
    rows = np.flatnonzero((stopped != NO_DAY) & evidence.in_scope(settings))
    subject = cover.stopped_item.take(pa.array(rows))
    days = evidence.day - stopped[rows].astype(np.int64)
    return Found(
        rule=RuleId.COVER_STOPPED,
        scope="account",
        place=evidence.place(rows),
        measure=Measure(
            decimals(days, 10**6),
            decimals(np.zeros(len(rows), np.int64), 10**6),
            no_money(len(rows)),
            no_money(len(rows)),
        ),
        severity=np.full(len(rows), SEVERITY_CODES[settings.severity], np.int8),
        holds=np.full(len(rows), hold_bits(settings.holds), np.uint8),
        sentence=Sentence(
            (MessageCode.COVER_STOPPED,),
            np.zeros(len(rows), np.int64),
            {"since": day_text(stopped[rows]), "item": subject},
        ),
        subject=subject,
    )


def insured_limit_reduced(evidence: Evidence) -> Found:
    """Find insured limits that are lower than in the earlier run, or gone."""
    settings = evidence.rules.insured_limit_reduced
    before = evidence.earlier_insured_milli
    now = np.where(evidence.limits.insured.given, evidence.limits.insured.milli, 0)
    applies = (before > now) & ~evidence.limits.insured.is_unlimited
    rows = np.flatnonzero(applies & evidence.in_scope(settings))
    run_date = evidence.memory.as_of
    values = {
        "before": money_text(before[rows], evidence.currency),
        "after": money_text(now[rows], evidence.currency),
        "currency": same(evidence.currency, len(rows)),
        "run_date": same("" if run_date is None else run_date.isoformat(), len(rows)),
    }
    return Found(
        rule=RuleId.INSURED_LIMIT_REDUCED,
        scope="account",
        place=evidence.place(rows),
        measure=Measure(
            decimals(now[rows], 1000),
            decimals(before[rows], 1000),
            before[rows] - now[rows],
            no_money(len(rows)),
        ),
        severity=np.full(len(rows), SEVERITY_CODES[settings.severity], np.int8),
        holds=np.full(len(rows), hold_bits(settings.holds), np.uint8),
        sentence=Sentence(
            (MessageCode.INSURED_LIMIT_REDUCED,), np.zeros(len(rows), np.int64), values
        ),
    )


def cover_ending(evidence: Evidence) -> Found:
    """Warn of insured limits, policies and guarantees that end soon."""
    settings = evidence.rules.cover_ending
    limits = evidence.limits
    in_scope = evidence.in_scope(settings)
    last = evidence.day + settings.days
    rows, kinds, ends = [], [], []
    for number, kind in enumerate((INSURED, GUARANTEE)):
        end = limits.last_days(kind).astype(np.int64)
        chosen = np.flatnonzero(in_scope & (end != NO_DAY) & (end >= evidence.day) & (end <= last))
        rows.append(chosen)
        kinds.append(np.full(len(chosen), number, np.int64))
        ends.append(end[chosen])
    row, kind_number, end_day = (np.concatenate(parts) for parts in (rows, kinds, ends))
    amount = np.where(kind_number == 0, limits.insured.milli[row], limits.guarantee.milli[row])
    values = {
        "amount": money_text(amount, evidence.currency),
        "currency": same(evidence.currency, len(row)),
        "ends_on": day_text(end_day.astype(np.int32)),
    }
    key = pa.array(["insured", "guarantee"], pa.string()).take(pa.array(kind_number))
    place: Place = evidence.place(row, key)
    return Found(
        rule=RuleId.COVER_ENDING,
        scope="account",
        place=place,
        measure=Measure(
            decimals(end_day - evidence.day, 10**6),
            decimals(np.full(len(row), settings.days, np.int64), 10**6),
            amount,
            no_money(len(row)),
        ),
        severity=np.full(len(row), SEVERITY_CODES[settings.severity], np.int8),
        holds=np.full(len(row), hold_bits(settings.holds), np.uint8),
        sentence=Sentence(
            (MessageCode.INSURED_COVER_ENDING, MessageCode.GUARANTEE_ENDING), kind_number, values
        ),
    )
