"""Rows on the staging disk, in partitions by the hash of a key: equal keys meet in one."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.ledger.decode import hash_column
from encours.ledger.files import refusing_broken
from encours_schemas.errors import ControlFailed, OutputUnwritable

Array = np.ndarray[Any, np.dtype[Any]]

PARTITION_ROWS = 1_000_000
"""Rows that a partition is meant to have at most: it is worked on in memory."""
_PARTITIONS_MAX = 512


def partitions_for(rows: int) -> int:
    """Give how many partitions so many rows take; it depends on nothing else."""
    return min(max(-(-rows // PARTITION_ROWS), 1), _PARTITIONS_MAX)


def fits_in_memory(rows: int) -> bool:
    """Tell whether so many rows are worked on without going through the disk."""
    return rows <= PARTITION_ROWS


def partition_of(keys: pa.Array, count: int) -> Array:
    """Give the partition of each key: int64[n]; a missing key is the empty text."""
    if count == 1:
        return np.zeros(len(keys), np.int64)
    first, _ = hash_column(keys)
    return (first % np.uint64(count)).astype(np.int64)


class Spill:
    """Rows of one schema in partitions; rows come back in the order in which they were given."""

    def __init__(self, place: Path, count: int) -> None:
        """Take the beginning of the names of the partitions' files."""
        self._place, self.count = place, count
        self._writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
        self._sinks: list[Any] = []
        self.rows = 0
        self._read = 0

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files, and delete them."""
        self.delete()

    def delete(self) -> None:
        """Close the files, and delete them."""
        self.finish()
        for number in range(self.count):
            self._path(number).unlink(missing_ok=True)

    def append(self, table: pa.Table, partition: Array) -> None:
        """Add rows: partition is int64[n]. Raises OutputUnwritable when there is no room."""
        self.rows += table.num_rows
        try:
            for number in np.unique(partition).tolist():
                rows = table
                if self.count > 1:
                    rows = table.take(pa.array(np.flatnonzero(partition == number)))
                self._writer(number, table.schema).write_table(rows.combine_chunks())
        except OSError as error:
            raise OutputUnwritable(
                what="a staged part of the input cannot be written",
                where=str(self._place.parent),
                found=error.strerror or str(error),
                cure="make room: joins and clearings take about as much as the rows they read",
            ) from error

    def finish(self) -> None:
        """Close the files; they can be read now."""
        for writer in self._writers.values():
            writer.close()
        for sink in self._sinks:
            sink.close()
        self._writers.clear()
        self._sinks.clear()

    def read(self, number: int) -> pa.Table | None:
        """Give the rows of a partition; None when it has none."""
        path = self._path(number)
        if not path.exists():
            return None
        with refusing_broken(path.name), pa.OSFile(str(path)) as source:
            table = pa.ipc.open_stream(source).read_all().combine_chunks()
        self._read += table.num_rows
        return table

    def require_all_read(self) -> None:
        """Raise ControlFailed when not every row that was put down came back, or one twice."""
        if self._read != self.rows:
            raise ControlFailed(
                what="rows were lost on the staging disk",
                where=self._place.name,
                found=f"{self._read} read",
                expected=f"{self.rows} written",
                cure="check the disk of the output",
            )

    def _path(self, number: int) -> Path:
        return self._place.with_name(f"{self._place.name}-p{number:03d}.arrow")

    def _writer(self, number: int, schema: pa.Schema) -> pa.ipc.RecordBatchStreamWriter:
        if number not in self._writers:
            path = self._path(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            sink = pa.OSFile(str(path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
            self._sinks.append(sink)
            self._writers[number] = pa.ipc.new_stream(sink, schema, options=options)
        return self._writers[number]


def key_of(arrays: list[pa.Array]) -> pa.Array:
    """Give one text per row for several columns; a missing value is a value of its own."""
    parts = []
    for array in arrays:
        text = array.cast(pa.string())
        marked = pc.binary_join_element_wise(pa.scalar("="), text, "")
        parts.append(pc.fill_null(marked, "-"))
    if len(parts) == 1:
        return parts[0]
    escaped = [pc.replace_substring_regex(part, r"([/\\])", r"\\\1") for part in parts]
    return pc.binary_join_element_wise(*escaped, "/")
