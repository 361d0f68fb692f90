"""Compare the files of a run with its manifest, by reading them again from storage."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from encours.publish import files
from encours.publish.files import MANIFEST_NAME, PublishedFile
from encours.publish.manifest import DIGEST, Manifest, manifest_digest
from encours.publish.outbox import listed_files


@dataclass(frozen=True, slots=True)
class Difference:
    """One point in which a published run is not what its manifest says.

    file  relative to the run's directory
    what  `missing`, `not listed`, `size`, `sha256`, `rows`, `not readable`, `table rows`, `digest`
    """

    file: str
    what: str
    found: str = ""
    expected: str = ""

    def __str__(self) -> str:
        parts = [f"{self.file}: {self.what}"]
        if self.found:
            parts.append(f"found {self.found}")
        if self.expected:
            parts.append(f"expected {self.expected}")
        return ", ".join(parts)


def differences(directory: Path, manifest: Manifest, *, threads: int = 2) -> list[Difference]:
    """Give every point in which the files differ from the manifest, in the order of the files.

    threads  how many files are read at once
    """
    files_listed = listed_files(directory, manifest)
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        contents = pool.map(lambda listed: content_differences(directory, listed), files_listed)
        found = [each for part in contents for each in part]
    return found + outline_differences(directory, manifest)


def outline_differences(directory: Path, manifest: Manifest) -> list[Difference]:
    """Give the differences that show without reading a file: names, sizes, sums, own digest."""
    entries = {each.file: each for each in listed_files(directory, manifest)}
    present = set(_files_below(directory)) - {MANIFEST_NAME}
    found = [Difference(name, "missing") for name in sorted(set(entries) - present)]
    found += [Difference(name, "not listed") for name in sorted(present - set(entries))]
    for name in sorted(present & set(entries)):
        size = (directory / name).lstat().st_size
        if size != entries[name].size:
            found.append(Difference(name, "size", str(size), str(entries[name].size)))
    found += _table_rows(manifest)
    if manifest_digest(manifest) != manifest.get(DIGEST):
        found.append(Difference(MANIFEST_NAME, DIGEST, expected="the digest of its own content"))
    return sorted(found, key=lambda each: (each.file, each.what))


def _files_below(directory: Path) -> Iterator[str]:
    """Give the relative names of all entries that are not directories, links included."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below = directory / entry.name
                yield from (f"{entry.name}/{name}" for name in _files_below(below))
            else:
                yield entry.name


def content_differences(directory: Path, listed: PublishedFile) -> list[Difference]:
    """Read one file from storage and give the first point in which it is not the one listed.

    A file that is missing or has another size is `outline_differences`'s to report.
    """
    path = directory / listed.file
    try:
        if not path.is_symlink() and (not path.exists() or path.stat().st_size != listed.size):
            return []
        digest, _ = files.sha256_of(path, from_storage=True)
        if digest != listed.sha256:
            return [Difference(listed.file, "sha256", digest, listed.sha256)]
        rows = _parquet_rows(path) if path.suffix == ".parquet" else listed.rows
    except (OSError, ValueError) as error:
        return [Difference(listed.file, "not readable", type(error).__name__)]
    if rows != listed.rows:
        return [Difference(listed.file, "rows", str(rows), str(listed.rows))]
    return []


def _parquet_rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def _table_rows(manifest: Manifest) -> list[Difference]:
    """Compare the rows of each table with the sum over its files."""
    counted: dict[str, int] = {}
    for entry in manifest["outputs"]:
        if str(entry["file"]).endswith(".parquet"):
            table = str(entry["table"])
            counted[table] = counted.get(table, 0) + int(entry["rows"])
    stated = manifest["tables"]
    return [
        Difference(table, "table rows", str(counted.get(table)), str(stated.get(table)))
        for table in sorted(set(counted) | set(stated))
        if counted.get(table) != stated.get(table)
    ]
