"""Orders take the credit that is left, one after the other."""

from encours.kernels._jit import kernel

FLOOR = -4_000_000_000_000_000_000
UNBOUND = 9_223_372_036_854_775_807


@kernel
def decide_orders(orders, held, offset, bound, rule_of_bound, room, out_rule, out_after):
    """Decide every order in the order given, and take what it needs from the room of its limits.

    orders         int64[n, 3]  account row, amount, whether it passes whatever is held (0 or 1)
    held           int8[a]      rule that holds all orders of an account, -1 where none does
    offset         int64[a + 1] limits of account i: bound[offset[i]] .. bound[offset[i + 1] - 1]
    bound          int64[k]     positions in `room`
    rule_of_bound  int8[b]      rule of each limit
    room           int64[b]     what is left of each limit; lowered by every order that passes
    out_rule       int8[n]      written: the rule that holds the order, -1 where it passes
    out_after      int64[n]     written: least room of the order's limits after it, UNBOUND for none

    An order that is held takes nothing; a later, smaller one may still pass. The room never falls
    below FLOOR, so that nothing wraps. Rule: DOMAIN 8, TABLES 2 (`order_decisions`).
    """
    for i in range(orders.shape[0]):
        row = orders[i, 0]
        amount = orders[i, 1]
        rule = -1
        if orders[i, 2] == 0:
            rule = held[row]
            for k in range(offset[row], offset[row + 1]):
                if rule < 0 and room[bound[k]] < amount:
                    rule = rule_of_bound[bound[k]]
        least = UNBOUND
        for k in range(offset[row], offset[row + 1]):
            limit = bound[k]
            if rule < 0:
                room[limit] = max(FLOOR, room[limit] - amount)
            least = min(least, room[limit])
        out_rule[i] = rule
        out_after[i] = least
