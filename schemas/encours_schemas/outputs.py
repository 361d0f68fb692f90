"""The output tables: what a published run contains.

Required here means never null. A column that only a later step of the calculation can fill
(limits, cover, holds) is nullable, and null where that step had nothing to work on.
"""

from __future__ import annotations

from typing import Final

from encours_schemas.columns import date, flag, money, number, text
from encours_schemas.inputs import DOCUMENT_TYPES, HOLD_KINDS
from encours_schemas.reasons import NoInterestReason, Reason
from encours_schemas.tables import Column, Kind, Table

BUCKET_NOT_DUE: Final = "not_due"
BUCKET_UNALLOCATED: Final = "unallocated"

OUTLOOK_EVENTS: Final = (
    "order_enters_horizon",
    "limit_changes",
    "temporary_limit_ends",
    "item_ages",
    "cover_stops",
)
LIMIT_STATUSES: Final = ("set", "shared", "default", "none", "expired", "unlimited")
SEVERITIES: Final = ("warning", "breach")
BREACH_SCOPES: Final = ("account", "group", "item", "portfolio")
BREACH_STATUSES: Final = ("new", "worsened", "unchanged", "improved", "cured")
ORDER_DECISIONS: Final = ("release", "hold")
HOLD_ACTIONS: Final = ("BLOCK", "CHANGE", "RELEASE")
HOLD_DIFFERENCES: Final = ("missing_in_erp", "foreign", "foreign_kept", "own_not_told")

_ITEM = "item currency"
_REPORTING = "reporting currency"


def _reporting(name: str, meaning: str, *, required: bool = True) -> Column:
    return money(name, meaning, _REPORTING, required=required)


def _item_money(name: str, meaning: str) -> Column:
    return money(name, meaning, _ITEM, required=True)


ITEMS: Final = Table(
    name="items",
    meaning=(
        "Every item that exists at the as-of date and is open, or was settled late and is of "
        "an interest-bearing type. Rows follow the order of the input."
    ),
    key=("item_id",),
    sorted_by_key=False,
    filled_by="items",
    columns=(
        text("item_id", "Key of the document line.", required=True),
        text("company_code", "Legal entity that owns the receivable.", required=True),
        text("credit_segment", "Credit segment of the company code.", required=True),
        text("customer_id", "Debtor.", required=True),
        text("credit_account_id", "Who carries the limit.", required=True),
        text("document_type", "What it is.", required=True, allowed=DOCUMENT_TYPES),
        text("document_number", "The legal document.", required=True),
        date("document_date", "Date of the document.", required=True),
        date("due_date", "Due date, given or derived.", required=True),
        text("currency", "ISO 4217 code of the item.", required=True),
        _item_money("amount", "Original amount incl. tax, signed."),
        _item_money("open_amount", "Open at the as-of date."),
        _reporting("open_amount_rc", "Open amount, converted at the as-of rate and rounded."),
        _item_money("disputed_amount", "Disputed part of the open amount."),
        number(
            "days_past_due",
            "As-of minus due date of an open item; of a settled one the days it was late.",
            Kind.INT32,
            required=True,
            unit="days",
        ),
        text("bucket", "Ageing bucket; null when nothing is open."),
        date("settled_on", "Value date of full settlement."),
        text("interest_regime", "Regime of penalty interest; `NONE` where there is none."),
        date("interest_from", "First day that bears interest."),
        date("interest_to", "Last day that bears interest."),
        number("interest_days", "Days that bear interest.", Kind.INT32, unit="days"),
        _item_money("penalty_interest", "Penalty interest to the as-of date."),
        _reporting("penalty_interest_rc", "Penalty interest, converted and rounded."),
        _item_money(
            "interest_suspended",
            "Interest on the disputed part; in `penalty_interest` too only with "
            "`accrue_on_disputed`.",
        ),
        _item_money("interest_unbilled", "Penalty interest not yet claimed; negative: too much."),
        money(
            "fixed_indemnity",
            "Fixed compensation; on the first late item of a document.",
            "`fixed_indemnity_currency`",
            required=True,
        ),
        text("fixed_indemnity_currency", "ISO 4217 code of the fixed compensation."),
        _reporting("fixed_indemnity_rc", "Fixed compensation, converted and rounded."),
        money(
            "indemnity_unbilled",
            "Fixed compensation not yet claimed.",
            "`fixed_indemnity_currency`",
            required=True,
        ),
        text(
            "no_interest_reason",
            "Why there is no interest; the first that applies in the order of the list.",
            allowed=tuple(NoInterestReason),
        ),
        _reporting("insured_covered_rc", "Part that insurance covers.", required=False),
        text("warnings", "Warning codes, `|` between; null when there are none."),
    ),
)

CREDIT_ACCOUNTS: Final = Table(
    name="credit_accounts",
    meaning=(
        "One row per segment and account with a published item, a commitment, a limit, open "
        "proceedings or a manual hold. All money in the reporting currency."
    ),
    key=("credit_segment", "credit_account_id"),
    filled_by="accounts",
    columns=(
        text("credit_account_id", "Who carries the limit.", required=True),
        text("credit_segment", "Credit segment.", required=True),
        text("customer_name", "Name for readers."),
        text("country", "ISO 3166-1 alpha-2 code."),
        text("risk_class", "Risk class."),
        text("segment", "Business segment."),
        text("account_manager", "Who looks after the customer."),
        text("group_id", "Root party of the group."),
        _reporting("receivables", "Invoices, debit notes and interest notes."),
        _reporting("bills_of_exchange", "Bills held."),
        _reporting(
            "financed_with_recourse",
            "Discounted bills and receivables factored with recourse, until maturity + 5 days.",
        ),
        _reporting("deliveries_not_invoiced", "Deliveries not yet invoiced."),
        _reporting("production", "Production made to order, not delivered."),
        _reporting("open_orders", "Orders expected within the horizon."),
        _reporting("orders_beyond_horizon", "Orders expected later; not counted."),
        _reporting("credit_notes", "Credit notes counted against debts; negative or zero."),
        _reporting("unapplied_payments", "Payments counted against debts; negative or zero."),
        _reporting("down_payments", "Down payments counted against debts; negative or zero."),
        _reporting("credit_balance", "Credits that count against nothing; negative or zero."),
        _reporting("exposure", "The sum of the components."),
        _reporting("insured_covered", "Covered by insurance.", required=False),
        _reporting("guarantees", "Guarantees in force.", required=False),
        _reporting("secured", "Insured share of the cover, and guarantees.", required=False),
        _reporting("unsecured", "Exposure less secured, not below zero.", required=False),
        _reporting("internal_limit", "Internal limit in force.", required=False),
        _reporting("temporary_limit", "Temporary limits in force.", required=False),
        _reporting("insured_limit", "Insured limit in force.", required=False),
        _reporting("credit_limit", "Limit of the account.", required=False),
        text("limit_status", "Where the limit comes from.", allowed=LIMIT_STATUSES),
        _reporting("available", "Limit less exposure; null without limit.", required=False),
        _reporting("available_to_sell", "What may still be sold; never < 0.", required=False),
        number(
            "utilisation",
            "Exposure / limit; null when there is no limit or it is zero.",
            Kind.DECIMAL_18_6,
        ),
        _reporting("overdue", "Sum of the positive late items."),
        _reporting("overdue_net", "Late items less unapplied payments and credit notes."),
        _reporting("disputed_amount", "Disputed part of the open items."),
        date("oldest_due_date", "Earliest due date of the positive late items."),
        number(
            "max_days_past_due",
            "Days of the oldest positive late item; 0 when none.",
            Kind.INT32,
            required=True,
            unit="days",
        ),
        _reporting("penalty_interest", "Penalty interest of the items."),
        _reporting("interest_unbilled", "Penalty interest not yet claimed."),
        _reporting("fixed_indemnity", "Fixed compensation of the items."),
        number("item_count", "Open items.", Kind.INT64, required=True),
        flag("hold_orders", "New orders are stopped."),
        flag("hold_deliveries", "Deliveries are stopped."),
        flag("hold_production", "Production is stopped."),
        text("worst_severity", "Worst severity of its breaches.", allowed=SEVERITIES),
        _reporting("cure_amount", "Least payment that lifts the holds.", required=False),
    ),
)

GROUPS: Final = Table(
    name="groups",
    meaning="One row per party with at least one child or a group limit.",
    key=("group_id",),
    filled_by="accounts",
    columns=(
        text("group_id", "The party at the head.", required=True),
        number("depth", "Levels above it; a root has 0.", Kind.INT32, required=True),
        number("member_count", "The party and all its descendants.", Kind.INT64, required=True),
        _reporting("exposure", "Exposure of all members."),
        _reporting("overdue", "Positive late items of all members."),
        _reporting("overdue_net", "Net late amount of all members."),
        _reporting("group_limit", "Limit of the group.", required=False),
        _reporting("available", "Limit less exposure; null without limit.", required=False),
        number(
            "utilisation",
            "Exposure / limit; null when there is no limit or it is zero.",
            Kind.DECIMAL_18_6,
        ),
        text("worst_severity", "Worst severity of its breaches.", allowed=SEVERITIES),
    ),
)

AGEING: Final = Table(
    name="ageing",
    meaning="Open amounts by how long they are past due.",
    key=("company_code", "customer_id", "currency", "bucket_position"),
    filled_by="accounts",
    columns=(
        text("company_code", "Legal entity.", required=True),
        text("customer_id", "Debtor.", required=True),
        text("currency", "ISO 4217 code of the items.", required=True),
        text("bucket", "Name of the bucket, as `not_due`, `1-30`, `>180`.", required=True),
        number("bucket_position", "Order of the buckets, from 0.", Kind.INT32, required=True),
        _item_money("open_amount", "Sum of the open amounts."),
        _reporting("open_amount_rc", "Sum of the converted open amounts."),
        _reporting("disputed_amount_rc", "Disputed part, converted."),
        number("item_count", "Open items in the bucket.", Kind.INT64, required=True),
    ),
)

INTEREST_PERIODS: Final = Table(
    name="interest_periods",
    meaning=(
        "How the interest of an item came about: one row per stretch of constant principal "
        "and rate, items in the order of the input. Off by default."
    ),
    key=("item_id", "from_date"),
    sorted_by_key=False,
    filled_by="interest",
    columns=(
        text("item_id", "The item.", required=True),
        text("customer_id", "Debtor.", required=True),
        date("from_date", "First day that bears interest.", required=True),
        date("to_date", "Last day that bears interest.", required=True),
        number("days", "Calendar days.", Kind.INT32, required=True, unit="days"),
        _item_money("principal", "Principal, capitalised interest included, rounded for show."),
        number(
            "reference_rate_percent",
            "Reference rate; null where the rate is flat.",
            Kind.RATE,
            unit="percent per year",
        ),
        number(
            "rate_percent", "Rate that applies.", Kind.RATE, required=True, unit="percent per year"
        ),
        text("day_count", "Day count, as `ACT/365F`.", required=True),
        _item_money("interest", "Difference of the rounded running totals."),
        text("currency", "ISO 4217 code of the item.", required=True),
    ),
)

INTEREST_STATEMENT: Final = Table(
    name="interest_statement",
    meaning=(
        "What a billing system may claim: one row per item with interest or compensation not yet "
        "claimed, or claimed too much (negative), items in the order of the input. Off by default."
    ),
    key=("item_id",),
    sorted_by_key=False,
    filled_by="interest",
    columns=(
        text("customer_id", "Debtor.", required=True),
        text("company_code", "Creditor.", required=True),
        text("item_id", "The item.", required=True),
        text("document_type", "What it is.", required=True, allowed=DOCUMENT_TYPES),
        text("document_number", "The legal document.", required=True),
        date("document_date", "Date of the document.", required=True),
        date("due_date", "Due date, given or derived.", required=True),
        date("settled_on", "Value date of full settlement."),
        text("currency", "ISO 4217 code of the item and its interest.", required=True),
        _item_money("amount", "Original amount incl. tax."),
        _item_money("open_amount", "Open at the as-of date."),
        text("interest_regime", "Regime of penalty interest; `NONE` where there is none."),
        text("articles", "Text of law on which the regime rests."),
        date("interest_from", "First day that bears interest."),
        date("interest_to", "Last day that bears interest."),
        number("interest_days", "Days that bear interest.", Kind.INT32, unit="days"),
        _item_money("penalty_interest", "Penalty interest to the as-of date."),
        _item_money("interest_billed", "Part of it that was claimed before."),
        _item_money("interest_unbilled", "What is left to claim; negative: to be given back."),
        text("indemnity_currency", "ISO 4217 code of the compensation.", required=True),
        money(
            "fixed_indemnity",
            "Fixed compensation; on the first late item of a document.",
            "`indemnity_currency`",
            required=True,
        ),
        money(
            "indemnity_billed",
            "Part of it that was claimed before.",
            "`indemnity_currency`",
            required=True,
        ),
        money(
            "indemnity_unbilled",
            "What is left to claim; negative: to be given back.",
            "`indemnity_currency`",
            required=True,
        ),
        text(
            "no_interest_reason",
            "Why there is no interest, though something is left to claim or to give back.",
            allowed=tuple(NoInterestReason),
        ),
    ),
)

BREACHES: Final = Table(
    name="breaches",
    meaning="What rules found, with the measured value, the threshold and the holds.",
    key=("breach_id",),
    filled_by="holds",
    columns=(
        text("breach_id", "Stable name: rule, party, segment, subject.", required=True),
        text("rule", "Id of the rule.", required=True),
        text("severity", "How grave it is.", required=True, allowed=SEVERITIES),
        text("scope", "What it is about.", required=True, allowed=BREACH_SCOPES),
        text("party_id", "Credit account or group."),
        text("credit_segment", "Credit segment."),
        text("subject", "Item, limit or document, where it concerns one."),
        number("measured", "What was measured.", Kind.DECIMAL_38_6),
        number("threshold", "What it passed.", Kind.DECIMAL_38_6),
        money("excess", "By how much, in money.", "`currency`"),
        text("currency", "ISO 4217 code of `excess`."),
        flag("hold_orders", "It asks to stop new orders.", required=True),
        flag("hold_deliveries", "It asks to stop deliveries.", required=True),
        flag("hold_production", "It asks to stop production.", required=True),
        text(
            "status",
            "Compared with the latest earlier run.",
            required=True,
            allowed=BREACH_STATUSES,
        ),
        date("first_seen", "As-of date at which it was first seen.", required=True),
        text("override", "The override that bears on it."),
        text("message_code", "Code of the sentence.", required=True),
        text("message", "The sentence in English.", required=True),
        text("message_values", "The values in it, a JSON object of texts.", required=True),
    ),
)

ORDER_DECISIONS_TABLE: Final = Table(
    name="order_decisions",
    meaning="Which orders the available credit lets through.",
    key=("commitment_id",),
    filled_by="holds",
    columns=(
        text("commitment_id", "The commitment.", required=True),
        text("order_id", "The order that it belongs to."),
        text("customer_id", "Debtor to be.", required=True),
        text("credit_segment", "Credit segment.", required=True),
        text("kind", "How far the order has come.", required=True),
        _reporting("amount_rc", "What it adds to the exposure."),
        date("expected_date", "Expected delivery."),
        text("decision", "Let through or held.", required=True, allowed=ORDER_DECISIONS),
        text("rule", "The rule that holds it."),
        _reporting("room_after", "Available credit after it.", required=False),
    ),
)

MOVEMENTS: Final = Table(
    name="movements",
    meaning=(
        "From the exposure of the latest earlier run to this one: opening and movements add "
        "up to closing, to the last digit."
    ),
    key=("credit_segment", "credit_account_id"),
    filled_by="movements",
    columns=(
        text("credit_account_id", "Who carries the limit.", required=True),
        text("credit_segment", "Credit segment.", required=True),
        _reporting("opening_exposure", "Exposure in the latest earlier run."),
        _reporting("invoiced", "New invoices, debit notes and bills."),
        _reporting("orders", "Change of orders and production."),
        _reporting("deliveries", "Change of deliveries not invoiced."),
        _reporting("cash", "Payments."),
        _reporting("credits", "Credit notes and discounts."),
        _reporting("write_offs", "Written off."),
        _reporting("fx", "Change of exchange rates."),
        _reporting("restated", "Changed in the ledger after the earlier run."),
        _reporting("scope", "Came into or left what is counted."),
        _reporting("closing_exposure", "Exposure of this run."),
    ),
)

QUARANTINE: Final = Table(
    name="quarantine",
    meaning="Every input row that was refused, or kept with a warning, and why.",
    key=("table", "file", "row_number"),
    filled_by="ledger",
    columns=(
        text("table", "Input table.", required=True),
        text("file", "File, relative to the ledger.", required=True),
        number("row_number", "Data row in the file, from 1.", Kind.INT64, required=True),
        text("column", "The column at fault, where there is one."),
        text("reason", "Reason code.", required=True, allowed=tuple(Reason)),
        text("message", "What was found and expected; shapes, no values.", required=True),
        text("raw", "The row as read, as JSON."),
        flag("kept", "A warning: the row stays in the outputs.", required=True),
    ),
)

TIE_OUT: Final = Table(
    name="tie_out",
    meaning="The general ledger's balances against the open items.",
    key=("company_code", "currency", "customer_id"),
    filled_by="controls",
    columns=(
        text("company_code", "Legal entity.", required=True),
        text("currency", "ISO 4217 code.", required=True),
        text("customer_id", "Debtor; null: all of the company code."),
        money("ledger_balance", "What the general ledger says.", "`currency`", required=True),
        money("computed_balance", "What the open items add up to.", "`currency`", required=True),
        money("difference", "Ledger less computed.", "`currency`", required=True),
    ),
)

OUTLOOK: Final = Table(
    name="outlook",
    meaning=(
        "What the rules will newly find, or find to be graver, within 90 days, from what is known "
        "today: orders enter the horizon, limits begin and end, items age, cover stops."
    ),
    key=("date", "credit_segment", "credit_account_id", "rule", "subject"),
    filled_by="holds",
    columns=(
        date("date", "The day on which it is first so.", required=True),
        text("credit_account_id", "Who carries the limit.", required=True),
        text("credit_segment", "Credit segment; null: all of the party's accounts."),
        text("rule", "Id of the rule.", required=True),
        text("event", "What happens on that day.", required=True, allowed=OUTLOOK_EVENTS),
        text("severity", "How grave it will be.", required=True, allowed=SEVERITIES),
        text("subject", "The group, where it concerns the limit of one."),
        _reporting("amount", "By how much, where it is money.", required=False),
    ),
)

HOLD_DIFFERENCES_TABLE: Final = Table(
    name="hold_differences",
    meaning=(
        "Where the holds that the ERP shows (`erp_holds`) are not those that it was last told."
    ),
    key=("customer_id", "credit_segment", "hold_kind"),
    filled_by="holds",
    columns=(
        text("customer_id", "The customer.", required=True),
        text("credit_segment", "Credit segment; null: the ERP says every segment."),
        text("hold_kind", "What is stopped.", required=True, allowed=HOLD_KINDS),
        text("difference", "What differs.", required=True, allowed=HOLD_DIFFERENCES),
        text("origin", "Who set the hold, as the ERP says."),
        date("set_on", "When it was set, as the ERP says."),
    ),
)

OUTPUT_TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        ITEMS,
        CREDIT_ACCOUNTS,
        GROUPS,
        AGEING,
        INTEREST_PERIODS,
        INTEREST_STATEMENT,
        BREACHES,
        ORDER_DECISIONS_TABLE,
        OUTLOOK,
        HOLD_DIFFERENCES_TABLE,
        MOVEMENTS,
        QUARANTINE,
        TIE_OUT,
    )
}

_HOLD_COLUMNS = (
    text("run_id", "The run.", required=True),
    date("as_of", "As-of date of the run.", required=True),
    text("customer_id", "The customer to stop.", required=True),
    text("credit_segment", "Credit segment.", required=True),
    flag("hold_orders", "Stop new orders: `Y` or `N`.", required=True),
    flag("hold_deliveries", "Stop deliveries: `Y` or `N`.", required=True),
    flag("hold_production", "Stop production: `Y` or `N`.", required=True),
    text("reasons", "Rule ids, `|` between."),
    _reporting("exposure", "Exposure of the credit account."),
    _reporting("credit_limit", "Limit of the credit account.", required=False),
    _reporting("cure_amount", "Least payment that lifts the holds.", required=False),
    text("currency", "ISO 4217 code of the amounts.", required=True),
)

# CSV files for ERPs: RFC 4180, UTF-8, `\n`, decimals with a point.
ERP_FILES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        Table(
            name="erp/holds",
            meaning="Every customer with a hold.",
            key=("customer_id", "credit_segment"),
            filled_by="holds",
            columns=_HOLD_COLUMNS,
        ),
        Table(
            name="erp/holds_readable",
            meaning=(
                "The same for people: texts that could start a formula in a spreadsheet begin with "
                "an apostrophe. Not for machines."
            ),
            key=("customer_id", "credit_segment"),
            filled_by="holds",
            columns=(
                *_HOLD_COLUMNS[:3],
                text("customer_name", "Name of the customer."),
                *_HOLD_COLUMNS[3:],
            ),
        ),
        Table(
            name="erp/hold_changes",
            meaning="Only what differs from what the ERP was last told.",
            key=("sequence",),
            filled_by="holds",
            columns=(
                number("sequence", "Position in the file, from 1.", Kind.INT64, required=True),
                text("action", "What the ERP must do.", required=True, allowed=HOLD_ACTIONS),
                *_HOLD_COLUMNS,
            ),
        ),
    )
}
