import random

import pyarrow as pa
import pytest

from encours.erp.breaker import reasons_to_wait, shrunken_tables
from encours.erp.changes import find_changes
from encours.erp.lines import TOLD_SCHEMA, hold_lines
from encours.erp.shown import hold_differences, shown_holds
from encours.passes.erp_files import _account_lines
from encours_schemas.configuration import Erp
from tests.erp.nights import Key, Ledger, accounts_of, codes_of, customers_of

KINDS = {"orders": 1, "deliveries": 2, "production": 4}
Shown = list[tuple[str, str | None, str, str | None]]


def told_table(told: dict[Key, int]) -> pa.Table:
    rows = sorted(told.items())
    columns = [[key[0] for key, _ in rows], [key[1] for key, _ in rows], [bits for _, bits in rows]]
    return pa.table(columns, schema=TOLD_SCHEMA)


def as_dict(table: pa.Table) -> dict[Key, int]:
    return {(row["customer_id"], row["credit_segment"]): row["holds"] for row in table.to_pylist()}


def naive_changes(
    wanted: dict[Key, int], told: dict[Key, int], shown: Shown
) -> tuple[list[tuple[str, Key, int]], dict[Key, int]]:
    """Compare row by row, as the rule says it."""
    lines, after = [], {}
    for key in sorted({*wanted, *told}):
        asked, before = wanted.get(key, 0), told.get(key, 0)
        bits = asked
        for kind, bit in KINDS.items():
            blockers = [
                origin
                for customer, segment, what, origin in shown
                if customer == key[0] and segment in {None, key[1]} and what == kind
            ]
            if before & bit and not asked & bit and blockers and "encours" not in blockers:
                bits |= bit
        if bits:
            after[key] = bits
        if bits != before:
            action = "BLOCK" if not before else "CHANGE" if bits else "RELEASE"
            lines.append((action, key, bits))
    return lines, after


def blocks(state: dict[Key, int], customer: str, segment: str | None, kind: str) -> bool:
    return any(
        key[0] == customer and segment in {None, key[1]} and bits & KINDS[kind]
        for key, bits in state.items()
    )


def naive_differences(
    told: dict[Key, int], kept: dict[Key, int], shown: Shown
) -> set[tuple[object, ...]]:
    found: set[tuple[object, ...]] = set()
    for (blocked, part), bits in told.items():
        for kind, bit in KINDS.items():
            visible = any(
                row[0] == blocked and row[1] in {None, part} and row[2] == kind for row in shown
            )
            if bits & bit and not visible:
                found.add((blocked, part, kind, "missing_in_erp"))
    for customer, segment, kind, origin in shown:
        own = origin == "encours"
        if blocks(kept, customer, segment, kind) and not own:
            found.add((customer, segment, kind, "foreign_kept"))
        elif not blocks(told, customer, segment, kind):
            found.add((customer, segment, kind, "own_not_told" if own else "foreign"))
    return found


@pytest.mark.parametrize("seed", range(25))
def test_find_changes__agrees_with_its_twin(seed: int) -> None:
    draw = random.Random(seed)
    keys = [(f"K{number}", segment) for number in range(8) for segment in ("ALL", "EU")]

    def some() -> dict[Key, int]:
        return {key: draw.randint(1, 7) for key in keys if draw.random() < 0.5}

    wanted, told = some(), some()
    drawn: dict[tuple[str, str | None, str], str | None] = {}
    for _ in range(draw.randint(0, 20)):
        place = (draw.choice(keys)[0], draw.choice(("ALL", "EU", None)), draw.choice(list(KINDS)))
        drawn[place] = draw.choice(("encours", "person", None))
    shown: Shown = [(*place, origin) for place, origin in drawn.items()]
    ledger = Ledger(wanted, tuple(key for key in keys[:10] if key not in wanted))
    customers = customers_of(ledger)
    accounts = _account_lines(accounts_of(ledger), pa.nulls(len(accounts_of(ledger)), pa.string()))
    names = ("customer_id", "credit_segment", "hold_kind", "origin")
    columns = {name: [row[place] for row in shown] for place, name in enumerate(names)}
    holds = shown_holds({**columns, "set_on": [None] * len(shown)}, ("encours",))
    changes = find_changes(
        hold_lines(accounts, codes_of(ledger), customers),
        told_table(told),
        accounts,
        customers,
        holds,
    )
    lines, after = naive_changes(wanted, told, shown)
    found = [
        (row["action"], (row["customer_id"], row["credit_segment"]), row["holds"])
        for row in changes.lines.to_pylist()
    ]
    assert found == lines
    assert changes.lines.column("sequence").to_pylist() == list(range(1, len(lines) + 1))
    assert as_dict(changes.told) == after
    kept = {key: bits & ~wanted.get(key, 0) for key, bits in after.items()}
    kept = {key: bits & told.get(key, 0) for key, bits in kept.items() if bits & told.get(key, 0)}
    assert as_dict(changes.kept) == kept
    differences = hold_differences(holds, told_table(told), changes.kept)
    rows = {
        tuple(row[name] for name in (*names[:3], "difference")) for row in differences.to_pylist()
    }
    assert rows == naive_differences(told, kept, shown)
    assert differences.num_rows == len(rows)


def test_reasons_to_wait__name_the_count_and_the_table() -> None:
    settings = Erp()
    few = shrunken_tables({"open_items": 75}, [{"open_items": 100}, {"open_items": 400}], settings)
    assert [str(each) for each in few] == ["table open_items has 75 rows after 400"]
    reasons = reasons_to_wait({"BLOCK": 21, "RELEASE": 0}, 10, few, settings)
    assert reasons == [
        "21 hold changes for 10 credit accounts are more than 20 ([erp] max_hold_changes)",
        "table open_items has 75 rows after 400 ([erp] max_input_shrink)",
    ]
    assert reasons_to_wait({"BLOCK": 20}, 10, [], settings) == []
    assert shrunken_tables({}, [{"empty": 0}], settings) == []
