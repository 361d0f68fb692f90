"""Credit limits of every kind, for accounts and groups: in force, superseded, over, withdrawn."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa

from encours_jobs.synthetic import vocabulary as words
from encours_jobs.synthetic.amounts import MEAN_EURO, in_currency
from encours_jobs.synthetic.columns import (
    NO_CODE,
    NO_DAY,
    coded_column,
    date_column,
    decimal_column,
    flag_column,
    money_column,
    serial_column,
    text_pool,
)
from encours_jobs.synthetic.customers import (
    CustomerBook,
    customer_ids,
    expected_items,
    is_group_root,
    parents,
    shares_account,
)
from encours_jobs.synthetic.draws import Draws, Numbers, Quantiles
from encours_jobs.synthetic.plan import LIMIT_STREAM, Plan
from encours_schemas.inputs import LIMIT_EFFECTS, LIMIT_KINDS, LIMIT_LAYERS, LIMIT_SCOPES
from encours_schemas.tables import Kind

INTERNAL, TEMPORARY, INSURED, GUARANTEE = range(4)
ACCOUNT, GROUP = range(2)
ADD, REPLACE = range(2)
PRIMARY, TOP_UP, DISCRETIONARY = range(3)
POLICIES: Final = ("POL-ALPHA", "POL-BETA", "POL-TOPUP", "POL-OLD")
ALPHA, BETA, TOPUP, OLD = range(4)

# One more than the rows that a customer can have, so that limit ids of chunks never meet.
_IDS_PER_CUSTOMER: Final = 16
_APPROVERS: Final = ("credit committee", "regional credit manager", "head of credit", "insurer")
_SEGMENT_OF_COMPANY: Final = np.array(
    [words.CREDIT_SEGMENTS.index(company.credit_segment) for company in words.COMPANIES]
)
_PERCENT_SCALE: Final = 10**9

# Rows of `credit_limits` as arrays of codes, day numbers and whole euros, by column.
_Rows: TypeAlias = dict[str, Numbers]


def _headroom_quantiles() -> Quantiles:
    """Give the limit per expected exposure, in 65,536ths: a tenth to eight times."""
    points = {0.0: 0.1, 0.06: 0.6, 0.25: 1.3, 0.6: 2.2, 0.9: 4.0, 1.0: 8.0}
    shares = np.linspace(0.0, 1.0, Quantiles.KNOTS)
    factor = np.interp(shares, list(points), list(points.values()))
    return Quantiles(np.floor(factor * 65_536).astype(np.int64))


_HEADROOM: Final = _headroom_quantiles()


def limit_table(plan: Plan, book: CustomerBook, chunk: int, first: int, rows: int) -> pa.Table:
    """Give the rows of `credit_limits` of one chunk of customers."""
    draws = Draws(plan.seed, LIMIT_STREAM, chunk, rows)
    customers = np.arange(first, first + rows, dtype=np.int64)
    accounts = customers[~shares_account(customers, parents(customers)[1])]
    roots = customers[is_group_root(customers, book.count)]
    day = plan.as_of_day
    worth = expected_items(book, plan.items, customers) * MEAN_EURO // 1_000
    segment = _SEGMENT_OF_COMPANY[book.company[customers]]
    internal = _internal(draws, accounts, worth[accounts - first], segment[accounts - first], day)
    insured = _insured(draws, accounts, worth[accounts - first], segment[accounts - first], day)
    batches = [
        internal,
        _superseded(draws, internal),
        _temporary(draws, internal, day),
        insured,
        _cut_lately(draws, insured, day),
        _further_layers(draws, insured),
        _guarantees(draws, accounts, worth[accounts - first], day),
        _group_limits(draws, roots, worth[roots - first], day),
    ]
    joined = {name: np.concatenate([batch[name] for batch in batches]) for name in internal}
    return _table(draws, book, joined, first * _IDS_PER_CUSTOMER)


def _rows(party: Numbers, euro: Numbers, **columns: int | Numbers) -> _Rows:
    """Give limits of these parties, with nulls where nothing is said."""
    values: dict[str, int | Numbers] = {
        "scope": NO_CODE,
        "segment": NO_CODE,
        "effect": NO_CODE,
        "unlimited": 0,
        "valid_to": NO_DAY,
        "withdrawn_on": NO_DAY,
        "policy": NO_CODE,
        "layer": NO_CODE,
        "percent": NO_CODE,
        **columns,
    }
    spread = {
        name: np.broadcast_to(np.asarray(value, dtype=np.int64), party.shape)
        for name, value in values.items()
    }
    rounded = np.maximum(euro // 100 * 100, 1_000)
    return {"party": party, "euro": rounded, **spread}


def _pick(draws: Draws, share: float, *columns: Numbers) -> tuple[Numbers, ...]:
    """Give this share of the rows of the columns."""
    chosen = draws.chance(share, columns[0].size)
    return tuple(column[chosen] for column in columns)


def _select(draws: Draws, share: float, rows: _Rows) -> _Rows:
    """Give this share of limits, to make other limits of the same parties from."""
    chosen = draws.chance(share, rows["party"].size)
    return {name: column[chosen] for name, column in rows.items()}


def _sometimes(draws: Draws, share: float, values: Numbers, otherwise: int) -> Numbers:
    return np.where(draws.chance(share, values.size), values, otherwise)


def _internal(draws: Draws, party: Numbers, worth: Numbers, segment: Numbers, day: int) -> _Rows:
    """Give most accounts an own limit: of their main segment, or shared by all segments."""
    party, worth, segment = _pick(draws, 0.85, party, worth, segment)
    count = party.size
    rows = _rows(
        party,
        worth * draws.spread(_HEADROOM, count) >> 16,
        kind=INTERNAL,
        scope=_sometimes(draws, 0.5, np.full(count, ACCOUNT), NO_CODE),
        segment=_sometimes(draws, 0.65, segment, NO_CODE),
        unlimited=draws.chance(0.004, count).astype(np.int64),
        valid_from=day - 30 - draws.below(700, count),
        valid_to=_sometimes(draws, 0.35, day - 15 + draws.below(500, count), NO_DAY),
        withdrawn_on=_sometimes(draws, 0.015, day + 5 - draws.below(60, count), NO_DAY),
    )
    rows["euro"][draws.chance(0.004, count)] = 0
    return rows


def _superseded(draws: Draws, internal: _Rows) -> _Rows:
    """Give the limits that some of the internal ones replaced."""
    rows = _select(draws, 0.15, internal)
    count = rows["party"].size
    rows["valid_from"] = rows["valid_from"] - 1 - draws.below(500, count)
    rows["valid_to"] = np.full(count, NO_DAY, dtype=np.int64)
    rows["withdrawn_on"] = rows["valid_to"]
    rows["euro"] = np.maximum(rows["euro"] * 7 // 1_000 * 100, 1_000)
    return rows


def _temporary(draws: Draws, internal: _Rows, day: int) -> _Rows:
    """Give some accounts more for a while, in the segment of their internal limit."""
    rows = _select(draws, 0.045, internal)
    count = rows["party"].size
    effect = _sometimes(draws, 0.2, np.full(count, REPLACE), ADD)
    share = np.where(effect == REPLACE, 150, 30)
    return _rows(
        rows["party"],
        rows["euro"] * share // 100,
        kind=TEMPORARY,
        segment=rows["segment"],
        effect=np.where(draws.chance(0.3, count) & (effect == ADD), NO_CODE, effect),
        valid_from=day - draws.below(45, count),
        valid_to=day - 8 + draws.below(60, count),
    )


def _insured(draws: Draws, party: Numbers, worth: Numbers, segment: Numbers, day: int) -> _Rows:
    """Give a third of the accounts an insurer's approval."""
    party, worth, segment = _pick(draws, 0.3, party, worth, segment)
    count = party.size
    policy = np.where(draws.chance(0.3, count), BETA, ALPHA)
    policy[draws.chance(0.04, count)] = OLD
    return _rows(
        party,
        worth * draws.spread(_HEADROOM, count) * 6 // 10 >> 16,
        kind=INSURED,
        segment=_sometimes(draws, 0.5, segment, NO_CODE),
        valid_from=day - 400 - draws.below(700, count),
        valid_to=_sometimes(draws, 0.1, day - 5 + draws.below(200, count), NO_DAY),
        withdrawn_on=_sometimes(draws, 0.025, day - draws.below(120, count), NO_DAY),
        policy=policy,
        layer=_sometimes(draws, 0.6, np.full(count, PRIMARY), NO_CODE),
        percent=_sometimes(draws, 0.4, 80 + 5 * draws.below(3, count), NO_CODE),
    )


def _cut_lately(draws: Draws, insured: _Rows, day: int) -> _Rows:
    """Give the lower limits to which insurers reduced some approvals in the last weeks."""
    rows = _select(draws, 0.06, insured)
    count = rows["party"].size
    rows["valid_from"] = day - draws.below(40, count)
    rows["valid_to"] = np.full(count, NO_DAY, dtype=np.int64)
    rows["withdrawn_on"] = rows["valid_to"]
    rows["euro"] = rows["euro"] // 200 * 100
    return rows


def _further_layers(draws: Draws, insured: _Rows) -> _Rows:
    """Give top-up and discretionary cover above some primary approvals."""
    rows = _select(draws, 0.12, insured)
    count = rows["party"].size
    top_up = draws.chance(0.5, count)
    rows["layer"] = np.where(top_up, TOP_UP, DISCRETIONARY)
    rows["policy"] = np.where(top_up, TOPUP, BETA)
    rows["euro"] = np.maximum(rows["euro"] // 300 * 100, 1_000)
    return rows


def _guarantees(draws: Draws, party: Numbers, worth: Numbers, day: int) -> _Rows:
    """Give a few accounts a bank or parent guarantee."""
    party, worth = _pick(draws, 0.03, party, worth)
    count = party.size
    return _rows(
        party,
        worth * draws.spread(_HEADROOM, count) * 3 // 10 >> 16,
        kind=GUARANTEE,
        valid_from=day - 60 - draws.below(300, count),
        valid_to=_sometimes(draws, 0.8, day - 10 + draws.below(400, count), NO_DAY),
    )


def _group_limits(draws: Draws, root: Numbers, worth: Numbers, day: int) -> _Rows:
    """Give most groups a limit for the root and all its descendants."""
    root, worth = _pick(draws, 0.6, root, worth)
    count = root.size
    return _rows(
        root,
        (worth * 4 + 20_000) * draws.spread(_HEADROOM, count) >> 16,
        kind=INTERNAL,
        scope=GROUP,
        valid_from=day - 30 - draws.below(600, count),
    )


def _table(draws: Draws, book: CustomerBook, rows: _Rows, first_id: int) -> pa.Table:
    """Give the rows as the table, each in euros or in the currency of its party."""
    party = rows["party"]
    count = party.size
    own = draws.chance(0.2, count)
    currency = np.where(own, book.currency[party], np.int8(0))
    amount = in_currency(rows["euro"] * 100, currency)
    percent = np.maximum(rows["percent"], 0) * _PERCENT_SCALE
    approver = draws.below(len(_APPROVERS), count)
    columns = {
        "limit_id": serial_column("LIM-", first_id + 1 + np.arange(count), 12),
        "party_id": customer_ids(party),
        "scope": coded_column(rows["scope"], text_pool(LIMIT_SCOPES)),
        "credit_segment": coded_column(rows["segment"], text_pool(words.CREDIT_SEGMENTS)),
        "kind": coded_column(rows["kind"], text_pool(LIMIT_KINDS)),
        "effect": coded_column(rows["effect"], text_pool(LIMIT_EFFECTS)),
        "amount": money_column(amount),
        "unlimited": flag_column(rows["unlimited"] == 1),
        "currency": coded_column(currency, text_pool(words.CURRENCY_CODES)),
        "valid_from": date_column(rows["valid_from"]),
        "valid_to": date_column(rows["valid_to"]),
        "withdrawn_on": date_column(rows["withdrawn_on"]),
        "policy": coded_column(rows["policy"], text_pool(POLICIES)),
        "layer": coded_column(rows["layer"], text_pool(LIMIT_LAYERS)),
        "coverage_percent": decimal_column(
            percent, rows["percent"] != NO_CODE, Kind.PERCENT.arrow_type()
        ),
        "approved_by": coded_column(approver, text_pool(_APPROVERS)),
        "approved_on": date_column(rows["valid_from"] - draws.below(5, count)),
    }
    return pa.table(columns)
