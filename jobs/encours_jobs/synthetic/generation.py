"""Generating a ledger: every table in chunks, drawn by several threads and written in order."""

from __future__ import annotations

import os
import shutil
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import pyarrow as pa

from encours_jobs.planted import DEFAULT_RATE, REPORT_NAME
from encours_jobs.synthetic.balances import balance_table
from encours_jobs.synthetic.chunks import Facts, ItemChunk, draw_item_chunk, gather_facts
from encours_jobs.synthetic.commitments import commitment_table
from encours_jobs.synthetic.customers import customer_table
from encours_jobs.synthetic.defects import Planted
from encours_jobs.synthetic.draws import Numbers
from encours_jobs.synthetic.limits import limit_table
from encours_jobs.synthetic.plan import Plan
from encours_jobs.synthetic.planting import spoil_rows
from encours_jobs.synthetic.reference import reference_tables
from encours_jobs.synthetic.sales import sales_table
from encours_jobs.synthetic.sinks import TableSink, text_table
from encours_schemas import INPUT_TABLES
from encours_schemas.errors import OutputUnwritable, UsageWrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from encours_jobs.progress import Listener

FILE_FORMATS: Final = ("parquet", "csv")
DEFECTS_MAX: Final = Decimal("0.2")

_Place = TypeVar("_Place")
_Result = TypeVar("_Result")
_IN_PARTS: Final = ("open_items", "allocations")
# Each thread holds a chunk of about 100 MB while it draws; more threads than this wait for the
# writer anyway.
_THREADS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class GenerationSummary:
    """What was generated.

    rows, files  by table
    size         bytes of all files together
    planted      what is bad in it, None when nothing is
    """

    directory: Path
    items: int
    seed: int
    as_of: date
    file_format: str
    rows: dict[str, int]
    files: dict[str, int]
    size: int
    planted: Planted | None = None


def generate_ledger(
    out: Path,
    items: int,
    seed: int,
    as_of: date,
    *,
    defects: bool | Decimal = False,
    ledger_balances: bool = False,
    file_format: str = "parquet",
    progress: Listener | None = None,
    threads: int | None = None,
) -> GenerationSummary:
    """Write a ledger of so many items into the directory, which must be empty or absent.

    The same arguments give the same bytes, whatever the number of threads. Memory does not grow
    with the number of items, apart from some 30 bytes per customer. The directory appears when
    the ledger is whole.

    With `defects`, a share of the rows of each table is bad (True: so few that the default
    `max_rejected` accepts them), and `planted_defects.json` tells how many for which reason. With
    `ledger_balances` the general ledger's balances are given, which a ledger without defects
    ties out to.

    Raises `UsageWrong` for a size, share or format that cannot be, `OutputUnwritable` for a
    directory that holds something or cannot be written.
    """
    share = (DEFAULT_RATE if defects else None) if isinstance(defects, bool) else defects
    _check(out, items, share, file_format)
    plan = Plan(items=items, seed=seed, as_of=as_of, defects=share, balances=ledger_balances)
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        summary = write_ledger(
            plan, partial, file_format=file_format, progress=progress, threads=threads
        )
        partial.rename(out)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OutputUnwritable(
            what="the ledger cannot be written", where=str(out), found=error.strerror or str(error)
        ) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return GenerationSummary(
        directory=out,
        items=plan.items,
        seed=plan.seed,
        as_of=plan.as_of,
        file_format=file_format,
        rows=summary.rows,
        files=summary.files,
        size=sum(path.stat().st_size for path in out.rglob("*") if path.is_file()),
        planted=None if share is None else summary.planted,
    )


def _check(out: Path, items: int, share: Decimal | None, file_format: str) -> None:
    if items < 1:
        raise UsageWrong(what="a ledger needs items", found=str(items), expected="1 or more")
    if share is not None and not 0 < share <= DEFECTS_MAX:
        raise UsageWrong(
            what="the share of bad rows cannot be",
            found=str(share),
            expected=f"above 0, at most {DEFECTS_MAX}",
        )
    if file_format not in FILE_FORMATS:
        expected = " or ".join(FILE_FORMATS)
        raise UsageWrong(what="unknown file format", found=file_format, expected=expected)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputUnwritable(
            what="the directory for the ledger is not empty",
            where=str(out),
            cure="name another directory, or empty this one",
        )


class Written:
    """The tables of a ledger on their way to disk, and what went through."""

    def __init__(self, out: Path, plan: Plan, file_format: str) -> None:
        """Begin in an existing directory."""
        self._out = out
        self._sizes = (plan.chunk_rows, plan.chunks_per_file)
        self._format = file_format
        self._lock = threading.Lock()
        self.planted = Planted()
        self.rows: dict[str, int] = {}
        self.files: dict[str, int] = {}

    def sink(self, table: str) -> TableSink:
        """Open the sink of a table."""
        parts = table in _IN_PARTS
        return TableSink(self._out, table, file_format=self._format, parts=parts, sizes=self._sizes)

    def done(self, table: str, sink: TableSink) -> None:
        """Remember what a sink wrote."""
        self.rows[table] = sink.rows
        self.files[table] = sink.files

    def note(self, planted: Planted) -> None:
        """Remember what was planted; those of one table come in the order of its rows."""
        with self._lock:
            self.planted.add(planted)


def write_ledger(
    plan: Plan,
    out: Path,
    *,
    file_format: str = "parquet",
    progress: Listener | None = None,
    threads: int | None = None,
) -> Written:
    """Write the ledger of a plan into a directory, made if need be; nothing is checked."""
    out.mkdir(parents=True, exist_ok=True)
    facts = gather_facts(plan, as_text=file_format == "csv")
    written = Written(out, plan, file_format)
    pool_size = threads or max(1, min(_THREADS_MAX, (os.cpu_count() or 1)))
    with ThreadPoolExecutor(pool_size) as pool:
        others = pool.submit(_write_others, facts, written)
        chunks = in_order(
            pool,
            lambda place: draw_item_chunk(facts, place),
            plan.chunks(plan.items),
            ahead=pool_size,
        )
        _write_items(facts, written, chunks, progress)
        others.result()
    if plan.defects is not None:
        written.planted.write(out / REPORT_NAME, plan)
    order = [name for name in INPUT_TABLES if name in written.rows]
    written.rows = {name: written.rows[name] for name in order}
    written.files = {name: written.files[name] for name in order}
    return written


def in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[_Place], _Result],
    places: Iterable[_Place],
    *,
    ahead: int,
) -> Iterator[_Result]:
    """Give the result of each place in the order of the places, worked out by a pool.

    At most `ahead` results wait, so that memory stays bounded when the taker is slow.
    """
    waiting: deque[Future[_Result]] = deque()
    for place in places:
        waiting.append(pool.submit(work, place))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _write_items(
    facts: Facts,
    written: Written,
    chunks: Iterable[ItemChunk],
    progress: Listener | None,
) -> None:
    """Write `open_items` and `allocations` chunk by chunk, then copies in a file of their own."""
    if progress:
        progress.start_stage("open_items", facts.plan.items)
    copies: list[pa.Table] = []
    balances: list[Numbers] = []
    with written.sink("open_items") as items, written.sink("allocations") as allocations:
        for chunk in chunks:
            items.write(chunk.items)
            allocations.write(chunk.allocations)
            if chunk.balances is not None:
                balances.append(chunk.balances)
            if chunk.copies is not None and chunk.planted is not None:
                copies.append(chunk.copies)
                written.note(chunk.planted)
            if progress:
                progress.advance(chunk.items.num_rows)
        if any(part.num_rows for part in copies):
            items.finish()
            items.write(pa.concat_tables(copies))
    written.done("open_items", items)
    written.done("allocations", allocations)
    if balances:
        table = balance_table(np.sum(balances, axis=0))
        _write_whole(facts, written, "ledger_balances", table)
    if progress:
        progress.finish_stage()


def _write_others(facts: Facts, written: Written) -> None:
    """Write every other table."""
    plan, book = facts.plan, facts.book
    draw_of = {
        "commitments": commitment_table,
        "customers": customer_table,
        "credit_limits": limit_table,
        "sales": sales_table,
    }
    for name, draw in draw_of.items():
        with written.sink(name) as sink:
            for place in plan.chunks(plan.rows_behind(name)):
                table = draw(plan, book, *place)
                sink.write(_spoiled(facts, written, name, table, place))
        written.done(name, sink)
    for name, table in reference_tables(plan, book).items():
        _write_whole(facts, written, name, table)


def _write_whole(facts: Facts, written: Written, name: str, table: pa.Table) -> None:
    """Write a small table."""
    with written.sink(name) as sink:
        sink.write(text_table(table) if facts.as_text else table)
    written.done(name, sink)


def _spoiled(
    facts: Facts, written: Written, name: str, table: pa.Table, place: tuple[int, int, int]
) -> pa.Table:
    """Give the table as it is written: as text if asked for, with its bad rows if asked for."""
    chunk, first, rows = place
    if facts.as_text:
        table = text_table(table)
    if facts.defects is None:
        return table
    draws = facts.defects.draws(name, chunk, table.num_rows)
    wanted = facts.defects.of_chunk(name, first, rows)
    spoiled, planted = spoil_rows(name, table, draws, wanted, chunk)
    written.note(planted)
    return spoiled
