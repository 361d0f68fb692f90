"""Large tables that a run only checks, unit by unit: sales and credit limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.ledger.checking import (
    REFERENCE,
    UNLISTED,
    WHOLE_TABLE,
    CheckedColumns,
    check_columns,
    combine,
    listed_codes,
)
from encours.ledger.decode import NO_DAY
from encours.ledger.duplicates import resolve_duplicates, twins_in_memory
from encours.ledger.master import CURRENCY_POSITIONS, MINOR_UNIT_MILLI
from encours_schemas.reasons import Reason
from encours_schemas.tables import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from encours.ledger.duplicates import Each
    from encours.ledger.quarantine import Quarantine
    from encours.ledger.sources import TableSource, Unit
    from encours_schemas.tables import Table

Array = np.ndarray[Any, np.dtype[Any]]


Checked = tuple[CheckedColumns, Array]


def check_streamed(
    source: TableSource, table: Table, quarantine: Quarantine, each: Each = map
) -> Iterable[Checked]:
    """Give each unit's decoded columns and its good rows (int64[g]); quarantine the bad ones.

    each  takes the units: `map`, or the like on several threads

    Checked per row: kinds, lists, bounds, the currency and its decimals, the first of a month; per
    table: the key.
    """
    duplicates = resolve_duplicates(source, twins_in_memory(source, *table.key, each=each))

    def check(unit: Unit) -> Checked:
        checked = _check_unit(source, unit, table)
        for rows, reason in zip(
            duplicates.of_unit(unit),
            (Reason.DUPLICATE_KEY, Reason.CONFLICTING_DUPLICATE),
            strict=True,
        ):
            found = np.zeros(unit.row_count, bool)
            found[rows] = True
            if len(rows):
                checked.faults.add(found, table.key[0], reason, WHOLE_TABLE)
        quarantine.add_faults(source, unit, checked.faults)
        return checked, np.flatnonzero(~checked.faults.bad)

    return each(check, source.units)


def _check_unit(source: TableSource, unit: Unit, table: Table) -> CheckedColumns:
    """Decode the rows of a unit and check each on its own."""
    data = source.read(unit, table.names)
    checked = check_columns(table, data, source.dialect)
    _check_currency(table, data, checked)
    if "month" in checked.values:
        months = checked.day("month").astype("datetime64[D]")
        first = months.astype("datetime64[M]").astype("datetime64[D]")
        later = (checked.day("month") != NO_DAY) & (months != first)
        checked.faults.add(later, "month", Reason.OUT_OF_RANGE, REFERENCE)
    return checked


def _check_currency(table: Table, data: pa.Table, checked: CheckedColumns) -> None:
    """Hold unknown currencies, and amounts that a currency cannot represent, against their rows."""
    if "currency" not in data.column_names:
        return
    codes = listed_codes(combine(data.column("currency")), CURRENCY_POSITIONS)
    checked.faults.add(codes == UNLISTED, "currency", Reason.UNKNOWN_CURRENCY, REFERENCE)
    unit = np.where(codes >= 0, MINOR_UNIT_MILLI[np.maximum(codes, 0)], 1)
    for column in table.columns:
        if column.kind is Kind.MONEY and column.name in checked.values:
            cut = checked.values[column.name] % unit != 0
            checked.faults.add(cut, column.name, Reason.TOO_PRECISE, REFERENCE)
