"""Records parked on disk: back in the order of their labels, whoever wrote first."""

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encours.passes.spill import MemoryBudget, ParkedColumn, Spill

Array = np.ndarray[Any, np.dtype[Any]]

RECORD = np.dtype([("key", np.uint64), ("day", np.int32), ("code", np.int32), ("milli", np.int64)])
PARTS = 5


@pytest.fixture
def spill(tmp_path: Path) -> Iterator[Spill]:
    made = Spill(tmp_path / "spill", RECORD, PARTS)
    yield made
    if made.path.exists():
        made.close()


def block(chance: random.Random, label: int, count: int) -> tuple[Array, Array]:
    """Give records that tell their label and row, and a partition for each, -1 for some."""
    records = np.zeros(count, RECORD)
    records["key"] = 2**64 - 1 - np.arange(count, dtype=np.uint64)
    records["day"] = -label
    records["milli"] = -(2**63) + np.arange(count)
    parts = [chance.randrange(-1, PARTS) for _ in range(count)]
    return records, np.array(parts, np.int32)


@pytest.mark.parametrize("kept_bytes", [0, 2_000, 1 << 20])
@pytest.mark.parametrize("seed", range(8))
def test_spill__reads_partitions_back_whatever_the_threads_did(
    spill: Spill, seed: int, kept_bytes: int
) -> None:
    chance = random.Random(seed)
    spill.kept = MemoryBudget(kept_bytes)
    labels = chance.sample(range(1_000), 40)
    blocks = {label: block(chance, label, chance.choice([0, 1, 7, 90])) for label in labels}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda label: spill.append(label, *blocks[label]), labels))
    for part in range(PARTS):
        pieces = {label: records[own == part] for label, (records, own) in blocks.items()}
        expected = np.concatenate([pieces[label] for label in sorted(pieces)])
        found, found_labels = spill.read_labelled(part)
        assert found.dtype == RECORD
        assert (found == expected).all()
        assert found_labels.tolist() == [
            label for label in sorted(pieces) for _ in range(len(pieces[label]))
        ]
        assert (spill.read(part) == expected).all()


def test_spill__writes_nothing_of_what_it_may_keep(spill: Spill) -> None:
    records, parts = block(random.Random(5), 1, 40)
    spill.kept = MemoryBudget(records.nbytes)
    spill.append(1, records, parts)
    assert spill.path.stat().st_size == 0
    spill.append(2, records, parts)
    assert spill.path.stat().st_size == int((parts >= 0).sum()) * RECORD.itemsize


def test_spill__may_be_read_by_many_threads_at_once(spill: Spill) -> None:
    chance = random.Random(1)
    for label in range(20):
        spill.append(label, *block(chance, label, 50))
    alone = [spill.read(part) for part in range(PARTS)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(spill.read, list(range(PARTS)) * 8))
    assert all((found == alone[at % PARTS]).all() for at, found in enumerate(together))


def test_spill__of_nothing_gives_nothing(spill: Spill) -> None:
    assert len(spill.read(0)) == 0
    spill.append(0, np.zeros(0, RECORD), np.zeros(0, np.int32))
    spill.append(1, np.zeros(3, RECORD), np.full(3, -1, np.int32))
    records, labels = spill.read_labelled(PARTS - 1)
    assert (records.dtype, len(records), len(labels)) == (RECORD, 0, 0)


def test_spill__keeps_on_where_the_system_writes_and_reads_in_pieces(
    spill: Spill, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite, preadv = os.pwrite, os.preadv
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:11], at))
    monkeypatch.setattr(os, "preadv", lambda fd, views, at: preadv(fd, [views[0][:7]], at))
    records, parts = block(random.Random(4), 3, 30)
    spill.append(3, records, parts)
    for part in range(PARTS):
        assert (spill.read(part) == records[parts == part]).all()


def test_spill__says_when_its_file_was_cut_off(spill: Spill) -> None:
    spill.append(0, np.zeros(4, RECORD), np.zeros(4, np.int32))
    os.truncate(spill.path, 3 * RECORD.itemsize)
    with pytest.raises(OSError, match="ended before its index said"):
        spill.read(0)


def test_spill__is_private_new_and_gone_after_closing(spill: Spill) -> None:
    assert spill.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        Spill(spill.path, RECORD, PARTS)
    spill.close()
    assert not spill.path.exists()


def test_parked_column__gives_rows_back_whatever_the_order_of_writing(tmp_path: Path) -> None:
    values = np.arange(-50, 950, dtype=np.int32)
    column = ParkedColumn(tmp_path / "column", np.int32)
    for first in (600, 0, 250):
        last = {600: 1_000, 0: 250, 250: 600}[first]
        column.write(first, values[first:last])
    assert column.read(0, 1_000).tolist() == values.tolist()
    assert column.read(240, 20).tolist() == values[240:260].tolist()
    assert column.read(1_000, 0).tolist() == []
    with pytest.raises(OSError, match="ended before"):
        column.read(999, 2)
    column.close()
    assert not (tmp_path / "column").exists()
