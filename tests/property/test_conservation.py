"""What must always hold (DOMAIN 11), added up again from the input files and what was published."""

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.naive.arithmetic import rounded
from tests.naive.contract import EXPONENTS, INPUT_TABLES
from tests.naive.exchange import Exchange
from tests.property.ledgers import Case, Row, build_case
from tests.property.published import EngineRun, run_engine

SEEDS = range(100, 112)
ZERO = Decimal(0)
Dialects = Mapping[str, Mapping[str, str]]


class Ledger:
    """The rows of the files as they stand there, without those that the run refused."""

    def __init__(self, directory: Path, quarantine: list[Row], dialects: Dialects) -> None:
        self.read: dict[str, int] = defaultdict(int)
        self.accepted: dict[str, list[Row]] = defaultdict(list)
        self.refused: dict[str, list[Row]] = defaultdict(list)
        bad = {(row["file"], row["row_number"]) for row in quarantine if not row["kept"]}
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            relative = str(path.relative_to(directory))
            table = relative.partition("/")[0].partition(".")[0]
            for number, row in enumerate(read_rows(path, table, dialects), start=1):
                self.read[table] += 1
                kind = self.refused if (relative, number) in bad else self.accepted
                kind[table].append(row)


def read_rows(path: Path, table: str, dialects: Dialects) -> list[Row]:
    """Read one file as rows of text or native values, empty ones as None."""
    dialect = dialects.get(table, {})
    if path.suffix == ".parquet":
        return pq.ParquetFile(path).read().to_pylist()
    contents = path.read_bytes()
    if path.suffix == ".gz":
        contents = gzip.decompress(contents)
    if path.suffix == ".zst":
        contents = pa.input_stream(pa.BufferReader(contents), compression="zstd").read()
    text = contents.decode(dialect.get("encoding", "utf-8"), errors="replace")
    lines = io.StringIO(text, newline="")
    header, *records = csv.reader(lines, delimiter=dialect.get("separator", ","))
    kinds = {column.name: column.kind for column in INPUT_TABLES[table]}
    return [
        {
            name: as_written(value, kinds.get(name, "text"), dialect)
            for name, value in zip(header, record, strict=False)
        }
        for record in records
    ]


def as_written(text: str, kind: str, dialect: Mapping[str, str]) -> Any:
    """Read the text of a field; what isn't of its kind stays text."""
    if kind == "date" and text:
        try:
            return datetime.strptime(text, dialect.get("date_format", "%Y-%m-%d")).date()
        except ValueError:
            return text
    if kind in {"money", "rate", "percent"}:
        return text.replace(dialect.get("decimal_mark", "."), ".") or None
    return text or None


def number(value: Any) -> Decimal | None:
    """Read an amount, None where there is none that money can hold."""
    try:
        amount = Decimal(value)
    except (TypeError, ValueError, InvalidOperation):
        return None
    fits = abs(amount) < 10**15 and amount * 1000 == int(amount * 1000)
    return amount if fits else None


def sure_number(value: Any) -> Decimal:
    """Read an amount that an accepted row must have."""
    amount = number(value)
    assert amount is not None, value
    return amount


def day(value: Any) -> date:
    """Read a date from a cell."""
    if isinstance(value, str):
        return date.fromisoformat(value)
    return value.date() if isinstance(value, datetime) else value


Night = tuple[Case, EngineRun, Ledger]


@pytest.fixture(scope="module", params=SEEDS)
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """One ledger with defects, published: the case, the run and the input files."""
    case = build_case(request.param)
    case.configuration["exposure"]["components_left_out"] = []
    for customer in case.tables["customers"]:
        customer.pop("credit_account_id", None)
    place = tmp_path_factory.mktemp("night")
    run = run_engine(case, place, request.param)
    dialects = case.configuration["input"]["tables"]
    return case, run, Ledger(place / "ledger", run.table("quarantine"), dialects)


def test_rows_read__are_accepted_or_quarantined(night: Night) -> None:
    case, run, ledger = night
    for table in case.tables:
        counts = run.manifest["rows"][table]
        assert counts["read"] == ledger.read[table] == len(case.tables[table])
        assert counts["quarantined"] == len(ledger.refused[table])
        assert counts["accepted"] == len(ledger.accepted[table])
        kept = [row for row in run.table("quarantine") if row["kept"] and row["table"] == table]
        assert counts["kept"] == len(kept)


def recomputed_totals(case: Case, ledger: Ledger) -> dict[str, dict[str, Decimal]]:
    """Add up, per currency, what accepted items amount to and what became of it."""
    totals: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    posted: dict[str, Decimal] = defaultdict(Decimal)
    has_allocation = set()
    for row in ledger.accepted["allocations"]:
        has_allocation.add(row["item_id"])
        if day(row.get("posting_date") or row["value_date"]) <= case.as_of:
            posted[row["item_id"]] += sure_number(row["amount"])
    for row in ledger.accepted["open_items"]:
        total, amount = totals[row["currency"]], sure_number(row["amount"])
        total["amount"] += amount
        if day(row.get("posting_date") or row["document_date"]) > case.as_of:
            total["not_yet_posted"] += amount
        elif row["item_id"] in has_allocation:
            total["allocated"] += posted[row["item_id"]]
        elif row.get("open_amount") is not None:
            total["extract_difference"] += amount - sure_number(row["open_amount"])
    for row in ledger.refused["open_items"]:
        readable = number(row.get("amount"))
        if row.get("currency") in EXPONENTS and readable is not None and None not in row:
            totals[row["currency"]]["quarantined_amount"] += readable
    return totals


def test_amounts__are_open_allocated_adjusted_or_not_yet_posted(night: Night) -> None:
    case, run, ledger = night
    totals = recomputed_totals(case, ledger)
    open_amount: dict[str, Decimal] = defaultdict(Decimal)
    for item in run.table("items"):
        open_amount[item["currency"]] += item["open_amount"]
    for currency, total in totals.items():
        parts = ("allocated", "extract_difference", "not_yet_posted")
        out = open_amount[currency] + sum(total[name] for name in parts)
        assert total["amount"] == out, currency
        told = run.manifest["control_totals"][currency]
        for name in ("amount", *parts):
            assert Decimal(told[name]) == total[name], (currency, name)
        assert Decimal(told["open_amount"]) == open_amount[currency]
    assert set(open_amount) <= set(totals)


def test_quarantined_amounts__are_added_up_where_they_can_be_read(night: Night) -> None:
    case, run, ledger = night
    for currency, total in recomputed_totals(case, ledger).items():
        told = run.manifest["control_totals"][currency]["quarantined_amount"]
        assert Decimal(told) == total["quarantined_amount"], currency


def test_buckets__add_up_to_the_open_items(night: Night) -> None:
    _, run, _ = night
    sums: dict[tuple[str, ...], list[Any]] = defaultdict(lambda: [ZERO, ZERO, 0])
    for item in run.table("items"):
        if item["open_amount"]:
            key = (item["company_code"], item["customer_id"], item["currency"])
            sums[key][0] += item["open_amount"]
            sums[key][1] += item["open_amount_rc"]
            sums[key][2] += 1
    for row in run.table("ageing"):
        key = (row["company_code"], row["customer_id"], row["currency"])
        sums[key][0] -= row["open_amount"]
        sums[key][1] -= row["open_amount_rc"]
        sums[key][2] -= row["item_count"]
    assert all(rest == [0, 0, 0] for rest in sums.values())


def counted_items(case: Case, run: EngineRun, ledger: Ledger) -> Decimal:
    """Add up the open items that are the company's own risk, in the reporting currency."""
    financing = {row["item_id"]: row.get("financing") for row in ledger.accepted["open_items"]}
    total = ZERO
    for item in run.table("items"):
        how = financing[item["item_id"]]
        is_credit = item["amount"] < 0 or item["document_type"] in {
            "credit_note",
            "payment",
            "down_payment",
        }
        matured = (case.as_of - item["due_date"]).days > 5
        sold = how in {"factored_no_recourse", "securitised"}
        if not sold and (is_credit or how in {None, "none"} or not matured):
            total += item["open_amount_rc"]
    return total


def counted_commitments(case: Case, ledger: Ledger) -> Fraction:
    """Add up commitments within the horizon from the input, in the reporting currency."""
    rates = [{**row, "rate_date": day(row["rate_date"])} for row in ledger.accepted["fx_rates"]]
    fx, target = case.configuration["fx"], case.configuration["reporting"]["currency"]
    exchange = Exchange(rates, case.as_of, fx["pivot"], fx["max_age_days"])
    segments = {
        row["company_code"]: row.get("credit_segment") for row in ledger.accepted["companies"]
    }
    exposure = case.configuration["exposure"]
    total = Fraction(0)
    for row in ledger.accepted["commitments"]:
        own = exposure["segments"].get(segments.get(row["company_code"]), {})
        horizon = case.as_of + timedelta(days=own.get("horizon_days", exposure["horizon_days"]))
        begun = row.get("document_date") is None or day(row["document_date"]) <= case.as_of
        closed = row.get("closed_date") is not None and day(row["closed_date"]) <= case.as_of
        expected = row.get("expected_date")
        beyond = row["kind"] == "order" and expected is not None and day(expected) > horizon
        if begun and not closed and not beyond:
            gross = Fraction(row["amount"]) * (1 + Fraction(row.get("tax_percent") or 0) / 100)
            gross = rounded(gross, EXPONENTS[row["currency"]])
            left = max(Fraction(0), gross - Fraction(row.get("prepaid_amount") or 0))
            total += exchange.convert(left, row["currency"], target)
    return total


def test_accounts__are_items_and_commitments_less_credit_balances(night: Night) -> None:
    case, run, ledger = night
    accounts = run.table("credit_accounts")
    total = sum((row["exposure"] + row["credit_balance"] for row in accounts), ZERO)
    parts = Fraction(counted_items(case, run, ledger)) + counted_commitments(case, ledger)
    assert Fraction(total) == parts


def test_account_components__add_up_to_the_exposure(night: Night) -> None:
    _, run, _ = night
    names = (
        "receivables",
        "bills_of_exchange",
        "financed_with_recourse",
        "deliveries_not_invoiced",
        "production",
        "open_orders",
        "credit_notes",
        "unapplied_payments",
        "down_payments",
    )
    for row in run.table("credit_accounts"):
        assert row["exposure"] == sum(row[name] for name in names)


def test_root_groups__and_accounts_without_a_group_are_all_accounts(night: Night) -> None:
    _, run, _ = night
    accounts = run.table("credit_accounts")
    for name in ("exposure", "overdue", "overdue_net"):
        apart = sum((row[name] for row in accounts if row["group_id"] is None), ZERO)
        roots = sum((row[name] for row in run.table("groups") if row["depth"] == 0), ZERO)
        assert apart + roots == sum((row[name] for row in accounts), ZERO), name


def test_interest__adds_up_from_stretches_to_items_to_accounts(night: Night) -> None:
    _, run, _ = night
    detail: dict[str, Decimal] = defaultdict(Decimal)
    for row in run.table("interest_periods"):
        detail[row["item_id"]] += row["interest"]
    by_account: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [ZERO, ZERO, 0])
    for item in run.table("items"):
        assert item["penalty_interest"] == detail[item["item_id"]]
        sums = by_account[item["credit_segment"], item["credit_account_id"]]
        sums[0] += item["penalty_interest_rc"]
        sums[1] += item["fixed_indemnity_rc"]
        sums[2] += item["open_amount"] != 0
    for row in run.table("credit_accounts"):
        sums = by_account[row["credit_segment"], row["credit_account_id"]]
        assert [row["penalty_interest"], row["fixed_indemnity"], row["item_count"]] == sums
