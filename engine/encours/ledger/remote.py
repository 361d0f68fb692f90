"""Ledgers in object storage: fetched to the staging disk, then read like any other.

Addresses are `s3://bucket/prefix`, `gs://bucket/prefix` and `az://container/prefix`. Who may read
them is known to the environment or to the cloud's own chain (variables, profiles, the machine's
role); an address with a password in it is refused, because addresses are logged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encours_schemas.errors import (
    ConfigurationWrong,
    EncoursError,
    InputMissing,
    InputRefused,
    OutputBusy,
    OutputUnwritable,
)

if TYPE_CHECKING:
    import pyarrow.fs as pa_fs

SCHEMES = ("s3", "gs", "az")
_BLOCK_BYTES = 8 << 20
_OBJECTS_MAX = 1_000_000
_ACCOUNT_VARIABLES = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")
_REFUSED = re.compile(
    r"ACCESS_DENIED|AccessDenied|403|INVALID_ACCESS_KEY|SIGNATURE|Unauthenticated"
)
_ABSENT = re.compile(r"NO_SUCH_BUCKET|NoSuchBucket|404|does not exist|NOT_FOUND|Path does not")


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
        with _telling(self.address):
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
    with _telling(address):
        files, base = _file_system(address)
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


def _file_system(address: str) -> tuple[pa_fs.FileSystem, str]:
    """Give the file system of an address, and the path on it."""
    import pyarrow.fs as pa_fs

    scheme, _, rest = address.partition("://")
    base = rest.strip("/")
    if scheme == "s3":
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        return pa_fs.S3FileSystem(endpoint_override=endpoint, region=region), base
    if scheme == "gs":
        return pa_fs.GcsFileSystem(), base
    account = next((os.environ[name] for name in _ACCOUNT_VARIABLES if name in os.environ), None)
    if account is None:
        raise ConfigurationWrong(
            what="the storage account of an az:// address is not known",
            where=address,
            expected=f"the environment variable {_ACCOUNT_VARIABLES[0]}",
        )
    return pa_fs.AzureFileSystem(account_name=account), base


def _listed(files: pa_fs.FileSystem, base: str, address: str) -> tuple[RemoteObject, ...]:
    """List the objects below a path, sorted by name; markers and hidden ones left out."""
    import pyarrow.fs as pa_fs

    found = []
    for info in files.get_file_info(pa_fs.FileSelector(base, recursive=True)):
        relative = info.path.removeprefix(base).lstrip("/")
        is_hidden = any(part.startswith((".", "_")) for part in relative.split("/"))
        if info.type != pa_fs.FileType.File or is_hidden:
            continue
        if not _is_safe(relative):
            raise InputRefused(
                what="an object's name is no file name",
                where=address,
                expected="names without `..`, without a backslash and not empty",
                cure="rename the object",
            )
        found.append(RemoteObject(relative, info.size, info.mtime_ns))
        if len(found) > _OBJECTS_MAX:
            raise InputRefused(
                what="there are too many objects at the ledger's address",
                where=address,
                expected=f"at most {_OBJECTS_MAX}",
                cure="name the prefix of one ledger",
            )
    return tuple(sorted(found, key=lambda one: one.relative))


def _is_safe(relative: str) -> bool:
    """Tell whether a name stays below the directory that it is copied to."""
    parts = relative.split("/")
    return bool(relative) and "\\" not in relative and all(p not in {"", ".", ".."} for p in parts)


def _fetch(files: pa_fs.FileSystem, base: str, one: RemoteObject, target: Path) -> None:
    """Copy one object in blocks, and check its length."""
    path = target / one.relative
    path.parent.mkdir(parents=True, exist_ok=True)
    length = 0
    with files.open_input_stream(f"{base}/{one.relative}", compression=None) as source:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as sink:
            while block := source.read(_BLOCK_BYTES):
                length += len(block)
                _write(sink, block, target)
    if length != one.size:
        raise InputRefused(
            what="an object changed while it was being read",
            where=one.relative,
            found=f"{length} bytes",
            expected=f"{one.size} bytes",
            cure="run again when the extract is complete",
        )


def _write(sink: Any, block: bytes, target: Path) -> None:  # noqa: ANN401 - a binary file
    """Write a block; a full disk is ours, not the storage's."""
    try:
        sink.write(block)
    except OSError as error:
        raise OutputUnwritable(
            what="a ledger from object storage cannot be staged",
            where=str(target),
            found=error.strerror or type(error).__name__,
            cure="make room: the objects are copied to the output's disk first",
        ) from error


@contextmanager
def _telling(address: str) -> Iterator[None]:
    """Turn what a storage says into one error; its words may hold keys and are not shown."""
    try:
        yield
    except EncoursError:
        raise
    except Exception as error:  # noqa: BLE001 - clients of three clouds raise what they like
        words = str(error)
        if _REFUSED.search(words):
            raise InputMissing(
                what="the ledger's address may not be read",
                where=address,
                found="the storage refuses access",
                expected="the right to list and read below the prefix",
                cure="check the keys in the environment, or the role of this machine",
            ) from None
        if _ABSENT.search(words) or isinstance(error, FileNotFoundError):
            raise InputMissing(
                what="the ledger's address does not exist", where=address, cure="check --ledger"
            ) from None
        raise OutputBusy(
            what="the object storage does not answer",
            where=address,
            found=type(error).__name__,
            cure="try again",
        ) from None
