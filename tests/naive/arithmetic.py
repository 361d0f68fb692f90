"""Rounding, months and payment terms, written for the slow twin alone."""

import calendar
import re
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

TERMS = re.compile(r"(?:NET([0-9]{1,4})(EOM)?|EOM([0-9]{1,4}))(?:D([0-9]{1,2}))?")


def rounded(value: Fraction, digits: int) -> Fraction:
    """Round half away from zero to so many digits after the point."""
    scaled = abs(value) * 10**digits
    whole = (scaled * 2 + 1) // 2
    return Fraction(whole if value >= 0 else -whole, 10**digits)


def rounded_up(value: Fraction, step: Fraction) -> Fraction:
    """Give the next multiple of `step` that isn't below the value."""
    return -((-value) // step) * step


def as_decimal(value: Fraction, digits: int = 3) -> Decimal:
    """Give the exact decimal of a value that has at most so many digits."""
    scaled = value * 10**digits
    assert scaled.denominator == 1, f"{value} has more than {digits} digits"
    return Decimal(scaled.numerator).scaleb(-digits)


def end_of_month(day: date) -> date:
    """Give the last day of the day's month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def half_year(day: date) -> date:
    """Give the first day of the half-year that holds the day."""
    return date(day.year, 1 if day.month < 7 else 7, 1)


def anniversary(start: date, years: int) -> date:
    """Give the day so many years on; 29 February becomes 28 February in other years."""
    year = start.year + years
    last = calendar.monthrange(year, start.month)[1]
    return date(year, start.month, min(start.day, last))


def due_under_terms(terms: str, baseline: date) -> date | None:
    """Give the due date under a code of payment terms, None when it isn't understood (DOMAIN 3)."""
    match = TERMS.fullmatch(terms)
    if not match:
        return None
    net, net_to_month_end, after_month_end, day_of_month = match.groups()
    if net is not None:
        due = baseline + timedelta(days=int(net))
        if net_to_month_end:
            due = end_of_month(due)
    else:
        due = end_of_month(baseline) + timedelta(days=int(after_month_end))
    if day_of_month is not None:
        wanted = int(day_of_month)
        if not 1 <= wanted <= 31:
            return None
        following = end_of_month(due) + timedelta(days=1)
        due = following.replace(day=min(wanted, end_of_month(following).day))
    return due
