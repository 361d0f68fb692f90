"""Penalty interest of one item, day by day in exact fractions (DOMAIN 6): the twin of the kernels.

Amounts are thousandths, days are dates. Nothing here is fast, and nothing is shared with the engine
but the data files that `Law` reads.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

from tests.naive.arithmetic import anniversary, half_year
from tests.naive.laws import ONE_DAY, Law, UnknownRateError, day_weight


@dataclass(frozen=True)
class Allocation:
    """What was applied to an item on a value date; a return is negative."""

    value_date: date
    amount: int
    is_payment: bool = True


@dataclass(frozen=True)
class Item:
    """An item as it stands on the as-of date."""

    amount: int
    due: date
    regime: str | None
    allocations: tuple[Allocation, ...] = ()
    has_allocation: bool | None = None
    open_amount: int | None = None
    settled_on: date | None = None
    claim_date: date | None = None
    is_credit: bool = False
    is_interest_note: bool = False
    is_consumer: bool = False
    is_intragroup: bool = False
    interest_first: bool = False
    insolvency: date | None = None
    disputed: int = 0
    billed_to: date | None = None
    billed: int | None = None
    minor_unit: int = 10

    def decides_by_allocation(self) -> bool:
        return bool(self.allocations) if self.has_allocation is None else self.has_allocation

    def open_now(self) -> int:
        if self.open_amount is not None:
            return self.open_amount
        return self.amount - sum(allocation.amount for allocation in self.allocations)

    def principal_on(self, day: date) -> int:
        """Give the open amount less what was applied before the day, never below zero."""
        if not self.decides_by_allocation():
            return max(0, self.open_now())
        before = [entry.amount for entry in self.allocations if entry.value_date < day]
        return max(0, self.amount - sum(before))

    def principals(self, end: date) -> dict[date, int]:
        """Give the principal of every day d with due < d <= end."""
        principal = self.principal_on(self.due + ONE_DAY)
        changes = {entry.value_date for entry in self.allocations}
        by_day = {}
        for number in range(max(0, (end - self.due).days)):
            eve = self.due + timedelta(days=number)
            if eve in changes:
                principal = self.principal_on(eve + ONE_DAY)
            by_day[eve + ONE_DAY] = principal
        return by_day


@dataclass
class Interest:
    """What the item bears."""

    reason: str = ""
    penalty: int = 0
    suspended: int = 0
    unbilled: int = 0
    first_principal: int = 0
    from_day: date | None = None
    to_day: date | None = None
    days: int = 0
    missing_day: date | None = None


@dataclass
class Row:
    """A row of the detail."""

    first: date
    last: date
    days: int
    principal: int
    reference: Fraction | None
    rate: Fraction
    exact: Fraction
    interest: int = 0


@dataclass
class Accrual:
    """Interest on one layer of an item's principal, with its rows."""

    total: int = 0
    rows: list[Row] = field(default_factory=list)


def accrue_interest(
    item: Item, law: Law, as_of: date, grace_days: int = 0, accrue_on_disputed: bool = False
) -> Interest:
    """Give the interest of an item, with the first reason against it in the contract's order."""
    late_end = min(as_of, item.settled_on or as_of)
    days = _bearing(item, late_end)
    end = late_end
    if item.insolvency is not None and (item.claim_date or item.due) < item.insolvency:
        end = min(end, item.insolvency - ONE_DAY)
    left = _bearing(item, end)
    open_now = item.open_now()
    disputed = min(max(item.disputed, 0), max(open_now, 0))
    most = max((item.principal_on(day) for day in left), default=0)
    is_whole = disputed > 0 and (disputed == open_now or most <= disputed)
    facts = {} if item.regime is None else law.regimes[item.regime]
    reasons = [
        ("credit", item.is_credit),
        ("interest_note", item.is_interest_note),
        ("not_late", not days),
        ("consumer", item.is_consumer),
        ("intragroup", item.is_intragroup),
        ("no_regime", item.regime in {None, "NONE"}),
        ("insolvency", not left),
        ("within_grace", (late_end - item.due).days <= grace_days),
        ("disputed", is_whole and not accrue_on_disputed),
    ]
    reason = next((name for name, holds in reasons if holds), "")
    result = Interest(reason=reason)
    if reason not in {"", "disputed"}:
        result.unbilled = -(item.billed or 0)
        return result
    assert facts
    everything = (0, 10**30)
    suspended_layer = everything if is_whole else (0, disputed)
    claimed_layer = everything if accrue_on_disputed else (disputed, 10**30)

    def total(layer: tuple[int, int], until: date, *, imputes: bool) -> int:
        try:
            return accrue(item, law, layer, until, left[0], imputes=imputes).total
        except UnknownRateError as error:
            day = error.args[1]
            result.missing_day = min(day, result.missing_day or day)
            return 0

    if disputed:
        result.suspended = total(suspended_layer, end, imputes=is_whole)
    if reason:
        return result
    result.penalty = total(claimed_layer, end, imputes=True)
    result.unbilled = result.penalty
    if item.billed is not None:
        result.unbilled -= item.billed
    elif item.billed_to is not None:
        result.unbilled -= total(claimed_layer, min(end, item.billed_to), imputes=True)
    result.first_principal = item.principal_on(left[0])
    result.from_day, result.to_day, result.days = left[0], left[-1], len(left)
    return result


def interest_rows(item: Item, law: Law, as_of: date, accrue_on_disputed: bool = False) -> list[Row]:
    """Give the detail of an item that bears interest."""
    end = min(as_of, item.settled_on or as_of)
    if item.insolvency is not None and (item.claim_date or item.due) < item.insolvency:
        end = min(end, item.insolvency - ONE_DAY)
    disputed = 0 if accrue_on_disputed else min(max(item.disputed, 0), max(item.open_now(), 0))
    start = _bearing(item, end)[0]
    return accrue(item, law, (disputed, 10**30), end, start, imputes=True).rows


def accrue(
    item: Item, law: Law, layer: tuple[int, int], end: date, start: date, *, imputes: bool
) -> Accrual:
    """Give the interest on the principal between two levels over (due, end], rounded once.

    Raises UnknownRateError with the first day that needs a rate which is not known.
    """
    assert item.regime is not None
    low, high = layer
    principal = {day: max(0, min(base, high) - low) for day, base in item.principals(end).items()}
    days = list(principal)
    fixing = law.regimes[item.regime]["fixing"]
    if fixing == "fixed_at_payment":
        return _by_payment(item, law, days, principal)
    if fixing == "per_semester":
        return _by_day(item, law, days, principal, lambda day: day, imputes=imputes)
    return _by_day(item, law, days, principal, lambda _: start, imputes=imputes)


def _by_day(
    item: Item,
    law: Law,
    days: list[date],
    principal: dict[date, int],
    rate_day: Callable[[date], date],
    *,
    imputes: bool,
) -> Accrual:
    """Walk the days; interest joins the principal once a year, payments take interest first."""
    facts = law.regimes[item.regime or ""]
    compounds = facts.get("compounding", "none") == "yearly_from_default"
    years = range(1, 200 if compounds else 1)
    anniversaries = {anniversary(item.due, number) for number in years if item.due.year < 2900}
    payments = _payments(item) if imputes and item.interest_first else {}
    capital, unpaid, paid = 0, 0, 0
    done: list[Row] = []  # rows whose interest is rounded
    accruing: list[Row] = []  # rows since then
    for day in days:
        if principal[day]:
            base = principal[day] + capital + paid
            reference, rate = _rate(law, item.regime, rate_day(day), day)
            row = accruing[-1] if accruing else None
            new_half = facts["fixing"] == "per_semester" and day == half_year(day)
            if not row or row.last != day - ONE_DAY or row.principal != base or new_half:
                row = Row(day, day, 0, base, reference, rate, Fraction(0))
                accruing.append(row)
            row.last, row.days = day, row.days + 1
            row.exact += base * _share(rate, facts["day_count"], day)
        if day in payments:
            unpaid += _rounded_rows(accruing, item.minor_unit)
            done, accruing = done + accruing, []
            taken = min(payments[day], max(0, unpaid))
            unpaid, paid = unpaid - taken, paid + taken
            if taken:
                done.append(Row(day, day, 0, 0, None, Fraction(0), Fraction(0), -taken))
        if day in anniversaries:
            capital += unpaid + _rounded_rows(accruing, item.minor_unit)
            done, accruing, unpaid = done + accruing, [], 0
    total = capital + unpaid + _rounded_rows(accruing, item.minor_unit)
    return Accrual(total, done + accruing)


def _by_payment(item: Item, law: Law, days: list[date], principal: dict[date, int]) -> Accrual:
    """Let every level of the principal take the rate of the last day on which it is reached."""
    facts = law.regimes[item.regime or ""]
    rows: list[Row] = []
    reached_later = 0
    for last in reversed(days):
        level = principal[last]
        if level <= reached_later:
            continue
        reference, rate = _rate(law, item.regime, last, last)
        part: list[Row] = []
        for day in days[: days.index(last) + 1]:
            share = min(principal[day], level) - reached_later
            if share <= 0:
                continue
            row = part[-1] if part else None
            if not row or row.last != day - ONE_DAY or row.principal != share:
                row = Row(day, day, 0, share, reference, rate, Fraction(0))
                part.append(row)
            row.last, row.days = day, row.days + 1
            row.exact += share * _share(rate, facts["day_count"], day)
        rows = part + rows
        reached_later = level
    rows.sort(key=lambda row: (row.first, row.last))
    return Accrual(_rounded_rows(rows, item.minor_unit), rows)


def _rounded_rows(rows: list[Row], unit: int) -> int:
    """Give each row its difference of the rounded running total; give the total."""
    running, told = Fraction(0), 0
    for row in rows:
        running += row.exact
        row.interest = _round(running, unit) - told
        told += row.interest
    return told


@cache
def _share(rate: Fraction, day_count: str, day: date) -> Fraction:
    """Give what one day adds to each unit of principal, at a yearly rate in percent."""
    return rate / 100 * day_weight(day_count, day)


def _bearing(item: Item, end: date) -> list[date]:
    return [day for day, principal in item.principals(end).items() if principal > 0]


def _payments(item: Item) -> dict[date, int]:
    """Give what was paid on each day and never came back; a return undoes the latest payments."""
    kept: list[list[Any]] = []  # day and amount, the latest last
    for day in sorted({entry.value_date for entry in item.allocations if entry.is_payment}):
        moved = [e.amount for e in item.allocations if e.is_payment and e.value_date == day]
        kept.append([day, sum(amount for amount in moved if amount > 0)])
        returned = -sum(amount for amount in moved if amount < 0)
        for payment in reversed(kept):
            undone = min(returned, payment[1])
            payment[1] -= undone
            returned -= undone
    return {day: amount for day, amount in kept if amount}


def _rate(
    law: Law, regime: str | None, fixing: date, day: date
) -> tuple[Fraction | None, Fraction]:
    """Give reference and rate, remembered per half-year; an unknown one raises with the day."""
    known = law.__dict__.setdefault("_rates_by_half_year", {})
    key = (regime, half_year(fixing))
    if key not in known:
        try:
            known[key] = law.rate_fixed_for(regime or "", fixing)
        except UnknownRateError:
            known[key] = None
    if known[key] is None:
        raise UnknownRateError(regime, max(day, fixing) if fixing == day else fixing)
    return known[key]


def _round(value: Fraction, unit: int) -> int:
    """Round thousandths half away from zero to a multiple of the currency's minor unit."""
    whole = (2 * abs(value) / unit + 1) // 2
    return int(whole if value >= 0 else -whole) * unit
