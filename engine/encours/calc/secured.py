"""What of each account's exposure insurance and guarantees cover (DOMAIN 5 and 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from encours.calc.limits import AccountLimits

Array = np.ndarray[Any, np.dtype[Any]]


class Secured(NamedTuple):
    """Per account, int64[n] thousandths of the reporting currency.

    covered_milli     insured cover, at most the exposure
    guarantees_milli  guarantees in force; a shared one stands where it is needed
    secured_milli     the insured share of the cover, and guarantees; at most the exposure
    unsecured_milli   the rest of the exposure
    """

    covered_milli: Array
    guarantees_milli: Array
    secured_milli: Array
    unsecured_milli: Array

    def some(self, rows: slice) -> Secured:
        """Give that of some accounts."""
        return Secured(*(column[rows] for column in self))


def secured_amounts(limits: AccountLimits, covered_milli: Array, share_milli: Array) -> Secured:
    """Add the insured share and the guarantees up, to at most the exposure.

    covered_milli  int64[n]  insured cover
    share_milli    int64[n]  what the insurers would pay of it
    """
    exposure = np.maximum(limits.book.accounts.exposure_milli, 0)
    guarantees = _guarantees(limits, exposure, share_milli)
    secured = np.minimum(exposure, share_milli + np.minimum(guarantees, exposure))
    return Secured(covered_milli, guarantees, secured, exposure - secured)


def _guarantees(limits: AccountLimits, exposure: Array, share: Array) -> Array:
    """Give the pledged amount that stands at each account: int64[n].

    One without a bound covers the whole exposure. One for all accounts of a party fills them in the
    order of their segments, as far as each is not covered otherwise; what is left over stands at
    the first.
    """
    own = limits.guarantee
    found: Array = np.where(own.is_unlimited, exposure, own.milli)
    shared = limits.shared_guarantee
    if not shared.given.any():
        return found
    accounts = limits.book.accounts
    rows = np.flatnonzero(shared.given)
    rows = rows[np.lexsort((accounts.segment_code[rows], accounts.account_code[rows]))]
    account = accounts.account_code[rows]
    starts = np.flatnonzero(np.r_[True, account[1:] != account[:-1]])
    first = rows[starts]
    counts = np.diff(np.r_[starts, len(rows)])
    rest = shared.milli[first]
    for turn in range(int(counts.max())):
        parties = np.flatnonzero(counts > turn)
        row = rows[starts[parties] + turn]
        room = np.maximum(exposure[row] - share[row] - np.minimum(found[row], exposure[row]), 0)
        taken = np.where(shared.is_unlimited[row], room, np.minimum(room, rest[parties]))
        found[row] += taken
        rest[parties] -= np.where(shared.is_unlimited[row], 0, taken)
    found[first] += rest
    return found
