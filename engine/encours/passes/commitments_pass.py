"""The commitments, unit by unit: checked, reduced by their down payments, and added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from encours.calc.exposure import (
    POSITION_SUMS,
    CommitmentSums,
    Committed,
    collect_order_payments,
    no_entering_orders,
)
from encours.calc.sums import KeyedSums
from encours.ledger.commitments import resolve_commitments
from encours.ledger.duplicates import resolve_duplicates, twins_in_memory
from encours.passes.naming import naming_row
from encours.passes.workers import run_in_order, side_by_side

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.ledger.commitments import Commitments
    from encours.ledger.quarantine import Quarantine
    from encours.ledger.sources import Ledger, Unit
    from encours.passes.order_pass import OrderBook
    from encours.passes.progress import Progress
    from encours.passes.rows_pass import RowsResult


def sum_commitments(
    ledger: Ledger,
    context: RunContext,
    rows: RowsResult,
    quarantine: Quarantine,
    threads: int,
    progress: Progress,
    orders: OrderBook | None = None,
) -> Committed:
    """Add the commitments up per customer and company code, and count the accepted ones.

    Orders that bind an insurer are parked with the cover of `rows`, where it still waits for them.
    """
    source = ledger.tables.get("commitments")
    if source is None:
        return Committed(KeyedSums(len(POSITION_SUMS)), no_entering_orders())
    progress.start_stage("commitments", source.row_count)
    empty = pa.table(
        {
            "order_id": pa.array([], pa.string()),
            "customer_code": pa.array([], pa.int32()),
            "company_code": pa.array([], pa.int32()),
            "open_rc": pa.array([], pa.int64()),
        }
    )
    payments, twins = side_by_side(
        lambda: collect_order_payments(pa.concat_tables([empty, *rows.order_payments]), context),
        lambda: twins_in_memory(source, "commitment_id"),
        threads,
    )
    duplicates = resolve_duplicates(source, twins)
    sums = CommitmentSums(payments, context, None if orders is None else orders.add)
    accepted = 0

    def resolve(unit: Unit) -> Commitments:
        data = source.read(unit, source.columns)
        found = duplicates.of_unit(unit)
        commitments = resolve_commitments(data, context.master, context.as_of_day, *found)
        quarantine.add_faults(source, unit, commitments.faults)
        if rows.uncovered is not None:
            rows.uncovered.cover.add_orders(unit.number, commitments)
        progress.advance(unit.row_count)
        return commitments

    resolved = run_in_order(resolve, source.units, threads)
    for unit, commitments in zip(source.units, resolved, strict=True):
        accepted += int((~commitments.faults.bad).sum())
        with naming_row(source, unit, "commitment_id"):
            sums.add(commitments)
    rows.totals.count("accepted_commitments", accepted)
    progress.finish_stage()
    return Committed(sums.finish(), sums.entering)
