"""What a night publishes, leaves alone, replaces or refuses, through the command line."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from encours.controls import checks
from encours.controls.checks import Control
from encours.ledger.sources import open_ledger
from encours_schemas import OUTPUT_TABLES
from tests.jobs.ledgers import (
    AS_OF,
    EVE,
    Night,
    allocation,
    arrow_table,
    csv_text,
    item,
    items,
    left_in_staging,
    parquet_files,
    plain_rows,
    row,
    snapshot,
)

OPEN = "encours.passes.nightly.open_ledger"

# -- nothing to do ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    "settings", ["", "interest.periods = true", 'carry = ["sales_area"]'], ids=["", "p", "c"]
)
def test_run__of_an_empty_ledger_publishes_empty_tables_and_says_so(
    fresh: Night, form: str, settings: str
) -> None:
    if form == "csv":
        fresh.ledger.text(
            "open_items.csv", csv_text("open_items", []).replace("\n", ",sales_area\n")
        )
    else:
        empty = arrow_table("open_items", []).append_column("sales_area", pa.array([], pa.string()))
        fresh.ledger.arrow(empty, "open_items.parquet")
    result = fresh.publish(*fresh.configure(settings))
    assert "warning the ledger has no open item: the published tables are empty" in result.stderr
    assert "empty_ledger" in fresh.warnings()
    published = {"items", "credit_accounts", "groups", "ageing", "quarantine"}
    published |= {"breaches", "movements", "order_decisions", "outlook"}
    published |= {"interest_periods"} if "periods" in settings else set()
    assert fresh.manifest()["tables"] == dict.fromkeys(published, 0)
    assert {path.name for path in fresh.published().iterdir() if path.is_dir()} == published
    names = fresh.table("items").column_names
    carried = ["sales_area"] if "carry" in settings else []
    assert names == [*OUTPUT_TABLES["items"].names, *carried]


def test_run__of_empty_tables_alone_publishes_empty_tables(fresh: Night) -> None:
    for table in ("open_items", "allocations", "customers", "companies", "fx_rates"):
        fresh.ledger.csv(table)
    for table in ("commitments", "credit_limits", "ledger_balances", "sales"):
        fresh.ledger.parquet(table)
    fresh.publish()
    assert set(fresh.manifest()["tables"].values()) == {0}
    assert fresh.manifest()["control_totals"] == {}


def test_run__whose_only_row_is_bad_says_that_it_is_empty(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1", amount="?"))
    fresh.publish("--max-rejected", "1")
    assert "empty_ledger" in fresh.warnings()
    assert fresh.rows("quarantine", "reason") == ["wrong_type"]


def test_run__as_of_a_day_before_all_data_counts_what_is_not_yet_posted(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1"), item("I2", amount="-50.00"))
    fresh.ledger.csv("allocations", allocation("I1"))
    fresh.publish(as_of="2001-01-01")
    manifest = fresh.manifest("2001-01-01")
    assert manifest["items"] == {
        "open": 0,
        "settled_late": 0,
        "settled_in_time": 0,
        "not_yet_posted": 2,
        "settled_date_unknown": 0,
    }
    assert manifest["control_totals"]["EUR"]["not_yet_posted"] == "50.000"
    assert fresh.rows("items", as_of="2001-01-01") == []


def test_run__as_of_the_first_day_of_all_works(fresh: Night) -> None:
    fresh.publish(as_of="1900-01-01")
    assert fresh.manifest("1900-01-01")["items"]["not_yet_posted"] == 1


# -- ids and dialects ------------------------------------------------------------------------------

IDS = ["1E+05", "007", "0", "1.0", "+1", "-1", "=1+1", " 1", "1 ", "NaN", "null", "true", "\u00e9",
       "e\u0301", "2026-10-31", "a,b", 'a"b', "1e400", "0x1F", "\u200b"]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_ids__stay_byte_for_byte(fresh: Night, form: str) -> None:
    write = getattr(fresh.ledger, form)
    write("open_items", *[item(name, customer_id=name, document_number=name) for name in IDS])
    write("customers", *[row("customers", customer_id=name, name=name) for name in IDS])
    write("allocations", *[allocation(name) for name in IDS])
    fresh.publish()
    columns = ("item_id", "customer_id", "credit_account_id", "document_number")
    assert fresh.rows("items", *columns) == [(name,) * 4 for name in IDS]
    assert {str(amount) for amount in fresh.rows("items", "open_amount")} == {"90.000"}
    accounts = fresh.rows("credit_accounts", "credit_account_id")
    assert accounts == sorted(IDS, key=str.encode)


def test_dialect__is_followed_where_it_is_declared(fresh: Night) -> None:
    text = (
        "item_id;company_code;customer_id;document_type;document_date;due_date;currency;amount\r\n"
        "1E+05;1000;C1;invoice;01.08.2026;30.09.2026;EUR;1.234,56\r\n"
        "M\u00fc;1000;C1;invoice;01.08.2026;30.09.2026;EUR;-0,50\r\n"
    )
    fresh.ledger.text("open_items.csv", text.encode("cp1252"))
    dialect = """
[input.tables.open_items]
separator = ";"
decimal_mark = ","
thousands_separator = "."
date_format = "%d.%m.%Y"
encoding = "cp1252"
"""
    fresh.publish(*fresh.configure(dialect))
    found = [(name, str(amount)) for name, amount in fresh.rows("items", "item_id", "amount")]
    assert found == [("1E+05", "1234.560"), ("M\u00fc", "-0.500")]


# -- the same night again, and another one ---------------------------------------------------------


def test_run__again_gives_the_same_run_and_changes_nothing(night: Night) -> None:
    before = snapshot(night.out)
    result = night.run()
    assert result.exit_code == 0
    run_id = night.manifest()["run_id"]
    assert f"run {run_id} was published already" in result.stderr.splitlines()[-1]
    assert snapshot(night.out) == before
    assert night.run("--revise").exit_code == 0
    assert snapshot(night.out) == before


def test_run__from_the_same_bytes_elsewhere_has_the_same_id(fresh: Night, tmp_path: Path) -> None:
    fresh.publish("--threads", "1")
    other = Night(tmp_path / "other")
    other.publish("--threads", "4")
    assert other.manifest()["run_id"] == fresh.manifest()["run_id"]
    for table in ("items", "credit_accounts", "ageing"):
        assert digests(other, table) == digests(fresh, table)


def digests(night: Night, table: str) -> list[str]:
    folder = night.published() / table
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())]


def test_run__follows_the_latest_earlier_one(night: Night) -> None:
    assert night.manifest(EVE)["previous_run"] is None
    assert night.manifest(AS_OF)["previous_run"] == night.manifest(EVE)["run_id"]


def test_run__of_other_inputs_is_refused_without_revise(night: Night) -> None:
    night.ledger.csv("open_items", item("I1", amount="101.00"))
    night.ledger.complete()
    said = night.call_refused(73, "run")
    assert "another run of this date is published already" in said
    assert str(night.published()) in said
    assert "--revise" in said


def test_run__of_another_configuration_is_refused_without_revise(night: Night) -> None:
    night.ledger.complete()
    assert "--revise" in night.call_refused(73, "run", *night.configure("interest.grace_days = 5"))


def test_run__of_other_inputs_with_revise_replaces_the_run_and_keeps_the_old_one(
    night: Night,
) -> None:
    before = snapshot(night.out)
    old = night.manifest()["run_id"]
    night.ledger.csv("open_items", item("I1", amount="101.00"))
    night.publish("--revise")
    assert night.manifest()["run_id"] != old
    assert [str(amount) for amount in night.rows("items", "amount")] == ["101.000"]
    after = snapshot(night.out)
    assert {name: after[name] for name in after if EVE in name} == {
        name: before[name] for name in before if EVE in name
    }
    (kept,) = [
        path.parent
        for path in (night.out / ".encours" / "superseded").rglob("manifest.json")
        if json.loads(path.read_text(encoding="utf-8"))["run_id"] == old
    ]
    moved = {str(path.relative_to(kept)): path.read_bytes() for path in files_of(kept)}
    assert moved == {
        name.split("/", 1)[1]: data
        for name, (_, _, data) in before.items()
        if AS_OF in name and data
    }
    assert left_in_staging(night.out) == []


def files_of(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def test_run__while_another_one_writes_is_told_to_try_again(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def opened(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(OPEN, open_ledger)
        seen.append(night.call("run", as_of="2026-11-01"))
        return open_ledger(*arguments, **named)

    night.ledger.csv("open_items", item("I1", amount="101.00"))
    monkeypatch.setattr(OPEN, opened)
    night.publish("--revise")
    (second,) = seen
    assert second.exit_code == 75
    said = second.stderr.splitlines()[-1]
    assert "another run is writing this output" in said
    assert str(night.out) in said
    assert not night.published("2026-11-01").exists()
    assert night.publish(as_of="2026-11-01").exit_code == 0


def test_run__whose_input_changes_meanwhile_is_refused(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:

    def opened(*arguments: Any, **named: Any) -> Any:
        ledger = open_ledger(*arguments, **named)
        night.ledger.csv("open_items", item("I1", amount="999.00"), item("I2"))
        return ledger

    night.ledger.csv("open_items", item("I1", amount="101.00"))
    monkeypatch.setattr(OPEN, opened)
    said = night.refused(65)
    assert "an input file changed while it was being read: open_items.csv" in said
    assert "run again when the extract is complete" in said


def test_run__that_fails_unexpectedly_leaves_nothing(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **named: Any) -> Any:
        msg = "no such luck"
        raise RuntimeError(msg)

    monkeypatch.setattr(checks, "require", broken)
    before = snapshot(night.out)
    night.ledger.csv("open_items", item("I1", amount="101.00"))
    result = night.run("--revise")
    assert result.exit_code == 1
    assert "unexpected failure, please report it: RuntimeError: no such luck" in result.stderr
    assert snapshot(night.out) == before
    assert left_in_staging(night.out) == []


def test_run__whose_control_does_not_hold_publishes_nothing(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    money_controls = checks.money_controls

    def off_by_one(totals: Any) -> list[Any]:
        first, *others = money_controls(totals)
        return [Control(first.name, first.left + 1, first.right), *others]

    monkeypatch.setattr(checks, "money_controls", off_by_one)
    night.ledger.csv("open_items", item("I1", due_date="2026-07-31"))
    said = night.refused(70)
    assert "control conservation of EUR does not hold" in said
    assert [one["reason"] for one in night.rejected()] == ["due_before_document"]


# -- tying out -------------------------------------------------------------------------------------


def balance(amount: str, **others: str) -> dict[str, str | None]:
    return row("ledger_balances", balance=amount, **others)


def test_tie_out__without_a_difference_publishes(fresh: Night) -> None:
    fresh.ledger.csv("open_items", *items(2))
    fresh.ledger.csv("ledger_balances", balance("203.00"), balance("203.00", customer_id="C1"))
    fresh.publish("--require-tie-out")
    assert [str(amount) for amount in fresh.rows("tie_out", "difference")] == ["0.000"] * 2
    assert "tie_out_difference" not in fresh.warnings()


def test_tie_out__with_a_difference_warns_and_publishes(fresh: Night) -> None:
    fresh.ledger.csv("open_items", *items(2))
    fresh.ledger.csv("ledger_balances", balance("203.01"), balance("10.00", customer_id="C404"))
    result = fresh.publish()
    assert "balances of the general ledger differ from the open items" in result.stderr
    columns = ("customer_id", "ledger_balance", "computed_balance", "difference")
    found = [tuple(map(str, one)) for one in fresh.rows("tie_out", *columns)]
    assert sorted(found) == [
        ("C404", "10.000", "0.000", "10.000"),
        ("None", "203.010", "203.000", "0.010"),
    ]
    assert fresh.warnings()["tie_out_difference"]


def test_tie_out__that_is_required_refuses_a_difference(night: Night) -> None:
    night.ledger.csv("ledger_balances", balance("100.01"))
    said = night.refused(70, "--require-tie-out")
    assert "the general ledger's balances differ from the open items" in said
    assert "1 rows of ledger_balances" in said
    assert "--require-tie-out" in said


# -- carried columns -------------------------------------------------------------------------------


def test_carry__passes_columns_unchanged_to_items_and_accounts(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1", sales_area="north", cost_centre="0012"))
    fresh.ledger.csv("customers", row("customers", customer_id="C1", tier="=A1"))
    fresh.publish(*fresh.configure('carry = ["sales_area", "cost_centre", "tier"]'))
    assert fresh.rows("items", "sales_area", "cost_centre") == [("north", "0012")]
    assert fresh.rows("credit_accounts", "tier") == ["=A1"]
    assert "unknown_column_ignored" not in fresh.warnings()


def test_carry__of_a_column_that_one_file_lacks_is_null_there(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1"), file="open_items/a.csv")
    fresh.ledger.csv("open_items", item("I2", sales_area="north"), file="open_items/b.csv")
    fresh.ledger.csv("customers", row("customers", customer_id="C2"), file="customers/a.csv")
    fresh.ledger.csv(
        "customers", row("customers", customer_id="C1", tier="A"), file="customers/b.csv"
    )
    fresh.publish(*fresh.configure('carry = ["sales_area", "tier"]'))
    assert fresh.rows("items", "item_id", "sales_area") == [("I1", None), ("I2", "north")]
    assert fresh.rows("credit_accounts", "credit_account_id", "tier") == [("C1", "A")]


def test_carry__of_a_column_of_several_types_is_text_everywhere(fresh: Night) -> None:
    area = pa.array([7], pa.int64())
    for file, column in (("b", area), ("c", area.cast(pa.string()).dictionary_encode())):
        table = arrow_table("open_items", [item(f"I{file}")]).append_column("area", column)
        fresh.ledger.arrow(table, f"open_items/{file}.parquet")
    fresh.ledger.csv("open_items", item("Ia", area="007"), file="open_items/a.csv")
    fresh.publish(*fresh.configure('carry = ["area"]'))
    assert fresh.rows("items", "item_id", "area") == [("Ia", "007"), ("Ib", "7"), ("Ic", "7")]


def test_carry__takes_the_keys_of_folders_too(fresh: Night) -> None:
    for area in ("north", "south"):
        fresh.ledger.csv("open_items", item(area), file=f"open_items/area={area}/part.csv")
    fresh.publish(*fresh.configure('carry = ["area"]'))
    assert fresh.rows("items", "item_id", "area") == [("north", "north"), ("south", "south")]


def test_unknown_columns__are_named_once_with_the_nearest_and_ignored(fresh: Night) -> None:
    fresh.ledger.csv(
        "open_items", item("I1", dispute="true", colour="red"), file="open_items/a.csv"
    )
    fresh.ledger.csv("open_items", item("I2", dispute="true"), file="open_items/b.csv")
    result = fresh.publish()
    lines = [line for line in result.stderr.splitlines() if "columns ignored" in line]
    assert len(lines) == 1
    assert "table open_items: columns ignored: colour, dispute (did you mean disputed?)" in lines[0]
    assert "colour" not in fresh.table("items").column_names


def test_unlisted_files__are_named_and_not_read(fresh: Night) -> None:
    fresh.ledger.complete()
    fresh.ledger.text("open_items.xlsx", b"PK")
    fresh.ledger.text("notes.csv", "a,b\n")
    fresh.ledger.text("_SUCCESS", "")
    result = fresh.run()
    assert result.exit_code == 0
    assert "open_items.xlsx belongs to no table and is not read" in result.stderr
    assert "notes.csv belongs to no table and is not read" in result.stderr
    assert "_SUCCESS" not in result.stderr


# -- checking alone --------------------------------------------------------------------------------


def test_validate__publishes_nothing_and_writes_the_quarantine(fresh: Night) -> None:
    fresh.ledger.csv("open_items", *items(3), item("B1", amount="?"))
    fresh.ledger.complete()
    result = fresh.call("validate", "--max-rejected", "0.5")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0].split() == [
        "table", "read", "accepted", "quarantined", "kept",
    ]  # fmt: skip
    assert ["open_items", "4", "3", "1", "0"] in [x.split() for x in result.stdout.splitlines()]
    assert "open_items: wrong_type 1" in result.stdout
    folder = Path(result.stdout.splitlines()[-1].removeprefix("quarantine: "))
    assert folder.parent.parent == fresh.out / ".encours" / "rejected"
    assert plain_rows(parquet_files(folder), ("file", "row_number")) == [("open_items.csv", 4)]
    assert [path.name for path in fresh.out.iterdir()] == [".encours"]


def test_validate__of_too_many_bad_rows_is_refused_and_keeps_the_quarantine(night: Night) -> None:
    night.ledger.csv("open_items", *items(3), item("B1", amount="?"))
    night.ledger.complete()
    said = night.call_refused(65, "validate")
    assert "too many bad rows in table open_items: 1 of 4 rows" in said
    assert [one["row_number"] for one in night.rejected()] == [4]


def test_validate__of_a_published_date_leaves_it_alone(night: Night) -> None:
    before = snapshot(night.out)
    night.ledger.csv("open_items", item("I1", amount="102.00"))
    night.ledger.complete()
    result = night.call("validate")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "quarantine: empty"
    assert snapshot(night.out) == before


@pytest.mark.parametrize(
    ("file", "content", "status"),
    [
        ("open_items.parquet", b"", 65),
        ("open_items.csv", b"item_id\nI1\n", 66),
        ("allocations.csv", b"item_id,value_date,amount\nI404,2026-10-01,1.00\n", 65),
    ],
)
def test_validate__refuses_what_a_run_refuses(
    night: Night, file: str, content: bytes, status: int
) -> None:
    night.ledger.text(file, content)
    night.ledger.complete()
    said = night.call_refused(status, "validate")
    assert night.refused(status).split(" error ", 1)[1] == said.split(" error ", 1)[1]
