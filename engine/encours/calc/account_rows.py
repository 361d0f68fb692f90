"""Who has a row in `credit_accounts`, and what is added up there (DOMAIN 5, TABLES 2)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.context import COMPONENTS
from encours.calc.exposure import POSITION_SUMS, Positions
from encours.calc.sums import NO_MINIMUM, KeyedSums, stretches
from encours.ledger.decode import NO_DAY, decode_text_codes, positions_of
from encours.ledger.master import DEFAULT_SEGMENT
from encours.ledger.ordering import order_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.calc.context import RunContext
    from encours.ledger.limits import Limits
    from encours.ledger.master import Customers, MasterData

Array = np.ndarray[Any, np.dtype[Any]]


ACCOUNT_SUMS = (*POSITION_SUMS, "exposure")


class AccountSums(NamedTuple):
    """What is added up for those accounts that owe something: an account can have a limit alone.

    row         int64[m]  of `AccountRows`, ascending; all sums of the others are zero
    sums        int64[m, ACCOUNT_SUMS]
    oldest_day  int32[m]  oldest late day, `NO_MINIMUM` where there is none
    """

    row: Array
    sums: Array
    oldest_day: Array

    def some(self, rows: slice) -> AccountSums:
        """Give those of some rows, numbered from their first."""
        first, end = np.searchsorted(self.row, (rows.start, rows.stop))
        return AccountSums(
            self.row[first:end] - rows.start, self.sums[first:end], self.oldest_day[first:end]
        )


def no_sums() -> AccountSums:
    """Give the sums of accounts that owe nothing."""
    nothing = np.empty(0, np.int64)
    return AccountSums(nothing, np.empty((0, len(ACCOUNT_SUMS)), np.int64), np.empty(0, np.int32))


@dataclass(frozen=True)
class AccountRows:
    """The n rows of `credit_accounts`, by segment, then account id (bytes).

    account_ids   string[a]  all credit accounts; those of the customers first
    account_code  int32[n]   positions in them
    segments      credit segments, sorted
    segment_code  int32[n]   positions in them
    standing      int32[n]   customer that stands for the account, -1 where there is none
    """

    account_ids: pa.Array
    account_code: Array
    segments: tuple[str, ...]
    segment_code: Array
    standing: Array
    sums: AccountSums = field(default_factory=no_sums)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.account_code)

    def without_sums(self) -> AccountRows:
        """Give the same rows without their sums: they can still be found."""
        return replace(self, sums=no_sums())

    def some(self, rows: slice) -> AccountRows:
        """Give some of the rows, numbered from their first."""
        return replace(
            self,
            account_code=self.account_code[rows],
            segment_code=self.segment_code[rows],
            standing=self.standing[rows],
            sums=self.sums.some(rows),
        )

    def column(self, name: str) -> Array:
        """Give one of `ACCOUNT_SUMS` for each row: int64[n]."""
        found = np.zeros(len(self), np.int64)
        found[self.sums.row] = self.sums.sums[:, ACCOUNT_SUMS.index(name)]
        return found

    @property
    def oldest_day(self) -> Array:
        """Give the oldest late day of each row: int32[n], `NO_MINIMUM` where there is none."""
        found = np.full(len(self), NO_MINIMUM, np.int32)
        found[self.sums.row] = self.sums.oldest_day
        return found

    @cached_property
    def exposure_milli(self) -> Array:
        """Give each row's exposure: int64[n]."""
        return self.column("exposure")

    @cached_property
    def _row_counts(self) -> Array:
        """Count the rows of each account: int64[a]."""
        return np.bincount(self.account_code, minlength=len(self.account_ids))

    @property
    def is_single(self) -> Array:
        """Tell which rows are the only one of their account: bool[n]."""
        found: Array = self._row_counts[self.account_code] == 1
        return found

    @property
    def _keys(self) -> Array:
        """Give the rows' accounts and segments as one number each: int64[n]."""
        found: Array = self.account_code.astype(np.int64) * len(self.segments) + self.segment_code
        return found

    @cached_property
    def _by_account(self) -> tuple[Array, Array]:
        """Give rows by account, then segment: int32[n] rows, int64[a + 1] where each begins."""
        order = order_by((self._keys,)).astype(np.int32)
        begins = np.zeros(len(self.account_ids) + 1, np.int64)
        np.cumsum(self._row_counts, out=begins[1:])
        return order, begins

    def rows_of_accounts(self, account: Array) -> tuple[Array, Array]:
        """Pair accounts, int64[k], with their rows: places in `account` int64[m], rows int64[m]."""
        order, begins = self._by_account
        counts = self._row_counts[account]
        place = np.repeat(np.arange(len(account)), counts)
        before = np.cumsum(counts) - counts
        row = order[begins[account][place] + np.arange(len(place)) - before[place]]
        return place, row.astype(np.int64)

    @cached_property
    def _sorted_keys(self) -> Array:
        """Give `_keys`, sorted: int64[n]."""
        return np.sort(self._keys)

    def single_row(self, account: Array) -> Array:
        """Give the only row of each account: int64[k], -1 where it has several or none."""
        order, begins = self._by_account
        known = (account >= 0) & (self._row_counts[np.maximum(account, 0)] == 1)
        row = np.full(len(account), -1, np.int64)
        row[known] = order[begins[account[known]]]
        return row

    def find(self, segment: Array, names: Sequence[str], account: Array) -> Array:
        """Give the row of each segment and account: int64[k], -1 where there is none.

        segment  int32[k]  positions in `names`, -1 none
        account  int64[k]  positions in `account_ids`, -1 none
        """
        known = {name: code for code, name in enumerate(self.segments)}
        codes = np.array([known.get(name, -1) for name in names] + [-1], np.int64)[segment]
        found = np.full(len(codes), -1, np.int64)
        asked = np.flatnonzero((codes >= 0) & (account >= 0))
        if not len(self):
            return found
        order, key = self._by_account[0], self._sorted_keys
        wanted = account[asked].astype(np.int64) * len(self.segments) + codes[asked]
        place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        is_there = key[place] == wanted
        found[asked[is_there]] = order[place[is_there]]
        return found


def account_rows(positions: Positions, limits: Limits, context: RunContext) -> AccountRows:
    """Add positions up per credit segment and credit account (DOMAIN 5, TABLES 2)."""
    customers = context.master.customers
    segments = sorted({*context.master.companies.segment_names, *limits.segment_names})
    segment = np.array(
        [segments.index(name) for name in context.master.companies.segments], np.int64
    )
    accounts, extra = _accounts(positions, segments, limits, context)
    place = segment[positions.company_code] * len(accounts)
    place += customers.account_code[positions.customer_code]
    keys = _in_published_order(np.concatenate([place, extra]), len(segments), accounts)
    segment_code, account_code = (
        code.astype(np.int32) for code in np.divmod(keys, max(len(accounts), 1))
    )
    standing = representatives(context.master, accounts)[account_code]
    sums = _sums_of(positions, place, keys)
    return AccountRows(accounts, account_code, tuple(segments), segment_code, standing, sums)


def _sums_of(positions: Positions, place: Array, keys: Array) -> AccountSums:
    """Add positions up by account, in the order of the accounts' keys.

    place  int64[p]  key of each position
    keys   int64[n]  of all accounts
    """
    owes = np.zeros(int(keys.max(initial=-1)) + 1, bool)
    owes[place] = True
    row = np.flatnonzero(owes[keys])
    sums = KeyedSums(len(ACCOUNT_SUMS))
    sums.reserve(len(row))
    sums.number(keys[row])
    for some in stretches(len(place)):
        own = positions.sums[some]
        exposure = own[:, : len(COMPONENTS)].sum(axis=1)
        sums.add(place[some], np.column_stack([own, exposure]), positions.oldest_day[some])
    return AccountSums(row, sums.sums, sums.minimum)


def _in_published_order(keys: Array, segment_count: int, accounts: pa.Array) -> Array:
    """Give distinct keys (segment x accounts + account) by segment, then account id (bytes)."""
    has_row = np.zeros((segment_count, len(accounts)), bool)
    has_row.reshape(-1)[keys] = True
    by_id = pc.sort_indices(accounts.cast(pa.binary())).to_numpy().astype(np.int64)
    segment, place = np.nonzero(has_row[:, by_id])
    found: Array = segment * len(accounts) + by_id[place]
    return found


def _accounts(
    positions: Positions, segments: list[str], limits: Limits, context: RunContext
) -> tuple[pa.Array, Array]:
    """Give all account ids, and the keys of accounts that have a row without any item or order.

    A key may come more than once.

    A limit named for a segment gives that row; a limit without one, open proceedings or a manual
    hold give a row in `ALL` to an account that has no other.
    """
    customers = context.master.customers
    code = positions_of(limits.parties, customers.account_ids).astype(np.int64)
    named = np.zeros(len(limits.parties), bool)
    named[limits.party_code[~limits.is_group]] = True
    new = np.flatnonzero((code < 0) & named)
    code[new] = len(customers.account_ids) + np.arange(len(new))
    accounts = pa.concat_arrays([customers.account_ids, limits.parties.take(pa.array(new))])
    place = np.array([segments.index(name) if name in segments else -1 for name in limits.segments])
    place = np.append(place, -1)[limits.segment_code][~limits.is_group]
    code = code[limits.party_code[~limits.is_group]] if len(limits) else code[:0]
    with_segment = (place * len(accounts) + code)[place >= 0]
    flagged = is_under_proceedings(customers, context.as_of_day) | customers.has_manual_hold
    alone = np.concatenate([code[place < 0], customers.account_code[flagged]])
    has_row = np.zeros(len(accounts), bool)
    has_row[customers.account_code[positions.customer_code]] = True
    has_row[code[place >= 0]] = True
    lonely = alone[~has_row[alone]]
    return accounts, np.concatenate(
        [with_segment, segments.index(DEFAULT_SEGMENT) * len(accounts) + lonely]
    ).astype(np.int64)


def is_under_proceedings(customers: Customers, as_of_day: int) -> Array:
    """Tell whose insolvency proceedings are open at the as-of date: bool[n] (DOMAIN 6)."""
    opened, ended = customers.insolvency_day, customers.insolvency_ended_day
    is_open: Array = (opened != NO_DAY) & (opened <= as_of_day)
    return is_open & ((ended == NO_DAY) | (ended > as_of_day))


def representatives(master: MasterData, accounts: pa.Array) -> Array:
    """Give the customer that stands for each account: int32[a], -1 where there is none.

    The customer named like the account, else the first by id (bytes) of those that share it.
    """
    customers = master.customers
    order = customers.by_id[~customers.is_placeholder[customers.by_id]][::-1]
    standing = np.full(len(accounts), -1, np.int32)
    standing[customers.account_code[order]] = order
    namesake = decode_text_codes(accounts, master.customer_index)
    is_known = namesake >= 0
    is_known[is_known] = ~customers.is_placeholder[namesake[is_known]]
    return np.where(is_known, namesake, standing)
