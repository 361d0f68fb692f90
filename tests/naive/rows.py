"""Which rows of a ledger count, and why the others don't: one row at a time.

A cell of the input is typed (Decimal, date, bool, str) or the text of a CSV field. A row that never
became fields (too many of them, broken bytes) is `{"_rejected": reason}`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.naive.contract import COUNTRIES, EXPONENTS, INPUT_TABLES, KEYS, Column
from tests.naive.settings import Dialect

Row = dict[str, Any]
Tables = Mapping[str, list[Row]]

BOOLEANS = {
    **dict.fromkeys(("true", "Y", "yes", "1"), True),
    **dict.fromkeys(("false", "N", "no", "0"), False),
}
FIRST_YEAR, LAST_YEAR = 1900, 2999
MONEY_LIMIT = 10**15


class BadCellError(Exception):
    """A cell that can't be taken; the argument is the reason."""


@dataclass
class Finding:
    """One row of the quarantine; `row` is its place in the table's list."""

    table: str
    row: int
    column: str | None
    reason: str
    kept: bool = False


@dataclass
class CheckedTable:
    """The rows of one table that count, each with its place under `_row`, and the findings."""

    name: str
    read: int = 0
    rows: list[Row] = field(default_factory=list)
    findings: dict[int, Finding] = field(default_factory=dict)

    def refuse(self, row: Row | int, column: str | None, reason: str) -> None:
        """Quarantine a row; its first cause stays."""
        place = row if isinstance(row, int) else row["_row"]
        if place not in self.findings:
            self.findings[place] = Finding(self.name, place, column, reason)

    def warn(self, row: Row, column: str, reason: str) -> None:
        """Note a warning about a row that stays; its first one is told."""
        place = row["_row"]
        if place not in self.findings:
            self.findings[place] = Finding(self.name, place, column, reason, kept=True)

    def drop_refused(self) -> None:
        """Leave out the rows that were refused so far."""
        self.rows = [row for row in self.rows if not self.is_refused(row["_row"])]

    def is_refused(self, place: int) -> bool:
        finding = self.findings.get(place)
        return finding is not None and not finding.kept

    def counts(self) -> dict[str, int]:
        """Give rows read, accepted, quarantined and kept with a warning."""
        kept = sum(finding.kept for finding in self.findings.values())
        refused = len(self.findings) - kept
        accepted = self.read - refused
        return {"read": self.read, "accepted": accepted, "quarantined": refused, "kept": kept}


def check_columns(
    name: str, source: list[Row], regimes: Mapping[str, Any], dialect: Dialect
) -> CheckedTable:
    """Read every cell of a table and refuse the rows with a bad one, then the duplicates."""
    checked = CheckedTable(name, read=len(source))
    columns = INPUT_TABLES[name]
    for place, raw in enumerate(source):
        if "_rejected" in raw:
            checked.refuse(place, None, raw["_rejected"])
            continue
        row: Row = {"_row": place, "_raw": raw}
        for column in columns:
            try:
                row[column.name] = _read_cell(column, raw, regimes, dialect)
            except BadCellError as error:
                row[column.name] = None
                checked.refuse(place, column.name, str(error))
        checked.rows.append(row)
    return checked


def refuse_duplicates(checked: CheckedTable) -> None:
    """Keep the first of identical copies of a key, none of copies that differ (S9)."""
    key = KEYS.get(checked.name)
    if key is None:
        return
    columns = INPUT_TABLES[checked.name]
    copies: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in checked.rows:
        name = tuple(row[column] for column in key)
        if None not in name:
            copies[name].append(row)
    for rows in copies.values():
        contents = {tuple(str(_value(row["_raw"], column)) for column in columns) for row in rows}
        if len(contents) > 1:
            for row in rows:
                checked.refuse(row, key[0], "conflicting_duplicate")
        else:
            for row in rows[1:]:
                checked.refuse(row, key[0], "duplicate_key")


def _value(raw: Row, column: Column) -> Any:
    """Give a cell, an empty text as None."""
    value = raw.get(column.name)
    return None if value == "" else value


def _read_cell(column: Column, raw: Row, regimes: Mapping[str, Any], dialect: Dialect) -> Any:
    """Give the value of a cell in the contract's kind, or raise with the reason."""
    value = _value(raw, column)
    if value is None:
        if column.required:
            raise BadCellError("missing_value")
        return None
    if isinstance(value, str) and column.kind in {"money", "rate", "percent", "days", "date"}:
        value = _from_text(column.kind, value, dialect)
    read: Callable[[Any], Any] = READERS.get(column.kind, _read_text)
    value = read(value)
    if column.allowed and value not in column.allowed:
        raise BadCellError("not_in_list")
    if column.kind == "regime" and value not in regimes:
        raise BadCellError("unknown_regime")
    if isinstance(value, Fraction):
        _check_number(column, value, raw)
    return value


def _check_number(column: Column, value: Fraction, raw: Row) -> None:
    """Refuse a number outside its bounds or finer than its row's currency."""
    if column.minimum is not None and value < column.minimum:
        raise BadCellError("out_of_range")
    if column.maximum is not None and value > column.maximum:
        raise BadCellError("out_of_range")
    if column.positive and value <= 0:
        raise BadCellError("out_of_range")
    digits = EXPONENTS.get(str(raw.get("currency")))
    if column.currency_amount and digits is not None and not fits(value, digits):
        raise BadCellError("too_precise")


def fits(value: Fraction, digits: int) -> bool:
    """Say whether a value has at most so many digits after the point."""
    return (value * 10**digits).denominator == 1


def _read_text(value: Any) -> str:
    return str(value)


def _from_text(kind: str, text: str, dialect: Dialect) -> Any:
    """Read a number or a date as the table's dialect writes it."""
    if kind == "date":
        return _date_from_text(text, dialect.date_format)
    mark = re.escape(dialect.decimal_mark)
    if not re.fullmatch(rf"-?[0-9]+({mark}[0-9]+)?", text):
        raise BadCellError("wrong_type")
    return Decimal(text.replace(dialect.decimal_mark, "."))


def _date_from_text(text: str, form: str) -> date:
    """Read a date; one of the right form that no calendar has is out of range."""
    pattern = re.escape(form)
    for directive, digits in (("%Y", 4), ("%m", 2), ("%d", 2)):
        pattern = pattern.replace(directive, rf"(?P<{directive[1]}>[0-9]{{{digits}}})")
    match = re.fullmatch(pattern, text)
    if not match:
        raise BadCellError("wrong_type")
    try:
        return date(int(match["Y"]), int(match["m"]), int(match["d"]))
    except ValueError:
        raise BadCellError("out_of_range") from None


def _read_number(value: Any) -> Fraction:
    return Fraction(Decimal(value))


def _read_money(value: Any) -> Fraction:
    amount = _read_number(value)
    if abs(amount) >= MONEY_LIMIT:
        raise BadCellError("too_large")
    if not fits(amount, 3):
        raise BadCellError("too_precise")
    return amount


def _read_date(value: Any) -> date:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise BadCellError("out_of_range")
    day: date = value
    return day


def _read_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value not in BOOLEANS:
        raise BadCellError("wrong_type")
    return BOOLEANS[value]


def _read_currency(value: Any) -> str:
    if value not in EXPONENTS:
        raise BadCellError("unknown_currency")
    return str(value)


def _read_country(value: Any) -> str:
    if value not in COUNTRIES:
        raise BadCellError("unknown_country")
    return str(value)


READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": _read_text,
    "regime": _read_text,
    "money": _read_money,
    "rate": _read_number,
    "percent": _read_number,
    "date": _read_date,
    "days": int,
    "bool": _read_bool,
    "currency": _read_currency,
    "country": _read_country,
}


def count_reasons(tables: Mapping[str, CheckedTable]) -> dict[str, Counter[str]]:
    """Count the findings of every table by reason."""
    return {
        name: Counter(finding.reason for finding in table.findings.values())
        for name, table in tables.items()
        if table.findings
    }
