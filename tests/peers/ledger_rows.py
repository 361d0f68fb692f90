"""A peer's items, allocations and orders as rows of our input tables.

Amounts are handed on as the peer wrote them. A key that has no meaning here is named as something
the engine does not have; none is passed over.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from tests.peers.arithmetic import amount_of, posting_day
from tests.peers.cases import Fields, Question, day_of
from tests.peers.contract_rate import country_of_law
from tests.peers.decide import NoSuchFeatureError, feature_of_input
from tests.peers.extract import Extract, Row

COMPANY: Final = "C"
PARTY: Final = "P"
NO_LAW: Final = "US"  # a creditor there has no statutory interest: the case is not about it

DOCUMENT_TYPES: Final = {
    "advance": "payment",
    "charge_back": "debit_note",
    "compensation": "debit_note",
    "credit_note": "credit_note",
    "down_payment": "down_payment",
    "fee": "debit_note",
    "instalment": "invoice",
    "interest": "interest_note",
    "invoice": "invoice",
    "journal": "debit_note",
    "overdue_invoice": "invoice",
    "payment": "payment",
    "reminder_fee": "debit_note",
}
COMMITMENT_TYPES: Final = {"sales_order": "order", "delivery": "delivery"}
# Keys of an item that say something beside its amount and dates; each is read below or in
# `expect`. `refers_to` and `standalone` of a credit note are for the eye: what was applied to an
# invoice stands in the allocations.
ITEM_KEYS: Final = frozenset(
    {
        "account",
        "account_currency",
        "ages_with",
        "amount",
        "attr",
        "company",
        "currency",
        "doc_date",
        "due_date",
        "fx_rate_at_booking",
        "id",
        "in_ledger",
        "instalments",
        "party",
        "posting_date",
        "recorded_after",
        "refers_to",
        "source",
        "standalone",
        "status",
        "type",
    }
)
ALLOCATION_KEYS: Final = frozenset(
    {"amount", "date", "from", "fx_rate", "instalment", "posting_date", "recorded_after", "to"}
)
CARRIED_KEYS: Final = ("account", "attr")


class LedgerRows:
    """Fills the tables of an extract from the items and allocations of a question."""

    def __init__(self, question: Question, extract: Extract) -> None:
        self.question = question
        self.extract = extract
        self.items: dict[str, Fields] = {str(item["id"]): item for item in question.items}
        self.allocations: list[Fields] = list(question.allocations)

    def fill(self) -> None:
        """Write every table that the case has rows for."""
        for item in list(self.items.values()):
            self._add_item(item)
        for number, row in enumerate(self.allocations):
            self._add_allocation(number, row)
        self._add_documents()
        self._add_parties()
        self._add_claims()

    # -- items ---------------------------------------------------------------------------------

    def _add_item(self, item: Fields) -> None:
        for key in item:
            if key not in ITEM_KEYS:
                self.extract.missing.append(feature_of_input("item", key))
        status = item.get("status", "posted")
        if status == "draft":
            self.extract.missing.append(feature_of_input("status", "draft"))
            return
        kind = str(item["type"])
        if kind in COMMITMENT_TYPES:
            self._add_commitment(item)
        elif kind not in DOCUMENT_TYPES:
            raise NoSuchFeatureError(f'item type "{kind}"')
        elif status != "posted":
            raise NoSuchFeatureError(f'status "{status}"')
        elif "instalments" in item:
            self._add_instalments(item)
        else:
            self.extract.rows("open_items").append(self._row(item))

    def _row(self, item: Fields) -> Row:
        """Give the row of an item; a peer's item without due date is due on its document date."""
        amount = amount_of(item)
        document_type = DOCUMENT_TYPES[str(item["type"])]
        if item["type"] == "journal" and amount < 0:
            document_type = "credit_note"
        document_day = self._document_day(item)
        row = {
            "item_id": str(item["id"]),
            "company_code": str(item.get("company") or COMPANY),
            "customer_id": str(item.get("party", PARTY) or ""),
            "document_type": document_type,
            "document_date": document_day.isoformat(),
            "currency": str(item["currency"]),
            "amount": str(item["amount"]),
        }
        row |= {key: str(item[key]) for key in CARRIED_KEYS if item.get(key) is not None}
        posted = item.get("posting_date")
        if item.get("recorded_after"):
            posted = posting_day(item)
        row |= {"posting_date": str(posted)} if posted else {}
        row |= self._due(item, document_type, document_day)
        if document_type == "down_payment" and item.get("refers_to"):
            row["order_id"] = str(item["refers_to"])
        return row

    def _document_day(self, item: Fields) -> date:
        """Give the document date; an item without one exists when anything happens to it."""
        if item.get("doc_date"):
            return day_of(item["doc_date"])
        days = [self.question.as_of]
        days += [day_of(item["due_date"])] if item.get("due_date") else []
        days += [
            day_of(row["date"])
            for row in self.allocations
            if item["id"] in {row["to"], row.get("from")}
        ]
        return min(days)

    def _due(self, item: Fields, document_type: str, document_day: date) -> Row:
        due = item.get("due_date")
        if item.get("ages_with"):
            due = self.items[str(item["ages_with"])]["due_date"]
        if due:
            return {"due_date": str(due)}
        term = _term_code(self.question.config)
        if term:
            return {"payment_terms": term}
        is_credit = document_type in {"credit_note", "payment", "down_payment"}
        if is_credit or self.question.kind in {"due_date", "validation"}:
            return {}
        return {"due_date": document_day.isoformat()}

    def _add_instalments(self, item: Fields) -> None:
        """Write one row per instalment; a single row where a payment names none of them.

        A payment of the whole invoice leaves no choice, and is written to each instalment.
        """
        parts = item["instalments"]
        mine = [row for row in self.allocations if row["to"] == item["id"]]
        whole = [row for row in mine if "instalment" not in row]
        if whole and abs(sum(map(amount_of, whole), Decimal(0))) != abs(amount_of(item)):
            self.extract.undivided |= {str(item["id"])}
            last = max(str(part["due_date"]) for part in parts)
            one = {key: value for key, value in item.items() if key != "instalments"}
            self.extract.rows("open_items").append(self._row({**one, "due_date": last}))
            return
        for number, part in enumerate(parts, 1):
            key = instalment_id(item["id"], number)
            made = {**item, "id": key, "amount": part["amount"], "due_date": part["due_date"]}
            self.extract.rows("open_items").append(self._row(made))
            self.items[key] = made
        self.allocations = [row for row in self.allocations if row["to"] != item["id"]]
        for row in mine:
            if "instalment" in row:
                self.allocations.append({**row, "to": instalment_id(item["id"], row["instalment"])})
        self.allocations += _whole_over_parts(item, whole)

    # -- allocations ---------------------------------------------------------------------------

    def _add_allocation(self, number: int, row: Fields) -> None:
        """Write an allocation, and its other leg where the case lists what was applied.

        A payment that is dated before the document it pays is an open payment until then.
        """
        for key in row:
            if key not in ALLOCATION_KEYS:
                self.extract.missing.append(feature_of_input("allocation", key))
        target = self.items.get(str(row["to"]))
        if target is None:
            raise NoSuchFeatureError("allocation to an item that the case does not list")
        source = self.items.get(str(row.get("from")))
        posted = posting_day(row) or self.question.as_of
        known_from = posting_day(target)
        if source is None and known_from is not None and known_from > posted:
            source = {"id": row["from"], "type": "payment", "currency": target["currency"]}
            source |= {"amount": str(-amount_of(row)), "doc_date": row["date"]}
            self.extract.rows("open_items").append(self._row(source))
            posted = known_from
        kind = "payment"
        if source is not None and DOCUMENT_TYPES.get(str(source["type"])) == "credit_note":
            kind = "credit_note"
        amount = amount_of(row)
        if amount < 0 < amount_of(target):
            kind = "return"
        elif amount_of(target) < 0:
            amount = -abs(amount)
        self._write(f"{number}", row, target, amount, kind, posted)
        if source is not None:
            self._write(f"{number}-source", row, source, -amount, "offset", posted)

    def _write(
        self, key: str, row: Fields, item: Fields, amount: Decimal, kind: str, posted: date
    ) -> None:
        self.extract.rows("allocations").append(
            {
                "allocation_id": f"A{key}",
                "item_id": str(item["id"]),
                "value_date": str(row["date"]),
                "posting_date": posted.isoformat(),
                "currency": str(item["currency"]),
                "amount": str(amount),
                "kind": kind,
                "clearing_id": f"K{key.partition('-')[0]}",
            }
        )

    # -- orders, parties, claims ---------------------------------------------------------------

    def _add_commitment(self, item: Fields) -> None:
        """Write what of an order or delivery is still to be delivered or invoiced."""
        if item.get("status", "confirmed") not in {"confirmed", "posted"}:
            raise NoSuchFeatureError(f'status "{item["status"]}"')
        used = [
            amount_of(row)
            for row in [*self.items.values(), *self.question.case.get("documents", ())]
            if row.get("source") == item["id"] and row.get("status") != "draft"
        ]
        rest = max(amount_of(item) - sum(used, Decimal(0)), Decimal(0))
        row = {
            "commitment_id": str(item["id"]),
            "order_id": str(item["id"]),
            "company_code": str(item.get("company") or COMPANY),
            "customer_id": str(item.get("party", PARTY) or ""),
            "kind": COMMITMENT_TYPES[str(item["type"])],
            "currency": str(item["currency"]),
            "amount": str(rest),
        }
        row |= {"document_date": str(item["doc_date"])} if item.get("doc_date") else {}
        self.extract.rows("commitments").append(row)

    def _add_documents(self) -> None:
        """Write a document under check that follows from another one; the others need a what-if."""
        for document in self.question.case.get("documents", ()):
            source = self.items.get(str(document.get("source")))
            if source is None or document.get("status") == "draft":
                self.extract.missing.append(feature_of_input("part", "documents"))
            elif DOCUMENT_TYPES.get(str(source["type"])) == "invoice":
                # Delivered and invoiced: the invoice carries the claim, nothing is left to count.
                continue
            else:
                row = {"currency": source["currency"], **document, "source": None}
                self._add_item({k: v for k, v in row.items() if v is not None})

    def _add_parties(self) -> None:
        """Write the company codes and customers; a shared account where the case names one."""
        statutory = country_of_law(self.question)
        country = statutory or NO_LAW
        used = [*self.extract.rows("open_items"), *self.extract.rows("commitments")]
        companies = sorted({row["company_code"] for row in used} | {COMPANY})
        self.extract.tables["companies"] = [
            {"company_code": code, "country": country} for code in companies
        ]
        holders = {str(k): str(v) for k, v in self.question.config.get("hierarchy", {}).items()}
        rolled_up = "rollup" in self.question.config
        parties = {row["customer_id"] for row in used if row["customer_id"]} | {PARTY}
        for party in sorted(parties | set(holders.values())):
            row = {"customer_id": party, "country": country}
            parent = holders.get(party) or (party.rpartition("/")[0] if rolled_up else "")
            if parent:
                row |= {"parent_id": parent, "credit_account_id": parent}
            self.extract.rows("customers").append(row)

    def _add_claims(self) -> None:
        """Write what was claimed before: by earlier steps, or by the claims of the case."""
        new = [step.get("expected", {}).get("new_interest") for step in self.question.earlier]
        posted = [claim for claim in self.question.case.get("claims", ()) if claim.get("posted")]
        claimed = [Decimal(str(amount)) for amount in new if amount is not None]
        claimed += [amount_of(claim) for claim in posted]
        if claimed and self.extract.rows("open_items"):
            first = self.extract.rows("open_items")[0]
            first["interest_billed_amount"] = str(sum(claimed, Decimal(0)))


def instalment_id(item_id: object, number: object) -> str:
    """Name the row of an instalment."""
    return f"{item_id}#{number}"


def _whole_over_parts(item: Fields, payments: list[Fields]) -> list[dict[str, Any]]:
    """Spread payments that add up to the whole invoice, oldest first, over its instalments."""
    rests = [amount_of(part) for part in item["instalments"]]
    made = []
    for row in payments:
        amount = abs(amount_of(row))
        for number, rest in enumerate(rests):
            taken = min(rest, amount)
            if taken > 0:
                rests[number] -= taken
                amount -= taken
                target = instalment_id(item["id"], number + 1)
                made.append({**row, "to": target, "amount": str(taken)})
    return made


_TERMS: Final = (
    (re.compile(r"(\d+) days?"), "NET{}"),
    (re.compile(r"(\d+) days? end of month"), "NET{}EOM"),
    (re.compile(r"(\d+) days? after (?:the )?end of month"), "EOM{}"),
    (re.compile(r"end of (?:this |the )?month"), "NET0EOM"),
    (re.compile(r"(?:end|last day) of (?:the )?next month"), "NET0D31"),
)


def _term_code(config: Fields) -> str:
    """Give the code of the peer's term; empty without one."""
    if "net_days" in config:
        return f"NET{int(config['net_days'])}"
    text = str(config.get("term", "none"))
    if text == "none":
        return ""
    for pattern, code in _TERMS:
        if match := pattern.fullmatch(text):
            return code.format(*match.groups())
    raise NoSuchFeatureError(f'payment term "{text}"')
