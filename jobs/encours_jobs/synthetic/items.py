"""Open items: the terms, dates and amounts of each row, and what happened to it since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.amounts import draw_amounts
from encours_jobs.synthetic.calendar import DueDates
from encours_jobs.synthetic.columns import NO_CODE, NO_DAY
from encours_jobs.synthetic.customers import CustomerBook
from encours_jobs.synthetic.documents import (
    ALONE,
    CLEARING_CREDIT,
    FURTHER_LINE,
    SPLIT_LINE,
    Documents,
)
from encours_jobs.synthetic.draws import Choice, Codes, Days, Draws, Mask, Numbers

# What happened to an item since.
(
    UNTOUCHED,
    PARTLY_PAID,
    SETTLED_LATE,
    SETTLED_IN_TIME,
    PAYMENT_RETURNED,
    OVER_APPLIED,
    REDUCED_IN_EXTRACT,
    CLOSED_IN_EXTRACT,
    CLEARED,
) = range(9)

_FATE_CHOICE: Final = Choice((61, 17.5, 9.5, 8, 0.7, 0.06, 3.1, 0.14))
_CREDIT_FATE_CHOICE: Final = Choice((88, 12))
_TERMS_CHOICE: Final = Choice(tuple(terms.weight for terms in words.PAYMENT_TERMS))


@dataclass(slots=True)
class Items:
    """One chunk of items as arrays of codes, day numbers and thousandths.

    terms          int8[n]   as in the extract, NO_CODE where it gives none
    posting_day    int32[n]  NO_DAY where the extract gives none; likewise `baseline_day`,
                             `original_due_day` and `shown_due_day`
    due_day        int32[n]  also where the extract leaves it out
    fate           int8[n]   what happened since
    """

    documents: Documents
    is_credit: Mask
    terms: Codes
    posting_day: Days
    baseline_day: Days
    due_day: Days
    shown_due_day: Days
    original_due_day: Days
    amount: Numbers
    fate: Codes


def draw_items(
    draws: Draws, documents: Documents, book: CustomerBook, due_dates: DueDates, as_of_day: int
) -> Items:
    """Draw terms, dates, amounts and fates for the documents of one chunk."""
    kind = documents.kind
    is_credit = (kind >= words.CREDIT_NOTE) & (kind <= words.DOWN_PAYMENT)
    effective, shown = _terms(draws, book.terms[documents.customer], is_credit)
    amount = draw_amounts(draws, documents.currency)
    np.negative(amount, out=amount, where=is_credit)
    items = Items(
        documents=documents,
        is_credit=is_credit,
        terms=shown,
        posting_day=_posting_days(draws, documents.day),
        baseline_day=_baseline_days(draws, documents),
        due_day=documents.day,
        shown_due_day=documents.day,
        original_due_day=np.full(draws.rows, NO_DAY, dtype=np.int32),
        amount=amount,
        fate=_fates(draws, documents, is_credit),
    )
    _set_due_days(draws, items, effective, due_dates)
    _fit_fates(items, as_of_day)
    _reverse_some_signs(draws, items)
    return items


def _terms(draws: Draws, usual: Codes, is_credit: Mask) -> tuple[Codes, Codes]:
    """Give each item's term, and what the extract says: often nothing where it is the usual one."""
    unusual = draws.chance(0.12) | (usual == NO_CODE)
    effective = np.where(unusual, draws.choose(_TERMS_CHOICE), usual)
    hidden = ~unusual & draws.chance(0.35) | is_credit & draws.chance(0.8)
    return effective, np.where(hidden, np.int8(NO_CODE), effective)


def _posting_days(draws: Draws, document_day: Days) -> Days:
    """Give posting dates for a third of the items; a few lie after the as-of date."""
    day = np.full(draws.rows, NO_DAY, dtype=np.int32)
    rows = np.flatnonzero(draws.chance(0.35))
    day[rows] = document_day[rows] + draws.below(5, rows.size)
    return day


def _baseline_days(draws: Draws, documents: Documents) -> Days:
    """Give a start of the term of its own to a few documents, the same on all their lines."""
    day = np.full(draws.rows, NO_DAY, dtype=np.int32)
    rows = np.flatnonzero(draws.chance(0.04) & (documents.link != SPLIT_LINE))
    day[rows] = documents.day[rows] + draws.below(12, rows.size)
    further = np.flatnonzero(documents.link == FURTHER_LINE)
    day[further] = day[documents.first_line[further]]
    return day


def _set_due_days(draws: Draws, items: Items, effective: Codes, due_dates: DueDates) -> None:
    """Set due dates from terms; instalments a month apart; some moved later, some left out."""
    documents = items.documents
    start = np.where(items.baseline_day == NO_DAY, documents.day, items.baseline_day)
    due = due_dates.due(effective, start)
    further = np.flatnonzero(documents.link == FURTHER_LINE)
    heads = documents.first_line[further]
    months = np.where(documents.number[further] % 2 == 0, further - heads, 0)
    due[further] = due[heads] + 30 * months
    np.copyto(due, documents.day, where=items.is_credit)
    moved = np.flatnonzero(draws.chance(0.015) & ~items.is_credit)
    items.original_due_day[moved] = due[moved]
    due[moved] += draws.below(46, moved.size).astype(np.int32) + 15
    given = np.where(items.is_credit, draws.chance(0.5), draws.chance(0.92))
    given[moved] = True
    given[further] = True
    given[documents.kind == words.BILL_OF_EXCHANGE] = True
    items.due_day = due
    items.shown_due_day = np.where(given, due, np.int32(NO_DAY))


def _fates(draws: Draws, documents: Documents, is_credit: Mask) -> Codes:
    """Draw what happened to each item since."""
    fate = draws.choose(_FATE_CHOICE)
    credit = np.flatnonzero(is_credit)
    fate[credit] = draws.choose(_CREDIT_FATE_CHOICE, credit.size)
    fate[documents.order >= 0] = UNTOUCHED
    cleared = np.flatnonzero(documents.link == CLEARING_CREDIT)
    fate[cleared] = CLEARED
    fate[cleared - 1] = CLEARED
    return fate


def _fit_fates(items: Items, as_of_day: int) -> None:
    """Take back what cannot have happened: nothing is paid late before it is late."""
    fate = items.fate
    fate[(fate == SETTLED_LATE) & (items.due_day >= as_of_day)] = SETTLED_IN_TIME
    fate[(items.documents.day >= as_of_day) & (fate != CLEARED)] = UNTOUCHED
    touched = np.flatnonzero(fate != UNTOUCHED)
    items.posting_day[touched] = np.minimum(items.posting_day[touched], as_of_day)


def _reverse_some_signs(draws: Draws, items: Items) -> None:
    """Turn a few untouched rows round: negative invoices and positive credit notes exist."""
    odd = draws.chance(0.0006) & (items.fate == UNTOUCHED)
    odd &= (items.documents.link == ALONE) & (items.documents.order < 0)
    rows = np.flatnonzero(odd)
    items.amount[rows] *= -1
