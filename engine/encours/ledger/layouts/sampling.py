"""What a layout makes of the first rows of a ledger: for a person who writes one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from encours.ledger.checking import (
    REFERENCE,
    UNLISTED,
    CheckedColumns,
    check_columns,
    combine,
    listed_codes,
)
from encours.ledger.layouts.catalog import layouts_of
from encours.ledger.layouts.mapping import apply_rule
from encours.ledger.layouts.opening import SourceOpener, claim_all, mapped_table
from encours.ledger.quarantine import findings_of
from encours.ledger.remote import fetch_ledger, is_remote
from encours.rules.currencies import CURRENCY_EXPONENTS
from encours_schemas import INPUT_TABLES
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours.ledger.findings import Finding
    from encours.ledger.layouts.mapped import MappedTable
    from encours.ledger.sources import Unit
    from encours_schemas.configuration import Configuration

_UNIT_ROWS = 262_144


@dataclass(frozen=True)
class SampledRow:
    """A source row and the contract row that it became."""

    file: str
    row_number: int
    source: dict[str, str | None]
    contract: dict[str, str | None]


@dataclass(frozen=True)
class SampledRule:
    """What one rule made of the sample.

    read, left_out, made  rows
    rows                  the first of them
    findings              those that would be quarantined for what they hold themselves
    quarantined           how many these are
    """

    table: str
    source: str
    place: str
    read: int
    left_out: int
    made: int
    quarantined: int
    rows: tuple[SampledRow, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class SampledLayout:
    """A layout tried on a ledger.

    sources   files by source, each with its rows
    rejected  rows that cannot be split into fields
    """

    name: str
    title: str
    sources: dict[str, list[tuple[str, int]]]
    rules: tuple[SampledRule, ...]
    rejected: tuple[Finding, ...]


def sample_layouts(
    directory: Path | str,
    configuration: Configuration,
    staging: Path,
    *,
    rows: int,
    shown: int,
) -> list[SampledLayout]:
    """Apply the layouts of a configuration to the first rows of every file.

    rows   of each file that are read; sources that are only looked up are read in full
    shown  rows and findings of each rule that are given

    Raises what opening a ledger raises.
    """
    layouts = layouts_of(configuration)
    if is_remote(directory):
        address, directory = str(directory), staging / "fetched"
        fetch_ledger(address, directory)
    directory = Path(directory)
    claimed = claim_all(layouts, directory)
    sampled = []
    for number, layout in enumerate(layouts):
        place = staging / f"layout-{number:02d}"
        opener = SourceOpener(layout, claimed, place, 1, _UNIT_ROWS, rows)
        sources = {name: opener.open(name) for name in layout.sources}
        rules = []
        for rule_number, rule in enumerate(layout.rules):
            output = apply_rule(layout, rule, sources, place / f"rule-{rule_number:03d}", 1)
            if sources[rule.source].files:
                table = mapped_table(rule.table, [output], [], configuration.carry)
                counts = (sources[rule.source].rows, output.tally.left_out)
                rules.append(_sampled(table, rule.source, rule.place, counts, shown))
        sampled.append(
            SampledLayout(
                layout.name,
                layout.layout.title,
                {
                    name: [(parts.file.relative, parts.file.rows) for parts in source.files]
                    for name, source in sources.items()
                },
                tuple(rules),
                tuple(
                    finding
                    for source in sources.values()
                    for parts in source.files
                    for finding in parts.rejected
                ),
            )
        )
    return sampled


def _sampled(
    table: MappedTable, source: str, place: str, counts: tuple[int, int], shown: int
) -> SampledRule:
    """Gather the rows and findings of one rule."""
    rows: list[SampledRow] = []
    findings: list[Finding] = []
    made = bad_count = 0
    for unit in table.units:
        checked = _checked(table, unit)
        bad = np.flatnonzero(checked.faults.bad)
        good = np.flatnonzero(~checked.faults.bad)[: shown - len(rows)]
        rows += _rows(table, unit, good)
        told = bad[: shown - len(findings)]
        causes = [checked.faults.of_row(row) for row in told.tolist()]
        findings += findings_of(table, unit, told, causes)
        made += unit.row_count
        bad_count += len(bad)
    return SampledRule(
        table.name,
        source,
        place,
        counts[0],
        counts[1],
        made - bad_count,
        bad_count,
        tuple(rows),
        tuple(findings),
    )


def _checked(table: MappedTable, unit: Unit) -> CheckedColumns:
    """Check what each row shows alone: values, lists, bounds, currencies."""
    data = table.read(unit, table.columns)
    contract = INPUT_TABLES[table.name]
    checked = check_columns(contract, data, table.dialect)
    known = {code: place for place, code in enumerate(CURRENCY_EXPONENTS)}
    for name in ("currency", "from_currency", "to_currency"):
        if name in data.column_names:
            codes = listed_codes(combine(data.column(name)), known)
            checked.faults.add(codes == UNLISTED, name, Reason.UNKNOWN_CURRENCY, REFERENCE)
    return checked


def _rows(
    table: MappedTable, unit: Unit, rows: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> list[SampledRow]:
    """Give rows with what they were made of."""
    if not len(rows):
        return []
    raws = table.raw_rows(unit, rows)
    return [
        SampledRow(file, int(number), json.loads(raw), json.loads(contract))
        for file, number, raw, contract in zip(
            table.file_names(unit, rows),
            table.row_numbers(unit, rows),
            raws,
            table.contract_rows(unit, rows, raws),
            strict=True,
        )
    ]
