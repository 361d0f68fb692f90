"""JSON lines, and JSON documents with one long array: objects as rows, values as their text.

A number stays the text that it is written as; no float is made of it. Objects pass through Python's
own parser a unit at a time: slower than CSV by a factor of about five, and exact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.kernels.json_text import STATE_IS_DONE, find_objects
from encours.ledger.files import broken_file
from encours.ledger.findings import Finding, raw_line
from encours.ledger.text_files import TextFile
from encours_schemas.errors import InputRefused
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours.ledger.discovery import FoundFile

Array = np.ndarray[Any, np.dtype[Any]]

LINE_COLUMN = "line"
"""The object as it stands in the file."""
RECORD_BYTES_MAX = 16 << 20
UNIT_BYTES_MAX = 64 << 20
_HEAD_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class JsonUnit:
    """Objects of one unit, not parsed yet, and their 0-based row numbers."""

    lines: list[bytes]
    first: int


@dataclass
class JsonRows:
    """Parsed objects of a unit: columns of text by path, and row numbers of what was no object.

    present  paths that at least one object has, be it with null
    """

    table: pa.Table
    numbers: Array
    present: frozenset[str]
    rejected: list[tuple[int, str]] = field(default_factory=list)


class JsonFile:
    """One file of JSON lines, or one document with an array of objects."""

    def __init__(
        self, found: FoundFile, encoding: str, section: str, arrays: Sequence[str] | None
    ) -> None:
        """Take the file.

        arrays  alternatives of the path to the array, `""` for the document itself; None: lines
        """
        self._found, self._arrays = found, arrays
        self._text = TextFile(found, encoding, section)
        self.rows = 0

    def units(self, unit_rows: int) -> Iterator[JsonUnit]:
        """Give the objects in units."""
        lines: list[bytes] = []
        length = first = 0
        for line in self._lines() if self._arrays is None else self._objects(self._arrays):
            lines.append(line)
            length += len(line)
            self.rows += 1
            if len(lines) == unit_rows or length >= UNIT_BYTES_MAX:
                yield JsonUnit(lines, first)
                lines, length, first = [], 0, self.rows
        if lines:
            yield JsonUnit(lines, first)

    def parse(self, unit: JsonUnit, paths: Sequence[str]) -> JsonRows:
        """Read the values at some paths as text; what is no object is told apart."""
        objects, rejected = _parsed(unit.lines)
        good = np.array([one is not None for one in objects], bool)
        kept = [one for one in objects if one is not None]
        arrays = [pa.array(_texts_at(kept, path), pa.string()) for path in paths]
        lines = [
            line.decode(errors="replace")
            for line, is_good in zip(unit.lines, good.tolist(), strict=True)
            if is_good
        ]
        table = pa.table([*arrays, pa.array(lines, pa.string())], names=[*paths, LINE_COLUMN])
        numbers = unit.first + np.flatnonzero(good)
        present = frozenset(path for path in paths if any(_has(one, path) for one in kept))
        return JsonRows(table, numbers, present, [(unit.first + at, text) for at, text in rejected])

    def finding(self, number: int, line: str, table: str) -> Finding:
        """Make the finding of a row that is no object."""
        return Finding(
            table,
            self._found.relative,
            number + 1,
            "",
            Reason.NOT_TEXT,
            "expected one JSON object per row, found something else",
            raw_line(line),
        )

    # -- rows of bytes -----------------------------------------------------------------------------

    def _lines(self) -> Iterator[bytes]:
        """Give the lines that are not blank."""
        held = b""
        for chunk in self._text.chunks():
            *lines, held = (held + chunk).split(b"\n")
            if len(held) > RECORD_BYTES_MAX:
                raise broken_file(self._found.relative, "a line of more than 16 MiB")
            yield from (line for line in lines if line.strip())
        if held.strip():
            yield held

    def _objects(self, arrays: Sequence[str]) -> Iterator[bytes]:
        """Give the objects of the array, without holding more than a chunk and one object."""
        chunks = self._text.chunks()
        data = self._behind_bracket(chunks, arrays)
        state = np.zeros(4, np.int64)
        while True:
            state[:3] = 0
            view = np.frombuffer(data, np.uint8)
            starts, ends = (np.empty(len(data) // 2 + 1, np.int64) for _ in range(2))
            count = find_objects(view, state, starts, ends)
            for start, end in zip(starts[:count].tolist(), ends[:count].tolist(), strict=True):
                yield data[start:end]
            if state[STATE_IS_DONE]:
                return
            data = data[int(ends[count - 1]) if count else 0 :]
            if len(data) > RECORD_BYTES_MAX + (8 << 20):
                raise broken_file(self._found.relative, "an object of more than 16 MiB")
            chunk = next(chunks, b"")
            if not chunk:
                raise broken_file(self._found.relative, "the array is not closed")
            data += chunk

    def _behind_bracket(self, chunks: Iterator[bytes], arrays: Sequence[str]) -> bytes:
        """Give the bytes behind the bracket that opens the array."""
        head = b""
        for chunk in chunks:
            head += chunk
            for path in arrays:
                at = _bracket_of(head, path)
                if at is not None:
                    return head[at + 1 :]
            if not chunk or len(head) > _HEAD_BYTES_MAX + (8 << 20):
                break
        names = " or ".join(path or "(the document)" for path in arrays)
        raise InputRefused(
            what="the rows of a JSON document are not found",
            where=self._found.relative,
            found=f"a document of {len(head)} bytes without an array there",
            expected=f"an array at {names}",
            cure='say where the rows are: rows = "…" under the layout\'s source',
        )


def _bracket_of(head: bytes, path: str) -> int | None:
    """Find the bracket of the array at a path, in the first bytes of a document."""
    if not path:
        match = re.match(rb"\s*\[", head)
        return None if match is None else match.end() - 1
    names = path.split(".")
    wanted = json.dumps(names[-1]).encode()
    for match in re.finditer(re.escape(wanted) + rb"\s*:\s*\[", head[:_HEAD_BYTES_MAX]):
        if _path_at(head[: match.start()]) == names[:-1]:
            return match.end() - 1
    return None


def _path_at(head: bytes) -> list[str] | None:
    """Give the keys of the objects that are open at the end of `head`; None inside an array."""
    opened: list[str | None] = []
    key: str | None = None
    for match in re.finditer(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', head):
        token = match.group()
        if token == b"{":
            opened.append(key)
        elif token == b"[":
            opened.append(None)
        elif token in {b"}", b"]"}:
            if opened:
                opened.pop()
        else:
            key = json.loads(token)
    if not opened or None in opened[1:]:
        return None
    return [str(name) for name in opened[1:]]


def _parsed(lines: list[bytes]) -> tuple[list[dict[str, Any] | None], list[tuple[int, str]]]:
    """Parse all objects at once, or one by one where one is broken; numbers stay text."""
    load: Callable[[bytes], Any] = lambda data: json.loads(  # noqa: E731 - the options once
        data, parse_float=str, parse_int=str, parse_constant=str
    )
    try:
        objects = load(b"[" + b",".join(lines) + b"]")
        if len(objects) == len(lines) and all(isinstance(one, dict) for one in objects):
            return objects, []
    except (ValueError, RecursionError):
        pass
    found: list[dict[str, Any] | None] = []
    rejected = []
    for at, line in enumerate(lines):
        try:
            one = load(line)
        except (ValueError, RecursionError):
            one = None
        if not isinstance(one, dict):
            one = None
            rejected.append((at, line.decode(errors="replace")))
        found.append(one)
    return found, rejected


def _texts_at(objects: list[dict[str, Any]], path: str) -> list[str | None]:
    """Give the values at a dotted path as text; a number in it counts the places of a list."""
    column: list[Any] = [one.get(path) for one in objects]
    if "." in path and not any(value is not None for value in column):
        column = list(objects)
        for step in path.split("."):
            column = [_step(value, step) for value in column]
    if all(value is None or isinstance(value, str) for value in column):
        return column
    return [_as_text(value) for value in column]


def _has(one: dict[str, Any], path: str) -> bool:
    """Tell whether an object has a path, be its value null."""
    if path in one:
        return True
    *above, last = path.split(".")
    value: Any = one
    for step in above:
        value = _step(value, step)
    if isinstance(value, list):
        return last.isdigit() and int(last) < len(value)
    return isinstance(value, dict) and last in value


def _step(value: Any, step: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Go one step down."""
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and step.isdigit() and int(step) < len(value):
        return value[int(step)]
    return None


def _as_text(value: Any) -> str | None:  # noqa: ANN401 - whatever JSON holds
    """Write a value as it would stand in a CSV file."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
