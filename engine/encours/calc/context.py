"""Everything that holds for a whole run: the same for every work unit, read-only, picklable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encours.kernels.assessment import NO_REGIME_ON_FILE
from encours.kernels.interest_columns import FLAG_CONSUMER, FLAG_INTEREST_FIRST, FLAG_INTRAGROUP
from encours.ledger.decode import NO_DAY
from encours.ledger.master import CURRENCIES, CURRENCY_POSITIONS, IMPUTATIONS, MINOR_UNIT_MILLI
from encours.rules import indemnity, rate_tables, regimes
from encours_schemas.errors import EncoursError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from encours.calc.item_watch import ItemRules
    from encours.ledger.master import MasterData
    from encours.rules.fx import FxTable
    from encours.rules.rate_tables import RateTables
    from encours.rules.regimes import Regime
    from encours.rules.series import RateSeries
    from encours_schemas.configuration import Configuration

Array = np.ndarray[Any, np.dtype[Any]]

DEBIT_COMPONENTS = (
    "receivables",
    "bills_of_exchange",
    "financed_with_recourse",
    "deliveries_not_invoiced",
    "production",
    "open_orders",
)
CREDIT_COMPONENTS = ("credit_notes", "unapplied_payments", "down_payments")
COMPONENTS = DEBIT_COMPONENTS + CREDIT_COMPONENTS
"""The components of exposure (DOMAIN 5), in the order of their codes."""


@dataclass(frozen=True)
class Conversion:
    """As-of rates of every currency to one target, as whole numerators and denominators.

    A currency without a fresh rate has numerator 0; asking for it raises the error in `missing`.
    """

    target: str
    numerator: Array
    denominator: Array
    table: FxTable
    missing: Mapping[int, EncoursError]

    @property
    def minor_unit_milli(self) -> int:
        """Give the smallest unit of the target currency in thousandths."""
        return int(MINOR_UNIT_MILLI[CURRENCY_POSITIONS[self.target]])


def conversion_to(target: str, table: FxTable) -> Conversion:
    """Collect the rates of every currency to the table's target; keep errors of missing ones."""
    numerator = np.zeros(len(CURRENCIES), np.int64)
    denominator = np.zeros(len(CURRENCIES), np.int64)
    missing: dict[int, EncoursError] = {}
    for code, currency in enumerate(CURRENCIES):
        try:
            above, below = table.ratio_arrays([currency])
        except EncoursError as error:
            # Its traceback would keep all that the callers have in hand, to the end of the run.
            missing[code] = error.with_traceback(None)
        else:
            numerator[code], denominator[code] = above[0], below[0]
    return Conversion(target, numerator, denominator, table, missing)


@dataclass(frozen=True)
class Law:
    """Regimes as codes and arrays: r regimes, in the order of `names`."""

    regimes: tuple[Regime, ...]
    series: dict[str, RateSeries]
    rates: RateTables
    indemnities: indemnity.IndemnityTables

    @property
    def names(self) -> tuple[str, ...]:
        """Name the regimes by code."""
        return tuple(regime.name for regime in self.regimes)


def build_law(on_file: Sequence[Regime], series: dict[str, RateSeries], as_of_day: int) -> Law:
    """Lay the regimes' rates out for the kernel, up to the as-of date."""
    return Law(
        tuple(on_file),
        series,
        rate_tables.build_rate_tables(on_file, series, rate_tables.EARLIEST_DAY, as_of_day),
        indemnity.build_indemnity_tables(on_file),
    )


@dataclass(frozen=True)
class RunContext:
    """What a work unit needs besides its own rows.

    company_regime   int32[companies]  regime of the creditor's country
    customer_regime  int32[customers]  the customer's contract, else a public buyer's regime, else
                                       (by debtor) its country's; -1: the creditor's counts
    customer_flags   uint8[customers]  FLAG_CONSUMER, FLAG_INTRAGROUP, FLAG_INTEREST_FIRST
    previous_day     as-of day of the earlier run, `NO_DAY` where there is none
    payment_delay_days  int32[customers]  by how many days a scenario lets payments come later
    item_rules       what the rules about items need; None: nothing is looked for
    """

    as_of_day: int
    configuration: Configuration
    master: MasterData
    law: Law
    reporting: Conversion
    band_conversions: Mapping[str, Conversion]
    company_regime: Array
    customer_regime: Array
    customer_flags: Array
    payment_delay_days: Array | None = None
    previous_day: int = NO_DAY
    item_rules: ItemRules | None = None

    @property
    def late_bounds(self) -> Array:
        """Give the upper bounds of the late buckets: int32[b]."""
        return np.array(self.configuration.ageing.bounds, np.int32)

    @property
    def not_due_bounds(self) -> Array:
        """Give the bounds of the ladder of what is not due yet: int32[l]."""
        return np.array(self.configuration.ageing.not_due_bounds, np.int32)


def company_regimes(master: MasterData, law: Law) -> Array:
    """Give the regime of each company's country: int32[c], or `NO_REGIME_ON_FILE`."""
    return np.array(
        [_statutory_code(country, law) for country in master.companies.countries], np.int32
    )


def _statutory_code(country: str | None, law: Law) -> int:
    """Give the business regime of a country (DOMAIN 6)."""
    on_file = {regime.name: regime for regime in law.regimes}
    try:
        return law.names.index(regimes.statutory_regime(on_file, country or "", "table companies"))
    except EncoursError:
        return NO_REGIME_ON_FILE


def customer_regimes(master: MasterData, law: Law, *, by_debtor: bool) -> Array:
    """Give the regime that a customer brings with it: int32[n], -1 where the creditor's counts."""
    customers = master.customers
    own = customers.regime_code
    on_file = {regime.name: regime for regime in law.regimes}
    public = np.full(len(customers), -1, np.int32)
    business = np.full(len(customers), -1, np.int32)
    countries = customers.texts["country"].dictionary_encode()
    positions = countries.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for position, country in enumerate(countries.dictionary.to_pylist()):
        name = regimes.public_regime(on_file, country)
        if name is not None:
            public[positions == position] = law.names.index(name)
        if by_debtor:
            business[positions == position] = _statutory_code(country, law)
    chosen = np.where(customers.is_public & (public >= 0), public, business)
    return np.where(own >= 0, own, chosen).astype(np.int32)


def customer_flags(master: MasterData) -> Array:
    """Tell who is a consumer or of the group, and whose payments pay interest first: uint8[n]."""
    customers = master.customers
    by_default = master.configuration.interest.imputation == IMPUTATIONS[1]
    own = customers.imputation_code
    pays_interest_first = np.where(own < 0, by_default, own == 1)
    flags = customers.is_consumer * np.uint8(FLAG_CONSUMER)
    flags |= customers.is_intragroup * np.uint8(FLAG_INTRAGROUP)
    flags |= pays_interest_first * np.uint8(FLAG_INTEREST_FIRST)
    return flags


def day_or_none(day: int) -> int | None:
    """Give a day number, None for `NO_DAY`."""
    return None if day == NO_DAY else day
