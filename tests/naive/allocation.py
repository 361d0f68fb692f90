"""Slow twin of the allocation kernel: what is open, and since when nothing is (DOMAIN 3)."""

from collections.abc import Sequence


def settle_item(amount: int, allocations: Sequence[tuple[int, int]]) -> tuple[int, int | None]:
    """Give the open amount and the first day from which the balance at day's end stays zero.

    allocations  value day and amount, posted by the as-of date, in any order
    """

    def balance_after(day: int) -> int:
        return amount - sum(part for value_day, part in allocations if value_day <= day)

    days = sorted({day for day, _ in allocations})
    settled = None
    for day in reversed(days):
        if balance_after(day) != 0:
            break
        settled = day
    return amount - sum(part for _, part in allocations), settled
