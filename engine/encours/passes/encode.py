"""Figures of a work unit as columns of the published tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.calc.ageing import bucket_labels
from encours.calc.columns import coded_array, day_array, listed_array, money_array, number_array
from encours.calc.items import ITEM_WARNINGS
from encours.kernels.interest_columns import NO_INTEREST_REASONS
from encours.ledger.buffers import chosen_values
from encours.ledger.items import DOCUMENT_TYPES
from encours.ledger.master import CURRENCIES
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.documents import Indemnities
    from encours.calc.items import MeasuredItems
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]

WARNING_TEXTS = tuple(
    "|".join(text.value for bit, text in enumerate(ITEM_WARNINGS) if bits >> bit & 1)
    for bits in range(1 << len(ITEM_WARNINGS))
)


@dataclass(frozen=True)
class PublishedRows:
    """Figures of published items, gathered from some slices of a unit: r rows.

    numbers  per name: int64[r] thousandths, int32[r] days or codes
    texts    per name: string[r]; carried columns, of any type
    """

    numbers: dict[str, Array]
    texts: dict[str, pa.Array]


def gather_rows(
    items: Items,
    measured: MeasuredItems,
    paid: Indemnities,
    carried: dict[str, pa.Array],
    context: RunContext,
) -> PublishedRows:
    """Gather the published rows of a slice, in their order."""
    numbers = {
        **_amounts(items, measured, paid),
        **_days(items, measured),
        "company_code": items.company_code,
        "customer_id": items.customer_code,
        "document_type": items.type_code,
        "currency": items.currency_code,
        "bucket": measured.bucket,
        "interest_regime": measured.regime_code,
        "fixed_indemnity_currency": paid.currency_code,
        "no_interest_reason": measured.reason.astype(np.int32),
        "warnings": measured.warning_bits.astype(np.int32),
        "indemnity_billed": items.indemnity_billed_milli,
    }
    texts = {"item_id": items.item_id, "document_number": items.document_number}
    for name, column in carried.items():
        is_listed = pa.types.is_dictionary(column.type)
        texts[name] = column.cast(column.type.value_type) if is_listed else column
    is_published = measured.is_published
    if not is_published.all():
        count = int(np.count_nonzero(is_published))
        stays = is_published.view(np.uint8)
        numbers = {name: chosen_values(each, stays, count) for name, each in numbers.items()}
        chosen = pa.array(is_published)
        texts = {name: column.filter(chosen) for name, column in texts.items()}
    return PublishedRows(_with_derived(numbers, context), texts)


def _with_derived(numbers: dict[str, Array], context: RunContext) -> dict[str, Array]:
    """Add what follows from other columns of the same rows."""
    customers, companies = context.master.customers, context.master.companies
    is_open = numbers["open_amount"] != 0
    return {
        **numbers,
        "indemnity_unbilled": numbers["fixed_indemnity"] - numbers["indemnity_billed"],
        "credit_segment": np.take(companies.segment_code, numbers["company_code"]),
        "credit_account_id": np.take(customers.account_code, numbers["customer_id"]),
        "bucket": np.where(is_open, numbers["bucket"], np.int32(-1)),
    }


def encode_items(parts: list[PublishedRows], context: RunContext, *, lacks_cover: bool) -> pa.Table:
    """Give the published table `items` of the rows of some slices, one behind the other.

    lacks_cover  what insurance covers comes later; otherwise it is null, for nobody insures
    """
    joined = _join(parts)
    numbers, texts = joined.numbers, joined.texts
    columns: dict[str, pa.Array] = {**texts, **_listed(numbers, context)}
    for name in AMOUNTS:
        columns[name] = money_array(numbers[name])
    for name in DAYS:
        columns[name] = day_array(numbers[name])
    columns["days_past_due"] = number_array(numbers["days_past_due"])
    # With a reason against it an item has no interest days: null, not zero (TABLES 2).
    has_interest = numbers["no_interest_reason"] == 0
    columns["interest_days"] = number_array(numbers["interest_days"], has_interest)
    if not lacks_cover:
        columns[COVERED] = pa.nulls(len(has_interest), columns["amount"].type)
    names = [name for name in OUTPUT_TABLES["items"].names if name in columns]
    ordered = {name: columns.pop(name) for name in names}
    return _declared({**ordered, **columns})


def schema_with_cover(schema: pa.Schema) -> pa.Schema:
    """Give the schema of published items that lack their cover, with it in its place."""
    place = OUTPUT_TABLES["items"].names.index(COVERED)
    return schema.insert(place, OUTPUT_TABLES["items"].arrow_schema().field(COVERED))


def _declared(columns: dict[str, pa.Array]) -> pa.Table:
    """Make a table of columns, saying which are never null: Parquet stores no levels of those."""
    known = {column.name: column for column in OUTPUT_TABLES["items"].columns}
    fields = [
        pa.field(name, column.type, nullable=name not in known or not known[name].required)
        for name, column in columns.items()
    ]
    return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields))


def _join(parts: list[PublishedRows]) -> PublishedRows:
    """Put the rows of some slices one behind the other; a single one is not copied."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    return PublishedRows(
        {name: np.concatenate([part.numbers[name] for part in parts]) for name in first.numbers},
        {name: pa.concat_arrays([part.texts[name] for part in parts]) for name in first.texts},
    )


def _listed(numbers: dict[str, Array], context: RunContext) -> dict[str, pa.Array]:
    """Encode codes as texts of few distinct values."""
    customers, companies = context.master.customers, context.master.companies
    ageing = context.configuration.ageing
    lists = {
        "company_code": (numbers["company_code"], companies.codes),
        "credit_segment": (numbers["credit_segment"], companies.segment_names),
        "document_type": (numbers["document_type"], DOCUMENT_TYPES),
        "currency": (numbers["currency"], CURRENCIES),
        "bucket": (numbers["bucket"], bucket_labels(ageing.bounds, ageing.not_due_bounds)),
        "interest_regime": (numbers["interest_regime"], context.law.names),
        "fixed_indemnity_currency": (numbers["fixed_indemnity_currency"], CURRENCIES),
        # No reason and no warning are null, not a text.
        "no_interest_reason": (numbers["no_interest_reason"] - 1, NO_INTEREST_REASONS[1:]),
        "warnings": (numbers["warnings"] - 1, WARNING_TEXTS[1:]),
    }
    columns = {name: listed_array(codes, texts) for name, (codes, texts) in lists.items()}
    columns["customer_id"] = coded_array(numbers["customer_id"], customers.ids)
    columns["credit_account_id"] = coded_array(numbers["credit_account_id"], customers.account_ids)
    return columns


COVERED = "insured_covered_rc"
AMOUNTS = (
    "amount",
    "open_amount",
    "open_amount_rc",
    "disputed_amount",
    "penalty_interest",
    "penalty_interest_rc",
    "interest_suspended",
    "interest_unbilled",
    "fixed_indemnity",
    "fixed_indemnity_rc",
    "indemnity_unbilled",
)
DAYS = ("document_date", "due_date", "settled_on", "interest_from", "interest_to")


def _amounts(items: Items, measured: MeasuredItems, paid: Indemnities) -> dict[str, Array]:
    """Name the amounts but the last, which follows from others; in thousandths."""
    amounts = (
        items.amount_milli,
        measured.open_milli,
        measured.open_rc,
        measured.disputed_milli,
        measured.penalty_milli,
        measured.penalty_rc,
        measured.suspended_milli,
        measured.unbilled_milli,
        paid.milli,
        paid.rc,
    )
    return dict(zip(AMOUNTS[:-1], amounts, strict=True))


def _days(items: Items, measured: MeasuredItems) -> dict[str, Array]:
    """Name the dates and the numbers of days."""
    days = (
        items.document_day,
        items.due_day,
        measured.settled_day,
        measured.from_day,
        measured.to_day,
    )
    return {
        **dict(zip(DAYS, days, strict=True)),
        "days_past_due": measured.days_past_due,
        "interest_days": measured.interest_days,
    }
