"""The ways in which rows of a ledger are bad: what each changes, and why it is then refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from encours_schemas.reasons import KEPT_REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

Value: TypeAlias = "Decimal | date | str | bool | None"
Variant: TypeAlias = "Mapping[str, Value]"

# Rows that a recipe may start from. The two kinds of plain items never meet, so that a bad
# allocation never belongs to a bad item.
PLAIN, PLAIN_EURO, PARTLY_PAID, NEW = "plain", "plain euro", "partly paid", "new"

_FAR: Final = date(9999, 12, 31)
_NEGATIVE: Final = Decimal("-5.000")
_TOO_PRECISE: Final = Decimal("10.005")
_HALF_YEN: Final = Decimal("1.500")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to be bad.

    variants   columns and their new values, taken in turn
    source     the rows that it starts from
    copies     further identical (or, with variants, different) rows of the same key
    text_only  what only a text file can hold
    """

    reason: Reason
    variants: tuple[Variant, ...]
    source: str = PLAIN
    is_copy: bool = False
    text_only: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the row stays in the outputs, with a warning in the quarantine."""
        return self.reason in KEPT_REASONS

    @property
    def refused_rows(self) -> int:
        """How many rows one defect costs: of two that differ, none is taken."""
        if self.is_kept:
            return 0
        return 2 if self.reason is Reason.CONFLICTING_DUPLICATE else 1


def item_recipes(as_of: date, customer_without_terms: str | None) -> tuple[Recipe, ...]:
    """Give the ways in which items are bad."""
    document = as_of - timedelta(days=40)
    early_due: Variant = {
        "document_date": document,
        "due_date": document - timedelta(days=10),
        "posting_date": None,
        "delivery_date": None,
        "baseline_date": None,
        "original_due_date": None,
        "interest_billed_to": None,
    }
    recipes = [
        _missing("amount", "currency", "customer_id", "document_type", "document_date"),
        Recipe(Reason.OUT_OF_RANGE, ({"due_date": _FAR}, {"document_date": date(1, 1, 1)})),
        Recipe(Reason.NOT_IN_LIST, ({"document_type": "invoise"}, {"financing": "pledged"})),
        Recipe(
            Reason.TOO_PRECISE,
            (
                {"currency": "EUR", "amount": _TOO_PRECISE, "tax_amount": None},
                {"currency": "JPY", "amount": _HALF_YEN, "tax_amount": None},
            ),
        ),
        Recipe(Reason.UNKNOWN_CURRENCY, ({"currency": "ZZZ"}, {"currency": "EURO"})),
        Recipe(Reason.UNKNOWN_CUSTOMER, ({"customer_id": "NOBODY-1"}, {"customer_id": "NOBODY-2"})),
        Recipe(Reason.UNKNOWN_REGIME, ({"interest_regime": "ZZ_business"},)),
        Recipe(Reason.UNKNOWN_TERMS, ({"payment_terms": "30 days", "due_date": None},)),
        Recipe(Reason.DUPLICATE_KEY, ({},), is_copy=True),
        Recipe(Reason.CONFLICTING_DUPLICATE, ({"amount": Decimal("1.000")},), is_copy=True),
        Recipe(Reason.PARENT_QUARANTINED, ({"document_type": "invoise"},), source=PARTLY_PAID),
        Recipe(Reason.DUE_BEFORE_DOCUMENT, (early_due,)),
        Recipe(
            Reason.OPEN_AMOUNT_DIFFERS, ({"open_amount": Decimal("0.000")},), source=PARTLY_PAID
        ),
        Recipe(
            Reason.WRONG_TYPE,
            ({"amount": "12,50 EUR"}, {"document_date": "31/10/2026"}, {"disputed": "maybe"}),
            text_only=True,
        ),
        Recipe(Reason.TOO_LARGE, ({"amount": "1234567890123456.00"},), text_only=True),
    ]
    if customer_without_terms is not None:
        nowhere: Variant = {
            "customer_id": customer_without_terms,
            "payment_terms": None,
            "due_date": None,
        }
        recipes.append(Recipe(Reason.MISSING_DUE_DATE, (nowhere,)))
    return tuple(recipes)


def allocation_recipes() -> tuple[Recipe, ...]:
    """Give the ways in which allocations are bad; all are further rows of items without any."""
    good: Variant = {
        "amount": Decimal("1.000"),
        "currency": None,
        "kind": None,
        "posting_date": None,
        "clearing_id": None,
    }

    def bad(reason: Reason, *variants: Variant, text_only: bool = False) -> Recipe:
        return Recipe(
            reason,
            tuple({**good, **variant} for variant in variants),
            source=PLAIN_EURO,
            text_only=text_only,
        )

    return (
        bad(Reason.UNKNOWN_ITEM, {"item_id": "0000-0000-0000000000"}),
        bad(Reason.MISSING_VALUE, {"amount": None}, {"value_date": None}, {"item_id": None}),
        bad(Reason.CURRENCY_MISMATCH, {"currency": "USD"}),
        bad(Reason.TOO_PRECISE, {"amount": _TOO_PRECISE}),
        bad(Reason.NOT_IN_LIST, {"kind": "refund"}),
        bad(Reason.UNKNOWN_CURRENCY, {"currency": "ZZZ"}),
        bad(Reason.OUT_OF_RANGE, {"value_date": _FAR}),
        bad(Reason.WRONG_TYPE, {"amount": "one"}, {"value_date": "13.01.2026"}, text_only=True),
        bad(Reason.TOO_LARGE, {"amount": "1234567890123456.00"}, text_only=True),
    )


def other_recipes() -> dict[str, tuple[Recipe, ...]]:
    """Give the ways in which rows of the other tables are bad."""
    copies = (
        Recipe(Reason.DUPLICATE_KEY, ({},), is_copy=True),
        Recipe(Reason.CONFLICTING_DUPLICATE, ({"amount": Decimal("1.000")},), is_copy=True),
    )
    currency = Recipe(Reason.UNKNOWN_CURRENCY, ({"currency": "ZZZ"},))
    too_precise: Variant = {"currency": "EUR", "amount": _TOO_PRECISE}
    return {
        "commitments": (
            _missing("amount", "customer_id", "kind", "currency"),
            Recipe(
                Reason.OUT_OF_RANGE,
                ({"amount": _NEGATIVE}, {"expected_date": _FAR}, {"prepaid_amount": _NEGATIVE}),
            ),
            Recipe(Reason.NOT_IN_LIST, ({"kind": "quotation"},)),
            Recipe(Reason.TOO_PRECISE, ({**too_precise, "prepaid_amount": None},)),
            *copies,
            currency,
            Recipe(Reason.UNKNOWN_CUSTOMER, ({"customer_id": "NOBODY-3"},)),
        ),
        "customers": _customer_recipes(),
        "credit_limits": (
            _missing("amount", "valid_from", "kind", "currency", "party_id"),
            Recipe(
                Reason.OUT_OF_RANGE,
                ({"amount": _NEGATIVE}, {"coverage_percent": Decimal("150.000000000")}),
            ),
            Recipe(Reason.NOT_IN_LIST, ({"kind": "verbal"}, {"scope": "world"})),
            currency,
        ),
        "sales": (_missing("amount_incl_tax", "month", "currency"), currency),
    }


def _customer_recipes() -> tuple[Recipe, ...]:
    """Give the ways in which customers are bad; all are customers without items."""

    def bad(reason: Reason, *variants: Variant) -> Recipe:
        return Recipe(reason, variants, source=NEW)

    return (
        bad(Reason.UNKNOWN_COUNTRY, {"country": "ZZ"}),
        bad(Reason.NOT_IN_LIST, {"insolvency_kind": "bankrupt"}),
        bad(Reason.MISSING_VALUE, {"country": None}),
        bad(Reason.UNKNOWN_REGIME, {"interest_regime": "ZZ_business"}),
        Recipe(Reason.DUPLICATE_KEY, ({},), source=NEW, is_copy=True),
        Recipe(Reason.CONFLICTING_DUPLICATE, ({"name": "Conflict"},), source=NEW, is_copy=True),
        bad(Reason.MISSING_PARENT, {"parent_id": "NOBODY-4"}),
        bad(Reason.PARENT_CYCLE, {}),
    )


def _missing(*columns: str) -> Recipe:
    return Recipe(Reason.MISSING_VALUE, tuple({column: None} for column in columns))
