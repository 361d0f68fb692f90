"""Insured cover of credit accounts: added up from their items, at most the exposure (DOMAIN 7)."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from encours.calc.cover_pools import accounts_of_groups
from encours.calc.limit_levels import checked_sums
from encours.kernels.wide import convert_amounts
from encours.ledger.decode import NO_DAY
from encours.ledger.findings import RunNotice
from encours.ledger.ordering import order_by
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext
    from encours.calc.cover_pools import Insurance
    from encours.calc.sums import KeyedSums

Array = np.ndarray[Any, np.dtype[Any]]

_PERCENT_OF_ONE = 100 * 10**9
INSURABLE_SUMS = ("base_milli", "gross_milli")
"""What is summed of insurable items: on their policies' tax base, and with tax."""
PART_DIGITS = 6
WHOLE_PART = 10**PART_DIGITS


class CoverTotals(NamedTuple):
    """What the cover of items adds up to.

    covered     thousandths by pool, segment and account: (pool x segments + segment) x accounts
                + account, in the codes of the master data
    insurable   `INSURABLE_SUMS` by segment and account; the least is that of `insurable_parts`
    stop_pool, stop_day  int64[s], int32[s]  stops of cover in force, and the pools that they hit
    stop_item   string[s]  the item that stopped it
    stop_owner  int64[s]   segment and account of all items that keep it, -1 where of several
    next_pool, next_day  int64[t], int32[t]  the stops that come next, of pools that none hits yet
    """

    insurance: Insurance
    covered: KeyedSums
    insurable: KeyedSums
    stop_pool: Array
    stop_day: Array
    stop_item: pa.Array
    stop_owner: Array
    next_pool: Array
    next_day: Array


class AccountCover(NamedTuple):
    """Insured cover per account, n rows; money in thousandths of the reporting currency.

    insurable_milli     insurable open items on their policies' tax base
    insurable_gross_milli  what is open of them, with tax
    insurable_part      int64[n]  least part of such an item that is insurable, of `WHOLE_PART`
    item_covered_milli  cover of the items
    covered_milli       the same, at most the exposure
    share_milli         what the insurers would pay of it, rounded once per account and policy
    stopped_day         int32[n]  first day of the stop of cover in force, `NO_DAY`
    stopped_item, stopped_policy  string[n]  what stopped it, and whose policy; null where none
    stop_is_own         bool[n]  no item of another account keeps it stopped
    next_stop_day       int32[n]  when cover stops next, where it has not stopped; `NO_DAY`
    """

    insurable_milli: Array
    insurable_gross_milli: Array
    insurable_part: Array
    item_covered_milli: Array
    covered_milli: Array
    share_milli: Array
    stopped_day: Array
    stopped_item: pa.Array
    stopped_policy: pa.Array
    stop_is_own: Array
    next_stop_day: Array


def without_cover(count: int) -> AccountCover:
    """Give accounts that nobody insures."""
    nothing, nobody = np.zeros(count, np.int64), pa.nulls(count, pa.string())
    days = np.full(count, NO_DAY, np.int32)
    own = np.zeros(count, bool)
    return AccountCover(
        insurable_milli=nothing,
        insurable_gross_milli=nothing,
        insurable_part=np.full(count, WHOLE_PART, np.int64),
        item_covered_milli=nothing,
        covered_milli=nothing,
        share_milli=nothing,
        stopped_day=days,
        stopped_item=nobody,
        stopped_policy=nobody,
        stop_is_own=own,
        next_stop_day=days,
    )


def account_cover(
    totals: CoverTotals | None, accounts: AccountRows, context: RunContext
) -> AccountCover:
    """Add the cover of items up per account, policy after policy up to the exposure."""
    if totals is None:
        return without_cover(len(accounts))
    names = context.master.companies.segment_names
    count = len(context.master.customers.account_ids)
    rest, account = np.divmod(totals.covered.keys, count)
    pool, segment = np.divmod(rest, len(names))
    row = accounts.find(segment.astype(np.int32), names, account)
    segment, account = np.divmod(totals.insurable.keys, count)
    place = accounts.find(segment.astype(np.int32), names, account)
    order = order_by((row, pool))
    pool, row, milli = pool[order], row[order], totals.covered.sums[order, 0]
    counted = _up_to_exposure(row, milli, accounts.exposure_milli)
    share = _insured_share(counted, totals.insurance.facts.percent_e9[pool], context)
    stops, hit = _stops_of_accounts(totals, accounts, context)
    day, item, policy = _stops(totals, stops, hit, len(accounts))
    segment, account = np.divmod(totals.stop_owner, count)
    owner = accounts.find(segment.astype(np.int32), names, account)
    owner[totals.stop_owner < 0] = -1
    part = np.full(len(accounts), WHOLE_PART, np.int64)
    part[place] = totals.insurable.minimum
    return AccountCover(
        checked_sums(place, totals.insurable.sums[:, 0], len(accounts)),
        checked_sums(place, totals.insurable.sums[:, 1], len(accounts)),
        part,
        checked_sums(row, milli, len(accounts)),
        checked_sums(row, counted, len(accounts)),
        checked_sums(row, share, len(accounts)),
        day,
        item,
        policy,
        _are_own(owner[stops], hit, len(accounts)),
        np.where(day == NO_DAY, _next_stops(totals, accounts, context), np.int32(NO_DAY)),
    )


def _next_stops(totals: CoverTotals, accounts: AccountRows, context: RunContext) -> Array:
    """Give the day on which cover of each account stops next: int32[n], `NO_DAY` for none."""
    coming = totals._replace(
        stop_pool=totals.next_pool,
        stop_day=totals.next_day,
        stop_item=pa.nulls(len(totals.next_pool), pa.string()),
    )
    return _stops(coming, *_stops_of_accounts(coming, accounts, context), len(accounts))[0]


def _are_own(owner: Array, row: Array, count: int) -> Array:
    """Tell which accounts alone keep all the stops that hit them: bool[n].

    owner, row  int64[k]  the account whose items keep a stop, -1 several; an account that it hits
    """
    are_own = np.ones(count, bool)
    are_own[row[owner != row]] = False
    return are_own


def insurable_parts(base: Array, gross: Array) -> Array:
    """Give what part of items is insurable, rounded down: int32[k] of `WHOLE_PART`.

    base, gross  int64[k]  positive, base at most gross
    """
    part = np.full(len(base), WHOLE_PART, np.int32)
    less = np.flatnonzero(base < gross)
    # Long division, digit by digit: ten times what is left of 63 bits fits 64.
    rest, whole = base[less].astype(np.uint64), gross[less].astype(np.uint64)
    found = np.zeros(len(less), np.uint64)
    for _ in range(PART_DIGITS):
        digit, rest = np.divmod(rest * np.uint64(10), whole)
        found = found * np.uint64(10) + digit
    part[less] = found
    return part


def cover_notices(totals: CoverTotals | None, context: RunContext) -> list[RunNotice]:
    """Say which limits cover items without anybody saying what the insurer pays of a loss."""
    if totals is None:
        return []
    segments = len(context.master.companies.segment_names)
    accounts = len(context.master.customers.account_ids)
    pool = np.unique(totals.covered.keys // (segments * accounts))
    lacking = int((~totals.insurance.facts.has_percent[pool]).sum())
    if not lacking:
        return []
    message = "insured limits cover items without a percentage, theirs or their policy's: it is 0"
    return [RunNotice(RunWarning.INSURED_PERCENT_MISSING, message, lacking)]


def _up_to_exposure(row: Array, milli: Array, exposure: Array) -> Array:
    """Give what counts of each policy's cover, one behind the other: int64[k]; rows ascend."""
    counted = milli.copy()
    room = np.maximum(exposure, 0)
    starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]]) if len(row) else row
    lengths = np.diff(np.r_[starts, len(row)])
    for turn in range(int(lengths.max(initial=0))):
        at = starts[lengths > turn] + turn
        counted[at] = np.minimum(milli[at], room[row[at]])
        room[row[at]] -= counted[at]
    return counted


def _insured_share(milli: Array, percent_e9: Array, context: RunContext) -> Array:
    """Give the insured percentage of amounts, rounded half away from zero: int64[k]."""
    percents, code = np.unique(percent_e9, return_inverse=True)
    unit = context.reporting.minor_unit_milli
    factors = [Fraction(percent, _PERCENT_OF_ONE * unit) for percent in percents.tolist()]
    share, fault = np.empty(len(milli), np.int64), np.empty(len(milli), np.uint8)
    convert_amounts(
        np.ascontiguousarray(milli),
        code.astype(np.int32),
        np.array([factor.numerator for factor in factors], np.int64),
        np.array([factor.denominator for factor in factors], np.int64),
        unit,
        share,
        fault,
    )
    return share


def _stopped_members(head: Array, context: RunContext) -> tuple[Array, Array]:
    """Pair the accounts of members of groups with the stops that hit them: int64[k] each.

    head  int32[s]  head of the group of each stop, -1 where it is no group's
    """
    stops = np.flatnonzero(head >= 0)
    heads, number = np.unique(head[stops], return_inverse=True)
    account, place = accounts_of_groups(heads.astype(np.int64), context.master.customers)
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(len(heads)))
    counts = np.bincount(number, minlength=len(heads))[place]
    pair = np.repeat(np.arange(len(place)), counts)
    before = np.cumsum(counts) - counts
    turn = np.arange(len(pair)) - before[pair]
    return account[pair], stops[order[starts[place[pair]] + turn]]


def _stops_of_accounts(
    totals: CoverTotals, accounts: AccountRows, context: RunContext
) -> tuple[Array, Array]:
    """Pair stops of cover with the accounts that they hit: stops and rows, int64[k] each.

    By account, then the day of the stop.
    """
    pools = totals.insurance.pools
    stopped = totals.stop_pool
    account, head = pools.account[stopped].astype(np.int64), pools.head[stopped]
    of_account = np.flatnonzero(account >= 0)
    of_group, group_stop = _stopped_members(head, context)
    stop = np.concatenate([of_account, group_stop])
    at, row = accounts.rows_of_accounts(np.concatenate([account[of_account], of_group]))
    stop = stop[at]
    names = context.master.companies.segment_names
    known = {name: code for code, name in enumerate(names)}
    codes = np.array([known.get(name, -3) for name in accounts.segments], np.int64)
    segment = pools.segment[stopped[stop]]
    hits = (segment == -1) | (segment == codes[accounts.segment_code[row]])
    stop, row = stop[hits], row[hits]
    order = np.lexsort((stopped[stop], totals.stop_day[stop], row))
    return stop[order], row[order]


def _stops(
    totals: CoverTotals, stop: Array, row: Array, count: int
) -> tuple[Array, pa.Array, pa.Array]:
    """Give the earliest stop of cover that hits each account: day, item and policy."""
    first = np.r_[True, row[1:] != row[:-1]] if len(row) else np.zeros(0, bool)
    chosen = np.full(count, -1, np.int64)
    chosen[row[first]] = stop[first]
    mask = chosen < 0
    day = np.full(count, NO_DAY, np.int32)
    day[~mask] = totals.stop_day[chosen[~mask]]
    policy = np.full(count, -1, np.int64)
    policy[~mask] = totals.insurance.facts.policy_code[totals.stop_pool[chosen[~mask]]]
    texts = pa.array(totals.insurance.policies, pa.string())
    return (
        day,
        totals.stop_item.take(pa.array(chosen, mask=mask)),
        texts.take(pa.array(policy, mask=policy < 0)),
    )
