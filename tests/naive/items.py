"""Open amounts, settlement, disputes, interest and fixed compensation of every item."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from tests.naive.accrual import Accrual, Delay, accrue, days_between
from tests.naive.contract import EXPONENTS, INTEREST_TYPES
from tests.naive.exchange import Exchange
from tests.naive.laws import ONE_DAY, Law
from tests.naive.resolve import Ledger, is_credit
from tests.naive.rows import Row, Tables
from tests.naive.settings import Settings

ZERO = Fraction(0)


class NoRegimeOnFileError(Exception):
    """A creditor's country must have a late-payment law, and none is on file."""


@dataclass
class Item:
    """One accepted item as of the date; `row` is its checked input row."""

    row: Row
    posted: list[Row]
    has_allocation: bool
    exists: bool
    credit_account: str
    credit_segment: str
    open_amount: Fraction = ZERO
    settled_on: date | None = None
    disputed: Fraction = ZERO
    regime: str | None = None
    reason: str | None = None
    principal_first: Fraction = ZERO
    first_day: date | None = None
    last_day: date | None = None
    days: int = 0
    interest: Accrual = field(default_factory=Accrual)
    suspended: Fraction = ZERO
    unbilled: Fraction = ZERO
    indemnity: Fraction = ZERO
    indemnity_currency: str | None = None
    open_rc: Fraction = ZERO
    disputed_rc: Fraction = ZERO
    penalty_rc: Fraction = ZERO
    indemnity_rc: Fraction = ZERO

    def __getitem__(self, column: str) -> Any:
        return self.row[column]

    @property
    def digits(self) -> int:
        return EXPONENTS[self["currency"]]

    @property
    def bears_interest(self) -> bool:
        """Say whether its type bears interest; a negative amount counts as a credit note."""
        return self["document_type"] in INTEREST_TYPES and self["amount"] >= 0

    def principal_on(self, day: date) -> Fraction:
        """Give P(d): the open amount with allocations of an earlier value date taken off."""
        if not self.has_allocation:
            return max(ZERO, self.open_amount)
        earlier = (row["amount"] for row in self.posted if row["value_date"] < day)
        return max(ZERO, self["amount"] - sum(earlier, ZERO))

    def late_end(self, as_of: date) -> date:
        """Give the last day on which it can have been late."""
        return as_of if self.settled_on is None else min(as_of, self.settled_on)

    def days_past_due(self, as_of: date) -> int:
        """Give as-of less due date, or the days that a settled item was late."""
        return (self.late_end(as_of) - self["due_date"]).days

    def is_settled(self) -> bool:
        return self.exists and self.open_amount == 0

    def is_published(self, as_of: date) -> bool:
        """Say whether it is open, or was settled late and is of an interest-bearing type."""
        if not self.exists:
            return False
        if self.open_amount != 0:
            return True
        late = self.settled_on is not None and self.days_past_due(as_of) > 0
        return late and self.bears_interest


@dataclass
class Setting:
    """What all items are computed with."""

    ledger: Ledger
    settings: Settings
    law: Law
    exchange: Exchange
    as_of: date
    source: Tables

    @property
    def reporting_currency(self) -> str:
        return str(self.settings("reporting", "currency"))

    def in_reporting(self, amount: Fraction, currency: str) -> Fraction:
        """Give an amount in the reporting currency, rounded."""
        return self.exchange.convert(amount, currency, self.reporting_currency)


def carried_values(settings: Settings, table: str, row: Row | None, source: Tables) -> Row:
    """Give the carried columns that a table's files have, as they stand in a row."""
    present = {name for one in source.get(table, []) for name in one}
    return {
        name: (row["_raw"].get(name) or None) if row else None
        for name in settings.carried
        if name in present
    }


def compute_items(setting: Setting) -> list[Item]:
    """Give every accepted item, those that don't exist yet too, in the order of the input."""
    items = [_open_item(setting, row) for row in setting.ledger.items]
    for item in items:
        if item.exists:
            item.regime = _regime(setting, item)
            _accrue(setting, item)
    _grant_indemnities(setting, [item for item in items if item.exists])
    for item in items:
        if item.is_published(setting.as_of):
            currency = item["currency"]
            item.open_rc = setting.in_reporting(item.open_amount, currency)
            item.disputed_rc = setting.in_reporting(item.disputed, currency)
            if item.indemnity_currency:
                paid_in = item.indemnity_currency
                item.indemnity_rc = setting.in_reporting(item.indemnity, paid_in)
    return items


def open_items(setting: Setting) -> list[Item]:
    """Give the items that exist at the as-of date, with what is open and disputed alone."""
    items = [_open_item(setting, row) for row in setting.ledger.items]
    items = [item for item in items if item.exists]
    for item in items:
        item.open_rc = setting.in_reporting(item.open_amount, item["currency"])
        item.disputed_rc = setting.in_reporting(item.disputed, item["currency"])
    return items


def _open_item(setting: Setting, row: Row) -> Item:
    """Give what is open, when it was settled, and what is disputed (DOMAIN 3)."""
    ledger, as_of = setting.ledger, setting.as_of
    allocations = ledger.allocations.get(row["item_id"], [])
    item = Item(
        row=row,
        posted=[allocation for allocation in allocations if allocation["posting_date"] <= as_of],
        has_allocation=bool(allocations),
        exists=row["posting_date"] <= as_of,
        credit_account=ledger.account_of(row["customer_id"]),
        credit_segment=ledger.segment_of(row["company_code"]),
    )
    if item.has_allocation:
        item.open_amount = row["amount"] - sum((one["amount"] for one in item.posted), ZERO)
    elif row["open_amount"] is not None:
        item.open_amount = row["open_amount"]
    else:
        item.open_amount = row["amount"]
    if item.posted and item.open_amount == 0:
        item.settled_on = _settled_on(row["amount"], item.posted)
    item.disputed = _disputed_part(row, item.open_amount, as_of)
    return item


def _settled_on(amount: Fraction, posted: list[Row]) -> date:
    """Give the first value date from which the end-of-day balance stays zero."""
    settled: date | None = None
    for day in sorted({row["value_date"] for row in posted}):
        balance = amount - sum((row["amount"] for row in posted if row["value_date"] <= day), ZERO)
        if balance != 0:
            settled = None
        elif settled is None:
            settled = day
    assert settled is not None
    return settled


def _disputed_part(row: Row, open_amount: Fraction, as_of: date) -> Fraction:
    """Give the disputed part of the open amount, with its sign (S12)."""
    begun = row["disputed_from"] is None or row["disputed_from"] <= as_of
    ended = row["disputed_to"] is not None and row["disputed_to"] < as_of
    if not row["disputed"] or not begun or ended:
        return ZERO
    named = row["disputed_amount"]
    part = abs(open_amount) if named is None else min(abs(named), abs(open_amount))
    return part if open_amount > 0 else -part


def _regime(setting: Setting, item: Item) -> str | None:
    """Name the regime of an item: its own, the contract's, the public buyer's, the country's."""
    ledger = setting.ledger
    customer = ledger.customers.get(item["customer_id"])
    if customer and (customer["consumer"] or customer["intragroup"]):
        return None
    company = ledger.companies.get(item["company_code"])
    country = company["country"] if company else setting.settings("defaults", "creditor_country")
    if item["interest_regime"]:
        return str(item["interest_regime"])
    if customer and customer["interest_regime"]:
        return str(customer["interest_regime"])
    if customer and customer["public_buyer"]:
        public = setting.law.public_regime(customer["country"])
        if public:
            return public
    if customer and setting.settings("interest", "regime_by") == "debtor":
        country = customer["country"]
    return setting.law.business_regime(country) or "NONE"


def _insolvency_eve(setting: Setting, item: Item) -> date | None:
    """Give the last interest day of a prior claim, None when the claim isn't one."""
    customer = setting.ledger.customers.get(item["customer_id"])
    opened = customer and customer["insolvency_date"]
    if not opened or opened > setting.as_of or item["delivery_date"] >= opened:
        return None
    eve: date = opened - ONE_DAY
    return eve


def _first_reason(setting: Setting, item: Item) -> tuple[str | None, date]:
    """Give why an item bears no interest, disputes and small claims aside, and its last day."""
    end = item.late_end(setting.as_of)
    due = item["due_date"]
    if is_credit(item.row):
        return "credit", end
    if item["document_type"] == "interest_note":
        return "interest_note", end
    if not _bearing_days(item, due, end):
        return "not_late", end
    customer = setting.ledger.customers.get(item["customer_id"])
    for reason in ("consumer", "intragroup"):
        if customer and customer[reason]:
            return reason, end
    if item.regime == "NONE":
        return "no_regime", end
    delay = (end - due).days
    eve = _insolvency_eve(setting, item)
    if eve is not None:
        end = min(end, eve)
    if not _bearing_days(item, due, end):
        return "insolvency", end
    if delay <= setting.settings("interest", "grace_days"):
        return "within_grace", end
    return None, end


def _bearing_days(item: Item, due: date, end: date) -> list[date]:
    """Give the days in (due, end] on which a principal is open."""
    return [day for day in days_between(due, end) if item.principal_on(day) > 0]


def _accrue(setting: Setting, item: Item) -> None:
    """Fill in interest, suspended interest and what isn't billed yet (S2 to S5)."""
    billed = item["interest_billed_amount"]
    item.reason, end = _first_reason(setting, item)
    if item.reason:
        item.unbilled = -(billed or ZERO)
        return
    due = item["due_date"]
    bearing = _bearing_days(item, due, end)
    item.principal_first = item.principal_on(bearing[0])
    claim_all = bool(setting.settings("interest", "accrue_on_disputed"))
    most = max(item.principal_on(day) for day in bearing)
    wholly = item.disputed > 0 and (item.open_amount == item.disputed or most <= item.disputed)
    claimed, disputed = _split_principal(item, claim_all=claim_all)

    def interest_to(last: date, principal: Callable[[date], Fraction]) -> Accrual:
        assert item.regime is not None
        pays = principal is claimed or wholly
        payments = _interest_payments(setting, item) if pays else {}
        delay = Delay(item.regime, due, bearing[0], last, item.digits, payments)
        return accrue(setting.law, delay, principal)

    item.suspended = interest_to(end, disputed).total
    if wholly and not claim_all:
        item.reason = "disputed"
        return
    interest = interest_to(end, claimed)
    item.penalty_rc = setting.in_reporting(interest.total, item["currency"])
    if item.penalty_rc < Fraction(str(setting.settings("interest", "minimum_claim"))):
        item.penalty_rc = ZERO
        item.reason = "below_minimum"
        return
    item.interest = interest
    item.first_day, item.last_day, item.days = bearing[0], bearing[-1], len(bearing)
    item.unbilled = interest.total
    if billed is not None:
        item.unbilled -= billed
    elif item["interest_billed_to"] is not None:
        item.unbilled -= interest_to(min(end, item["interest_billed_to"]), claimed).total


def _interest_payments(setting: Setting, item: Item) -> dict[date, Fraction]:
    """Give what pays interest first, by day: payments less those that came back later."""
    customer = setting.ledger.customers.get(item["customer_id"])
    chosen = (customer and customer["imputation"]) or setting.settings("interest", "imputation")
    if chosen != "interest_first":
        return {}
    kinds = {"payment", "bill_of_exchange", "offset", "return"}
    rows = [row for row in item.posted if (row["kind"] or "payment") in kinds]
    kept: dict[date, Fraction] = {}
    for day in sorted({row["value_date"] for row in rows}):
        moved = [row["amount"] for row in rows if row["value_date"] == day]
        kept[day] = sum((amount for amount in moved if amount > 0), ZERO)
        returned = -sum((amount for amount in moved if amount < 0), ZERO)
        for earlier in sorted(kept, reverse=True):
            undone = min(returned, kept[earlier])
            kept[earlier] -= undone
            returned -= undone
    return {day: amount for day, amount in kept.items() if amount}


def _split_principal(
    item: Item, *, claim_all: bool
) -> tuple[Callable[[date], Fraction], Callable[[date], Fraction]]:
    """Give the principal that is claimed and the disputed one, by day (S3)."""
    wholly = 0 < item.open_amount == item.disputed
    part = max(ZERO, item.disputed)

    def disputed(day: date) -> Fraction:
        principal = item.principal_on(day)
        return principal if wholly else min(principal, part)

    def undisputed(day: date) -> Fraction:
        return item.principal_on(day) - disputed(day)

    return (item.principal_on if claim_all else undisputed), disputed


def _grant_indemnities(setting: Setting, items: Iterable[Item]) -> None:
    """Put the fixed compensation on the first late item of every document."""
    documents: dict[tuple[Any, ...], list[Item]] = defaultdict(list)
    for item in items:
        if item.principal_first > 0 and item.reason in {None, "below_minimum"}:
            assert item.regime is not None
            key = [item["company_code"], item["customer_id"], item["document_number"]]
            if setting.law.regimes[item.regime].get("indemnity_per") == "due_date":
                key.append(item["due_date"])
            documents[tuple(key)].append(item)
    for lines in documents.values():
        first = min(lines, key=lambda item: (item["due_date"], item["item_id"].encode()))
        _grant_indemnity(setting, first)


def _grant_indemnity(setting: Setting, item: Item) -> None:
    """Choose the band by the principal on the first interest day."""
    assert item.regime is not None
    facts = setting.law.regimes[item.regime]
    if not facts["indemnity"]:
        return
    currency = facts["indemnity_currency"]
    band_currency = facts.get("indemnity_band_currency", currency)
    principal = setting.exchange.convert(item.principal_first, item["currency"], band_currency)
    for band in facts["indemnity"]:
        below = "below" in band and principal < Fraction(str(band["below"]))
        up_to = "up_to" in band and principal <= Fraction(str(band["up_to"]))
        if below or up_to or not ("below" in band or "up_to" in band):
            item.indemnity = Fraction(str(band["sum"]))
            item.indemnity_currency = currency
            return
