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
from encours.ledger.table_spill import TableSpill
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
    """Rows of one schema in partitions; rows come back in the order in which they were given.

    One thread gives them; any may read.
    """

    def __init__(self, place: Path, count: int) -> None:
        """Open the file of so many partitions; its name begins with that of `place`."""
        path = place.with_name(f"{place.name}.spill")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.count = count
        self._file = TableSpill(path, compression="lz4")
        self._given = 0
        self._rows = 0
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
        """Delete the file."""
        self.close()

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def append(self, table: pa.Table, partition: Array) -> None:
        """Add rows: partition is int64[n]. Raises OutputUnwritable when there is no room."""
        self._given += 1
        self._rows += table.num_rows
        try:
            self._file.scatter(self._given, table, partition)
        except OSError as error:
            raise OutputUnwritable(
                what="a staged part of the input cannot be written",
                where=str(self._file.path.parent),
                found=error.strerror or str(error),
                cure="make room: joins and clearings take about as much as the rows they read",
            ) from error

    def read(self, number: int) -> pa.Table | None:
        """Give the rows of a partition; None when it has none."""
        if number not in self._file.parts():
            return None
        with refusing_broken(self._file.path.name):
            table = self._file.read(number)
        self._read += table.num_rows
        return table

    def require_all_read(self) -> None:
        """Raise ControlFailed when not every row that was put down came back, or one twice."""
        if self._read != self._rows:
            raise ControlFailed(
                what="rows were lost on the staging disk",
                where=self._file.path.name,
                found=f"{self._read} read",
                expected=f"{self._rows} written",
                cure="check the disk of the output",
            )


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
