"""Regimes, contracts and reference rates of the user's own, as `encours.toml` states them.

Types are checked here; whether a regime is complete and whether it contradicts another one is for
the rules.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from encours_schemas.configuration import checks
from encours_schemas.configuration.section import FromList, InOrder, Section


def _as_date(value: object) -> object:
    """Take a date as TOML writes it, or as text."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    return value


def _checked_regime_name(name: str) -> str:
    """Refuse a name that could not stand in a column of text or in a list of columns."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise checks.wrong("a name of letters, digits, `_`, `-` and `.`")
    return name


Exact = Annotated[Decimal, BeforeValidator(checks.exact_number), InOrder]
Years = Annotated[int, Field(ge=1, le=100)]


class OwnFloor(Section):
    """A lower bound of a rate."""

    series: str = Field(description="The series whose value for the half-year counts.")
    times: Exact = Field(description="How many times that value.")


class OwnBand(Section):
    """A band of the principal with its lump sum; the last band has no bound."""

    sum: Exact = Field(description="The lump sum.")
    below: Exact | None = Field(default=None, description="Bound that it excludes.")
    up_to: Exact | None = Field(default=None, description="Bound that it includes.")


class OwnTermCap(Section):
    """The longest payment term that may be agreed."""

    net_days: int = Field(description="Days from the document date.")
    binding: str = Field(description="`absolute` or `unless_agreed`.")
    end_of_month_days: int | None = Field(default=None, description="Days with the end of month.")
    periodic_invoice_days: int | None = Field(default=None, description="For periodic invoices.")


class OwnRegime(Section):
    """A regime of your own, or the keys to change of a bundled one; `encours regimes` shows all.

    A contract is `fixing = "contractual"`: a flat `contractual_rate`, or a `reference` series plus
    `margin`, day by day. Based on a law it keeps that law's days, lump sum and floor of contracts.
    """

    based_on: str | None = Field(
        default=None,
        description="A regime, or the country of one, that fills in what is not said here.",
    )
    countries: Annotated[tuple[str, ...], FromList] | None = Field(
        default=None, description="Creditor countries whose law it is; none for a contract."
    )
    public: bool | None = Field(default=None, description="It serves public buyers.")
    fixing: Literal["per_semester", "fixed_at_start", "fixed_at_payment", "contractual"] | None = (
        Field(default=None, description="Which rate a day takes.")
    )
    fixing_day: Literal["first_day", "eve"] | None = Field(
        default=None, description="The day that fixes a half-year's reference rate."
    )
    reference: str | None = Field(default=None, description="Series of the reference rate.")
    margin: Exact | None = Field(default=None, description="Points on top of the reference rate.")
    contractual_rate: Exact | None = Field(default=None, description="Flat yearly rate, percent.")
    round_reference_up_to: Exact | None = Field(
        default=None, description="The reference is rounded up to a multiple of this."
    )
    round_total_up_to: Exact | None = Field(
        default=None, description="Reference and margin are rounded up to a multiple of this."
    )
    floor: OwnFloor | None = Field(
        default=None, description="`{ series, times }`: the rate is never below it."
    )
    contract_floor: OwnFloor | None = Field(
        default=None, description="The same, for the rates of contracts based on it."
    )
    day_count: Literal["ACT/365F", "ACT/360", "ACT/ACT", "30E/360"] | None = Field(
        default=None, description="How days become years."
    )
    compounding: Literal["none", "yearly_from_default"] | None = Field(
        default=None, description="Whether interest joins the principal once a year."
    )
    indemnity: Annotated[tuple[OwnBand, ...], FromList] | None = Field(
        default=None,
        description="Lump sums by band: `[{ up_to = 1000, sum = 40 }, { sum = 70 }]`; `[]`: none.",
    )
    indemnity_currency: str | None = Field(default=None, description="Currency of the lump sums.")
    indemnity_band_currency: str | None = Field(default=None, description="Currency of the bounds.")
    indemnity_per: Literal["document", "due_date"] | None = Field(
        default=None, description="How often the lump sum is due."
    )
    term_cap: OwnTermCap | None = Field(
        default=None, description="`{ net_days, binding }`: the longest term that may be agreed."
    )
    limitation_years: Years | None = Field(
        default=None, description="Years until a claim is time-barred."
    )
    limitation_from: Literal["due_date", "end_of_year"] | None = Field(
        default=None, description="From when these years count."
    )
    articles: str | None = Field(default=None, description="The text or contract it rests on.")
    articles_in: dict[str, str] | None = Field(default=None, description="The same by country.")
    indemnity_articles: str | None = Field(default=None, description="The text on the lump sum.")
    source: str | None = Field(default=None, description="Where the facts were read.")
    confidence: str | None = Field(default=None, description="How sure the facts are.")
    confidence_in: dict[str, str] | None = Field(default=None, description="The same by country.")
    note: str | None = Field(default=None, description="What a reader should know besides.")

    def given(self) -> dict[str, Any]:
        """Give the keys that were stated, as plain values."""
        return self.model_dump(mode="json", exclude_none=True)


class OwnRate(Section):
    """A value of a reference rate; known from its date to the end of that half-year."""

    series: str = Field(description="Name of the series; a new name starts one.")
    effective_date: Annotated[date, BeforeValidator(_as_date)] = Field(
        description="First day of the value."
    )
    rate_percent: Exact = Field(description="Percent per year, with at most nine decimals.")
    source: str | None = Field(default=None, description="Where the value was read.")


def _plain_regimes(regimes: dict[str, OwnRegime]) -> dict[str, Any]:
    return {name: regimes[name].given() for name in sorted(regimes)}


OwnRegimes = Annotated[
    dict[Annotated[str, AfterValidator(_checked_regime_name)], OwnRegime],
    PlainSerializer(_plain_regimes, when_used="json"),
]
