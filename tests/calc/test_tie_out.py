"""Balances of the general ledger against the open items."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from encours.calc.tie_out import tie_out
from tests.calc.stand_ins import EUR, USD, customers, lines_of, run_context

LINES = [
    {"customer": 0, "company": 0, "currency": EUR, "ledger_milli": 100_000},
    {"customer": 1, "company": 0, "currency": EUR, "ledger_milli": -30_005},
    {"customer": 0, "company": 0, "currency": USD, "ledger_milli": 7_000},
    {"customer": 0, "company": 1, "currency": EUR, "ledger_milli": 1},
]


def difference(company: str, currency: str, customer: str | None, balance: str) -> tuple[str, str]:
    columns = {
        "company_code": [company],
        "currency": [currency],
        "customer_id": [customer],
        "balance": [Decimal(balance)],
    }
    context = run_context(customers(2), ("1000", "2000"))
    balances: Any = SimpleNamespace(columns=columns)
    row = tie_out(balances, lines_of(LINES, 2), context).to_pylist()[0]
    assert row["ledger_balance"] == Decimal(balance)
    assert row["customer_id"] == (customer or None)
    return str(row["computed_balance"]), str(row["difference"])


def test_tie_out__adds_up_customers_of_a_company_code_and_currency() -> None:
    assert difference("1000", "EUR", None, "69.995") == ("69.995", "0.000")
    assert difference("1000", "EUR", "", "70") == ("69.995", "0.005")


def test_tie_out__looks_at_one_customer_where_it_is_named() -> None:
    assert difference("1000", "EUR", "K1", "-30.005") == ("-30.005", "0.000")
    assert difference("1000", "USD", "K0", "7") == ("7.000", "0.000")


def test_tie_out__finds_nothing_for_parties_without_items() -> None:
    assert difference("9999", "EUR", None, "5") == ("0.000", "5.000")
    assert difference("1000", "EUR", "unknown", "-5") == ("0.000", "-5.000")
    assert difference("2000", "USD", None, "0") == ("0.000", "0.000")
