"""A small ledger that lives: every night things are invoiced, paid, moved, granted, withdrawn."""

import csv
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

Row = dict[str, Any]

FIRST = date(2026, 1, 5)
SEGMENTS = {"C1": "EU", "C2": "EU", "C3": "US"}
RULES = ("limit_exceeded", "overdue_age", "limit_expired", "manual_hold", "group_limit_exceeded")


class ChangingLedger:
    """One ledger, changed from night to night by random numbers of a seed."""

    def __init__(self, seed: int) -> None:
        """Begin with some customers, each with a limit."""
        self.random = Random(seed)
        self.day = FIRST
        self.number = 0
        self.customers: dict[str, Row] = {}
        self.items: dict[str, Row] = {}
        self.limits: list[Row] = []
        self.orders: list[Row] = []
        self.overrides: list[Row] = []
        for _ in range(7):
            self.new_customer()
        for _ in range(25):
            self.new_item()

    def _next(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number:04}"

    def new_customer(self) -> None:
        """Let a customer come, with a limit, sometimes below another one."""
        name = self._next("K")
        others = list(self.customers)
        parent = self.random.choice(others) if others and self.random.random() < 0.4 else None
        account = self.random.choice(others) if others and self.random.random() < 0.15 else None
        self.customers[name] = {
            "customer_id": name,
            "parent_id": parent,
            "credit_account_id": account,
            "country": "FR",
            "manual_hold": "N",
            "insolvency_date": None,
        }
        self.new_limit(name)

    def new_limit(self, party: str) -> None:
        """Grant a limit: for one segment or for all, for a while or for good, or to a group."""
        pick = self.random
        kind = pick.choice(("internal", "internal", "internal", "temporary"))
        ends = self.day + timedelta(pick.randint(3, 40))
        self.limits.append(
            {
                "limit_id": self._next("L"),
                "party_id": party,
                "scope": "group" if pick.random() < 0.15 else "account",
                "credit_segment": pick.choice((None, None, "EU", "US")),
                "kind": kind,
                "amount": pick.choice((0, 500, 1000, 2000, 2000, 5000)),
                "currency": "EUR",
                "valid_from": self.day - timedelta(pick.randint(0, 5)),
                "valid_to": ends if kind == "temporary" or pick.random() < 0.3 else None,
                "withdrawn_on": None,
            }
        )

    def new_item(self) -> None:
        """Invoice something, or take a payment that is not applied yet."""
        pick, customer = self.random, self.random.choice(list(self.customers))
        is_payment = pick.random() < 0.12
        item_id = self._next("I")
        due = self.day + timedelta(pick.randint(-70, 30))
        self.items[item_id] = {
            "item_id": item_id,
            "company_code": pick.choice(list(SEGMENTS)),
            "customer_id": customer,
            "document_type": "payment" if is_payment else "invoice",
            "document_date": min(due, self.day) - timedelta(5),
            "due_date": due,
            "currency": "EUR",
            "amount": pick.randint(50, 900) * (-1 if is_payment else 1),
        }

    def next_day(self) -> None:
        """Let a night pass."""
        pick = self.random
        self.day += timedelta(pick.choice((1, 1, 1, 2, 3)))
        for _ in range(pick.randint(0, 3)):
            self.new_item()
        for item_id in list(self.items):
            if pick.random() < 0.06:
                del self.items[item_id]
        if pick.random() < 0.25:
            self.new_limit(pick.choice(list(self.customers)))
        if pick.random() < 0.15:
            pick.choice(self.limits)["withdrawn_on"] = self.day
        if pick.random() < 0.12:
            customer = pick.choice(list(self.customers.values()))
            customer["manual_hold"] = "N" if customer["manual_hold"] == "Y" else "Y"
        if pick.random() < 0.06:
            customer = pick.choice(list(self.customers.values()))
            customer["insolvency_date"] = None if customer["insolvency_date"] else self.day
        if pick.random() < 0.08:
            self.new_customer()
        if pick.random() < 0.04 and len(self.customers) > 4:
            self._lose_customer()
        if pick.random() < 0.2:
            self._decide()

    def _lose_customer(self) -> None:
        """Let a customer vanish with everything of it."""
        gone = self.random.choice(list(self.customers))
        del self.customers[gone]
        for customer in self.customers.values():
            for link in ("parent_id", "credit_account_id"):
                if customer[link] == gone:
                    customer[link] = None
        self.items = {name: row for name, row in self.items.items() if row["customer_id"] != gone}
        self.limits = [row for row in self.limits if row["party_id"] != gone]
        self.overrides = [row for row in self.overrides if row["customer_id"] != gone]

    def _decide(self) -> None:
        """Let a person hold or release a customer for some days."""
        pick = self.random
        self.overrides.append(
            {
                "customer_id": pick.choice(list(self.customers)),
                "credit_segment": pick.choice((None, "EU", "US")),
                "action": pick.choice(("hold", "release")),
                "rule": pick.choice((None, *RULES)),
                "valid_from": self.day,
                "valid_to": self.day + timedelta(pick.randint(0, 6)),
                "reason": "by telephone",
                "decided_by": "head of credit",
            }
        )

    def write(self, directory: Path) -> Path:
        """Write the ledger as it stands into a new directory."""
        directory.mkdir(parents=True)
        companies = [
            {"company_code": code, "country": "FR", "credit_segment": segment}
            for code, segment in SEGMENTS.items()
        ]
        tables: dict[str, list[Row]] = {
            "companies": companies,
            "customers": list(self.customers.values()),
            "open_items": list(self.items.values()),
            "credit_limits": self.limits,
            "overrides": self.overrides,
        }
        for name, rows in tables.items():
            if rows:
                with (directory / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                    writer = csv.DictWriter(file, list(rows[0]))
                    writer.writeheader()
                    writer.writerows(rows)
        return directory
