"""What may be claimed item by item: rows of `interest_statement`, from rows of `items` alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.columns import listed_array, milli_of, money_array
from encours.ledger.checking import combine, dictionary_of
from encours.rules.own_regimes import NO_REGIME
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from encours.calc.context import RunContext
    from encours.rules.regimes import Regime

Array = np.ndarray[Any, np.dtype[Any]]

TABLE = OUTPUT_TABLES["interest_statement"]
_DERIVED = (
    "articles",
    "interest_billed",
    "indemnity_currency",
    "indemnity_billed",
)


@dataclass(frozen=True)
class LegalBasis:
    """The regimes of a run, and whose text is cited.

    countries   the country of every company code
    by_debtor   the debtor's law governs: then the text that all countries share is cited
    """

    regimes: Mapping[str, Regime]
    countries: Mapping[str, str]
    by_debtor: bool

    def cited_country(self, regime: Regime, company_code: str) -> str:
        """Give the country whose own text grants the interest, "" where the regime's is cited."""
        country = self.countries.get(company_code, "")
        return country if not self.by_debtor and country in regime.countries else ""

    def articles(self, regime_name: str | None, company_code: str) -> str | None:
        """Name the text that grants the interest of an item; None where there is none."""
        regime = self.regimes.get(regime_name or "")
        if regime is None or regime.name == NO_REGIME:
            return None
        return regime.articles_of(self.cited_country(regime, company_code)) or None


def legal_basis(context: RunContext) -> LegalBasis:
    """Give the legal basis of the run that is under way."""
    companies = context.master.companies
    return LegalBasis(
        {regime.name: regime for regime in context.law.regimes},
        dict(zip(companies.codes, companies.countries, strict=True)),
        context.configuration.interest.regime_by == "debtor",
    )


def statement_rows(items: pa.Table, basis: LegalBasis) -> pa.Table:
    """Give a row for each published item of which something is to be claimed or to be given back.

    items  rows of the published table `items`, texts plain or coded

    Interest or compensation not yet claimed decides; amounts and dates are those of `items`, and
    what was claimed before is their difference. Order: that of `items`.
    """
    interest, indemnity = _milli(items, "interest_unbilled"), _milli(items, "indemnity_unbilled")
    rows = items.take(pa.array(np.flatnonzero((interest != 0) | (indemnity != 0))))
    columns = {name: _plain(rows.column(name)) for name in TABLE.names if name not in _DERIVED}
    billed = _milli(rows, "penalty_interest") - _milli(rows, "interest_unbilled")
    columns["interest_billed"] = money_array(billed)
    billed = _milli(rows, "fixed_indemnity") - _milli(rows, "indemnity_unbilled")
    columns["indemnity_billed"] = money_array(billed)
    columns["articles"] = _articles(rows, basis)
    columns["indemnity_currency"] = _indemnity_currency(rows, basis)
    return pa.table({name: columns[name] for name in TABLE.names})


def _milli(table: pa.Table, name: str) -> Array:
    """Give a money column in thousandths, whatever the width of its decimals: int64[n]."""
    column = table.column(name)
    return milli_of(column.cast(pa.decimal64(18, 3)))


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """Give a column without a dictionary, which would name what other rows have."""
    array = combine(column)
    return array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array


def _coded(rows: pa.Table, name: str) -> tuple[list[str | None], Array]:
    """Give the distinct texts of a column, None last, and each row's place among them."""
    texts, positions = dictionary_of(combine(rows.column(name)))
    listed: list[str | None] = [*texts.to_pylist(), None]
    return listed, np.where(positions < 0, len(listed) - 1, positions).astype(np.int64)


def _articles(rows: pa.Table, basis: LegalBasis) -> pa.Array:
    """Name the text of each row's regime; null where there is none."""
    regimes, regime = _coded(rows, "interest_regime")
    companies, company = _coded(rows, "company_code")
    pairs, pair = np.unique(regime * len(companies) + company, return_inverse=True)
    told = [
        basis.articles(regimes[number // len(companies)], companies[number % len(companies)] or "")
        for number in pairs.tolist()
    ]
    texts = sorted({text for text in told if text is not None})
    codes = [-1 if text is None else texts.index(text) for text in told]
    return listed_array(np.array(codes, np.int32)[pair], texts).cast(pa.string())


def _indemnity_currency(rows: pa.Table, basis: LegalBasis) -> pa.Array:
    """Give the currency of each compensation.

    What was claimed before may stand without a new one: then it is the regime's, else the item's.
    """
    regimes, regime = _coded(rows, "interest_regime")
    on_file = [basis.regimes.get(name or "") for name in regimes]
    granted = [one.indemnity_currency or None if one else None for one in on_file]
    of_regime = pa.array(granted, pa.string()).take(pa.array(regime))
    own = _plain(rows.column("fixed_indemnity_currency"))
    return pc.coalesce(own, of_regime, _plain(rows.column("currency")))
