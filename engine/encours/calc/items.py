"""The figures of every item of a work unit: open amount, ageing, exposure component, interest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.calc.context import COMPONENTS, Conversion, RunContext
from encours.calc.refusals import ItemRefused, MissingRates, missing_rates
from encours.kernels import interest_columns as interest
from encours.kernels import wide
from encours.kernels.ageing import assign_ageing_bucket
from encours.kernels.allocation import settle_items
from encours.kernels.assessment import (
    AssessedItems,
    Assessment,
    AssessmentOptions,
    AssessmentTables,
    assess_items,
    classify_items,
    new_assessment,
)
from encours.kernels.interest import accrue_interest
from encours.ledger.allocations import ALLOCATION_KINDS
from encours.ledger.decode import NO_DAY
from encours.ledger.items import (
    BEARS_INTEREST,
    DOCUMENT_TYPES,
    FINANCING,
    INTEREST_NOTE,
    IS_CREDIT_TYPE,
    IS_DEBIT_TYPE,
)
from encours.ledger.master import CURRENCIES, MINOR_UNIT_MILLI
from encours.rules import fx
from encours_schemas.errors import InputMissing
from encours_schemas.warnings import ItemWarning

if TYPE_CHECKING:
    from encours.ledger.allocations import ItemAllocations
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]

RECOURSE_DAYS_AFTER_MATURITY = 5
"""A discounted bill or a receivable sold with recourse stays a risk for so long (DOMAIN 5)."""

PAYMENT_KINDS = tuple(
    ALLOCATION_KINDS.index(kind) for kind in ("payment", "bill_of_exchange", "offset", "return")
)
"""What can pay interest first; discounts, write-offs and credit notes reduce the principal."""

ITEM_WARNINGS = tuple(ItemWarning)
"""The first three are seen here; the others belong to rules about items (`calc.item_watch`)."""


def _by_type(**component_of: str) -> Array:
    """Give the exposure component of each document type; the last entry is no type's."""
    listed = np.full(len(DOCUMENT_TYPES) + 1, COMPONENTS.index("receivables"), np.int32)
    for kind, component in component_of.items():
        listed[DOCUMENT_TYPES.index(kind)] = COMPONENTS.index(component)
    return listed


_COMPONENT_OF_TYPE = _by_type(
    bill_of_exchange="bills_of_exchange",
    credit_note="credit_notes",
    payment="unapplied_payments",
    down_payment="down_payments",
)
_FLAGS_OF_TYPE = np.where(IS_CREDIT_TYPE, np.uint8(interest.FLAG_CREDIT), np.uint8(0))
_FLAGS_OF_TYPE[INTEREST_NOTE] |= np.uint8(interest.FLAG_INTEREST_NOTE)
_IS_SOLD = np.array([*(name != "none" for name in FINANCING), False], bool)
_IS_RECOURSE = np.array(
    [*(name in ("discounted", "factored_recourse") for name in FINANCING), False], bool
)


class InterestInputs(NamedTuple):
    """What the interest kernels were given, for those that list the detail."""

    items: interest.InterestItems
    allocations: interest.Allocations
    options: interest.InterestOptions


class Balances(NamedTuple):
    """What `settle_items` writes."""

    open_milli: Array
    allocated_milli: Array
    settled_day: Array
    overflow: Array


@dataclass(frozen=True)
class MeasuredItems:
    """Figures of the n rows of a unit. Rows that do not exist at the as-of date hold zeros.

    exists        the row is good and posted by the as-of date
    is_published  open, or of a type that bears interest and settled late
    reason        position in `interest.NO_INTEREST_REASONS`
    component     position in `COMPONENTS`, -1 when the item does not count in the exposure
    warning_bits  bit k: warning k of `ITEM_WARNINGS`
    missing_rates items whose interest needs a rate that is not known; their amounts mean nothing
    """

    exists: Array
    is_published: Array
    is_settled_in_time: Array
    is_settled_date_unknown: Array
    open_milli: Array
    open_rc: Array
    allocated_milli: Array
    extract_difference_milli: Array
    disputed_milli: Array
    disputed_rc: Array
    days_past_due: Array
    bucket: Array
    settled_day: Array
    component: Array
    regime_code: Array
    bears_interest: Array
    from_day: Array
    to_day: Array
    interest_days: Array
    penalty_milli: Array
    penalty_rc: Array
    suspended_milli: Array
    unbilled_milli: Array
    unbilled_rc: Array
    reason: Array
    first_principal_milli: Array
    warning_bits: Array
    interest_inputs: InterestInputs
    missing_rates: MissingRates = field(default_factory=Counter)


def measure_items(
    items: Items, allocations: ItemAllocations, context: RunContext, extract_day: int
) -> MeasuredItems:
    """Compute every figure of an item that does not depend on other items (DOMAIN 3 to 6).

    Raises ItemRefused for an amount that money cannot hold.
    """
    assessed = _assess(items, allocations, context, extract_day)
    open_rc = convert(assessed.open_milli, items.currency_code, context.reporting)
    disputed_rc = convert(assessed.disputed_milli, items.currency_code, context.reporting)
    accrued = _accrue(items, allocations, assessed, context)
    return MeasuredItems(
        exists=assessed.exists,
        is_published=assessed.is_published,
        is_settled_in_time=assessed.is_settled_in_time,
        is_settled_date_unknown=assessed.is_settled_date_unknown,
        open_milli=assessed.open_milli,
        open_rc=open_rc,
        allocated_milli=assessed.allocated_milli,
        extract_difference_milli=assessed.extract_difference_milli,
        disputed_milli=assessed.disputed_milli,
        disputed_rc=disputed_rc,
        days_past_due=assessed.days_past_due,
        bucket=_buckets(assessed, context),
        settled_day=assessed.settled_day,
        component=assessed.component,
        regime_code=assessed.regime_code,
        bears_interest=assessed.bears_interest,
        warning_bits=assessed.warning_bits,
        **accrued,
    )


def _assess(
    items: Items, allocations: ItemAllocations, context: RunContext, extract_day: int
) -> Assessment:
    """Tell what every item is at the as-of date."""
    balances = _balances(items, allocations)
    columns = AssessedItems(
        amount_milli=items.amount_milli,
        extract_open_milli=items.extract_open_milli,
        disputed_milli=items.disputed_milli,
        company_code=items.company_code,
        customer_code=items.customer_code,
        type_code=items.type_code,
        financing_code=items.financing_code,
        regime_code=items.regime_code,
        posting_day=items.posting_day,
        due_day=items.due_day,
        basis_day=_basis_day(items, context),
        is_bad=items.faults.bad,
        is_disputed=items.is_disputed,
        has_disputed_milli=items.has_disputed_milli,
        has_extract_open=items.has_extract_open,
        has_billed=items.has_billed,
        due_before_document=items.due_before_document,
        has_allocation=allocations.has_any,
        balance_milli=balances.open_milli,
        allocated_milli=balances.allocated_milli,
        settled_day=balances.settled_day,
        at_extract_milli=allocations.at_extract_milli,
    )
    options = AssessmentOptions(
        int(context.as_of_day),
        int(extract_day),
        RECOURSE_DAYS_AFTER_MATURITY,
        COMPONENTS.index("financed_with_recourse"),
        COMPONENTS.index("credit_notes"),
    )
    assessed = new_assessment(items.row_count)
    lacking = classify_items(columns, _tables(context), options, assessed)
    _require_parties(items, int(lacking), context)
    assess_items(columns, options, assessed)
    return assessed


def _basis_day(items: Items, context: RunContext) -> Array:
    """Give the date that ageing looks at: int32[n]."""
    return {
        "due_date": items.due_day,
        "document_date": items.document_day,
        "posting_date": items.posting_day,
    }[context.configuration.ageing.basis]


def _tables(context: RunContext) -> AssessmentTables:
    """Lay out what holds by type, financing, customer and company."""
    return AssessmentTables(
        _FLAGS_OF_TYPE,
        BEARS_INTEREST,
        _COMPONENT_OF_TYPE,
        np.where(IS_DEBIT_TYPE, np.int32(COMPONENTS.index("credit_notes")), _COMPONENT_OF_TYPE),
        _IS_SOLD,
        _IS_RECOURSE,
        context.customer_flags,
        context.customer_regime,
        context.master.customers.insolvency_day,
        context.company_regime,
    )


def _require_parties(items: Items, lacking: int, context: RunContext) -> None:
    """Raise InputMissing (66) for a company code without a country, or a row without a regime."""
    companies = context.master.companies
    if not all(companies.countries):
        companies.require_countries(items.company_code[~items.faults.bad])
    if lacking >= 0:
        code = int(items.company_code[lacking])
        raise InputMissing(
            what="no late-payment regime on file for a country that must have one",
            where=f"company code {companies.codes[code]}, country {companies.countries[code]}",
            expected="a regime for every creditor country in the EU, the EEA, GB or CH",
            cure="give the items or customers an interest_regime, or add the country's regime",
        )


def _balances(items: Items, allocations: ItemAllocations) -> Balances:
    """Give what allocations leave of every amount, and since when nothing is left."""
    n = items.row_count
    out = Balances(
        np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int32), np.zeros(n, np.uint8)
    )
    settle_items(
        items.amount_milli,
        allocations.offset,
        allocations.value_day,
        allocations.amount_milli,
        np.int32(NO_DAY),
        out,
    )
    if out.overflow.any():
        raise ItemRefused(
            int(np.flatnonzero(out.overflow)[0]),
            what="the allocations of an item add up to more than money can hold",
            expected="amounts of at most 15 digits before the point",
            cure="correct the allocations of this item",
        )
    return out


def convert(amount_milli: Array, currency_code: Array, conversion: Conversion) -> Array:
    """Convert each amount once at the as-of rate, rounded half away from zero: int64[n].

    Raises InputMissing (66) naming the pair when a non-zero amount's currency has no fresh rate,
    and ItemRefused (65) for an amount that money cannot hold once it is converted.
    """
    converted = np.empty(len(amount_milli), np.int64)
    fault = np.empty(len(amount_milli), np.uint8)
    if wide.convert_amounts(
        np.require(amount_milli, requirements=("C", "W")),
        np.require(currency_code, requirements=("C", "W")),
        conversion.numerator,
        conversion.denominator,
        conversion.minor_unit_milli,
        converted,
        fault,
    ):
        for code in np.unique(currency_code[fault == wide.CONVERTED_WITHOUT_RATIO]).tolist():
            if code in conversion.missing:
                raise conversion.missing[code]
        _convert_rest(amount_milli, currency_code, fault, conversion, converted)
    return converted


def _convert_rest(
    amounts: Array, codes: Array, fault: Array, conversion: Conversion, converted: Array
) -> None:
    """Convert what the kernel could not: rates beyond 64 bits, exactly, over distinct values.

    Raises ItemRefused (65) where the result is more than money can hold.
    """
    for code in np.unique(codes[fault > 0]).tolist():
        chosen = np.flatnonzero((fault > 0) & (codes == code))
        ratio = conversion.table.ratio(CURRENCIES[code])
        try:
            converted[chosen] = fx.convert_exactly(
                amounts[chosen], ratio, conversion.minor_unit_milli
            )
        except OverflowError as error:
            raise ItemRefused(
                int(chosen[np.argmax(np.abs(amounts[chosen]))]),
                what=(
                    "an amount is more than money can hold once it is converted from "
                    f"{CURRENCIES[code]} to {conversion.target}"
                ),
                found="more than 15 digits before the point",
                expected="amounts that the target currency can express",
                cure="correct the amount or the rate, or report in another currency",
            ) from error


def _accrue(
    items: Items, allocations: ItemAllocations, assessed: Assessment, context: RunContext
) -> dict[str, Any]:
    """Run the interest kernel over the unit; give its figures by the names of `MeasuredItems`."""
    inputs = _interest_inputs(items, allocations, assessed)
    result = interest.new_interest_result(items.row_count)
    posted = interest_allocations(allocations, inputs.flags)
    options = interest_options(context)
    missing: MissingRates = Counter()
    if accrue_interest(inputs, posted, context.law.rates, options, result):
        _refuse_too_large(result)
        settled = assessed.settled_day
        end_day = np.where(settled == NO_DAY, options.as_of_day, settled)
        missing = missing_rates(result, end_day, assessed.regime_code, context.law)
    penalty_rc = convert(result.penalty_milli, items.currency_code, context.reporting)
    _drop_below_minimum(result, penalty_rc, context)
    return {
        "from_day": result.from_day,
        "to_day": result.to_day,
        "interest_days": result.days,
        "penalty_milli": result.penalty_milli,
        "penalty_rc": penalty_rc,
        "suspended_milli": result.suspended_milli,
        "unbilled_milli": result.unbilled_milli,
        "unbilled_rc": convert(result.unbilled_milli, items.currency_code, context.reporting),
        "reason": result.reason,
        "first_principal_milli": result.first_principal_milli,
        "interest_inputs": InterestInputs(inputs, posted, options),
        "missing_rates": missing,
    }


def _interest_inputs(
    items: Items, allocations: ItemAllocations, assessed: Assessment
) -> interest.InterestItems:
    """Lay the items out for the interest kernels."""
    return interest.InterestItems(
        amount_milli=items.amount_milli,
        open_milli=assessed.open_milli,
        has_allocation=allocations.has_any.view(np.uint8),
        due_day=items.due_day,
        claim_day=items.delivery_day,
        settled_day=assessed.settled_day,
        regime_code=assessed.regime_code,
        flags=assessed.flags,
        insolvency_day=assessed.insolvency_day,
        disputed_milli=assessed.disputed_milli,
        billed_to_day=items.billed_to_day,
        billed_milli=items.billed_milli,
        has_billed=assessed.has_billed,
        currency_code=items.currency_code,
    )


def interest_allocations(allocations: ItemAllocations, flags: Array) -> interest.Allocations:
    """Lay the allocations out for the interest kernels.

    flags  uint8[n]  FLAG_... bits of the items: what payments pay of the interest is worked out
                     only where some pay interest first
    """
    payment_milli = np.empty(0, np.int64)
    if (flags & interest.FLAG_INTEREST_FIRST).any():
        from encours.kernels.imputation import net_returned_payments  # compiled where asked for

        payment_milli = np.empty(len(allocations.value_day), np.int64)
        net_returned_payments(
            flags,
            allocations.offset,
            allocations.value_day,
            allocations.amount_milli,
            np.isin(allocations.kind_code, PAYMENT_KINDS).astype(np.uint8),
            payment_milli,
        )
    return interest.Allocations(
        allocations.offset, allocations.value_day, allocations.amount_milli, payment_milli
    )


def interest_options(context: RunContext) -> interest.InterestOptions:
    """Give the run's choices to the interest kernels."""
    chosen = context.configuration.interest
    return interest.InterestOptions(
        int(context.as_of_day),
        int(chosen.grace_days),
        bool(chosen.accrue_on_disputed),
        MINOR_UNIT_MILLI,
    )


def _refuse_too_large(result: interest.InterestResult) -> None:
    """Raise for an item whose interest no figure can hold."""
    too_large = np.flatnonzero(result.fault == interest.FAULT_TOO_LARGE)
    if len(too_large):
        raise ItemRefused(
            int(too_large[0]),
            what="the interest of an item is larger than money can hold",
            expected="at most 15 digits before the point",
            cure="correct the item's amount or due date",
        )


def _drop_below_minimum(
    result: interest.InterestResult, penalty_rc: Array, context: RunContext
) -> None:
    """Take away interest below the configured minimum claim, in place (DOMAIN 6)."""
    minimum = context.configuration.interest.minimum_claim
    minimum_milli = int(minimum * 1000)
    if not minimum_milli:
        return
    below = (result.reason == 0) & (penalty_rc < minimum_milli)
    result.reason[below] = interest.REASON_BELOW_MINIMUM
    for amounts in (result.penalty_milli, result.unbilled_milli, penalty_rc):
        amounts[below] = 0
    result.days[below] = 0
    result.from_day[below] = NO_DAY
    result.to_day[below] = NO_DAY


def _buckets(assessed: Assessment, context: RunContext) -> Array:
    """Give the ageing bucket of each item by the configured basis: int32[n] positions."""
    ageing = context.configuration.ageing
    bucket = np.empty(len(assessed.ageing_days), np.int32)
    assign_ageing_bucket(assessed.ageing_days, context.not_due_bounds, context.late_bounds, bucket)
    if ageing.credits != "by_date":
        bucket[assessed.open_milli < 0] = len(ageing.not_due_bounds) + len(ageing.bounds) + 2
    return bucket
