"""The peers' cases of limits, insured cover, rules and holds: each question is a ledger of its own.

A figure of ours is read from the published tables. What a case asks beyond them is named as the
feature that is missing; what the engine decides otherwise is worked out from the case alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

import encours
from encours_schemas.configuration import Configuration
from tests.peers.cases import SOME_DAY, Fields, day_of

KINDS: Final = frozenset({"limit_check", "limit_master", "limit_selection", "insurance", "rule"})
COMPANY, PARTY, ANOTHER = "C1", "P1", "another party"
LONG_AGO: Final = date(2000, 1, 1)
NO_DRAFTS: Final = "draft documents"
NO_CATEGORIES: Final = "limits per category"
NO_COUNTS: Final = "rules on the number of items"
NO_INVOICE_STOP: Final = "a stop of invoices"
NO_DUNNING: Final = "dunning levels"
KEEP_APART: Final = "an insurer's approval secures a debt and adds nothing to the credit limit"
SUPERSEDE: Final = "a later limit of the same key supersedes the earlier one"
"""Rules of ours, DOMAIN 7."""

Row = dict[str, Any]


def is_limit_case(case: Fields) -> bool:
    """Say whether a case is about limits, cover or rules; a roll-up is when it has a limit."""
    config = case.get("config") or {}
    return str(case.get("kind")) in KINDS or (case.get("kind") == "rollup" and "limit" in config)


@dataclass
class Outcome:
    """What was compared: path, the peer's value, ours; and what is missing or decided otherwise."""

    figures: list[tuple[str, Any, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    rules: list[tuple[str, str, Any, Any]] = field(default_factory=list)
    """Of a rule: its name, the path, what the rule gives, what the engine gives."""


@dataclass
class Ledger:
    """One ledger to ask: amounts of items and orders of a party, its limits and its master data."""

    as_of: date
    items: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    limits: list[Row] = field(default_factory=list)
    customers: dict[str, Row] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)

    def add_item(self, name: str, amount: Any, **more: Any) -> None:
        """Add an invoice, or what `more` says instead."""
        self.items.append(
            {
                "item_id": name,
                "company_code": COMPANY,
                "customer_id": PARTY,
                "document_type": "invoice",
                "document_date": self.as_of,
                "due_date": self.as_of,
                "currency": "EUR",
                "amount": amount,
                **more,
            }
        )

    def add_order(self, name: str, amount: Any) -> None:
        """Add an order that counts."""
        self.orders.append(
            {
                "commitment_id": name,
                "company_code": COMPANY,
                "customer_id": PARTY,
                "kind": "order",
                "currency": "EUR",
                "amount": amount,
            }
        )

    def add_limit(self, amount: Any, kind: str = "internal", **more: Any) -> None:
        """Add a limit of the party."""
        self.limits.append(
            {
                "limit_id": f"L{len(self.limits)}",
                "party_id": PARTY,
                "kind": kind,
                "amount": amount,
                "currency": "EUR",
                "valid_from": LONG_AGO,
                **more,
            }
        )

    def run(self, place: Path) -> dict[str, list[Row]]:
        """Publish the ledger, and give the tables that cases look at."""
        folder = place / "ledger"
        folder.mkdir(parents=True)
        self.customers.setdefault(PARTY, {})
        customers = [
            {"customer_id": name, "country": "FR", "credit_account_id": None, "manual_hold": "N"}
            | row
            for name, row in self.customers.items()
        ]
        if not self.limits:
            self.add_limit(1, valid_to=LONG_AGO, party_id=ANOTHER)
        items = self.items or [dict.fromkeys(_ITEM_COLUMNS)]
        tables = {"customers": customers, "open_items": items, "credit_limits": self.limits}
        for name, rows in {**tables, "commitments": self.orders}.items():
            if rows:
                columns = list(dict.fromkeys(column for row in rows for column in row))
                with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                    writer = csv.DictWriter(file, columns, restval="")
                    writer.writeheader()
                    writer.writerows(row for row in rows if any(row.values()))
        configuration = {"rules": self.rules, "defaults": {"creditor_country": "FR"}}
        result = encours.run(
            folder,
            self.as_of,
            place / "out",
            Configuration.model_validate(configuration),
            threads=1,
        )
        names = ("credit_accounts", "breaches", "items", "order_decisions", "quarantine")
        return {name: _rows(result.directory / name) for name in names}


_ITEM_COLUMNS: Final = (
    "item_id", "company_code", "customer_id", "document_type", "document_date", "currency",
    "amount",
)  # fmt: skip


def _rows(folder: Path) -> list[Row]:
    rows: list[Row] = []
    for part in sorted(folder.glob("*.parquet")):
        rows += pq.ParquetFile(part).read().to_pylist()
    return rows


def _account(published: Mapping[str, list[Row]], party: str = PARTY) -> Row:
    return next(row for row in published["credit_accounts"] if row["credit_account_id"] == party)


def _is_exceeded(published: Mapping[str, list[Row]]) -> bool:
    """Say whether the limit is passed: a warning on the way there is no breach."""
    rules = {"limit_exceeded", "total_limit_exceeded"}
    return any(
        row["rule"] in rules and row["severity"] == "breach" for row in published["breaches"]
    )


def read_limit_case(case: Fields, place: Path) -> Outcome:
    """Ask the engine everything that a case asks."""
    outcome = Outcome()
    reader = {
        "limit_selection": _selection,
        "limit_master": _master,
        "insurance": _insurance,
        "rule": _rule,
    }.get(str(case["kind"]), _check)
    reader(case, place, outcome)
    return outcome


def _entries(case: Fields) -> Iterator[tuple[str, Fields]]:
    """Give every question: the case itself, or each of its sub-cases laid over it."""
    entries = case.get("cases") or [{}]
    for number, entry in enumerate(entries):
        yield (f"cases[{number}]" if entry else ""), entry


def _day(case: Fields) -> date:
    return day_of(case["as_of"]) if case.get("as_of") else SOME_DAY


def _check(case: Fields, place: Path, outcome: Outcome) -> None:
    """Ask about exposures against a limit, with and without the document under check."""
    config = case.get("config") or {}
    for number, (label, entry) in enumerate(_entries(case)):
        if entry.get("category_limit"):
            outcome.missing.append(NO_CATEGORIES)
            continue
        ledger = Ledger(_day(case))
        _add_rows(ledger, case, outcome)
        limit = entry.get("limit", config.get("limit"))
        if entry.get("limit_active", True) and limit is not None:
            ledger.add_limit(limit, party_id=str(config.get("limit_holder", PARTY)))
        for name in {"limit_holder": config.get("limit_holder")}.values():
            if name:
                ledger.customers = {
                    member: {"credit_account_id": name} for member in config["hierarchy"]
                }
        if entry.get("credit_status"):
            held = "Y" if entry["credit_status"] == "stop" else "N"
            ledger.customers[PARTY] = {"manual_hold": held}
        before = Ledger(**{**vars(ledger), "limits": [*ledger.limits]}).run(
            place / f"{number}-before"
        )
        _add_documents(ledger, case, entry, outcome)
        after = ledger.run(place / f"{number}-after")
        if any(item.get("status") == "draft" for item in case.get("items") or []):
            continue
        asked = {**_expected(case), **entry}
        for name, peer in asked.items():
            _compare(outcome, f"{label} {name}".strip(), name, peer, (before, after))


def _expected(case: Fields) -> Fields:
    expected = case.get("expected")
    return expected if isinstance(expected, dict) else {}


def _add_rows(ledger: Ledger, case: Fields, outcome: Outcome) -> None:
    """Write the items of a case; orders become commitments."""
    if "exposure_before" in case:
        ledger.add_item("BEFORE", case["exposure_before"])
    for item in case.get("items") or []:
        if item.get("status") == "draft":
            outcome.missing.append(NO_DRAFTS)
        elif item["type"] == "sales_order":
            ledger.add_order(item["id"], item["amount"])
        else:
            due = day_of(item.get("due_date") or item.get("doc_date") or str(ledger.as_of))
            ledger.add_item(
                item["id"],
                item["amount"],
                customer_id=item.get("party", PARTY),
                due_date=due,
                document_date=min(due, ledger.as_of),
            )


def _add_documents(ledger: Ledger, case: Fields, entry: Fields, outcome: Outcome) -> None:
    """Add the documents that are checked: an order, or an invoice that follows a draft."""
    for document in case.get("documents") or []:
        if document.get("status") == "draft":
            outcome.missing.append(NO_DRAFTS)
        elif document.get("type") == "invoice":
            ledger.add_item(document["id"], document["amount"])
        else:
            ledger.add_order(document["id"], document.get("changed_to", document["amount"]))
    if Decimal(str(entry.get("new", "0"))):
        ledger.add_order("NEW", entry["new"])


_HOLDS: Final = {
    "sales_order": "hold_orders",
    "delivery_note": "hold_deliveries",
    "shipment": "hold_deliveries",
}
_COLUMNS: Final = {
    "exposure": "exposure",
    "total": "exposure",
    "limit": "credit_limit",
    "available": "available",
    "available_after": "available",
    "outstanding_orders": "open_orders",
    "invoice_unpaid": "receivables",
}
_INPUTS: Final = frozenset({"limit", "new", "category_limit", "credit_status", "limit_active"})


def _compare(
    outcome: Outcome,
    path: str,
    name: str,
    peer: Any,
    published: tuple[Mapping[str, list[Row]], Mapping[str, list[Row]]],
) -> None:
    """Compare one expected value with the published tables before or after the document."""
    before, after = published
    party = next(
        row["credit_account_id"]
        for row in after["credit_accounts"]
        if row["credit_account_id"] != ANOTHER
    )
    if path.startswith("cases") and name in _INPUTS:
        return
    if isinstance(peer, dict):
        for inner, value in peer.items():
            if inner == "checked":
                outcome.missing.append(NO_DRAFTS)
            else:
                _compare(outcome, f"{path}.{inner}", inner, value, published)
    elif name == "exceeded":
        outcome.figures.append((path, peer, _is_exceeded(after)))
    elif name in _HOLDS and peer in {"blocked", "refused", "accepted"}:
        account = _account(after, party)
        outcome.figures.append((path, peer != "accepted", account[_HOLDS[name]]))
    elif name == "invoice" and peer == "blocked":
        outcome.missing.append(NO_INVOICE_STOP)
    elif name == "this_document":
        [document] = [row for row in after["order_decisions"] if row["amount_rc"] == Decimal(peer)]
        outcome.figures.append((path, peer, document["amount_rc"]))
    elif name == "sales_order":
        outcome.figures.append((path, peer, _account(after, party)["open_orders"]))
    elif name in {"available_before", "open"}:
        column = "exposure" if name == "open" else "available"
        outcome.figures.append((path, peer, _account(before, party)[column]))
    elif name in _COLUMNS:
        outcome.figures.append((path, peer, _account(after, party)[_COLUMNS[name]]))
    elif name in {"invoice_draft", "outstanding_drafts"}:
        outcome.missing.append(NO_DRAFTS)
    else:
        outcome.missing.append(f'expected "{name}"')


def _selection(case: Fields, place: Path, outcome: Outcome) -> None:
    """Ask which limit is in force: an insurer's and one of our own stand side by side."""
    ledger = Ledger(_day(case))
    ledger.add_item("I1", "1")
    kinds = {"insurance": "insured", "management": "internal"}
    for limit in case["limits"]:
        ledger.add_limit(limit["amount"], kinds[limit["type"]], valid_from=limit["valid_from"])
    account = _account(ledger.run(place))
    own = any(limit["type"] == "management" for limit in case["limits"])
    ours = account["credit_limit" if own else "insured_limit"]
    outcome.figures.append(("limit", case["expected"]["limit"], ours))


def _master(case: Fields, place: Path, outcome: Outcome) -> None:
    """Ask what several limits of one party come to."""
    ledger, config = Ledger(_day(case)), case.get("config") or {}
    ledger.add_item("I1", "1")
    if "limits" in case:
        for limit in case["limits"]:
            ledger.add_limit(limit["limit"])
        published = ledger.run(place)
        ours = (len(published["quarantine"]), _account(published)["credit_limit"])
        due = (0, Decimal(case["limits"][-1]["limit"]))
        outcome.rules.append((SUPERSEDE, "validation", due, ours))
        return
    ledger.add_limit(config["own"])
    ledger.add_limit(config["insured"], "insured")
    account = _account(ledger.run(place))
    outcome.rules.append((KEEP_APART, "limit", Decimal(config["own"]), account["credit_limit"]))


def _insurance(case: Fields, place: Path, outcome: Outcome) -> None:
    """Ask which items are covered, now and after the insurer has withdrawn."""
    for withdrawn in (False, True):
        ledger = Ledger(_day(case))
        for item in case["items"]:
            kind = "credit_note" if item["type"] == "credit_note" else "invoice"
            ledger.add_item(
                item["id"],
                item["amount"],
                document_type=kind,
                document_date=ledger.as_of - timedelta(1),
            )
        day = ledger.as_of if withdrawn else None
        ledger.add_limit("1000", "insured", coverage_percent="90", withdrawn_on=day)
        published = ledger.run(place / str(withdrawn))
        covered = {row["item_id"]: row["insured_covered_rc"] for row in published["items"]}
        for name, asked in case["expected"].items():
            key = "after_party_policy_removed" if withdrawn else "insured"
            if key in asked:
                outcome.figures.append((f"{name}.{key}", asked[key], covered[name] > 0))


def _rule(case: Fields, place: Path, outcome: Outcome) -> None:
    """Ask whether a rule about ages finds something; other rules of the peers are named."""
    if "oldest_age_days" not in (case.get("cases") or [{}])[0]:
        is_count = "unpaid_count" in (case.get("cases") or [{}])[0]
        outcome.missing.append(NO_COUNTS if is_count else NO_DUNNING)
        return
    least = int("".join(one for one in case["config"]["rule"] if one.isdigit()))
    for number, (label, entry) in enumerate(_entries(case)):
        ledger = Ledger(_day(case))
        levels = [{"above_days": least - 1, "severity": "breach", "holds": ["orders"]}]
        ledger.rules = {"overdue_age": {"levels": levels, "materiality": "0"}}
        if entry["oldest_age_days"] is not None:
            due = ledger.as_of - timedelta(entry["oldest_age_days"])
            ledger.add_item("I1", "100", due_date=due, document_date=due)
        published = ledger.run(place / str(number))
        found = any(row["rule"] == "overdue_age" for row in published["breaches"])
        outcome.figures.append((f"{label} hit", entry["hit"], found))
