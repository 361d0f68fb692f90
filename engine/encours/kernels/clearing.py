"""Debits and credits of a clearing, matched oldest first."""

import numpy as np

from encours.kernels._jit import kernel


@kernel
def match_clearings(group, amount, out_debit, out_credit, out_amount, out_rest):
    """Match the debits and credits of every group in order; give the number of pieces.

    group       int64[n]  ascending; rows of one group stand together, oldest first
    amount      int64[n]  signed, in thousandths; debits positive
    out_debit   int64[p]  written: row of the debit of a piece; p is at least n
    out_credit  int64[p]  written: row of its credit
    out_amount  int64[p]  written: what they clear of one another, positive
    out_rest    int64[n]  written: what of each row's amount is left, of its sign

    A piece ends a debit or a credit, so there are fewer pieces than rows. No sum is taken, so
    nothing can wrap.
    """
    pieces = 0
    count = group.shape[0]
    for i in range(count):
        out_rest[i] = amount[i]
    start = 0
    while start < count:
        end = start
        while end < count and group[end] == group[start]:
            end += 1
        debit = start
        credit = start
        while True:
            while debit < end and out_rest[debit] <= 0:
                debit += 1
            while credit < end and out_rest[credit] >= 0:
                credit += 1
            if end in (debit, credit):
                break
            piece = min(out_rest[debit], -out_rest[credit])
            out_debit[pieces] = debit
            out_credit[pieces] = credit
            out_amount[pieces] = piece
            pieces += 1
            out_rest[debit] -= piece
            out_rest[credit] += piece
        start = end
    return np.int64(pieces)
