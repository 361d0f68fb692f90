"""One chunk of items with their allocations, as it is written: spoiled and as text if asked for."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from encours_jobs.synthetic.allocations import Allocations, allocation_table, draw_allocations
from encours_jobs.synthetic.balances import ledger_sums
from encours_jobs.synthetic.calendar import DueDates, build_due_dates
from encours_jobs.synthetic.customers import CustomerBook, build_customer_book
from encours_jobs.synthetic.defects import DefectPlan, Planted, plain_items
from encours_jobs.synthetic.documents import SplitDocuments, build_split_documents, draw_documents
from encours_jobs.synthetic.draws import Draws, Numbers
from encours_jobs.synthetic.item_table import draw_extract, item_ids, item_table
from encours_jobs.synthetic.items import Items, draw_items
from encours_jobs.synthetic.plan import ITEM_STREAM, Plan
from encours_jobs.synthetic.planting import spoil_items, spoiled_allocations
from encours_jobs.synthetic.sinks import text_table


@dataclass(frozen=True, slots=True)
class Facts:
    """What every chunk of the ledger is drawn from.

    as_text  whether tables are written as text
    defects  how many rows are to be bad, None for none
    """

    plan: Plan
    book: CustomerBook
    splits: SplitDocuments
    due_dates: DueDates
    as_text: bool
    defects: DefectPlan | None


@dataclass(frozen=True, slots=True)
class ItemChunk:
    """One chunk of `open_items` and the allocations of its items.

    balances  int64[companies * currencies], None when nobody wants them
    copies    rows of the same key as some items, for a file of their own
    """

    items: pa.Table
    allocations: pa.Table
    balances: Numbers | None
    copies: pa.Table | None = None
    planted: Planted | None = None


def gather_facts(plan: Plan, *, as_text: bool) -> Facts:
    """Draw what all chunks share."""
    book = build_customer_book(plan)
    return Facts(
        plan=plan,
        book=book,
        splits=build_split_documents(plan, book),
        due_dates=build_due_dates(plan.as_of_day),
        as_text=as_text,
        defects=None if plan.defects is None else DefectPlan(plan, plan.defects, book, as_text),
    )


def draw_item_chunk(facts: Facts, place: tuple[int, int, int]) -> ItemChunk:
    """Draw one chunk; `place` is its number, first ledger row and rows."""
    chunk, first, rows = place
    plan, book = facts.plan, facts.book
    day = plan.as_of_day
    draws = Draws(plan.seed, ITEM_STREAM, chunk, rows)
    documents = draw_documents(draws, plan, book, facts.splits, first)
    items = draw_items(draws, documents, book, facts.due_dates, day)
    allocations = draw_allocations(draws, items, day)
    ids = item_ids(documents, facts.due_dates, first)
    extract = draw_extract(draws, items, allocations, day)
    clean = ItemChunk(
        items=item_table(draws, items, extract, ids, book, day),
        allocations=allocation_table(draws, items, allocations, ids, first),
        balances=ledger_sums(items, allocations, extract, day) if plan.balances else None,
    )
    if facts.as_text:
        clean = ItemChunk(text_table(clean.items), text_table(clean.allocations), clean.balances)
    if facts.defects is None:
        return clean
    return _spoiled(facts.defects, clean, items, allocations, place)


def _spoiled(
    defects: DefectPlan,
    clean: ItemChunk,
    items: Items,
    allocations: Allocations,
    place: tuple[int, int, int],
) -> ItemChunk:
    """Give the chunk with its bad rows."""
    chunk, first, rows = place
    supply = plain_items(defects.draws("open_items", chunk, rows), items)
    owners = allocations.owners
    allocations_of = dict(zip(owners.row.tolist(), owners.count.tolist(), strict=True))
    wanted = defects.of_chunk("open_items", first, rows)
    spoiled, copies, planted = spoil_items(clean.items, supply, wanted, allocations_of)
    wanted = defects.of_chunk("allocations", first, rows)
    bad, planted_there = spoiled_allocations(
        clean.allocations, clean.items.column("item_id"), supply, wanted, chunk
    )
    planted.add(planted_there)
    applied = pa.concat_tables([clean.allocations, bad])
    return ItemChunk(spoiled, applied, clean.balances, copies, planted)
