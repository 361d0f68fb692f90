"""Columns as the texts of a file: amounts, flags, CSV and JSON lines, without a Python row each.

Ids are written byte for byte. A text that a spreadsheet could take for a formula is changed in
`holds_readable.csv` alone (OWASP, CSV injection; CWE-1236).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.columns import money_array
from encours.calc.texts import may_hold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Array = np.ndarray[Any, np.dtype[Any]]

CHUNK_LINES: Final = 65_536
"""Lines that are texts in memory at once."""

_BLANKS: Final = (
    r"[\x00-\x20\x{00a0}\x{1680}\x{2000}-\x{200f}\x{2028}\x{2029}\x{202f}\x{205f}\x{2060}"
    r"\x{3000}\x{feff}\"']*"
)
_SIGNS: Final = r"[=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}\x{2212}\x{fe62}\x{fe63}\x{fe66}\x{fe6b}]"
_STARTS: Final = rf"^(?:{_BLANKS}{_SIGNS}|[\t\r\n\x00])"
# A spreadsheet may split at another separator than ours, also inside our quotes.
_INSIDE: Final = rf"([;,|\t-\r\x1c-\x1e\x{{0085}}\x{{2028}}\x{{2029}}]{_BLANKS})({_SIGNS})"


def starts_formula(texts: pa.Array) -> Array:
    """Tell which texts a spreadsheet could take for a formula: bool[n]; null is none."""
    found = pc.match_substring_regex(texts, _STARTS)
    flags: Array = pc.fill_null(found, False).to_numpy(zero_copy_only=False).astype(bool)
    return flags


def escape_formulas(texts: pa.Array) -> pa.Array:
    """Give texts that no spreadsheet takes for a formula: an apostrophe stands before the sign.

    Also where a part of the text would start a cell if the spreadsheet split at `;`, `,`, `|`, tab
    or a line end.
    """
    inside = pc.replace_substring_regex(texts, _INSIDE, r"\1'\2")
    marked = pc.binary_join_element_wise("'", inside, "")
    return pc.if_else(pa.array(starts_formula(texts)), marked, inside)


def amount_text(milli: pa.Array, decimals: int = 3, mark: str = ".") -> pa.Array:
    """Write thousandths with so many decimals, half away from zero; null stays null."""
    valid = pc.is_valid(milli).to_numpy(zero_copy_only=False)
    values = pc.fill_null(milli, 0).to_numpy(zero_copy_only=False)
    unit = 10 ** (3 - decimals)
    rounded = np.sign(values) * ((np.abs(values) + unit // 2) // unit)
    if decimals == 3:
        texts = money_array(rounded).cast(pa.decimal128(18, 3)).cast(pa.string())
    elif decimals:
        # The same digits with the point moved: 1235 hundredths read as thousandths are 1.235.
        shown = money_array(rounded * unit).cast(pa.decimal128(18, 3))
        texts = shown.cast(pa.decimal128(18, decimals)).cast(pa.string())
    else:
        texts = pa.array(rounded).cast(pa.string())
    if mark != ".":
        texts = pc.replace_substring(texts, ".", mark)
    return pc.if_else(pa.array(valid), texts, pa.scalar(None, pa.string()))


def flag_text(flags: Array) -> pa.Array:
    """Write flags as `Y` and `N`."""
    return pa.array(["N", "Y"]).take(pa.array(flags.astype(np.int8)))


def constant_text(text: str, count: int) -> pa.Array:
    """Write the same text so many times."""
    return pa.array([text], pa.string()).take(pa.array(np.zeros(count, np.int64)))


def needs_quotes(texts: pa.Array, separator: str) -> Array:
    """Tell which texts RFC 4180 wants in quotes: bool[n]."""
    marks = {separator, '"', "\r", "\n"}
    found = np.zeros(len(texts), bool)
    for mark in sorted(mark for mark in marks if may_hold(texts, mark)):
        hit = pc.fill_null(pc.match_substring(texts, mark), False)
        found |= hit.to_numpy(zero_copy_only=False).astype(bool)
    return found


def csv_lines(
    columns: Sequence[pa.Array], separator: str, line_end: str, *, quote_all: bool = False
) -> bytes:
    """Write rows as CSV (RFC 4180); nulls are empty."""
    written = [_quoted(pc.fill_null(each, ""), separator, quote_all) for each in columns]
    return bytes_of(_joined(written, separator, line_end))


def _quoted(texts: pa.Array, separator: str, quote_all: bool) -> pa.Array:
    """Put texts in quotes where they need them, or everywhere."""
    wanted = np.ones(len(texts), bool) if quote_all else needs_quotes(texts, separator)
    if not wanted.any():
        return texts
    doubled = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
    return pc.if_else(pa.array(wanted), doubled, texts)


def json_lines(names: Sequence[str], values: Sequence[pa.Array], line_end: str) -> bytes:
    """Write rows as one JSON object a line; the values are JSON texts already, null is null."""
    written = []
    for name, value in zip(names, values, strict=True):
        lead = json.dumps(name, ensure_ascii=False) + ":"
        written.append(pc.binary_join_element_wise(lead, pc.fill_null(value, "null"), ""))
    inside = _joined(written, ",", "")
    return bytes_of(pc.binary_join_element_wise("{", inside, "}", line_end, ""))


def json_text(texts: pa.Array) -> pa.Array:
    """Write texts as JSON strings; null stays null."""
    plain = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
    quoted = pc.binary_join_element_wise('"', plain, '"', "")
    rare = pc.fill_null(pc.match_substring_regex(texts, r"[\x00-\x1f\x{2028}\x{2029}]"), False)
    if not pc.any(rare).as_py():
        return quoted
    exact = [json.dumps(text) for text in texts.filter(rare).to_pylist()]
    return pc.replace_with_mask(quoted, rare, pa.array(exact, pa.string()))


def _joined(columns: Sequence[pa.Array], separator: str, line_end: str) -> pa.Array:
    """Join the columns of each row, and end it."""
    lines = columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, separator)
    return pc.binary_join_element_wise(lines, line_end, "") if line_end else lines


def bytes_of(texts: pa.Array) -> bytes:
    """Give texts one behind the other, as they lie in memory."""
    if not len(texts):
        return b""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts)]
    end = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset + len(texts)]
    data = texts.buffers()[2]
    return bytes(data[int(offsets[0]) : int(end)]) if data is not None else b""


def chunks(table: pa.Table) -> Iterator[Mapping[str, pa.Array]]:
    """Give a table's columns, so many lines at a time that their texts take little memory."""
    for start in range(0, table.num_rows, CHUNK_LINES):
        piece = table.slice(start, CHUNK_LINES).combine_chunks()
        yield {name: piece.column(name).chunk(0) for name in piece.column_names}
