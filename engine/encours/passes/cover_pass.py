"""Insured cover of every item, once the rows pass has met all of them (DOMAIN 7).

The items under an insured limit are parked by cluster, and each ceiling is filled in the order of
delivery, so that memory does not grow with the items. What an item is covered for goes back to the
published rows of its work unit, how it stands with its insurer to the late items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.account_cover import INSURABLE_SUMS, CoverTotals, insurable_parts
from encours.calc.cover_ceilings import fill_ceilings
from encours.calc.cover_items import (
    ITEM_RECORD,
    NO_ORDER,
    STATE_RECORD,
    InsurableItems,
    in_order,
    order_keys,
)
from encours.calc.hit_sums import grouped
from encours.calc.item_watch import HIT_SCHEMA, hit_table
from encours.calc.sums import KeyedSums
from encours.kernels.cover import (
    ITEM_ACCOUNT,
    ITEM_SEGMENT,
    ITEM_STATE_END,
    LAST_DAY,
    STATE_GROSS_MILLI,
)
from encours.kernels.insurable import room_for_told, tell_cover
from encours.ledger.decode import NO_DAY
from encours.ledger.text_spill import TextSpill
from encours.passes.memory import give_memory_back
from encours.passes.spill import MemoryBudget, Spill
from encours.passes.workers import Ahead, run_in_order
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from pathlib import Path

    from encours.calc.context import RunContext
    from encours.calc.cover_ceilings import CoverResult
    from encours.calc.cover_items import InsuredRows
    from encours.calc.cover_pools import Insurance
    from encours.calc.hit_sums import HitSums
    from encours.ledger.commitments import Commitments
    from encours.ledger.sources import TableSource, Unit
    from encours.passes.late_items import LateItems
    from encours.passes.progress import Progress

Array = np.ndarray[Any, np.dtype[Any]]

MOST_SHARDS = 256
_ROWS_PER_SHARD = 1 << 19
"""Rows of `open_items` for one shard more: a table of few rows is not cut into many pieces."""
COVER_RECORD = np.dtype([("row", np.int64), ("covered_milli", np.int64)])
"""What an item is covered for, by its place among the published rows of its work unit."""
ORDER_RECORD = np.dtype([("first", np.uint64), ("second", np.uint64), ("day", np.int64)])
_SHARDS_PER_TRIM = 8
KEPT_BYTES = 64 << 20
"""Insured items kept in memory before they are spilled."""


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
    hits: pa.Table


class CoverPass:
    """The cover of one run; units add their items, then the ceilings are filled once."""

    def __init__(
        self,
        insurance: Ahead[Insurance],
        items: TableSource,
        scratch: Path,
        context: RunContext,
    ) -> None:
        """Open the spill files in `scratch`."""
        self._ahead, self._context = insurance, context
        self._shards = min(1 + items.row_count // _ROWS_PER_SHARD, MOST_SHARDS)
        kept = MemoryBudget(KEPT_BYTES)
        self._items = Spill(scratch / "insured_items", ITEM_RECORD, self._shards, kept)
        self._states = Spill(scratch / "insured_states", STATE_RECORD, self._shards, kept)
        self._ids = TextSpill(scratch / "insured_ids")
        self._orders = Spill(scratch / "insured_orders", ORDER_RECORD, self._shards)
        self._routed = Spill(scratch / "cover", COVER_RECORD, max(len(items.units), 1))
        self._firsts = np.array([unit.first_ordinal for unit in items.units], np.int64)

    @property
    def insurance(self) -> Insurance:
        """Give the pools, once they are laid out."""
        return self._ahead.result()

    def add(self, found: InsuredRows) -> None:
        """Park some items that may be covered, in the order of the table; any thread may."""
        if not len(found.rows):
            return
        label = int(found.items["ordinal"][0])
        shard = (found.items["cluster"] % self._shards).astype(np.int32)
        self._items.append(label, found.items, shard)
        self._states.append(label, found.states, np.repeat(shard, found.items["state_count"]))
        # In two bytes, for NumPy sorts those by counting.
        order = np.argsort(shard.astype(np.uint16), kind="stable")
        start = np.searchsorted(shard[order], np.arange(self._shards + 1))
        self._ids.append(label, found.item_id.take(pa.array(found.rows[order])), start)

    def settle(
        self, late: LateItems | None, hits: HitSums, threads: int, progress: Progress
    ) -> CoverTotals:
        """Fill the ceilings, shard by shard, and send each item's cover back to its unit.

        late  is told how its items stand with their insurers
        hits  is given the delays that are to be declared to insurers
        """
        progress.start_stage("cover", self._shards)
        covered, insurable = KeyedSums(1), KeyedSums(len(INSURABLE_SUMS))
        pools, days, items = [np.empty(0, np.int64)], [np.empty(0, np.int32)], []
        owners = [np.empty(0, np.int64)]
        next_pools, next_days = [np.empty(0, np.int64)], [np.empty(0, np.int32)]

        def fill(shard: int) -> _ShardResult:
            return self._fill_shard(shard, late)

        for number, found in enumerate(run_in_order(fill, range(self._shards), threads), 1):
            covered.merge(found.covered)
            insurable.merge(found.insurable)
            owners.append(found.stop_owner)
            pools.append(found.stop_pool)
            days.append(found.stop_day)
            items.append(found.stop_item)
            next_pools.append(found.next_pool)
            next_days.append(found.next_day)
            hits.add(found.hits)
            progress.advance(1)
            if number % _SHARDS_PER_TRIM == 0:
                give_memory_back()
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

    def of_unit(self, unit: Unit, published_count: int) -> Array:
        """Give what the published items of a unit are covered for: int64[r] thousandths."""
        covered = np.zeros(published_count, np.int64)
        records = self._routed.read(unit.number)
        covered[records["row"]] = records["covered_milli"]
        return covered

    def close(self) -> None:
        """Give the disk space of the routed cover back."""
        self._routed.close()

    def add_orders(self, label: int, orders: Commitments) -> None:
        """Park the day on which each order of an insured customer was confirmed.

        label  unique, for the order in which they are kept; any thread may call this
        """
        if not self.insurance.binds_orders:
            return
        first, second = order_keys(orders.order_id, orders.company_code, orders.customer_code)
        cluster = self.insurance.cluster_of_customer[orders.customer_code]
        counts = ~orders.faults.bad & (cluster >= 0) & (orders.document_day != NO_DAY)
        counts &= (first != NO_ORDER) | (second != NO_ORDER)
        records = np.empty(len(counts), ORDER_RECORD)
        records["first"], records["second"] = first, second
        records["day"] = orders.document_day
        shard = np.where(counts, cluster % self._shards, -1).astype(np.int32)
        self._orders.append(label, records, shard)

    def _fill_shard(self, shard: int, late: LateItems | None) -> _ShardResult:
        """Fill the ceilings of the clusters of one shard."""
        records = self._items.read(shard)
        ids = self._ids.read(shard, records["id_bytes"])
        found = InsurableItems(records, self._states.read(shard), ids)
        ordered = in_order(found, self._order_days(found.items, shard))
        table, place_of = ordered.table, ordered.place
        result = fill_ceilings(ordered, self.insurance)
        pool, item, milli = result.pool, result.item, result.milli
        hits = self._tell(shard, found, place_of, result, late)
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
            result.stop_pool[stopped],
            result.stop_day[stopped],
            ids.take(pa.array(place_of[result.stop_item[stopped]])),
            np.where(result.stop_is_shared[stopped], -1, place[result.stop_item[stopped]]),
            result.stop_pool[coming],
            result.next_stop_day[coming],
            hits,
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

    def _tell(
        self,
        shard: int,
        found: InsurableItems,
        place_of: Array,
        result: CoverResult,
        late: LateItems | None,
    ) -> pa.Table:
        """Send the cover of items back to their units, and tell the late ones how they stand.

        Gives the delays that must be declared soon: `HIT_SCHEMA`, by account; `worst` is the last
        day for it.
        """
        rules = self._context.configuration.rules
        told = room_for_told(len(place_of))
        tells_insurable = rules.insured_limit_exceeded.full_cover_segments
        published, is_late, declared = tell_cover(
            found.items,
            place_of,
            (result.is_stopping, result.insurable_milli),
            (result.pool, result.item, result.milli),
            self.insurance.facts.notify_days,
            (
                int(bool(tells_insurable)),
                self._context.as_of_day + rules.insurer_notification.warn_days,
            ),
            told,
        )
        records = np.empty(published, COVER_RECORD)
        records["row"] = told.published[:published]
        records["covered_milli"] = told.published_milli[:published]
        ordinal = told.published_ordinal[:published]
        unit = np.searchsorted(self._firsts, ordinal, side="right") - 1
        unit[records["row"] < 0] = -1  # not published: a control will miss it
        self._routed.append(shard, records, unit.astype(np.int32))
        if late is not None:
            late.add_standings(
                shard,
                told.late[:is_late],
                told.late_standing[:is_late],
                told.late_bucket[:is_late],
            )
        return self._to_declare(
            found, place_of[told.declare[:declared]], told.declare_day[:declared]
        )

    def _to_declare(self, found: InsurableItems, place: Array, last_day: Array) -> pa.Table:
        """List late insured items that must be declared soon: `HIT_SCHEMA`, by account."""
        if not len(place):
            return HIT_SCHEMA.empty_table()
        items = found.items[place]
        accounts = len(self._context.master.customers.account_ids)
        hits = hit_table(
            RuleId.INSURER_NOTIFICATION,
            items["segment"].astype(np.int64) * accounts + items["account"],
            items["undeclared_rc"],
            last_day,
            found.item_id.take(pa.array(place)),
        )
        return grouped(hits)


def _wide_keys(first: Array, second: Array) -> pa.Array:
    """Give two halves as one key of 16 bytes each."""
    halves = np.column_stack([first, second])
    data = pa.py_buffer(np.ascontiguousarray(halves))
    return pa.Array.from_buffers(pa.binary(16), len(halves), [None, data])
