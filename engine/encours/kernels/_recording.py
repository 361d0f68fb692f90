"""Kernels called as plain Python that remember their types, so that they can be compiled later.

A process that only compiles does not wait for one kernel before it knows what the next is called
with: it takes a small job through interpreted kernels, then compiles what that job called.
"""

import threading
from collections.abc import Iterator
from typing import Any


class RecordedKernel:
    """A kernel that Python calls interpreted, and that compiled kernels call compiled."""

    def __init__(self, compiled: Any, calls: dict[tuple[Any, Any], None]) -> None:
        """Stand in for a Numba function; `calls` takes it with the types it is called with."""
        self._compiled, self._calls = compiled, calls
        self._numba_type_ = compiled._numba_type_  # what Numba takes this object for

    def __call__(self, *arguments: Any) -> Any:
        """Run the Python code, and note the types of a call that comes from outside of kernels."""
        if getattr(_under_way, "in_kernel", False):
            return self._compiled.py_func(*arguments)
        types = tuple(self._compiled.typeof_pyval(one) for one in arguments)
        self._calls.setdefault((self._compiled, types))
        _under_way.in_kernel = True
        try:
            return self._compiled.py_func(*arguments)
        finally:
            _under_way.in_kernel = False


_under_way = threading.local()
_calls: dict[tuple[Any, Any], None] | None = None


def begin_recording() -> None:
    """Let every kernel be recorded that is defined from now on."""
    global _calls  # noqa: PLW0603 - kernels are module globals, so is how they are made
    _calls = {}


def recorded(compiled: Any) -> Any:
    """Give a Numba function, or its stand-in where kernels are recorded."""
    return compiled if _calls is None else RecordedKernel(compiled, _calls)


def compile_recorded() -> Iterator[None]:
    """Compile what was called, the last kernel first, one at each step."""
    for compiled, types in reversed(_calls or {}):
        compiled.compile(types)
        yield
