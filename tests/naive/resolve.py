"""From checked rows to items, customers and commitments with every default filled in (DOMAIN 3)."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from tests.naive.arithmetic import due_under_terms
from tests.naive.contract import CREDIT_TYPES, EXPONENTS, INPUT_TABLES
from tests.naive.laws import Law
from tests.naive.rows import CheckedTable, Row, Tables, check_columns, fits, refuse_duplicates
from tests.naive.settings import Settings


@dataclass
class Ledger:
    """All tables, checked; allocations by item."""

    tables: dict[str, CheckedTable]
    items: list[Row]
    allocations: dict[str, list[Row]]
    customers: dict[str, Row]
    companies: dict[str, Row]
    commitments: list[Row]
    parents: dict[str, str]

    def account_of(self, customer_id: str) -> str:
        """Name who carries the customer's limit."""
        customer = self.customers.get(customer_id)
        return (customer and customer["credit_account_id"]) or customer_id

    def segment_of(self, company_code: str) -> str:
        """Name the credit segment of a company code."""
        company = self.companies.get(company_code)
        return (company and company["credit_segment"]) or "ALL"


@dataclass
class Known:
    """Accepted customers, and every customer that a row names, refused ones too."""

    customers: dict[str, Row]
    named: set[str]


def resolve(source: Tables, settings: Settings, law: Law, extract_date: date) -> Ledger:
    """Check all rows against the contract and against each other."""
    tables = {
        name: check_columns(name, source.get(name, []), law.regimes, settings.dialect(name))
        for name in INPUT_TABLES
    }
    for name, table in tables.items():
        if name not in {"open_items", "allocations", "commitments"}:
            refuse_duplicates(table)
            table.drop_refused()
    customers = {row["customer_id"]: row for row in tables["customers"].rows}
    parents = _parents(tables["customers"], customers)
    known = Known(customers, _named(source.get("customers", []), "customer_id"))
    _refuse_unknown_customers(tables["commitments"], known, settings)
    _check_items(tables["open_items"], known, settings)
    items = {row["item_id"]: row for row in tables["open_items"].rows}
    named = _named(source.get("open_items", []), "item_id")
    allocations = _join_allocations(tables["allocations"], items, named)
    for item in items.values():
        _warn_about_item(tables["open_items"], item, allocations[item["item_id"]], extract_date)
    refuse_duplicates(tables["commitments"])
    tables["commitments"].drop_refused()
    return Ledger(
        tables=tables,
        items=list(items.values()),
        allocations=allocations,
        customers=customers,
        companies={row["company_code"]: row for row in tables["companies"].rows},
        commitments=tables["commitments"].rows,
        parents=parents,
    )


def _parents(table: CheckedTable, customers: dict[str, Row]) -> dict[str, str]:
    """Give every customer's parent, without missing ones and without links on a cycle."""
    parents = {}
    for row in customers.values():
        if row["parent_id"] in customers:
            parents[row["customer_id"]] = row["parent_id"]
        elif row["parent_id"] is not None:
            table.warn(row, "parent_id", "missing_parent")
    on_cycle = []
    for start in parents:
        seen = set()
        party: str | None = start
        while party is not None and party not in seen:
            seen.add(party)
            party = parents.get(party)
            if party == start:
                on_cycle.append(start)
    for customer_id in on_cycle:
        del parents[customer_id]
        table.warn(customers[customer_id], "parent_id", "parent_cycle")
    return parents


def _refuse_unknown_customers(table: CheckedTable, known: Known, settings: Settings) -> None:
    """Quarantine rows of customers without a row, where the configuration asks for it."""
    if settings("input", "unknown_customer") != "quarantine":
        return
    for row in table.rows:
        if row["customer_id"] is not None and row["customer_id"] not in known.customers:
            lost = row["customer_id"] in known.named
            table.refuse(row, "customer_id", "parent_quarantined" if lost else "unknown_customer")


def _named(source: list[Row], column: str) -> set[str]:
    """Give the keys that any row of a table names, refused ones too."""
    return {row[column] for row in source if row.get(column)}


def _check_items(table: CheckedTable, known: Known, settings: Settings) -> None:
    """Refuse items of unknown customers, without a due date, or of which copies exist."""
    _refuse_unknown_customers(table, known, settings)
    for item in table.rows:
        if not table.is_refused(item["_row"]):
            _fill_defaults(table, item, known.customers.get(item["customer_id"]))
    refuse_duplicates(table)
    table.drop_refused()


def is_credit(item: Row) -> bool:
    """Say whether an item is a credit: by its type, or an amount below zero."""
    return item["document_type"] in CREDIT_TYPES or item["amount"] < 0


def _fill_defaults(table: CheckedTable, item: Row, customer: Row | None) -> None:
    """Fill in what the contract lets a row leave out."""
    for column in ("posting_date", "delivery_date", "baseline_date"):
        item[column] = item[column] or item["document_date"]
    item["document_number"] = item["document_number"] or item["item_id"]
    item["financing"] = item["financing"] or "none"
    terms = item["payment_terms"] or (customer and customer["payment_terms"])
    if item["due_date"] is None and terms:
        item["due_date"] = due_under_terms(terms, item["baseline_date"])
        if item["due_date"] is None:
            table.refuse(item, "payment_terms", "unknown_terms")
    elif item["due_date"] is None and is_credit(item):
        item["due_date"] = item["document_date"]
    elif item["due_date"] is None:
        table.refuse(item, "due_date", "missing_due_date")


def _join_allocations(
    table: CheckedTable, items: dict[str, Row], named: set[str]
) -> dict[str, list[Row]]:
    """Give the allocations of every item by value date; refuse those of no item."""
    joined: dict[str, list[Row]] = defaultdict(list)
    for row in table.rows:
        item = items.get(row["item_id"])
        if table.is_refused(row["_row"]):
            continue
        if item is None:
            lost = row["item_id"] in named
            table.refuse(row, "item_id", "parent_quarantined" if lost else "unknown_item")
        elif row["currency"] not in {None, item["currency"]}:
            table.refuse(row, "currency", "currency_mismatch")
        elif not fits(row["amount"], EXPONENTS[item["currency"]]):
            table.refuse(row, "amount", "too_precise")
        else:
            row["posting_date"] = row["posting_date"] or row["value_date"]
            joined[row["item_id"]].append(row)
    for rows in joined.values():
        rows.sort(key=lambda row: row["value_date"])
    table.drop_refused()
    return joined


def _warn_about_item(
    table: CheckedTable, item: Row, allocations: list[Row], extract_date: date
) -> None:
    """Note what is odd about an item that stays."""
    warnings: list[Any] = []
    if item["due_date"] < item["document_date"]:
        warnings.append(("due_date", "due_before_document"))
    if allocations and item["open_amount"] is not None and item["posting_date"] <= extract_date:
        posted = [row["amount"] for row in allocations if row["posting_date"] <= extract_date]
        if item["amount"] - sum(posted) != item["open_amount"]:
            warnings.append(("open_amount", "open_amount_differs"))
    for column, reason in warnings:
        table.warn(item, column, reason)
    item["_warnings"] = [reason for _, reason in warnings]
