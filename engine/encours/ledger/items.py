"""Open items as kernel columns: codes, day numbers, thousandths; no strings but ids, no nulls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.kernels.columns import are_multiples, fill_days, fill_texts
from encours.ledger.buffers import as_text
from encours.ledger.checking import (
    ABSENT,
    DERIVED,
    UNLISTED,
    CheckedColumns,
    RowFaults,
    check_columns,
    combine,
    dictionary_of,
    listed_codes,
    null_or_empty,
)
from encours.ledger.decode import NO_DAY
from encours.rules.terms import parse_payment_terms
from encours_schemas import INPUT_TABLES
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours.ledger.master import MasterData

Array = np.ndarray[Any, np.dtype[Any]]

OPEN_ITEMS = INPUT_TABLES["open_items"]
DOCUMENT_TYPES = OPEN_ITEMS.column("document_type").allowed
FINANCING = OPEN_ITEMS.column("financing").allowed
(INVOICE, DEBIT_NOTE, CREDIT_NOTE, PAYMENT, DOWN_PAYMENT, BILL_OF_EXCHANGE, INTEREST_NOTE) = (
    DOCUMENT_TYPES.index(name)
    for name in (
        "invoice",
        "debit_note",
        "credit_note",
        "payment",
        "down_payment",
        "bill_of_exchange",
        "interest_note",
    )
)


def _listing(*codes: int) -> Array:
    """Tell of each document type whether it is one of `codes`; the last entry is no type's."""
    listed = np.zeros(len(DOCUMENT_TYPES) + 1, bool)
    listed[list(codes)] = True
    return listed


IS_CREDIT_TYPE = _listing(CREDIT_NOTE, PAYMENT, DOWN_PAYMENT)
IS_DEBIT_TYPE = _listing(INVOICE, DEBIT_NOTE, BILL_OF_EXCHANGE, INTEREST_NOTE)
BEARS_INTEREST = _listing(INVOICE, DEBIT_NOTE, BILL_OF_EXCHANGE)
_RESOLVED_ELSEWHERE = ("company_code", "customer_id", "currency", "interest_regime")
_TEXT_BYTES_MAX = 2**31 - 1
_MONEY_OF_ITEM = (
    "amount",
    "tax_amount",
    "open_amount",
    "disputed_amount",
    "interest_billed_amount",
)


@dataclass(frozen=True)
class Items:
    """One unit of open items, n rows. A row with a fault holds harmless values.

    Codes: company, customer, currency, regime of the master data (`MasterData`); type and financing
    in the contract's order. `extract_open_milli` is the amount where the extract gives no open one.
    """

    row_count: int
    faults: RowFaults
    item_id: pa.Array
    document_number: pa.Array
    order_id: pa.Array | None
    company_code: Array
    customer_code: Array
    currency_code: Array
    type_code: Array
    financing_code: Array
    regime_code: Array
    amount_milli: Array
    is_amount_readable: Array
    extract_open_milli: Array
    has_extract_open: Array
    document_day: Array
    posting_day: Array
    delivery_day: Array
    due_day: Array
    is_disputed: Array
    disputed_milli: Array
    has_disputed_milli: Array
    billed_to_day: Array
    billed_milli: Array
    has_billed: Array
    indemnity_billed_milli: Array
    due_before_document: Array
    tax_milli: Array
    original_due_day: Array
    is_marked_disputed: Array
    disputed_from_day: Array
    disputed_to_day: Array


def resolve_items(
    data: pa.Table, customer_code: Array, master: MasterData, as_of_day: int
) -> Items:
    """Decode and check rows of open items (DOMAIN 3, TABLES 1).

    customer_code  int32[n]  `MasterData.customer_codes` of the rows
    """
    dialect = master.dialect("open_items")
    checked = check_columns(OPEN_ITEMS, data, dialect, skip=_RESOLVED_ELSEWHERE)
    codes = _resolve_codes(data, customer_code, checked, master)
    _check_precision(checked, codes["currency"], master.minor_unit_milli)
    document_day = checked.day("document_date")
    due_day = _due_days(checked, codes["customer"], document_day, master)
    amount = checked.money("amount")
    item_id = _plain(checked.values.get("item_id", pa.nulls(data.num_rows, pa.string())))
    order_id = checked.values.get("order_id")
    disputed_from = checked.day("disputed_from")
    disputed_to = checked.day("disputed_to")
    in_window = (disputed_from <= as_of_day) & (
        (disputed_to == NO_DAY) | (disputed_to >= as_of_day)
    )
    return Items(
        row_count=data.num_rows,
        faults=checked.faults,
        item_id=item_id,
        document_number=with_default(checked.values.get("document_number"), item_id),
        order_id=None if order_id is None else _plain(order_id),
        company_code=codes["company"],
        customer_code=codes["customer"],
        currency_code=codes["currency"],
        regime_code=codes["regime"],
        type_code=checked.listed("document_type"),
        financing_code=checked.listed("financing", default=0),
        amount_milli=amount,
        is_amount_readable=checked.is_readable("amount") & codes["has_currency"],
        extract_open_milli=checked.money("open_amount", amount),
        has_extract_open=checked.is_given("open_amount"),
        document_day=document_day,
        posting_day=checked.day("posting_date", document_day),
        delivery_day=checked.day("delivery_date", document_day),
        due_day=due_day,
        is_disputed=checked.flag("disputed") & in_window,
        disputed_milli=checked.money("disputed_amount"),
        has_disputed_milli=checked.is_given("disputed_amount"),
        billed_to_day=checked.day("interest_billed_to"),
        billed_milli=checked.money("interest_billed_amount"),
        has_billed=checked.is_given("interest_billed_amount"),
        indemnity_billed_milli=checked.money("indemnity_billed_amount"),
        due_before_document=due_day < document_day,
        tax_milli=checked.money("tax_amount"),
        original_due_day=checked.day("original_due_date", due_day),
        is_marked_disputed=checked.flag("disputed"),
        disputed_from_day=disputed_from,
        disputed_to_day=disputed_to,
    )


def _resolve_codes(
    data: pa.Table, customer: Array, checked: CheckedColumns, master: MasterData
) -> dict[str, Array]:
    """Look the texts that name master data up, and hold unknown ones against their rows."""
    faults = checked.faults
    company = _look_up(data, "company_code", master.company_positions, faults, None)
    currency = _look_up(
        data, "currency", master.currency_positions, faults, Reason.UNKNOWN_CURRENCY
    )
    regime = np.full(data.num_rows, -1, np.int32)
    if "interest_regime" in data.column_names:
        regime = _look_up(
            data, "interest_regime", master.regime_positions, faults, Reason.UNKNOWN_REGIME
        )
    master.check_customer_codes(data, customer, faults)
    return {
        "company": np.maximum(company, 0),
        "currency": np.maximum(currency, 0),
        "has_currency": currency >= 0,
        "regime": regime,
        "customer": np.maximum(customer, 0),
    }


def _look_up(
    data: pa.Table,
    name: str,
    positions: dict[str, int],
    faults: RowFaults,
    unknown: Reason | None,
) -> Array:
    """Give the code of a text of few distinct values; an absent required one is a missing value."""
    codes = (
        listed_codes(combine(data.column(name)), positions)
        if name in data.column_names
        else np.full(data.num_rows, ABSENT, np.int32)
    )
    if OPEN_ITEMS.column(name).required:
        faults.add(codes == ABSENT, name, Reason.MISSING_VALUE)
    if unknown is not None:
        faults.add(codes == UNLISTED, name, unknown)
    return np.maximum(codes, -1)


def _plain(texts: pa.Array) -> pa.Array:
    """Give texts as a plain string array, whatever their layout."""
    return texts if texts.type == pa.string() else texts.cast(pa.string())


def with_default(texts: pa.Array | None, default: pa.Array) -> pa.Array:
    """Give `texts`, and `default` where one is null or empty."""
    if texts is None:
        return default
    texts, default = _plain(texts), _plain(default)
    missing = null_or_empty(texts)
    if missing is None:
        return texts
    own, other, rows = as_text(texts), as_text(default), np.flatnonzero(missing)
    room = int(own.offsets[-1]) - int(own.offsets[0])
    room += int((other.offsets[rows + 1] - other.offsets[rows]).sum(dtype=np.int64))
    if default.null_count or room > _TEXT_BYTES_MAX:
        return pc.if_else(pa.array(missing), default, texts)
    offsets, data = np.empty(len(texts) + 1, np.int32), np.empty(room, np.uint8)
    used = fill_texts(own, other, missing, offsets, data)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(data[:used]))


def _check_precision(checked: CheckedColumns, currency: Array, minor_unit_milli: Array) -> None:
    """Hold amounts that their currency cannot represent against their rows (DOMAIN 2)."""
    for name in _MONEY_OF_ITEM:
        values = checked.values.get(name)
        if values is not None and not are_multiples(values, currency, minor_unit_milli):
            unit = minor_unit_milli[currency]
            checked.faults.add(values % unit != 0, name, Reason.TOO_PRECISE)


def _due_days(
    checked: CheckedColumns, customer: Array, document_day: Array, master: MasterData
) -> Array:
    """Give each due day: the item's own, else by its terms, else a credit's document day."""
    due_day = checked.day("due_date")
    rows = np.flatnonzero(due_day == NO_DAY)
    if not len(rows):
        return due_day
    issued = np.take(document_day, rows)
    baseline = np.empty(len(rows), np.int32)
    fill_days(np.take(checked.day("baseline_date"), rows), issued, baseline)
    terms, code = _terms_of(checked, rows, customer, master)
    derived = np.full(len(rows), NO_DAY, np.int32)
    is_unknown = np.zeros(len(rows), bool)
    for position, text in enumerate(terms):
        chosen = np.flatnonzero(code == position)
        parsed = parse_payment_terms(text)
        if parsed is None:
            is_unknown[chosen] = True
        else:
            chosen = chosen[baseline[chosen] != NO_DAY]
            derived[chosen] = parsed.due_days(baseline[chosen])
    is_credit = np.take(IS_CREDIT_TYPE, np.take(checked.listed("document_type"), rows))
    is_credit |= np.take(checked.money("amount"), rows) < 0
    derived = np.where((code < 0) & is_credit, issued, derived)
    is_without = derived == NO_DAY
    for found, column, reason in (
        (is_without & is_unknown, "payment_terms", Reason.UNKNOWN_TERMS),
        (is_without & ~is_unknown, "due_date", Reason.MISSING_DUE_DATE),
    ):
        bad = np.zeros(checked.row_count, bool)
        bad[rows[found]] = True
        checked.faults.add(bad, column, reason, DERIVED)
    due_day = due_day.copy()
    due_day[rows] = derived
    return due_day


def _terms_of(
    checked: CheckedColumns, rows: Array, customer: Array, master: MasterData
) -> tuple[list[str], Array]:
    """Give the distinct terms of some rows, and each row's: the item's, else the customer's."""
    texts: list[str] = list(master.customer_terms)
    code = np.full(len(rows), -1, np.int32)
    if len(master.customer_terms_code):
        code = np.take(master.customer_terms_code, np.take(customer, rows))
    own = checked.values.get("payment_terms")
    if own is not None:
        own_texts, positions = dictionary_of(own)
        known = {text: place for place, text in enumerate(texts)}
        translated = np.full(len(own_texts) + 1, -1, np.int32)  # the last for rows without one
        for position, text in enumerate(own_texts.to_pylist()):
            if text:
                translated[position] = known.setdefault(text, len(known))
        texts = list(known)
        chosen = np.take(translated, np.take(positions, rows))
        code = np.where(chosen >= 0, chosen, code)
    return texts, code
