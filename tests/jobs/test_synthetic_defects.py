"""Planted defects: the report says exactly what stands in the files, and what a run refuses."""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from encours.rules.currencies import CURRENCY_EXPONENTS
from encours.rules.terms import parse_payment_terms
from encours_jobs.cli import main
from encours_jobs.planted import DEFAULT_RATE
from encours_jobs.synthetic import generate_ledger
from encours_jobs.synthetic.defect_recipes import Recipe, item_recipes
from encours_jobs.synthetic.defects import shared_out
from encours_jobs.synthetic.generation import write_ledger
from encours_jobs.synthetic.plan import Plan
from encours_schemas import INPUT_TABLES
from encours_schemas.reasons import KEPT_REASONS, Reason
from encours_schemas.tables import Kind

AS_OF = date(2026, 10, 31)
RATE = Decimal("0.03")
CREDITS = {"credit_note", "payment", "down_payment"}
KEYED = ("open_items", "commitments", "customers")
SPOILED = ("open_items", "allocations", "commitments", "customers", "credit_limits", "sales")
LEGAL_AREA = {"FR", "DE", "GB", "IT", "ES", "BE", "PL", "NL", "AT", "PT", "IE", "FI", "SE", "LU"}
COUNTRIES = LEGAL_AREA | {"CH", "US", "JP", "TN", "MA", "CA"}
Row = dict[str, Any]


def texts_of(ledger: Path, table: str) -> list[Row]:
    """Read a table as text, null as an empty one, from files of either kind."""
    path = ledger / table
    files = sorted(path.iterdir()) if path.is_dir() else sorted(ledger.glob(f"{table}.*"))
    rows: list[Row] = []
    for file in files:
        if file.suffix == ".csv":
            with file.open(encoding="utf-8", newline="") as lines:
                rows += csv.DictReader(lines)
        else:
            data = pq.read_table(file, partitioning=None)
            texts = [column.cast(pa.string()).fill_null("") for column in data.columns]
            rows += pa.table(texts, names=data.column_names).to_pylist()
    return rows


def cause_of_value(kind: Kind, text: str) -> Reason | None:
    """Say why a value cannot be, of itself."""
    if kind is Kind.DATE:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return Reason.WRONG_TYPE
        return None if date(1900, 1, 1) <= day < date(3000, 1, 1) else Reason.OUT_OF_RANGE
    if kind is Kind.BOOL:
        return None if text in {"true", "false"} else Reason.WRONG_TYPE
    if kind in {Kind.MONEY, Kind.PERCENT}:
        try:
            amount = Decimal(text)
        except InvalidOperation:
            return Reason.WRONG_TYPE
        return Reason.TOO_LARGE if abs(amount) >= 10**15 else None
    return None


def cause_of_columns(table: str, row: Row) -> Reason | None:
    """Say why a row cannot be, column by column."""
    for column in INPUT_TABLES[table].columns:
        text = row[column.name]
        if text == "":
            if column.required:
                return Reason.MISSING_VALUE
            continue
        cause = cause_of_value(column.kind, text)
        if cause:
            return cause
        if column.allowed and text not in column.allowed:
            return Reason.NOT_IN_LIST
        if column.name == "currency" and text not in CURRENCY_EXPONENTS:
            return Reason.UNKNOWN_CURRENCY
        if column.name == "interest_regime" and not text.endswith("_business"):
            return Reason.UNKNOWN_REGIME
        if column.name == "interest_regime" and text.startswith("ZZ"):
            return Reason.UNKNOWN_REGIME
        if column.name == "country" and text not in COUNTRIES:
            return Reason.UNKNOWN_COUNTRY
        if column.at_least and Decimal(text) < Decimal(column.at_least):
            return Reason.OUT_OF_RANGE
        if column.at_most and Decimal(text) > Decimal(column.at_most):
            return Reason.OUT_OF_RANGE
    return None


def is_too_precise(table: str, row: Row, currency: str) -> bool:
    unit = Decimal(1).scaleb(-CURRENCY_EXPONENTS[currency])
    money = [column.name for column in INPUT_TABLES[table].columns if column.kind is Kind.MONEY]
    return any(row[name] and Decimal(row[name]) % unit for name in money)


def copies_of(table: str, rows: list[Row]) -> dict[int, Reason]:
    """Say which rows repeat a key: all but the first of identical ones, else all."""
    places = defaultdict(list)
    for place, row in enumerate(rows):
        places[tuple(row[name] for name in INPUT_TABLES[table].key)].append(place)
    found = {}
    for key, repeated in places.items():
        if len(repeated) == 1 or "" in key:
            continue
        if all(rows[place] == rows[repeated[0]] for place in repeated):
            found.update(dict.fromkeys(repeated[1:], Reason.DUPLICATE_KEY))
        else:
            found.update(dict.fromkeys(repeated, Reason.CONFLICTING_DUPLICATE))
    return found


def causes(ledger: Path, table: str) -> Iterator[tuple[Row, Reason | None]]:
    """Give each row of a table with what is wrong with it, alone or with its copies."""
    rows = texts_of(ledger, table)
    copies = copies_of(table, rows) if table in KEYED else {}
    known = {row["customer_id"] for row in texts_of(ledger, "customers")}
    for place, row in enumerate(rows):
        cause = copies.get(place) or cause_of_columns(table, row)
        if cause is None and row.get("currency") and is_too_precise(table, row, row["currency"]):
            cause = Reason.TOO_PRECISE
        if (
            cause is None
            and table != "customers"
            and row.get("customer_id", "") not in {"", *known}
        ):
            cause = Reason.UNKNOWN_CUSTOMER
        yield row, cause


def cause_of_due_date(row: Row, usual: dict[str, str]) -> Reason | None:
    if row["due_date"]:
        early = row["due_date"] < row["document_date"]
        return Reason.DUE_BEFORE_DOCUMENT if early else None
    code = row["payment_terms"] or usual[row["customer_id"]]
    if code:
        return None if parse_payment_terms(code) else Reason.UNKNOWN_TERMS
    is_credit = row["document_type"] in CREDITS or Decimal(row["amount"]) < 0
    return None if is_credit else Reason.MISSING_DUE_DATE


def cause_of_allocation(row: Row, items: dict[str, Row], bad: set[str]) -> Reason | None:
    item = items.get(row["item_id"])
    if item is None:
        return Reason.UNKNOWN_ITEM
    if row["item_id"] in bad:
        return Reason.PARENT_QUARANTINED
    if row["currency"] not in {"", item["currency"]}:
        return Reason.CURRENCY_MISMATCH
    precise = is_too_precise("allocations", row, item["currency"])
    return Reason.TOO_PRECISE if precise else None


def counted(ledger: Path) -> dict[str, Counter[Reason]]:
    """Count what is wrong in a ledger, knowing the contract and not the generator."""
    found: dict[str, Counter[Reason]] = {table: Counter() for table in SPOILED}
    usual = {row["customer_id"]: row["payment_terms"] for row in texts_of(ledger, "customers")}
    items: dict[str, Row] = {}
    bad: set[str] = set()
    for row, cause in causes(ledger, "open_items"):
        reason = cause or cause_of_due_date(row, usual)
        items[row["item_id"]] = row
        if reason and reason not in KEPT_REASONS and reason is not Reason.DUPLICATE_KEY:
            bad.add(row["item_id"])
        found["open_items"][reason or Reason.OVERLAPPING] += 1
    applied: Counter[str] = Counter()
    for row, cause in causes(ledger, "allocations"):
        reason = cause or cause_of_allocation(row, items, bad)
        found["allocations"][reason or Reason.OVERLAPPING] += 1
        if reason is None:
            is_posted = (row["posting_date"] or row["value_date"]) <= AS_OF.isoformat()
            applied[row["item_id"]] += int(Decimal(row["amount"]) * 1000) if is_posted else 0
    for item_id, milli in applied.items():
        stated, amount = items[item_id]["open_amount"], items[item_id]["amount"]
        if stated and Decimal(stated) != Decimal(amount) - Decimal(milli) / 1000:
            found["open_items"][Reason.OPEN_AMOUNT_DIFFERS] += 1
    for table in ("commitments", "credit_limits", "sales"):
        found[table].update(cause or Reason.OVERLAPPING for _, cause in causes(ledger, table))
    parents = {row["customer_id"]: row["parent_id"] for row in texts_of(ledger, "customers")}
    for row, cause in causes(ledger, "customers"):
        reason = cause
        if cause is None and row["parent_id"]:
            if row["parent_id"] not in parents:
                reason = Reason.MISSING_PARENT
            elif parents[row["parent_id"]] == row["customer_id"]:
                reason = Reason.PARENT_CYCLE
        found["customers"][reason or Reason.OVERLAPPING] += 1
    for counts in found.values():
        del counts[Reason.OVERLAPPING]  # stood for nothing wrong
    return found


def reported(ledger: Path) -> dict[str, Counter[Reason]]:
    report = json.loads((ledger / "planted_defects.json").read_text(encoding="utf-8"))
    found: dict[str, Counter[Reason]] = {table: Counter() for table in SPOILED}
    for part in ("quarantined", "kept"):
        for table, counts in report[part].items():
            for reason, count in counts.items():
                assert (part == "kept") == (Reason(reason) in KEPT_REASONS)
                found[table][Reason(reason)] += count
    return found


@pytest.fixture(scope="module", params=["parquet", "csv"])
def spoiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("spoiled") / "ledger"
    plan = Plan(items=4_000, seed=2, as_of=AS_OF, defects=RATE, chunk_rows=1_024, chunks_per_file=2)
    write_ledger(plan, directory, file_format=request.param)
    return directory


def test_report__says_what_stands_in_the_files(spoiled: Path) -> None:
    assert counted(spoiled) == reported(spoiled)


def test_report__knows_every_reason_that_a_row_can_have(spoiled: Path) -> None:
    found = {reason for counts in reported(spoiled).values() for reason in counts}
    only_of_text = {Reason.WRONG_TYPE, Reason.TOO_LARGE}
    # What breaks a line, and what needs two rows to contradict one another, is no value of a row.
    never = {Reason.WRONG_FIELD_COUNT, Reason.NOT_TEXT, Reason.OVERLAPPING}
    never |= {
        Reason.REFUSED_BY_LAYOUT,
        Reason.AMBIGUOUS_JOIN,
        Reason.MISSING_JOIN,
    }  # no layout here
    is_text = (spoiled / "customers.csv").exists()
    assert found == set(Reason) - never - (set() if is_text else only_of_text)


def test_report__gives_an_example_of_each(spoiled: Path) -> None:
    report = json.loads((spoiled / "planted_defects.json").read_text(encoding="utf-8"))
    ids = {row["item_id"] for row in texts_of(spoiled, "open_items")}
    for part in ("quarantined", "kept"):
        for table, counts in report[part].items():
            assert set(counts) <= set(report["examples"][table])
    examples = dict(report["examples"]["open_items"])
    assert set(examples.values()) <= ids


def test_run__quarantines_exactly_what_was_planted(spoiled: Path, tmp_path: Path) -> None:
    settings = '[input]\nmax_rejected = 0.9\nunknown_customer = "quarantine"\n'
    (tmp_path / "encours.toml").write_text(settings, encoding="utf-8")
    arguments = ["run", "--ledger", spoiled, "--as-of", AS_OF, "--out", tmp_path / "out"]
    arguments += ["--config", tmp_path / "encours.toml"]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    files = sorted((tmp_path / "out" / f"as_of={AS_OF}" / "quarantine").iterdir())
    found: dict[str, Counter[Reason]] = {table: Counter() for table in SPOILED}
    for row in pa.concat_tables([pq.read_table(f, partitioning=None) for f in files]).to_pylist():
        found[row["table"]][Reason(row["reason"])] += 1
    assert found == reported(spoiled)


def test_a_clean_ledger__has_nothing_wrong(tmp_path: Path) -> None:
    generate_ledger(tmp_path / "clean", 5_000, 4, AS_OF)
    assert not any(counted(tmp_path / "clean").values())
    assert not (tmp_path / "clean" / "planted_defects.json").exists()


def test_defects__are_few_enough_for_a_default_run(tmp_path: Path) -> None:
    summary = generate_ledger(tmp_path / "ledger", 100_000, 1, AS_OF, defects=True)
    assert summary.planted is not None
    for table in SPOILED:
        refused = summary.planted.of(table)
        refused.pop("parent_quarantined", None)
        assert sum(refused.values()) <= summary.rows[table] * 0.001, table
    assert sum(summary.planted.of("open_items").values()) >= 60


def test_defects__leave_the_other_rows_alone(tmp_path: Path) -> None:
    generate_ledger(tmp_path / "clean", 2_000, 1, AS_OF, file_format="csv")
    generate_ledger(tmp_path / "spoiled", 2_000, 1, AS_OF, file_format="csv", defects=True)
    clean = {row["item_id"]: row for row in texts_of(tmp_path / "clean", "open_items")}
    spoiled = texts_of(tmp_path / "spoiled", "open_items")
    changed = [row for row in spoiled if clean.get(row["item_id"]) != row]
    assert 10 < len(changed) < 30


def test_defects__are_the_same_whatever_the_threads(tmp_path: Path) -> None:
    plan = Plan(items=3_000, seed=1, as_of=AS_OF, defects=RATE, chunk_rows=512)
    for threads in (1, 3):
        write_ledger(plan, tmp_path / str(threads), threads=threads)
    for path in sorted((tmp_path / "1").rglob("*.*")):
        other = tmp_path / "3" / path.relative_to(tmp_path / "1")
        assert path.read_bytes() == other.read_bytes(), path.name


@pytest.mark.parametrize("budget", [0, 1, 5, 17, 1_000])
@pytest.mark.parametrize("at_least", [0, 1])
def test_shared_out__spends_no_more_than_the_budget(budget: int, at_least: int) -> None:
    recipes: list[Recipe] = list(item_recipes(AS_OF, "someone"))
    shares = shared_out(recipes, budget, at_least=at_least)
    assert [recipe for recipe, _ in shares] == recipes
    spent = sum(recipe.refused_rows * count for recipe, count in shares)
    cost = sum(recipe.refused_rows for recipe in recipes)
    assert spent <= max(budget, at_least * cost)
    assert spent >= min(budget, max(budget - 1, 0))
    assert all(count >= 1 for recipe, count in shares if recipe.is_kept)
    assert Decimal(0) < DEFAULT_RATE < Decimal("0.001")
