"""The exit statuses of every command: the conventions of sysexits.h, and a few of our own."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitStatus(IntEnum):
    """What a command tells its scheduler. On anything but 0 this run published nothing."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INPUT_REFUSED = 65
    INPUT_MISSING = 66
    CONTROL_FAILED = 70
    OUTPUT_UNWRITABLE = 73
    BUSY = 75
    CONFIGURATION_WRONG = 78
    PUBLICATION_UNKNOWN = 79
    INTERRUPTED = 130
    TERMINATED = 143


STATUS_MEANING: Final[dict[ExitStatus, str]] = {
    ExitStatus.DONE: (
        "Done and published. Breaches found are a result, not a failure; so is a breaker that "
        "waits for approval, which the last log line and the manifest say."
    ),
    ExitStatus.FAILED: "Unexpected failure: a defect of the program. The log has the traceback.",
    ExitStatus.USAGE: "Wrong usage of the command line.",
    ExitStatus.INPUT_REFUSED: (
        "Input refused: more bad rows in a table than `input.max_rejected` allows, or a broken "
        "file."
    ),
    ExitStatus.INPUT_MISSING: (
        "A required table, column, interest rate or FX rate is missing; the message names it."
    ),
    ExitStatus.CONTROL_FAILED: "A control total does not hold.",
    ExitStatus.OUTPUT_UNWRITABLE: "The output cannot be written.",
    ExitStatus.BUSY: "Another run is writing the same output, or storage is busy: try again.",
    ExitStatus.CONFIGURATION_WRONG: "The configuration is wrong; every error is listed.",
    ExitStatus.PUBLICATION_UNKNOWN: (
        "It is not known whether the publication took place: `encours runs` tells."
    ),
    ExitStatus.INTERRUPTED: "Interrupted by a person (SIGINT).",
    ExitStatus.TERMINATED: "Terminated by the system or the scheduler (SIGTERM).",
}

# Only these are worth another try of the very same command without a person's help.
RETRY_STATUSES: Final = frozenset({ExitStatus.BUSY, ExitStatus.TERMINATED})
