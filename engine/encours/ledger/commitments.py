"""Commitments as kernel columns: what is ordered, produced or delivered and not yet invoiced."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.kernels.wide import convert_amounts
from encours.ledger.buffers import is_empty_text
from encours.ledger.checking import (
    ABSENT,
    UNLISTED,
    WHOLE_TABLE,
    CheckedColumns,
    RowFaults,
    check_columns,
    combine,
    listed_codes,
)
from encours.ledger.decode import NO_DAY
from encours.ledger.master import CURRENCY_POSITIONS, MINOR_UNIT_MILLI
from encours_schemas import INPUT_TABLES
from encours_schemas.errors import InputRefused
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours.ledger.master import MasterData

Array = np.ndarray[Any, np.dtype[Any]]

COMMITMENTS = INPUT_TABLES["commitments"]
KINDS = COMMITMENTS.column("kind").allowed
PERCENT_E9 = 10**9


@dataclass(frozen=True)
class Commitments:
    """One unit of commitments, n rows; a row with a fault does not exist.

    left_milli  the amount with tax, less what was prepaid, not below zero
    is_in_advance  its payment terms, else the customer's, say that it is paid in advance
    """

    faults: RowFaults
    commitment_id: pa.Array
    order_id: pa.Array
    company_code: Array
    customer_code: Array
    currency_code: Array
    kind_code: Array
    left_milli: Array
    exists: Array
    expected_day: Array
    document_day: Array
    is_in_advance: Array


def resolve_commitments(
    data: pa.Table,
    master: MasterData,
    as_of_day: int,
    copies: Array,
    conflicts: Array,
) -> Commitments:
    """Decode and check one unit of commitments (DOMAIN 5).

    copies, conflicts  int64[d] rows that repeat another row, identically or not
    """
    dialect = master.dialect("commitments")
    checked = check_columns(
        COMMITMENTS, data, dialect, skip=("company_code", "customer_id", "currency")
    )
    faults = checked.faults
    company = _codes(data, "company_code", master.company_positions, faults)
    currency = _codes(data, "currency", CURRENCY_POSITIONS, faults)
    customer = master.customer_codes(data)
    master.check_customer_codes(data, customer, faults)
    unit = MINOR_UNIT_MILLI[np.maximum(currency, 0)]
    for name in ("amount", "prepaid_amount"):
        if name in checked.values:
            faults.add(checked.values[name] % unit != 0, name, Reason.TOO_PRECISE)
    for rows, reason in (
        (copies, Reason.DUPLICATE_KEY),
        (conflicts, Reason.CONFLICTING_DUPLICATE),
    ):
        found = np.zeros(data.num_rows, bool)
        found[rows] = True
        faults.add(found, "commitment_id", reason, WHOLE_TABLE)
    from_day, closed_day = checked.day("document_date"), checked.day("closed_date")
    exists = ~faults.bad & (from_day <= as_of_day)
    exists &= (closed_day == NO_DAY) | (closed_day > as_of_day)
    nothing = pa.nulls(data.num_rows, pa.string())
    return Commitments(
        faults=faults,
        commitment_id=checked.values.get("commitment_id", nothing).cast(pa.string()),
        order_id=checked.values.get("order_id", nothing).cast(pa.string()),
        company_code=np.maximum(company, 0),
        customer_code=np.maximum(customer, 0),
        currency_code=np.maximum(currency, 0),
        kind_code=checked.listed("kind"),
        left_milli=np.where(exists, _left(checked, unit), 0),
        exists=exists,
        expected_day=checked.day("expected_date"),
        document_day=from_day,
        is_in_advance=_in_advance(checked, np.maximum(customer, 0), master),
    )


def _in_advance(checked: CheckedColumns, customer: Array, master: MasterData) -> Array:
    """Tell which rows are paid in advance by their terms, else by the customer's: bool[n]."""
    marks = master.configuration.orders.cash_in_advance_terms
    customers = master.customers
    by_customer = np.array([text in marks for text in customers.terms] + [False], bool)
    found: Array = by_customer[customers.terms_code[customer]]
    terms = checked.values.get("payment_terms")
    if terms is None:
        return found
    own = terms.cast(pa.string())
    marked = pc.is_in(own, value_set=pa.array(marks, pa.string()))
    is_empty = is_empty_text(own).fill_null(True).to_numpy(zero_copy_only=False)
    return np.where(is_empty, found, marked.to_numpy(zero_copy_only=False))


def _codes(data: pa.Table, name: str, positions: dict[str, int], faults: RowFaults) -> Array:
    """Look a required text of few distinct values up."""
    if name not in data.column_names:
        faults.add(np.ones(data.num_rows, bool), name, Reason.MISSING_VALUE)
        return np.full(data.num_rows, -1, np.int32)
    codes = listed_codes(combine(data.column(name)), positions)
    faults.add(codes == ABSENT, name, Reason.MISSING_VALUE)
    if name == "currency":
        faults.add(codes == UNLISTED, name, Reason.UNKNOWN_CURRENCY)
    return codes


def _left(checked: CheckedColumns, unit: Array) -> Array:
    """Give the amount with tax, rounded half away from zero to the currency, less the prepaid one.

    unit  int64[n]  smallest unit of each row's currency in thousandths
    """
    amount = checked.money("amount")
    tax = checked.values.get("tax_percent")
    if tax is not None and tax.any():
        amount = amount.copy()
        for smallest in np.unique(unit).tolist():
            rows = np.flatnonzero((unit == smallest) & (tax != 0))
            amount[rows] = _with_tax(amount[rows], tax[rows], smallest)
    return np.maximum(amount - checked.money("prepaid_amount"), 0)


def _with_tax(amount_milli: Array, percent_e9: Array, unit_milli: int) -> Array:
    """Add a percentage to each amount: int64[k], exact, rounded once to the smallest unit.

    Raises InputRefused (65) when the amount with tax is more than money can hold.
    """
    percents, code = np.unique(percent_e9, return_inverse=True)
    factors = [Fraction(100 * PERCENT_E9 + int(p), 100 * PERCENT_E9 * unit_milli) for p in percents]
    gross = np.empty(len(amount_milli), np.int64)
    fault = np.empty(len(amount_milli), np.uint8)
    if convert_amounts(
        np.ascontiguousarray(amount_milli),
        code.astype(np.int32),
        np.array([factor.numerator for factor in factors], np.int64),
        np.array([factor.denominator for factor in factors], np.int64),
        unit_milli,
        gross,
        fault,
    ):
        raise InputRefused(
            what="the amount of a commitment with its tax is more than money can hold",
            where="table commitments, column amount",
            expected="at most 15 digits before the point",
            cure="correct the amount",
        )
    return gross
