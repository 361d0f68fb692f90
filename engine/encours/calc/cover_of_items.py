"""What insurance covers of the items of a work unit, once the ceilings are filled (DOMAIN 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.kernels.late import NOT_INSURED
from encours.ledger.decode import NO_DAY

if TYPE_CHECKING:
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]

COVER_RECORD = np.dtype(
    [
        ("ordinal", np.int64),
        ("covered_milli", np.int64),
        ("notify_days", np.int64),
        ("standing", np.int64),  # records are of whole words
    ]
)
"""What an item is covered for, the days after which its delay is declared, and how it stands."""


class ItemCover(NamedTuple):
    """Cover of n items.

    covered_rc  int64[n]  thousandths of the reporting currency
    notify_day  int32[n]  day by which a delay must be declared, `NO_DAY` where nothing is covered
    standing    int8[n]   `INSURABLE`, or `STOPS_COVER` where it keeps the cover of others stopped
    """

    covered_rc: Array
    notify_day: Array
    standing: Array


def item_cover(records: Array | None, first_ordinal: int, items: Items) -> ItemCover | None:
    """Spread the cover of consecutive items over them; None where nobody insures anything.

    records  `COVER_RECORD`[c] of these items alone
    """
    if records is None:
        return None
    covered = np.zeros(items.row_count, np.int64)
    notify = np.full(items.row_count, NO_DAY, np.int32)
    standing = np.full(items.row_count, NOT_INSURED, np.int8)
    rows = records["ordinal"] - first_ordinal
    covered[rows] = records["covered_milli"]
    standing[rows] = records["standing"]
    declared = records["covered_milli"] > 0
    days = np.minimum(records["notify_days"][declared], 2**30)
    notify[rows[declared]] = items.original_due_day[rows[declared]] + days
    return ItemCover(covered, notify, standing)
