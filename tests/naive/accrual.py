"""Penalty interest of one item, day by day, in exact fractions (DOMAIN 6)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.naive.arithmetic import anniversary, half_year, rounded
from tests.naive.laws import ONE_DAY, Law, day_weight

PrincipalOn = Callable[[date], Fraction]


@dataclass
class Piece:
    """A stretch of constant principal and rate."""

    first: date
    last: date
    principal: Fraction
    reference: Fraction | None
    rate: Fraction
    interest: Fraction = Fraction(0)
    rounded_interest: Fraction = Fraction(0)
    days_shown: int | None = None

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1 if self.days_shown is None else self.days_shown


@dataclass
class Accrual:
    """The interest of one principal over (due, end]."""

    total: Fraction = Fraction(0)
    pieces: list[Piece] = field(default_factory=list)


def days_between(due: date, end: date) -> Iterator[date]:
    """Give the days d with due < d <= end."""
    for number in range((end - due).days):
        yield due + timedelta(days=number + 1)


@dataclass(frozen=True)
class Delay:
    """Whose delay it is: days due < d <= end; `start` is the first on which anything was open.

    payments   what pays interest before principal, by day
    """

    regime: str
    due: date
    start: date
    end: date
    digits: int
    payments: Mapping[date, Fraction] = field(default_factory=dict)


def accrue(law: Law, delay: Delay, principal_on: PrincipalOn) -> Accrual:
    """Give the interest on P(d) over the days of the delay, rounded once to so many digits."""
    regime, due, end, digits = delay.regime, delay.due, delay.end, delay.digits
    facts = law.regimes[regime]
    bearing = [day for day in days_between(due, end) if principal_on(day) > 0]
    if not bearing:
        return Accrual()
    if facts["fixing"] == "fixed_at_payment":
        pieces = _pieces_by_payment(law, regime, principal_on, due, end)
    elif delay.payments:
        pieces = _pieces_paying_interest(law, delay, principal_on)
        pieces_total = sum((piece.rounded_interest for piece in pieces), Fraction(0))
        return Accrual(pieces_total, pieces)
    elif facts.get("compounding", "none") == "yearly_from_default":
        pieces = _pieces_compounding(law, regime, principal_on, due, end, digits)
    else:
        pieces = _pieces_by_day(law, delay, principal_on, bearing)
    pieces.sort(key=lambda piece: (piece.first, piece.last))
    running = Fraction(0)
    told = Fraction(0)
    for piece in pieces:
        running += piece.interest
        piece.rounded_interest = rounded(running, digits) - told
        told += piece.rounded_interest
    return Accrual(told, pieces)


def _interest_of_day(
    facts: Mapping[str, Any], principal: Fraction, rate: Fraction, day: date
) -> Fraction:
    """Give the exact interest of one day at a rate in percent."""
    return principal * rate / 100 * day_weight(facts["day_count"], day)


def _pieces_by_day(
    law: Law, delay: Delay, principal_on: PrincipalOn, bearing: list[date]
) -> list[Piece]:
    """Give simple interest: per half-year, fixed at the first interest day, or flat."""
    facts = law.regimes[delay.regime]
    pieces: list[Piece] = []
    for day in bearing:
        # One fixed at the start never changes, so it is never cut at a half-year.
        fixed_on = _fixed_on(facts, delay, day)
        reference, rate = law.rate_fixed_for(delay.regime, fixed_on)
        principal = principal_on(day)
        previous = pieces[-1] if pieces else None
        joins = (
            previous is not None
            and previous.last == day - ONE_DAY
            and previous.principal == principal
            and previous.rate == rate
            and (facts["fixing"] != "per_semester" or half_year(previous.last) == fixed_on)
        )
        if joins and previous is not None:
            previous.last = day
        else:
            previous = Piece(day, day, principal, reference, rate)
            pieces.append(previous)
        previous.interest += _interest_of_day(facts, principal, rate, day)
    return pieces


def _fixed_on(facts: Mapping[str, Any], delay: Delay, day: date) -> date:
    """Give the day whose rate a day takes."""
    if facts["fixing"] == "fixed_at_start":
        return delay.start
    return half_year(day) if facts["fixing"] == "per_semester" else day


def _pieces_paying_interest(law: Law, delay: Delay, principal_on: PrincipalOn) -> list[Piece]:
    """Let payments take the interest accrued to their day first; what is left joins once a year.

    The ledger took each payment off the principal: what it paid of the interest is put back there.
    A row without days shows what a payment took. Interest is rounded where it is paid or joins.
    """
    facts, digits = law.regimes[delay.regime], delay.digits
    years = range(1, delay.end.year - delay.due.year + 1)
    compounds = facts.get("compounding", "none") == "yearly_from_default"
    anniversaries = {anniversary(delay.due, number) for number in years if compounds}
    pieces: list[Piece] = []
    accruing: list[Piece] = []
    capital, paid, unpaid = Fraction(0), Fraction(0), Fraction(0)

    def settle() -> Fraction:
        running, told = Fraction(0), Fraction(0)
        for piece in accruing:
            running += piece.interest
            piece.rounded_interest = rounded(running, digits) - told
            told += piece.rounded_interest
        pieces.extend(accruing)
        accruing.clear()
        return told

    for day in days_between(delay.due, delay.end):
        if principal_on(day) > 0:
            principal = principal_on(day) + capital + paid
            reference, rate = law.rate_fixed_for(delay.regime, _fixed_on(facts, delay, day))
            row = accruing[-1] if accruing else None
            is_new = facts["fixing"] == "per_semester" and day == half_year(day)
            same = row and (row.last, row.principal, row.rate) == (day - ONE_DAY, principal, rate)
            if row is None or is_new or not same:
                row = Piece(day, day, principal, reference, rate)
                accruing.append(row)
            row.last = day
            row.interest += _interest_of_day(facts, principal, rate, day)
        if day in delay.payments:
            unpaid += settle()
            taken = min(delay.payments[day], max(Fraction(0), unpaid))
            unpaid, paid = unpaid - taken, paid + taken
            if taken:
                pieces.append(Piece(day, day, Fraction(0), None, Fraction(0), -taken, -taken, 0))
        if day in anniversaries:
            capital += unpaid + settle()
            unpaid = Fraction(0)
    settle()
    return pieces


def _pieces_compounding(
    law: Law, regime: str, principal_on: PrincipalOn, due: date, end: date, digits: int
) -> list[Piece]:
    """Give interest that joins the principal, rounded, on every anniversary of the due date."""
    facts = law.regimes[regime]
    anniversaries = {anniversary(due, years) for years in range(1, end.year - due.year + 1)}
    pieces: list[Piece] = []
    capitalised = Fraction(0)
    since = Fraction(0)
    for day in days_between(due, end):
        if principal_on(day) > 0:
            principal = principal_on(day) + capitalised
            reference, rate = law.rate_fixed_for(regime, day)
            previous = pieces[-1] if pieces else None
            if (
                previous is None
                or previous.last != day - ONE_DAY
                or previous.last in anniversaries
                or half_year(previous.last) != half_year(day)
                or previous.principal != principal
            ):
                previous = Piece(day, day, principal, reference, rate)
                pieces.append(previous)
            previous.last = day
            interest = _interest_of_day(facts, principal, rate, day)
            previous.interest += interest
            since += interest
        if day in anniversaries and pieces:
            # What rounding adds or takes belongs to the stretch that the anniversary ends.
            pieces[-1].interest += rounded(since, digits) - since
            capitalised += rounded(since, digits)
            since = Fraction(0)
    return pieces


def _pieces_by_payment(
    law: Law, regime: str, principal_on: PrincipalOn, due: date, end: date
) -> list[Piece]:
    """Give interest at the rate of the day on which each part was paid, or of `end`.

    A part is a level of the principal. It is paid for good on the last day on which the principal
    reaches it (the day of payment still bears interest), so that a payment that came back never
    counts, and takes that day's rate on all days that reach it.
    """
    pieces: list[Piece] = []
    paid = Fraction(0)
    for last in reversed(list(days_between(due, end))):
        level = principal_on(last)
        if level <= paid:
            continue
        reference, rate = law.rate_fixed_for(regime, last)
        part: list[Piece] = []
        for day in days_between(due, last):
            principal = min(principal_on(day), level) - paid
            if principal <= 0:
                continue
            previous = part[-1] if part else None
            if (
                previous is None
                or previous.last != day - ONE_DAY
                or previous.principal != principal
            ):
                previous = Piece(day, day, principal, reference, rate)
                part.append(previous)
            previous.last = day
            previous.interest += _interest_of_day(law.regimes[regime], principal, rate, day)
        # What was paid first stands highest: its rows come first among those of the same days.
        pieces = part + pieces
        paid = level
    return pieces
