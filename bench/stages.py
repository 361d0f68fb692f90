"""How a stage is timed: on one core, in this process, as items per second."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pyarrow as pa
from pytest_benchmark.fixture import BenchmarkFixture

Result = TypeVar("Result")


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and Arrow, to one core."""
    allowed, threads = os.sched_getaffinity(0), pa.cpu_count()
    os.sched_setaffinity(0, sorted(allowed)[:1])
    pa.set_cpu_count(1)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
        pa.set_cpu_count(threads)


def time_stage(
    benchmark: BenchmarkFixture,
    stage: str,
    items: int,
    body: Callable[..., Result],
    *,
    setup: Callable[[], tuple[tuple[Any, ...], dict[str, Any]]] | None = None,
    rounds: int = 30,
) -> Result:
    """Time one stage over so many items; the table gives it per item and core."""
    benchmark.extra_info.update(stage=stage, items=items)
    with one_core():
        result: Result = benchmark.pedantic(  # type: ignore[no-untyped-call]
            body, setup=setup, rounds=rounds, warmup_rounds=2
        )
    return result
