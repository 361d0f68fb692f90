"""What insurance covers of the items of a work unit, once the ceilings are filled (DOMAIN 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.ledger.decode import NO_DAY

if TYPE_CHECKING:
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]

COVER_RECORD = np.dtype(
    [("ordinal", np.int64), ("covered_milli", np.int64), ("notify_days", np.int64)]
)
"""What an item is covered for, and the days after which its delay is declared."""


class ItemCover(NamedTuple):
    """Cover of n items.

    covered_rc  int64[n]  thousandths of the reporting currency
    notify_day  int32[n]  day by which a delay must be declared, `NO_DAY` where nothing is covered
    """

    covered_rc: Array
    notify_day: Array


def item_cover(records: Array | None, first_ordinal: int, items: Items) -> ItemCover | None:
    """Spread the cover of consecutive items over them; None where nobody insures anything.

    records  `COVER_RECORD`[c] of these items alone
    """
    if records is None:
        return None
    covered = np.zeros(items.row_count, np.int64)
    notify = np.full(items.row_count, NO_DAY, np.int32)
    rows = records["ordinal"] - first_ordinal
    covered[rows] = records["covered_milli"]
    notify[rows] = items.original_due_day[rows] + np.minimum(records["notify_days"], 2**30)
    return ItemCover(covered, notify)
