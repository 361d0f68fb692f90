"""Nights and approvals killed at any of their state-changing calls, in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

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
