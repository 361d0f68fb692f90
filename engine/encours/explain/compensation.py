"""The fixed compensation of an item's document: on which item it stands, and in which band."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from encours.calc.items import convert
from encours.explain.run_ledger import EPOCH
from encours.ledger.master import CURRENCIES
from encours.rules.regimes import IndemnityBand, Regime
from encours_schemas.errors import ControlFailed

if TYPE_CHECKING:
    from encours.explain.figures import Figures, UnitFigures


@dataclass(frozen=True)
class DocumentItem:
    """An item of the document: whether it could bear the compensation, and whether it does."""

    item_id: str
    due_date: date
    is_late: bool
    bears: bool


@dataclass(frozen=True)
class CompensationFacts:
    """The compensation for the item's document.

    standing       `here`, `elsewhere` (another item of the document bears it), `no_bands` (the
                   regime grants none) or `not_due` (no interest day, or a reason against)
    per            `document` or `due_date`: how often the regime grants it
    document       all items that share it, by due date and id
    principal      the bearing item's principal on its first interest day, in its currency
    in_band        the same in the band's currency
    band           the band that it lies in; `above` is the bound of the band before, if any, and
                   `is_above_excluded` tells that the band before includes it
    amount, billed_amount, unbilled   of this item; zero where it stands elsewhere
    currency       of these amounts: the compensation's, else the regime's, else the item's
    """

    standing: str
    per: str
    document: tuple[DocumentItem, ...]
    principal: Decimal | None
    principal_currency: str
    in_band: Decimal | None
    band_currency: str
    band: IndemnityBand | None
    above: Decimal | None
    is_above_excluded: bool
    amount: Decimal
    currency: str
    amount_rc: Decimal
    billed_amount: Decimal
    unbilled: Decimal


def explain_compensation(unit: UnitFigures, row: int, figures: Figures) -> CompensationFacts:
    """Explain the compensation of an item's document, as far as it stands on this item."""
    law = figures.context.law
    code = int(unit.measured.regime_code[row])
    regime = law.regimes[code] if code >= 0 else None
    per = regime.indemnity_per if regime else "document"
    members = _members(unit, row, figures, per)
    amount = int(unit.paid.milli[row])
    billed = int(unit.items.indemnity_billed_milli[row])
    in_band, band, before = None, None, None
    if unit.bears[row] and regime is not None and regime.indemnity:
        in_band = _in_band_currency(unit, row, regime, figures)
        band, before = _band(regime, in_band)
        if band.sum != _money(amount):
            raise ControlFailed(
                what="the band of the fixed compensation does not give the item's sum",
                where=f"interest regime {regime.name}",
                found=str(band.sum),
                expected=str(_money(amount)),
                cure="report this defect of the engine",
            )
    bears = bool(unit.bears[row])
    return CompensationFacts(
        standing=_standing(unit, row, regime, members),
        per=per,
        document=members,
        principal=_money(unit.measured.first_principal_milli[row]) if bears else None,
        principal_currency=CURRENCIES[unit.items.currency_code[row]],
        in_band=in_band,
        band_currency=regime.indemnity_band_currency if regime else "",
        band=band,
        above=before.limit if before else None,
        is_above_excluded=before.limit_included if before else False,
        amount=_money(amount),
        currency=_currency(unit, row, regime),
        amount_rc=_money(unit.paid.rc[row]),
        billed_amount=_money(billed),
        unbilled=_money(amount - billed),
    )


def _members(unit: UnitFigures, row: int, figures: Figures, per: str) -> tuple[DocumentItem, ...]:
    """List the accepted items of the document; per due date only those of the same one."""
    by_date = per == "due_date"
    key = unit.document(row, per_due_date=by_date)
    found = [
        DocumentItem(
            item_id=str(other.items.item_id[place].as_py()),
            due_date=EPOCH + timedelta(days=int(other.items.due_day[place])),
            is_late=bool(other.candidate[place]),
            bears=bool(other.bears[place]),
        )
        for other in figures.units
        for place in range(other.items.row_count)
        if not other.items.faults.bad[place]
        and other.measured.exists[place]
        and other.document(place, per_due_date=by_date) == key
    ]
    return tuple(sorted(found, key=lambda item: (item.due_date, item.item_id.encode())))


def _standing(
    unit: UnitFigures, row: int, regime: Regime | None, members: tuple[DocumentItem, ...]
) -> str:
    """Say where the document's compensation stands."""
    if unit.candidate[row] and (regime is None or not regime.indemnity):
        return "no_bands"
    if unit.bears[row]:
        return "here"
    return "elsewhere" if any(member.bears for member in members) else "not_due"


def _in_band_currency(unit: UnitFigures, row: int, regime: Regime, figures: Figures) -> Decimal:
    """Convert the first principal into the band's currency, as the run does."""
    converted = convert(
        unit.measured.first_principal_milli[row : row + 1],
        unit.items.currency_code[row : row + 1],
        figures.context.band_conversions[regime.indemnity_band_currency],
    )
    return _money(int(np.asarray(converted)[0]))


def _band(regime: Regime, principal: Decimal) -> tuple[IndemnityBand, IndemnityBand | None]:
    """Give the band that a principal lies in, and the band before it."""
    before = None
    for band in regime.indemnity[:-1]:
        limit = band.limit
        if limit is not None and (
            principal < limit or (band.limit_included and principal == limit)
        ):
            return band, before
        before = band
    return regime.indemnity[-1], before


def _currency(unit: UnitFigures, row: int, regime: Regime | None) -> str:
    """Give the currency of a compensation: what was claimed before may stand without a new one."""
    code = int(unit.paid.currency_code[row])
    if code >= 0:
        return CURRENCIES[code]
    granted = regime.indemnity_currency if regime else ""
    return granted or CURRENCIES[unit.items.currency_code[row]]


def _money(milli: int) -> Decimal:
    return Decimal(int(milli)).scaleb(-3)
