"""Slow twins of the summing kernels, in Python's own integers, which have no end."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

INT64_MAX = 2**63 - 1
CREDIT_NOTES, UNAPPLIED_PAYMENTS = 6, 7
NO_DAY_LEAST = 2**31 - 1


def sum_by_code(
    codes: Sequence[int], values: Sequence[int], chosen: Sequence[bool]
) -> dict[int, int]:
    """Add the chosen values up per code; a code without a chosen value is absent."""
    totals: dict[int, int] = defaultdict(int)
    for code, value, is_chosen in zip(codes, values, chosen, strict=True):
        if is_chosen:
            totals[code] += value
    return dict(totals)


def add_rows(
    row_ids: Sequence[int],
    values: Sequence[Sequence[int]],
    minimum: Sequence[int],
    sums: list[list[int]],
    least: list[int],
) -> int | None:
    """Add rows to the sums of their id; give the first row whose sum is beyond 64 bits."""
    for row, (place, added, day) in enumerate(zip(row_ids, values, minimum, strict=True)):
        if place < 0:
            continue
        for column, amount in enumerate(added):
            total = sums[place][column] + amount
            if abs(total) > INT64_MAX:
                return row
            sums[place][column] = total
        least[place] = min(least[place], day)
    return None


@dataclass
class LineItem:
    """One published item, in the reporting currency but for `open_milli`."""

    customer: int
    company: int
    currency: int
    financing: int
    component: int
    bucket: int
    days_past_due: int
    due_day: int
    open_milli: int
    open_rc: int
    disputed_rc: int
    penalty_rc: int
    unbilled_rc: int
    indemnity_rc: int


def line_sums(items: Sequence[LineItem]) -> tuple[list[int], int]:
    """Give a line's eighteen sums, in the order of its columns, and its oldest late due day."""
    counted = [item for item in items if item.component >= 0]
    late = [item for item in counted if item.open_milli > 0 and item.days_past_due > 0]
    parked = [item for item in counted if item.component in {CREDIT_NOTES, UNAPPLIED_PAYMENTS}]
    components = [
        sum(item.open_rc for item in counted if item.component == component)
        for component in range(9)
    ]
    return [
        *components,
        sum(item.open_rc for item in late),
        sum(item.disputed_rc for item in counted),
        sum(item.penalty_rc for item in items),
        sum(item.unbilled_rc for item in items),
        sum(item.indemnity_rc for item in items),
        sum(item.open_milli != 0 for item in items),
        sum(item.open_rc for item in parked if item.open_rc < 0),
        sum(item.open_rc for item in items),
        sum(item.open_milli for item in items if item.financing == 0),
    ], min((item.due_day for item in late), default=NO_DAY_LEAST)


def cell_sums(items: Sequence[LineItem]) -> list[int]:
    """Give an ageing cell's four sums, in the order of its columns; only open items count."""
    still_open = [item for item in items if item.open_milli]
    return [
        sum(item.open_milli for item in still_open),
        sum(item.open_rc for item in still_open),
        sum(item.disputed_rc for item in still_open),
        len(still_open),
    ]
