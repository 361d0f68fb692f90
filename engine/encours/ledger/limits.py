"""Who is named by a limit: such accounts and groups have a row even without an item (TABLES 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from encours.ledger.streamed import check_streamed
from encours_schemas import INPUT_TABLES

if TYPE_CHECKING:
    from encours.ledger.quarantine import Quarantine
    from encours.ledger.sources import TableSource

CREDIT_LIMITS = INPUT_TABLES["credit_limits"]
GROUP_SCOPE = CREDIT_LIMITS.column("scope").allowed.index("group")


@dataclass(frozen=True)
class LimitHolders:
    """Parties that limits name, whatever the dates of their limits.

    accounts  string[a]  credit accounts of limits with scope `account`
    segments  string[a]  their credit segments, empty for a limit that all segments share
    groups    string[g]  parties of limits with scope `group`
    """

    accounts: pa.Array
    segments: pa.Array
    groups: pa.Array

    @property
    def segment_names(self) -> set[str]:
        """Name the credit segments of limits."""
        return {name for name in self.segments.unique().to_pylist() if name}


def read_limit_holders(source: TableSource | None, quarantine: Quarantine) -> LimitHolders:
    """Check the limits' table, and list the parties of its good rows, each once."""
    empty = pa.array([], pa.string())
    parts = [pa.table({"party": empty, "segment": empty, "is_group": pa.array([], pa.bool_())})]
    if source is not None:
        for checked, rows in check_streamed(source, CREDIT_LIMITS, quarantine):
            chosen = pa.array(rows)
            nothing = pa.nulls(checked.row_count, pa.string())
            segment = checked.values.get("credit_segment", nothing).take(chosen).cast(pa.string())
            is_group = checked.listed("scope", default=0)[rows] == GROUP_SCOPE
            party = checked.values["party_id"].take(chosen).cast(pa.string())
            parts.append(
                pa.table({"party": party, "segment": segment.fill_null(""), "is_group": is_group})
            )
    found = pa.concat_tables(parts)
    of_accounts = found.filter(pc.invert(found.column("is_group")))
    distinct = of_accounts.group_by(["party", "segment"]).aggregate([])
    groups = found.filter(found.column("is_group")).column("party").unique()
    return LimitHolders(
        distinct.column("party").combine_chunks(),
        distinct.column("segment").combine_chunks(),
        groups.combine_chunks() if isinstance(groups, pa.ChunkedArray) else groups,
    )
