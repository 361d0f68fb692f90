"""Reference rates as dated series: bundled ones with their sources, extended by the user's rows.

A series is a step function: a value holds from its effective date until the next one. It is known
from its first row to the date in `known_until.csv`, and, for every row of the user, from that row
to the end of its half-year. Outside of that a look-up is an error: nothing is carried forward.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from encours_schemas.errors import ConfigurationWrong, InputRefused, RateMissing

if TYPE_CHECKING:
    from encours_schemas.configuration import Configuration

DECIMALS_MAX: Final = 9
ONE_DAY: Final = timedelta(days=1)

BUNDLED: Final = "bundled"
CONFIGURED: Final = "interest.rates"

Interval = tuple[date, date]


class UserRate(NamedTuple):
    """A row of the user's own: percent of a series from a date on, and where it stands."""

    series: str
    effective_date: date
    rate_percent: Decimal
    source: str | None = None
    place: str = "reference_rates"


def half_year_start(day: date) -> date:
    """Give 1 January or 1 July of the half-year in which a day lies."""
    return date(day.year, 1 if day.month <= 6 else 7, 1)


def half_year_end(day: date) -> date:
    """Give 30 June or 31 December of the half-year in which a day lies."""
    return date(day.year, 6, 30) if day.month <= 6 else date(day.year, 12, 31)


def half_year_name(day: date) -> str:
    """Name a half-year as people write it: `2026-H2`."""
    return f"{day.year}-H{1 if day.month <= 6 else 2}"


@dataclass(frozen=True, slots=True)
class RateRow:
    """One value of a series, in percent per year, with where it comes from.

    place   `bundled`, or where the user's row stands
    """

    effective_date: date
    rate_percent: Decimal
    source: str
    confidence: str = ""
    place: str = BUNDLED


@dataclass(frozen=True, slots=True)
class RateSeries:
    """A reference rate: rows by ascending date, and the closed intervals that they are known in."""

    name: str
    rows: tuple[RateRow, ...]
    known: tuple[Interval, ...]

    @property
    def known_until(self) -> date:
        """The last day for which there is a value."""
        return self.known[-1][1]

    @property
    def last_effective_date(self) -> date:
        """The date of the last value that lies within what is known."""
        return max(
            row.effective_date for row in self.rows if row.effective_date <= self.known_until
        )

    def row_on(self, day: date) -> RateRow | None:
        """Give the row in force on a day, None where the series is not known."""
        if not any(first <= day <= last for first, last in self.known):
            return None
        position = bisect_right(self.rows, day, key=lambda row: row.effective_date)
        return self.rows[position - 1]

    def rate_on(self, day: date) -> Decimal:
        """Give the value in force on a day, in percent.

        Raises RateMissing naming the series and the half-year where it is not known.
        """
        row = self.row_on(day)
        if row is None:
            raise self.missing(day)
        return row.rate_percent

    def missing(self, day: date) -> RateMissing:
        """Give the error for a day without a value."""
        first, last = self.known[0][0], self.known_until
        if day < first:
            found, cure = f"known from {first}", "no interest can be computed for days before it"
        else:
            found = f"known to {last}"
            cure = f"append the rate of {half_year_name(day)} to the table reference_rates"
        return RateMissing(
            what=f"rate series {self.name} has no value for {half_year_name(day)}",
            where=f"rate of {day}",
            found=found,
            cure=cure,
        )


def own_rates(configuration: Configuration) -> list[UserRate]:
    """Give the configured rows of reference rates."""
    return [
        UserRate(row.series, row.effective_date, row.rate_percent, row.source, CONFIGURED)
        for row in configuration.interest.rates
    ]


def load_series(extra_rows: Iterable[UserRate] = ()) -> dict[str, RateSeries]:
    """Load the bundled series, sorted by name, with the user's rows laid over them.

    extra_rows   a row replaces a bundled value of the same date, and may start a series of its own

    Raises InputRefused for two different values of one series and date, naming both
    (ConfigurationWrong where the configuration alone contradicts itself), and for more than nine
    decimals.
    """
    bundled_rows, bundled_until = _load_bundled()
    rows = {name: dict(by_date) for name, by_date in bundled_rows.items()}
    known: dict[str, list[Interval]] = {
        name: [(min(by_date), bundled_until[name])] for name, by_date in bundled_rows.items()
    }
    given: dict[tuple[str, date], UserRate] = {}
    for row in extra_rows:
        _check_user_rate(given.setdefault((row.series, row.effective_date), row), row)
        day = row.effective_date
        by_date = rows.setdefault(row.series, {})
        if day not in by_date or by_date[day].place == BUNDLED:
            by_date[day] = RateRow(day, row.rate_percent, row.source or "", place=row.place)
        known.setdefault(row.series, []).append((day, half_year_end(day)))
    return {
        name: RateSeries(
            name=name,
            rows=tuple(by_date[effective_date] for effective_date in sorted(by_date)),
            known=_merged(known[name]),
        )
        for name, by_date in sorted(rows.items())
    }


def _load_bundled() -> tuple[dict[str, dict[date, RateRow]], dict[str, date]]:
    directory = files("encours.rules") / "data" / "series"
    until_text = (directory / "known_until.csv").read_text(encoding="utf-8")
    until = {
        row["series"]: date.fromisoformat(row["known_until"])
        for row in csv.DictReader(until_text.splitlines())
    }
    rows: dict[str, dict[date, RateRow]] = {}
    for name in until:
        text = (directory / f"{name}.csv").read_text(encoding="utf-8")
        rows[name] = {
            date.fromisoformat(row["effective_date"]): RateRow(
                effective_date=date.fromisoformat(row["effective_date"]),
                rate_percent=Decimal(row["rate_percent"]),
                source=row["source"],
                confidence=row["confidence"],
            )
            for row in csv.DictReader(text.splitlines())
        }
    return rows, until


def _check_user_rate(earlier: UserRate, row: UserRate) -> None:
    where = f"series {row.series}, effective_date {row.effective_date}"
    if earlier.rate_percent != row.rate_percent:
        in_configuration = earlier.place == row.place == CONFIGURED
        raise (ConfigurationWrong if in_configuration else InputRefused)(
            what="two values for one series and date",
            where=where,
            found=(
                f"{earlier.rate_percent} ({earlier.place}) and {row.rate_percent} ({row.place})"
            ),
            expected="one value",
            cure="keep the right one",
        )
    exponent = row.rate_percent.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -DECIMALS_MAX:
        raise InputRefused(
            what="the rate has too many decimals",
            where=f"{row.place}: {where}",
            expected=f"a number of percent with at most {DECIMALS_MAX} decimals",
        )


def _merged(intervals: list[Interval]) -> tuple[Interval, ...]:
    """Join intervals that overlap or touch."""
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + ONE_DAY:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)
