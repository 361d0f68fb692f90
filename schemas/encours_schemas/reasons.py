"""Reason codes: why a row stands in the quarantine, and why an item bears no interest."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why a row of the input was put in the quarantine."""

    MISSING_VALUE = "missing_value"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    NOT_IN_LIST = "not_in_list"
    TOO_PRECISE = "too_precise"
    TOO_LARGE = "too_large"
    UNKNOWN_CURRENCY = "unknown_currency"
    UNKNOWN_COUNTRY = "unknown_country"
    UNKNOWN_CUSTOMER = "unknown_customer"
    UNKNOWN_ITEM = "unknown_item"
    UNKNOWN_REGIME = "unknown_regime"
    UNKNOWN_TERMS = "unknown_terms"
    DUPLICATE_KEY = "duplicate_key"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"
    CURRENCY_MISMATCH = "currency_mismatch"
    WRONG_FIELD_COUNT = "wrong_field_count"
    NOT_TEXT = "not_text"
    MISSING_DUE_DATE = "missing_due_date"
    MISSING_PARENT = "missing_parent"
    PARENT_CYCLE = "parent_cycle"
    PARENT_QUARANTINED = "parent_quarantined"
    DUE_BEFORE_DOCUMENT = "due_before_document"
    OPEN_AMOUNT_DIFFERS = "open_amount_differs"
    OVERLAPPING = "overlapping"
    REFUSED_BY_LAYOUT = "refused_by_layout"
    MISSING_JOIN = "missing_join"
    AMBIGUOUS_JOIN = "ambiguous_join"


REASON_MEANING: Final[dict[Reason, str]] = {
    Reason.MISSING_VALUE: "A required column has no value.",
    Reason.WRONG_TYPE: "The value cannot be read as the column's type in the declared dialect.",
    Reason.OUT_OF_RANGE: "A date, number or percentage lies outside what the column allows.",
    Reason.NOT_IN_LIST: "The value is not one of the column's allowed values.",
    Reason.TOO_PRECISE: "The amount has more decimals than its currency or the column can hold.",
    Reason.TOO_LARGE: "The number has more digits than the column can hold.",
    Reason.UNKNOWN_CURRENCY: "The currency is not an ISO 4217 code.",
    Reason.UNKNOWN_COUNTRY: "The country is not an ISO 3166-1 alpha-2 code.",
    Reason.UNKNOWN_CUSTOMER: "The customer has no row in `customers`.",
    Reason.UNKNOWN_ITEM: "The item that the row names does not exist in `open_items`.",
    Reason.UNKNOWN_REGIME: "The interest regime is not on file.",
    Reason.UNKNOWN_TERMS: "The payment term is not one that the contract defines.",
    Reason.DUPLICATE_KEY: "An identical copy of an earlier row; the first one stays.",
    Reason.CONFLICTING_DUPLICATE: "Rows of the same key differ, so none of them is taken.",
    Reason.CURRENCY_MISMATCH: "The currency is not that of the item that the row belongs to.",
    Reason.WRONG_FIELD_COUNT: "The line has more or fewer fields than the header.",
    Reason.NOT_TEXT: "The bytes are not text in the declared encoding, or contain a NUL.",
    Reason.MISSING_DUE_DATE: "There is no due date, and none can be derived.",
    Reason.MISSING_PARENT: "The parent has no row: the link is dropped and the customer stays.",
    Reason.PARENT_CYCLE: "The parents form a cycle: the link is dropped and the customer stays.",
    Reason.PARENT_QUARANTINED: "The row that this one belongs to was itself quarantined.",
    Reason.DUE_BEFORE_DOCUMENT: "The due date lies before the document date; the row stays.",
    Reason.OPEN_AMOUNT_DIFFERS: (
        "The extract's open amount differs from the allocations at the extract date; "
        "the allocations decide and the row stays."
    ),
    Reason.OVERLAPPING: "Two rows say different things for the same days, so neither is taken.",
    Reason.REFUSED_BY_LAYOUT: "The layout says that such a row must not be taken.",
    Reason.MISSING_JOIN: "The row that this one refers to in another source is not there.",
    Reason.AMBIGUOUS_JOIN: "Several rows of another source answer to this one.",
}

# Findings that warn (`kept` in the quarantine): the row stays in the outputs and does not count
# against `input.max_rejected`.
KEPT_REASONS: Final = frozenset(
    {
        Reason.MISSING_PARENT,
        Reason.PARENT_CYCLE,
        Reason.DUE_BEFORE_DOCUMENT,
        Reason.OPEN_AMOUNT_DIFFERS,
    }
)


class NoInterestReason(StrEnum):
    """Why an item bears no penalty interest; the first that applies, in this order."""

    CREDIT = "credit"
    INTEREST_NOTE = "interest_note"
    NOT_LATE = "not_late"
    CONSUMER = "consumer"
    INTRAGROUP = "intragroup"
    NO_REGIME = "no_regime"
    INSOLVENCY = "insolvency"
    WITHIN_GRACE = "within_grace"
    DISPUTED = "disputed"
    BELOW_MINIMUM = "below_minimum"


NO_INTEREST_MEANING: Final[dict[NoInterestReason, str]] = {
    NoInterestReason.CREDIT: (
        "The item is a credit: a credit note, a payment, a down payment, or a negative amount."
    ),
    NoInterestReason.INTEREST_NOTE: "Interest bears no interest.",
    NoInterestReason.NOT_LATE: "There is no day after the due date with principal still open.",
    NoInterestReason.CONSUMER: "The customer is a consumer.",
    NoInterestReason.INTRAGROUP: "The customer belongs to the creditor's own group.",
    NoInterestReason.NO_REGIME: "No late-payment regime applies.",
    NoInterestReason.INSOLVENCY: "All late days lie on or after the opening of proceedings.",
    NoInterestReason.WITHIN_GRACE: "The delay is within the grace days.",
    NoInterestReason.DISPUTED: "The whole open amount is disputed; its interest is suspended.",
    NoInterestReason.BELOW_MINIMUM: "The interest is below the minimum claim.",
}
