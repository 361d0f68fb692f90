"""Spoiling the chunks of each table by its recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from encours_jobs.synthetic.defect_recipes import NEW, PLAIN_EURO, Recipe
from encours_jobs.synthetic.defects import KEY_COLUMN, Planted, Supply
from encours_jobs.synthetic.edits import Edits
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours_jobs.synthetic.defect_recipes import Variant
    from encours_jobs.synthetic.draws import Draws

    Counts = list[tuple[Recipe, int]]


def spoil_items(
    table: pa.Table, supply: Supply, counts: Counts, allocations_of: dict[int, int]
) -> tuple[pa.Table, pa.Table, Planted]:
    """Spoil items in place; give the table, the copies for another file, and what was planted.

    allocations_of  how many allocations an item row has, for rows that have some
    """
    edits, copy_edits, planted = Edits(), Edits(), Planted()
    copied: list[int] = []
    ids = table.column("item_id")
    for recipe, count in counts:
        for turn, row in enumerate(supply.take(recipe.source, count)):
            variant = recipe.variants[turn % len(recipe.variants)]
            key = ids[row].as_py()
            if recipe.is_copy:
                copy_edits.change(len(copied), variant)
                copied.append(row)
            else:
                edits.change(row, variant)
            _note_item(planted, recipe, key, allocations_of.get(row, 0))
    return edits.applied(table), copy_edits.applied(_taken(table, copied)), planted


def _taken(table: pa.Table, rows: list[int]) -> pa.Table:
    return table.take(pa.array(rows, type=pa.int64()))


def _note_item(planted: Planted, recipe: Recipe, key: str, allocations: int) -> None:
    """Count a spoiled item, and the allocations that are lost with it."""
    reason = recipe.reason
    if reason is Reason.PARENT_QUARANTINED:
        planted.note("open_items", Reason.NOT_IN_LIST, key)
        planted.note("allocations", reason, key, allocations)
        return
    planted.note("open_items", reason, key, max(1, recipe.refused_rows))


def spoiled_allocations(
    table: pa.Table, item_ids: pa.ChunkedArray, supply: Supply, counts: Counts, chunk: int
) -> tuple[pa.Table, Planted]:
    """Give bad allocations, to be added to those of the chunk, which they resemble."""
    edits, planted = Edits(), Planted()
    templates: list[int] = []
    if table.num_rows == 0:
        return table, planted
    for recipe, count in counts:
        for turn, row in enumerate(supply.take(PLAIN_EURO, count)):
            place = len(templates)
            key = f"ALLOBAD{chunk:05d}{place:06d}"
            edits.change(place, {"allocation_id": key, "item_id": item_ids[row].as_py()})
            edits.change(place, recipe.variants[turn % len(recipe.variants)])
            templates.append(place % table.num_rows)
            planted.note("allocations", recipe.reason, key)
    return edits.applied(_taken(table, templates)), planted


def spoil_rows(
    name: str, table: pa.Table, draws: Draws, counts: Counts, chunk: int
) -> tuple[pa.Table, Planted]:
    """Spoil rows of a table in place; copies and new rows are added at the end of the chunk."""
    edits, planted = Edits(), Planted()
    order: list[int] = draws.order(table.num_rows).tolist()
    added: list[int] = []
    column = KEY_COLUMN[name]
    for recipe, count in counts:
        if recipe.source == NEW:
            _add_new(table, recipe, (edits, added, planted), count, chunk)
            continue
        rows, order = order[:count], order[count:]
        for turn, row in enumerate(rows):
            variant = recipe.variants[turn % len(recipe.variants)]
            if recipe.is_copy:
                edits.change(table.num_rows + len(added), variant)
                added.append(row)
            else:
                edits.change(row, variant)
            key = table.column(column)[row].as_py()
            planted.note(name, recipe.reason, key, max(1, recipe.refused_rows))
    whole = pa.concat_tables([table, _taken(table, added)]).unify_dictionaries()
    return edits.applied(whole.combine_chunks()), planted


def _add_new(
    table: pa.Table,
    recipe: Recipe,
    found: tuple[Edits, list[int], Planted],
    count: int,
    chunk: int,
) -> None:
    """Add customers that nobody knows, each bad by the recipe; those of a cycle in pairs."""
    edits, added, planted = found
    keys = [f"BAD{chunk:04d}{len(added) + number:06d}" for number in range(count)]
    for turn, key in enumerate(keys):
        variant = dict(recipe.variants[turn % len(recipe.variants)])
        if recipe.reason is Reason.PARENT_CYCLE:
            partner = turn ^ 1
            variant["parent_id"] = keys[partner] if partner < count else key
        good: Variant = {"customer_id": key, "parent_id": None, "credit_account_id": None}
        if recipe.is_copy:
            edits.change(table.num_rows + len(added), good)
            added.append(turn % table.num_rows)
        edits.change(table.num_rows + len(added), {**good, **variant})
        added.append(turn % table.num_rows)
        planted.note("customers", recipe.reason, key, max(1, recipe.refused_rows))
