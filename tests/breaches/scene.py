"""Boundary cases of rules in one ledger: a customer each, two nights, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.jobs.ledgers import AS_OF, EVE, Night, Row, row

TODAY = date.fromisoformat(AS_OF)
HOLDS = ("orders", "deliveries", "production")
NEVER_LATE = "2026-12-15"
Found = dict[tuple[str, str], dict[str, Any]]


def days_ago(days: int) -> str:
    """Give the date so many days before the as-of date."""
    return (TODAY - timedelta(days=days)).isoformat()


def in_days(days: int) -> str:
    """Give the date so many days after the as-of date."""
    return days_ago(-days)


@dataclass
class Scene:
    """A ledger that grows case by case; `tonight` and `before` are its rows on the two nights."""

    before: dict[str, list[Row]] = field(default_factory=dict)
    tonight: dict[str, list[Row]] = field(default_factory=dict)
    number: int = 0

    def add(self, table: str, *, when: str = "both", **values: str | None) -> Scene:
        """Add a row of a table to both nights, or to one of them (`before`, `tonight`)."""
        if table == "open_items":
            self.number += 1
            values = {"item_id": f"I{self.number:04d}", "due_date": NEVER_LATE, **values}
            values = {"document_date": "2026-10-16", **values}
        if table == "credit_limits":
            self.number += 1
            values = {"limit_id": f"L{self.number:04d}", **values}
        for name, rows in (("before", self.before), ("tonight", self.tonight)):
            if when in ("both", name):
                rows.setdefault(table, []).append(row(table, **values))
        return self

    def customer(self, customer_id: str, **values: Any) -> Scene:
        """Add a customer."""
        return self.add("customers", customer_id=customer_id, **values)

    def owes(self, customer_id: str, amount: str, **values: Any) -> Scene:
        """Add an open item."""
        return self.add("open_items", customer_id=customer_id, amount=amount, **values)

    def limit(self, party_id: str, amount: str, **values: Any) -> Scene:
        """Add a limit, in force since January unless said otherwise."""
        return self.add("credit_limits", party_id=party_id, amount=amount, **values)

    def limited(
        self, customer_id: str, amount: str, exposure: str, was: str | None = None
    ) -> Scene:
        """Add a customer with a limit and one item; `was`: the item's amount the night before."""
        self.customer(customer_id).limit(customer_id, amount)
        if was is None:
            return self.owes(customer_id, exposure)
        self.owes(customer_id, was, when="before")
        return self.owes(customer_id, exposure, when="tonight")


def played(night: Night, scene: Scene, *arguments: str) -> Night:
    """Publish both nights; the one before only where it differs."""
    nights = [(EVE, scene.before)] if scene.before != scene.tonight else []
    for as_of, tables in (*nights, (AS_OF, scene.tonight)):
        for path in night.ledger.directory.glob("*.csv"):
            path.unlink()
        for table, rows in {"companies": [row("companies", company_code="1000")], **tables}.items():
            night.ledger.csv(table, *rows)
        night.publish(*arguments, as_of=as_of)
    return night


def breaches_of(night: Night, as_of: str = AS_OF) -> Found:
    """Give the breaches by rule and party; of several of one rule the last by id."""
    return {(one["rule"], one["party_id"]): one for one in night.rows("breaches", as_of=as_of)}


def said(breach: dict[str, Any] | None) -> tuple[str, str] | None:
    """Give severity and holds asked for (`o`, `d`, `p`), None for no breach or a cured one."""
    if breach is None or breach["status"] == "cured":
        return None
    return breach["severity"], "".join(name[0] for name in HOLDS if breach[f"hold_{name}"])


def number(text: str) -> Decimal:
    """Give a number of the table."""
    return Decimal(text)
