"""What clears what in a group of items, in plain Python."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

Allocation = tuple[str, date, date, Decimal, str]
"""Item, value date, posting date, amount, kind."""


class Leg(NamedTuple):
    """One row of a group; its kind is what it gives to what it clears."""

    item: str
    day: date
    cleared_on: date | None
    amount: Decimal
    kind: str


def cleared(legs: list[Leg], *, with_rest: bool) -> list[Allocation]:
    """Match oldest debit with oldest credit; with its rest, what is left goes on the last day."""
    ordered = sorted(legs, key=lambda leg: leg.day)
    posting = max(day for leg in legs for day in (leg.day, leg.cleared_on) if day)
    left = [leg.amount for leg in ordered]
    found: list[Allocation] = []
    for giver, credit in enumerate(ordered):
        for taker, debit in enumerate(ordered):
            piece = min(left[taker], -left[giver])
            if piece > 0:
                left[taker] -= piece
                left[giver] += piece
                later = max(credit.day, debit.day)
                found.append((debit.item, credit.day, posting, piece, credit.kind))
                found.append((credit.item, later, posting, -piece, debit.kind))
    if with_rest:
        rests = zip(ordered, left, strict=True)
        found += [(leg.item, posting, posting, rest, leg.kind) for leg, rest in rests if rest]
    return found
