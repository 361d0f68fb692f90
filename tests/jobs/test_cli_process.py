"""The command as a process: signals, closed pipes, and what it imports."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

WAITING_ENGINE = """
import sys, time
import encours

def wait(*_, progress, **__):
    try:
        progress.note("waiting")
        time.sleep(60)
    finally:
        progress.note("cleaned.up")

encours.run = wait
from encours_jobs.cli import main
main(["run", "--ledger", "x", "--as-of", "2026-10-31", "--out", "y"])
"""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["term", "int"]
)
def test_signal__unwinds_the_run_and_ends_with_its_status(
    number: signal.Signals, status: int
) -> None:
    command = [sys.executable, "-c", WAITING_ENGINE]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "waiting" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(20) == status
        rest = process.stderr.read().splitlines()
    assert "cleaned.up" in rest[0]
    assert "interrupted: nothing was published" in rest[-1]


def test_closed_pipe__is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from encours_jobs.cli import main; main(['schema'])"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=30)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is full is Linux's own")
def test_full_disk__behind_stdout_is_told() -> None:
    command = [sys.executable, "-c", "from encours_jobs.cli import main; main(['schema'])"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=30)
    assert done.returncode == 73
    assert b"No space left on device" in done.stderr


def test_help__imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from encours_jobs.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'encours', 'numpy', 'numba', 'pyarrow', 'polars', 'pydantic', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    for arguments in (["--help"], ["run", "--help"], ["generate", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
        assert done.stderr == "[]\n"


def test_unprintable_path__is_shown_escaped(tmp_path: Path) -> None:
    name = os.fsdecode(b"run-\xff")
    command = [
        sys.executable, "-c", "import sys; from encours_jobs.cli import main; main(sys.argv[1:])",
        "runs", "--out", str(tmp_path / name),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    assert b"UnicodeEncodeError" not in done.stderr
