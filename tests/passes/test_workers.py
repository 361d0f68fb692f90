"""Tasks on several threads: results in order, few under way, the first failure ends it."""

import threading
import time
from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest

from encours.passes.workers import WAITING_PER_THREAD, Ahead, run_in_order, side_by_side

THREADS = [1, 2, 3, 8]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_run_in_order__gives_results_in_the_order_of_tasks(threads: int, count: int) -> None:
    def work(task: int) -> int:
        time.sleep(Random(task).random() / 500)
        return task * task

    assert list(run_in_order(work, range(count), threads)) == [n * n for n in range(count)]


@pytest.mark.parametrize("threads", THREADS)
def test_run_in_order__starts_few_tasks_ahead_of_what_is_taken(threads: int) -> None:
    drawn, taken, most = 0, 0, 0

    def tasks() -> Iterator[int]:
        nonlocal drawn, most
        for task in range(60):
            drawn += 1
            most = max(most, drawn - taken)
            yield task

    for _ in run_in_order(lambda task: task, tasks(), threads):
        taken += 1
        time.sleep(0.0005)
    assert taken == 60
    assert most <= threads * (1 + WAITING_PER_THREAD) + 1


@pytest.mark.parametrize("threads", [2, 4])
def test_run_in_order__works_on_so_many_tasks_at_once(threads: int) -> None:
    everyone = threading.Barrier(threads, timeout=20)
    lock, busy, most = threading.Lock(), 0, 0

    def work(task: int) -> int:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        everyone.wait()
        with lock:
            busy -= 1
        return task

    assert list(run_in_order(work, range(3 * threads), threads)) == list(range(3 * threads))
    assert most == threads


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("failing", [0, 5, 19])
def test_run_in_order__ends_with_the_first_failure(threads: int, failing: int) -> None:
    done: list[int] = []

    def work(task: int) -> int:
        if task >= failing:
            msg = f"task {task}"
            raise ValueError(msg)
        done.append(task)
        return task

    results: list[int] = []
    before = threading.active_count()
    with pytest.raises(ValueError, match=f"^task {failing}$"):
        results.extend(run_in_order(work, range(20), threads))
    assert results == list(range(failing))[: len(results)]
    assert sorted(done) == list(range(failing))
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", THREADS)
def test_run_in_order__fails_with_the_source_of_its_tasks(threads: int) -> None:
    def tasks() -> Iterator[int]:
        yield 1
        msg = "no more"
        raise OSError(msg)

    with pytest.raises(OSError, match="no more"):
        list(run_in_order(lambda task: task, tasks(), threads))


@pytest.mark.parametrize("threads", [2, 4])
def test_run_in_order__drops_what_waits_when_nobody_listens_any_more(threads: int) -> None:
    begun: list[int] = []

    def work(task: int) -> int:
        begun.append(task)
        return task

    before = threading.active_count()
    results = run_in_order(work, range(1_000), threads)
    assert list(islice(results, 3)) == [0, 1, 2]
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert len(begun) <= 3 + threads * (1 + WAITING_PER_THREAD) + 1


@pytest.mark.parametrize("threads", [2, 4])
def test_run_in_order__lets_keyboard_interrupts_through(threads: int) -> None:
    def work(task: int) -> int:
        if task == 3:
            raise KeyboardInterrupt
        return task

    with pytest.raises(KeyboardInterrupt):
        list(run_in_order(work, range(10), threads))


@pytest.mark.parametrize("threads", [1, 2])
def test_side_by_side__gives_what_both_steps_give(threads: int) -> None:
    seen: list[str] = []
    assert side_by_side(lambda: 1, lambda: seen.append("second"), threads) == (1, None)
    assert seen == ["second"]


def test_side_by_side__takes_both_steps_at_once() -> None:
    meeting = threading.Barrier(2, timeout=20)
    places = side_by_side(meeting.wait, meeting.wait, 2)
    assert sorted(places) == [0, 1]


@pytest.mark.parametrize("threads", [1, 2])
def test_side_by_side__raises_the_failure_of_either_step(threads: int) -> None:
    def fail() -> None:
        raise OSError("no more")

    def succeed() -> None:
        """Give nothing, as the other one would."""

    before = threading.active_count()
    for first, second in ((fail, succeed), (succeed, fail), (fail, fail)):
        with pytest.raises(OSError, match="no more"):
            side_by_side(first, second, threads)
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 2])
def test_ahead__gives_its_result_to_all_who_ask(threads: int) -> None:
    step = Ahead(lambda: 7, threads)
    assert [step.result(), step.result()] == [7, 7]


def test_ahead__lets_others_go_on_meanwhile() -> None:
    may_end = threading.Event()
    step = Ahead(lambda: may_end.wait(60), 2)
    may_end.set()
    assert step.result()


def test_ahead__raises_the_failure_of_its_step_where_it_is_asked_for() -> None:
    def fail() -> int:
        raise ValueError

    step = Ahead(fail, 2)
    for _ in range(2):
        with pytest.raises(ValueError):
            step.result()
