"""How a command ends: every failure becomes one message and one exit status, here alone."""

import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO

import click

from encours_jobs import logs
from encours_schemas.errors import EncoursError
from encours_schemas.status import ExitStatus

# Only a write can fail with these, whatever layer it happened in.
_WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


class Terminated(BaseException):
    """SIGTERM came: unwinds the run like an interrupt, so that staging is removed."""


@contextmanager
def termination_as_exception() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` in the main thread while the block runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(_number: int, _frame: FrameType | None) -> None:
        # Once is enough: a second signal must not break off the cleaning up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def exit_status_of(error: BaseException) -> ExitStatus:
    """Give the exit status that an exception ends a command with."""
    if isinstance(error, EncoursError):
        return error.exit_status
    if isinstance(error, KeyboardInterrupt):
        return ExitStatus.INTERRUPTED
    if isinstance(error, Terminated):
        return ExitStatus.TERMINATED
    if isinstance(error, OSError) and error.errno in _WRITE_ERRORS:
        return ExitStatus.OUTPUT_UNWRITABLE
    return ExitStatus.FAILED


def tell_failure(error: BaseException) -> int:
    """Log why a command ends, last line of the log, and give its exit status.

    Failures that somebody can act on give their message; anything else is a defect and gives
    its traceback. `SystemExit` keeps the status that it carries.
    """
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, BrokenPipeError):
        silence_stdout()
        return ExitStatus.FAILED
    status = exit_status_of(error)
    facts = {"exit_status": int(status)}
    if isinstance(error, EncoursError):
        logs.tell(logging.ERROR, "failed", str(error), {**facts, **_facts_of(error)})
    elif isinstance(error, KeyboardInterrupt | Terminated):
        logs.tell(logging.ERROR, "interrupted", "interrupted: nothing was published", facts)
    elif status is ExitStatus.OUTPUT_UNWRITABLE:
        logs.tell(logging.ERROR, "failed", f"the output cannot be written: {error}", facts)
    else:
        message = f"unexpected failure, please report it: {type(error).__name__}: {error}"
        logs.tell(logging.ERROR, "failed", message, facts, error=error)
    return status


def _facts_of(error: EncoursError) -> dict[str, str]:
    """Give the facts of an error that are not empty, for a log that machines read."""
    facts = {name: getattr(error, name) for name in ("what", "where", "found", "expected", "cure")}
    return {
        "error_type": type(error).__name__,
        **{name: fact for name, fact in facts.items() if fact},
    }


def emit(text: str) -> None:
    """Print a result to stdout, all of it now.

    Work is done before its result is printed, so a reader that has gone (`| head`) changes
    nothing: no message, and the exit status stays what the work deserves.
    """
    try:
        click.echo(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()


def emit_bytes(chunks: Iterable[bytes]) -> None:
    """Print a result piece by piece, byte for byte; a reader that has gone changes nothing."""
    stream: BinaryIO = sys.stdout.buffer
    try:
        stream.writelines(chunks)
        stream.flush()
    except BrokenPipeError:
        silence_stdout()


def silence_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush cannot fail."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError, AttributeError):
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)
