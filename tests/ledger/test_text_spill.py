"""Texts on the staging disk come back by partition, in the order of their labels."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from encours.ledger.text_spill import TextSpill

TEXTS = ["", "I1", "é", "\U0001f600\0", "x" * 5_000, "=1+1"]
PARTS = 4


@pytest.mark.parametrize("seed", range(20))
def test_text_spill__gives_back_what_was_parked(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    spill = TextSpill(tmp_path / "texts")
    expected: dict[int, list[str]] = {part: [] for part in range(PARTS)}
    blocks = []
    for label in range(draw.randrange(5)):
        counts = [draw.randrange(4) for _ in range(PARTS)]
        drawn = [[draw.choice(TEXTS) for _ in range(count)] for count in counts]
        for part in range(PARTS):
            expected[part] += drawn[part]
        blocks.append((10 * label, [text for own in drawn for text in own], counts))
    draw.shuffle(blocks)
    for label, own, counts in blocks:
        # A slice: its texts begin in the middle of the bytes.
        array = pa.array(["before", *own, "behind"]).slice(1, len(own))
        spill.append(label, array, np.cumsum([0, *counts]))
    for part, texts in expected.items():
        lengths = np.array([len(text.encode()) for text in texts], np.int32)
        found = spill.read(part, lengths)
        found.validate(full=True)
        assert found.to_pylist() == texts
    spill.close()
    assert not list(tmp_path.iterdir())


def test_text_spill__a_file_that_was_cut_is_noticed(tmp_path: Path) -> None:
    spill = TextSpill(tmp_path / "texts")
    spill.append(0, pa.array(["abc", "def"]), np.array([0, 2]))
    (tmp_path / "texts").write_bytes(b"abc")
    with pytest.raises(OSError, match="ended before its index said"):
        spill.read(0, np.array([3, 3], np.int32))


def test_text_spill__more_than_an_array_can_hold_is_refused(tmp_path: Path) -> None:
    spill = TextSpill(tmp_path / "texts")
    spill.append(0, pa.array(["abc"]), np.array([0, 1]))
    with pytest.raises(OverflowError, match="4,294,967,294 bytes"):
        spill.read(0, np.full(2, 2**31 - 1, np.int32))
