"""The table `open_items` from its arrays: texts, disputes, financing, and what was claimed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.allocations import Allocations, posted_by
from encours_jobs.synthetic.amounts import STEP_MILLI, part_of
from encours_jobs.synthetic.calendar import DueDates
from encours_jobs.synthetic.columns import (
    NO_CODE,
    NO_DAY,
    NO_MONEY,
    Bytes,
    bytes_column,
    coded_column,
    date_column,
    flag_column,
    money_column,
    serial_column,
    text_pool,
    write_digits,
)
from encours_jobs.synthetic.customers import CustomerBook, customer_column
from encours_jobs.synthetic.documents import FURTHER_LINE, SPLIT_LINE, Documents
from encours_jobs.synthetic.draws import Choice, Days, Draws, Numbers
from encours_jobs.synthetic.items import CLOSED_IN_EXTRACT, REDUCED_IN_EXTRACT, Items

_SALES_FINANCING: Final = Choice((96.6, 0, 1.6, 1.1, 0.7))
_BILL_FINANCING: Final = Choice((70, 30))
_FORTY_MILLI: Final = 40_000

_TAX_PERCENT: Final = np.array([company.tax_percent for company in words.COMPANIES])
_COMPANY_COUNTRY: Final = np.array(
    [words.COUNTRY_CODES.index(company.country) for company in words.COMPANIES]
)
_COMPANY_WORD: Final = np.frombuffer(
    "".join(company.code for company in words.COMPANIES).encode("ascii"), dtype="<u4"
)
_PREFIX_WORD: Final = np.frombuffer(
    "".join((*words.DOCUMENT_PREFIXES, words.SPLIT_PREFIX)).encode("ascii"), dtype="<u4"
)
_HIGH_DIGITS: Final = np.frombuffer(
    b"".join(b"%02d" % number for number in range(100)), dtype="<u2"
)


@dataclass(frozen=True, slots=True)
class Extract:
    """What the extract says of the items of a chunk, and the balance depends on.

    open_amount  int64[n]  NO_MONEY where it says nothing
    financing    int32[n]  NO_CODE where it says nothing
    """

    open_amount: Numbers
    financing: npt.NDArray[np.int32]


def draw_extract(draws: Draws, items: Items, allocations: Allocations, as_of_day: int) -> Extract:
    """Draw what the extract says is open, and how it was financed."""
    return Extract(
        open_amount=_open_amounts(draws, items, allocations, as_of_day),
        financing=_financing(draws, items),
    )


def item_ids(documents: Documents, due_dates: DueDates, first: int) -> Bytes:
    """Give uint8[n, 20]: `1000-2026-0000000001`, company code, year and ledger row."""
    rows = documents.day.size
    texts = np.empty((rows, 20), dtype=np.uint8)
    year = due_dates.year_of(documents.day)
    years = np.arange(year.min(), year.max() + 1)
    year_text = b"".join(b"-%04d-00" % value for value in years)
    year_words = np.frombuffer(year_text, dtype="<u4").reshape(-1, 2)
    year_code = year - years[0]
    words32 = texts.view("<u4")
    words32[:, 0] = _COMPANY_WORD[documents.company]
    words32[:, 1] = year_words[:, 0][year_code]
    words32[:, 2] = year_words[:, 1][year_code]
    serial = np.arange(first + 1, first + 1 + rows, dtype=np.int64)
    high = serial // 100_000_000
    texts.view("<u2")[:, 5] = _HIGH_DIGITS[high]
    write_digits(texts, serial - high * 100_000_000, 8)
    return texts


def item_table(
    draws: Draws,
    items: Items,
    extract: Extract,
    ids: Bytes,
    book: CustomerBook,
    as_of_day: int,
) -> pa.Table:
    """Give one chunk of the table `open_items`; `ids` are those of `item_ids`."""
    documents = items.documents
    columns = {
        "item_id": bytes_column(ids),
        "company_code": coded_column(documents.company, _COMPANY_POOL),
        "customer_id": customer_column(documents.customer, book.count),
        "document_type": coded_column(documents.kind, text_pool(words.DOCUMENT_TYPES)),
        "document_number": _document_numbers(draws, documents),
        "document_date": date_column(documents.day),
        "posting_date": date_column(items.posting_day),
        "delivery_date": date_column(_delivery_days(draws, items)),
        "baseline_date": date_column(items.baseline_day),
        "due_date": date_column(items.shown_due_day),
        "original_due_date": date_column(items.original_due_day),
        "payment_terms": coded_column(items.terms, text_pool(words.TERMS_CODES)),
        "currency": coded_column(documents.currency, text_pool(words.CURRENCY_CODES)),
        "amount": money_column(items.amount),
        "tax_amount": money_column(_tax_amounts(draws, items, book)),
        "open_amount": money_column(extract.open_amount),
        "order_id": serial_column("ORD-", documents.order, 12, documents.order != NO_CODE),
        **_disputes(draws, items, as_of_day),
        "financing": coded_column(extract.financing, text_pool(words.FINANCINGS)),
        "interest_regime": coded_column(
            _sparse_codes(draws, 0.001, len(words.CONTRACT_REGIMES)),
            text_pool(words.CONTRACT_REGIMES),
        ),
        **_claimed(draws, items, as_of_day),
    }
    return pa.table(columns)


_COMPANY_POOL: Final = text_pool(tuple(company.code for company in words.COMPANIES))


def _document_numbers(draws: Draws, documents: Documents) -> pa.StringArray:
    """Give `INVO000000000042`; a few documents of one line have no number of their own."""
    texts = np.empty((documents.number.size, 16), dtype=np.uint8)
    split = documents.link == SPLIT_LINE
    prefix = np.where(split, len(words.DOCUMENT_PREFIXES), documents.kind)
    texts.view("<u4")[:, 0] = _PREFIX_WORD[prefix]
    write_digits(texts, documents.number + 1, 12)
    given = draws.chance(0.97) | (documents.link != 0)
    given[:-1] |= documents.link[1:] == FURTHER_LINE
    return bytes_column(np.take(texts, np.flatnonzero(given), axis=0), given)


def _sparse_codes(draws: Draws, share: float, codes: int) -> npt.NDArray[np.int32]:
    """Give a code to a share of the rows, NO_CODE to the others."""
    code = np.full(draws.rows, NO_CODE, dtype=np.int32)
    rows = np.flatnonzero(draws.chance(share))
    code[rows] = draws.below(codes, rows.size)
    return code


def _delivery_days(draws: Draws, items: Items) -> Days:
    """Give a delivery up to three weeks before the document to a third of the items."""
    day = np.full(draws.rows, NO_DAY, dtype=np.int32)
    rows = np.flatnonzero(draws.chance(0.35) & ~items.is_credit)
    day[rows] = items.documents.day[rows] - draws.below(21, rows.size)
    return day


def _tax_amounts(draws: Draws, items: Items, book: CustomerBook) -> Numbers:
    """Give the tax of the creditor's country, none across a border, null here and there."""
    documents = items.documents
    percent = _TAX_PERCENT[documents.company]
    abroad = book.country[documents.customer] != _COMPANY_COUNTRY[documents.company]
    percent[abroad] = 0
    step = STEP_MILLI[documents.currency]
    tax: Numbers = np.abs(items.amount) // step * percent // (100 + percent) * step
    np.negative(tax, out=tax, where=items.amount < 0)
    untaxed = (documents.kind == words.PAYMENT) | (documents.kind == words.INTEREST_NOTE)
    tax[untaxed | draws.chance(0.08)] = NO_MONEY
    return tax


def _open_amounts(draws: Draws, items: Items, allocations: Allocations, as_of_day: int) -> Numbers:
    """Give what the extract says is open: where it agrees with the allocations, or has none."""
    shown = np.full(draws.rows, NO_MONEY, dtype=np.int64)
    owner = allocations.owners.row
    remaining = items.amount[owner] - posted_by(allocations, as_of_day)
    told = draws.chance(0.5, owner.size)
    shown[owner[told]] = remaining[told]
    reduced = np.flatnonzero(items.fate == REDUCED_IN_EXTRACT)
    currency = items.documents.currency[reduced]
    size = np.abs(items.amount[reduced])
    part = part_of(size, draws.below(50_000, reduced.size) + 8_000, currency)
    shown[reduced] = part * np.sign(items.amount[reduced])
    shown[items.fate == CLOSED_IN_EXTRACT] = 0
    return shown


def _disputes(draws: Draws, items: Items, as_of_day: int) -> dict[str, pa.Array]:
    """Give disputes: of the whole or a part, some over, some only to come."""
    disputed = draws.chance(0.03)
    rows = np.flatnonzero(disputed)
    documents = items.documents
    amount = np.full(draws.rows, NO_MONEY, dtype=np.int64)
    partly = rows[draws.chance(0.4, rows.size)]
    share = draws.below(50_000, partly.size) + 8_000
    part = part_of(np.abs(items.amount[partly]), share, documents.currency[partly])
    amount[partly] = part * np.sign(items.amount[partly])
    begin = np.full(draws.rows, NO_DAY, dtype=np.int32)
    dated = rows[draws.chance(0.7, rows.size)]
    begin[dated] = documents.day[dated] + 5 + draws.below(40, dated.size)
    end = np.full(draws.rows, NO_DAY, dtype=np.int32)
    ended = dated[draws.chance(0.25, dated.size)]
    end[ended] = np.maximum(begin[ended], as_of_day - 30 + draws.below(90, ended.size))
    reason = np.full(draws.rows, NO_CODE, dtype=np.int32)
    reason[rows] = draws.below(len(words.DISPUTE_REASONS), rows.size)
    return {
        "disputed": flag_column(disputed, disputed | draws.chance(0.8)),
        "disputed_amount": money_column(amount),
        "disputed_from": date_column(begin),
        "disputed_to": date_column(end),
        "dispute_reason": coded_column(reason, text_pool(words.DISPUTE_REASONS)),
    }


def _financing(draws: Draws, items: Items) -> npt.NDArray[np.int32]:
    """Give how invoices and bills were sold or discounted; mostly nothing is said."""
    kind = items.documents.kind
    financing = np.full(draws.rows, NO_CODE, dtype=np.int32)
    invoices = np.flatnonzero((kind == words.INVOICE) & draws.chance(0.3))
    financing[invoices] = draws.choose(_SALES_FINANCING, invoices.size)
    bills = np.flatnonzero(kind == words.BILL_OF_EXCHANGE)
    financing[bills] = draws.choose(_BILL_FINANCING, bills.size)
    return financing


def _claimed(draws: Draws, items: Items, as_of_day: int) -> dict[str, pa.Array]:
    """Give interest and compensation already claimed for some of what was late."""
    late = (items.due_day < as_of_day - 10) & ~items.is_credit
    rows = np.flatnonzero(late & draws.chance(0.05))
    days = as_of_day - items.due_day[rows]
    claimed_days = draws.below(days.astype(np.int64), rows.size) + 1
    billed_to = np.full(draws.rows, NO_DAY, dtype=np.int32)
    billed_to[rows] = items.due_day[rows] + claimed_days
    # About the interest at 11 % a year, in 65,536ths of the amount.
    interest = part_of(
        np.abs(items.amount[rows]),
        claimed_days * (11 * 65_536) // 36_500,
        items.documents.currency[rows],
    )
    billed = np.full(draws.rows, NO_MONEY, dtype=np.int64)
    told = draws.chance(0.5, rows.size)
    billed[rows[told]] = interest[told]
    indemnity = np.full(draws.rows, NO_MONEY, dtype=np.int64)
    indemnity[rows[draws.chance(0.5, rows.size)]] = _FORTY_MILLI
    return {
        "interest_billed_to": date_column(billed_to),
        "interest_billed_amount": money_column(billed),
        "indemnity_billed_amount": money_column(indemnity),
    }
