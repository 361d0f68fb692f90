"""Slow twins of the text kernels, one row at a time, with re, Decimal and datetime."""

import re
from datetime import date
from decimal import Decimal

MASK = 2**64 - 1
FAULT_NONE, MISSING, WRONG_TYPE, TOO_PRECISE, TOO_LARGE, OUT_OF_RANGE = range(6)


def parse_number(
    text: str | None, decimal_mark: str, separator: str, decimals: int, digits: int
) -> tuple[int, int]:
    """Give the value in units of 10^-decimals, and the fault."""
    if not text:
        return 0, MISSING
    whole = r"[0-9]+"
    if separator:
        whole = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{re.escape(separator)}[0-9]{{3}})+)"
    part = rf"(?:{re.escape(decimal_mark)}([0-9]+))?" if decimal_mark else "()"
    match = re.fullmatch(rf"(-?)({whole}){part}", text)
    if match is None:
        return 0, WRONG_TYPE
    before = match[2].replace(separator, "") if separator else match[2]
    behind = match[3] or ""
    if len(before.lstrip("0")) > digits:
        return 0, TOO_LARGE
    if behind[decimals:].strip("0"):
        return 0, TOO_PRECISE
    value = int(before + behind[:decimals].ljust(decimals, "0"))
    return (-value if match[1] else value), FAULT_NONE


def parse_date(text: str | None, date_format: str) -> tuple[date | None, int]:
    """Give the date, and the fault."""
    if not text:
        return None, MISSING
    expression = re.escape(date_format)
    for part, name, length in (("%Y", "y", 4), ("%m", "m", 2), ("%d", "d", 2)):
        expression = expression.replace(re.escape(part), f"(?P<{name}>[0-9]{{{length}}})")
    match = re.fullmatch(expression, text)
    if match is None:
        return None, WRONG_TYPE
    try:
        found = date(int(match["y"]), int(match["m"]), int(match["d"]))
    except ValueError:
        return None, OUT_OF_RANGE
    if not date(1900, 1, 1) <= found <= date(2999, 12, 31):
        return None, OUT_OF_RANGE
    return found, FAULT_NONE


def rescale(value: Decimal | int | None, decimals: int, digits: int) -> tuple[int, int]:
    """Give a number in units of 10^-decimals, and the fault."""
    if value is None:
        return 0, MISSING
    sign, numbers, exponent = Decimal(value).as_tuple()
    assert isinstance(exponent, int)
    scaled = int("".join(map(str, numbers)))
    shift = exponent + decimals
    rest = 0
    if shift >= 0:
        scaled *= 10**shift
    else:
        scaled, rest = divmod(scaled, 10**-shift)
    if scaled >= 10 ** (decimals + digits):
        return 0, TOO_LARGE
    if rest:
        return 0, TOO_PRECISE
    return (-scaled if sign else scaled), FAULT_NONE


def hash_text(text: bytes) -> tuple[int, int]:
    """Give the two 64-bit hashes of a text."""
    length = len(text)
    first = 0x243F6A8885A308D3 ^ (length * 0x9E3779B97F4A7C15 & MASK)
    second = (0x13198A2E03707344 + length * 0xC2B2AE3D27D4EB4F) & MASK
    words = [text[at : at + 8] for at in range(0, length - 7, 8)]
    if length % 8:
        words.append(text[-8:])
    for piece in words:
        word = int.from_bytes(piece, "little")
        first = ((first ^ word) * 0x87C37B91114253D5) & MASK
        for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53)):
            first = ((first ^ first >> shift) * factor) & MASK
        first ^= first >> 33
        second = ((second + word) * 0x4CF5AD432745937F) & MASK
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            second = ((second ^ second >> shift) * factor) & MASK
        second ^= second >> 31
    return first, second


def split_records(data: bytes, separator: str, quote: str) -> list[tuple[bytes, int, set[str]]]:
    """Give every complete record with its line end, its number of fields, and what is odd in it."""
    records: list[tuple[bytes, int, set[str]]] = []
    rest = data
    while True:
        record = _first_record(rest, separator.encode(), quote.encode())
        if record is None:
            return records
        records.append((record, *_describe(record, separator.encode(), quote.encode())))
        rest = rest[len(record) :]


def _first_record(data: bytes, separator: bytes, quote: bytes) -> bytes | None:
    """Give the bytes up to and with the first line feed that no open quote holds."""
    end = data.find(b"\n")
    while end >= 0:
        line = data[: end + 1]
        if not quote or not _ends_quoted(line, separator, quote):
            return line
        end = data.find(b"\n", end + 1)
    return None


def _ends_quoted(line: bytes, separator: bytes, quote: bytes) -> bool:
    """Tell whether a quote is still open at the end."""
    at, is_open = 0, False
    at_field_start = True
    while at < len(line):
        byte = line[at : at + 1]
        if is_open and byte == quote:
            if line[at + 1 : at + 2] == quote:
                at += 1
            else:
                is_open = False
        elif not is_open and byte == quote and at_field_start:
            is_open = True
        at_field_start = not is_open and byte in {separator, b"\n"}
        at += 1
    return is_open


def _describe(record: bytes, separator: bytes, quote: bytes) -> tuple[int, set[str]]:
    """Count the fields of one record, and name what is odd in it."""
    odd = set()
    if b"\0" in record:
        odd.add("nul")
    if any(byte >= 128 for byte in record):
        odd.add("high")
    if record in {b"\n", b"\r\n"}:
        odd.add("blank")
    fields, at = 1, 0
    body = record[:-1]
    while True:
        if quote and body[at : at + 1] == quote:
            at = _behind_quoted(body, at + 1, quote, odd)
            if at < len(body) and body[at : at + 1] != separator and body[at:] != b"\r":
                odd.add("stray")
        behind = body.find(separator, at)
        part = body[at : behind if behind >= 0 else len(body)]
        if b"\r" in (part[:-1] if behind < 0 else part):
            odd.add("return")
        if behind < 0:
            return fields, odd
        fields, at = fields + 1, behind + 1


def _behind_quoted(body: bytes, at: int, quote: bytes, odd: set[str]) -> int:
    """Give where a quoted field ends, behind its closing quote."""
    while True:
        end = body.index(quote, at) if quote in body[at:] else len(body)
        if b"\n" in body[at:end]:
            odd.add("newline")
        if body[end + 1 : end + 2] != quote:
            return end + 1
        at = end + 2
