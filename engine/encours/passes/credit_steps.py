"""What follows the rows, step by step: positions, accounts, limits, breaches, holds, outlook."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from encours.breaches.outlook import outlook
from encours.calc import accounts as account_tables
from encours.calc.account_cover import account_cover, cover_notices
from encours.calc.account_rows import AccountRows, account_rows
from encours.calc.exposure import Committed, Positions, build_positions
from encours.calc.limits import LimitBook, limit_notices
from encours.calc.secured import secured_amounts
from encours.calc.sell import Bounds, bounds_of
from encours.calc.tie_out import tie_out
from encours.controls import checks
from encours.passes.breach_step import BreachResult, apply_rules
from encours.passes.bridge import bridge
from encours.passes.credit_left import credit_left_columns
from encours.passes.item_facts import item_facts

if TYPE_CHECKING:
    import pyarrow as pa

    from encours.controls.checks import Added
    from encours.ledger.findings import RunNotice
    from encours.passes.preparation import Preparation
    from encours.passes.rows_pass import RowsResult
    from encours.publish.earlier import EarlierRun


@dataclass
class CreditResult:
    """What the steps leave: small published tables by name, and warnings of the run."""

    positions: Positions
    accounts: AccountRows
    bounds: Bounds
    rules: BreachResult
    added: Added
    tables: dict[str, pa.Table] = field(default_factory=dict)
    notices: list[RunNotice] = field(default_factory=list)


def credit_steps(
    preparation: Preparation,
    rows: RowsResult,
    committed: Committed,
    earlier: EarlierRun | None,
) -> CreditResult:
    """Take the sums of the passes to the small published tables, one step after the other.

    Each step lets go of what it is the last to need: there is one of all of it per account or line.
    """
    context = preparation.context
    positions = build_positions(rows.lines, committed.sums, context)
    accounts = account_rows(positions, preparation.limits.limits, context)
    limits = LimitBook(preparation.limits, accounts, positions, context).on(context.as_of_day)
    cover = account_cover(rows.cover, accounts, context)
    items = item_facts(rows, accounts, context)
    rules = apply_rules(preparation, accounts, limits, cover, positions, items, earlier)
    added = checks.add_up(rows.lines, committed.sums)
    result = CreditResult(positions, accounts, bounds_of(limits), rules, added)
    result.notices.extend(
        [*limit_notices(limits), *cover_notices(rows.cover, context), *rules.notices]
    )
    result.tables["outlook"] = outlook(
        rules.evidence,
        rules.breaches,
        rows.lines,
        committed,
        cover.next_stop_day,
    )
    if preparation.balances is not None:
        result.tables["tie_out"] = tie_out(preparation.balances, rows.lines, context)
    rows.lines.clear()
    committed.sums.clear()
    secured = secured_amounts(limits, cover.covered_milli, cover.share_milli)
    further = {**rules.hold_columns(), **credit_left_columns(result.bounds, rules)}
    result.tables["credit_accounts"] = account_tables.credit_accounts(
        accounts, limits, secured, context, further
    )
    result.tables["groups"] = rules.with_severity(account_tables.groups(positions, limits, context))
    result.tables["movements"] = bridge(
        earlier, rows, accounts, result.tables["credit_accounts"], context
    )
    rows.flows.clear()
    result.tables["ageing"] = account_tables.ageing(rows.cells, context)
    rows.cells.clear()
    return result
