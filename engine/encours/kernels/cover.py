"""Insured cover: revolving ceilings filled in the order of delivery, day by day (DOMAIN 7)."""

from typing import Any, NamedTuple

import numpy as np

from encours.kernels._jit import kernel
from encours.kernels.wide import add_product, rounded_quotient

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


class CoverItems(NamedTuple):
    """Items that a policy may cover: n of them, by cluster, delivery day and id.

    account, segment, customer  int32[n]
    delivery_day      int32[n]
    due_day           int32[n]  the original one
    term_days         int32[n]  original due day less document day
    disputed_day      int32[n]  since when it is disputed, `LAST_DAY` when it is not
    dispute_end_day   int32[n]  last day of the dispute
    own_risk_day      int32[n]  last day on which it is a risk of ours
    order_day         int32[n]  last day on which its order was confirmed; `LAST_DAY` without order
    state_start       int64[n+1]  states of item i: state_start[i] .. state_start[i+1]-1
    state_day         int32[t]    first day of the state
    gross_milli       int64[t]    what is open, in the reporting currency
    net_milli         int64[t]    the same without tax
    """

    account: Any
    segment: Any
    customer: Any
    delivery_day: Any
    due_day: Any
    term_days: Any
    disputed_day: Any
    dispute_end_day: Any
    own_risk_day: Any
    order_day: Any
    state_start: Any
    state_day: Any
    gross_milli: Any
    net_milli: Any


class CoverResult(NamedTuple):
    """What `fill_pools` writes; the last three are lists of `count` entries.

    stop_day, stop_item  int32[p], int64[p]  stop of cover in force, `LAST_DAY` and -1 where none
    next_stop_day        int32[p]  the stop that comes next after that day, `LAST_DAY` where none
    stop_milli           int64[p]  what must be paid to end it: all that is open of such items
    stopping_milli       int64[n]  what is open of an item that stops some pool, on the last day
    insurable_milli      int64[n]  largest base under one of the item's pools, on the last day
    pool, item, milli    int32[m], int64[m], int64[m]  cover above zero of an item in a pool
    """

    stop_day: Any
    stop_item: Any
    next_stop_day: Any
    stop_milli: Any
    stopping_milli: Any
    insurable_milli: Any
    pool: Any
    item: Any
    milli: Any


@kernel
def ceiling_on(pools, pool, day):
    """Give the ceiling of a pool on a day: int64."""
    low = pools.step_start[pool]
    high = pools.step_start[pool + 1]
    while low < high:
        middle = (low + high) >> 1
        if pools.step_day[middle] <= day:
            low = middle + 1
        else:
            high = middle
    if low == pools.step_start[pool]:
        return np.int64(0)
    return pools.step_milli[low - 1]


@kernel
def ceiling_of_item(pools, pool, items, item):
    """Give the ceiling that an item was delivered under, binding orders included: int64.

    An order confirmed before a cut and delivered within the binding days keeps the old ceiling.
    """
    delivered = items.delivery_day[item]
    best = ceiling_on(pools, pool, delivered)
    if items.order_day[item] == LAST_DAY or pools.binding_days[pool] <= 0:
        return best
    for step in range(pools.step_start[pool] + 1, pools.step_start[pool + 1]):
        cut = pools.step_day[step]
        if cut > delivered:
            break
        old = pools.step_milli[step - 1]
        if old > best and old > pools.step_milli[step] and items.order_day[item] < cut:
            if np.int64(delivered) - cut < pools.binding_days[pool]:
                best = old
    return best


@kernel
def is_member(pools, pool, items, item):
    """Tell whether a pool may cover an item: its party's, in its segment."""
    if pools.segment[pool] != -1 and pools.segment[pool] != items.segment[item]:
        return False
    if pools.account[pool] >= 0:
        return pools.account[pool] == items.account[item]
    party = items.customer[item]
    while party >= 0:
        if party == pools.head[pool]:
            return True
        party = pools.parent[party]
    return False


@kernel
def state_on(items, item, day):
    """Give the state that an item is in on a day, -1 before its first: int64."""
    state = items.state_start[item + 1] - 1
    while state >= items.state_start[item] and items.state_day[state] > day:
        state -= 1
    if state < items.state_start[item]:
        return np.int64(-1)
    return state


@kernel
def base_on(pools, pool, items, item, day):
    """Give what of an item is insurable on a day, on the policy's tax base: int64."""
    if items.delivery_day[item] > day or items.own_risk_day[item] < day:
        return np.int64(0)
    if items.term_days[item] > pools.credit_days[pool]:
        return np.int64(0)
    disputed = items.disputed_day[item]
    if disputed != LAST_DAY and items.dispute_end_day[item] >= day:
        if np.int64(day) - disputed >= pools.grace_days[pool]:
            return np.int64(0)
    state = state_on(items, item, day)
    if state < 0:
        return np.int64(0)
    if pools.is_net[pool]:
        return items.net_milli[state]
    return items.gross_milli[state]


class Workspace(NamedTuple):
    """Room for the largest cluster: w = pools times items, v = items.

    ceiling  int64[w]  what each item of a pool was delivered under, -1 where it is not of the pool
    cap      int64[w]  most that it may have: what it had on the eve of the last cut
    left     int64[v]  what earlier pools cover of the item on the day
    given    int64[v]  what the present pool covers of it
    """

    ceiling: Any
    cap: Any
    left: Any
    given: Any


@kernel
def fill_pools(pools, items, cluster, item_start, work, out):
    """Work the cover of some clusters out; give how many entries of the lists were written.

    cluster     int64[c]    clusters that have items
    item_start  int64[c+1]  items of the c-th: item_start[c] .. item_start[c+1]-1
    work        `Workspace`
    out         `CoverResult`, room for pools times items of every cluster in its lists

    On every day of `eval_day` the pools are filled one behind the other, each by its items in their
    order. What an item has on the eve of a day on which the ceiling falls is its cap from then on.
    """
    count = np.int64(0)
    for place in range(cluster.shape[0]):
        start = item_start[place]
        length = item_start[place + 1] - start
        first_pool = pools.pool_start[cluster[place]]
        last_pool = pools.pool_start[cluster[place] + 1]
        first_step = pools.eval_start[cluster[place]]
        last_step = pools.eval_start[cluster[place] + 1] - 1
        for pool in range(first_pool, last_pool):
            _open_pool(pools, pool, items, start, length, (pool - first_pool) * length, work)
        for step in range(first_step, last_step + 1):
            for i in range(length):
                work.left[i] = 0
                out.insurable_milli[start + i] = 0
                out.stopping_milli[start + i] = 0
            for pool in range(first_pool, last_pool):
                area = (pool - first_pool) * length
                day = pools.eval_day[step]
                _find_stop(pools, pool, items, (start, length, area), work, day, out)
                covered = _fill_pool(pools, pool, items, (start, length, area), work, day, out)
                if step == last_step and covered > 0:
                    count = _list_cover(pool, start, length, work, out, count)
    return count


@kernel
def _open_pool(pools, pool, items, start, length, area, work):
    """Say what each item of a cluster was delivered under, and that nothing was cut yet."""
    for i in range(length):
        work.cap[area + i] = UNBOUNDED
        work.ceiling[area + i] = -1
        if is_member(pools, pool, items, start + i):
            work.ceiling[area + i] = ceiling_of_item(pools, pool, items, start + i)


@kernel
def _find_stop(pools, pool, items, span, work, day, out):
    """Write the first day of the stop of cover that holds on a day, the item and what ends it.

    Every insurable item delivered since the pool's first limit counts, whatever it is covered for.
    """
    start, length, area = span
    out.stop_day[pool] = LAST_DAY
    out.stop_item[pool] = -1
    out.stop_milli[pool] = 0
    out.next_stop_day[pool] = LAST_DAY
    for i in range(length):
        item = start + i
        passed = np.int64(items.due_day[item]) + pools.extension_days[pool] + 1
        if work.ceiling[area + i] < 0:
            continue
        delivered = items.delivery_day[item]
        if delivered < pools.first_day[pool] or delivered >= passed:
            continue
        if base_on(pools, pool, items, item, day) <= 0:
            continue
        if passed > day:
            out.next_stop_day[pool] = min(out.next_stop_day[pool], passed)
        else:
            milli = items.gross_milli[state_on(items, item, day)]
            out.stop_milli[pool] += milli
            out.stopping_milli[item] = milli
            if passed < out.stop_day[pool]:
                out.stop_day[pool] = passed
                out.stop_item[pool] = item


@kernel
def _fill_pool(pools, pool, items, span, work, day, out):
    """Fill one pool on one day with what earlier pools left open; give what it covers in all."""
    start, length, area = span
    is_eve = ceiling_on(pools, pool, day + 1) < ceiling_on(pools, pool, day)
    used = np.int64(0)
    for i in range(length):
        item = start + i
        ceiling = work.ceiling[area + i]
        work.given[i] = 0
        if ceiling < 0:
            continue
        base = base_on(pools, pool, items, item, day)
        out.insurable_milli[item] = max(out.insurable_milli[item], base)
        milli = min(base - work.left[i], ceiling - used, work.cap[area + i])
        if milli < 0 or items.delivery_day[item] >= out.stop_day[pool]:
            milli = np.int64(0)
        used += milli
        work.left[i] += milli
        work.given[i] = milli
        if is_eve and items.delivery_day[item] <= day:
            work.cap[area + i] = milli
    return used


@kernel
def _list_cover(pool, start, length, work, out, count):
    """Append what a pool covers, item by item; give the new `count`."""
    for i in range(length):
        if work.given[i] > 0:
            out.pool[count] = pool
            out.item[count] = start + i
            out.milli[count] = work.given[i]
            count += 1
    return count


@kernel
def open_states(amounts, offset, posting_day, allocated_milli, first_day, out):
    """Give what was open of items from day to day; give how many states were written.

    amounts          `OpenAmounts`
    offset           int64[n+1]  allocations of item i: offset[i] .. offset[i+1]-1
    posting_day      int32[m]    sorted within an item
    allocated_milli  int64[m]    sign of the item that they reduce
    first_day        int32[n]    states that end before this day are of no use
    out              `OpenStates`, room for n + m states

    An item is open before its first allocation as it is given; each posting day begins a state.
    """
    count = 0
    for i in range(amounts.open_milli.shape[0]):
        out.start[i] = count
        balance = amounts.open_milli[i]
        day = np.int32(-LAST_DAY)
        j = offset[i]
        while True:
            while j < offset[i + 1] and (posting_day[j] == day or posting_day[j] <= first_day[i]):
                balance -= allocated_milli[j]
                if balance > UNBOUNDED or balance < -UNBOUNDED:
                    balance = np.int64(0)  # such an item is refused when it is measured
                j += 1
            unit = amounts.unit_milli[i]
            out.day[count] = day
            out.item[count] = i
            out.gross_milli[count] = max(balance, np.int64(0))
            out.net_milli[count] = (
                _without_tax(
                    max(balance, np.int64(0)) // unit,
                    amounts.amount_milli[i] // unit,
                    (amounts.amount_milli[i] - amounts.tax_milli[i]) // unit,
                )
                * unit
            )
            count += 1
            if j == offset[i + 1]:
                break
            day = posting_day[j]
    out.start[amounts.open_milli.shape[0]] = count
    return count


class OpenAmounts(NamedTuple):
    """Amounts of n items in their currency: int64[n] thousandths.

    open_milli  before any allocation; the extract's where there is none
    unit_milli  smallest unit of the currency
    """

    amount_milli: Any
    tax_milli: Any
    open_milli: Any
    unit_milli: Any


class OpenStates(NamedTuple):
    """What `open_states` writes.

    start        int64[n+1]  states of item i: start[i] .. start[i+1]-1
    item         int64[t]
    day          int32[t]    first day of the state
    gross_milli  int64[t]    what is open, not below zero
    net_milli    int64[t]    the same less its share of tax, rounded half away from zero
    """

    start: Any
    item: Any
    day: Any
    gross_milli: Any
    net_milli: Any


@kernel
def _without_tax(open_units, amount_units, net_units):
    """Give open x net / amount, rounded half away from zero, between zero and the open amount."""
    if net_units <= 0 or amount_units <= 0:
        return np.int64(0)
    if net_units >= amount_units:
        return open_units
    high, low = add_product(np.int64(0), np.int64(0), open_units, net_units)
    units, _ = rounded_quotient(high, low, amount_units)
    return min(units, open_units)
