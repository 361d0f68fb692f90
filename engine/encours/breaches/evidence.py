"""What the rules look at on one day: accounts, their limits, customers, items, and memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.columns import constant
from encours.breaches.found import Place

if TYPE_CHECKING:
    from encours.breaches.item_facts import ItemFacts
    from encours.breaches.memory import Memory
    from encours.breaches.overrides import Overrides
    from encours.calc.account_cover import AccountCover
    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext
    from encours.calc.exposure import Positions
    from encours.calc.limits import AccountLimits
    from encours.ledger.master import Customers
    from encours_schemas.configuration.rules import Rule, Rules

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Evidence:
    """What the rules of one day look at; accounts are the n rows of `credit_accounts`.

    day     the day for which the rules are asked, mostly the as-of date
    earlier_insured_milli  int64[n]  insured limit in the earlier run, zero where none was
    """

    day: int
    context: RunContext
    accounts: AccountRows
    limits: AccountLimits
    cover: AccountCover
    positions: Positions
    items: ItemFacts
    memory: Memory
    overrides: Overrides
    earlier_insured_milli: Array

    @property
    def rules(self) -> Rules:
        """Give the rules as configured."""
        return self.context.configuration.rules

    @property
    def customers(self) -> Customers:
        """Give the customers."""
        return self.context.master.customers

    @property
    def currency(self) -> str:
        """Give the reporting currency."""
        return self.context.configuration.reporting.currency

    @cached_property
    def segment_names(self) -> pa.Array:
        """Give the names of the credit segments by their code."""
        return pa.array(self.accounts.segments, pa.string())

    def column(self, name: str) -> Array:
        """Give a sum of every account: int64[n]."""
        return self.accounts.column(name)

    def place(self, rows: Array, key: pa.Array | None = None) -> Place:
        """Give the place of breaches of some accounts: int64[k]."""
        return Place(
            rows,
            self.accounts.account_ids.take(pa.array(self.accounts.account_code[rows])),
            self.segment_names.take(pa.array(self.accounts.segment_code[rows])),
            constant("", len(rows)) if key is None else key,
        )

    def in_scope(self, rule: Rule) -> Array:
        """Tell to which accounts a rule applies, by segment, country and risk class: bool[n]."""
        applies = np.ones(len(self.accounts), bool)
        if rule.credit_segments:
            names = [name in rule.credit_segments for name in self.accounts.segments]
            applies &= np.array(names, bool)[self.accounts.segment_code]
        of_customer = self.customers_in_scope(rule)
        if of_customer is not None:
            standing = self.accounts.standing
            applies &= (standing >= 0) & of_customer[standing]
        return applies

    def customers_in_scope(self, rule: Rule) -> Array | None:
        """Tell to which customers a rule applies: bool[c]; None: to all."""
        wanted = (
            ("segment", rule.segments),
            ("country", rule.countries),
            ("risk_class", rule.risk_classes),
        )
        applies = None
        for name, values in wanted:
            if values:
                found = pc.is_in(
                    self.customers.texts[name], value_set=pa.array(values, pa.string())
                )
                flags = found.to_numpy(zero_copy_only=False)
                applies = flags if applies is None else applies & flags
        return applies

    def rows_of_pairs(self, customer: Array, company: Array) -> Array:
        """Give the row of the credit account of each customer and company code: int64[k]."""
        companies = self.context.master.companies
        return self.accounts.find(
            companies.segment_code[company],
            companies.segment_names,
            self.customers.account_code[customer].astype(np.int64),
        )

    def rows_of_customers(self, customers: Array) -> tuple[Array, Array]:
        """Pair customers with the rows of their credit accounts: positions int64[p], rows.

        customers  int64[k]  codes

        A customer without a row of its own segment gives every row of its account: what a person
        or a court says of a customer holds in all credit segments.
        """
        return self.accounts.rows_of_accounts(self.customers.account_code[customers])
