"""The input contract once more, for the slow twin: names, kinds, and what a cell may hold.

Nothing here is taken from the engine's registry; a slip in one of the two shows as a difference.
"""

from dataclasses import dataclass

DOCUMENT_TYPES = (
    "invoice",
    "debit_note",
    "credit_note",
    "payment",
    "down_payment",
    "bill_of_exchange",
    "interest_note",
)
CREDIT_TYPES = ("credit_note", "payment", "down_payment")
INTEREST_TYPES = ("invoice", "debit_note", "bill_of_exchange")
FINANCINGS = ("none", "discounted", "factored_recourse", "factored_no_recourse", "securitised")
ALLOCATION_KINDS = (
    "payment",
    "credit_note",
    "discount",
    "write_off",
    "bill_of_exchange",
    "offset",
    "exchange_difference",
    "return",
)

EXPONENTS = {
    "EUR": 2,
    "USD": 2,
    "GBP": 2,
    "JPY": 0,
    "TND": 3,
    "SEK": 2,
    "DKK": 2,
    "PLN": 2,
    "CHF": 2,
    "KWD": 3,
}
"""Digits after the point of the currencies that the random ledgers use (ISO 4217)."""

COUNTRIES = frozenset(
    {"FR", "DE", "IT", "ES", "NL", "BE", "IE", "GB", "AT", "CH", "SE", "DK", "PL", "FI", "LU"}
    | {"US", "BR", "JP", "CN", "TN", "MA", "PT", "GR"}
)
"""The countries that the random ledgers use, a part of ISO 3166-1."""


@dataclass(frozen=True)
class Column:
    """One input column.

    kind: text, money, rate, percent, days, date, bool, currency, country or regime.
    minimum, maximum: inclusive bounds of a number; positive excludes zero.
    currency_amount: the column must fit the row's currency.
    """

    name: str
    kind: str
    required: bool = False
    allowed: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    positive: bool = False
    currency_amount: bool = False


def _texts(*names: str) -> list[Column]:
    """Optional text columns."""
    return [Column(name, "text") for name in names]


def _dates(*names: str) -> list[Column]:
    """Optional date columns."""
    return [Column(name, "date") for name in names]


def _days(*names: str) -> list[Column]:
    """Optional counts of days."""
    return [Column(name, "days", minimum=0) for name in names]


def _amount(name: str, *, required: bool = False, minimum: int | None = None) -> Column:
    """Give an amount that must fit the row's currency."""
    return Column(name, "money", required, minimum=minimum, currency_amount=True)


def _key(*names: str) -> list[Column]:
    """Required text columns."""
    return [Column(name, "text", required=True) for name in names]


_CURRENCY = Column("currency", "currency", required=True)

INPUT_TABLES: dict[str, list[Column]] = {
    "open_items": [
        *_key("item_id", "company_code", "customer_id"),
        Column("document_type", "text", required=True, allowed=DOCUMENT_TYPES),
        *_texts("document_number"),
        Column("document_date", "date", required=True),
        *_dates("posting_date", "delivery_date", "baseline_date", "due_date", "original_due_date"),
        *_texts("payment_terms"),
        _CURRENCY,
        _amount("amount", required=True),
        _amount("tax_amount"),
        _amount("open_amount"),
        *_texts("order_id"),
        Column("disputed", "bool"),
        _amount("disputed_amount"),
        *_dates("disputed_from", "disputed_to"),
        *_texts("dispute_reason"),
        Column("financing", "text", allowed=FINANCINGS),
        Column("interest_regime", "regime"),
        *_dates("interest_billed_to"),
        _amount("interest_billed_amount"),
        Column("indemnity_billed_amount", "money"),
    ],
    "allocations": [
        *_texts("allocation_id"),
        *_key("item_id"),
        Column("value_date", "date", required=True),
        *_dates("posting_date"),
        Column("currency", "currency"),
        _amount("amount", required=True),
        Column("kind", "text", allowed=ALLOCATION_KINDS),
        *_texts("clearing_id"),
    ],
    "commitments": [
        *_key("commitment_id"),
        *_texts("order_id"),
        *_key("company_code", "customer_id"),
        Column("kind", "text", required=True, allowed=("order", "production", "delivery")),
        _CURRENCY,
        _amount("amount", required=True, minimum=0),
        Column("tax_percent", "percent", minimum=0),
        _amount("prepaid_amount", minimum=0),
        *_dates("document_date", "closed_date", "expected_date"),
        *_texts("payment_terms"),
    ],
    "customers": [
        *_key("customer_id"),
        *_texts("name", "parent_id", "credit_account_id"),
        Column("country", "country", required=True),
        *_texts("risk_class", "segment", "account_manager"),
        Column("public_buyer", "bool"),
        Column("consumer", "bool"),
        Column("intragroup", "bool"),
        Column("netting_agreement", "bool"),
        Column("interest_regime", "regime"),
        Column("imputation", "text", allowed=("principal_first", "interest_first")),
        *_texts("payment_terms"),
        *_dates("insolvency_date"),
        Column("insolvency_kind", "text", allowed=("safeguard", "reorganisation", "liquidation")),
        *_dates("insolvency_published_on", "insolvency_ended_on"),
        Column("manual_hold", "bool"),
    ],
    "companies": [
        *_key("company_code"),
        *_texts("name"),
        Column("country", "country", required=True),
        Column("currency", "currency"),
        *_texts("credit_segment", "sector"),
    ],
    "credit_limits": [
        *_key("limit_id", "party_id"),
        Column("scope", "text", allowed=("account", "group")),
        *_texts("credit_segment"),
        Column(
            "kind",
            "text",
            required=True,
            allowed=("internal", "temporary", "insured", "guarantee"),
        ),
        Column("effect", "text", allowed=("add", "replace")),
        _amount("amount", required=True, minimum=0),
        Column("unlimited", "bool"),
        _CURRENCY,
        Column("valid_from", "date", required=True),
        *_dates("valid_to", "withdrawn_on"),
        *_texts("policy"),
        Column("layer", "text", allowed=("primary", "top_up", "discretionary")),
        Column("coverage_percent", "percent", minimum=0, maximum=100),
        *_texts("approved_by"),
        *_dates("approved_on"),
    ],
    "policies": [
        *_key("policy"),
        *_texts("insurer"),
        Column("insured_percent", "percent", minimum=0, maximum=100),
        Column("tax_base", "text", allowed=("incl", "excl")),
        *_days(
            "max_credit_days",
            "max_extension_days",
            "notify_after_days",
            "binding_orders_days",
            "dispute_grace_days",
        ),
        Column("valid_from", "date", required=True),
        *_dates("valid_to"),
    ],
    "default_limits": [
        *_key("risk_class"),
        *_texts("credit_segment"),
        _amount("amount", required=True, minimum=0),
        _CURRENCY,
    ],
    "overrides": [
        *_key("customer_id"),
        *_texts("credit_segment"),
        Column("action", "text", required=True, allowed=("hold", "release")),
        *_texts("rule"),
        Column("valid_from", "date", required=True),
        *_dates("valid_to"),
        Column("max_exposure", "money", minimum=0),
        *_key("reason", "decided_by"),
    ],
    "erp_holds": [
        *_key("customer_id"),
        *_texts("credit_segment"),
        Column("hold_kind", "text", required=True, allowed=("orders", "deliveries", "production")),
        *_texts("origin"),
        *_dates("set_on"),
    ],
    "fx_rates": [
        Column("from_currency", "currency", required=True),
        Column("to_currency", "currency", required=True),
        Column("rate_date", "date", required=True),
        Column("rate", "rate", required=True, positive=True),
    ],
    "reference_rates": [
        *_key("series"),
        Column("effective_date", "date", required=True),
        Column("rate_percent", "percent", required=True),
        *_texts("source"),
    ],
    "ledger_balances": [
        *_key("company_code"),
        _CURRENCY,
        *_texts("customer_id"),
        _amount("balance", required=True),
    ],
}

KEYS = {
    "open_items": ("item_id",),
    "commitments": ("commitment_id",),
    "customers": ("customer_id",),
    "companies": ("company_code",),
    "credit_limits": ("limit_id",),
    "policies": ("policy", "valid_from"),
    "fx_rates": ("from_currency", "to_currency", "rate_date"),
    "reference_rates": ("series", "effective_date"),
}
"""The columns that tell the rows of a table apart; allocations have none that is required."""
