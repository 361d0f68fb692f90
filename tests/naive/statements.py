"""What may be claimed item by item, once more: the slow twin of `interest_statement`."""

from fractions import Fraction
from typing import Any

from tests.naive.items import Item, Setting

Row = dict[str, Any]
ZERO = Fraction(0)


def statement_rows(published: list[Item], setting: Setting) -> list[Row]:
    """Give a row for each item with something to claim or to give back."""
    rows = [_statement_row(item, setting) for item in published]
    return [row for row in rows if row["interest_unbilled"] or row["indemnity_unbilled"]]


def _statement_row(item: Item, setting: Setting) -> Row:
    """Give the row of one item."""
    row: Row = {
        name: item[name]
        for name in (
            "customer_id", "company_code", "item_id", "document_type", "document_number",
            "document_date", "due_date", "currency", "amount",
        )
    }  # fmt: skip
    law = setting.law.regimes.get(item.regime or "", {})
    billed = item["indemnity_billed_amount"] or ZERO
    return row | {
        "settled_on": item.settled_on,
        "open_amount": item.open_amount,
        "interest_regime": item.regime,
        "articles": _articles(item, law, setting),
        "interest_from": item.first_day,
        "interest_to": item.last_day,
        "interest_days": item.days or None,
        "penalty_interest": item.interest.total,
        "interest_billed": item.interest.total - item.unbilled,
        "interest_unbilled": item.unbilled,
        "indemnity_currency": (
            item.indemnity_currency or law.get("indemnity_currency") or item["currency"]
        ),
        "fixed_indemnity": item.indemnity,
        "indemnity_billed": billed,
        "indemnity_unbilled": item.indemnity - billed,
        "no_interest_reason": item.reason,
    }


def _articles(item: Item, law: Row, setting: Setting) -> str | None:
    """Name the creditor's own text where several countries share a regime, else the regime's."""
    if item.regime == "NONE":
        return None
    common = law.get("articles") or None
    if setting.settings("interest", "regime_by") == "debtor":
        return common
    company = setting.ledger.companies.get(item["company_code"])
    creditor = company["country"] if company else setting.settings("defaults", "creditor_country")
    own = law.get("articles_in", {})
    return own.get(creditor, common) if creditor in law.get("countries", ()) else common
