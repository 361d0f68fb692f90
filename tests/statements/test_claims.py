"""Rows of `interest_statement`: published or worked out again, as table and as CSV."""

import csv
import io
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from encours.report.published import PublishedRun, open_run
from encours.statements.billing_file import TABLE, BillingFile
from encours.statements.claims import chosen_claims, claims_of, recorded_basis
from encours_schemas.errors import UsageWrong
from tests.property.ledgers import build_case
from tests.property.published import EngineRun, run_engine

SEEDS = (500, 501, 502, 504, 506)
MONEY = {column.name for column in TABLE.columns if column.kind.value == "money"}


@pytest.fixture(scope="module", params=SEEDS)
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[EngineRun, EngineRun]:
    """Publish a random ledger with the table and without."""
    made, place = [], tmp_path_factory.mktemp("claims")
    for is_published in (True, False):
        case = build_case(request.param, with_defects=request.param % 2 == 1)
        case.configuration["interest"]["statement"] = is_published
        made.append(run_engine(case, place / str(is_published), request.param))
    return made[0], made[1]


def rows(run: PublishedRun, customer: str | None = None) -> list[dict[str, Any]]:
    """Give the claims of a run, of one customer or all."""
    return [row for table in chosen_claims(run, customer, None) for row in table.to_pylist()]


def text_of(run: PublishedRun) -> tuple[BillingFile, bytes]:
    """Write the claims of a run as CSV."""
    billing = BillingFile()
    return billing, b"".join(billing.chunks(chosen_claims(run, None, None)))


def test_claims__are_the_same_whether_the_run_published_them_or_not(
    runs: tuple[EngineRun, EngineRun],
) -> None:
    with_table, without = (open_run(run.directory) for run in runs)
    assert with_table.files(TABLE.name)
    assert not without.files(TABLE.name)
    published = runs[0].table(TABLE.name)
    assert rows(with_table) == rows(without) == published
    assert text_of(with_table)[1] == text_of(without)[1]
    basis = recorded_basis(without)
    customers = sorted({row["customer_id"] for row in runs[1].table("items")})
    for customer in customers:
        own = [row for row in published if row["customer_id"] == customer]
        assert claims_of(without, basis, customer) == own == rows(with_table, customer)


def test_claims__add_up_to_the_items(runs: tuple[EngineRun, EngineRun]) -> None:
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in runs[0].table(TABLE.name):
        found["interest", row["currency"]] += row["interest_unbilled"]
        found["compensation", row["currency"]] += row["indemnity_unbilled"]
        assert row["interest_unbilled"] or row["indemnity_unbilled"]
        assert row["penalty_interest"] == row["interest_billed"] + row["interest_unbilled"]
        assert row["fixed_indemnity"] == row["indemnity_billed"] + row["indemnity_unbilled"]
    for row in runs[0].table("items"):
        found["interest", row["currency"]] -= row["interest_unbilled"]
        found["compensation", row["currency"]] -= row["indemnity_unbilled"]
    assert not any(found.values())


def test_csv__can_be_read_back_byte_for_byte(runs: tuple[EngineRun, EngineRun]) -> None:
    billing, data = text_of(open_run(runs[0].directory))
    published = runs[0].table(TABLE.name)
    read = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert tuple(read[0] if read else TABLE.names) == TABLE.names
    assert len(read) == len(published) == billing.rows
    for line, row in zip(read, published, strict=True):
        for name, value in row.items():
            if value is None:
                assert line[name] == ""
            elif name in MONEY:
                assert line[name] == format(value, ".3f")
            else:
                assert line[name] == str(value)
    formulas = ("customer_id", "company_code", "item_id", "document_number")
    begin = [row[name] for row in published for name in formulas if row[name][0] in "=+-@"]
    assert billing.formula_texts == len(begin)


def test_csv__of_no_claims_has_its_header() -> None:
    billing = BillingFile()
    data = b"".join(billing.chunks([])).decode()
    assert data == ",".join(f'"{name}"' for name in TABLE.names) + "\n"
    assert billing.rows == 0


def test_claims__of_a_customer_or_company_that_the_run_lacks_are_refused(
    runs: tuple[EngineRun, EngineRun],
) -> None:
    run = open_run(runs[1].directory)
    with pytest.raises(UsageWrong, match="no item of this customer"):
        rows(run, "nobody")
    with pytest.raises(UsageWrong, match="no such company code"):
        list(chosen_claims(run, None, "nobody"))
