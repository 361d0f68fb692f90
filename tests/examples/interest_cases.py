"""Published worked examples of interest: which way of counting gives the printed figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from encours.rules.rate_tables import yearly_rate
from encours.rules.regimes import DayCount
from tests.naive.arithmetic import anniversary
from tests.naive.laws import day_weight
from tests.rules.published_cases import Facts, NoSuchRuleError, facts_of

CENT = Decimal("0.01")
ONE_DAY = timedelta(days=1)
BASIS = {DayCount.ACT_360: 360, DayCount.THIRTY_E_360: 360}


@dataclass(frozen=True)
class Verdict:
    """What became of a case: the word for it, the figures, and the arithmetic behind them."""

    case: str
    outcome: str
    published: str
    ours: str
    arithmetic: tuple[str, ...] = ()
    complaint: str = ""


@dataclass(frozen=True)
class Reading:
    """One way of counting, with the figure that it gives and how."""

    outcome: str
    figure: Decimal
    arithmetic: tuple[str, ...]


def judge(case: Mapping[str, Any]) -> Verdict:
    """Find the way of counting that gives the published interest of a case."""
    name, published = str(case["id"]), decimal(case["expected_interest"])
    try:
        readings = readings_of(case)
    except NoSuchRuleError as error:
        return Verdict(name, "no such rule", str(published), "", (str(error),))
    ours = readings[0].figure
    for reading in readings:
        if reading.figure == published:
            told = () if reading.outcome == "reproduced" else reading.arithmetic
            return Verdict(name, reading.outcome, str(published), str(ours), told)
    recomputed = case.get("recomputed_interest")
    for reading in readings:
        if recomputed is not None and reading.figure == decimal(recomputed):
            return Verdict(name, "wrong", str(published), str(ours), reading.arithmetic)
    told = tuple(f"{reading.outcome}: {reading.figure}" for reading in readings)
    complaint = f"{name}: published {published}, and no way of counting gives it: {told}"
    return Verdict(name, "unexplained", str(published), str(ours), told, complaint)


def decimal(value: object) -> Decimal:
    return Decimal(str(value)).quantize(CENT)


def readings_of(case: Mapping[str, Any]) -> list[Reading]:
    """Give the figure of every way of counting; the engine's own comes first."""
    if "rate_per_month" in case["rates"][0]:
        return [_engine_without(case), _compounded_monthly(case)]
    if Decimal(str(case["principal"])) < 0:
        return [_engine_without(case), _negative_interest(case)]
    facts = facts_of(case)
    starts = [date.fromisoformat(rate["from"]) for rate in case["rates"] if "from" in rate]
    earlier, both_ends = shifted(facts, -1), replace(facts, due=facts.due - ONE_DAY)
    return [
        Reading("reproduced", facts.interest(), tuple(told(facts, starts))),
        _windowed("counts the due day and not the end", earlier, starts),
        _windowed("counts both ends", both_ends, starts),
        _with_paid("the engine's window", facts),
        _with_paid("the window a day earlier", earlier),
        _by_segment("each stretch rounded by itself", facts, starts),
        _by_segment("the same, a day earlier", earlier, starts),
        _rounded_daily(facts),
        _truncated("the engine's window", facts),
        _truncated("the window a day earlier", earlier),
        _monthly_formula(facts),
        _days_lost(earlier, starts),
    ]


def shifted(facts: Facts, days: int) -> Facts:
    """Move window and payments to where the engine counts what the source counted."""
    shift = timedelta(days=days)
    payments = [(day + shift, amount, is_payment) for day, amount, is_payment in facts.payments]
    return replace(facts, due=facts.due + shift, end=facts.end + shift, payments=payments)


@dataclass(frozen=True)
class Stretch:
    """Days of one principal and one rate."""

    principal: Decimal
    due: date
    end: date
    percent: Decimal
    interest: Decimal


def stretches(facts: Facts, rate_starts: list[date]) -> Iterator[Stretch]:
    """Cut the delay where the rate or the principal changes; each rounded by itself."""
    cuts = {start - ONE_DAY for start in rate_starts} | {facts.end}
    cuts |= {day for day, _, _ in facts.payments}
    due, principal = facts.due, facts.principal
    for end in sorted(cuts):
        if not facts.due < end <= facts.end:
            continue
        one = replace(facts, principal=principal, due=due, end=end, payments=())
        percent = yearly_rate(facts.regime, dict(facts.series), due + ONE_DAY).rate
        yield Stretch(principal, due, end, percent, one.interest())
        principal -= sum((amount for day, amount, _ in facts.payments if day == end), Decimal(0))
        due = end


def counted_days(facts: Facts, one: Stretch) -> int:
    """Count the days of a stretch: calendar days, or those of months of thirty."""
    days = [one.due + ONE_DAY * number for number in range(1, (one.end - one.due).days + 1)]
    if facts.regime.day_count is not DayCount.THIRTY_E_360:
        return len(days)
    return int(sum(day_weight(DayCount.THIRTY_E_360, day) for day in days) * 360)


def told(facts: Facts, rate_starts: list[date]) -> Iterator[str]:
    """Write the stretches out; what payments take of interest first is not in them."""
    for one in stretches(facts, rate_starts):
        yield (
            f"{one.due + ONE_DAY} to {one.end}: {one.principal} x {counted_days(facts, one)} days "
            f"x {one.percent} % ({facts.regime.day_count}) = {one.interest}"
        )


def _windowed(why: str, facts: Facts, starts: list[date]) -> Reading:
    return Reading("other window", facts.interest(), (why, *told(facts, starts)))


def _with_paid(window: str, facts: Facts) -> Reading:
    """Add what payments took of the interest: some sources print all that accrued."""
    paid, left = (facts.interest_paid(), facts.interest()) if facts.interest_first else (0, 0)
    line = f"{paid} that payments took, and {left} left; {window}"
    return Reading("paid interest included", Decimal(paid + left), (line,))


def _by_segment(why: str, facts: Facts, starts: list[date]) -> Reading:
    total = sum((one.interest for one in stretches(facts, starts)), Decimal(0))
    return Reading("rounded per segment", total, (why, *told(facts, starts)))


def _single_rate(facts: Facts) -> tuple[Decimal, int, int]:
    """Give rate, days and basis, as sources with one stretch count them."""
    percent = yearly_rate(facts.regime, dict(facts.series), facts.due + ONE_DAY).rate
    return percent, (facts.end - facts.due).days, BASIS.get(facts.regime.day_count, 365)


def _rounded_daily(facts: Facts) -> Reading:
    """Round the amount of one day to the cent, then multiply by the days."""
    percent, days, basis = _single_rate(facts)
    daily = (facts.principal * percent / 100 / basis).quantize(CENT, ROUND_HALF_UP)
    line = f"{facts.principal} x {percent} % / {basis} = {daily} a day, x {days} days"
    return Reading("rounded daily", daily * days, (line,))


def _truncated(window: str, facts: Facts) -> Reading:
    """Cut what lies beyond the cent instead of rounding it; without payments."""
    days = (facts.due + ONE_DAY * number for number in range(1, (facts.end - facts.due).days + 1))
    exact = sum(
        (
            Fraction(yearly_rate(facts.regime, dict(facts.series), day).rate)
            * day_weight(facts.regime.day_count, day)
            for day in days
        ),
        Fraction(0),
    )
    cents = int(exact * Fraction(facts.principal)) if not facts.payments else 0
    line = f"{facts.principal} x {float(exact):.8f} %, cut to the cent; {window}"
    return Reading("truncated", Decimal(cents).scaleb(-2), (line,))


def _monthly_formula(facts: Facts) -> Reading:
    """Compound whole months at a twelfth of the rate, then days over 360 (5 CFR 1315.10)."""
    percent, _, _ = _single_rate(facts)
    months = 0
    while _months_later(facts.due, months + 1) <= facts.end:
        months += 1
    days = (facts.end - _months_later(facts.due, months)).days
    rate = Fraction(percent) / 100
    grown = Fraction(facts.principal) * (1 + rate / 12) ** months * (1 + rate * days / 360)
    line = f"{facts.principal} x (1 + {percent} % / 12)^{months} x (1 + {percent} % x {days} / 360)"
    return Reading("compounded monthly", _cents(grown - Fraction(facts.principal)), (line,))


def _days_lost(facts: Facts, starts: list[date]) -> Reading:
    """Begin each later stretch a day after the one before has ended: the mistake of a source."""
    lines, total = ["wrong: a day is lost at each change of the rate"], Decimal(0)
    for place, one in enumerate(stretches(facts, starts)):
        due = one.due + ONE_DAY * bool(place)
        piece = replace(facts, principal=one.principal, due=due, end=one.end, payments=())
        lines.append(f"{one.principal} x {(one.end - due).days} days = {piece.interest()}")
        total += piece.interest()
    return Reading("wrong", total, tuple(lines))


def _engine_without(case: Mapping[str, Any]) -> Reading:
    """Give what the engine says of a case whose rule it does not have: nothing."""
    return Reading("reproduced", Decimal("0.00"), (f"{case['id']}: no interest here",))


def _negative_interest(case: Mapping[str, Any]) -> Reading:
    """Give the interest of a credit, which some systems set against that of debts."""
    facts = facts_of({**case, "principal": -Decimal(str(case["principal"]))})
    lines = ("a credit bears no interest here (DOMAIN 6); the source sets it off:",)
    return Reading("credit", -facts.interest(), (*lines, *told(facts, [])))


def _compounded_monthly(case: Mapping[str, Any]) -> Reading:
    """Let a monthly rate join the base at each month from the due day, part months by their days.

    Every line is rounded, the base is not. A payment covers costs, the running month's interest,
    then the base. No regime of the engine compounds monthly.
    """
    rate = Fraction(str(case["rates"][0]["rate_per_month"])) / 100
    due, end = date.fromisoformat(case["due_date"]), date.fromisoformat(case["end_date"])
    payments = {date.fromisoformat(one["date"]): one for one in case.get("payments", ())}
    costs = Fraction(str(case.get("expected_indemnity") or 0))
    base, start, lines = Fraction(str(case["principal"])), due, []
    for number in range(1, 1200):
        following = _months_later(due, number)
        month_days = (following - _months_later(due, number - 1)).days
        within = [day for day in payments if start < day < following]
        for stop in [*sorted(within), min(following, end)]:
            accrued = base * rate * (stop - start).days / month_days
            lines.append(f"{_cents(accrued)}/{(stop - start).days}")
            start = stop
            if stop in payments:
                base += accrued - (Fraction(str(payments[stop]["amount"])) - costs)
            else:
                base += accrued
        if following >= end:
            break
    total = sum((Decimal(line.split("/")[0]) for line in lines), Decimal(0))
    text = f"{case['rates'][0]['rate_per_month']} % a month, interest/days: {' '.join(lines)}"
    return Reading("compounded monthly", total, (text,))


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.month - 1 + months, 12)
    return anniversary(date(2000, month + 1, min(day.day, 28)), day.year + year - 2000)


def _cents(value: Fraction) -> Decimal:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(CENT, ROUND_HALF_UP)
