"""Master data of a run: customers, companies, and the codes by which kernels know them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.ledger.buffers import is_empty_text
from encours.ledger.checking import (
    ABSENT,
    REFERENCE,
    UNLISTED,
    CheckedColumns,
    RowFaults,
    check_columns,
    combine,
    dictionary_of,
    listed_codes,
)
from encours.ledger.decode import NO_DAY, TextIndex, decode_text_codes
from encours.ledger.hierarchy import Hierarchy, build_hierarchy, find_cycles
from encours.rules.countries import COUNTRY_CODES
from encours.rules.currencies import CURRENCY_EXPONENTS
from encours_schemas import INPUT_TABLES
from encours_schemas.errors import InputMissing
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from encours.ledger.small import SmallTable
    from encours_schemas.configuration import Configuration, TableInput

Array = np.ndarray[Any, np.dtype[Any]]

CUSTOMERS = INPUT_TABLES["customers"]
CURRENCIES = tuple(sorted(CURRENCY_EXPONENTS))
CURRENCY_POSITIONS = {currency: position for position, currency in enumerate(CURRENCIES)}
MINOR_UNIT_MILLI = np.array(
    [10 ** (3 - CURRENCY_EXPONENTS[currency]) for currency in CURRENCIES], np.int64
)
DEFAULT_SEGMENT = "ALL"
IMPUTATIONS = CUSTOMERS.column("imputation").allowed
LIQUIDATION = CUSTOMERS.column("insolvency_kind").allowed.index("liquidation")
CUSTOMER_TEXTS = ("name", "country", "risk_class", "segment", "account_manager")


@dataclass(frozen=True)
class Companies:
    """Company codes and what is known of them; c companies, in the order of their codes' text.

    A country is empty where no usable row and no setting gives one.
    """

    codes: tuple[str, ...]
    countries: tuple[str, ...]
    segments: tuple[str, ...]

    def require_countries(self, company_code: Array) -> None:
        """Raise InputMissing (66) when a company code of accepted rows has no country: int32[k]."""
        if all(self.countries):
            return
        for code in np.unique(company_code).tolist():
            if not self.countries[code]:
                raise InputMissing(
                    what=f"company code {self.codes[code]} has no country",
                    where="table companies, no usable row for it",
                    expected="a row in companies, or defaults.creditor_country",
                    cure='set [defaults] creditor_country = "FR" (or your country) in encours.toml',
                )

    @property
    def segment_names(self) -> tuple[str, ...]:
        """Name the credit segments, sorted; `ALL` is always one."""
        return tuple(sorted({DEFAULT_SEGMENT, *self.segments}))

    @property
    def segment_code(self) -> Array:
        """Give the credit segment of each company: int32[c] positions in `segment_names`."""
        names = self.segment_names
        return np.array([names.index(segment) for segment in self.segments], np.int32)


@dataclass(frozen=True)
class Customers:
    """Customers, n rows: those of the table, then placeholders for ids that only items know.

    Text columns are Arrow arrays (null where unknown). `imputation_code` is a position in
    `IMPUTATIONS`, -1 where the configuration decides. `account_code` is the customer's credit
    account, a position in `account_ids`. Days are `NO_DAY` where there is none. `insolvency_kind`
    is a position in the contract's list, a liquidation where the table gives none.
    """

    ids: pa.Array
    texts: Mapping[str, pa.Array]
    account_ids: pa.Array
    account_code: Array
    hierarchy: Hierarchy
    is_public: Array
    is_consumer: Array
    is_intragroup: Array
    has_netting: Array
    has_manual_hold: Array
    insolvency_day: Array
    insolvency_ended_day: Array
    insolvency_published_day: Array
    insolvency_kind: Array
    regime_code: Array
    imputation_code: Array
    terms: tuple[str, ...]
    terms_code: Array
    is_placeholder: Array

    def __len__(self) -> int:
        """Count them."""
        return len(self.ids)

    @cached_property
    def by_id(self) -> Array:
        """Give the customers in the order of their ids (bytes): int32[n]; sorted once for all."""
        order = pc.sort_indices(self.ids.cast(pa.binary()))
        return order.to_numpy().astype(np.int32)


@dataclass(frozen=True)
class MasterData:
    """What items, allocations and commitments are looked up in."""

    configuration: Configuration
    customers: Customers
    companies: Companies
    regimes: tuple[str, ...]
    customer_index: TextIndex
    lost_customers: frozenset[str]

    def dialect(self, table: str) -> TableInput:
        """Give the declared form of a table's text."""
        return self.configuration.input.dialect(table)

    @property
    def minor_unit_milli(self) -> Array:
        """Give the smallest unit of each currency in thousandths: int64[currencies]."""
        return MINOR_UNIT_MILLI

    @property
    def currency_positions(self) -> dict[str, int]:
        """Give the code of each currency."""
        return CURRENCY_POSITIONS

    @property
    def company_positions(self) -> dict[str, int]:
        """Give the code of each company."""
        return {company: position for position, company in enumerate(self.companies.codes)}

    @property
    def regime_positions(self) -> dict[str, int]:
        """Give the code of each interest regime."""
        return {regime: position for position, regime in enumerate(self.regimes)}

    @property
    def customer_terms(self) -> tuple[str, ...]:
        """Name the payment terms that customers have."""
        return self.customers.terms

    @property
    def customer_terms_code(self) -> Array:
        """Give each customer's payment terms: int32[n] positions in `customer_terms`, -1 none."""
        return self.customers.terms_code

    def customer_codes(self, data: pa.Table) -> Array:
        """Give the customer of each row: int32[n], else `ABSENT` or `UNLISTED`."""
        if "customer_id" not in data.column_names:
            return np.full(data.num_rows, ABSENT, np.int32)
        return decode_text_codes(combine(data.column("customer_id")), self.customer_index)

    def check_customer_codes(self, data: pa.Table, codes: Array, faults: RowFaults) -> None:
        """Hold absent and unknown customers against their rows.

        codes  int32[n]  `customer_codes` of the rows

        Under the policy `placeholder` every unknown id has become a customer, so none is left.
        """
        faults.add(codes == ABSENT, "customer_id", Reason.MISSING_VALUE)
        unknown = codes == UNLISTED
        if unknown.any():
            texts, positions = dictionary_of(combine(data.column("customer_id")))
            lost = np.array([text in self.lost_customers for text in texts.to_pylist()] + [False])
            was_lost = unknown & lost[positions]
            faults.add(was_lost, "customer_id", Reason.PARENT_QUARANTINED, REFERENCE)
            faults.add(unknown & ~was_lost, "customer_id", Reason.UNKNOWN_CUSTOMER, REFERENCE)


def read_companies(
    table: SmallTable | None, found: Iterable[str], configuration: Configuration
) -> Companies:
    """Join the companies' table with the company codes that the ledger uses.

    A code without a usable row takes the creditor's configured country, or none, and segment `ALL`.
    """
    known: dict[str, tuple[str, str]] = {}
    if table is not None:
        columns = table.columns
        for code, country, segment in zip(
            columns["company_code"], columns["country"], columns["credit_segment"], strict=True
        ):
            known[code] = (country, segment or DEFAULT_SEGMENT)
    for code in sorted(set(found) - set(known)):
        known[code] = (configuration.defaults.creditor_country or "", DEFAULT_SEGMENT)
    codes = tuple(sorted(known))
    return Companies(
        codes,
        tuple(known[code][0] for code in codes),
        tuple(known[code][1] for code in codes),
    )


def check_customers(data: pa.Table, regimes: Sequence[str], dialect: TableInput) -> CheckedColumns:
    """Decode a unit of the customers' table, and hold what is wrong against its rows."""
    checked = check_columns(CUSTOMERS, data, dialect, skip=("country", "interest_regime"))
    ids = _plain(checked.values.get("customer_id"), data.num_rows)
    checked.values["customer_id"] = ids
    checked.values["country"] = _checked_country(data, checked.faults)
    positions = {name: code for code, name in enumerate(regimes)}
    checked.values["interest_regime"] = _checked_regime(data, checked.faults, positions)
    return checked


def resolve_customers(
    checked: CheckedColumns, carried: pa.Table
) -> tuple[Customers, dict[Reason, Array]]:
    """Lay accepted customers out by code; give the rows whose link to a parent was dropped, too.

    carried  columns that pass unchanged to the credit accounts
    """
    ids = checked.values["customer_id"]
    parent, dropped = _resolve_parents(checked, ids)
    accounts, account_code = _accounts(checked, ids)
    terms, terms_code = _coded_texts(checked.values.get("payment_terms"), checked.row_count)
    texts = {name: _plain(checked.values.get(name), checked.row_count) for name in CUSTOMER_TEXTS}
    texts.update({name: combine(carried.column(name)) for name in carried.column_names})
    customers = Customers(
        ids=ids,
        texts=texts,
        account_ids=accounts,
        account_code=account_code,
        hierarchy=build_hierarchy(parent),
        is_public=checked.flag("public_buyer"),
        is_consumer=checked.flag("consumer"),
        is_intragroup=checked.flag("intragroup"),
        has_netting=checked.flag("netting_agreement"),
        has_manual_hold=checked.flag("manual_hold"),
        insolvency_day=checked.day("insolvency_date"),
        insolvency_ended_day=checked.day("insolvency_ended_on"),
        insolvency_published_day=checked.day("insolvency_published_on"),
        insolvency_kind=checked.listed("insolvency_kind", default=LIQUIDATION),
        regime_code=checked.values["interest_regime"],
        imputation_code=checked.listed("imputation"),
        terms=terms,
        terms_code=terms_code,
        is_placeholder=np.zeros(checked.row_count, bool),
    )
    return customers, dropped


def add_placeholders(customers: Customers, unknown: Sequence[str]) -> Customers:
    """Append a customer without properties for every unknown id (policy `placeholder`)."""
    count = len(unknown)
    if not count:
        return customers
    ids = pa.concat_arrays([customers.ids, pa.array(unknown, customers.ids.type)])
    account_ids, account_code = _extended_accounts(customers, unknown)
    parent = np.concatenate([customers.hierarchy.parent, np.full(count, -1, np.int32)])

    def longer(values: Array, filler: object) -> Array:
        return np.concatenate([values, np.full(count, filler, values.dtype)])

    return Customers(
        ids=ids,
        texts={
            name: pa.concat_arrays([text, pa.nulls(count, text.type)])
            for name, text in customers.texts.items()
        },
        account_ids=account_ids,
        account_code=account_code,
        hierarchy=build_hierarchy(parent),
        is_public=longer(customers.is_public, filler=False),
        is_consumer=longer(customers.is_consumer, filler=False),
        is_intragroup=longer(customers.is_intragroup, filler=False),
        has_netting=longer(customers.has_netting, filler=False),
        has_manual_hold=longer(customers.has_manual_hold, filler=False),
        insolvency_day=longer(customers.insolvency_day, NO_DAY),
        insolvency_ended_day=longer(customers.insolvency_ended_day, NO_DAY),
        insolvency_published_day=longer(customers.insolvency_published_day, NO_DAY),
        insolvency_kind=longer(customers.insolvency_kind, LIQUIDATION),
        regime_code=longer(customers.regime_code, -1),
        imputation_code=longer(customers.imputation_code, -1),
        terms=customers.terms,
        terms_code=longer(customers.terms_code, -1),
        is_placeholder=longer(customers.is_placeholder, filler=True),
    )


def _extended_accounts(customers: Customers, unknown: Sequence[str]) -> tuple[pa.Array, Array]:
    """Give account ids and codes with one account named like each placeholder."""
    wanted = pa.array(unknown, pa.string())
    place = pc.fill_null(pc.index_in(wanted, value_set=customers.account_ids), -1)
    codes = place.to_numpy(zero_copy_only=False).astype(np.int32)
    is_new = codes < 0
    codes[is_new] = len(customers.account_ids) + np.arange(int(is_new.sum()))
    account_ids = pa.concat_arrays([customers.account_ids, wanted.filter(pa.array(is_new))])
    return account_ids, np.concatenate([customers.account_code, codes])


def _plain(texts: pa.Array | None, count: int) -> pa.Array:
    """Give texts as a plain string array, null where absent."""
    return pa.nulls(count, pa.string()) if texts is None else _as_text(texts)


def _as_text(texts: pa.Array) -> pa.Array:
    """Give texts as a plain string array."""
    return texts.cast(pa.string())


def _checked_country(data: pa.Table, faults: RowFaults) -> pa.Array:
    """Hold unknown countries against their rows; give the column."""
    if "country" not in data.column_names:
        faults.add(np.ones(data.num_rows, bool), "country", Reason.MISSING_VALUE)
        return pa.nulls(data.num_rows, pa.string())
    column = combine(data.column("country"))
    codes = listed_codes(column, dict.fromkeys(COUNTRY_CODES, 0))
    faults.add(codes == ABSENT, "country", Reason.MISSING_VALUE)
    faults.add(codes == UNLISTED, "country", Reason.UNKNOWN_COUNTRY)
    return _as_text(column)


def _checked_regime(data: pa.Table, faults: RowFaults, positions: Mapping[str, int]) -> Array:
    """Hold unknown regimes against their rows; give the codes, -1 for none: int32[n]."""
    if "interest_regime" not in data.column_names:
        return np.full(data.num_rows, -1, np.int32)
    codes = listed_codes(combine(data.column("interest_regime")), positions)
    faults.add(codes == UNLISTED, "interest_regime", Reason.UNKNOWN_REGIME)
    return np.maximum(codes, -1)


def _resolve_parents(checked: CheckedColumns, ids: pa.Array) -> tuple[Array, dict[Reason, Array]]:
    """Give the parent of each customer (int32[n], -1 none) and the rows whose link was dropped."""
    texts = checked.values.get("parent_id")
    if texts is None or not len(ids):
        return np.full(checked.row_count, -1, np.int32), {}
    codes = decode_text_codes(texts, TextIndex(ids))
    parent = np.maximum(codes, -1).astype(np.int32)
    on_cycle = find_cycles(parent)
    parent[on_cycle] = -1
    return parent, {Reason.MISSING_PARENT: codes == UNLISTED, Reason.PARENT_CYCLE: on_cycle}


def _accounts(checked: CheckedColumns, ids: pa.Array) -> tuple[pa.Array, Array]:
    """Give the distinct credit accounts and each customer's: the named one, else its own id."""
    named = checked.values.get("credit_account_id")
    chosen = ids
    if named is not None:
        named = _as_text(named)
        empty = is_empty_text(named).fill_null(True)
        chosen = pc.if_else(empty, ids, named)
    accounts, codes = dictionary_of(chosen)
    return _as_text(accounts), np.maximum(codes, 0)


def _coded_texts(texts: pa.Array | None, count: int) -> tuple[tuple[str, ...], Array]:
    """Give the distinct texts of a column and each row's: int32[n], -1 where there is none."""
    if texts is None:
        return (), np.full(count, -1, np.int32)
    distinct, positions = dictionary_of(texts)
    names = tuple(text or "" for text in distinct.to_pylist())
    empty = np.array([not name for name in names] + [True])
    return names, np.where(empty[positions], np.int32(-1), positions)
