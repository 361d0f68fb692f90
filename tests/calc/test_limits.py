"""What accounts and groups may owe: which limit they show, and what is left of it (DOMAIN 7)."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.calc.account_rows import account_rows
from encours.calc.exposure import POSITION_SUMS, build_positions
from encours.calc.limit_states import account_changes
from encours.calc.limits import AccountLimits, LimitBook, LimitTables, limit_notices, utilisation_e6
from encours.calc.secured import secured_amounts
from encours.calc.sums import KeyedSums
from encours.ledger.limits import GUARANTEE, INSURED, INTERNAL, TEMPORARY, limits_of, no_limits
from encours.ledger.policies import Policies
from encours_schemas.outputs import LIMIT_STATUSES
from tests.calc.stand_ins import AS_OF_DAY, EUR, NO_DAY, customers, lines_of, run_context

SEGMENTS = ("NORTH", "SOUTH")
ADD, REPLACE = 0, 1


def limit(amount: int, kind: int = INTERNAL, **further: Any) -> dict[str, Any]:
    """Give a limit of K0 in euros, in force; days count from the as-of date."""
    days: dict[str, Any] = {
        name: AS_OF_DAY + further.pop(name)
        for name in ("from_day", "to_day", "withdrawn_day")
        if name in further
    }
    return {
        "party": "K0",
        "kind_code": kind,
        "amount_milli": amount * 1_000,
        "currency_code": EUR,
        "from_day": AS_OF_DAY - 9,
        **days,
        **further,
    }


def book_of(
    rows: Sequence[dict[str, Any]],
    owed: Sequence[tuple[int, int, int]] = ((0, 0, 100),),
    *,
    parents: Sequence[int] = (),
    defaults: Sequence[tuple[str, str | None, int]] = (),
    classes: Sequence[str | None] = (),
    **configuration: Any,
) -> LimitBook:
    """Lay limits against accounts.

    owed      customer, company (one of each segment) and euros
    defaults  risk class, segment and euros
    """
    parties = customers(3, parents=parents)
    if classes:
        parties.texts["risk_class"] = pa.array(classes, pa.string())  # type: ignore[index]
    context = run_context(parties, ("1000", "2000"), SEGMENTS, **configuration)
    lines = lines_of(
        [
            {"customer": who, "company": where, "receivables": euro * 1_000}
            for who, where, euro in owed
        ],
        2,
    )
    positions = build_positions(lines, KeyedSums(len(POSITION_SUMS)), context)
    named = [{"limit_id": f"L{place}", **row} for place, row in enumerate(rows)]
    table = None
    if defaults:
        columns: dict[str, list[Any]] = {
            "risk_class": [one[0] for one in defaults],
            "credit_segment": [one[1] for one in defaults],
            "amount": [Decimal(one[2]) for one in defaults],
            "currency": ["EUR"] * len(defaults),
        }
        table = SimpleNamespace(columns=columns, rows=len(defaults))
    limits = limits_of(named)
    tables = LimitTables(limits, Policies(None), table)  # type: ignore[arg-type]
    return LimitBook(tables, account_rows(positions, limits, context), positions, context)


def shown(limits: AccountLimits) -> dict[str, tuple[str, int | None, int | None]]:
    """Give status, limit and what is left in euros by account and segment."""
    accounts = limits.book.accounts
    return {
        f"{accounts.account_ids[int(account)].as_py()} {accounts.segments[segment]}": (
            LIMIT_STATUSES[limits.status_code[row]],
            int(limits.credit.milli[row]) // 1_000 if limits.credit.is_amount[row] else None,
            int(limits.as_shown.available_milli[row]) // 1_000
            if limits.has_available[row]
            else None,
        )
        for row, (account, segment) in enumerate(
            zip(accounts.account_code, accounts.segment_code, strict=True)
        )
    }


def status(rows: Sequence[dict[str, Any]], **options: Any) -> tuple[str, int | None, int | None]:
    """Give what the only account shows."""
    [found] = shown(book_of(rows, **options).on(AS_OF_DAY)).values()
    return found


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], ("none", None, None)),
        ([limit(300)], ("set", 300, 200)),
        ([limit(0)], ("set", 0, -100)),
        ([limit(300, segment="NORTH")], ("set", 300, 200)),
        ([limit(300), limit(200, segment="NORTH")], ("set", 200, 100)),
        ([limit(300, is_unlimited=True)], ("unlimited", None, None)),
        ([limit(300, to_day=-1)], ("expired", None, None)),
        ([limit(300, withdrawn_day=0)], ("expired", None, None)),
        ([limit(300, from_day=1)], ("none", None, None)),
        ([limit(300), limit(50, TEMPORARY)], ("set", 350, 250)),
        ([limit(300), limit(50, TEMPORARY), limit(20, TEMPORARY)], ("set", 370, 270)),
        ([limit(300), limit(50, TEMPORARY, effect_code=REPLACE)], ("set", 50, -50)),
        (
            [limit(300), limit(50, TEMPORARY, effect_code=REPLACE), limit(20, TEMPORARY)],
            ("set", 70, -30),
        ),
        ([limit(50, TEMPORARY)], ("set", 50, -50)),
        ([limit(300), limit(50, TEMPORARY, is_unlimited=True)], ("unlimited", None, None)),
        ([limit(300), limit(50, INSURED), limit(50, GUARANTEE)], ("set", 300, 200)),
    ],
)
def test_limit_status__says_where_the_limit_comes_from(
    rows: list[dict[str, Any]], expected: tuple[str, int | None, int | None]
) -> None:
    assert status(rows) == expected


def test_default_limit__is_the_segments_then_that_of_all() -> None:
    options: dict[str, Any] = {
        "defaults": [("A", None, 70), ("A", "NORTH", 50), ("B", None, 20)],
        "classes": ["A", "C", None],
    }
    assert status([], **options) == ("default", 50, -50)
    assert status([limit(5, TEMPORARY)], **options) == ("default", 55, -45)
    assert status([limit(300, to_day=-1)], **options) == ("expired", None, None)
    assert status([], owed=[(0, 1, 100)], **options) == ("default", 70, -30)
    for policy in ("zero", "unlimited", "insured"):
        asked = {"limits": {"missing_limit": policy}}
        assert status([], **options, **asked) == ("none", None, None)
    lacking = book_of([limit(1)], owed=[(0, 0, 9), (1, 0, 9), (2, 0, 9)], **options).on(AS_OF_DAY)
    assert lacking.lacking_classes == ("C",)
    assert [notice.code.value for notice in limit_notices(lacking)] == ["no_default_limit"]


TWO = [(0, 0, 100), (0, 1, 60)]


def test_shared_limit__is_measured_on_all_accounts_of_the_party() -> None:
    limits = book_of([limit(200)], TWO).on(AS_OF_DAY)
    assert shown(limits) == {"K0 NORTH": ("shared", 200, 40), "K0 SOUTH": ("shared", 200, 40)}
    assert limits.parties.exposure_milli.tolist() == [160_000]
    assert limits.party.tolist() == [0, 0]
    assert limits.as_shown.utilisation_e6.tolist() == [800_000, 800_000]


def test_shared_limit__binds_accounts_with_a_limit_of_their_own_as_a_party() -> None:
    limits = book_of([limit(200), limit(70, segment="SOUTH")], TWO).on(AS_OF_DAY)
    assert shown(limits) == {"K0 NORTH": ("shared", 200, 40), "K0 SOUTH": ("set", 70, 10)}
    assert limits.party.tolist() == [0, 0]


def test_temporary_limit_for_all__needs_an_internal_one_for_all() -> None:
    rows = [limit(70, segment="SOUTH"), limit(50, TEMPORARY)]
    limits = book_of(rows, TWO).on(AS_OF_DAY)
    assert shown(limits) == {"K0 NORTH": ("none", None, None), "K0 SOUTH": ("set", 70, 10)}
    assert limits.party.tolist() == [-1, -1]
    alone = book_of([limit(50, TEMPORARY)], TWO).on(AS_OF_DAY)
    assert {one[:2] for one in shown(alone).values()} == {("shared", 50)}


def test_limits__of_another_day_are_those_of_that_day() -> None:
    rows = [limit(300), limit(50, TEMPORARY, to_day=5), limit(400, from_day=20)]
    book = book_of(rows)
    assert [shown(book.on(AS_OF_DAY + day))["K0 NORTH"][1] for day in (0, 5, 6, 20)] == [
        350, 350, 300, 400,
    ]  # fmt: skip
    today = book.on(AS_OF_DAY)
    assert today.last_days(TEMPORARY).tolist() == [AS_OF_DAY + 5]
    assert today.last_days(GUARANTEE).tolist() == [NO_DAY]
    account, day = account_changes(book, (INTERNAL, TEMPORARY), AS_OF_DAY + 1, AS_OF_DAY + 20)
    assert account.tolist() == [0, 0]
    assert sorted((day - AS_OF_DAY).tolist()) == [6, 20]


def test_expired_day__is_the_last_day_of_the_limit_that_ended_last() -> None:
    rows = [limit(300, from_day=-9, to_day=-3), limit(200, segment="NORTH", withdrawn_day=-5)]
    assert book_of(rows).on(AS_OF_DAY).expired_day.tolist() == [AS_OF_DAY - 3]
    assert book_of([limit(300)]).on(AS_OF_DAY).expired_day.tolist() == [NO_DAY]


def test_group_limit__is_answered_to_by_every_descendant_in_its_segment() -> None:
    rows = [
        limit(1_000, party="K0", is_group=True),
        limit(50, TEMPORARY, party="K0", is_group=True),
        limit(200, party="K1", is_group=True, segment="SOUTH"),
        limit(90, party="nobody", is_group=True),
    ]
    owed = [(0, 0, 100), (1, 1, 40), (2, 0, 30), (2, 1, 20)]
    limits = book_of(rows, owed, parents=[-1, 0, 1]).on(AS_OF_DAY)
    groups = limits.groups
    facts = zip(groups.party_code, groups.limit_milli, groups.exposure_milli, strict=True)
    assert sorted((int(p), int(m) // 1_000, int(e) // 1_000) for p, m, e in facts) == [
        (0, 1_050, 190),
        (1, 200, 60),
    ]
    names = list(shown(limits))
    pairs = {
        (names[row], int(groups.party_code[group]))
        for row, group in zip(*limits.group_answers(), strict=True)
    }
    assert pairs == {
        ("K0 NORTH", 0), ("K1 SOUTH", 0), ("K2 NORTH", 0), ("K2 SOUTH", 0),
        ("K1 SOUTH", 1), ("K2 SOUTH", 1),
    }  # fmt: skip


def test_secured__is_at_most_the_exposure_and_shared_guarantees_stand_once() -> None:
    rows = [limit(120, GUARANTEE), limit(30, GUARANTEE, segment="NORTH")]
    limits = book_of(rows, TWO).on(AS_OF_DAY)
    share = np.array([20_000, 0])
    found = secured_amounts(limits, np.array([25_000, 0]), share)
    assert (found.guarantees_milli // 1_000).tolist() == [30 + 50 + 10, 60]
    assert (found.secured_milli // 1_000).tolist() == [100, 60]
    assert (found.unsecured_milli // 1_000).tolist() == [0, 0]


def test_guarantee_without_a_bound__covers_the_exposure() -> None:
    limits = book_of([limit(1, GUARANTEE, is_unlimited=True)]).on(AS_OF_DAY)
    found = secured_amounts(limits, np.zeros(1, np.int64), np.zeros(1, np.int64))
    assert found.unsecured_milli.tolist() == [0]


def test_ledger_without_limits__says_so_once() -> None:
    book = book_of([])
    tables = LimitTables(no_limits(), Policies(None), None)
    off = LimitBook(tables, book.accounts, book.positions, book.context).on(AS_OF_DAY)
    assert not off.is_given
    assert [notice.code.value for notice in limit_notices(off)] == ["no_credit_limits"]


milli = st.integers(-(10**18) + 1, 10**18 - 1) | st.integers(-(2**43), 2**43)


@given(st.lists(st.tuples(milli, st.integers(1, 10**18 - 1) | st.integers(1, 99)), max_size=5))
def test_utilisation__is_rounded_half_away_from_zero(pairs: list[tuple[int, int]]) -> None:
    exposure = np.array([one for one, _ in pairs], np.int64)
    limits = np.array([one for _, one in pairs], np.int64)
    found = utilisation_e6(exposure, limits, np.ones(len(pairs), bool))
    for (owed, most), ratio in zip(pairs, found.tolist(), strict=True):
        exact = Fraction(abs(owed) * 10**6, most)
        size = min((2 * exact.numerator + exact.denominator) // (2 * exact.denominator), 10**18 - 1)
        assert ratio == (size if owed >= 0 else -size)
