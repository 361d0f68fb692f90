"""Warning codes: those of an item (column `warnings` of items) and those of a whole run."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ItemWarning(StrEnum):
    """What a reader of an item must know; published in this order, `|` between."""

    OVER_APPLIED = "over_applied"
    DUE_BEFORE_DOCUMENT = "due_before_document"
    OPEN_AMOUNT_DIFFERS = "open_amount_differs"
    TERMS_EXCEED_LEGAL = "terms_exceed_legal"
    DUE_DATE_MOVED = "due_date_moved"
    LIMITATION = "limitation"


ITEM_WARNING_MEANING: Final[dict[ItemWarning, str]] = {
    ItemWarning.OVER_APPLIED: "More was applied to the item than it amounts to.",
    ItemWarning.DUE_BEFORE_DOCUMENT: "The due date lies before the document date.",
    ItemWarning.OPEN_AMOUNT_DIFFERS: (
        "The extract's open amount differs from the allocations; the allocations decide."
    ),
    ItemWarning.TERMS_EXCEED_LEGAL: "The agreed term is longer than the law allows.",
    ItemWarning.DUE_DATE_MOVED: "The due date is later than in the previous run.",
    ItemWarning.LIMITATION: "The claim becomes time-barred soon.",
}


class RunWarning(StrEnum):
    """What a reader of a run must know; logged once and listed in the manifest."""

    UNKNOWN_COLUMN_IGNORED = "unknown_column_ignored"
    UNLISTED_FILE = "unlisted_file"
    EMPTY_LEDGER = "empty_ledger"
    UNKNOWN_CUSTOMER_PLACEHOLDER = "unknown_customer_placeholder"
    MISSING_PARENT = "missing_parent"
    PARENT_CYCLE = "parent_cycle"
    DUE_BEFORE_DOCUMENT = "due_before_document"
    OPEN_AMOUNT_DIFFERS = "open_amount_differs"
    OVER_APPLIED = "over_applied"
    CLEARING_UNBALANCED = "clearing_unbalanced"
    SETTLED_DATE_UNKNOWN = "settled_date_unknown"
    ROWS_QUARANTINED = "rows_quarantined"
    TIE_OUT_DIFFERENCE = "tie_out_difference"
    NO_CREDIT_LIMITS = "no_credit_limits"
    NO_DEFAULT_LIMIT = "no_default_limit"
    POLICY_MISSING = "policy_missing"
    INSURED_PERCENT_MISSING = "insured_percent_missing"
    TABLE_SHRANK = "table_shrank"
    MEMORY_LOST = "memory_lost"
    OVERRIDE_UNKNOWN = "override_unknown"
    BREAKER_WAITS = "breaker_waits"
    OLDER_THAN_TOLD = "older_than_told"
    ERP_HOLDS_DIFFER = "erp_holds_differ"
    FORMULA_ID = "formula_id"
    VALUES_NORMALISED = "values_normalised"
    LETTERING_UNBALANCED = "lettering_unbalanced"


RUN_WARNING_MEANING: Final[dict[RunWarning, str]] = {
    RunWarning.UNKNOWN_COLUMN_IGNORED: (
        "A column that the contract does not know was ignored; `carry` passes it on."
    ),
    RunWarning.UNLISTED_FILE: "A file of the ledger directory belongs to no table.",
    RunWarning.EMPTY_LEDGER: "There is not a single open item.",
    RunWarning.UNKNOWN_CUSTOMER_PLACEHOLDER: (
        "Rows name customers without a row in `customers`; placeholders stand for them."
    ),
    RunWarning.MISSING_PARENT: "Customers name a parent without a row; the links were dropped.",
    RunWarning.PARENT_CYCLE: "Parents form a cycle; the links were dropped.",
    RunWarning.DUE_BEFORE_DOCUMENT: "Items are due before their document date.",
    RunWarning.OPEN_AMOUNT_DIFFERS: (
        "Open amounts of the extract differ from the allocations, which decide."
    ),
    RunWarning.OVER_APPLIED: "Items have more applied to them than they amount to.",
    RunWarning.CLEARING_UNBALANCED: (
        "The legs of a clearing do not add up to zero, apart from discounts, write-offs and "
        "exchange differences."
    ),
    RunWarning.SETTLED_DATE_UNKNOWN: (
        "Items are settled without an allocation that would tell when."
    ),
    RunWarning.ROWS_QUARANTINED: "Rows were put in the quarantine, fewer than `max_rejected`.",
    RunWarning.TIE_OUT_DIFFERENCE: "The open items differ from the general ledger's balance.",
    RunWarning.NO_CREDIT_LIMITS: "There is no `credit_limits` table: all limit rules are off.",
    RunWarning.NO_DEFAULT_LIMIT: "A risk class has no row in `default_limits`.",
    RunWarning.POLICY_MISSING: "Insured limits name a policy without a row; defaults serve.",
    RunWarning.INSURED_PERCENT_MISSING: (
        "Insured limits cover items, and neither they nor their policies say which percentage the "
        "insurer pays: it counts as zero."
    ),
    RunWarning.TABLE_SHRANK: "An input table is much smaller than in the previous run.",
    RunWarning.MEMORY_LOST: (
        "The earlier run could not be read and was left out (`--without-memory`): every breach is "
        "new."
    ),
    RunWarning.OVERRIDE_UNKNOWN: "Overrides name a customer or a rule that is not there.",
    RunWarning.BREAKER_WAITS: "The ERP files wait for a person's approval.",
    RunWarning.OLDER_THAN_TOLD: (
        "The as-of date is older than the last one that the ERP was told: no changes are sent."
    ),
    RunWarning.ERP_HOLDS_DIFFER: "The ERP's holds are not those that it was last told.",
    RunWarning.FORMULA_ID: "An identifier could start a formula in a spreadsheet.",
    RunWarning.VALUES_NORMALISED: (
        "A layout read values that are written in another than the first declared form."
    ),
    RunWarning.LETTERING_UNBALANCED: (
        "Rows that clear one another do not add up; the layout says what becomes of the rest."
    ),
}
