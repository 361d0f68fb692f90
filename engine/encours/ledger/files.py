"""Input files: opened without following links, hashed, and proven unchanged at the end."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from encours_schemas.errors import EncoursError, InputRefused

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Fingerprint:
    """What the file system says of a file: enough to see that it was touched."""

    device: int
    inode: int
    size: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Fingerprint:
        """Take it from a status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class SourceFile:
    """One input file, inspected.

    relative   its path below the ledger directory, with `/`
    format     "parquet", "csv", "jsonl", "json" or "sql"
    size       bytes on disk
    rows       data rows, counted independently of the reader of values (CSV: our own scan of the
               bytes; Parquet: the footer)
    sha256     of the bytes on disk, in hexadecimal
    partition  Hive partition keys of its path and their values
    """

    table: str
    path: Path
    relative: str
    format: str
    size: int
    rows: int
    sha256: str
    partition: dict[str, str | None] = field(default_factory=dict)
    fingerprint: Fingerprint = field(default=Fingerprint(0, 0, 0, 0))

    def verify_unchanged(self) -> None:
        """Raise InputRefused when the file is not the one that was read.

        What a query gave has no file that could change.
        """
        if self.format == "sql":
            return
        try:
            now = Fingerprint.of(os.lstat(self.path))
        except OSError:
            now = None
        if now != self.fingerprint:
            raise InputRefused(
                what="an input file changed while it was being read",
                where=self.relative,
                found="no file" if now is None else f"{now.size} bytes",
                expected=f"the file of {self.fingerprint.size} bytes that the run began with",
                cure="run again when the extract is complete",
            )


def open_input(path: Path, relative: str) -> io.BufferedReader:
    """Open a file for reading; a link in its last step is refused.

    Raises InputRefused when it cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise InputRefused(
            what="an input file cannot be opened",
            where=relative,
            found=error.strerror or str(error),
            cure="check that it is there, is no link, and may be read by this user",
        ) from error
    return os.fdopen(descriptor, "rb")


def fingerprint_and_digest(path: Path, relative: str) -> tuple[Fingerprint, str]:
    """Give the fingerprint and SHA-256 of a file, refusing one that grows meanwhile."""
    with refusing_broken(relative), open_input(path, relative) as file:
        before = Fingerprint.of(os.fstat(file.fileno()))
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if Fingerprint.of(os.fstat(file.fileno())) != before:
            raise InputRefused(
                what="an input file changed while it was being read",
                where=relative,
                cure="run again when the extract is complete",
            )
    return before, digest


@contextmanager
def refusing_broken(relative: str) -> Iterator[None]:
    """Turn whatever a reader says of broken bytes into one refusal that names the file.

    Damaged lengths and counts show as many kinds of exception: out of memory, bad offsets, bad
    enumeration members. None of them says anything else about a file that was just opened.
    """
    try:
        yield
    except EncoursError:
        raise
    except (
        pa.ArrowException,
        OSError,
        EOFError,
        MemoryError,
        UnicodeError,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        OverflowError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise broken_file(relative, error) from error


def broken_file(relative: str, cause: BaseException | str) -> InputRefused:
    """Say that a file cannot be read, with the reader's own words, shortened to one line."""
    words = " ".join(str(cause).split())[:200]
    return InputRefused(
        what="a file is broken",
        where=relative,
        found=words or type(cause).__name__,
        expected="a complete, undamaged file",
        cure="deliver it again",
    )
