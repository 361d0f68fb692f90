"""Open amounts and settlement dates from allocations."""

from encours.kernels._jit import kernel

OVERFLOW_LIMIT = 4_611_686_018_427_387_904
"""2^62 thousandths: far above money's 10^18, so that one more addition cannot wrap."""


@kernel
def settle_items(amount_milli, offset, value_day, allocated_milli, no_day, out):
    """Write open amount, sum of allocations and day of settlement of every item.

    amount_milli     int64[n]
    offset           int64[n+1]  allocations of item i: offset[i] .. offset[i+1]-1
    value_day        int32[m]    sorted within an item; only allocations posted by the as-of date
    allocated_milli  int64[m]    sign of the item that they reduce
    no_day           int32       written where the item is not settled
    out              open_milli, allocated_milli int64[n]; settled_day int32[n]; overflow uint8[n]

    The settlement day is the first from which the end-of-day balance by value date stays zero.
    Rule: DOMAIN 3.
    """
    for i in range(amount_milli.shape[0]):
        balance = amount_milli[i]
        settled = no_day
        j = offset[i]
        while j < offset[i + 1]:
            day = value_day[j]
            before = balance
            while j < offset[i + 1] and value_day[j] == day:
                balance -= allocated_milli[j]
                if balance > OVERFLOW_LIMIT or balance < -OVERFLOW_LIMIT:
                    out.overflow[i] = 1
                    balance = 0
                j += 1
            if balance != 0:
                settled = no_day
            elif before != 0 or settled == no_day:
                settled = day
        out.open_milli[i] = balance
        out.allocated_milli[i] = amount_milli[i] - balance
        out.settled_day[i] = settled
