"""What a run counts, what must hold of it, and what its readers should know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encours.controls import checks
from encours.ledger.findings import RunNotice
from encours_schemas.errors import ControlFailed, InputRefused
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    import pyarrow as pa

    from encours.calc.context import RunContext
    from encours.calc.sums import CurrencyTotals
    from encours.controls.checks import Control
    from encours.ledger.quarantine import Quarantine
    from encours.ledger.sources import Ledger
    from encours.passes.account_table import AccountTable
    from encours.passes.credit_steps import CreditResult
    from encours.passes.keys_pass import Keys
    from encours.passes.rows_pass import RowsResult

RowCounts = dict[str, dict[str, int]]


def row_counts(ledger: Ledger, totals: CurrencyTotals, quarantine: Quarantine) -> RowCounts:
    """Count rows read, accepted, quarantined and kept per table."""
    counts = {}
    accepted = {
        "open_items": totals.counts.get("accepted", 0),
        "commitments": totals.counts.get("accepted_commitments", 0),
    }
    for name, source in ledger.tables.items():
        read = sum(source.rows_counted.values())
        lost = quarantine.rejected(name)
        counts[name] = {
            "read": read,
            "accepted": accepted.get(name, read - lost),
            "quarantined": lost,
            "kept": quarantine.kept(name),
        }
    return counts


def require_few_rejected(counts: RowCounts, quarantine: Quarantine, most: Decimal) -> None:
    """Refuse the run (65) when a table lost more rows than configured."""
    for table, count in counts.items():
        lost = quarantine.rejected(table, with_cascades=False)
        if lost and lost > most * count["read"]:
            raise InputRefused(
                what=f"too many bad rows in table {table}",
                where=f"{lost} of {count['read']} rows",
                found=", ".join(
                    f"{reason} {number}" for reason, number in quarantine.counts(table).items()
                ),
                expected=f"at most {most} of the rows ([input] max_rejected)",
                cure="see the quarantine, correct the extract, or raise max_rejected",
            )


def sums_of_accounts(table: AccountTable) -> dict[str, int]:
    """Add up what is checked of the credit accounts: thousandths by column."""
    names = checks.CHECKED_OF_ACCOUNTS
    return checks.column_sums(table.pieces(names), names)


def gather_controls(
    counts: RowCounts,
    rows: RowsResult,
    credit: CreditResult,
    accounts: Mapping[str, int],
    context: RunContext,
) -> list[Control]:
    """Gather every equation of the run (DOMAIN 11), but for those of what is still to be written.

    accounts  `sums_of_accounts`
    """
    tables = credit.tables
    return [
        *checks.row_controls(
            {name: count["read"] for name, count in counts.items()},
            {name: count["accepted"] for name, count in counts.items()},
            {name: count["quarantined"] for name, count in counts.items()},
        ),
        *checks.money_controls(rows.totals),
        *checks.published_controls(
            rows.totals,
            sum(file.rows or 0 for file in rows.published if file.table == "items"),
        ),
        *checks.ageing_controls(rows.totals, credit.added, tables["ageing"]),
        *checks.exposure_controls(credit.added, credit.positions, accounts),
        *checks.group_controls(credit.positions, tables["groups"], context),
        *checks.cover_controls(rows.published_cover, credit.added),
        *checks.movement_controls(tables["movements"]),
    ]


def notices_of_run(keys: Keys, totals: CurrencyTotals) -> list[RunNotice]:
    """List what a reader of the run should know of its rows."""
    counts = totals.counts
    found = (
        RunNotice(
            RunWarning.CLEARING_UNBALANCED,
            "clearings whose legs do not add up to zero",
            keys.unbalanced_clearings,
        ),
        RunNotice(
            RunWarning.SETTLED_DATE_UNKNOWN,
            "items with nothing open and no allocation that says since when",
            counts.get("settled_date_unknown", 0),
        ),
        RunNotice(
            RunWarning.EMPTY_LEDGER,
            "the ledger has no open item: the published tables are empty",
            int(not counts.get("accepted", 0)),
        ),
    )
    return [notice for notice in found if notice.count]


def notices_of_tie_out(tied: pa.Table | None, *, required: bool) -> list[RunNotice]:
    """Tell of differences to the general ledger.

    Raises ControlFailed (70) where there are some and the caller requires none.
    """
    differences = 0 if tied is None else _count_nonzero(tied.column("difference"))
    if not differences:
        return []
    if required:
        raise ControlFailed(
            what="the general ledger's balances differ from the open items",
            where=f"{differences} rows of ledger_balances",
            expected="no difference (--require-tie-out)",
            cure="run without --require-tie-out and look at the table tie_out",
        )
    message = "balances of the general ledger differ from the open items"
    return [RunNotice(RunWarning.TIE_OUT_DIFFERENCE, message, differences)]


def _count_nonzero(column: pa.ChunkedArray) -> int:
    """Count the amounts of a column that are not zero."""
    return sum(1 for value in column.to_pylist() if value)
