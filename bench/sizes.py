"""Ledgers to measure with: generated once with a fixed seed into `build/bench/`, then reused."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from encours_jobs.synthetic import generate_ledger
from encours_schemas.errors import OutputUnwritable

ROOT: Final = Path(__file__).resolve().parents[1]
BUILD: Final = ROOT / "build" / "bench"
AS_OF: Final = date(2026, 10, 31)
SEED: Final = 1


@dataclass(frozen=True)
class Size:
    """A size of ledger: its marker, and how many open items it has."""

    marker: str
    items: int

    def __str__(self) -> str:
        return f"{self.items:,}"


TINY: Final = Size("small", 1_000)
SMALL: Final = Size("small", 100_000)
MEDIUM: Final = Size("medium", 1_000_000)
LARGE: Final = Size("large", 10_000_000)
LARGEST: Final = Size("large", 30_000_000)
"""Measured with `--largest` only: its ledger takes about 1 GB of disk, and so do its outputs."""


def parameters(kind: str, *sizes: Size) -> list[Any]:
    """Give sizes as parameters of a benchmark that is a `gate` or `informational`."""
    return [
        pytest.param(
            size,
            marks=(getattr(pytest.mark, size.marker), getattr(pytest.mark, kind)),
            id=str(size),
        )
        for size in sizes
    ]


@cache
def ledger_directory(size: Size, file_format: str = "parquet") -> Path:
    """Give the ledger of a size, generated if it is not there.

    Its name holds a digest of the generator's sources: another generator makes another ledger, and
    the one that it replaces is deleted.
    """
    ledgers = BUILD / "ledgers"
    kind = f"{file_format}-{size.items}-seed{SEED}"
    directory = ledgers / f"{kind}-{_generator_digest()}"
    if not directory.is_dir():
        ledgers.mkdir(parents=True, exist_ok=True)
        for stale in ledgers.glob(f"{kind}-*"):
            shutil.rmtree(stale, ignore_errors=True)
        try:
            generate_ledger(directory, size.items, SEED, AS_OF, file_format=file_format)
        except OutputUnwritable:
            # Another session generated the same ledger meanwhile.
            if not directory.is_dir():
                raise
    return directory


LIMIT_TABLES: Final = ("credit_limits", "default_limits", "policies", "overrides", "erp_holds")
"""What a ledger lacks whose owner gives no limits: all limit rules are off then."""


@cache
def unlimited_directory(size: Size) -> Path:
    """Give the ledger of a size without the tables of limits: the same files, linked."""
    whole = ledger_directory(size)
    directory = whole.with_name(f"{whole.name}-unlimited")
    if not directory.is_dir():
        left_out = shutil.ignore_patterns(*(f"{name}*" for name in LIMIT_TABLES))
        shutil.copytree(whole, directory, copy_function=os.link, ignore=left_out)
    return directory


@cache
def _generator_digest() -> str:
    """Give a short digest of the sources that decide what a ledger holds."""
    digest = hashlib.sha256()
    for source in sorted((ROOT / "jobs" / "encours_jobs" / "synthetic").glob("*.py")):
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:8]
