"""Between the items of the slow twin and the columns of the interest kernels."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from functools import cache
from typing import Any

import numpy as np

from encours.kernels.imputation import net_returned_payments
from encours.kernels.interest import accrue_interest
from encours.kernels.interest_columns import (
    FAULT_RATE_MISSING,
    FLAG_CONSUMER,
    FLAG_CREDIT,
    FLAG_INTEREST_FIRST,
    FLAG_INTEREST_NOTE,
    FLAG_INTRAGROUP,
    NO_DAY,
    NO_INTEREST_REASONS,
    Allocations,
    InterestItems,
    InterestOptions,
    InterestPeriods,
    InterestResult,
    new_interest_result,
)
from encours.kernels.interest_periods import list_interest_periods
from encours.rules.rate_tables import EARLIEST_DAY, RateTables, build_rate_tables
from encours.rules.regimes import Regime, load_regimes
from encours.rules.series import RateSeries, load_series
from tests.naive.interest import Interest, Item

EPOCH = date(1970, 1, 1)
MINOR_UNITS = (10, 1000, 1)


def day_number(day: date | None) -> int:
    return NO_DAY if day is None else (day - EPOCH).days


@cache
def regimes() -> dict[str, Regime]:
    return load_regimes()


@cache
def series() -> dict[str, RateSeries]:
    return load_series()


@cache
def rate_tables(as_of: date) -> RateTables:
    return build_rate_tables(list(regimes().values()), series(), EARLIEST_DAY, day_number(as_of))


def columns(items: Sequence[Item]) -> tuple[InterestItems, Allocations]:
    """Give the items as the kernels take them."""
    codes = {name: code for code, name in enumerate(regimes())}
    entries = [sorted(item.allocations, key=lambda entry: entry.value_date) for item in items]
    flat = [entry for own in entries for entry in own]
    offset = np.cumsum([0] + [len(own) for own in entries])
    flags = [
        FLAG_CREDIT * item.is_credit
        | FLAG_INTEREST_NOTE * item.is_interest_note
        | FLAG_CONSUMER * item.is_consumer
        | FLAG_INTRAGROUP * item.is_intragroup
        | FLAG_INTEREST_FIRST * item.interest_first
        for item in items
    ]
    columns = InterestItems(
        amount_milli=np.array([item.amount for item in items], np.int64),
        open_milli=np.array([item.open_now() for item in items], np.int64),
        has_allocation=np.array([item.decides_by_allocation() for item in items], np.uint8),
        due_day=np.array([day_number(item.due) for item in items], np.int32),
        claim_day=np.array([day_number(item.claim_date or item.due) for item in items], np.int32),
        settled_day=np.array([day_number(item.settled_on) for item in items], np.int32),
        regime_code=np.array([codes.get(item.regime or "", -1) for item in items], np.int32),
        flags=np.array(flags, np.uint8),
        insolvency_day=np.array([day_number(item.insolvency) for item in items], np.int32),
        disputed_milli=np.array([item.disputed for item in items], np.int64),
        billed_to_day=np.array([day_number(item.billed_to) for item in items], np.int32),
        billed_milli=np.array([item.billed or 0 for item in items], np.int64),
        has_billed=np.array([item.billed is not None for item in items], np.uint8),
        currency_code=np.array([MINOR_UNITS.index(item.minor_unit) for item in items], np.int32),
    )
    allocations = Allocations(
        offset=offset.astype(np.int64),
        value_day=np.array([day_number(entry.value_date) for entry in flat], np.int32),
        amount_milli=np.array([entry.amount for entry in flat], np.int64),
        payment_milli=np.empty(len(flat), np.int64),
    )
    is_payment = np.array([entry.is_payment for entry in flat], np.uint8)
    net_returned_payments(columns.flags, *allocations[:3], is_payment, allocations.payment_milli)
    return columns, allocations


def options(as_of: date, grace_days: int = 0, accrue_on_disputed: bool = False) -> InterestOptions:
    return InterestOptions(
        day_number(as_of), grace_days, accrue_on_disputed, np.array(MINOR_UNITS, np.int64)
    )


def run(items: Sequence[Item], as_of: date, **chosen: Any) -> InterestResult:
    """Run the kernels over some items."""
    result = new_interest_result(len(items))
    accrue_interest(*columns(items), rate_tables(as_of), options(as_of, **chosen), result)
    return result


def run_periods(items: Sequence[Item], as_of: date, **chosen: Any) -> InterestPeriods:
    """List the detail of items that bear interest."""
    rows = np.arange(len(items), dtype=np.int64)
    tables = rate_tables(as_of)
    return list_interest_periods(rows, *columns(items), tables, options(as_of, **chosen))


def expected(twins: Sequence[Interest]) -> dict[str, np.ndarray]:
    """Give what the twin found as the columns that the kernels should have written."""
    return {
        "penalty_milli": np.array([twin.penalty for twin in twins]),
        "suspended_milli": np.array([twin.suspended for twin in twins]),
        "unbilled_milli": np.array([twin.unbilled for twin in twins]),
        "first_principal_milli": np.array([twin.first_principal for twin in twins]),
        "from_day": np.array([day_number(twin.from_day) for twin in twins]),
        "to_day": np.array([day_number(twin.to_day) for twin in twins]),
        "days": np.array([twin.days for twin in twins]),
        "reason": np.array([NO_INTEREST_REASONS.index(twin.reason) for twin in twins]),
        "fault": np.array([FAULT_RATE_MISSING * (twin.missing_day is not None) for twin in twins]),
        "rate_missing_day": np.array([day_number(twin.missing_day) for twin in twins]),
    }


def assert_same(items: Sequence[Item], twins: Sequence[Interest], result: InterestResult) -> None:
    """Compare every column, and show the first item that differs."""
    is_whole = np.array([twin.missing_day is None for twin in twins])
    wanted = expected(twins)
    for name in ("fault", "rate_missing_day", "reason", *wanted):
        compared = is_whole | (name in {"fault", "rate_missing_day"})
        differs = np.flatnonzero(compared & (getattr(result, name) != wanted[name]))
        if differs.size:
            k = int(differs[0])
            item = {f.name: getattr(items[k], f.name) for f in fields(Item)}
            found = getattr(result, name)[k]
            raise AssertionError(
                f"{name} of {differs.size} items; item {k}: {found}, expected {wanted[name][k]}\n"
                f"{item}\n{twins[k]}"
            )
