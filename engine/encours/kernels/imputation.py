"""What payments can pay of the interest, where they pay interest before principal."""

from encours.kernels._jit import kernel
from encours.kernels.interest_columns import FLAG_INTEREST_FIRST
from encours.kernels.wide import MONEY_LIMIT_MILLI


@kernel
def net_returned_payments(flags, offset, value_day, amount_milli, is_payment, out_payment_milli):
    """Write what every allocation can pay of the interest accrued to its day.

    flags               uint8[n]    FLAG_... bits of the items
    offset              int64[n+1]  allocations of item i: offset[i] .. offset[i+1]-1
    value_day           int32[m]    sorted within an item
    amount_milli        int64[m]    a payment that came back is negative
    is_payment          uint8[m]    1: a payment, or a return of one
    out_payment_milli   int64[m]    written; the sum of a day stands in its first row

    A payment that came back paid no interest: each return takes off the latest payments up to its
    own day. What is left does not depend on the order of rows within a day.

    Rule: DOMAIN 6, French code civil 1343-1.
    """
    for i in range(flags.shape[0]):
        returned = 0
        k = offset[i + 1]
        while k > offset[i]:
            day = value_day[k - 1]
            paid = 0
            while k > offset[i] and value_day[k - 1] == day:
                k -= 1
                out_payment_milli[k] = 0
                if is_payment[k] and flags[i] & FLAG_INTEREST_FIRST:
                    if amount_milli[k] > 0:
                        paid = min(paid + amount_milli[k], MONEY_LIMIT_MILLI)
                    else:
                        returned = min(returned - amount_milli[k], MONEY_LIMIT_MILLI)
            out_payment_milli[k] = max(paid - returned, 0)
            returned = max(returned - paid, 0)
