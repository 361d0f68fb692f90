"""Made-up columns for the kernels, from a fixed seed, with the shares of a usual ledger.

Nearly half of the items are late, a fifth has allocations (one to three), three in a hundred are
disputed, one in two hundred belongs to an insolvent customer; regimes by weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bench.sizes import AS_OF
from encours.kernels.interest_columns import NO_DAY, Allocations, InterestItems, InterestOptions
from encours.ledger.allocations import ALLOCATION_RECORD
from encours.ledger.master import CURRENCY_POSITIONS, MINOR_UNIT_MILLI
from encours.passes.keys_pass import ITEM_RECORD
from encours.rules.rate_tables import EARLIEST_DAY, RateTables, build_rate_tables
from encours.rules.regimes import load_regimes
from encours.rules.series import load_series

Array = np.ndarray[Any, np.dtype[Any]]

ROWS: Final = 65_536
"""As many as the run holds decoded at once."""
AS_OF_DAY: Final = int(np.datetime64(AS_OF, "D").astype(np.int64))
SHARES_OF_REGIMES: Final = {
    "FR_business": 45,
    "DE_business": 18,
    "EU_default": 15,
    "GB_business": 11,
    "PL_business": 6,
    "BE_business": 4,
    "NL_business": 0.5,
    "IE_business": 0.5,
}

_SEED: Final = 20261031


@dataclass(frozen=True)
class KernelInputs:
    """Columns of n items and m allocations, as the run makes them."""

    items: InterestItems
    allocations: Allocations
    rates: RateTables
    options: InterestOptions

    @property
    def days_past_due(self) -> Array:
        """Give how late each item is: int32[n]."""
        return np.int32(AS_OF_DAY) - self.items.due_day


def make_inputs(rows: int = ROWS) -> KernelInputs:
    """Draw the columns of so many items."""
    random = np.random.default_rng(_SEED)
    late_days = np.minimum(random.exponential(70, rows).astype(np.int32) + 1, 1_800)
    is_late = random.random(rows) < 0.45
    due_day = AS_OF_DAY - np.where(is_late, late_days, -random.integers(0, 90, rows))
    amount = random.lognormal(7, 1.5, rows).astype(np.int64) * 10 + 10
    allocations = _allocations(random, amount, due_day)
    regimes = list(load_regimes())
    shares = np.array([SHARES_OF_REGIMES.get(name, 0) for name in regimes])
    has_allocation = np.diff(allocations.offset) > 0
    reduced = np.zeros(rows, np.int64)
    np.add.at(
        reduced,
        np.repeat(np.arange(rows), np.diff(allocations.offset)),
        allocations.amount_milli,
    )
    open_milli = amount - reduced
    last_day = allocations.value_day[np.maximum(allocations.offset[1:] - 1, 0)]
    is_settled = has_allocation & (open_milli == 0)
    is_disputed = random.random(rows) < 0.03
    is_insolvent = random.random(rows) < 0.005
    items = InterestItems(
        amount_milli=amount,
        open_milli=open_milli,
        has_allocation=has_allocation.astype(np.uint8),
        due_day=due_day.astype(np.int32),
        claim_day=(due_day - 30).astype(np.int32),
        settled_day=np.where(is_settled, last_day, NO_DAY).astype(np.int32),
        regime_code=random.choice(len(regimes), rows, p=shares / shares.sum()).astype(np.int32),
        flags=np.zeros(rows, np.uint8),
        insolvency_day=np.where(is_insolvent, AS_OF_DAY - 40, NO_DAY).astype(np.int32),
        disputed_milli=np.where(is_disputed, open_milli // 2, 0),
        billed_to_day=np.full(rows, NO_DAY, np.int32),
        billed_milli=np.zeros(rows, np.int64),
        has_billed=np.zeros(rows, np.uint8),
        currency_code=np.full(rows, CURRENCY_POSITIONS["EUR"], np.int32),
    )
    on_file = tuple(load_regimes().values())
    rates = build_rate_tables(on_file, load_series(), EARLIEST_DAY, AS_OF_DAY)
    return KernelInputs(
        items, allocations, rates, InterestOptions(AS_OF_DAY, 0, False, MINOR_UNIT_MILLI)
    )


def _allocations(random: np.random.Generator, amount: Array, due_day: Array) -> Allocations:
    """Draw one to three allocations for a fifth of the items; half of these are settled by them."""
    rows = len(amount)
    count = np.where(random.random(rows) < 0.2, random.integers(1, 4, rows), 0)
    offset = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    owner = np.repeat(np.arange(rows), count)
    value_day = np.minimum(due_day[owner] + random.integers(-20, 60, len(owner)), AS_OF_DAY)
    value_day = value_day[np.lexsort((value_day, owner))].astype(np.int32)
    part = amount[owner] // count[owner] // 10 * 10
    is_last = np.arange(len(owner)) == offset[owner + 1] - 1
    rest = amount[owner] - part * (count[owner] - 1)
    settles = (random.random(rows) < 0.5)[owner]
    part = np.where(is_last & settles, rest, part // np.where(is_last, 20, 10) * 10)
    part = np.where(settles & ~is_last, amount[owner] // count[owner] // 10 * 10, part)
    return Allocations(offset, value_day, part.astype(np.int64), np.empty(0, np.int64))


def make_shard(rows: int = ROWS) -> tuple[Array, Array]:
    """Draw the keys of one shard: records of items, and of two fifths as many allocations."""
    random = np.random.default_rng(_SEED)
    items = np.empty(rows, ITEM_RECORD)
    items["first"] = random.integers(0, 2**64, rows, np.uint64)
    items["second"] = random.integers(0, 2**64, rows, np.uint64)
    items["ordinal"] = np.arange(rows)
    allocations = np.zeros(rows * 2 // 5, ALLOCATION_RECORD)
    owner = random.integers(0, rows, len(allocations))
    allocations["first"], allocations["second"] = items["first"][owner], items["second"][owner]
    return items, allocations
