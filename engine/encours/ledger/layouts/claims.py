"""Which files of a ledger directory belong to which source of a layout."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from encours.ledger.discovery import FoundFile
from encours_schemas.errors import InputMissing, InputRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from encours_schemas.layouts.models import Source

_COMPRESSED = (".gz", ".zst", ".zip")
_DEPTH_MAX = 8


@dataclass(frozen=True)
class Entry:
    """A regular file below the ledger directory."""

    path: Path
    relative: str


def list_files(directory: Path) -> list[Entry]:
    """List the regular files below a directory, sorted by relative name.

    Hidden names and markers are left out; links are not followed. Raises InputMissing when the
    directory is not there.
    """
    try:
        return sorted(_walk(directory, "", 0), key=lambda entry: entry.relative)
    except OSError as error:
        raise InputMissing(
            what="the ledger directory cannot be read",
            where=str(directory),
            found=error.strerror or type(error).__name__,
            cure="check --ledger",
        ) from None


def _walk(directory: Path, above: str, depth: int) -> Iterator[Entry]:
    with os.scandir(directory) as scan:
        entries = list(scan)
    for entry in entries:
        if entry.name.startswith((".", "_")):
            continue
        mode = entry.stat(follow_symlinks=False).st_mode
        relative = f"{above}{entry.name}"
        if stat.S_ISDIR(mode) and depth < _DEPTH_MAX:
            yield from _walk(Path(entry.path), f"{relative}/", depth + 1)
        elif stat.S_ISREG(mode):
            yield Entry(Path(entry.path), relative)


def claim(name: str, source: Source, entries: list[Entry], origin: str) -> list[FoundFile]:
    """Give the files of one source.

    Raises InputMissing when there is none and the source is not optional, InputRefused when two
    files differ in their compression alone.
    """
    found = []
    seen: dict[str, str] = {}
    for entry in entries:
        bare, compression = _split(entry.relative)
        if not any(_matches(pattern, entry.relative, bare) for pattern in source.files):
            continue
        twin = seen.setdefault(bare, entry.relative)
        if twin != entry.relative:
            raise InputRefused(
                what="a file is there twice",
                where=f"{twin} and {entry.relative}",
                expected="one of them: packed or not",
                cure="take one of them away",
            )
        found.append(FoundFile(name, entry.path, entry.relative, f".{source.format}{compression}"))
    if not found and not source.optional:
        raise InputMissing(
            what=f"no file of the source {name}",
            where=f"layout {origin}, files {', '.join(source.files)}",
            expected="at least one file of such a name in the ledger directory",
            cure=f'name the files: [input.sources.{name}] files = ["…"]',
        )
    return found


def _split(relative: str) -> tuple[str, str]:
    """Take the suffix of a compression off a name."""
    for suffix in _COMPRESSED:
        if relative.lower().endswith(suffix):
            return relative[: -len(suffix)], suffix
    return relative, ""


def _matches(pattern: str, relative: str, bare: str) -> bool:
    """Tell whether a name fits a pattern, part by part, in any case."""
    wanted = pattern.casefold().split("/")
    for name in (relative, bare):
        parts = name.casefold().split("/")
        if len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted)):
            return True
    return False
