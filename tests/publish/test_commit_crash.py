"""A publication killed before any of its state-changing calls, in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tried(place: Path, scenario: str, *, every: int = 1, stacked: bool = False) -> tuple[int, str]:
    """Give the exit status of the enumeration and what it printed."""
    command = [sys.executable, "-m", "tests.publish.crash_points", scenario, str(place)]
    command += [str(every), "stacked" if stacked else "plain"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip() or done.stderr


@pytest.mark.parametrize(("scenario", "least"), [("first", 40), ("revision", 40)])
def test_commit__killed_at_every_point(place: Path, scenario: str, least: int) -> None:
    status, printed = tried(place, scenario)
    assert status == 0, printed
    assert int(printed) >= least


@pytest.mark.parametrize("scenario", ["first", "revision"])
def test_commit__killed_again_while_recovering(place: Path, scenario: str) -> None:
    status, printed = tried(place, scenario, every=4, stacked=True)
    assert status == 0, printed


@pytest.mark.parametrize("defect", ["defect: file by file", "defect: delete, then rename"])
def test_crash_points__catch_a_planted_defect(place: Path, defect: str) -> None:
    status, printed = tried(place, defect, every=3)
    assert status == 1
    assert "not whole" in printed
