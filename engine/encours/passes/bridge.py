"""The bridge from the earlier run's exposures to those of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encours.calc.movements import EARLIER_ACCOUNTS, EARLIER_LINES, movements, no_movements
from encours.publish.earlier import read_parts

if TYPE_CHECKING:
    import pyarrow as pa

    from encours.calc.context import RunContext
    from encours.passes.account_table import AccountTable
    from encours.passes.rows_pass import RowsResult
    from encours.publish.earlier import EarlierRun


def bridge(
    earlier: EarlierRun | None,
    rows: RowsResult,
    published: AccountTable,
    context: RunContext,
) -> pa.Table:
    """Give the table `movements`; empty without an earlier run in the same reporting currency.

    published  the run's credit accounts
    """
    if earlier is None or earlier.currency != context.configuration.reporting.currency:
        return no_movements()
    before = earlier.read("credit_accounts", EARLIER_ACCOUNTS)
    if before is None:
        return no_movements()
    lines = (piece for path in earlier.files("ageing") for piece in read_parts(path, EARLIER_LINES))
    return movements(
        before,
        lines,
        rows.flows,
        rows.cells,
        published.accounts,
        published.table(EARLIER_ACCOUNTS),
        context,
        has_allocations=rows.has_allocations,
    )
