"""The peers' cases as questions: references resolved, sub-cases and steps laid out side by side.

A case asks one question of the engine, or several: each entry of `cases` or `steps` is one, with
what it says laid over what the case says. Nothing is interpreted here beyond that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

Value = Any
Fields = Mapping[str, Value]

DESCRIPTION_KEYS: Final = frozenset(
    {"id", "kind", "title", "provenance", "assertion_basis", "notes"}
)
QUESTION_KEYS: Final = frozenset({"as_of", "config", "items", "allocations", "expected"})
LATER_KEYS: Final = frozenset({"cases", "steps"})
# What an entry of `cases` or `steps` without `expected` may say about its input; anything else
# that stands beside them is an expectation.
ENTRY_INPUT_KEYS: Final = frozenset(
    {
        "after",
        "allocations",
        "amount",
        "annual_rate_pct",
        "as_of",
        "category_limit",
        "contractual",
        "credit_status",
        "date",
        "due_date",
        "fee_currency",
        "grace_date",
        "item_currency",
        "known_allocations",
        "limit",
        "limit_active",
        "new",
        "payment",
        "payment_rule",
        "processed",
        "receipts",
        "receipts_on_claims_only",
        "reminder_dates",
        "term",
    }
)
# The day of a case that names no day at all; any will do, as nothing in the case depends on it.
SOME_DAY: Final = date(2025, 1, 31)


@dataclass(frozen=True)
class Question:
    """One thing that is asked: a ledger in the peer's form, a day and what must come out.

    entry    what the entry of `cases` or `steps` adds; empty for the case itself
    earlier  the entries of `steps` before this one, oldest first
    """

    case: Fields
    label: str
    as_of_given: date | None
    config: Fields
    items: Sequence[Fields]
    allocations: Sequence[Fields]
    expected: Fields
    entry: Fields = field(default_factory=dict)
    earlier: Sequence[Fields] = ()
    unresolved: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return str(self.case.get("kind", ""))

    @cached_property
    def as_of(self) -> date:
        """The given day, else the last day on which the case says that anything happens."""
        return self.as_of_given or max(self.days, default=SOME_DAY)

    @cached_property
    def days(self) -> list[date]:
        """Every day that the items and allocations name, recording days included."""
        found = []
        for row in [*self.items, *self.allocations]:
            dates = [value for key, value in row.items() if key == "date" or key.endswith("_date")]
            found += [day_of(value) for value in dates if value]
            if row.get("recorded_after"):
                found.append(day_of(row["recorded_after"]) + timedelta(days=1))
        return found

    @property
    def extra_keys(self) -> list[str]:
        """Parts of the case, beside items and allocations, that a question would have to use."""
        known = DESCRIPTION_KEYS | QUESTION_KEYS | LATER_KEYS
        return sorted(key for key in self.case if key not in known)


def day_of(text: str) -> date:
    """Give the calendar day of `2025-01-31` or `2025-01-05T18:00`."""
    return date.fromisoformat(str(text)[:10])


def read_cases(path: Path) -> list[dict[str, Value]]:
    """Give the cases of a file; the file is `{"vectors": [...]}` or the bare list."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return list(content["vectors"] if isinstance(content, dict) else content)


def resolve_references(case: Fields, known: Mapping[str, Fields]) -> dict[str, Value]:
    """Replace `{"ref": "ID items"}` by that field of the other case.

    A reference to a case that is not known stays as it is; `questions_of` names it.
    """
    resolved = dict(case)
    for key, value in case.items():
        if not (isinstance(value, dict) and set(value) == {"ref"}):
            continue
        other, _, wanted = str(value["ref"]).partition(" ")
        if other in known and wanted in known[other]:
            resolved[key] = known[other][wanted]
    return resolved


def questions_of(case: Fields) -> list[Question]:
    """Lay a case out as its questions, in the order in which the case asks them."""
    base = _base_question(case)
    top = _expectation(case.get("expected"))
    steps = [dict(step) for step in case.get("steps", ())]
    asked = [_entry_question(base, "cases", i, e) for i, e in enumerate(case.get("cases", ()))]
    for i, step in enumerate(steps):
        # What the case expects as a whole holds after its last step.
        ending = top if i == len(steps) - 1 else {}
        asked.append(_entry_question(base, "steps", i, step, ending, tuple(steps[:i])))
    if top and not steps:
        asked.insert(0, replace(base, expected=top))
    return asked or [base]


def _base_question(case: Fields) -> Question:
    unresolved = [
        str(value["ref"])
        for key, value in case.items()
        if isinstance(value, dict) and set(value) == {"ref"}
    ]
    return Question(
        case=case,
        label="",
        as_of_given=day_of(case["as_of"]) if case.get("as_of") else None,
        config=_fields(case.get("config")),
        items=_rows(case.get("items")),
        allocations=_rows(case.get("allocations")),
        expected={},
        unresolved=tuple(unresolved),
    )


def _entry_question(
    base: Question,
    name: str,
    number: int,
    entry: Fields,
    ending: Fields | None = None,
    earlier: tuple[Fields, ...] = (),
) -> Question:
    """Lay one entry over the case; without `expected`, what is no input is an expectation."""
    given = {k: v for k, v in entry.items() if k != "expected"}
    beside = {}
    if "expected" not in entry:
        beside = {k: given.pop(k) for k in entry if k not in ENTRY_INPUT_KEYS}
    day = given.get("as_of") or given.get("date")
    config = dict(base.config)
    config |= {key: given[key] for key in ("annual_rate_pct", "term") if key in given}
    items = list(base.items)
    if not items and "amount" in given:
        items = [{"id": "ITEM", "type": "invoice", "amount": given["amount"], "currency": "EUR"}]
    if "due_date" in given:
        items = [{**item, "due_date": given["due_date"]} for item in items]
    return replace(
        base,
        label=f"{name}[{number}]",
        as_of_given=day_of(day) if day else base.as_of_given,
        config=config,
        items=items,
        allocations=_rows(given.get("allocations", base.allocations)),
        expected={**(ending or {}), **_expectation(entry.get("expected")), **beside},
        entry=given,
        earlier=earlier,
    )


def _expectation(expected: Value) -> dict[str, Value]:
    """Give what is expected by name; a pointer such as "see cases" expects nothing itself."""
    if isinstance(expected, list):
        return {"rows": expected}
    if not isinstance(expected, dict) or set(expected) == {"see"}:
        return {}
    return dict(expected)


def _fields(value: Value) -> dict[str, Value]:
    return dict(value) if isinstance(value, dict) and set(value) != {"ref"} else {}


def _rows(value: Value) -> list[dict[str, Value]]:
    return [dict(row) for row in value] if isinstance(value, list) else []


def leaves(value: Value, path: str = "") -> Iterator[tuple[str, Value]]:
    """Walk an expectation and give every figure with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{i}]")
    else:
        yield path, value
