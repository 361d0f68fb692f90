"""Which limits are in force: supersession, withdrawal, ends (DOMAIN 7)."""

from typing import Any

import numpy as np
import pytest

from encours.ledger.limits import GUARANTEE, INSURED, INTERNAL, TEMPORARY, Limits, limits_of


def row(limit_id: str, **further: Any) -> dict[str, Any]:
    """Give an internal limit of one party, in force from day 0 on."""
    return {
        "limit_id": limit_id,
        "party": "P",
        "kind_code": INTERNAL,
        "amount_milli": 1_000,
        "currency_code": 0,
        "from_day": 0,
        **further,
    }


def in_force(limits: Limits, day: int) -> list[str]:
    """Name the limits in force on a day."""
    names = limits.limit_id.to_pylist()
    return sorted(names[place] for place in limits.in_force(day).tolist())


def test_limit__is_in_force_from_its_first_day_to_its_last() -> None:
    limits = limits_of([row("A", from_day=5, to_day=7)])
    assert [in_force(limits, day) for day in (4, 5, 7, 8)] == [[], ["A"], ["A"], []]


def test_limit__is_not_in_force_from_the_day_of_its_withdrawal() -> None:
    limits = limits_of([row("A", withdrawn_day=7)])
    assert [in_force(limits, day) for day in (6, 7)] == [["A"], []]


def test_superseded_limit__never_comes_back() -> None:
    limits = limits_of([row("A"), row("B", from_day=5, withdrawn_day=6), row("C", from_day=9)])
    assert [in_force(limits, day) for day in (4, 5, 6, 8, 9)] == [["A"], ["B"], [], [], ["C"]]


def test_limits_of_one_day__the_highest_id_by_bytes_counts() -> None:
    names = ["Z", "a", "\N{LATIN SMALL LETTER E WITH ACUTE}", "10", "9"]
    assert in_force(limits_of([row(name) for name in names]), 0) == [names[2]]
    assert in_force(limits_of([row(name) for name in names[::-1]]), 0) == [names[2]]


@pytest.mark.parametrize(
    "other",
    [
        {"party": "Q"},
        {"is_group": True},
        {"segment": "S"},
        {"kind_code": INSURED},
        {"policy": "X"},
        {"layer_code": 1},
    ],
)
def test_limit__supersedes_only_what_it_is_named_like(other: dict[str, Any]) -> None:
    assert in_force(limits_of([row("A"), row("B", from_day=5, **other)]), 5) == ["A", "B"]


@pytest.mark.parametrize("kind", [TEMPORARY, GUARANTEE])
def test_temporary_limits_and_guarantees__add_up(kind: int) -> None:
    rows = [row("A", kind_code=kind), row("B", kind_code=kind, from_day=5)]
    assert in_force(limits_of(rows), 5) == ["A", "B"]


def test_ends__tell_the_last_day_supersession_included() -> None:
    limits = limits_of(
        [row("A", to_day=90), row("B", from_day=5, to_day=7), row("C", from_day=5, withdrawn_day=3)]
    )
    assert limits.ends().tolist() == [4, 4, 2]


def test_in_force__does_not_depend_on_the_order_of_rows() -> None:
    chance = np.random.default_rng(1)
    rows = [
        row(f"L{n}", from_day=int(chance.integers(0, 4)), segment=["S", None][n % 2])
        for n in range(40)
    ]
    expected = in_force(limits_of(rows), 2)
    assert len(expected) == 2
    for _ in range(5):
        chance.shuffle(rows)
        assert in_force(limits_of(rows), 2) == expected
