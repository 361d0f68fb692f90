"""The least payment that lifts the holds of a credit account (TABLES 2, `cure_amount`).

Rules about items say which items they want paid; a payment of those also lowers the exposure, and
what rules about the exposure ask for beyond that is paid on account. Which rule asks for what, and
what is promised where several meet: docs/decisions/0056-orders-and-what-lifts-a-hold.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.found import RULE_POSITIONS
from encours.breaches.levels import SHARE_SCALE, share_floor, thousandths
from encours.breaches.payers import ON_ITEMS, Held, payers_of
from encours.calc.account_cover import WHOLE_PART
from encours.ledger.decode import decode_text_codes
from encours.ledger.master import CURRENCY_POSITIONS, MINOR_UNIT_MILLI
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encours.breaches.evidence import Evidence
    from encours.breaches.found import Found
    from encours.breaches.holds import HoldState
    from encours.breaches.payers import Payers

Array = np.ndarray[Any, np.dtype[Any]]

_OF_EXPOSURE: Final = frozenset(
    {
        RuleId.LIMIT_EXCEEDED,
        RuleId.TOTAL_LIMIT_EXCEEDED,
        RuleId.GROUP_LIMIT_EXCEEDED,
        RuleId.LIMIT_MISSING,
        RuleId.LIMIT_EXPIRED,
    }
)
"""Rules that measure an exposure: their hold ends at `release_milli`."""


class Cures(NamedTuple):
    """What lifts the holds of n accounts: int64[n] thousandths, bool[n] where money does."""

    milli: Array
    given: Array


@dataclass
class _Asked:
    """What the holds in force ask of h held accounts: int64[h] thousandths, bool[h].

    exposure  by how much the exposure must fall
    insured   by how much what is insurable must fall, on the policies' tax base
    by_age    items that are too old must be paid, the oldest first
    by_stop   items that keep insured cover stopped must be paid
    by_share  late items must be paid until they are a small part of what is owed
    apart     some of its customers stand outside of a group that asks: items of theirs may be paid
              and lower nothing of it
    hopeless  no payment lifts some hold
    """

    exposure: Array
    insured: Array = field(init=False)
    by_age: Array = field(init=False)
    by_stop: Array = field(init=False)
    by_share: Array = field(init=False)
    apart: Array = field(init=False)
    hopeless: Array = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing but what the exposure must fall by."""
        self.insured = np.zeros_like(self.exposure)
        self.by_age, self.by_stop, self.by_share, self.apart, self.hopeless = np.zeros(
            (5, len(self.exposure)), bool
        )


def cure_amounts(breaches: Sequence[Found], evidence: Evidence, holds: HoldState) -> Cures:
    """Give the least payment that lifts all holds in force of each account.

    None for an account without a hold, and where no payment lifts one of them: proceedings, a
    person's decision, items of others, or more than the account owes.
    """
    held = Held.of(holds.holds > 0)
    payers = payers_of(evidence, held)
    lifted = evidence.overrides.lifted[held.rows]
    everybody = np.ones(len(lifted), bool)
    milli, given = _needed(
        breaches, evidence, held, payers, lifted, np.zeros_like(lifted), everybody
    )
    for further, least in _coming_releases(evidence, held):
        amount, may = _needed(breaches, evidence, held, payers, lifted | further, least, least > 0)
        better = may & (least > 0) & (~given | (amount < milli))
        milli, given = np.where(better, amount, milli), given | better
    given &= milli > 0
    found = Cures(np.zeros(len(holds.holds), np.int64), np.zeros(len(holds.holds), bool))
    found.milli[held.rows[given]], found.given[held.rows[given]] = milli[given], True
    return found


def _coming_releases(evidence: Evidence, held: Held) -> Iterator[tuple[Array, Array]]:
    """Give what a lower exposure would release: rules int64[h], and by how much it must fall.

    A person's release up to an exposure begins once the account owes no more than that. Mostly
    there is none, and never many for one account.
    """
    by_row: dict[int, list[tuple[int, int]]] = {}
    for row, one in evidence.overrides.pending:
        if held.place[row] >= 0:
            by_row.setdefault(row, []).append((one.max_milli, one.mask))
    added = evidence.overrides.added[held.rows]
    for turn in range(max(map(len, by_row.values()), default=0)):
        further, least = np.zeros((2, len(held.rows)), np.int64)
        for row, releases in by_row.items():
            place = held.place[row]
            if turn < len(releases):
                most, _ = sorted(releases, reverse=True)[turn]
                for other, mask in releases:
                    further[place] |= mask if other >= most else 0
                least[place] = evidence.accounts.exposure_milli[row] - most
        yield further & ~added, least


def _needed(
    breaches: Sequence[Found],
    evidence: Evidence,
    held: Held,
    payers: Payers,
    lifted: Array,
    least: Array,
    matters: Array,
) -> tuple[Array, Array]:
    """Give what must be paid, and whether that lifts the holds: int64[h], bool[h].

    lifted   int64[h]  rules whose holds a person released
    least    int64[h]  by how much the exposure must fall for that
    matters  bool[h]   accounts that are asked about; of others nothing is said
    """
    asked = _Asked(least.copy())
    for found in breaches:
        _ask(asked, found, evidence, held, payers, lifted, matters)
    unit = int(MINOR_UNIT_MILLI[CURRENCY_POSITIONS[evidence.currency]])
    on_items, insured = payers.on_items(asked.by_age, asked.by_stop)
    late = _whole(_share_payments(asked, on_items, held, payers, evidence), unit)
    insured = np.maximum(_insured_payments(asked.insured, held, evidence, unit) - insured, 0)
    # A payment may lower no exposure where credits have taken it away already.
    lowered = payers.lowered(on_items) + np.maximum(insured - payers.credits, 0)
    lowered += np.where(asked.by_stop, 0, np.maximum(late - payers.late_idle, 0))
    lowered[asked.apart] = 0
    fall = _whole(asked.exposure, unit)
    may = ~asked.hopeless & (fall <= payers.payable)
    may &= asked.insured <= evidence.cover.insurable_milli[held.rows]
    may &= ~asked.by_stop | evidence.cover.stop_is_own[held.rows]
    on_account = np.maximum(fall - lowered, 0)
    return payers.of_accounts(on_items) + insured + late + on_account, may


def _ask(
    asked: _Asked,
    found: Found,
    evidence: Evidence,
    held: Held,
    payers: Payers,
    lifted: Array,
    matters: Array,
) -> None:
    """Add what one rule asks of the accounts that it holds."""
    bit = RULE_POSITIONS[found.rule]
    breach, row = found.bears_on()
    place = held.place[row]
    counts = np.flatnonzero(place >= 0)
    counts = counts[matters[place[counts]]]
    breach, row = breach[counts], place[counts].astype(np.int64)
    by_person = (evidence.overrides.added[held.rows[row]] >> bit & 1).astype(bool)
    is_lifted = (lifted[row] >> bit & 1).astype(bool) & ~by_person
    in_force = ((found.holds[breach] > 0) & ~is_lifted) | by_person
    breach, row = breach[in_force], row[in_force]
    asked.hopeless[row[by_person[in_force]]] = True
    if found.rule in _OF_EXPOSURE or found.rule is RuleId.INSURED_LIMIT_EXCEEDED:
        release = found.measure.release_milli[breach]
        measured = found.measure.measured.take(pa.array(breach))
        fall = np.maximum(_milli(measured) - release, 0)
        asked.hopeless[row[release < 0]] = True
        insured = found.rule is RuleId.INSURED_LIMIT_EXCEEDED
        np.maximum.at(asked.insured if insured else asked.exposure, row, fall)
        if found.rule is RuleId.GROUP_LIMIT_EXCEEDED and found.subject is not None and len(row):
            subject = found.subject.take(pa.array(breach))
            head = decode_text_codes(subject, evidence.context.master.customer_index)
            parent = evidence.customers.hierarchy.parent
            payable = payers.payable_below(row, head.astype(np.int64), parent)
            asked.hopeless[row[fall > payable]] = True
            asked.apart[row[payable < payers.payable[row]]] = True
    elif found.rule is RuleId.TEMPORARY_LIMIT_ENDING:
        np.maximum.at(asked.exposure, row, found.measure.excess_milli[breach])
    elif found.rule is RuleId.OVERDUE_AGE:
        asked.by_age[row] = True
    elif found.rule is RuleId.COVER_STOPPED:
        asked.by_stop[row] = True
    elif found.rule is RuleId.OVERDUE_SHARE:
        asked.by_share[row] = True
    else:
        asked.hopeless[row] = True


def _insured_payments(fall: Array, held: Held, evidence: Evidence, unit: int) -> Array:
    """Give what must be paid on insurable items, whichever, so that so much less is insurable.

    On amounts without tax each payment counts for its part, the least of the account's items, and
    what is left of an item may be rounded up, once in its currency and once more when converted.
    """
    gross = evidence.cover.insurable_gross_milli[held.rows]
    part, fall = evidence.cover.insurable_part[held.rows], _whole(fall, unit)
    whole = part == WHOLE_PART
    parts, rest = np.divmod(fall + 2 * unit, np.maximum(part, 1))
    payment = parts * WHOLE_PART - (-rest * WHOLE_PART // np.maximum(part, 1))
    everything = (part == 0) | (payment < 0) | (payment > gross)
    payment = np.where(everything, gross, _whole(payment, unit))
    return np.where(fall > 0, np.where(whole, fall, payment), 0)


def _share_payments(
    asked: _Asked, on_items: Array, held: Held, payers: Payers, evidence: Evidence
) -> Array:
    """Give what more must be paid on late items so that they are no too large share: int64[h].

    It lowers both: (late - p) <= share x (owed - p); or late falls to the materiality. Items that
    stop cover lower what is owed; they are not counted on to be late.
    """
    settings = evidence.rules.overdue_share
    for_stop = np.where(asked.by_stop[payers.payments.row], payers.payments.for_stop, 0)
    stopped, paid = payers.of_accounts(for_stop), payers.of_accounts(on_items - for_stop)
    late = evidence.column("overdue_net")[held.rows]
    owed = sum((evidence.column(name)[held.rows] for name in ON_ITEMS), np.zeros_like(late))
    owed = owed - stopped
    to_small = late - int(settings.materiality * 1000)
    rest_of_share = SHARE_SCALE - thousandths(settings.above)
    to_share = to_small
    if rest_of_share > 0:
        over = late - share_floor(np.maximum(owed, 0), thousandths(settings.above))
        whole, rest = np.divmod(over, rest_of_share)
        to_share = whole * SHARE_SCALE - (-rest * SHARE_SCALE // rest_of_share)
    needed = np.maximum(np.minimum(to_small, to_share), 0) - paid
    return np.where(asked.by_share, np.maximum(needed, 0), 0)


def _milli(measured: pa.Array) -> Array:
    """Give a measured amount in thousandths, rounded up: int64[k]; null is zero."""
    units = pc.multiply(measured.cast(pa.decimal128(32, 6)), pa.scalar(1000, pa.decimal128(4, 0)))
    whole = pc.ceil(pc.fill_null(units, 0)).cast(pa.decimal128(38, 0)).cast(pa.int64())
    milli: Array = whole.to_numpy(zero_copy_only=False)
    return milli


def _whole(milli: Array, unit: int) -> Array:
    """Round up to what can be paid in the reporting currency: int64, any number."""
    return -(-milli // unit) * unit
