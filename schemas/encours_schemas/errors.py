"""The exceptions of the project, each with the exit status that it ends a command with.

A bad row is never an exception (it becomes a quarantine row); bad input as a whole, a wrong
configuration, an unknown rate or a broken control total is.
"""

# ruff: noqa: N818 - the names say what happened; `except InputMissing` needs no `Error` behind it

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from encours_schemas.status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Sequence


class EncoursError(Exception):
    """A failure that a person or a scheduler can act on.

    what      what went wrong, in the domain's words
    where     file, table, row, key or series
    found     what stands there: a shape (`9.999,99`) when it is a value of the ledger, never
              the value itself
    expected  what should stand there
    cure      what to do about it
    """

    exit_status: ClassVar[ExitStatus] = ExitStatus.FAILED

    def __init__(
        self,
        *,
        what: str,
        where: str = "",
        found: str = "",
        expected: str = "",
        cure: str = "",
    ) -> None:
        """Keep the facts as fields; the sentence is made from them."""
        super().__init__(what)
        self.what = what
        self.where = where
        self.found = found
        self.expected = expected
        self.cure = cure

    def __str__(self) -> str:
        """Give `what: where; found …, expected …; cure`, without the parts that are empty."""
        subject = ": ".join(part for part in (self.what, self.where) if part)
        comparison = ", ".join(
            f"{label} {text}"
            for label, text in (("found", self.found), ("expected", self.expected))
            if text
        )
        return "; ".join(part for part in (subject, comparison, self.cure) if part)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, because a worker process may raise it."""
        return (_rebuilt, (type(self), dict(self.__dict__)))


def _rebuilt(kind: type[EncoursError], fields: dict[str, object]) -> EncoursError:
    error = kind.__new__(kind)
    Exception.__init__(error, fields["what"])
    error.__dict__.update(fields)
    return error


class UsageWrong(EncoursError):
    """The command line asks for something that cannot be done."""

    exit_status = ExitStatus.USAGE


class InputRefused(EncoursError):
    """A file is broken, or more rows of a table are bad than `input.max_rejected` allows."""

    exit_status = ExitStatus.INPUT_REFUSED


class InputMissing(EncoursError):
    """A required table, column or FX rate is missing."""

    exit_status = ExitStatus.INPUT_MISSING


class RateMissing(EncoursError):
    """An interest reference rate or regime is not known for a day that needs it."""

    exit_status = ExitStatus.INPUT_MISSING


class ControlFailed(EncoursError):
    """A control total does not hold, so nothing is published."""

    exit_status = ExitStatus.CONTROL_FAILED


class OutputUnwritable(EncoursError):
    """The output cannot be written, or cannot be replaced in one step."""

    exit_status = ExitStatus.OUTPUT_UNWRITABLE


class OutputBusy(EncoursError):
    """Another run is writing the same output, or storage is busy: try again later."""

    exit_status = ExitStatus.BUSY


class ConfigurationWrong(EncoursError):
    """The configuration is wrong; `problems` holds every single finding."""

    exit_status = ExitStatus.CONFIGURATION_WRONG

    @property
    def problems(self) -> tuple[ConfigurationWrong, ...]:
        """All findings: those that were collected, or this one alone."""
        collected: tuple[ConfigurationWrong, ...] = self.__dict__.get("_collected", ())
        return collected or (self,)

    @classmethod
    def collected(cls, problems: Sequence[ConfigurationWrong]) -> ConfigurationWrong:
        """Give one error for all problems, which must be at least one."""
        if len(problems) == 1:
            return problems[0]
        error = cls(what=f"the configuration is wrong in {len(problems)} places")
        error.__dict__["_collected"] = tuple(problems)
        return error

    def __str__(self) -> str:
        """Give one line for each problem."""
        own = super().__str__()
        collected = self.__dict__.get("_collected", ())
        return "\n".join([own, *(f"  {problem}" for problem in collected)])


class PublicationUnknown(EncoursError):
    """Storage gave no clear answer at the moment of publication: it may or may not be done."""

    exit_status = ExitStatus.PUBLICATION_UNKNOWN
