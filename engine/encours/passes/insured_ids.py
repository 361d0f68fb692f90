"""Ids of items that insurance may cover, parked where keys are read: texts are slow to decode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from encours.ledger.checking import UNLISTED, combine
from encours.ledger.table_spill import TableSpill

if TYPE_CHECKING:
    from pathlib import Path

    from encours.ledger.sources import Unit

Array = np.ndarray[Any, np.dtype[Any]]

_SCHEMA = pa.schema([("item_id", pa.string())])


class ParkedIds(NamedTuple):
    """Ids of some rows of a unit: int64[k] ascending, string[k]."""

    rows: Array
    item_id: pa.Array

    def of_rows(self, rows: Array) -> pa.Array:
        """Give the ids of some of these rows: string of int64[r]."""
        return self.item_id.take(pa.array(np.searchsorted(self.rows, rows)))


class InsuredIds:
    """The ids of items of some customers, unit by unit."""

    def __init__(self, path: Path, is_insured: Array, unit_count: int) -> None:
        """Create the file.

        is_insured  bool[customers]  whose items may be covered, before customers without a row of
                                     their own are known
        """
        # Two places more, for the codes of customers that are absent or not known: -1 and -2.
        self._is_insured = np.append(is_insured, [False, False])
        self._is_complete = np.zeros(unit_count, bool)
        self._spill = TableSpill(path, _SCHEMA)

    def park(self, unit: Unit, codes: Array, item_id: pa.ChunkedArray) -> None:
        """Keep the ids of a unit; a customer unknown so far may turn out to be insured.

        codes  int32[n]  customers of the rows
        """
        if (codes == UNLISTED).any():
            return
        rows = np.flatnonzero(np.take(self._is_insured, codes)).astype(np.int32)
        table = pa.table({"item_id": combine(item_id).take(pa.array(rows))})
        self._spill.append(0, unit.number, table)
        self._is_complete[unit.number] = True

    def of_unit(self, unit: Unit, codes: Array, wanted: Array) -> ParkedIds | None:
        """Give what is parked of a unit; None where wanted rows, bool[n], are not among it."""
        is_parked = np.take(self._is_insured, codes)
        if not self._is_complete[unit.number] or (wanted & ~is_parked).any():
            return None
        ids = self._spill.read(unit.number).column("item_id")
        return ParkedIds(np.flatnonzero(is_parked), combine(ids))

    def close(self) -> None:
        """Give the disk space back."""
        self._spill.close()
