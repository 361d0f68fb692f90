"""Fixed compensation: once per late document, on the document's first late item (DOMAIN 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.items import convert
from encours.calc.refusals import renumbering
from encours.kernels.compensation import NO_BAND, UNDECIDED, BandTables, choose_bands
from encours.kernels.interest_columns import REASON_BELOW_MINIMUM
from encours.kernels.keys import COMPANY_MIX
from encours.ledger.decode import NO_DAY, hash_column
from encours.ledger.master import CURRENCIES, CURRENCY_POSITIONS
from encours.ledger.numbering import number_keys
from encours.rules.indemnity import indemnity_bands

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.items import MeasuredItems
    from encours.ledger.items import Items

Array = np.ndarray[Any, np.dtype[Any]]

_MARK_BITS = 18
_MARK_SHIFT = np.uint64(64 - _MARK_BITS)


@dataclass(frozen=True)
class SharedDocuments:
    """What the keys pass knows of documents whose items lie in several work units.

    keys     uint64[k]  sorted keys of such documents (`document_keys`)
    winners  int64[w]   sorted ordinals of the items that bear their compensation
    """

    keys: Array
    winners: Array


NONE_SHARED = SharedDocuments(np.empty(0, np.uint64), np.empty(0, np.int64))


class Candidates(NamedTuple):
    """Items that could bear a document's compensation: c rows.

    row       int64[c]   row in the unit
    key       uint64[c]  `document_keys`
    identity  uint64[c]  128 bits with `key`: document number and customer
    split_day int32[c]   the due day where the regime compensates per due date, else `NO_DAY`
    due_day   int32[c]
    """

    row: Array
    key: Array
    identity: Array
    split_day: Array
    due_day: Array


def join_candidates(parts: list[Candidates]) -> Candidates:
    """Join lists of candidates, one behind the other."""
    return Candidates(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def document_keys(document_number: pa.Array, company_first: Array) -> tuple[Array, Array]:
    """Give a key of each document by number and company code, and a second hash of the number.

    document_number  string[n]
    company_first    uint64[n]  hash of the company code's text

    Returns uint64[n], uint64[n].
    """
    first, second = hash_column(document_number)
    return first + company_first * COMPANY_MIX, second


def find_candidates(
    items: Items, measured: MeasuredItems, company_first: Array, context: RunContext
) -> Candidates:
    """List the items that bear interest days and have no reason against compensation."""
    eligible = measured.exists & (measured.first_principal_milli > 0)
    eligible &= (measured.reason == 0) | (measured.reason == REASON_BELOW_MINIMUM)
    rows = np.flatnonzero(eligible)
    numbers = items.document_number.take(pa.array(rows))
    company = np.take(company_first, np.take(items.company_code, rows))
    key, second = document_keys(numbers, company)
    identity = second ^ (np.take(items.customer_code, rows).astype(np.uint64) * COMPANY_MIX)
    due_day = np.take(items.due_day, rows)
    per_due_date = context.law.indemnities.per_due_date.astype(bool)
    splits = np.take(per_due_date, np.take(measured.regime_code, rows), mode="wrap")
    return Candidates(rows, key, identity, np.where(splits, due_day, np.int32(NO_DAY)), due_day)


def choose_bearers(
    candidates: Candidates, item_id: pa.Array, ordinal_first: int, shared: SharedDocuments
) -> Array:
    """Give the rows that bear their document's compensation: int64[b], ascending.

    The first of a document by due date, then item id (bytes). Documents that other units share were
    decided before, over all units.
    """
    is_shared = is_among(candidates.key, shared.keys)
    first = first_of_documents(candidates, np.flatnonzero(~is_shared), item_id)
    decided = candidates.row[is_shared]
    won = decided[np.isin(decided + ordinal_first, shared.winners)]
    return np.sort(np.concatenate([first, won])) if len(won) else first


def is_among(key: Array, sorted_keys: Array) -> Array:
    """Tell which keys are in a sorted list: bool[n]."""
    if not len(sorted_keys):
        return np.zeros(len(key), bool)
    # A table of the keys' upper bits answers most rows without a search.
    marked = np.zeros(1 << _MARK_BITS, bool)
    marked[sorted_keys >> _MARK_SHIFT] = True
    found = marked[key >> _MARK_SHIFT]
    likely = np.flatnonzero(found)
    place = np.minimum(np.searchsorted(sorted_keys, key[likely]), len(sorted_keys) - 1)
    found[likely] = sorted_keys[place] == key[likely]
    return found


def first_of_documents(candidates: Candidates, chosen: Array, item_id: pa.Array) -> Array:
    """Give the row of the first item of each document among the chosen candidates, in their order.

    chosen  int64[k]  ascending
    """
    if len(chosen) < len(candidates.row):
        candidates = Candidates(*(np.take(column, chosen) for column in candidates))
    several = np.flatnonzero(_is_repeated(candidates.key))
    if not len(several):
        return candidates.row
    group = _document_groups(candidates, several)
    table = pa.table(
        {
            "group": group,
            "due": candidates.due_day[several],
            "item": item_id.take(pa.array(candidates.row[several])).cast(pa.binary()),
        }
    )
    keys = [("group", "ascending"), ("due", "ascending"), ("item", "ascending")]
    order = pc.sort_indices(table, sort_keys=keys).to_numpy()
    ordered = group[order]
    is_first = np.ones(len(order), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    bears = np.ones(len(candidates.row), bool)
    bears[several] = False
    bears[several[order[is_first]]] = True
    rows: Array = candidates.row[bears]
    return rows


def _is_repeated(key: Array) -> Array:
    """Tell which keys occur more than once: bool[n]."""
    ids = number_keys(key.view(np.int64))
    repeated: Array = np.bincount(ids, minlength=1)[ids] > 1
    return repeated


def _document_groups(candidates: Candidates, chosen: Array) -> Array:
    """Number the documents of the chosen candidates: int64[c] of 0 .. documents - 1."""
    fields = (
        candidates.key[chosen],
        candidates.identity[chosen],
        candidates.split_day[chosen].astype(np.uint64),
    )
    order = np.lexsort(fields)
    starts = np.zeros(len(chosen), bool)
    for values in fields:
        ordered = values[order]
        starts[1:] |= ordered[1:] != ordered[:-1]
    group = np.empty(len(chosen), np.int64)
    group[order] = np.cumsum(starts)
    return group


class Indemnities(NamedTuple):
    """Fixed compensation of a unit's n items: thousandths, currency code (-1 none), converted."""

    milli: Array
    currency_code: Array
    rc: Array


def compensate(
    items: Items, measured: MeasuredItems, bearers: Array, context: RunContext
) -> Indemnities:
    """Give each bearing item its regime's sum for the band of its first principal."""
    n = items.row_count
    out = Indemnities(np.zeros(n, np.int64), np.full(n, -1, np.int32), np.zeros(n, np.int64))
    tables = context.law.indemnities
    kind = _kinds(items, measured, bearers, context)
    paid = np.flatnonzero(kind != NO_BAND)
    kind, rows = kind[paid], bearers[paid]
    # Every item of a kind gets the same sum: each is converted once, if anybody gets it.
    milli = tables.sum_milli.ravel()
    currency = np.array([CURRENCY_POSITIONS.get(own, -1) for own in tables.currency], np.int32)
    currency = np.repeat(currency, tables.sum_milli.shape[1])
    used = np.flatnonzero(np.bincount(kind, minlength=len(milli)) * milli)
    rc = np.zeros(len(milli), np.int64)
    with renumbering(lambda place: int(rows[np.argmax(kind == used[place])])):
        rc[used] = convert(milli[used], currency[used], context.reporting)
    out.milli[rows] = np.take(milli, kind)
    out.rc[rows] = np.take(rc, kind)
    out.currency_code[rows] = np.take(np.where(milli == 0, np.int32(-1), currency), kind)
    return out


def _kinds(items: Items, measured: MeasuredItems, bearers: Array, context: RunContext) -> Array:
    """Give which of the lump sums each bearer gets: int64[b], regime x bands + band or `NO_BAND`.

    Raises what `convert` raises, for principals in the band's currency.
    """
    tables = context.law.indemnities
    bands = sorted(set(tables.band_currency) - {""})
    rates = [context.band_conversions[band] for band in bands]
    shape = (len(bands), len(CURRENCIES))
    band_of_regime = np.array(
        [bands.index(own) if own else -1 for own in tables.band_currency], np.int32
    )
    kind = np.empty(len(bearers), np.int64)
    undecided = choose_bands(
        bearers,
        np.require(measured.regime_code, requirements=("C", "W")),
        np.require(measured.first_principal_milli, requirements=("C", "W")),
        np.require(items.currency_code, requirements=("C", "W")),
        BandTables(
            band_of_regime,
            tables.limit_milli,
            np.array([rate.numerator for rate in rates], np.int64).reshape(shape),
            np.array([rate.denominator for rate in rates], np.int64).reshape(shape),
            np.array([rate.minor_unit_milli for rate in rates], np.int64),
        ),
        kind,
    )
    for position, rate in enumerate(rates if undecided else ()):
        left = np.flatnonzero(kind == UNDECIDED)
        left = left[band_of_regime[measured.regime_code[bearers[left]]] == position]
        rows = bearers[left]
        with renumbering(rows.item):
            principal = convert(
                measured.first_principal_milli[rows], items.currency_code[rows], rate
            )
        regime = measured.regime_code[rows]
        band = indemnity_bands(tables, regime, principal)
        kind[left] = regime.astype(np.int64) * tables.limit_milli.shape[1] + band
    return kind
