"""`encours layout`, and layouts on `run` and `validate`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from encours.ledger.layouts import catalog
from encours_jobs.cli import main

LAYOUT = """
layout = 1
name = "mine"
title = "A list"
[parameters.country]
about = "country of all customers"
[sources.items]
files = ["items.csv"]
[sources.items.fields]
id = "text"
customer = "text"
day = "date"
net = "amount"
[[tables.open_items]]
from = "items"
[tables.open_items.columns]
item_id = "id"
company_code = "'A'"
customer_id = "customer"
document_type = "'invoice'"
document_date = "day"
due_date = "day + 30"
currency = "'EUR'"
amount = "net"
[[tables.customers]]
from = "items"
distinct = ["customer_id"]
[tables.customers.columns]
customer_id = "customer"
country = "parameters.country"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("ledger").mkdir()
    Path("ledger/items.csv").write_text("id,customer,day,net\nI1,C1,2026-01-01,10.00\n")
    Path("mine.toml").write_text(LAYOUT)
    Path("encours.toml").write_text(
        '[defaults]\ncreditor_country = "FR"\n[input.parameters]\ncountry = "FR"\n'
    )
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def run(*more: str) -> Result:
    return call(
        *("run", "--ledger", "ledger", "--as-of", "2026-03-31", "--out", "out"),
        *("--config", "encours.toml", *more),
    )


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("out/as_of=2026-03-31/manifest.json").read_text())
    return found


def test_list__names_every_bundled_layout() -> None:
    result = call("layout", "list")
    assert result.exit_code == 0
    assert len(catalog.names()) >= 8
    for name in catalog.names():
        assert name in result.stdout


@pytest.mark.parametrize("name", catalog.names())
def test_show__of_every_bundled_layout_tells_sources_and_columns(name: str) -> None:
    result = call("layout", "show", name)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{name}: ")
    assert "source " in result.stdout
    text = call("layout", "show", name, "--toml")
    assert text.stdout.rstrip("\n") == (catalog.BUNDLED / f"{name}.toml").read_text().rstrip("\n")


def test_show__of_an_unknown_name_suggests_the_nearest() -> None:
    result = call("layout", "show", "sap_bsdi")
    assert result.exit_code == 78
    assert "did you mean sap_bsid?" in result.stderr
    wrong = call("layout", "shwo", "sap_bsid")
    assert wrong.exit_code == 2
    assert "did you mean `show`?" in wrong.stderr


def test_check__shows_source_row_and_contract_row(place: Path) -> None:
    with Path("ledger/items.csv").open("a") as file:
        file.write("I2,C1,2026-13-01,1.00\nI3,C1,2026-01-01,1.00,x\n")
    result = call(
        *("layout", "check", "mine.toml", "--ledger", "ledger", "--config", "encours.toml")
    )
    assert result.exit_code == 0, result.stderr
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "id I1 | item_id I1" in lines
    assert "open_items from items: 2 rows read, 0 left out, 1 made, 1 would be quarantined" in lines
    assert any(line.startswith("items.csv row 2: day (for document_date)") for line in lines)
    assert "items.csv row 3: expected 4 fields, found 5" in lines
    assert not (place / "out").exists()


def test_check__reads_so_many_rows(place: Path) -> None:
    rows = "".join(f"I{n},C{n},2026-01-01,1.00\n" for n in range(50))
    Path("ledger/items.csv").write_text(f"id,customer,day,net\n{rows}")
    options = ("--ledger", "ledger", "--config", "encours.toml", "--rows", "7", "--show", "0")
    result = call("layout", "check", "mine.toml", *options)
    assert "open_items from items: 7 rows read, 0 left out, 7 made" in result.stdout


def test_new__writes_a_draft_that_loads_once_it_is_filled(place: Path) -> None:
    Path("items.txt").write_bytes(
        "Beleg;Kunde;Datum;Betrag;Leer\n1;Müller;31.12.2025;1.234,56-;\n".encode("cp1252")
    )
    draft = call("layout", "new", "items.txt").stdout
    for line in (
        'encoding = "cp1252"  # ?',
        'separator = ";"',
        'date_format = "DD.MM.YYYY"  # ? or another order of day and month',
        'decimal_mark = ","  # ?',
        'thousands_separator = "."  # ?',
        'sign = "trailing"  # ?',
        'Betrag = "amount"  # ? 9.999,99-',
        'Leer = "text"  # ? nothing in the first rows',
    ):
        assert line in draft
    for column, value in (
        ("item_id", "Beleg"),
        ("company_code", "'A'"),
        ("customer_id", "Kunde"),
        ("document_type", "'invoice'"),
        ("document_date", "Datum"),
        ("currency", "'EUR'"),
        ("amount", "Betrag"),
    ):
        tables = 2 if column == "customer_id" else 1
        draft = draft.replace(f'# {column} = "…"', f'{column} = "{value}"', tables)
    draft = draft.replace('# country = "…"', "country = \"'FR'\"", 1)
    Path("draft.toml").write_text(draft)
    result = call("layout", "check", "draft.toml", "--ledger", ".")
    assert result.exit_code == 0, result.stderr
    assert "amount        -1234.560" in result.stdout


def test_new__of_a_file_without_header_says_so(place: Path) -> None:
    Path("x.csv").write_text("nothing\n")
    result = call("layout", "new", "x.csv")
    assert result.exit_code == 65
    assert "no header is found" in result.stderr


def test_run__depends_on_what_a_layout_says_and_not_on_where_it_lies(place: Path) -> None:
    assert run("--layout", "mine.toml").exit_code == 0
    first = manifest()
    (layout,) = first["layouts"]
    assert layout["name"] == "mine"
    assert layout["sources"] == {"items": 1}
    Path("elsewhere").mkdir()
    Path("mine.toml").rename("elsewhere/same.toml")
    again = run("--layout", "elsewhere/same.toml")
    assert again.exit_code == 0
    assert "already" in again.stderr
    text = LAYOUT.replace("day + 30", "day + 60")
    Path("mine.toml").write_text(text)
    other = run("--layout", "mine.toml")
    assert other.exit_code == 73, "another content is another run of the same day"
    assert run("--layout", "mine.toml", "--revise").exit_code == 0
    assert manifest()["run_id"] != first["run_id"]


def test_run__takes_layouts_from_the_configuration(place: Path) -> None:
    with Path("encours.toml").open("a") as file:
        file.write('[input]\nlayouts = ["mine.toml"]\n')
    result = run()
    assert result.exit_code == 0, result.stderr
    checked = call(
        *("validate", "--ledger", "ledger", "--as-of", "2026-03-31", "--out", "check"),
        *("--config", "encours.toml"),
    )
    assert checked.exit_code == 0
    assert "open_items" in checked.stdout


def test_run__without_a_parameter_says_which(place: Path) -> None:
    Path("encours.toml").write_text('[defaults]\ncreditor_country = "FR"\n')
    result = run("--layout", "mine.toml")
    assert result.exit_code == 78
    assert "[input.parameters] country = … (country of all customers)" in result.stderr
    assert not (place / "out" / "as_of=2026-03-31").exists()


def test_run__without_layouts_has_the_run_id_that_it_always_had(place: Path) -> None:
    Path("ledger/open_items.csv").write_text(
        "item_id,company_code,customer_id,document_type,document_date,due_date,currency,amount\n"
        "I1,A,C1,invoice,2026-01-01,2026-01-31,EUR,10.00\n"
    )
    Path("ledger/customers.csv").write_text("customer_id,country\nC1,FR\n")
    Path("encours.toml").write_text('[defaults]\ncreditor_country = "FR"\n')
    assert run().exit_code == 0
    found = manifest()
    assert "layouts" not in found
    assert set(found["configuration"]["input"]) == {
        "max_rejected",
        "unknown_customer",
        "tables",
    }
