"""What every item is at the as-of date: open or settled, disputed, late, counted, governed by law.

Two passes over all columns. Each figure alone is a comparison or two; a pass of its own for each
would read and write the columns many times over.
"""

from typing import Any, NamedTuple

import numpy as np

from encours.kernels._jit import kernel
from encours.kernels.interest_columns import FLAG_CONSUMER, FLAG_CREDIT, FLAG_INTRAGROUP, NO_DAY

NO_REGIME_ON_FILE = -2  # of a party whose country must have a regime and has none on file
NOT_COUNTED = -1

# Bits of warnings, in the order of the contract's codes.
WARNING_OVER_APPLIED = 1
WARNING_DUE_BEFORE_DOCUMENT = 2
WARNING_OPEN_AMOUNT_DIFFERS = 4


class AssessedItems(NamedTuple):
    """Columns of n items as they are checked, and what their allocations leave of them.

    amount_milli, extract_open_milli, disputed_milli   int64
    company_code, customer_code, type_code, financing_code, regime_code   int32; regime -1: none
    posting_day, due_day, basis_day                    int32; basis: the date that ageing looks at
    is_bad, is_disputed, has_disputed_milli, has_extract_open, has_billed, due_before_document,
    has_allocation                                     bool
    balance_milli, allocated_milli, settled_day        as `settle_items` writes them
    at_extract_milli                                   int64  allocated by the extract's day
    """

    amount_milli: Any
    extract_open_milli: Any
    disputed_milli: Any
    company_code: Any
    customer_code: Any
    type_code: Any
    financing_code: Any
    regime_code: Any
    posting_day: Any
    due_day: Any
    basis_day: Any
    is_bad: Any
    is_disputed: Any
    has_disputed_milli: Any
    has_extract_open: Any
    has_billed: Any
    due_before_document: Any
    has_allocation: Any
    balance_milli: Any
    allocated_milli: Any
    settled_day: Any
    at_extract_milli: Any


class AssessmentTables(NamedTuple):
    """What holds by type, financing, company and customer; a last entry stands for unknown ones.

    flags_of_type       uint8[t]  FLAG_CREDIT, FLAG_INTEREST_NOTE
    bears_interest      bool[t]
    component           int32[t]  component of exposure
    negative_component  int32[t]  the same for a negative amount
    is_sold, is_recourse   bool[f]  financing: sold in any way; with recourse
    flags_of_customer   uint8[c]  FLAG_CONSUMER, FLAG_INTRAGROUP, FLAG_INTEREST_FIRST
    regime_of_customer  int32[c]  -1: the creditor's counts
    insolvency_day      int32[c]  NO_DAY: none
    regime_of_company   int32[k]
    """

    flags_of_type: Any
    bears_interest: Any
    component: Any
    negative_component: Any
    is_sold: Any
    is_recourse: Any
    flags_of_customer: Any
    regime_of_customer: Any
    insolvency_day: Any
    regime_of_company: Any


class AssessmentOptions(NamedTuple):
    """What holds for the whole run; always the same types, or Numba compiles twice.

    as_of_day, extract_day  int
    recourse_days           int  a receivable sold with recourse stays a risk so long after its date
    financed_component      int  the component of such a receivable
    first_credit_component  int  this component and those after it are credits
    """

    as_of_day: int
    extract_day: int
    recourse_days: int
    financed_component: int
    first_credit_component: int


class Assessment(NamedTuple):
    """What the kernels write, every cell of it; items that do not exist hold zeros.

    exists, is_published, bears_interest, is_settled_in_time, is_settled_date_unknown   bool
    has_billed            uint8
    open_milli, allocated_milli, extract_difference_milli, disputed_milli   int64
    days_past_due         int32  of a settled item the days that it was late
    ageing_days           int32  as-of less the date that ageing looks at; 0 where nothing is open
    settled_day           int32  NO_DAY: not settled
    insolvency_day        int32  NO_DAY: no proceedings opened by the as-of date
    component             int32  NOT_COUNTED: no part of the exposure
    regime_code           int32  -1: none
    flags, warning_bits   uint8  FLAG_..., WARNING_...
    """

    exists: Any
    is_published: Any
    bears_interest: Any
    is_settled_in_time: Any
    is_settled_date_unknown: Any
    has_billed: Any
    open_milli: Any
    allocated_milli: Any
    extract_difference_milli: Any
    disputed_milli: Any
    days_past_due: Any
    ageing_days: Any
    settled_day: Any
    insolvency_day: Any
    component: Any
    regime_code: Any
    flags: Any
    warning_bits: Any


def new_assessment(count: int) -> Assessment:
    """Allocate an assessment of some items; the kernels write every cell."""
    return Assessment(
        exists=np.empty(count, np.bool_),
        is_published=np.empty(count, np.bool_),
        bears_interest=np.empty(count, np.bool_),
        is_settled_in_time=np.empty(count, np.bool_),
        is_settled_date_unknown=np.empty(count, np.bool_),
        has_billed=np.empty(count, np.uint8),
        open_milli=np.empty(count, np.int64),
        allocated_milli=np.empty(count, np.int64),
        extract_difference_milli=np.empty(count, np.int64),
        disputed_milli=np.empty(count, np.int64),
        days_past_due=np.empty(count, np.int32),
        ageing_days=np.empty(count, np.int32),
        settled_day=np.empty(count, np.int32),
        insolvency_day=np.empty(count, np.int32),
        component=np.empty(count, np.int32),
        regime_code=np.empty(count, np.int32),
        flags=np.empty(count, np.uint8),
        warning_bits=np.empty(count, np.uint8),
    )


@kernel
def classify_items(items, tables, options, out):
    """Write what type, parties and financing say of every item; give a row without its regime.

    items    AssessedItems, n rows
    tables   AssessmentTables
    options  AssessmentOptions
    out      Assessment, n rows; written: exists, bears_interest, flags, component, regime_code,
             insolvency_day

    A row lacks its regime when it bears interest and its party's country must have one and has
    none on file; -1: none does. Rule: DOMAIN 5 (components) and 6 (the regime of an item).
    """
    lacking = -1
    for i in range(items.amount_milli.shape[0]):
        kind, customer = items.type_code[i], items.customer_code[i]
        is_negative = items.amount_milli[i] < 0
        exists = not items.is_bad[i] and items.posting_day[i] <= options.as_of_day
        flags = tables.flags_of_type[kind] | tables.flags_of_customer[customer]
        if is_negative:
            flags |= np.uint8(FLAG_CREDIT)
        bears = tables.bears_interest[kind] and not flags & FLAG_CREDIT

        component = tables.negative_component[kind] if is_negative else tables.component[kind]
        financing = items.financing_code[i]
        if tables.is_sold[financing]:
            is_risk = tables.is_recourse[financing]
            if is_risk and component < options.first_credit_component:
                component = np.int32(options.financed_component)
                is_risk = options.as_of_day <= items.due_day[i] + options.recourse_days
            component = component if is_risk else np.int32(NOT_COUNTED)

        regime = items.regime_code[i]
        if regime < 0:
            regime = tables.regime_of_customer[customer]
            if regime == -1:
                regime = tables.regime_of_company[items.company_code[i]]
        if flags & (FLAG_CONSUMER | FLAG_INTRAGROUP):
            regime = np.int32(-1)
        if regime == NO_REGIME_ON_FILE and bears and exists and lacking < 0:
            lacking = i

        opened = tables.insolvency_day[customer]
        out.exists[i] = exists
        out.bears_interest[i] = bears
        out.flags[i] = flags if exists else np.uint8(FLAG_CREDIT)  # bears nothing
        out.component[i] = component
        out.regime_code[i] = max(regime, np.int32(-1))
        out.insolvency_day[i] = opened if opened <= options.as_of_day else np.int32(NO_DAY)
    return lacking


@kernel
def assess_items(items, options, out):
    """Write what is open of every item, what of it is disputed, and how late it is.

    items    AssessedItems, n rows
    options  AssessmentOptions
    out      Assessment, n rows as `classify_items` leaves them; the other columns are written

    Rule: DOMAIN 3 (open amount, settlement), 4 (days past due) and 6 (disputes).
    """
    as_of_day = np.int64(options.as_of_day)
    for i in range(items.amount_milli.shape[0]):
        exists, amount = out.exists[i], items.amount_milli[i]
        due_day = np.int64(items.due_day[i])
        by_allocations = items.has_allocation[i]
        balance = items.balance_milli[i] if by_allocations else items.extract_open_milli[i]
        balance = balance if exists else np.int64(0)
        is_open = balance != 0
        settled_day = np.int64(items.settled_day[i] if exists and not is_open else NO_DAY)
        is_settled = settled_day != NO_DAY
        end_day = min(settled_day, as_of_day) if is_settled else as_of_day
        was_late = out.bears_interest[i] and is_settled and end_day > due_day

        disputed = np.int64(0)
        if items.is_disputed[i] and is_open:
            disputed = abs(items.disputed_milli[i]) if items.has_disputed_milli[i] else abs(balance)
            disputed = min(disputed, abs(balance)) if balance > 0 else -min(disputed, abs(balance))

        warnings = WARNING_DUE_BEFORE_DOCUMENT if items.due_before_document[i] else 0
        if (balance < 0 < amount) or (amount < 0 < balance):
            warnings |= WARNING_OVER_APPLIED
        if by_allocations and items.has_extract_open[i]:
            differs = items.extract_open_milli[i] != amount - items.at_extract_milli[i]
            if differs and items.posting_day[i] <= options.extract_day:
                warnings |= WARNING_OPEN_AMOUNT_DIFFERS

        out.is_published[i] = is_open or was_late
        out.is_settled_in_time[i] = is_settled and not was_late
        out.is_settled_date_unknown[i] = exists and not is_open and not is_settled
        out.has_billed[i] = items.has_billed[i] and exists  # what does not exist was not billed
        out.open_milli[i] = balance
        # Added up from the allocations, not taken from the balance: a control compares the two.
        out.allocated_milli[i] = items.allocated_milli[i] if exists and by_allocations else 0
        out.extract_difference_milli[i] = amount - balance if exists and not by_allocations else 0
        out.disputed_milli[i] = disputed
        out.days_past_due[i] = end_day - due_day if exists else 0
        out.ageing_days[i] = as_of_day - items.basis_day[i] if is_open else 0
        out.settled_day[i] = settled_day
        out.warning_bits[i] = warnings
        if not is_open:
            out.component[i] = NOT_COUNTED
