"""What a published run says may be claimed, by item: the rows of `interest_statement`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.statements import TABLE, LegalBasis, statement_rows
from encours.explain.run_ledger import recorded_configuration
from encours.report.published import PublishedRun
from encours.rules.own_regimes import own_regimes
from encours.rules.regimes import load_regimes
from encours_schemas import OUTPUT_TABLES
from encours_schemas.errors import UsageWrong

Claim = dict[str, Any]

ITEM_COLUMNS = [
    *dict.fromkeys(name for name in OUTPUT_TABLES["items"].names if name in TABLE.names),
    "fixed_indemnity_currency",
]


def recorded_basis(run: PublishedRun) -> LegalBasis:
    """Give the legal basis of a run as its manifest records it."""
    configuration, _ = recorded_configuration(run.manifest)
    return LegalBasis(
        load_regimes(own_regimes(configuration)),
        run.manifest.get("creditor_countries", {}),
        configuration.interest.regime_by == "debtor",
    )


def all_claims(run: PublishedRun, basis: LegalBasis) -> Iterator[pa.Table]:
    """Give everything that may be claimed, in the order of the items, some rows at a time.

    A run that did not publish `interest_statement` gives the same rows: they follow from `items`.
    """
    if run.files(TABLE.name):
        for rows in run.batches(TABLE.name, list(TABLE.names)):
            yield rows.cast(TABLE.arrow_schema())
    else:
        for items in run.batches("items", ITEM_COLUMNS):
            yield statement_rows(items, basis).cast(TABLE.arrow_schema())


def chosen_claims(
    run: PublishedRun, customer_id: str | None, company: str | None
) -> Iterator[pa.Table]:
    """Give what may be claimed of one customer or of all, by one company code or by all.

    Raises UsageWrong (2) as `claims_of` and `require_company` do.
    """
    basis = recorded_basis(run)
    if company is not None:
        require_company(run, company)
    tables = all_claims(run, basis) if customer_id is None else _claims_of(run, basis, customer_id)
    for rows in tables:
        yield rows if company is None else rows.filter(pc.field("company_code") == company)


def claims_of(run: PublishedRun, basis: LegalBasis, customer_id: str) -> list[Claim]:
    """Give what may be claimed of one customer, in the order of the items.

    Raises UsageWrong (2) for a customer of whom the run has neither an item nor an account.
    """
    tables = _claims_of(run, basis, customer_id)
    return [claim for rows in tables for claim in rows.to_pylist()]


def require_company(run: PublishedRun, company: str) -> None:
    """Raise UsageWrong (2) for a company code that the run does not have."""
    if company not in run.manifest.get("creditor_countries", {company: ""}):
        raise UsageWrong(
            what="the run has no such company code",
            where=str(run.directory),
            expected="a company_code of the published table items",
            cure="copy the code from there",
        )


def _claims_of(run: PublishedRun, basis: LegalBasis, customer_id: str) -> Iterator[pa.Table]:
    """Give what may be claimed of one customer, some rows at a time."""
    is_known = False
    for items in run.tables_of("items", "customer_id", [customer_id]):
        is_known = True
        yield statement_rows(items, basis).cast(TABLE.arrow_schema())
    if not is_known and not any(run.rows_of("credit_accounts", "credit_account_id", [customer_id])):
        raise UsageWrong(
            what="the run has no item of this customer",
            where=str(run.directory),
            expected="a customer_id of the table items, byte for byte",
            cure="copy the id from the published table items",
        )


def customer_name(run: PublishedRun, customer_id: str) -> str | None:
    """Give the name of a customer who has a credit account of its own; None where it is not told.

    A run publishes the names of accounts, not of every customer.
    """
    rows = run.rows_of("credit_accounts", "credit_account_id", [customer_id])
    return next((row["customer_name"] for row in rows if row["customer_name"]), None)
