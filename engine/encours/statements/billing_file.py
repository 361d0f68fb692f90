"""Rows of `interest_statement` as CSV for a billing system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from encours_schemas import OUTPUT_TABLES

TABLE = OUTPUT_TABLES["interest_statement"]
FORMULA_STARTS = r"^[=+\-@\t\r]"
"""What a spreadsheet takes for the beginning of a formula, were the file opened in one."""


@dataclass
class BillingFile:
    """The file as bytes, and what its reader must be told.

    rows           written so far
    formula_texts  texts that a spreadsheet would take for formulas
    """

    rows: int = 0
    formula_texts: int = 0
    _columns: tuple[str, ...] = field(
        default=("customer_id", "company_code", "item_id", "document_number"), repr=False
    )

    def chunks(self, tables: Iterable[pa.Table]) -> Iterator[bytes]:
        """Give the file piece by piece: RFC 4180, UTF-8, lines end with a line feed.

        Texts are quoted and byte for byte those of the ledger; amounts have a point and three
        decimals, dates are ISO 8601, a null is an empty field without quotes.
        """
        options = pacsv.WriteOptions(include_header=True, quoting_style="needed")
        header = TABLE.arrow_schema().empty_table()
        yield _written(header, options)
        options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
        for table in tables:
            self.rows += table.num_rows
            for name in self._columns:
                found = pc.match_substring_regex(table.column(name), FORMULA_STARTS)
                self.formula_texts += pc.sum(found).as_py() or 0
            if table.num_rows:
                yield _written(table, options)


def _written(table: pa.Table, options: pacsv.WriteOptions) -> bytes:
    """Give some rows as lines."""
    sink = pa.BufferOutputStream()
    pacsv.write_csv(table, sink, options)
    return bytes(sink.getvalue().to_pybytes())
