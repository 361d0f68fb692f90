"""The sentences of breaches: a code, the values in it, and the text in each language.

A published breach carries the code, the values and the English sentence; `render_message` gives
the sentence in another language from the same values.
"""

from __future__ import annotations

import re
from enum import StrEnum
from string import Formatter
from typing import TYPE_CHECKING, Final

from encours_schemas.names import nearest_name

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES: Final = ("en", "fr")
AS_WRITTEN: Final = ("item", "customer", "group", "term", "kind", "decided_by", "reason")
"""Values that are no numbers or dates, whatever they look like."""


class MessageCode(StrEnum):
    """What a breach says; the rule's own id where it says one thing only."""

    LIMIT_EXCEEDED = "limit_exceeded"
    LIMIT_HOLD_KEPT = "limit_hold_kept"
    TOTAL_LIMIT_EXCEEDED = "total_limit_exceeded"
    TOTAL_LIMIT_HOLD_KEPT = "total_limit_hold_kept"
    GROUP_LIMIT_EXCEEDED = "group_limit_exceeded"
    GROUP_LIMIT_HOLD_KEPT = "group_limit_hold_kept"
    INSURED_LIMIT_EXCEEDED = "insured_limit_exceeded"
    FULL_COVER_MISSING = "full_cover_missing"
    FULL_COVER_HOLD_KEPT = "full_cover_hold_kept"
    COVER_STOPPED = "cover_stopped"
    INSURER_NOTIFICATION = "insurer_notification"
    INSURER_NOTIFICATION_DUE = "insurer_notification_due"
    INSURED_LIMIT_REDUCED = "insured_limit_reduced"
    INSURED_COVER_ENDING = "insured_cover_ending"
    GUARANTEE_ENDING = "guarantee_ending"
    OVERDUE_AGE = "overdue_age"
    OVERDUE_AGE_HOLD_KEPT = "overdue_age_hold_kept"
    OVERDUE_SHARE = "overdue_share"
    LIMIT_MISSING = "limit_missing"
    LIMIT_EXPIRED = "limit_expired"
    TEMPORARY_LIMIT_ENDING = "temporary_limit_ending"
    INSOLVENCY_LIQUIDATION = "insolvency_liquidation"
    INSOLVENCY_REORGANISATION = "insolvency_reorganisation"
    CLAIM_FILING = "claim_filing"
    CLAIM_FILING_MISSED = "claim_filing_missed"
    MANUAL_HOLD = "manual_hold"
    MANUAL_HOLD_DECIDED = "manual_hold_decided"
    DUE_DATE_MOVED = "due_date_moved"
    TERMS_EXCEED_LEGAL = "terms_exceed_legal"
    DOCUMENT_VALUE = "document_value"
    CONCENTRATION = "concentration"
    LIMITATION = "limitation"
    CURED = "cured"


_EN: Final[dict[MessageCode, str]] = {
    MessageCode.LIMIT_EXCEEDED: (
        "Exposure {exposure} {currency} is above {share} % of the limit {limit} {currency}."
    ),
    MessageCode.LIMIT_HOLD_KEPT: (
        "Exposure {exposure} {currency} is not above {share} % of the limit {limit} {currency} any "
        "more; the hold ends below {release} % of it."
    ),
    MessageCode.TOTAL_LIMIT_EXCEEDED: (
        "Exposure {exposure} {currency} over all credit segments is above {share} % of the limit "
        "{limit} {currency} that they share."
    ),
    MessageCode.TOTAL_LIMIT_HOLD_KEPT: (
        "Exposure {exposure} {currency} over all credit segments is not above {share} % of the "
        "limit {limit} {currency} that they share any more; the hold ends below {release} % of it."
    ),
    MessageCode.GROUP_LIMIT_EXCEEDED: (
        "Exposure {exposure} {currency} of group {group} is above {share} % of the group's limit "
        "{limit} {currency}."
    ),
    MessageCode.GROUP_LIMIT_HOLD_KEPT: (
        "Exposure {exposure} {currency} of group {group} is not above {share} % of the group's "
        "limit {limit} {currency} any more; the hold ends below {release} % of it."
    ),
    MessageCode.INSURED_LIMIT_EXCEEDED: (
        "Insurable exposure {exposure} {currency} is above the insured limit {limit} {currency}; "
        "{uncovered} {currency} are not covered."
    ),
    MessageCode.FULL_COVER_MISSING: (
        "The credit segment requires full cover: insurable exposure {exposure} {currency} is above "
        "the insured limit {limit} {currency}; {uncovered} {currency} are not covered."
    ),
    MessageCode.FULL_COVER_HOLD_KEPT: (
        "Insurable exposure {exposure} {currency} is not above the insured limit {limit} "
        "{currency} any more; the hold ends below {release} % of it."
    ),
    MessageCode.COVER_STOPPED: (
        "The insurer covers no delivery since {since}: item {item} is too late."
    ),
    MessageCode.INSURER_NOTIFICATION: (
        "Late insured items to declare to the insurer: {count}, over {amount} {currency}; the "
        "first by {notify_by}."
    ),
    MessageCode.INSURER_NOTIFICATION_DUE: (
        "Late insured items to declare to the insurer: {count}, over {amount} {currency}; the "
        "last day of the first was {notify_by}."
    ),
    MessageCode.INSURED_LIMIT_REDUCED: (
        "The insured limit fell from {before} to {after} {currency} since the run of {run_date}."
    ),
    MessageCode.INSURED_COVER_ENDING: "Insured cover of {amount} {currency} ends on {ends_on}.",
    MessageCode.GUARANTEE_ENDING: "A guarantee ends on {ends_on}; guaranteed: {amount} {currency}.",
    MessageCode.OVERDUE_AGE: (
        "The oldest net late item, {item}, is {days} days past due: more than {threshold}."
    ),
    MessageCode.OVERDUE_AGE_HOLD_KEPT: (
        "The oldest net late item, {item}, is {days} days past due, not more than {threshold}; the "
        "hold ends below {release} days."
    ),
    MessageCode.OVERDUE_SHARE: (
        "{overdue} {currency} of {receivables} {currency} receivables are late, net: more than "
        "{share} %."
    ),
    MessageCode.LIMIT_MISSING: "Exposure {exposure} {currency} has no credit limit.",
    MessageCode.LIMIT_EXPIRED: (
        "Exposure {exposure} {currency} has no credit limit in force; the last one ended on "
        "{ended_on}."
    ),
    MessageCode.TEMPORARY_LIMIT_ENDING: (
        "A temporary limit ends on {ends_on}; exposure {exposure} {currency} is above the limit "
        "{limit} {currency} that is left then."
    ),
    MessageCode.INSOLVENCY_LIQUIDATION: (
        "Customer {customer} is in liquidation since {since}: nothing is delivered any more."
    ),
    MessageCode.INSOLVENCY_REORGANISATION: (
        "Customer {customer} is under {kind} since {since}: new orders against cash in advance "
        "only. Running contracts need a person's decision; they may not be refused for prior "
        "debts."
    ),
    MessageCode.CLAIM_FILING: (
        "Claims on customer {customer} must be declared in the proceedings by {last_day}."
    ),
    MessageCode.CLAIM_FILING_MISSED: (
        "Claims on customer {customer} had to be declared in the proceedings by {last_day}."
    ),
    MessageCode.MANUAL_HOLD: "A person has put customer {customer} on hold.",
    MessageCode.MANUAL_HOLD_DECIDED: "{decided_by} has put customer {customer} on hold: {reason}",
    MessageCode.DUE_DATE_MOVED: (
        "Items due later than in the run of {run_date}: {count}, over {amount} {currency}, by up "
        "to {days} days."
    ),
    MessageCode.TERMS_EXCEED_LEGAL: (
        "Open items with a term ({term}) beyond the legal cap: {count}, over {amount} {currency}, "
        "by up to {days} days."
    ),
    MessageCode.DOCUMENT_VALUE: (
        "Open documents above {cap} {currency}: {count}; the largest is {amount} {currency}."
    ),
    MessageCode.CONCENTRATION: (
        "Exposure {exposure} {currency} is {share} % of the total exposure: more than {threshold} "
        "%."
    ),
    MessageCode.LIMITATION: (
        "Items that become time-barred within {within} days: {count}, over {amount} {currency}; "
        "the first after {last_day}."
    ),
    MessageCode.CURED: "No longer found.",
}

_FR: Final[dict[MessageCode, str]] = {
    MessageCode.LIMIT_EXCEEDED: (
        "L'encours de {exposure} {currency} dépasse {share} % du plafond de {limit} {currency}."
    ),
    MessageCode.LIMIT_HOLD_KEPT: (
        "L'encours de {exposure} {currency} ne dépasse plus {share} % du plafond de {limit} "
        "{currency} ; le blocage cesse en dessous de {release} %."
    ),
    MessageCode.TOTAL_LIMIT_EXCEEDED: (
        "L'encours de {exposure} {currency}, tous périmètres confondus, dépasse {share} % du "
        "plafond commun de {limit} {currency}."
    ),
    MessageCode.TOTAL_LIMIT_HOLD_KEPT: (
        "L'encours de {exposure} {currency}, tous périmètres confondus, ne dépasse plus {share} % "
        "du plafond commun de {limit} {currency} ; le blocage cesse en dessous de {release} %."
    ),
    MessageCode.GROUP_LIMIT_EXCEEDED: (
        "L'encours de {exposure} {currency} du groupe {group} dépasse {share} % du plafond du "
        "groupe de {limit} {currency}."
    ),
    MessageCode.GROUP_LIMIT_HOLD_KEPT: (
        "L'encours de {exposure} {currency} du groupe {group} ne dépasse plus {share} % du plafond "
        "du groupe de {limit} {currency} ; le blocage cesse en dessous de {release} %."
    ),
    MessageCode.INSURED_LIMIT_EXCEEDED: (
        "L'encours assurable de {exposure} {currency} dépasse l'agrément de {limit} {currency} ; "
        "{uncovered} {currency} ne sont pas couverts."
    ),
    MessageCode.FULL_COVER_MISSING: (
        "Le périmètre exige une couverture totale : l'encours assurable de {exposure} {currency} "
        "dépasse l'agrément de {limit} {currency} ; {uncovered} {currency} ne sont pas couverts."
    ),
    MessageCode.FULL_COVER_HOLD_KEPT: (
        "L'encours assurable de {exposure} {currency} ne dépasse plus l'agrément de {limit} "
        "{currency} ; le blocage cesse en dessous de {release} %."
    ),
    MessageCode.COVER_STOPPED: (
        "L'assureur ne couvre plus les livraisons depuis le {since} : le retard du poste {item} "
        "est trop long."
    ),
    MessageCode.INSURER_NOTIFICATION: (
        "Postes assurés en retard à déclarer à l'assureur : {count}, pour {amount} {currency} ; le "
        "premier au plus tard le {notify_by}."
    ),
    MessageCode.INSURER_NOTIFICATION_DUE: (
        "Postes assurés en retard à déclarer à l'assureur : {count}, pour {amount} {currency} ; le "
        "délai du premier a expiré le {notify_by}."
    ),
    MessageCode.INSURED_LIMIT_REDUCED: (
        "L'agrément est passé de {before} à {after} {currency} depuis l'arrêté du {run_date}."
    ),
    MessageCode.INSURED_COVER_ENDING: (
        "L'agrément, de {amount} {currency} en tout, prend fin le {ends_on}."
    ),
    MessageCode.GUARANTEE_ENDING: (
        "Une garantie prend fin le {ends_on} ; garanties en tout : {amount} {currency}."
    ),
    MessageCode.OVERDUE_AGE: (
        "Le plus ancien poste net en retard, {item}, est échu depuis {days} jours, soit plus de "
        "{threshold}."
    ),
    MessageCode.OVERDUE_AGE_HOLD_KEPT: (
        "Le plus ancien poste net en retard, {item}, est échu depuis {days} jours, pas plus de "
        "{threshold} ; le blocage cesse en dessous de {release} jours."
    ),
    MessageCode.OVERDUE_SHARE: (
        "{overdue} {currency} sur {receivables} {currency} de créances sont en retard, en net : "
        "plus de {share} %."
    ),
    MessageCode.LIMIT_MISSING: "L'encours de {exposure} {currency} n'a pas de plafond.",
    MessageCode.LIMIT_EXPIRED: (
        "L'encours de {exposure} {currency} n'a plus de plafond en vigueur ; le dernier a pris fin "
        "le {ended_on}."
    ),
    MessageCode.TEMPORARY_LIMIT_ENDING: (
        "Une dérogation prend fin le {ends_on} ; l'encours de {exposure} {currency} dépasse le "
        "plafond de {limit} {currency} qui restera alors."
    ),
    MessageCode.INSOLVENCY_LIQUIDATION: (
        "Le client {customer} est en liquidation depuis le {since} : plus aucune livraison."
    ),
    MessageCode.INSOLVENCY_REORGANISATION: (
        "Le client {customer} est en procédure collective ({kind}) depuis le {since} : nouvelles "
        "commandes au comptant seulement. Les contrats en cours demandent la décision d'une "
        "personne ; ils ne peuvent être refusés pour des créances antérieures."
    ),
    MessageCode.CLAIM_FILING: (
        "Les créances sur le client {customer} sont à déclarer au plus tard le {last_day}."
    ),
    MessageCode.CLAIM_FILING_MISSED: (
        "Les créances sur le client {customer} étaient à déclarer au plus tard le {last_day}."
    ),
    MessageCode.MANUAL_HOLD: "Le client {customer} a été bloqué par une personne.",
    MessageCode.MANUAL_HOLD_DECIDED: "{decided_by} a bloqué le client {customer} : {reason}",
    MessageCode.DUE_DATE_MOVED: (
        "Échéances plus tardives que dans l'arrêté du {run_date} : {count}, pour {amount} "
        "{currency}, de {days} jours au plus."
    ),
    MessageCode.TERMS_EXCEED_LEGAL: (
        "Postes ouverts avec un délai ({term}) au-delà du plafond légal : {count}, pour {amount} "
        "{currency}, de {days} jours au plus."
    ),
    MessageCode.DOCUMENT_VALUE: (
        "Pièces ouvertes au-dessus de {cap} {currency} : {count} ; la plus élevée est de {amount} "
        "{currency}."
    ),
    MessageCode.CONCENTRATION: (
        "L'encours de {exposure} {currency} représente {share} % de l'encours total, soit plus de "
        "{threshold} %."
    ),
    MessageCode.LIMITATION: (
        "Postes prescrits dans les {within} jours : {count}, pour {amount} {currency} ; le premier "
        "après le {last_day}."
    ),
    MessageCode.CURED: "N'est plus constaté.",
}

TEMPLATES: Final[dict[str, dict[MessageCode, str]]] = {"en": _EN, "fr": _FR}


def template_parts(template: str) -> tuple[tuple[str, str], ...]:
    """Part a sentence into (text, name of the value behind it); the last name may be empty."""
    return tuple((text, name or "") for text, name, _, _ in Formatter().parse(template))


def value_names(code: MessageCode) -> tuple[str, ...]:
    """Name the values of a sentence, each once, in the order of the English one."""
    return tuple(dict.fromkeys(name for _, name in template_parts(_EN[code]) if name))


def render_message(code: str, values: Mapping[str, str], language: str = "en") -> str:
    """Give the sentence of a code in a language, its numbers and dates written as is usual there.

    values  as published: amounts with a point, dates as YYYY-MM-DD

    An unknown code or language is a KeyError that names the nearest one.
    """
    if language not in TEMPLATES:
        near = nearest_name(language, LANGUAGES)
        message = f"no messages in language {language}; did you mean {near or 'en'}?"
        raise KeyError(message)
    known = MessageCode(code)
    shown = {name: values.get(name, "") for name in value_names(known)}
    if language == "fr":
        shown = {
            name: text if name in AS_WRITTEN else _in_french(text) for name, text in shown.items()
        }
    return TEMPLATES[language][known].format(**shown)


def _in_french(text: str) -> str:
    """Write an amount or a date the French way; any other text stays."""
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        whole, _, decimals = text.partition(".")
        grouped = re.sub(r"(?<=\d)(?=(\d{3})+$)", "\u202f", whole)
        return f"{grouped},{decimals}" if decimals else grouped
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        year, month, day = text.split("-")
        return f"{day}/{month}/{year}"
    return text
