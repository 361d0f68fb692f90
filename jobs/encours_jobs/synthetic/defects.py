"""Planting bad rows, so many of each reason, and telling exactly which.

Items, commitments, limits and sales are spoiled in place. Bad allocations and customers are added:
a bad allocation in the place of a good one would change what is open, and a bad customer would
take all its items along.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.columns import NO_CODE, NO_DAY
from encours_jobs.synthetic.customers import customer_ids
from encours_jobs.synthetic.defect_recipes import (
    PARTLY_PAID,
    PLAIN,
    PLAIN_EURO,
    Recipe,
    allocation_recipes,
    item_recipes,
    other_recipes,
)
from encours_jobs.synthetic.documents import ALONE
from encours_jobs.synthetic.draws import Draws
from encours_jobs.synthetic.items import PARTLY_PAID as FATE_PARTLY_PAID
from encours_jobs.synthetic.items import UNTOUCHED, Items
from encours_jobs.synthetic.plan import DEFECT_STREAM, Plan
from encours_schemas.reasons import KEPT_REASONS, Reason

if TYPE_CHECKING:
    from pathlib import Path

    from encours_jobs.synthetic.customers import CustomerBook

# A ledger with fewer items is for trying things out: it gets one of each, whatever the rate.
_SMALL_LEDGER: Final = 100_000
KEY_COLUMN: Final = {
    "open_items": "item_id",
    "allocations": "allocation_id",
    "commitments": "commitment_id",
    "customers": "customer_id",
    "credit_limits": "limit_id",
    "sales": "customer_id",
}


@dataclass(slots=True)
class Planted:
    """How many rows of a part of the ledger are bad for each reason, with one of them as example.

    counts    by table and reason
    examples  key of the first such row, by table and reason
    """

    counts: dict[tuple[str, Reason], int] = field(default_factory=dict)
    examples: dict[tuple[str, Reason], str] = field(default_factory=dict)

    def note(self, table: str, reason: Reason, example: str | None, rows: int = 1) -> None:
        """Count rows."""
        place = (table, reason)
        self.counts[place] = self.counts.get(place, 0) + rows
        if example is not None:
            self.examples.setdefault(place, example)

    def add(self, other: Planted) -> None:
        """Add what was planted in a later part."""
        for (table, reason), rows in other.counts.items():
            self.note(table, reason, other.examples.get((table, reason)), rows)

    def of(self, table: str, *, kept: bool = False) -> dict[str, int]:
        """Give the rows of a table by reason; `kept` for those that stay with a warning."""
        return {
            reason.value: rows
            for (name, reason), rows in sorted(self.counts.items())
            if name == table and (reason in KEPT_REASONS) is kept
        }

    def write(self, path: Path, plan: Plan) -> None:
        """Write the report as JSON."""
        tables = sorted({table for table, _ in self.counts})
        report: dict[str, Any] = {
            "items": plan.items,
            "seed": plan.seed,
            "as_of": plan.as_of.isoformat(),
            "rate": str(plan.defects),
            "quarantined": {table: self.of(table) for table in tables},
            "kept": {table: self.of(table, kept=True) for table in tables},
            "examples": {
                table: {
                    reason.value: key
                    for (name, reason), key in sorted(self.examples.items())
                    if name == table
                }
                for table in tables
            },
            "note": "rows of unknown_customer are quarantined only with "
            'input.unknown_customer = "quarantine"; by default their customers get a placeholder',
        }
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")


class DefectPlan:
    """How many rows of every table are to be bad for each reason."""

    def __init__(self, plan: Plan, rate: Decimal, book: CustomerBook, text: bool) -> None:
        """Work the numbers out; `text` for a ledger of text, which can be bad in more ways."""
        without_terms = np.flatnonzero(book.terms == NO_CODE)[:1]
        names = customer_ids(without_terms).to_pylist()
        recipes = {
            "open_items": item_recipes(plan.as_of, names[0] if names else None),
            "allocations": allocation_recipes(),
            **other_recipes(),
        }
        # About as many rows as the table will have; never more.
        rows = {
            "open_items": plan.items,
            "allocations": plan.items * 2 // 5,
            "commitments": plan.commitments,
            "customers": plan.customers,
            "credit_limits": plan.customers * 13 // 10,
            "sales": plan.customers // 3 * 13,
        }
        is_small = plan.items < _SMALL_LEDGER
        self._plan = plan
        self._counts = {
            table: shared_out(
                [recipe for recipe in listed if text or not recipe.text_only],
                int(rows[table] * rate),
                at_least=1 if is_small else 0,
            )
            for table, listed in recipes.items()
        }

    def of_chunk(self, table: str, first: int, rows: int) -> list[tuple[Recipe, int]]:
        """Give the defects of one chunk: those of the rows that it is made from."""
        total = self._plan.rows_behind(table)
        return [
            (recipe, count * (first + rows) // total - count * first // total)
            for recipe, count in self._counts[table]
        ]

    def draws(self, table: str, chunk: int, rows: int) -> Draws:
        """Open the random stream of the defects of one chunk of a table."""
        place = chunk * len(KEY_COLUMN) + list(KEY_COLUMN).index(table)
        return Draws(self._plan.seed, DEFECT_STREAM, place, rows)


def shared_out(recipes: list[Recipe], budget: int, *, at_least: int) -> list[tuple[Recipe, int]]:
    """Share a budget of refused rows out among recipes, the first ones getting what is left over.

    Warnings cost nothing: there is always one of each.
    """
    cost = sum(recipe.refused_rows for recipe in recipes)
    each, left = divmod(budget, cost)
    shares = []
    for recipe in recipes:
        extra = 1 if recipe.refused_rows <= left and not recipe.is_kept else 0
        left -= extra * recipe.refused_rows
        floor = max(at_least, 1 if recipe.is_kept else 0)
        shares.append((recipe, max(each + extra, floor)))
    return shares


@dataclass(slots=True)
class Supply:
    """Rows that defects may start from, each given out once."""

    rows: dict[str, list[int]]

    def take(self, source: str, count: int) -> list[int]:
        """Give up to `count` rows."""
        waiting = self.rows[source]
        taken, self.rows[source] = waiting[:count], waiting[count:]
        return taken


def plain_items(draws: Draws, items: Items) -> Supply:
    """Find items whose being bad changes nothing else: alone, of a positive amount, untouched."""
    documents = items.documents
    alone = documents.link == ALONE
    alone[:-1] &= documents.link[1:] == ALONE
    good = alone & (documents.kind == words.INVOICE) & (items.amount > 0)
    good &= items.shown_due_day != NO_DAY
    untouched = np.flatnonzero(good & (items.fate == UNTOUCHED))
    partly = np.flatnonzero(good & (items.fate == FATE_PARTLY_PAID))
    untouched = untouched[draws.order(untouched.size)]
    in_euro = documents.currency[untouched] == words.CURRENCY_CODES.index("EUR")
    half = in_euro & (np.arange(untouched.size) % 2 == 0)
    return Supply(
        {
            PLAIN: untouched[~half].tolist(),
            PLAIN_EURO: untouched[half].tolist(),
            PARTLY_PAID: partly[draws.order(partly.size)].tolist(),
        }
    )
