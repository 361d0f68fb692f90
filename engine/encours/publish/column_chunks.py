"""Columns of a row group as Parquet stores them: compressed pages, and facts for the footer.

Numbers of fields are those of parquet.thrift (apache/parquet-format).
"""

import zlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa

from encours.ledger.buffers import EMPTY_BYTES
from encours.publish.column_pages import (
    BOOLEAN,
    BYTE_ARRAY,
    INT32,
    INT64,
    PLAIN,
    RLE,
    RLE_DICTIONARY,
    Array,
    Page,
    entries_of,
    pages_of,
    stored_type_of,
)
from encours.publish.thrift import Struct

_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_SNAPPY: Final = 1
_CODEC: Final = pa.Codec("snappy")
_LONGEST_BOUND: Final = 4_096


class Chunk(NamedTuple):
    """A column of a row group.

    pieces      what stands in the file, in this order
    size        bytes of the pieces
    plain_size  bytes of the pieces, were they not compressed
    metadata    the chunk's ColumnMetaData
    """

    pieces: list[Any]
    size: int
    plain_size: int
    metadata: Struct


def encode_chunk(column: pa.Array, field: pa.Field, start: int, *, with_statistics: bool) -> Chunk:
    """Encode a column of a row group, which is to stand at byte `start` of its file.

    column  at least one row, of a type that `stored_type` knows
    field   its name, and whether it may be null
    """
    stack = _Stack()
    is_coded = pa.types.is_dictionary(column.type)
    encoding = RLE_DICTIONARY if is_coded else stored_type_of(column.type).encoding
    if is_coded:
        entries = column.dictionary
        head = Struct().i32(1, len(entries)).i32(2, PLAIN).truth(3, value=False)
        stack.add(_DICTIONARY_PAGE, entries_of(entries), head)
    data_start = start + stack.size
    pages = []
    for page in pages_of(column, is_nullable=field.nullable):
        statistics = _statistics([page], column.type) if with_statistics else Struct()
        head = Struct().i32(1, page.rows).i32(2, encoding).i32(3, RLE).i32(4, RLE)
        stack.add(_DATA_PAGE, page.body, head.struct(5, statistics))
        pages.append(page._replace(body=EMPTY_BYTES))  # what counts of it is on the stack
    metadata = (
        Struct()
        .i32(1, stored_type_of(column.type).physical)
        .i32_list(2, [PLAIN, RLE, encoding] if is_coded else [RLE, encoding])
        .binary_list(3, [field.name.encode()])
        .i32(4, _SNAPPY)
        .i64(5, len(column))
        .i64(6, stack.plain_size)
        .i64(7, stack.size)
        .i64(9, data_start)
    )
    if is_coded:
        metadata.i64(11, start)
    if with_statistics:
        metadata.struct(12, _statistics(pages, column.type))
    counts = [(_DICTIONARY_PAGE, PLAIN, 1)] * is_coded + [(_DATA_PAGE, encoding, len(pages))]
    metadata.struct_list(13, [Struct().i32(1, a).i32(2, b).i32(3, c) for a, b, c in counts])
    _add_sizes(metadata, pages, field, column.type)
    return Chunk(stack.pieces, stack.size, stack.plain_size, metadata)


class _Stack:
    """Compressed pages, one behind the other."""

    def __init__(self) -> None:
        self.pieces: list[Any] = []
        self.size = self.plain_size = 0

    def add(self, kind: int, body: Array, head: Struct) -> None:
        """Compress a page and add it after its PageHeader."""
        squeezed = _CODEC.compress(pa.py_buffer(body))
        checksum = zlib.crc32(squeezed)
        header = (
            Struct()
            .i32(1, kind)
            .i32(2, len(body))
            .i32(3, squeezed.size)
            .i32(4, checksum - (checksum >> 31 << 32))
            .struct(5 if kind == _DATA_PAGE else 7, head)
            .done()
        )
        self.pieces += [header, squeezed]
        self.size += len(header) + squeezed.size
        self.plain_size += len(header) + len(body)


def _statistics(pages: Sequence[Page], kind: pa.DataType) -> Struct:
    """Give the Statistics of pages: nulls, and the exact bounds; texts are ordered by their bytes.

    A bound too long to be of use to readers is left out. Numbers have theirs twice, for readers
    from before 2017.
    """
    physical = stored_type_of(kind).physical
    nulls = sum(page.rows - page.present for page in pages)
    known = [page.bounds for page in pages if page.bounds is not None]
    greatest = [_plain(max(high for _, high in known), physical)] if known else []
    least = [_plain(min(low for low, _ in known), physical)] if known else []
    bounds = [(5, value) for value in greatest if len(value) <= _LONGEST_BOUND]
    bounds += [(6, value) for value in least if len(value) <= _LONGEST_BOUND]
    statistics = Struct()
    if physical != BYTE_ARRAY:
        for number, value in bounds:
            statistics.binary(number - 4, value)
    statistics.i64(3, nulls)
    for number, value in bounds:
        statistics.binary(number, value)
    for number, _ in bounds:
        statistics.truth(number + 2, value=True)
    return statistics


_PLAIN_BYTES: Final = {BOOLEAN: 1, INT32: 4, INT64: 8}


def _plain(value: int | bytes, physical: int) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.to_bytes(_PLAIN_BYTES[physical], "little", signed=True)


def _add_sizes(metadata: Struct, pages: Sequence[Page], field: pa.Field, kind: pa.DataType) -> None:
    """Add SizeStatistics: bytes of texts, and how many rows are null and how many are not."""
    is_text = stored_type_of(kind).physical == BYTE_ARRAY
    if not is_text and not field.nullable:
        return
    sizes = Struct()
    if is_text:
        sizes.i64(1, sum(page.text_bytes for page in pages))
    present = sum(page.present for page in pages)
    nulls = sum(page.rows for page in pages) - present
    levels = [nulls, present] if field.nullable else []
    metadata.struct(16, sizes.i64_list(2, []).i64_list(3, levels))
