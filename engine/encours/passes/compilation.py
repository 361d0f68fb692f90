"""The compiling of the first run ever: whether it lies ahead, and a process that does its share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encours.kernels._jit import CACHE_IS_USABLE, HAS_COMPILER, kernel_cache_directory
from encours.kernels._recording import begin_recording, compile_recorded

if TYPE_CHECKING:
    from collections.abc import Callable


def has_no_kernels() -> bool:
    """Tell whether no compiled kernel lies on disk, so that a run waits for the compiler."""
    directory = kernel_cache_directory()
    return not directory.is_dir() or not any(directory.rglob("*.nbc"))


def can_be_shared() -> bool:
    """Tell whether kernels that another process compiles would be of use to a run of this one."""
    return HAS_COMPILER and CACHE_IS_USABLE and has_no_kernels()


def compile_from_the_back(job: Callable[[], object], is_wanted: Callable[[], bool]) -> None:
    """Compile what a job calls, the last kernel first; for a process that does nothing else.

    job        a small one, worked on by kernels that are not compiled yet
    is_wanted  asked before each kernel

    A run that starts at the same time compiles from the front. Where the two meet, each finds the
    kernels of the other on disk.
    """
    begin_recording()
    job()
    for _ in compile_recorded():
        if not is_wanted():
            return
