"""The small published tables of a run, written into its staging directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from encours.controls.checks import column_sums
from encours.passes.memory import give_memory_back
from encours.passes.workers import run_in_order
from encours.publish.parquet import open_part, part_name, write_small_table
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa

    from encours.calc.context import RunContext
    from encours.passes.rows_pass import RowsResult
    from encours.publish.files import PublishedFile
    from encours.publish.staging import Staging


_PIECES_PER_TRIM = 4
"""Pieces of a table after which the memory that they took is given back."""
SORTED = frozenset({"ageing"})
"""Tables that were made in the order of their keys."""


def write_tables(
    staging: Staging,
    tables: dict[str, pa.Table],
    rows: RowsResult,
    context: RunContext,
    threads: int,
    others: Sequence[Callable[[], PublishedFile]] = (),
) -> list[PublishedFile]:
    """Write the small tables; give every published file, those of the rows pass included.

    tables  by name; each is let go of when it is written
    others  write tables that are not in memory as a whole, each into one file

    A table of the rows pass without a row gets one empty part, so that it is there for readers.
    """
    published = list(rows.published)

    def writer_of(name: str) -> Callable[[], PublishedFile]:
        return lambda: write_whole(staging, name, tables.pop(name))

    writers = [*others, *(writer_of(name) for name in tables)]
    for file in run_in_order(lambda write: write(), writers, threads):
        published.append(file)
        give_memory_back()  # with the table that it was written from
    chosen = context.configuration.interest
    wanted = ["items", *["interest_periods"] * chosen.periods]
    wanted += ["interest_statement"] * chosen.statement
    for name in wanted:
        if not any(file.table == name for file in rows.published):
            path = staging.table_directory(name) / part_name(0)
            schema = OUTPUT_TABLES[name].arrow_schema()
            for field in rows.carried if name == "items" else ():
                schema = schema.append(field)
            with open_part(path, schema) as part:
                published.append(part.close())
    return published


def write_whole(staging: Staging, name: str, table: pa.Table) -> PublishedFile:
    """Write a table that is in memory, by its key."""
    path = staging.table_directory(name) / part_name(0)
    return write_small_table(path, table, () if name in SORTED else OUTPUT_TABLES[name].key)


def write_pieces(
    staging: Staging, name: str, schema: pa.Schema, pieces: Iterable[pa.Table]
) -> PublishedFile:
    """Write a table that comes in pieces, sorted by its key already; even without rows."""
    path = staging.table_directory(name) / part_name(0)
    with open_part(path, schema) as part:
        for number, piece in enumerate(pieces, 1):
            part.write(piece)
            if number % _PIECES_PER_TRIM == 0:
                give_memory_back()
        return part.close()


@dataclass
class Tally:
    """Sums of a table's money columns, taken of the pieces that are written: thousandths by name.

    names  the columns
    """

    names: Sequence[str]
    sums: dict[str, int] = field(default_factory=dict)

    def listening(self, pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Pass pieces on, and add them up."""
        for piece in pieces:
            for name, milli in column_sums([piece], self.names).items():
                self.sums[name] = self.sums.get(name, 0) + milli
            yield piece
