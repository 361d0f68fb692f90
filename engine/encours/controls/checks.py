"""What must always hold, checked in every run before anything is published (DOMAIN 11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.columns import milli_of
from encours.calc.context import COMPONENTS
from encours.calc.exposure import POSITION_SUMS
from encours.calc.lines import LINE_SUMS
from encours.ledger.hierarchy import NONE
from encours_schemas.errors import ControlFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from encours.calc.account_cover import CoverTotals
    from encours.calc.context import RunContext
    from encours.calc.exposure import Positions
    from encours.calc.sums import CurrencyTotals, KeyedSums

Array = np.ndarray[Any, np.dtype[Any]]

CONTROL_TERMS = (
    "amount",
    "open_amount",
    "allocated",
    "extract_difference",
    "not_yet_posted",
    "quarantined_amount",
)
"""The terms of the conservation equation, per currency."""


@dataclass(frozen=True)
class Control:
    """One equation of a run: two figures that must be equal; counts, or thousandths."""

    name: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        """Tell whether both sides are equal."""
        return self.left == self.right


def exact_sum(values: Array) -> int:
    """Add 64-bit integers up without wrapping, in two halves: int64[n]."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def require(controls: Iterable[Control]) -> None:
    """Raise ControlFailed (70) for the first control that does not hold."""
    for control in controls:
        if not control.holds:
            raise ControlFailed(
                what=f"control {control.name} does not hold",
                found=str(control.left),
                expected=str(control.right),
                cure="nothing was published; report this defect of the engine or of the machine",
            )


def row_controls(
    counted: Mapping[str, int], accepted: Mapping[str, int], quarantined: Mapping[str, int]
) -> list[Control]:
    """Check that every row read was accepted or quarantined, per table."""
    return [
        Control(f"rows of {table}", counted[table], accepted[table] + quarantined[table])
        for table in sorted(counted)
    ]


def money_controls(totals: CurrencyTotals) -> list[Control]:
    """Check that no amount was lost: amounts = open + allocated + differences + future."""
    found = {term: totals.of(term) for term in CONTROL_TERMS}
    currencies = sorted({currency for amounts in found.values() for currency in amounts})
    right = ("open_amount", "allocated", "extract_difference", "not_yet_posted")
    return [
        Control(
            f"conservation of {currency}",
            found["amount"].get(currency, 0),
            sum(found[term].get(currency, 0) for term in right),
        )
        for currency in currencies
    ]


def published_controls(totals: CurrencyTotals, written: int) -> list[Control]:
    """Check that every item to publish was written, and that detail and statement add up to items.

    written  rows in the part files of `items`
    """
    counts = totals.counts
    due = counts.get("open", 0) + counts.get("settled_late", 0)
    pairs = (
        ("interest detail", "interest_detail", "penalty_interest"),
        ("interest statement", "interest_unbilled of statement", "interest_unbilled"),
        ("compensation statement", "indemnity_unbilled of statement", "indemnity_unbilled"),
    )
    return [
        Control("rows of items published", written, due),
        *(
            Control(f"{name} of {currency}", parts.get(currency, 0), whole.get(currency, 0))
            for name, parts, whole in (
                (name, totals.of(of), totals.of(by)) for name, of, by in pairs
            )
            for currency in sorted({*whole, *parts})
        ),
    ]


class Added(NamedTuple):
    """What items and commitments add up to, before anything is made of their sums.

    items    by `LINE_SUMS`; commitments by `POSITION_SUMS`
    covered  what limits cover of items; None where the ledger has no insured limit
    """

    items: Mapping[str, int]
    commitments: Mapping[str, int]
    covered: int | None = None


def add_up(lines: KeyedSums, commitments: KeyedSums, cover: CoverTotals | None) -> Added:
    """Add lines, commitments and cover up, so that they need not be kept to be checked."""
    return Added(
        {name: exact_sum(lines.sums[:, place]) for place, name in enumerate(LINE_SUMS)},
        {name: exact_sum(commitments.sums[:, place]) for place, name in enumerate(POSITION_SUMS)},
        None if cover is None else exact_sum(cover.covered.sums[:, 0]),
    )


def ageing_controls(totals: CurrencyTotals, added: Added, ageing: pa.Table) -> list[Control]:
    """Check that the buckets add up to the open amounts, per currency and converted."""
    milli = milli_of(ageing.column("open_amount"))
    names = ageing.column("currency").combine_chunks().dictionary_encode()
    currency = names.indices.to_numpy()
    buckets = {
        name: exact_sum(milli[currency == code])
        for code, name in enumerate(names.dictionary.to_pylist())
    }
    expected = totals.of("open_amount")
    controls = [
        Control(f"buckets of {name}", buckets.get(name, 0), expected.get(name, 0))
        for name in sorted({*buckets, *expected})
    ]
    buckets_rc = exact_sum(milli_of(ageing.column("open_amount_rc")))
    counted = exact_sum(ageing.column("item_count").to_numpy())
    return [
        *controls,
        Control("buckets in the reporting currency", buckets_rc, added.items["open_rc"]),
        Control("items in buckets", counted, totals.counts.get("open", 0)),
    ]


_COST_OF_DELAY = ("penalty_interest", "interest_unbilled", "fixed_indemnity")
CHECKED_OF_ACCOUNTS = ("exposure", "credit_balance", *_COST_OF_DELAY)
"""Columns of `credit_accounts` that `exposure_controls` looks at."""


def column_sums(pieces: Iterable[pa.Table], names: Sequence[str]) -> dict[str, int]:
    """Add money columns of a table up, that comes in pieces: thousandths by name."""
    found = dict.fromkeys(names, 0)
    for piece in pieces:
        for name in names:
            found[name] += _column_sum(piece, name)
    return found


def exposure_controls(
    added: Added, positions: Positions, accounts: Mapping[str, int]
) -> list[Control]:
    """Check that accounts add up to items and counted commitments, less credit balances.

    accounts  sums of `CHECKED_OF_ACCOUNTS` over the credit accounts
    """
    items = sum(added.items[name] for name in COMPONENTS)
    ordered = sum(added.commitments[name] for name in COMPONENTS)
    parked = added.commitments["credit_balance"]
    left_out = items + ordered + parked - exact_sum(positions.exposure)
    balances = exact_sum(positions.column("credit_balance"))
    controls = [
        Control("exposure of accounts", accounts["exposure"], exact_sum(positions.exposure)),
        Control("credit balances of accounts", accounts["credit_balance"], balances),
    ]
    if not positions.has_components_left_out:
        controls.append(Control("items and commitments in accounts", left_out, balances))
    costs = (
        Control(f"{name} of accounts", accounts[name], added.items[name]) for name in _COST_OF_DELAY
    )
    return [*controls, *costs]


def written_controls(written: Mapping[str, int], checked: Mapping[str, int]) -> list[Control]:
    """Check that the credit accounts are written as they were checked: sums by column."""
    return [
        Control(f"{name} of accounts as written", written.get(name, 0), checked[name])
        for name in sorted(checked)
    ]


def cover_controls(published: int, added: Added) -> list[Control]:
    """Check that every item is published with the cover that its limits give it.

    published  sum of the column as it is written
    """
    if added.covered is None:
        return []
    return [Control("insured cover of items", published, added.covered)]


def group_controls(positions: Positions, groups: pa.Table, context: RunContext) -> list[Control]:
    """Check that root groups and customers outside any group add up to all accounts."""
    hierarchy = context.master.customers.hierarchy
    is_root = _root_groups(groups, context)
    inside = is_root[hierarchy.root[positions.customer_code]]
    exposure = milli_of(groups.column("exposure"))
    roots = exact_sum(exposure[groups.column("depth").to_numpy() == 0])
    outside = exact_sum(positions.exposure[~inside])
    return [Control("exposure of groups", roots + outside, exact_sum(positions.exposure))]


def _root_groups(groups: pa.Table, context: RunContext) -> Array:
    """Tell which customers are groups at the head of their tree: bool[n]."""
    customers = context.master.customers
    named = pc.is_in(customers.ids, value_set=groups.column("group_id").combine_chunks())
    is_group: Array = named.to_numpy(zero_copy_only=False)
    return is_group & (customers.hierarchy.parent == NONE)


def _column_sum(table: pa.Table, name: str) -> int:
    """Add a money column up, in thousandths."""
    return exact_sum(milli_of(table.column(name)))


def movement_controls(table: pa.Table) -> list[Control]:
    """Check that every account's opening exposure and movements add up to its closing one."""
    amounts = {
        name: milli_of(table.column(name).cast(pa.decimal64(18, 3)))
        for name in table.column_names
        if name not in {"credit_account_id", "credit_segment"}
    }
    closing = amounts.pop("closing_exposure")
    added = sum(amounts.values(), np.zeros(len(closing), np.int64))
    return [
        Control("movements: opening and movements make the closing exposure", left, right)
        for left, right in (
            (exact_sum(added), exact_sum(closing)),
            (int((added != closing).sum()), 0),
        )
    ]
