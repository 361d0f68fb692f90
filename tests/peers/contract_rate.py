"""A rate that a case agrees by contract, as rows of the table `reference_rates`.

The Polish regime takes its whole rate from a series, adds nothing, counts ACT/365F and compounds
nothing. With the case's rate in that series for every half-year of the delay, it is a contract at
a flat yearly rate; another day count is configured over the regime's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tests.peers.arithmetic import DAY_COUNTS
from tests.peers.cases import Question, day_of
from tests.peers.decide import NoSuchFeatureError

SERIES: Final = "pl_commercial_transactions_rate"
LAW_OF_CONTRACT: Final = "PL"
# A case without any rate asks for principals and days, which no rate changes.
SOME_RATE: Final = Decimal(10)
DECIMALS_MAX: Final = 9
LAW_BY_CURRENCY: Final = {"DKK": "DK", "SEK": "SE", "GBP": "GB"}
CURRENCY_BY_LAW: Final = {law: currency for currency, law in LAW_BY_CURRENCY.items()}
LAW_BY_WORD: Final = {"Swedish": "SE", "German": "DE", "Austrian": "AT"}


@dataclass(frozen=True)
class ContractRate:
    """A flat yearly rate in percent, and the day count that it is agreed on."""

    percent: Decimal
    day_count: str = "ACT/365F"

    @property
    def own_regimes(self) -> dict[str, dict[str, str]]:
        """Give what the configuration changes of the regime; nothing where its day count is it."""
        if self.day_count == "ACT/365F":
            return {}
        return {f"{LAW_OF_CONTRACT}_business": {"day_count": self.day_count}}


def country_of_law(question: Question) -> str:
    """Give the country whose regime answers the question; empty where interest is not asked for."""
    if question.kind == "interest":
        # A rate of nil is no contract at all: neither interest nor the law's compensation.
        is_nil = Decimal(str(question.config.get("annual_rate_pct", SOME_RATE))) == 0
        return "" if is_nil else LAW_OF_CONTRACT
    if question.kind == "fee" and "fixed_compensation" in question.config:
        return LAW_BY_CURRENCY.get(str(question.config.get("currency")), "")
    if question.kind == "rate_table":
        told = f"{question.case.get('title', '')} {question.case.get('notes', '')}"
        return next((law for word, law in LAW_BY_WORD.items() if word in told), "")
    return ""


def read_contract_rate(question: Question) -> ContractRate | None:
    """Give the rate of a case; None where it is not about a rate of its own.

    Raises NoSuchFeatureError for a rate that the engine cannot be given.
    """
    config = question.config
    if question.kind != "interest":
        return None
    named = config.get("day_count", "actual/365")
    if named not in DAY_COUNTS or (named != "actual/365" and "rate_pct_per_period" in config):
        raise NoSuchFeatureError(f"a contract's day count {named}")
    if "rate_pct_per_period" in config:
        days = Fraction(str(config["interest_period_days"]))
        return _exact(Fraction(str(config["rate_pct_per_period"])) * 365 / days)
    if "annual_rate_pct" not in config:
        return ContractRate(SOME_RATE)
    rate = Decimal(str(config["annual_rate_pct"]))
    parts = [config.get("reference_rate_pct"), config.get("statutory_margin_pct")]
    if None not in parts and sum((Decimal(str(part)) for part in parts), Decimal(0)) != rate:
        raise NoSuchFeatureError("a rate that is not the sum of its parts")
    return ContractRate(rate, DAY_COUNTS[named])


def rate_tables(contract: ContractRate, question: Question) -> list[dict[str, str]]:
    """Give one row per half-year from the earliest due date to the as-of date."""
    dues = [day_of(item["due_date"]) for item in question.items if item.get("due_date")]
    first = _half_year(min([*dues, question.as_of]))
    last = _half_year(max([*question.days, question.as_of]))
    rows = []
    while first <= last:
        rows.append(
            {
                "series": SERIES,
                "effective_date": first.isoformat(),
                "rate_percent": format(contract.percent, "f"),
                "source": "contract of the case",
            }
        )
        first = date(first.year, 7, 1) if first.month == 1 else date(first.year + 1, 1, 1)
    return rows


def _half_year(day: date) -> date:
    return date(day.year, 1 if day.month <= 6 else 7, 1)


def _exact(rate: Fraction) -> ContractRate:
    scaled = rate * 10**DECIMALS_MAX
    if scaled.denominator != 1:
        raise NoSuchFeatureError("a rate per period that is no decimal rate per year")
    return ContractRate(Decimal(scaled.numerator).scaleb(-DECIMALS_MAX).normalize())
