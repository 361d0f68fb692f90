"""Find the tables of a ledger directory: which files make up which table, and what is none.

Only regular files are read, and only those that the contract names. A link, a pipe or a device in
the place of a table is refused: what it leads to can change, block or never end. Names that begin
with a dot or an underscore are markers of other tools and skipped.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from encours.ledger.findings import RunNotice
from encours_schemas import INPUT_TABLES
from encours_schemas.errors import InputMissing, InputRefused
from encours_schemas.names import nearest_name
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".csv.zst")
_FORMS = "NAME.parquet, NAME.csv, NAME.csv.gz, NAME.csv.zst or a directory NAME/ of such files"
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_DEPTH_MAX = 16


@dataclass(frozen=True)
class FoundFile:
    """One file of a table, not opened yet.

    relative   its path below the ledger directory, with `/`
    suffix     one of `SUFFIXES`
    partition  Hive partition keys of its path and their values, None for Hive's null
    """

    table: str
    path: Path
    relative: str
    suffix: str
    partition: dict[str, str | None] = field(default_factory=dict)


def discover(
    directory: Path, claimed: frozenset[str] = frozenset(), supplied: frozenset[str] = frozenset()
) -> tuple[dict[str, list[FoundFile]], list[RunNotice]]:
    """Give the files of each table, sorted by relative name, and notices of what belongs to none.

    claimed   relative names that layouts read; they belong to no table here
    supplied  tables that layouts fill; they need no file

    Tables stand in the contract's order. Raises InputMissing when the directory or a required table
    is not there, InputRefused for what is ambiguous, linked or not a regular file.
    """
    notices: list[RunNotice] = []
    found: dict[str, list[tuple[str, list[FoundFile]]]] = {}
    entries = _entries(directory)
    for entry in entries:
        table, suffix = _table_of(entry.name)
        if entry.name in claimed or any(name.startswith(f"{entry.name}/") for name in claimed):
            continue
        if table not in INPUT_TABLES or (not suffix and not _is_directory(entry)):
            notices.append(_unlisted(entry.name, table))
            continue
        files = list(_files_of(entry, table, suffix, notices))
        found.setdefault(table, []).append((entry.name, files))
    tables: dict[str, list[FoundFile]] = {}
    for name, table_contract in INPUT_TABLES.items():
        forms = found.get(name, [])
        if len(forms) > 1:
            raise InputRefused(
                what=f"table {name} is there twice",
                where=str(directory),
                found=" and ".join(form for form, _ in forms),
                expected="one of them",
                cure="take the others away, or put all files into one directory of that name",
            )
        if forms:
            if name in supplied:
                raise _supplied_twice(name, forms[0][0])
            tables[name] = _sorted_files(name, *forms[0])
        elif table_contract.required and name not in supplied:
            raise _missing_table(name, directory, [entry.name for entry in entries])
    return tables, notices


def _supplied_twice(table: str, entry: str) -> InputRefused:
    """Say that a table comes from a layout and lies in the ledger, too."""
    return InputRefused(
        what=f"table {table} is there twice",
        where=entry,
        found="a file of the contract's table beside a layout that fills it",
        expected="one of them",
        cure=f"take {entry} out of the ledger, or use a layout without {table}",
    )


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    """List what is in the ledger directory, sorted, markers and hidden names left out."""
    try:
        with os.scandir(directory) as scan:
            return _visible(scan)
    except NotADirectoryError:
        problem = "the ledger is a file, not a directory"
    except FileNotFoundError:
        problem = "the ledger directory does not exist"
    except OSError as error:
        problem = f"the ledger directory cannot be read ({error.strerror})"
    raise InputMissing(
        what=problem,
        where=str(directory),
        expected=f"a directory with one entry per table: {_FORMS}",
        cure="check --ledger",
    )


def _visible(scan: Iterator[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
    """Sort entries by name, without markers and hidden ones."""
    kept = [entry for entry in scan if not entry.name.startswith((".", "_"))]
    return sorted(kept, key=lambda entry: entry.name)


def _table_of(name: str) -> tuple[str, str]:
    """Split an entry's name into the table that it would be and the suffix of its format."""
    for suffix in reversed(SUFFIXES):
        if name.endswith(suffix):
            return name.removesuffix(suffix), suffix
    return name, ""


def _is_directory(entry: os.DirEntry[str]) -> bool:
    """Tell whether the entry is a directory, or a link, which is refused later."""
    return entry.is_dir(follow_symlinks=False) or entry.is_symlink()


def _unlisted(relative: str, table: str) -> RunNotice:
    """Say that a file is not read."""
    near = nearest_name(table, INPUT_TABLES)
    hint = f"; did you mean {near}?" if near and near != table else ""
    return RunNotice(
        RunWarning.UNLISTED_FILE, f"{relative} belongs to no table and is not read{hint}"
    )


def _files_of(
    entry: os.DirEntry[str], table: str, suffix: str, notices: list[RunNotice]
) -> Iterator[FoundFile]:
    """Give the files that a table's entry stands for."""
    if suffix:
        if stat.S_ISDIR(_regular_mode(entry, entry.name)):
            raise InputRefused(
                what=f"{entry.name} is a directory",
                where=entry.path,
                expected=_FORMS,
                cure=f"name the directory {table}",
            )
        yield FoundFile(table, Path(entry.path), entry.name, suffix)
        return
    _regular_mode(entry, entry.name)
    yield from _walk(Path(entry.path), table, entry.name, {}, notices)


def _walk(
    directory: Path,
    table: str,
    relative: str,
    partition: dict[str, str | None],
    notices: list[RunNotice],
) -> Iterator[FoundFile]:
    """Give the data files below a table's directory, following `key=value` folders."""
    with os.scandir(directory) as scan:
        entries = _visible(scan)
    for entry in entries:
        below = f"{relative}/{entry.name}"
        if stat.S_ISDIR(_regular_mode(entry, below)):
            key, equals, value = entry.name.partition("=")
            key = unquote(key)
            if not equals or not key or key in partition or len(partition) == _DEPTH_MAX:
                raise InputRefused(
                    what=f"a folder inside table {table} is not a partition",
                    where=below,
                    expected="folders named key=value, each key once, or files without folders",
                    cure="name the folder so, or move it out of the ledger",
                )
            chosen = None if value == _NULL_PARTITION else unquote(value)
            yield from _walk(Path(entry.path), table, below, {**partition, key: chosen}, notices)
            continue
        _, suffix = _table_of(entry.name)
        if suffix:
            yield FoundFile(table, Path(entry.path), below, suffix, partition)
        else:
            notices.append(_unlisted(below, table))


def _regular_mode(entry: os.DirEntry[str], relative: str) -> int:
    """Give the mode of a regular file or a directory; refuse everything else."""
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return mode
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    raise InputRefused(
        what=f"{relative} is not a regular file",
        where=entry.path,
        found=kinds.get(stat.S_IFMT(mode), "something else"),
        expected="a regular file",
        cure="copy the file itself into the ledger",
    )


def _sorted_files(table: str, entry: str, files: list[FoundFile]) -> list[FoundFile]:
    """Sort a table's files by relative name; a directory without any is refused as missing."""
    if not files:
        raise InputMissing(
            what=f"table {table} is a directory without a single data file",
            where=entry,
            expected="files named *.parquet, *.csv, *.csv.gz or *.csv.zst",
            cure="deliver the files, or remove the directory if the table is not meant to be there",
        )
    return sorted(files, key=lambda file: file.relative)


def _missing_table(name: str, directory: Path, entries: list[str]) -> InputMissing:
    """Say that a required table is not there, and what looks like it."""
    names = [_table_of(entry)[0] for entry in entries]
    near = nearest_name(name, [each for each in names if each not in INPUT_TABLES])
    like = next((entry for entry in entries if _table_of(entry)[0] == near), "")
    return InputMissing(
        what=f"the required table {name} is missing",
        where=str(directory),
        found=f"{like}, which is near" if like else "",
        expected=_FORMS.replace("NAME", name),
        cure=f"rename {like}" if like else "deliver it with the extract",
    )
