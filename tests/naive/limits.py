"""Which limits are in force, and what an account and a group may owe (DOMAIN 7)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from tests.naive.arithmetic import rounded
from tests.naive.items import Setting
from tests.naive.rows import Row

ZERO = Fraction(0)
ADDING_UP = ("temporary", "guarantee")
"""Kinds of which every limit counts; of the others the latest of a key alone."""

Key = tuple[str, str]
"""Credit segment and credit account."""


class LimitBook:
    """All limits of a ledger, by what is in force on a day."""

    def __init__(self, setting: Setting) -> None:
        """Fill in the defaults of the rows."""
        self.setting = setting
        self.is_given = "credit_limits" in setting.source
        self.rows: list[Row] = [
            {
                **row,
                "scope": row["scope"] or "account",
                "layer": row["layer"] or "primary",
                "effect": row["effect"] or "add",
            }
            for row in setting.ledger.tables["credit_limits"].rows
        ]
        self._worth: dict[str, Fraction] = {}

    def amount(self, row: Row) -> Fraction:
        """Give a limit in the reporting currency."""
        limit_id = row["limit_id"]
        if limit_id not in self._worth:
            self._worth[limit_id] = self.setting.in_reporting(row["amount"], row["currency"])
        return self._worth[limit_id]

    def of(self, scope: str, party: str, kind: str) -> list[Row]:
        """Give every limit of a party, whatever its dates."""
        return [
            row
            for row in self.rows
            if (row["scope"], row["party_id"], row["kind"]) == (scope, party, kind)
        ]

    def in_force(self, scope: str, party: str, kind: str, day: date) -> list[Row]:
        """Give the limits of a party that are in force on a day, in the order of their start."""
        begun = [row for row in self.of(scope, party, kind) if row["valid_from"] <= day]
        begun.sort(key=_start)
        if kind not in ADDING_UP:
            begun = list({_key(row): row for row in begun}.values())
        return [row for row in begun if not _is_over(row, day)]

    def total(self, rows: Iterable[Row]) -> Fraction:
        """Add limits up in the reporting currency."""
        return sum((self.amount(row) for row in rows), ZERO)


def _start(row: Row) -> tuple[date, bytes]:
    return row["valid_from"], row["limit_id"].encode()


def _key(row: Row) -> tuple[Any, ...]:
    """Name what a later limit supersedes."""
    names = ("party_id", "scope", "credit_segment", "kind", "policy", "layer")
    return tuple(row[name] for name in names)


def _is_over(row: Row, day: date) -> bool:
    """Say whether a limit has ended or was withdrawn by a day."""
    ended = row["valid_to"] is not None and row["valid_to"] < day
    return ended or (row["withdrawn_on"] is not None and row["withdrawn_on"] <= day)


@dataclass
class Base:
    """What internal, temporary and default limits come to; `limit` is None when unbounded."""

    internal: Row | None = None
    temporary: list[Row] = field(default_factory=list)
    default: Fraction | None = None

    def limit(self, book: LimitBook) -> tuple[Fraction | None, bool]:
        """Give the limit, and whether there is no bound; (None, False) when there is none."""
        replacing = [row for row in self.temporary if row["effect"] == "replace"]
        adding = [row for row in self.temporary if row["effect"] == "add"]
        start = replacing[-1] if replacing else self.internal
        if any(row["unlimited"] for row in [*adding, *([start] if start else [])]):
            return None, True
        if start is not None:
            return book.amount(start) + book.total(adding), False
        if self.default is not None:
            return self.default + book.total(adding), False
        return (book.total(adding) if adding else None), False

    @property
    def is_named(self) -> bool:
        """Say whether a row of the limits' table stands behind it."""
        return self.internal is not None or bool(self.temporary)


@dataclass
class AccountLimits:
    """The limits of one credit account at the as-of date, in the reporting currency."""

    internal: Fraction | None = None
    temporary: Fraction | None = None
    insured: Fraction | None = None
    insured_is_unlimited: bool = False
    insured_is_shared: bool = False
    credit_limit: Fraction | None = None
    status: str = "none"
    exposure: Fraction = ZERO
    """What the limit is measured on: the account's, or the party's where the limit is shared."""
    party_limit: Fraction | None = None
    """The limit that all accounts of the party share, where there is one besides its own."""
    party_exposure: Fraction = ZERO

    @property
    def available(self) -> Fraction | None:
        return None if self.credit_limit is None else self.credit_limit - self.exposure


def utilisation(exposure: Fraction, limit: Fraction | None) -> Fraction | None:
    """Give exposure over limit to six digits, as far as the column holds it; None for no limit."""
    if not limit:
        return None
    most = 10**12 - Fraction(1, 10**6)
    return max(-most, min(most, rounded(exposure / limit, 6)))


def account_limits(
    book: LimitBook,
    exposures: dict[Key, Fraction],
    risk_classes: dict[str, str | None],
    day: date,
) -> dict[Key, AccountLimits]:
    """Give the limits of every account on a day.

    exposures     per account that is published what it owes
    risk_classes  per account the risk class of the customer that stands for it
    """
    by_party: dict[str, list[Key]] = defaultdict(list)
    for key in exposures:
        by_party[key[1]].append(key)
    found: dict[Key, AccountLimits] = {}
    for party, keys in by_party.items():
        found |= _party_limits(book, party, keys, exposures, risk_classes[party], day)
    return found


def _party_limits(
    book: LimitBook,
    party: str,
    keys: list[Key],
    exposures: dict[Key, Fraction],
    risk_class: str | None,
    day: date,
) -> dict[Key, AccountLimits]:
    """Give the limits of all accounts of a party: their own, and the one that they share."""
    internal = {
        row["credit_segment"]: row for row in book.in_force("account", party, "internal", day)
    }
    temporary: dict[str | None, list[Row]] = defaultdict(list)
    for row in book.in_force("account", party, "temporary", day):
        temporary[row["credit_segment"]].append(row)
    own = {key: Base(internal.get(key[0]), temporary[key[0]]) for key in keys}
    shared = Base(internal.get(None), temporary[None])
    if len(keys) == 1:
        [only] = own.values()
        if only.internal is None or shared.internal is None:
            rows = sorted([*only.temporary, *shared.temporary], key=_start)
            own = {keys[0]: Base(only.internal or shared.internal, rows)}
            shared = Base()
    elif shared.internal is None and any(one.is_named for one in own.values()):
        shared = Base()
    party_limit, party_unlimited = shared.limit(book)
    total = sum((exposures[key] for key in keys), ZERO)
    found: dict[Key, AccountLimits] = {}
    for key in keys:
        one = own[key]
        if one.is_named or not shared.is_named:
            found[key] = _own_limits(book, key, one, risk_class, exposures[key], day)
        else:
            status = "unlimited" if party_unlimited else "shared"
            found[key] = _told(book, shared, party_limit, status, total)
        _add_insured(book, key, found[key], day, is_single=len(keys) == 1)
        found[key].party_limit, found[key].party_exposure = party_limit, total
    return found


def _told(
    book: LimitBook, base: Base, limit: Fraction | None, status: str, exposure: Fraction
) -> AccountLimits:
    """Give the limits as the account shows them."""
    internal = base.internal
    bounded = [row for row in base.temporary if not row["unlimited"]]
    return AccountLimits(
        internal=book.amount(internal) if internal and not internal["unlimited"] else None,
        temporary=book.total(bounded) if bounded else None,
        credit_limit=limit,
        status=status,
        exposure=exposure,
    )


def _own_limits(
    book: LimitBook, key: Key, base: Base, risk_class: str | None, exposure: Fraction, day: date
) -> AccountLimits:
    """Give the limits of an account that shares none: its own, else that of its risk class."""
    segment, party = key
    begun = [
        row
        for row in book.of("account", party, "internal")
        if row["credit_segment"] in {segment, None} and row["valid_from"] <= day
    ]
    if base.internal is None and (base.temporary or not begun):
        base.default = _default_limit(book, risk_class, segment)
    limit, is_unlimited = base.limit(book)
    if is_unlimited:
        status = "unlimited"
    elif base.default is not None and not _is_replaced(base):
        status = "default"
    elif base.is_named:
        status = "set"
    else:
        status = "expired" if begun else "none"
    return _told(book, base, limit, status, exposure)


def _is_replaced(base: Base) -> bool:
    return any(row["effect"] == "replace" for row in base.temporary)


def _default_limit(book: LimitBook, risk_class: str | None, segment: str) -> Fraction | None:
    """Give the limit of a risk class: the segment's own before the one for all segments."""
    if book.setting.settings("limits", "missing_limit") != "by_risk_class":
        return None
    rows = book.setting.ledger.tables["default_limits"].rows
    for wanted in (segment, None):
        for row in rows:
            if (row["risk_class"], row["credit_segment"]) == (risk_class, wanted):
                return book.setting.in_reporting(row["amount"], row["currency"])
    return None


def _add_insured(
    book: LimitBook, key: Key, limits: AccountLimits, day: date, *, is_single: bool
) -> None:
    """Add the insured limits in force of an account, the shared ones where it has no own."""
    rows = [
        row
        for row in book.in_force("account", key[1], "insured", day)
        if is_policy_in_force(book.setting, row["policy"], day)
    ]
    own = [row for row in rows if row["credit_segment"] == key[0]]
    shared = [row for row in rows if row["credit_segment"] is None]
    counted = [*own, *shared] if is_single else (own or shared)
    limits.insured_is_shared = not is_single and not own and bool(shared)
    limits.insured_is_unlimited = any(row["unlimited"] for row in counted)
    if counted and not limits.insured_is_unlimited:
        limits.insured = book.total(counted)


def policy_row(setting: Setting, policy: str | None, day: date) -> Row | None:
    """Give the latest row of a policy that has begun by a day, whether it has ended or not."""
    begun = [
        row
        for row in setting.ledger.tables["policies"].rows
        if row["policy"] == policy and row["valid_from"] <= day
    ]
    return max(begun, key=lambda one: one["valid_from"], default=None)


def is_policy_in_force(setting: Setting, policy: str | None, day: date) -> bool:
    """Say whether cover can attach on a day; a policy without any row is in force always."""
    rows = setting.ledger.tables["policies"].rows
    if all(row["policy"] != policy for row in rows):
        return True
    row = policy_row(setting, policy, day)
    return row is not None and (row["valid_to"] is None or day <= row["valid_to"])
