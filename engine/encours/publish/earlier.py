"""The latest published run of an earlier date, as the memory of the run that follows it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from encours.publish.files import read_bytes
from encours.publish.manifest import Manifest, read_manifest
from encours.publish.parquet import PART_SUFFIX
from encours.publish.runs import latest_directory_before
from encours_schemas.errors import EncoursError, InputRefused

REMEMBERED_TABLES: Final = ("ageing", "breaches", "credit_accounts")
"""Tables that a run always remembers; they are re-hashed before anything is computed."""
CURE: Final = (
    "restore it from a copy, or give --without-memory: then every breach is new, no hold is kept "
    "by its release threshold, and no due date counts as moved"
)


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A published run whose tables can be read."""

    directory: Path
    manifest: Manifest

    @property
    def as_of(self) -> date:
        """Give its as-of date."""
        return date.fromisoformat(self.manifest["as_of"])

    @property
    def run_id(self) -> str:
        """Give its id."""
        return str(self.manifest["run_id"])

    @property
    def currency(self) -> str:
        """Give its reporting currency."""
        return str(self.manifest["configuration"]["reporting"]["currency"])

    def files(self, table: str) -> list[Path]:
        """List the files of a table in their order; none where the run has no such table."""
        listed = [str(one["file"]) for one in self.manifest["outputs"] if one["table"] == table]
        return [self.directory / name for name in sorted(listed) if name.endswith(PART_SUFFIX)]

    def read(self, table: str, columns: Sequence[str]) -> pa.Table | None:
        """Give some columns of a whole table; None where the run has no such table.

        Raises InputRefused (65) for a file that cannot be read.
        """
        parts = list(self.pieces(table, columns))
        return pa.concat_tables(parts) if parts else None

    def pieces(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Give some columns of a table in pieces, in the order of its rows."""
        for path in self.files(table):
            yield from read_parts(path, columns)


def read_parts(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Give some columns of a published file, row group by row group, page checksums checked.

    Raises InputRefused (65) naming the file when it cannot be read.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if not file.num_row_groups:
                yield file.read(columns=list(columns))
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=list(columns))
    except (OSError, pa.ArrowException, KeyError) as error:
        raise _unreadable(path, type(error).__name__) from error


def find_earlier_run(output: Path, as_of: date) -> EarlierRun | None:
    """Give the latest published run of an earlier date; None when there is none.

    Raises InputRefused (65) when its manifest cannot be read, or a file is not the one that it
    lists: what it remembered decides which breaches are new, and which holds go on.
    """
    directory = latest_directory_before(output, as_of)
    if directory is None:
        return None
    try:
        manifest = read_manifest(directory)
    except EncoursError as error:
        raise InputRefused(
            what="the earlier run cannot be remembered: " + error.what,
            where=error.where,
            found=error.found,
            expected=error.expected,
            cure=CURE,
        ) from error
    for entry in manifest["outputs"]:
        if entry["table"] == "erp":  # its consumer may have taken them away; they remember nothing
            continue
        _require_intact(directory / str(entry["file"]), entry)
    return EarlierRun(directory, manifest)


def _require_intact(path: Path, entry: dict[str, Any]) -> None:
    """Refuse a file that is gone, of another size, or (of a small table) of other bytes."""
    try:
        size = path.stat().st_size
        is_remembered = entry["table"] in REMEMBERED_TABLES
        digest = hashlib.sha256(read_bytes(path)).hexdigest() if is_remembered else entry["sha256"]
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error
    if size != entry["size"]:
        raise _unreadable(path, f"{size} bytes", f"{entry['size']} bytes")
    if digest != entry["sha256"]:
        raise _unreadable(path, "another SHA-256", "the one in manifest.json")


def _unreadable(
    path: Path, found: str, expected: str = "the file as it was published"
) -> InputRefused:
    return InputRefused(
        what="the earlier run cannot be remembered: a file of it is not what was published",
        where=str(path),
        found=found,
        expected=expected,
        cure=CURE,
    )
