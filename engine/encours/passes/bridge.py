"""The bridge from the earlier run's exposures to those of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encours.calc.movements import EARLIER_ACCOUNTS, EARLIER_LINES, movements, no_movements
from encours.publish.earlier import read_parts

if TYPE_CHECKING:
    import pyarrow as pa

    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext
    from encours.passes.rows_pass import RowsResult
    from encours.publish.earlier import EarlierRun


def bridge(
    earlier: EarlierRun | None,
    rows: RowsResult,
    accounts: AccountRows,
    published: pa.Table,
    context: RunContext,
) -> pa.Table:
    """Give the table `movements`; empty without an earlier run in the same reporting currency.

    published  the run's credit accounts, in the order of `accounts`
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
        accounts,
        published,
        context,
        has_allocations=rows.has_allocations,
    )
