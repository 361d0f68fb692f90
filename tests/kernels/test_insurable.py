"""Insurable items, and what was open of them from day to day, against plain fractions."""

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.calc.cover_items import ITEM_RECORD, STATE_RECORD
from encours.calc.item_watch import LATE_RECORD
from encours.kernels.allocation import NOT_REFUSED, REFUSED_FOR_CURRENCY
from encours.kernels.cover import (
    ITEM_COLUMNS,
    ITEM_STATE_END,
    ITEM_STATE_FIRST,
    LAST_DAY,
    STATE_COLUMNS,
)
from encours.kernels.insurable import (
    InsurableColumns,
    InsuredItems,
    InsuredParties,
    InsuredSetting,
    OpenAmounts,
    OpenStates,
    lay_out_in_order,
    lay_out_insured,
    list_insurable,
    open_states,
    room_for_told,
    tell_cover,
)
from encours.kernels.late import INSURABLE, NOT_INSURED, STOPS_COVER
from encours.kernels.text import NO_DAY
from encours.ledger.allocations import ALLOCATION_RECORD

Array = np.ndarray[Any, np.dtype[Any]]

LARGEST_UNITS = 10**15 - 1
BEFORE = -(2**31) + 1
AS_OF_DAY = 8
FIRST_ORDINAL = 500

Posting = tuple[int, int, bool]  # day, units, refused
State = tuple[int, int, int]  # first day, open, open without tax
Item = tuple[int, int, int, list[Posting]]  # amount, tax, open in the extract, allocations

units = st.integers(-50, 50) | st.integers(-LARGEST_UNITS, LARGEST_UNITS)
postings = st.lists(st.tuples(st.integers(0, 10), units, st.booleans()), max_size=5)
positive = st.integers(1, 50) | st.integers(1, LARGEST_UNITS)
drawn_items = st.tuples(positive, units, st.integers(0, 50), postings)


def rounded(value: Fraction) -> int:
    """Round a positive fraction half away from zero."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def naive_states(item: Item, first: int) -> list[State]:
    """Give the states in units, from the first day that matters on; none if it is never open."""
    amount, tax, extract_open, allocations = item
    taken = [(day, paid) for day, paid, is_refused in allocations if not is_refused]
    posted = [(day, paid) for day, paid in taken if day <= AS_OF_DAY]
    start = amount if taken else extract_open
    states = []
    for day in [BEFORE, *sorted({day for day, _ in posted if day > first})]:
        last = first if day == BEFORE else day
        rest = max(0, start - sum(paid for posted_on, paid in posted if posted_on <= last))
        net = rounded(max(Fraction(0), Fraction(rest * (amount - tax), amount)))
        states.append((day, rest, min(rest, net)))
    return states if any(rest > 0 for _, rest, _ in states) else []


@given(
    st.lists(drawn_items, min_size=1, max_size=6),
    st.integers(-1, 10),
    st.sampled_from((1, 10)),
    st.data(),
)
def test_open_states__are_those_of_plain_fractions(
    items: list[Item], first: int, unit: int, data: st.DataObject
) -> None:
    looked_at = [place for place in range(len(items)) if data.draw(st.booleans())]
    expected = {}
    for place in looked_at:
        states = naive_states(items[place], first)
        if states:
            expected[place] = [(day, rest * unit, net * unit) for day, rest, net in states]
    assert run(items, looked_at, first, unit) == expected


def run(items: list[Item], looked_at: list[int], first: int, unit: int) -> dict[int, list[State]]:
    """Run the kernel: by item first day, open and net of every state."""
    flat = [(place, *one) for place, item in enumerate(items) for one in item[3]]
    k, m = len(looked_at), len(flat)
    records, refusal = np.zeros(m, ALLOCATION_RECORD), np.empty(m, np.int8)
    for at, (place, day, paid, is_refused) in enumerate(flat):
        records[at]["first"], records[at]["posting_day"] = FIRST_ORDINAL + place, day
        records[at]["amount_milli"] = paid * unit
        refusal[at] = REFUSED_FOR_CURRENCY if is_refused else NOT_REFUSED
    amount, tax, extract_open = (
        np.array([item[field] * unit for item in items], np.int64) for field in (0, 1, 2)
    )
    out = OpenStates(*(np.empty(k + m, kind) for kind in ("i8", "i4", "i4", "i4", "i8", "i8")))
    kept, count = open_states(
        OpenAmounts(amount, tax, extract_open, np.ones(len(items), np.int32)),
        np.array([7, unit]),
        np.array(looked_at, np.int64),
        np.full(k, first, np.int32),
        (records, refusal, FIRST_ORDINAL, AS_OF_DAY),
        (np.empty(m, np.int32), np.empty(m, np.int64)),
        out,
    )
    assert (out.code[:count] == 1).all()
    columns = [column[:count].tolist() for column in (out.day, out.gross_milli, out.net_milli)]
    states = list(zip(*columns, strict=True))
    ends = np.cumsum(out.state_count[:kept]).tolist()
    starts = [0, *ends][:kept]
    assert count == (ends[-1] if ends else 0)
    return {
        row: states[start:end]
        for row, start, end in zip(out.row[:kept].tolist(), starts, ends, strict=True)
    }


@pytest.mark.parametrize("seed", range(10))
def test_list_insurable__like_one_row_at_a_time(seed: int) -> None:
    draw = random.Random(seed)
    rows = [
        (
            draw.choice([-1, 0, 1, 2]),
            draw.choice([0, 1, 2]),
            draw.choice([-1, 0, 1]),
            draw.choice([AS_OF_DAY, AS_OF_DAY + 1]),
            draw.choice([-10, 0, 10, 10]),
            draw.random() < 0.2,
        )
        for _ in range(draw.choice([0, 1, 200]))
    ]
    kinds = ("i4", "i4", "i4", "i4", "i8", "?")
    columns: list[Array] = [
        np.array([row[field] for row in rows], kind) for field, kind in enumerate(kinds)
    ]
    cluster, is_type = [4, -1, 0], [True, False, True, False]
    is_sold = [False, True, False]  # the last for no financing
    out = np.empty(len(rows), np.int64)
    count = list_insurable(
        InsurableColumns(*columns),
        np.array(cluster, np.int32),
        np.array(is_type),
        np.array(is_sold),
        AS_OF_DAY,
        out,
    )
    assert out[:count].tolist() == [
        place
        for place, (customer, kind, financing, posted, amount, is_bad) in enumerate(rows)
        if not is_bad
        and customer >= 0
        and cluster[customer] >= 0
        and is_type[kind]
        and not is_sold[financing]
        and posted <= AS_OF_DAY
        and amount > 0
    ]


ITEM_COUNT = 60
DAYS = (-20, 0, AS_OF_DAY - 1, AS_OF_DAY, 30)


def drawn_insured(draw: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "customer_code": draw.randrange(3),
            "company_code": draw.randrange(2),
            "financing_code": draw.choice([0, 1, -1]),
            "delivery_day": draw.choice(DAYS),
            "document_day": draw.choice(DAYS),
            "due_day": draw.choice(DAYS),
            "original_due_day": draw.choice(DAYS),
            "disputed_from_day": draw.choice([*DAYS, NO_DAY]),
            "disputed_to_day": draw.choice([*DAYS, NO_DAY]),
            "is_marked_disputed": draw.random() < 0.3,
            "is_published": draw.random() < 0.7,
            "open_milli": draw.choice([-10, 0, 10]),
            "open_rc": draw.choice([0, 7]),
        }
        for _ in range(ITEM_COUNT)
    ]


def told(row: dict[str, Any], declares: bool) -> dict[str, int]:
    """Say what insurers ask of one item, one sentence at a time."""
    begun, ends = row["disputed_from_day"], row["disputed_to_day"]
    begun = row["document_day"] if begun == NO_DAY else begun
    is_late = row["due_day"] < AS_OF_DAY and row["open_milli"] > 0
    has_recourse = row["financing_code"] == 1
    return {
        "account": (10, 11, 11)[row["customer_code"]],
        "segment": (5, 6)[row["company_code"]],
        "customer": row["customer_code"],
        "delivery_day": row["delivery_day"],
        "due_day": row["original_due_day"],
        "term_days": row["original_due_day"] - row["document_day"],
        "disputed_day": begun if row["is_marked_disputed"] else LAST_DAY,
        "dispute_end_day": LAST_DAY if ends == NO_DAY else ends,
        "own_risk_day": row["due_day"] + 5 if has_recourse else LAST_DAY,
        "cluster": (3, 4, 4)[row["customer_code"]],
        "undeclared_rc": row["open_rc"] if is_late and declares else -1,
    }


@pytest.mark.parametrize("seed", range(20))
def test_lay_out_insured__like_one_row_at_a_time(seed: int) -> None:
    draw = random.Random(seed)
    rows = drawn_insured(draw)
    chosen = sorted(draw.sample(range(ITEM_COUNT), draw.choice([0, 1, 30])))
    late = sorted(draw.sample(range(ITEM_COUNT), draw.choice([0, 20])))
    rule_is_on, published_before = draw.random() < 0.8, draw.choice([0, 70])
    of_customer = draw.choice([[], [True, False, True]])
    of_company = draw.choice([[], [False, True]])
    records, buckets = np.zeros(len(late), LATE_RECORD), np.arange(len(late), dtype=np.int32)
    records["ordinal"] = np.array(late, np.int64) + FIRST_ORDINAL
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for name, values in columns.items():
        if name.endswith(("_code", "_day")):
            columns[name] = values.astype(np.int32)
    out = np.empty(len(chosen), ITEM_RECORD)
    lay_out_insured(
        InsuredItems(**columns),
        InsuredParties(
            np.array([3, 4, 4], np.int32),
            np.array([10, 11, 11], np.int32),
            np.array([5, 6], np.int32),
            np.array(of_customer, np.bool_),
            np.array(of_company, np.bool_),
            np.array([False, True, False]),
        ),
        InsuredSetting(FIRST_ORDINAL, published_before, AS_OF_DAY, 5, int(rule_is_on)),
        np.array(chosen, np.int64),
        (records, buckets),
        out,
    )
    for record, place in zip(out, chosen, strict=True):
        row = rows[place]
        declares = rule_is_on and (not of_customer or of_customer[row["customer_code"]])
        declares = declares and (not of_company or of_company[row["company_code"]])
        expected = told(row, declares)
        published = published_before + sum(one["is_published"] for one in rows[:place])
        expected["published_row"] = published if row["is_published"] else -1
        expected["late_bucket"] = late.index(place) if place in late else -1
        expected["ordinal"] = FIRST_ORDINAL + place
        assert {name: int(record[name]) for name in expected} == expected


def random_items(draw: random.Random, count: int) -> Array:
    """Draw parked items; every field is another small number."""
    items = np.zeros(count, ITEM_RECORD)
    for name in ITEM_RECORD.names or ():
        least = 0 if items[name].dtype == np.uint64 else -1
        items[name] = [draw.randrange(least, 40) for _ in range(count)]
    items["state_count"] = [draw.randrange(1, 4) for _ in range(count)]
    return items


@pytest.mark.parametrize("seed", range(20))
def test_lay_out_in_order__like_one_row_at_a_time(seed: int) -> None:
    draw = random.Random(seed)
    items = random_items(draw, draw.randrange(0, 12))
    total = int(items["state_count"].sum())
    states = np.zeros(total, STATE_RECORD)
    for name in STATE_RECORD.names or ():
        states[name] = [draw.randrange(1_000) for _ in range(total)]
    order_day = np.array([draw.randrange(99) for _ in items], np.int32)
    order = np.array(draw.sample(range(len(items)), len(items)), np.int64)
    table = np.empty((len(items), ITEM_COLUMNS), np.int64)
    laid_out = np.empty((total, STATE_COLUMNS), np.int64)
    lay_out_in_order(items, order_day, states, order, table, laid_out)
    own, rest = [], states.tolist()
    for item in items:
        own.append(rest[: item["state_count"]])
        rest = rest[item["state_count"] :]
    names = (
        *("account", "segment", "customer", "delivery_day", "due_day", "term_days"),
        *("disputed_day", "dispute_end_day", "own_risk_day"),
    )
    for place, number in enumerate(order.tolist()):
        expected = [*(int(items[number][name]) for name in names), int(order_day[number])]
        row = table[place].tolist()
        assert row[:ITEM_STATE_FIRST] == expected
        first, end = row[ITEM_STATE_FIRST], row[ITEM_STATE_END]
        assert [tuple(state) for state in laid_out[first:end].tolist()] == own[number]


@pytest.mark.parametrize("seed", range(40))
def test_tell_cover__like_one_item_at_a_time(seed: int) -> None:
    draw = random.Random(seed)
    count, pools = draw.randrange(0, 12), 3
    items = random_items(draw, count)
    order = np.array(draw.sample(range(count), count), np.int64)
    stops = np.array([draw.random() < 0.3 for _ in range(count)], bool)
    base = np.array([draw.choice((0, 5)) for _ in range(count)], np.int64)
    given_by = [(pool, place) for pool in range(pools) for place in range(count)]
    cover = {key: draw.randrange(1, 9) for key in given_by if draw.random() < 0.3}
    listed = [(pool, place, milli) for (pool, place), milli in cover.items()]
    columns = np.array(listed, np.int64).reshape(-1, 3).T.copy()
    notify = [draw.choice((0, 3, 2**62)) for _ in range(pools)]
    tells_insurable, soon_day = draw.randrange(2), 25
    told = room_for_told(count)
    numbers = tell_cover(
        items,
        order,
        (stops, base),
        (columns[0], columns[1], columns[2]),
        np.array(notify, np.int64),
        (tells_insurable, soon_day),
        told,
    )
    published, late, declared = [], [], []
    for place, number in enumerate(order.tolist()):
        item = items[number]
        own = {pool: milli for (pool, at), milli in cover.items() if at == place}
        covered = sum(own.values())
        assert told.covered_milli[place] == covered
        if covered:
            published.append((item["published_row"], covered, item["ordinal"]))
        standing = NOT_INSURED
        if covered or (tells_insurable and base[place]):
            standing = INSURABLE
        if stops[place]:
            standing = STOPS_COVER
        if standing != NOT_INSURED and item["late_bucket"] >= 0:
            late.append((item["ordinal"], standing, item["late_bucket"]))
        if covered and item["undeclared_rc"] >= 0:
            last = int(item["due_day"]) + min(notify[pool] for pool in own)
            if last <= soon_day:
                declared.append((place, last))
    assert numbers == (len(published), len(late), len(declared))
    for rows, names in (
        (published, ("published", "published_milli", "published_ordinal")),
        (late, ("late", "late_standing", "late_bucket")),
        (declared, ("declare", "declare_day")),
    ):
        found = [getattr(told, name)[: len(rows)].tolist() for name in names]
        assert list(zip(*found, strict=True)) == rows
