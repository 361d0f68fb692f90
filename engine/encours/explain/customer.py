"""How the exposure of a customer's credit accounts came about, and what would clear its holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.explain.run_ledger import EPOCH, RunLedger, open_run_ledger
from encours.ledger.decode import NO_DAY
from encours.ledger.limits import GROUP_SCOPE, KINDS, LAYERS, Limits, day_or_open, read_limits
from encours.ledger.master import CURRENCIES, DEFAULT_SEGMENT
from encours.ledger.quarantine import Quarantine
from encours_schemas.errors import InputMissing
from encours_schemas.inputs import CREDIT_LIMITS

if TYPE_CHECKING:
    from pathlib import Path

    from encours.ledger.sources import TableSource

Row = dict[str, Any]

COMPONENTS: Final = (
    "receivables",
    "bills_of_exchange",
    "financed_with_recourse",
    "deliveries_not_invoiced",
    "production",
    "open_orders",
    "credit_notes",
    "unapplied_payments",
    "down_payments",
)
NOT_COUNTED: Final = "not_counted"
_CREDITS: Final = {
    "credit_note": "credit_notes",
    "payment": "unapplied_payments",
    "down_payment": "down_payments",
}
_RECOURSE: Final = ("discounted", "factored_recourse")
_SOLD: Final = ("factored_no_recourse", "securitised")
_RECOURSE_DAYS: Final = timedelta(days=5)
_COMMITMENTS: Final = {
    "delivery": "deliveries_not_invoiced",
    "production": "production",
    "order": "open_orders",
}
ZERO: Final = Decimal(0)


@dataclass(frozen=True)
class LimitRow:
    """One limit of the party, and what has become of it by the as-of date.

    state  `in force`, `superseded by ID`, `ended on D`, `withdrawn on D` or `begins on D`
    """

    limit_id: str
    scope: str
    credit_segment: str | None
    kind: str
    layer: str
    policy: str | None
    amount: Decimal | None
    currency: str
    valid_from: date
    valid_to: date | None
    state: str


@dataclass(frozen=True)
class AccountStory:
    """One credit account: its published row, and the rows that it came about from.

    items        open items with `component` and `delivery_date`, in the order of delivery
    commitments  the rows of `order_decisions`: orders and production
    deliveries   the ledger's rows of what is delivered and not invoiced, in their own currency
    horizon      last day on which an order is expected that counts
    """

    account: Row
    items: list[Row]
    commitments: list[Row]
    deliveries: list[Row]
    limits: list[LimitRow]
    groups: list[Row]
    breaches: list[Row]
    horizon: date

    def of_component(self, component: str) -> Decimal | None:
        """Add the open items, orders and production of a component up, in the reporting currency.

        None for deliveries, which no table of the run lists one by one.
        """
        if component == "deliveries_not_invoiced":
            return None
        amounts = [row["open_amount_rc"] for row in self.items if row["component"] == component]
        amounts += [
            row["amount_rc"] for row in self.commitments if self._commitment(row) == component
        ]
        return sum(amounts, ZERO)

    def _commitment(self, row: Row) -> str:
        """Name the component that a commitment stands in; an order of later on is not counted."""
        expected = row["expected_date"]
        if row["kind"] == "order" and expected is not None and expected > self.horizon:
            return NOT_COUNTED
        return _COMMITMENTS[row["kind"]]


@dataclass(frozen=True)
class CustomerStory:
    """Everything about the credit accounts of one customer."""

    customer_id: str
    as_of: date
    currency: str
    accounts: list[AccountStory]


def explain_customer(
    directory: Path, customer_id: str, ledger: Path | None = None, *, threads: int = 1
) -> CustomerStory:
    """Collect what a run says of a customer or credit account, with the ledger's own rows.

    Raises InputMissing (66) where the run has no account of it; else as `open_run_ledger`.
    """
    with open_run_ledger(directory, ledger, threads=threads) as opened:
        stories = []
        for account in dict.fromkeys([_account_of(opened, customer_id), customer_id]):
            stories += _stories(opened, account, customer_id)
        if not stories:
            raise InputMissing(
                what="the run has no credit account of this customer",
                where=str(directory),
                found=customer_id,
                expected="the id of a customer or credit account with an item, order or limit",
                cure="check the id; ids are compared byte for byte",
            )
        manifest = opened.run.manifest
        currency = opened.run.reporting_currency
        return CustomerStory(customer_id, date.fromisoformat(manifest["as_of"]), currency, stories)


def _stories(opened: RunLedger, account: str, customer_id: str) -> list[AccountStory]:
    """Collect what there is of one credit account, segment by segment."""
    rows = list(opened.run.rows_of("credit_accounts", "credit_account_id", [account]))
    if not rows:
        return []
    items = _items(opened, account)
    members = sorted({row["customer_id"] for row in items} | {account, customer_id})
    commitments = list(opened.run.rows_of("order_decisions", "customer_id", members))
    deliveries = _deliveries(opened, members)
    limits = _limits(opened, [account])
    breaches = list(opened.run.rows_of("breaches", "party_id", [account]))
    above = _groups(opened, members)

    def of_segment(found: list[Row], segment: str) -> list[Row]:
        return [one for one in found if one["credit_segment"] == segment]

    return [
        AccountStory(
            row,
            of_segment(items, row["credit_segment"]),
            of_segment(commitments, row["credit_segment"]),
            of_segment(deliveries, row["credit_segment"]),
            [one for one in limits if one.credit_segment in {None, row["credit_segment"]}],
            above,
            [one for one in breaches if one["credit_segment"] in {None, row["credit_segment"]}],
            _horizon(opened, row["credit_segment"]),
        )
        for row in rows
    ]


def _horizon(opened: RunLedger, segment: str) -> date:
    days = opened.configuration.exposure.for_segment(segment).horizon_days
    return EPOCH + timedelta(days=opened.as_of_day + days)


def _account_of(opened: RunLedger, customer_id: str) -> str:
    """Name the credit account of a customer; an id of no customer is an account's own."""
    for row in _rows_where(opened.ledger.tables["customers"], "customer_id", [customer_id]):
        return str(row.get("credit_account_id") or customer_id)
    return customer_id


def _rows_where(source: TableSource, column: str, values: list[str] | None) -> list[Row]:
    """Give the rows of an input table whose column is one of the values, unit by unit.

    None for the values gives every row: for small tables alone.
    """
    found: list[Row] = []
    if values is None:
        for unit in source.units:
            found += source.read(unit, source.columns).to_pylist()
        return found
    wanted = pa.array(values, pa.string())
    for unit in source.units:
        if column not in source.columns:
            break
        texts = source.read(unit, [column]).column(column).cast(pa.string())
        chosen = pc.is_in(texts, value_set=wanted)
        if pc.any(chosen).as_py():
            found += source.read(unit, source.columns).filter(chosen).to_pylist()
    return found


def _items(opened: RunLedger, account: str) -> list[Row]:
    """Give the published open items of an account with what the ledger says of them besides."""
    published = [
        row
        for row in opened.run.rows_of("items", "credit_account_id", [account])
        if row["open_amount"]
    ]
    ids = [row["item_id"] for row in published]
    source = opened.ledger.tables["open_items"]
    known = {row["item_id"]: row for row in _rows_where(source, "item_id", ids)}
    as_of = EPOCH + timedelta(days=opened.as_of_day)
    for row in published:
        extra = known.get(row["item_id"], {})
        row["financing"] = extra.get("financing") or "none"
        row["delivery_date"] = str(extra.get("delivery_date") or row["document_date"])
        row["component"] = component_of(row, as_of)
    return sorted(published, key=lambda row: (row["delivery_date"], row["item_id"].encode()))


def _deliveries(opened: RunLedger, members: list[str]) -> list[Row]:
    """Give the ledger's deliveries not invoiced of some customers, with their credit segment."""
    source = opened.ledger.tables.get("commitments")
    if source is None:
        return []
    companies = opened.ledger.tables.get("companies")
    codes = [] if companies is None else _rows_where(companies, "company_code", None)
    segments = {str(row["company_code"]): row.get("credit_segment") for row in codes}
    return [
        {**row, "credit_segment": segments.get(str(row["company_code"])) or DEFAULT_SEGMENT}
        for row in _rows_where(source, "customer_id", members)
        if row["kind"] == "delivery"
    ]


def component_of(row: Row, as_of: date) -> str:
    """Name the component of exposure that a published open item stands in (DOMAIN 5)."""
    credit = _CREDITS.get(row["document_type"])
    if row["financing"] in _SOLD:
        return NOT_COUNTED
    if credit is not None:
        return credit
    if row["amount"] < 0:
        return "credit_notes"
    if row["financing"] in _RECOURSE:
        return (
            "financed_with_recourse" if as_of <= row["due_date"] + _RECOURSE_DAYS else NOT_COUNTED
        )
    is_bill = row["document_type"] == "bill_of_exchange"
    return "bills_of_exchange" if is_bill else "receivables"


def _limits(opened: RunLedger, parties: list[str]) -> list[LimitRow]:
    """Give every limit of some accounts, in force or not, with the reason."""
    source = opened.ledger.tables.get("credit_limits")
    limits = read_limits(source, Quarantine())
    wanted = pc.is_in(limits.parties, value_set=pa.array(parties, pa.string()))
    chosen = wanted.to_numpy(zero_copy_only=False)[limits.party_code] & ~limits.is_group
    return limit_rows(limits, np.flatnonzero(chosen), opened.as_of_day)


def limit_rows(limits: Limits, rows: np.ndarray[Any, np.dtype[Any]], day: int) -> list[LimitRow]:
    """Give some limits as rows, each with what has become of it by a day."""
    in_force = set(limits.in_force(day).tolist())
    order, begins = limits.order()
    place = {row: position for position, row in enumerate(order.tolist())}
    found = []
    for row in rows.tolist():
        follower = place[row] + 1
        superseded = (
            follower < len(order)
            and not begins[follower]
            and limits.from_day[order[follower]] <= day
        )
        if row in in_force:
            state = "in force"
        elif limits.from_day[row] > day:
            state = f"begins on {_date(limits.from_day[row])}"
        elif superseded:
            state = f"superseded by {limits.limit_id[int(order[follower])].as_py()}"
        elif limits.withdrawn_day[row] <= day:
            state = f"withdrawn on {_date(limits.withdrawn_day[row])}"
        else:
            state = f"ended on {_date(limits.to_day[row])}"
        found.append(_limit_row(limits, row, state))
    return sorted(found, key=lambda one: (one.kind, one.credit_segment or "", one.valid_from))


def _limit_row(limits: Limits, row: int, state: str) -> LimitRow:
    segment, policy = int(limits.segment_code[row]), int(limits.policy_code[row])
    to_day = int(day_or_open(limits.to_day[row : row + 1])[0])
    scopes = CREDIT_LIMITS.column("scope").allowed
    amount = Decimal(int(limits.amount_milli[row])).scaleb(-3)
    return LimitRow(
        limit_id=limits.limit_id[row].as_py(),
        scope=scopes[GROUP_SCOPE] if limits.is_group[row] else scopes[1 - GROUP_SCOPE],
        credit_segment=None if segment < 0 else limits.segments[segment],
        kind=KINDS[limits.kind_code[row]],
        layer=LAYERS[limits.layer_code[row]],
        policy=None if policy < 0 else limits.policies[policy],
        amount=None if limits.is_unlimited[row] else amount,
        currency=CURRENCIES[limits.currency_code[row]],
        valid_from=_date(limits.from_day[row]),
        valid_to=None if to_day == NO_DAY else _date(to_day),
        state=state,
    )


def _date(day: int) -> date:
    return EPOCH + timedelta(days=int(day))


def _groups(opened: RunLedger, members: list[str]) -> list[Row]:
    """Give every group that a member belongs to and that has a limit, the nearest first."""
    parents: dict[str, str] = {}
    wanted = set(members)
    while wanted:
        rows = _rows_where(opened.ledger.tables["customers"], "customer_id", sorted(wanted))
        found = {str(row["customer_id"]): row.get("parent_id") for row in rows}
        parents |= {name: parent for name, parent in found.items() if parent}
        wanted = {parent for parent in found.values() if parent} - set(parents) - set(found)
    above = sorted({*members, *parents.values()})
    groups = opened.run.rows_of("groups", "group_id", above)
    rows = [row for row in groups if row["group_limit"] is not None]
    return sorted(rows, key=lambda row: -row["depth"])
