"""The oldest late item of a line, after credits were set against the oldest items first."""

from encours.kernels._jit import kernel


@kernel
def find_oldest_late(items, credit_rc, materiality, unit, release_day, out_oldest, out_to_pay):
    """Write each line's oldest item that counts, and what must be paid so that none is too old.

    items        int64[m, 4]  line, day, open amount and the part of it that does not count for
                              being disputed; by line, then in the order in which credits take them
    credit_rc    int64[l]     credits of each line, not negative
    materiality  int64        what is left of an item must be this much to count, and above zero
    unit         int64        smallest amount that can be paid
    release_day  int64        items due on this day or earlier keep a hold
    out_oldest   int64[l]     written: row of the item, -1 where none counts
    out_to_pay   int64[l]     written: the least payment that leaves no item keeping a hold

    A payment takes the oldest items first, as credits do. Rule: DOMAIN 8, `overdue_age`.
    """
    for line in range(credit_rc.shape[0]):
        out_oldest[line] = -1
        out_to_pay[line] = 0
    current = -1
    credit = 0
    owed = 0
    for i in range(items.shape[0]):
        line = items[i, 0]
        if line != current:
            current = line
            credit = credit_rc[line]
            owed = 0
        used = min(credit, items[i, 2])
        credit -= used
        rest = items[i, 2] - used
        counted = rest - items[i, 3]
        if counted > 0 and counted >= materiality:
            if out_oldest[line] < 0:
                out_oldest[line] = i
            if items[i, 1] <= release_day:
                kept = max(0, (materiality - 1) // unit * unit)
                out_to_pay[line] = owed + counted - kept
        owed += rest
