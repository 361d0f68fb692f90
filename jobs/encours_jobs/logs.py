"""Log lines on stderr, each one line of text or one JSON object.

Every module logs through the standard `logging`; `tell` adds a stable dotted event name and
facts. No line carries customer names or values of rows: those stand in the quarantine only.
"""

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TextIO

LOGGER = logging.getLogger("encours_jobs")
OUR_LOGGERS = ("encours", "encours_jobs", "encours_schemas")


class LogFormat(StrEnum):
    """How a log line is written."""

    TEXT = "text"
    JSON = "json"


@dataclass
class _Choice:
    """What the command line said about logs, and the facts that every line carries."""

    format: LogFormat = LogFormat.TEXT
    bound: dict[str, object] = field(default_factory=dict)


class _Lines(logging.Formatter):
    """Writes a record in the chosen format."""

    def __init__(self, choice: _Choice) -> None:
        super().__init__()
        self.choice = choice

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        event = getattr(record, "event", "")
        facts = {**self.choice.bound, **getattr(record, "facts", {})}
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        if self.choice.format is LogFormat.JSON:
            line = {
                "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "level": record.levelname.lower(),
                "event": event or record.name,
                "message": record.getMessage(),
                **facts,
                **({"traceback": trace} if trace else {}),
            }
            return json.dumps(line, ensure_ascii=False, default=str)
        return _text_line(moment, record, trace)


def _text_line(moment: datetime, record: logging.LogRecord, trace: str) -> str:
    """Give one line for a person; further lines of a message are indented, so none is forged."""
    head = f"{moment:%Y-%m-%dT%H:%M:%SZ} {record.levelname.lower():<7}"
    message = "\n    ".join(_visible(line) for line in record.getMessage().splitlines())
    return f"{head} {message}" + (f"\n{trace.rstrip()}" if trace else "")


def _visible(text: str) -> str:
    """Escape what a terminal would obey instead of show (a file name may hold anything)."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


class _StderrHandler(logging.Handler):
    """Writes to whatever stderr is at the moment: a progress bar stands in front of it."""

    def emit(self, record: logging.LogRecord) -> None:
        stream: TextIO = sys.stderr
        try:
            stream.write(self.format(record) + "\n")
            stream.flush()
        except (OSError, ValueError):
            # The reader of our log has gone. The work goes on; the exit status tells the rest.
            return


def _is_for_the_log(record: logging.LogRecord) -> bool:
    """Keep our own lines; of libraries only warnings and errors."""
    return record.levelno >= logging.WARNING or record.name.split(".")[0] in OUR_LOGGERS


_CHOICE = _Choice()


@contextmanager
def installed() -> Iterator[None]:
    """Send logs and Python's warnings to stderr as text until `choose` says otherwise."""
    _CHOICE.format, _CHOICE.bound = LogFormat.TEXT, {}
    handler = _StderrHandler(logging.INFO)
    handler.setFormatter(_Lines(_CHOICE))
    handler.addFilter(_is_for_the_log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.setLevel(level)
        root.removeHandler(handler)


def choose(log_format: LogFormat, *, quiet: bool) -> None:
    """Set the format of the lines; when quiet, only warnings and errors are written."""
    _CHOICE.format = log_format
    logging.getLogger().setLevel(logging.WARNING if quiet else logging.INFO)


def bind(**facts: object) -> None:
    """Add facts to every further line in JSON: as-of date, run id."""
    _CHOICE.bound.update(facts)


def tell(
    level: int,
    event: str,
    message: str,
    facts: Mapping[str, object] = MappingProxyType({}),
    *,
    error: BaseException | None = None,
) -> None:
    """Log one event: a stable dotted name, a sentence, facts; with `error` its traceback."""
    LOGGER.log(level, "%s", message, exc_info=error, extra={"event": event, "facts": facts})
