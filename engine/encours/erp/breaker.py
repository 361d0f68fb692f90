"""When the ERP files wait for a person: many changes, a shrunken input, a first run (DOMAIN 8)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from encours_schemas.configuration import Erp

RowsRead = dict[str, int]


@dataclass(frozen=True)
class Shrunken:
    """An input table that is much smaller than before: rows read then and now."""

    table: str
    before: int
    now: int

    def __str__(self) -> str:
        return f"table {self.table} has {self.now} rows after {self.before}"


def shrunken_tables(now: RowsRead, earlier: Iterable[RowsRead], settings: Erp) -> list[Shrunken]:
    """List the tables that lost more than the configured share of their rows, by name.

    now, earlier  rows read per table; a table that is absent has none. Each earlier run counts:
                  a table that stays small would otherwise pass on the second night.
    """
    most = Fraction(settings.max_input_shrink)
    found: dict[str, Shrunken] = {}
    for run in earlier:
        for table, before in run.items():
            present = now.get(table, 0)
            if table not in settings.shrink_exempt and Fraction(before - present) > most * before:
                worst = found.get(table)
                if worst is None or before > worst.before:
                    found[table] = Shrunken(table, before, present)
    return [found[table] for table in sorted(found)]


def reasons_to_wait(
    changes: Mapping[str, int],
    account_count: int,
    shrunken: list[Shrunken],
    settings: Erp,
) -> list[str]:
    """Say why the ERP files wait; empty when they need not."""
    count = sum(changes.values())
    allowed = max(
        Fraction(settings.max_hold_changes) * account_count,
        Fraction(settings.hold_changes_at_least),
    )
    reasons = []
    if count > allowed:
        reasons.append(
            f"{count} hold changes for {account_count} credit accounts are more than "
            f"{int(allowed)} ([erp] max_hold_changes)"
        )
    reasons += [f"{each} ([erp] max_input_shrink)" for each in shrunken]
    return reasons
