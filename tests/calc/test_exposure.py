"""Netting of credits per company code, and down payments on orders (DOMAIN 5)."""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.calc.context import COMPONENTS, CREDIT_COMPONENTS, DEBIT_COMPONENTS
from encours.calc.exposure import (
    POSITION_SUMS,
    CommitmentSums,
    build_positions,
    collect_order_payments,
)
from encours.calc.sums import KeyedSums
from encours.ledger.commitments import KINDS, Commitments
from tests.calc.stand_ins import AS_OF_DAY, EUR, NO_DAY, USD, customers, lines_of, run_context

Components = dict[str, int]

COLUMN = {name: place for place, name in enumerate(POSITION_SUMS)}
COMPANIES = ("1000", "2000", "3000")
SEGMENTS = ("NORTH", "SOUTH", "WEST")
HORIZON_DAYS = 60
EXPOSURE = {
    "horizon_days": HORIZON_DAYS,
    "segments": {
        "SOUTH": {"credits_reduce": False, "horizon_days": 5},
        "WEST": {"components_left_out": ["production", "credit_notes"]},
    },
}


def position(
    components: Components, company: int = 0, **options: Any
) -> tuple[Components, int, int]:
    """Give one customer's components after netting, the credit balance, and the exposure."""
    nets = options.pop("nets", False)
    context = run_context(customers(1, has_netting=[nets]), COMPANIES, SEGMENTS, exposure=EXPOSURE)
    lines = lines_of([{"customer": 0, "company": company, **components}], len(COMPANIES))
    found = build_positions(lines, KeyedSums(len(POSITION_SUMS)), context)
    values = {name: int(found.column(name)[0]) for name in COMPONENTS}
    return values, int(found.column("credit_balance")[0]), int(found.exposure[0])


def naive_netting(components: Components) -> tuple[Components, int]:
    """Count credits one after the other while there are debts left; the rest is a balance."""
    left = max(0, sum(components.get(name, 0) for name in DEBIT_COMPONENTS))
    left += sum(max(0, components.get(name, 0)) for name in CREDIT_COMPONENTS)
    counted = {name: components.get(name, 0) for name in COMPONENTS}
    balance = 0
    for name in CREDIT_COMPONENTS:
        credit = max(0, -counted[name])
        used = min(credit, left)
        left -= used
        balance -= credit - used
        if credit:
            counted[name] = -used
    return counted, balance


amounts = st.integers(-(10**15), 10**15) | st.integers(-3, 3)
components = st.dictionaries(st.sampled_from(COMPONENTS), amounts, max_size=9)


@given(components)
def test_build_positions__counts_credits_like_a_naive_loop(given_components: Components) -> None:
    values, balance, exposure = position(given_components)
    assert (values, balance) == naive_netting(given_components)
    assert exposure == sum(values.values())


@given(components)
def test_build_positions__loses_no_credit_and_hides_no_debt(given_components: Components) -> None:
    values, balance, exposure = position(given_components)
    before = {name: given_components.get(name, 0) for name in COMPONENTS}
    assert {name: values[name] for name in DEBIT_COMPONENTS} == {
        name: before[name] for name in DEBIT_COMPONENTS
    }
    credits_before = sum(before[name] for name in CREDIT_COMPONENTS)
    assert sum(values[name] for name in CREDIT_COMPONENTS) + balance == credits_before
    assert balance <= 0
    if sum(before[name] for name in DEBIT_COMPONENTS) >= 0:
        assert exposure >= 0
    if balance < 0:  # nothing is parked while a debt stands against it
        assert exposure <= 0


@given(components)
def test_build_positions__with_a_netting_agreement_counts_everything(
    given_components: Components,
) -> None:
    values, balance, _ = position(given_components, nets=True)
    assert values == {name: given_components.get(name, 0) for name in COMPONENTS}
    assert balance == 0


@given(components, st.booleans())
def test_build_positions__where_credits_do_not_reduce_parks_them_all(
    given_components: Components, nets: bool
) -> None:
    values, balance, _ = position(given_components, company=1, nets=nets)
    parked = {name: given_components.get(name, 0) for name in CREDIT_COMPONENTS}
    assert balance == sum(min(0, amount) for amount in parked.values())
    assert {name: values[name] for name in CREDIT_COMPONENTS} == {
        name: max(0, amount) for name, amount in parked.items()
    }


@given(components)
def test_build_positions__leaves_components_out(given_components: Components) -> None:
    values, balance, _ = position(given_components, company=2)
    kept = {
        name: amount
        for name, amount in given_components.items()
        if name not in {"production", "credit_notes"}
    }
    expected, parked = naive_netting(kept)
    assert (values, balance) == (expected, parked + given_components.get("credit_notes", 0))


@pytest.mark.parametrize(
    ("given_components", "counted", "balance"),
    [
        ({"receivables": 100, "credit_notes": -30}, (-30, 0, 0), 0),
        ({"receivables": 100, "credit_notes": -130}, (-100, 0, 0), -30),
        ({"credit_notes": -30}, (0, 0, 0), -30),
        (
            {"receivables": 100, "credit_notes": -60, "unapplied_payments": -60},
            (-60, -40, 0),
            -20,
        ),
        (
            {"open_orders": 10, "unapplied_payments": -6, "down_payments": -6},
            (0, -6, -4),
            -2,
        ),
        ({"unapplied_payments": 50, "down_payments": -80}, (0, 50, -50), -30),
        ({"receivables": -20, "credit_notes": -30}, (0, 0, 0), -30),
    ],
)
def test_build_positions__takes_credits_in_their_order(
    given_components: Components, counted: tuple[int, ...], balance: int
) -> None:
    values, parked, _ = position(given_components)
    assert tuple(values[name] for name in CREDIT_COMPONENTS) == counted
    assert parked == balance


def test_build_positions__nets_each_company_code_by_itself() -> None:
    context = run_context(customers(2, has_netting=[False, True]), COMPANIES)
    rows = [
        {"customer": customer, "company": company, "currency": currency, name: amount}
        for customer in (0, 1)
        for company, currency, name, amount in (
            (0, EUR, "receivables", 100),
            (0, USD, "credit_notes", -30),
            (1, EUR, "credit_notes", -500),
        )
    ]
    found = build_positions(lines_of(rows, 3), KeyedSums(len(POSITION_SUMS)), context)
    by_pair = {
        (customer, company): (exposure, balance)
        for customer, company, exposure, balance in zip(
            found.customer_code.tolist(),
            found.company_code.tolist(),
            found.exposure.tolist(),
            found.column("credit_balance").tolist(),
            strict=True,
        )
    }
    assert by_pair == {(0, 0): (70, 0), (0, 1): (0, -500), (1, 0): (70, 0), (1, 1): (-500, 0)}


def test_build_positions__nets_late_amounts_per_currency() -> None:
    context = run_context(customers(1), COMPANIES)
    rows = [
        {"customer": 0, "currency": EUR, "overdue": 100, "unapplied_credits": -30, "due_day": 7},
        {"customer": 0, "currency": USD, "overdue": 10, "unapplied_credits": -30, "due_day": 9},
    ]
    found = build_positions(lines_of(rows, 3), KeyedSums(len(POSITION_SUMS)), context)
    assert found.column("overdue").tolist() == [110]
    assert found.column("overdue_net").tolist() == [70]
    assert found.oldest_day.tolist() == [7]


class Order(NamedTuple):
    """A commitment in euros, `left` in cents."""

    commitment_id: str
    order_id: str | None
    customer: int
    company: int
    kind: str
    left: int
    expected_day: int
    exists: bool

    @property
    def column(self) -> str:
        """Name the column that it stands in."""
        horizon = 5 if SEGMENTS[self.company] == "SOUTH" else HORIZON_DAYS
        if self.kind == "order":
            beyond = self.expected_day > AS_OF_DAY + horizon
            return "orders_beyond_horizon" if beyond else "open_orders"
        return {"production": "production", "delivery": "deliveries_not_invoiced"}[self.kind]


class Payment(NamedTuple):
    """A down payment that names an order, `amount` in cents, positive."""

    order_id: str
    customer: int
    company: int
    amount: int


def commitments(orders: Sequence[Order]) -> Commitments:
    return Commitments(
        faults=cast("Any", None),
        commitment_id=pa.array([one.commitment_id for one in orders], pa.string()),
        order_id=pa.array([one.order_id for one in orders], pa.string()),
        company_code=np.array([one.company for one in orders], np.int32),
        customer_code=np.array([one.customer for one in orders], np.int32),
        currency_code=np.full(len(orders), EUR, np.int32),
        kind_code=np.array([KINDS.index(one.kind) for one in orders], np.int32),
        left_milli=np.array([one.left * 10 * one.exists for one in orders], np.int64),
        exists=np.array([one.exists for one in orders], bool),
        expected_day=np.array([one.expected_day for one in orders], np.int32),
        document_day=np.full(len(orders), NO_DAY, np.int32),
        is_in_advance=np.zeros(len(orders), bool),
    )


def add_up(units: Sequence[Sequence[Order]], payments: Sequence[Payment]) -> dict[Any, int]:
    """Give what is not zero by customer, company and column."""
    context = run_context(customers(3), COMPANIES, SEGMENTS, exposure=EXPOSURE)
    table = pa.table(
        {
            "order_id": pa.array([one.order_id for one in payments], pa.string()),
            "customer_code": pa.array([one.customer for one in payments], pa.int32()),
            "company_code": pa.array([one.company for one in payments], pa.int32()),
            "open_rc": pa.array([-one.amount * 10 for one in payments], pa.int64()),
        }
    )
    listed: list[pa.Table] = []
    sums = CommitmentSums(collect_order_payments(table, context), context, listed.append)
    for unit in units:
        sums.add(commitments(unit))
    total = sums.finish()
    check_listed(units, listed, total)
    return {
        (int(key) // len(COMPANIES), int(key) % len(COMPANIES), name): amount // 10
        for key, amounts in zip(total.keys, total.sums.tolist(), strict=True)
        for name, amount in zip(POSITION_SUMS, amounts, strict=True)
        if amount
    }


def check_listed(
    units: Sequence[Sequence[Order]], listed: list[pa.Table], total: KeyedSums
) -> None:
    """Assert that what can be stopped was listed once, with what it adds to the sums."""
    stoppable = [one for unit in units for one in unit if one.exists and one.kind != "delivery"]
    rows = [row for table in listed for row in table.to_pylist()]
    ids = sorted(one.commitment_id for one in stoppable)
    assert sorted(row["commitment_id"] for row in rows) == ids
    names = ("open_orders", "production", "orders_beyond_horizon")
    columns = [POSITION_SUMS.index(name) for name in names]
    assert sum(row["amount_rc"] for row in rows) == total.sums[:, columns].sum()


def naive_orders(orders: Sequence[Order], payments: Sequence[Payment]) -> dict[Any, int]:
    """Let every commitment, by its id, take what is left of the payments for its order."""
    paid: dict[Any, int] = {}
    for payment in payments:
        if SEGMENTS[payment.company] != "SOUTH":  # there credits reduce nothing
            key = (payment.customer, payment.company, payment.order_id)
            paid[key] = paid.get(key, 0) + payment.amount
    sums: dict[Any, int] = {}

    def add(order: Order, name: str, amount: int) -> None:
        key = (order.customer, order.company, name)
        sums[key] = sums.get(key, 0) + amount

    for order in sorted(orders, key=lambda one: one.commitment_id.encode()):
        if not order.exists:
            continue
        own = (order.customer, order.company, order.order_id)
        used = min(paid.get(own, 0), order.left)
        add(order, order.column, order.left - used)
        if used:
            paid[own] -= used
            add(order, "down_payments", used)
        left_out = SEGMENTS[order.company] == "WEST" and order.column == "production"
        if left_out or order.column == "orders_beyond_horizon":
            add(order, "credit_balance", -used)
    return {key: amount for key, amount in sums.items() if amount}


def random_orders(chance: random.Random) -> tuple[list[Order], list[Payment]]:
    names = ("O1", "O2", "1|O1", "ü")
    orders = [
        Order(
            commitment_id=f"{chance.choice('Zaé')}{number}",
            order_id=chance.choice([*names, None, ""]),
            customer=chance.randrange(3),
            company=chance.randrange(3),
            kind=chance.choice(KINDS),
            left=chance.choice([0, 1, 100, chance.randrange(10**6)]),
            expected_day=chance.choice([NO_DAY, AS_OF_DAY + chance.randrange(120)]),
            exists=chance.random() < 0.9,
        )
        for number in range(chance.choice([0, 1, 5, 40]))
    ]
    payments = [
        Payment(
            chance.choice([*names, "unknown"]),
            chance.randrange(3),
            chance.randrange(3),
            chance.choice([1, 50, 100, chance.randrange(1, 10**6)]),
        )
        for _ in range(chance.choice([0, 1, 8, 20]))
    ]
    return orders, payments


@pytest.mark.parametrize("seed", range(60))
def test_commitment_sums__like_a_naive_loop_in_any_split(seed: int) -> None:
    chance = random.Random(seed)
    orders, payments = random_orders(chance)
    expected = naive_orders(orders, payments)
    assert add_up([orders], payments) == expected
    cut = chance.randrange(len(orders) + 1)
    shuffled = chance.sample(orders, len(orders))
    parts = [shuffled[:cut], shuffled[cut:]]
    assert add_up(parts, chance.sample(payments, len(payments))) == expected


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_commitment_sums__counts_orders_to_the_last_day_of_the_horizon(days: int) -> None:
    last = AS_OF_DAY + HORIZON_DAYS
    order = Order("K1", "O1", 0, 0, "order", 500, last + days, exists=True)
    column = "orders_beyond_horizon" if days > 0 else "open_orders"
    assert add_up([[order]], []) == {(0, 0, column): 500}


def test_commitment_sums__takes_down_payments_before_they_count_as_credits() -> None:
    context = run_context(customers(1), COMPANIES, SEGMENTS, exposure=EXPOSURE)
    order = Order("K1", "O1", 0, 0, "order", 80_00, NO_DAY, exists=True)
    payment = pa.table(
        {
            "order_id": ["O1"],
            "customer_code": pa.array([0], pa.int32()),
            "company_code": pa.array([0], pa.int32()),
            "open_rc": [-100_000],
        }
    )
    sums = CommitmentSums(collect_order_payments(payment, context), context)
    sums.add(commitments([order]))
    lines = lines_of([{"customer": 0, "receivables": 50_000, "down_payments": -100_000}], 3)
    found = build_positions(lines, sums.finish(), context)
    assert found.column("open_orders").tolist() == [0]
    assert found.column("down_payments").tolist() == [-20_000]
    assert found.exposure.tolist() == [30_000]
