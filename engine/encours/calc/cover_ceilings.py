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


def fill_ceilings(items: OrderedItems, insurance: Insurance) -> CoverResult:
    """Run the kernel over items in their order.

    The pools of their clusters are laid out for it, and no others.
    """
    pools = insurance.pools
    count = len(items.table)
    first = np.flatnonzero(np.append(True, items.cluster[1:] != items.cluster[:-1])[:count])
    end, cluster = np.append(first[1:], count)[: len(first)], items.cluster[first]
    first_pool = pools.pool_start[cluster]
    counts = pools.pool_start[cluster + 1] - first_pool
    end_place = np.cumsum(counts)
    pool = np.repeat(first_pool - (end_place - counts), counts)
    pool += np.arange(len(pool))
    clusters = _table(
        {
            cover.CLUSTER_ITEM_FIRST: first,
            cover.CLUSTER_ITEM_END: end,
            cover.CLUSTER_POOL_FIRST: end_place - counts,
            cover.CLUSTER_POOL_END: end_place,
            cover.CLUSTER_DAY_FIRST: pools.eval_start[cluster],
            cover.CLUSTER_DAY_END: pools.eval_start[cluster + 1],
        }
    )
    areas = counts * (end - first)
    out = np.zeros((count, cover.OUT_COLUMNS), np.int64)
    stops = np.empty((len(pool), cover.STOP_COLUMNS), np.int64)
    listed = np.empty((int(areas.sum()), cover.LIST_COLUMNS), np.int64)
    written = cover.fill_pools(
        (_pool_table(pools, pool), pools.step_day, pools.step_milli),
        pools.parent,
        items.table,
        items.states,
        clusters,
        pools.eval_day,
        np.empty((int(areas.max(initial=0)), cover.WORK_COLUMNS), np.int64),
        (stops, out, listed),
    )
    listed = listed[:written]
    return CoverResult(
        pool,
        stops[:, cover.STOP_DAY].astype(np.int32),
        stops[:, cover.STOP_ITEM].copy(),
        stops[:, cover.NEXT_STOP_DAY].astype(np.int32),
        stops[:, cover.STOP_IS_SHARED] == 1,
        out[:, cover.ITEM_IS_STOPPING] == 1,
        out[:, cover.ITEM_INSURABLE_MILLI].copy(),
        pool[listed[:, cover.LIST_POOL]],
        listed[:, cover.LIST_ITEM].copy(),
        listed[:, cover.LIST_MILLI].copy(),
    )


def _pool_table(pools: CoverPools, chosen: Array) -> Array:
    """Lay some pools out as the kernel reads them: int64[q, 11]."""
    return _table(
        {
            cover.POOL_ACCOUNT: pools.account[chosen],
            cover.POOL_SEGMENT: pools.segment[chosen],
            cover.POOL_HEAD: pools.head[chosen],
            cover.POOL_IS_NET: pools.is_net[chosen],
            cover.POOL_GRACE_DAYS: pools.grace_days[chosen],
            cover.POOL_CREDIT_DAYS: pools.credit_days[chosen],
            cover.POOL_EXTENSION_DAYS: pools.extension_days[chosen],
            cover.POOL_BINDING_DAYS: pools.binding_days[chosen],
            cover.POOL_FIRST_DAY: pools.first_day[chosen],
            cover.POOL_STEP_FIRST: pools.step_start[chosen],
            cover.POOL_STEP_END: pools.step_start[chosen + 1],
        }
    )


def _table(columns: dict[int, Array]) -> Array:
    """Put columns of equal length side by side: int64[n, w]."""
    table = np.empty((len(columns[0]), len(columns)), np.int64)
    for place, values in columns.items():
        table[:, place] = values
    return table
