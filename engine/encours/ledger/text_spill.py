"""Texts parked in the staging directory, partitioned: their bytes alone."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from encours.ledger.buffers import as_text
from encours.ledger.scratch import new_scratch_file, read_at, write_at

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class TextSpill:
    """An append-only file of texts, in partitions; who reads them knows how long each is.

    Any thread appends. A partition is read back in the order of its texts' labels, so what is read
    does not depend on who wrote first.
    """

    path: Path
    _pieces: dict[int, tuple[int, Array]] = field(default_factory=dict)
    _length: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Create the file; it must not exist."""
        self._descriptor = new_scratch_file(self.path)

    def append(self, label: int, texts: pa.Array, start: Array) -> None:
        """Write texts, partition by partition.

        label  unique, decides the order on reading
        texts  string[n]  none of them null
        start  int64[parts + 1]  those of partition p: start[p] .. start[p + 1] - 1
        """
        text = as_text(texts)
        bounds = text.offsets[start].astype(np.int64)
        data = text.data.data[bounds[0] : bounds[-1]]
        with self._lock:
            position = self._length
            self._length += len(data)
            self._pieces[label] = (position, bounds - bounds[0])
        write_at(self._descriptor, data, position)

    def read(self, part: int, lengths: Array) -> pa.Array:
        """Give the texts of one partition: string[n], cut by their lengths, int32[n].

        Raises OverflowError where they are more than an array of texts can hold, 2 GiB.
        """
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, dtype=np.int64, out=offsets[1:])
        if offsets[-1] >= 1 << 31:
            msg = f"the texts of a partition have {offsets[-1]:,} bytes, more than 2 GiB"
            raise OverflowError(msg)
        data = bytearray(int(offsets[-1]))
        view, filled = memoryview(data), 0
        for label in sorted(self._pieces):
            position, bounds = self._pieces[label]
            first, end = int(bounds[part]), int(bounds[part + 1])
            read_at(self._descriptor, view[filled : filled + end - first], position + first)
            filled += end - first
        buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.string(), len(lengths), buffers)

    def close(self) -> None:
        """Close the file and give its disk space back."""
        os.close(self._descriptor)
        self.path.unlink()
