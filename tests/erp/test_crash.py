"""Nights and approvals killed at any of their state-changing calls, in processes of their own."""

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from encours.publish import outbox
from encours.publish.hold_check import check_hold_files
from encours_schemas.errors import EncoursError
from tests.erp.nights import FIRST, Ledger, tell
from tests.publish.test_commit_errors import Faults

ROOT = Path(__file__).resolve().parents[2]


def tried(place: Path, scenario: str, every: int) -> tuple[int, str]:
    """Give the exit status of the enumeration and what it printed."""
    command = [sys.executable, "-m", "tests.erp.crash_points", scenario, str(place), str(every)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip() or done.stderr


@pytest.mark.parametrize(
    ("scenario", "every", "least"), [("approval", 1, 8), ("telling", 13, 60), ("revision", 17, 60)]
)
def test_chain__killed_at_any_point(place: Path, scenario: str, every: int, least: int) -> None:
    status, printed = tried(place, scenario, every)
    assert status == 0, printed
    assert int(printed) >= least


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["telling", "revision"])
def test_chain__killed_at_every_point(place: Path, scenario: str) -> None:
    status, printed = tried(place, scenario, 1)
    assert status == 0, printed


def test_crash_points__catch_a_planted_defect(place: Path) -> None:
    status, printed = tried(place, "defect: file by file", 1)
    assert status == 1
    assert "AssertionError" in printed


@pytest.mark.parametrize("kind", ["once", "persistent", "reply lost"])
def test_approval__tells_the_truth_when_storage_fails(
    place: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    model = place / "model"
    tell(model, FIRST, Ledger({("A", "ALL"): 1}), approve_first=False)
    faults = Faults(monkeypatch)
    for number in itertools.count(1):
        output = place / f"out-{number}"
        shutil.copytree(model, output)
        run = output / f"as_of={FIRST}"
        faults.arm(number, kind)
        status = 0
        try:
            outbox.approve(run, "A. Martin")
        except EncoursError as error:
            status = int(error.exit_status)
        reached = faults.count >= number
        faults.arm(0, kind)
        told = outbox.last_told(output) is not None
        assert status in {0, 73, 75, 79}
        assert told or status != 0
        assert not told or status != 73, f"call {number}: told, and said that it was not"
        assert outbox.approve(run, "A. Martin").already == told
        assert check_hold_files(run / "erp").problems == ()
        shutil.rmtree(output)
        if not reached:
            assert number > 8
            break
