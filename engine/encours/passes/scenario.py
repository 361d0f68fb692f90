"""A scenario's changes, made to what a run has read: the same rules on other inputs (DOMAIN 10).

No file changes. Limits, customers and the days of payments do, in memory, before anything is
computed from them.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.ledger.allocations import ALLOCATION_KINDS
from encours.ledger.decode import NO_DAY
from encours.ledger.items import PAYMENT
from encours.ledger.limits import GUARANTEE, INSURED, INTERNAL, KINDS, TEMPORARY
from encours.ledger.master import MINOR_UNIT_MILLI
from encours.ledger.policies import Policies
from encours_schemas.errors import ConfigurationWrong, InputRefused
from encours_schemas.inputs import INSOLVENCY_KINDS
from encours_schemas.names import nearest_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.ledger.items import Items
    from encours.ledger.limits import Limits
    from encours.ledger.master import Customers
    from encours.passes.preparation import Master
    from encours_schemas.scenario import CoverWithdrawn, Insolvency, LimitChange, Scenario

Array = np.ndarray[Any, np.dtype[Any]]

_EPOCH_ORDINAL = 719_163  # of 1970-01-01
_THOUSANDTHS = 1000
_LARGEST_MILLI = 10**18 - 1
_PAYMENT_KIND = ALLOCATION_KINDS.index("payment")
_SUFFIX = "~scenario"
"""Added to the id of a limit: of two that begin on one day the highest id counts."""


def altered(master: Master, scenario: Scenario, as_of_day: int) -> Master:
    """Give the master data as the scenario has them.

    Raises ConfigurationWrong for an insurer, a policy or a customer that the ledger does not know,
    InputRefused where a factor takes a limit beyond what money can hold.
    """
    policies = Policies(master.small.get("policies"))
    limits, customers = master.limits, master.customers
    for withdrawn in scenario.cover_withdrawn:
        limits = _withdraw(limits, withdrawn, policies, customers, as_of_day)
    for change in scenario.limits:
        limits = _multiply(limits, change, policies, customers, as_of_day)
    for opened in scenario.insolvency:
        customers = _open_proceedings(customers, opened, as_of_day)
    return replace(master, limits=limits, customers=customers)


def payment_delays(scenario: Scenario, customers: Customers) -> Array:
    """Give by how many days each customer's payments come later: int32[c]."""
    delays = np.zeros(len(customers), np.int32)
    for later in scenario.payments_later:
        delays[_in_segments(customers, later.segments)] += np.int32(later.days)
    return delays


def delay_payments(
    records: Array, items: Items, first_ordinal: int, delays: Array
) -> tuple[Array, Items]:
    """Move the payments of a unit's customers to later days, those not applied yet too.

    records  allocations of the unit's items, `first` being the item's ordinal
    delays   int32[c]  days by customer
    """
    row = (records["first"] - np.uint64(first_ordinal)).astype(np.int64)
    delay = delays[items.customer_code[row]]
    delay[records["kind_code"] != _PAYMENT_KIND] = 0
    moved = records.copy()
    moved["value_day"] += delay
    moved["posting_day"] += delay
    is_payment = items.type_code == PAYMENT
    posted = items.posting_day + np.where(is_payment, delays[items.customer_code], 0)
    return moved, replace(items, posting_day=posted.astype(np.int32))


def _withdraw(
    limits: Limits,
    withdrawn: CoverWithdrawn,
    policies: Policies,
    customers: Customers,
    as_of_day: int,
) -> Limits:
    """Withdraw insured limits on the as-of date, so that what was delivered before keeps cover."""
    chosen = (limits.kind_code == INSURED) & _of_insurers(
        limits, withdrawn.insurers, policies, as_of_day
    )
    if withdrawn.policies:
        _require_known("policy", withdrawn.policies, limits.policies)
        named = [place for place, name in enumerate(limits.policies) if name in withdrawn.policies]
        chosen &= np.isin(limits.policy_code, named)
    chosen &= _of_segments(limits, withdrawn.segments, customers)
    day = np.minimum(limits.withdrawn_day, np.int32(as_of_day))
    return _changed(limits, withdrawn_day=np.where(chosen, day, limits.withdrawn_day))


def _multiply(
    limits: Limits, change: LimitChange, policies: Policies, customers: Customers, as_of_day: int
) -> Limits:
    """Multiply limits from the as-of date on.

    An internal or insured limit in force is followed by another one, as an insurer's decision
    would be: cover of what was delivered before stays. Others, and those still to come, change.
    """
    kinds = [KINDS.index(kind) for kind in change.kinds or KINDS]
    chosen = np.isin(limits.kind_code, kinds) & _of_segments(limits, change.segments, customers)
    if change.insurers:
        chosen &= limits.kind_code == INSURED
        chosen &= _of_insurers(limits, change.insurers, policies, as_of_day)
    factor = int(change.factor * _THOUSANDTHS)
    in_force = np.zeros(len(limits), bool)
    in_force[limits.in_force(as_of_day)] = True
    followed = chosen & in_force & np.isin(limits.kind_code, (INTERNAL, INSURED))
    in_place = chosen & (
        (limits.from_day > as_of_day)
        | (in_force & np.isin(limits.kind_code, (TEMPORARY, GUARANTEE)))
    )
    rows = np.flatnonzero(in_place)
    amount = limits.amount_milli.copy()
    amount[rows] = _times(limits, rows, factor)
    return _with_followers(_changed(limits, amount_milli=amount), followed, factor, as_of_day)


def _with_followers(limits: Limits, followed: Array, factor: int, as_of_day: int) -> Limits:
    """Add a limit that begins on the as-of date for each of those."""
    rows = np.flatnonzero(followed)
    taken = pa.array(rows)
    values: dict[str, Any] = {}
    for field in fields(limits):
        column = getattr(limits, field.name)
        if isinstance(column, np.ndarray) and len(column) == len(limits):
            values[field.name] = np.concatenate([column, column[rows]])
    values["amount_milli"][len(limits) :] = _times(limits, rows, factor)
    values["from_day"][len(limits) :] = as_of_day
    suffix = pa.scalar(_SUFFIX, pa.string())
    ids = pc.binary_join_element_wise(limits.limit_id.take(taken), suffix, "")
    return _changed(limits, limit_id=pa.concat_arrays([limits.limit_id, ids]), **values)


def _changed(limits: Limits, **columns: Any) -> Limits:
    """Give limits with other columns; what was sorted is sorted again."""
    return replace(limits, _order=[], **columns)


def _times(limits: Limits, rows: Array, factor: int) -> Array:
    """Multiply limits, rounded to their currency half away from zero: int64[r]."""
    units = MINOR_UNIT_MILLI[limits.currency_code[rows]].tolist()
    amounts = [
        (amount * factor * 2 + _THOUSANDTHS * unit) // (2 * _THOUSANDTHS * unit) * unit
        for amount, unit in zip(limits.amount_milli[rows].tolist(), units, strict=True)
    ]
    if max(amounts, default=0) > _LARGEST_MILLI:
        raise InputRefused(
            what="the factor takes a limit beyond what money can hold",
            where="scenario, limits",
            expected="amounts of at most 15 digits before the point",
            cure="take a smaller factor",
        )
    return np.array(amounts, np.int64)


def _of_insurers(
    limits: Limits, insurers: Sequence[str], policies: Policies, as_of_day: int
) -> Array:
    """Tell which limits belong to a policy of one of these insurers: bool[l]; none named: all."""
    if not insurers:
        return np.ones(len(limits), bool)
    insurer = [policies.terms(policy, as_of_day).insurer for policy in limits.policies]
    _require_known("insurer", insurers, [name for name in insurer if name])
    named = [place for place, name in enumerate(insurer) if name in insurers]
    return np.isin(limits.policy_code, named)


def _of_segments(limits: Limits, segments: Sequence[str], customers: Customers) -> Array:
    """Tell which limits are of parties in these business segments: bool[l]; none named: all."""
    if not segments:
        return np.ones(len(limits), bool)
    chosen = _in_segments(customers, segments)
    ids = customers.ids.filter(pa.array(chosen))
    accounts = customers.account_ids.take(pa.array(np.unique(customers.account_code[chosen])))
    named = pc.is_in(limits.parties, value_set=ids).to_numpy(zero_copy_only=False)
    shared = pc.is_in(limits.parties, value_set=accounts).to_numpy(zero_copy_only=False)
    found: Array = np.where(
        limits.is_group, named[limits.party_code], (named | shared)[limits.party_code]
    )
    return found


def _in_segments(customers: Customers, segments: Sequence[str]) -> Array:
    """Tell which customers are in these business segments: bool[c]; none named: all."""
    if not segments:
        return np.ones(len(customers), bool)
    texts = customers.texts["segment"]
    known = [name for name in pc.unique(texts).to_pylist() if name]
    _require_known("business segment", segments, known)
    found = pc.is_in(texts, value_set=pa.array(list(segments), pa.string()))
    chosen: Array = found.to_numpy(zero_copy_only=False)
    return chosen


def _open_proceedings(customers: Customers, opened: Insolvency, as_of_day: int) -> Customers:
    """Let proceedings of one customer be open at the as-of date."""
    place = pc.index(customers.ids, pa.scalar(opened.customer, customers.ids.type)).as_py()
    if place < 0:
        _require_known("customer", [opened.customer], [])
    day = as_of_day
    if opened.opened_on is not None:
        day = opened.opened_on.toordinal() - _EPOCH_ORDINAL
    opened_day = customers.insolvency_day.copy()
    ended_day = customers.insolvency_ended_day.copy()
    kind = customers.insolvency_kind.copy()
    opened_day[place], ended_day[place] = day, NO_DAY
    kind[place] = INSOLVENCY_KINDS.index(opened.kind)
    return replace(
        customers,
        insolvency_day=opened_day,
        insolvency_ended_day=ended_day,
        insolvency_kind=kind,
    )


def _require_known(what: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Raise ConfigurationWrong (78) for a name that the ledger does not have."""
    for name in names:
        if name not in known:
            near = nearest_name(name, known)
            raise ConfigurationWrong(
                what=f"the ledger knows no such {what}",
                where="scenario",
                found=name,
                cure=f"did you mean {near}?" if near else "correct the name",
            )
