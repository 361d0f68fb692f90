"""What held accounts can pay, and by how much a payment lowers their exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from encours.breaches.item_facts import LinePayments
from encours.calc.context import COMPONENTS, CREDIT_COMPONENTS, DEBIT_COMPONENTS
from encours.calc.exposure import exposure_terms

if TYPE_CHECKING:
    from encours.breaches.evidence import Evidence
    from encours.calc.exposure import Positions

Array = np.ndarray[Any, np.dtype[Any]]

ON_ITEMS: Final = ("receivables", "bills_of_exchange", "financed_with_recourse")
"""Components that items stand in which can be paid."""


class Held(NamedTuple):
    """The accounts that are held, h of n: mostly few, so that nothing is laid out for the others.

    rows   int64[h]  of the run's accounts, ascending
    place  int32[n]  where each account stands among them, -1 where it is not held
    """

    rows: Array
    place: Array

    @classmethod
    def of(cls, is_held: Array) -> Self:
        """List them: bool[n]."""
        rows = np.flatnonzero(is_held)
        place = np.full(len(is_held), -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        return cls(rows, place)


@dataclass(frozen=True)
class Payers:
    """What h held accounts can pay; a position is what a customer owes a company code.

    Accounts are places in `Held.rows`, those of `payments` too.

    payments   what their lines must pay for rules about items
    position   int64[k]  the position of each line
    row        int64[p]  the account of each position
    customer   int64[p]  the customer of each position
    of_position  int64[p]  by how much payments can lower the exposure of a position
    owed, debts  int64[p]  what is left of the debts of a position after credits, and before
    payable    int64[h]  by how much payments can lower the exposure of an account
    credits    int64[h]  credits that count against debts, positive
    late_idle  int64[h]  how much of payments on late items may lower nothing
    """

    payments: LinePayments
    position: Array
    row: Array
    customer: Array
    of_position: Array
    owed: Array
    debts: Array
    payable: Array
    credits: Array
    late_idle: Array

    def on_items(self, by_age: Array, by_stop: Array) -> tuple[Array, Array]:
        """Give what each line must pay, int64[k], and each account on insurable items, int64[h].

        by_age, by_stop  bool[h]  whether the account is held for the age of items, or for such as
                                  keep insured cover stopped
        """
        lines = self.payments
        age, stop = by_age[lines.row], by_stop[lines.row]
        for_age = np.where(age, np.where(stop, lines.after_stop, lines.for_age), 0)
        insured = np.where(age, np.where(stop, lines.insured_after_stop, lines.insured_for_age), 0)
        for_stop = np.where(stop, lines.for_stop, 0)
        return for_age + for_stop, self.of_accounts(insured + for_stop)

    def of_accounts(self, of_lines: Array) -> Array:
        """Add payments of lines up by account: int64[h] of int64[k]."""
        found = np.zeros(len(self.payable), np.int64)
        np.add.at(found, self.payments.row, of_lines)
        return found

    def lowered(self, of_lines: Array) -> Array:
        """Give by how much payments of lines lower the exposure of each account: int64[h]."""
        paid = np.zeros(len(self.row), np.int64)
        np.add.at(paid, self.position, of_lines)
        found = np.zeros(len(self.payable), np.int64)
        np.add.at(found, self.row, _fall(paid, self.owed, self.debts))
        return found

    def payable_below(self, row: Array, head: Array, parent: Array) -> Array:
        """Give by how much accounts can lower the exposure of groups: int64[b].

        row, head  int64[b]  account and head of the group
        parent     int32[customers]  the party above, -1 at a root
        """
        count = len(parent)
        keys, place = np.unique(row * count + head, return_inverse=True)
        found = np.zeros(len(keys), np.int64)
        asked = np.zeros(len(self.payable), bool)
        asked[row] = True
        position = np.flatnonzero(asked[self.row])
        party = self.customer[position]
        while len(position):
            key = self.row[position] * count + party
            at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            inside = keys[at] == key
            np.add.at(found, at[inside], self.of_position[position[inside]])
            above = parent[party].astype(np.int64)
            position, party = position[above >= 0], above[above >= 0]
        return found[place]


def payers_of(evidence: Evidence, held: Held) -> Payers:
    """Lay out what the accounts can pay that are held.

    Credits count up to the debts to the same company code: a payment beyond them lowers nothing,
    unless the customer has a netting agreement. Where credits do not reduce the exposure, or those
    on account are left out of it, only payments on items lower it; items of a component that is
    left out do not.
    """
    accounts, everywhere, customers = evidence.accounts, evidence.positions, evidence.customers
    may_pay = np.zeros(len(accounts.account_ids), bool)
    may_pay[accounts.account_code[held.rows]] = True
    chosen = np.flatnonzero(may_pay[customers.account_code[everywhere.customer_code]])
    row = held.place[
        evidence.rows_of_pairs(everywhere.customer_code[chosen], everywhere.company_code[chosen])
    ]
    # An account can be held in one credit segment and not in another.
    chosen, row = chosen[row >= 0], row[row >= 0].astype(np.int64)
    company = everywhere.company_code[chosen]
    customer = everywhere.customer_code[chosen].astype(np.int64)
    terms = exposure_terms(evidence.context)
    reduces = np.array([one.credits_reduce for one in terms], bool)[company]
    on_account = reduces & ~_left_out(terms, ("unapplied_payments",))[company]
    on_items, debts, overdue = (
        np.maximum(_added(everywhere, names, chosen), 0)
        for names in (ON_ITEMS, DEBIT_COMPONENTS, ("overdue",))
    )
    owed = np.maximum(_added(everywhere, COMPONENTS, chosen), 0)
    payable = np.where(on_account, owed, np.minimum(owed, on_items))
    debts[reduces & customers.has_netting[customer]] = 0
    counts_nothing = _left_out(terms, ON_ITEMS)[company]
    owed[counts_nothing], debts[counts_nothing] = 0, np.iinfo(np.int64).max
    of_accounts, idle, credited = np.zeros((3, len(held.rows)), np.int64)
    np.add.at(of_accounts, row, payable)
    np.add.at(idle, row, overdue - _fall(overdue, owed, debts))
    for name in CREDIT_COMPONENTS:
        credited -= evidence.column(name)[held.rows]
    lines = evidence.items.payments
    is_held = held.place[lines.row] >= 0
    lines = LinePayments(*(column[is_held] for column in lines))
    lines = lines._replace(row=held.place[lines.row].astype(np.int64))
    key = customer * len(terms) + company
    order = np.argsort(key)
    place = np.searchsorted(key[order], lines.customer * len(terms) + lines.company)
    return Payers(
        payments=lines,
        position=order[place],
        row=row,
        customer=customer,
        of_position=payable,
        owed=owed,
        debts=debts,
        payable=of_accounts,
        credits=np.maximum(credited, 0),
        late_idle=idle,
    )


def _added(positions: Positions, names: tuple[str, ...], chosen: Array) -> Array:
    """Add columns of some positions up: int64[p]."""
    total = np.zeros(len(chosen), np.int64)
    for name in names:
        total += positions.column(name)[chosen]
    return total


def _fall(paid: Array, owed: Array, debts: Array) -> Array:
    """Give by how much payments on items lower the exposure of positions: int64[p].

    Credits that a payment sets free take their part of it again; beyond all debts there are none.
    """
    within = np.minimum(paid, owed)
    fall: Array = np.minimum(paid, within + np.maximum(paid - debts, 0))
    return fall


def _left_out(terms: list[Any], components: tuple[str, ...]) -> Array:
    """Tell which company codes leave one of some components out of the exposure: bool[c]."""
    flags = [not set(components).isdisjoint(one.components_left_out) for one in terms]
    return np.array(flags, bool)
