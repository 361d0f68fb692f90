"""The least payment that lifts the holds of a credit account (TABLES 2, `cure_amount`).

A payment is taken by the oldest items first, and lowers the exposure of the account, of its party
and of its groups by as much. So what lifts all holds is the largest of what each of them asks for.
Why which rule asks for what: docs/decisions/0056-orders-and-what-lifts-a-hold.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.found import RULE_POSITIONS
from encours.breaches.levels import SHARE_SCALE, share_floor, thousandths
from encours.calc.context import DEBIT_COMPONENTS
from encours.calc.exposure import exposure_terms
from encours.ledger.master import CURRENCY_POSITIONS, MINOR_UNIT_MILLI
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.breaches.evidence import Evidence
    from encours.breaches.found import Found
    from encours.breaches.holds import HoldState

Array = np.ndarray[Any, np.dtype[Any]]

_OF_EXPOSURE: Final = frozenset(
    {
        RuleId.LIMIT_EXCEEDED,
        RuleId.TOTAL_LIMIT_EXCEEDED,
        RuleId.GROUP_LIMIT_EXCEEDED,
        RuleId.INSURED_LIMIT_EXCEEDED,
        RuleId.LIMIT_MISSING,
        RuleId.LIMIT_EXPIRED,
    }
)
"""Rules that measure an exposure: their hold ends at `release_milli`."""
_ON_ITEMS: Final = ("receivables", "bills_of_exchange", "financed_with_recourse")


class Cures(NamedTuple):
    """What lifts the holds of n accounts: int64[n] thousandths, bool[n] where money does."""

    milli: Array
    given: Array


class _Payments(NamedTuple):
    """What each of k breaches asks for: int64[k], -1 where no payment ends its holds."""

    milli: Array
    lowers_exposure: bool


def cure_amounts(breaches: Sequence[Found], evidence: Evidence, holds: HoldState) -> Cures:
    """Give the least payment that lifts all holds in force of each account.

    None for an account without a hold, and where no payment lifts one of them: proceedings, a
    person's decision, or more than the account owes.
    """
    count = len(evidence.accounts)
    of_exposure, of_age = np.zeros(count, np.int64), np.zeros(count, np.int64)
    hopeless = np.zeros(count, bool)
    for found in breaches:
        bit = RULE_POSITIONS[found.rule]
        breach, row = found.bears_on()
        by_person = (evidence.overrides.added[row] >> bit & 1).astype(bool)
        is_lifted = (evidence.overrides.lifted[row] >> bit & 1).astype(bool) & ~by_person
        in_force = ((found.holds[breach] > 0) & ~is_lifted) | by_person
        breach, row, by_person = breach[in_force], row[in_force], by_person[in_force]
        asked = _payments(found, evidence)
        pay = asked.milli[breach]
        hopeless[row[by_person | (pay < 0)]] = True
        np.maximum.at(of_exposure if asked.lowers_exposure else of_age, row, pay)
    needed = np.maximum(_whole_units(of_exposure, evidence.currency), of_age)
    given = (holds.holds > 0) & ~hopeless & (of_exposure <= _payable(evidence)) & (needed > 0)
    return Cures(np.where(given, needed, 0), given)


def _payments(found: Found, evidence: Evidence) -> _Payments:
    """Give what each breach of a rule asks for."""
    if found.rule in _OF_EXPOSURE:
        release = found.measure.release_milli
        measured = _milli(found.measure.measured)
        return _Payments(np.where(release < 0, -1, np.maximum(measured - release, 0)), True)
    if found.rule is RuleId.OVERDUE_AGE:
        late = evidence.items.oldest_late
        of_account = np.full(len(evidence.accounts), -1, np.int64)
        of_account[late.row] = late.to_pay_rc
        return _Payments(of_account[found.place.row], False)
    if found.rule is RuleId.COVER_STOPPED:
        return _Payments(evidence.cover.stop_to_pay_milli[found.place.row], False)
    if found.rule is RuleId.OVERDUE_SHARE:
        return _Payments(_share_payments(found, evidence), False)
    return _Payments(np.full(len(found), -1, np.int64), False)


def _share_payments(found: Found, evidence: Evidence) -> Array:
    """Give the payment after which late amounts are no longer too large a share: int64[k].

    It lowers both: (late - p) <= share x (owed - p); or late falls to the materiality.
    """
    settings = evidence.rules.overdue_share
    row, share = found.place.row, thousandths(settings.above)
    late = evidence.column("overdue_net")[row]
    owed = sum((evidence.column(name)[row] for name in _ON_ITEMS), np.zeros(len(row), np.int64))
    to_small = late - int(settings.materiality * 1000)
    rest_of_share = SHARE_SCALE - share
    if rest_of_share <= 0:
        return to_small
    whole, rest = np.divmod(late - share_floor(owed, share), rest_of_share)
    to_share = whole * SHARE_SCALE - (-rest * SHARE_SCALE // rest_of_share)
    return np.maximum(np.minimum(to_small, to_share), 0)


def _payable(evidence: Evidence) -> Array:
    """Give the exposure that payments can take away: int64[n].

    Where credits reduce the exposure a payment also counts against orders and deliveries; elsewhere
    it lowers what is owed on items alone.
    """
    reduces = {
        name: terms.credits_reduce
        for name, terms in zip(
            evidence.context.master.companies.segments,
            exposure_terms(evidence.context),
            strict=True,
        )
    }
    of_segment = np.array([reduces.get(name, True) for name in evidence.accounts.segments], bool)
    by_all = of_segment[evidence.accounts.segment_code]
    zero = np.zeros(len(evidence.accounts), np.int64)
    of_items = sum((evidence.column(name) for name in _ON_ITEMS), zero)
    of_all = sum((evidence.column(name) for name in DEBIT_COMPONENTS), zero)
    owed = np.where(by_all, of_all, of_items)
    return np.minimum(np.maximum(evidence.accounts.exposure_milli, 0), np.maximum(owed, 0))


def _milli(measured: pa.Array) -> Array:
    """Give a measured amount in thousandths, rounded up: int64[k]; null is zero."""
    units = pc.multiply(measured.cast(pa.decimal128(32, 6)), pa.scalar(1000, pa.decimal128(4, 0)))
    whole = pc.ceil(pc.fill_null(units, 0)).cast(pa.decimal128(38, 0)).cast(pa.int64())
    milli: Array = whole.to_numpy(zero_copy_only=False)
    return milli


def _whole_units(milli: Array, currency: str) -> Array:
    """Round up to what can be paid in a currency: int64[n]."""
    unit = int(MINOR_UNIT_MILLI[CURRENCY_POSITIONS[currency]])
    return -(-milli // unit) * unit
