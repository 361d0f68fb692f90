"""The sources of a layout: files staged as units, their columns found by the fields' names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.ledger.csv_files import CsvFile, CsvForm, RowNumbers
from encours.ledger.files import Fingerprint, SourceFile, broken_file, fingerprint_and_digest
from encours.ledger.findings import Finding, raw_row
from encours.ledger.inspection import Part, check_rows_add_up, source_file, stage_csv, stage_parquet
from encours.ledger.json_files import LINE_COLUMN, JsonFile, JsonRows
from encours.ledger.layouts.fields import FieldForm
from encours.ledger.parquet_files import ParquetReader, inspect_parquet
from encours.ledger.staging import read_staged, write_staged
from encours_schemas.errors import InputMissing, InputRefused
from encours_schemas.names import nearest_name

if TYPE_CHECKING:
    from encours.ledger.discovery import FoundFile
    from encours_schemas.layouts.models import Source

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class SourceUnit:
    """A stretch of one source file's rows.

    number       in its source, from 0, in the order of files and rows
    file_number  of its file in the source, by name
    """

    number: int
    file_number: int
    part: Part
    parts: SourceParts

    @property
    def rows(self) -> int:
        """Count its rows."""
        return self.part.rows

    @property
    def file(self) -> SourceFile:
        """Give its file."""
        return self.parts.file


@dataclass(frozen=True, eq=False)
class SourceParts:
    """An inspected file of a source.

    types    of its columns
    columns  by field: the file's column, None where it has none
    """

    file: SourceFile
    types: dict[str, pa.DataType]
    columns: Mapping[str, str | None]
    parts: tuple[Part, ...]
    rejected: tuple[Finding, ...] = ()


@dataclass(frozen=True, eq=False)
class SourceTable:
    """A source with its units."""

    name: str
    source: Source
    files: tuple[SourceParts, ...]
    units: tuple[SourceUnit, ...]
    _reader: ParquetReader = field(repr=False)

    @property
    def rows(self) -> int:
        """Count the rows inside units."""
        return sum(unit.rows for unit in self.units)

    @property
    def forms(self) -> dict[str, FieldForm]:
        """Give how the fields are written."""
        return {
            name: FieldForm.of(name, (own.columns or (name,))[0], own, self.source)
            for name, own in self.source.fields.items()
        }

    def columns(self, unit: SourceUnit, fields: Iterable[str]) -> dict[str, pa.ChunkedArray]:
        """Give the columns of some fields; those that the file lacks are absent."""
        names = {name: column for name in fields if (column := unit.parts.columns.get(name))}
        if not names:
            return {}
        table = self.read(unit, list(dict.fromkeys(names.values())))
        return {name: table.column(column) for name, column in names.items()}

    def read(self, unit: SourceUnit, names: Sequence[str]) -> pa.Table:
        """Give columns of a unit by their names in the file."""
        if unit.part.staged is not None:
            table = read_staged(unit.part.staged, names)
        else:
            file = unit.file
            table = self._reader.read(file.path, file.relative, (), unit.part.groups, list(names))
        if table.num_rows != unit.rows:
            raise broken_file(unit.file.relative, "fewer rows than its footer says")
        return table

    def raw_rows(self, unit: SourceUnit, rows: Array) -> list[str]:
        """Give rows of a unit as JSON, as they were read."""
        names = list(unit.parts.types)
        if LINE_COLUMN in names and self.source.format in {"json", "jsonl"}:
            lines = self.read(unit, [LINE_COLUMN]).column(0).take(pa.array(rows))
            return [str(line) for line in lines.to_pylist()]
        table = self.read(unit, names).take(pa.array(rows))
        columns = [
            column.cast(pa.string()).to_pylist()
            if pa.types.is_temporal(column.type)
            else column.to_pylist()
            for column in table.columns
        ]
        return [
            raw_row(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)
        ]


@dataclass(frozen=True)
class _Dialect:
    """What `CsvFile` wants to know."""

    separator: str
    quote: str
    encoding: str


@dataclass(frozen=True)
class StagingPlan:
    """How the files of a source are staged.

    finding_table  the contract's table under which rows that never became fields are quarantined
    place          the beginning of the names of staged units
    stagers        runs the parsing and writing of them
    unit_rows      rows that a unit is meant to have
    is_sample      whether the first unit of a file is enough
    """

    finding_table: str
    place: Path
    stagers: Executor
    unit_rows: int
    is_sample: bool = False

    @property
    def units_max(self) -> int | None:
        """Give how many units of a file are staged; None for all."""
        return 1 if self.is_sample else None


def open_source_file(found: FoundFile, source: Source, plan: StagingPlan) -> SourceParts:
    """Hash and inspect one file of a source, and stage it."""
    fingerprint, digest = fingerprint_and_digest(found.path, found.relative)
    if source.format == "parquet":
        facts = inspect_parquet(found, fingerprint.size)
        types = {column.name: column.type for column in facts.schema}
        columns = match_columns(found, source, tuple(types))
        parts = stage_parquet(found, facts, plan.place, plan.stagers, plan.unit_rows)
        parts = parts[: plan.units_max]
        file = source_file(found, fingerprint, digest, facts.rows)
        return SourceParts(file, types, columns, parts)
    if source.format in {"json", "jsonl"}:
        return _open_json(found, source, (fingerprint, digest), plan)
    csv_file, columns = _open_csv(found, source)
    names = csv_file.names
    parts = stage_csv(csv_file, plan.place, plan.stagers, plan.unit_rows, plan.units_max)
    if not plan.is_sample:
        check_rows_add_up(csv_file, parts, found)
    rejected = tuple(
        Finding(
            plan.finding_table,
            one.file,
            one.row_number,
            one.column,
            one.reason,
            one.message,
            one.raw,
        )
        for one in csv_file.rejected
    )
    file = source_file(found, fingerprint, digest, csv_file.rows)
    return SourceParts(file, dict.fromkeys(names, pa.string()), columns, parts, rejected)


def _open_json(
    found: FoundFile, source: Source, identity: tuple[Fingerprint, str], plan: StagingPlan
) -> SourceParts:
    """Stage a file of JSON; a field's column is the first of its paths that any row has."""
    arrays = source.rows if source.format == "json" else None
    section = f"input.sources.{found.table}"
    file = JsonFile(found, source.encoding, section, arrays)
    wanted = {key: own.columns or (key,) for key, own in source.fields.items()}
    paths = tuple(dict.fromkeys(path for names in wanted.values() for path in names))
    rejected: list[Finding] = []
    seen: set[str] = set()
    waiting: list[Future[Part]] = []

    def park(rows: JsonRows, path: Path) -> Part:
        write_staged(path, rows.table)
        return Part(rows.table.num_rows, RowNumbers.of(rows.numbers), staged=path)

    for number, unit in enumerate(islice(file.units(plan.unit_rows), plan.units_max)):
        rows = file.parse(unit, paths)
        rejected += [file.finding(at, line, plan.finding_table) for at, line in rows.rejected]
        seen |= rows.present
        path = plan.place.with_name(f"{plan.place.name}-{number:06d}.arrow")
        waiting.append(plan.stagers.submit(park, rows, path))
        if len(waiting) > 2:
            waiting[-3].result()
    parts = tuple(future.result() for future in waiting)
    columns = {
        key: next((name for name in names if name in seen), names[0])
        for key, names in wanted.items()
    }
    missing = [
        (key, names)
        for key, names in wanted.items()
        if file.rows and not source.fields[key].optional and not seen & set(names)
    ]
    if missing:
        raise _missing_columns(found, missing, tuple(sorted(seen)))
    types = dict.fromkeys((*paths, LINE_COLUMN), pa.string())
    parked = tuple(part for part in parts if part.rows)
    described = source_file(found, identity[0], identity[1], file.rows)
    return SourceParts(described, types, columns, parked, tuple(rejected))


def _open_csv(found: FoundFile, source: Source) -> tuple[CsvFile, dict[str, str | None]]:
    """Open a CSV file under the one separator that its header fits."""
    form = CsvForm(
        header=source.header,
        skip_lines=source.skip_lines,
        any_line_end=source.line_ends == "any",
        drop_nul=source.drop_nul,
        section=f"input.sources.{found.table}",
    )
    fitting, refusals = [], []
    for separator in source.separator:
        quote = "" if source.quote == separator else source.quote
        file = CsvFile(found, _Dialect(separator, quote, source.encoding), form)
        file.names = unique_names(file.names)
        try:
            fitting.append((file, match_columns(found, source, file.names)))
        except InputMissing as missing:
            refusals.append((len(file.names), missing))
    if len(fitting) > 1:
        raise InputRefused(
            what="a header fits several separators",
            where=found.relative,
            found=f"{len(fitting)} of the separators {', '.join(map(repr, source.separator))}",
            expected="one",
            cure=f'declare it: [input.sources.{found.table}] separator = "…"',
        )
    if not fitting:
        # The separator under which the header has the most names is the one that was meant.
        raise max(refusals, key=lambda refusal: refusal[0])[1]
    return fitting[0]


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Trim names, and number blank and repeated ones: a layout asks for columns by name."""
    unique: list[str] = []
    for place, name in enumerate(names, 1):
        plain = name.strip().strip("\u00a0").strip() or f"(column {place})"
        unique.append(plain if plain not in unique else f"{plain} (column {place})")
    return tuple(unique)


def match_columns(
    found: FoundFile, source: Source, names: tuple[str, ...]
) -> dict[str, str | None]:
    """Find the column of every field: the first of its names that the file has.

    Raises InputMissing naming every field without one, InputRefused where a used name is doubled.
    """
    by_name = {_loose(name) if source.header_match == "loose" else name: name for name in names}
    columns: dict[str, str | None] = {}
    missing = []
    for key, own in source.fields.items():
        wanted = own.columns or (key,)
        plain = [_loose(one) if source.header_match == "loose" else one for one in wanted]
        hit = next((by_name[one] for one in plain if one in by_name), None)
        if hit is None and not own.optional:
            missing.append((key, wanted))
        columns[key] = hit
    doubled = {name.rpartition(" (column ")[0] for name in names}
    for key, column in columns.items():
        if column in doubled:
            raise InputRefused(
                what=f"the column of the field {key} is there twice",
                where=found.relative,
                found=f"{column}, more than once",
                expected="each used name once in the header",
            )
    if missing:
        raise _missing_columns(found, missing, names)
    return columns


def _missing_columns(
    found: FoundFile, missing: list[tuple[str, tuple[str, ...]]], names: tuple[str, ...]
) -> InputMissing:
    """Say which columns a file lacks, and what comes near."""
    lacks = ", ".join(" or ".join(wanted) for _, wanted in missing)
    hints = []
    for _, wanted in missing:
        near = nearest_name(wanted[0], names)
        if near is not None:
            hints.append(f"{near} (for {wanted[0]})")
    return InputMissing(
        what=f"columns are missing: {lacks}",
        where=found.relative,
        found=f"{len(names)} columns"
        + (f", among them {', '.join(hints[:5])}" if hints else f": {', '.join(names[:12])}"),
        expected=f"the fields of the source {found.table}",
        cure='name the columns under the layout\'s fields (columns = ["…"]), or optional = true',
    )


def _loose(name: str) -> str:
    """Give a name without case, accents, blanks and marks between words."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(char for char in plain if char.isalnum()).casefold()
