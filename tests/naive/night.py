"""The rules of a night: what they look at, and what they put into the published tables."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any, Protocol

from tests.naive.breaches import GRAVITY, Breach, Earlier, Night, account_holds, find_breaches
from tests.naive.credit import Credit, chain_of
from tests.naive.exposure import Position
from tests.naive.item_breaches import find_item_breaches, warnings_of
from tests.naive.items import Setting
from tests.naive.laws import ONE_DAY
from tests.naive.limits import Key
from tests.naive.memory import breach_rows
from tests.naive.rows import Row
from tests.naive.rules import ALL_HOLDS


class EarlierRun(Protocol):
    """What the latest earlier run published."""

    tables: dict[str, list[Row]]
    as_of: date


def night_of(
    setting: Setting,
    credit: Credit,
    accounts: list[Row],
    held: Iterable[Position],
    before: EarlierRun | None,
) -> Night:
    """Lay out what the rules look at."""
    ledger = setting.ledger
    members: dict[Key, list[Position]] = defaultdict(list)
    for one in held:
        key = (ledger.segment_of(one.company_code), ledger.account_of(one.customer_id))
        members[key].append(one)
    by_key = {(row["credit_segment"], row["credit_account_id"]): row for row in accounts}
    return Night(setting, credit, by_key, members, None if before is None else _earlier(before))


def remembered(night: Night) -> Earlier:
    """Give what the same night would be told, were it the one before."""
    rows = {row["breach_id"]: row for row in breach_rows(night, breaches_of(night))}
    limits = {key: one.insured for key, one in night.credit.accounts.items()}
    insured = {key: limit for key, limit in limits.items() if limit is not None}
    due_dates = {
        item["item_id"]: item["due_date"]
        for members in night.members.values()
        for one in members
        for item in one.items
    }
    return Earlier(night.setting.as_of - ONE_DAY, rows, due_dates, insured)


def breaches_of(night: Night) -> list[Breach]:
    """Give everything that the rules which are on find."""
    everything = [*find_breaches(night), *find_item_breaches(night)]
    return [one for one in everything if one is not None and is_on(night, one.rule)]


def _earlier(before: EarlierRun) -> Earlier:
    """Keep what rules need of the earlier run."""
    return Earlier(
        before.as_of,
        {row["breach_id"]: row for row in before.tables["breaches"]},
        {row["item_id"]: row["due_date"] for row in before.tables["items"] if row["open_amount"]},
        {
            (row["credit_segment"], row["credit_account_id"]): Fraction(row["insured_limit"])
            for row in before.tables["credit_accounts"]
            if row["insured_limit"] is not None
        },
    )


NEED_LIMITS = (
    "limit_exceeded",
    "total_limit_exceeded",
    "group_limit_exceeded",
    "insured_limit_exceeded",
    "cover_stopped",
    "insurer_notification",
    "insured_limit_reduced",
    "cover_ending",
    "limit_missing",
    "limit_expired",
    "temporary_limit_ending",
)


def apply_rules(
    night: Night, accounts: list[Row], groups: list[Row], items: list[Row]
) -> list[Row]:
    """Give the rows of `breaches`, and put holds, severities and warnings into the other tables."""
    found = breaches_of(night)
    holds = account_holds(night, found)
    worst: dict[Key, str] = {}
    for breach in found:
        for key in breach.bears_on:
            known = worst.get(key, breach.severity)
            worst[key] = max(known, breach.severity, key=GRAVITY.__getitem__)
    for row in accounts:
        key = (row["credit_segment"], row["credit_account_id"])
        row.update({f"hold_{hold}": hold in holds[key][0] for hold in ALL_HOLDS})
        row["worst_severity"] = worst.get(key)
        row["available_to_sell"] = _available_to_sell(night, key, row)
    _group_severities(night, groups, found, worst)
    codes = warnings_of(night)
    for row in items:
        told = [*(row["warnings"] or "").split("|"), *codes.get(row["item_id"], [])]
        row["warnings"] = "|".join(code for code in told if code) or None
    return breach_rows(night, found)


def _available_to_sell(night: Night, key: Key, row: Row) -> Fraction | None:
    """Give the least of what every limit leaves, nothing while orders are held."""
    if row["hold_orders"]:
        return Fraction(0)
    limits = night.credit.accounts[key]
    left = [] if limits.available is None else [limits.available]
    if limits.party_limit is not None:
        left.append(limits.party_limit - limits.party_exposure)
    left += [
        group.limit - group.exposure for group in night.groups_above(key) if group.limit is not None
    ]
    return max(Fraction(0), min(left)) if left else None


def is_on(night: Night, rule: str) -> bool:
    """Say whether a rule is looked at; those about limits only where there is a table of them."""
    return night.credit.book.is_given or rule not in NEED_LIMITS


def _group_severities(
    night: Night, groups: list[Row], found: list[Breach], worst: Mapping[Key, str]
) -> None:
    """Give every group the worst severity of its members' accounts, and its own."""
    parents = night.setting.ledger.parents

    def told(group: str) -> Iterator[str]:
        for key, severity in worst.items():
            customers: list[Any] = night.customers[key[1]]
            if any(group in chain_of(parents, one["customer_id"]) for one in customers):
                yield severity
        for breach in found:
            if breach.rule == "concentration" and group in chain_of(parents, breach.party_id):
                yield breach.severity

    for row in groups:
        severities = list(told(row["group_id"]))
        row["worst_severity"] = max(severities, key=GRAVITY.__getitem__, default=None)
