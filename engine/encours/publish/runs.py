"""What was published to an output: the runs, the run before a date, and whether a run is intact."""

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from encours.publish import records
from encours.publish.files import MANIFEST_NAME
from encours.publish.manifest import Manifest, manifest_sha256, read_manifest
from encours.publish.verify import Difference, differences
from encours_schemas.errors import InputMissing

_RUN_DIRECTORY: Final = re.compile(r"as_of=(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One published run.

    rows      rows of each table
    totals    control totals by currency, amounts as text
    revision  1 for the first publication of the date, 2 for the one that replaced it, …
    """

    as_of: date
    run_id: str
    directory: Path
    rows: dict[str, int]
    totals: dict[str, dict[str, str]]
    revision: int
    manifest: dict[str, Any] = field(repr=False)


def list_runs(output: Path) -> list[RunSummary]:
    """Give what is published, one run for each as-of date, in the order of the dates.

    `InputMissing` when there is no such output, `InputRefused` when a manifest cannot be read.
    """
    if not output.is_dir():
        raise InputMissing(
            what="there is no output",
            where=str(output),
            expected="the directory that was given to `encours run --out`",
        )
    history = records.list_records(output)
    summaries = []
    for as_of, directory in _run_directories(output):
        manifest = read_manifest(directory)
        revisions = [each for each in history if each.as_of == as_of.isoformat()]
        summaries.append(
            RunSummary(
                as_of=as_of,
                run_id=manifest["run_id"],
                directory=directory,
                rows=manifest["tables"],
                totals=manifest["control_totals"],
                revision=max(1, len(revisions)),
                manifest=manifest,
            )
        )
    return summaries


def latest_before(output: Path, as_of: date) -> Manifest | None:
    """Give the manifest of the latest run of an earlier date; None when there is none."""
    directory = latest_directory_before(output, as_of)
    return None if directory is None else read_manifest(directory)


def latest_directory_before(output: Path, as_of: date) -> Path | None:
    """Give the directory of the latest run of an earlier date; None when there is none."""
    earlier = [directory for day, directory in _run_directories(output) if day < as_of]
    return earlier[-1] if earlier else None


def verify_run(directory: Path, *, threads: int = 2) -> list[Difference]:
    """Read a published run again and give every point in which it is not what was published.

    Files, sizes, digests and rows against the manifest; the manifest against its own digest and,
    where the run still lies in its output, against the publication record and the chain of records.
    """
    manifest = read_manifest(directory)
    return differences(directory, manifest, threads=threads) + _record_differences(
        directory, manifest
    )


def _record_differences(directory: Path, manifest: Manifest) -> list[Difference]:
    output = directory.resolve().parent
    if not records.publications(output).is_dir():
        return []
    found = [
        Difference(f"{number:08d}.json", "does not continue the record before it")
        for number in records.broken_links(output)
    ]
    own = [
        each
        for each in records.list_records(output)
        if each.as_of == manifest["as_of"] and each.run_id == manifest["run_id"]
    ]
    if own and own[-1].manifest_sha256 != (digest := manifest_sha256(directory)):
        found.append(Difference(MANIFEST_NAME, "sha256", str(digest), own[-1].manifest_sha256))
    return found


def _run_directories(output: Path) -> list[tuple[date, Path]]:
    if not output.is_dir():
        return []
    found = []
    for path in output.iterdir():
        match = _RUN_DIRECTORY.fullmatch(path.name)
        if match and path.is_dir():
            found.append((date.fromisoformat(match[1]), path))
    return sorted(found)
