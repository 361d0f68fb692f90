"""The reading layer: a ledger directory as tables, units of work, Arrow tables."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.ledger.buffers import is_sound, is_text
from encours.ledger.columns import nearest_hints
from encours.ledger.discovery import discover
from encours.ledger.files import SourceFile, broken_file, refusing_broken
from encours.ledger.findings import Finding, RunNotice, raw_row
from encours.ledger.inspection import FileParts, inspect_file
from encours.ledger.parquet_files import ParquetReader
from encours.ledger.remote import RemoteLedger, fetch_ledger, is_remote
from encours.ledger.staging import read_staged
from encours_schemas import INPUT_TABLES
from encours_schemas.errors import InputMissing, InputRefused
from encours_schemas.names import nearest_name
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from encours.ledger.discovery import FoundFile
    from encours.ledger.inspection import Part
    from encours_schemas.configuration import Configuration, TableInput

Array = np.ndarray[Any, np.dtype[Any]]

TARGET_UNIT_ROWS = 262_144


STREAMED = ("open_items", "allocations", "commitments", "customers", "sales", "credit_limits")
"""Tables that are read unit by unit; all others are small."""


@dataclass(frozen=True, eq=False)
class Unit:
    """A stretch of one file's rows, the unit of work.

    number         in its table, from 0, in the order of files and rows
    first_ordinal  0-based position of its first row in the table; rows that never became fields
                   have none
    """

    table: str
    file: SourceFile
    number: int
    first_ordinal: int
    row_count: int
    part: Part = field(repr=False)
    source: FileParts = field(repr=False)


@dataclass(frozen=True, eq=False)
class TableSource:
    """One table of the ledger.

    columns   contract and carried columns that at least one file has
    ignored   columns that the contract does not know
    rejected  rows that never became fields
    dialect   how its text is written
    """

    name: str
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    files: tuple[SourceFile, ...]
    units: tuple[Unit, ...]
    rejected: tuple[Finding, ...]
    dialect: TableInput = field(repr=False)
    _reader: ParquetReader = field(repr=False)

    @property
    def row_count(self) -> int:
        """Count the rows inside units."""
        return sum(unit.row_count for unit in self.units)

    @property
    def rows_counted(self) -> dict[str, int]:
        """Give the rows of each file, by relative name, as counted without the reader of values."""
        return {file.relative: file.rows for file in self.files}

    def read(self, unit: Unit, columns: Iterable[str], proven: Container[str] = ()) -> pa.Table:
        """Give columns of a unit by their contract names, in the order asked for.

        proven  columns that an earlier reading of the unit has validated

        A column that the unit's file lacks is absent. Text is `string` or `dictionary<int32,
        string>`, validated; partition keys are dictionaries; all else has the type of the file. May
        be called from any thread. Raises InputRefused when the file turns out to be broken.
        """
        wanted = list(dict.fromkeys(columns))
        stored = [name for name in wanted if name in unit.source.types]
        table = self._read_stored(unit, stored)
        arrays, names = [], []
        for name in wanted:
            if name in unit.source.types:
                text = _plain_text(table.column(name), unit.file.relative, proven=name in proven)
                arrays.append(text)
            elif name in unit.file.partition:
                arrays.append(_repeated(unit.file.partition[name], unit.row_count))
            else:
                continue
            names.append(name)
        return pa.table(arrays, names=names)

    def row_numbers(self, unit: Unit, rows: Array) -> Array:
        """Give the 1-based data rows in the unit's file of rows of the unit: int64[k]."""
        return unit.part.numbers.one_based(np.asarray(rows, np.int64))

    def raw_rows(self, unit: Unit, rows: Array) -> list[str]:
        """Give rows of the unit as JSON, with every column of the file, as text as read."""
        positions = np.asarray(rows, np.int64)
        if not len(positions):
            return []
        stored = list(unit.source.types)
        table = self._read_stored(unit, stored).take(pa.array(positions))
        columns = [_printable(table.column(name)).to_pylist() for name in stored]
        partition = unit.file.partition
        return [
            raw_row({**dict(zip(stored, values, strict=True)), **partition})
            for values in zip(*columns, strict=True)
        ]

    def file_names(self, unit: Unit, rows: Array) -> list[str]:
        """Give the file of each of some rows of the unit, relative to the ledger directory."""
        return [unit.file.relative] * len(rows)

    def contract_rows(self, unit: Unit, rows: Array, raw: list[str]) -> list[str]:  # noqa: ARG002
        """Give rows of the unit as JSON by the contract's names; `raw` is what stands in the file.

        They differ where a layout made the table.
        """
        return raw

    def causes(self, unit: Unit, rows: Array) -> list[str | None]:  # noqa: ARG002
        """Give what a layout found against rows of the unit: entries of `FAULT_COLUMN`."""
        return [None] * len(rows)

    def _read_stored(self, unit: Unit, names: list[str]) -> pa.Table:
        """Give columns that the file itself has."""
        if not names:
            return pa.table({})
        part, file = unit.part, unit.file
        if part.staged is not None:
            table = read_staged(part.staged, names)
        else:
            # A key has as many texts as rows: never a dictionary.
            key = INPUT_TABLES[self.name].key
            coded = [name for name in unit.source.dictionary_columns if key != (name,)]
            table = self._reader.read(file.path, file.relative, coded, part.groups, names)
        if table.num_rows != unit.row_count:
            raise broken_file(unit.file.relative, "fewer rows than its footer says")
        return table


@dataclass(frozen=True)
class AppliedLayout:
    """A layout as it was applied, for the run's id and its manifest.

    sha256   of its content: where it lies decides nothing
    sources  rows by source
    rules    per rule: its place, table, source, and rows read, left out and made
    """

    name: str
    sha256: str
    sources: dict[str, int]
    rules: tuple[dict[str, object], ...]

    def facts(self) -> dict[str, object]:
        """Give it as plain values."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "sources": self.sources,
            "rules": list(self.rules),
        }


def describe_layouts(configuration: dict[str, Any], layouts: Sequence[AppliedLayout]) -> None:
    """Put the layouts' contents in the place of their names in a configuration's plain values.

    Without any, nothing of them is there: what cannot decide a figure stays out of the run's id.
    """
    chosen = configuration["input"]
    if not layouts:
        for name in ("layouts", "parameters", "sources"):
            del chosen[name]
        return
    chosen["layouts"] = [{"name": one.name, "sha256": one.sha256} for one in layouts]


@dataclass(frozen=True, eq=False)
class Ledger:
    """The tables that a ledger directory has, in the contract's order.

    source_files  files that layouts made tables of
    layouts       those layouts
    remote        where the ledger was fetched from, when it lies in object storage
    """

    directory: Path
    tables: dict[str, TableSource]
    warnings: tuple[RunNotice, ...]
    source_files: tuple[SourceFile, ...] = ()
    layouts: tuple[AppliedLayout, ...] = ()
    remote: RemoteLedger | None = None

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Give all input files: those of tables, then those that layouts read."""
        own = tuple(file for table in self.tables.values() for file in table.files)
        return own + self.source_files

    def verify_unchanged(self) -> None:
        """Raise InputRefused, naming the file, when an input changed since it was opened."""
        for file in self.files:
            file.verify_unchanged()
        if self.remote is not None:
            self.remote.verify_unchanged()


def open_ledger(
    directory: Path | str,
    configuration: Configuration,
    staging: Path,
    threads: int,
    *,
    unit_rows: int = TARGET_UNIT_ROWS,
) -> Ledger:
    """Find, hash and inspect all files of a ledger, and cut them into units of work.

    directory  also an address in object storage: s3://, gs://, az://
    staging    where CSV files and over-large row groups are parked as one Arrow file per unit
    unit_rows  rows that a unit is meant to have

    Layouts that the configuration names are applied. Raises InputMissing for a directory, required
    table or required column that is not there, and InputRefused for whatever is broken, ambiguous
    or of a wrong type; always naming the file.
    """
    remote = None
    if is_remote(directory):
        address, directory = str(directory), staging / "fetched"
        remote = fetch_ledger(address, directory)
    opened = _open_directory(Path(directory), configuration, staging, threads, unit_rows)
    return opened if remote is None else replace(opened, remote=remote)


def _open_directory(
    directory: Path, configuration: Configuration, staging: Path, threads: int, unit_rows: int
) -> Ledger:
    """Open a ledger that lies on a disk."""
    if configuration.input.layouts:
        from encours.ledger.layouts.opening import open_with_layouts

        return open_with_layouts(directory, configuration, staging, threads, unit_rows)
    found, notices = discover(directory)
    tables = open_tables(found, configuration, staging, threads, unit_rows)
    return as_ledger(Path(directory), tables, configuration.carry, notices)


def as_ledger(
    directory: Path,
    tables: dict[str, TableSource],
    carry: Sequence[str],
    notices: list[RunNotice],
    source_files: tuple[SourceFile, ...] = (),
    layouts: tuple[AppliedLayout, ...] = (),
) -> Ledger:
    """Put opened tables together; raises InputMissing when none has a column to be carried."""
    _check_carry(carry, tables)
    for table in tables.values():
        notices.extend(_ignored_notices(table))
    return Ledger(directory, tables, tuple(notices), source_files, layouts)


def open_tables(
    found: dict[str, list[FoundFile]],
    configuration: Configuration,
    staging: Path,
    threads: int,
    unit_rows: int,
) -> dict[str, TableSource]:
    """Hash and inspect the files of contract tables, and cut them into units."""
    files = [file for table in found.values() for file in table]
    with (
        ThreadPoolExecutor(max(threads, 1), "inspect") as inspectors,
        ThreadPoolExecutor(max(threads, 1), "stage") as stagers,
    ):
        futures = [
            inspectors.submit(
                inspect_file,
                file,
                configuration,
                staging / f"input-{number:06d}",
                stagers,
                unit_rows,
            )
            for number, file in enumerate(files)
        ]
        try:
            parts = [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
    by_table: dict[str, list[FileParts]] = defaultdict(list)
    for part in parts:
        by_table[part.file.table].append(part)
    carry = configuration.carry
    return {
        name: _table_source(name, by_table[name], carry, configuration.input.dialect(name))
        for name in found
    }


def _table_source(
    name: str,
    parts: Sequence[FileParts],
    carry: Sequence[str],
    dialect: TableInput,
) -> TableSource:
    """Number the units of a table, and name its columns."""
    _refuse_copies(parts)
    units: list[Unit] = []
    ordinal = 0
    for file_parts in parts:
        for part in file_parts.parts:
            units.append(
                Unit(name, file_parts.file, len(units), ordinal, part.rows, part, file_parts)
            )
            ordinal += part.rows
    present = {column for part in parts for column in (*part.types, *part.file.partition)}
    known = [column for column in INPUT_TABLES[name].names if column in present]
    carried = [column for column in carry if column in present and column not in known]
    return TableSource(
        name=name,
        columns=(*known, *carried),
        ignored=tuple(sorted(present - set(known) - set(carried))),
        files=tuple(part.file for part in parts),
        units=tuple(units),
        rejected=tuple(finding for part in parts for finding in part.rejected),
        dialect=dialect,
        _reader=ParquetReader(),
    )


def _refuse_copies(parts: Sequence[FileParts]) -> None:
    """Refuse the same file under two names: rows without a key would count twice."""
    seen: dict[tuple[str, tuple[tuple[str, str | None], ...]], str] = {}
    for part in parts:
        file = part.file
        twin = seen.setdefault((file.sha256, tuple(file.partition.items())), file.relative)
        if twin != file.relative and file.rows:
            raise InputRefused(
                what="the same file is there twice",
                where=f"{twin} and {file.relative}",
                found="the same bytes",
                expected="each file once",
                cure="take one of them away",
            )


def _check_carry(carry: Sequence[str], tables: dict[str, TableSource]) -> None:
    """Raise InputMissing when a column that is to be carried is in no table."""
    present = {column for table in tables.values() for column in table.columns}
    for name in carry:
        if name not in present:
            near = nearest_name(
                name, {column for table in tables.values() for column in table.ignored}
            )
            raise InputMissing(
                what=f"no table has the column {name}, which is to be carried",
                where="configuration, carry",
                found=f"{near}, which is near" if near else "",
                expected="a column of the input",
                cure="correct the name, or take it out of carry",
            )


def _ignored_notices(table: TableSource) -> list[RunNotice]:
    """Say once per table which columns are ignored, and what they were probably meant to be."""
    if not table.ignored:
        return []
    hints = nearest_hints(INPUT_TABLES[table.name], table.ignored)
    names = [
        f"{name} (did you mean {hints[name]}?)"
        if name in hints and hints[name] not in table.columns
        else name
        for name in table.ignored
    ]
    text = f"table {table.name}: columns ignored: {', '.join(names)}"
    return [RunNotice(RunWarning.UNKNOWN_COLUMN_IGNORED, text, len(names))]


def _plain_text(column: pa.ChunkedArray, relative: str, *, proven: bool) -> pa.ChunkedArray:
    """Bring text of any layout to `string` or `dictionary<int32, string>`, and prove it sound."""
    kind = column.type
    with refusing_broken(relative):
        if pa.types.is_dictionary(kind) and is_text(kind.value_type):
            wanted = pa.dictionary(pa.int32(), pa.string())
        elif is_text(kind):
            wanted = pa.string()
        else:
            return column
        if kind != wanted:
            column = column.cast(wanted)
        if not proven and not all(is_sound(chunk) for chunk in column.chunks):
            column.validate(full=True)
    return column


def _printable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give dates and times as text: Arrow's may lie far beyond the years that Python knows."""
    return column.cast(pa.string()) if pa.types.is_temporal(column.type) else column


def _repeated(value: str | None, count: int) -> pa.Array:
    """Give one text on every row, as a dictionary."""
    entries = pa.array([] if value is None else [value], pa.string())
    indices = pa.nulls(count, pa.int32()) if value is None else pa.array(np.zeros(count, np.int32))
    return pa.DictionaryArray.from_arrays(indices, entries)
