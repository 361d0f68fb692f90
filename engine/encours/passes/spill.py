"""Fixed-width records parked in the staging directory, partitioned, outside the memory budget."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from encours.kernels.keys import partition_rows
from encours.ledger.scratch import new_scratch_file, read_at, write_at

WORD_BYTES = 8
Records = np.ndarray[Any, np.dtype[Any]]


class MemoryBudget:
    """Bytes that spills may keep instead of writing them: shared, and bounded for any ledger."""

    def __init__(self, size: int) -> None:
        """Start with `size` bytes to give away."""
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take `size` bytes if there are so many left; they are not given back."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True


@dataclass
class Spill:
    """An append-only file of records, whole words of 64 bits each, in partitions.

    Blocks are appended by any thread, each sorted by partition. A partition is read back as its
    pieces in the order of the blocks' labels, so what is read does not depend on who wrote first.

    kept  blocks within this budget stay in memory: the passes need as much later anyway, whereas
          pages of a new file have to be found and cleared
    """

    path: Path
    dtype: np.dtype[Any]
    part_count: int
    kept: MemoryBudget | None = None
    _blocks: dict[int, Records] = field(default_factory=dict)
    _pieces: dict[int, tuple[int, Records]] = field(default_factory=dict)
    _length: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Create the file; it must not exist."""
        self._descriptor = new_scratch_file(self.path)

    def append(self, label: int, records: Records, part: Records) -> None:
        """Write one block, its records ordered by partition.

        label    int        unique, decides the order on reading
        records  record[n]
        part     int32[n]   0 .. part_count - 1; negative leaves the record out
        """
        words = self.dtype.itemsize // WORD_BYTES
        start = np.empty(self.part_count + 1, np.int64)
        ordered = np.empty((len(records), words), np.uint64)
        partition_rows(part, records.view(np.uint64).reshape(-1, words), start, ordered)
        block = ordered[: start[-1]]
        if self.kept is not None and self.kept.take(ordered.nbytes):
            with self._lock:
                self._blocks[label] = block
                self._pieces[label] = (0, start)
            return
        with self._lock:
            position = self._length
            self._length += len(block)
            self._pieces[label] = (position, start)
        _write_all(self._descriptor, block, position * self.dtype.itemsize)

    def read(self, part: int) -> Records:
        """Give all records of one partition: record[n]."""
        return self._read_pieces(self._pieces_of(part))

    def read_labelled(self, part: int) -> tuple[Records, Records]:
        """Give all records of one partition, and the label of each: record[n], int64[n]."""
        pieces = self._pieces_of(part)
        labels = [label for label, _, _ in pieces]
        return self._read_pieces(pieces), np.repeat(
            np.array(labels, np.int64), [count for _, _, count in pieces]
        )

    def _pieces_of(self, part: int) -> list[tuple[int, int, int]]:
        """List the pieces of a partition: label, position in records, count."""
        pieces = []
        for label in sorted(self._pieces):
            position, start = self._pieces[label]
            if start[part + 1] > start[part]:
                count = int(start[part + 1] - start[part])
                pieces.append((label, position + int(start[part]), count))
        return pieces

    def _read_pieces(self, pieces: list[tuple[int, int, int]]) -> Records:
        """Read pieces one behind the other: record[n]."""
        records = np.empty(sum(count for _, _, count in pieces), self.dtype)
        filled = 0
        for label, position, count in pieces:
            piece = records[filled : filled + count]
            block = self._blocks.get(label)
            if block is None:
                _read_all(self._descriptor, piece, position * self.dtype.itemsize)
            else:
                words = piece.view(np.uint64).reshape(count, -1)
                words[:] = block[position : position + count]
            filled += count
        return records

    def close(self) -> None:
        """Close the file and give its disk space, and what was kept in memory, back."""
        self._blocks.clear()
        os.close(self._descriptor)
        self.path.unlink()


class ParkedColumn:
    """One number per row of a table, parked in the staging directory by the row's ordinal."""

    def __init__(self, path: Path, dtype: type[np.generic]) -> None:
        """Create the file; it must not exist."""
        self._path, self._dtype = path, np.dtype(dtype)
        self._descriptor = new_scratch_file(path)

    def write(self, first_ordinal: int, values: Records) -> None:
        """Park the values of consecutive rows; any thread may, each row once."""
        block = values.astype(self._dtype, copy=False)
        _write_all(self._descriptor, block, first_ordinal * self._dtype.itemsize)

    def read(self, first_ordinal: int, count: int) -> Records:
        """Give the values of consecutive rows back."""
        values = np.empty(count, self._dtype)
        _read_all(self._descriptor, values, first_ordinal * self._dtype.itemsize)
        return values

    def close(self) -> None:
        """Close the file and give its disk space back."""
        os.close(self._descriptor)
        self._path.unlink()


def _write_all(descriptor: int, block: Records, offset: int) -> None:
    """Write the bytes of `block` at `offset`."""
    view = np.ascontiguousarray(block).view(np.uint8).reshape(-1).data
    write_at(descriptor, memoryview(view), offset)


def _read_all(descriptor: int, piece: Records, offset: int) -> None:
    """Fill `piece` from `offset`."""
    read_at(descriptor, memoryview(piece.view(np.uint8).reshape(-1).data), offset)
