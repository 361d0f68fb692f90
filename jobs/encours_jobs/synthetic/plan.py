"""What is to be generated: the sizes of every table, and which rows of it each chunk holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

CHUNK_ROWS: Final = 262_144
"""Rows of a chunk, which is one row group of a Parquet file."""
CHUNKS_PER_FILE: Final = 8

_ITEMS_PER_CUSTOMER: Final = 40
_ITEMS_PER_COMMITMENT: Final = 16
_ITEMS_PER_SPLIT_DOCUMENT: Final = 5_000

# Names of the random streams. A new one goes to the end: a number in use is never given again.
(
    CUSTOMER_STREAM,
    ITEM_STREAM,
    COMMITMENT_STREAM,
    LIMIT_STREAM,
    REFERENCE_STREAM,
    SALES_STREAM,
    SPLIT_STREAM,
    DEFECT_STREAM,
) = range(8)

ORDER_SALT: Final = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The ledger to generate.

    defects   share of the rows that are bad, None for a ledger without
    balances  whether the general ledger's balances are given
    chunk_rows, chunks_per_file  smaller only to see many files in a small ledger; the chunk size
                                 is part of what the values depend on
    """

    items: int
    seed: int
    as_of: date
    defects: Decimal | None = None
    balances: bool = False
    chunk_rows: int = CHUNK_ROWS
    chunks_per_file: int = CHUNKS_PER_FILE

    @property
    def as_of_day(self) -> int:
        """The as-of date in days since 1970-01-01."""
        return (self.as_of - date(1970, 1, 1)).days

    @property
    def customers(self) -> int:
        """How many customers the ledger has."""
        return max(2, self.items // _ITEMS_PER_CUSTOMER)

    @property
    def commitments(self) -> int:
        """How many commitments the ledger has."""
        return max(4, self.items // _ITEMS_PER_COMMITMENT)

    @property
    def orders(self) -> int:
        """How many orders the commitments belong to; an eighth of the rows is a second one."""
        return self.commitments - self.commitments // 8

    @property
    def split_documents(self) -> int:
        """How many documents have lines far apart in the ledger."""
        return max(1, self.items // _ITEMS_PER_SPLIT_DOCUMENT)

    def rows_behind(self, table: str) -> int:
        """Give how many rows there are of what the chunks of a table are made from."""
        if table in {"open_items", "allocations"}:
            return self.items
        return self.commitments if table == "commitments" else self.customers

    def chunks(self, rows: int) -> list[tuple[int, int, int]]:
        """Give (chunk number, first row, rows) of each chunk of a table of so many rows."""
        starts = range(0, rows, self.chunk_rows)
        return [
            (number, start, min(self.chunk_rows, rows - start))
            for number, start in enumerate(starts)
        ]
