"""Memory that the passes free stays with the process: asking the system for it again is slow.

A run frees and needs the same few hundred megabytes for every work unit. Given back and asked for
again each time, every page is cleared by the system once more: a tenth of a run's CPU time.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Any, Final

import pyarrow as pa

_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
"""Parameters of `mallopt` in the GNU C library's malloc.h."""

_LARGEST_IN_HEAP: Final = 32 << 20
_KEPT_BYTES: Final = 1 << 30
_GROWTH_BYTES: Final = 16 << 20
_NEW_OBJECTS: Final = 50_000


def _c_library() -> Any:  # noqa: ANN401 - a foreign library has no type
    """Give the C library that the process runs on, None where it has no functions to be called."""
    try:
        return ctypes.CDLL(None)
    except OSError:
        return None


def keep_freed_memory() -> None:
    """Let the process keep what it frees, for NumPy and Arrow alike; for the owner of a process.

    All threads share one heap: the library gives an empty heap of another thread back at once.

    Another C library than GNU's has no such switch: there the run is only slower.
    """
    library = _c_library()
    if not hasattr(library, "mallopt"):
        return
    library.mallopt(_MMAP_THRESHOLD, _LARGEST_IN_HEAP)
    library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    library.mallopt(_TOP_PAD, _GROWTH_BYTES)
    library.mallopt(_ARENA_MAX, 1)
    pa.set_memory_pool(pa.system_memory_pool())


def collect_rarely() -> None:
    """Let Python look for cycles of objects after many more new ones; for the owner of a process.

    A run's memory lies in arrays, which are freed at once. Modules and the compiler make objects by
    the hundred thousand that stay, and each look goes through them again.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)


def give_memory_back() -> None:
    """Return free pages to the system: after a pass, before a stage of another shape."""
    pa.default_memory_pool().release_unused()
    library = _c_library()
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
