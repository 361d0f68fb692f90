"""What a glance at a text column tells: sound, or for Arrow to judge."""

import numpy as np
import pyarrow as pa
import pytest

from encours.ledger.buffers import is_sound


def forged(offsets: list[int], data: bytes) -> pa.Array:
    """Give a text array of buffers that need not fit one another."""
    bounds = pa.py_buffer(np.array(offsets, np.int32))
    return pa.StringArray.from_buffers(len(offsets) - 1, bounds, pa.py_buffer(data))


def coded(positions: list[int | None], texts: pa.Array) -> pa.Array:
    """Give a dictionary array whose positions are not looked at."""
    return pa.DictionaryArray.from_arrays(pa.array(positions, pa.int32()), texts, safe=False)


TEXTS = pa.array(["a", None, "", "xyz"])


@pytest.mark.parametrize(
    "array",
    [
        TEXTS,
        TEXTS.slice(2),
        TEXTS.slice(4),
        pa.array([], pa.string()),
        pa.nulls(3, pa.string()),
        coded([0, 3, None, 0], TEXTS),
        coded([], TEXTS),
        forged([0, 1, 1, 3], b"abc"),
    ],
)
def test_is_sound__of_plain_ascii(array: pa.Array) -> None:
    assert is_sound(array)
    array.validate(full=True)


@pytest.mark.parametrize(
    "array",
    [
        forged([0, 2, 1, 3], b"abc"),
        forged([0, 9, 1, 3], b"abc"),
        forged([0, -1, 1, 3], b"abc"),
        forged([0, 1, 3], b"a\xff\xfe"),
        forged([0, 4, 3], b"abc"),
        coded([0, 4], TEXTS),
        coded([0, -1], TEXTS),
        coded([0], forged([0, 1], b"\xff")),
    ],
)
def test_is_sound__of_nothing_that_arrow_refuses(array: pa.Array) -> None:
    assert not is_sound(array)
    with pytest.raises(pa.ArrowInvalid):
        array.validate(full=True)


def test_is_sound__leaves_other_alphabets_and_layouts_to_arrow() -> None:
    for array in (
        pa.array(["Größe"]),
        pa.array(["a"], pa.large_string()),
        pa.array(["Größe"]).dictionary_encode(),
        pa.nulls(2, pa.dictionary(pa.int32(), pa.string())),
    ):
        assert not is_sound(array)
        array.validate(full=True)
