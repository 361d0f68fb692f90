"""Outputs for the tests of publication: in memory where there is such a place, fsync being slow."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Give an empty directory."""
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        yield tmp_path
        return
    directory = Path(tempfile.mkdtemp(prefix="encours-test-", dir=MEMORY))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def output(place: Path) -> Path:
    """Name an output that does not exist yet."""
    return place / "out"
