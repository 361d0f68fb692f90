"""Arrow tables parked in the staging directory, partitioned; texts of any length included."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa


@dataclass
class BatchSpill:
    """An append-only file of record batches of one schema, in partitions.

    Any thread appends. A partition is read back in the order of its batches' labels, so what is
    read does not depend on who wrote first.
    """

    path: Path
    schema: pa.Schema
    _pieces: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)
    _length: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Create the file; it must not exist."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)

    def append(self, label: int, part: int, rows: pa.Table | pa.RecordBatch) -> None:
        """Write rows of a partition; the label is unique within it and decides the order."""
        if not rows.num_rows:
            return
        if rows.schema != self.schema:
            rows = rows.cast(self.schema)
        [batch] = rows.combine_chunks().to_batches() if isinstance(rows, pa.Table) else [rows]
        data = batch.serialize()
        with self._lock:
            position = self._length
            self._length += data.size
            self._pieces.setdefault(part, {})[label] = (position, data.size)
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, position)
            view, position = view[written:], position + written

    def parts(self) -> list[int]:
        """Give the partitions that have rows, in order."""
        return sorted(self._pieces)

    def read(self, part: int) -> pa.Table:
        """Give all rows of one partition."""
        pieces = self._pieces.get(part, {})
        batches = [
            pa.ipc.read_record_batch(self._read(*pieces[label]), self.schema)
            for label in sorted(pieces)
        ]
        return pa.Table.from_batches(batches, self.schema).combine_chunks()

    def _read(self, position: int, size: int) -> pa.Buffer:
        """Read `size` bytes at `position`."""
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = os.preadv(self._descriptor, [view], position)
            if not count:
                msg = "the spill file ended before its index said"
                raise OSError(msg)
            view, position = view[count:], position + count
        return pa.py_buffer(data)

    def close(self) -> None:
        """Close the file and give its disk space back."""
        os.close(self._descriptor)
        self.path.unlink()
