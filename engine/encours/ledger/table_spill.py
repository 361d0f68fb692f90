"""Arrow tables parked in the staging directory, partitioned; texts of any length included."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from encours.ledger.scratch import new_scratch_file, read_at, write_at

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class TableSpill:
    """An append-only file of tables of one schema, in partitions.

    Any thread appends. A partition is read back in the order of its tables' labels, so what is read
    does not depend on who wrote first.

    schema       rows are cast to it; None: all tables have the same
    compression  of the file, as Arrow names it; None: rows are read again sooner than it pays
    """

    path: Path
    schema: pa.Schema | None = None
    compression: str | None = None
    _pieces: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)
    _length: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Create the file; it must not exist."""
        self._descriptor = new_scratch_file(self.path)

    def append(self, label: int, part: int, rows: pa.Table | pa.RecordBatch) -> None:
        """Write rows of a partition; the label is unique within it and decides the order."""
        if not rows.num_rows:
            return
        if self.schema is not None and rows.schema != self.schema:
            rows = rows.cast(self.schema)
        data = self._stream(rows)
        with self._lock:
            position = self._length
            self._length += data.size
            self._pieces.setdefault(part, {})[label] = (position, data.size)
        write_at(self._descriptor, memoryview(data), position)

    def scatter(self, label: int, rows: pa.Table, part: Array) -> None:
        """Write rows, each to its partition (int64[n]), in their order within it."""
        if not rows.num_rows:
            return
        order = np.argsort(part, kind="stable")
        parts, starts = np.unique(part[order], return_index=True)
        if len(parts) > 1:
            rows = rows.take(pa.array(order))
        ends = [*starts[1:].tolist(), rows.num_rows]
        for one, start, end in zip(parts.tolist(), starts.tolist(), ends, strict=True):
            self.append(label, one, rows.slice(start, end - start))

    def parts(self) -> list[int]:
        """Give the partitions that have rows, in order."""
        return sorted(self._pieces)

    def read(self, part: int) -> pa.Table:
        """Give all rows of one partition, in one chunk per column."""
        pieces = self._pieces.get(part, {})
        streams = (pa.ipc.open_stream(self._read(*pieces[label])) for label in sorted(pieces))
        nothing = [] if self.schema is None else [self.schema.empty_table()]
        return pa.concat_tables([*nothing, *(one.read_all() for one in streams)]).combine_chunks()

    def _stream(self, rows: pa.Table | pa.RecordBatch) -> pa.Buffer:
        """Give rows as bytes that tell their own schema and dictionaries."""
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression=self.compression, use_threads=False)
        with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
            writer.write(rows)
        return sink.getvalue()

    def _read(self, position: int, size: int) -> pa.Buffer:
        """Read `size` bytes at `position`."""
        data = bytearray(size)
        read_at(self._descriptor, memoryview(data), position)
        return pa.py_buffer(data)

    def close(self) -> None:
        """Close the file and give its disk space back."""
        os.close(self._descriptor)
        self.path.unlink()
