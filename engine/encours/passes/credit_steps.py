"""What follows the rows, step by step: positions, accounts, limits, breaches, holds, outlook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from encours.breaches.outlook import OutlookRows, outlook
from encours.calc import accounts as account_tables
from encours.calc.account_cover import account_cover, cover_notices
from encours.calc.account_rows import AccountRows, account_rows
from encours.calc.exposure import Committed, Positions, joined_positions
from encours.calc.limits import LimitBook, limit_notices
from encours.calc.secured import secured_amounts
from encours.calc.sell import Bounds, bounds_of
from encours.calc.tie_out import tie_out
from encours.controls import checks
from encours.passes.account_table import AccountTable
from encours.passes.breach_step import BreachResult, apply_rules
from encours.passes.bridge import bridge
from encours.passes.credit_left import credit_left
from encours.passes.item_facts import item_facts
from encours.passes.memory import give_memory_back
from encours.passes.workers import side_by_side

if TYPE_CHECKING:
    import pyarrow as pa

    from encours.calc.account_cover import AccountCover
    from encours.calc.context import RunContext
    from encours.calc.limits import AccountLimits
    from encours.calc.sums import KeyedSums
    from encours.controls.checks import Added
    from encours.ledger.findings import RunNotice
    from encours.passes.preparation import Preparation
    from encours.passes.rows_pass import RowsResult
    from encours.publish.earlier import EarlierRun


@dataclass
class CreditResult:
    """What the steps leave: published tables, small ones by name, and warnings of the run."""

    positions: Positions
    accounts: AccountRows
    bounds: Bounds
    rules: BreachResult
    added: Added
    account_table: AccountTable
    outlook: OutlookRows
    tables: dict[str, pa.Table]
    notices: list[RunNotice]


class Positioned(NamedTuple):
    """Commitments, what they and the items come to per party and per account, and the limits."""

    committed: Committed
    positions: Positions
    accounts: AccountRows
    limits: AccountLimits


def positioned(committed: Committed, of_items: KeyedSums, preparation: Preparation) -> Positioned:
    """Add items and commitments up; nothing of it waits for cover, or for the late items.

    of_items  `sums_of_items`
    """
    context = preparation.context
    positions = joined_positions(of_items, committed.sums, context)
    accounts = account_rows(positions, preparation.limits.limits, context)
    give_memory_back()
    limits = LimitBook(preparation.limits, accounts, positions, context).on(context.as_of_day)
    give_memory_back()
    return Positioned(committed, positions, accounts, limits)


class Covered(NamedTuple):
    """What insurance covers of each account, and which limits bind it."""

    cover: AccountCover
    bounds: Bounds


def covered_accounts(rows: RowsResult, sums: Positioned, context: RunContext) -> Covered:
    """Take cover and limits to the accounts; nothing of it waits for the late items."""
    return Covered(account_cover(rows.cover, sums.accounts, context), bounds_of(sums.limits))


def credit_steps(
    preparation: Preparation,
    rows: RowsResult,
    sums: Positioned,
    covered: Covered,
    earlier: EarlierRun | None,
    threads: int,
) -> CreditResult:
    """Take the sums of the passes to the small published tables.

    What nothing needs any more is let go of: there is one of all of it per account or line.
    """
    context = preparation.context
    committed, positions, accounts, limits = sums
    cover, bounds = covered
    items = item_facts(rows, accounts, context)
    added = checks.add_up(rows.lines, committed.sums, rows.cover)
    notices = [*limit_notices(limits), *cover_notices(rows.cover, context)]
    rows.let_go_of_facts()
    rules = apply_rules(preparation, accounts, limits, cover, positions, items, earlier, threads)
    give_memory_back()

    def look_ahead() -> OutlookRows:
        found = outlook(rules.evidence, rules.breaches, rows.lines, committed, cover.next_stop_day)
        give_memory_back()
        return found

    def sum_up() -> tuple[AccountTable, dict[str, pa.Table]]:
        table = _account_table(accounts, limits, cover, bounds, rules)
        give_memory_back()
        groups = rules.with_severity(account_tables.groups(positions, limits, context))
        movements = bridge(earlier, rows, table, context)
        ageing = account_tables.ageing(rows.cells, context)
        return table, {"groups": groups, "movements": movements, "ageing": ageing}

    coming, (table, tables) = side_by_side(look_ahead, sum_up, threads)
    if preparation.balances is not None:
        tables["tie_out"] = tie_out(preparation.balances, rows.lines, context)
    for one in (rows.lines, rows.flows, rows.cells, committed.sums):
        one.clear()
    notices.extend(rules.notices)
    return CreditResult(positions, accounts, bounds, rules, added, table, coming, tables, notices)


def _account_table(
    accounts: AccountRows,
    limits: AccountLimits,
    cover: AccountCover,
    bounds: Bounds,
    rules: BreachResult,
) -> AccountTable:
    """Gather what the table of credit accounts is made of."""
    context = limits.book.context
    return AccountTable(
        accounts,
        limits.as_shown if limits.is_given else None,
        secured_amounts(limits, cover.covered_milli, cover.share_milli),
        rules.holds,
        credit_left(bounds, rules),
        account_tables.heads_of_groups(context.master.customers, limits.book.tables.limits),
        context,
    )
