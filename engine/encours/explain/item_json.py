"""The explanation of an item for machines: exact texts, stable names, nothing rounded twice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from encours.explain.sentence import debtor_sentence
from encours.rules.currencies import CURRENCY_EXPONENTS

if TYPE_CHECKING:
    from encours.explain.compensation import CompensationFacts
    from encours.explain.item import InterestFacts, ItemExplanation
    from encours.explain.regime_choice import RegimeChoice
    from encours.explain.steps import PeriodStep
    from encours.rules.derivation import FloorRate, RateDerivation, SourceRate
    from encours.rules.regimes import IndemnityBand

Record = dict[str, Any]


def item_record(explanation: ItemExplanation, language: str) -> Record:
    """Give an explanation as JSON values: amounts, rates and fractions as text, dates ISO 8601.

    language  of the sentence to the debtor, `en` or `fr`
    """
    facts, interest = explanation.facts, explanation.interest
    record: Record = {
        "run_id": explanation.run_id,
        "as_of": explanation.as_of.isoformat(),
        "item_id": explanation.item_id,
        "status": str(explanation.status),
        "quarantine": [
            {"file": file, "row_number": row, "column": column, "reason": reason}
            for file, row, column, reason in explanation.quarantine
        ],
    }
    if facts is None:
        return record
    currency = facts.currency
    record["item"] = {
        name: _text(value, currency) for name, value in vars(facts).items() if name != "item_id"
    }
    record["allocations"] = [
        {name: _text(value, currency) for name, value in vars(allocation).items()}
        for allocation in explanation.allocations
    ]
    if interest is None or explanation.compensation is None:
        return record
    record["regime"] = _regime(interest.regime)
    record["interest"] = _interest(interest, currency, explanation.reporting_currency)
    record["compensation"] = _compensation(
        explanation.compensation, currency, explanation.reporting_currency
    )
    record["sentence"] = {"language": language, "text": debtor_sentence(explanation, language)}
    return record


def amount_text(value: Decimal, currency: str) -> str:
    """Give an amount with the decimals of its currency, a point before them, no groups."""
    exponent = CURRENCY_EXPONENTS.get(currency, 3)
    return f"{value:.{exponent}f}" if value == round(value, exponent) else f"{value:f}"


def _text(value: object, currency: str) -> object:
    """Give a fact as a JSON value."""
    if isinstance(value, Decimal):
        return amount_text(value, currency)
    return value.isoformat() if isinstance(value, date) else value


def _rate(value: Decimal | None) -> str | None:
    """Give a rate without the zeros that say nothing."""
    if value is None:
        return None
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _regime(choice: RegimeChoice | None) -> Record | None:
    """Give the regime and why it applies."""
    if choice is None:
        return None
    regime = choice.regime
    record: Record = {"rule": str(choice.rule), "country": choice.country or None, "name": None}
    if regime is None:
        return record
    return record | {
        "name": regime.name,
        "articles": regime.articles_of(choice.cited_country) or None,
        "indemnity_articles": regime.indemnity_articles or None,
        "source": regime.source or None,
        "confidence": regime.confidence_of(choice.cited_country) or None,
        "note": regime.note or None,
        "fixing": str(regime.fixing),
        "day_count": str(regime.day_count),
        "compounding": regime.compounding,
    }


def _interest(interest: InterestFacts, currency: str, reporting: str) -> Record:
    """Give the interest: days, stretches, rounding, what was claimed."""
    exponent = CURRENCY_EXPONENTS.get(currency, 3)
    return {
        "reason": None if interest.reason is None else str(interest.reason),
        "last_possible_day": None if interest.end is None else interest.end.isoformat(),
        "last_possible_day_by": interest.end_by or None,
        "from": _text(interest.from_date, currency),
        "to": _text(interest.to_date, currency),
        "days": interest.days,
        "periods": [_period(step, currency) for step in interest.steps],
        "rounding": {"to": f"{Decimal(1).scaleb(-exponent):f}", "half": "away from zero"},
        "penalty_interest": amount_text(interest.penalty, currency),
        "penalty_interest_rc": amount_text(interest.penalty_rc, reporting),
        "interest_suspended": amount_text(interest.suspended, currency),
        "billed_by": interest.billed_by,
        "billed_to": _text(interest.billed_to, currency),
        "billed_amount": amount_text(interest.billed_amount, currency),
        "interest_unbilled": amount_text(interest.unbilled, currency),
    }


def _period(step: PeriodStep, currency: str) -> Record:
    """Give one stretch."""
    return {
        "from": step.from_date.isoformat(),
        "to": step.to_date.isoformat(),
        "days": step.days,
        "principal": amount_text(step.principal, currency),
        **_derivation(step.derivation),
        "rate_percent": _rate(step.rate_percent),
        "rate_day": step.rate_day.isoformat(),
        "day_count": step.day_count,
        "year_fraction": step.year_fraction or None,
        "exact": f"{step.exact.numerator}/{step.exact.denominator}",
        "accrued_exact": f"{step.accrued.numerator}/{step.accrued.denominator}",
        "rounded_on": _text(step.rounded_on, currency),
        "running_total": amount_text(step.running_total, currency),
        "interest": amount_text(step.interest, currency),
    }


def _derivation(derivation: RateDerivation | None) -> Record:
    """Give where a stretch's rate comes from."""
    if derivation is None:
        return {"reference": None, "rounded_reference": None, "margin": None, "floor": None}
    return {
        "reference": _source(derivation.reference),
        "rounded_reference": _rate(derivation.rounded_reference),
        "margin": _rate(derivation.margin),
        "floor": _floor(derivation.floor),
    }


def _source(source: SourceRate | None) -> Record | None:
    """Give a value of a series and the row that it stands in."""
    if source is None:
        return None
    return {
        "series": source.series,
        "looked_up_on": source.looked_up_on.isoformat(),
        "effective_date": source.row.effective_date.isoformat(),
        "rate_percent": _rate(source.row.rate_percent),
        "source": source.row.source or None,
        "confidence": source.row.confidence or None,
    }


def _floor(floor: FloorRate | None) -> Record | None:
    """Give the floor of a contract's rate."""
    if floor is None:
        return None
    return {
        "times": _rate(floor.times),
        "value": _source(floor.value),
        "rate_percent": _rate(floor.rate),
        "decides": floor.decides,
    }


def _compensation(facts: CompensationFacts, currency: str, reporting: str) -> Record:
    """Give the fixed compensation."""
    in_band = facts.in_band
    return {
        "standing": facts.standing,
        "per": facts.per,
        "document": [
            {
                "item_id": member.item_id,
                "due_date": member.due_date.isoformat(),
                "is_late": member.is_late,
                "bears": member.bears,
            }
            for member in facts.document
        ],
        "principal": None if facts.principal is None else amount_text(facts.principal, currency),
        "principal_in_band_currency": (
            None if in_band is None else amount_text(in_band, facts.band_currency)
        ),
        "band_currency": facts.band_currency or None,
        "band": _band(facts.band, facts.above, excluded=facts.is_above_excluded),
        "fixed_indemnity": amount_text(facts.amount, facts.currency),
        "fixed_indemnity_currency": facts.currency or None,
        "fixed_indemnity_rc": amount_text(facts.amount_rc, reporting),
        "billed_amount": amount_text(facts.billed_amount, facts.currency),
        "indemnity_unbilled": amount_text(facts.unbilled, facts.currency),
    }


def _band(band: IndemnityBand | None, above: Decimal | None, *, excluded: bool) -> Record | None:
    """Give a band of the compensation by its bounds."""
    if band is None:
        return None
    bound = None if band.limit is None else _rate(band.limit)
    return {
        "above" if excluded else "from": _rate(above),
        "up_to" if band.limit_included else "below": bound,
        "sum": _rate(band.sum),
    }
