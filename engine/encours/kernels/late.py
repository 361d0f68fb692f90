"""The oldest late item of a line, after credits were set against the oldest items first."""

from encours.kernels._jit import kernel


@kernel
def find_oldest_late(items, credit_rc, materiality, unit, release_day, out_oldest, out_payment):
    """Write each line's oldest item that counts, and what must be paid so that none is too old.

    items        int64[m, 5]  line, day, open amount, the part of it that does not count for being
                              disputed, and whether it is insurable; by line, then in the order in
                              which credits take them
    credit_rc    int64[l]     credits of each line, not negative
    materiality  int64        what is left of an item must be this much to count, and above zero
    unit         int64        smallest amount that can be paid
    release_day  int64        items due on this day or earlier keep a hold
    out_oldest   int64[l]     written: row of the item, -1 where none counts
    out_payment  int64[l, 2]  written: the least payment that leaves no item keeping a hold, and
                              what of it falls on insurable items

    A payment takes the oldest items first, as credits do. Rule: DOMAIN 8, `overdue_age`.
    """
    for line in range(credit_rc.shape[0]):
        out_oldest[line] = -1
        out_payment[line, 0] = 0
        out_payment[line, 1] = 0
    current = -1
    credit = 0
    owed = 0
    owed_insurable = 0
    for i in range(items.shape[0]):
        line = items[i, 0]
        if line != current:
            current = line
            credit = credit_rc[line]
            owed = 0
            owed_insurable = 0
        used = min(credit, items[i, 2])
        credit -= used
        rest = items[i, 2] - used
        counted = rest - items[i, 3]
        if counted > 0 and counted >= materiality:
            if out_oldest[line] < 0:
                out_oldest[line] = i
            if items[i, 1] <= release_day:
                kept = max(0, (materiality - 1) // unit * unit)
                out_payment[line, 0] = owed + counted - kept
                out_payment[line, 1] = owed_insurable + (counted - kept) * items[i, 4]
        owed += rest
        owed_insurable += rest * items[i, 4]


@kernel
def mark_ties(items, credit_rc, materiality, release_day, out_mark):
    """Mark the items of one line and day whose order among themselves can change the result.

    items       int64[m, 5]  as for `find_oldest_late`, but those of one line and day in any order
    credit_rc   int64[l]     credits of each line, not negative
    materiality, release_day int64  as for `find_oldest_late`
    out_mark    uint8[m]     written: 1 where the order within the day matters

    It matters on the day on which the credits run out, on the first day that has an item left that
    counts, and on the last one up to `release_day`; on all others only the day's total does.
    """
    rows = items.shape[0]
    start = 0
    current = -1
    credit = 0
    is_found = False
    last_start = 0
    last_end = 0
    while start < rows:
        line, day = items[start, 0], items[start, 1]
        if line != current:
            for i in range(last_start, last_end):
                out_mark[i] = 1
            current, credit, is_found = line, credit_rc[line], False
            last_start = last_end = start
        end = start
        total = 0
        counting = 0
        while end < rows and items[end, 0] == line and items[end, 1] == day:
            out_mark[end] = 0
            total += items[end, 2]
            counted = items[end, 2] - items[end, 3]
            if counted > 0 and counted >= materiality:
                counting += 1
            end += 1
        if credit >= total:
            credit -= total
        else:
            decides = credit > 0 or (counting > 0 and not is_found)
            if credit == 0 and counting > 0:
                is_found = True
            credit = 0
            for i in range(start, end):
                out_mark[i] = 1 if decides else out_mark[i]
            if counting > 0 and day <= release_day:
                last_start, last_end = start, end
        start = end
    for i in range(last_start, last_end):
        out_mark[i] = 1
