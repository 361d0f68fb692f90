"""Items and allocations that a case tells instead of listing: sentences, ways to pay, rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from tests.peers.arithmetic import amount_of
from tests.peers.cases import Fields, Question, day_of
from tests.peers.contract_rate import CURRENCY_BY_LAW, country_of_law
from tests.peers.decide import EARLIER_RUN, NoSuchFeatureError, feature_of_key

Made = dict[str, Any]

HANDLED_ENTRY_KEYS: Final = frozenset(
    {
        "after",
        "allocations",
        "amount",
        "annual_rate_pct",
        "as_of",
        "contractual",
        "date",
        "due_date",
        "known_allocations",
        "payment",
        "payment_rule",
        "term",
    }
)
ORDER_TOTAL: Final = "100"
_ITEMS_RULE: Final = re.compile(
    r"for k = (\d+)\.\.(\d+) four open invoices of (\d+)\*k, "
    r"two due on as_of - (\d+)\(k-1\) days and two due one day later"
)
_INVOICE: Final = re.compile(r"invoice ([0-9.]+)")
_RECEIPT: Final = re.compile(r"receipt ([0-9.]+) allocated")
# How often the open amount of every debit is applied by an event: a return takes it back.
_SETTLED_TIMES: Final = {"paid": 1, "payment returned": -1, "return cancelled": 1}


def complete(question: Question) -> Question:
    """Give the question with every item and allocation written out.

    Raises NoSuchFeatureError for a sentence that has no meaning here.
    """
    if question.unresolved:
        raise NoSuchFeatureError("a reference to a case that is not in the file")
    for key in question.entry.keys() - HANDLED_ENTRY_KEYS:
        raise NoSuchFeatureError(feature_of_key("entry", key))
    for item in question.items:
        _refuse_without(item, ("id", "type", "amount", "currency"), "items")
    for row in question.allocations:
        _refuse_without(row, ("to", "amount", "date"), "allocations")
    items = [*question.items, *_ruled_items(question), *_step_payments(question)]
    items += _told_items(question)
    allocations = [*question.allocations, *_told_allocations(question, items)]
    known = question.entry.get("known_allocations")
    if known is not None:
        allocations = [row for row in allocations if row.get("from") in known]
    return replace(question, items=items, allocations=allocations)


def _refuse_without(row: Fields, keys: tuple[str, ...], rows: str) -> None:
    """Refuse a row that says too little to stand in a ledger."""
    for key in keys:
        if row.get(key) is None:
            raise NoSuchFeatureError(f"{rows} without {key}")


def sentences(question: Question) -> list[str]:
    """Give what has happened by this step, in the peer's words."""
    steps = [*question.earlier, question.entry]
    return [str(step["after"]) for step in steps if step.get("after")]


def _invoice(amount: str, **more: str) -> Made:
    return {"id": "INV", "type": "invoice", "amount": amount, "currency": "EUR", **more}


def _ruled_items(question: Question) -> list[Made]:
    """Make the items that a case gives as a rule, or that its question needs to be asked at all."""
    rule = question.case.get("items_rule")
    if rule is not None:
        match = _ITEMS_RULE.fullmatch(str(rule))
        if match is None:
            raise NoSuchFeatureError("items given as a sentence")
        return _series_of_items(question, *map(int, match.groups()))
    if question.kind == "rate_table" and question.entry.get("date"):
        day = day_of(question.entry["date"])
        currency = CURRENCY_BY_LAW.get(country_of_law(question), "EUR")
        return [_invoice("1000", due_date=str(day - timedelta(days=1)), currency=currency)]
    if any(EARLIER_RUN.fullmatch(key) for key in question.expected):
        return [_invoice(ORDER_TOTAL, doc_date=str(question.as_of - timedelta(days=365)))]
    return []


def _series_of_items(
    question: Question, first: int, last: int, amount: int, days: int
) -> list[Made]:
    return [
        {
            "id": f"{k}-{number}",
            "type": "invoice",
            "amount": str(amount * k),
            "currency": "EUR",
            "due_date": str(question.as_of - timedelta(days=days * (k - 1) - number // 2)),
        }
        for k in range(first, last + 1)
        for number in range(4)
    ]


def _step_payments(question: Question) -> list[Made]:
    """Make a payment that nobody has applied yet of every step's `payment`."""
    return [
        {
            "id": f"PAYMENT{number}",
            "type": "payment",
            "amount": f"-{step['payment']}",
            "currency": str(question.items[0]["currency"]),
            "doc_date": step["as_of"],
        }
        for number, step in enumerate([*question.earlier, question.entry])
        if step.get("payment")
    ]


def _told_items(question: Question) -> list[Made]:
    made: list[Made] = []
    if "payment_rule" in question.entry:
        made.append(_invoice(ORDER_TOTAL))
    for sentence in sentences(question):
        if match := _INVOICE.fullmatch(sentence):
            made.append(_invoice(match[1]))
        elif match := _RECEIPT.fullmatch(sentence):
            made.append(_invoice(f"-{match[1]}", id="PAY", type="payment"))
        elif sentence != "allocation deleted" and sentence not in _SETTLED_TIMES:
            raise NoSuchFeatureError(f'event "{sentence}"')
    return made


def _told_allocations(question: Question, items: list[Mapping[str, Any]]) -> list[Made]:
    """Make the allocations that the sentences so far, or the way to pay, stand for."""
    day = question.as_of.isoformat()
    told = sentences(question)
    rule = question.entry.get("payment_rule", "on credit")
    made: list[Made] = []
    if rule == "cash":
        made.append({"from": "CASH", "to": "INV", "amount": ORDER_TOTAL, "date": day})
    elif rule != "on credit":
        raise NoSuchFeatureError(f'payment rule "{rule}"')
    for sentence in told:
        match = _RECEIPT.fullmatch(sentence)
        if match and "allocation deleted" not in told:
            made.append({"from": "PAY", "to": "INV", "amount": match[1], "date": day})
        if sentence in _SETTLED_TIMES:
            times = Decimal(_SETTLED_TIMES[sentence])
            made += [
                {"to": item["id"], "amount": str(amount_of(item) * times), "date": day}
                for item in items
                if amount_of(item) > 0
            ]
    return made
