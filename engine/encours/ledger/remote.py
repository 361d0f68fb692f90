"""Ledgers in object storage: fetched to the staging disk, then read like any other.

Addresses are `s3://bucket/prefix`, `gs://bucket/prefix` and `az://container/prefix`. One with a
password in it is refused, because addresses are logged.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from encours.ledger.storages import SCHEMES, file_system, patiently, telling
from encours_schemas.errors import ConfigurationWrong, InputMissing, InputRefused, OutputUnwritable

if TYPE_CHECKING:
    import pyarrow.fs as pa_fs

_BLOCK_BYTES = 8 << 20
_OBJECTS_MAX = 1_000_000
_NAME_ERRORS = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}


def is_remote(place: Path | str) -> bool:
    """Tell whether a ledger lies in object storage."""
    return isinstance(place, str) and place.partition("://")[0] in SCHEMES


@dataclass(frozen=True)
class RemoteObject:
    """An object as the storage lists it."""

    relative: str
    size: int
    changed_ns: int | None


@dataclass(frozen=True)
class RemoteLedger:
    """A ledger in object storage, as it was when it was fetched."""

    address: str
    objects: tuple[RemoteObject, ...]
    _files: pa_fs.FileSystem
    _base: str

    def verify_unchanged(self) -> None:
        """Raise InputRefused when an object is not the one that was fetched."""
        with telling(self.address):
            now = _listed(self._files, self._base, self.address)
        if now != self.objects:
            differing = sorted({one.relative for one in set(now) ^ set(self.objects)})
            raise InputRefused(
                what="the ledger changed while it was being read",
                where=f"{self.address}: {', '.join(differing[:5])}",
                expected="the objects that the run began with",
                cure="run again when the extract is complete",
            )


def fetch_ledger(address: str, target: Path) -> RemoteLedger:
    """Copy the objects below an address to a directory, names kept.

    Raises ConfigurationWrong for an address that cannot be meant, InputMissing where nothing is
    there or may be read, OutputBusy where the storage does not answer, OutputUnwritable without
    room.
    """
    _check_address(address)
    with telling(address):
        files, base = file_system(address)
        objects = _listed(files, base, address)
        for one in objects:
            _fetch(files, base, one, target)
    if not objects:
        raise InputMissing(
            what="there is no object at the ledger's address",
            where=address,
            expected="the ledger's files below this prefix",
            cure="check --ledger",
        )
    return RemoteLedger(address, objects, files, base)


def _check_address(address: str) -> None:
    """Refuse an address that carries a secret, or names no bucket."""
    rest = address.partition("://")[2]
    holder = rest.partition("/")[0]
    if "@" in holder or "?" in address:
        raise ConfigurationWrong(
            what="the ledger's address says more than a bucket and a prefix",
            where="--ledger",
            found="a user, or options behind `?`",
            expected="s3://bucket/prefix",
            cure="keys, region and endpoint come from the environment (AWS_ACCESS_KEY_ID, …)",
        )
    if not holder:
        raise ConfigurationWrong(
            what="the ledger's address names no bucket",
            where="--ledger",
            expected="s3://bucket/prefix",
        )


def _listed(files: pa_fs.FileSystem, base: str, address: str) -> tuple[RemoteObject, ...]:
    """List the objects below a path, sorted by name; markers and hidden ones left out."""
    import pyarrow.fs as pa_fs

    found = []
    for info in _entries(files, base, address):
        relative = info.path.removeprefix(f"{base}/")
        is_hidden = any(part.startswith((".", "_")) for part in relative.split("/"))
        if info.type != pa_fs.FileType.File or is_hidden:
            continue
        if not _is_safe(relative):
            raise _unnamed(address)
        found.append(RemoteObject(relative, info.size, info.mtime_ns))
        if len(found) > _OBJECTS_MAX:
            raise InputRefused(
                what="there are too many objects at the ledger's address",
                where=address,
                expected=f"at most {_OBJECTS_MAX}",
                cure="name the prefix of one ledger",
            )
    return tuple(sorted(found, key=lambda one: one.relative))


def _entries(files: pa_fs.FileSystem, base: str, address: str) -> Iterator[pa_fs.FileInfo]:
    """Give objects and folders below a path.

    Azure's client takes a folder without a name for the folder that it is in, and would go down
    until the stack ends: there, each folder is listed by itself.
    """
    import pyarrow.fs as pa_fs

    is_azure = files.type_name == "abfs"
    folders = [base]
    while folders:
        folder = folders.pop()
        selector = pa_fs.FileSelector(folder, recursive=not is_azure)
        for info in patiently(partial(files.get_file_info, selector)):
            if is_azure and info.type == pa_fs.FileType.Directory:
                if info.path == folder:
                    raise _unnamed(address)
                folders.append(info.path)
            yield info


def _unnamed(address: str) -> InputRefused:
    """Say that a name cannot be a file's."""
    return InputRefused(
        what="an object's name is no file name",
        where=address,
        expected="names without `..`, without a backslash and without empty parts",
        cure="rename the object",
    )


def _is_safe(relative: str) -> bool:
    """Tell whether a name stays below the directory that it is copied to."""
    parts = relative.split("/")
    return bool(relative) and "\\" not in relative and all(p not in {"", ".", ".."} for p in parts)


def _fetch(files: pa_fs.FileSystem, base: str, one: RemoteObject, target: Path) -> None:
    """Copy one object in blocks, and check its length."""
    length = 0
    place = f"{base}/{one.relative}"
    source = patiently(lambda: files.open_input_stream(place, compression=None))
    with _created(target, one.relative) as sink:
        while block := patiently(lambda: source.read(_BLOCK_BYTES)):
            length += len(block)
            _write(sink, block, target)
    # Not in a `with`: a stream whose read is still waited for must not be closed beside it.
    patiently(source.close)
    if length != one.size:
        raise InputRefused(
            what="an object changed while it was being read",
            where=one.relative,
            found=f"{length} bytes",
            expected=f"{one.size} bytes",
            cure="run again when the extract is complete",
        )


def _created(target: Path, relative: str) -> IO[bytes]:
    """Open a new file for an object; a storage allows names that a disk does not."""
    path = target / relative
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _NAME_ERRORS:
            raise _unstaged(error, target) from error
        raise InputRefused(
            what="an object's name is no file name",
            where=relative,
            found=error.strerror or type(error).__name__,
            expected="a name of its own, of which no part is another object's name",
            cure="rename the object",
        ) from error
    return os.fdopen(descriptor, "wb")


def _write(sink: IO[bytes], block: bytes, target: Path) -> None:
    """Write a block; a full disk is ours, not the storage's."""
    try:
        sink.write(block)
    except OSError as error:
        raise _unstaged(error, target) from error


def _unstaged(error: OSError, target: Path) -> OutputUnwritable:
    """Say that the output's disk does not take the copy."""
    return OutputUnwritable(
        what="a ledger from object storage cannot be staged",
        where=str(target),
        found=error.strerror or type(error).__name__,
        cure="make room: the objects are copied to the output's disk first",
    )
