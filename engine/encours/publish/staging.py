"""The staging of a run: its place on the output's own file system, and the lock on the output.

In `<output>/.encours/`:

- `lock`: one run at a time writes an output;
- `staging/<token>.lock`: held as long as the owner of the staging lives;
- `staging/<token>/as_of=…/`: what will be published;
- `staging/<token>/outbox/`: what the run tells the ERP (`publish.outbox`);
- `staging/<token>/spill/`: scratch.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Final, Self

from encours.publish import files, records
from encours.publish.files import HeldLock, PublishedFile
from encours.publish.outbox import finish_approvals
from encours.publish.verify import Difference, content_differences
from encours_schemas.errors import EncoursError, OutputBusy, OutputUnwritable, PublicationUnknown

_LOCK_SUFFIX: Final = ".lock"
_HARDENING_THREADS: Final = 2


class Staging:
    """Where a run writes until it is committed; a context manager.

    Entering refuses an output that cannot be published to (`OutputUnwritable`) or that another run
    is writing (`OutputBusy`), finishes or withdraws what a dead run left, and deletes the stagings
    of dead runs. Leaving deletes the staging, unless `keep` was called or the outcome of the
    publication is unknown.

    revise  also check now that the file system can exchange two directories
    """

    def __init__(
        self, output: Path, as_of: date, *, revise: bool = False, token: str | None = None
    ) -> None:
        """Remember where and for which date; nothing is touched before entering."""
        self.output = Path(os.path.realpath(output))
        self.as_of = as_of
        # A name that no other run has; no result depends on it.
        self.token = token or f"{as_of.isoformat()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.root = records.staging_root(self.output) / self.token
        self.directory = self.root / records.published_directory(self.root, as_of).name
        self.spill = self.root / "spill"
        self.outbox = self.root / "outbox"
        self._revise = revise
        self._kept = False
        self._locks: list[HeldLock] = []
        self._output_identity: tuple[int, int] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._hardened: dict[str, tuple[PublishedFile, Future[list[Difference]]]] = {}
        self._begun: dict[str, Future[None]] = {}

    def table_directory(self, name: str) -> Path:
        """Give the folder of a table or of a kind of file (`erp`) in the run, made at first use."""
        return files.ensure_directory(self.directory / name)

    def keep(self) -> None:
        """Leave the staging in place on exit: it may be, or hold, a published run."""
        self._kept = True

    def harden(self, written: PublishedFile) -> None:
        """Sync a finished file and read it back, in the background while the run goes on.

        Optional: the commit does so for all files that were not given here. Storage starts to work
        at once instead of at the end, when hundreds of row groups would wait for it together.
        """
        begun = self._begun.pop(written.file, None)
        future = self._in_background().submit(_sync_and_compare, self.directory, written, begun)
        self._hardened[written.file] = (written, future)

    def begin_sync(self, path: Path) -> None:
        """Let storage work, in the background, on what there is of a file that is not finished.

        Optional; what goes wrong is told when the finished file is hardened.
        """
        begun = self._in_background().submit(files.sync_file, path)
        self._begun[files.path_in_run(path).as_posix()] = begun

    def _in_background(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_HARDENING_THREADS, thread_name_prefix="encours-sync")
        return self._pool

    def hardened(self, listed: Iterable[PublishedFile]) -> list[Difference]:
        """Wait until all listed files are on storage; give those that are not what was written."""
        expected = list(listed)
        for each in expected:
            if self._hardened.get(each.file, (None, None))[0] != each:
                self.harden(each)
        return [found for each in expected for found in self._hardened[each.file][1].result()]

    def check_output(self) -> None:
        """Refuse when the output's path leads elsewhere than at the start."""
        if files.identity_of(self.output) != self._output_identity:
            raise OutputUnwritable(
                what="the output was replaced during the run",
                where=str(self.output),
                cure="let nothing move the output while a run writes it, then run again",
            )

    def __enter__(self) -> Self:
        with files.explained("the output cannot be used", self.output):
            _check_usable(self.output)
            _make_with_parents(self.output)
            state = files.ensure_directory(self.output / records.STATE)
            _check_private(state)
        try:
            self._take_lock(state / "lock")
            staging_root = files.ensure_directory(records.staging_root(self.output))
            files.ensure_directory(records.publications(self.output))
            records.settle(self.output)
            finish_approvals(self.output)
            _reclaim(staging_root)
            self._take_lock(records.staging_lock(self.output, self.token))
            for directory in (self.root, self.directory, self.spill):
                files.ensure_directory(directory)
            with files.explained("the output cannot be used", self.output):
                self._probe()
        except BaseException:
            self._leave()
            raise
        self._output_identity = files.identity_of(self.output)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, PublicationUnknown):
            self.keep()
        self._leave()

    def _take_lock(self, path: Path) -> None:
        lock = files.hold_lock(path)
        self._locks.append(lock)
        lock.name_holder(token=self.token)

    def _leave(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        # A staging that resists deletion is the next run's to reclaim, not a reason to fail.
        with contextlib.suppress(EncoursError, OSError):
            if not self._kept and self._owns_staging():
                files.delete_tree(self.root)
                files.delete_file(records.staging_lock(self.output, self.token))
        for lock in reversed(self._locks):
            lock.release()
        self._locks = []

    def _owns_staging(self) -> bool:
        """Whether the staging's own lock is held, without which nothing in it may be deleted."""
        own = records.staging_lock(self.output, self.token)
        return any(lock.path == own for lock in self._locks)

    def _probe(self) -> None:
        """Try out here what the commit will need, before hours of work depend on it."""
        if self.root.stat().st_dev != self.output.stat().st_dev:
            raise OutputUnwritable(
                what="the staging is on another file system than the output",
                where=str(self.root),
                cure="keep the output and its .encours folder on one file system",
            )
        first = files.ensure_directory(self.spill / "probe-1")
        second = files.ensure_directory(self.spill / "probe-2")
        try:
            files.rename_no_replace(first, second)
        except FileExistsError:
            pass
        else:
            raise OutputUnwritable(
                what="the file system replaces a directory that was not to be replaced",
                where=str(self.output),
                cure="name an output on a local file system",
            )
        if self._revise:
            files.exchange(first, second)
        files.delete_tree(first)
        files.delete_tree(second)


def _sync_and_compare(
    directory: Path, written: PublishedFile, begun: Future[None] | None
) -> list[Difference]:
    if begun is not None:
        begun.result()  # the system tells a failed write once: it may have told it there
    files.sync_file(directory / written.file)
    return content_differences(directory, written)


def _check_usable(output: Path) -> None:
    """Refuse a file, and a directory that the user of the job may not write."""
    cure = "name a directory that the user of the job may write"
    if not output.exists():
        return
    if not output.is_dir():
        raise OutputUnwritable(
            what="the output is not a directory",
            where=str(output),
            found="a file",
            expected="a directory, which is created when it is missing",
            cure=cure,
        )
    effective = os.access in os.supports_effective_ids
    if not os.access(output, os.R_OK | os.W_OK | os.X_OK, effective_ids=effective):
        raise OutputUnwritable(
            what="the output cannot be written",
            where=str(output),
            found="no write permission, or a read-only file system",
            cure=cure,
        )


def _make_with_parents(output: Path) -> None:
    missing = [path for path in (output, *output.parents) if not path.exists()]
    for path in reversed(missing):
        files.ensure_directory(path)
    files.ensure_directory(output)


def _check_private(state: Path) -> None:
    """Refuse a state folder in which everybody may plant files."""
    if stat.S_IMODE(state.stat().st_mode) & stat.S_IWOTH:
        raise OutputUnwritable(
            what="everybody may write into the folder of publication records",
            where=str(state),
            cure=f"chmod o-w {state}",
        )


def _reclaim(staging_root: Path) -> None:
    """Delete the stagings whose owner is dead: those whose own lock is free.

    Comes after `records.settle`, so no replaced run lies in any of them.
    """
    tokens = {path.name.removesuffix(_LOCK_SUFFIX) for path in staging_root.iterdir()}
    for token in sorted(tokens):
        try:
            lock = files.hold_lock(staging_root / f"{token}{_LOCK_SUFFIX}")
        except OutputBusy:
            continue
        try:
            files.delete_tree(staging_root / token)
            files.delete_file(lock.path)
        finally:
            lock.release()
