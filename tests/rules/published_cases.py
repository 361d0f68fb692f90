"""Published worked examples as the engine computes them: same facts, stated convention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from encours.kernels.interest import accrue_interest
from encours.kernels.interest_columns import (
    FLAG_CREDIT,
    FLAG_INTEREST_FIRST,
    NO_DAY,
    Allocations,
    InterestItems,
    InterestOptions,
    new_interest_result,
)
from encours.kernels.interest_periods import list_interest_periods
from encours.rules.currencies import minor_unit_milli
from encours.rules.rate_tables import build_rate_tables
from encours.rules.regimes import DayCount, Fixing, Regime
from encours.rules.series import RateSeries, UserRate, load_series

EPOCH = date(1970, 1, 1)
AN_ORDINARY_DAY = date(2025, 3, 3)  # where a source gives a number of days and no dates


class NoSuchRuleError(Exception):
    """A case needs what no regime of the engine has."""


@dataclass(frozen=True)
class Facts:
    """What an example says, in the engine's terms."""

    principal: Decimal
    currency: str
    due: date
    end: date
    regime: Regime
    series: Mapping[str, RateSeries]
    payments: Sequence[tuple[date, Decimal, bool]] = ()
    interest_first: bool = False

    def interest(self) -> Decimal:
        """Give the penalty interest that the kernels accrue."""
        result = new_interest_result(1)
        items, allocations, tables, options = self._inputs()
        assert accrue_interest(items, allocations, tables, options, result) == 0
        return Decimal(int(result.penalty_milli[0])) / 1000

    def interest_paid(self) -> Decimal:
        """Give the interest that payments took."""
        rows = list_interest_periods(np.zeros(1, np.int64), *self._inputs())
        return -Decimal(int(rows.interest_milli[rows.days == 0].sum())) / 1000

    def _inputs(self) -> tuple[Any, ...]:
        """Give what the kernels take: items, allocations, tables, options."""
        day = (self.due - EPOCH).days
        end = (self.end - EPOCH).days
        amount = milli(self.principal)
        flags = FLAG_INTEREST_FIRST if self.interest_first else 0
        payments = sorted(self.payments)
        paid = sum((payment[1] for payment in payments), Decimal(0))

        def column(value: int, kind: type[np.generic]) -> Any:
            return np.array([value], kind)

        items = InterestItems(
            amount_milli=column(amount, np.int64),
            open_milli=column(amount - milli(paid), np.int64),
            has_allocation=column(bool(payments), np.uint8),
            due_day=column(day, np.int32),
            claim_day=column(day, np.int32),
            settled_day=column(NO_DAY, np.int32),
            regime_code=column(0, np.int32),
            flags=column(flags | (FLAG_CREDIT if amount < 0 else 0), np.uint8),
            insolvency_day=column(NO_DAY, np.int32),
            disputed_milli=column(0, np.int64),
            billed_to_day=column(NO_DAY, np.int32),
            billed_milli=column(0, np.int64),
            has_billed=column(0, np.uint8),
            currency_code=column(0, np.int32),
        )
        allocations = Allocations(
            offset=np.array([0, len(payments)], np.int64),
            value_day=np.array([(payment[0] - EPOCH).days for payment in payments], np.int32),
            amount_milli=np.array([milli(payment[1]) for payment in payments], np.int64),
            payment_milli=np.array([milli(p[1]) if p[2] else 0 for p in payments], np.int64),
        )
        unit = np.array([minor_unit_milli(self.currency)], np.int64)
        tables = build_rate_tables([self.regime], dict(self.series), day - 1, end)
        return items, allocations, tables, InterestOptions(end, 0, False, unit)


def milli(amount: Decimal) -> int:
    return int(amount * 1000)


def contract(
    rates: Sequence[tuple[date, Decimal]], day_count: DayCount, *, compounds: bool = False
) -> tuple[Regime, dict[str, RateSeries]]:
    """Give a contract regime whose rate follows the dated rates, and the series that says so."""
    # Sources that count the due day look at the first rate a day or two before it is dated.
    rates = [(rates[0][0] - timedelta(days=5), rates[0][1]), *rates]
    rows = [UserRate("published", day, rate, "the example") for day, rate in rates]
    # A user's row reaches to the end of its half-year: repeat the value until the last half-year.
    last = max(day for day, _ in rates)
    horizon = [date(year, month, 1) for year in range(2005, 2030) for month in (1, 7)]
    for day in horizon:
        earlier = [rate for effective, rate in rates if effective <= day]
        if earlier and (day > last or day not in {row[1] for row in rows}):
            rows.append(UserRate("published", day, earlier[-1], "the example"))
    rows = list({row[1]: row for row in rows}.values())
    regime = Regime(
        name="example",
        fixing=Fixing.CONTRACTUAL,
        day_count=day_count,
        reference="published",
        compounding="yearly_from_default" if compounds else "none",
    )
    return regime, load_series(rows)


IMPUTATIONS = {None, "principal_first", "interest_first"}
DAY_COUNTS = {"30/360": DayCount.THIRTY_E_360} | {str(count): count for count in DayCount}


def facts_of(case: Mapping[str, Any]) -> Facts:
    """Read a case of `worked_examples.json`.

    Raises NoSuchRuleError for a day count or an imputation that the engine does not have.
    """
    if case["day_count"] not in DAY_COUNTS:
        raise NoSuchRuleError(f"day count {case['day_count']}")
    payments = case.get("payments") or ()
    imputations = {payment.get("imputation") for payment in payments}
    if not imputations <= IMPUTATIONS:
        raise NoSuchRuleError(f"imputation {', '.join(map(str, imputations - IMPUTATIONS))}")
    due, end, rates = _window(case)
    regime, series = contract(
        rates, DAY_COUNTS[case["day_count"]], compounds=case["jurisdiction"] == "NL"
    )
    return Facts(
        principal=Decimal(str(case["principal"])),
        currency=case["currency"],
        due=due,
        end=end,
        regime=regime,
        series=series,
        payments=[
            (
                date.fromisoformat(payment["date"]),
                Decimal(str(payment["amount"])),
                payment.get("kind") != "credit_note",
            )
            for payment in payments
        ],
        interest_first="interest_first" in imputations,
    )


def _window(case: Mapping[str, Any]) -> tuple[date, date, list[tuple[date, Decimal]]]:
    """Give due date, end and dated rates; of a case that names only days, from an ordinary day."""
    if case["due_date"] is not None and "YYYY" not in case["due_date"]:
        due, end = date.fromisoformat(case["due_date"]), date.fromisoformat(case["end_date"])
        starts = [rate.get("from", due.isoformat()) for rate in case["rates"]]
        days = [date.fromisoformat(start) for start in starts]
    else:
        due = AN_ORDINARY_DAY
        lengths = [rate.get("days") for rate in case["rates"]]
        if None in lengths:
            raise NoSuchRuleError("neither dates nor days")
        ends = [due + timedelta(days=sum(lengths[: place + 1])) for place in range(len(lengths))]
        end = ends[-1]
        days = [due, *(last + timedelta(days=1) for last in ends[:-1])]
    values = [Decimal(str(rate["rate"])) for rate in case["rates"]]
    return due, end, list(zip(days, values, strict=True))
