"""Limits of accounts on their days of change, against those of every account on one day."""

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from encours.calc.limit_states import account_changes, limits_on_days
from encours.calc.limits import LimitBook, LimitTables
from encours.ledger.limits import GUARANTEE, INSURED, INTERNAL, TEMPORARY
from encours.ledger.policies import Policies
from tests.calc.stand_ins import AS_OF_DAY
from tests.calc.test_limits import SEGMENTS, book_of, limit

KINDS = (INTERNAL, TEMPORARY, INSURED)
AHEAD = 12
_EPOCH = date(1970, 1, 1)
OWED = ((0, 0, 100), (0, 1, 70), (1, 0, 30), (2, 1, 40))
ends = st.none() | st.integers(-3, AHEAD)


@st.composite
def limits(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a limit of one of three parties that may begin, end or be withdrawn soon."""
    days = {name: draw(ends) for name in ("to_day", "withdrawn_day")}
    kind = draw(st.sampled_from((*KINDS, GUARANTEE)))
    return limit(
        draw(st.integers(0, 200)),
        kind,
        party=draw(st.sampled_from(("K0", "K1", "K2"))),
        segment=draw(st.none() | st.sampled_from(SEGMENTS)),
        is_unlimited=draw(st.integers(0, 9)) == 0,
        effect_code=draw(st.integers(0, 1)),
        policy=draw(st.none() | st.sampled_from("PQR")) if kind == INSURED else None,
        from_day=draw(st.integers(-5, AHEAD)),
        **{name: day for name, day in days.items() if day is not None},
    )


policy_rows = st.lists(
    st.tuples(st.sampled_from("PQ"), st.integers(-9, AHEAD), ends),
    max_size=3,
    unique_by=lambda x: x[:2],
)


def book_with_policies(rows: list[dict[str, Any]], policies: list[Any], way: str) -> LimitBook:
    """Lay limits against accounts; policies are name, first and last day."""
    defaults = [("A", None, 55), ("B", "NORTH", 25)]
    book = book_of(
        rows, OWED, defaults=defaults, classes=("A", "B", None), limits={"missing_limit": way}
    )
    day = [_EPOCH + timedelta(days=AS_OF_DAY + first) for _, first, _ in policies]
    columns = {
        "policy": [name for name, _, _ in policies],
        "valid_from": day,
        "valid_to": [
            None if last is None else _EPOCH + timedelta(days=AS_OF_DAY + max(first, last))
            for _, first, last in policies
        ],
        "tax_base": ["incl"] * len(policies),
    }
    for name in (
        "insured_percent",
        "max_credit_days",
        "max_extension_days",
        "notify_after_days",
        "binding_orders_days",
        "dispute_grace_days",
        "insurer",
    ):
        columns[name] = [None] * len(policies)
    table: Any = SimpleNamespace(columns=columns)
    tables = LimitTables(book.tables.limits, Policies(table), book.tables.defaults)
    return LimitBook(tables, book.accounts, book.positions, book.context)


def columns_on(book: LimitBook, day: int) -> list[list[Any]]:
    """Give what the rules about limits look at, of every row on a day."""
    found = book.on(day)
    parties, shares = found.parties, found.party >= 0
    party_milli = np.full(len(found), -1, np.int64)
    bound = np.where(parties.is_unlimited, -1, parties.limit_milli)
    party_milli[shares] = bound[found.party[shares]]
    return [
        list(row)
        for row in zip(
            found.status_code.tolist(),
            *(part.tolist() for part in found.credit),
            *(part.tolist() for part in found.insured),
            shares.tolist(),
            party_milli.tolist(),
            strict=True,
        )
    ]


cases = st.tuples(
    st.lists(limits(), max_size=9),
    policy_rows,
    st.sampled_from(("zero", "unlimited", "insured", "by_risk_class")),
)


@settings(max_examples=60)
@given(cases)
def test_limits_on_days__are_those_of_all_accounts_on_each_of_the_days(case: Any) -> None:
    book = book_with_policies(*case)
    expected = {day: columns_on(book, AS_OF_DAY + day) for day in range(AHEAD + 2)}
    accounts = np.unique(book.accounts.account_code)
    pairs = [(account, day) for account in accounts.tolist() for day in expected][::-1]
    account, day = np.array(pairs, np.int64).T
    states = limits_on_days(book, KINDS, account, AS_OF_DAY + day)
    shown = states.shown
    milli = np.where(shown.party_credit.is_unlimited, -1, shown.party_credit.milli)
    found = zip(
        shown.status_code.tolist(),
        *(part.tolist() for part in shown.credit),
        *(part.tolist() for part in shown.insured),
        shown.shares.tolist(),
        np.where(shown.shares, milli, -1).tolist(),
        strict=True,
    )
    rows = zip(states.state.tolist(), states.row.tolist(), strict=True)
    assert len(states.row) == len(book.accounts) * len(expected)
    for (state, row), values in zip(rows, found, strict=True):
        assert list(values) == expected[pairs[state][1]][row]


@settings(max_examples=60)
@given(cases)
def test_account_changes__leave_nothing_out(case: Any) -> None:
    book = book_with_policies(*case)
    account, day = account_changes(book, KINDS, AS_OF_DAY + 1, AS_OF_DAY + AHEAD + 1)
    listed = set(zip(account.tolist(), (day - AS_OF_DAY).tolist(), strict=True))
    before = columns_on(book, AS_OF_DAY)
    for ahead in range(1, AHEAD + 2):
        now = columns_on(book, AS_OF_DAY + ahead)
        changed = {
            int(book.accounts.account_code[row])
            for row in range(len(now))
            if now[row] != before[row]
        }
        assert changed <= {one for one, at in listed if at == ahead}
        before = now
