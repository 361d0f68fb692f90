"""What is declared: features that the engine does not have, rules that it decides otherwise.

Both are told by what a case *says* (its kind, its keys, its values), never by its name, so that
another file of the same form is judged by the same table.

A feature that is missing ends a case as `no such feature`; whatever else the case asks is compared
all the same. A rule says what the engine gives instead, worked out from the case alone: the engine
must give exactly that, and it must differ from the peer's figure, or the declaration is out of
date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tests.peers.arithmetic import (
    amount_of,
    balances_after_due_date,
    claimed_too_much,
    interest_once,
    is_posted_by,
    is_without_debtor,
    lateness,
    open_amount,
    open_amounts_now_and_later,
)
from tests.peers.cases import Fields, Question

ABSENT: Final = "not listed"
EARLIER_RUN: Final = re.compile(r"run_at_as_of_minus_(\d+)_days")


class NoSuchFeatureError(Exception):
    """A part of a case that the engine has no feature for; the message is the feature's name."""


@dataclass(frozen=True)
class Figure:
    """One compared value: where it stands in the case, what the peer says, what we give."""

    path: str
    peer: Any
    ours: Any
    item: str = ""


@dataclass(frozen=True)
class Feature:
    """Something that a case needs and the engine does not offer.

    kinds, keys  it is needed by every case of the kind, or where a configuration, item, entry or
                 expectation has the key
    """

    name: str
    where: str
    kinds: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rule:
    """A rule of ours that gives another figure than the peer's.

    applies  whether the rule bears on this figure of this question
    ours     what the rule gives, from the case alone
    """

    name: str
    where: str
    reason: str
    applies: Callable[[Question, Figure], bool]
    ours: Callable[[Question, Figure], Any]


CREDIT_LIMITS: Final = Feature(
    "credit limits (limits issue)",
    "DOMAIN 7",
    keys=frozenset(
        {
            "available",
            "category_limit",
            "compare",
            "credit_status",
            "exceeded",
            "zero_limit_means",
            "include",
            "limit",
            "limit_active",
            "limit_currency_units_per_order_unit",
            "total_including_document",
        }
    ),
)

FEATURES: Final = (
    CREDIT_LIMITS,
    Feature(
        "dunning levels",
        "ROADMAP: dunning proposals",
        kinds=frozenset({"dunning_level"}),
        keys=frozenset(
            {"dunned", "levels_days_after_due", "levels_overdue_days", "min_days_between"}
        ),
    ),
    Feature(
        "fees",
        "DOMAIN 6: interest and fixed compensation alone",
        keys=frozenset(
            {
                "eur_rate",
                "fee",
                "fee_amount",
                "fee_currency",
                "fees",
                "item_currency",
                "reminder_dates",
                "reminder_fee",
            }
        ),
    ),
    Feature(
        "booking of claims",
        "DOMAIN 6: what was claimed is an input",
        keys=frozenset({"claim_of_9999"}),
    ),
    Feature(
        "paying behaviour",
        "DOMAIN 9",
        keys=frozenset({"average_days_late", "paid_days_after_due", "round"}),
    ),
    Feature("periods of a hold", "DOMAIN 8", kinds=frozenset({"dispute_hold"})),
    Feature("draft documents", "TABLES 1: a ledger holds posted items", keys=frozenset({"draft"})),
    Feature(
        "order of settlement",
        "DOMAIN 3: the engine allocates nothing",
        keys=frozenset({"receipts", "receipts_on_claims_only", "settlement_order"}),
    ),
    Feature(
        "documents under check",
        "DOMAIN 10: what-if is later",
        keys=frozenset({"documents"}),
    ),
)


def feature_of_kind(kind: str) -> Feature | None:
    """Give the feature that every case of this kind needs, if there is one."""
    return next((feature for feature in FEATURES if kind in feature.kinds), None)


def declared_feature(key: str) -> str | None:
    """Name the declared feature behind a key, if there is one."""
    return next((feature.name for feature in FEATURES if key in feature.keys), None)


def feature_of_key(part: str, key: str) -> str:
    """Name the feature behind a key; a key that nobody declared is named itself."""
    return declared_feature(key) or f'{part} "{key}"'


def feature_of_input(part: str, key: str, value: str = "") -> str:
    """Name the declared feature behind a part of the input, without which the rest still runs.

    Raises NoSuchFeatureError for a key that nobody declared: what it asks for is not known, so
    that no figure of the question can be compared.
    """
    feature = declared_feature(key)
    if feature is None:
        raise NoSuchFeatureError(f'{part} "{key}"{value}')
    return feature


def _item_of(question: Question, figure: Figure) -> Fields | None:
    return next((item for item in question.items if str(item["id"]) == figure.item), None)


def _of_rows(holds: Callable[[Question, Fields], bool]) -> Callable[[Question, Figure], bool]:
    """Give whether a figure is a row of an item of which this holds, or a list with one."""

    def applies(question: Question, figure: Figure) -> bool:
        if figure.path == "listed":
            items = [item for item in question.items if _label(item) in figure.peer]
        else:
            item = _item_of(question, figure) if figure.path.startswith("rows[") else None
            items = [] if item is None else [item]
        return any(holds(question, item) for item in items)

    return applies


def _label(item: Fields) -> str:
    """Give the name by which a peer's list shows an item."""
    return str(item.get("account") or item["id"])


def _is_later(question: Question, item: Fields) -> bool:
    return not is_posted_by(item, question.as_of)


def _is_orphan(_question: Question, item: Fields) -> bool:
    return is_without_debtor(item)


def _without(question: Question, figure: Figure, state: str) -> Any:
    """Give why a row is missing; of a list, what it leaves of the peer's."""
    if figure.path != "listed":
        return state
    gone = {
        _label(item)
        for item in question.items
        if _is_later(question, item) or is_without_debtor(item)
    }
    return [label for label in figure.peer if label not in gone]


def _undivided(question: Question, figure: Figure) -> list[Decimal]:
    """Give what is open of the whole invoice, at the rate of its booking where that is asked."""
    item = _item_of(question, figure) or {}
    rate = item.get("fx_rate_at_booking", 1) if "base_" in figure.path else 1
    return [open_amount(question, item) * Decimal(str(rate))]


def _by_our_convention(question: Question, figure: Figure) -> Decimal:
    """Give the interest, or the days that bear it, as DOMAIN 6 counts and rounds them."""
    days = lateness(question)["days_past_due"]
    return Decimal(days) if figure.path == "days" else interest_once(question)


def _later_at_booking_rate(question: Question, figure: Figure) -> Decimal:
    """Convert what is applied later, or what it leaves, at the one rate that the items have."""
    rate = Decimal(str(question.items[0]["fx_rate_at_booking"]))
    now, then = open_amounts_now_and_later(question)
    return (now - then if figure.path == "base.future_amount" else then) * rate


RULES: Final = (
    Rule(
        "an item exists from its posting date",
        "DOMAIN 3",
        "A document posted after the as-of date is not listed, not even its surplus.",
        applies=_of_rows(_is_later),
        ours=lambda question, figure: _without(question, figure, ABSENT),
    ),
    Rule(
        "a row without debtor is bad input",
        "TABLES 1",
        "`customer_id` is required: the row stands in the quarantine, not in the tables.",
        applies=_of_rows(_is_orphan),
        ours=lambda question, figure: _without(
            question, figure, "quarantined: missing_value (customer_id)"
        ),
    ),
    Rule(
        "one extract row per instalment",
        "DOMAIN 3",
        "The engine splits no payment over instalments: the invoice stands with its whole rest.",
        applies=lambda question, figure: (
            figure.path.endswith("by instalment")
            and [sum(map(Decimal, figure.peer), Decimal(0))] == _undivided(question, figure)
        ),
        ours=_undivided,
    ),
    Rule(
        "amounts are converted at the as-of rate",
        "DOMAIN 4",
        "A rate of the payment's own makes an exchange difference, which belongs to the books.",
        applies=lambda question, figure: (
            figure.path in {"base.future_amount", "base.remaining_after_future"}
            and any(row.get("fx_rate") for row in question.allocations)
            and _later_at_booking_rate(question, figure) != Decimal(str(figure.peer))
        ),
        ours=_later_at_booking_rate,
    ),
    Rule(
        "a return restores the receivable",
        "DOMAIN 3 and 5",
        "A returned payment makes the item open again; exposure has no category of its own for it.",
        applies=lambda _question, figure: figure.path == "payment_return",
        ours=lambda question, _figure: {
            "component": "receivables",
            "amount": _restored(question),
        },
    ),
    Rule(
        "an invoice needs a due date or a term",
        "DOMAIN 3",
        "Without either it is bad input; the document date is no silent default.",
        applies=lambda question, figure: (
            figure.path == "due_date" and question.config.get("term") == "none"
        ),
        ours=lambda _question, _figure: "quarantined: missing_due_date (due_date)",
    ),
    Rule(
        "a negative invoice counts as a credit note",
        "DOMAIN 3",
        "It is accepted, reduces what the customer owes and bears no interest.",
        applies=lambda question, figure: (
            figure.path == "validation"
            and figure.peer == "error"
            and len(question.items) == 1
            and bool(question.items[0].get("due_date"))
            and amount_of(question.items[0]) < 0
        ),
        ours=lambda _question, _figure: "accepted",
    ),
    Rule(
        "over-application is kept and warned about",
        "DOMAIN 3",
        "The item stays, with the open amount of the opposite sign that it has.",
        applies=lambda question, figure: (
            figure.path == "validation"
            and figure.peer == "error"
            and any(amount_of(item) > 0 > open_amount(question, item) for item in question.items)
        ),
        ours=lambda _question, _figure: "accepted",
    ),
    Rule(
        "a payment before the due date reduces the principal",
        "DOMAIN 6",
        "P(d) is the open amount with every earlier allocation taken off.",
        applies=lambda question, figure: (
            figure.path == "payments_used"
            and any(
                str(row["date"]) <= str(item.get("due_date") or "")
                for row in question.allocations
                for item in question.items
            )
        ),
        ours=lambda question, _figure: balances_after_due_date(question),
    ),
    Rule(
        "what was claimed is set against the whole interest",
        "DOMAIN 6",
        "Claims are not judged window by window: the correction is the difference to date.",
        applies=lambda question, figure: (
            bool(question.case.get("claims")) and figure.path in {"lawful", "to_reverse"}
        ),
        ours=claimed_too_much,
    ),
    Rule(
        "days past due are counted from the due date",
        "DOMAIN 4",
        "Days of grace delay a claim for interest; the days past due know none.",
        applies=lambda question, figure: (
            figure.path in {"days_past_due", "delinquent_since", "delinquent_amount"}
            and question.kind == "days_past_due"
            and all(item.get("due_date") for item in question.items[:1])
            and Decimal(str(question.config.get("grace_days") or 0)) > 0
            and str(lateness(question)[figure.path]) != str(figure.peer)
        ),
        ours=lambda question, figure: lateness(question)[figure.path],
    ),
    Rule(
        "interest runs from the day after the due date and is rounded once",
        "DOMAIN 6",
        "Another first day or another rounding is the peer's own convention.",
        applies=lambda question, figure: (
            figure.path in {"days", "interest", "new_interest", "total_to_date"}
            and not question.earlier
            and all(item.get("due_date") for item in question.items[:1])
            and _has_another_convention(question)
            and _by_our_convention(question, figure) != Decimal(str(figure.peer))
        ),
        ours=_by_our_convention,
    ),
    Rule(
        "a run of an earlier date is allowed",
        "DOMAIN 8, TABLES 3",
        "Any date can be computed again; the hold files of an older date are empty.",
        applies=lambda _question, figure: figure.path == "earlier run",
        ours=lambda _question, _figure: "published",
    ),
)


def _has_another_convention(question: Question) -> bool:
    first_day = question.config.get("first_interest_day", "day after due date")
    rounding = question.config.get("rounding", "once, on the cumulative amount")
    return first_day != "day after due date" or rounding != "once, on the cumulative amount"


def _restored(question: Question) -> Decimal:
    """Give what is open again: everything after a return that still stands, else nothing."""
    total = sum(map(amount_of, question.items), Decimal(0))
    return total if question.entry.get("after") == "payment returned" else Decimal(0)


def rule_for(question: Question, figure: Figure) -> Rule | None:
    """Give the declared rule that bears on a figure, if there is one."""
    return next((rule for rule in RULES if rule.applies(question, figure)), None)
