"""The synthetic ledger: what is in it, and that the same arguments give the same bytes."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from encours.rules.currencies import CURRENCY_EXPONENTS
from encours.rules.terms import parse_payment_terms
from encours_jobs.synthetic import generate_ledger
from encours_jobs.synthetic.draws import Choice, Draws, Quantiles, scrambled
from encours_jobs.synthetic.generation import write_ledger
from encours_jobs.synthetic.plan import Plan
from encours_schemas import INPUT_TABLES
from encours_schemas.errors import OutputUnwritable, UsageWrong

AS_OF = date(2026, 10, 31)
CREDITS = {"credit_note", "payment", "down_payment"}
Row = dict[str, Any]


def read(ledger: Path, table: str) -> pa.Table:
    path = ledger / table
    files = sorted(path.iterdir()) if path.is_dir() else [path.with_suffix(".parquet")]
    return pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])


def rows_of(ledger: Path, table: str) -> list[Row]:
    return read(ledger, table).to_pylist()


def contents(ledger: Path) -> dict[str, bytes]:
    files = (path for path in sorted(ledger.rglob("*")) if path.is_file())
    return {str(path.relative_to(ledger)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("synthetic") / "ledger"
    generate_ledger(directory, 20_000, 3, AS_OF, ledger_balances=True)
    return directory


@pytest.fixture(scope="module")
def items(ledger: Path) -> dict[str, Row]:
    return {row["item_id"]: row for row in rows_of(ledger, "open_items")}


@pytest.fixture(scope="module")
def allocations(ledger: Path) -> dict[str, list[Row]]:
    found = defaultdict(list)
    for row in rows_of(ledger, "allocations"):
        found[row["item_id"]].append(row)
    return dict(found)


def small_plan(seed: int = 1) -> Plan:
    return Plan(items=5_500, seed=seed, as_of=AS_OF, chunk_rows=1_000, chunks_per_file=2)


def test_write_ledger__gives_the_same_bytes_whatever_the_threads(tmp_path: Path) -> None:
    write_ledger(small_plan(), tmp_path / "one", threads=1)
    write_ledger(small_plan(), tmp_path / "three", threads=3)
    write_ledger(small_plan(seed=2), tmp_path / "other", threads=1)
    assert contents(tmp_path / "one") == contents(tmp_path / "three")
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_write_ledger__cuts_files_and_row_groups(tmp_path: Path) -> None:
    written = write_ledger(small_plan(), tmp_path)
    parts = sorted((tmp_path / "open_items").iterdir())
    assert [part.name for part in parts] == [f"part-{number:05d}.parquet" for number in range(3)]
    groups = [
        pq.ParquetFile(part).metadata.row_group(group).num_rows
        for part in parts
        for group in range(pq.ParquetFile(part).num_row_groups)
    ]
    assert groups == [1_000] * 5 + [500]
    assert written.rows["open_items"] == 5_500
    assert written.files == {
        name: len(list((tmp_path / name).iterdir())) if (tmp_path / name).is_dir() else 1
        for name in written.files
    }


def test_generate_ledger__sums_up_what_it_wrote(ledger: Path, tmp_path: Path) -> None:
    summary = generate_ledger(tmp_path / "again", 20_000, 3, AS_OF, ledger_balances=True)
    assert summary.rows == {name: read(ledger, name).num_rows for name in summary.rows}
    assert list(summary.rows) == [name for name in INPUT_TABLES if name in summary.rows]
    assert summary.size == sum(len(data) for data in contents(ledger).values())
    assert contents(summary.directory) == contents(ledger)


@pytest.mark.parametrize("count", [1, 2, 7, 41])
@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_generate_ledger__makes_the_smallest_ledgers(
    tmp_path: Path, count: int, file_format: str
) -> None:
    for defects in (False, True):
        out = tmp_path / str(defects)
        summary = generate_ledger(
            out, count, 1, AS_OF, file_format=file_format, defects=defects, ledger_balances=True
        )
        assert summary.rows["open_items"] >= count


@pytest.mark.parametrize("table", [name for name in INPUT_TABLES if name != "reference_rates"])
def test_tables__have_the_types_of_the_contract(ledger: Path, table: str) -> None:
    wanted = INPUT_TABLES[table].arrow_schema()
    found = read(ledger, table).schema
    assert found.names == wanted.names
    assert found.types == wanted.types


@pytest.mark.parametrize("table", [name for name in INPUT_TABLES if name != "reference_rates"])
def test_tables__keep_keys_lists_and_required_columns(ledger: Path, table: str) -> None:
    contract, rows = INPUT_TABLES[table], rows_of(ledger, table)
    for column in contract.columns:
        values = {row[column.name] for row in rows}
        assert not (column.required and None in values), column.name
        if column.allowed:
            assert values - {None} <= set(column.allowed), column.name
    if contract.key:
        keys = Counter(tuple(row[name] for name in contract.key) for row in rows)
        assert max(keys.values()) == 1


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("open_items", "document_type"),
        ("open_items", "financing"),
        ("allocations", "kind"),
        ("commitments", "kind"),
        ("customers", "insolvency_kind"),
        ("credit_limits", "kind"),
        ("credit_limits", "scope"),
        ("credit_limits", "layer"),
        ("credit_limits", "effect"),
        ("erp_holds", "hold_kind"),
        ("overrides", "action"),
    ],
)
def test_tables__show_every_value_of_a_list(table: str, column: str, tmp_path: Path) -> None:
    generate_ledger(tmp_path / "ledger", 60_000, 1, AS_OF)
    values = set(read(tmp_path / "ledger", table).column(column).to_pylist())
    assert values >= set(INPUT_TABLES[table].column(column).allowed)


def test_items__use_eight_companies_and_currencies_of_each_exponent(items: dict[str, Row]) -> None:
    assert len({row["company_code"] for row in items.values()}) == 8
    currencies = {row["currency"] for row in items.values()}
    assert {CURRENCY_EXPONENTS[code] for code in currencies} == {0, 2, 3}
    assert currencies >= {"EUR", "USD", "GBP", "PLN", "JPY", "TND", "CHF"}


def test_amounts__can_be_expressed_in_their_currency(
    items: dict[str, Row], allocations: dict[str, list[Row]], ledger: Path
) -> None:
    for row in items.values():
        unit = Decimal(1).scaleb(-CURRENCY_EXPONENTS[row["currency"]])
        for name in ("amount", "tax_amount", "open_amount", "disputed_amount"):
            assert row[name] is None or row[name] % unit == 0
        for allocation in allocations.get(row["item_id"], []):
            assert allocation["amount"] % unit == 0
            assert allocation["amount"] != 0
    for row in rows_of(ledger, "commitments") + rows_of(ledger, "credit_limits"):
        assert row["amount"] % Decimal(1).scaleb(-CURRENCY_EXPONENTS[row["currency"]]) == 0


def test_signs__are_those_of_the_type_but_for_a_few(items: dict[str, Row]) -> None:
    odd = [
        row for row in items.values() if (row["amount"] < 0) != (row["document_type"] in CREDITS)
    ]
    assert 0 < len(odd) < len(items) / 500


def test_allocations__belong_to_items_and_carry_their_sign(
    items: dict[str, Row], allocations: dict[str, list[Row]]
) -> None:
    for item_id, rows in allocations.items():
        item = items[item_id]
        for row in rows:
            assert row["currency"] in {None, item["currency"]}
            same_sign = (row["amount"] > 0) == (item["amount"] > 0)
            assert same_sign == (row["kind"] != "return")


def posted(rows: list[Row]) -> Decimal:
    on_time = (row for row in rows if (row["posting_date"] or row["value_date"]) <= AS_OF)
    return sum((row["amount"] for row in on_time), Decimal(0))


def test_open_amounts__agree_with_the_allocations(
    items: dict[str, Row], allocations: dict[str, list[Row]]
) -> None:
    stated = 0
    for item_id, rows in allocations.items():
        item = items[item_id]
        if item["open_amount"] is not None:
            stated += 1
            assert item["open_amount"] == item["amount"] - posted(rows)
    assert stated > 1_000


def test_items__were_paid_in_every_way(
    items: dict[str, Row], allocations: dict[str, list[Row]]
) -> None:
    share: Counter[str] = Counter()
    for item_id, rows in allocations.items():
        item, paid = items[item_id], posted(rows)
        last = max(row["value_date"] for row in rows)
        due = item["due_date"] or item["document_date"]
        if paid == item["amount"]:
            share["late" if last > due else "in time"] += 1
        elif abs(paid) > abs(item["amount"]):
            share["too much"] += 1
        elif any(row["kind"] == "return" for row in rows):
            share["returned"] += 1
        elif any((row["posting_date"] or row["value_date"]) > AS_OF for row in rows):
            share["posted later"] += 1
        else:
            share["partly"] += 1
    count = len(items)
    assert 0.12 < share["partly"] / count < 0.2
    assert 0.05 < share["late"] / count < 0.15
    assert 0.05 < share["in time"] / count < 0.15
    assert share["returned"] > 20
    assert share["posted later"] > 20
    assert 0 < share["too much"] < count / 500


def test_clearings__add_up_to_zero(allocations: dict[str, list[Row]]) -> None:
    legs = defaultdict(list)
    for rows in allocations.values():
        for row in rows:
            if row["clearing_id"]:
                legs[row["clearing_id"]].append(row)
    assert len(legs) > 20
    for rows in legs.values():
        assert len(rows) == 2
        assert sum(row["amount"] for row in rows) == 0
        assert rows[0]["value_date"] == rows[1]["value_date"]


def test_references__resolve(ledger: Path, items: dict[str, Row]) -> None:
    customers = {row["customer_id"]: row for row in rows_of(ledger, "customers")}
    commitments = rows_of(ledger, "commitments")
    assert {row["customer_id"] for row in items.values()} <= customers.keys()
    for table in ("commitments", "sales", "overrides", "erp_holds"):
        assert {row["customer_id"] for row in rows_of(ledger, table)} <= customers.keys()
    assert {row["party_id"] for row in rows_of(ledger, "credit_limits")} <= customers.keys()
    accounts = {row["credit_account_id"] for row in customers.values()} - {None}
    assert accounts <= customers.keys()
    orders = {row["order_id"]: row for row in commitments if row["order_id"]}
    named = [row for row in items.values() if row["order_id"]]
    assert len(named) > 100
    known = [row for row in named if row["order_id"] in orders]
    assert len(known) > 0.9 * len(named)
    for row in known:
        order = orders[row["order_id"]]
        for column in ("customer_id", "company_code", "currency"):
            assert row[column] == order[column]


def test_groups__are_up_to_four_levels_deep(ledger: Path) -> None:
    parent = {row["customer_id"]: row["parent_id"] for row in rows_of(ledger, "customers")}
    levels: Counter[int] = Counter()
    for nearest in parent.values():
        level, above = 1, nearest
        while above is not None:
            level, above = level + 1, parent[above]
        levels[level] += 1
    assert set(levels) == {1, 2, 3, 4}


def test_customers__are_few_large_ones_and_a_long_tail(tmp_path: Path) -> None:
    generate_ledger(tmp_path / "ledger", 100_000, 1, AS_OF)
    counts = Counter(read(tmp_path / "ledger", "open_items").column("customer_id").to_pylist())
    assert read(tmp_path / "ledger", "customers").num_rows == 2_500
    assert 0.007 < max(counts.values()) / 100_000 < 0.02
    assert sum(1 for count in counts.values() if count <= 5) > 500


def test_documents__have_further_lines_next_to_them_or_far_away(ledger: Path) -> None:
    places = defaultdict(list)
    for place, row in enumerate(rows_of(ledger, "open_items")):
        if row["document_number"]:
            key = (row["company_code"], row["customer_id"], row["document_number"])
            places[key].append((place, row["due_date"], row["currency"]))
    shared = [lines for lines in places.values() if len(lines) > 1]
    assert 0.06 < sum(len(lines) for lines in shared) / 20_000 < 0.11
    assert all(len({currency for _, _, currency in lines}) == 1 for lines in shared)
    assert any(lines[-1][0] - lines[0][0] > 2_000 for lines in shared)
    assert sum(1 for lines in shared if len({due for _, due, _ in lines}) > 1) > 100


def test_due_dates__follow_the_terms_or_can_be_derived(ledger: Path, items: dict[str, Row]) -> None:
    usual = {row["customer_id"]: row["payment_terms"] for row in rows_of(ledger, "customers")}
    compared = missing = 0
    for row in items.values():
        code = row["payment_terms"] or usual[row["customer_id"]]
        if row["due_date"] is None:
            missing += 1
            assert code is not None or row["document_type"] in CREDITS
            continue
        assert row["due_date"] >= row["document_date"]
        if row["document_type"] in CREDITS or code is None:
            continue
        terms = parse_payment_terms(code)
        assert terms is not None
        derived = terms.due_date(row["baseline_date"] or row["document_date"])
        wanted = row["original_due_date"] or row["due_date"]
        compared += derived == wanted
    assert missing > 1_000
    # The others are instalments, a month apart.
    assert compared > 0.95 * sum(
        1 for row in items.values() if row["due_date"] and row["document_type"] not in CREDITS
    )


def test_fx_rates__cover_every_currency_of_every_table(ledger: Path, items: dict[str, Row]) -> None:
    rates = rows_of(ledger, "fx_rates")
    pairs = {(row["from_currency"], row["to_currency"]) for row in rates}
    assert all("EUR" in pair and pair[0] != pair[1] for pair in pairs)
    assert {"EUR"} == {pair[1] for pair in pairs if pair[0] in {"GBP", "TND"}}
    quoted = {code for pair in pairs for code in pair}
    assert {row["currency"] for row in items.values()} <= quoted
    for table in ("commitments", "credit_limits", "sales"):
        assert set(read(ledger, table).column("currency").to_pylist()) <= quoted
    # Compensation may be in Swedish crowns, whatever the items are in.
    assert "SEK" in quoted
    days = {row["rate_date"] for row in rates}
    assert max(days) == AS_OF
    assert min(days) >= AS_OF - timedelta(days=60)


def test_ledger_balances__are_what_is_open_and_not_financed(
    ledger: Path, items: dict[str, Row], allocations: dict[str, list[Row]]
) -> None:
    sums: Counter[tuple[str, str]] = Counter()
    for row in items.values():
        if (row["posting_date"] or row["document_date"]) > AS_OF:
            continue
        if row["financing"] not in {None, "none"}:
            continue
        if row["item_id"] in allocations:
            remaining = row["amount"] - posted(allocations[row["item_id"]])
        else:
            remaining = row["amount"] if row["open_amount"] is None else row["open_amount"]
        sums[row["company_code"], row["currency"]] += remaining
    balances = {
        (row["company_code"], row["currency"]): row["balance"]
        for row in rows_of(ledger, "ledger_balances")
    }
    assert balances == {place: total for place, total in sums.items() if total}


def test_csv__holds_the_same_values(tmp_path: Path) -> None:
    generate_ledger(tmp_path / "binary", 2_000, 5, AS_OF)
    generate_ledger(tmp_path / "text", 2_000, 5, AS_OF, file_format="csv")
    for name, contract in INPUT_TABLES.items():
        path = tmp_path / "text" / name
        path = path / "part-00000.csv" if path.is_dir() else path.with_suffix(".csv")
        if not path.exists():
            assert name in {"ledger_balances", "reference_rates"}
            continue
        options = pa_csv.ConvertOptions(
            column_types=contract.arrow_schema(), strings_can_be_null=True, null_values=[""]
        )
        wanted = read(tmp_path / "binary", name)
        assert pa_csv.read_csv(path, convert_options=options).cast(wanted.schema) == wanted


def test_generate_ledger__refuses_what_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").write_text("here", encoding="utf-8")
    with pytest.raises(OutputUnwritable, match="not empty"):
        generate_ledger(tmp_path / "full", 10, 1, AS_OF)
    with pytest.raises(UsageWrong, match="needs items"):
        generate_ledger(tmp_path / "new", 0, 1, AS_OF)
    with pytest.raises(UsageWrong, match="unknown file format"):
        generate_ledger(tmp_path / "new", 10, 1, AS_OF, file_format="xml")
    with pytest.raises(UsageWrong, match="share of bad rows"):
        generate_ledger(tmp_path / "new", 10, 1, AS_OF, defects=Decimal(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_generate_ledger__leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("encours_jobs.synthetic.generation.sales_table", fail)
    with pytest.raises(OutputUnwritable, match="No space left on device"):
        generate_ledger(tmp_path / "new", 100, 1, AS_OF)
    assert not list(tmp_path.iterdir())


def test_generate_ledger__fills_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    generate_ledger(tmp_path / "empty", 10, 1, AS_OF)
    assert (tmp_path / "empty" / "customers.parquet").is_file()


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.rows = 0
        self.stages: list[tuple[str, int | None]] = []

    def start_stage(self, name: str, rows: int | None) -> None:
        self.stages.append((name, rows))

    def advance(self, rows: int) -> None:
        self.rows += rows

    def finish_stage(self) -> None:
        self.stages.append(("end", None))

    def note(self, event: str, **fields: object) -> None:
        raise AssertionError(event)


def test_generate_ledger__tells_its_progress(tmp_path: Path) -> None:
    heard = Heard()
    generate_ledger(tmp_path / "ledger", 300, 1, AS_OF, progress=heard)
    assert heard.stages == [("open_items", 300), ("end", None)]
    assert heard.rows == 300


def test_choice__keeps_its_weights() -> None:
    draws = Draws(1, 0, 0, 100_000)
    counts = np.bincount(draws.choose(Choice((1, 0, 3))), minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] / 100_000 - 1 / (1 + 3)) < 0.01


def test_quantiles__stay_between_their_knots() -> None:
    knots = np.arange(Quantiles.KNOTS, dtype=np.int64) * 10
    ends = np.array([0, 2**32 - 1, 2**31], dtype=np.uint32)
    # The last share is just below one, so its number is just below the last knot.
    assert Quantiles(knots).at(ends).tolist() == [0, 40_959, 20_480]


def test_draws__depend_on_their_place_alone() -> None:
    first, again = Draws(1, 2, 3, 50), Draws(1, 2, 3, 50)
    assert first.bits32().tolist() == again.bits32().tolist()
    assert Draws(1, 2, 4, 50).bits32().tolist() != Draws(1, 2, 3, 50).bits32().tolist()
    assert max(Draws(1, 2, 3, 5_000).below(7).tolist()) == 6


def test_scrambled__differs_by_number_and_salt() -> None:
    numbers = np.arange(1_000, dtype=np.int64)
    assert len(set(scrambled(numbers, 1).tolist()) | set(scrambled(numbers, 2).tolist())) == 2_000
