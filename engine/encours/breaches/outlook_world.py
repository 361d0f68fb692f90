"""The accounts, parties and groups for which something is known to change in the next days.

Only they are looked at again for each of those days: what nothing happens to stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.account_rows import AccountRows
from encours.calc.exposure import OUTLOOK_DAYS, POSITION_SUMS, Positions, build_positions
from encours.calc.limits import LimitBook
from encours.calc.lines import line_of_key
from encours.calc.sums import KeyedSums
from encours.ledger.checking import dictionary_of
from encours.ledger.limits import TEMPORARY

if TYPE_CHECKING:
    from encours.breaches.evidence import Evidence
    from encours.calc.context import RunContext
    from encours.calc.exposure import Committed
    from encours.ledger.limits import Limits

Array = np.ndarray[Any, np.dtype[Any]]

_OPEN_ORDERS = POSITION_SUMS.index("open_orders")
_BEYOND = POSITION_SUMS.index("orders_beyond_horizon")
_BALANCE = POSITION_SUMS.index("credit_balance")


@dataclass(frozen=True)
class Exposed:
    """How exposures move as orders enter the horizon: m changes, in the order of their days.

    place  int64[m]  position (customer and company code) in the run's positions
    day    int32[m]
    delta  int64[m]  thousandths, what the exposure of the position changes by on that day
    """

    place: Array
    day: Array
    delta: Array


def exposed_by_orders(
    lines: KeyedSums, committed: Committed, positions: Positions, context: RunContext
) -> Exposed:
    """Net the credits of a position again each time that orders of it enter the horizon."""
    entering, company_count = committed.entering, len(context.master.companies.codes)
    order = np.argsort(entering.day, kind="stable")
    keys = line_of_key(lines.keys, company_count)
    pair = keys.customer_code.astype(np.int64) * company_count + keys.company_code
    touched = np.unique(entering.pair)
    own_lines = _chosen(lines, np.isin(pair, touched))
    own = _chosen(committed.sums, np.isin(committed.sums.keys, touched))
    # In turns: the first order of every position, then the second, which counts with the first.
    key = positions.customer_code.astype(np.int64) * company_count + positions.company_code
    by_key = np.argsort(key)
    place = by_key[np.searchsorted(key, entering.pair[order], sorter=by_key)]
    parts: list[tuple[Array, Array, Array]] = []
    exposure = positions.exposure.copy()
    turn = _turns(entering.pair[order])
    for number in range(int(turn.max(initial=-1)) + 1):
        chosen = order[turn == number]
        values = np.zeros((len(chosen), len(POSITION_SUMS)), np.int64)
        values[:, _OPEN_ORDERS] = entering.left_rc[chosen]
        values[:, _BEYOND] = -entering.left_rc[chosen]
        values[:, _BALANCE] = entering.used_rc[chosen]
        own.add(entering.pair[chosen], values)
        now = build_positions(own_lines, own, context)
        named = now.customer_code.astype(np.int64) * company_count + now.company_code
        by_name = np.argsort(named)
        at = by_name[np.searchsorted(named, entering.pair[chosen], sorter=by_name)]
        where = place[turn == number]
        delta = now.exposure[at] - exposure[where]
        exposure[where] += delta
        parts.append((where, entering.day[chosen], delta))
    if not parts:
        nothing = np.empty(0, np.int64)
        return Exposed(nothing, np.empty(0, np.int32), nothing)
    found = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    by_day = np.argsort(found[1], kind="stable")
    return Exposed(found[0][by_day], found[1][by_day].astype(np.int32), found[2][by_day])


def _turns(keys: Array) -> Array:
    """Count how often each key came before: int64[n] of int64[n]."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.empty(0, bool)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(ordered)), 0))
    turns = np.empty(len(ordered), np.int64)
    turns[order] = np.arange(len(ordered)) - first
    return turns


def _chosen(sums: KeyedSums, chosen: Array) -> KeyedSums:
    """Give some keys with their sums, in their order."""
    found = KeyedSums(sums.sums.shape[1])
    found.add(sums.keys[chosen], sums.sums[chosen], sums.minimum[chosen])
    return found


@dataclass(frozen=True)
class World:
    """The part of a run that is looked at again, day by day.

    rows         int64[t]  rows of `credit_accounts` in it, ascending
    heads        bool[c]   customers whose group limit, or whose group's exposure, changes
    change_days  the days on which a limit begins or is over
    orders       how exposures move
    temporary    int64[x]  (row of the world, days ahead) as one key: a temporary limit is over then
    book         the limits of these accounts and groups
    """

    rows: Array
    heads: Array
    change_days: frozenset[int]
    orders: Exposed
    temporary: Array
    book: LimitBook

    @property
    def days(self) -> list[int]:
        """Give every day on which something changes, in order."""
        return sorted(self.change_days | set(np.unique(self.orders.day).tolist()))


def world_of(evidence: Evidence, lines: KeyedSums, committed: Committed) -> World:
    """Find what changes within the days looked ahead, and whom it touches."""
    context, book = evidence.context, evidence.limits.book
    first, last = evidence.day + 1, evidence.day + OUTLOOK_DAYS
    orders = exposed_by_orders(lines, committed, evidence.positions, context)
    row, row_day = book.change_days(first, last)
    heads, head_day = _heads(evidence, orders, first, last)
    members = _below(evidence, heads)
    accounts = context.master.customers.account_code
    touched = (
        evidence.accounts.account_code[row],
        accounts[evidence.positions.customer_code[orders.place]],
        accounts[members],
    )
    chosen = np.unique(np.concatenate(touched)).astype(np.int64)
    rows = np.sort(evidence.accounts.rows_of_accounts(chosen)[1])
    in_world = np.zeros(len(evidence.accounts.account_ids), bool)
    in_world[chosen] = True
    limits = _limits_of(book, in_world, heads, evidence)
    of_heads = _positions_of(evidence.positions, members)
    smaller = LimitBook(
        replace(book.tables, limits=limits),
        _accounts_of(evidence.accounts, rows),
        of_heads,
        context,
    )
    days = np.unique(np.concatenate([row_day, head_day])).tolist()
    ends = _temporary_ends(smaller, first, last)
    return World(rows, heads, frozenset(days), orders, ends, smaller)


def _accounts_of(accounts: AccountRows, rows: Array) -> AccountRows:
    """Give some accounts, in the order of their rows."""
    sums = KeyedSums(accounts.sums.sums.shape[1])
    sums.add(accounts.sums.keys[rows], accounts.sums.sums[rows], accounts.sums.minimum[rows])
    return AccountRows(
        accounts.account_ids,
        accounts.account_code[rows],
        accounts.segments,
        accounts.segment_code[rows],
        accounts.standing[rows],
        sums,
    )


def _positions_of(positions: Positions, members: Array) -> Positions:
    """Give the positions of some customers: bool[c]."""
    place = np.flatnonzero(members[positions.customer_code])
    return replace(
        positions,
        customer_code=positions.customer_code[place],
        company_code=positions.company_code[place],
        sums=positions.sums[place],
        oldest_day=positions.oldest_day[place],
    )


def _heads(evidence: Evidence, orders: Exposed, first: int, last: int) -> tuple[Array, Array]:
    """Tell whose group limit is measured anew: bool[c], and on which days limits change."""
    customers = evidence.customers
    limits = evidence.limits.book.tables.limits
    of_group = np.flatnonzero(limits.is_group)
    head = pc.fill_null(pc.index_in(limits.parties, value_set=customers.ids), -1)
    head = head.to_numpy(zero_copy_only=False).astype(np.int64)[limits.party_code[of_group]]
    has_limit = np.zeros(len(customers) + 1, bool)
    has_limit[head] = True
    found = np.zeros(len(customers) + 1, bool)
    parts = []
    for days in (limits.from_day[of_group], limits.last_day[of_group].astype(np.int64) + 1):
        changes = (days >= first) & (days <= last)
        found[head[changes]] = True
        parts.append(days[changes].astype(np.int32))
    for party in ancestors(evidence, evidence.positions.customer_code[orders.place]):
        found[party[has_limit[party]]] = True
    return found[:-1], np.concatenate(parts)


def ancestors(evidence: Evidence, customers: Array) -> list[Array]:
    """Give some customers, then their parents, and so on up: int64[k] each, every one once."""
    levels, party = [], np.unique(customers).astype(np.int64)
    while len(party):
        levels.append(party)
        above = evidence.customers.hierarchy.parent[party].astype(np.int64)
        party = np.unique(above[above >= 0])
    return levels


def _below(evidence: Evidence, heads: Array) -> Array:
    """Tell which customers are heads or descend from one: bool[c]."""
    hierarchy = evidence.customers.hierarchy
    found = heads.copy()
    if heads.any():
        for depth in range(1, int(hierarchy.depth.max(initial=0)) + 1):
            members = np.flatnonzero(hierarchy.depth == depth)
            found[members] |= found[hierarchy.parent[members]]
    return found


def _limits_of(book: LimitBook, in_world: Array, heads: Array, evidence: Evidence) -> Limits:
    """Give the limits of the accounts and groups that are looked at."""
    limits = book.tables.limits
    account = pc.index_in(limits.parties, value_set=evidence.accounts.account_ids)
    account = pc.fill_null(account, -1).to_numpy(zero_copy_only=False)
    customer = pc.index_in(limits.parties, value_set=evidence.customers.ids)
    customer = pc.fill_null(customer, -1).to_numpy(zero_copy_only=False)
    of_account = np.append(in_world, False)[account]
    of_group = np.append(heads, False)[customer]
    chosen = np.where(
        limits.is_group, of_group[limits.party_code], of_account[limits.party_code]
    ).astype(bool)
    return _taken(limits, np.flatnonzero(chosen))


def _taken(limits: Limits, rows: Array) -> Limits:
    """Give some limits alone, with their parties."""
    columns = {
        field.name: getattr(limits, field.name)[rows]
        for field in fields(limits)
        if isinstance(getattr(limits, field.name), np.ndarray)
    }
    parties, code = dictionary_of(limits.parties.take(pa.array(columns["party_code"])))
    columns["party_code"] = code
    ids = limits.limit_id.take(pa.array(rows))
    return replace(limits, _order=[], limit_id=ids, parties=parties, **columns)


def _temporary_ends(book: LimitBook, first: int, last: int) -> Array:
    """List rows and days ahead on which a temporary limit is no longer in force, as one key."""
    limits = book.tables.limits
    over = limits.last_day.astype(np.int64) + 1
    ends = (over >= first) & (over <= last) & (limits.kind_code == TEMPORARY) & ~limits.is_group
    chosen = np.flatnonzero(ends)
    place, row = book.rows_of(chosen)
    return np.unique(row * (OUTLOOK_DAYS + 1) + over[chosen][place] - first + 1)
