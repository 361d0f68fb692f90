"""What interest and compensation take of a run's CPU time, counted while the run goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

from encours.calc import items
from encours.passes import keys_pass, rows_pass, work_unit

COUNTED: Final = (
    (items, "_accrue"),  # inputs, kernels, conversion, minimum claim
    (work_unit, "find_candidates"),  # documents that could bear a compensation …
    (work_unit, "choose_bearers"),
    (work_unit, "compensate"),
    (rows_pass, "probe_documents"),  # … and those with items in several work units
    (keys_pass.KeysPass, "_spill_documents"),
)
"""Every function that a run without interest would not call."""


@dataclass
class Share:
    """CPU seconds: of the functions above, and of the process, all threads."""

    counted: float = 0.0
    process: float = 0.0
    by_name: dict[str, float] = field(default_factory=dict)

    @property
    def of_all(self) -> float:
        """Give the part of the process that was counted."""
        return self.counted / self.process


@contextmanager
def counting() -> Iterator[Share]:
    """Count while the block runs; each thread's own CPU time, so that waiting costs nothing."""
    share, lock = Share(), threading.Lock()
    originals = [(holder, name, getattr(holder, name)) for holder, name in COUNTED]

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*arguments: object) -> object:
            started = time.thread_time()
            try:
                return function(*arguments)
            finally:
                spent = time.thread_time() - started
                with lock:
                    share.counted += spent
                    share.by_name[name] = share.by_name.get(name, 0.0) + spent

        return timed

    for holder, name, function in originals:
        setattr(holder, name, counted(name, function))
    started = time.process_time()
    try:
        yield share
    finally:
        share.process = time.process_time() - started
        for holder, name, function in originals:
            setattr(holder, name, function)
