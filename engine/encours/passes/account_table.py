"""The published table of credit accounts, of which one piece at a time is laid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.breaches.holds import hold_columns
from encours.calc.accounts import complete, credit_columns
from encours.calc.columns import money_array
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encours.breaches.holds import HoldState
    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext
    from encours.calc.limits import CreditShown
    from encours.calc.secured import Secured
    from encours.passes.credit_left import CreditLeft

Array = np.ndarray[Any, np.dtype[Any]]

PIECE_ROWS = 131_072
"""Accounts that are laid out as columns at once."""
_TABLE = OUTPUT_TABLES["credit_accounts"]


@dataclass(frozen=True)
class AccountTable:
    """The table `credit_accounts` (TABLES 2): n accounts in the order in which they are published.

    As columns it is several times as large as what it is made of: texts of customers are repeated.

    shown    the limits; None without a table of limits
    secured  what of the exposure insurance and guarantees cover
    holds    what the rules say
    left     what may still be sold, and what lifts the holds
    head     int32[customers]  the head of each customer's group, -1 where it is of none
    """

    accounts: AccountRows
    shown: CreditShown | None
    secured: Secured
    holds: HoldState
    left: CreditLeft
    head: Array
    context: RunContext

    def __len__(self) -> int:
        """Count the accounts."""
        return len(self.accounts)

    @property
    def schema(self) -> pa.Schema:
        """Give the columns of the contract, and behind them those that customers carry along."""
        schema = _TABLE.arrow_schema()
        for name, texts in self.context.master.customers.texts.items():
            if name != "name" and name not in schema.names:
                schema = schema.append(pa.field(name, texts.type))
        return schema

    def pieces(self, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Give columns, all or some, so many accounts at a time; no piece without an account."""
        names = self.schema.names if names is None else names
        for start in range(0, len(self), PIECE_ROWS):
            yield self._piece(slice(start, min(start + PIECE_ROWS, len(self))), names)

    def table(self, names: Sequence[str]) -> pa.Table:
        """Give some columns of all accounts."""
        return pa.concat_tables([self._piece(slice(0, 0), names), *self.pieces(names)])

    def chosen(self, is_chosen: Array, names: Sequence[str]) -> pa.Table:
        """Give some columns of some accounts: bool[n]."""
        found, start = [self._piece(slice(0, 0), names)], 0
        for piece in self.pieces(names):
            found.append(piece.filter(pa.array(is_chosen[start : start + piece.num_rows])))
            start += piece.num_rows
        return pa.concat_tables(found)

    def _piece(self, rows: slice, names: Sequence[str]) -> pa.Table:
        """Lay some accounts out."""
        columns = credit_columns(
            self.accounts.some(rows),
            None if self.shown is None else self.shown.some(rows),
            self.secured.some(rows),
            self.head,
            self.context,
        )
        left = self.left.some(rows)
        columns |= hold_columns(self.holds.some(rows))
        columns |= {
            "available_to_sell": lambda: money_array(left.free_milli, left.is_free_known),
            "cure_amount": lambda: money_array(left.cure_milli, left.is_curable),
        }
        made = {name: make() for name, make in columns.items() if name in names}
        return complete(self.schema, made, rows.stop - rows.start, names)
