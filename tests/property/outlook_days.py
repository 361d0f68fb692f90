"""What the slow twin finds day by day: the outlook, got by really running the rules later."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.naive.breaches import GRAVITY, find_breaches
from tests.naive.credit import add_columns, credit_of
from tests.naive.engine import read_setting
from tests.naive.exposure import account_rows, group_rows, positions
from tests.naive.item_breaches import find_item_breaches
from tests.naive.items import open_items
from tests.naive.night import is_on, night_of
from tests.property.ledgers import Case
from tests.property.limit_ledgers import build_limit_case

OUTLOOK_DAYS = 90
CENT = Decimal("0.01")
LOOKED_AHEAD = (
    "limit_exceeded",
    "total_limit_exceeded",
    "group_limit_exceeded",
    "limit_missing",
    "limit_expired",
    "overdue_age",
    "cover_stopped",
)
Foreseen = tuple[date, str, str | None, str, str, str | None]
"""Date, account, credit segment, rule, severity and the group of a group's limit."""


def quiet_case(seed: int) -> Case:
    """Give a ledger in which nothing but orders, limits and time moves after the as-of date."""
    case = build_limit_case(seed, with_defects=False)
    tables = {name: [dict(row) for row in rows] for name, rows in case.tables.items()}
    for row in tables["open_items"]:
        row.update(currency="EUR", financing=None, disputed=None, posting_date=None)
        row["amount"] = row["amount"].quantize(CENT)
        row.update(tax_amount=None, open_amount=None, interest_billed_amount=None)
        row["disputed_amount"] = row["indemnity_billed_amount"] = None
    known = {row["item_id"] for row in tables["open_items"] if row["document_date"] <= case.as_of}
    tables["open_items"] = [row for row in tables["open_items"] if row["item_id"] in known]
    tables.pop("allocations", None)
    random = Random(seed)
    for row in tables.get("commitments", []):
        row.update(currency="EUR", closed_date=None, document_date=None, prepaid_amount=None)
        row["amount"] = row["amount"].quantize(CENT)
        row["expected_date"] = case.as_of + timedelta(days=random.randint(0, 200))
    for name in ("credit_limits", "default_limits"):
        for row in tables.get(name, []):
            row["amount"] = row["amount"].quantize(CENT)
            row["currency"] = "EUR"
    for row in tables.get("credit_limits", []):
        if random.random() < 0.4:
            row["valid_to"] = case.as_of + timedelta(days=random.randint(0, 95))
        if random.random() < 0.15:
            row["valid_from"] = case.as_of + timedelta(days=random.randint(1, 95))
    for name in ("overrides", "ledger_balances", "reference_rates"):
        tables.pop(name, None)
    configuration = {**case.configuration, "reporting": {"currency": "EUR"}}
    configuration["rules"] = {"overdue_age": {"disputed_days": 0}}
    return replace(case, tables=tables, configuration=configuration, extract_date=None)


def graveness_on(case: Case, day: date) -> dict[tuple[Any, ...], tuple[int, int, str]]:
    """Give what the rules find on a day, with nothing remembered, by breach."""
    setting = read_setting(case.tables, day, case.configuration)
    items = open_items(setting)
    held = positions(setting, items)
    accounts = account_rows(setting, items, held.values())
    credit = credit_of(setting, items, accounts, held.values())
    add_columns(credit, accounts, group_rows(setting, held.values()), [])
    night = night_of(setting, credit, accounts, held.values(), None)
    found = {}
    for breach in [*find_breaches(night), *find_item_breaches(night)]:
        if breach is not None and breach.rule in LOOKED_AHEAD and is_on(night, breach.rule):
            subject = breach.subject if breach.rule == "group_limit_exceeded" else None
            place = (breach.party_id, breach.credit_segment, breach.rule, subject, breach.key)
            found[place] = (GRAVITY[breach.severity], len(breach.holds), breach.severity)
    return found


def foreseen_by_running(case: Case) -> set[Foreseen]:
    """Run the rules on each of the next days, and tell what is graver than the day before."""
    found: set[Foreseen] = set()
    before = graveness_on(case, case.as_of)
    for ahead in range(1, OUTLOOK_DAYS + 1):
        day = case.as_of + timedelta(days=ahead)
        now = graveness_on(case, day)
        for place, (gravity, holds, severity) in now.items():
            if (gravity, holds) > before.get(place, (0, 0, ""))[:2]:
                party, segment, rule, subject, _ = place
                found.add((day, party, segment, rule, severity, subject))
        before = now
    return found
