"""Master data and law, read once and laid out for the work units."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.overdue_rules import least_days
from encours.calc.context import (
    RunContext,
    build_law,
    company_regimes,
    conversion_to,
    customer_flags,
    customer_regimes,
)
from encours.calc.exposure import OUTLOOK_DAYS
from encours.calc.item_watch import build_item_rules
from encours.calc.limits import LimitTables
from encours.ledger.carried import carried_schema, with_carried
from encours.ledger.checking import WHOLE_TABLE, CheckedColumns, join_checked
from encours.ledger.decode import TextIndex
from encours.ledger.duplicates import resolve_duplicates, twins_in_memory
from encours.ledger.limits import Limits, read_limits
from encours.ledger.master import (
    CURRENCIES,
    CUSTOMERS,
    Companies,
    Customers,
    MasterData,
    add_placeholders,
    check_customers,
    read_companies,
    resolve_customers,
)
from encours.ledger.policies import Policies
from encours.ledger.small import SmallTable, read_small_table
from encours.ledger.sources import STREAMED
from encours.ledger.streamed import check_streamed
from encours.passes.keys_pass import unknown_texts
from encours.passes.workers import run_in_order
from encours.rules.fx import build_fx
from encours.rules.own_regimes import own_regimes
from encours.rules.regimes import load_regimes
from encours.rules.series import UserRate, load_series, own_rates
from encours_schemas import INPUT_TABLES
from encours_schemas.errors import ConfigurationWrong, InputRefused
from encours_schemas.names import nearest_name
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from encours.calc.context import Conversion, Law
    from encours.ledger.duplicates import Each
    from encours.ledger.quarantine import Quarantine
    from encours.ledger.sources import Ledger, TableSource, Unit
    from encours.passes.workers import Result
    from encours_schemas.configuration import Configuration


class PartiesFound(Protocol):
    """The parties that items name: the keys pass finds those of a whole ledger."""

    @property
    def company_codes(self) -> Collection[str]:
        """Every company code met."""

    @property
    def unknown_customers(self) -> Collection[str]:
        """Every customer id met that the customers' table lacks."""


@dataclass(frozen=True)
class Master:
    """Master data before the keys are known: customers of the table, and the small tables."""

    customers: Customers
    customer_index: TextIndex
    lost_customers: frozenset[str]
    limits: Limits
    small: Mapping[str, SmallTable]


@dataclass(frozen=True)
class Preparation:
    """What a run needs besides its rows."""

    context: RunContext
    limits: LimitTables
    balances: SmallTable | None
    erp_holds: SmallTable | None = None
    overrides: SmallTable | None = None


def read_master(
    ledger: Ledger, configuration: Configuration, quarantine: Quarantine, threads: int
) -> Master:
    """Read customers and the small tables, and quarantine their bad rows; tables side by side."""

    def each(function: Callable[[Unit], Result], units: Iterable[Unit], /) -> Iterable[Result]:
        return run_in_order(function, units, threads)

    readers: tuple[Callable[[], Any], ...] = (
        lambda: _read_customers(ledger, configuration, quarantine),
        lambda: read_limits(ledger.tables.get("credit_limits"), quarantine, each),
        lambda: _check_sales(ledger, quarantine, each),
        lambda: _read_small_tables(ledger, quarantine),
    )
    found = list(run_in_order(lambda read: read(), readers, threads))
    (customers, index, lost), limits, _, small = found
    return Master(customers, index, lost, limits, small)


def _read_small_tables(ledger: Ledger, quarantine: Quarantine) -> dict[str, SmallTable]:
    """Read the tables that are Python values, by name."""
    small = {}
    for name, source in ledger.tables.items():
        if name not in STREAMED:
            small[name] = read_small_table(source, INPUT_TABLES[name])
            quarantine.add_findings(small[name].findings)
    return small


def _check_sales(ledger: Ledger, quarantine: Quarantine, each: Each) -> None:
    """Check the sales; no figure of the night needs them."""
    if "sales" in ledger.tables:
        for _ in check_streamed(ledger.tables["sales"], INPUT_TABLES["sales"], quarantine, each):
            """Checking is all."""


def _read_customers(
    ledger: Ledger, configuration: Configuration, quarantine: Quarantine
) -> tuple[Customers, TextIndex, frozenset[str]]:
    """Read the customers that can be used, index them, and name those that cannot."""
    source = ledger.tables["customers"]
    regimes = tuple(load_regimes(own_regimes(configuration)))
    checked = _checked_customers(source, regimes)
    faults = checked.faults
    causes = [faults.of_row(row) for row in np.flatnonzero(faults.bad).tolist()]
    quarantine.add_ordinals(source, np.flatnonzero(faults.bad), causes)
    ids, good = checked.values["customer_id"], pa.array(~faults.bad)
    accepted = pc.unique(ids.filter(good))
    refused = ids.filter(pa.array(faults.bad))
    lost = refused.filter(pc.invert(pc.is_in(refused, value_set=accepted))).to_pylist()
    rows = np.flatnonzero(~faults.bad)
    carried = _carried(source, configuration.carry).take(pa.array(rows))
    customers, dropped = resolve_customers(checked.take(rows), carried)
    for reason, found in dropped.items():
        cut = rows[found]
        quarantine.add_ordinals(source, cut, [("parent_id", reason)] * len(cut), kept=True)
    return customers, TextIndex(customers.ids), frozenset(lost)


def _checked_customers(source: TableSource, regimes: tuple[str, ...]) -> CheckedColumns:
    """Decode and check all customers: each row alone, then the key."""
    parts = [
        check_customers(source.read(unit, source.columns), regimes, source.dialect)
        for unit in source.units
    ]
    if not parts:
        nothing = CUSTOMERS.arrow_schema().empty_table()
        parts = [check_customers(nothing, regimes, source.dialect)]
    checked = join_checked(CUSTOMERS, parts)
    found = resolve_duplicates(source, twins_in_memory(source, "customer_id"))
    for rows, reason in (
        (found.copies, Reason.DUPLICATE_KEY),
        (found.conflicts, Reason.CONFLICTING_DUPLICATE),
    ):
        is_found = np.zeros(checked.row_count, bool)
        is_found[rows] = True
        checked.faults.add(is_found, "customer_id", reason, WHOLE_TABLE)
    return checked


def _carried(source: TableSource, carry: tuple[str, ...]) -> pa.Table:
    """Give the carried columns of all customers."""
    schema = carried_schema(source, carry)
    wanted = ["customer_id", *schema.names]
    parts = [with_carried(source.read(unit, wanted), schema) for unit in source.units]
    plain = [part.select(schema.names) for part in parts]
    return pa.concat_tables([schema.empty_table(), *plain])


def build_context(
    ledger: Ledger,
    master: Master,
    parties: PartiesFound,
    as_of_day: int,
    configuration: Configuration,
) -> Preparation:
    """Put master data, law and exchange rates together, once all parties are known."""
    companies = _companies(ledger, master, parties, configuration)
    customers = master.customers
    index = master.customer_index
    if configuration.input.unknown_customer == "placeholder":
        unknown = {*parties.unknown_customers} | _unknown_in_commitments(ledger, index)
        customers = add_placeholders(customers, sorted(unknown, key=str.encode))
        index = TextIndex(customers.ids) if unknown else index
    if not len(customers):
        # Kernels look a customer up for every row, refused ones included: let there be one.
        customers = add_placeholders(customers, [""])
    on_file = load_regimes(own_regimes(configuration))
    data = MasterData(
        configuration=configuration,
        customers=customers,
        companies=companies,
        regimes=tuple(on_file),
        customer_index=index,
        lost_customers=master.lost_customers,
    )
    law = build_law(
        tuple(on_file.values()), load_series(_own_rates(master, configuration)), as_of_day
    )
    conversions = _conversions(master, law, as_of_day, configuration)
    context = RunContext(
        as_of_day=as_of_day,
        configuration=configuration,
        master=data,
        law=law,
        reporting=conversions[configuration.reporting.currency],
        band_conversions=conversions,
        company_regime=company_regimes(data, law),
        customer_regime=customer_regimes(
            data, law, by_debtor=configuration.interest.regime_by == "debtor"
        ),
        customer_flags=customer_flags(data),
        item_rules=build_item_rules(
            data, law, least_days(configuration.rules.overdue_age) - OUTLOOK_DAYS
        ),
    )
    return Preparation(
        context,
        LimitTables(
            master.limits,
            Policies(master.small.get("policies")),
            master.small.get("default_limits"),
        ),
        master.small.get("ledger_balances"),
        master.small.get("erp_holds"),
        master.small.get("overrides"),
    )


def _conversions(
    master: Master, law: Law, as_of_day: int, configuration: Configuration
) -> dict[str, Conversion]:
    """Give the as-of rates to the reporting currency, and to every currency of a band."""
    rows = _exchange_rates(master)
    fx = configuration.fx
    targets = {configuration.reporting.currency, *law.indemnities.band_currency} - {""}
    for setting, currency in (
        ("reporting.currency", configuration.reporting.currency),
        ("fx.pivot", fx.pivot),
    ):
        _require_known_currency(setting, currency)
    return {
        target: conversion_to(target, build_fx(rows, as_of_day, target, fx.pivot, fx.max_age_days))
        for target in sorted(targets)
    }


def _require_known_currency(setting: str, currency: str) -> None:
    """Raise ConfigurationWrong (78) for a currency that is not on the list."""
    if currency not in CURRENCIES:
        near = nearest_name(currency, CURRENCIES)
        raise ConfigurationWrong(
            what=f"{setting} is not an ISO 4217 currency",
            where="encours.toml",
            found=currency,
            expected="a currency code such as EUR",
            cure=f"did you mean {near}?" if near else "correct the code",
        )


def _companies(
    ledger: Ledger, master: Master, parties: PartiesFound, configuration: Configuration
) -> Companies:
    """Join the companies' table with every company code that the ledger uses."""
    found = set(parties.company_codes)
    source = ledger.tables.get("commitments")
    if source is not None and "company_code" in source.columns:
        for unit in source.units:
            texts = source.read(unit, ["company_code"]).column("company_code").unique()
            found |= {text for text in texts.to_pylist() if text}
    return read_companies(master.small.get("companies"), found, configuration)


def _unknown_in_commitments(ledger: Ledger, index: TextIndex) -> set[str]:
    """Name the customers that only commitments know."""
    source = ledger.tables.get("commitments")
    unknown: set[str] = set()
    if source is not None and "customer_id" in source.columns:
        for unit in source.units:
            for chunk in source.read(unit, ["customer_id"]).column("customer_id").chunks:
                unknown |= unknown_texts(chunk, index)
    return unknown


def _own_rates(master: Master, configuration: Configuration) -> list[UserRate]:
    """Give the user's own rows of reference rates, those of the configuration first.

    Raises InputRefused for rows of one series and date in the table that differ.
    """
    rates = own_rates(configuration)
    table = master.small.get("reference_rates")
    if table is None:
        return rates
    _refuse_contradictions(table)
    names = ("series", "effective_date", "rate_percent", "source")
    rows = zip(*(table.columns[name] for name in names), strict=True)
    for number, (name, day, percent, source) in enumerate(rows):
        rates.append(UserRate(name, day, percent, source, table.place(number)))
    return rates


def _refuse_contradictions(table: SmallTable) -> None:
    """Refuse (65) rates that contradict each other: a run on the others would hide it."""
    found = [row for row in table.findings if row.reason == Reason.CONFLICTING_DUPLICATE]
    if not found:
        return
    facts = [json.loads(row.raw) for row in found]
    first = (facts[0].get("series"), facts[0].get("effective_date"))
    told = [
        f"{fact.get('rate_percent')} ({row.file}, row {row.row_number})"
        for row, fact in zip(found, facts, strict=True)
        if (fact.get("series"), fact.get("effective_date")) == first
    ]
    raise InputRefused(
        what="rows of one series and date that differ",
        where=f"reference_rates, series {first[0]}, effective_date {first[1]}",
        found=" and ".join(told),
        expected="one row",
        cure="keep the right one",
    )


def _exchange_rates(master: Master) -> list[tuple[Any, ...]]:
    """Give the rows of the exchange rates: from, to, day, rate."""
    table = master.small.get("fx_rates")
    if table is None:
        return []
    names = ("from_currency", "to_currency", "rate_date", "rate")
    return list(zip(*(table.columns[name] for name in names), strict=True))
