"""Publication records: who may publish, what was published in which order, and what a crash left.

`.encours/publications/` holds `00000001.json`, `00000002.json`, … in the order of publication, each
with the digest of the one before, and `claim.json` while a publication is under way. The claim is
created exclusively, so at most one run at a time can be between "decided" and "recorded", whatever
happened to the lock file. Why in this order: docs/decisions/0004-publication.md.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

from encours.publish import files
from encours.publish.manifest import canonical, manifest_sha256
from encours_schemas.errors import OutputBusy, OutputUnwritable

STATE: Final = ".encours"
CLAIM_NAME: Final = "claim.json"
_SAFE_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Record:
    """One publication.

    sequence         1, 2, … over all as-of dates of the output
    replaces         run id of the revision that it took the place of, None for a new date
    manifest_sha256  of the published manifest.json
    token            the staging that it came from
    previous_sha256  of the record before, None for the first
    """

    sequence: int
    as_of: str
    run_id: str
    replaces: str | None
    manifest_sha256: str
    token: str
    previous_sha256: str | None

    def __post_init__(self) -> None:
        """Refuse what could not become a file name of ours; ValueError."""
        date.fromisoformat(self.as_of)
        for name in (self.run_id, self.token, self.replaces or "none"):
            if not _SAFE_NAME.fullmatch(name):
                message = f"{name!r} is not a name that this engine gives"
                raise ValueError(message)
        if self.sequence < 1:
            message = f"{self.sequence!r} is not a sequence number"
            raise ValueError(message)

    def encoded(self) -> bytes:
        """Give the bytes of the record's file."""
        return canonical(asdict(self)) + b"\n"


def published_directory(output: Path, as_of: date | str) -> Path:
    """Give the directory that readers see for an as-of date."""
    return output / f"as_of={as_of}"


def staging_root(output: Path) -> Path:
    """Give the folder of all stagings of an output."""
    return output / STATE / "staging"


def staging_lock(output: Path, token: str) -> Path:
    """Give the lock that the owner of a staging holds as long as it lives."""
    return staging_root(output) / f"{token}.lock"


def publications(output: Path) -> Path:
    """Give the folder of the records."""
    return output / STATE / "publications"


def outbox(output: Path) -> Path:
    """Give the folder of what the ERP was told, run by run (`publish.outbox`)."""
    return output / STATE / "outbox"


def list_records(output: Path) -> list[Record]:
    """Give all records in the order of publication; `OutputUnwritable` where one is damaged."""
    folder = publications(output)
    names = sorted(path.name for path in folder.glob("[0-9]*.json")) if folder.is_dir() else []
    return [_read_record(folder / name) for name in names]


def broken_links(output: Path) -> list[int]:
    """Give the sequence numbers whose record does not continue the one before it."""
    broken = []
    before = None
    for expected, record in enumerate(list_records(output), start=1):
        if record.sequence != expected or record.previous_sha256 != before:
            broken.append(record.sequence)
        before = hashlib.sha256(record.encoded()).hexdigest()
    return broken


def read_claim(output: Path) -> Record | None:
    """Give the publication that is under way or was broken off; None when there is none."""
    path = publications(output) / CLAIM_NAME
    return _read_record(path) if files.identity_of(path) is not None else None


def next_record(
    output: Path, as_of: date, run_id: str, replaces: str | None, manifest_digest: str, token: str
) -> Record:
    """Give the record that continues the chain."""
    before = list_records(output)
    return Record(
        sequence=before[-1].sequence + 1 if before else 1,
        as_of=as_of.isoformat(),
        run_id=run_id,
        replaces=replaces,
        manifest_sha256=manifest_digest,
        token=token,
        previous_sha256=hashlib.sha256(before[-1].encoded()).hexdigest() if before else None,
    )


def make_claim(output: Path, record: Record) -> None:
    """Claim the next publication; `OutputBusy` when another run has done so.

    The claim appears whole or not at all: written under another name, synced, then renamed.
    """
    draft = staging_root(output) / record.token / CLAIM_NAME
    files.write_synced(draft, record.encoded())
    try:
        files.rename_no_replace(draft, publications(output) / CLAIM_NAME)
    except FileExistsError as error:
        raise rival(output) from error
    files.sync_directory(publications(output))
    # Between counting the records and claiming, a rival may have claimed and finished.
    last = max((each.sequence for each in list_records(output)), default=0)
    if last + 1 != record.sequence:
        withdraw_claim(output)
        raise rival(output)


def rival(output: Path) -> OutputBusy:
    """Give the refusal for an output that another run is publishing to."""
    return OutputBusy(
        what="another run is publishing to this output",
        where=str(publications(output) / CLAIM_NAME),
        cure="let it finish, then run again",
    )


def withdraw_claim(output: Path) -> None:
    """Give up a claim whose run did not become visible."""
    files.delete_file(publications(output) / CLAIM_NAME)
    files.sync_directory(publications(output))


def complete(output: Path, record: Record) -> None:
    """Finish a publication that is visible: put the replaced run aside, turn claim into record."""
    displaced = _staged(output, record)
    if files.identity_of(displaced) is not None:
        _set_aside(output, displaced, record.replaces or "unknown")
    _file_entry(output, record)
    folder = publications(output)
    numbered = folder / f"{record.sequence:08d}.json"
    try:
        files.rename_no_replace(folder / CLAIM_NAME, numbered)
    except FileExistsError as error:
        raise files.unwritable(error, "a publication record is there already", numbered) from error
    files.sync_directory(folder)


def settle(output: Path) -> None:
    """Finish or withdraw the publication that a dead run left; `OutputBusy` when it is alive.

    Only the holder of the dead run's own lock settles, and looks at the claim again under that
    lock: otherwise two settlers could take each other's new claim for the old one.
    """
    claim = read_claim(output)
    if claim is None:
        return
    lock = files.hold_lock(staging_lock(output, claim.token))
    try:
        if read_claim(output) != claim:
            raise rival(output)
        if manifest_sha256(published_directory(output, claim.as_of)) == claim.manifest_sha256:
            files.sync_directory(output)
            complete(output, claim)
            return
        staged = _staged(output, claim)
        if manifest_sha256(staged) not in {None, claim.manifest_sha256}:
            # The exchange took place and the new revision was taken away since, by hand.
            _set_aside(output, staged, claim.replaces or "unknown")
        withdraw_claim(output)
    finally:
        lock.release()


def _staged(output: Path, record: Record) -> Path:
    return staging_root(output) / record.token / f"as_of={record.as_of}"


def _set_aside(output: Path, displaced: Path, run_id: str) -> None:
    """Keep a replaced revision under its run id; the same run replaced again gets a number."""
    folder = files.ensure_directory(output / STATE / "superseded")
    for name in _numbered(run_id):
        try:
            files.rename_no_replace(displaced, folder / name)
        except FileExistsError:
            continue
        break
    files.sync_directory(folder)


def _file_entry(output: Path, record: Record) -> None:
    """Put what a run tells the ERP into the outbox, now that the run is visible."""
    staged = staging_root(output) / record.token / "outbox"
    if files.identity_of(staged) is None:
        return
    folder = files.ensure_directory(outbox(output))
    try:
        files.rename_no_replace(staged, folder / record.run_id)
    except FileExistsError:
        # The same run was published before and is published again: it tells the same.
        files.delete_tree(folder / record.run_id)
        files.rename_no_replace(staged, folder / record.run_id)
    files.sync_directory(folder)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _read_record(path: Path) -> Record:
    try:
        record = Record(**json.loads(files.read_bytes(path)))
    except (OSError, ValueError, TypeError) as error:
        raise OutputUnwritable(
            what="a publication record cannot be read",
            where=str(path),
            expected="a record that this engine wrote",
            cure="restore it from a backup; nothing is published over an unknown state",
        ) from error
    return record
