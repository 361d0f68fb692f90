"""Rules about credit limits: exceeded, missing, expired, ending (DOMAIN 8)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.columns import (
    Texts,
    constant,
    day_text,
    decimals,
    money_text,
    percent_text,
    same,
    spread,
    taken,
)
from encours.breaches.found import Found, Measure, Place, Sentence, no_money
from encours.breaches.levels import (
    SEVERITY_CODES,
    Level,
    hold_bits,
    reach_share,
    release_share,
    share_ceiling,
    share_floor,
    share_rest,
    thousandths,
)
from encours.calc.limit_states import limits_on_days
from encours.ledger.decode import NO_DAY
from encours.ledger.limits import INTERNAL, TEMPORARY
from encours.ledger.master import CURRENCY_POSITIONS, MINOR_UNIT_MILLI
from encours_schemas.messages import MessageCode
from encours_schemas.outputs import LIMIT_STATUSES
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from encours.breaches.evidence import Evidence
    from encours.calc.limit_levels import Amounts
    from encours_schemas.configuration.rules import HoldingRule, ShareOfLimitRule

Array = np.ndarray[Any, np.dtype[Any]]

_NONE = LIMIT_STATUSES.index("none")
_EXPIRED = LIMIT_STATUSES.index("expired")


@dataclass(frozen=True)
class AgainstLimit:
    """Exposures to hold against limits: k of them, all candidates.

    measure, limit  int64[k]  thousandths of the reporting currency
    codes           the sentence of a level that is passed, and of a hold that is kept
    values          further values of the sentences, by name: string[k]
    """

    rule: RuleId
    scope: str
    place: Place
    measure: Array
    limit: Array
    codes: tuple[MessageCode, MessageCode]
    values: Mapping[str, Texts]


def levels_of(settings: ShareOfLimitRule) -> tuple[Level, ...]:
    """Give the configured levels as numbers."""
    return tuple(
        Level(thousandths(level.above), SEVERITY_CODES[level.severity], hold_bits(level.holds))
        for level in settings.levels
    )


def may_reach(measure: Array, limit: Array, levels: tuple[Level, ...], release: int) -> Array:
    """Tell which measures may reach a level, held ones included: bool[k], no false negatives."""
    may: Array = measure > share_floor(limit, levels[0].above)
    for level in levels:
        if level.holds:
            may |= measure >= share_ceiling(limit, level.above * release)
            break
    return may & (measure > 0)


def hold_against(
    evidence: Evidence,
    candidates: AgainstLimit,
    levels: tuple[Level, ...],
    settings: HoldingRule,
) -> tuple[Found, Array]:
    """Give the breaches among some exposures, and which of the candidates they are: int64[b]."""
    release = thousandths(settings.release_below)
    held = evidence.memory.held(candidates.place.ids(candidates.rule))
    reached = reach_share(candidates.measure, candidates.limit, levels, release, held)
    rows = np.flatnonzero(reached.place >= 0)
    at, is_kept = reached.place[rows], reached.is_kept[rows]
    measure, limit = candidates.measure[rows], candidates.limit[rows]
    floor, rest = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    for number, level in enumerate(levels):
        chosen = at == number
        floor[chosen] = share_floor(limit[chosen], level.above)
        rest[chosen] = share_rest(limit[chosen], level.above)
    excess = excess_of(measure, floor, rest, evidence.currency)
    values = {
        "exposure": money_text(measure, evidence.currency),
        "limit": money_text(limit, evidence.currency),
        "currency": same(evidence.currency, len(rows)),
        "share": spread([percent_text(level.above) for level in levels], at),
        "release": spread([_release_text(level, release) for level in levels], at),
        **{name: taken(texts, rows) for name, texts in candidates.values.items()},
    }
    found = Found(
        rule=candidates.rule,
        scope=candidates.scope,
        place=candidates.place.take(rows),
        measure=Measure(
            decimals(measure, 1000),
            decimals(floor, 1000, rest),
            np.where(is_kept, 0, excess),
            release_share(limit, levels, release),
        ),
        severity=np.array([level.severity for level in levels], np.int8)[at],
        holds=np.array([level.holds for level in levels], np.uint8)[at],
        sentence=Sentence(candidates.codes, is_kept.astype(np.int64), values),
    )
    return found, rows


def _release_text(level: Level, release: int) -> str:
    """Give the percent of the limit below which the hold of a level ends."""
    whole, rest = divmod(level.above * release, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0") if rest else str(whole)


def excess_of(measure: Array, floor: Array, rest: Array, currency: str) -> Array:
    """Give measure less threshold in the smallest unit of the currency, half away from zero.

    The threshold is `floor` thousandths and `rest` millionths; below it the excess is zero.
    """
    unit = int(MINOR_UNIT_MILLI[CURRENCY_POSITIONS[currency]])
    above = measure - floor
    if unit == 1:
        return np.maximum(above - (rest > 500), 0)
    # Half a unit is whole thousandths: what lies below one can only pull it under the next unit.
    return np.maximum((above + unit // 2 - (rest > 0)) // unit * unit, 0)


def limit_exceeded(evidence: Evidence) -> Found:
    """Hold exposures against the account's own limit."""
    settings = evidence.rules.limit_exceeded
    limits = evidence.limits
    levels = levels_of(settings)
    applies = limits.has_available & ~limits.shows_shared & evidence.in_scope(settings)
    exposure = evidence.accounts.exposure_milli
    applies &= may_reach(exposure, limits.credit.milli, levels, thousandths(settings.release_below))
    rows = np.flatnonzero(applies)
    candidates = AgainstLimit(
        RuleId.LIMIT_EXCEEDED,
        "account",
        evidence.place(rows),
        exposure[rows],
        limits.credit.milli[rows],
        (MessageCode.LIMIT_EXCEEDED, MessageCode.LIMIT_HOLD_KEPT),
        {},
    )
    return hold_against(evidence, candidates, levels, settings)[0]


def total_limit_exceeded(evidence: Evidence) -> Found:
    """Hold a party's exposure over all its accounts against the limit that they share."""
    settings = evidence.rules.total_limit_exceeded
    parties, accounts = evidence.limits.parties, evidence.accounts
    party, row = accounts.rows_of_accounts(parties.account_code)
    applies = np.zeros(len(parties.account_code), bool)
    applies[party[evidence.in_scope(settings)[row]]] = True
    chosen = np.flatnonzero(applies & ~parties.is_unlimited)
    place = Place(
        np.full(len(chosen), -1, np.int64),
        accounts.account_ids.take(pa.array(parties.account_code[chosen])),
        pa.nulls(len(chosen), pa.string()),
        constant("", len(chosen)),
    )
    candidates = AgainstLimit(
        RuleId.TOTAL_LIMIT_EXCEEDED,
        "account",
        place,
        parties.exposure_milli[chosen],
        parties.limit_milli[chosen],
        (MessageCode.TOTAL_LIMIT_EXCEEDED, MessageCode.TOTAL_LIMIT_HOLD_KEPT),
        {},
    )
    found, rows = hold_against(evidence, candidates, levels_of(settings), settings)
    breach, held_row = accounts.rows_of_accounts(parties.account_code[chosen[rows]])
    return _bearing_on(found, breach, held_row)


def _bearing_on(found: Found, breach: Array, row: Array) -> Found:
    """Give the same breaches, bearing on these accounts, too."""
    return replace(found, also_bears_on=(breach, row))


def group_limit_exceeded(evidence: Evidence) -> Found:
    """Hold every member of a group against each group limit that it answers to."""
    settings = evidence.rules.group_limit_exceeded
    groups = evidence.limits.groups
    row, group = evidence.limits.group_answers()
    applies = evidence.in_scope(settings)[row] & ~groups.is_unlimited[group]
    row, group = row[applies], group[applies]
    names = evidence.customers.ids.take(pa.array(groups.party_code[group]))
    segment = groups.segment_code[group]
    segments = pa.array(groups.segments, pa.string())
    own_segment = segments.take(pa.array(segment, mask=segment < 0))
    candidates = AgainstLimit(
        RuleId.GROUP_LIMIT_EXCEEDED,
        "group",
        evidence.place(row, _group_keys(names, own_segment)),
        groups.exposure_milli[group],
        groups.limit_milli[group],
        (MessageCode.GROUP_LIMIT_EXCEEDED, MessageCode.GROUP_LIMIT_HOLD_KEPT),
        {"group": names},
    )
    found, rows = hold_against(evidence, candidates, levels_of(settings), settings)
    return replace(found, subject=names.take(pa.array(rows)))


def _group_keys(names: pa.Array, segments: pa.Array) -> pa.Array:
    """Name a group's limit: the group, and the credit segment of a limit for one."""
    with_segment = pc.binary_join_element_wise(names, segments, "/")
    return pc.if_else(pc.is_valid(segments), with_segment, names)


def limit_missing(evidence: Evidence) -> Found:
    """Find exposures that no limit bounds, by the policy for missing limits."""
    settings = evidence.rules.limit_missing
    limits, exposure = evidence.limits, evidence.accounts.exposure_milli
    policy = evidence.context.configuration.limits.missing_limit
    applies = (limits.status_code == _NONE) & (exposure > 0) & evidence.in_scope(settings)
    applies &= policy != "unlimited"
    severity = np.full(len(exposure), SEVERITY_CODES[settings.severity], np.int8)
    holds = np.full(len(exposure), hold_bits(settings.holds), np.uint8)
    release = np.zeros(len(exposure), np.int64)
    if policy in {"zero", "insured"}:
        serving = np.where(limits.insured.given, limits.insured.milli, 0)
        if policy == "zero":
            serving = np.zeros(len(exposure), np.int64)
        else:
            applies &= ~limits.insured.is_unlimited
        levels = levels_of(evidence.rules.limit_exceeded)
        place = _highest(exposure, serving, levels)
        applies &= place >= 0
        severity = np.maximum(severity, np.array([lv.severity for lv in levels], np.int8)[place])
        holds |= np.array([lv.holds for lv in levels], np.uint8)[place]
        first = next((lv for lv in levels if lv.holds or settings.holds), levels[0])
        release = share_floor(serving, first.above)
    rows = np.flatnonzero(applies)
    return _without_limit(
        evidence,
        RuleId.LIMIT_MISSING,
        rows,
        severity[rows],
        holds[rows],
        Sentence((MessageCode.LIMIT_MISSING,), np.zeros(len(rows), np.int64), {}),
        release[rows],
    )


def _highest(measure: Array, limit: Array, levels: tuple[Level, ...]) -> Array:
    """Give the highest level passed, -1 where none is."""
    place = np.full(len(measure), -1, np.int64)
    for number, level in enumerate(levels):
        place[measure > share_floor(limit, level.above)] = number
    return place


def limit_expired(evidence: Evidence) -> Found:
    """Find exposures whose limits have all ended or been withdrawn."""
    settings = evidence.rules.limit_expired
    limits = evidence.limits
    applies = (limits.status_code == _EXPIRED) & (evidence.accounts.exposure_milli > 0)
    rows = np.flatnonzero(applies & evidence.in_scope(settings))
    ended = limits.expired_day[rows]
    return _without_limit(
        evidence,
        RuleId.LIMIT_EXPIRED,
        rows,
        np.full(len(rows), SEVERITY_CODES[settings.severity], np.int8),
        np.full(len(rows), hold_bits(settings.holds), np.uint8),
        Sentence(
            (MessageCode.LIMIT_EXPIRED,),
            np.zeros(len(rows), np.int64),
            {"ended_on": day_text(ended)},
        ),
        np.zeros(len(rows), np.int64),
    )


def _without_limit(
    evidence: Evidence,
    rule: RuleId,
    rows: Array,
    severity: Array,
    holds: Array,
    sentence: Sentence,
    release: Array,
) -> Found:
    """Give breaches of accounts without a limit.

    release  int64[k]  largest exposure at which their holds end
    """
    exposure = evidence.accounts.exposure_milli[rows]
    values = {
        "exposure": money_text(exposure, evidence.currency),
        "currency": same(evidence.currency, len(rows)),
        **sentence.values,
    }
    return Found(
        rule=rule,
        scope="account",
        place=evidence.place(rows),
        measure=Measure(
            decimals(exposure, 1000),
            decimals(np.zeros(len(rows), np.int64), 1000),
            exposure,
            release,
        ),
        severity=severity,
        holds=holds,
        sentence=Sentence(sentence.codes, sentence.choice, values),
    )


def temporary_limit_ending(evidence: Evidence) -> Found:
    """Warn of temporary limits that end soon and that the exposure needs."""
    settings = evidence.rules.temporary_limit_ending
    limits = evidence.limits
    ends = limits.last_days(TEMPORARY).astype(np.int64)
    last = evidence.day + settings.days
    applies = (ends != NO_DAY) & (ends >= evidence.day) & (ends <= last)
    rows = np.flatnonzero(applies & evidence.in_scope(settings))
    later = _credit_on(evidence, rows, last + 1)
    measured = limits.measured_milli[rows]
    chosen = np.flatnonzero((measured > later.milli) & ~later.is_unlimited)
    rows, measured, left = rows[chosen], measured[chosen], later.milli[chosen]
    days_left = ends[rows] - evidence.day
    values = {
        "ends_on": day_text(ends[rows].astype(np.int32)),
        "exposure": money_text(measured, evidence.currency),
        "limit": money_text(left, evidence.currency),
        "currency": same(evidence.currency, len(rows)),
    }
    return Found(
        rule=RuleId.TEMPORARY_LIMIT_ENDING,
        scope="account",
        place=evidence.place(rows),
        measure=Measure(
            decimals(days_left, 10**6),
            decimals(np.full(len(rows), settings.days, np.int64), 10**6),
            measured - left,
            no_money(len(rows)),
        ),
        severity=np.full(len(rows), SEVERITY_CODES[settings.severity], np.int8),
        holds=np.full(len(rows), hold_bits(settings.holds), np.uint8),
        sentence=Sentence(
            (MessageCode.TEMPORARY_LIMIT_ENDING,), np.zeros(len(rows), np.int64), values
        ),
    )


def _credit_on(evidence: Evidence, rows: Array, day: int) -> Amounts:
    """Give the credit limits of some accounts on a later day: k of them, zero where none is."""
    account = np.unique(evidence.accounts.account_code[rows])
    states = limits_on_days(
        evidence.limits.book, (INTERNAL, TEMPORARY), account, np.full(len(account), day, np.int64)
    )
    place = np.full(len(evidence.accounts), -1, np.int64)
    place[states.row] = np.arange(len(states.row))
    return states.shown.credit.at(place[rows])
