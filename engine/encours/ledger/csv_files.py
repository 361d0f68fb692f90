"""CSV files: bytes to UTF-8, counted and cut into records by our own scan, values read by Arrow.

The scan (`kernels.text.scan_records`) and Arrow's reader share no code; every block must give the
same number of rows in both, else the file is refused. A record with too many or too few fields,
with bytes that are not text, or with a NUL never reaches Arrow: it goes to the quarantine as it is.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from encours.kernels.text import (
    RECORD_HAS_HIGH_BYTE,
    RECORD_HAS_LONE_RETURN,
    RECORD_HAS_NUL,
    RECORD_HAS_QUOTED_NEWLINE,
    RECORD_HAS_TEXT_AFTER_QUOTE,
    RECORD_IS_BLANK,
    scan_records,
)
from encours.ledger.files import broken_file
from encours.ledger.findings import Finding, raw_line
from encours.ledger.text_files import TextFile, is_utf8_name
from encours_schemas.errors import InputRefused
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from encours.ledger.discovery import FoundFile

Array = np.ndarray[Any, np.dtype[Any]]

RECORD_BYTES_MAX = 16 << 20
"""A longer record is an unclosed quote or no record of a ledger; it also bounds what is held."""
UNIT_BYTES_MAX = 64 << 20
_REJECTED_FREE = 100_000
_REJECTED_SHARE_MAX = 0.1
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()


@dataclass(frozen=True, eq=False)
class RowNumbers:
    """The file's row number of every row of a unit: consecutive, but for rejected rows between.

    first   0-based data row of the file of the unit's first row
    places  int64[k]  rows of the unit before which rows were rejected
    shifts  int64[k]  how many were, in all up to there
    """

    first: int
    places: Array = field(default_factory=lambda: np.empty(0, np.int64))
    shifts: Array = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def of(cls, numbers: Array) -> RowNumbers:
        """Compress increasing 0-based row numbers: int64[n]."""
        if not len(numbers):
            return cls(0)
        skipped = numbers - numbers[0] - np.arange(len(numbers))
        places = np.flatnonzero(np.diff(skipped, prepend=0))
        return cls(int(numbers[0]), places, skipped[places])

    def one_based(self, rows: Array) -> Array:
        """Give the 1-based data rows of the file: int64[k]."""
        numbers: Array = np.asarray(rows, np.int64) + (self.first + 1)
        if len(self.places):
            before = np.searchsorted(self.places, rows, side="right")
            numbers += np.concatenate([[0], self.shifts])[before]
        return numbers


@dataclass(frozen=True)
class CsvForm:
    """How a file differs from one that begins with its header and ends its lines with a feed.

    header      names, when the file has no line of them
    skip_lines  lines before the header
    any_line_end  a carriage return alone ends a line, too
    drop_nul    NUL bytes are left out
    section     of the configuration where the dialect is declared; empty: of the table
    """

    header: tuple[str, ...] = ()
    skip_lines: int = 0
    any_line_end: bool = False
    drop_nul: bool = False
    section: str = ""


class CsvDialect(Protocol):
    """How the fields of a CSV file are written."""

    @property
    def separator(self) -> str:
        """Character between fields."""

    @property
    def quote(self) -> str:
        """Character around quoted fields; empty: none."""

    @property
    def encoding(self) -> str:
        """Encoding of the file."""


@dataclass(frozen=True)
class TextUnit:
    """Records of one unit, not parsed yet: byte pieces that hold `rows` complete records."""

    names: tuple[str, ...]
    pieces: list[tuple[bytes, int]]
    rows: int
    numbers: Array


class CsvFile:
    """One CSV file, read once from front to end in bounded memory.

    names     of the header, known from the start
    rows      data records so far, however they ended up
    rejected  records that never became fields
    """

    def __init__(self, found: FoundFile, dialect: CsvDialect, form: CsvForm | None = None) -> None:
        """Open the file and read its header.

        Raises InputRefused when the file is broken, empty or in another encoding.
        """
        self._found = found
        self._dialect = dialect
        self._form = form or CsvForm()
        self._section = self._form.section or f"input.tables.{found.table}"
        self._separator = ord(dialect.separator)
        self._quote = ord(dialect.quote) if dialect.quote else -1
        self._is_utf8 = is_utf8_name(dialect.encoding)
        self._text = TextFile(
            found,
            dialect.encoding,
            self._section,
            drop_nul=self._form.drop_nul,
            any_line_end=self._form.any_line_end,
        )
        self.rows = 0
        self.rejected: list[Finding] = []
        self._blocks = self._scanned_blocks()
        self.names, self._rest = self._form.header, None
        if not self._form.header:
            self.names, self._rest = self._read_header()

    def units(self, unit_rows: int) -> Iterator[TextUnit]:
        """Give the records in units of `unit_rows`, or fewer where they are long."""
        pieces: list[tuple[bytes, int]] = []
        numbers: list[Array] = []
        rows = length = 0
        for block in self._data_blocks():
            at = 0
            while at < len(block.numbers):
                take = min(unit_rows - rows, len(block.numbers) - at)
                piece = block.piece(at, at + take)
                pieces.append((piece, take))
                numbers.append(block.numbers[at : at + take])
                rows, length, at = rows + take, length + len(piece), at + take
                if rows == unit_rows or length >= UNIT_BYTES_MAX:
                    yield TextUnit(self.names, pieces, rows, np.concatenate(numbers))
                    pieces, numbers = [], []
                    rows = length = 0
        if rows:
            yield TextUnit(self.names, pieces, rows, np.concatenate(numbers))

    def parse(self, unit: TextUnit) -> pa.Table:
        """Read the fields of a unit as text; an empty field is null unless it is quoted.

        May run in any thread. Raises InputRefused when Arrow does not find the records that the
        scan found.
        """
        relative = self._found.relative
        try:
            tables = [self._parse_piece(unit.names, piece) for piece, _ in unit.pieces]
        except pa.ArrowException as error:
            raise broken_file(
                relative, f"two readers disagree about its records: {error}"
            ) from error
        if [table.num_rows for table in tables] != [rows for _, rows in unit.pieces]:
            raise broken_file(relative, "two readers disagree about the number of its records")
        return pa.concat_tables(tables)

    def _parse_piece(self, names: tuple[str, ...], piece: bytes) -> pa.Table:
        """Read the fields of complete records."""
        quote = self._dialect.quote or False
        return pa_csv.read_csv(
            pa.BufferReader(piece),
            read_options=pa_csv.ReadOptions(
                use_threads=False, column_names=list(names), block_size=len(piece) + 1
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self._dialect.separator,
                quote_char=quote,
                double_quote=bool(quote),
                newlines_in_values=True,
                ignore_empty_lines=True,
            ),
            convert_options=pa_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )

    def _read_header(self) -> tuple[tuple[str, ...], _Block | None]:
        """Take the first record as the header; give the rest of its block, too."""
        relative = self._found.relative
        skipped = 0
        for whole in self._blocks:
            left_out = min(self._form.skip_lines - skipped, len(whole.ends))
            skipped += left_out
            block = whole.after(left_out - 1) if left_out else whole
            filled = np.flatnonzero((block.flags & RECORD_IS_BLANK) == 0)
            if not len(filled):
                continue
            header = int(filled[0])
            line = block.record(header)
            if block.flags[header] & RECORD_HAS_LONE_RETURN:
                raise _lone_returns(relative)
            if block.flags[header] & (RECORD_HAS_NUL | RECORD_HAS_TEXT_AFTER_QUOTE):
                raise self._wrong_header("bytes that are no text: a NUL or text after a quote")
            try:
                text = line.decode().rstrip("\r\n")
            except UnicodeDecodeError:
                raise self._wrong_header(f"bytes that are not {self._dialect.encoding}") from None
            reader = csv.reader(
                io.StringIO(text, newline=""),
                delimiter=self._dialect.separator,
                quotechar=self._dialect.quote or None,
                quoting=csv.QUOTE_MINIMAL if self._dialect.quote else csv.QUOTE_NONE,
            )
            return tuple(next(reader)), block.after(header)
        raise broken_file(relative, "the file is empty: there is not even a header")

    def _wrong_header(self, found: str) -> InputRefused:
        """Say that the first record cannot be a header."""
        return InputRefused(
            what="the first row of a CSV file is not a header",
            where=self._found.relative,
            found=found,
            expected=f"column names in {self._dialect.encoding}",
            cure=f'declare the encoding: [{self._section}] encoding = "..."',
        )

    def _data_blocks(self) -> Iterator[_GoodRecords]:
        """Give the usable records block by block, and reject the others."""
        if self._rest is not None:
            yield self._checked(self._rest)
        for block in self._blocks:
            yield self._checked(block)

    def _checked(self, block: _Block) -> _GoodRecords:
        """Sort the records of a block into usable and rejected ones."""
        flags = block.flags
        is_data = (flags & RECORD_IS_BLANK) == 0
        number = np.cumsum(is_data) - 1 + self.rows
        not_text = (flags & (RECORD_HAS_NUL | RECORD_HAS_LONE_RETURN)) != 0
        not_text[self._undecodable(block)] = True
        has_stray = (flags & RECORD_HAS_TEXT_AFTER_QUOTE) != 0
        wrong_count = (block.fields != len(self.names)) | has_stray
        bad = is_data & (not_text | wrong_count)
        for i in np.flatnonzero(bad).tolist():
            if flags[i] & RECORD_HAS_QUOTED_NEWLINE and wrong_count[i]:
                raise self._unclosed_quote(int(number[i]))
            self.rejected.append(
                self._rejected(
                    block, i, int(number[i]), is_text=not not_text[i], stray=has_stray[i]
                )
            )
        self.rows += int(is_data.sum())
        self._check_rejected()
        good = is_data & ~bad
        return _GoodRecords(block, np.flatnonzero(good), number[good])

    def _undecodable(self, block: _Block) -> Array:
        """Give the records that are no valid UTF-8, or that the declared encoding did not know."""
        candidates = np.flatnonzero(block.flags & RECORD_HAS_HIGH_BYTE)
        if not len(candidates):
            return candidates
        if not self._is_utf8:
            if _REPLACEMENT not in block.data:
                return candidates[:0]
            return block.holding(candidates, lambda record: _REPLACEMENT in record)
        if _is_utf8(block.data):
            return candidates[:0]
        return block.holding(candidates, lambda record: not _is_utf8(record))

    def _rejected(
        self, block: _Block, i: int, number: int, *, is_text: bool, stray: bool
    ) -> Finding:
        """Make the finding of a record that never became fields."""
        line = block.record(i).rstrip(b"\r\n").decode(errors="replace")
        reason = Reason.WRONG_FIELD_COUNT if is_text else Reason.NOT_TEXT
        if not is_text:
            message = f"expected text in {self._dialect.encoding}, found bytes that are none"
        elif stray:
            message = "expected a separator behind a closing quote; quotes in a field are doubled"
        else:
            message = f"expected {len(self.names)} fields, found {block.fields[i]}"
        found = self._found
        return Finding(found.table, found.relative, number + 1, "", reason, message, raw_line(line))

    def _check_rejected(self) -> None:
        """Refuse a file that is not of this dialect at all, before its findings fill the memory."""
        count = len(self.rejected)
        if count > _REJECTED_FREE and count > self.rows * _REJECTED_SHARE_MAX:
            raise InputRefused(
                what="a CSV file does not fit its dialect",
                where=self._found.relative,
                found=f"{count} of the first {self.rows} rows cannot be split into fields",
                expected=f"{len(self.names)} fields separated by {self._dialect.separator!r}",
                cure=f"declare the dialect under [{self._section}]",
            )

    def _unclosed_quote(self, number: int) -> InputRefused:
        """Say in which row a quote was opened that swallows what follows."""
        return InputRefused(
            what="a quoted field is not closed",
            where=f"{self._found.relative}, row {number + 1}",
            found="a quote that opens in this row and does not end before the next rows",
            expected="a closing quote; quotes inside a quoted field are doubled (RFC 4180)",
            cure=f"correct the row, or declare the quote under [{self._section}]",
        )

    def _scanned_blocks(self) -> Iterator[_Block]:
        """Cut the text into blocks of complete records."""
        pending = b""
        records = 0
        for chunk in self._text.chunks():
            is_end = not chunk
            data = pending + chunk
            if is_end and data:
                data += b"\n"
            block = self._scan(data)
            pending = data[block.length :]
            records += len(block.ends)
            if len(block.ends):
                yield block
            if len(pending) > RECORD_BYTES_MAX or (is_end and pending):
                if b"\n" not in data and b"\r" in data:
                    raise _lone_returns(self._found.relative)
                raise self._unclosed_quote(self.rows)

    def _scan(self, data: bytes) -> _Block:
        """Find the complete records at the front of `data`."""
        count = data.count(b"\n")
        if not data:
            return _Block(data, 0, *(np.empty(0, kind) for kind in (np.int64, np.int32, np.uint8)))
        ends, fields = np.empty(count, np.int64), np.empty(count, np.int32)
        flags = np.empty(count, np.uint8)
        view = np.frombuffer(data, np.uint8)
        found = scan_records(view, self._separator, self._quote, ends, fields, flags)
        return _Block(data, 0, ends[:found], fields[:found], flags[:found])


@dataclass(frozen=True)
class _Block:
    """Complete records: record i is `data[ends[i - 1]:ends[i]]`, the first begins at `start`."""

    data: bytes
    start: int
    ends: Array
    fields: Array
    flags: Array

    @property
    def length(self) -> int:
        """Give where the last record ends."""
        return int(self.ends[-1]) if len(self.ends) else self.start

    def begin(self, i: int) -> int:
        """Give where record i begins."""
        return int(self.ends[i - 1]) if i else self.start

    def record(self, i: int) -> bytes:
        """Give record i with its line end."""
        return self.data[self.begin(i) : int(self.ends[i])]

    def holding(self, candidates: Array, is_held: Callable[[bytes], bool]) -> Array:
        """Give those of some records for which `is_held` is true: int64[k]."""
        chosen = [i for i in candidates.tolist() if is_held(self.record(i))]
        return np.array(chosen, np.int64)

    def after(self, i: int) -> _Block:
        """Give the records behind record i."""
        rest = slice(i + 1, None)
        return _Block(
            self.data, int(self.ends[i]), self.ends[rest], self.fields[rest], self.flags[rest]
        )


@dataclass(frozen=True)
class _GoodRecords:
    """The usable records of a block and their 0-based row numbers in the file."""

    block: _Block
    records: Array
    numbers: Array

    def piece(self, first: int, last: int) -> bytes:
        """Give the bytes of usable records `first` to `last - 1`, those between them left out."""
        chosen = self.records[first:last]
        breaks = np.flatnonzero(np.diff(chosen) != 1) + 1
        runs = np.split(chosen, breaks) if len(breaks) else [chosen]
        block = self.block
        return b"".join(
            block.data[block.begin(int(run[0])) : int(block.ends[run[-1]])] for run in runs
        )


def _is_utf8(data: bytes) -> bool:
    """Tell whether bytes are valid UTF-8; overlong forms and surrogates are not."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lone_returns(relative: str) -> InputRefused:
    """Say that lines end in a way that readers disagree about."""
    return InputRefused(
        what="lines end with a carriage return alone",
        where=relative,
        found="carriage returns without line feeds",
        expected="lines that end with a line feed, or with carriage return and line feed",
        cure="convert the line ends, e.g. with tr '\\r' '\\n'",
    )
