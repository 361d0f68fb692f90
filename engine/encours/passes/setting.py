"""What all steps of one run share: what was asked for, whom to tell, what was found wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from encours.ledger.quarantine import Quarantine

if TYPE_CHECKING:
    from encours.passes.erp_files import Chain
    from encours.passes.progress import Progress
    from encours_schemas.configuration import Configuration
    from encours_schemas.scenario import Scenario

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class RunOptions:
    """What the caller chose besides the configuration."""

    threads: int
    revise: bool = False
    require_tie_out: bool = False
    extract_date: date | None = None
    chunk_rows: int | None = None
    approve_first: bool = False
    without_memory: bool = False
    scenario: Scenario | None = None
    memory_of: Path | None = None


@dataclass
class Clock:
    """Wall seconds per stage; they decide nothing and stand outside every digest."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure one stage."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - started, 3)


class Identity(NamedTuple):
    """Which run this is, and where it stands in the chain of hold files."""

    run_id: str
    chain: Chain


@dataclass(frozen=True)
class Setting:
    """One run for one as-of date.

    quarantine  takes the rows that are refused, from every step
    """

    as_of: date
    configuration: Configuration
    options: RunOptions
    progress: Progress
    quarantine: Quarantine = field(default_factory=Quarantine)
    clock: Clock = field(default_factory=Clock)

    @property
    def as_of_day(self) -> int:
        """Days from 1970-01-01 to the as-of date."""
        return (self.as_of - EPOCH).days

    @property
    def extract_day(self) -> int:
        """Day that the extract's open amounts speak of."""
        return ((self.options.extract_date or self.as_of) - EPOCH).days

    @property
    def threads(self) -> int:
        """Work units computed at once."""
        return self.options.threads


def default_threads() -> int:
    """Give the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))
