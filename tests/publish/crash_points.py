"""Kill a publication before each of its state-changing calls, in turn, and look at what is left.

Run as a program, because it forks: `crash_points SCENARIO DIRECTORY EVERY plain|stacked`. Prints
the number of points tried; a broken promise ends it with a traceback that names the point.
"""

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from encours.publish import commit, files
from encours.publish.staging import Staging
from tests.publish.scenario import check_settled, content, publish, run_id_of, visible_run

KILLED = 137
Step = Callable[[Path], object]


def in_child(step: Callable[[], object]) -> int:
    """Run a step in a forked process; give its exit status."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a hanging trial is a failed one
        status = 1
        try:
            step()
            status = 0
        except BaseException:  # noqa: BLE001 - told by the exit status
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_before_call(number: int) -> None:
    """End the process, as kill -9 would, before the call of that number (from 1) of a primitive."""
    count = 0

    def deadly(primitive: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            nonlocal count
            count += 1
            if count == number:
                os._exit(KILLED)
            return primitive(*arguments)

        return call

    for name in files.PRIMITIVES:
        setattr(files, name, deadly(getattr(files, name)))


def killed_at(number: int, step: Step, output: Path) -> bool:
    """Run a step that dies before its call of that number; False when it came to its end."""

    def dying() -> None:
        die_before_call(number)
        step(output)

    status = in_child(dying)
    assert status in {0, KILLED}, status
    return status == KILLED


def first(output: Path) -> None:
    publish(output, "old")


def revision(output: Path) -> None:
    publish(output, "new", revise=True)


def publish_file_by_file(output: Path) -> None:
    """Publish in the way that the checks exist to catch: one file after the other."""

    def move_files(staging: Staging, target: Path, record: object) -> None:
        files.ensure_directory(target)
        for path in sorted(staging.directory.iterdir(), reverse=True):
            files.rename_no_replace(path, target / path.name)

    commit._make_visible = move_files
    publish(output, "old")


def publish_over_the_old_run(output: Path) -> None:
    """Replace a run without putting it aside first."""

    def replace(staging: Staging, target: Path, record: object) -> None:
        files.delete_tree(target)
        files.rename_no_replace(staging.directory, target)

    commit._make_visible = replace
    publish(output, "new", revise=True)


SCENARIOS: dict[str, tuple[list[Step], Step, list[str]]] = {
    "first": ([], first, ["old"]),
    "revision": ([first], revision, ["old", "new"]),
    "defect: file by file": ([], publish_file_by_file, ["old"]),
    "defect: delete, then rename": ([first], publish_over_the_old_run, ["old", "new"]),
}


def try_all(scenario: str, root: Path, every: int, stacked: bool) -> int:
    """Enumerate the points of a scenario; stacked: the rerun is killed as well, half-way."""
    prepared, step, variants = SCENARIOS[scenario]
    history = [run_id_of(variant) for variant in variants]
    whole = [*([None] if len(history) == 1 else []), *history]
    publish(root / "warm", "old")  # loads kernels once, for all children
    model, expected = root / "model", root / "expected"
    model.mkdir()
    for each in prepared:
        assert in_child(partial(each, model)) == 0
    shutil.copytree(model, expected)
    assert in_child(partial(step, expected)) == 0

    def check(output: Path, then: str) -> None:
        assert visible_run(output) in whole, "not whole"
        if then == "rerun":
            publish(output, variants[-1], revise=True)
            assert visible_run(output) == history[-1]
            check_settled(output, history)
            assert content(output / "as_of=2026-10-31") == content(expected / "as_of=2026-10-31")

    number = 1
    while True:
        output = root / f"point-{number}"
        shutil.copytree(model, output)
        if not killed_at(number, step, output):
            return number - 1
        if stacked:
            assert in_child(partial(check, output, "kill")) == 0, f"{scenario}, point {number}"
            killed_at(number // 2 + 1, step, output)
        assert in_child(partial(check, output, "rerun")) == 0, f"{scenario}, point {number}"
        shutil.rmtree(output)
        number += every


if __name__ == "__main__":
    name, directory, every, stacked = sys.argv[1:]
    print(try_all(name, Path(directory), int(every), stacked == "stacked"))  # noqa: T201
