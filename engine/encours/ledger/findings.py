"""What is wrong with a row, and what a reader of the run must know about its input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from encours_schemas.reasons import Reason
    from encours_schemas.warnings import RunWarning

RAW_LENGTH_MAX = 65_536
"""Characters of a raw row that are kept; a longer one is not a row of a ledger."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the quarantine (TABLES 2).

    file        relative to the ledger directory
    row_number  1-based data row of the file, header and blank lines not counted
    message     what was found and expected, by shapes, never by value
    raw         the row as JSON, values as text
    kept        a warning: the row stays in the outputs
    """

    table: str
    file: str
    row_number: int
    column: str
    reason: Reason
    message: str
    raw: str
    kept: bool = False


@dataclass(frozen=True, slots=True)
class RunNotice:
    """One thing to know of a run that stops nothing; logged once and listed in the manifest."""

    code: RunWarning
    message: str
    count: int = 1


def raw_line(text: str) -> str:
    """Give a line that could not be split into fields as a JSON row with one entry, `line`."""
    return raw_row({"line": text[:RAW_LENGTH_MAX]})


def raw_row(values: Mapping[str, object]) -> str:
    """Give a row as JSON, every value as the text that it was read from, null for none."""
    return json.dumps({name: _as_text(value) for name, value in values.items()}, ensure_ascii=False)


def _as_text(value: object) -> str | None:
    """Write a value the way a ledger would."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
