"""A rule over all units of its source: joins prepared, rows made, staged in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from encours.ledger.checking import FAULT_COLUMN
from encours.ledger.findings import RunNotice
from encours.ledger.layouts.clearing import COLUMNS as CLEARING_COLUMNS
from encours.ledger.layouts.clearing import Clearings, gathered
from encours.ledger.layouts.joins import JoinIndex, joined_shelves, read_shelf
from encours.ledger.layouts.mapped import ROW_COLUMN, UNIT_COLUMN, StagedRows
from encours.ledger.layouts.reduction import Reduction, located, reduce_rows
from encours.ledger.layouts.rules import Made, RuleRun, Tally
from encours.ledger.layouts.spill import Spill, fits_in_memory, partitions_for
from encours.ledger.layouts.spilled_joins import SpilledJoin
from encours.ledger.layouts.values import Causes, Value
from encours.ledger.staging import write_staged
from encours_schemas.errors import ControlFailed
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from encours.ledger.layouts.source_tables import SourceTable, SourceUnit
    from encours_schemas.layouts.compiled import CompiledJoin, CompiledLayout, CompiledRule

Task = TypeVar("Task")
Result = TypeVar("Result")

UNIT_ROWS = 262_144
OWN_COLUMNS = (ROW_COLUMN, UNIT_COLUMN, FAULT_COLUMN)


@dataclass(frozen=True)
class RuleOutput:
    """What a rule made: staged rows in the order of the source, and what it passed over."""

    layout: str
    rule: CompiledRule
    columns: tuple[str, ...]
    staged: tuple[StagedRows, ...]
    tally: Tally
    unbalanced: int = 0

    def notices(self) -> list[RunNotice]:
        """Tell of groups that do not add up."""
        found = []
        if self.unbalanced:
            found.append(
                RunNotice(
                    RunWarning.LETTERING_UNBALANCED,
                    f"layout {self.layout}, {self.rule.place}: {self.unbalanced} groups do not "
                    "add up to zero",
                    self.unbalanced,
                )
            )
        return found


def in_order(
    function: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Iterator[Result]:
    """Give `function(task)` for every task in order, worked on by several threads."""
    if threads <= 1:
        yield from map(function, tasks)
        return
    waiting: list[Any] = []
    with ThreadPoolExecutor(threads, "layout") as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(function, task))
                if len(waiting) > 2 * threads:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


def apply_rule(
    layout: CompiledLayout,
    rule: CompiledRule,
    sources: dict[str, SourceTable],
    place: Path,
    threads: int,
) -> RuleOutput:
    """Make the rows of one rule, staged below `place`."""
    run = RuleRun(layout, rule, sources[rule.source], {}, Causes())
    for join in rule.joins:
        run.joins[join.name] = _prepared(run, join, sources[join.source], place, threads)
    try:
        return _applied(run, place, threads)
    finally:
        for prepared in run.joins.values():
            prepared.close()


def _prepared(
    run: RuleRun, join: CompiledJoin, other: SourceTable, place: Path, threads: int
) -> JoinIndex | SpilledJoin:
    """Make a join ready: in memory, or on disk where the other source is large."""
    read = partial(read_shelf, join, other, maps=run.layout.layout.maps, causes=run.causes)
    shelves = in_order(read, other.units, threads)
    if fits_in_memory(other.rows):
        return JoinIndex(join, joined_shelves(join, shelves), run.causes)
    before = run.rule.joins[: run.rule.joins.index(join)]

    def keys(unit: SourceUnit) -> Value:
        at, _ = run.begin(unit, before)
        return at.value(join.on)

    spilled = SpilledJoin(
        join, place.with_name(f"{place.name}-{join.name}"), run.causes, other.rows
    )
    spilled.prepare(shelves, keys, run.source.units)
    return spilled


def _applied(run: RuleRun, place: Path, threads: int) -> RuleOutput:
    """Make the rows of a rule whose joins are ready."""
    layout, rule = run.layout, run.rule
    if rule.clearing is not None:
        return _clear(run, place, threads)
    if rule.rule.distinct:
        return _reduce(run, place, threads)

    def make(unit: SourceUnit) -> tuple[StagedRows | None, Tally]:
        tally = Tally()
        made = run.make(unit, tally)
        path = place.with_name(f"{place.name}-{unit.number:06d}.arrow")
        return stage_made(made, path, run.source, unit), tally

    total = Tally()
    staged = []
    for rows, tally in in_order(make, run.source.units, threads):
        total.add(tally)
        if rows is not None:
            staged.append(rows)
    made = sum(rows.rows for rows in staged)
    if rule.rule.unpivot is None and made + total.left_out != run.source.rows:
        raise ControlFailed(
            what="rows of a source were lost between it and its table",
            where=f"layout {layout.name}, {rule.place}",
            found=f"{made} made and {total.left_out} left out",
            expected=f"{run.source.rows} rows of {rule.source}",
        )
    return RuleOutput(layout.name, rule, tuple(rule.columns), tuple(staged), total)


def _reduce(run: RuleRun, place: Path, threads: int) -> RuleOutput:
    """Make the rows of a rule with `distinct`: one per key."""
    rule = run.rule.rule
    total = Tally()

    def make(unit: SourceUnit) -> tuple[pa.Table, Tally]:
        tally = Tally()
        return reduce_rows(located(run.make(unit, tally), unit.number), rule), tally

    with Spill(place.with_name(f"{place.name}-keys"), partitions_for(run.source.rows)) as spill:
        reduction = Reduction(rule, spill)
        for table, tally in in_order(make, run.source.units, threads):
            total.add(tally)
            if table.num_rows:
                reduction.add(table)
        staged = []
        for number, table in enumerate(reduction.tables()):
            staged += stage_located(table, place, number, run.source)
    return RuleOutput(run.layout.name, run.rule, tuple(run.rule.columns), tuple(staged), total)


def _clear(run: RuleRun, place: Path, threads: int) -> RuleOutput:
    """Make the allocations of a rule with `clearing`."""
    clearing = run.rule.clearing
    if clearing is None:
        message = f"{run.rule.place} has no clearing"
        raise ValueError(message)
    total = Tally()

    def gather(unit: SourceUnit) -> tuple[pa.Table, Tally]:
        tally = Tally()
        at, rows, _ = run.chosen(unit, tally)
        table, lost = gathered(at, clearing, rows, unit.number)
        tally.lost += lost
        return table, tally

    unbalanced = 0
    with Spill(place.with_name(f"{place.name}-groups"), partitions_for(run.source.rows)) as spill:
        clearings = Clearings(clearing, spill)
        for table, tally in in_order(gather, run.source.units, threads):
            total.add(tally)
            clearings.add(table)
        staged = []
        for number, (table, open_groups) in enumerate(clearings.tables()):
            unbalanced += open_groups
            staged += stage_located(table, place, number, run.source)
    return RuleOutput(run.layout.name, run.rule, CLEARING_COLUMNS, tuple(staged), total, unbalanced)


def stage_located(
    table: pa.Table, place: Path, partition: int, source: SourceTable
) -> list[StagedRows]:
    """Write rows of several source units, cut into units of the usual size."""
    staged = []
    for number, start in enumerate(range(0, table.num_rows, UNIT_ROWS)):
        piece = table.slice(start, UNIT_ROWS)
        faulty = piece.column(FAULT_COLUMN).null_count < piece.num_rows
        if not faulty:
            piece = piece.drop_columns([FAULT_COLUMN])
        path = place.with_name(f"{place.name}-{partition:03d}-{number:05d}.arrow")
        write_staged(path, piece)
        staged.append(
            StagedRows(path, piece.num_rows, source, None, types_of(piece), faulty, direct=False)
        )
    return staged


def stage_made(
    made: Made, path: Path, source: SourceTable, unit: SourceUnit | None
) -> StagedRows | None:
    """Write rows that a rule made of one unit; None when there are none."""
    if not made.count:
        return None
    table = made.table()
    write_staged(path, table)
    return StagedRows(
        path=path,
        rows=table.num_rows,
        source=source,
        origin=unit,
        types=types_of(table),
        faulty=made.fault is not None,
        direct=made.rows is None,
    )


def types_of(table: pa.Table) -> dict[str, pa.DataType]:
    """Give the types of a table's own columns, ours left out."""
    return {one.name: one.type for one in table.schema if one.name not in OWN_COLUMNS}
