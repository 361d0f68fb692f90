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
from numba.core.caching import FunctionCache

from encours.kernels._recording import recorded

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
HAS_COMPILER = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]


class _CheckedCache(FunctionCache):
    """Kernels on disk, of which none is taken for another.

    Two processes that compile one function at once, for other types each, may give both the same
    file: Numba's index then names machine code of the wrong types. Such code counts as missing.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Give the kernel of these types, None when it has yet to be compiled."""
        found: Any = super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        return found if found is not None and found.signature.args == tuple(sig) else None


def kernel(function: Function) -> Function:
    """Compile `function` at its first call, cached on disk, releasing the interpreter lock."""
    # No C function beside the one for Python: nobody calls a kernel through a pointer.
    options: dict[str, Any] = {"nogil": True, "no_cfunc_wrapper": True}
    compiled: Any = numba.njit(**options)(function)
    if CACHE_IS_USABLE and HAS_COMPILER:
        compiled._cache = _CheckedCache(function)  # noqa: SLF001 - as `cache=True` sets it
    return recorded(compiled)
