"""Ids that the keys pass parks for items that may be insured."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from encours.ledger.checking import ABSENT, UNLISTED
from encours.passes.insured_ids import InsuredIds

IS_INSURED = np.array([False, True, True])


def _unit(number: int) -> Any:
    return SimpleNamespace(number=number)


def _parked(folder: Path, codes: list[int], ids: pa.ChunkedArray) -> InsuredIds:
    parked = InsuredIds(folder / "ids", IS_INSURED, 2)
    parked.park(_unit(1), np.array(codes, np.int32), ids)
    return parked


def test_of_unit__gives_the_ids_of_wanted_rows(tmp_path: Path) -> None:
    codes = np.array([0, 1, ABSENT, 2, 1], np.int32)
    parked = _parked(tmp_path, codes.tolist(), pa.chunked_array([["a", "b"], ["c", "d", "é"]]))
    found = parked.of_unit(_unit(1), codes, np.array([False, True, False, False, True]))
    assert found is not None
    assert found.rows.tolist() == [1, 3, 4]
    assert found.of_rows(np.array([1, 4])).to_pylist() == ["b", "é"]
    parked.close()
    assert not list(tmp_path.iterdir())


def test_of_unit__takes_ids_kept_as_a_dictionary(tmp_path: Path) -> None:
    codes = np.array([1, 0, 2], np.int32)
    texts = pa.array(["x", "y", "x"]).dictionary_encode()
    parked = _parked(tmp_path, codes.tolist(), pa.chunked_array([texts]))
    found = parked.of_unit(_unit(1), codes, np.array([True, False, True]))
    assert found is not None
    assert found.of_rows(np.array([0, 2])).to_pylist() == ["x", "x"]
    parked.close()


def test_of_unit__has_nothing_where_a_wanted_row_is_of_another_customer(tmp_path: Path) -> None:
    codes = np.array([0, 1], np.int32)
    parked = _parked(tmp_path, codes.tolist(), pa.chunked_array([["a", "b"]]))
    assert parked.of_unit(_unit(1), codes, np.array([True, True])) is None
    parked.close()


def test_of_unit__has_nothing_of_units_that_were_not_parked(tmp_path: Path) -> None:
    codes = np.array([0, UNLISTED], np.int32)
    parked = _parked(tmp_path, codes.tolist(), pa.chunked_array([["a", "b"]]))
    nothing = np.array([False, False])
    assert parked.of_unit(_unit(1), codes, nothing) is None
    assert parked.of_unit(_unit(0), codes, nothing) is None
    parked.close()


def test_of_unit__may_be_without_a_row(tmp_path: Path) -> None:
    codes = np.array([0, 0], np.int32)
    parked = _parked(tmp_path, codes.tolist(), pa.chunked_array([["a", "b"]]))
    found = parked.of_unit(_unit(1), codes, np.array([False, False]))
    assert found is not None
    assert len(found.rows) == len(found.item_id) == 0
    parked.close()
