"""Due dates of payment terms, worked out once for every day that a document can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from encours_jobs.synthetic.draws import Codes, Days
from encours_jobs.synthetic.vocabulary import PAYMENT_TERMS, Terms

YEARS_BACK: Final = 7
_DAYS_BACK: Final = 366 * YEARS_BACK
_DAYS_AHEAD: Final = 400


@dataclass(frozen=True, slots=True)
class DueDates:
    """The due day of every term and baseline day.

    first_day  the earliest day on file
    due_day    int32[terms * days]  term by term
    """

    first_day: int
    day_count: int
    due_day: Days
    year: npt.NDArray[np.int16]

    def due(self, terms: Codes, baseline_day: Days) -> Days:
        """Give the due day of each row, from its term and the start of the term."""
        place = terms.astype(np.int32) * self.day_count + (baseline_day - self.first_day)
        due: Days = self.due_day[place]
        return due

    def year_of(self, day: Days) -> npt.NDArray[np.int16]:
        """Give the calendar year of each day."""
        year: npt.NDArray[np.int16] = self.year[day - self.first_day]
        return year


def build_due_dates(as_of_day: int) -> DueDates:
    """Work out the due dates for documents of the years around the as-of date."""
    first = as_of_day - _DAYS_BACK
    baseline = np.arange(first, as_of_day + _DAYS_AHEAD, dtype=np.int64)
    due = [_due_days(terms, baseline) for terms in PAYMENT_TERMS]
    year = baseline.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    return DueDates(
        first_day=first,
        day_count=baseline.size,
        due_day=np.concatenate(due).astype(np.int32),
        year=year.astype(np.int16),
    )


def _due_days(terms: Terms, baseline: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give the due days of one term. Rule: DOMAIN 3."""
    day = _month_end(baseline) if terms.month_first else baseline
    day = day + terms.days
    if terms.month_end:
        day = _month_end(day)
    if terms.day:
        following = day.astype("datetime64[D]").astype("datetime64[M]") + 1
        day = following.astype("datetime64[D]").astype(np.int64) + terms.day - 1
    return day


def _month_end(day: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    following = day.astype("datetime64[D]").astype("datetime64[M]") + 1
    return following.astype("datetime64[D]").astype(np.int64) - 1
