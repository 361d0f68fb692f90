"""A ledger opened, and its first work unit computed, as the nightly run does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from bench.sizes import AS_OF
from encours.ledger.allocations import by_item
from encours.ledger.quarantine import Quarantine
from encours.ledger.sources import Ledger, open_ledger
from encours.passes.keys_pass import Keys, KeysPass
from encours.passes.preparation import build_context, read_master
from encours.passes.progress import Silent
from encours.passes.rows_pass import CHUNK_ROWS
from encours.passes.work_unit import Neighbours, UnitOptions, UnitResult, compute_unit
from encours_schemas.configuration import Configuration

if TYPE_CHECKING:
    import pyarrow as pa

    from encours.calc.context import RunContext

AS_OF_DAY: Final = int(np.datetime64(AS_OF, "D").astype(np.int64))


@dataclass(frozen=True)
class PreparedUnit:
    """The first unit of `open_items` and what the passes before know of it."""

    data: pa.Table
    neighbours: Neighbours
    context: RunContext

    @property
    def rows(self) -> int:
        """Give the rows of the unit."""
        return int(self.data.num_rows)

    def compute(self) -> UnitResult:
        """Compute the unit from end to end: Arrow in, Arrow and sums out."""
        return compute_unit(
            self.data, self.neighbours, UnitOptions(AS_OF_DAY, CHUNK_ROWS), self.context
        )


def open_directory(directory: Path, staging: Path) -> Ledger:
    """Open a ledger with the default configuration."""
    return open_ledger(directory, Configuration(), staging, threads=1)


def run_keys_pass(ledger: Ledger, spill: Path) -> Keys:
    """Read master data and run the pass over the keys, its spill files in a new directory."""
    spill.mkdir(parents=True)
    configuration, quarantine = Configuration(), Quarantine()
    master = read_master(ledger, configuration, quarantine, threads=1)
    keys_pass = KeysPass(
        ledger.tables["open_items"],
        ledger.tables["allocations"],
        master.customer_index,
        quarantine,
        spill,
        threads=1,
    )
    return keys_pass.run(AS_OF_DAY, Silent())


def prepare_unit(directory: Path, staging: Path) -> PreparedUnit:
    """Read master data and keys, and give the first unit with its allocations."""
    ledger = open_directory(directory, staging)
    configuration = Configuration()
    master = read_master(ledger, configuration, Quarantine(), threads=1)
    keys = run_keys_pass(ledger, staging / "spill")
    preparation = build_context(ledger, master, keys, AS_OF_DAY, configuration)
    source = ledger.tables["open_items"]
    unit = source.units[0]
    nothing = np.empty(0, np.int64)
    records = keys.routed.read(unit.number)
    ordered = by_item(records, unit.first_ordinal, unit.row_count)
    neighbours = Neighbours(unit.first_ordinal, ordered, nothing, nothing)
    data = source.read(unit, source.columns)
    return PreparedUnit(data, neighbours, preparation.context)
