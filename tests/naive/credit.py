"""The columns of limits and cover, in the tables of items, credit accounts and groups."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from tests.naive.cover import Cover, Insurance, guarantees_of
from tests.naive.exposure import Position
from tests.naive.items import Item, Setting
from tests.naive.limits import (
    ZERO,
    AccountLimits,
    Base,
    Key,
    LimitBook,
    account_limits,
    utilisation,
)
from tests.naive.rows import Row

LIMIT_COLUMNS = (
    "insured_covered",
    "guarantees",
    "secured",
    "unsecured",
    "internal_limit",
    "temporary_limit",
    "insured_limit",
    "credit_limit",
    "limit_status",
    "available",
    "utilisation",
)


@dataclass
class GroupLimit:
    """A limit of a party and all its descendants, in one segment or in all."""

    party: str
    segment: str | None
    limit: Fraction | None
    is_unlimited: bool
    exposure: Fraction


@dataclass
class Credit:
    """What accounts and groups may owe, and what of it is secured."""

    book: LimitBook
    accounts: dict[Key, AccountLimits]
    groups: list[GroupLimit]
    cover: Cover
    insurance: Insurance
    guarantees: dict[Key, Fraction] = field(default_factory=dict)
    secured: dict[Key, Fraction] = field(default_factory=dict)
    limits_on: Callable[[date], dict[Key, AccountLimits]] = field(default=lambda _day: {})


def credit_of(
    setting: Setting, items: list[Item], accounts: list[Row], held: Iterable[Position]
) -> Credit:
    """Work limits and cover out for accounts whose other columns are known."""
    book = LimitBook(setting)
    exposures = {_key(row): row["exposure"] for row in accounts}
    risk_classes = {row["credit_account_id"]: row["risk_class"] for row in accounts}
    insurance = Insurance(book, [item for item in items if item.exists])
    cover = insurance.at_as_of(exposures)
    guarantees = guarantees_of(book, exposures, cover.insured_share)
    return Credit(
        book,
        account_limits(book, exposures, risk_classes, setting.as_of),
        _group_limits(book, held),
        cover,
        insurance,
        guarantees,
        {
            key: min(max(ZERO, exposure), cover.insured_share[key] + guarantees[key])
            for key, exposure in exposures.items()
        },
        lambda day: account_limits(book, exposures, risk_classes, day),
    )


def _key(row: Row) -> Key:
    return row["credit_segment"], row["credit_account_id"]


def _group_limits(book: LimitBook, held: Iterable[Position]) -> list[GroupLimit]:
    """Give every group limit in force with what the group owes in its segment."""
    ledger, day = book.setting.ledger, book.setting.as_of
    positions = list(held)
    places: dict[tuple[str, str | None], Base] = defaultdict(Base)
    for party in sorted({row["party_id"] for row in book.rows if row["scope"] == "group"}):
        if party not in ledger.customers:
            continue
        for row in book.in_force("group", party, "internal", day):
            places[party, row["credit_segment"]].internal = row
        for row in book.in_force("group", party, "temporary", day):
            places[party, row["credit_segment"]].temporary.append(row)
    found = []
    for (party, segment), base in places.items():
        limit, is_unlimited = base.limit(book)
        owed = [
            one.exposure
            for one in positions
            if party in chain_of(ledger.parents, one.customer_id)
            and segment in {None, ledger.segment_of(one.company_code)}
        ]
        found.append(GroupLimit(party, segment, limit, is_unlimited, sum(owed, ZERO)))
    return found


def chain_of(parents: dict[str, str], party: str) -> list[str]:
    """Give the party and everyone above it."""
    chain = [party]
    while chain[-1] in parents:
        chain.append(parents[chain[-1]])
    return chain


def add_columns(credit: Credit, accounts: list[Row], groups: list[Row], items: list[Row]) -> None:
    """Put the columns of limits and cover into the rows of the tables."""
    insures = any(row["kind"] == "insured" for row in credit.book.rows)
    for row in items:
        covered = credit.cover.by_item[row["item_id"]]
        row["insured_covered_rc"] = covered if insures else None
    for row in accounts:
        told = _account_columns(credit, row) if credit.book.is_given else {}
        row.update({name: told.get(name) for name in LIMIT_COLUMNS})
    limits = {one.party: one for one in credit.groups if one.segment is None}
    for row in groups:
        one = limits.get(row["group_id"])
        limit = one.limit if one else None
        row["group_limit"] = limit
        row["available"] = None if limit is None else limit - row["exposure"]
        row["utilisation"] = utilisation(row["exposure"], limit)


def _account_columns(credit: Credit, row: Row) -> Row:
    """Give the columns of one account."""
    key = _key(row)
    limits = credit.accounts[key]
    return {
        "insured_covered": credit.cover.by_account[key],
        "guarantees": credit.guarantees[key],
        "secured": credit.secured[key],
        "unsecured": max(ZERO, row["exposure"] - credit.secured[key]),
        "internal_limit": limits.internal,
        "temporary_limit": limits.temporary,
        "insured_limit": limits.insured,
        "credit_limit": limits.credit_limit,
        "limit_status": limits.status,
        "available": limits.available,
        "utilisation": utilisation(limits.exposure, limits.credit_limit),
    }
