"""The section `[rules]`: one table per rule: thresholds, holds, and where the rule applies."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from encours_schemas.configuration import checks
from encours_schemas.configuration.section import FromList, Section
from encours_schemas.rule_ids import RuleId

SHARE_DECIMALS: Final = 3
SHARE_MAX: Final = 9
"""Shares of a limit are whole thousandths up to nine, so that products with amounts stay exact."""
CLAIM_MONTHS_MAX: Final = 24


def _checked_share(value: Decimal) -> Decimal:
    fits = value.is_finite() and value == round(value, SHARE_DECIMALS)
    if not fits or not 0 < value <= SHARE_MAX:
        raise checks.wrong(f"a share above 0, up to {SHARE_MAX}, with at most 3 decimals")
    return value


def _checked_part(value: Decimal) -> Decimal:
    if not value.is_finite() or not 0 < value <= 1 or value != round(value, SHARE_DECIMALS):
        raise checks.wrong("a share above 0, up to 1, with at most 3 decimals")
    return value


def _plain_number(value: Decimal) -> str:
    # 0.90 and 0.9 are the same setting and must give the same run id.
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


_Plain = PlainSerializer(_plain_number, when_used="json")
Share = Annotated[
    Decimal, BeforeValidator(checks.exact_ratio), AfterValidator(_checked_share), _Plain
]
Part = Annotated[
    Decimal, BeforeValidator(checks.exact_ratio), AfterValidator(_checked_part), _Plain
]
Money = Annotated[
    Decimal,
    BeforeValidator(checks.exact_number),
    AfterValidator(checks.checked_minimum_claim),
    _Plain,
]
Days = Annotated[int, Field(ge=0, le=checks.DAYS_MAX)]
Months = Annotated[int, Field(ge=0, le=CLAIM_MONTHS_MAX)]
Severity = Literal["warning", "breach"]
Hold = Literal["orders", "deliveries", "production"]
Holds = Annotated[tuple[Hold, ...], FromList, AfterValidator(checks.checked_once)]
Names = Annotated[tuple[str, ...], FromList, AfterValidator(checks.checked_once)]
Countries = Annotated[
    tuple[Annotated[str, AfterValidator(checks.checked_country)], ...],
    FromList,
    AfterValidator(checks.checked_once),
]
ALL_HOLDS: Final = ("orders", "deliveries", "production")


class ShareLevel(Section):
    """From where on a measure is how grave: above a share of the limit."""

    above: Share = Field(description="Share of the limit above which the level is reached.")
    severity: Severity = Field(default="breach", description="How grave it is.")
    holds: Holds = Field(default=(), description="The holds that it asks for.")


class DayLevel(Section):
    """From where on a measure is how grave: above a number of days."""

    above_days: Days = Field(description="Days above which the level is reached.")
    severity: Severity = Field(default="breach", description="How grave it is.")
    holds: Holds = Field(default=(), description="The holds that it asks for.")


def _checked_share_levels(levels: tuple[ShareLevel, ...]) -> tuple[ShareLevel, ...]:
    if not levels or any(low.above >= high.above for low, high in pairwise(levels)):
        raise checks.wrong("levels of strictly increasing `above`, at least one")
    return levels


def _checked_day_levels(levels: tuple[DayLevel, ...]) -> tuple[DayLevel, ...]:
    if not levels or any(low.above_days >= high.above_days for low, high in pairwise(levels)):
        raise checks.wrong("levels of strictly increasing `above_days`, at least one")
    return levels


ShareLevels = Annotated[tuple[ShareLevel, ...], FromList, AfterValidator(_checked_share_levels)]
DayLevels = Annotated[tuple[DayLevel, ...], FromList, AfterValidator(_checked_day_levels)]
_LEVELS = "Levels from the mildest to the gravest; the highest one that is passed counts."
_DEFAULT_SHARE_LEVELS: Final = (
    ShareLevel(above=Decimal("0.9"), severity="warning"),
    ShareLevel(above=Decimal(1), holds=("orders",)),
    ShareLevel(above=Decimal("1.2"), holds=ALL_HOLDS),
)
_DEFAULT_DAY_LEVELS: Final = (
    DayLevel(above_days=30, severity="warning"),
    DayLevel(above_days=60, holds=("orders",)),
    DayLevel(above_days=90, holds=("orders", "deliveries")),
)


class Rule(Section):
    """What every rule has: whether it is on, and where it applies (everywhere by default)."""

    enabled: bool = Field(default=True, description="Whether the rule is looked at.")
    credit_segments: Names = Field(
        default=(), description="Only in these credit segments; none: in all."
    )
    segments: Names = Field(
        default=(), description="Only customers of these business segments; none: all."
    )
    countries: Countries = Field(
        default=(), description="Only customers of these countries; none: all."
    )
    risk_classes: Names = Field(
        default=(), description="Only customers of these risk classes; none: all."
    )


class WarningRule(Rule):
    """A rule of one severity."""

    severity: Severity = Field(default="warning", description="How grave it is.")
    holds: Holds = Field(default=(), description="The holds that it asks for.")


class BreachRule(Rule):
    """A rule of one severity."""

    severity: Severity = Field(default="breach", description="How grave it is.")
    holds: Holds = Field(default=(), description="The holds that it asks for.")


class HoldingRule(Rule):
    """A rule whose holds end only below a part of their threshold."""

    release_below: Part = Field(
        default=Decimal("0.95"),
        description="A hold ends only below this part of its threshold, so that it does not flap.",
    )


class ShareOfLimitRule(HoldingRule):
    """A rule that measures an exposure against a limit."""

    levels: ShareLevels = Field(default=_DEFAULT_SHARE_LEVELS, description=_LEVELS)


class InsuredLimitRule(HoldingRule):
    """Insurable exposure against the insured limit in force."""

    full_cover_segments: Names = Field(
        default=(), description="Credit segments that require full cover: there it is a breach."
    )
    holds: Holds = Field(default=("orders",), description="The holds of such a breach.")


class CoverStoppedRule(BreachRule):
    """Stop of cover."""

    holds: Holds = Field(
        default=("orders", "deliveries"), description="The holds that it asks for."
    )


class NotificationRule(Rule):
    """Late insured items that must be declared to the insurer."""

    warn_days: Days = Field(default=15, description="Warning so many days before the last day.")
    holds: Holds = Field(default=(), description="The holds of the breach from that day on.")


class CoverEndingRule(WarningRule):
    """Cover that ends soon."""

    days: Days = Field(default=30, description="Warning so many days before the end.")


class OverdueAgeRule(HoldingRule):
    """The age of the oldest net late item."""

    levels: DayLevels = Field(default=_DEFAULT_DAY_LEVELS, description=_LEVELS)
    materiality: Money = Field(
        default=Decimal(100),
        description="Net late amounts of an item below this (reporting currency) don't count.",
    )
    disputed_days: Days = Field(
        default=60, description="A disputed part does not count for so many days."
    )


class OverdueShareRule(WarningRule):
    """The late share of the receivables, net."""

    above: Part = Field(default=Decimal("0.5"), description="Share of the receivables.")
    materiality: Money = Field(
        default=Decimal(100),
        description="Net late amounts up to this (reporting currency) don't count.",
    )


class LimitExpiredRule(BreachRule):
    """Exposure with only expired limits."""

    holds: Holds = Field(default=("orders",), description="The holds that it asks for.")


class TemporaryLimitEndingRule(WarningRule):
    """A temporary limit that the exposure needs and that ends soon."""

    days: Days = Field(default=7, description="Warning so many days before the end.")


class InsolvencyRule(Rule):
    """Open insolvency proceedings."""

    liquidation_holds: Holds = Field(default=ALL_HOLDS, description="The holds of a liquidation.")
    reorganisation_holds: Holds = Field(
        default=("orders",),
        description="The holds of a safeguard or reorganisation; cash in advance stays possible.",
    )


class ClaimFilingRule(Rule):
    """The last day to declare the claim in insolvency proceedings."""

    months: Months = Field(default=2, description="Months from the publication of the opening.")
    months_abroad: Months = Field(
        default=4, description="Months for creditors outside metropolitan France."
    )
    breach_days: Days = Field(default=10, description="A breach in so many last days.")
    holds: Holds = Field(default=(), description="The holds of the breach.")


class ManualHoldRule(BreachRule):
    """A hold that a person set."""

    holds: Holds = Field(default=ALL_HOLDS, description="The holds that it asks for.")


class LegalTermsRule(WarningRule):
    """Agreed terms beyond the legal cap."""

    absolute_only: bool = Field(
        default=True,
        description="Only caps that no agreement can move (France); false: those of Germany, too.",
    )


class DocumentValueRule(WarningRule):
    """One document above a cap."""

    enabled: bool = Field(default=False, description="Whether the rule is looked at.")
    cap: Money = Field(
        default=Decimal(100_000), description="Largest open document, in reporting currency."
    )


class ConcentrationRule(WarningRule):
    """One group's share of the total exposure."""

    above: Part = Field(default=Decimal("0.1"), description="Share of the total exposure.")


class LimitationRule(WarningRule):
    """Items that become time-barred."""

    days: Days = Field(default=90, description="Warning so many days before the last day.")


class Rules(Section):
    """The rules: `[rules.ID]`, each with its thresholds, its holds and where it applies."""

    limit_exceeded: ShareOfLimitRule = Field(default_factory=ShareOfLimitRule)
    total_limit_exceeded: ShareOfLimitRule = Field(default_factory=ShareOfLimitRule)
    group_limit_exceeded: ShareOfLimitRule = Field(default_factory=ShareOfLimitRule)
    insured_limit_exceeded: InsuredLimitRule = Field(default_factory=InsuredLimitRule)
    cover_stopped: CoverStoppedRule = Field(default_factory=CoverStoppedRule)
    insurer_notification: NotificationRule = Field(default_factory=NotificationRule)
    insured_limit_reduced: WarningRule = Field(default_factory=WarningRule)
    cover_ending: CoverEndingRule = Field(default_factory=CoverEndingRule)
    overdue_age: OverdueAgeRule = Field(default_factory=OverdueAgeRule)
    overdue_share: OverdueShareRule = Field(default_factory=OverdueShareRule)
    limit_missing: WarningRule = Field(default_factory=WarningRule)
    limit_expired: LimitExpiredRule = Field(default_factory=LimitExpiredRule)
    temporary_limit_ending: TemporaryLimitEndingRule = Field(
        default_factory=TemporaryLimitEndingRule
    )
    insolvency: InsolvencyRule = Field(default_factory=InsolvencyRule)
    claim_filing: ClaimFilingRule = Field(default_factory=ClaimFilingRule)
    manual_hold: ManualHoldRule = Field(default_factory=ManualHoldRule)
    due_date_moved: WarningRule = Field(default_factory=WarningRule)
    terms_exceed_legal: LegalTermsRule = Field(default_factory=LegalTermsRule)
    document_value: DocumentValueRule = Field(default_factory=DocumentValueRule)
    concentration: ConcentrationRule = Field(default_factory=ConcentrationRule)
    limitation: LimitationRule = Field(default_factory=LimitationRule)

    def of(self, rule: RuleId) -> Rule:
        """Give the settings of one rule."""
        settings: Rule = getattr(self, rule.value)
        return settings
