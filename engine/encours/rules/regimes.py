"""Late-payment interest regimes: what law or contract says about rate, days and lump sum."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from encours.rules.countries import COUNTRY_CODES, LATE_PAYMENT_LAW_COUNTRIES
from encours.rules.currencies import CURRENCY_EXPONENTS
from encours.rules.own_regimes import NO_REGIME, lay_over, wrong_regime
from encours_schemas.errors import RateMissing
from encours_schemas.names import nearest_name

DUE_DATE: Final = "due_date"

Days = NDArray[np.int32]


class Fixing(StrEnum):
    """Which rate a day of the delay takes."""

    PER_SEMESTER = "per_semester"
    FIXED_AT_START = "fixed_at_start"
    FIXED_AT_PAYMENT = "fixed_at_payment"
    CONTRACTUAL = "contractual"


class DayCount(StrEnum):
    """How days become years."""

    ACT_365F = "ACT/365F"
    ACT_360 = "ACT/360"
    ACT_ACT = "ACT/ACT"
    THIRTY_E_360 = "30E/360"


@dataclass(frozen=True, slots=True)
class IndemnityBand:
    """A band of the principal and the lump sum of it; a `limit` of None has no end."""

    sum: Decimal
    limit: Decimal | None = None
    limit_included: bool = True


@dataclass(frozen=True, slots=True)
class RateFloor:
    """A lower bound of the rate: so many times a series' value for the half-year."""

    series: str
    times: Decimal


@dataclass(frozen=True, slots=True)
class TermCap:
    """The longest payment term that may be agreed, from the document date."""

    net_days: int
    binding: str
    end_of_month_days: int | None = None
    periodic_invoice_days: int | None = None


@dataclass(frozen=True, slots=True)
class Regime:
    """One regime; see the head of `data/regimes.toml` for the meaning of each fact.

    based_on   the regime that a user's one was derived from, "" where there is none
    is_own     a user's regime, or a bundled one that the user changed
    """

    name: str
    fixing: Fixing
    day_count: DayCount
    countries: tuple[str, ...] = ()
    public: bool = False
    reference: str | None = None
    margin: Decimal = Decimal(0)
    fixing_day: str = "first_day"
    compounding: str = "none"
    contractual_rate: Decimal | None = None
    round_reference_up_to: Decimal | None = None
    round_total_up_to: Decimal | None = None
    floor: RateFloor | None = None
    contract_floor: RateFloor | None = None
    indemnity: tuple[IndemnityBand, ...] = ()
    indemnity_currency: str = ""
    indemnity_band_currency: str = ""
    indemnity_per: str = "document"
    term_cap: TermCap | None = None
    limitation_years: int | None = None
    limitation_from: str = DUE_DATE
    articles: str = ""
    articles_in: Mapping[str, str] = field(default_factory=dict)
    indemnity_articles: str = ""
    source: str = ""
    confidence: str = ""
    confidence_in: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    based_on: str = ""
    is_own: bool = False

    def articles_of(self, country: str | None) -> str:
        """Name the text that grants it: the national one where it is on file."""
        return self.articles_in.get(country or "", self.articles)

    def confidence_of(self, country: str | None) -> str:
        """Say how sure its facts are for a country."""
        return self.confidence_in.get(country or "", self.confidence)

    def rounded_reference(self, reference: Decimal) -> Decimal:
        """Give the reference rate as this regime takes it."""
        return _rounded_up(reference, self.round_reference_up_to)

    def rate_over(self, reference: Decimal) -> Decimal:
        """Give the yearly rate in percent for a reference rate, before any floor."""
        return _rounded_up(self.rounded_reference(reference) + self.margin, self.round_total_up_to)


def load_regimes(own: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Regime]:
    """Load the bundled regimes, with the user's laid over them; `NONE` comes last.

    own   by name, tables of the same form. One named like a bundled regime changes the keys that it
          gives; another one starts from the regime, or the country's, that its `based_on` names, or
          says everything itself.

    Raises ConfigurationWrong for a regime that is not well formed, and for two that serve the same
    country.
    """
    text = (files("encours.rules") / "data" / "regimes.toml").read_text(encoding="utf-8")
    bundled: dict[str, Mapping[str, Any]] = dict(tomllib.loads(text, parse_float=Decimal))
    tables = lay_over(bundled, own or {})
    tables[NO_REGIME] = tables.pop(NO_REGIME)
    regimes = {
        name: _regime(name, table, is_own=name in (own or {})) for name, table in tables.items()
    }
    _refuse_overlaps(regimes)
    return regimes


def _refuse_overlaps(regimes: Mapping[str, Regime]) -> None:
    """Refuse two regimes that claim the same country: which one governs nobody could tell."""
    served: dict[tuple[str, bool], str] = {}
    for name, regime in regimes.items():
        for country in regime.countries:
            other = served.setdefault((country, regime.public), name)
            if other != name:
                raise wrong_regime(
                    name,
                    f"the regime {other} serves the country {country}, too",
                    expected=f"changes of [interest.regimes.{other}], or no countries",
                )


def business_regime(regimes: Mapping[str, Regime], country: str) -> str | None:
    """Name the regime between businesses of a creditor's (or debtor's) country."""
    return _regime_of(regimes, country, public=False)


def public_regime(regimes: Mapping[str, Regime], country: str) -> str | None:
    """Name the regime of public buyers of a country; None where the business one serves them."""
    return _regime_of(regimes, country, public=True)


def statutory_regime(regimes: Mapping[str, Regime], country: str, where: str) -> str:
    """Name the regime of a country, `NONE` where its law gives none.

    Raises RateMissing, naming `where` the country comes from, for a country whose law gives
    interest but whose regime is not on file.
    """
    name = business_regime(regimes, country)
    if name is not None:
        return name
    if country in LATE_PAYMENT_LAW_COUNTRIES:
        raise RateMissing(
            what=f"no interest regime on file for the country {country}, whose law gives interest",
            where=where,
            cure="name a regime for these customers or items in interest_regime",
        )
    return NO_REGIME


def latest_legal_due_days(cap: TermCap, document_day: Days, *, is_end_of_month: bool) -> Days:
    """Give the latest due day that the law lets parties agree on; int32[n] in and out.

    For a term written as end of month the later of both accepted readings counts: n days and then
    the end of that month, or the end of the month and then n days (DGCCRF on L441-10 of the French
    code).
    """
    day = document_day.astype(np.int64)
    latest = day + cap.net_days
    if is_end_of_month and cap.end_of_month_days is not None:
        days_then_end = _month_end(day + cap.end_of_month_days)
        end_then_days = _month_end(day) + cap.end_of_month_days
        latest = np.maximum(latest, np.maximum(days_then_end, end_then_days))
    return latest.astype(np.int32)


def limitation_days(regime: Regime, due_day: Days) -> Days | None:
    """Give the last day on which an item may still be sued for; None where no period is on file.

    French commercial claims lapse five years after they fell due (C. com. L110-4), German ones
    three years after the end of that year (BGB 195, 199). Interruptions are not known to a ledger.
    """
    if regime.limitation_years is None:
        return None
    day = due_day.astype("datetime64[D]")
    if regime.limitation_from == "end_of_year":
        years = day.astype("datetime64[Y]") + 1 + regime.limitation_years
        last = years.astype("datetime64[D]").astype(np.int64) - 1
        return np.asarray(last, np.int32)
    months = day.astype("datetime64[M]")
    offset = (day - months.astype("datetime64[D]")).astype(np.int64)
    target = months + 12 * regime.limitation_years
    start = target.astype("datetime64[D]").astype(np.int64)
    length = (target + 1).astype("datetime64[D]").astype(np.int64) - start
    # 29 February in a year without one: the period ends with the month (Civil Code 2228, BGB 188).
    return np.asarray(start + np.minimum(offset, length - 1), np.int32)


def _month_end(day: NDArray[np.int64]) -> NDArray[np.int64]:
    months = day.astype("datetime64[D]").astype("datetime64[M]") + 1
    return months.astype("datetime64[D]").astype(np.int64) - 1


def _rounded_up(rate: Decimal, step: Decimal | None) -> Decimal:
    """Round up to a multiple of `step`, towards plus infinity for a negative rate too."""
    if step is None:
        return rate
    return (rate / step).to_integral_value(rounding=ROUND_CEILING) * step


def _regime_of(regimes: Mapping[str, Regime], country: str, *, public: bool) -> str | None:
    for name, regime in regimes.items():
        if country in regime.countries and regime.public == public:
            return name
    return None


def _regime(name: str, table: Mapping[str, Any], *, is_own: bool) -> Regime:
    """Build a regime from its table, and check what the kernels rely on."""
    names = {fact.name for fact in fields(Regime)} - {"name", "is_own"}
    for key in table:
        if key not in names:
            nearest = nearest_name(key, names)
            raise wrong_regime(
                name, "unknown key", found=key, expected=nearest or "a key of a regime"
            )
    facts = dict(table)
    try:
        facts |= {key: _decimal(facts[key]) for key in _DECIMAL_KEYS & facts.keys()}
        facts |= {
            key: RateFloor(series=str(facts[key]["series"]), times=_decimal(facts[key]["times"]))
            for key in ("floor", "contract_floor")
            if key in facts
        }
        facts["indemnity"] = tuple(_band(band) for band in facts.get("indemnity", ()))
        facts["countries"] = tuple(facts.get("countries", ()))
        if "term_cap" in facts:
            facts["term_cap"] = TermCap(**facts["term_cap"])
        facts["fixing"] = Fixing(facts["fixing"])
        facts["day_count"] = DayCount(facts["day_count"])
        facts.setdefault("indemnity_band_currency", facts.get("indemnity_currency", ""))
        regime = Regime(name=name, is_own=is_own, **facts)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise wrong_regime(name, "the regime is not well formed", found=repr(error)) from error
    return _checked(regime)


_DECIMAL_KEYS: Final = frozenset(
    {"margin", "contractual_rate", "round_reference_up_to", "round_total_up_to"}
)

_ALLOWED: Final = {
    "fixing_day": ("first_day", "eve"),
    "compounding": ("none", "yearly_from_default"),
    "indemnity_per": ("document", "due_date"),
    "limitation_from": ("due_date", "end_of_year"),
}


def _checked(regime: Regime) -> Regime:
    """Give the regime back when its facts fit together."""
    for key, allowed in _ALLOWED.items():
        value = getattr(regime, key)
        if value not in allowed:
            raise wrong_regime(
                regime.name, f"{key} is wrong", found=value, expected=" or ".join(allowed)
            )
    for country in regime.countries:
        if country not in COUNTRY_CODES:
            raise wrong_regime(
                regime.name, "unknown country", found=country, expected="an ISO 3166-1 code as FR"
            )
    if (regime.reference is None) == (regime.contractual_rate is None):
        raise wrong_regime(regime.name, "a regime has either a reference or a contractual_rate")
    if regime.contractual_rate is not None and regime.fixing is not Fixing.CONTRACTUAL:
        raise wrong_regime(regime.name, "a contractual_rate goes with fixing contractual")
    if regime.compounding != "none" and regime.fixing is Fixing.FIXED_AT_PAYMENT:
        raise wrong_regime(regime.name, "interest fixed at payment cannot compound")
    limits = [band.limit for band in regime.indemnity]
    bounded = [limit for limit in limits[:-1] if limit is not None]
    if len(bounded) != max(len(limits) - 1, 0) or (limits and limits[-1] is not None):
        raise wrong_regime(regime.name, "every indemnity band but the last needs a bound")
    if bounded != sorted(set(bounded)):
        raise wrong_regime(regime.name, "indemnity bands must ascend")
    for currency in (regime.indemnity_currency, regime.indemnity_band_currency):
        if regime.indemnity and currency not in CURRENCY_EXPONENTS:
            raise wrong_regime(regime.name, "unknown currency of the indemnity", found=currency)
    return regime


def _band(table: Mapping[str, Any]) -> IndemnityBand:
    unknown = table.keys() - {"sum", "below", "up_to"}
    if unknown or {"below", "up_to"} <= table.keys():
        raise ValueError(f"indemnity band {dict(table)}")
    limit = table.get("up_to", table.get("below"))
    return IndemnityBand(
        sum=_decimal(table["sum"]),
        limit=None if limit is None else _decimal(limit),
        limit_included="up_to" in table,
    )


def _decimal(value: object) -> Decimal:
    """Take a number or a text as a Decimal; a binary float never stands for a rate."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise TypeError(f"{value!r} is not a decimal number")
    return Decimal(value)
