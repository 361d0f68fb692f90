"""Insured cover of every item, before the rows pass publishes it (DOMAIN 7).

The items under an insured limit are measured ahead, parked by cluster, and each ceiling is filled
in the order of delivery, so that memory does not grow with the items. What an item is covered for
goes back to its work unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.account_cover import INSURABLE_SUMS, CoverTotals, insurable_parts
from encours.calc.cover_ceilings import ceiling_tables, fill_ceilings
from encours.calc.cover_items import (
    ITEM_RECORD,
    NO_ORDER,
    STATE_RECORD,
    InsurableItems,
    in_order,
    insurable_items,
    order_keys,
)
from encours.calc.cover_of_items import COVER_RECORD
from encours.calc.cover_pools import build_insurance
from encours.calc.sums import KeyedSums
from encours.kernels.cover import (
    ITEM_ACCOUNT,
    ITEM_ORDER_DAY,
    ITEM_SEGMENT,
    ITEM_STATE_END,
    LAST_DAY,
    STATE_GROSS_MILLI,
)
from encours.kernels.late import INSURABLE, NOT_INSURED, STOPS_COVER
from encours.ledger.commitments import COMMITMENTS, resolve_commitments
from encours.ledger.decode import NO_DAY
from encours.ledger.duplicates import resolve_duplicates, twins_in_memory
from encours.ledger.table_spill import TableSpill
from encours.passes.spill import MemoryBudget, Spill
from encours.passes.workers import run_in_order

if TYPE_CHECKING:
    from pathlib import Path

    from encours.calc.context import RunContext
    from encours.calc.cover_ceilings import CoverResult
    from encours.calc.cover_pools import Insurance
    from encours.ledger.items import Items
    from encours.ledger.sources import Ledger, TableSource, Unit
    from encours.passes.preparation import Preparation
    from encours.passes.progress import Progress

Array = np.ndarray[Any, np.dtype[Any]]

MOST_SHARDS = 64
_ROWS_PER_SHARD = 1 << 19
"""Rows of `open_items` for one shard more: a table of few rows is not cut into many pieces."""
ORDER_RECORD = np.dtype([("first", np.uint64), ("second", np.uint64), ("day", np.int64)])
_ID_SCHEMA = pa.schema([("item_id", pa.string())])
KEPT_BYTES = 256 << 20
"""Insured items kept in memory before they are spilled; the keys pass took more than that."""


@dataclass(frozen=True)
class _ShardResult:
    """What comes out of one shard."""

    covered: KeyedSums
    insurable: KeyedSums
    stop_pool: Array
    stop_day: Array
    stop_item: pa.Array
    stop_owner: Array
    next_pool: Array
    next_day: Array


class CoverPass:
    """The cover of one run; units add their items, then the ceilings are filled once."""

    def __init__(
        self,
        insurance: Insurance,
        items: TableSource,
        commitments: TableSource | None,
        scratch: Path,
        context: RunContext,
    ) -> None:
        """Open the spill files in `scratch`."""
        self.insurance, self._context = insurance, context
        # Two places more, for the codes of customers that are absent or not known: -1 and -2.
        self._is_insured = np.append(insurance.cluster_of_customer >= 0, [False, False])
        self._tables = ceiling_tables(insurance.pools)
        self._commitments = commitments
        self._shards = min(1 + items.row_count // _ROWS_PER_SHARD, MOST_SHARDS)
        kept = MemoryBudget(KEPT_BYTES)
        self._items = Spill(scratch / "insured_items", ITEM_RECORD, self._shards, kept)
        self._states = Spill(scratch / "insured_states", STATE_RECORD, self._shards, kept)
        self._ids = TableSpill(scratch / "insured_ids", _ID_SCHEMA)
        self._orders = Spill(scratch / "insured_orders", ORDER_RECORD, self._shards)
        self._routed = Spill(scratch / "cover", COVER_RECORD, max(len(items.units), 1))
        self._firsts = np.array([unit.first_ordinal for unit in items.units], np.int64)

    def is_wanted(self, customer_code: Array) -> Array:
        """Tell which rows are of customers under an insured limit: bool[n] of int32[n] codes."""
        found: Array = np.take(self._is_insured, customer_code)
        return found

    def add(self, unit: Unit, items: Items, records: Array, rows: Array) -> None:
        """Park what may be covered of some rows of a unit.

        records  allocations of the items, `first` = position in `items`
        rows     int64[n]  row of the unit that each item stands in
        """
        ordinal = rows + unit.first_ordinal
        found = insurable_items(items, records, ordinal, self.insurance, self._context)
        shard = (found.items["cluster"] % self._shards).astype(np.int32)
        self._items.append(unit.number, found.items, shard)
        self._states.append(unit.number, found.states, np.repeat(shard, found.items["state_count"]))
        # In a byte, for NumPy sorts those by counting.
        ids = pa.table({"item_id": found.item_id})
        self._ids.scatter(unit.number, ids, shard.astype(np.uint8))

    def settle(self, threads: int, progress: Progress) -> CoverTotals:
        """Fill the ceilings, shard by shard, and send each item's cover back to its unit."""
        progress.start_stage("cover", self._shards)
        covered, insurable = KeyedSums(1), KeyedSums(len(INSURABLE_SUMS))
        pools, days, items = [np.empty(0, np.int64)], [np.empty(0, np.int32)], []
        owners = [np.empty(0, np.int64)]
        next_pools, next_days = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
        for found in run_in_order(self._fill_shard, range(self._shards), threads):
            covered.merge(found.covered)
            insurable.merge(found.insurable)
            owners.append(found.stop_owner)
            pools.append(found.stop_pool)
            days.append(found.stop_day)
            items.append(found.stop_item)
            next_pools.append(found.next_pool)
            next_days.append(found.next_day)
            progress.advance(1)
        progress.finish_stage()
        for sums in (covered, insurable):
            sums.trim()
        for spill in (self._items, self._states, self._ids, self._orders):
            spill.close()
        return CoverTotals(
            self.insurance,
            covered,
            insurable,
            np.concatenate(pools),
            np.concatenate(days),
            pa.concat_arrays(items),
            np.concatenate(owners),
            np.concatenate(next_pools),
            np.concatenate(next_days),
        )

    def of_unit(self, unit: Unit) -> Array:
        """Give what the items of a unit are covered for, by ordinal: `COVER_RECORD`[c]."""
        records = self._routed.read(unit.number)
        return records[np.argsort(records["ordinal"], kind="stable")]

    def close(self) -> None:
        """Give the disk space of the routed cover back."""
        self._routed.close()

    def park_orders(self) -> None:
        """Park the day on which each order of an insured customer was confirmed."""
        source = self._commitments
        if source is None or not self.insurance.binds_orders:
            return
        duplicates = resolve_duplicates(source, twins_in_memory(source, "commitment_id"))
        for unit in source.units:
            data = source.read(unit, COMMITMENTS.names)
            found = duplicates.of_unit(unit)
            orders = resolve_commitments(
                data, self._context.master, self._context.as_of_day, *found
            )
            first, second = order_keys(orders.order_id, orders.company_code, orders.customer_code)
            cluster = self.insurance.cluster_of_customer[orders.customer_code]
            counts = ~orders.faults.bad & (cluster >= 0) & (orders.document_day != NO_DAY)
            counts &= (first != NO_ORDER) | (second != NO_ORDER)
            records = np.empty(data.num_rows, ORDER_RECORD)
            records["first"], records["second"] = first, second
            records["day"] = orders.document_day
            shard = np.where(counts, cluster % self._shards, -1).astype(np.int32)
            self._orders.append(unit.number, records, shard)

    def _fill_shard(self, shard: int) -> _ShardResult:
        """Fill the ceilings of the clusters of one shard."""
        ids = self._ids.read(shard).column("item_id").combine_chunks()
        found = InsurableItems(self._items.read(shard), self._states.read(shard), ids)
        ordered = in_order(found)
        table, place_of = ordered.table, ordered.place
        table[:, ITEM_ORDER_DAY] = np.take(self._order_days(found.items, shard), place_of)
        result = fill_ceilings(ordered, self.insurance, self._tables)
        pool, item, milli = result.pool, result.item, result.milli
        self._route(shard, found.items["ordinal"][place_of], result)
        accounts = len(self._context.master.customers.account_ids)
        segments = len(self._context.master.companies.segment_names)
        place = table[:, ITEM_SEGMENT] * accounts + table[:, ITEM_ACCOUNT]
        covered, insurable = KeyedSums(1), KeyedSums(len(INSURABLE_SUMS))
        covered.add(pool * (segments * accounts) + place[item], milli[:, None])
        base = result.insurable_milli
        gross = ordered.states[table[:, ITEM_STATE_END] - 1, STATE_GROSS_MILLI]
        chosen = np.flatnonzero(base)
        insurable.add(
            place[chosen],
            np.column_stack([base[chosen], gross[chosen]]),
            insurable_parts(base[chosen], gross[chosen]),
        )
        stopped = np.flatnonzero(result.stop_day != LAST_DAY)
        comes = (result.next_stop_day != LAST_DAY) & (result.stop_day == LAST_DAY)
        coming = np.flatnonzero(comes)
        return _ShardResult(
            covered,
            insurable,
            stopped,
            result.stop_day[stopped],
            ids.take(pa.array(place_of[result.stop_item[stopped]])),
            np.where(result.stop_is_shared[stopped], -1, place[result.stop_item[stopped]]),
            coming,
            result.next_stop_day[coming],
        )

    def _order_days(self, items: Array, shard: int) -> Array:
        """Give the last day on which each item's order was confirmed: int32[n].

        `LAST_DAY` for an item without an order; an order of which no confirmation is known is taken
        for an old one.
        """
        keys = _wide_keys(items["order_first"], items["order_second"])
        has_order = (items["order_first"] != NO_ORDER) | (items["order_second"] != NO_ORDER)
        days = np.where(has_order, -LAST_DAY, LAST_DAY).astype(np.int32)
        records = self._orders.read(shard)
        if len(records) and has_order.any():
            known = _wide_keys(records["first"], records["second"])
            known = known.dictionary_encode()
            last = np.full(len(known.dictionary), -LAST_DAY, np.int32)
            np.maximum.at(last, known.indices.to_numpy(), records["day"].astype(np.int32))
            place = pc.fill_null(pc.index_in(keys, value_set=known.dictionary), -1)
            place = place.to_numpy(zero_copy_only=False)
            met = has_order & (place >= 0)
            days[met] = last[place[met]]
        return days

    def _route(self, shard: int, ordinal: Array, result: CoverResult) -> None:
        """Send the cover of items back to their work units, and which of them stop it."""
        count = len(ordinal)
        covered = np.zeros(count, np.int64)
        np.add.at(covered, result.item, result.milli)
        notify = np.full(count, np.iinfo(np.int64).max, np.int64)
        np.minimum.at(notify, result.item, self.insurance.facts.notify_days[result.pool])
        standing = np.where(result.insurable_milli > 0, INSURABLE, NOT_INSURED)
        standing[result.is_stopping] = STOPS_COVER
        told = (covered > 0) | result.is_stopping
        if self._context.configuration.rules.insured_limit_exceeded.full_cover_segments:
            told |= standing == INSURABLE
        rows = np.flatnonzero(told)
        records = np.empty(len(rows), COVER_RECORD)
        records["ordinal"] = ordinal[rows]
        records["covered_milli"], records["notify_days"] = covered[rows], notify[rows]
        records["standing"] = standing[rows]
        unit = np.searchsorted(self._firsts, records["ordinal"], side="right") - 1
        self._routed.append(shard, records, unit.astype(np.int32))


def open_cover(ledger: Ledger, preparation: Preparation, scratch: Path) -> CoverPass | None:
    """Prepare the cover of a run; None where the ledger has no insured limit."""
    context = preparation.context
    insurance = build_insurance(preparation.limits, context)
    if insurance is None:
        return None
    tables = ledger.tables
    return CoverPass(insurance, tables["open_items"], tables.get("commitments"), scratch, context)


def _wide_keys(first: Array, second: Array) -> pa.Array:
    """Give two halves as one key of 16 bytes each."""
    halves = np.column_stack([first, second])
    data = pa.py_buffer(np.ascontiguousarray(halves))
    return pa.Array.from_buffers(pa.binary(16), len(halves), [None, data])
