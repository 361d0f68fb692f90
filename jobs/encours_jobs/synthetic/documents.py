"""Documents: who owes, to whom, in what currency, since when; alone, in lines, or far apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.columns import NO_CODE
from encours_jobs.synthetic.customers import CustomerBook
from encours_jobs.synthetic.draws import Choice, Codes, Days, Draws, Numbers, Quantiles
from encours_jobs.synthetic.plan import SPLIT_STREAM, Plan

# How a row belongs to its document: alone (or the first of several), a further line of the
# document before it, the credit that clears the invoice before it, or a line of a document whose
# lines are far apart.
ALONE, FURTHER_LINE, CLEARING_CREDIT, SPLIT_LINE = range(4)

SPLIT_ROWS: Final = 1 << 20
"""Lines that stand far apart occur among so many rows: extracts go document by document."""

_LINK_CHOICE: Final = Choice((95.4, 4.2, 0.35, 0.05))
_TYPE_CHOICE: Final = Choice((84, 2, 5, 3, 2, 3, 1))
_COMPANY_CURRENCY: Final = np.array(
    [words.CURRENCY_CODES.index(company.currency) for company in words.COMPANIES], dtype=np.int8
)


def _age_quantiles() -> Quantiles:
    """Give the days since the document: most are young, a few nearly time-barred."""
    points = {0.0: 0, 0.3: 18, 0.6: 48, 0.8: 85, 0.92: 160, 0.98: 400, 0.997: 900, 1.0: 1_850}
    shares = np.linspace(0.0, 1.0, Quantiles.KNOTS)
    days = np.interp(shares, list(points), list(points.values()))
    return Quantiles(np.floor(days).astype(np.int64))


_AGE_DAYS: Final = _age_quantiles()


@dataclass(frozen=True, slots=True)
class SplitDocuments:
    """Documents whose lines stand far apart in the ledger, by number."""

    customer: npt.NDArray[np.int32]
    company: Codes
    currency: Codes
    document_day: Days


@dataclass(slots=True)
class Documents:
    """The document of each row of a chunk.

    number      int64[n]  what the document number is made of: the ledger row of its first line,
                          or the number of a split document where `link` says so
    first_line  int32[n]  row in the chunk of the first line (of the invoice for a clearing credit)
    order       int64[n]  order of a down payment, NO_CODE for none
    """

    link: Codes
    number: Numbers
    first_line: Days
    customer: npt.NDArray[np.int32]
    company: Codes
    currency: Codes
    kind: Codes
    day: Days
    order: Numbers


def build_split_documents(plan: Plan, book: CustomerBook) -> SplitDocuments:
    """Draw the facts that the far lines of a document share."""
    draws = Draws(plan.seed, SPLIT_STREAM, 0, plan.split_documents)
    customer = book.pick(draws.bits32())
    return SplitDocuments(
        customer=customer,
        company=book.company[customer],
        currency=book.currency[customer],
        document_day=(plan.as_of_day - draws.spread(_AGE_DAYS)).astype(np.int32),
    )


def draw_documents(
    draws: Draws, plan: Plan, book: CustomerBook, splits: SplitDocuments, first: int
) -> Documents:
    """Draw the documents of one chunk; `first` is the ledger row that it begins with."""
    link = _links(draws)
    if first >= SPLIT_ROWS:
        link[link == SPLIT_LINE] = ALONE
    kind = draws.choose(_TYPE_CHOICE)
    customer = book.pick(draws.bits32())
    order = _orders(draws, plan, kind, link)
    ordered = np.flatnonzero(order >= 0)
    customer[ordered] = book.of_order(order[ordered], plan.seed)
    company, currency = _company_and_currency(draws, book, customer, order)
    rows = np.arange(draws.rows, dtype=np.int32)
    documents = Documents(
        link=link,
        number=rows + np.int64(first),
        first_line=rows,
        customer=customer,
        company=company,
        currency=currency,
        kind=kind,
        day=_document_days(draws, plan.as_of_day),
        order=order,
    )
    _repeat_first_lines(documents)
    _pair_clearing_credits(draws, documents, plan.as_of_day)
    _join_splits(draws, documents, splits)
    return documents


def _links(draws: Draws) -> Codes:
    """Give how each row belongs to its document, with impossible neighbours taken apart."""
    link = draws.choose(_LINK_CHOICE)
    link[0] = ALONE
    before, after = link[:-1], link[1:]
    after[(after == CLEARING_CREDIT) & (before != ALONE)] = ALONE
    after[(after == FURTHER_LINE) & (before >= CLEARING_CREDIT)] = ALONE
    return link


def _orders(draws: Draws, plan: Plan, kind: Codes, link: Codes) -> Numbers:
    """Give the order of most down payments; they stand alone, with their order's customer."""
    order = np.full(draws.rows, NO_CODE, dtype=np.int64)
    alone = link == ALONE
    alone[:-1] &= link[1:] == ALONE
    paid = np.flatnonzero((kind == words.DOWN_PAYMENT) & alone)
    paid = paid[draws.chance(0.75, paid.size)]
    order[paid] = draws.below(plan.orders, paid.size)
    return order


def _company_and_currency(
    draws: Draws, book: CustomerBook, customer: npt.NDArray[np.int32], order: Numbers
) -> tuple[Codes, Codes]:
    """Give mostly the customer's usual entity and currency, always so where an order is named."""
    free = order < 0
    company = book.company[customer]
    elsewhere = np.flatnonzero(draws.chance(0.12) & free)
    company[elsewhere] = book.second_company[customer[elsewhere]]
    currency = book.currency[customer]
    at_home = np.flatnonzero(draws.chance(0.08) & free)
    currency[at_home] = _COMPANY_CURRENCY[company[at_home]]
    return company, currency


def _document_days(draws: Draws, as_of_day: int) -> Days:
    """Give the dates of documents; a few are dated after the as-of date."""
    day = (as_of_day - draws.spread(_AGE_DAYS)).astype(np.int32)
    ahead = np.flatnonzero(draws.chance(0.003))
    day[ahead] = as_of_day + 1 + draws.below(5, ahead.size)
    return day


def _repeat_first_lines(documents: Documents) -> None:
    """Give further lines, and clearing credits, what the first line of their document has."""
    link = documents.link
    joined = (link == FURTHER_LINE) | (link == CLEARING_CREDIT)
    documents.first_line = np.maximum.accumulate(np.where(joined, 0, documents.first_line))
    rows = np.flatnonzero(joined)
    heads = documents.first_line[rows]
    for column in (documents.customer, documents.company, documents.currency, documents.day):
        column[rows] = column[heads]
    further = np.flatnonzero(link == FURTHER_LINE)
    heads = documents.first_line[further]
    documents.number[further] = documents.number[heads]
    documents.kind[further] = documents.kind[heads]


def _pair_clearing_credits(draws: Draws, documents: Documents, as_of_day: int) -> None:
    """Make each pair an invoice and a credit note or payment, dated before the as-of date."""
    credit = np.flatnonzero(documents.link == CLEARING_CREDIT)
    by_note = draws.chance(0.7, credit.size)
    documents.kind[credit] = np.where(by_note, words.CREDIT_NOTE, words.PAYMENT)
    documents.kind[credit - 1] = words.INVOICE
    for rows in (credit, credit - 1):
        documents.day[rows] = np.minimum(documents.day[rows], as_of_day - 1)


def _join_splits(draws: Draws, documents: Documents, splits: SplitDocuments) -> None:
    """Give the far lines of a document its facts."""
    rows = np.flatnonzero(documents.link == SPLIT_LINE)
    number = draws.below(splits.customer.size, rows.size)
    documents.number[rows] = number
    documents.kind[rows] = words.INVOICE
    documents.customer[rows] = splits.customer[number]
    documents.company[rows] = splits.company[number]
    documents.currency[rows] = splits.currency[number]
    documents.day[rows] = splits.document_day[number]
