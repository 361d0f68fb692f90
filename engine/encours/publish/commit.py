"""Make a staged run the published one, in one step that is taken or not taken, never half taken.

The order of the steps and why: docs/decisions/0004-publication.md.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from encours.publish import files, records
from encours.publish.files import PublishedFile
from encours.publish.manifest import Manifest, read_manifest, write_manifest
from encours.publish.records import Record, published_directory
from encours.publish.staging import Staging
from encours.publish.verify import Difference, outline_differences
from encours_schemas.errors import (
    ControlFailed,
    EncoursError,
    InputRefused,
    OutputUnwritable,
    PublicationUnknown,
)

_DROPPED_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Publication:
    """A published run.

    already   the same run stood there before: nothing was changed
    sequence  its number among the publications of the output, 0 when `already`
    replaced  run id of the revision that it took the place of
    """

    run_id: str
    directory: Path
    already: bool = False
    sequence: int = 0
    replaced: str | None = None


def already_published(
    output: Path, as_of: date, run_id: str, *, revise: bool = False
) -> Publication | None:
    """Give the publication if this very run is there; None when the way is free.

    `OutputUnwritable` naming `--revise` when another run of that date is there and may not be
    replaced, or when this run is there with files missing or cut short.
    """
    directory = published_directory(output, as_of)
    manifest = _manifest_at(directory)
    if manifest is None:
        return None
    same = manifest["run_id"] == run_id
    damage = outline_differences(directory, manifest) if same else []
    if same and not damage:
        return Publication(run_id, directory, already=True)
    if revise:
        return None
    if damage:
        raise OutputUnwritable(
            what="this run is published already, but damaged",
            where=str(directory),
            found=str(damage[0]),
            cure="run with --revise to publish it again",
        )
    raise OutputUnwritable(
        what="another run of this date is published already",
        where=str(directory),
        found=f"run {manifest['run_id']}",
        expected=f"run {run_id}",
        cure="run with --revise to replace it; the published run is kept in .encours/superseded",
    )


def commit(staging: Staging, manifest: Manifest, *, revise: bool = False) -> Publication:
    """Publish what was staged: write the manifest, sync, read back and compare, then commit.

    The files must be complete and closed. ControlFailed when storage gives back other bytes than
    were written; OutputUnwritable and OutputBusy as ever, nothing being published; and
    PublicationUnknown when storage gives no clear answer at the last step, nothing being deleted.
    """
    run_id = str(manifest["run_id"])
    known = already_published(staging.output, staging.as_of, run_id, revise=revise)
    if known is not None:
        return known
    found = staging.hardened(PublishedFile(**entry) for entry in manifest["outputs"])
    digest = write_manifest(staging.directory, manifest)
    found += outline_differences(staging.directory, read_manifest(staging.directory))
    if found:
        raise _not_as_written(found)
    files.sync_directories(staging.directory)
    with _uninterrupted():
        return _claim_and_publish(staging, run_id, digest, revise)


def publish_rejected(staging: Staging, run_id: str, quarantine: Path) -> Path:
    """Keep the quarantine of a refused run in `.encours/rejected/<run_id>/quarantine`.

    A run that was refused before with the same id leaves the same rows: those stay.
    """
    rejected = files.ensure_directory(staging.root / "rejected")
    files.rename_no_replace(quarantine, rejected / "quarantine")
    for path in sorted((rejected / "quarantine").iterdir()):
        files.sync_file(path)
    files.sync_directories(rejected)
    folder = files.ensure_directory(staging.output / records.STATE / "rejected")
    try:
        files.rename_no_replace(rejected, folder / run_id)
    except FileExistsError:
        return folder / run_id / "quarantine"
    files.sync_directory(folder)
    return folder / run_id / "quarantine"


def _manifest_at(directory: Path) -> Manifest | None:
    """Give the manifest of what stands at the place to publish to; None when nothing does."""
    if files.identity_of(directory) is None:
        return None
    found = "a link or a file"
    if directory.is_dir() and not directory.is_symlink():
        try:
            return read_manifest(directory)
        except InputRefused as error:
            found = f"a directory whose manifest is not known: {error.found}"
    raise OutputUnwritable(
        what="something else has the name of the run to publish",
        where=str(directory),
        found=found,
        expected="a published run, or nothing",
        cure="move it away, then run again",
    )


def _not_as_written(found: list[Difference]) -> ControlFailed:
    return ControlFailed(
        what="what was read back is not what was written",
        where=found[0].file,
        found=f"{found[0]} ({len(found)} differences)",
        cure="check the storage and the memory of the machine, then run again",
    )


def _claim_and_publish(staging: Staging, run_id: str, digest: str, revise: bool) -> Publication:
    """Claim, look again, make visible, record."""
    output = staging.output
    target = published_directory(output, staging.as_of)
    staging.check_output()
    replaced = _run_id(_manifest_at(target))
    record = records.next_record(output, staging.as_of, run_id, replaced, digest, staging.token)
    records.make_claim(output, record)
    try:
        staging.check_output()
        # Under the claim nobody else publishes, so what is seen now stays true.
        known = already_published(output, staging.as_of, run_id, revise=revise)
        if known is None and _run_id(_manifest_at(target)) != replaced:
            raise records.rival(output)
    except EncoursError:
        records.withdraw_claim(output)
        raise
    if known is not None:
        records.withdraw_claim(output)
        return known
    _make_visible(staging, target, record)
    _record(staging, record)
    return Publication(run_id, target, sequence=record.sequence, replaced=replaced)


def _run_id(manifest: Manifest | None) -> str | None:
    return None if manifest is None else str(manifest["run_id"])


def _make_visible(staging: Staging, target: Path, record: Record) -> None:
    """Take the one step that publishes, and find out whether it was taken."""
    staged = files.identity_of(staging.directory)
    try:
        if record.replaces is None:
            files.rename_no_replace(staging.directory, target)
        else:
            files.exchange(staging.directory, target)
    except (EncoursError, OSError) as error:
        _judge(staging, target, staged, error)
    try:
        files.sync_directory(staging.output)
        files.sync_directory(staging.root)
    except EncoursError as error:
        raise _unknown(staging, target, error) from error


def _judge(
    staging: Staging, target: Path, staged: tuple[int, int] | None, error: EncoursError | OSError
) -> None:
    """Look where the staged directory is after a failed step; return when it is published.

    The answer of the operating system is not enough: a network file system may lose the reply to a
    rename that took place.
    """
    try:
        visible = files.identity_of(target)
        remaining = files.identity_of(staging.directory)
    except OSError as blind:
        raise _unknown(staging, target, error) from blind
    if visible == staged:
        return
    if remaining != staged:
        raise _unknown(staging, target, error) from error
    # Where even this fails, the next run withdraws the claim: its directory is not visible.
    with contextlib.suppress(EncoursError):
        records.withdraw_claim(staging.output)
    if isinstance(error, FileExistsError):
        raise OutputUnwritable(
            what="something else took the name of the run to publish",
            where=str(target),
            cure="move it away, then run again",
        ) from error
    raise error


def _unknown(staging: Staging, target: Path, error: Exception) -> PublicationUnknown:
    staging.keep()
    return PublicationUnknown(
        what="storage did not say whether the run is published",
        where=str(target),
        found=str(error),
        cure="`encours runs` shows what is published; the next run settles the rest",
    )


def _record(staging: Staging, record: Record) -> None:
    """Put the replaced run aside and complete the record; the next run does what fails here."""
    try:
        records.complete(staging.output, record)
    except (EncoursError, OSError):
        staging.keep()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let no signal handler raise inside the block.

    An interrupt between the step that publishes and its record would end the command with a status
    that says nothing was published. The block takes milliseconds and its own outcome is told, so a
    signal that arrives meanwhile is dropped. Where no handler is set the process dies at once, as
    by kill -9. Handlers run in the main thread alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    set_before = {number: signal.getsignal(number) for number in _DROPPED_SIGNALS}
    handled = {number: handler for number, handler in set_before.items() if callable(handler)}
    try:
        for number in handled:
            signal.signal(number, lambda *_: None)
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
