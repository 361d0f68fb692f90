"""The section `[rules]` as the slow twin reads it, with the defaults of the field (DOMAIN 8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.naive.settings import Settings

ALL_HOLDS = ("orders", "deliveries", "production")


@dataclass(frozen=True)
class Level:
    """From where on a measure is how grave."""

    above: Fraction
    severity: str
    holds: tuple[str, ...]


_OF_LIMIT = (("0.9", "warning", ()), ("1", "breach", ("orders",)), ("1.2", "breach", ALL_HOLDS))
_OF_DAYS = (
    (30, "warning", ()),
    (60, "breach", ("orders",)),
    (90, "breach", ("orders", "deliveries")),
)

EVERY: dict[str, Any] = {
    "enabled": True,
    "credit_segments": [],
    "segments": [],
    "countries": [],
    "risk_classes": [],
    "release_below": "0.95",
    "severity": "warning",
    "holds": (),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "limit_exceeded": {"levels": _OF_LIMIT},
    "total_limit_exceeded": {"levels": _OF_LIMIT},
    "group_limit_exceeded": {"levels": _OF_LIMIT},
    "insured_limit_exceeded": {"full_cover_segments": [], "holds": ("orders",)},
    "cover_stopped": {"severity": "breach", "holds": ("orders", "deliveries")},
    "insurer_notification": {"warn_days": 15},
    "cover_ending": {"days": 30},
    "overdue_age": {"levels": _OF_DAYS, "materiality": "100", "disputed_days": 60},
    "overdue_share": {"above": "0.5", "materiality": "100"},
    "limit_expired": {"severity": "breach", "holds": ("orders",)},
    "temporary_limit_ending": {"days": 7},
    "insolvency": {"liquidation_holds": ALL_HOLDS, "reorganisation_holds": ("orders",)},
    "claim_filing": {"months": 2, "months_abroad": 4, "breach_days": 10},
    "manual_hold": {"severity": "breach", "holds": ALL_HOLDS},
    "terms_exceed_legal": {"absolute_only": True},
    "document_value": {"enabled": False, "cap": "100000"},
    "concentration": {"above": "0.1"},
    "limitation": {"days": 90},
}


class RuleSettings:
    """Every option of every rule."""

    def __init__(self, settings: Settings) -> None:
        """Lay what was chosen over the defaults."""
        self._chosen: Mapping[str, Mapping[str, Any]] = settings.chosen.get("rules", {})

    def __call__(self, rule: str, name: str, otherwise: Any = None) -> Any:
        """Give one option of a rule."""
        own = self._chosen.get(rule, {})
        value = own.get(name, DEFAULTS.get(rule, {}).get(name, EVERY.get(name, otherwise)))
        return tuple(value) if isinstance(value, list) else value

    def levels(self, rule: str) -> list[Level]:
        """Give the levels of a rule, the mildest first."""
        chosen = self._chosen.get(rule, {}).get("levels")
        if chosen is None:
            return [Level(Fraction(above), *rest) for above, *rest in DEFAULTS[rule]["levels"]]
        return [
            Level(
                Fraction(str(one.get("above", one.get("above_days")))),
                one.get("severity", "breach"),
                tuple(one.get("holds", ())),
            )
            for one in chosen
        ]
