"""A customer's statement as a letter: by creditor, items and totals per currency, legal basis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path

from encours.calc.statements import LegalBasis
from encours.report.published import open_run
from encours.rules.regimes import Regime
from encours.statements.claims import (
    Claim,
    claims_of,
    customer_name,
    recorded_basis,
    require_company,
)


@dataclass(frozen=True)
class CurrencyTotal:
    """What is left to claim in one currency; negative: to be given back."""

    currency: str
    interest: Decimal
    compensation: Decimal

    @property
    def both(self) -> Decimal:
        """Add both up."""
        return self.interest + self.compensation


@dataclass(frozen=True)
class Basis:
    """What a claim rests on: a regime, and its texts; `number` is how the table refers to it."""

    number: int
    regime: Regime
    articles: str
    indemnity_articles: str


@dataclass(frozen=True)
class CreditorPart:
    """What one creditor claims: items by due date and id, totals by currency."""

    company_code: str
    claims: tuple[Claim, ...]
    totals: tuple[CurrencyTotal, ...]


@dataclass(frozen=True)
class Statement:
    """Everything that the letter says; `bases` in the order in which the items name them."""

    run_id: str
    as_of: date
    customer_id: str
    customer_name: str | None
    creditors: tuple[CreditorPart, ...]
    totals: tuple[CurrencyTotal, ...]
    bases: tuple[Basis, ...]

    def number_of(self, claim: Claim) -> int | None:
        """Give the number of the basis of a claim; None where it has none."""
        key = (claim["interest_regime"], claim["articles"])
        found = (
            basis.number
            for basis in self.bases
            if (basis.regime.name, basis.articles or None) == key
        )
        return next(found, None)


def build_statement(directory: Path, customer_id: str, company: str | None = None) -> Statement:
    """Read from a published run what may be claimed of a customer.

    company  only what this company code claims

    Raises UsageWrong (2) for a customer, or a company code, of whom the run has nothing.
    """
    run = open_run(directory)
    legal = recorded_basis(run)
    claims = claims_of(run, legal, customer_id)
    if company is not None:
        require_company(run, company)
        claims = [claim for claim in claims if claim["company_code"] == company]
    claims.sort(key=lambda claim: (claim["due_date"], claim["item_id"].encode()))
    codes = sorted({claim["company_code"] for claim in claims}, key=str.encode)
    return Statement(
        run_id=str(run.manifest["run_id"]),
        as_of=date.fromisoformat(run.manifest["as_of"]),
        customer_id=customer_id,
        customer_name=customer_name(run, customer_id),
        creditors=tuple(
            _part(code, [claim for claim in claims if claim["company_code"] == code])
            for code in codes
        ),
        totals=_totals(claims),
        bases=_bases(sorted(claims, key=lambda claim: codes.index(claim["company_code"])), legal),
    )


def _part(company_code: str, claims: list[Claim]) -> CreditorPart:
    """Gather what one creditor claims."""
    return CreditorPart(company_code, tuple(claims), _totals(claims))


def _totals(claims: Iterable[Claim]) -> tuple[CurrencyTotal, ...]:
    """Add up by currency; interest and compensation of one item may be in two."""
    interest: dict[str, Decimal] = {}
    compensation: dict[str, Decimal] = {}
    with localcontext(prec=76):
        for claim in claims:
            for sums, currency, amount in (
                (interest, claim["currency"], claim["interest_unbilled"]),
                (compensation, claim["indemnity_currency"], claim["indemnity_unbilled"]),
            ):
                if amount:
                    sums[currency] = sums.get(currency, Decimal(0)) + amount
    zero = Decimal("0.000")
    return tuple(
        CurrencyTotal(currency, interest.get(currency, zero), compensation.get(currency, zero))
        for currency in sorted({*interest, *compensation})
    )


def _bases(claims: Iterable[Claim], legal: LegalBasis) -> tuple[Basis, ...]:
    """Number the regimes that the claims rest on, with their texts."""
    found: dict[tuple[str, str | None], Basis] = {}
    for claim in claims:
        key = (claim["interest_regime"], claim["articles"])
        regime = legal.regimes.get(claim["interest_regime"] or "")
        if regime is None or key in found or not (regime.is_own or claim["articles"]):
            continue
        found[key] = Basis(
            len(found) + 1, regime, claim["articles"] or "", regime.indemnity_articles
        )
    return tuple(found.values())
