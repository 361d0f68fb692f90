"""One input file from its name to units that can be read: hashed, checked, staged where need be."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from encours.ledger.columns import check_names, check_required, check_types
from encours.ledger.csv_files import CsvFile, RowNumbers
from encours.ledger.files import SourceFile, fingerprint_and_digest
from encours.ledger.parquet_files import inspect_parquet, plan_units, stream_group
from encours.ledger.staging import write_staged
from encours_schemas import INPUT_TABLES
from encours_schemas.errors import InputMissing, InputRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor, Future
    from pathlib import Path

    from encours.ledger.csv_files import TextUnit
    from encours.ledger.discovery import FoundFile
    from encours.ledger.files import Fingerprint
    from encours.ledger.findings import Finding
    from encours.ledger.parquet_files import ParquetFacts
    from encours_schemas.configuration import Configuration, TableInput

_OTHER_SEPARATORS = ",;|\t"
_STAGED_AT_ONCE = 3
"""Units of one file that may wait to be parsed and written; they bound the memory of staging."""


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of one file that are read together: row groups of it, or one staged unit."""

    rows: int
    numbers: RowNumbers
    groups: tuple[int, ...] = ()
    staged: Path | None = None


@dataclass(frozen=True, eq=False)
class FileParts:
    """An inspected file: what it holds and how it is read.

    types               of its own columns, partition keys not among them
    rejected            rows that never became fields
    dictionary_columns  text columns that Parquet gives as dictionaries
    """

    file: SourceFile
    types: dict[str, pa.DataType]
    parts: tuple[Part, ...]
    rejected: tuple[Finding, ...] = ()
    dictionary_columns: tuple[str, ...] = ()


def inspect_file(
    found: FoundFile, configuration: Configuration, staging: Path, stagers: Executor, unit_rows: int
) -> FileParts:
    """Hash and inspect one file, and stage it when it cannot be read in units as it is.

    staging  the beginning of the names of staged units
    stagers  runs the parsing and writing of them

    Raises InputRefused or InputMissing, naming the file.
    """
    fingerprint, digest = fingerprint_and_digest(found.path, found.relative)
    if found.suffix == ".parquet":
        return _inspect_parquet(
            found, configuration, fingerprint, digest, staging, stagers, unit_rows
        )
    return _inspect_csv(found, configuration, fingerprint, digest, staging, stagers, unit_rows)


def source_file(found: FoundFile, fingerprint: Fingerprint, digest: str, rows: int) -> SourceFile:
    """Describe an inspected file."""
    return SourceFile(
        table=found.table,
        path=found.path,
        relative=found.relative,
        format=found.suffix.split(".")[1],
        size=fingerprint.size,
        rows=rows,
        sha256=digest,
        partition=dict(found.partition),
        fingerprint=fingerprint,
    )


def _check_names(found: FoundFile, names: Sequence[str]) -> None:
    """Check the names of a file's columns, its partition keys among them."""
    both = sorted(set(names) & set(found.partition))
    if both:
        raise InputRefused(
            what="a column stands in a file and in its partition folder",
            where=found.relative,
            found=", ".join(both),
            expected="one of them, because they could differ",
            cure="write the partition without the column, as Hive and Spark do",
        )
    check_names([*names, *found.partition], found.relative)
    check_required(INPUT_TABLES[found.table], {*names, *found.partition}, found.relative)


def _inspect_parquet(
    found: FoundFile,
    configuration: Configuration,
    fingerprint: Fingerprint,
    digest: str,
    staging: Path,
    stagers: Executor,
    unit_rows: int,
) -> FileParts:
    """Inspect a Parquet file and cut it into parts."""
    facts = inspect_parquet(found, fingerprint.size)
    _check_names(found, facts.schema.names)
    types = {column.name: column.type for column in facts.schema}
    dialect = configuration.input.dialect(found.table)
    check_types(INPUT_TABLES[found.table], types, dialect.float_decimals, found.relative)
    joined = stage_parquet(found, facts, staging, stagers, unit_rows)
    file = source_file(found, fingerprint, digest, facts.rows)
    return FileParts(file, types, joined, dictionary_columns=facts.dictionary_columns)


def stage_parquet(
    found: FoundFile, facts: ParquetFacts, staging: Path, stagers: Executor, unit_rows: int
) -> tuple[Part, ...]:
    """Cut a Parquet file into parts, and stage its over-large row groups."""
    parts: list[list[Part] | Future[list[Part]]] = []
    row = 0
    for plan in plan_units(facts, unit_rows):
        if plan.is_staged:
            group = plan.groups[0]
            path = staging.with_name(f"{staging.name}-{group:06d}")
            pieces = stream_group(found, facts, group, unit_rows)
            parts.append(stagers.submit(_stage_group, pieces, path, row))
        else:
            parts.append([Part(plan.rows, RowNumbers(row), plan.groups)])
        row += plan.rows
    return _gathered(parts)


def _stage_group(pieces: Iterator[pa.Table], path: Path, first_row: int) -> list[Part]:
    """Write the pieces of one row group as units."""
    parts: list[Part] = []
    for table in pieces:
        staged = path.with_name(f"{path.name}-{len(parts):06d}.arrow")
        write_staged(staged, table)
        parts.append(Part(table.num_rows, RowNumbers(first_row), staged=staged))
        first_row += table.num_rows
    return parts


def _gathered(parts: Sequence[list[Part] | Future[list[Part]]]) -> tuple[Part, ...]:
    """Wait for staged row groups and put all parts in order; the first failure counts."""
    try:
        return tuple(
            part
            for group in parts
            for part in (group if isinstance(group, list) else group.result())
        )
    finally:
        for group in parts:
            if not isinstance(group, list):
                group.cancel()


def _inspect_csv(
    found: FoundFile,
    configuration: Configuration,
    fingerprint: Fingerprint,
    digest: str,
    staging: Path,
    stagers: Executor,
    unit_rows: int,
) -> FileParts:
    """Inspect a CSV file and stage all of it."""
    dialect = configuration.input.dialect(found.table)
    source = CsvFile(found, dialect)
    _check_header(found, source.names, dialect)
    _check_names(found, source.names)
    types = dict.fromkeys(source.names, pa.string())
    parts = stage_csv(source, staging, stagers, unit_rows)
    check_rows_add_up(source, parts, found)
    file = source_file(found, fingerprint, digest, source.rows)
    return FileParts(file, types, parts, rejected=tuple(source.rejected))


def check_rows_add_up(source: CsvFile, parts: Sequence[Part], found: FoundFile) -> None:
    """Refuse a CSV file whose records are not all read or rejected."""
    read = sum(part.rows for part in parts)
    if read + len(source.rejected) != source.rows:
        raise InputRefused(
            what="the rows of a CSV file do not add up",
            where=found.relative,
            found=f"{read} read and {len(source.rejected)} rejected",
            expected=f"{source.rows} records",
        )


def _check_header(found: FoundFile, names: tuple[str, ...], dialect: TableInput) -> None:
    """Refuse a first row without any name of the contract: it is data, or another dialect."""
    table = INPUT_TABLES[found.table]
    if set(names) & set(table.names):
        return
    cure = f"write a header, or declare the dialect under [input.tables.{found.table}]"
    if len(names) == 1:
        for separator in _OTHER_SEPARATORS:
            if set(names[0].split(separator)) & set(table.names):
                cure = f"declare [input.tables.{found.table}] separator = {separator!r}"
    else:
        try:
            check_required(table, {*names, *found.partition}, found.relative)
        except InputMissing as missing:
            if missing.found:
                raise
    raise InputRefused(
        what="the first row of a CSV file is not a header",
        where=found.relative,
        found=f"{len(names)} fields, none of which names a column of {found.table}",
        expected=f"names such as {', '.join(table.names[:3])}, separated by {dialect.separator!r}",
        cure=cure,
    )


def stage_csv(
    source: CsvFile,
    staging: Path,
    stagers: Executor,
    unit_rows: int,
    units_max: int | None = None,
) -> tuple[Part, ...]:
    """Parse and write the units of a CSV file while the scan goes on; the first ones, or all."""
    free = threading.BoundedSemaphore(_STAGED_AT_ONCE)
    futures: list[Future[Part]] = []

    def park(unit: TextUnit, path: Path) -> Part:
        try:
            write_staged(path, source.parse(unit))
            return Part(unit.rows, RowNumbers.of(np.asarray(unit.numbers)), staged=path)
        finally:
            free.release()

    try:
        for number, unit in enumerate(islice(source.units(unit_rows), units_max)):
            free.acquire()
            path = staging.with_name(f"{staging.name}-{number:06d}.arrow")
            futures.append(stagers.submit(park, unit, path))
    finally:
        # A unit in the pool holds its memory until it is done, whatever happened to the scan.
        done = [future.exception() for future in futures]
    for problem in done:
        if problem is not None:
            raise problem
    return tuple(future.result() for future in futures)
