"""The rules that can warn about or stop a credit account: their ids and what they look at."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RuleId(StrEnum):
    """The id of a rule, as in `[rules.<id>]` of the configuration and in `breaches`."""

    LIMIT_EXCEEDED = "limit_exceeded"
    TOTAL_LIMIT_EXCEEDED = "total_limit_exceeded"
    GROUP_LIMIT_EXCEEDED = "group_limit_exceeded"
    INSURED_LIMIT_EXCEEDED = "insured_limit_exceeded"
    COVER_STOPPED = "cover_stopped"
    INSURER_NOTIFICATION = "insurer_notification"
    INSURED_LIMIT_REDUCED = "insured_limit_reduced"
    COVER_ENDING = "cover_ending"
    OVERDUE_AGE = "overdue_age"
    OVERDUE_SHARE = "overdue_share"
    LIMIT_MISSING = "limit_missing"
    LIMIT_EXPIRED = "limit_expired"
    TEMPORARY_LIMIT_ENDING = "temporary_limit_ending"
    INSOLVENCY = "insolvency"
    CLAIM_FILING = "claim_filing"
    MANUAL_HOLD = "manual_hold"
    DUE_DATE_MOVED = "due_date_moved"
    TERMS_EXCEED_LEGAL = "terms_exceed_legal"
    DOCUMENT_VALUE = "document_value"
    CONCENTRATION = "concentration"
    LIMITATION = "limitation"


RULE_MEANING: Final[dict[RuleId, str]] = {
    RuleId.LIMIT_EXCEEDED: "Exposure against the account's credit limit.",
    RuleId.TOTAL_LIMIT_EXCEEDED: "Exposure against a limit that several segments share.",
    RuleId.GROUP_LIMIT_EXCEEDED: "Exposure of a group against the group's limit.",
    RuleId.INSURED_LIMIT_EXCEEDED: "Insurable exposure above the insured limit in force.",
    RuleId.COVER_STOPPED: "The insurer's cover has stopped because an insured item is too late.",
    RuleId.INSURER_NOTIFICATION: "A late insured item must be declared to the insurer.",
    RuleId.INSURED_LIMIT_REDUCED: "The insured limit was cut since the previous run.",
    RuleId.COVER_ENDING: "An insured limit, policy or guarantee ends soon.",
    RuleId.OVERDUE_AGE: "The age of the oldest net late item.",
    RuleId.OVERDUE_SHARE: "The share of the receivables that is late, net.",
    RuleId.LIMIT_MISSING: "Exposure without any limit.",
    RuleId.LIMIT_EXPIRED: "Exposure with only expired or withdrawn limits.",
    RuleId.TEMPORARY_LIMIT_ENDING: "A temporary limit that the exposure needs ends soon.",
    RuleId.INSOLVENCY: "Insolvency proceedings are open.",
    RuleId.CLAIM_FILING: "The claim must be declared in the proceedings.",
    RuleId.MANUAL_HOLD: "A person has set a hold.",
    RuleId.DUE_DATE_MOVED: "A due date is later than in the previous run.",
    RuleId.TERMS_EXCEED_LEGAL: "An agreed term is longer than the law allows.",
    RuleId.DOCUMENT_VALUE: "One document above a cap.",
    RuleId.CONCENTRATION: "One group's share of the total exposure.",
    RuleId.LIMITATION: "An item becomes time-barred soon.",
}
