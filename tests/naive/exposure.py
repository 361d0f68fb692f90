"""Exposure of customers, credit accounts and groups (DOMAIN 5)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.naive.arithmetic import rounded
from tests.naive.contract import CREDIT_TYPES, EXPONENTS
from tests.naive.items import Item, Setting, carried_values
from tests.naive.rows import Row

ZERO = Fraction(0)
DEBITS = (
    "receivables",
    "bills_of_exchange",
    "financed_with_recourse",
    "deliveries_not_invoiced",
    "production",
    "open_orders",
)
CREDITS = ("credit_notes", "unapplied_payments", "down_payments")
"""The order in which credits count against debts."""
COMMITMENT_COLUMNS = {
    "delivery": "deliveries_not_invoiced",
    "production": "production",
    "order": "open_orders",
}
CREDIT_COLUMNS = dict(zip(("credit_note", "payment", "down_payment"), CREDITS, strict=True))
RECOURSE_DAYS = timedelta(days=5)


@dataclass
class Commitment:
    """A commitment that exists at the as-of date, in the reporting currency."""

    row: Row
    column: str
    amount_rc: Fraction


@dataclass
class Position:
    """What one customer owes one company code."""

    customer_id: str
    company_code: str
    columns: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    beyond_horizon: Fraction = ZERO
    credit_balance: Fraction = ZERO
    items: list[Item] = field(default_factory=list)

    @property
    def exposure(self) -> Fraction:
        return sum((self.columns[name] for name in (*DEBITS, *CREDITS)), ZERO)


def column_of(item: Item) -> str:
    """Name the component that an item stands in."""
    if item["document_type"] in CREDIT_TYPES:
        return CREDIT_COLUMNS[item["document_type"]]
    if item["amount"] < 0:
        return "credit_notes"
    if item["financing"] in {"discounted", "factored_recourse"}:
        return "financed_with_recourse"
    return "bills_of_exchange" if item["document_type"] == "bill_of_exchange" else "receivables"


def is_counted(item: Item, as_of: date) -> bool:
    """Say whether an open item is the company's own risk (S7)."""
    if item["financing"] in {"factored_no_recourse", "securitised"}:
        return False
    if column_of(item) == "financed_with_recourse":
        due: date = item["due_date"]
        return as_of <= due + RECOURSE_DAYS
    return True


def commitments_of(setting: Setting) -> list[Commitment]:
    """Give every commitment that exists, with tax, less what was prepaid, converted."""
    existing = []
    for row in setting.ledger.commitments:
        begun = row["document_date"] is None or row["document_date"] <= setting.as_of
        closed = row["closed_date"] is not None and row["closed_date"] <= setting.as_of
        if not begun or closed:
            continue
        gross = row["amount"] * (1 + (row["tax_percent"] or ZERO) / 100)
        gross = rounded(gross, EXPONENTS[row["currency"]])
        left = max(ZERO, gross - (row["prepaid_amount"] or ZERO))
        column = COMMITMENT_COLUMNS[row["kind"]]
        segment = setting.ledger.segment_of(row["company_code"])
        horizon = setting.settings.exposure_of(segment, "horizon_days")
        expected = row["expected_date"]
        if column == "open_orders" and expected and (expected - setting.as_of).days > horizon:
            column = "orders_beyond_horizon"
        existing.append(Commitment(row, column, setting.in_reporting(left, row["currency"])))
    return existing


def positions(setting: Setting, items: list[Item]) -> dict[tuple[str, str], Position]:
    """Give what every customer owes every company code, after netting credits (S6)."""
    found: dict[tuple[str, str], Position] = {}

    def position(row: Any) -> Position:
        key = (row["customer_id"], row["company_code"])
        return found.setdefault(key, Position(*key))

    for item in items:
        if item.open_amount != 0:
            position(item).items.append(item)
            if is_counted(item, setting.as_of):
                position(item).columns[column_of(item)] += item.open_rc
    commitments: dict[tuple[str, str], list[Commitment]] = defaultdict(list)
    for commitment in commitments_of(setting):
        key = (position(commitment.row).customer_id, position(commitment.row).company_code)
        commitments[key].append(commitment)
    for key, one in found.items():
        _apply_down_payments(setting, one, commitments[key])
        for commitment in commitments[key]:
            if commitment.column == "orders_beyond_horizon":
                one.beyond_horizon += commitment.amount_rc
            else:
                one.columns[commitment.column] += commitment.amount_rc
        _count_credits(setting, one)
    return found


def _apply_down_payments(setting: Setting, one: Position, commitments: list[Commitment]) -> None:
    """Set down payments against the orders that they name."""
    segment = setting.ledger.segment_of(one.company_code)
    if not setting.settings.exposure_of(segment, "credits_reduce"):
        return
    left_out = setting.settings.exposure_of(segment, "components_left_out")
    paid: dict[str, Fraction] = defaultdict(Fraction)
    for item in one.items:
        is_paid = item["document_type"] == "down_payment" and item.open_amount < 0
        if is_paid and item["order_id"] and is_counted(item, setting.as_of):
            paid[item["order_id"]] -= item.open_rc
    for commitment in sorted(commitments, key=lambda one: one.row["commitment_id"].encode()):
        used = min(paid[commitment.row["order_id"]], commitment.amount_rc)
        paid[commitment.row["order_id"]] -= used
        commitment.amount_rc -= used
        one.columns["down_payments"] += used
        if commitment.column == "orders_beyond_horizon" or commitment.column in left_out:
            # It is neither owed back nor set against a debt that counts.
            one.credit_balance -= used


def _count_credits(setting: Setting, one: Position) -> None:
    """Count credits up to the debts to the same company code; the rest is a balance."""
    ledger = setting.ledger
    segment = ledger.segment_of(one.company_code)
    left_out = setting.settings.exposure_of(segment, "components_left_out")
    customer = ledger.customers.get(one.customer_id)
    for name in left_out:
        if name in CREDITS:
            one.credit_balance += one.columns[name]
        one.columns[name] = ZERO
    base = max(ZERO, sum((one.columns[name] for name in DEBITS), ZERO))
    base += sum((max(ZERO, one.columns[name]) for name in CREDITS), ZERO)
    if not setting.settings.exposure_of(segment, "credits_reduce"):
        base = ZERO
    elif customer and customer["netting_agreement"]:
        return
    for name in CREDITS:
        if one.columns[name] < 0:
            counted = min(base, -one.columns[name])
            one.credit_balance += one.columns[name] + counted
            one.columns[name] = -counted
            base -= counted


def overdue_by_customer(
    setting: Setting, one: Position
) -> tuple[Fraction, Fraction, date | None, Fraction]:
    """Give late, late after unapplied credits (S8), the oldest due date, and the disputed part."""
    late: dict[str, Fraction] = defaultdict(Fraction)
    credit: dict[str, Fraction] = defaultdict(Fraction)
    due_dates: list[date] = []
    disputed = ZERO
    for item in one.items:
        if not is_counted(item, setting.as_of):
            continue
        disputed += item.disputed_rc
        if item.open_amount > 0 and item["due_date"] < setting.as_of:
            late[item["currency"]] += item.open_rc
            due_dates.append(item["due_date"])
        if item.open_amount < 0 and column_of(item) in {"credit_notes", "unapplied_payments"}:
            credit[item["currency"]] -= item.open_rc
    net = sum((max(ZERO, late[name] - credit[name]) for name in late), ZERO)
    return sum(late.values(), ZERO), net, min(due_dates, default=None), disputed


def account_rows(
    setting: Setting, items: list[Item], found: Iterable[Position]
) -> list[dict[str, Any]]:
    """Give one row per credit segment and credit account."""
    ledger = setting.ledger
    members: dict[tuple[str, str], list[Position]] = defaultdict(list)
    published: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for one in found:
        key = (ledger.segment_of(one.company_code), ledger.account_of(one.customer_id))
        members[key].append(one)
    for item in items:
        if item.is_published(setting.as_of):
            published[item.credit_segment, item.credit_account].append(item)
    keys = _account_keys(setting, {*members, *published})
    return [_account_row(setting, key, members[key], published[key]) for key in sorted(keys)]


def _account_keys(setting: Setting, known: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Add the accounts that stand there for a limit, open proceedings or a manual hold."""
    ledger, as_of = setting.ledger, setting.as_of
    named = set()
    for limit in ledger.tables["credit_limits"].rows:
        if limit["scope"] in {None, "account"}:
            if limit["credit_segment"]:
                known = known | {(limit["credit_segment"], limit["party_id"])}
            else:
                named.add(limit["party_id"])
    for customer in ledger.customers.values():
        opened, ended = customer["insolvency_date"], customer["insolvency_ended_on"]
        is_open = opened is not None and opened <= as_of and (ended is None or ended > as_of)
        if is_open or customer["manual_hold"]:
            named.add(ledger.account_of(customer["customer_id"]))
    placed = {account for _, account in known}
    return known | {("ALL", account) for account in named - placed}


def _account_row(
    setting: Setting, key: tuple[str, str], members: list[Position], published: list[Item]
) -> dict[str, Any]:
    """Add up the positions and items of one account."""
    segment, account = key
    customer = _representative(setting, account)
    late = [overdue_by_customer(setting, one) for one in members]
    oldest = min((due for _, _, due, _ in late if due), default=None)
    row: dict[str, Any] = {
        "credit_account_id": account,
        "credit_segment": segment,
        "customer_name": customer and customer["name"],
        "country": customer and customer["country"],
        "risk_class": customer and customer["risk_class"],
        "segment": customer and customer["segment"],
        "account_manager": customer and customer["account_manager"],
        "group_id": customer and _group_of(setting, customer["customer_id"]),
    }
    for name in (*DEBITS, *CREDITS):
        row[name] = sum((one.columns[name] for one in members), ZERO)
    row |= {
        "orders_beyond_horizon": sum((one.beyond_horizon for one in members), ZERO),
        "credit_balance": sum((one.credit_balance for one in members), ZERO),
        "exposure": sum((one.exposure for one in members), ZERO),
        "overdue": sum((amount for amount, _, _, _ in late), ZERO),
        "overdue_net": sum((net for _, net, _, _ in late), ZERO),
        "disputed_amount": sum((disputed for _, _, _, disputed in late), ZERO),
        "oldest_due_date": oldest,
        "max_days_past_due": (setting.as_of - oldest).days if oldest else 0,
        "penalty_interest": sum((item.penalty_rc for item in published), ZERO),
        "interest_unbilled": sum(
            (setting.in_reporting(item.unbilled, item["currency"]) for item in published), ZERO
        ),
        "fixed_indemnity": sum((item.indemnity_rc for item in published), ZERO),
        "item_count": sum(len(one.items) for one in members),
        **carried_values(setting.settings, "customers", customer, setting.source),
    }
    return row


def _representative(setting: Setting, account: str) -> Row | None:
    """Give the customer named like the account, else its first customer."""
    customers = setting.ledger.customers
    if account in customers:
        return customers[account]
    own = [name for name in customers if setting.ledger.account_of(name) == account]
    return customers[min(own, key=str.encode)] if own else None


def _root(setting: Setting, party: str) -> str:
    """Give the party at the head of a party's group."""
    while party in setting.ledger.parents:
        party = setting.ledger.parents[party]
    return party


def _group_limits(setting: Setting) -> set[str]:
    """Name the customers that a group limit names."""
    limits = setting.ledger.tables["credit_limits"].rows
    named = {limit["party_id"] for limit in limits if limit["scope"] == "group"}
    return named & set(setting.ledger.customers)


def _group_of(setting: Setting, party: str) -> str | None:
    """Give the root of a party's group, None when it isn't in one."""
    root = _root(setting, party)
    is_group = root in setting.ledger.parents.values() or root in _group_limits(setting)
    return root if is_group else None


def group_rows(setting: Setting, found: Iterable[Position]) -> list[dict[str, Any]]:
    """Give one row per party with a child or a group limit, its descendants included."""
    parents = setting.ledger.parents
    by_customer: dict[str, list[Position]] = defaultdict(list)
    for one in found:
        by_customer[one.customer_id].append(one)
    above = {party: _chain(parents, party) for party in setting.ledger.customers}
    rows = []
    for group in sorted(set(parents.values()) | _group_limits(setting)):
        members = [party for party, chain in above.items() if group in chain]
        held = [one for party in members for one in by_customer[party]]
        late = [overdue_by_customer(setting, one) for one in held]
        rows.append(
            {
                "group_id": group,
                "depth": len(above[group]) - 1,
                "member_count": len(members),
                "exposure": sum((one.exposure for one in held), ZERO),
                "overdue": sum((amount for amount, _, _, _ in late), ZERO),
                "overdue_net": sum((net for _, net, _, _ in late), ZERO),
            }
        )
    return rows


def _chain(parents: dict[str, str], party: str) -> list[str]:
    """Give the party and everyone above it."""
    chain = [party]
    while chain[-1] in parents:
        chain.append(parents[chain[-1]])
    return chain
