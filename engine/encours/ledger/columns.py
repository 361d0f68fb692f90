"""Which columns a file has, of which type, and whether the contract can take them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa

from encours.ledger.buffers import is_text
from encours_schemas.errors import InputMissing, InputRefused
from encours_schemas.names import nearest_name
from encours_schemas.tables import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from encours_schemas.tables import Column, Table

COLUMNS_MAX = 10_000

LOW_CARDINALITY = frozenset(
    {
        "company_code",
        "customer_id",
        "document_type",
        "currency",
        "payment_terms",
        "kind",
        "financing",
        "interest_regime",
        "dispute_reason",
    }
)
"""Text columns that are kept as dictionaries, unless nearly every row has a text of its own."""

_DICTIONARY_SHARE_MAX = 0.3
_DICTIONARY_FREE = 1_000


def is_worth_a_dictionary(entries: int, rows: int) -> bool:
    """Tell whether a dictionary of so many entries makes work on so many rows less."""
    return entries <= _DICTIONARY_FREE or entries <= _DICTIONARY_SHARE_MAX * rows


_WHOLE = ("integers", "decimals")
_ACCEPTED = {
    Kind.TEXT: ("string", "large_string", "string_view", "dictionary of these"),
    Kind.DATE: ("date32", "date64", "timestamp without time zone, at midnight"),
    Kind.BOOL: ("bool", "integers 0 and 1"),
    Kind.INT32: _WHOLE,
    Kind.INT64: _WHOLE,
}
_NUMBER_ACCEPTED = ("decimals", "integers")


def check_names(names: Sequence[str], relative: str) -> None:
    """Refuse a header whose names are blank, doubled, or differ in case alone."""
    if len(names) > COLUMNS_MAX:
        raise InputRefused(
            what="a file has too many columns",
            where=relative,
            found=f"{len(names)}",
            expected=f"at most {COLUMNS_MAX}",
        )
    blank = [str(position) for position, name in enumerate(names, 1) if not name.strip()]
    if blank:
        raise InputRefused(
            what="a column has no name",
            where=relative,
            found=f"a blank name in position {', '.join(blank[:10])}",
            expected="one name per column in the first row",
            cure="name the column, or leave it out of the extract",
        )
    for what, plain in (
        ("twice", list(names)),
        ("twice, in other case", [n.casefold() for n in names]),
    ):
        doubled = [name for name, count in Counter(plain).items() if count > 1]
        if doubled:
            raise InputRefused(
                what=f"a column name occurs {what}",
                where=relative,
                found=", ".join(sorted(doubled)[:10]),
                expected="each name once",
                cure="leave one of the columns out, or rename it",
            )


def check_required(table: Table, names: Collection[str], relative: str) -> None:
    """Raise InputMissing when a required column is in neither the file nor its path."""
    for column in table.columns:
        if column.required and column.name not in names:
            near = nearest_name(column.name, set(names) - set(table.names))
            raise InputMissing(
                what=f"table {table.name} lacks the required column {column.name}",
                where=relative,
                found=f"{near}, which is near" if near else "",
                expected=f"a column {column.name}",
                cure=f"rename {near} to {column.name}" if near else "add it to the extract",
            )


def check_types(
    table: Table, types: Mapping[str, pa.DataType], float_decimals: Mapping[str, int], relative: str
) -> None:
    """Refuse contract columns of a type that cannot be widened without loss (TABLES 1)."""
    for column in table.columns:
        found = types.get(column.name)
        if found is None or pa.types.is_null(found):
            continue
        plain = found.value_type if pa.types.is_dictionary(found) else found
        if not _accepts(column, plain, float_decimals):
            raise _wrong_type(table, column, found, relative)


def _accepts(column: Column, found: pa.DataType, float_decimals: Mapping[str, int]) -> bool:
    """Tell whether values of a type can be taken without loss."""
    kind = column.kind
    if kind is Kind.TEXT:
        return is_text(found)
    if kind is Kind.DATE:
        return bool(pa.types.is_date(found) or (pa.types.is_timestamp(found) and found.tz is None))
    if kind is Kind.BOOL:
        return bool(pa.types.is_boolean(found) or pa.types.is_integer(found))
    if pa.types.is_integer(found) or pa.types.is_decimal(found):
        return True
    is_float = pa.types.is_float32(found) or pa.types.is_float64(found)
    return bool(is_float and kind not in {Kind.INT32, Kind.INT64} and column.name in float_decimals)


def _wrong_type(table: Table, column: Column, found: pa.DataType, relative: str) -> InputRefused:
    """Say which types a column may have, and how to get there."""
    accepted = _ACCEPTED.get(column.kind, _NUMBER_ACCEPTED)
    cure = f"write the column as {accepted[0]}"
    if pa.types.is_floating(found) and accepted is _NUMBER_ACCEPTED:
        cure = (
            "write decimals, or say how many decimals the floats mean: "
            f"[input.tables.{table.name}.float_decimals] {column.name} = 2"
        )
    elif pa.types.is_timestamp(found) and column.kind is Kind.DATE:
        cure = "convert to the calendar date in the ledger's own time zone first"
    return InputRefused(
        what=f"column {column.name} of table {table.name} has a type that is not accepted",
        where=relative,
        found=str(found),
        expected=", ".join(accepted),
        cure=cure,
    )


def nearest_hints(table: Table, ignored: Collection[str]) -> dict[str, str]:
    """Give for each unknown column the contract's column that it was probably meant to be."""
    hints = {}
    for name in ignored:
        near = nearest_name(name, table.names)
        if near is not None:
            hints[name] = near
    return hints
