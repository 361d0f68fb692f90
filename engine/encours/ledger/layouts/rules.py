"""One rule over one source unit: rows chosen, columns worked out, faults gathered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.ledger.checking import FAULT_COLUMN
from encours.ledger.layouts.evaluation import Evaluator, evaluator_over
from encours.ledger.layouts.fields import FieldForm, read_field
from encours.ledger.layouts.mapped import ROW_COLUMN
from encours.ledger.layouts.values import Array, Cause, Causes, Value, as_kind
from encours_schemas.inputs import INPUT_TABLES
from encours_schemas.layouts.compiled import KIND_OF_COLUMN, CompiledLayout, CompiledRule
from encours_schemas.reasons import Reason
from encours_schemas.tables import Kind

if TYPE_CHECKING:
    from encours.ledger.layouts.joins import JoinIndex
    from encours.ledger.layouts.source_tables import SourceTable, SourceUnit
    from encours.ledger.layouts.spilled_joins import SpilledJoin
    from encours_schemas.layouts.compiled import CompiledJoin
    from encours_schemas.layouts.expressions import Node


@dataclass
class Tally:
    """What a rule did not pass on unseen, over all its units.

    left_out    rows that its conditions left out
    lost        rows of clearings that could not be read
    normalised  values read in another than the first declared form, by field
    """

    left_out: int = 0
    lost: int = 0
    normalised: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add what another unit gave."""
        self.left_out += other.left_out
        self.lost += other.lost
        self.normalised.update(other.normalised)


@dataclass(frozen=True)
class Made:
    """Rows that a rule made of one unit.

    values  by column
    rows    int64[n] rows of the source unit, None when they are all of them in order
    fault   Arrow text, null where there is nothing against the row; None when there is nothing
    """

    values: dict[str, Value]
    rows: Array | None
    fault: pa.Array | None
    count: int

    def table(self) -> pa.Table:
        """Give them as they are staged."""
        arrays = [value.arrow() for value in self.values.values()]
        names = list(self.values)
        if self.rows is not None:
            arrays.append(pa.array(self.rows.astype(np.int32)))
            names.append(ROW_COLUMN)
        if self.fault is not None:
            arrays.append(self.fault)
            names.append(FAULT_COLUMN)
        return pa.table(arrays, names=names)


class RuleRun:
    """A rule bound to its source, its joins and the causes met; used by any thread."""

    def __init__(
        self,
        layout: CompiledLayout,
        rule: CompiledRule,
        source: SourceTable,
        joins: dict[str, JoinIndex | SpilledJoin],
        causes: Causes,
    ) -> None:
        """Bind a rule."""
        self.layout, self.rule, self.source, self.joins = layout, rule, source, joins
        self.causes = causes
        self._unpivot = rule.rule.unpivot

    # -- one unit ----------------------------------------------------------------------------------

    def begin(
        self, unit: SourceUnit, joins: Sequence[CompiledJoin]
    ) -> tuple[Evaluator, Array | None]:
        """Give the evaluator over all rows of a unit, some joins looked up, and its rows."""
        at = evaluator_over(
            self.source, unit, self.layout.layout.maps, self.causes, self.rule.nodes()
        )
        rows = None if self._unpivot is None else self._unpivoted(at, unit)
        for join in joins:
            hit = self.joins[join.name].look_up(unit, at.value(join.on))
            at.give_joined(join.name, hit.values, hit.found, hit.fault)
        return at, rows

    def chosen(
        self, unit: SourceUnit, tally: Tally
    ) -> tuple[Evaluator, Array | None, Array | None]:
        """Give the evaluator over the rows that the rule takes, the rows, and early faults."""
        at, rows = self.begin(unit, self.rule.joins)
        fault: Array | None = None
        if self.rule.where is not None:
            where = at.value(self.rule.where)
            takes = where.holds()
            if where.fault is not None:
                takes = takes | (where.fault != 0)
            kept = np.flatnonzero(takes)
            if len(kept) < at.rows:
                tally.left_out += at.rows - len(kept)
                at.only(kept)
                rows = kept if rows is None else rows[kept]
            fault = None if where.fault is None else where.fault[kept]
        return at, rows, fault

    def make(self, unit: SourceUnit, tally: Tally) -> Made:
        """Make the rule's rows of one unit."""
        at, rows, early = self.chosen(unit, tally)
        contract = INPUT_TABLES[self.rule.table]
        values: dict[str, Value] = {}
        faults: list[tuple[str, Array]] = []
        first_column = contract.names[0]
        if early is not None:
            faults.append((first_column, early))
        for join in self.rule.joins:
            found = at.join_fault(join.name)
            if found is not None:
                faults.append((first_column, found))
        for node, message in self.rule.refuse:
            faults += self._refused(at, node, message, first_column)
        for name, node in self.rule.columns.items():
            value = self._column(at, name, node)
            values[name] = value
            if value.fault is not None and (value.fault != 0).any():
                faults.append((name, value.fault))
        tally.normalised.update(at.normalised.counts)
        return Made(values, rows, self.fault_texts(faults, at.rows), at.rows)

    def _column(self, at: Evaluator, name: str, node: Node) -> Value:
        """Work one column out, as the kind that the contract wants."""
        value = at.value(node)
        contract = INPUT_TABLES[self.rule.table]
        if name in contract.names:
            value = as_kind(value, KIND_OF_COLUMN[contract.column(name).kind])
            if contract.column(name).kind is Kind.TEXT and value.fault is None:
                return value
        return value

    def _refused(
        self, at: Evaluator, node: Node, message: str, column: str
    ) -> list[tuple[str, Array]]:
        """Hold a refusal against the rows that it names."""
        found = at.value(node)
        faults = [] if found.fault is None else [(column, found.fault)]
        holds = found.holds()
        if holds.any():
            number = self.causes.number(Cause("", Reason.REFUSED_BY_LAYOUT, message=message))
            faults.append((column, np.where(holds, number, 0).astype(np.int32)))
        return faults

    def fault_texts(self, faults: list[tuple[str, Array]], count: int) -> pa.Array | None:
        """Give the first fault of each row as it travels with it; None when there is none."""
        column = np.zeros(count, np.int32)
        number = np.zeros(count, np.int32)
        for place, (_, fault) in enumerate(faults):
            fresh = (number == 0) & (fault != 0)
            number[fresh] = fault[fresh]
            column[fresh] = place
        if not number.any():
            return None
        pairs, positions = np.unique(np.column_stack([column, number]), axis=0, return_inverse=True)
        entries = [
            None if cause == 0 else self.causes.found[cause - 1].as_json(faults[place][0])
            for place, cause in pairs.tolist()
        ]
        return pa.array(entries, pa.string()).take(pa.array(positions.ravel()))

    # -- unpivot -----------------------------------------------------------------------------------

    def _unpivoted(self, at: Evaluator, unit: SourceUnit) -> Array:
        """Turn columns into rows: row after row of the unit, column after column."""
        import re

        unpivot = self._unpivot
        if unpivot is None:
            return np.arange(unit.rows)
        names = [name for name in unit.parts.types if re.fullmatch(unpivot.columns, name)]
        data = self.source.read(unit, names)
        rows = np.repeat(np.arange(unit.rows), len(names))
        order = np.arange(len(names) * unit.rows).reshape(len(names), unit.rows).T.ravel()
        stacked = pa.chunked_array(
            [chunk.cast(pa.string()) for name in names for chunk in data.column(name).chunks]
            or [pa.array([], pa.string())]
        ).take(pa.array(order))
        labels = pa.array(names, pa.string()).take(
            pa.array(np.tile(np.arange(len(names)), unit.rows))
        )
        at.only(rows)
        form = FieldForm.of(
            unpivot.value, unpivot.value, _field_of(unpivot.type), self.source.source
        )
        at.give(unpivot.name, Value("text", labels))
        at.give(unpivot.value, read_field(form, stacked, self.causes, at.normalised))
        return rows


def _field_of(kind: str) -> Any:  # noqa: ANN401 - a model that is imported when it is needed
    from encours_schemas.layouts.models import SourceField

    return SourceField.model_validate({"type": kind})
