"""Interest regimes and reference rates, read straight from the bundled data files."""

import csv
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from tests.naive.arithmetic import half_year, rounded_up

DATA = Path(__file__).parents[2] / "engine" / "encours" / "rules" / "data"

ONE_DAY = timedelta(days=1)


class UnknownRateError(Exception):
    """A reference rate is wanted for a day that its series doesn't cover."""


class Law:
    """All regimes and series, with a user's own rates appended."""

    def __init__(
        self,
        own_rates: Iterable[Mapping[str, Any]] = (),
        own_regimes: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Take rows of `reference_rates`: series, effective_date, rate_percent; and own regimes."""
        self.regimes = dict(_regimes())
        for name, given in (own_regimes or {}).items():
            self.regimes[name] = self._own_regime(name, given)
        steps, known_until = _series()
        self.steps = {name: list(rows) for name, rows in steps.items()}
        self.known_until = dict(known_until)
        for row in own_rates:
            name, day = row["series"], row["effective_date"]
            self.steps.setdefault(name, []).append((day, Fraction(row["rate_percent"])))
            end = half_year(half_year(day) + timedelta(days=190)) - ONE_DAY
            self.known_until[name] = max(end, self.known_until.get(name, end))
        for rows in self.steps.values():
            rows.sort(key=lambda step: step[0])
        self._daily: dict[tuple[str, date], Fraction] = {}

    def series_value(self, name: str, day: date) -> Fraction:
        """Give the percent in force on a day."""
        earlier = [rate for effective, rate in self.steps[name] if effective <= day]
        if not earlier or day > self.known_until[name]:
            raise UnknownRateError(name, day)
        return earlier[-1]

    def rate_fixed_for(self, regime: str, day: date) -> tuple[Fraction | None, Fraction]:
        """Give (reference percent, percent to apply) fixed for the half-year that holds the day."""
        facts = self.regimes[regime]
        floor = Fraction(-1000)
        if "floor" in facts:
            value = self.series_value(facts["floor"]["series"], half_year(day))
            floor = Fraction(str(facts["floor"]["times"])) * value
        if "reference" not in facts:
            return None, max(floor, Fraction(str(facts["contractual_rate"])))
        fixing_day = day if facts["fixing"] == "contractual" else half_year(day)
        if facts.get("fixing_day") == "eve" and facts["fixing"] != "contractual":
            fixing_day -= ONE_DAY
        reference = self.series_value(facts["reference"], fixing_day)
        used = reference
        if "round_reference_up_to" in facts:
            used = rounded_up(used, Fraction(str(facts["round_reference_up_to"])))
        total = used + Fraction(str(facts.get("margin", 0)))
        if "round_total_up_to" in facts:
            total = rounded_up(total, Fraction(str(facts["round_total_up_to"])))
        return reference, max(floor, total)

    def _own_regime(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Lay a user's keys over the law of that name, or over the one that it is based on."""
        rate_keys = {"reference", "margin", "contractual_rate", "fixing_day"}
        rate_keys |= {"round_reference_up_to", "round_total_up_to", "floor"}
        is_law = name in self.regimes
        base_name = name if is_law else given.get("based_on")
        if base_name is not None and base_name not in self.regimes:
            base_name = self.business_regime(base_name)
        base = dict(self.regimes[base_name]) if base_name is not None else {}
        if not is_law:
            for key in ("countries", "articles", "articles_in"):
                base.pop(key, None)
        if "contractual_rate" in given:
            base = {key: fact for key, fact in base.items() if key not in rate_keys}
            base["fixing"] = "contractual"
        if "reference" in given:
            base.pop("contractual_rate", None)
        facts = {**base, **given}
        names_rate = bool({*given} & {*rate_keys, "fixing"})
        if not is_law and names_rate and "contract_floor" in facts:
            facts.setdefault("floor", facts["contract_floor"])
        return facts

    def business_regime(self, country: str) -> str | None:
        """Name the regime between businesses of a country."""
        for name, facts in self.regimes.items():
            own = facts.get("country") == country or country in facts.get("countries", ())
            if own and not name.endswith("_public"):
                return name
        return None

    def public_regime(self, country: str) -> str | None:
        """Name the regime of public buyers of a country."""
        name = f"{country}_public"
        return name if name in self.regimes else None


def day_weight(day_count: str, day: date) -> Fraction:
    """Give the part of a year that one interest day stands for."""
    if day_count == "ACT/365F":
        return Fraction(1, 365)
    if day_count == "ACT/360":
        return Fraction(1, 360)
    if day_count == "ACT/ACT":
        return Fraction(1, (date(day.year + 1, 1, 1) - date(day.year, 1, 1)).days)
    assert day_count == "30E/360", day_count
    return Fraction(_days_360(day) - _days_360(day - ONE_DAY), 360)


def _days_360(day: date) -> int:
    """Count days in a calendar of twelve months of thirty."""
    return 360 * day.year + 30 * day.month + min(day.day, 30)


@cache
def _regimes() -> dict[str, dict[str, Any]]:
    """Read the facts of every regime."""
    return tomllib.loads((DATA / "regimes.toml").read_text("utf-8"), parse_float=Decimal)


@cache
def _series() -> tuple[dict[str, list[tuple[date, Fraction]]], dict[str, date]]:
    """Read every bundled series and the day to which each is known."""
    steps: dict[str, list[tuple[date, Fraction]]] = {}
    known: dict[str, date] = {}
    for path in sorted((DATA / "series").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if path.stem == "known_until":
                    known[row["series"]] = date.fromisoformat(row["known_until"])
                else:
                    step = (
                        date.fromisoformat(row["effective_date"]),
                        Fraction(row["rate_percent"]),
                    )
                    steps.setdefault(path.stem, []).append(step)
    return steps, known
