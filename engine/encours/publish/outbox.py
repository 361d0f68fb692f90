"""What the ERP was told, run by run, and what waits for a person's approval.

`.encours/outbox/<run_id>/` holds, for every published run:

- `entry.json`: the run, the run that it follows in the chain of hold files, and its state;
- `told.parquet`: whom the ERP holds once it took the run's changes in;
- `erp/`: the files for the ERP while they wait;
- `approval.json`: who approved them, from the moment on at which they count as told.

An entry comes into place with the publication itself (`records.complete`), and an approval counts
from the one rename that gives `approval.json` its name: what follows a crash is done by the next
command that takes the lock. Why so: docs/decisions/0055-chain-of-hold-files.md.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from encours.publish import files, records
from encours.publish.files import PublishedFile
from encours.publish.manifest import canonical, read_manifest
from encours.publish.records import outbox
from encours_schemas.errors import EncoursError, InputRefused, OutputUnwritable, PublicationUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import pyarrow as pa


TOLD: Final = "told"
WAITING: Final = "waiting"
OLDER: Final = "older_than_told"
ERP: Final = "erp"

_ENTRY: Final = "entry.json"
_PICTURE: Final = "told.parquet"
_APPROVAL: Final = "approval.json"
_DRAFT: Final = "approval.draft"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one run told the ERP, or would tell it.

    state         `TOLD`, `WAITING` (for approval) or `OLDER` (nothing is told: empty changes)
    follows       run id of the run told before, None at the start of the chain
    position      1, 2, … of the run in the chain; of an older run that of the run it comes after
    rows_read     rows read per input table, for the next run's breaker
    picture       SHA-256 of `told.parquet`
    erp           entries of the files for the ERP, as in the manifest
    """

    run_id: str
    as_of: str
    state: str
    follows: str | None
    position: int
    rows_read: dict[str, int]
    picture: str
    erp: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Told:
    """A run that the ERP was told, and the folder of its entry."""

    entry: Entry
    folder: Path

    @property
    def run_id(self) -> str:
        """Give the id of the run."""
        return self.entry.run_id

    def holds(self) -> pa.Table:
        """Read whom the ERP holds since: customer_id, credit_segment, holds (bits).

        Raises InputRefused (65) when the file is not the one that was written.
        """
        import pyarrow.parquet as pq

        path = self.folder / _PICTURE
        try:
            digest, _ = files.sha256_of(path)
            found = "other bytes than were written" if digest != self.entry.picture else ""
            table = pq.ParquetFile(path).read() if not found else None
        except (OSError, ValueError) as error:
            found, table = type(error).__name__, None
        if table is None:
            raise InputRefused(
                what="what the ERP was last told cannot be read",
                where=str(path),
                found=found,
                cure=(
                    "restore the file; --without-memory starts the chain of hold files again: the "
                    "ERP is then told every hold once more, and no release of those it knows"
                ),
            )
        return table


def stage_entry(root: Path, entry: Entry, holds: pa.Table) -> None:
    """Write the entry of a run into its staging, on storage; `root` may hold `erp/` already."""
    from encours.publish.parquet import write_small_table

    files.ensure_directory(root)
    written = write_small_table(root / _PICTURE, holds)
    files.sync_file(root / _PICTURE)
    facts = asdict(entry) | {"picture": written.sha256}
    files.write_synced(root / _ENTRY, canonical(facts) + b"\n")
    for each in entry.erp:
        files.sync_file(root / str(each["file"]))
    files.sync_directories(root)


def read_entry(output: Path, run_id: str) -> Entry | None:
    """Give the entry of a published run; None for one that told nothing and could not."""
    path = outbox(output) / run_id / _ENTRY
    try:
        return Entry(**json.loads(files.read_bytes(path)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise OutputUnwritable(
            what="the record of what the ERP was told cannot be read",
            where=str(path),
            found=type(error).__name__,
            expected="a record that this engine wrote",
            cure="restore it from a backup; nothing is told over an unknown state",
        ) from error


def is_told(output: Path, entry: Entry) -> bool:
    """Tell whether the ERP was told: at once, or since a person approved."""
    approval = outbox(output) / entry.run_id / _APPROVAL
    return entry.state == TOLD or (
        entry.state == WAITING and files.identity_of(approval) is not None
    )


def told_by(output: Path, run_id: str | None) -> Told | None:
    """Give what a run of the chain told; None for None."""
    entry = None if run_id is None else read_entry(output, run_id)
    return None if entry is None else Told(entry, outbox(output) / entry.run_id)


def last_told(output: Path) -> Told | None:
    """Give the run that the ERP was last told; None when it was never told anything.

    The chain runs in the order of as-of dates, revisions of a date in the order of publication: a
    run for a date older than the last one told tells nothing.
    """
    published = sorted(
        records.list_records(output), key=lambda each: (each.as_of, each.sequence), reverse=True
    )
    for record in published:
        entry = read_entry(output, record.run_id)
        if entry is not None and is_told(output, entry):
            return Told(entry, outbox(output) / entry.run_id)
    return None


# -- approval --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Approval:
    """An approved run; `already` when its files were told before."""

    run_id: str
    directory: Path
    changes: dict[str, int]
    already: bool = False


def approve(directory: Path, by: str) -> Approval:
    """Let the ERP files of a run that waits be told: they appear in its directory.

    directory  the run, `<output>/as_of=YYYY-MM-DD`
    by         who approves

    Raises OutputUnwritable (73) when the run does not wait, or another run has been told or
    published since that knows better; OutputBusy (75) while a run writes the output.
    """
    run = Path(os.path.realpath(directory))
    output = run.parent
    lock = files.hold_lock(output / records.STATE / "lock") if _is_output(output) else None
    if lock is None:
        raise _not_a_run(run)
    try:
        records.settle(output)
        finish_approvals(output)
        manifest = read_manifest(run)
        entry = read_entry(output, str(manifest["run_id"]))
        if entry is None or records.published_directory(output, entry.as_of) != run:
            raise _not_a_run(run)
        changes = dict(manifest[ERP]["changes"])
        if is_told(output, entry):
            return Approval(entry.run_id, run, changes, already=True)
        _require_approvable(output, entry, run)
        _record_approval(output, entry, by)
        try:
            files.sync_directory(outbox(output) / entry.run_id)
            finish_approvals(output)
        except (EncoursError, OSError) as error:
            raise PublicationUnknown(
                what="the run is approved, but its ERP files may not be in its directory yet",
                where=str(run / ERP),
                found=str(error),
                cure="approve it again: the next command that takes the output puts them there",
            ) from error
        return Approval(entry.run_id, run, changes)
    finally:
        lock.release()


def finish_approvals(output: Path) -> None:
    """Move the files of approved runs into their directories: what a dead approval left undone."""
    folder = outbox(output)
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        waiting = path / ERP
        if files.identity_of(waiting) is None or files.identity_of(path / _APPROVAL) is None:
            continue
        entry = read_entry(output, path.name)
        if entry is None:
            continue
        run = records.published_directory(output, entry.as_of)
        if _run_id_of(run) == entry.run_id:
            with contextlib.suppress(FileExistsError):  # somebody made an `erp` there: it stays
                files.rename_no_replace(waiting, run / ERP)
            files.sync_directory(run)
            files.sync_directory(path)


def _require_approvable(output: Path, entry: Entry, run: Path) -> None:
    """Refuse to tell what is no longer right to tell."""
    if entry.state != WAITING:
        raise _not_approvable(
            run, "it is older than the last run told, so it tells nothing", "nothing: it is right"
        )
    last = last_told(output)
    if (None if last is None else last.run_id) != entry.follows:
        raise _not_approvable(run, "another run was told since", "run the date again with --revise")
    later = [
        path.name
        for path in output.glob("as_of=*")
        if path.name > run.name and (path / files.MANIFEST_NAME).exists()
    ]
    if later:
        raise _not_approvable(
            run, f"a later run is published: {max(later)}", "approve the latest run"
        )
    for each in entry.erp:
        path = outbox(output) / entry.run_id / str(each["file"])
        try:
            intact = files.sha256_of(path) == (each["sha256"], each["size"])
        except OSError:
            intact = False
        if not intact:
            raise _not_approvable(
                run, f"{path} is not what was written", "run the date again with --revise"
            )


def _record_approval(output: Path, entry: Entry, by: str) -> None:
    """Write who approved; the rename is the moment from which the run counts as told."""
    folder = outbox(output) / entry.run_id
    files.delete_file(folder / _DRAFT)
    facts: Mapping[str, Any] = {
        "run_id": entry.run_id,
        "approved_by": by,
        "follows": entry.follows,
        "position": entry.position,
    }
    files.write_synced(folder / _DRAFT, canonical(facts) + b"\n")
    try:
        files.rename_no_replace(folder / _DRAFT, folder / _APPROVAL)
    except (EncoursError, OSError):
        # The reply to a rename that took place may be lost: the name itself tells.
        if files.identity_of(folder / _APPROVAL) is None:
            raise


def _run_id_of(directory: Path) -> str | None:
    """Give the id of the run in a directory; None when there is none that we know."""
    try:
        return str(read_manifest(directory)["run_id"])
    except EncoursError:
        return None


def _is_output(output: Path) -> bool:
    return (output / records.STATE).is_dir()


def _not_a_run(run: Path) -> OutputUnwritable:
    return OutputUnwritable(
        what="there is no published run with files for an ERP",
        where=str(run),
        expected="the directory as_of=YYYY-MM-DD of a published run, in its output",
        cure="`encours runs --out DIR` lists what is published",
    )


def _not_approvable(run: Path, found: str, cure: str) -> OutputUnwritable:
    return OutputUnwritable(
        what="the ERP files of this run cannot be approved",
        where=str(run),
        found=found,
        cure=cure,
    )


def published_entry(output: Path, as_of: date) -> Entry | None:
    """Give the entry of the run that is published for a date; None when there is none."""
    run_id = _run_id_of(records.published_directory(output, as_of))
    return None if run_id is None else read_entry(output, run_id)


def listed_files(directory: Path, manifest: Mapping[str, Any]) -> list[PublishedFile]:
    """Give the files that a run's directory should hold: an approved run's ERP files, too."""
    entries = list(manifest["outputs"])
    told = manifest.get(ERP) or {}
    if told.get("state") == WAITING and files.identity_of(directory / ERP) is not None:
        entries += told["files"]
    return [PublishedFile(**each) for each in entries]
