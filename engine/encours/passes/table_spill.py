"""Tables parked in the staging directory by partition, outside the memory budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from pathlib import Path

Array = np.ndarray[Any, np.dtype[Any]]


class TableSpill:
    """Tables of one schema in partitions; a single partition stays in memory.

    One thread appends; what is read of a partition is in the order in which it was appended. The
    files go with the staging directory.
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema, part_count: int) -> None:
        """Open the files of all partitions."""
        self._schema, self._part_count = schema, part_count
        self._memory: list[pa.Table] = []
        self._paths = [folder / f"{name}-{part:04d}.arrow" for part in range(part_count)]
        self._writers = []
        if part_count > 1:
            self._writers = [pa.ipc.new_stream(str(path), schema) for path in self._paths]

    def append(self, table: pa.Table, part: Array) -> None:
        """Append rows, each to its partition: int64[n] of 0 .. part_count - 1."""
        if not self._writers:
            self._memory.append(table)
            return
        order = np.argsort(part, kind="stable")
        ends = np.cumsum(np.bincount(part, minlength=self._part_count))
        ordered = table.take(pa.array(order))
        start = 0
        for number, end in enumerate(ends.tolist()):
            if end > start:
                self._writers[number].write_table(ordered.slice(start, end - start))
            start = end

    def finish(self) -> None:
        """Write out what was appended; nothing is appended any more."""
        for writer in self._writers:
            writer.close()

    def read(self, part: int) -> pa.Table:
        """Give the rows of a partition, as one chunk."""
        tables = self._memory
        if self._writers:
            with pa.OSFile(str(self._paths[part])) as file:
                tables = [pa.ipc.open_stream(file).read_all()]
        return pa.concat_tables([self._schema.empty_table(), *tables]).combine_chunks()
