"""A ledger opened through layouts: sources staged, rules applied, tables put together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from encours.ledger.discovery import discover
from encours.ledger.findings import Finding, RunNotice
from encours.ledger.inspection import FileParts
from encours.ledger.layouts.catalog import layouts_of
from encours.ledger.layouts.claims import claim, list_files
from encours.ledger.layouts.mapped import MappedTable, MappedUnit, StagedRows
from encours.ledger.layouts.mapping import RuleOutput, apply_rule
from encours.ledger.layouts.queries import read_query
from encours.ledger.layouts.source_tables import (
    SourceParts,
    SourceTable,
    SourceUnit,
    StagingPlan,
    open_source_file,
)
from encours.ledger.parquet_files import ParquetReader
from encours.ledger.sources import AppliedLayout, Ledger, as_ledger, open_tables
from encours_schemas import INPUT_TABLES
from encours_schemas.configuration import TableInput
from encours_schemas.errors import InputRefused
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from encours.ledger.discovery import FoundFile
    from encours.ledger.sources import TableSource
    from encours_schemas.configuration import Configuration
    from encours_schemas.layouts.compiled import CompiledLayout, CompiledRule
    from encours_schemas.layouts.models import Source

Task = TypeVar("Task")
Result = TypeVar("Result")


def open_with_layouts(
    directory: Path, configuration: Configuration, staging: Path, threads: int, unit_rows: int
) -> Ledger:
    """Open a ledger directory whose files layouts map to the contract.

    Tables that no layout fills are read under their contract names, as ever. Raises what
    `open_ledger` raises, and ConfigurationWrong for a layout that is wrong.
    """
    layouts = layouts_of(configuration)
    claimed = claim_all(layouts, Path(directory))
    taken = frozenset(file.relative for files in claimed.values() for file in files)
    supplied = frozenset(
        rule.table for layout in layouts for rule in layout.rules if _feeds(layout, rule, claimed)
    )
    found, notices = discover(Path(directory), taken, supplied)
    tables = open_tables(found, configuration, staging, threads, unit_rows)
    source_files = []
    applied = []
    for number, layout in enumerate(layouts):
        place = staging / f"layout-{number:02d}"
        opener = SourceOpener(layout, claimed, place, max(threads, 1), unit_rows)
        sources = {name: opener.open(name) for name in layout.sources}
        source_files += [parts.file for source in sources.values() for parts in source.files]
        outputs = [
            apply_rule(layout, rule, sources, place / f"rule-{place_of:03d}", threads)
            for place_of, rule in enumerate(layout.rules)
        ]
        made = _tables_of(layout, sources, outputs, configuration, notices)
        tables |= {name: table for name, table in made.items() if name in supplied}
        applied.append(_applied(layout, sources, outputs))
    ordered = {name: tables[name] for name in INPUT_TABLES if name in tables}
    return as_ledger(
        Path(directory), ordered, configuration.carry, notices, tuple(source_files), tuple(applied)
    )


def _applied(
    layout: CompiledLayout, sources: dict[str, SourceTable], outputs: list[RuleOutput]
) -> AppliedLayout:
    """Say what a layout did: rows read, left out and made by every rule."""
    rules = tuple(
        {
            "rule": output.rule.place,
            "table": output.rule.table,
            "source": output.rule.source,
            "read": sources[output.rule.source].rows,
            "left_out": output.tally.left_out,
            "made": sum(staged.rows for staged in output.staged),
        }
        for output in outputs
    )
    rows = {name: source.rows for name, source in sources.items()}
    return AppliedLayout(layout.name, layout.sha256, rows, rules)


def _feeds(
    layout: CompiledLayout, rule: CompiledRule, claimed: dict[tuple[str, str], list[FoundFile]]
) -> bool:
    """Tell whether a rule has anything to make rows of: an optional source may have no file."""
    is_query = layout.sources[rule.source].format == "sql"
    return is_query or bool(claimed.get((layout.name, rule.source)))


@dataclass(frozen=True)
class SourceOpener:
    """Opens the sources of one layout.

    claimed      files by name of the layout and of the source
    sample_rows  rows of a file that are enough; None: all of them
    """

    layout: CompiledLayout
    claimed: dict[tuple[str, str], list[FoundFile]]
    place: Path
    threads: int
    unit_rows: int
    sample_rows: int | None = None

    def open(self, name: str) -> SourceTable:
        """Stage the files of one source, or what its query gives, and number its units."""
        source = self.layout.sources[name]
        if source.format == "sql":
            opened: tuple[SourceParts, ...] = (
                read_query(name, source, self.place / name, self.unit_rows, self.sample_rows),
            )
        else:
            opened = self._files(name, source)
        _refuse_copies(opened)
        units: list[SourceUnit] = []
        for file_number, parts in enumerate(opened):
            for part in parts.parts:
                units.append(SourceUnit(len(units), file_number, part, parts))
        return SourceTable(name, source, opened, tuple(units), ParquetReader())

    def _files(self, name: str, source: Source) -> tuple[SourceParts, ...]:
        """Stage files side by side."""
        # A look-up finds nothing in a sample: sources that are only joined are read in full.
        is_read = any(rule.source == name for rule in self.layout.rules)
        is_joined = any(join.source == name for rule in self.layout.rules for join in rule.joins)
        is_sample = self.sample_rows is not None and is_read and not is_joined
        rows = min(self.sample_rows or self.unit_rows, self.unit_rows)
        finding_table = _first_table(self.layout, name)
        with (
            ThreadPoolExecutor(self.threads, "inspect") as inspectors,
            ThreadPoolExecutor(self.threads, "stage") as stagers,
        ):
            futures = []
            for number, file in enumerate(self.claimed.get((self.layout.name, name), [])):
                plan = StagingPlan(
                    finding_table,
                    self.place / f"{name}-{number:06d}",
                    stagers,
                    rows if is_sample else self.unit_rows,
                    is_sample,
                )
                futures.append(inspectors.submit(open_source_file, file, source, plan))
            try:
                return tuple(future.result() for future in futures)
            finally:
                for future in futures:
                    future.cancel()


def claim_all(
    layouts: tuple[CompiledLayout, ...], directory: Path
) -> dict[tuple[str, str], list[FoundFile]]:
    """Give the files of every source of every layout."""
    entries = list_files(directory)
    return {
        (layout.name, name): claim(name, source, entries, layout.origin)
        for layout in layouts
        for name, source in layout.sources.items()
        if source.format != "sql"
    }


def _refuse_copies(opened: Iterable[Any]) -> None:
    """Refuse the same file under two names: its rows would count twice."""
    seen: dict[str, str] = {}
    for parts in opened:
        twin = seen.setdefault(parts.file.sha256, parts.file.relative)
        if twin != parts.file.relative and parts.file.rows:
            raise InputRefused(
                what="the same file is there twice",
                where=f"{twin} and {parts.file.relative}",
                found="the same bytes",
                expected="each file once",
                cure="take one of them away",
            )


def _first_table(layout: CompiledLayout, source: str) -> str:
    """Name the contract's first table that a source feeds."""
    fed = {rule.table for rule in layout.rules if rule.source == source}
    return next((name for name in INPUT_TABLES if name in fed), "open_items")


def _tables_of(
    layout: CompiledLayout,
    sources: dict[str, SourceTable],
    every: list[RuleOutput],
    configuration: Configuration,
    notices: list[RunNotice],
) -> dict[str, TableSource]:
    """Put the tables together that a layout's rules made."""
    made: dict[str, list[RuleOutput]] = defaultdict(list)
    for output in every:
        made[output.rule.table].append(output)
        notices.extend(output.notices())
    rejected: dict[str, list[Finding]] = defaultdict(list)
    for source in sources.values():
        for parts in source.files:
            for finding in parts.rejected:
                rejected[finding.table].append(finding)
    normalised: Counter[tuple[str, str]] = Counter()
    for outputs in made.values():
        for output in outputs:
            for name, count in output.tally.normalised.items():
                key = (output.rule.source, name)
                normalised[key] = max(normalised[key], count)
    for (source_name, name), count in sorted(normalised.items()):
        notices.append(
            RunNotice(
                RunWarning.VALUES_NORMALISED,
                f"layout {layout.name}: {count} values of {source_name}.{name} are written in "
                "another than the first declared form",
                count,
            )
        )
    return {
        table: mapped_table(table, outputs, rejected[table], configuration.carry)
        for table, outputs in made.items()
    }


def mapped_table(
    table: str, outputs: list[RuleOutput], rejected: list[Finding], carry: tuple[str, ...]
) -> MappedTable:
    """Number the units of one table."""
    units: list[MappedUnit] = []
    ordinal = 0
    present: set[str] = set()
    for output in outputs:
        for staged in output.staged:
            units.append(_unit(table, staged, len(units), ordinal))
            ordinal += staged.rows
        present |= set(output.columns)
    known = [name for name in INPUT_TABLES[table].names if name in present]
    extra = present - set(known)
    carried = [name for name in carry if name in extra]
    return MappedTable(
        name=table,
        columns=(*known, *carried),
        ignored=tuple(sorted(extra - set(carried))),
        files=(),
        units=tuple(units),
        rejected=tuple(rejected),
        dialect=TableInput(),
        _reader=ParquetReader(),
    )


def _unit(table: str, staged: StagedRows, number: int, ordinal: int) -> MappedUnit:
    """Give staged rows as a unit of their table."""
    origin = staged.origin if staged.origin is not None else staged.source.units[0]
    file = replace(origin.file, partition={})
    parts = FileParts(file, staged.types, ())
    return MappedUnit(table, file, number, ordinal, staged.rows, origin.part, parts, staged=staged)
