"""Every control holds on a real night, and fails when a row or a cent is missing or too many."""

import copy
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.calc.exposure import POSITION_SUMS
from encours.calc.lines import LINE_SUMS
from encours.calc.sums import CurrencyTotals, KeyedSums
from encours.controls import checks
from encours.controls.checks import CONTROL_TERMS, Control
from encours.ledger.master import CURRENCY_POSITIONS
from encours_schemas.errors import ControlFailed
from encours_schemas.status import ExitStatus
from tests.property.ledgers import build_case
from tests.property.published import run_engine

SEED = 71
"""A ledger with late items of several currencies, groups, commitments, credits and interest."""
NAMES = (
    *("row_controls", "money_controls", "published_controls"),
    *("ageing_controls", "exposure_controls", "group_controls"),
)
Night = dict[str, list[Any]]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Run one night, and give what each control function was given, as it was then."""
    given_to: Night = {}

    def listening(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def listen(*arguments: Any) -> Any:
            given_to[name] = copy.deepcopy(list(arguments))
            return function(*arguments)

        return listen

    with pytest.MonkeyPatch.context() as patch:
        for name in (*NAMES, "add_up"):
            patch.setattr(checks, name, listening(name, getattr(checks, name)))
        run_engine(build_case(SEED, with_defects=False), tmp_path_factory.mktemp("night"))
    return given_to


def failing(night: Night, name: str, **changes: Any) -> list[str]:
    """Name the controls that fail when arguments, by their position (`_0` …), are others."""
    arguments = list(night[name])
    for place, value in changes.items():
        arguments[int(place[1:])] = value
    return [one.name for one in getattr(checks, name)(*arguments) if not one.holds]


def cent_more(table: pa.Table, column: str, row: int) -> pa.Table:
    """Add one cent to one cell."""
    place = table.schema.get_field_index(column)
    values = table.column(place).to_pylist()
    values[row] += Decimal("0.01")
    return table.set_column(place, column, pa.array(values, table.schema.field(place).type))


def without_row(table: pa.Table, row: int) -> pa.Table:
    return pa.concat_tables([table.slice(0, row), table.slice(row + 1)])


def with_more(totals: CurrencyTotals, name: str, currency: str, milli: int = 10) -> CurrencyTotals:
    """Give totals with a cent more in one of them."""
    changed = copy.deepcopy(totals)
    codes = np.array([CURRENCY_POSITIONS[currency]], np.int32)
    changed.add(name, codes, np.array([milli], np.int64), np.ones(1, bool))
    return changed


def summed_otherwise(sums: KeyedSums, row: int, column: int, more: int = 10) -> KeyedSums:
    """Give sums with a cent more in one of them."""
    changed = copy.deepcopy(sums)
    changed.sums[row, column] += more
    return changed


@pytest.mark.parametrize("name", NAMES)
def test_controls__all_hold_on_a_sound_night(night: Night, name: str) -> None:
    assert failing(night, name) == []
    assert getattr(checks, name)(*night[name])


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("more", [1, -1])
def test_row_controls__miss_a_row_of_any_table(night: Night, place: int, more: int) -> None:
    counts = night["row_controls"][place]
    for table in counts:
        changed = {**counts, table: counts[table] + more}
        assert failing(night, "row_controls", **{f"_{place}": changed}) == [f"rows of {table}"]


def test_money_controls__miss_a_cent_of_any_term_and_currency(night: Night) -> None:
    totals = night["money_controls"][0]
    currencies = list(totals.of("amount"))
    assert len(currencies) > 1
    for currency in (*currencies, "CHF"):
        for term in CONTROL_TERMS:
            found = failing(night, "money_controls", _0=with_more(totals, term, currency))
            # Quarantined amounts are told, they are no part of the equation.
            expected = [] if term == "quarantined_amount" else [f"conservation of {currency}"]
            assert found == expected


def test_money_controls__miss_a_cent_beyond_64_bits() -> None:
    totals = CurrencyTotals()
    for _ in range(3):
        for term in ("amount", "open_amount"):
            totals = with_more(totals, term, "EUR", 2**63 - 1)
    assert all(one.holds for one in checks.money_controls(totals))
    totals = with_more(totals, "allocated", "EUR", 1)
    assert [one.holds for one in checks.money_controls(totals)] == [False]


def test_published_controls__miss_a_row_or_a_cent_of_interest(night: Night) -> None:
    totals, written = night["published_controls"]
    assert written
    for more in (1, -1):
        found = failing(night, "published_controls", _1=written + more)
        assert found == ["rows of items published"]
    currencies = list(totals.of("penalty_interest"))
    assert currencies
    for currency in (*currencies, "CHF"):
        for name in ("penalty_interest", "interest_detail"):
            changed = with_more(totals, name, currency)
            found = failing(night, "published_controls", _0=changed)
            assert found == [f"interest detail of {currency}"]


def test_ageing_controls__miss_a_row_of_the_table(night: Night) -> None:
    ageing = night["ageing_controls"][2]
    assert ageing.num_rows > 5
    for row, one in enumerate(ageing.to_pylist()):
        found = failing(night, "ageing_controls", _2=without_row(ageing, row))
        assert "items in buckets" in found
        assert (f"buckets of {one['currency']}" in found) == bool(one["open_amount"])
        assert ("buckets in the reporting currency" in found) == bool(one["open_amount_rc"])


def test_ageing_controls__miss_a_whole_currency(night: Night) -> None:
    ageing = night["ageing_controls"][2]
    currencies = ageing.column("currency").to_pylist()
    for currency in set(currencies):
        smaller = ageing.filter(pa.array([one != currency for one in currencies]))
        assert f"buckets of {currency}" in failing(night, "ageing_controls", _2=smaller)


def test_ageing_controls__miss_a_cent_in_any_cell(night: Night) -> None:
    ageing = night["ageing_controls"][2]
    for row, currency in enumerate(ageing.column("currency").to_pylist()):
        own = cent_more(ageing, "open_amount", row)
        assert failing(night, "ageing_controls", _2=own) == [f"buckets of {currency}"]
        converted = cent_more(ageing, "open_amount_rc", row)
        found = failing(night, "ageing_controls", _2=converted)
        assert found == ["buckets in the reporting currency"]


def test_ageing_controls__miss_a_cent_of_any_line(night: Night) -> None:
    lines, committed, cover = night["add_up"]
    for row in range(lines.count):
        changed = summed_otherwise(lines, row, LINE_SUMS.index("open_rc"))
        found = failing(night, "ageing_controls", _1=checks.add_up(changed, committed, cover))
        assert found == ["buckets in the reporting currency"]


ACCOUNT_CONTROLS = {
    "exposure": "exposure of accounts",
    "credit_balance": "credit balances of accounts",
    "penalty_interest": "penalty_interest of accounts",
    "interest_unbilled": "interest_unbilled of accounts",
    "fixed_indemnity": "fixed_indemnity of accounts",
}


def test_exposure_controls__miss_a_cent_of_the_accounts(night: Night) -> None:
    sums = night["exposure_controls"][2]
    assert set(sums) == set(ACCOUNT_CONTROLS) == set(checks.CHECKED_OF_ACCOUNTS)
    for column, control in ACCOUNT_CONTROLS.items():
        changed = {**sums, column: sums[column] + 10}
        assert failing(night, "exposure_controls", _2=changed) == [control]


def test_column_sums__add_every_row_of_every_piece_up() -> None:
    amounts = pa.array([Decimal("1.25"), Decimal("-0.5"), Decimal(3)], pa.decimal64(18, 3))
    table = pa.table({"exposure": amounts, "credit_balance": amounts})
    pieces = [table.slice(0, 2), table.slice(2, 0), table.slice(2)]
    assert checks.column_sums(pieces, ["exposure"]) == {"exposure": 3_750}
    assert checks.column_sums([], ["exposure"]) == {"exposure": 0}


def test_written_controls__miss_a_cent_and_a_column_that_was_not_written() -> None:
    checked = {"exposure": 10, "credit_balance": 0}
    same, other = checks.written_controls({"exposure": 10}, checked), {"exposure": 20}
    assert all(one.holds for one in same)
    failing = [one.name for one in checks.written_controls(other, checked) if not one.holds]
    assert failing == ["exposure of accounts as written"]


def test_exposure_controls__miss_a_cent_between_items_and_accounts(night: Night) -> None:
    lines, committed, cover = night["add_up"]
    positions = night["exposure_controls"][1]
    joined = "items and commitments in accounts"
    receivables = LINE_SUMS.index("receivables")
    for row in range(lines.count):
        changed = checks.add_up(summed_otherwise(lines, row, receivables), committed, cover)
        assert failing(night, "exposure_controls", _0=changed) == [joined]
    assert committed.count
    for row in range(committed.count):
        ordered = summed_otherwise(committed, row, POSITION_SUMS.index("open_orders"))
        changed = checks.add_up(lines, ordered, cover)
        assert failing(night, "exposure_controls", _0=changed) == [joined]
    rows = [row for row, one in enumerate(positions.exposure.tolist()) if one]
    for row in rows:
        kept = np.delete(np.arange(len(positions.sums)), row)
        smaller = replace(
            positions,
            customer_code=positions.customer_code[kept],
            company_code=positions.company_code[kept],
            sums=positions.sums[kept],
            oldest_day=positions.oldest_day[kept],
        )
        assert joined in failing(night, "exposure_controls", _1=smaller) or (
            positions.exposure[row] == -positions.column("credit_balance")[row]
        )


def test_group_controls__miss_a_head_or_a_cent_of_it(night: Night) -> None:
    _, groups, _ = night["group_controls"]
    depths = groups.column("depth").to_pylist()
    exposures = groups.column("exposure").to_pylist()
    heads = [row for row, depth in enumerate(depths) if depth == 0]
    assert any(exposures[row] for row in heads)
    for row in heads:
        changed = cent_more(groups, "exposure", row)
        assert failing(night, "group_controls", _1=changed) == ["exposure of groups"]


def test_require__stops_at_the_first_control_that_fails() -> None:
    checks.require([])
    checks.require([Control("a", 1, 1), Control("b", 0, 0)])
    with pytest.raises(ControlFailed, match="control b does not hold") as caught:
        checks.require([Control("a", 1, 1), Control("b", 2**70, 1), Control("c", 1, 2)])
    assert caught.value.exit_status == ExitStatus.CONTROL_FAILED
    assert (caught.value.found, caught.value.expected) == (str(2**70), "1")


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50))
def test_exact_sum__never_wraps(values: list[int]) -> None:
    assert checks.exact_sum(np.array(values, np.int64)) == sum(values)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), -1])
def test_exact_sum__of_one_value_many_times(value: int) -> None:
    assert checks.exact_sum(np.full(10_000, value, np.int64)) == value * 10_000
