"""Work units on all cores, results in the order of the units, few of them under way at once."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Task = TypeVar("Task")
Result = TypeVar("Result")
First = TypeVar("First")
Second = TypeVar("Second")

WAITING_PER_THREAD = 1
"""Finished or queued tasks beyond those being worked on, so that memory stays bounded."""


def run_in_order(
    function: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Iterator[Result]:
    """Give `function(task)` for every task in order, worked on by `threads` threads.

    The first exception ends it; tasks that wait are dropped. Kernels and Arrow release the
    interpreter lock, so threads are enough.
    """
    if threads == 1:
        yield from map(function, tasks)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="encours")
    under_way: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            under_way.append(pool.submit(function, task))
            if len(under_way) > threads * (1 + WAITING_PER_THREAD):
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def side_by_side(
    first: Callable[[], First], second: Callable[[], Second], threads: int
) -> tuple[First, Second]:
    """Take two steps of which neither reads what the other makes; the first failure ends both.

    Each may use `threads` threads itself: worth it where both are on one thread for much of it.
    """
    if threads == 1:
        return first(), second()
    with ThreadPoolExecutor(1, thread_name_prefix="encours") as pool:
        other = pool.submit(second)
        return first(), other.result()


class Ahead(Generic[Result]):
    """A step on a thread of its own, taken while others go on that need it later."""

    def __init__(self, step: Callable[[], Result], threads: int) -> None:
        """Start it; where all is to run on one thread, take it at once."""
        self._future: Future[Result] = Future()
        if threads == 1:
            self._future.set_result(step())
            return
        pool = ThreadPoolExecutor(1, thread_name_prefix="encours")
        self._future = pool.submit(step)
        pool.shutdown(wait=False)

    def result(self) -> Result:
        """Wait for the result, or raise what the step raised; any thread may call this."""
        return self._future.result()
