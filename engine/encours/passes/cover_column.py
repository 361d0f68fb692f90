"""The published column that comes last: what insurance covers of every item (DOMAIN 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from encours.calc.columns import money_array
from encours.controls.checks import exact_sum
from encours.ledger.table_spill import TableSpill
from encours.passes.encode import COVERED
from encours.passes.memory import give_memory_back
from encours.passes.workers import run_in_order
from encours.publish.parquet import Later

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from encours.calc.account_cover import CoverTotals
    from encours.calc.hit_sums import HitSums
    from encours.ledger.sources import Unit
    from encours.passes.cover_pass import CoverPass
    from encours.passes.late_items import LateItems
    from encours.passes.progress import Progress
    from encours.publish.files import PublishedFile
    from encours.publish.parquet import PartWriter


class UncoveredPart(NamedTuple):
    """A part of `items` that is written but for its cover, its units, and the rows of each."""

    writer: PartWriter
    units: Sequence[Unit]
    row_counts: Sequence[int]


class UncoveredItems:
    """The published items of a run until it is known what insurance covers of them; one use.

    parts  in the order of the table
    """

    def __init__(self, cover: CoverPass, scratch: Path) -> None:
        """Start without a part."""
        self.cover = cover
        self.parts: list[UncoveredPart] = []
        self._waiting = TableSpill(scratch / "uncovered_items")

    def later(self, number: int) -> Later:
        """Say of the part of a number that its cover comes later."""
        return Later(COVERED, self._waiting, number)

    def settle(
        self, late: LateItems | None, hits: HitSums, threads: int, progress: Progress
    ) -> CoverTotals:
        """Fill the ceilings, now that all items are there; see `CoverPass.settle`."""
        totals = self.cover.settle(late, hits, threads, progress)
        give_memory_back()
        return totals

    def finish(self, threads: int) -> Iterator[tuple[PublishedFile, int]]:
        """Write the column of every part; give its file, and the sum of the column."""
        yield from run_in_order(self._finish, self.parts, threads)
        self.cover.close()
        self._waiting.close()

    def _finish(self, part: UncoveredPart) -> tuple[PublishedFile, int]:
        pairs = zip(part.units, part.row_counts, strict=True)
        covered = np.concatenate([self.cover.of_unit(unit, count) for unit, count in pairs])
        part.writer.write_later(money_array(covered))
        return part.writer.close(), exact_sum(covered)
