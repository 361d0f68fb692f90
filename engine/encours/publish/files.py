"""The one module that creates, writes, syncs, renames, locks and deletes what a run publishes.

Every change of the file system goes through one of `PRIMITIVES`, looked up at each call: a test can
put a crash, an error or another file system in the place of each. No primitive follows a link at
the last component of a path, and modes are set, not left to the umask. What storage refuses becomes
`OutputUnwritable` with a cure; a name that is taken stays `FileExistsError`: the caller decides.
"""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

from encours_schemas.errors import OutputBusy, OutputUnwritable

FILE_MODE: Final = 0o640
DIRECTORY_MODE: Final = 0o750
READ_BLOCK_BYTES: Final = 1 << 20
MANIFEST_NAME: Final = "manifest.json"

_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MORE: Final = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_FILE: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_AT_FDCWD: Final = -100
_RENAME_NOREPLACE: Final = 1
_RENAME_EXCHANGE: Final = 2

_CURES: Final = {
    errno.ENOSPC: "free some space, then run again",
    errno.EDQUOT: "raise the quota or free some space, then run again",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f), then run again",
    errno.EACCES: "give the user of the job write permission, or name another output",
    errno.EPERM: "give the user of the job write permission, or name another output",
    errno.EROFS: "mount it writable, or name another output",
    errno.ELOOP: "remove the symbolic link: links are never followed here",
    errno.ENOTDIR: "name a directory",
    errno.EXDEV: "keep the output and its .encours folder on one file system",
    errno.EMFILE: "raise the limit on open files (ulimit -n), then run again",
}
_UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


# -- primitives: each is one change of the file system ---------------------------------------------


def _create(path: Path) -> int:
    descriptor = os.open(path, _NEW_FILE, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return descriptor


def _write(descriptor: int, data: memoryview) -> int:
    return os.write(descriptor, data)


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)


def _close(descriptor: int) -> None:
    os.close(descriptor)


def _make_directory(path: Path) -> None:
    path.mkdir(mode=DIRECTORY_MODE)
    # A set-group-id bit inherited from the parent stays: it is how a site shares files in a group.
    inherited = stat.S_IMODE(path.stat().st_mode) & stat.S_ISGID
    path.chmod(DIRECTORY_MODE | inherited)


def _open_lock(path: Path) -> int:
    return os.open(path, _LOCK_FILE, FILE_MODE)


def _rename_no_replace(source: Path, target: Path) -> None:
    _rename_with(_RENAME_NOREPLACE, source, target)


def _exchange(first: Path, second: Path) -> None:
    _rename_with(_RENAME_EXCHANGE, first, second)


def _unlink(path: Path) -> None:
    path.unlink()


def _remove_directory(path: Path) -> None:
    path.rmdir()


PRIMITIVES: Final = (
    "_create",
    "_write",
    "_sync",
    "_close",
    "_make_directory",
    "_open_lock",
    "_rename_no_replace",
    "_exchange",
    "_unlink",
    "_remove_directory",
)


@cache
def _renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    directory, name = ctypes.c_int, ctypes.c_char_p
    function.argtypes = [directory, name, directory, name, ctypes.c_uint]
    function.restype = ctypes.c_int
    chosen: Callable[[int, bytes, int, bytes, int], int] = function
    return chosen


def _rename_with(flag: int, source: Path, target: Path) -> None:
    function = _renameat2()
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(source), None, str(target))
    if function(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flag) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(source), None, str(target))


# -- refusals --------------------------------------------------------------------------------------


def unwritable(error: OSError, what: str, path: Path) -> OutputUnwritable:
    """Give the refusal for an error of the operating system, with the cure where one is known."""
    return OutputUnwritable(
        what=what,
        where=str(path),
        found=error.strerror or type(error).__name__,
        cure=_CURES.get(error.errno or 0, "look at the storage, then run again"),
    )


@contextlib.contextmanager
def explained(what: str, path: Path) -> Iterator[None]:
    """Turn an error of the operating system inside the block into `OutputUnwritable`."""
    try:
        yield
    except OSError as error:
        raise unwritable(error, what, path) from error


def _not_supported(what: str, path: Path, found: str) -> OutputUnwritable:
    return OutputUnwritable(
        what=what,
        where=str(path),
        found=found,
        expected="a file system with renameat2 (ext4, XFS, Btrfs, tmpfs, ZFS from 2.2)",
        cure="name an output on such a file system; NFS and most object-store mounts have none",
    )


# -- files -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One written file as the manifest lists it.

    table   folder inside the run (`items`, `erp`); empty for a file of the run's own folder
    file    path relative to the run, `/` between
    rows    None where a file has no rows
    sha256  of the bytes that were handed to the operating system
    """

    table: str
    file: str
    rows: int | None
    size: int
    sha256: str

    def as_dict(self) -> dict[str, object]:
        """Give the entry of the manifest."""
        return asdict(self)


class NewFile:
    """A file that did not exist before, hashed while it is written.

    Has what Arrow asks of a file object. `close` does not sync: `sync_file` does, at the latest
    when the run is committed.
    """

    def __init__(self, path: Path) -> None:
        """Create the file; `OutputUnwritable` when the name is taken, be it by a link."""
        self.path = path
        self.size = 0
        self.closed = False
        self._discarded = False
        self._digest = hashlib.sha256()
        with explained("cannot create the file", path):
            self._descriptor = _create(path)

    def pause(self) -> None:
        """Let go of the descriptor until `resume`: a process may hold few files open at once."""
        descriptor, self._descriptor = self._descriptor, -1
        with explained("cannot close the file", self.path):
            _close(descriptor)

    def resume(self) -> None:
        """Go on behind what was written before `pause`."""
        with explained("cannot write the file", self.path):
            self._descriptor = os.open(self.path, _MORE)

    def write(self, data: bytes | memoryview) -> int:
        """Write all of `data`, in as many calls as the operating system wants."""
        rest = memoryview(data).cast("B")
        self._digest.update(rest)
        self.size += len(rest)
        with explained("cannot write the file", self.path):
            while rest and not self._discarded:
                rest = rest[_write(self._descriptor, rest) :]
        return len(data)

    def tell(self) -> int:
        """Give the number of bytes written."""
        return self.size

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def sync(self) -> None:
        """Wait until the bytes are on storage."""
        with explained("cannot sync the file", self.path):
            _sync(self._descriptor)

    def discard(self) -> None:
        """Take what else is written as done without writing it: the file is given up."""
        self._discarded = True

    def close(self) -> None:
        """Close the file; once is enough."""
        if self.closed:
            return
        self.closed = True
        if self._descriptor >= 0:
            self.pause()

    def published(self, rows: int | None) -> PublishedFile:
        """Give the entry of the manifest for what was written."""
        relative = path_in_run(self.path)
        table = relative.parent.name
        return PublishedFile(table, relative.as_posix(), rows, self.size, self._digest.hexdigest())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def path_in_run(path: Path) -> Path:
    """Give the part of a path below its `as_of=…` folder; without one, its last two names."""
    for position, name in enumerate(path.parts):
        if name.startswith("as_of="):
            return Path(*path.parts[position + 1 :])
    return Path(*path.parts[-2:])


def write_published(path: Path, data: bytes, rows: int | None = None) -> PublishedFile:
    """Create a file with these bytes, for instance `erp/holds.csv`, and give its manifest entry."""
    with NewFile(path) as new:
        new.write(data)
    return new.published(rows)


def write_synced(path: Path, data: bytes) -> None:
    """Create a file with these bytes and wait until they are on storage."""
    with NewFile(path) as new:
        new.write(data)
        new.sync()


def write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    """Put a file outside any run in place as a whole: until then the old one, if any, stays.

    Raises OutputUnwritable where it cannot be written, and for a link or a device.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OutputUnwritable(
            what="the file cannot be written",
            where=str(path),
            expected="a file, or a name that is free",
            cure="name another file; without one the result goes to standard output",
        )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with explained("the file cannot be written", path):
        try:
            with NewFile(part) as new:
                for chunk in chunks:
                    new.write(chunk)
                new.sync()
            part.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                _unlink(part)
        sync_directory(path.parent)


def sync_file(path: Path) -> None:
    """Wait until everything written to a file, through whatever handle, is on storage."""
    with explained("cannot sync the file", path):
        descriptor = os.open(path, _READ)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)


def read_bytes(path: Path) -> bytes:
    """Give the content of a regular file; a link or a device raises OSError."""
    descriptor = _open_regular(path)
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read()


def sha256_of(path: Path, *, from_storage: bool = False) -> tuple[str, int]:
    """Give the SHA-256 in hexadecimal and the length of a regular file; OSError as it comes.

    from_storage  drop the file from the page cache first, so that storage has to show what it kept;
                  only what was synced can be dropped
    """
    digest = hashlib.sha256()
    size = 0
    descriptor = _open_regular(path)
    try:
        if from_storage and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        while block := os.read(descriptor, READ_BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    finally:
        os.close(descriptor)
    return digest.hexdigest(), size


def _open_regular(path: Path) -> int:
    descriptor = os.open(path, _READ)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor


# -- directories -----------------------------------------------------------------------------------


def ensure_directory(path: Path) -> Path:
    """Create a directory unless it exists; `OutputUnwritable` when something else has the name."""
    with explained("cannot create the directory", path):
        with contextlib.suppress(FileExistsError):
            _make_directory(path)
        mode = path.lstat().st_mode
    if not stat.S_ISDIR(mode):
        raise OutputUnwritable(
            what="the output cannot be used",
            where=str(path),
            found="a symbolic link" if stat.S_ISLNK(mode) else "a file",
            expected="a directory",
            cure="move it away or name another output",
        )
    return path


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on storage."""
    with explained("cannot sync the directory", path):
        descriptor = os.open(path, _DIRECTORY)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)


def sync_directories(root: Path) -> None:
    """Sync a directory and all below it, the deepest first; links are not followed."""
    with explained("cannot sync the directory", root):
        below = [Path(found) for found, _, _ in os.walk(root, topdown=False, onerror=_raised)]
    for directory in below:
        sync_directory(directory)


def _raised(error: OSError) -> None:
    raise error


def identity_of(path: Path) -> tuple[int, int] | None:
    """Give device and inode of a name, not following a link; None when there is nothing."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def delete_tree(path: Path) -> None:
    """Delete a directory and all that it holds, never following a link; nothing there is fine."""
    with explained("cannot delete", path):
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                delete_tree(Path(entry.path))
            else:
                _unlink(Path(entry.path))
        _remove_directory(path)


def delete_file(path: Path) -> None:
    """Delete a file; nothing there is fine."""
    with explained("cannot delete", path), contextlib.suppress(FileNotFoundError):
        _unlink(path)


# -- names -----------------------------------------------------------------------------------------


def rename_no_replace(source: Path, target: Path) -> None:
    """Give a file or directory a new name in one step; FileExistsError when the name is taken."""
    try:
        _rename_no_replace(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            what = "the file system cannot rename without replacing"
            raise _not_supported(what, target, error.strerror or "") from error
        raise unwritable(error, "cannot rename", target) from error


def exchange(first: Path, second: Path) -> None:
    """Let two names change places in one step; both must exist."""
    try:
        _exchange(first, second)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            what = "the file system cannot exchange two directories in one step"
            raise _not_supported(what, second, error.strerror or "") from error
        raise unwritable(error, "cannot exchange", second) from error


# -- locks -----------------------------------------------------------------------------------------


class HeldLock:
    """A lock on a file that the kernel releases when the process ends, however it ends.

    The file names its holder, for people; whether the lock is held is the kernel's knowledge alone,
    so that a process number used again by another process proves nothing.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take over a locked descriptor; made by `hold_lock`."""
        self.path = path
        self._descriptor = descriptor

    def name_holder(self, **also: str) -> None:
        """Write host and process number into the file."""
        holder = {"host": os.uname().nodename, "pid": os.getpid(), **also}
        with explained("cannot write the lock", self.path):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            _write(self._descriptor, memoryview(json.dumps(holder).encode()))

    def release(self) -> None:
        """Let the lock go; the file stays, because deleting it would let two hold it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def hold_lock(path: Path) -> HeldLock:
    """Take the lock of a file, made if need be; `OutputBusy` naming its holder when it is taken."""
    while True:
        with explained("cannot open the lock", path):
            descriptor = _open_lock(path)
        try:
            valid = _lock_is_taken(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        if valid:
            return HeldLock(path, descriptor)
        os.close(descriptor)


def _lock_is_taken(descriptor: int, path: Path) -> bool:
    """Lock a descriptor; False when its file lost its name meanwhile, and so locks nothing."""
    with explained("cannot lock", path):
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if status.st_uid == os.geteuid():
            os.fchmod(descriptor, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _busy(path) from error
        return identity_of(path) == (status.st_dev, status.st_ino)


def _busy(path: Path) -> OutputBusy:
    try:
        holder = json.loads(read_bytes(path)[:4096])
        host = "".join(sign for sign in str(holder["host"])[:64] if sign.isprintable())
        found = f"process {int(holder['pid'])} on host {host}"
    except (OSError, ValueError, KeyError, TypeError):
        found = "another process"
    return OutputBusy(
        what="another run is writing this output",
        where=str(path),
        found=found,
        cure="let it finish, then run again",
    )
