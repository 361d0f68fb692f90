"""Which item bears its document's fixed compensation, in one unit or over several."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from encours.calc.documents import (
    NONE_SHARED,
    Candidates,
    SharedDocuments,
    choose_bearers,
    document_keys,
    first_of_documents,
    is_among,
    join_candidates,
)
from encours.ledger.decode import NO_DAY

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Entry:
    """A late item: its document, its due day, and whether it could bear the compensation."""

    item_id: str
    key: int
    identity: int
    due_day: int
    per_due_date: bool
    is_candidate: bool

    @property
    def document(self) -> tuple[int, ...]:
        split = (self.due_day,) if self.per_due_date else ()
        return (self.key, self.identity, *split)


def naive_bearers(entries: Sequence[Entry]) -> list[int]:
    """Give the first candidate of each document by due date, then item id."""
    documents: dict[tuple[int, ...], list[int]] = {}
    for place, entry in enumerate(entries):
        if entry.is_candidate:
            documents.setdefault(entry.document, []).append(place)
    return sorted(
        min(places, key=lambda place: (entries[place].due_day, entries[place].item_id.encode()))
        for places in documents.values()
    )


def candidates(entries: Sequence[Entry]) -> Candidates:
    rows = [place for place, entry in enumerate(entries) if entry.is_candidate]
    chosen = [entries[row] for row in rows]
    return Candidates(
        np.array(rows, np.int64),
        np.array([entry.key for entry in chosen], np.uint64),
        np.array([entry.identity for entry in chosen], np.uint64),
        np.array([entry.due_day if entry.per_due_date else NO_DAY for entry in chosen], np.int32),
        np.array([entry.due_day for entry in chosen], np.int32),
    )


def ids(entries: Sequence[Entry]) -> pa.Array:
    return pa.array([entry.item_id for entry in entries], pa.string())


def random_entries(chance: random.Random, count: int) -> list[Entry]:
    """Give items of few documents; some documents have one key and two identities."""
    names = [f"{letter}{number}" for number in range(count) for letter in ("é", "Z", "a", "")]
    chance.shuffle(names)
    entries = []
    for place in range(count):
        key = chance.choice([0, 2**64 - 1, 2**63, chance.randrange(count // 2 + 1)])
        entries.append(
            Entry(
                item_id=names[place],
                key=key,
                identity=chance.choice([0, 2**64 - 1]) if key % 3 == 0 else 7,
                due_day=chance.randrange(-3, 3),
                per_due_date=key % 2 == 0,
                is_candidate=chance.random() < 0.8,
            )
        )
    return entries


@pytest.mark.parametrize("seed", range(40))
def test_choose_bearers__like_a_naive_grouping(seed: int) -> None:
    chance = random.Random(seed)
    entries = random_entries(chance, chance.choice([0, 1, 2, 5, 30, 200]))
    found = choose_bearers(candidates(entries), ids(entries), 0, NONE_SHARED)
    assert found.tolist() == naive_bearers(entries)


def entry(item_id: str, **changes: Any) -> Entry:
    plain = {"key": 1, "identity": 1, "due_day": 10, "per_due_date": False, "is_candidate": True}
    return Entry(item_id, **{**plain, **changes})


@pytest.mark.parametrize(
    ("entries", "bearers"),
    [
        ([], []),
        ([entry("A")], [0]),
        ([entry("A", is_candidate=False)], []),
        ([entry("B"), entry("A")], [1]),
        ([entry("B", due_day=9), entry("A")], [0]),
        ([entry("A", is_candidate=False), entry("B")], [1]),
        ([entry("B"), entry("A", identity=2)], [0, 1]),
        ([entry("B"), entry("A", key=2)], [0, 1]),
        ([entry("B", per_due_date=True), entry("A", per_due_date=True)], [1]),
        ([entry("B", per_due_date=True, due_day=9), entry("A", per_due_date=True)], [0, 1]),
        ([entry("é"), entry("z"), entry("Z")], [2]),
        ([entry("10"), entry("9")], [0]),
    ],
)
def test_choose_bearers__cases(entries: list[Entry], bearers: list[int]) -> None:
    assert choose_bearers(candidates(entries), ids(entries), 0, NONE_SHARED).tolist() == bearers


def settle_shared(units: Sequence[Sequence[Entry]]) -> SharedDocuments:
    """Choose the winners of documents in several units over all units, as the rows pass does."""
    units_of: dict[int, set[int]] = {}
    for number, unit in enumerate(units):
        for one in unit:
            units_of.setdefault(one.key, set()).add(number)
    keys = np.array(sorted(key for key, among in units_of.items() if len(among) > 1), np.uint64)
    together = [one for unit in units for one in unit]
    everyone = candidates(together)
    probed = np.flatnonzero(is_among(everyone.key, keys))
    listed = Candidates(np.arange(len(probed)), *(column[probed] for column in everyone[1:]))
    item_id = ids(together).take(pa.array(everyone.row[probed]))
    winners = first_of_documents(listed, np.arange(len(probed)), item_id)
    return SharedDocuments(keys, np.sort(everyone.row[probed][winners]))


@pytest.mark.parametrize("seed", range(30))
def test_choose_bearers__over_several_units_like_in_one(seed: int) -> None:
    chance = random.Random(seed)
    entries = random_entries(chance, chance.choice([2, 9, 80]))
    cuts = sorted(chance.randrange(len(entries) + 1) for _ in range(chance.choice([1, 2, 5])))
    bounds = [0, *cuts, len(entries)]
    units = [entries[low:high] for low, high in pairwise(bounds)]
    shared = settle_shared(units)
    found: list[int] = []
    for first, unit in zip(bounds, units, strict=False):
        bearers = choose_bearers(candidates(unit), ids(unit), first, shared)
        assert bearers.tolist() == sorted(bearers.tolist())
        found += (bearers + first).tolist()
    assert found == naive_bearers(entries)


def test_join_candidates__puts_one_list_behind_the_other() -> None:
    parts = [candidates([entry("A")]), candidates([]), candidates([entry("B", due_day=3)])]
    joined = join_candidates(parts)
    assert joined.due_day.tolist() == [10, 3]
    assert [column.dtype for column in joined] == [column.dtype for column in parts[0]]


def test_is_among__looks_at_both_ends_of_the_list() -> None:
    keys = np.array([0, 5, 2**63, 2**64 - 1], np.uint64)
    assert is_among(keys, np.empty(0, np.uint64)).tolist() == [False] * 4
    assert is_among(keys, keys[1:3]).tolist() == [False, True, True, False]
    assert is_among(np.empty(0, np.uint64), keys).tolist() == []


def test_document_keys__tell_numbers_and_company_codes_apart() -> None:
    numbers = pa.array(["F1", "F2", "F1", "F1"])
    company_first = np.array([1, 1, 2, 1], np.uint64)
    key, second = document_keys(numbers, company_first)
    assert len(set(key.tolist())) == 3
    assert key[0] == key[3]
    assert second[0] == second[2] != second[1]
