"""Small ledgers rich in limits, policies, orders, overrides and holds, from a seed.

Amounts of limits are drawn around what the accounts owe, so that thresholds are met to the cent.
"""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.naive.arithmetic import as_decimal, rounded
from tests.naive.contract import CREDIT_TYPES, EXPONENTS
from tests.naive.engine import account_exposures
from tests.property.ledgers import Builder, Case, Row

SEGMENTS = (None, None, "ALL", "NORTH", "SOUTH")
POLICIES = ("P-ONE", "P-TWO", "P-TOP", "P-UNLISTED")
FACTORS = ("0.3", "0.5", "0.8", "0.83", "0.9", "0.95", "1", "1", "1.05", "1.1", "1.2", "2", "10")
KINDS = ("internal", "internal", "temporary", "insured", "insured", "guarantee")
RULE_IDS = ("limit_exceeded", "overdue_age", "insolvency", "manual_hold", "limit_missing")
PERCENTS = (Decimal(90), Decimal("85.5"), Decimal(100), Decimal(0))


class LimitBuilder(Builder):
    """Draws one ledger, then its limits around what its accounts owe."""

    def build(self) -> Case:
        """Draw all tables."""
        case = super().build()
        self._name_orders(case)
        self.tables["policies"] = self._policies()
        self.tables["default_limits"] = self._default_limits()
        self.tables["overrides"] = [self._override() for _ in range(self.random.randint(0, 4))]
        self.tables["erp_holds"] = self._erp_holds()
        for name in ("policies", "default_limits", "overrides", "erp_holds"):
            if self.chance(0.25) or not self.tables[name]:
                del self.tables[name]
        case.configuration["limits"] = {
            "missing_limit": self.random.choice(("by_risk_class", "zero", "unlimited", "insured"))
        }
        self._limits(case)
        for rows in self.tables.values():
            self.random.shuffle(rows)
        case.configuration["rules"] = self._rules()
        return case

    def _rules(self) -> dict[str, Any]:
        """Let rules hold that only warn by default, and narrow what is too small to count."""
        holds = {"holds": ["orders"]}
        chosen = {
            "insured_limit_exceeded": {
                "full_cover_segments": self.random.choice((["ALL"], ["ALL", "NORTH"]))
            },
            "overdue_share": {**holds, "above": self.random.choice((Decimal("0.3"), Decimal(1)))},
            "limit_missing": holds,
            "temporary_limit_ending": holds,
            "overdue_age": {"materiality": self.random.choice((Decimal(0), Decimal(5000)))},
        }
        return {name: options for name, options in chosen.items() if self.chance(0.4)}

    def _name_orders(self, case: Case) -> None:
        """Let more items come from an order, and orders be older than a cut of a limit."""
        for item in case.tables["open_items"]:
            if item.get("document_type") not in CREDIT_TYPES and self.chance(0.3):
                item["order_id"] = self._order()
        for commitment in case.tables.get("commitments", []):
            if self.chance(0.6):
                commitment["document_date"] = self.day(-400, 5)

    def _limits(self, case: Case) -> None:
        """Draw limits of every kind around the exposures, some of parties that owe nothing."""
        worth = account_exposures(case.tables, case.as_of, case.configuration)
        owing = sorted({party for _, party in worth})
        parties = [*self.customer_ids, "SHARED", "LONELY", *owing, *owing, *owing]
        rows = case.tables.setdefault("credit_limits", [])
        total = Fraction(sum(worth.values()))
        for number in range(self.random.choice((0, 3, 8, 15, 30))):
            party = self.random.choice(parties)
            scope = self.maybe(0.6, self.random.choice(("account", "account", "group")))
            segment = self.random.choice(SEGMENTS)
            near = worth.get((segment or "", party)) or sum(
                amount for (_, one), amount in worth.items() if one == party
            )
            near = total if scope == "group" else Fraction(near)
            row = self._one_limit(f"B{number}", party, scope, segment, near)
            rows += [row, *self._changes(row)]
        if not rows and self.chance(0.5):
            del case.tables["credit_limits"]

    def _one_limit(
        self, limit_id: str, party: str, scope: str | None, segment: str | None, near: Fraction
    ) -> Row:
        """Draw one limit of about what is owed; now and then one that isn't in force."""
        kind = self.random.choice(KINDS)
        if scope == "group":
            kind = self.random.choice(("internal", "internal", "temporary", "insured"))
        currency = self.random.choice(("EUR", "EUR", "USD", "JPY"))
        policy = self.random.choice(POLICIES) if kind == "insured" else None
        earliest = -1000 if kind == "insured" else -500
        valid_from = self.day(earliest, -1) if self.chance(0.8) else self.day(-60, 30)
        row: Row = {
            "limit_id": limit_id,
            "party_id": party,
            "scope": scope,
            "credit_segment": segment,
            "kind": kind,
            "effect": self.maybe(0.6, self.random.choice(("add", "replace"))),
            "amount": self._around(near, currency),
            "unlimited": self.maybe(0.1, kind != "guarantee" and self.chance(0.5)),
            "currency": currency,
            "valid_from": valid_from,
            "valid_to": self.maybe(0.4, self._until(kind)),
            "withdrawn_on": self.maybe(0.15, self.day(-100, 20)),
            "policy": policy,
            "layer": self._layer(kind),
            "coverage_percent": self.maybe(0.4, self.random.choice(PERCENTS)),
            "approved_by": "someone",
        }
        return row

    def _changes(self, row: Row) -> list[Row]:
        """Draw what an insurer made of a limit later: cut, raised, cancelled."""
        changed: list[Row] = []
        while row["kind"] == "insured" and len(changed) < 3 and self.chance(0.5):
            amount = self.part(row["amount"], row["currency"])
            later = {
                **row,
                "limit_id": f"{row['limit_id']}-{len(changed)}",
                "valid_from": self.day(-300, 5),
                "amount": self.random.choice((amount, amount, row["amount"] * 2, Decimal(0))),
                "withdrawn_on": self.maybe(0.2, self.day(-100, 5)),
            }
            changed.append(later)
        return changed

    def _layer(self, kind: str) -> str | None:
        if kind != "insured":
            return None
        return self.maybe(0.5, self.random.choice(("primary", "top_up", "discretionary")))

    def _until(self, kind: str) -> date:
        """Give the last day of a limit: near the as-of date, where endings are told."""
        return self.day(-3, 12) if kind == "temporary" and self.chance(0.6) else self.day(-40, 60)

    def _around(self, near: Fraction, currency: str) -> Decimal:
        """Give an amount about as large as what is owed, zero now and then."""
        if self.chance(0.08):
            return Decimal(0)
        if near <= 0 or self.chance(0.2):
            return self.amount(currency)
        amount = near * Fraction(self.random.choice(FACTORS))
        amount += Fraction(self.random.choice((-1, 0, 0, 0, 1)), 100)
        digits = EXPONENTS[currency]
        return as_decimal(rounded(max(amount, Fraction(0)), digits))

    def _policies(self) -> list[Row]:
        """Draw the policies; one that limits name has no row."""
        rows = []
        for policy in POLICIES[:3]:
            for start in sorted({self.day(-900, -400), self.day(-200, 5)})[
                : self.random.randint(0, 2)
            ]:
                row: Row = {
                    "policy": policy,
                    "insurer": self.maybe(0.5, "An Insurer"),
                    "insured_percent": self.maybe(0.7, self.random.choice(PERCENTS)),
                    "tax_base": self.maybe(0.6, self.random.choice(("incl", "excl"))),
                    "max_credit_days": self.maybe(0.3, self.random.choice((30, 60, 120))),
                    "max_extension_days": self.maybe(0.5, self.random.choice((0, 30, 60, 500))),
                    "notify_after_days": self.maybe(0.5, self.random.choice((30, 90, 120))),
                    "binding_orders_days": self.maybe(0.5, self.random.choice((0, 10, 60))),
                    "dispute_grace_days": self.maybe(0.5, self.random.choice((0, 30, 60))),
                    "valid_from": start,
                    "valid_to": self.maybe(0.3, self.day(-30, 60)),
                }
                rows.append(row)
        return rows

    def _default_limits(self) -> list[Row]:
        keys = [(risk, segment) for risk in "ABC" for segment in (None, "ALL", "NORTH")]
        return [
            {
                "risk_class": risk,
                "credit_segment": segment,
                "amount": self.amount("EUR"),
                "currency": "EUR",
            }
            for risk, segment in keys
            if self.chance(0.4)
        ]

    def _override(self) -> Row:
        """Draw a hold or a release that a person decided."""
        return {
            "customer_id": self.random.choice([*self.customer_ids, "SHARED", "LONELY"]),
            "credit_segment": self.random.choice(SEGMENTS),
            "action": self.random.choice(("hold", "release", "release")),
            "rule": self.maybe(0.5, self.random.choice(RULE_IDS)),
            "valid_from": self.day(-60, 3),
            "valid_to": self.maybe(0.6, self.day(-3, 60)),
            "max_exposure": self.maybe(0.4, self.amount("EUR")),
            "reason": "a payment is announced",
            "decided_by": "head of credit",
        }

    def _erp_holds(self) -> list[Row]:
        keys = [
            (party, segment, kind)
            for party in [*self.customer_ids, "LONELY"]
            for segment in (None, "ALL", "NORTH")
            for kind in ("orders", "deliveries", "production")
        ]
        return [
            {
                "customer_id": party,
                "credit_segment": segment,
                "hold_kind": kind,
                "origin": self.maybe(0.6, self.random.choice(("ENCOURS", "manual"))),
                "set_on": self.maybe(0.5, self.day(-30, 0)),
            }
            for party, segment, kind in keys
            if self.chance(0.1)
        ]


def build_limit_case(seed: int, *, with_defects: bool = True) -> Case:
    """Give the ledger of a seed, rich in limits."""
    return LimitBuilder(seed, with_defects=with_defects).build()


def next_night(case: Case, seed: int, days: int) -> Case:
    """Give the same ledger some days later: due dates moved, items paid, limits changed."""
    builder = LimitBuilder(seed, with_defects=False)
    later = case.as_of + timedelta(days=days)
    tables: dict[str, list[Row]] = {
        name: [dict(row) for row in rows] for name, rows in case.tables.items()
    }
    kept = [row for row in tables["open_items"] if builder.chance(0.85)]
    tables["open_items"] = kept
    for row in kept:
        due = row.get("due_date")
        if isinstance(due, date) and builder.chance(0.1):
            row["original_due_date"] = row.get("original_due_date") or due
            row["due_date"] = due + timedelta(days=builder.random.choice((1, 20, 60)))
    for row in tables.get("credit_limits", []):
        if builder.chance(0.2) and isinstance(row.get("amount"), Decimal):
            row["withdrawn_on"] = later - timedelta(days=builder.random.randint(0, days))
        elif builder.chance(0.2) and isinstance(row.get("amount"), Decimal):
            row["amount"] = row["amount"] * builder.random.choice((0, 1, 2, 3))
    rates = tables["fx_rates"]
    on_later = {(row["from_currency"], row["to_currency"]) for row in rates}
    known = {(row["from_currency"], row["to_currency"], row["rate_date"]) for row in rates}
    for source, target in sorted(on_later):
        last = max(
            (
                row
                for row in rates
                if (row["from_currency"], row["to_currency"]) == (source, target)
            ),
            key=lambda row: row["rate_date"],
        )
        if (source, target, later) not in known:
            rates.append({**last, "rate_date": later})
    return Case(case.seed, later, tables, case.configuration, case.extract_date)
