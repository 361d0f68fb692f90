import os
import sys
from pathlib import Path

import pytest

from bench.measure import CommandError, measure_command

PARENT = """
import subprocess, sys
held = bytearray(80_000_000)
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
"""
CHILD = "import time; held = bytearray(120_000_000); time.sleep(0.5)"


def test_measure_command__adds_up_the_memory_of_the_process_tree(tmp_path: Path) -> None:
    ballast = bytearray(300_000_000)  # of this process: it must not count
    usage = measure_command([sys.executable, "-c", PARENT, CHILD], os.environ, tmp_path / "log")
    del ballast
    assert 200_000_000 < usage.peak_private_bytes < 280_000_000
    assert usage.peak_private_bytes <= usage.peak_memory_bytes < 300_000_000
    assert usage.cpu_seconds > 0
    assert usage.wall_seconds > 0.5


def test_measure_command__refuses_the_figures_of_a_failure(tmp_path: Path) -> None:
    code = "print('what went wrong', flush=True); raise SystemExit(3)"
    with pytest.raises(CommandError, match=r"(?s)ended with status 3:.*what went wrong"):
        measure_command([sys.executable, "-c", code], os.environ, tmp_path / "log")


def test_measure_command__keeps_to_the_cores_asked_for(tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)
    code = "import os; print(len(os.sched_getaffinity(0)))"
    log = tmp_path / "log"
    measure_command([sys.executable, "-c", code], os.environ, log, cores=1)
    assert log.read_text(encoding="utf-8").strip() == "1"
    assert os.sched_getaffinity(0) == allowed
