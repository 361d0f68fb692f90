"""What a configured value must satisfy beyond its type.

Every check either gives the value back or raises an error that says what was expected and,
where that is known, the cure; `loading` turns it into a sentence.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Final, LiteralString

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from encours_schemas.inputs import INPUT_TABLES
from encours_schemas.layouts import date_formats
from encours_schemas.names import nearest_name
from encours_schemas.outputs import CREDIT_ACCOUNTS, ITEMS
from encours_schemas.tables import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from encours_schemas.configuration.models import TableInput

DAYS_MAX: Final = 36_500  # a century: what lies beyond is a slip, and int32 days stay safe
AMOUNT_LIMIT: Final = Decimal(10) ** 15  # money has 15 digits before the point
_ERROR_TYPE: Final = "encours"
_UNKNOWN_NAME_TYPE: Final = "encours_unknown_name"
# More decimals than these cannot stand in a column of the kind.
_FLOAT_DECIMALS_MAX: Final = {
    Kind.MONEY: 3,
    Kind.RATE: 9,
    Kind.PERCENT: 9,
    # A double carries at most 17 significant digits, but small rates have them far to the right.
    Kind.FX_RATE: 18,
}
_DATE_DIRECTIVES: Final = ("%Y", "%m", "%d")


def wrong(expected: str, cure: str = "", type_: LiteralString = _ERROR_TYPE) -> PydanticCustomError:
    """Give the error that says what was expected, and the cure where it is known."""
    return PydanticCustomError(type_, "expected {expected}", {"expected": expected, "cure": cure})


def unknown_name(name: str, known: Iterable[str], what: str) -> PydanticCustomError:
    """Give the error for a name that is none of the known ones."""
    names = tuple(known)
    near = nearest_name(name, names)
    cure = f"did you mean `{near}`?" if near else f"known: {', '.join(names)}"
    return wrong(what, cure, _UNKNOWN_NAME_TYPE)


def exact_number(value: object) -> object:
    """Make an exact decimal of a number given as text or as a whole number.

    A binary float is refused: what it means cannot be told from what it is.
    """
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d+)?", value, re.ASCII):
        return Decimal(value)
    raise wrong("an exact number, as `0.5` or as text")


def exact_ratio(value: object) -> object:
    """Make an exact decimal of a ratio; a float is taken as it is printed.

    A ratio compares counts of rows and never touches an amount.
    """
    return exact_number(Decimal(repr(value)) if isinstance(value, float) else value)


def checked_minimum_claim(value: Decimal) -> Decimal:
    """Refuse an amount that money cannot hold."""
    try:
        fits = value.is_finite() and value == value.quantize(Decimal("0.001"))
    except InvalidOperation:  # more digits than any amount has
        fits = False
    if not fits or not 0 <= value < AMOUNT_LIMIT:
        raise wrong("an amount of at least 0 with at most 3 decimals and 15 digits before them")
    return value


def checked_ratio(value: Decimal) -> Decimal:
    """Refuse what is no share of a whole."""
    if not (value.is_finite() and 0 <= value <= 1):
        raise wrong("a share from 0 to 1, as `0.001` for one row in a thousand")
    return value


def checked_bounds(bounds: tuple[int, ...]) -> tuple[int, ...]:
    """Refuse bounds that are not strictly increasing, from 1 up."""
    rising = all(left < right for left, right in pairwise(bounds))
    if bounds and not (rising and bounds[0] > 0 and bounds[-1] <= DAYS_MAX):
        raise wrong(f"days from 1 to {DAYS_MAX}, strictly increasing, as [30, 60, 90, 180]")
    return bounds


def checked_some(values: tuple[int, ...]) -> tuple[int, ...]:
    """Refuse an empty list."""
    if not values:
        raise wrong("at least one bound")
    return values


def checked_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that says a thing twice."""
    if len(set(values)) != len(values):
        raise wrong("every name once")
    return values


def checked_carry(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse carried columns that the contract itself uses: two columns of one name."""
    published = {*ITEMS.names, *CREDIT_ACCOUNTS.names, "as_of"}
    read = {name for table in ("open_items", "customers") for name in INPUT_TABLES[table].names}
    for name in names:
        if not name:
            raise wrong("column names that are not empty")
        if name in published | read:
            raise wrong(
                "columns that the contract does not know",
                f"take `{name}` out: it is a column of the contract",
            )
    return checked_once(names)


def checked_currency(code: str) -> str:
    """Refuse what does not look like a currency code; whether it exists is for the rules."""
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise wrong("an ISO 4217 code of three capital letters, as `EUR`")
    return code


def checked_country(code: str) -> str:
    """Refuse what does not look like a country code; whether it exists is for the rules."""
    if not re.fullmatch(r"[A-Z]{2}", code):
        raise wrong("an ISO 3166-1 code of two capital letters, as `FR`")
    return code


def checked_table_name(name: str) -> str:
    """Refuse a table that no ledger has."""
    if name not in INPUT_TABLES:
        raise unknown_name(name, INPUT_TABLES, "the name of an input table")
    return name


def checked_separator(text: str) -> str:
    """Refuse a separator that is not one character of a line."""
    if len(text) != 1 or text in '"\r\n\0':
        raise wrong("one character, as `,` `;` `|` or a tab")
    return text


def checked_quote(text: str) -> str:
    """Refuse a quote that is not one character; empty means that nothing is quoted."""
    if len(text) > 1 or text in {"\r", "\n", "\0"}:
        raise wrong("one character, or none where nothing is quoted")
    return text


def checked_date_format(text: str) -> str:
    """Refuse a format that leaves a part of the date open.

    Two-digit years, month names and times are not dates that can be read without a guess.
    """
    directives = re.findall(r"%.", text)
    between = re.sub(r"%.", "", text)
    plain = all(character in " -./," for character in between)
    if sorted(directives) != sorted(_DATE_DIRECTIVES) or not plain:
        raise wrong("%Y, %m and %d once each, with ` `, `-`, `.`, `/` or `,` between")
    return text


def checked_date_formats(formats: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse date formats of a layout that leave something open, each alone or together."""
    if not formats:
        raise wrong("at least one date format")
    for one in formats:
        if one in date_formats.WORDS:
            continue
        try:
            date_formats.parts_of(one)
        except ValueError as error:
            words = ", ".join(date_formats.WORDS)
            raise wrong(str(error), f"as `DD.MM.YYYY`, or one of {words}") from None
    pair = date_formats.ambiguous_pair(formats)
    if pair is not None:
        raise wrong(
            f"formats that no text fits in two ways; `{pair[0]}` and `{pair[1]}` differ in nothing",
            "declare the one that the sender uses",
        )
    return formats


def checked_encoding(name: str) -> str:
    """Refuse an encoding that is not known, or that is no encoding of text."""
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise wrong("a text encoding, as `utf-8`, `latin-1` or `cp1252`") from None
    return name


def checked_float_columns(tables: Mapping[str, TableInput]) -> Mapping[str, TableInput]:
    """Refuse decimals declared for a column that is unknown or takes no decimals."""
    errors: list[InitErrorDetails] = []
    for table_name, dialect in tables.items():
        kinds = {column.name: column.kind for column in INPUT_TABLES[table_name].columns}
        numbers = [name for name, kind in kinds.items() if kind in _FLOAT_DECIMALS_MAX]
        for column, decimals in dialect.float_decimals.items():
            if column not in numbers:
                what = f"an amount or rate column of `{table_name}`"
                error = unknown_name(column, numbers, what)
            elif not 0 <= decimals <= _FLOAT_DECIMALS_MAX[kinds[column]]:
                error = wrong(f"decimals from 0 to {_FLOAT_DECIMALS_MAX[kinds[column]]}")
            else:
                continue
            location = (table_name, "float_decimals", column)
            errors.append(InitErrorDetails(type=error, loc=location, input=decimals))
    if errors:
        raise ValidationError.from_exception_data("Configuration", errors)
    return tables
