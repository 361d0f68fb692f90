"""A commented layout to begin with, written from the header of a file.

It suggests and says so: what a column means, and how its dates and numbers are written, is for the
person who knows the sender.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from encours.ledger.files import open_input
from encours_schemas import INPUT_TABLES
from encours_schemas.errors import InputRefused
from encours_schemas.shapes import shape_of
from encours_schemas.tables import Column, Kind

_SAMPLE_BYTES = 256 << 10
_SEPARATORS = ",;\t|"
_DATES = (
    (r"\d{4}-\d{2}-\d{2}", "YYYY-MM-DD"),
    (r"\d{4}-\d{2}-\d{2}([T ].*)?", "iso"),
    (r"\d{2}\.\d{2}\.\d{4}", "DD.MM.YYYY"),
    (r"(19|20)\d{6}|0{8}", "YYYYMMDD"),
)
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})( \d{1,2}:\d{2})?")
_NUMBER = re.compile(r"[+-]?(\d[\d., '\u00a0\u202f]*)?\d([.,]\d{1,4})?-?")
_GROUPED = re.compile(r"\d([ .,'\u00a0\u202f])\d{3}[.,]\d")
_SYNONYMS = {
    "item_id": (
        "invoicenumber",
        "invoiceid",
        "itemid",
        "docid",
        "arid",
        "documentnumber",
        "nfacture",
    ),
    "document_number": ("invoicenumber", "documentnumber"),
    "company_code": ("companycode", "company", "businesscode", "bukrs"),
    "customer_id": ("customerid", "customernumber", "custnumber", "kunnr", "customer", "client"),
    "document_date": ("documentdate", "invoicedate", "bldat", "billdate", "date"),
    "posting_date": ("postingdate", "budat"),
    "due_date": ("duedate", "dueindate", "echeance"),
    "payment_terms": ("paymentterms", "terms", "customerterms", "custpaymentterms"),
    "currency": ("currency", "invoicecurrency", "currencycode", "waers", "devise"),
    "amount": (
        "amount",
        "invoiceamount",
        "totalamount",
        "billtotal",
        "grandtotal",
        "montantttc",
        "wrbtr",
    ),
    "open_amount": ("openamount", "outstanding", "balance", "totalopenamount", "residual"),
    "disputed": ("disputed",),
    "name": ("name", "customername", "namecustomer", "nom"),
    "country": ("country", "countrycode"),
    "account_manager": ("accountmanager",),
    "credit_limit": ("creditlimit",),
}
"""Names that a column goes by elsewhere, without marks and in lower case."""
_TABLES = ("open_items", "customers", "allocations", "credit_limits", "commitments")


def skeleton(files: Sequence[Path]) -> str:
    """Give a layout for some files: their fields declared, the contract's columns to be filled.

    Raises InputRefused for a file that cannot be read or has no header.
    """
    name = re.sub(r"[^A-Za-z0-9_]+", "_", files[0].stem.split(".")[0]).strip("_").lower() or "mine"
    lines = [
        "layout = 1  # the version of the language",
        f'name = "my_{name}"',
        'title = ""',
        "",
        "# Written from the header and the first rows. Check every line marked with `?`:",
        "# how dates and numbers are written is declared here and never guessed later.",
    ]
    sources: dict[str, dict[str, str]] = {}
    for file in files:
        key = _identifier(file.name.split(".")[0].lower(), sources)
        sources[key], own = _source_lines(key, file)
        lines += own
    lines += _table_lines(sources)
    return "\n".join(lines) + "\n"


def _source_lines(key: str, file: Path) -> tuple[dict[str, str], list[str]]:
    """Give the fields of a file, and the lines that declare it."""
    text, encoding = _sample(file)
    header = text.splitlines()[0] if text else ""
    separator = max(_SEPARATORS, key=header.count)
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if row][:50]
    if not rows or len(rows[0]) < 2:
        raise InputRefused(
            what="no header is found",
            where=str(file),
            expected=f"names with one of {_SEPARATORS!r} between them in the first line",
            cure='write the layout by hand, with header = ["…"]',
        )
    lines = [
        "",
        f"[sources.{key}]",
        f"files = [{json.dumps(file.name)}]",
        f"encoding = {json.dumps(encoding)}" + ("  # ?" if encoding != "utf-8" else ""),
        f"separator = {json.dumps(separator)}",
    ]
    fields: dict[str, str] = {}
    declared = []
    dates: list[str] = []
    numbers: list[str] = []
    for place, raw in enumerate(rows[0]):
        column = raw.strip().removeprefix("\ufeff")
        if not column:
            continue
        field = _identifier(column, fields)
        values = [row[place].strip() for row in rows[1:] if place < len(row) and row[place].strip()]
        kind, form = _kind_of(values)
        fields[field] = kind
        dates += [form] if kind == "date" else []
        numbers += values if kind == "amount" else []
        shape = shape_of(values[0]) if values else "nothing in the first rows"
        own = "" if field == column else f", columns = [{json.dumps(column, ensure_ascii=False)}]"
        said = f'{{ type = "{kind}"{own} }}' if own else f'"{kind}"'
        declared.append(f"{field} = {said}  # ? {shape}")
    lines += _form_lines(dates, numbers)
    return fields, [*lines, "", f"[sources.{key}.fields]", *declared]


def _form_lines(dates: list[str], numbers: list[str]) -> list[str]:
    """Declare the forms of dates and numbers that the first rows show."""
    lines = []
    if dates:
        form = max(set(dates), key=dates.count)
        lines.append(f'date_format = "{form}"  # ? or another order of day and month')
        if "/YY" in form and "YYYY" not in form:
            lines.append("century_pivot = 70  # ? years below are 20YY, the others 19YY")
    if any(re.search(r",\d{1,2}-?$", value) for value in numbers):
        lines.append('decimal_mark = ","  # ?')
    groups = {match[1] for value in numbers if (match := _GROUPED.search(value))}
    if len(groups) == 1:
        lines.append(f'thousands_separator = "{min(groups)}"  # ?')
    if any(value.endswith("-") for value in numbers):
        lines.append('sign = "trailing"  # ?')
    return lines


def _kind_of(values: list[str]) -> tuple[str, str]:
    """Suggest the type of a column, and the form of its dates."""
    if values:
        for pattern, form in _DATES:
            if all(re.fullmatch(pattern, value) for value in values):
                return "date", form
        slashed = [_SLASHED.fullmatch(value) for value in values]
        if all(slashed):
            return "date", _slashed_form([match.groups() for match in slashed if match])
        has_decimals = any(re.search(r"[.,]\d{1,4}-?$", value) for value in values)
        if has_decimals and all(_NUMBER.fullmatch(value) for value in values):
            return "amount", ""
    return "text", ""


def _slashed_form(dates: list[tuple[str, ...]]) -> str:
    """Give the form of dates with slashes; the order of day and month only where it shows."""
    is_open = any(len(part) == 1 for first, second, *_ in dates for part in (first, second))
    day, month = ("D", "M") if is_open else ("DD", "MM")
    month_first = any(int(second) > 12 for _, second, *_ in dates)
    order = f"{month}/{day}" if month_first else f"{day}/{month}"
    time = " hh:mm" if dates[0][3] else ""
    return f"{order}/{'Y' * len(dates[0][2])}{time}"


def _field_for(column: Column, fields: dict[str, str], taken: set[str]) -> str | None:
    """Give the field that goes by a name of a contract's column and is of its type."""
    wanted = {Kind.DATE: {"date"}, Kind.MONEY: {"amount"}}.get(column.kind, {"text", "amount"})
    known = (column.name.replace("_", ""), *_SYNONYMS.get(column.name, ()))
    plain = {re.sub(r"[\W_]+", "", name).lower(): name for name in fields}
    for name in known:
        field = plain.get(name)
        if field is not None and fields[field] in wanted and field not in taken:
            return field
    return None


def _table_lines(sources: dict[str, dict[str, str]]) -> list[str]:
    """List the columns of the contract, filled where a field has a name like theirs."""
    lines: list[str] = []
    first = next(iter(sources))
    for name in _TABLES:
        table = INPUT_TABLES[name]
        mark = "" if table.required else "# "
        lines += [
            "",
            f"# -- {name}: {table.meaning.splitlines()[0]}",
            f"{mark}[[tables.{name}]]",
            f'{mark}from = "{first}"',
        ]
        if name == "customers":
            lines.append('distinct = ["customer_id"]  # one row per customer')
        lines.append(f"{mark}[tables.{name}.columns]")
        taken: set[str] = set()
        for column in table.columns:
            near = _field_for(column, sources[first], taken)
            taken |= {near} if near and column.name != "item_id" else set()
            value = near or "…"
            need = "required" if column.required else "optional"
            note = f"  # {need}: {column.meaning or column.kind.value}"
            off = "" if near and not mark else "# "
            lines.append(f'{off}{column.name} = "{value}"{note}')
    return lines


def _sample(file: Path) -> tuple[str, str]:
    """Read the beginning of a file and the encoding that it can be read in."""
    with open_input(file, str(file)) as opened:
        data = opened.read(_SAMPLE_BYTES)
    if file.suffix == ".gz":
        data = gzip.GzipFile(fileobj=io.BytesIO(data)).read1(_SAMPLE_BYTES)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data[: len(data) // 2 * 2].decode("utf-16", errors="replace"), "utf-16"
    try:
        return _whole_lines(data).decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), "cp1252"


def _whole_lines(data: bytes) -> bytes:
    """Leave a last line out that the sample cut off."""
    return data if len(data) < _SAMPLE_BYTES else data[: data.rfind(b"\n") + 1]


def _identifier(
    name: str, taken: dict[str, object] | dict[str, str] | dict[str, dict[str, str]]
) -> str:
    """Give a name that expressions can use, and that is free."""
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"\W+", "_", bare).strip("_")
    if not plain.isidentifier():
        plain = f"field_{plain}".strip("_")
    number = 2
    unique = plain
    while unique in taken:
        unique = f"{plain}_{number}"
        number += 1
    return unique
