"""The rules of penalty interest one by one, each expected value written as its arithmetic."""

import os
import random
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.kernels import imputation, interest, interest_accrual, wide
from encours.kernels.interest_accrual import anniversary_day
from encours.kernels.interest_columns import (
    FAULT_NONE,
    FAULT_RATE_MISSING,
    FAULT_TOO_LARGE,
    NO_DAY,
    NO_INTEREST_REASONS,
    new_interest_result,
)
from encours_schemas.reasons import NoInterestReason
from tests.kernels.interest_case import (
    assert_same,
    columns,
    day_number,
    options,
    rate_tables,
    run,
    run_periods,
)
from tests.naive.arithmetic import anniversary
from tests.naive.interest import Allocation, Item, _payments, accrue_interest
from tests.naive.laws import Law

AS_OF = date(2026, 10, 31)
LAW = Law()
ONE_DAY = timedelta(days=1)


def cents(exact: Fraction | int) -> int:
    """Round thousandths half away from zero to the cent."""
    size = (2 * abs(Fraction(exact)) / 10 + 1) // 2 * 10
    return int(size if exact >= 0 else -size)


def french(**change: Any) -> Item:
    """Give an invoice of 10,000 EUR, due on the last day of July 2026: 12.40 % throughout."""
    return replace(Item(amount=10_000_000, due=date(2026, 7, 31), regime="FR_business"), **change)


def only(item: Item, as_of: date = AS_OF, **chosen: Any) -> dict[str, Any]:
    """Run one item, check it against the twin, and give its columns."""
    result = run([item], as_of, **chosen)
    assert_same([item], [accrue_interest(item, LAW, as_of, **chosen)], result)
    found = {name: int(getattr(result, name)[0]) for name in result._fields}
    return found | {"why": NO_INTEREST_REASONS[found["reason"]]}


def paid(day: date, amount: int = 10_000_000, *, is_payment: bool = True) -> tuple[Allocation, ...]:
    return (Allocation(day, amount, is_payment),)


def test_reasons__are_the_contract_s_in_its_order() -> None:
    assert ("", *NoInterestReason) == NO_INTEREST_REASONS


@pytest.mark.parametrize("as_of", [date(2026, 7, 30), date(2026, 7, 31)])
def test_item_due_on_the_as_of_date__is_not_late(as_of: date) -> None:
    assert only(french(), as_of)["why"] == "not_late"


def test_first_interest_day__is_the_day_after_the_due_date() -> None:
    found = only(french(), date(2026, 8, 1))
    assert found["penalty_milli"] == cents(Fraction(10_000_000 * 1240, 3_650_000))
    assert found["from_day"] == found["to_day"] == day_number(date(2026, 8, 1))
    assert (found["days"], found["first_principal_milli"]) == (1, 10_000_000)


def test_day_of_payment__still_bears_interest_on_what_it_paid() -> None:
    item = french(allocations=paid(date(2026, 8, 31), 4_000_000))
    exact = Fraction((10_000_000 * 31 + 6_000_000 * 61) * 1240, 3_650_000)
    assert only(item)["penalty_milli"] == cents(exact)


def test_paid_on_the_due_date__is_not_late() -> None:
    due = date(2026, 7, 31)
    assert only(french(allocations=paid(due), settled_on=due))["why"] == "not_late"


def test_settled_late__bears_interest_to_the_day_of_settlement() -> None:
    day = date(2026, 8, 10)
    found = only(french(allocations=paid(day), settled_on=day))
    assert (found["days"], found["to_day"]) == (10, day_number(day))
    assert found["penalty_milli"] == cents(Fraction(10_000_000 * 10 * 1240, 3_650_000))


def test_payment_with_a_value_date_to_come__leaves_the_window_as_it_is() -> None:
    day = AS_OF + timedelta(days=3)
    found = only(french(allocations=paid(day), settled_on=day))
    assert found["days"] == 92
    assert found["to_day"] == day_number(AS_OF)


def test_payment_before_the_due_date__lowers_the_first_principal() -> None:
    found = only(french(allocations=paid(date(2026, 5, 1), 9_999_990)))
    assert found["first_principal_milli"] == 10
    assert found["penalty_milli"] == 0  # a cent for 92 days: 0.0003
    assert (found["why"], found["days"]) == ("", 92)


def test_overpaid_item__bears_nothing_after_the_payment() -> None:
    item = french(allocations=paid(date(2026, 8, 31), 12_000_000))
    found = only(item)
    assert (found["days"], found["to_day"]) == (31, day_number(date(2026, 8, 31)))
    assert only(french(allocations=paid(date(2026, 7, 1), 12_000_000)))["why"] == "not_late"


def test_returned_payment__restores_the_principal_from_the_next_day() -> None:
    allocations = (
        *paid(date(2026, 8, 10)),
        Allocation(date(2026, 9, 10), -10_000_000),
    )
    found = only(french(allocations=allocations))
    assert found["days"] == 10 + 51  # to 10 August, and from 11 September
    assert found["to_day"] == day_number(AS_OF)
    assert found["penalty_milli"] == cents(Fraction(10_000_000 * 61 * 1240, 3_650_000))


def test_several_allocations_of_one_day__count_as_their_sum() -> None:
    day = date(2026, 8, 31)
    split = french(
        allocations=(*paid(day, 1_000_000), *paid(day, 5_000_000), *paid(day, -2_000_000))
    )
    once = french(allocations=paid(day, 4_000_000))
    assert only(split)["penalty_milli"] == only(once)["penalty_milli"]
    periods = run_periods([split], AS_OF)
    assert periods.principal_milli.tolist() == [10_000_000, 6_000_000]


@pytest.mark.parametrize("day", [date(2026, 6, 30), date(2026, 7, 1), date(2026, 7, 2)])
def test_payment_at_the_rate_change__meets_the_right_rate(day: date) -> None:
    item = french(due=date(2026, 6, 1), allocations=paid(day, 4_000_000))
    exact = Fraction(0)
    for number in range(1, (AS_OF - item.due).days + 1):
        current = item.due + number * ONE_DAY
        rate = 1215 if current < date(2026, 7, 1) else 1240
        exact += Fraction((10_000_000 if current <= day else 6_000_000) * rate, 3_650_000)
    assert only(item)["penalty_milli"] == cents(exact)


@pytest.mark.parametrize("due", [date(2026, 6, 30), date(2025, 12, 31), date(2024, 2, 29)])
@pytest.mark.parametrize("regime", ["FR_business", "FR_public", "DE_business", "GB_business"])
def test_due_on_the_eve_of_a_half_year__agrees_with_twin(due: date, regime: str) -> None:
    for days in (1, 2, 31, 184, 366):
        item = french(due=due, regime=regime)
        assert only(item, min(due + days * ONE_DAY, AS_OF))["why"] == ""


# -- reasons against -------------------------------------------------------------------------------


def test_first_reason__stands_in_the_contract_s_order() -> None:
    late = date(2026, 7, 31)
    everything = french(
        is_credit=True,
        is_interest_note=True,
        allocations=paid(late),
        is_consumer=True,
        is_intragroup=True,
        regime=None,
        insolvency=late,
        claim_date=date(2026, 1, 1),
        disputed=1,
    )
    off: list[tuple[str, dict[str, Any]]] = [
        ("credit", {"is_credit": False}),
        ("interest_note", {"is_interest_note": False}),
        ("not_late", {"allocations": ()}),
        ("consumer", {"is_consumer": False}),
        ("intragroup", {"is_intragroup": False}),
        ("no_regime", {"regime": "NONE"}),
        ("no_regime", {"regime": "FR_business"}),
        ("insolvency", {"insolvency": None}),
        ("within_grace", {"due": late - timedelta(days=300), "disputed": 10_000_000}),
    ]
    item = everything
    for reason, change in off:
        assert only(item, grace_days=200)["why"] == reason
        item = replace(item, **change)
    assert only(item, grace_days=200)["why"] == "disputed"


@pytest.mark.parametrize(("grace", "why"), [(91, ""), (92, "within_grace"), (93, "within_grace")])
def test_grace__delays_the_claim_but_not_its_start(grace: int, why: str) -> None:
    found = only(french(), grace_days=grace)
    assert found["why"] == why
    assert found["days"] == (0 if why else 92)


@pytest.mark.parametrize(
    ("opening", "claim", "why", "days"),
    [
        (date(2026, 8, 1), date(2026, 7, 1), "insolvency", 0),
        (date(2026, 7, 31), date(2026, 7, 1), "insolvency", 0),
        (date(2026, 8, 2), date(2026, 7, 1), "", 1),
        (AS_OF, date(2026, 7, 1), "", 91),
        (date(2026, 8, 2), date(2026, 8, 2), "", 92),  # born on the day: a later claim
        (date(2026, 8, 2), date(2026, 8, 1), "", 1),
    ],
)
def test_insolvency__stops_prior_claims_on_the_eve(
    opening: date, claim: date, why: str, days: int
) -> None:
    found = only(french(insolvency=opening, claim_date=claim))
    assert (found["why"], found["days"]) == (why, days)


def test_wholly_disputed__suspends_everything() -> None:
    full = only(french())
    found = only(french(disputed=10_000_000))
    assert found["why"] == "disputed"
    assert found["suspended_milli"] == full["penalty_milli"]
    assert found["penalty_milli"] == found["unbilled_milli"] == found["first_principal_milli"] == 0
    assert found["from_day"] == NO_DAY


def test_partly_disputed__suspends_the_lowest_layer() -> None:
    item = french(disputed=3_000_000, allocations=paid(date(2026, 8, 31), 4_000_000))
    found = only(item)
    assert found["suspended_milli"] == cents(Fraction(3_000_000 * 92 * 1240, 3_650_000))
    claimed = 7_000_000 * 31 + 3_000_000 * 61
    assert found["penalty_milli"] == cents(Fraction(claimed * 1240, 3_650_000))
    both = only(item, accrue_on_disputed=True)
    assert both["suspended_milli"] == found["suspended_milli"]
    assert both["penalty_milli"] == only(replace(item, disputed=0))["penalty_milli"]


def test_dispute_without_an_open_amount__is_none() -> None:
    day = date(2026, 8, 31)
    item = french(disputed=10_000_000, allocations=paid(day), settled_on=day)
    assert only(item)["why"] == ""


# -- what was claimed ------------------------------------------------------------------------------


def test_unbilled__is_the_penalty_less_what_was_claimed() -> None:
    penalty = only(french())["penalty_milli"]
    assert only(french(billed=1_000))["unbilled_milli"] == penalty - 1_000
    assert only(french(billed=9_999_000))["unbilled_milli"] == penalty - 9_999_000
    corrected = only(french(billed=500, is_credit=True))
    assert (corrected["why"], corrected["unbilled_milli"]) == ("credit", -500)
    assert only(french(billed=500, disputed=10_000_000))["unbilled_milli"] == 0


@pytest.mark.parametrize(
    ("billed_to", "days"),
    [(date(2026, 7, 31), 0), (date(2026, 8, 31), 31), (AS_OF, 92), (AS_OF + ONE_DAY, 92)],
)
def test_unbilled__is_the_difference_of_two_rounded_amounts(billed_to: date, days: int) -> None:
    found = only(french(billed_to=billed_to))
    billed = cents(Fraction(10_000_000 * days * 1240, 3_650_000))
    assert found["unbilled_milli"] == found["penalty_milli"] - billed


# -- fixing, compounding, imputation ---------------------------------------------------------------


def irish(*allocations: Allocation) -> Item:
    return Item(10_000_000, date(2026, 4, 30), "IE_business", tuple(allocations))


def test_fixed_at_payment__a_returned_payment_never_counts_as_paid() -> None:
    returned = irish(
        Allocation(date(2026, 6, 20), 10_000_000), Allocation(date(2026, 7, 10), -10_000_000)
    )
    days = 51 + 113  # 1 May to 20 June, 11 July to 31 October, all at the end's 10.40
    found = only(returned)
    assert found["penalty_milli"] == cents(Fraction(10_000_000 * days * 1040, 3_650_000))


def test_fixed_at_payment__parts_of_the_detail_share_days() -> None:
    item = irish(Allocation(date(2026, 6, 20), 4_000_000))
    periods = run_periods([item], date(2026, 8, 31))
    assert periods.days.tolist() == [51, 123]
    assert periods.principal_milli.tolist() == [4_000_000, 6_000_000]
    assert periods.rate_e9.tolist() == [10_150_000_000, 10_400_000_000]
    assert periods.interest_milli.sum() == only(item, date(2026, 8, 31))["penalty_milli"]


def test_fixed_at_start__takes_the_first_day_with_principal() -> None:
    # Paid before it was due and returned in the next half-year: interest starts to run then.
    item = Item(
        1_000_000,
        date(2024, 6, 1),
        "GB_business",
        (Allocation(date(2024, 5, 20), 1_000_000), Allocation(date(2025, 1, 10), -1_000_000)),
    )
    found = only(item, date(2025, 2, 10))
    assert found["penalty_milli"] == cents(Fraction(1_000_000 * 31 * 1275, 3_650_000))


@pytest.mark.parametrize("due", [date(2024, 2, 29), date(2023, 2, 28), date(2024, 3, 1)])
def test_compounding__joins_on_the_anniversary_and_bears_from_the_next_day(due: date) -> None:
    item = Item(50_000_000, due, "NL_business")
    for years in (1, 2):
        day = anniversary(due, years)
        for as_of in (day - ONE_DAY, day, day + ONE_DAY):
            only(item, min(as_of, AS_OF))


@given(st.integers(-25_000, 380_000), st.integers(0, 60))
def test_anniversary_day__is_that_of_the_calendar(day: int, years: int) -> None:
    calendar = date(1970, 1, 1) + timedelta(days=day)
    found = int(anniversary_day(np.int64(day), np.int64(years)))
    assert date(1970, 1, 1) + timedelta(days=found) == anniversary(calendar, years)


def test_interest_first__lists_what_payments_took() -> None:
    item = french(
        due=date(2026, 4, 30),
        interest_first=True,
        allocations=paid(date(2026, 6, 30), 4_000_000),
    )
    found = only(item, date(2026, 8, 31))
    # 61 days at 12.15: 203.05, taken by the payment; then 62 days at 12.40 on 6203.05.
    assert found["penalty_milli"] == 130_650
    periods = run_periods([item], date(2026, 8, 31))
    assert periods.interest_milli.tolist() == [203_050, -203_050, 130_650]
    assert periods.days.tolist() == [61, 0, 62]
    assert periods.principal_milli.tolist() == [10_000_000, 0, 6_203_050]


def test_interest_first__a_payment_that_came_back_took_none() -> None:
    """4,000 paid on 31 August come back on 10 September: no interest was ever paid."""
    moved = (
        *paid(date(2026, 8, 31), 4_000_000),
        *paid(date(2026, 9, 10), -4_000_000),
    )
    found = only(french(allocations=moved, interest_first=True))
    days = 10_000_000 * 31 + 6_000_000 * 10 + 10_000_000 * 51
    assert found["penalty_milli"] == cents(Fraction(days * 1240, 3_650_000))


@pytest.mark.parametrize("seed", range(20))
def test_net_returned_payments__agrees_with_twin_in_any_order_of_a_day(seed: int) -> None:
    chance = random.Random(seed)
    moved = [
        Allocation(date(2026, 8, chance.randint(1, 6)), chance.randint(-5, 9) * 1000)
        for _ in range(chance.randint(0, 12))
    ]
    item = french(allocations=tuple(moved), interest_first=True)
    _, allocations = columns([item])
    by_day: dict[int, int] = {}
    for day, amount in zip(
        allocations.value_day.tolist(), allocations.payment_milli.tolist(), strict=True
    ):
        by_day[day] = by_day.get(day, 0) + amount
    wanted = {day_number(day): amount for day, amount in _payments(item).items()}
    assert {day: amount for day, amount in by_day.items() if amount} == wanted


def test_interest_first__a_credit_note_reduces_the_principal() -> None:
    note = paid(date(2026, 8, 31), 4_000_000, is_payment=False)
    assert (
        only(french(interest_first=True, allocations=note))["penalty_milli"]
        == (only(french(allocations=note))["penalty_milli"])
    )


def test_detail__begins_a_row_at_each_half_year_even_at_the_same_rate() -> None:
    item = Item(1_000_000, date(2025, 12, 1), "BE_business")
    periods = run_periods([item], AS_OF)
    assert periods.rate_e9.tolist() == [10_500_000_000] * 3
    assert periods.reference_rate_e9.tolist() == [2_150_000_000, 2_150_000_000, 2_400_000_000]
    starts = [date(2025, 12, 2), date(2026, 1, 1), date(2026, 7, 1)]
    assert periods.from_day.tolist() == [day_number(day) for day in starts]


# -- sizes and faults ------------------------------------------------------------------------------


@pytest.mark.parametrize("regime", ["DE_business", "CH_business", "NL_business", "IE_business"])
@pytest.mark.parametrize("unit", [1, 10, 1000])
def test_large_amounts_and_long_delays__are_exact(regime: str, unit: int) -> None:
    for amount in (10**15, 10**17 + unit, 12_345_678_901_234_000):
        item = Item(amount // unit * unit, date(2003, 1, 31), regime, minor_unit=unit)
        only(item)
        halves = (
            Allocation(date(2010, 6, 30), item.amount // 3 // unit * unit),
            Allocation(date(2020, 2, 29), item.amount // 3 // unit * unit),
        )
        only(replace(item, allocations=halves))


def test_interest_of_more_than_18_digits__is_a_fault_and_never_wraps() -> None:
    plain = Item(999_999_999_999_999_990, date(2003, 1, 31), "DE_business")
    stepped = replace(plain, allocations=paid(date(2010, 1, 1), 10))
    compound = replace(plain, regime="NL_business")
    result = run([plain, stepped, compound], AS_OF)
    assert result.fault.tolist() == [FAULT_TOO_LARGE] * 3
    assert result.penalty_milli.tolist() == [0, 0, 0]


@pytest.mark.parametrize("day", [date(2026, 7, 1), date(2026, 8, 15)])
def test_balance_past_its_limit__is_a_fault_even_when_it_comes_back(day: date) -> None:
    huge = 9 * 10**17
    there = [Allocation(day + number * ONE_DAY, -huge) for number in range(12)]
    back = [Allocation(day + (12 + number) * ONE_DAY, huge) for number in range(12)]
    assert run([french(allocations=(*there, *back))], AS_OF).fault.tolist() == [FAULT_TOO_LARGE]


def test_rate_that_is_not_known__is_a_fault_with_its_first_day() -> None:
    danish = Item(1_000_000, date(2026, 5, 31), "DK_business")
    plain = run([danish], AS_OF)
    assert plain.fault.tolist() == [FAULT_RATE_MISSING]
    assert plain.rate_missing_day.tolist() == [day_number(date(2026, 7, 1))]
    in_time = date(2026, 6, 30)
    assert (
        only(replace(danish, allocations=paid(in_time, 1_000_000), settled_on=in_time))["days"]
        == 30
    )
    stepped = replace(danish, allocations=paid(date(2026, 7, 15), 500_000))
    assert run([stepped], AS_OF).rate_missing_day.tolist() == [day_number(date(2026, 7, 1))]
    ancient = Item(1_000_000, date(1899, 12, 30), "CH_business")
    result = run([ancient], AS_OF)
    assert result.fault.tolist() == [FAULT_RATE_MISSING]
    assert result.rate_missing_day.tolist() == [day_number(date(1899, 12, 31))]


def test_rate_that_no_principal_needs__may_be_unknown() -> None:
    day = date(2026, 6, 20)
    overpaid = Item(1_000_000, date(2026, 5, 31), "DK_business", paid(day, 2_000_000))
    assert only(overpaid)["fault"] == FAULT_NONE


def test_rate_tables_that_end_too_early__are_refused() -> None:
    items, allocations = columns([french()])
    tables = rate_tables(date(2026, 8, 1))
    with pytest.raises(ValueError, match="rate tables end"):
        interest.accrue_interest(items, allocations, tables, options(AS_OF), new_interest_result(1))


def test_no_items__give_no_result() -> None:
    assert run([], AS_OF).reason.tolist() == []
    assert run_periods([], AS_OF).item_index.tolist() == []


# -- whatever the data -----------------------------------------------------------------------------

ALLOCATIONS = st.lists(
    st.builds(
        Allocation,
        st.dates(date(2026, 3, 1), date(2026, 11, 5)),
        st.integers(-700_000, 900_000).map(lambda amount: amount * 10),
        st.booleans(),
    ),
    max_size=6,
)
ITEMS = st.builds(
    Item,
    amount=st.integers(0, 1_000_000).map(lambda amount: amount * 10),
    due=st.dates(date(2025, 3, 1), date(2026, 11, 5)),
    regime=st.sampled_from(
        ["FR_business", "FR_public", "DE_business", "NL_business", "IE_business"]
    ),
    allocations=ALLOCATIONS.map(tuple),
    has_allocation=st.just(True),
    interest_first=st.booleans(),
    insolvency=st.none() | st.dates(date(2026, 1, 1), AS_OF),
    disputed=st.integers(0, 900_000).map(lambda amount: amount * 10),
    billed_to=st.none() | st.dates(date(2026, 1, 1), AS_OF),
)


@given(ITEMS)
def test_accrue_interest__agrees_with_twin(item: Item) -> None:
    only(item)


@given(ITEMS, st.randoms())
def test_accrue_interest__does_not_depend_on_the_order_within_a_day(
    item: Item, chance: object
) -> None:
    shuffled = list(item.allocations)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert only(replace(item, allocations=tuple(shuffled))) == only(item)


@given(ITEMS)
def test_layers_of_a_dispute__add_up_but_for_their_rounding(item: Item) -> None:
    item = replace(item, interest_first=False, billed_to=None)
    parts = only(item)
    whole = only(item, accrue_on_disputed=True)
    difference = whole["penalty_milli"] - parts["penalty_milli"] - parts["suspended_milli"]
    compounds = 10 if item.regime == "NL_business" else 0  # rounded once a year as well
    assert abs(difference) <= 10 + compounds * 2


@pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="there is nothing compiled to count"
)
def test_kernels__are_compiled_once() -> None:
    run([french(), french(disputed=1_000)], AS_OF)
    run([], AS_OF)
    run_periods([french()], AS_OF)
    for module in (imputation, interest, interest_accrual, wide):
        for function in vars(module).values():
            if hasattr(function, "signatures"):
                assert len(function.signatures) <= 1, function
