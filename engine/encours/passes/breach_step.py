"""The rules of a run: what they look at, what they found, and the holds that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.evidence import Evidence
from encours.breaches.holds import HoldState, holds_of_accounts, severity_of_parties, severity_text
from encours.breaches.memory import REMEMBERED, remember
from encours.breaches.overrides import overrides_on
from encours.breaches.rulebook import find_breaches, rules_looked_at
from encours.breaches.table import BreachRows
from encours.calc.columns import milli_of
from encours.ledger.decode import decode_text_codes
from encours.ledger.findings import RunNotice
from encours.passes.workers import run_in_order
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from encours.breaches.found import Found
    from encours.breaches.item_facts import ItemFacts
    from encours.calc.account_cover import AccountCover
    from encours.calc.account_rows import AccountRows
    from encours.calc.exposure import Positions
    from encours.calc.limits import AccountLimits
    from encours.passes.preparation import Preparation
    from encours.publish.earlier import EarlierRun

Array = np.ndarray[Any, np.dtype[Any]]

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class BreachResult:
    """What the rules of a run found.

    breaches  per rule that was on, before the earlier run is looked at
    rows      the published table, cured breaches included
    """

    evidence: Evidence
    breaches: list[Found]
    holds: HoldState
    rows: BreachRows

    def with_severity(self, groups: pa.Table) -> pa.Table:
        """Fill the worst severity of `groups`: that of a party with all its descendants."""
        worst = severity_of_parties(self.holds, self.breaches, self.evidence)
        index = self.evidence.context.master.customer_index
        code = decode_text_codes(groups.column("group_id").combine_chunks(), index)
        place = groups.column_names.index("worst_severity")
        return groups.set_column(place, "worst_severity", severity_text(worst[code]))

    @property
    def notices(self) -> list[RunNotice]:
        """Tell of decisions about nobody."""
        unknown = self.evidence.overrides.unknown_count
        text = "overrides that name a customer or a rule that is not there"
        return [RunNotice(RunWarning.OVERRIDE_UNKNOWN, text, unknown)] if unknown else []


def apply_rules(
    preparation: Preparation,
    accounts: AccountRows,
    limits: AccountLimits,
    cover: AccountCover,
    positions: Positions,
    items: ItemFacts,
    earlier: EarlierRun | None,
    threads: int,
) -> BreachResult:
    """Let the rules look at the accounts of a run, and compare with the earlier one (DOMAIN 8).

    No rule knows what another finds: they look side by side.
    """
    context = preparation.context
    as_of = EPOCH + timedelta(days=context.as_of_day)
    remembered = iter(()) if earlier is None else earlier.pieces("breaches", REMEMBERED)
    evidence = Evidence(
        day=context.as_of_day,
        context=context,
        accounts=accounts,
        limits=limits,
        cover=cover,
        positions=positions,
        items=items,
        memory=remember(
            remembered,
            None if earlier is None else earlier.as_of,
            is_comparable=earlier is None
            or earlier.currency == context.configuration.reporting.currency,
        ),
        overrides=overrides_on(as_of, preparation.overrides, accounts, context.master.customers),
        earlier_insured_milli=_earlier_insured(earlier, limits, accounts),
    )
    looked_at = rules_looked_at(evidence)
    breaches = list(run_in_order(lambda rule: find_breaches(rule, evidence), looked_at, threads))
    return BreachResult(
        evidence=evidence,
        breaches=breaches,
        holds=holds_of_accounts(breaches, evidence),
        rows=BreachRows(
            breaches,
            evidence.memory,
            evidence.overrides,
            as_of,
            evidence.currency,
            looked_at,
        ),
    )


def _earlier_insured(
    earlier: EarlierRun | None, limits: AccountLimits, accounts: AccountRows
) -> Array:
    """Give each account's insured limit in the earlier run, zero where it had none: int64[n].

    Amounts of an earlier run in another reporting currency say nothing about this one's.
    """
    found = np.zeros(len(accounts), np.int64)
    currency = limits.book.context.configuration.reporting.currency
    if earlier is None or not limits.is_given or earlier.currency != currency:
        return found
    names = ("credit_account_id", "credit_segment", "insured_limit")
    table = earlier.read("credit_accounts", names)
    if table is None:
        return found
    table = table.filter(pc.is_valid(table.column("insured_limit"))).combine_chunks()
    account = pc.index_in(table.column("credit_account_id"), value_set=accounts.account_ids)
    account = pc.fill_null(account, -1).combine_chunks().to_numpy(zero_copy_only=False)
    segments = table.column("credit_segment").combine_chunks().dictionary_encode()
    row = accounts.find(
        segments.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        segments.dictionary.to_pylist(),
        account.astype(np.int64),
    )
    milli = milli_of(table.column("insured_limit").cast(pa.decimal64(18, 3)))
    found[row[row >= 0]] = milli[row >= 0]
    return found
