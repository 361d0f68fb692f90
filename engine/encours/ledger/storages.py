"""The three object storages: where each is found, how long it is waited for, what it says.

Who may read is known to the environment or to the cloud's own chain (variables, profiles, the
machine's role) and to nobody else: keys are passed to the client and kept nowhere.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from encours_schemas.errors import ConfigurationWrong, EncoursError, InputMissing, OutputBusy

if TYPE_CHECKING:
    import pyarrow.fs as pa_fs

SCHEMES = ("s3", "gs", "az")
Given = TypeVar("Given")

# One call may list a ledger of very many folders; a storage that is there needs no such time.
_PATIENCE_SECONDS = 600.0
# Google's client alone would try again for a quarter of an hour.
_RETRY_SECONDS = 60.0

# The names that the storage's own tools and the common libraries read.
_ACCOUNT_VARIABLES = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")
_KEY_VARIABLES = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY")
_SAS_VARIABLE = "AZURE_STORAGE_SAS_TOKEN"
_ENDPOINT_VARIABLE = "AZURE_STORAGE_SERVICE_ENDPOINT"

# Each client has a form of its own for the storage's answer. Only that is looked at: a bucket or
# an object may be called 404.
_REFUSED = re.compile(
    r"AWS Error (ACCESS_DENIED|INVALID_|SIGNATURE|MISSING_AUTH|REQUEST_EXPIRED|UNRECOGNIZED_CLIENT)"
    r"|AWS Error UNKNOWN \(HTTP status 40[013]\)"
    r"|Status\((PERMISSION_DENIED|UNAUTHENTICATED|INVALID_ARGUMENT)"
    r"|Status\((?!UNAVAILABLE|DEADLINE)\w+: .*OAuth2 access token"
    r"|Azure Error: \[\w*\] 40[013]"
    r"|AuthenticationException|Base64 encoded"
)
_ABSENT = re.compile(
    r"AWS Error (NO_SUCH|RESOURCE_NOT_FOUND)|Status\(NOT_FOUND|Azure Error: \[\w*\] 404"
    r"|^No such file or directory|^Path does not exist"
)


def file_system(address: str) -> tuple[pa_fs.FileSystem, str]:
    """Give the file system of an address, and the path on it.

    Raises ConfigurationWrong when the environment does not name the account of an az:// address.
    """
    import pyarrow.fs as pa_fs

    scheme, _, rest = address.partition("://")
    base = rest.strip("/")
    if scheme == "s3":
        endpoint = _variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        region = _variable("AWS_REGION", "AWS_DEFAULT_REGION")
        return pa_fs.S3FileSystem(endpoint_override=endpoint, region=region), base
    if scheme == "gs":
        return pa_fs.GcsFileSystem(retry_time_limit=timedelta(seconds=_RETRY_SECONDS)), base
    account = _variable(*_ACCOUNT_VARIABLES)
    if account is None:
        raise ConfigurationWrong(
            what="the storage account of an az:// address is not known",
            where=address,
            expected=f"the environment variable {_ACCOUNT_VARIABLES[0]}",
        )
    return pa_fs.AzureFileSystem(account, **_azure_key(), **_azure_endpoint(account)), base


def _variable(*names: str) -> str | None:
    """Give the first of some environment variables that says anything."""
    return next((value for name in names if (value := os.environ.get(name))), None)


def _azure_key() -> dict[str, str]:
    """Give the account's key or a shared access signature; with neither, the chain is asked."""
    if key := _variable(*_KEY_VARIABLES):
        return {"account_key": key}
    if signature := _variable(_SAS_VARIABLE):
        # Without the question mark the client takes it for a part of the path.
        return {"sas_token": "?" + signature.removeprefix("?")}
    return {}


def _azure_endpoint(account: str) -> dict[str, str]:
    """Give where the account is, when the environment says so: a cloud of its own, an emulator."""
    endpoint = _variable(_ENDPOINT_VARIABLE)
    if endpoint is None:
        return {}
    where = urlsplit(endpoint)
    if not where.scheme or not where.netloc or "@" in where.netloc or where.query:
        raise ConfigurationWrong(
            what=f"{_ENDPOINT_VARIABLE} is no address of a blob service",
            expected=f"https://{account}.blob.core.windows.net",
        )
    authority = where.netloc
    if authority.startswith(f"{account}."):
        # The client puts the account before an authority that begins with a point, else behind it.
        authority = authority.removeprefix(account)
    return {
        "blob_storage_scheme": where.scheme,
        "blob_storage_authority": authority,
        "dfs_storage_scheme": where.scheme,
        "dfs_storage_authority": authority.replace(".blob.", ".dfs.", 1),
    }


def patiently(call: Callable[[], Given]) -> Given:
    """Give what a call of a client gives; raise TimeoutError when it gives nothing for too long.

    A client may wait for ever for a storage that accepts and then says nothing, and none can be
    interrupted: the thread is left to itself, and ends with the process.
    """
    given: Future[Given] = Future()

    def answer() -> None:
        try:
            given.set_result(call())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            given.set_exception(error)

    threading.Thread(target=answer, name="storage", daemon=True).start()
    return given.result(_PATIENCE_SECONDS)


@contextmanager
def telling(address: str) -> Iterator[None]:
    """Turn what a storage says into one error; its words may hold keys and are not shown."""
    try:
        yield
    except EncoursError:
        raise
    except Exception as error:  # noqa: BLE001 - clients of three clouds raise what they like
        words = str(error)
        if isinstance(error, FileNotFoundError) or _ABSENT.search(words):
            raise InputMissing(
                what="the ledger's address does not exist", where=address, cure="check --ledger"
            ) from None
        if isinstance(error, PermissionError) or _REFUSED.search(words):
            raise InputMissing(
                what="the ledger's address may not be read",
                where=address,
                found="the storage refuses access",
                expected="the right to list and read below the prefix",
                cure="check the keys in the environment, or the role of this machine",
            ) from None
        raise OutputBusy(
            what="the object storage does not answer",
            where=address,
            found=type(error).__name__,
            cure=_next_step(words),
        ) from None


def _next_step(words: str) -> str:
    """Say what to do: Google's client looks for a machine's role when there is no key at all."""
    if "OAuth2 access token" not in words:
        return "try again"
    return "try again; away from Google's machines GOOGLE_APPLICATION_CREDENTIALS names a key file"
