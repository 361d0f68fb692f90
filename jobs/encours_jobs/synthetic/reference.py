"""The small tables: entities, policies, default limits, overrides, ERP holds, exchange rates."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.customers import CustomerBook, customer_ids
from encours_jobs.synthetic.draws import Draws
from encours_jobs.synthetic.limits import POLICIES
from encours_jobs.synthetic.plan import REFERENCE_STREAM, Plan
from encours_schemas import INPUT_TABLES
from encours_schemas.inputs import HOLD_KINDS

_FX_DAYS: Final = 60
_SATURDAY: Final = 5

# Streams within this family of tables.
_OVERRIDES, _HOLDS, _FX = range(3)


def reference_tables(plan: Plan, book: CustomerBook) -> dict[str, pa.Table]:
    """Give every small table by name."""
    return {
        "companies": _table("companies", _companies()),
        "policies": _table("policies", _policies(plan.as_of)),
        "default_limits": _table("default_limits", _default_limits()),
        "overrides": _table("overrides", _overrides(plan, book)),
        "erp_holds": _table("erp_holds", _erp_holds(plan, book)),
        "fx_rates": _table("fx_rates", _fx_rates(plan)),
    }


def _table(name: str, rows: list[tuple[Any, ...]]) -> pa.Table:
    """Give rows as a table of the contract; every column may be null, as in any extract."""
    fields = [field.with_nullable(nullable=True) for field in INPUT_TABLES[name].arrow_schema()]
    columns = zip(*rows, strict=True) if rows else [()] * len(fields)
    arrays = [
        pa.array(values, type=field.type) for values, field in zip(columns, fields, strict=True)
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def _companies() -> list[tuple[Any, ...]]:
    return [
        (
            company.code,
            company.name,
            company.country,
            company.currency,
            company.credit_segment,
            company.sector,
        )
        for company in words.COMPANIES
    ]


def _policies(as_of: date) -> list[tuple[Any, ...]]:
    """Give the policies: one renewed this year, one long running, a top-up, and an ended one."""
    alpha, beta, top_up, old = POLICIES
    year = as_of.year
    new_year, long_ago = date(year, 1, 1), date(year - 6, 1, 1)
    last_year_end = date(year - 1, 12, 31)
    return [
        (alpha, "Alpine Credit", Decimal(90), "incl", 120, 60, 90, 30, 60, long_ago, last_year_end),
        (alpha, "Alpine Credit", Decimal(90), "incl", 120, 60, 75, 30, 60, new_year, None),
        (beta, "Borealis Trade Cover", Decimal(85), "excl", 150, 90, 120, 0, 60, long_ago, None),
        (top_up, "Cedar Surety", Decimal(90), None, None, None, None, None, None, long_ago, None),
        (old, "Dunmore", Decimal(80), "incl", 90, 60, 90, 0, 30, long_ago, last_year_end),
    ]


def _default_limits() -> list[tuple[Any, ...]]:
    """Give a limit per risk class, in one segment another."""
    euros = dict(zip(words.RISK_CLASSES, (50_000, 25_000, 10_000, 2_500, 0), strict=True))
    every = [(risk, None, Decimal(euro), "EUR") for risk, euro in euros.items()]
    south = words.CREDIT_SEGMENTS[-1]
    return [*every, *((risk, south, Decimal(euro // 2), "EUR") for risk, euro in euros.items())]


def _ids(draws: Draws, book: CustomerBook, count: int) -> list[str]:
    """Give ids of some customers, each once, the large ones more often."""
    customers = np.unique(book.pick(draws.bits32(count))).astype(np.int64)
    ids: list[str] = customer_ids(customers).to_pylist()
    return ids


def _overrides(plan: Plan, book: CustomerBook) -> list[tuple[Any, ...]]:
    """Give decisions of people: some over, some general, some up to an exposure."""
    draws = Draws(plan.seed, REFERENCE_STREAM, _OVERRIDES, 1)
    rules = (None, "limit_exceeded", "overdue_age", "limit_expired")
    reasons = ("payment plan agreed", "waiting for a bank guarantee", "key account, board decision")
    rows: list[tuple[Any, ...]] = []
    for turn, customer in enumerate(_ids(draws, book, max(6, plan.customers // 400))):
        kind, days, length, bound = (int(value) for value in draws.below(1_000, 4))
        begin = plan.as_of - timedelta(days=1 + days % 60)
        rows.append(
            (
                customer,
                words.CREDIT_SEGMENTS[kind % 3] if kind % 2 else None,
                "hold" if turn % 4 == 1 else "release",
                rules[kind % 4],
                begin,
                begin + timedelta(days=10 + length % 120) if length % 4 else None,
                Decimal(bound * 1_000) if bound % 3 == 0 else None,
                reasons[days % 3],
                words.ACCOUNT_MANAGERS[bound % len(words.ACCOUNT_MANAGERS)],
            )
        )
    return rows


def _erp_holds(plan: Plan, book: CustomerBook) -> list[tuple[Any, ...]]:
    """Give what the ERP has blocked: by us, by itself, or by nobody knows whom."""
    draws = Draws(plan.seed, REFERENCE_STREAM, _HOLDS, 1)
    origins = ("encours", "encours", "manual", "dunning", None)
    rows: list[tuple[Any, ...]] = []
    for customer in _ids(draws, book, max(5, plan.customers // 150)):
        kind, origin, days = (int(value) for value in draws.below(1_000, 3))
        segment = words.CREDIT_SEGMENTS[kind % 3] if kind % 7 else None
        set_on = plan.as_of - timedelta(days=1 + days % 90) if days % 9 else None
        rows.extend(
            (customer, segment, hold_kind, origins[origin % 5], set_on)
            for hold_kind in HOLD_KINDS[: 1 + kind % 3]
        )
    return rows


def _fx_rates(plan: Plan) -> list[tuple[Any, ...]]:
    """Give the rates of each working day: small steps from a plausible start, exact decimals."""
    days = [plan.as_of - timedelta(days=back) for back in range(_FX_DAYS, -1, -1)]
    # The as-of date itself is on file even when it is a Saturday: a first look finds a rate.
    days = [day for day in days if day.weekday() < _SATURDAY or day == plan.as_of]
    rows: list[tuple[Any, ...]] = []
    for place, currency in enumerate(words.CURRENCIES):
        if currency.code == "EUR":
            continue
        draws = Draws(plan.seed, REFERENCE_STREAM, _FX + place, 1)
        quoted_e6 = currency.quoted_e6
        for day, step in zip(days, draws.below(801, len(days)), strict=True):
            quoted_e6 += quoted_e6 * (int(step) - 400) // 100_000
            rate = Decimal(quoted_e6).scaleb(-6)
            pair = ("EUR", currency.code) if currency.from_euro else (currency.code, "EUR")
            rows.append((*pair, day, rate))
    return rows
