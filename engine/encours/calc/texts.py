"""What texts hold, told from their bytes at once instead of text by text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable


def may_hold(texts: pa.Array, characters: Iterable[str]) -> bool:
    """Tell whether any text holds one of some ASCII characters.

    True also where only a text that is null does, or where the layout is not that of `string`: who
    asks must look closer then.
    """
    if texts.type != pa.string():
        return True
    held = _bytes_of(texts)
    return any(bool((held == ord(character)).any()) for character in characters)


def may_hold_control(texts: pa.Array) -> bool:
    """Tell whether any text holds a character below the blank; else as `may_hold`."""
    return texts.type != pa.string() or bool((_bytes_of(texts) < ord(" ")).any())


def _bytes_of(texts: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Give the bytes of all texts, one behind the other: uint8[b]."""
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return np.empty(0, np.uint8)
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]]
