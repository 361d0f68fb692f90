"""Customers: a few with very many items and a long tail with one, in groups up to four deep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.columns import (
    NO_CODE,
    NO_DAY,
    bytes_column,
    coded_column,
    compacted,
    date_column,
    flag_column,
    serial_bytes,
    text_pool,
)
from encours_jobs.synthetic.draws import Choice, Codes, Draws, Mask, Numbers, Quantiles, scrambled
from encours_jobs.synthetic.plan import CUSTOMER_STREAM, ORDER_SALT, Plan

# Share of the items of the customer of rank x: (x + offset) ** -exponent. The largest of many
# customers then has about one item in a hundred, and the last about one item.
_RANK_OFFSET: Final = 50.0
_RANK_EXPONENT: Final = 1.5
_FAMILY: Final = 32

_COMPANY_CHOICE: Final = Choice(tuple(company.weight for company in words.COMPANIES))
_COUNTRY_CHOICE: Final = Choice(tuple(country.weight for country in words.COUNTRIES))
_CURRENCY_CHOICE: Final = Choice(tuple(currency.weight for currency in words.CURRENCIES))
_TERMS_CHOICE: Final = Choice(tuple(terms.weight for terms in words.PAYMENT_TERMS))
_RISK_CHOICE: Final = Choice((20, 35, 28, 12, 5))
_SEGMENT_CHOICE: Final = Choice((30, 25, 20, 15, 10))
_INSOLVENCY_CHOICE: Final = Choice((2, 3, 5))

_COMPANY_COUNTRY: Final = np.array(
    [words.COUNTRY_CODES.index(company.country) for company in words.COMPANIES], dtype=np.int8
)
_COUNTRY_CURRENCY: Final = np.array(
    [words.CURRENCY_CODES.index(country.currency) for country in words.COUNTRIES], dtype=np.int8
)
# Only these have a regime for public buyers or lend theirs to them without surprise.
_PUBLIC_COUNTRIES: Final = np.array(
    [words.COUNTRY_CODES.index(code) for code in ("FR", "DE", "IT", "ES", "BE")]
)


@dataclass(frozen=True, slots=True)
class CustomerBook:
    """What other tables need to know of every customer, by customer number.

    customer_of_rank  int32[n]  the customer of each rank by size
    rank              int32[n]  the rank of each customer
    second_company    int8[n]   where a part of the business is done
    terms             int8[n]   payment term, NO_CODE for none
    """

    count: int
    customer_of_rank: npt.NDArray[np.int32]
    rank: npt.NDArray[np.int32]
    ranks: Quantiles
    company: Codes
    second_company: Codes
    country: Codes
    currency: Codes
    terms: Codes

    def pick(self, bits: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]:
        """Give a customer for each draw, the large ones far more often."""
        return self.customer_of_rank[self.ranks.at(bits)]

    def of_order(self, orders: Numbers, seed: int) -> npt.NDArray[np.int32]:
        """Give the customer of each order number."""
        bits = scrambled(orders, seed * 16 + ORDER_SALT) >> np.uint64(32)
        return self.pick(bits.astype(np.uint32))


def build_customer_book(plan: Plan) -> CustomerBook:
    """Draw the facts of all customers that their items, orders and limits depend on."""
    count = plan.customers
    draws = Draws(plan.seed, CUSTOMER_STREAM, 0, count)
    customer_of_rank = draws.order(count).astype(np.int32)
    rank = np.empty(count, dtype=np.int32)
    rank[customer_of_rank] = np.arange(count, dtype=np.int32)
    company = draws.choose(_COMPANY_CHOICE)
    abroad = draws.chance(0.3)
    country = np.where(abroad, draws.choose(_COUNTRY_CHOICE), _COMPANY_COUNTRY[company])
    foreign = draws.chance(0.12)
    currency = np.where(foreign, draws.choose(_CURRENCY_CHOICE), _COUNTRY_CURRENCY[country])
    return CustomerBook(
        count=count,
        customer_of_rank=customer_of_rank,
        rank=rank,
        ranks=_rank_quantiles(count),
        company=company,
        second_company=draws.choose(_COMPANY_CHOICE),
        country=country,
        currency=currency,
        terms=np.where(draws.chance(0.95), draws.choose(_TERMS_CHOICE), np.int8(NO_CODE)),
    )


def _rank_quantiles(count: int) -> Quantiles:
    """Give the quantiles of the rank of an item's customer."""
    shares = np.linspace(0.0, 1.0, Quantiles.KNOTS)
    power = 1.0 - _RANK_EXPONENT
    first, last = _RANK_OFFSET**power, (_RANK_OFFSET + count) ** power
    ranks = (first + shares * (last - first)) ** (1.0 / power) - _RANK_OFFSET
    return Quantiles(np.clip(np.floor(ranks), 0, count - 1).astype(np.int64))


def expected_items(book: CustomerBook, items: int, customers: Numbers) -> Numbers:
    """Give how many items each of these customers has on average, in thousandths."""
    power = 1.0 - _RANK_EXPONENT
    whole = _RANK_OFFSET**power - (_RANK_OFFSET + book.count) ** power
    share = (book.rank[customers] + _RANK_OFFSET) ** -_RANK_EXPONENT * -power / whole
    expected: Numbers = np.floor(share * (items * 1000)).astype(np.int64)
    return expected


def customer_ids(customers: Numbers) -> pa.StringArray:
    """Give the ids of customer numbers: ten digits with leading zeros."""
    return bytes_column(serial_bytes("00", customers + 1, 8))


def customer_column(customers: npt.NDArray[np.integer], count: int) -> pa.DictionaryArray:
    """Give the ids of rows, with a dictionary of those that occur."""
    known, position = compacted(customers, count)
    return coded_column(position, customer_ids(known))


def optional_customer_column(customers: Numbers, valid: Mask) -> pa.StringArray:
    """Give the ids of rows, null where not valid."""
    return bytes_column(serial_bytes("00", customers[valid] + 1, 8), valid)


def parents(customers: Numbers) -> tuple[Numbers, Mask]:
    """Give each customer's parent, and whether it has one.

    Groups lie within families of 32 consecutive numbers. The first of a group is its root, and
    the k-th hangs on the (k - 1) // branches-th: chains of four, or trees up to four levels.
    """
    place = customers % _FAMILY
    shape = scrambled(customers - place, salt=77)
    branches = np.array([0, 1, 2, 3])[(shape % np.uint64(4)).astype(np.int64)]
    size = np.array([0, 4, 15, 13])[branches]
    has_parent = (place > 0) & (place < size) & (shape >> np.uint64(8) & np.uint64(1) == 0)
    above = (place - 1) // np.maximum(branches, 1)
    return customers - place + above, has_parent


def is_group_root(customers: Numbers, count: int) -> Mask:
    """Say which customers have children and no parent; `count` customers exist."""
    first = customers % _FAMILY == 0
    with_child: Mask = first & parents(customers + 1)[1] & (customers + 1 < count)
    return with_child


def shares_account(customers: Numbers, has_parent: Mask) -> Mask:
    """Say which customers' limit is carried by another: the first of their family."""
    odd = scrambled(customers, salt=78) % np.uint64(5) == 0
    shares: Mask = has_parent & odd
    return shares


def customer_table(plan: Plan, book: CustomerBook, chunk: int, first: int, rows: int) -> pa.Table:
    """Give one chunk of the table `customers`."""
    draws = Draws(plan.seed, CUSTOMER_STREAM, 1 + chunk, rows)
    customers = np.arange(first, first + rows, dtype=np.int64)
    parent, has_parent = parents(customers)
    shares = shares_account(customers, has_parent)
    carrier = np.where(shares, customers - customers % _FAMILY, customers)
    country = book.country[first : first + rows]
    columns = {
        "customer_id": customer_ids(customers),
        "name": _names(draws, customers),
        "parent_id": optional_customer_column(parent, has_parent),
        "credit_account_id": optional_customer_column(carrier, shares | draws.chance(0.01)),
        "country": coded_column(country, text_pool(words.COUNTRY_CODES)),
        "risk_class": coded_column(draws.choose(_RISK_CHOICE), text_pool(words.RISK_CLASSES)),
        "segment": coded_column(draws.choose(_SEGMENT_CHOICE), text_pool(words.BUSINESS_SEGMENTS)),
        "account_manager": coded_column(
            draws.below(len(words.ACCOUNT_MANAGERS)), text_pool(words.ACCOUNT_MANAGERS)
        ),
        **_flags(draws, country),
        **_terms_and_regime(draws, book.terms[first : first + rows]),
        **_insolvency(draws, plan.as_of_day),
        "manual_hold": flag_column(draws.chance(0.002)),
    }
    return pa.table(columns)


def _names(draws: Draws, customers: Numbers) -> pa.StringArray:
    """Give made-up names; the number keeps two of a word apart."""
    first = coded_column(draws.below(len(words.NAME_FIRST)), text_pool(words.NAME_FIRST))
    trade = coded_column(draws.below(len(words.NAME_TRADE)), text_pool(words.NAME_TRADE))
    form = coded_column(draws.below(len(words.NAME_FORM)), text_pool(words.NAME_FORM))
    parts = [part.cast(pa.string()) for part in (first, trade)]
    number = pa.array(customers + 1).cast(pa.string())
    return pc.binary_join_element_wise(*parts, number, form.cast(pa.string()), " ")


def _flags(draws: Draws, country: Codes) -> dict[str, pa.Array]:
    """Give what law and policy treat apart; at most one of the three kinds of buyer is true."""
    kind = draws.bits16()
    public = (kind < 2_000) & np.isin(country, _PUBLIC_COUNTRIES)
    consumer = (kind >= 2_000) & (kind < 3_000)
    intragroup = (kind >= 3_000) & (kind < 3_300)
    return {
        "public_buyer": flag_column(public),
        "consumer": flag_column(consumer),
        "intragroup": flag_column(intragroup, draws.chance(0.9)),
        "netting_agreement": flag_column(draws.chance(0.03)),
    }


def _terms_and_regime(draws: Draws, terms: Codes) -> dict[str, pa.Array]:
    """Give the payment term, and regime and imputation of those who agreed on one."""
    regimes = draws.below(len(words.CONTRACT_REGIMES))
    agreed = np.where(draws.chance(0.006), regimes, NO_CODE)
    return {
        "interest_regime": coded_column(agreed, text_pool(words.CONTRACT_REGIMES)),
        # Contracts say so; nobody's payments pay interest first, which SQL peers do not know.
        "imputation": coded_column(np.minimum(agreed, 0), text_pool(words.IMPUTATIONS)),
        "payment_terms": coded_column(terms, text_pool(words.TERMS_CODES)),
    }


def _insolvency(draws: Draws, as_of_day: int) -> dict[str, pa.Array]:
    """Give proceedings of a few: some ended, some opened only after the as-of date."""
    has = draws.chance(0.006)
    opened = np.where(has, as_of_day + 10 - draws.below(500), NO_DAY)
    published = np.where(has & draws.chance(0.8), opened + 3 + draws.below(12), NO_DAY)
    ended = np.where(has & draws.chance(0.12), opened + 60 + draws.below(200), NO_DAY)
    kind = np.where(has & draws.chance(0.9), draws.choose(_INSOLVENCY_CHOICE), NO_CODE)
    return {
        "insolvency_date": date_column(opened),
        "insolvency_kind": coded_column(kind, text_pool(words.INSOLVENCY_KINDS)),
        "insolvency_published_on": date_column(published),
        "insolvency_ended_on": date_column(ended),
    }
