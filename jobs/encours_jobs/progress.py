"""What a run shows while it works: a bar on a terminal, heartbeat lines under a scheduler."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from encours_jobs import logs
from encours_jobs.logs import LogFormat
from encours_jobs.options import Voice
from encours_schemas.errors import ConfigurationWrong

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

HEARTBEAT_VARIABLE = "ENCOURS_HEARTBEAT_SECONDS"
HEARTBEAT_SECONDS = 10

_SENTENCES = {
    "kernels.compiling": (
        "compiling kernels: only the very first run of a version does this, some 15 seconds"
    ),
    "quarantine.kept": "{rows:,} rows stand in the quarantine: {path}",
    "run.already_published": "this very run is published already",
}
"""Events with a sentence of their own; others are told by name and facts, or by `message`."""
_WARNINGS = {"run.warning", "quarantine.kept"}


class Listener(Protocol):
    """The engine's progress protocol, with a beginning and an end."""

    def start_stage(self, name: str, rows: int | None) -> None:
        """Begin a stage of so many rows (None: unknown)."""

    def advance(self, rows: int) -> None:
        """Add rows to the stage under way; any thread may call it."""

    def finish_stage(self) -> None:
        """End the stage under way."""

    def note(self, event: str, **fields: object) -> None:
        """Tell one event, by a stable dotted name."""


@contextmanager
def listener(voice: Voice) -> Iterator[Listener]:
    """Give the listener that suits stderr, and stop it at the end, whatever happened."""
    if voice.log_format is LogFormat.TEXT and not voice.quiet and _stderr_is_a_terminal():
        with Bar() as bar:
            yield bar
        return
    with Heartbeat(heartbeat_seconds()) as heartbeat:
        yield heartbeat


def heartbeat_seconds() -> int:
    """Give the seconds between heartbeat lines: `ENCOURS_HEARTBEAT_SECONDS`, else 10."""
    text = os.environ.get(HEARTBEAT_VARIABLE, "").strip()
    if not text:
        return HEARTBEAT_SECONDS
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 5 and int(text) > 0):
        raise ConfigurationWrong(
            what="the time between heartbeat lines is wrong",
            where=f"environment variable {HEARTBEAT_VARIABLE}",
            found=repr(text),
            expected="whole seconds, at least 1",
        )
    return int(text)


def _stderr_is_a_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}


@dataclass
class _Stage:
    """A stage under way. `first_second` is a reading of the listener's clock."""

    name: str
    rows: int | None
    first_second: float
    done: int = 0


class _StageEnds:
    """What both listeners do: log the end of a stage, and events."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stage: _Stage | None = None

    def _begin(self, name: str, rows: int | None) -> None:
        with self._lock:
            self._stage = _Stage(name, rows, self._clock())

    def _add(self, rows: int) -> None:
        with self._lock:
            if self._stage is not None:
                self._stage.done += rows

    def _end(self) -> None:
        with self._lock:
            stage, self._stage = self._stage, None
        if stage is not None:
            self._tell("stage.finished", "finished", stage)

    def _tell(self, event: str, verb: str, stage: _Stage) -> None:
        seconds = max(self._clock() - stage.first_second, 1e-3)
        facts: dict[str, object] = {"stage": stage.name, "seconds": round(seconds, 1)}
        message = f"{stage.name}: {verb}, {seconds:.1f} s"
        if stage.done:
            rate = round(stage.done / seconds)
            of_all = f" of {stage.rows:,}" if stage.rows and event == "heartbeat" else ""
            message += f", {stage.done:,}{of_all} rows, {rate:,} rows/s"
            facts |= {"rows": stage.done, "rows_per_second": rate}
            if stage.rows and event == "heartbeat":
                left = round(max(stage.rows - stage.done, 0) / max(rate, 1))
                message += f", about {left:,} s left"
                facts |= {"rows_expected": stage.rows, "seconds_left": left}
        logs.tell(logging.INFO, event, message, facts)

    def note(self, event: str, **fields: object) -> None:
        """Log one event: with a sentence where there is one, else by its name and facts."""
        level = logging.WARNING if event in _WARNINGS else logging.INFO
        logs.tell(level, event, _sentence(event, fields), fields)


def _sentence(event: str, fields: dict[str, object]) -> str:
    """Give what an event says to a person; takes its `message` out of the fields."""
    message = str(fields.pop("message", ""))
    if message:
        return message
    try:
        return _SENTENCES[event].format(**fields)
    except (KeyError, ValueError):  # no sentence, or not the facts for it
        return " ".join([event, *(f"{name}={fact}" for name, fact in fields.items())])


class Heartbeat(_StageEnds):
    """One log line every so many seconds and at each end of a stage.

    Schedulers take a silent job for a hanging one; lines end with a line feed, never with a
    carriage return.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the seconds between two lines, and the clock that stages are timed with."""
        super().__init__(clock)
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat_on(self) -> None:
        while not self._stopped.wait(self._seconds):
            self.beat()

    def beat(self) -> None:
        """Write the line of this moment; outside of stages there is nothing to tell."""
        with self._lock:
            stage = None if self._stage is None else _Stage(**vars(self._stage))
        if stage is not None:
            self._tell("heartbeat", "under way", stage)

    def start_stage(self, name: str, rows: int | None) -> None:
        """Begin a stage of so many rows (None: unknown)."""
        self._begin(name, rows)

    def advance(self, rows: int) -> None:
        """Add rows to the stage under way; any thread may call it."""
        self._add(rows)

    def finish_stage(self) -> None:
        """End the stage under way, with a line."""
        self._end()


class Bar(_StageEnds):
    """A bar per stage on the terminal, which disappears when the stage ends with its line."""

    def __init__(self) -> None:
        """Prepare the display; it begins with the first stage."""
        super().__init__()
        self._display: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._display is not None:
            self._display.stop()

    def start_stage(self, name: str, rows: int | None) -> None:
        """Begin a stage of so many rows (None: unknown)."""
        self._begin(name, rows)
        if self._display is None:
            self._display = _display()
            self._display.start()
        self._task = self._display.add_task(name, total=rows)

    def advance(self, rows: int) -> None:
        """Add rows to the stage under way; any thread may call it."""
        self._add(rows)
        display, task = self._display, self._task
        if display is not None and task is not None:
            display.advance(task, rows)

    def finish_stage(self) -> None:
        """End the stage under way, with a line."""
        display, task = self._display, self._task
        self._task = None
        if display is not None and task is not None:
            display.remove_task(task)
        self._end()


def _display() -> "RichProgress":
    """Give rich's display: stage, bar, share, rows and rows per second, time left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rows(ProgressColumn):
        """Rows done and rows per second, which rich itself counts as steps."""

        def render(self, task: Task) -> Text:
            speed = f"  {task.speed:,.0f} rows/s" if task.speed else ""
            return Text(f"{task.completed:,.0f} rows{speed}")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        Rows(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
