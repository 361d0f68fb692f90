"""All rules, in the order of their ids: which of them are on, and what they find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from encours.breaches import cover_rules, customer_rules, item_rules, limit_rules, overdue_rules
from encours.breaches.found import RULES
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Callable

    from encours.breaches.evidence import Evidence
    from encours.breaches.found import Found

FINDERS: Final[dict[RuleId, Callable[[Evidence], Found]]] = {
    RuleId.LIMIT_EXCEEDED: limit_rules.limit_exceeded,
    RuleId.TOTAL_LIMIT_EXCEEDED: limit_rules.total_limit_exceeded,
    RuleId.GROUP_LIMIT_EXCEEDED: limit_rules.group_limit_exceeded,
    RuleId.INSURED_LIMIT_EXCEEDED: cover_rules.insured_limit_exceeded,
    RuleId.COVER_STOPPED: cover_rules.cover_stopped,
    RuleId.INSURER_NOTIFICATION: item_rules.insurer_notification,
    RuleId.INSURED_LIMIT_REDUCED: cover_rules.insured_limit_reduced,
    RuleId.COVER_ENDING: cover_rules.cover_ending,
    RuleId.OVERDUE_AGE: overdue_rules.overdue_age,
    RuleId.OVERDUE_SHARE: customer_rules.overdue_share,
    RuleId.LIMIT_MISSING: limit_rules.limit_missing,
    RuleId.LIMIT_EXPIRED: limit_rules.limit_expired,
    RuleId.TEMPORARY_LIMIT_ENDING: limit_rules.temporary_limit_ending,
    RuleId.INSOLVENCY: customer_rules.insolvency,
    RuleId.CLAIM_FILING: customer_rules.claim_filing,
    RuleId.MANUAL_HOLD: customer_rules.manual_hold,
    RuleId.DUE_DATE_MOVED: item_rules.due_date_moved,
    RuleId.TERMS_EXCEED_LEGAL: item_rules.terms_exceed_legal,
    RuleId.DOCUMENT_VALUE: item_rules.document_value,
    RuleId.CONCENTRATION: customer_rules.concentration,
    RuleId.LIMITATION: item_rules.limitation,
}
NEED_LIMITS: Final = frozenset(
    {
        RuleId.LIMIT_EXCEEDED,
        RuleId.TOTAL_LIMIT_EXCEEDED,
        RuleId.GROUP_LIMIT_EXCEEDED,
        RuleId.INSURED_LIMIT_EXCEEDED,
        RuleId.COVER_STOPPED,
        RuleId.INSURER_NOTIFICATION,
        RuleId.INSURED_LIMIT_REDUCED,
        RuleId.COVER_ENDING,
        RuleId.LIMIT_MISSING,
        RuleId.LIMIT_EXPIRED,
        RuleId.TEMPORARY_LIMIT_ENDING,
    }
)
"""Rules that are off in a ledger without a table of limits (DOMAIN 7)."""


def rules_looked_at(evidence: Evidence) -> tuple[RuleId, ...]:
    """Name the rules that are on in this run."""
    return tuple(
        rule
        for rule in RULES
        if evidence.rules.of(rule).enabled and (evidence.limits.is_given or rule not in NEED_LIMITS)
    )


def find_breaches(rule: RuleId, evidence: Evidence) -> Found:
    """Let a rule look at the evidence (DOMAIN 8)."""
    return FINDERS[rule](evidence)
