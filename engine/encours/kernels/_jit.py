"""The one place where Numba is configured.

Kernels are compiled lazily, without the global interpreter lock, and cached on disk. Numba does not
notice that a callee in another module changed (numba issue 1833: an upgraded wheel would go on with
the old machine code, and the old figures), so the cache folder is named after a digest of all
kernel sources. Cache files are pickles: the folder is private to its user.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel_sources_digest() -> str:
    """Give a short digest of every kernel source, in the order of their names."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def kernel_cache_directory() -> Path:
    """Name the folder of compiled kernels: `ENCOURS_KERNEL_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("ENCOURS_KERNEL_CACHE")
    if chosen:
        return Path(chosen) / kernel_sources_digest()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "encours" / "kernels" / kernel_sources_digest()


def _prepared_cache() -> bool:
    """Create the private cache folder and point Numba at it; False where none can be written."""
    try:
        directory = kernel_cache_directory()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
    except (OSError, RuntimeError):
        return False
    if not os.access(directory, os.W_OK) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        return False
    numba.config.CACHE_DIR = str(directory)  # type: ignore[attr-defined]
    return True


CACHE_IS_USABLE = _prepared_cache()


def kernel(function: Function) -> Function:
    """Compile `function` at its first call, cached on disk, releasing the interpreter lock."""
    compiled: Any = numba.njit(cache=CACHE_IS_USABLE, nogil=True)(function)
    return compiled
