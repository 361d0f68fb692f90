"""The input tables: what a ledger extract may contain."""

from __future__ import annotations

from typing import Final

from encours_schemas.columns import date, flag, money, number, text
from encours_schemas.tables import Kind, Table

DOCUMENT_TYPES: Final = (
    "invoice",
    "debit_note",
    "credit_note",
    "payment",
    "down_payment",
    "bill_of_exchange",
    "interest_note",
)
FINANCINGS: Final = (
    "none",
    "discounted",
    "factored_recourse",
    "factored_no_recourse",
    "securitised",
)
ALLOCATION_KINDS: Final = (
    "payment",
    "credit_note",
    "discount",
    "write_off",
    "bill_of_exchange",
    "offset",
    "exchange_difference",
    "return",
)
COMMITMENT_KINDS: Final = ("order", "production", "delivery")
IMPUTATIONS: Final = ("principal_first", "interest_first")
INSOLVENCY_KINDS: Final = ("safeguard", "reorganisation", "liquidation")
LIMIT_SCOPES: Final = ("account", "group")
LIMIT_KINDS: Final = ("internal", "temporary", "insured", "guarantee")
LIMIT_EFFECTS: Final = ("add", "replace")
LIMIT_LAYERS: Final = ("primary", "top_up", "discretionary")
TAX_BASES: Final = ("incl", "excl")
OVERRIDE_ACTIONS: Final = ("hold", "release")
HOLD_KINDS: Final = ("orders", "deliveries", "production")

_ITEM = "item currency"
_LIMIT = "limit currency"
_COMMITMENT = "commitment currency"
_REPORTING = "reporting currency"
_COMPANY_CODE = text("company_code", "Legal entity that owns the receivable.", required=True)
_CURRENCY = text("currency", "ISO 4217 code of the amounts.", required=True)
_VALID_FROM = date("valid_from", "First day of validity.", required=True)
_VALID_TO = date(
    "valid_to", "Last day of validity.", default="open end; so is the year 9999", open_end=True
)

OPEN_ITEMS: Final = Table(
    name="open_items",
    meaning="Receivable document lines: invoices, credits, payments not yet applied, bills.",
    key=("item_id",),
    required=True,
    columns=(
        text("item_id", "Unique key of the document line in the whole ledger.", required=True),
        _COMPANY_CODE,
        text("customer_id", "Debtor.", required=True),
        text("document_type", "What the document is.", required=True, allowed=DOCUMENT_TYPES),
        text("document_number", "The legal document.", default="`item_id`"),
        date("document_date", "Date of the document.", required=True),
        date("posting_date", "Day on which the item enters the ledger.", default="`document_date`"),
        date(
            "delivery_date",
            "Day of delivery; decides insured cover and prior claims.",
            default="`document_date`",
        ),
        date("baseline_date", "Start of the payment term.", default="`document_date`"),
        date(
            "due_date",
            "Last day for payment without delay.",
            default=(
                "from `payment_terms` and `baseline_date`; a credit takes its `document_date`; "
                "anything else without one is bad input"
            ),
        ),
        date(
            "original_due_date",
            "Due date before it was moved; the insurer and the legal cap look at it.",
            default="`due_date`",
        ),
        text(
            "payment_terms",
            "Code of the term, as `NET30`, `NET45EOM`, `EOM45`, `NET30EOMD15`.",
            default="the customer's",
        ),
        text("currency", "ISO 4217 code of the item.", required=True),
        money(
            "amount",
            "Original amount incl. tax, signed: what the customer owes is positive.",
            _ITEM,
            required=True,
        ),
        money("tax_amount", "Tax contained in `amount`.", _ITEM),
        money(
            "open_amount",
            "Still open at the extract date; allocations of the item decide instead.",
            _ITEM,
            default="`amount`",
        ),
        text("order_id", "The order that it belongs to (down payments)."),
        flag("disputed", "The customer disputes it.", default="false"),
        money(
            "disputed_amount",
            "The part that is disputed.",
            _ITEM,
            default="the open amount when disputed",
        ),
        date("disputed_from", "First as-of date on which the dispute counts.", default="always"),
        date("disputed_to", "Last as-of date on which the dispute counts.", default="always"),
        text("dispute_reason", "Why it is disputed, in any words."),
        text(
            "financing",
            "Whether the receivable was sold or discounted, and with what recourse.",
            default="`none`",
            allowed=FINANCINGS,
        ),
        text(
            "interest_regime",
            "Regime of penalty interest that overrides the customer's and the country's.",
            default="the customer's, else the law's",
        ),
        date("interest_billed_to", "Last day for which interest was already claimed."),
        money("interest_billed_amount", "Interest already claimed.", _ITEM),
        money(
            "indemnity_billed_amount",
            "Fixed compensation already claimed.",
            "currency of the fixed compensation",
        ),
    ),
)

ALLOCATIONS: Final = Table(
    name="allocations",
    meaning="What was applied to items: payments, credit notes, discounts, bills, write-offs.",
    columns=(
        text("allocation_id", "Name of the row in the ERP."),
        text("item_id", "The item that it reduces.", required=True),
        date("value_date", "Decides interest.", required=True),
        date("posting_date", "Decides what is open at an as-of date.", default="`value_date`"),
        text("currency", "ISO 4217 code; must equal the item's.", default="the item's"),
        money(
            "amount", "Carries the sign of the item; a `return` the opposite.", _ITEM, required=True
        ),
        text("kind", "What was applied.", default="`payment`", allowed=ALLOCATION_KINDS),
        text("clearing_id", "Joins the legs of one clearing, which add up to zero."),
    ),
)

COMMITMENTS: Final = Table(
    name="commitments",
    meaning="Orders, goods in production made to order, and deliveries not yet invoiced.",
    key=("commitment_id",),
    columns=(
        text("commitment_id", "Unique key of the row.", required=True),
        text("order_id", "The order that it belongs to."),
        _COMPANY_CODE,
        text("customer_id", "Debtor to be.", required=True),
        text("kind", "How far the order has come.", required=True, allowed=COMMITMENT_KINDS),
        _CURRENCY,
        money(
            "amount",
            "What is still to be delivered or invoiced, incl. tax unless `tax_percent`.",
            _COMMITMENT,
            required=True,
            at_least="0",
        ),
        number(
            "tax_percent",
            "Given when the amount is net: grosses it up.",
            Kind.PERCENT,
            unit="percent",
            at_least="0",
        ),
        money(
            "prepaid_amount",
            "Already paid for it; reduces it, not below zero.",
            _COMMITMENT,
            default="0",
            at_least="0",
        ),
        date("document_date", "Day from which it exists.", default="always"),
        date("closed_date", "It exists until the day before.", default="not closed"),
        date(
            "expected_date",
            "Expected delivery; beyond the horizon it is not counted.",
            default="counted",
        ),
        text("payment_terms", "Code of the term."),
    ),
)

CUSTOMERS: Final = Table(
    name="customers",
    meaning="The debtors, their groups and what law and policy treat apart.",
    key=("customer_id",),
    required=True,
    columns=(
        text("customer_id", "Unique key of the customer.", required=True),
        text("name", "Name for readers."),
        text("parent_id", "The customer that it belongs to."),
        text("credit_account_id", "Who carries the limit.", default="`customer_id`"),
        text("country", "ISO 3166-1 alpha-2 code.", required=True),
        text("risk_class", "Selects a default limit, and rules."),
        text("segment", "Business segment, for rules."),
        text("account_manager", "Who looks after the customer."),
        flag(
            "public_buyer",
            "A public authority: the public regime of its country applies.",
            default="false",
        ),
        flag("consumer", "Bears no interest.", default="false"),
        flag("intragroup", "Of the creditor's own group: bears no interest.", default="false"),
        flag("netting_agreement", "Credits count without limit against debts.", default="false"),
        text("interest_regime", "Regime by contract.", default="the law's"),
        text(
            "imputation",
            (
                "What a payment pays first: principal, or the interest accrued to its date. "
                "Without one `interest.imputation` of the configuration says so."
            ),
            allowed=IMPUTATIONS,
        ),
        text("payment_terms", "Term of items that have none."),
        date("insolvency_date", "Opening of proceedings.", default="none open"),
        text(
            "insolvency_kind",
            "Kind of proceedings.",
            default="`liquidation`",
            allowed=INSOLVENCY_KINDS,
        ),
        date("insolvency_published_on", "Publication; starts the time for declaring the claim."),
        date("insolvency_ended_on", "End of proceedings.", default="not ended"),
        flag("manual_hold", "A person stops it.", default="false"),
    ),
)

COMPANIES: Final = Table(
    name="companies",
    meaning="The creditor's legal entities.",
    key=("company_code",),
    columns=(
        text("company_code", "Unique key of the entity.", required=True),
        text("name", "Name for readers."),
        text(
            "country",
            (
                "ISO 3166-1 alpha-2; its law governs interest. `defaults.creditor_country` "
                "serves a company code without a row."
            ),
            required=True,
        ),
        text("currency", "ISO 4217 code of its books."),
        text("credit_segment", "Company codes of one segment share a limit.", default="`ALL`"),
        text("sector", "Branch, where the law treats it apart."),
    ),
)

CREDIT_LIMITS: Final = Table(
    name="credit_limits",
    meaning="Approved limits by kind, with their validity.",
    key=("limit_id",),
    columns=(
        text("limit_id", "Unique key of the limit.", required=True),
        text(
            "party_id",
            "A credit account; with scope `group` a customer and its descendants.",
            required=True,
        ),
        text("scope", "Whom the limit covers.", default="`account`", allowed=LIMIT_SCOPES),
        text(
            "credit_segment",
            "The segment that it is for.",
            default="one limit shared by all segments",
        ),
        text("kind", "Who grants it.", required=True, allowed=LIMIT_KINDS),
        text(
            "effect",
            "What a temporary limit does to the internal one.",
            default="`add`",
            allowed=LIMIT_EFFECTS,
        ),
        money("amount", "The limit; zero is a limit.", _LIMIT, required=True, at_least="0"),
        flag("unlimited", "No upper bound.", default="false"),
        _CURRENCY,
        _VALID_FROM,
        _VALID_TO,
        date(
            "withdrawn_on",
            "Not in force from this day.",
            default="not withdrawn; so is the year 9999",
            open_end=True,
        ),
        text("policy", "Insurance policy of an insured limit."),
        text(
            "layer",
            "Layer of an insured limit; layers add up.",
            default="`primary`",
            allowed=LIMIT_LAYERS,
        ),
        number(
            "coverage_percent",
            "Percent of a loss that the insurer pays.",
            Kind.PERCENT,
            default="the policy's",
            unit="percent",
            at_least="0",
            at_most="100",
        ),
        text("approved_by", "Who approved it."),
        date("approved_on", "When it was approved."),
    ),
)

POLICIES: Final = Table(
    name="policies",
    meaning="Credit insurance policies.",
    key=("policy", "valid_from"),
    columns=(
        text("policy", "Name of the policy.", required=True),
        text("insurer", "Who insures."),
        number(
            "insured_percent",
            "Percent of a loss that the insurer pays.",
            Kind.PERCENT,
            unit="percent",
            at_least="0",
            at_most="100",
        ),
        text("tax_base", "Whether cover includes tax.", default="`incl`", allowed=TAX_BASES),
        number(
            "max_credit_days",
            "Longest credit term that is covered.",
            Kind.INT32,
            default="any",
            unit="days",
            at_least="0",
        ),
        number(
            "max_extension_days",
            "Days after the original due date at which cover stops.",
            Kind.INT32,
            default="60",
            unit="days",
            at_least="0",
        ),
        number(
            "notify_after_days",
            "Days after the original due date by which a delay is declared.",
            Kind.INT32,
            default="90",
            unit="days",
            at_least="0",
        ),
        number(
            "binding_orders_days",
            "Days for which confirmed orders keep a limit that was cut.",
            Kind.INT32,
            default="0",
            unit="days",
            at_least="0",
        ),
        number(
            "dispute_grace_days",
            "Days for which a disputed item stays insurable.",
            Kind.INT32,
            default="60",
            unit="days",
            at_least="0",
        ),
        _VALID_FROM,
        _VALID_TO,
    ),
)

DEFAULT_LIMITS: Final = Table(
    name="default_limits",
    meaning="Limits of accounts that have none, by risk class.",
    key=("risk_class", "credit_segment"),
    columns=(
        text("risk_class", "Risk class of the customer.", required=True),
        text("credit_segment", "Segment.", default="every segment"),
        money("amount", "The limit.", _LIMIT, required=True, at_least="0"),
        _CURRENCY,
    ),
)

OVERRIDES: Final = Table(
    name="overrides",
    meaning="Holds and releases that a person decided.",
    columns=(
        text("customer_id", "The customer.", required=True),
        text("credit_segment", "Segment.", default="every segment"),
        text("action", "What was decided.", required=True, allowed=OVERRIDE_ACTIONS),
        text("rule", "The rule that it is about.", default="all rules"),
        _VALID_FROM,
        _VALID_TO,
        money(
            "max_exposure",
            "A release holds up to this exposure.",
            _REPORTING,
            default="no bound",
            at_least="0",
        ),
        text("reason", "Why, in the decider's words.", required=True),
        text("decided_by", "Who decided.", required=True),
    ),
)

ERP_HOLDS: Final = Table(
    name="erp_holds",
    meaning="What the ERP says is blocked.",
    key=("customer_id", "credit_segment", "hold_kind"),
    columns=(
        text("customer_id", "The customer.", required=True),
        text("credit_segment", "Segment.", default="every segment"),
        text("hold_kind", "What is stopped.", required=True, allowed=HOLD_KINDS),
        text("origin", "Who set it; only our own are released."),
        date("set_on", "When it was set."),
    ),
)

FX_RATES: Final = Table(
    name="fx_rates",
    meaning="Exchange rates; needed when more than one currency occurs.",
    key=("from_currency", "to_currency", "rate_date"),
    columns=(
        text("from_currency", "ISO 4217 code.", required=True),
        text("to_currency", "ISO 4217 code.", required=True),
        date("rate_date", "Day of the rate.", required=True),
        number(
            "rate",
            "1 unit of `from_currency` = rate units of `to_currency`; up to 18 decimals.",
            Kind.FX_RATE,
            required=True,
            above="0",
        ),
    ),
)

REFERENCE_RATES: Final = Table(
    name="reference_rates",
    meaning="Interest reference rates that extend the bundled series.",
    key=("series", "effective_date"),
    columns=(
        text("series", "Name of the series.", required=True),
        date("effective_date", "First day of the rate.", required=True),
        number(
            "rate_percent",
            "The rate; may be negative.",
            Kind.RATE,
            required=True,
            unit="percent per year",
        ),
        text("source", "Where the value comes from."),
    ),
)

LEDGER_BALANCES: Final = Table(
    name="ledger_balances",
    meaning="What the general ledger says at the as-of date; the run ties out against it.",
    key=("company_code", "currency", "customer_id"),
    columns=(
        _COMPANY_CODE,
        _CURRENCY,
        text("customer_id", "The customer.", default="all of the company code"),
        money("balance", "Balance of the receivables account.", "`currency`", required=True),
    ),
)

SALES: Final = Table(
    name="sales",
    meaning="Monthly sales, for key figures such as DSO.",
    key=("company_code", "customer_id", "month", "currency"),
    columns=(
        _COMPANY_CODE,
        text("customer_id", "The customer.", default="all of the company code"),
        date("month", "First day of the month.", required=True),
        _CURRENCY,
        money("amount_incl_tax", "Sales of the month incl. tax.", "`currency`", required=True),
        money("amount_excl_tax", "Sales of the month without tax.", "`currency`"),
    ),
)
INPUT_TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        OPEN_ITEMS,
        ALLOCATIONS,
        COMMITMENTS,
        CUSTOMERS,
        COMPANIES,
        CREDIT_LIMITS,
        POLICIES,
        DEFAULT_LIMITS,
        OVERRIDES,
        ERP_HOLDS,
        FX_RATES,
        REFERENCE_RATES,
        LEDGER_BALANCES,
        SALES,
    )
}
