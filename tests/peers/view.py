"""A question beside what was published for it, and the sums that several readers take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tests.peers.cases import Question
from tests.peers.ladder import Ladder, engine_range
from tests.peers.published import Cells, Slice

ZERO: Final = Decimal(0)


@dataclass(frozen=True)
class View:
    """A question with what was published for it.

    slices  `main` is the question's own run; the others are named in `plan`
    """

    question: Question
    ladder: Ladder
    slices: Mapping[str, Slice]

    @property
    def main(self) -> Slice:
        return self.slices["main"]

    def accounts(self, column: str, party: str | None = None) -> Decimal:
        """Sum a column of the credit accounts."""
        rows = self.main.tables["credit_accounts"]
        return total(row[column] for row in rows if party in {None, row["credit_account_id"]})


def total(values: Iterable[Any]) -> Decimal:
    """Sum amounts; null counts as nothing."""
    return sum((Decimal(str(value)) for value in values if value is not None), ZERO)


def ageing_rows(view: View, party: str | None = None) -> list[Cells]:
    rows = view.main.tables["ageing"]
    return [row for row in rows if party in {None, row["customer_id"]}]


def ladder_amounts(view: View, party: str | None = None) -> dict[str, Decimal]:
    """Add the published buckets up into the peer's; credits in no bucket are left out."""
    amounts = {one.label: ZERO for one in view.ladder.ranges}
    rows = ageing_rows(view, party)
    column = "open_amount" if len({row["currency"] for row in rows}) <= 1 else "open_amount_rc"
    for row in rows:
        days = engine_range(row["bucket"])
        holding = [one for one in view.ladder.ranges if days is not None and one.holds(days)]
        for one in holding:
            amounts[one.label] += row[column]
    return amounts
