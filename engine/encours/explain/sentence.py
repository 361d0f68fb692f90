"""The sentence about an item that a debtor can be sent, in the debtor's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encours.report.reader import Reader

if TYPE_CHECKING:
    from encours.explain.item import ItemExplanation

_DOCUMENTS = {
    "en": {
        "invoice": "Invoice",
        "debit_note": "Debit note",
        "bill_of_exchange": "Bill of exchange",
    },
    "fr": {
        "invoice": "La facture",
        "debit_note": "La note de débit",
        "bill_of_exchange": "L'effet",
    },
}
_OTHER_DOCUMENT = {"en": "Document", "fr": "La pièce"}

_WORDS = {
    "en": {
        "late": "{document} {number} of {date} over {amount} fell due on {due}.",
        "not_yet": "{document} {number} of {date} over {amount} is due on {due}.",
        "interest": "Late-payment interest of {interest} has accrued for {days} days from {first} "
        "to {last}{law}.",
        "billed": "{billed} of it was claimed before; {left} remains to be paid.",
        "nothing_left": "All of it was claimed before.",
        "too_much": "{billed} was claimed before, which is {left} too much: this amount is "
        "credited to you.",
        "correction": "Late-payment interest of {left} was claimed and is not owed: this amount is "
        "credited to you.",
        "compensation": "A fixed compensation of {sum} for recovery costs is due as well{law}.",
        "compensation_too_much": "Of the fixed compensation claimed before, {sum} is credited to "
        "you.",
        "law": " ({articles})",
        "contract": " (as agreed by contract)",
    },
    "fr": {
        "late": "{document} {number} du {date} d'un montant de {amount} était à échéance du {due}.",
        "not_yet": "{document} {number} du {date} d'un montant de {amount} échoit le {due}.",
        "interest": "Des intérêts de retard de {interest} ont couru pendant {days} jours, "
        "du {first} au {last}{law}.",
        "billed": "{billed} ont déjà été réclamés ; il reste {left} à payer.",
        "nothing_left": "Ils ont déjà été réclamés en totalité.",
        "too_much": "{billed} ont déjà été réclamés, soit {left} de trop : ce montant vous est "
        "crédité.",
        "correction": "Des intérêts de retard de {left} ont été réclamés sans être dus : ce "
        "montant vous est crédité.",
        "compensation": "S'y ajoute une indemnité forfaitaire pour frais de recouvrement de "
        "{sum}{law}.",
        "compensation_too_much": "Sur l'indemnité forfaitaire déjà réclamée, {sum} vous sont "
        "crédités.",
        "law": " ({articles})",
        "contract": " (selon le contrat)",
    },
}


def debtor_sentence(explanation: ItemExplanation, language: str) -> str | None:
    """Give what may be claimed of an item, or is owed back, as text; None where it is nothing.

    language  `en` or `fr`
    """
    facts, interest, compensation = (
        explanation.facts,
        explanation.interest,
        explanation.compensation,
    )
    if facts is None or interest is None or compensation is None:
        return None
    parts = [_interest_text(explanation, language), _compensation_text(explanation, language)]
    told = [part for part in parts if part]
    if not told:
        return None
    reader = Reader(language, plain=True)
    documents = _DOCUMENTS[language]
    opening = _WORDS[language]["late" if facts.due_date < explanation.as_of else "not_yet"].format(
        document=documents.get(facts.document_type, _OTHER_DOCUMENT[language]),
        number=facts.document_number,
        date=reader.day(facts.document_date),
        amount=reader.amount(facts.amount, facts.currency),
        due=reader.day(facts.due_date),
    )
    return " ".join([opening, *told])


def _interest_text(explanation: ItemExplanation, language: str) -> str:
    """Tell the interest that is claimed, or given back."""
    facts, interest = explanation.facts, explanation.interest
    if facts is None or interest is None:
        return ""
    words, reader = _WORDS[language], Reader(language, plain=True)
    left = reader.amount(abs(interest.unbilled), facts.currency)
    if not interest.penalty or interest.from_date is None or interest.to_date is None:
        return words["correction"].format(left=left) if interest.unbilled < 0 else ""
    text = words["interest"].format(
        interest=reader.amount(interest.penalty, facts.currency),
        days=reader.count(interest.days or 0),
        first=reader.day(interest.from_date),
        last=reader.day(interest.to_date),
        law=_law(explanation, language, of_compensation=False),
    )
    if interest.unbilled == interest.penalty:
        return text
    rest = "billed" if interest.unbilled > 0 else "too_much"
    key = rest if interest.unbilled else "nothing_left"
    billed = reader.amount(interest.billed_amount, facts.currency)
    return f"{text} {words[key].format(billed=billed, left=left)}"


def _compensation_text(explanation: ItemExplanation, language: str) -> str:
    """Tell the compensation that stands on the item and is not yet claimed."""
    facts = explanation.compensation
    if facts is None or not facts.unbilled:
        return ""
    key = "compensation" if facts.unbilled > 0 else "compensation_too_much"
    return _WORDS[language][key].format(
        sum=Reader(language, plain=True).amount(abs(facts.unbilled), facts.currency),
        law=_law(explanation, language, of_compensation=True),
    )


def _law(explanation: ItemExplanation, language: str, *, of_compensation: bool) -> str:
    """Name the text that a claim rests on, in brackets; nothing where none is on file."""
    interest = explanation.interest
    if interest is None or interest.regime is None or interest.regime.regime is None:
        return ""
    regime = interest.regime.regime
    articles = regime.articles_of(interest.regime.cited_country)
    if of_compensation:
        articles = regime.indemnity_articles or articles
    if articles:
        return _WORDS[language]["law"].format(articles=articles)
    return _WORDS[language]["contract"] if regime.is_own else ""
