"""Arrow tables parked on disk: back by partition, in the order of their labels."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from encours.ledger.table_spill import TableSpill

SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.string())])


def table(label: int, part: int, rows: int) -> pa.Table:
    """Give rows that tell where they belong; texts of any length."""
    texts = ["x" * (label * row % 3_000) for row in range(rows)]
    numbers = [label * 1_000_000 + part * 10_000 + row for row in range(rows)]
    return pa.table({"number": numbers, "text": texts}, SCHEMA)


def test_table_spill__reads_partitions_back_whatever_the_threads_did(tmp_path: Path) -> None:
    spill = TableSpill(tmp_path / "spill", SCHEMA)
    tasks = [(label, part, label * part % 7) for label in range(30) for part in range(4)]
    random.Random(1).shuffle(tasks)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda task: spill.append(task[0], task[1], table(*task)), tasks))
    for part in range(5):
        expected = pa.concat_tables(
            [SCHEMA.empty_table(), *(table(*task) for task in sorted(tasks) if task[1] == part)]
        )
        assert spill.read(part).equals(expected)
    spill.close()
    assert not (tmp_path / "spill").exists()


def test_table_spill__keeps_slices_apart(tmp_path: Path) -> None:
    spill = TableSpill(tmp_path / "spill", SCHEMA)
    whole = table(1, 1, 100)
    spill.append(0, 0, whole.slice(10, 5))
    assert spill.read(0).equals(whole.slice(10, 5))
    spill.close()


def test_table_spill__says_when_its_file_was_cut(tmp_path: Path) -> None:
    spill = TableSpill(tmp_path / "spill", SCHEMA)
    spill.append(0, 0, table(1, 1, 100))
    with (tmp_path / "spill").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(OSError, match="ended before its index"):
        spill.read(0)
    spill.close()


def test_table_spill__scatters_rows_in_their_order(tmp_path: Path) -> None:
    spill = TableSpill(tmp_path / "spill", compression="lz4")
    texts = pa.chunked_array(
        [pa.array(["b", None, "a"]).dictionary_encode(), pa.array(["c"]).dictionary_encode()]
    )
    given = pa.table({"number": [1, 2, 3, 4], "text": texts})
    spill.scatter(2, given, np.array([5, 0, 5, 0]))
    spill.scatter(1, given.slice(0, 2), np.array([0, 0]))
    spill.scatter(3, given.slice(0, 0), np.empty(0, np.int64))
    assert spill.parts() == [0, 5]
    assert spill.read(5).to_pylist() == [{"number": 1, "text": "b"}, {"number": 3, "text": "a"}]
    assert [row["number"] for row in spill.read(0).to_pylist()] == [1, 2, 2, 4]
    assert [row["text"] for row in spill.read(0).to_pylist()] == ["b", None, None, "c"]
    assert spill.read(0).column("text").num_chunks == 1
    spill.close()
