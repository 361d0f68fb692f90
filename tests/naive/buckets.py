"""Slow twin of the ageing kernel: the bucket by its position (DOMAIN 4)."""

from collections.abc import Sequence


def assign_ageing_bucket(
    days: int, not_due_bound_days: Sequence[int], late_bound_days: Sequence[int]
) -> int:
    """Count the bounds that are passed, from the farthest due date to the oldest late item.

    Without a ladder position 0 holds all that is not late. A bound belongs to the bucket that it
    ends: 30 days late lie within `1-30`, due in 30 days within `due_0-30`.
    """
    not_due_passed = sum(-days <= bound for bound in not_due_bound_days)
    late_passed = sum(days > bound for bound in (0, *late_bound_days))
    return not_due_passed + late_passed
