"""The figures of every item of a work unit: open amount, ageing, exposure component, interest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.calc.context import COMPONENTS, NO_REGIME_ON_FILE, Conversion, RunContext
from encours.calc.refusals import ItemRefused, MissingRates, missing_rates
from encours.kernels import interest_columns as interest
from encours.kernels import wide
from encours.kernels.ageing import assign_ageing_bucket
from encours.kernels.allocation import settle_items
from encours.kernels.interest import accrue_interest
from encours.ledger.allocations import ALLOCATION_KINDS
from encours.ledger.decode import NO_DAY
from encours.ledger.items import (
    BEARS_INTEREST,
    BILL_OF_EXCHANGE,
    CREDIT_NOTE,
    DOWN_PAYMENT,
    FINANCING,
    INTEREST_NOTE,
    IS_CREDIT_TYPE,
    IS_DEBIT_TYPE,
    PAYMENT,
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

NOT_COUNTED = -1
ITEM_WARNINGS = tuple(ItemWarning)
"""The first three are seen here; the others belong to rules about items (`calc.item_watch`)."""


class ItemTypes(NamedTuple):
    """What the type and sign of n items say: bool[n] each."""

    exists: Array
    is_credit: Array
    bears_interest: Array


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
    exists = ~items.faults.bad & (items.posting_day <= context.as_of_day)
    balances = _balances(items, allocations, exists)
    open_milli = balances.open_milli
    is_open = open_milli != 0
    open_rc = convert(open_milli, items.currency_code, context.reporting)
    disputed = _disputed(items, open_milli)
    context.master.companies.require_countries(items.company_code[~items.faults.bad])
    types = _item_types(items, exists)
    bears = types.bears_interest
    component = _components(items, types.is_credit & (items.amount_milli < 0), context.as_of_day)
    regime = _regimes(items, bears & exists, context)
    accrued = _accrue(items, allocations, balances, disputed, regime, types, context)
    has_settlement = balances.settled_day != NO_DAY
    end_day = np.where(has_settlement, balances.settled_day, context.as_of_day)
    end_day = np.minimum(end_day, context.as_of_day)
    is_late = end_day > items.due_day
    is_published = exists & (is_open | (bears & has_settlement & is_late))
    difference = np.where(allocations.has_any, 0, items.amount_milli - open_milli)
    return MeasuredItems(
        exists=exists,
        is_published=is_published,
        is_settled_in_time=exists & ~is_open & ~is_published & has_settlement,
        is_settled_date_unknown=exists & ~is_open & ~has_settlement,
        open_milli=open_milli,
        open_rc=open_rc,
        allocated_milli=np.where(exists, balances.allocated_milli, 0),
        extract_difference_milli=np.where(exists, difference, 0),
        disputed_milli=disputed,
        disputed_rc=convert(disputed, items.currency_code, context.reporting),
        days_past_due=(end_day - items.due_day).astype(np.int32),
        bucket=_buckets(items, open_milli, context),
        settled_day=balances.settled_day,
        component=np.where(exists & is_open, component, NOT_COUNTED).astype(np.int32),
        regime_code=regime,
        bears_interest=bears,
        warning_bits=_warnings(items, allocations, open_milli, extract_day),
        **accrued,
    )


def _balances(items: Items, allocations: ItemAllocations, exists: Array) -> Balances:
    """Give open amount, allocated amount and settlement day of every item."""
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
    by_extract = ~allocations.has_any
    open_milli = np.where(by_extract, items.extract_open_milli, out.open_milli)
    return Balances(
        np.where(exists, open_milli, 0),
        np.where(by_extract, 0, out.allocated_milli),
        np.where(exists & (open_milli == 0), out.settled_day, np.int32(NO_DAY)).astype(np.int32),
        out.overflow,
    )


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


def _disputed(items: Items, open_milli: Array) -> Array:
    """Give the disputed part of each open amount, of its sign: int64[n]."""
    if not items.is_disputed.any():
        return np.zeros(items.row_count, np.int64)
    whole = np.abs(open_milli)
    part = np.where(items.has_disputed_milli, np.abs(items.disputed_milli), whole)
    return np.where(items.is_disputed, np.sign(open_milli) * np.minimum(part, whole), 0)


def _item_types(items: Items, exists: Array) -> ItemTypes:
    """Tell which items bear interest by their type, and which are credits (DOMAIN 3 and 6)."""
    is_credit = IS_CREDIT_TYPE[items.type_code] | (items.amount_milli < 0)
    bears = ~is_credit & BEARS_INTEREST[items.type_code]
    return ItemTypes(exists, is_credit, bears)


def _components(items: Items, is_negative_credit: Array, as_of_day: int) -> Array:
    """Give the exposure component of each item: a position in `COMPONENTS`, or `NOT_COUNTED`."""
    by_type = np.full(7, COMPONENTS.index("receivables"), np.int32)
    by_type[BILL_OF_EXCHANGE] = COMPONENTS.index("bills_of_exchange")
    by_type[CREDIT_NOTE] = COMPONENTS.index("credit_notes")
    by_type[PAYMENT] = COMPONENTS.index("unapplied_payments")
    by_type[DOWN_PAYMENT] = COMPONENTS.index("down_payments")
    component = by_type[items.type_code]
    component[IS_DEBIT_TYPE[items.type_code] & is_negative_credit] = COMPONENTS.index(
        "credit_notes"
    )
    if items.financing_code.any():
        financing = items.financing_code
        recourse = np.isin(
            financing, (FINANCING.index("discounted"), FINANCING.index("factored_recourse"))
        )
        is_debit = component < COMPONENTS.index("credit_notes")
        component[recourse & is_debit] = COMPONENTS.index("financed_with_recourse")
        matured = as_of_day > items.due_day.astype(np.int64) + RECOURSE_DAYS_AFTER_MATURITY
        component[recourse & is_debit & matured] = NOT_COUNTED
        component[~recourse & (financing != FINANCING.index("none"))] = NOT_COUNTED
    return component


def _regimes(items: Items, needs_one: Array, context: RunContext) -> Array:
    """Give the regime of each item: int32[n] codes, -1 for consumers and intragroup (DOMAIN 6)."""
    customers = context.master.customers
    of_customer = context.customer_regime[items.customer_code]
    of_company = context.company_regime[items.company_code]
    regime = np.where(of_customer == -1, of_company, of_customer)
    regime = np.where(items.regime_code >= 0, items.regime_code, regime)
    exempt = customers.is_consumer | customers.is_intragroup
    regime = np.where(exempt[items.customer_code], -1, regime)
    lacking = needs_one & (regime == NO_REGIME_ON_FILE)
    if lacking.any():
        company = context.master.companies
        code = int(items.company_code[np.flatnonzero(lacking)[0]])
        raise InputMissing(
            what="no late-payment regime on file for a country that must have one",
            where=f"company code {company.codes[code]}, country {company.countries[code]}",
            expected="a regime for every creditor country in the EU, the EEA, GB or CH",
            cure="give the items or customers an interest_regime, or add the country's regime",
        )
    return np.maximum(regime, -1).astype(np.int32)


def _accrue(
    items: Items,
    allocations: ItemAllocations,
    balances: Balances,
    disputed: Array,
    regime: Array,
    types: ItemTypes,
    context: RunContext,
) -> dict[str, Any]:
    """Run the interest kernel over the unit; give its figures by the names of `MeasuredItems`."""
    inputs = interest_inputs(items, allocations, balances, disputed, regime, types, context)
    result = interest.new_interest_result(items.row_count)
    posted = interest_allocations(allocations, inputs.flags)
    options = interest_options(context)
    missing: MissingRates = Counter()
    if accrue_interest(inputs, posted, context.law.rates, options, result):
        _refuse_too_large(result)
        end_day = np.where(balances.settled_day == NO_DAY, options.as_of_day, balances.settled_day)
        missing = missing_rates(result, end_day, regime, context.law)
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


def interest_inputs(
    items: Items,
    allocations: ItemAllocations,
    balances: Balances,
    disputed: Array,
    regime: Array,
    types: ItemTypes,
    context: RunContext,
) -> interest.InterestItems:
    """Lay the items out for the interest kernels."""
    exists = types.exists
    customers = context.master.customers
    customer = items.customer_code
    opened = customers.insolvency_day[customer]
    flags = types.is_credit * np.uint8(interest.FLAG_CREDIT)
    flags |= (items.type_code == INTEREST_NOTE) * np.uint8(interest.FLAG_INTEREST_NOTE)
    flags |= customers.is_consumer[customer] * np.uint8(interest.FLAG_CONSUMER)
    flags |= customers.is_intragroup[customer] * np.uint8(interest.FLAG_INTRAGROUP)
    if context.pays_interest_first is not None:
        flags |= context.pays_interest_first[customer] * np.uint8(interest.FLAG_INTEREST_FIRST)
    return interest.InterestItems(
        amount_milli=items.amount_milli,
        open_milli=balances.open_milli,
        has_allocation=allocations.has_any.astype(np.uint8),
        due_day=items.due_day,
        claim_day=items.delivery_day,
        settled_day=balances.settled_day,
        regime_code=np.where(exists, regime, np.int32(-1)),
        # A row that does not exist bears nothing and was billed nothing.
        flags=np.where(exists, flags, np.uint8(interest.FLAG_CREDIT)),
        insolvency_day=np.where(opened <= context.as_of_day, opened, np.int32(NO_DAY)),
        disputed_milli=np.maximum(disputed, 0),
        billed_to_day=items.billed_to_day,
        billed_milli=items.billed_milli,
        has_billed=(items.has_billed & exists).astype(np.uint8),
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
    below = (result.reason == 0) & (penalty_rc < minimum_milli)
    if not minimum_milli or not below.any():
        return
    result.reason[below] = interest.REASON_BELOW_MINIMUM
    for amounts in (result.penalty_milli, result.unbilled_milli, penalty_rc):
        amounts[below] = 0
    result.days[below] = 0
    result.from_day[below] = NO_DAY
    result.to_day[below] = NO_DAY


def _buckets(items: Items, open_milli: Array, context: RunContext) -> Array:
    """Give the ageing bucket of each item by the configured basis: int32[n] positions."""
    ageing = context.configuration.ageing
    basis = {
        "due_date": items.due_day,
        "document_date": items.document_day,
        "posting_date": items.posting_day,
    }[ageing.basis]
    days = np.int32(context.as_of_day) - np.where(open_milli != 0, basis, context.as_of_day)
    bucket = np.empty(items.row_count, np.int32)
    assign_ageing_bucket(days.astype(np.int32), context.not_due_bounds, context.late_bounds, bucket)
    if ageing.credits != "by_date":
        bucket[open_milli < 0] = len(ageing.not_due_bounds) + len(ageing.bounds) + 2
    return bucket


def _warnings(
    items: Items, allocations: ItemAllocations, open_milli: Array, extract_day: int
) -> Array:
    """Give the warnings of each item as bits in the order of `ITEM_WARNINGS`: uint8[n]."""
    over_applied = np.sign(open_milli) * np.sign(items.amount_milli) < 0
    at_extract = items.amount_milli - allocations.at_extract_milli
    differs = allocations.has_any & items.has_extract_open & (items.posting_day <= extract_day)
    differs &= items.extract_open_milli != at_extract
    bits = over_applied.astype(np.uint8)
    bits |= items.due_before_document.astype(np.uint8) << np.uint8(1)
    bits |= differs.astype(np.uint8) << np.uint8(2)
    return bits
