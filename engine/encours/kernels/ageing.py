"""Ageing buckets."""

from encours.kernels._jit import kernel


@kernel
def assign_ageing_bucket(days, not_due_bound_days, late_bound_days, out_bucket_position):
    """Write the ageing bucket of every item.

    Without a ladder for what is not due, position 0 is not due (days <= 0). With a ladder of l
    bounds the first l + 1 positions run from the farthest due date to the nearest. Then one
    position per late bound, inclusive; the last is open.

    days                 int32[n]  as-of minus the basis date; positive = late
    not_due_bound_days   int32[l]  strictly increasing, may be empty
    late_bound_days      int32[b]  strictly increasing, first > 0
    out_bucket_position  int32[n]  written, 0 .. l + b + 1

    Not checked here: the bounds (configuration). Rule: DOMAIN 4.
    """
    ladder = not_due_bound_days.shape[0]
    for i in range(days.shape[0]):
        if days[i] > 0:
            position = 0
            while position < late_bound_days.shape[0] and days[i] > late_bound_days[position]:
                position += 1
            out_bucket_position[i] = ladder + 1 + position
        else:
            position = 0
            while position < ladder and -days[i] > not_due_bound_days[position]:
                position += 1
            out_bucket_position[i] = ladder - position
