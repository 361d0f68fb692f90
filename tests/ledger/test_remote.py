"""Ledgers in object storage, read from a server that speaks S3 and runs here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.fs as pa_fs
import pytest
from click.testing import CliRunner, Result

from encours.ledger.remote import RemoteLedger, fetch_ledger, is_remote
from encours_jobs.cli import main
from encours_schemas.errors import ConfigurationWrong, InputMissing, InputRefused, OutputBusy

ITEMS = """item_id,company_code,customer_id,document_type,document_date,due_date,currency,amount
I1,A,C1,invoice,2026-01-01,2026-01-31,EUR,100.00
I2,A,C1,invoice,2026-01-01,2026-02-28,EUR,50.00
"""
CUSTOMERS = "customer_id,country\nC1,FR\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto_server = pytest.importorskip("moto.server", reason="moto's server is not installed")
    running = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> pa_fs.S3FileSystem:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    files = pa_fs.S3FileSystem(
        endpoint_override=server, region="eu-west-1", allow_bucket_creation=True
    )
    files.create_dir("ledgers")
    for name, text in (("open_items", ITEMS), ("customers", CUSTOMERS)):
        put(files, f"ledgers/2026/{name}.csv", text)
    put(files, "ledgers/2026/_SUCCESS", "")
    put(files, "ledgers/2026/open_items_notes.txt", "no table")
    return files


def put(files: Any, path: str, text: str) -> None:
    with files.open_output_stream(path) as sink:
        sink.write(text.encode())


def run(address: str, tmp_path: Path) -> Result:
    (tmp_path / "encours.toml").write_text('[defaults]\ncreditor_country = "FR"\n')
    arguments = ["--ledger", address, "--out", str(tmp_path / "out"), "--as-of", "2026-06-30"]
    return CliRunner().invoke(main, ["run", *arguments, "--config", str(tmp_path / "encours.toml")])


def test_run__on_an_s3_address_publishes(bucket: pa_fs.S3FileSystem, tmp_path: Path) -> None:
    result = run("s3://ledgers/2026", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "topsecret" not in result.stderr + result.stdout
    manifest = (tmp_path / "out" / "as_of=2026-06-30" / "manifest.json").read_text()
    assert '"file": "open_items.csv"' in manifest
    assert "topsecret" not in manifest
    same = tmp_path / "local"
    same.mkdir()
    (same / "open_items.csv").write_text(ITEMS)
    (same / "customers.csv").write_text(CUSTOMERS)
    again = run(str(same), tmp_path)
    assert again.exit_code == 0, "the same bytes from a disk are the same run"
    assert "already" in again.stderr


def test_verify_unchanged__tells_an_object_that_changed(
    bucket: pa_fs.S3FileSystem, tmp_path: Path
) -> None:
    remote = fetch_ledger("s3://ledgers/2026/", tmp_path / "fetched")
    assert isinstance(remote, RemoteLedger)
    assert [one.relative for one in remote.objects] == [
        "customers.csv",
        "open_items.csv",
        "open_items_notes.txt",
    ]
    remote.verify_unchanged()
    put(bucket, "ledgers/2026/customers.csv", CUSTOMERS + "C2,DE\n")
    with pytest.raises(InputRefused, match=r"changed while it was being read.*customers\.csv"):
        remote.verify_unchanged()


def test_fetch_ledger__of_nothing_is_missing_input(
    bucket: pa_fs.S3FileSystem, tmp_path: Path
) -> None:
    for address in ("s3://ledgers/none", "s3://nowhere/2026"):
        with pytest.raises(InputMissing, match="s3://"):
            fetch_ledger(address, tmp_path / "fetched")
    result = run("s3://nowhere/2026", tmp_path)
    assert result.exit_code == 66
    assert "check --ledger" in result.stderr


def test_fetch_ledger__from_a_storage_that_is_not_there_asks_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("AWS Error NETWORK_CONNECTION with key topsecret")

    monkeypatch.setattr("encours.ledger.remote._file_system", unreachable)
    with pytest.raises(OutputBusy, match="try again") as caught:
        fetch_ledger("s3://ledgers/2026", tmp_path)
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["s3://key:secret@bucket/x", "s3://bucket/x?secret_key=secret", "s3:///x"]
)
def test_fetch_ledger__refuses_an_address_that_says_more_than_a_place(
    address: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationWrong) as caught:
        fetch_ledger(address, tmp_path)
    assert "secret" not in str(caught.value)


def test_az_address__needs_the_account_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationWrong, match="AZURE_STORAGE_ACCOUNT_NAME"):
        fetch_ledger("az://container/x", tmp_path)


def test_is_remote__knows_addresses_from_paths(tmp_path: Path) -> None:
    assert [is_remote(place) for place in ("s3://b/x", "gs://b", "az://c", tmp_path)] == [
        True,
        True,
        True,
        False,
    ]
