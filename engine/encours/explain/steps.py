"""An item's interest stretch by stretch: exact fractions, running totals, sources of the rates.

The stretches are those of the kernel that fills `interest_periods`; the fractions are worked out
again from their facts in whole numbers, and must round to the kernel's amounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from encours.kernels.interest_accrual import anniversary_day
from encours.kernels.interest_columns import (
    COMPOUNDS,
    DAY_COUNT,
    FLAG_INTEREST_FIRST,
    RATE_DIVISOR,
    RATE_UNIT_E9,
    WEIGHT,
)
from encours.rules.derivation import RateDerivation, derive_rate
from encours.rules.regimes import DayCount
from encours_schemas.errors import ControlFailed

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.items import MeasuredItems
    from encours.kernels.interest_columns import InterestPeriods

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class PeriodStep:
    """One stretch of constant principal and rate, in the item's currency.

    days            calendar days; 0: a payment took interest that had accrued, `interest` negative
    year_fraction   the share of a year that the days are, as the day count has it: `61/366`
    exact           principal x rate x share of a year, before any rounding
    accrued         exact interest since the last rounding, this stretch included
    running_total   rounded interest up to here; its last value is the item's interest
    interest        what this stretch adds to the running total
    rounded_on      the day at whose end the interest accrued so far was rounded before this
                    stretch began: it joined the principal, or a payment was set against it
    derivation      None for a stretch of no days
    """

    from_date: date
    to_date: date
    days: int
    principal: Decimal
    rate_percent: Decimal
    rate_day: date
    derivation: RateDerivation | None
    day_count: str
    year_fraction: str
    exact: Fraction
    accrued: Fraction
    running_total: Decimal
    interest: Decimal
    rounded_on: date | None


@dataclass(frozen=True)
class _Item:
    """What the fractions of one item need, in thousandths and days."""

    regime_code: int
    minor_unit_milli: int
    settling_days: tuple[int, ...]


def list_steps(
    measured: MeasuredItems, row: int, context: RunContext, *, with_disputed: bool
) -> list[PeriodStep]:
    """Give the stretches of an item that bears interest, or would but for a minimum or a dispute.

    with_disputed  the whole principal is disputed: show the interest that is suspended

    Raises ControlFailed (70) where fractions and kernel do not agree.
    """
    from encours.kernels.interest_periods import list_interest_periods

    inputs = measured.interest_inputs
    options = inputs.options._replace(accrue_on_disputed=True) if with_disputed else inputs.options
    periods = list_interest_periods(
        np.array([row], np.int64), inputs.items, inputs.allocations, context.law.rates, options
    )
    return _steps(periods, _item(measured, row, context), context)


def _item(measured: MeasuredItems, row: int, context: RunContext) -> _Item:
    """Gather what the fractions need; settling days are those at whose end interest is rounded."""
    inputs = measured.interest_inputs
    regime = int(measured.regime_code[row])
    due = int(inputs.items.due_day[row])
    end = int(inputs.options.as_of_day)
    settling = set()
    if context.law.rates.regimes[regime, COMPOUNDS]:
        years = range(1, (end - due) // 365 + 2)
        settling |= {int(anniversary_day(np.int64(due), np.int64(year))) for year in years}
    if inputs.items.flags[row] & FLAG_INTEREST_FIRST:
        first, last = inputs.allocations.offset[row : row + 2].tolist()
        paying = inputs.allocations.payment_milli[first:last] > 0
        settling |= set(inputs.allocations.value_day[first:last][paying].tolist())
    unit = int(inputs.options.minor_unit_milli[inputs.items.currency_code[row]])
    return _Item(regime, unit, tuple(sorted(settling)))


def _steps(periods: InterestPeriods, item: _Item, context: RunContext) -> list[PeriodStep]:
    """Walk the stretches: add fractions up, round where the rule says so, hold against the kernel.

    Amounts are thousandths until they are shown.
    """
    steps: list[PeriodStep] = []
    settled, accrued, running, begun = 0, Fraction(0), 0, None
    for place in range(len(periods.days)):
        first, last = int(periods.from_day[place]), int(periods.to_day[place])
        rounded_on = _settled_between(item.settling_days, begun, first)
        if rounded_on is not None or not periods.days[place]:
            settled, accrued = settled + _rounded(accrued, item.minor_unit_milli), Fraction(0)
        exact, share = Fraction(0), ""
        if periods.days[place]:
            exact, share = _exact(periods, place, item, context)
            begun = first
        else:
            settled += int(periods.interest_milli[place])
        accrued += exact
        running += int(periods.interest_milli[place])
        if settled + _rounded(accrued, item.minor_unit_milli) != running:
            raise ControlFailed(
                what="the exact fractions do not round to the interest of the item",
                where=f"stretch {place + 1}",
                found=str(settled + _rounded(accrued, item.minor_unit_milli)),
                expected=str(running),
                cure="report this defect of the engine",
            )
        steps.append(
            PeriodStep(
                from_date=_date(first),
                to_date=_date(last),
                days=int(periods.days[place]),
                principal=_money(int(periods.principal_milli[place])),
                rate_percent=Decimal(int(periods.rate_e9[place])).scaleb(-9),
                rate_day=_date(int(periods.rate_day[place])),
                derivation=_derivation(periods, place, item, context),
                day_count=str(context.law.regimes[item.regime_code].day_count),
                year_fraction=share,
                exact=exact / 1000,
                accrued=accrued / 1000,
                running_total=_money(running),
                interest=_money(int(periods.interest_milli[place])),
                rounded_on=None if rounded_on is None else _date(rounded_on),
            )
        )
    return steps


def _settled_between(days: tuple[int, ...], begun: int | None, first: int) -> int | None:
    """Give the last settling day from the beginning of one stretch to the eve of the next."""
    if begun is None:
        return None
    between = [day for day in days if begun <= day < first]
    return between[-1] if between else None


def _exact(
    periods: InterestPeriods, place: int, item: _Item, context: RunContext
) -> tuple[Fraction, str]:
    """Give a stretch's interest in thousandths as a fraction, and its share of a year."""
    tables = context.law.rates
    facts = tables.regimes[item.regime_code].tolist()
    column = WEIGHT + facts[DAY_COUNT]
    first, last = int(periods.from_day[place]), int(periods.to_day[place])
    weight = int(tables.days[last - tables.first_day, column])
    weight -= int(tables.days[first - 1 - tables.first_day, column])
    divisor = facts[RATE_DIVISOR] * facts[RATE_UNIT_E9]
    product = int(periods.principal_milli[place]) * int(periods.rate_e9[place]) * weight
    day_count = context.law.regimes[item.regime_code].day_count
    return Fraction(product, divisor), _share(day_count, weight, last - first + 1)


def _share(day_count: DayCount, weight: int, days: int) -> str:
    """Write the share of a year: days over the year's length, by kinds of year where they differ.

    Under ACT/ACT a day of a leap year weighs 365 and another 366 (over 365 x 366).
    """
    if day_count is not DayCount.ACT_ACT:
        return f"{weight}/{360 if '360' in day_count else 365}"
    in_leap = 366 * days - weight
    parts = ((days - in_leap, 365), (in_leap, 366))
    return " + ".join(f"{count}/{length}" for count, length in parts if count)


def _derivation(
    periods: InterestPeriods, place: int, item: _Item, context: RunContext
) -> RateDerivation | None:
    """Give the sources of a stretch's rate; they must lead to the rate that the kernel took."""
    if not periods.days[place]:
        return None
    regime = context.law.regimes[item.regime_code]
    derivation = derive_rate(regime, context.law.series, _date(int(periods.rate_day[place])))
    taken = Decimal(int(periods.rate_e9[place])).scaleb(-9)
    if derivation.rate != taken:
        raise ControlFailed(
            what="the sources of a rate do not lead to the rate that was taken",
            where=f"interest regime {regime.name}",
            found=str(derivation.rate),
            expected=str(taken),
            cure="report this defect of the engine",
        )
    return derivation


def _rounded(milli: Fraction, unit: int) -> int:
    """Round to the currency, half away from zero: thousandths."""
    units = abs(milli) / unit
    size = (2 * units.numerator + units.denominator) // (2 * units.denominator)
    return (size if milli >= 0 else -size) * unit


def _money(milli: int) -> Decimal:
    return Decimal(milli).scaleb(-3)


def _date(day: int) -> date:
    return EPOCH + timedelta(days=day)
