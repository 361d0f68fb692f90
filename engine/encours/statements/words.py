"""Words of the letter, by language."""

from __future__ import annotations

from typing import Final

ENGLISH: Final = {
    "title": "Statement of late-payment interest and compensation",
    "customer": "Customer",
    "as_of": "As of",
    "reference": "Reference",
    "intro": "The documents below were paid after their due date or are still unpaid. The law, or "
    "the contract, grants the creditor interest for every day of the delay and a fixed "
    "compensation for recovery costs. This statement lists what has accrued by the end of {as_of} "
    "and has not yet been claimed.",
    "nothing": "Nothing is to be claimed of this customer as of {as_of}.",
    "creditor": "Claims of {company}",
    "document": "Document",
    "item": "Item",
    "of": "of",
    "due": "Due",
    "amount": "Amount",
    "open": "Still open",
    "days": "Days",
    "period": "Interest from / to",
    "interest": "Interest",
    "billed": "Claimed before",
    "to_claim": "Interest to pay",
    "compensation": "Compensation to pay",
    "basis": "Basis",
    "total": "Total in {currency}",
    "sum": "Together",
    "all_creditors": "Claims of all creditors",
    "currency": "Currency",
    "legal_basis": "Legal basis",
    "basis_of": "{articles}; compensation: {indemnity}",
    "basis_law": "{articles}",
    "basis_contract": "contract ({name})",
    "method": "How interest is computed",
    "method_text": "Interest runs on the days after the due date up to and including the day of "
    "payment, at the latest {as_of}; the day of payment still bears interest on what it paid. "
    "Partial payments and credit notes reduce the amount that bears interest. Insolvency "
    "proceedings end it for earlier claims. Interest is computed exactly and rounded once per "
    "item. It continues to run on what is still open.",
    "corrections": "A negative amount was claimed before and is not owed: it is given back.",
    "day_count": "days by {day_count}",
    "compounding": "every year the interest joins the principal",
    "page": "Run {run}",
}

FRENCH: Final = {
    "title": "Relevé des intérêts de retard et indemnités forfaitaires",
    "customer": "Client",
    "as_of": "Arrêté au",
    "reference": "Référence",
    "intro": "Les pièces ci-dessous ont été payées après échéance ou restent impayées. La loi, "
    "ou le contrat, accorde au créancier des intérêts pour chaque jour de retard et une indemnité "
    "forfaitaire pour frais de recouvrement. Ce relevé indique ce qui a couru jusqu'à la fin du "
    "{as_of} et n'a pas encore été réclamé.",
    "nothing": "Rien n'est à réclamer à ce client au {as_of}.",
    "creditor": "Créances de {company}",
    "document": "Pièce",
    "item": "Poste",
    "of": "du",
    "due": "Échéance",
    "amount": "Montant",
    "open": "Reste dû",
    "days": "Jours",
    "period": "Intérêts du / au",
    "interest": "Intérêts",
    "billed": "Déjà réclamés",
    "to_claim": "Intérêts à payer",
    "compensation": "Indemnité à payer",
    "basis": "Base",
    "total": "Total en {currency}",
    "sum": "Ensemble",
    "all_creditors": "Créances de tous les créanciers",
    "currency": "Devise",
    "legal_basis": "Base légale",
    "basis_of": "{articles} ; indemnité : {indemnity}",
    "basis_law": "{articles}",
    "basis_contract": "contrat ({name})",
    "method": "Mode de calcul",
    "method_text": "Les intérêts courent du lendemain de l'échéance jusqu'au jour du paiement "
    "inclus, au plus tard le {as_of} ; le jour du paiement porte encore intérêt sur ce qu'il a "
    "payé. Les paiements partiels et les avoirs réduisent le montant qui porte intérêt. Une "
    "procédure collective les arrête pour les créances antérieures. Les intérêts sont calculés "
    "exactement et arrondis une fois par poste. Ils continuent de courir "
    "sur ce qui reste dû.",
    "corrections": "Un montant négatif a déjà été réclamé sans être dû : il est restitué.",
    "day_count": "jours selon {day_count}",
    "compounding": "chaque année les intérêts rejoignent le principal",
    "page": "Traitement {run}",
}

WORDS: Final = {"en": ENGLISH, "fr": FRENCH}
