"""Insured cover: revolving ceilings filled in the order of delivery, day by day (DOMAIN 7)."""

from typing import Any, NamedTuple

import numpy as np

from encours.kernels._jit import kernel

UNBOUNDED = 2**62
"""Ceiling of a limit without a bound; no sum of money gets there."""
LAST_DAY = 2**31 - 1


class CoverPools(NamedTuple):
    """Ceilings: p pools, those of one cluster together, in the order in which items fill them.

    account, segment, head  int32[p]  an item is of a pool when its account is the pool's or, with
                            account -1, the head is its customer or stands above it; and its segment
                            is the pool's (-1: any)
    is_net                  uint8[p]  cover is worked out on amounts without tax
    grace_days              int32[p]  an item disputed for so long is not insurable
    credit_days             int32[p]  longest term that is insurable
    extension_days          int32[p]  delay at which cover of later deliveries stops
    binding_days            int32[p]  days for which orders keep a ceiling that was cut
    first_day               int32[p]  first day of the pool's first limit
    step_start              int64[p+1]  steps of pool j: step_start[j] .. step_start[j+1]-1
    step_day, step_milli    int32[s], int64[s]  the ceiling from that day on; zero before
    pool_start              int64[k+1]  pools of cluster c: pool_start[c] .. pool_start[c+1]-1
    eval_start, eval_day    int64[k+1], int32[e]  days to work cover out on, the as-of date last
    parent                  int32[customers]  the party above, -1 at a root
    """

    account: Any
    segment: Any
    head: Any
    is_net: Any
    grace_days: Any
    credit_days: Any
    extension_days: Any
    binding_days: Any
    first_day: Any
    step_start: Any
    step_day: Any
    step_milli: Any
    pool_start: Any
    eval_start: Any
    eval_day: Any
    parent: Any


(
    POOL_ACCOUNT,
    POOL_SEGMENT,
    POOL_HEAD,
    POOL_IS_NET,
    POOL_GRACE_DAYS,
    POOL_CREDIT_DAYS,
    POOL_EXTENSION_DAYS,
    POOL_BINDING_DAYS,
    POOL_FIRST_DAY,
    POOL_STEP_FIRST,
    POOL_STEP_END,
    POOL_COLUMNS,
) = range(12)
"""Columns of a pool in `fill_pools`; the last two: its steps, from the first to before the end."""

(
    ITEM_ACCOUNT,
    ITEM_SEGMENT,
    ITEM_CUSTOMER,
    ITEM_DELIVERY_DAY,
    ITEM_DUE_DAY,
    ITEM_TERM_DAYS,
    ITEM_DISPUTED_DAY,
    ITEM_DISPUTE_END_DAY,
    ITEM_OWN_RISK_DAY,
    ITEM_ORDER_DAY,
    ITEM_STATE_FIRST,
    ITEM_STATE_END,
    ITEM_COLUMNS,
) = range(13)
"""Columns of an item in `fill_pools`; items by cluster, delivery day and id.

Day of delivery; original due day; term: that day less the document's; since when it is disputed,
`LAST_DAY` when it is not; last day of the dispute; last day on which it is a risk of ours; last day
on which its order was confirmed, `LAST_DAY` without order. The last two: its states, from the first
to before the end.
"""

STATE_DAY, STATE_GROSS_MILLI, STATE_NET_MILLI, STATE_COLUMNS = range(4)
"""Columns of a state: its first day; what is open then, in the reporting currency; less tax."""

(
    CLUSTER_ITEM_FIRST,
    CLUSTER_ITEM_END,
    CLUSTER_POOL_FIRST,
    CLUSTER_POOL_END,
    CLUSTER_DAY_FIRST,
    CLUSTER_DAY_END,
) = range(6)

WORK_CEILING, WORK_CAP, WORK_BASE, WORK_COLUMNS = range(4)
"""Room for the largest cluster, a row per pool and item: what the item was delivered under, -1
where it is not of the pool; the most that it may have: what it had on the eve of the last cut; and
what of it is insurable on the day that is looked at.
"""

STOP_DAY, STOP_ITEM, STOP_IS_SHARED, NEXT_STOP_DAY, STOP_COLUMNS = range(5)
"""Per pool: the stop of cover in force, `LAST_DAY` and -1 where none; 1 where items of several
accounts keep it; the stop that comes next after that day, `LAST_DAY` where none."""

ITEM_IS_STOPPING, ITEM_INSURABLE_MILLI, ITEM_LEFT_MILLI, ITEM_GIVEN_MILLI, OUT_COLUMNS = range(5)
"""Per item, on the last day: 1 if it stops some pool; the largest base under one of its pools; and,
to work with, what earlier pools and what the present pool covers of it."""

LIST_POOL, LIST_ITEM, LIST_MILLI, LIST_COLUMNS = range(4)
"""Cover above zero of an item in a pool."""


@kernel
def ceiling_on(ceilings, pool, day):
    """Give the ceiling of a pool on a day: int64; `ceilings` as in `fill_pools`."""
    pools, step_day, step_milli = ceilings
    low = pools[pool, POOL_STEP_FIRST]
    high = pools[pool, POOL_STEP_END]
    while low < high:
        middle = (low + high) >> 1
        if step_day[middle] <= day:
            low = middle + 1
        else:
            high = middle
    if low == pools[pool, POOL_STEP_FIRST]:
        return np.int64(0)
    return step_milli[low - 1]


@kernel
def ceiling_of_item(ceilings, pool, items, item):
    """Give the ceiling that an item was delivered under, binding orders included: int64.

    An order confirmed before a cut and delivered within the binding days keeps the old ceiling.
    """
    pools, step_day, step_milli = ceilings
    delivered = items[item, ITEM_DELIVERY_DAY]
    ordered = items[item, ITEM_ORDER_DAY]
    best = ceiling_on(ceilings, pool, delivered)
    if ordered == LAST_DAY or pools[pool, POOL_BINDING_DAYS] <= 0:
        return best
    for step in range(pools[pool, POOL_STEP_FIRST] + 1, pools[pool, POOL_STEP_END]):
        cut = np.int64(step_day[step])
        if cut > delivered:
            break
        old = step_milli[step - 1]
        if old > best and old > step_milli[step] and ordered < cut:
            if delivered - cut < pools[pool, POOL_BINDING_DAYS]:
                best = old
    return best


@kernel
def is_member(pools, pool, items, item, parent):
    """Tell whether a pool may cover an item: its party's, in its segment."""
    segment = pools[pool, POOL_SEGMENT]
    if segment not in (-1, items[item, ITEM_SEGMENT]):
        return False
    if pools[pool, POOL_ACCOUNT] >= 0:
        return pools[pool, POOL_ACCOUNT] == items[item, ITEM_ACCOUNT]
    party = items[item, ITEM_CUSTOMER]
    while party >= 0 and party != pools[pool, POOL_HEAD]:
        party = np.int64(parent[party])
    return party >= 0


@kernel
def state_on(items, states, item, day):
    """Give the state that an item is in on a day, -1 before its first: int64."""
    first = items[item, ITEM_STATE_FIRST]
    state = items[item, ITEM_STATE_END] - 1
    while state >= first and states[state, STATE_DAY] > day:
        state -= 1
    return state if state >= first else np.int64(-1)


@kernel
def base_on(pools, pool, items, states, item, day):
    """Give what of an item is insurable on a day, on the policy's tax base: int64."""
    if items[item, ITEM_DELIVERY_DAY] > day or items[item, ITEM_OWN_RISK_DAY] < day:
        return np.int64(0)
    if items[item, ITEM_TERM_DAYS] > pools[pool, POOL_CREDIT_DAYS]:
        return np.int64(0)
    disputed = items[item, ITEM_DISPUTED_DAY]
    if disputed != LAST_DAY and items[item, ITEM_DISPUTE_END_DAY] >= day:
        if day - disputed >= pools[pool, POOL_GRACE_DAYS]:
            return np.int64(0)
    state = state_on(items, states, item, day)
    if state < 0:
        return np.int64(0)
    if pools[pool, POOL_IS_NET]:
        return states[state, STATE_NET_MILLI]
    return states[state, STATE_GROSS_MILLI]


@kernel
def fill_pools(ceilings, parent, items, states, clusters, days, work, results):
    """Work the cover of some clusters out; give how many entries of the list were written.

    ceilings       int64[q, 11] pools of these clusters, int32[s], int64[s] steps (`CoverPools`)
    parent         int32[customers]  the party above, -1 at a root
    items, states  int64[n, 12], int64[t, 3]  items of all clusters, their states
    clusters       int64[c, 6]  clusters that have items: their items, pools and days, each from
                                the first to before the end
    days           int32[e]     days to work cover out on, the as-of date last
    work           int64[w, 3]  room for pools times items of the largest cluster
    results        written: int64[q, 4] the stops of the pools, int64[n, 4] per item,
                   int64[m, 3] a list with room for pools times items of every cluster

    On every day the pools are filled one behind the other, each by its items in their order. What
    an item has on the eve of a day on which the ceiling falls is its cap from then on.
    """
    pools = ceilings[0]
    stops, out, listed = results
    count = np.int64(0)
    for place in range(clusters.shape[0]):
        start, end = clusters[place, CLUSTER_ITEM_FIRST], clusters[place, CLUSTER_ITEM_END]
        first_pool, last_pool = (
            clusters[place, CLUSTER_POOL_FIRST],
            clusters[place, CLUSTER_POOL_END],
        )
        last_step = clusters[place, CLUSTER_DAY_END] - 1
        row = np.int64(0)
        for pool in range(first_pool, last_pool):
            for item in range(start, end):
                work[row, WORK_CAP] = UNBOUNDED
                work[row, WORK_CEILING] = -1
                if is_member(pools, pool, items, item, parent):
                    work[row, WORK_CEILING] = ceiling_of_item(ceilings, pool, items, item)
                row += 1
        for step in range(clusters[place, CLUSTER_DAY_FIRST], last_step + 1):
            day = np.int64(days[step])
            for item in range(start, end):
                for column in range(OUT_COLUMNS):
                    out[item, column] = 0
            row = np.int64(0)
            for pool in range(first_pool, last_pool):
                span = (start, end, row)
                stop = stops[pool]
                ceiling = ceiling_on(ceilings, pool, day)
                is_eve = ceiling_on(ceilings, pool, day + 1) < ceiling
                _find_stop(pools, pool, items, states, span, work, day, stop, out)
                _fill_pool(items, span, work, (day, is_eve), stop, out)
                row += end - start
                if step == last_step:
                    for item in range(start, end):
                        if out[item, ITEM_GIVEN_MILLI] > 0:
                            listed[count, LIST_POOL] = pool
                            listed[count, LIST_ITEM] = item
                            listed[count, LIST_MILLI] = out[item, ITEM_GIVEN_MILLI]
                            count += 1
    return count


@kernel
def _find_stop(pools, pool, items, states, span, work, day, stop, out):
    """Write the first day of the stop of cover that holds on a day, the item, and who keeps it.

    Every insurable item delivered since the pool's first limit counts, whatever it is covered for.
    What of each item is insurable is written, too.

    stop  int64[4]  of the pool, written
    """
    start, end, row = span
    stop[STOP_DAY] = LAST_DAY
    stop[STOP_ITEM] = -1
    stop[STOP_IS_SHARED] = 0
    stop[NEXT_STOP_DAY] = LAST_DAY
    for item in range(start, end):
        place = row + item - start
        if work[place, WORK_CEILING] < 0:
            continue
        base = base_on(pools, pool, items, states, item, day)
        work[place, WORK_BASE] = base
        passed = items[item, ITEM_DUE_DAY] + pools[pool, POOL_EXTENSION_DAYS] + 1
        delivered = items[item, ITEM_DELIVERY_DAY]
        if base <= 0 or delivered < pools[pool, POOL_FIRST_DAY] or delivered >= passed:
            continue
        if passed > day:
            stop[NEXT_STOP_DAY] = min(stop[NEXT_STOP_DAY], passed)
            continue
        out[item, ITEM_IS_STOPPING] = 1
        other = stop[STOP_ITEM]
        if other >= 0 and (
            items[other, ITEM_ACCOUNT] != items[item, ITEM_ACCOUNT]
            or items[other, ITEM_SEGMENT] != items[item, ITEM_SEGMENT]
        ):
            stop[STOP_IS_SHARED] = 1
        if passed < stop[STOP_DAY]:
            stop[STOP_DAY] = passed
            stop[STOP_ITEM] = item


@kernel
def _fill_pool(items, span, work, when, stop, out):
    """Fill one pool on one day with what earlier pools left open.

    span  items from the first to before the end, and the row of `work` of the first
    when  the day, and whether the ceiling falls on the next one
    stop  int64[4]  the stop of cover that holds for the pool
    """
    start, end, row = span
    day, is_eve = when
    used = np.int64(0)
    for item in range(start, end):
        place = row + item - start
        ceiling = work[place, WORK_CEILING]
        out[item, ITEM_GIVEN_MILLI] = 0
        if ceiling < 0:
            continue
        base = work[place, WORK_BASE]
        out[item, ITEM_INSURABLE_MILLI] = max(out[item, ITEM_INSURABLE_MILLI], base)
        delivered = items[item, ITEM_DELIVERY_DAY]
        milli = min(base - out[item, ITEM_LEFT_MILLI], ceiling - used, work[place, WORK_CAP])
        if milli < 0 or delivered >= stop[STOP_DAY]:
            milli = np.int64(0)
        used += milli
        out[item, ITEM_LEFT_MILLI] += milli
        out[item, ITEM_GIVEN_MILLI] = milli
        if is_eve and delivered <= day:
            work[place, WORK_CAP] = milli
