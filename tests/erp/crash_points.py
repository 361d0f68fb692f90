"""Kill a night or an approval before each of its state-changing calls, and replay the chain.

Run as a program, because it forks: `crash_points SCENARIO DIRECTORY EVERY`. Prints the number of
points tried; a broken promise ends it with a traceback that names the point.
"""

import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from encours.publish import files, outbox, records
from encours.publish.hold_check import check_hold_files
from encours.publish.manifest import read_manifest
from encours.publish.runs import verify_run
from tests.erp.nights import FIRST, Holds, Key, Ledger, changes_of, picture_of, take_in, tell
from tests.publish.crash_points import in_child, killed_at

A, B, C = ("A", "ALL"), ("B", "ALL"), ("C", "EU")
Step = Callable[[Path], object]


def night(
    day: int, holds: Holds, output: Path, *, revise: bool = False, waits: bool = False
) -> None:
    others = tuple(key for key in (A, B, C) if key not in holds)
    tell(
        output, FIRST + timedelta(day), Ledger(holds, others),
        revise=revise, approve_first=not waits,
    )  # fmt: skip


def approve_first_night(output: Path) -> None:
    outbox.approve(output / f"as_of={FIRST}", "A. Martin")


def approve_by_copying(output: Path) -> None:
    """Approve in the way that the checks exist to catch: one file after the other."""
    run = output / f"as_of={FIRST}"
    waiting = records.outbox(output) / read_manifest(run)["run_id"] / "erp"
    files.ensure_directory(run / "erp")
    for path in sorted(waiting.iterdir()):
        files.rename_no_replace(path, run / "erp" / path.name)


FIRST_NIGHT = partial(night, 0, {A: 1})
SCENARIOS: dict[str, tuple[list[Step], Step, Step]] = {
    "telling": ([FIRST_NIGHT], partial(night, 1, {B: 1}), partial(night, 1, {B: 1})),
    "revision": (
        [FIRST_NIGHT, partial(night, 1, {B: 1})],
        partial(night, 1, {A: 3, C: 1}, revise=True),
        partial(night, 1, {A: 3, C: 1}, revise=True),
    ),
    "approval": ([partial(night, 0, {A: 1}, waits=True)], approve_first_night, approve_first_night),
    "defect: file by file": (
        [partial(night, 0, {A: 1}, waits=True)], approve_by_copying, approve_first_night,
    ),
}  # fmt: skip


def directory_of(output: Path, entry: outbox.Entry) -> Path:
    """Give where the files of a told run are: its date's directory, or among the replaced ones."""
    run = records.published_directory(output, entry.as_of)
    if run.exists() and read_manifest(run)["run_id"] == entry.run_id:
        return run
    return output / records.STATE / "superseded" / entry.run_id


def replay(output: Path) -> dict[Key, int]:
    """Take in the changes of the whole chain, from its start; give what an ERP holds then."""
    chain: list[outbox.Entry] = []
    told = outbox.last_told(output)
    while told is not None:
        chain.insert(0, told.entry)
        told = outbox.told_by(output, told.entry.follows)
    state: dict[Key, int] = {}
    last = ""
    for entry in chain:
        run = directory_of(output, entry)
        check = check_hold_files(run / "erp", last_run=last)
        assert check.problems == (), check.problems
        assert check.run_id == entry.run_id
        take_in(state, changes_of(run))
        last = entry.run_id
    return state


def check_whole(output: Path) -> None:
    """Assert that what a consumer can see now is whole: all files of a run, or none."""
    for run in output.glob("as_of=*"):
        assert verify_run(run) == [], run
        if (run / "erp").exists():
            assert check_hold_files(run / "erp").problems == ()


def check_rerun(step: Step, output: Path) -> None:
    check_whole(output)
    step(output)
    check_whole(output)
    last = outbox.last_told(output)
    assert last is not None
    assert replay(output) == picture_of(directory_of(output, last.entry))


def check_next_night(output: Path) -> None:
    """Go on with the next night at once: nothing is lost, nothing is told twice."""
    night(9, {C: 2, B: 1}, output)
    check_whole(output)
    assert replay(output) == {C: 2, B: 1}


def try_all(scenario: str, root: Path, every: int) -> int:
    prepared, step, again = SCENARIOS[scenario]
    model = root / "model"
    model.mkdir()
    for each in prepared:
        assert in_child(partial(each, model)) == 0
    number = 1
    while True:
        output, other = root / f"point-{number}", root / f"next-{number}"
        shutil.copytree(model, output)
        if not killed_at(number, step, output):
            return number - 1
        shutil.copytree(output, other)
        point = f"{scenario}, point {number}"
        assert in_child(partial(check_rerun, again, output)) == 0, point
        assert in_child(partial(check_next_night, other)) == 0, point
        shutil.rmtree(output)
        shutil.rmtree(other)
        number += every


if __name__ == "__main__":
    name, directory, every = sys.argv[1:]
    print(try_all(name, Path(directory), int(every)))  # noqa: T201
