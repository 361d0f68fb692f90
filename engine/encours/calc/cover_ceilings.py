"""From items and ceilings to cover: what the kernel is given, and what it gives (DOMAIN 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.kernels import cover

if TYPE_CHECKING:
    from encours.calc.cover_items import OrderedItems
    from encours.calc.cover_pools import Insurance
    from encours.kernels.cover import CoverPools

Array = np.ndarray[Any, np.dtype[Any]]


class CoverResult(NamedTuple):
    """What n items have of p pools; the last three columns are a list of m entries.

    stop_pool            int64[p]  the pools of the clusters that have items
    stop_day, stop_item  int32[p], int64[p]  stop of cover in force, `LAST_DAY` and -1 where none
    next_stop_day        int32[p]  the stop that comes next after that day, `LAST_DAY` where none
    stop_is_shared       bool[p]   items of several accounts keep it
    is_stopping          bool[n]   the item stops some pool on the last day
    insurable_milli      int64[n]  largest base under one of the item's pools, on the last day
    pool, item, milli    int64[m] each  cover above zero of an item in a pool
    """

    stop_pool: Array
    stop_day: Array
    stop_item: Array
    next_stop_day: Array
    stop_is_shared: Array
    is_stopping: Array
    insurable_milli: Array
    pool: Array
    item: Array
    milli: Array


class CeilingTables(NamedTuple):
    """The ceilings of a run as the kernel reads them: one machine type, few columns to compile.

    pools, steps  int64[p, 11], int64[s, 2]
    days          int64[e]
    """

    pools: Array
    steps: Array
    days: Array


def ceiling_tables(pools: CoverPools) -> CeilingTables:
    """Lay the ceilings out for `fill_ceilings`, once per run."""
    by_place = {
        cover.POOL_ACCOUNT: pools.account,
        cover.POOL_SEGMENT: pools.segment,
        cover.POOL_HEAD: pools.head,
        cover.POOL_IS_NET: pools.is_net,
        cover.POOL_GRACE_DAYS: pools.grace_days,
        cover.POOL_CREDIT_DAYS: pools.credit_days,
        cover.POOL_EXTENSION_DAYS: pools.extension_days,
        cover.POOL_BINDING_DAYS: pools.binding_days,
        cover.POOL_FIRST_DAY: pools.first_day,
        cover.POOL_STEP_FIRST: pools.step_start[:-1],
        cover.POOL_STEP_END: pools.step_start[1:],
    }
    steps = {cover.STEP_DAY: pools.step_day, cover.STEP_MILLI: pools.step_milli}
    return CeilingTables(_table(by_place), _table(steps), pools.eval_day.astype(np.int64))


def fill_ceilings(
    items: OrderedItems, insurance: Insurance, tables: CeilingTables | None = None
) -> CoverResult:
    """Run the kernel over items in their order.

    tables  `ceiling_tables` of the insurance, where they are at hand
    """
    pools = insurance.pools
    tables = ceiling_tables(pools) if tables is None else tables
    count = len(items.table)
    first = np.flatnonzero(np.append(True, items.cluster[1:] != items.cluster[:-1])[:count])
    end, cluster = np.append(first[1:], count)[: len(first)], items.cluster[first]
    first_pool, end_pool = pools.pool_start[cluster], pools.pool_start[cluster + 1]
    counts = end_pool - first_pool
    first_stop = np.cumsum(counts) - counts
    stop_pool = np.repeat(first_pool - first_stop, counts)
    stop_pool += np.arange(len(stop_pool))
    clusters = _table(
        {
            cover.CLUSTER_ITEM_FIRST: first,
            cover.CLUSTER_ITEM_END: end,
            cover.CLUSTER_POOL_FIRST: first_pool,
            cover.CLUSTER_POOL_END: end_pool,
            cover.CLUSTER_DAY_FIRST: pools.eval_start[cluster],
            cover.CLUSTER_DAY_END: pools.eval_start[cluster + 1],
            cover.CLUSTER_STOP_FIRST: first_stop,
        }
    )
    areas = counts * (end - first)
    out = np.zeros((count, cover.OUT_COLUMNS), np.int64)
    stops = np.empty((len(stop_pool), cover.STOP_COLUMNS), np.int64)
    listed = np.empty((int(areas.sum()), cover.LIST_COLUMNS), np.int64)
    written = cover.fill_pools(
        (tables.pools, tables.steps),
        pools.parent,
        items.table,
        items.states,
        clusters,
        tables.days,
        np.empty((int(areas.max(initial=0)), cover.WORK_COLUMNS), np.int64),
        (stops, out, listed),
    )
    listed = listed[:written]
    return CoverResult(
        stop_pool,
        stops[:, cover.STOP_DAY].astype(np.int32),
        stops[:, cover.STOP_ITEM].copy(),
        stops[:, cover.NEXT_STOP_DAY].astype(np.int32),
        stops[:, cover.STOP_IS_SHARED] == 1,
        out[:, cover.ITEM_IS_STOPPING] == 1,
        out[:, cover.ITEM_INSURABLE_MILLI].copy(),
        listed[:, cover.LIST_POOL].copy(),
        listed[:, cover.LIST_ITEM].copy(),
        listed[:, cover.LIST_MILLI].copy(),
    )


def _table(columns: dict[int, Array]) -> Array:
    """Put columns of equal length side by side: int64[n, w]."""
    table = np.empty((len(columns[0]), len(columns)), np.int64)
    for place, values in columns.items():
        table[:, place] = values
    return table
