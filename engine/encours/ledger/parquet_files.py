"""Parquet files: inspected by their footer, read by row groups, cut up where one is too large."""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from encours.ledger.buffers import is_text
from encours.ledger.columns import LOW_CARDINALITY, is_worth_a_dictionary
from encours.ledger.files import broken_file, open_input, refusing_broken
from encours_schemas.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from encours.ledger.discovery import FoundFile

_MAGIC = b"PAR1"
_MAGIC_ENCRYPTED = b"PARE"
_TAIL_BYTES = 8
_SMALLEST_FILE = len(_MAGIC) + _TAIL_BYTES
_FOOTER_BYTES_MAX = 256 << 20
_ROWS_PER_BYTE_MAX = 64
"""A ledger's rows have keys, so a byte never holds many rows. Run-length coding lets a forged or
senseless file claim billions in a few kilobytes; it is refused before any of them is decoded."""
_GROUP_BYTES_MAX = 1 << 30
"""Unpacked bytes of a row group above which it is cut into units like one of too many rows."""
_OPEN_FILES_PER_THREAD = 4
_STREAM_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class ParquetFacts:
    """What the footer of a Parquet file says.

    groups              rows and unpacked bytes of each row group
    dictionary_columns  low-cardinality text columns, which are read as dictionaries
    """

    schema: pa.Schema
    rows: int
    groups: tuple[tuple[int, int], ...]
    dictionary_columns: tuple[str, ...]


def inspect_parquet(found: FoundFile, size: int) -> ParquetFacts:
    """Read the footer of a Parquet file.

    Raises InputRefused for a file that is not Parquet, is cut off, or makes claims that its size
    cannot bear.
    """
    _check_frame(found, size)
    with refusing_broken(found.relative), _opened(found.path, ()) as file:
        metadata = file.metadata
        groups = tuple(
            (metadata.row_group(i).num_rows, metadata.row_group(i).total_byte_size)
            for i in range(metadata.num_row_groups)
        )
        rows = metadata.num_rows
        is_sound = all(count >= 0 and length >= 0 for count, length in groups)
        if not is_sound or rows != sum(count for count, _ in groups):
            raise broken_file(found.relative, "row counts of the footer contradict each other")
        if rows > size * _ROWS_PER_BYTE_MAX:
            raise InputRefused(
                what="a file claims more rows than its size can hold",
                where=found.relative,
                found=f"{rows} rows in {size} bytes",
                expected=f"at most {_ROWS_PER_BYTE_MAX} rows per byte",
                cure="check where the file comes from",
            )
        schema = file.schema_arrow
        _check_scales(found, metadata, schema)
        return ParquetFacts(schema, rows, groups, _dictionary_columns(schema))


def _check_frame(found: FoundFile, size: int) -> None:
    """Check the marks at both ends of the file, and the length of the footer."""
    with refusing_broken(found.relative), open_input(found.path, found.relative) as file:
        head = file.read(len(_MAGIC))
        tail = b""
        if size >= _SMALLEST_FILE:
            file.seek(size - _TAIL_BYTES)
            tail = file.read(_TAIL_BYTES)
    if _MAGIC_ENCRYPTED in (head, tail[4:]):
        raise broken_file(found.relative, "the Parquet file is encrypted, and there is no key")
    if size < _SMALLEST_FILE or head != _MAGIC or tail[4:] != _MAGIC:
        what = "the file is empty" if size == 0 else "not a complete Parquet file"
        raise broken_file(found.relative, what)
    footer = int.from_bytes(tail[:4], "little")
    if footer > min(size - _SMALLEST_FILE, _FOOTER_BYTES_MAX):
        raise broken_file(found.relative, f"a footer of {footer} bytes in a file of {size}")


def _check_scales(found: FoundFile, metadata: pq.FileMetaData, schema: pa.Schema) -> None:
    """Refuse decimals whose scale is not the one that the writer noted a second time.

    One flipped bit of the scale multiplies every amount of a file by ten, and no checksum covers
    the footer. Writers built on Arrow keep their own schema beside that of Parquet.
    """
    kept = (metadata.metadata or {}).get(b"ARROW:schema")
    if kept is None:
        return
    written = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(kept)))
    for column in schema:
        place = written.get_field_index(column.name)
        if place < 0 or not pa.types.is_decimal(column.type):
            continue
        noted = written.field(place).type
        if pa.types.is_decimal(noted) and noted.scale != column.type.scale:
            raise broken_file(
                found.relative, f"column {column.name} is {column.type}, but was written as {noted}"
            )


def _opened(path: Path, dictionary_columns: Sequence[str], buffer_bytes: int = 0) -> pq.ParquetFile:
    """Open a Parquet file; page checksums are verified where the file has them.

    Old timestamps (INT96) come in microseconds: in nanoseconds the year 9999 would wrap into a
    plausible one.
    """
    return pq.ParquetFile(
        path,
        read_dictionary=list(dictionary_columns),
        pre_buffer=False,
        buffer_size=buffer_bytes,
        page_checksum_verification=True,
        coerce_int96_timestamp_unit="us",
    )


def _dictionary_columns(schema: pa.Schema) -> tuple[str, ...]:
    """Name the low-cardinality text columns.

    Whether the file stores them as dictionaries is not asked: pyarrow's metadata of a column chunk
    ends the process when the footer is damaged (pyarrow 26). Reading shows it, see `ParquetReader`.
    """
    return tuple(
        field.name for field in schema if field.name in LOW_CARDINALITY and is_text(field.type)
    )


@dataclass(frozen=True)
class PlannedUnit:
    """A stretch of a file's rows: whole row groups, or one row group that is to be staged."""

    rows: int
    groups: tuple[int, ...]
    is_staged: bool


def plan_units(facts: ParquetFacts, unit_rows: int) -> list[PlannedUnit]:
    """Cut a file into units of about `unit_rows` rows: consecutive row groups, or parts of one."""
    units: list[PlannedUnit] = []
    groups: list[int] = []
    rows = 0
    for number, (count, length) in enumerate(facts.groups):
        is_large = count > 2 * unit_rows or length > _GROUP_BYTES_MAX
        if groups and (is_large or rows + count > unit_rows):
            units.append(PlannedUnit(rows, tuple(groups), is_staged=False))
            groups, rows = [], 0
        if is_large:
            units.append(PlannedUnit(count, (number,), is_staged=True))
        elif count:
            groups.append(number)
            rows += count
    if groups:
        units.append(PlannedUnit(rows, tuple(groups), is_staged=False))
    return units


def stream_group(
    found: FoundFile, facts: ParquetFacts, group: int, unit_rows: int
) -> Iterator[pa.Table]:
    """Give the rows of one large row group in pieces, holding one piece at a time.

    Low-cardinality texts are dictionaries, but for customers: where there are many, a dictionary of
    the whole row group takes seven times as long as plain text (`staging` makes one per unit).
    """
    rows, length = facts.groups[group]
    pieces = max(-(-rows // unit_rows), -(-length // _GROUP_BYTES_MAX))
    coded = [name for name in facts.dictionary_columns if name != "customer_id"]
    with (
        refusing_broken(found.relative),
        _opened(found.path, coded, _STREAM_BUFFER_BYTES) as file,
    ):
        size = max(-(-rows // pieces), 1)
        for batch in file.iter_batches(batch_size=size, row_groups=[group], use_threads=False):
            yield pa.Table.from_batches([batch])


class ParquetReader:
    """Reads row groups of one table; every thread keeps the last few files open that it read from.

    A column is no longer read as a dictionary once it turned out to hold nearly as many texts as
    rows: putting together a dictionary that the file does not have takes ten times as long as
    plain text.
    """

    def __init__(self) -> None:
        """Begin with no file open."""
        self._local = threading.local()
        self._plain: frozenset[str] = frozenset()

    def read(
        self,
        path: Path,
        relative: str,
        dictionary_columns: Sequence[str],
        groups: Sequence[int],
        names: list[str],
    ) -> pa.Table:
        """Give the columns `names` of whole row groups, some of them as dictionaries.

        Raises InputRefused when the file turns out to be broken.
        """
        coded = tuple(name for name in dictionary_columns if name not in self._plain)
        with refusing_broken(relative):
            table = self._file(path, coded).read_row_groups(
                groups, columns=names, use_threads=False
            )
            for name in set(coded) & set(names):
                entries = sum(len(chunk.dictionary) for chunk in table.column(name).chunks)
                if not is_worth_a_dictionary(entries, table.num_rows):
                    self._plain |= {name}
        return table

    def _file(self, path: Path, coded: tuple[str, ...]) -> pq.ParquetFile:
        """Give the open file of this thread."""
        files: OrderedDict[tuple[Path, tuple[str, ...]], pq.ParquetFile] | None
        files = getattr(self._local, "files", None)
        if files is None:
            files = self._local.files = OrderedDict()
        if (path, coded) not in files:
            if len(files) == _OPEN_FILES_PER_THREAD:
                files.popitem(last=False)[1].close()
            files[path, coded] = _opened(path, coded)
        files.move_to_end((path, coded))
        return files[path, coded]
