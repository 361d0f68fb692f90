"""Ledgers in object storage, read from servers that speak S3, Google's and Azure's and run here."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import moto.settings
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from moto.server import ThreadedMotoServer

from encours.ledger import remote, sources, storages
from encours.ledger.remote import RemoteLedger, fetch_ledger, is_remote
from encours_jobs.cli import main
from encours_schemas.errors import (
    ConfigurationWrong,
    EncoursError,
    InputMissing,
    InputRefused,
    OutputBusy,
)
from tests.ledger.azure_server import ACCOUNT, KEY, SIGNATURE, AzureServer
from tests.ledger.google_server import started_google_server, written_credentials

HEADER = "item_id,customer_id,document_type,document_date,due_date,currency,amount\n"
FILES = {
    # A folder per company, names that an address must write in other signs, and a row to refuse.
    "open_items/company_code=A/part 1.csv": HEADER
    + "I1,C1,invoice,2026-01-01,2026-01-31,EUR,100.00\n"
    + "I2,C1,invoice,2026-13-01,2026-02-28,EUR,50.00\n",
    "open_items/company_code=B%20&C/é+%20#?;.csv": HEADER
    + "I3,C1,invoice,2026-01-01,2026-02-28,EUR,70.00\n",
    "allocations/1.csv": "item_id,value_date,amount\nI1,2026-03-01,10.00\n",
    "allocations/2.csv": "item_id,value_date,amount\nI3,2026-03-02,20.00\n",
    "customers.csv": "customer_id,country\nC1,FR\n",
    "customers_notes.txt": "no table",
}
HIDDEN = {"_SUCCESS": "", ".staging/customers.csv": "half a file"}

# Every key, token and signature of these tests has it, or is one of the two others.
SECRETS = ("topsecret", KEY, SIGNATURE.rpartition("=")[2])
WRONG_KEY = "dG9wc2VjcmV0IGJ1dCB3cm9uZw=="

azure = AzureServer()
buckets = (f"ledgers-{number}" for number in itertools.count())


class Store(NamedTuple):
    """A storage with one ledger in it, and the environment that leads there.

    endpoint  the variable that says where it is, when it is not the cloud's own
    wrong     environments that it refuses, and the bucket that is asked for
    """

    address: str
    files: pa_fs.FileSystem
    endpoint: str
    wrong: dict[str, tuple[dict[str, str], str]]

    @property
    def base(self) -> str:
        return self.address.partition("://")[2]

    def put(self, name: str, text: str) -> None:
        with self.files.open_output_stream(f"{self.base}/{name}") as sink:
            sink.write(text.encode())

    def drop(self, name: str) -> None:
        if self.address.startswith("az"):  # its client takes a lease first, which is no reading
            bucket, _, prefix = self.base.partition("/")
            del azure.containers[bucket][f"{prefix}/{name}"]
        else:
            self.files.delete_file(f"{self.base}/{name}")


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


def served(server: HTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def gs_server() -> Iterator[str]:
    yield from served(started_google_server())


@pytest.fixture(scope="module")
def az_server() -> Iterator[str]:
    yield from served(azure.started())


def s3_store(server: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "topsecret identity")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    files = pa_fs.S3FileSystem(
        endpoint_override=server, region="eu-west-1", allow_bucket_creation=True
    )
    return Store(f"s3://{bucket}/2026", files, "AWS_ENDPOINT_URL", {"key": ({}, bucket)})


def gs_store(server: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    variable = "GOOGLE_APPLICATION_CREDENTIALS"
    monkeypatch.setenv(variable, str(written_credentials(tmp_path / "key.json", server)))
    monkeypatch.setenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", server)
    wrong = written_credentials(tmp_path / "wrong.json", server, "topsecret but wrong")
    (tmp_path / "broken.json").write_text('{"refresh_token": "topsecret')
    files = pa_fs.GcsFileSystem(project_id="encours", retry_time_limit=timedelta(seconds=5))
    refused = {
        "token": ({variable: str(wrong)}, bucket),
        "broken key file": ({variable: str(tmp_path / "broken.json")}, bucket),
        "no key file": ({variable: str(tmp_path / "topsecret.json")}, bucket),
        "no right": ({}, "forbidden"),
    }
    return Store(f"gs://{bucket}/2026", files, "CLOUD_STORAGE_EMULATOR_ENDPOINT", refused)


def az_store(server: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    monkeypatch.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", f"{server}/{ACCOUNT}")
    authority = server.removeprefix("http://")
    files = pa_fs.AzureFileSystem(
        ACCOUNT,
        account_key=KEY,
        blob_storage_scheme="http",
        blob_storage_authority=authority,
        dfs_storage_scheme="http",
        dfs_storage_authority=authority,
    )
    refused = {
        "key": ({"AZURE_STORAGE_KEY": WRONG_KEY}, bucket),
        "no key": ({"AZURE_STORAGE_KEY": "topsecret"}, bucket),
        "signature": (
            {"AZURE_STORAGE_KEY": "", "AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=topsecret"},
            bucket,
        ),
        # The chain's tokens are not sent without TLS.
        "nothing": ({"AZURE_STORAGE_KEY": ""}, bucket),
    }
    return Store(f"az://{bucket}/2026", files, "AZURE_STORAGE_SERVICE_ENDPOINT", refused)


@pytest.fixture(params=[s3_store, gs_store, az_store], ids=["s3", "gs", "az"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    server = request.getfixturevalue(f"{request.param.__name__.partition('_')[0]}_server")
    made: Store = request.param(server, next(buckets), tmp_path, monkeypatch)
    made.files.create_dir(made.base.partition("/")[0])
    for name, text in (FILES | HIDDEN).items():
        made.put(name, text)
    with made.files.open_output_stream(f"{made.base}-old/customers.csv") as neighbour:
        neighbour.write(b"another ledger, whose prefix begins with this one's")
    return made


def run(address: str, tmp_path: Path, out: str = "out") -> Result:
    (tmp_path / "encours.toml").write_text(
        '[defaults]\ncreditor_country = "FR"\n[input]\nmax_rejected = 0.5\n'
    )
    arguments = ["--ledger", address, "--out", str(tmp_path / out), "--as-of", "2026-06-30"]
    return CliRunner().invoke(main, ["run", *arguments, "--config", str(tmp_path / "encours.toml")])


def published(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def told(result: Result, out: Path) -> str:
    """Give all that a run says and writes, tables as text."""
    texts = [result.output, result.stderr]
    for name, content in published(out).items():
        readable = str(pq.read_table(out / name)) if name.endswith(".parquet") else content.decode()
        texts += [name, readable]
    return "\n".join(texts)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the run of the same files from a disk."""
    place = tmp_path_factory.mktemp("local")
    for name, text in FILES.items():
        (place / "ledger" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "ledger" / name).write_bytes(text.encode())
    result = run(str(place / "ledger"), place)
    assert result.exit_code == 0, result.stderr
    return place / "out"


def test_run__on_an_address_is_the_run_of_the_same_local_files(
    store: Store, local: Path, tmp_path: Path
) -> None:
    result = run(store.address, tmp_path)
    assert result.exit_code == 0, result.stderr
    here, there = tables(local), tables(tmp_path / "out")
    assert there == here
    assert {"items/part-00000.parquet", "quarantine/part-00000.parquet"} <= here.keys()
    assert facts(tmp_path / "out") == facts(local)
    text = told(result, tmp_path / "out")
    assert "part 1.csv" in text, "the quarantine names the object"
    assert not [secret for secret in SECRETS if secret in text]


def tables(out: Path) -> dict[str, bytes]:
    found = published(out / "as_of=2026-06-30")
    del found["manifest.json"]
    return found


def facts(out: Path) -> dict[str, Any]:
    """Give the manifest without the clock's part; the run's id is in it."""
    manifest: dict[str, Any] = json.loads((out / "as_of=2026-06-30/manifest.json").read_text())
    assert manifest.pop("timing")
    return manifest


def test_az_run__with_a_shared_access_signature(
    az_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = az_store(az_server, next(buckets), tmp_path, monkeypatch)
    store.files.create_dir(store.base.partition("/")[0])
    store.put("customers.csv", FILES["customers.csv"])
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    for number, signature in enumerate((SIGNATURE, f"?{SIGNATURE}")):
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", signature)
        fetched = fetch_ledger(store.address, tmp_path / str(number))
        assert [one.relative for one in fetched.objects] == ["customers.csv"]


CHANGES: dict[str, Callable[[Store], None]] = {
    "longer": lambda store: store.put("customers.csv", FILES["customers.csv"] + "C2,DE\n"),
    "more": lambda store: store.put("customers/more.csv", FILES["customers.csv"]),
    "less": lambda store: store.drop("customers.csv"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_verify_unchanged__tells_an_object_that_changed(
    change: Callable[[Store], None], store: Store, tmp_path: Path
) -> None:
    fetched = fetch_ledger(store.address + "/", tmp_path / "fetched")
    assert [one.relative for one in fetched.objects] == sorted(FILES)
    fetched.verify_unchanged()
    change(store)
    with pytest.raises(InputRefused, match=r"changed while it was being read.*customers"):
        fetched.verify_unchanged()


def test_run__publishes_nothing_when_an_object_changed_meanwhile(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched_and_changed(address: str, target: Path) -> RemoteLedger:
        fetched = fetch_ledger(address, target)
        # As long as before: the time alone tells.
        time.sleep(1.1)
        store.put("customers.csv", FILES["customers.csv"].replace("FR", "DE"))
        return fetched

    monkeypatch.setattr(sources, "fetch_ledger", fetched_and_changed)
    result = run(store.address, tmp_path)
    assert result.exit_code == 65
    assert "changed while it was being read" in result.stderr
    assert not (tmp_path / "out/as_of=2026-06-30").exists()


def test_run__on_nothing_is_missing_input(store: Store, tmp_path: Path) -> None:
    scheme = store.address.partition("://")[0]
    bucket = store.base.partition("/")[0]
    for address in (f"{scheme}://{bucket}/none", f"{scheme}://nowhere/2026", f"{scheme}://nowhere"):
        result = run(address, tmp_path)
        assert result.exit_code == 66, result.stderr
        assert f"does not exist: {address}; check --ledger" in result.stderr


def test_run__with_keys_that_are_refused_is_missing_input(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server of S3 asks for rights only when it is told to.
    monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0.0)
    for case, (environment, bucket) in store.wrong.items():
        with monkeypatch.context() as changed:
            for name, value in environment.items():
                changed.setenv(name, value)
            result = run(f"{store.address.partition('://')[0]}://{bucket}/2026", tmp_path)
        assert result.exit_code == 66, (case, result.stderr)
        assert "may not be read" in result.stderr, case
        assert "check the keys in the environment" in result.stderr, case
        text = told(result, tmp_path / "out")
        assert not [secret for secret in (*SECRETS, WRONG_KEY) if secret in text], case


@pytest.mark.parametrize("is_listening", [False, True], ids=["closed", "silent"])
def test_run__on_a_storage_that_does_not_answer_asks_to_try_again(
    is_listening: bool, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storages, "_RETRY_SECONDS", 1.0)
    # Where nobody listens the client itself gives up.
    monkeypatch.setattr(storages, "_PATIENCE_SECONDS", 2.0 if is_listening else 60.0)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if is_listening:
            server.listen()
        port = server.getsockname()[1]
        monkeypatch.setenv(store.endpoint, f"http://127.0.0.1:{port}")
        result = run(store.address, tmp_path)
    assert result.exit_code == 75, result.stderr
    assert f"does not answer: {store.address}" in result.stderr
    assert "try again" in result.stderr
    assert not [secret for secret in SECRETS if secret in told(result, tmp_path / "out")]


def test_fetch_ledger__without_an_answer_from_the_giver_of_tokens_asks_to_try_again(
    gs_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gs_store(gs_server, "any", tmp_path, monkeypatch)
    key = written_credentials(tmp_path / "key.json", "http://127.0.0.1:1")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    monkeypatch.setattr(storages, "_RETRY_SECONDS", 1.0)
    with pytest.raises(OutputBusy, match=r"try again; .*GOOGLE_APPLICATION_CREDENTIALS"):
        fetch_ledger("gs://any/2026", tmp_path / "fetched")


def test_fetch_ledger__copies_every_block(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_BLOCK_BYTES", 1000)
    text = "".join(f"{number}\n" for number in range(2500))
    store.put("customers_long.txt", text)
    store.put("customers_empty.txt", "")
    fetch_ledger(store.address, tmp_path / "fetched")
    assert (tmp_path / "fetched/customers_long.txt").read_text() == text
    assert (tmp_path / "fetched/customers_empty.txt").read_text() == ""


def test_fetch_ledger__refuses_names_that_no_disk_takes(store: Store, tmp_path: Path) -> None:
    store.put(f"{'n' * 300}.csv", "too long for a file's name")
    with pytest.raises(InputRefused, match=r"an object's name is no file name.*rename the object"):
        fetch_ledger(store.address, tmp_path / "fetched")


def test_fetch_ledger__refuses_a_folder_without_a_name(
    az_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = az_store(az_server, next(buckets), tmp_path, monkeypatch)
    bucket = store.base.partition("/")[0]
    store.files.create_dir(bucket)
    store.put("customers.csv", FILES["customers.csv"])
    azure.containers[bucket]["2026//1.csv"] = azure.containers[bucket]["2026/customers.csv"]
    with pytest.raises(InputRefused, match="without empty parts"):
        fetch_ledger(store.address, tmp_path / "fetched")


def test_fetch_ledger__refuses_an_object_whose_name_is_also_a_folder(
    az_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = az_store(az_server, next(buckets), tmp_path, monkeypatch)
    store.files.create_dir(store.base.partition("/")[0])
    store.put("customers", "an object")
    store.put("customers/1.csv", FILES["customers.csv"])
    with pytest.raises(InputRefused, match="rename the object"):
        fetch_ledger(store.address, tmp_path / "fetched")


ANSWERS = {
    "AWS Error ACCESS_DENIED during ListObjectsV2 operation: Access Denied": InputMissing,
    "AWS Error UNKNOWN (HTTP status 400) during ListObjectsV2: ExpiredToken": InputMissing,
    "AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation: does not exist": InputMissing,
    "AWS Error UNKNOWN (HTTP status 503) during ListObjectsV2 operation: SlowDown": OutputBusy,
    "google::cloud::Status(PERMISSION_DENIED: Permanent error, with": InputMissing,
    "google::cloud::Status(NOT_FOUND: Permanent error, with": InputMissing,
    "No such file or directory 'bucket/none'": InputMissing,
    "http://host/account/b Azure Error: [AuthorizationPermissionMismatch] 403 no": InputMissing,
    "AuthenticationExceptionE: Failed to get token from DefaultAzureCredential.": InputMissing,
    # A bucket or an object may be called as an answer is.
    "objects under key '403/404/' in bucket '404': AWS Error NETWORK_CONNECTION": OutputBusy,
    "google::cloud::Status(UNAVAILABLE: Retry policy exhausted, last message of 403": OutputBusy,
    "http://host/account/404 Azure Error: [ServerBusy] 503 busy": OutputBusy,
}


@pytest.mark.parametrize(("words", "meant"), ANSWERS.items(), ids=range(len(ANSWERS)))
def test_telling__reads_the_answer_and_nothing_around_it(
    words: str, meant: type[EncoursError]
) -> None:
    with pytest.raises(meant) as caught, storages.telling("s3://bucket/2026"):
        raise OSError(words)
    assert words not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "blob", "lake"),
    [
        ("http://127.0.0.1:10000/acc", "127.0.0.1:10000", "127.0.0.1:10000"),
        ("https://acc.blob.core.example.cn/", ".blob.core.example.cn", ".dfs.core.example.cn"),
        ("https://acc.privatelink.example", ".privatelink.example", ".privatelink.example"),
    ],
)
def test_azure_endpoint__is_told_as_the_client_wants_it(
    endpoint: str, blob: str, lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", endpoint)
    told_as = storages._azure_endpoint("acc")
    assert told_as["blob_storage_scheme"] == endpoint.partition(":")[0]
    assert (told_as["blob_storage_authority"], told_as["dfs_storage_authority"]) == (blob, lake)


@pytest.mark.parametrize(
    "endpoint", ["acc.blob.core", "https://topsecret@host", "https://h/?topsecret"]
)
def test_azure_endpoint__that_is_none_is_refused(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", endpoint)
    with pytest.raises(ConfigurationWrong, match="AZURE_STORAGE_SERVICE_ENDPOINT") as caught:
        storages._azure_endpoint("acc")
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
