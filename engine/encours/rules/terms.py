"""Payment terms: from the code of a term and a baseline date to the due date.

`NETn` is n days after the baseline; `NETnEOM` the end of the month in which that day lies; `EOMn`
is n days after the end of the baseline's month. A suffix `Dd` then moves to day d of the following
month (`NET30EOMD15`), or to that month's last day where it is shorter.

The two readings of "45 days end of month" are both usual, and the French administration accepts
both: `NET45EOM` and `EOM45` can lie half a month apart (15 April 2008: 31 May or 14 June).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

_PATTERN: Final = re.compile(
    r"(?:NET(?P<net>[0-9]{1,4})(?P<then_end>EOM)?|EOM(?P<after_end>[0-9]{1,4}))"
    r"(?:D(?P<day>[0-9]{1,2}))?"
)
_EPOCH: Final = date(1970, 1, 1).toordinal()

Days = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """A term as its steps: days, end of month, days after it, then a day of the following month."""

    code: str
    net_days: int
    is_end_of_month: bool
    days_after_end: int = 0
    day_of_next_month: int | None = None

    def due_days(self, baseline_day: Days) -> Days:
        """Give the due day of every baseline day; both int32[n], days since 1970-01-01."""
        due = baseline_day.astype(np.int64) + self.net_days
        if self.is_end_of_month:
            due = _first_day_of_month(due, 1) - 1 + self.days_after_end
        if self.day_of_next_month is not None:
            last = _first_day_of_month(due, 2) - 1
            due = np.minimum(_first_day_of_month(due, 1) + self.day_of_next_month - 1, last)
        return due.astype(np.int32)

    def due_date(self, baseline: date) -> date:
        """Give the due date of one baseline date."""
        due = self.due_days(np.array([baseline.toordinal() - _EPOCH], np.int32))
        return date.fromordinal(int(due[0]) + _EPOCH)


def parse_payment_terms(code: str) -> PaymentTerms | None:
    """Read the code of a term; None when it is not one that the contract defines."""
    match = _PATTERN.fullmatch(code)
    if match is None:
        return None
    day = match["day"]
    if day is not None and not 1 <= int(day) <= 31:
        return None
    return PaymentTerms(
        code=code,
        net_days=int(match["net"] or 0),
        is_end_of_month=match["net"] is None or match["then_end"] is not None,
        days_after_end=int(match["after_end"] or 0),
        day_of_next_month=None if day is None else int(day),
    )


def _first_day_of_month(day: NDArray[np.int64], months_on: int) -> NDArray[np.int64]:
    """Give the first day of the month that lies some months after each day's own."""
    months = day.astype("datetime64[D]").astype("datetime64[M]") + months_on
    return months.astype("datetime64[D]").astype(np.int64)
