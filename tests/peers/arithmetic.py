"""What the rules of the field give for a case, worked out from the case alone, in exact arithmetic.

Used where the engine is declared to differ from a peer: the engine must then give this figure. It
knows nothing of the engine.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from tests.naive.laws import day_weight
from tests.peers.cases import Fields, Question, day_of


def amount_of(row: Fields) -> Decimal:
    """Give the amount of an item or an allocation."""
    return Decimal(str(row["amount"]))


def posting_day(row: Fields) -> date | None:
    """Give the first day on which the ledger knows an item or an allocation, if the case says."""
    if row.get("recorded_after"):
        return day_of(row["recorded_after"]) + timedelta(days=1)
    text = row.get("posting_date") or row.get("doc_date") or row.get("date")
    return day_of(text) if text else None


def is_posted_by(row: Fields, as_of: date) -> bool:
    """Whether the ledger knows it at the end of the day; undated rows are always known."""
    day = posting_day(row)
    return day is None or day <= as_of


def is_without_debtor(item: Fields) -> bool:
    """Whether the case says that nobody owes it."""
    return "party" in item and item["party"] is None


def _applied(question: Question, item: Fields, row: Fields) -> Decimal:
    """Give what one allocation takes off an item, without sign; a return takes off less than none.

    From an item that is applied to another one, or to a credit, the amount is taken as it stands.
    """
    if not is_posted_by(row, question.as_of):
        return Decimal(0)
    if row.get("to") == item["id"]:
        return amount_of(row) if amount_of(item) >= 0 else abs(amount_of(row))
    return abs(amount_of(row)) if row.get("from") == item["id"] else Decimal(0)


def open_amount(question: Question, item: Fields) -> Decimal:
    """Give the open amount of an item at the question's as-of date."""
    amount = amount_of(item)
    applied = sum((_applied(question, item, row) for row in question.allocations), Decimal(0))
    return amount - applied if amount >= 0 else amount + applied


def open_amounts_now_and_later(question: Question) -> tuple[Decimal, Decimal]:
    """Give what is open at the as-of date, and once every allocation of the case is posted."""
    later = replace(question, as_of_given=max([question.as_of, *question.days]))
    return tuple(  # type: ignore[return-value]
        sum((open_amount(asked, item) for item in question.items), Decimal(0))
        for asked in (question, later)
    )


def lateness(question: Question) -> dict[str, Any]:
    """Give how late the case's first item is, since when and with how much; no grace counts."""
    item = question.items[0]
    due = day_of(item["due_date"])
    days = (question.as_of - due).days
    return {
        "days_past_due": max(days, 0),
        "delinquent_since": due.isoformat() if days > 0 else None,
        "delinquent_amount": open_amount(question, item) if days > 0 else Decimal(0),
    }


def _principal_before(question: Question, item: Fields, day: date) -> Decimal:
    """Give the principal of a day: what is known at the as-of date and valued before it."""
    applied = sum(
        (
            amount_of(row)
            for row in question.allocations
            if row.get("to") == item["id"]
            and is_posted_by(row, question.as_of)
            and day_of(row["date"]) < day
        ),
        Decimal(0),
    )
    return max(amount_of(item) - applied, Decimal(0))


DAY_COUNTS: Final = {
    "actual/365": "ACT/365F",
    "actual/360": "ACT/360",
    "actual/actual": "ACT/ACT",
    "30/360": "30E/360",
}
"""The peers' names of day counts, and ours."""


def interest_once(question: Question) -> Decimal:
    """Give the interest of the first item: each day of (due, as-of] by its weight, rounded once."""
    item = question.items[0]
    due = day_of(item["due_date"])
    rate = Fraction(str(question.config.get("annual_rate_pct", 0))) / 100
    day_count = DAY_COUNTS[question.config.get("day_count", "actual/365")]
    total = Fraction(0)
    for number in range(1, (question.as_of - due).days + 1):
        day = due + timedelta(days=number)
        principal = Fraction(_principal_before(question, item, day))
        total += principal * rate * day_weight(day_count, day)
    return _rounded(total)


def balances_after_due_date(question: Question) -> list[Decimal]:
    """Give the principals that bear interest, in order, each once until it changes."""
    item = question.items[0]
    due = day_of(item["due_date"])
    balances: list[Decimal] = []
    for number in range(1, (question.as_of - due).days + 1):
        principal = _principal_before(question, item, due + timedelta(days=number))
        if principal > 0 and balances[-1:] != [principal]:
            balances.append(principal)
    return balances


def claimed_too_much(question: Question, figure: Any) -> Decimal:
    """Give the whole interest to date, or what was claimed beyond it."""
    whole = interest_once(question)
    if figure.path == "lawful":
        return whole
    claimed = sum(
        (amount_of(claim) for claim in question.case["claims"] if claim.get("posted")), Decimal(0)
    )
    return max(claimed - whole, Decimal(0))


def _rounded(value: Fraction) -> Decimal:
    """Round to the cent, half away from zero."""
    cents = int(abs(value) * 100 + Fraction(1, 2))
    return Decimal(cents if value >= 0 else -cents) / 100
