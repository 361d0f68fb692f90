"""The difference between two runs of one as-of date, by credit account and by group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.report.published import PublishedRun


@dataclass(frozen=True)
class Compared:
    """What of a table is compared: its key, its amounts, and what is told as it stands."""

    table: str
    key: tuple[str, ...]
    names: tuple[str, ...]
    amounts: tuple[str, ...]
    states: tuple[str, ...]


ACCOUNTS: Final = Compared(
    "credit_accounts",
    ("credit_segment", "credit_account_id"),
    ("customer_name",),
    (
        "exposure",
        "credit_limit",
        "available",
        "insured_limit",
        "insured_covered",
        "secured",
        "unsecured",
        "overdue",
        "overdue_net",
        "penalty_interest",
    ),
    ("hold_orders", "hold_deliveries", "hold_production", "worst_severity"),
)
GROUPS: Final = Compared(
    "groups",
    ("group_id",),
    (),
    ("exposure", "group_limit", "available", "overdue", "overdue_net"),
    ("worst_severity",),
)


def difference(base: PublishedRun, other: PublishedRun, compared: Compared) -> pa.Table:
    """Give the rows in which two runs differ, sorted by their key.

    Columns: the key and the names; per amount NAME, `NAME_base`, `NAME_scenario` and
    `NAME_difference` (a missing amount counts as zero in the difference); per state NAME,
    `NAME_base` and `NAME_scenario`. A row of one run alone has nulls on the other side.
    """
    ours, theirs = _rows(base, compared), _rows(other, compared)
    joined = ours.join(
        theirs,
        list(compared.key),
        join_type="full outer",
        left_suffix="_base",
        right_suffix="_scenario",
    )
    columns = {name: joined.column(name) for name in compared.key}
    for name in compared.names:
        told = [joined.column(f"{name}_scenario"), joined.column(f"{name}_base")]
        columns[name] = pc.coalesce(*told)
    differs = pa.chunked_array([pa.repeat(pa.scalar(False), joined.num_rows)])
    for name in (*compared.amounts, *compared.states):
        before, after = joined.column(f"{name}_base"), joined.column(f"{name}_scenario")
        same = pc.or_kleene(
            pc.and_(pc.is_null(before), pc.is_null(after)),
            pc.fill_null(pc.equal(before, after), False),
        )
        differs = pc.or_(differs, pc.invert(same))
        columns[f"{name}_base"], columns[f"{name}_scenario"] = before, after
        if name in compared.amounts:
            columns[f"{name}_difference"] = _minus(after, before)
    order = [(name, "ascending") for name in compared.key]
    return pa.table(columns).filter(differs).sort_by(order)


def _rows(run: PublishedRun, compared: Compared) -> pa.Table:
    """Read the compared columns of a whole table: one row per account or group."""
    wanted = [*compared.key, *compared.names, *compared.amounts, *compared.states]
    parts = list(run.batches(compared.table, wanted))
    return pa.concat_tables(parts).combine_chunks()


def _minus(after: pa.ChunkedArray, before: pa.ChunkedArray) -> pa.ChunkedArray:
    """Subtract amounts; one that is not there counts as zero."""
    zero = pa.scalar(0, after.type)
    found = pc.subtract(pc.fill_null(after, zero), pc.fill_null(before, zero))
    return found.cast(pa.decimal128(19, 3))


def totals(rows: pa.Table, amounts: Sequence[str]) -> dict[str, str]:
    """Add the differences of some amounts up over all rows: exact, as text."""
    found = {}
    for name in amounts:
        column = rows.column(f"{name}_difference").cast(pa.decimal128(38, 3))
        found[name] = str(pc.sum(column).as_py() or 0)
    return found
