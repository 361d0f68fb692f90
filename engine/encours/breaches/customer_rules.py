"""Rules about the debtor itself: proceedings, holds by a person, its weight, its late share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.columns import (
    Texts,
    constant,
    day_text,
    decimals,
    money_text,
    percent_text,
    same,
    spread,
)
from encours.breaches.found import Found, Measure, Place, Sentence, no_money, no_numbers
from encours.breaches.levels import SEVERITY_CODES, hold_bits, share_floor, thousandths
from encours.calc.account_rows import is_under_proceedings
from encours.ledger.decode import NO_DAY
from encours.ledger.master import LIQUIDATION
from encours_schemas.inputs import INSOLVENCY_KINDS
from encours_schemas.messages import MessageCode
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from encours.breaches.evidence import Evidence
    from encours_schemas.configuration.rules import Rule

Array = np.ndarray[Any, np.dtype[Any]]

HOME_OF_THE_SHORT_PERIOD = "FR"
"""Creditors here have the shorter period to declare claims (Code de commerce R622-24)."""
RECEIVABLES = ("receivables", "bills_of_exchange", "financed_with_recourse")
"""What is owed on items: the base of the late share, and of claims in proceedings."""


def overdue_share(evidence: Evidence) -> Found:
    """Find accounts whose late amounts, net, are a large share of what they owe on items."""
    settings = evidence.rules.overdue_share
    overdue = evidence.column("overdue_net")
    owed = sum((evidence.column(name) for name in RECEIVABLES), np.zeros(len(overdue), np.int64))
    share = thousandths(settings.above)
    applies = (overdue > int(settings.materiality * 1000)) & (owed > 0)
    applies &= overdue > share_floor(np.maximum(owed, 0), share)
    rows = np.flatnonzero(applies & evidence.in_scope(settings))
    values = {
        "overdue": money_text(overdue[rows], evidence.currency),
        "receivables": money_text(owed[rows], evidence.currency),
        "currency": same(evidence.currency, len(rows)),
        "share": same(percent_text(share), len(rows)),
    }
    floor = share_floor(owed[rows], share)
    return Found(
        rule=RuleId.OVERDUE_SHARE,
        scope="account",
        place=evidence.place(rows),
        measure=Measure(
            decimals(ratio_e6(overdue[rows], owed[rows]), 1),
            decimals(np.full(len(rows), share * 1000, np.int64), 1),
            overdue[rows] - floor,
            floor,
        ),
        severity=np.full(len(rows), SEVERITY_CODES[settings.severity], np.int8),
        holds=np.full(len(rows), hold_bits(settings.holds), np.uint8),
        sentence=_one(MessageCode.OVERDUE_SHARE, values, len(rows)),
    )


def ratio_e6(part: Array, whole: Array) -> Array:
    """Give part / whole in millionths, rounded half up, exact: int64[k], both positive."""
    whole = whole.astype(np.uint64)
    digits, rest = np.divmod(part.astype(np.uint64), whole)
    # Long division, digit by digit: the products of a whole million would leave 64 bits.
    for _ in range(6):
        more, rest = np.divmod(rest * np.uint64(10), whole)
        digits = digits * np.uint64(10) + more
    digits += rest * np.uint64(2) >= whole
    return digits.astype(np.int64)


def insolvency(evidence: Evidence) -> Found:
    """Find accounts of customers in open proceedings; a liquidation comes before the others."""
    settings = evidence.rules.insolvency
    customer, row = _under_proceedings(evidence, settings)
    kind = evidence.customers.insolvency_kind[customer]
    since = evidence.customers.insolvency_day[customer]
    is_liquidation = kind == LIQUIDATION
    holds = np.where(
        is_liquidation,
        hold_bits(settings.liquidation_holds),
        hold_bits(settings.reorganisation_holds),
    )
    names = evidence.customers.ids.take(pa.array(customer))
    values = {
        "customer": names,
        "since": day_text(since),
        "kind": spread(INSOLVENCY_KINDS, kind),
    }
    exposure = evidence.accounts.exposure_milli[row]
    return Found(
        rule=RuleId.INSOLVENCY,
        scope="account",
        place=evidence.place(row),
        measure=Measure(
            decimals(exposure, 1000), no_numbers(len(row)), exposure, no_money(len(row))
        ),
        severity=np.full(len(row), SEVERITY_CODES["breach"], np.int8),
        holds=holds.astype(np.uint8),
        sentence=Sentence(
            (MessageCode.INSOLVENCY_REORGANISATION, MessageCode.INSOLVENCY_LIQUIDATION),
            is_liquidation.astype(np.int64),
            values,
        ),
        subject=names,
    )


def _under_proceedings(evidence: Evidence, settings: Rule) -> tuple[Array, Array]:
    """Pair every account under proceedings with the customer that counts: customers, rows.

    Of several customers of one account: a liquidation, then the earliest opening, then the id.
    """
    customers = evidence.customers
    flagged = np.flatnonzero(is_under_proceedings(customers, evidence.day))
    order = pc.sort_indices(customers.ids.take(pa.array(flagged)).cast(pa.binary())).to_numpy()
    flagged = flagged[order]
    gravest = customers.insolvency_kind[flagged] != LIQUIDATION
    flagged = flagged[np.lexsort((customers.insolvency_day[flagged], gravest))]
    place, row = evidence.rows_of_customers(flagged)
    row, first = np.unique(row, return_index=True)
    applies = evidence.in_scope(settings)[row]
    return flagged[place[first[applies]]], row[applies]


def claim_filing(evidence: Evidence) -> Found:
    """Say by when claims must be declared; from the opening on, where something is owed.

    Of several customers of an account the one with the earliest last day counts. Where the
    publication is not known the opening stands for it: the earlier day, on the safe side.
    """
    settings = evidence.rules.claim_filing
    customers = evidence.customers
    flagged = np.flatnonzero(is_under_proceedings(customers, evidence.day))
    place, row = evidence.rows_of_customers(flagged)
    owed = sum(
        (evidence.column(name) for name in RECEIVABLES), np.zeros(len(evidence.accounts), np.int64)
    )
    applies = ((owed > 0) & evidence.in_scope(settings))[row]
    customer, row = flagged[place[applies]], row[applies]
    published, opened = (
        customers.insolvency_published_day[customer],
        customers.insolvency_day[customer],
    )
    months = np.where(_has_home_creditor(evidence)[row], settings.months, settings.months_abroad)
    last_day = months_later(np.where(published == NO_DAY, opened, published), months)
    names = pc.rank(customers.ids.take(pa.array(customer)).cast(pa.binary()), tiebreaker="dense")
    order = np.lexsort((names.to_numpy(), last_day))
    row, first = np.unique(row[order], return_index=True)
    customer, last_day = customer[order][first], last_day[order][first]
    left = last_day.astype(np.int64) - evidence.day
    is_breach = left <= settings.breach_days
    named = customers.ids.take(pa.array(customer))
    return Found(
        rule=RuleId.CLAIM_FILING,
        scope="account",
        place=evidence.place(row),
        measure=Measure(
            decimals(left, 10**6),
            decimals(np.full(len(row), settings.breach_days, np.int64), 10**6),
            owed[row],
            no_money(len(row)),
        ),
        severity=np.where(is_breach, 2, 1).astype(np.int8),
        holds=np.where(is_breach, hold_bits(settings.holds), 0).astype(np.uint8),
        sentence=Sentence(
            (MessageCode.CLAIM_FILING, MessageCode.CLAIM_FILING_MISSED),
            (left < 0).astype(np.int64),
            {"customer": named, "last_day": day_text(last_day)},
        ),
        subject=named,
    )


def _has_home_creditor(evidence: Evidence) -> Array:
    """Tell which accounts have a position with a company in France: bool[n]."""
    companies, positions = evidence.context.master.companies, evidence.positions
    is_home = np.array([country == HOME_OF_THE_SHORT_PERIOD for country in companies.countries])
    chosen = np.flatnonzero(is_home[positions.company_code]) if len(is_home) else np.empty(0, int)
    company = positions.company_code[chosen]
    account = evidence.customers.account_code[positions.customer_code[chosen]]
    segment = companies.segment_code[company].astype(np.int64)
    row = evidence.accounts.find(segment, companies.segment_names, account.astype(np.int64))
    found = np.zeros(len(evidence.accounts), bool)
    found[row[row >= 0]] = True
    return found


def months_later(day: Array, months: Array) -> Array:
    """Give the same day so many months on, the last of the month where there is none: int32[k]."""
    month = day.astype("datetime64[D]").astype("datetime64[M]")
    offset = (day.astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    target = month + months
    start = target.astype("datetime64[D]").astype(np.int64)
    length = (target + 1).astype("datetime64[D]").astype(np.int64) - start
    return (start + np.minimum(offset, length - 1)).astype(np.int32)


def manual_hold(evidence: Evidence) -> Found:
    """Find accounts that a person has put on hold: in the master data, or by an override."""
    settings = evidence.rules.manual_hold
    flagged = np.flatnonzero(evidence.customers.has_manual_hold)
    order = pc.sort_indices(evidence.customers.ids.take(pa.array(flagged)).cast(pa.binary()))
    flagged = flagged[order.to_numpy()]
    place, row = evidence.rows_of_customers(flagged)
    row, first = np.unique(row, return_index=True)
    applies = evidence.in_scope(settings)
    of_master = {
        at: (customer, "", "")
        for at, customer in zip(
            row[applies[row]].tolist(),
            evidence.customers.ids.take(pa.array(flagged[place[first]][applies[row]])).to_pylist(),
            strict=True,
        )
    }
    decided = {
        at: (one.customer_id, one.decided_by, one.reason)
        for at, one in evidence.overrides.general_holds()
        if applies[at]
    }
    both = of_master | decided
    rows = np.array(sorted(both), np.int64)
    texts = [both[at] for at in rows.tolist()]
    names = pa.array([customer for customer, _, _ in texts], pa.string())
    return Found(
        rule=RuleId.MANUAL_HOLD,
        scope="account",
        place=evidence.place(rows),
        measure=Measure(
            no_numbers(len(rows)), no_numbers(len(rows)), no_money(len(rows)), no_money(len(rows))
        ),
        severity=np.full(len(rows), SEVERITY_CODES[settings.severity], np.int8),
        holds=np.full(len(rows), hold_bits(settings.holds), np.uint8),
        sentence=Sentence(
            (MessageCode.MANUAL_HOLD, MessageCode.MANUAL_HOLD_DECIDED),
            np.array([at in decided for at in rows.tolist()], np.int64),
            {
                "customer": names,
                "decided_by": pa.array([who for _, who, _ in texts], pa.string()),
                "reason": pa.array([why for _, _, why in texts], pa.string()),
            },
        ),
        subject=names,
    )


def concentration(evidence: Evidence) -> Found:
    """Find parties whose exposure, with all descendants, is a large share of the total."""
    settings = evidence.rules.concentration
    customers, positions = evidence.customers, evidence.positions
    by_root = np.zeros(len(customers), np.int64)
    np.add.at(by_root, customers.hierarchy.root[positions.customer_code], positions.exposure)
    total = np.array([_exact_total(positions.exposure)], np.int64)
    share = thousandths(settings.above)
    threshold = share_floor(np.maximum(total, 0), share)
    applies = (by_root > threshold) & (total > 0)
    in_scope = evidence.customers_in_scope(settings)
    chosen = np.flatnonzero(applies if in_scope is None else applies & in_scope)
    count = len(chosen)
    shares = ratio_e6(by_root[chosen], np.repeat(total, count))
    values = {
        "exposure": money_text(by_root[chosen], evidence.currency),
        "currency": same(evidence.currency, count),
        "share": pa.array([f"{one // 10_000}.{one // 100 % 100:02d}" for one in shares.tolist()]),
        "threshold": same(percent_text(share), count),
    }
    member, row = _members(evidence, chosen) if settings.holds else _nobody()
    return Found(
        rule=RuleId.CONCENTRATION,
        scope="portfolio",
        place=Place(
            np.full(count, -1, np.int64),
            customers.ids.take(pa.array(chosen)),
            pa.nulls(count, pa.string()),
            constant("", count),
        ),
        measure=Measure(
            decimals(shares, 1),
            decimals(np.full(count, share * 1000, np.int64), 1),
            by_root[chosen] - threshold,
            np.repeat(threshold, count),
        ),
        severity=np.full(count, SEVERITY_CODES[settings.severity], np.int8),
        holds=np.full(count, hold_bits(settings.holds), np.uint8),
        sentence=_one(MessageCode.CONCENTRATION, values, count),
        also_bears_on=(member, row),
    )


def _exact_total(values: Array) -> int:
    """Add up in two halves; a total beyond 64 bits counts as the largest that they hold."""
    total = (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())
    return min(total, np.iinfo(np.int64).max)


def _members(evidence: Evidence, roots: Array) -> tuple[Array, Array]:
    """Pair parties with the accounts of all their descendants: positions in `roots`, rows."""
    customers = evidence.customers
    place = np.full(len(customers), -1, np.int64)
    place[roots] = np.arange(len(roots))
    of_root = place[customers.hierarchy.root]
    members = np.flatnonzero(of_root >= 0)
    position, row = evidence.rows_of_customers(members)
    pairs = np.unique(np.column_stack([of_root[members[position]], row]), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _nobody() -> tuple[Array, Array]:
    return np.empty(0, np.int64), np.empty(0, np.int64)


def _one(code: MessageCode, values: Mapping[str, Texts], count: int) -> Sentence:
    """Say the same sentence of every breach."""
    return Sentence((code,), np.zeros(count, np.int64), values)
