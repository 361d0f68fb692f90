"""What the rules find about accounts, parties and groups (DOMAIN 8)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any

from tests.naive.arithmetic import rounded
from tests.naive.credit import Credit, GroupLimit, chain_of
from tests.naive.exposure import Position, column_of, is_counted
from tests.naive.items import Item, Setting
from tests.naive.limits import ZERO, Key
from tests.naive.rows import Row
from tests.naive.rules import ALL_HOLDS, Level, RuleSettings

WARNING, BREACH = "warning", "breach"
GRAVITY = {WARNING: 1, BREACH: 2}


def _by_id(entry: tuple[str, Row]) -> bytes:
    return entry[0].encode()


@dataclass
class Breach:
    """One row of `breaches`; `bears_on` are the accounts that it holds."""

    rule: str
    severity: str
    scope: str
    party_id: str
    credit_segment: str | None
    bears_on: list[Key]
    key: str = ""
    subject: str | None = None
    measured: Fraction | None = None
    threshold: Fraction | None = None
    excess: Fraction | None = None
    holds: tuple[str, ...] = ()
    override: list[str] = field(default_factory=list)

    @property
    def breach_id(self) -> str:
        """Give the name that stays the same from run to run."""
        parts = (self.rule, self.party_id, self.credit_segment or "", self.key)
        return ":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts)


@dataclass
class Earlier:
    """What the latest earlier run said, as far as rules look at it."""

    as_of: date
    breaches: dict[str, Row]
    due_dates: dict[str, date]
    insured_limits: dict[Key, Fraction]


@dataclass
class Night:
    """All that the rules look at."""

    setting: Setting
    credit: Credit
    accounts: dict[Key, Row]
    members: dict[Key, list[Position]]
    earlier: Earlier | None

    def __post_init__(self) -> None:
        """Find the customers of every account."""
        self.rules = RuleSettings(self.setting.settings)
        self.customers: dict[str, list[Row]] = defaultdict(list)
        for name, customer in sorted(self.setting.ledger.customers.items(), key=_by_id):
            self.customers[self.setting.ledger.account_of(name)].append(customer)

    def keys_of(self, rule: str) -> Iterator[Key]:
        """Give the accounts that a rule applies to."""
        if self.rules(rule, "enabled"):
            for key, row in self.accounts.items():
                if self._applies(rule, row):
                    yield key

    def _applies(self, rule: str, row: Row) -> bool:
        narrowed = {
            "credit_segments": row["credit_segment"],
            "segments": row["segment"],
            "countries": row["country"],
            "risk_classes": row["risk_class"],
        }
        return all(
            not self.rules(rule, name) or value in self.rules(rule, name)
            for name, value in narrowed.items()
        )

    @cached_property
    def known(self) -> set[str]:
        """Name every customer that the ledger knows, be it from an item or a commitment alone."""
        ledger = self.setting.ledger
        rows = [*ledger.items, *ledger.commitments]
        return {*ledger.customers, *(row["customer_id"] for row in rows)}

    def groups_above(self, key: Key) -> list[GroupLimit]:
        """Give every group limit in force that an account answers to."""
        parents = self.setting.ledger.parents
        above = {
            party
            for customer in self.customers[key[1]]
            for party in chain_of(parents, customer["customer_id"])
        }
        return [
            group
            for group in self.credit.groups
            if group.party in above and group.segment in {None, key[0]}
        ]

    def held_before(self, breach_id: str) -> tuple[str, ...]:
        """Give the holds that a breach asked for in the earlier run."""
        row = self.earlier.breaches.get(breach_id) if self.earlier else None
        if row is None or row["status"] == "cured":
            return ()
        return tuple(hold for hold in ALL_HOLDS if row[f"hold_{hold}"])

    def by_levels(
        self, breach: Breach, measured: Fraction, levels: Iterable[Level], unit: Fraction
    ) -> Breach | None:
        """Fill in the highest level that is passed, or that hysteresis keeps; None for none.

        unit  what the levels' thresholds are parts of
        """
        before = self.held_before(breach.breach_id)
        part = Fraction(str(self.rules(breach.rule, "release_below")))
        reached = None
        for level in levels:
            threshold = level.above * unit
            kept = bool(level.holds) and set(level.holds) <= set(before)
            stays = kept and measured > 0 and measured >= part * threshold
            if measured > threshold or stays:
                reached = level
        if reached is None:
            return None
        breach.measured, breach.threshold = measured, reached.above * unit
        breach.severity, breach.holds = reached.severity, reached.holds
        return breach


def find_breaches(night: Night) -> list[Breach]:
    """Give everything that the rules find, whatever was found before."""
    found: list[Breach | None] = []
    for rule in (
        _limit_exceeded,
        _total_limit_exceeded,
        _group_limit_exceeded,
        _overdue_age,
        _overdue_share,
        _limit_missing,
        _limit_expired,
        _insolvency,
        _claim_filing,
        _concentration,
        _manual_hold,
    ):
        found += list(rule(night))
    return [breach for breach in found if breach is not None]


def _about(night: Night, rule: str, key: Key, **facts: Any) -> Breach:
    """Begin a breach about one account, with the severity and holds that are configured."""
    severity = facts.pop("severity", None) or night.rules(rule, "severity", WARNING)
    return Breach(rule, severity, "account", key[1], key[0], [key], **facts)


def _over_limit(night: Night, breach: Breach, exposure: Fraction, limit: Fraction) -> Breach | None:
    """Measure an exposure against a limit; a limit of zero is passed by anything owed."""
    return night.by_levels(breach, exposure, night.rules.levels(breach.rule), limit)


def _limit_exceeded(night: Night) -> Iterator[Breach | None]:
    for key in night.keys_of("limit_exceeded"):
        limits = night.credit.accounts[key]
        if limits.credit_limit is not None and limits.status in {"set", "default"}:
            breach = _about(night, "limit_exceeded", key)
            yield _over_limit(night, breach, night.accounts[key]["exposure"], limits.credit_limit)


def _total_limit_exceeded(night: Night) -> Iterator[Breach | None]:
    rule = "total_limit_exceeded"
    parties: dict[str, list[Key]] = defaultdict(list)
    for key in night.accounts:
        parties[key[1]].append(key)
    applies = set(night.keys_of(rule))
    for party, keys in parties.items():
        limits = night.credit.accounts[keys[0]]
        if limits.party_limit is not None and applies & set(keys):
            breach = Breach(rule, BREACH, "account", party, None, keys)
            yield _over_limit(night, breach, limits.party_exposure, limits.party_limit)


def _group_limit_exceeded(night: Night) -> Iterator[Breach | None]:
    for key in night.keys_of("group_limit_exceeded"):
        for group in night.groups_above(key):
            if group.limit is not None:
                breach = _about(night, "group_limit_exceeded", key, subject=group.party)
                breach.scope = "group"
                breach.key = group.party + (f"/{group.segment}" if group.segment else "")
                yield _over_limit(night, breach, group.exposure, group.limit)


@dataclass
class LateItem:
    """What is left of a late item after unapplied credits took the oldest ones."""

    item: Item
    left: Fraction


def _net_late(night: Night, position: Position) -> Iterator[LateItem]:
    """Set unapplied credits of each currency against the oldest items, and give what is late."""
    as_of = night.setting.as_of
    counted = [item for item in position.items if is_counted(item, as_of)]
    for currency in sorted({item["currency"] for item in counted}):
        same = [item for item in counted if item["currency"] == currency]
        parked = {"credit_notes", "unapplied_payments"}
        credit = -sum(
            (one.open_rc for one in same if one.open_amount < 0 and column_of(one) in parked), ZERO
        )
        debits = [item for item in same if item.open_amount > 0]
        for item in sorted(debits, key=lambda one: (one["due_date"], one["item_id"].encode())):
            used = min(credit, item.open_rc)
            credit -= used
            if item["due_date"] < as_of:
                yield LateItem(item, item.open_rc - used)


def _overdue_age(night: Night) -> Iterator[Breach | None]:
    rule, as_of = "overdue_age", night.setting.as_of
    materiality = Fraction(str(night.rules(rule, "materiality")))
    for key in night.keys_of(rule):
        oldest: LateItem | None = None
        for late in (one for member in night.members[key] for one in _net_late(night, member)):
            item = late.item
            begun = item["disputed_from"] or item["document_date"]
            is_fresh = (as_of - begun).days < night.rules(rule, "disputed_days")
            disputed = item.disputed_rc if is_fresh and item.disputed > 0 else ZERO
            if late.left - disputed < materiality or late.left <= disputed:
                continue
            order = (item["due_date"], item["item_id"].encode())
            if oldest is None or order < (oldest.item["due_date"], oldest.item["item_id"].encode()):
                oldest = late
        if oldest is not None:
            days = Fraction((as_of - oldest.item["due_date"]).days)
            breach = _about(night, rule, key, subject=oldest.item["item_id"])
            yield night.by_levels(breach, days, night.rules.levels(rule), Fraction(1))


def _overdue_share(night: Night) -> Iterator[Breach | None]:
    rule = "overdue_share"
    for key in night.keys_of(rule):
        row = night.accounts[key]
        owed = row["receivables"] + row["bills_of_exchange"] + row["financed_with_recourse"]
        above = Fraction(str(night.rules(rule, "above")))
        enough = row["overdue_net"] > Fraction(str(night.rules(rule, "materiality")))
        if enough and owed > 0 and row["overdue_net"] > above * owed:
            yield _about(
                night,
                rule,
                key,
                threshold=above,
                holds=night.rules(rule, "holds"),
                measured=rounded(row["overdue_net"] / owed, 6),
            )


def _limit_missing(night: Night) -> Iterator[Breach | None]:
    rule = "limit_missing"
    policy = night.setting.settings("limits", "missing_limit")
    for key in night.keys_of(rule):
        limits, exposure = night.credit.accounts[key], night.accounts[key]["exposure"]
        if exposure <= 0 or limits.status != "none" or policy == "unlimited":
            continue
        breach = _about(night, rule, key, measured=exposure, threshold=ZERO)
        breach.holds = night.rules(rule, "holds")
        if policy in {"zero", "insured"}:
            if policy == "insured" and limits.insured_is_unlimited:
                continue
            serving = (limits.insured or ZERO) if policy == "insured" else ZERO
            passed = [
                level
                for level in night.rules.levels("limit_exceeded")
                if exposure > level.above * serving
            ]
            if not passed:
                continue
            breach.severity = max(breach.severity, passed[-1].severity, key=GRAVITY.__getitem__)
            breach.holds = tuple({*breach.holds, *passed[-1].holds})
        yield breach


def _limit_expired(night: Night) -> Iterator[Breach | None]:
    for key in night.keys_of("limit_expired"):
        exposure = night.accounts[key]["exposure"]
        if exposure > 0 and night.credit.accounts[key].status == "expired":
            yield _about(
                night,
                "limit_expired",
                key,
                measured=exposure,
                threshold=ZERO,
                holds=night.rules("limit_expired", "holds"),
            )


def _open_proceedings(night: Night, key: Key) -> list[Row]:
    """Give the customers of an account whose proceedings are open."""
    as_of = night.setting.as_of
    return [
        customer
        for customer in night.customers[key[1]]
        if customer["insolvency_date"] is not None and customer["insolvency_date"] <= as_of
        if customer["insolvency_ended_on"] is None or customer["insolvency_ended_on"] > as_of
    ]


def _insolvency(night: Night) -> Iterator[Breach | None]:
    for key in night.keys_of("insolvency"):
        under = sorted(
            _open_proceedings(night, key),
            key=lambda row: (_is_milder(row), row["insolvency_date"], row["customer_id"].encode()),
        )
        if under:
            name = "reorganisation_holds" if _is_milder(under[0]) else "liquidation_holds"
            holds = night.rules("insolvency", name)
            yield _about(
                night,
                "insolvency",
                key,
                severity=BREACH,
                holds=holds,
                subject=under[0]["customer_id"],
                measured=night.accounts[key]["exposure"],
            )


def _is_milder(customer: Row) -> bool:
    """Say whether proceedings are something else than a liquidation."""
    return (customer["insolvency_kind"] or "liquidation") != "liquidation"


def _claim_filing(night: Night) -> Iterator[Breach | None]:
    rule, as_of = "claim_filing", night.setting.as_of
    for key in night.keys_of(rule):
        row = night.accounts[key]
        owed = row["receivables"] + row["bills_of_exchange"] + row["financed_with_recourse"]
        companies = night.setting.ledger.companies
        countries = {
            companies[one.company_code]["country"]
            if one.company_code in companies
            else night.setting.settings("defaults", "creditor_country")
            for one in night.members[key]
        }
        months = night.rules(rule, "months" if "FR" in countries else "months_abroad")
        last_days = [
            (
                months_later(row["insolvency_published_on"] or row["insolvency_date"], months),
                row["customer_id"].encode(),
            )
            for row in _open_proceedings(night, key)
        ]
        if owed > 0 and last_days:
            last_day, customer = min(last_days)
            left = (last_day - as_of).days
            is_late = left <= night.rules(rule, "breach_days")
            breach = _about(night, rule, key, severity=BREACH if is_late else WARNING)
            breach.subject, breach.measured = customer.decode(), Fraction(left)
            breach.threshold = Fraction(night.rules(rule, "breach_days"))
            breach.holds = night.rules(rule, "holds") if is_late else ()
            yield breach


def months_later(day: date, months: int) -> date:
    """Give the same day some months on; the last of the month where it has no such day."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    for last in range(day.day, 27, -1):
        try:
            return date(year, month, last)
        except ValueError:
            continue
    return date(year, month, day.day)


def _concentration(night: Night) -> Iterator[Breach | None]:
    rule, ledger = "concentration", night.setting.ledger
    if not night.rules(rule, "enabled"):
        return
    owed: dict[str, Fraction] = defaultdict(Fraction)
    for members in night.members.values():
        for one in members:
            owed[chain_of(ledger.parents, one.customer_id)[-1]] += one.exposure
    total = sum(owed.values(), ZERO)
    above = Fraction(str(night.rules(rule, "above")))
    for party, exposure in owed.items():
        if total > 0 and exposure > above * total:
            yield Breach(
                rule,
                night.rules(rule, "severity"),
                "portfolio",
                party,
                None,
                [],
                measured=rounded(exposure / total, 6),
                threshold=above,
                excess=exposure - above * total,
            )


def _manual_hold(night: Night) -> Iterator[Breach | None]:
    for key in night.keys_of("manual_hold"):
        flagged = [row["customer_id"] for row in night.customers[key[1]] if row["manual_hold"]]
        decided = sorted(
            holds_of(night, key, None),
            key=lambda row: (
                night.setting.as_of - row["valid_from"],
                str(row["valid_to"] or ""),
                row["decided_by"],
                row["reason"],
                row["customer_id"],
            ),
        )
        if flagged or decided:
            breach = _about(night, "manual_hold", key, severity=BREACH)
            breach.holds = night.rules("manual_hold", "holds")
            breach.subject = decided[0]["customer_id"] if decided else flagged[0]
            yield breach


# -- overrides


def overrides_of(night: Night, key: Key, action: str) -> list[Row]:
    """Give the overrides that bear on an account at the as-of date."""
    as_of, ledger = night.setting.as_of, night.setting.ledger
    return [
        row
        for row in ledger.tables["overrides"].rows
        if row["action"] == action
        and row["customer_id"] in night.known
        and ledger.account_of(row["customer_id"]) == key[1]
        and row["credit_segment"] in {None, key[0]}
        and row["valid_from"] <= as_of
        and (row["valid_to"] is None or as_of <= row["valid_to"])
    ]


def holds_of(night: Night, key: Key, rule: str | None) -> list[Row]:
    """Give the overrides by which a person holds an account, for a rule or for all."""
    return [row for row in overrides_of(night, key, "hold") if row["rule"] == rule]


NAMED_ONLY = ("insolvency", "cover_stopped", "manual_hold")
"""Rules that a general release never lifts."""


def is_released(night: Night, breach: Breach, key: Key) -> bool:
    """Say whether a person released an account from what a breach asks for."""
    exposure = night.accounts[key]["exposure"]
    for row in overrides_of(night, key, "release"):
        within = row["max_exposure"] is None or exposure <= row["max_exposure"]
        named = row["rule"] == breach.rule
        general = row["rule"] is None and breach.rule not in NAMED_ONLY
        if within and (named or general):
            return True
    return False


def account_holds(night: Night, found: Iterable[Breach]) -> dict[Key, tuple[set[str], set[str]]]:
    """Give per account the holds that stay after overrides, and the rules behind them."""
    holds: dict[Key, tuple[set[str], set[str]]] = {key: (set(), set()) for key in night.accounts}
    for breach in found:
        for key in breach.bears_on:
            asked = set(breach.holds)
            by_person = bool(holds_of(night, key, breach.rule))
            if by_person:
                asked |= set(night.rules("manual_hold", "holds"))
            if asked and (by_person or not is_released(night, breach, key)):
                holds[key][0].update(asked)
                holds[key][1].add(breach.rule)
    return holds
