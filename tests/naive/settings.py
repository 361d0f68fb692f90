"""The configuration as the slow twin reads it: the tables of `encours.toml`, defaults filled in."""

from collections.abc import Mapping
from typing import Any, NamedTuple

DEFAULTS: dict[str, dict[str, Any]] = {
    "reporting": {"currency": "EUR"},
    "ageing": {
        "basis": "due_date",
        "bounds": [30, 60, 90, 180],
        "not_due_bounds": [],
        "credits": "by_date",
    },
    "fx": {"pivot": "EUR", "max_age_days": 10},
    "exposure": {
        "horizon_days": 90,
        "credits_reduce": True,
        "components_left_out": [],
        "segments": {},
    },
    "interest": {
        "regime_by": "creditor",
        "accrue_on_disputed": False,
        "grace_days": 0,
        "minimum_claim": "0",
        "periods": False,
        "imputation": "principal_first",
        "regimes": {},
        "rates": [],
    },
    "limits": {"missing_limit": "by_risk_class"},
    "input": {"unknown_customer": "placeholder"},
    "defaults": {"creditor_country": None},
}


class Dialect(NamedTuple):
    """How numbers and dates stand in a table's CSV files."""

    decimal_mark: str = "."
    date_format: str = "%Y-%m-%d"


class Settings:
    """Every option that changes a figure."""

    def __init__(self, chosen: Mapping[str, Any]) -> None:
        """Take the sections of a configuration file; unknown ones are left to the engine."""
        self.chosen = chosen
        self.sections = {
            name: {**section, **chosen.get(name, {})} for name, section in DEFAULTS.items()
        }

    @property
    def carried(self) -> list[str]:
        """Name the columns that pass unchanged to items and credit accounts."""
        return list(self.chosen.get("carry", []))

    def dialect(self, table: str) -> Dialect:
        """Give how a table's CSV files write numbers and dates."""
        own = self.chosen.get("input", {}).get("tables", {}).get(table, {})
        return Dialect(own.get("decimal_mark", "."), own.get("date_format", "%Y-%m-%d"))

    def __call__(self, section: str, key: str) -> Any:
        """Give one option."""
        return self.sections[section][key]

    def exposure_of(self, credit_segment: str, key: str) -> Any:
        """Give an option of exposure, narrowed to a segment where that is configured."""
        own = self("exposure", "segments").get(credit_segment, {})
        return own.get(key, self("exposure", key))
