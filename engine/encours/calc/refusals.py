"""Items whose figures cannot be computed: which one it is, and which rates are not known."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from encours.kernels.interest_columns import FAULT_RATE_MISSING, FIXING, NO_DAY
from encours.rules.rate_tables import missing_look_up, rate_missing
from encours.rules.series import half_year_end, half_year_name
from encours_schemas.errors import InputRefused, RateMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from encours.calc.context import Law
    from encours.kernels.interest_columns import InterestResult

Array = np.ndarray[Any, np.dtype[Any]]

MissingRates = Counter[tuple[int, int, int]]
"""Items by regime code and the first and last half-year that they need (`half_years`)."""

_EPOCH = date(1970, 1, 1)


class ItemRefused(InputRefused):
    """An item or commitment that no amount can hold; whoever knows its place adds it.

    row   among the rows at hand: of a slice, of a work unit, of the table
    """

    def __init__(self, row: int, *, what: str, expected: str, cure: str, found: str = "") -> None:
        """Keep the row beside the facts."""
        super().__init__(what=what, found=found, expected=expected, cure=cure)
        self.row = row


@contextmanager
def renumbering(row_of: Callable[[int], int]) -> Iterator[None]:
    """Turn the row of an item that is refused inside into the row that the caller knows it by."""
    try:
        yield
    except ItemRefused as error:
        error.row = row_of(error.row)
        raise


def half_years(day: Array) -> Array:
    """Number half-years: twice the year, plus one from July on; int64[n]."""
    months = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    numbers: Array = months // 6 + 2 * 1970
    return numbers


def missing_rates(result: InterestResult, due_end: Array, regime: Array, law: Law) -> MissingRates:
    """Count the items with a day whose rate is not known, by what they need.

    due_end   int32[n]  the last day of the item's delay
    regime    int32[n]  regime codes
    """
    rows = np.flatnonzero(result.fault == FAULT_RATE_MISSING)
    if not len(rows):
        return Counter()
    first = result.rate_missing_day[rows]
    last = np.where(result.to_day[rows] == NO_DAY, due_end[rows], result.to_day[rows])
    # A rate that is fixed for the whole delay needs one half-year alone.
    is_fixed = law.rates.regimes[regime[rows], FIXING] != 0
    last = np.where(is_fixed, first, np.maximum(last, first))
    needs = zip(
        regime[rows].tolist(), half_years(first).tolist(), half_years(last).tolist(), strict=True
    )
    return Counter(needs)


def require_rates(missing: MissingRates, law: Law) -> None:
    """Raise RateMissing (66) when items need rates that are not known.

    Names every series and half-year, and how many items need it.
    """
    if not missing:
        return
    items: Counter[tuple[str, date]] = Counter()
    for (code, first, last), count in missing.items():
        for number in range(first, last + 1):
            found = missing_look_up(law.regimes[code], law.series, _first_day(number))
            if found is not None:
                items[found[0], half_year_end(found[1])] += count
    if not items:  # a due date before all tables: no series is to blame
        (code, first, _) = min(missing)
        day = (_first_day(first) - _EPOCH).days
        raise rate_missing(law.regimes[code], law.series, day)
    needs = [
        f"rate series {name} has no value for {half_year_name(end)}, "
        f"which {count} {'items need' if count > 1 else 'item needs'}"
        for (name, end), count in sorted(items.items())
    ]
    known = [
        f"{name} known to {law.series[name].known_until}" for name in sorted({n for n, _ in items})
    ]
    half_year = ", ".join(dict.fromkeys(half_year_name(end) for _, end in sorted(items)))
    raise RateMissing(
        what="; ".join(needs),
        where="interest of open_items",
        found=", ".join(known),
        cure=f"append the rate of {half_year} to the table reference_rates, or to interest.rates",
    )


def _first_day(half_year: int) -> date:
    """Give the first day of a half-year by its number."""
    return date(half_year // 2, 7 if half_year % 2 else 1, 1)
