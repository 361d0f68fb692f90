"""A ledger in rows of text, with its day and its configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

Row = dict[str, str]


@dataclass
class Extract:
    """A ledger in rows of text, its day and its configuration; ids are those of the case.

    missing    features that the case needs beside what the ledger can say
    undivided  items whose instalments are one row, because a payment names none of them
    alone      the run's own totals are looked at, so that no other ledger may share the run
    follows    published into the output of that other extract, after it
    """

    as_of: date
    configuration: dict[str, Any]
    tables: dict[str, list[Row]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    undivided: frozenset[str] = frozenset()
    alone: bool = False
    follows: str = ""

    def rows(self, table: str) -> list[Row]:
        return self.tables.setdefault(table, [])
