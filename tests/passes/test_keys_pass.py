"""The keys pass against dictionaries, whatever the units and the threads."""

import random
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours.ledger.checking import ABSENT
from encours.ledger.decode import TextIndex
from encours.ledger.quarantine import Quarantine
from encours.ledger.sources import Ledger
from encours.passes.keys_pass import CLEARING_RECORD, Keys, KeysPass, count_unbalanced
from encours.passes.progress import Silent
from tests.ledger.ledgers import CUSTOMER_HEADER, ITEM_HEADER, LedgerFolder

AS_OF = date(2026, 10, 31)
AS_OF_DAY = (AS_OF - date(1970, 1, 1)).days
ALLOCATION_HEADER = "item_id,value_date,posting_date,amount,currency,kind,clearing_id"


@pytest.fixture
def folder(tmp_path: Path) -> LedgerFolder:
    made = LedgerFolder(tmp_path)
    made.path.mkdir()
    return made


@dataclass
class Rows:
    """Items as (id, company code, customer, document number), allocations as their CSV fields."""

    items: list[tuple[str, str, str, str]] = field(default_factory=list)
    allocations: list[list[str]] = field(default_factory=list)

    def write(self, folder: LedgerFolder) -> None:
        lines = [
            f"{item_id},{company},{customer},invoice,2026-01-31,EUR,5.00,{number}"
            for item_id, company, customer, number in self.items
        ]
        header = f"{ITEM_HEADER},document_number"
        folder.write("open_items.csv", "\n".join([header, *lines, ""]))
        rows = [",".join(one) for one in self.allocations]
        folder.write("allocations.csv", "\n".join([ALLOCATION_HEADER, *rows, ""]))
        folder.write("customers.csv", f"{CUSTOMER_HEADER}\nC1,FR\nC2,FR\n")


def allocation(item_id: str, amount: str = "1", clearing: str = "", **changes: str) -> list[str]:
    plain = {"value_date": "2026-02-01", "posting_date": "", "currency": "EUR", "kind": "payment"}
    one = {**plain, **changes}
    return [item_id, one["value_date"], one["posting_date"], amount, one["currency"], one["kind"],
            clearing]  # fmt: skip


def run_pass(folder: LedgerFolder, unit_rows: int, threads: int) -> tuple[Ledger, Keys, Quarantine]:
    ledger = folder.open(unit_rows)
    quarantine = Quarantine()
    scratch = folder.root / "scratch"
    scratch.mkdir(exist_ok=True)
    keys_pass = KeysPass(
        ledger.tables["open_items"],
        ledger.tables.get("allocations"),
        TextIndex(pa.array(["C1", "C2"])),
        quarantine,
        scratch,
        threads,
    )
    return ledger, keys_pass.run(AS_OF_DAY, Silent()), quarantine


def random_rows(chance: random.Random) -> Rows:
    count = chance.choice([1, 6, 40])
    names = [f"I{number}" for number in range(count)] + ["", "é", "I0"]
    rows = Rows()
    for _ in range(count):
        number = chance.choice(["", "F1", "F2", f"F{chance.randrange(count)}"])
        company, customer = chance.choice(["1000", "2000"]), chance.choice(["C1", "C2", "new", ""])
        rows.items.append((chance.choice(names), company, customer, number))
    for _ in range(chance.choice([0, 1, 30])):
        rows.allocations.append(
            allocation(
                chance.choice([*names[:-3], "é", "nowhere"]),
                chance.choice(["1", "-1", "2.5", "-2.5"]),
                chance.choice(["", "X", "Y", f"Z{chance.randrange(9)}"]),
                posting_date=chance.choice(["", "2026-10-31", "2026-11-01"]),
                currency=chance.choice(["EUR", "EUR", "USD"]),
                kind=chance.choice(["payment", "return", "discount", "write_off"]),
            )
        )
    return rows


def naive_firsts(rows: Rows) -> dict[str, int]:
    """Give the first row of each item id."""
    firsts: dict[str, int] = {}
    for place, (item_id, *_) in enumerate(rows.items):
        if item_id:
            firsts.setdefault(item_id, place)
    return firsts


def naive_unbalanced(rows: Rows) -> int:
    """Count clearings with both legs that do not add up to zero, discounts and the like apart."""
    clearings: dict[tuple[str, str], list[Decimal]] = {}
    for _, _, posting_date, amount, currency, kind, clearing in rows.allocations:
        is_posted = posting_date <= AS_OF.isoformat()
        if clearing and is_posted and kind not in {"discount", "write_off"}:
            clearings.setdefault((clearing, currency), []).append(Decimal(amount))
    return sum(
        min(amounts) < 0 < max(amounts) and sum(amounts) != 0 for amounts in clearings.values()
    )


@pytest.mark.parametrize("seed", range(25))
def test_keys_pass__like_dictionaries(folder: LedgerFolder, seed: int) -> None:
    chance = random.Random(seed)
    rows = random_rows(chance)
    rows.write(folder)
    unit_rows = chance.choice([1, 4, 1_000])
    ledger, keys, _ = run_pass(folder, unit_rows, chance.choice([1, 3]))
    units = ledger.tables["open_items"].units
    firsts = naive_firsts(rows)
    twins = [
        [place, firsts[item_id]]
        for place, (item_id, *_) in enumerate(rows.items)
        if item_id and firsts[item_id] != place
    ]
    assert sorted(keys.twins.tolist()) == twins
    assert keys.unknown_items.tolist() == [
        place for place, one in enumerate(rows.allocations) if one[0] not in firsts
    ]
    routed = {
        (int(record["ordinal"]), int(record["first"]), unit.number)
        for unit in units
        for record in keys.routed.read(unit.number)
    }
    assert routed == {
        (place, firsts[one[0]], firsts[one[0]] // unit_rows)
        for place, one in enumerate(rows.allocations)
        if one[0] in firsts
    }
    assert keys.company_codes == {company for _, company, _, _ in rows.items}
    assert keys.unknown_customers == {"new"} & {customer for _, _, customer, _ in rows.items}
    assert keys.unbalanced_clearings == naive_unbalanced(rows)
    documents: dict[tuple[str, str], set[int]] = {}
    for place, (item_id, company, _, number) in enumerate(rows.items):
        documents.setdefault((company, number or item_id), set()).add(place // unit_rows)
    shared = [among for among in documents.values() if len(among) > 1]
    assert len(keys.shared_documents) == len(shared)
    assert np.flatnonzero(keys.units_with_shared).tolist() == sorted(set().union(*shared))
    for unit in units:
        customers = [
            rows.items[place][2]
            for place in range(unit.first_ordinal, unit.first_ordinal + unit.row_count)
        ]
        codes = keys.customer_codes.of_unit(unit)
        assert (codes is None) == ("new" in customers)
        if codes is not None:
            assert codes.tolist() == [
                ("C1", "C2").index(one) if one else ABSENT for one in customers
            ]
    keys.routed.close()
    keys.customer_codes.close()
    assert list((folder.root / "scratch").iterdir()) == []


def test_keys_pass__quarantines_what_an_allocation_shows_alone(folder: LedgerFolder) -> None:
    rows = Rows([("A", "1000", "C1", "")], [allocation("A", "x"), allocation("A", "1")])
    rows.write(folder)
    _, keys, quarantine = run_pass(folder, 1, 2)
    assert quarantine.counts("allocations") == {"wrong_type": 1}
    assert keys.routed.read(0)["ordinal"].tolist() == [1]
    keys.routed.close()


def test_keys_pass__of_an_empty_ledger(folder: LedgerFolder) -> None:
    Rows().write(folder)
    _, keys, _ = run_pass(folder, 5, 2)
    assert keys.twins.shape == (0, 2)
    assert len(keys.unknown_items) == len(keys.shared_documents) == keys.unbalanced_clearings == 0
    keys.routed.close()


amounts = st.integers(-(10**18), 10**18) | st.integers(-2, 2) | st.sampled_from([2**63 - 1])


@given(st.lists(st.tuples(st.integers(0, 3), amounts), max_size=30))
def test_count_unbalanced__like_a_naive_sum(legs: list[tuple[int, int]]) -> None:
    records = np.zeros(len(legs), CLEARING_RECORD)
    records["key"] = np.array([key for key, _ in legs], np.uint64)
    records["amount_milli"] = np.array([amount for _, amount in legs], np.int64)
    by_key: dict[int, list[int]] = {}
    for key, amount in legs:
        by_key.setdefault(key, []).append(amount)
    expected = sum(min(all_) < 0 < max(all_) and sum(all_) != 0 for all_ in by_key.values())
    assert count_unbalanced(records) == expected


@pytest.mark.parametrize(
    ("legs", "unbalanced"),
    [
        *[([], 0), ([5], 0), ([5, 5], 0), ([5, -5], 0), ([5, -4], 1), ([0, 0], 0), ([-1, 0, 2], 1)],
        ([2**62] * 4 + [-(2**62)] * 4, 0),
        ([2**62] * 4 + [-(2**62)] * 4 + [1], 1),
    ],
)
def test_count_unbalanced__needs_both_legs(legs: list[int], unbalanced: Any) -> None:
    records = np.zeros(len(legs), CLEARING_RECORD)
    records["amount_milli"] = legs
    assert count_unbalanced(records) == unbalanced
