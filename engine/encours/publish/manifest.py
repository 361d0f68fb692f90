"""The manifest of a run: what went in, what came out, and the totals that tie both together.

A run's manifest is the last file written and the first one read: what it does not list is not part
of the run. Amounts are texts, because JSON numbers are binary fractions to most readers. The
section `timing` says how this very execution went; no digest covers it, so that the same night
again gives the same digest.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any, Final

from encours.publish.files import MANIFEST_NAME, PublishedFile, read_bytes, write_synced
from encours_schemas import CONTRACT_VERSION
from encours_schemas.errors import InputRefused

Manifest = dict[str, Any]

TIMING: Final = "timing"
DIGEST: Final = "digest"
RUN_ID_DIGITS: Final = 16

# What a run states about itself, each with the type of its JSON value. More may be added.
_FIELDS: Final[dict[str, type]] = {
    "run_id": str,
    "as_of": str,
    "configuration": dict,
    "inputs": list,
    "rows": dict,
    "items": dict,
    "controls": list,
    "control_totals": dict,
    "outputs": list,
    "tables": dict,
    "rate_series": dict,
    "warnings": list,
    "quarantine": dict,
    TIMING: dict,
}
_OUTPUT_FIELDS: Final = frozenset({"table", "file", "rows", "size", "sha256"})


@cache
def engine_version() -> str:
    """Give the version of the installed package."""
    return metadata.version("encours")


def make_run_id(
    *,
    as_of: date,
    inputs: Iterable[Mapping[str, object]],
    configuration: Mapping[str, object],
    previous_run: str | None,
    follows: str | None = None,
) -> str:
    """Give the id that this run has every time it is made from the same things.

    inputs        entries of the manifest; table, file and sha256 count
    previous_run  id of the latest run of an earlier date, None for the first
    follows       id of the run that the ERP was told before this one, None where there is none
    """
    named = ("table", "file", "sha256")
    sources = sorted([str(each[name]) for name in named] for each in inputs)
    facts = {
        "as_of": as_of,
        "configuration": configuration,
        "contract_version": CONTRACT_VERSION,
        "engine_version": engine_version(),
        "inputs": sources,
        "previous_run": previous_run,
        "follows": follows,
    }
    return hashlib.sha256(canonical(facts)).hexdigest()[:RUN_ID_DIGITS]


def build_manifest(facts: Mapping[str, object]) -> Manifest:
    """Give the complete manifest for the facts of a run, ready to be written.

    Dates, decimals, paths, enums, tuples and `PublishedFile` become JSON values. A missing or
    mistyped fact, and a float outside `timing`, are defects of ours: ValueError.
    """
    manifest: Manifest = _jsonable(
        {"previous_run": None}
        | dict(facts)
        | {"contract_version": CONTRACT_VERSION, "engine_version": engine_version()}
    )
    for name, kind in _FIELDS.items():
        if not isinstance(manifest.get(name), kind):
            message = f"manifest: {name} is missing or not a {kind.__name__}"
            raise ValueError(message)  # noqa: TRY004 - absent or mistyped is the same slip
    for entry in manifest["outputs"]:
        if set(entry) != _OUTPUT_FIELDS:
            message = f"manifest: outputs has an entry of {sorted(entry)}"
            raise ValueError(message)
    manifest["outputs"].sort(key=lambda entry: str(entry["file"]))
    manifest[DIGEST] = manifest_digest(manifest)
    return manifest


def manifest_digest(manifest: Mapping[str, object]) -> str:
    """Give the SHA-256 over everything but `timing` and the digest itself."""
    covered = {name: value for name, value in manifest.items() if name not in {TIMING, DIGEST}}
    return hashlib.sha256(canonical(covered)).hexdigest()


def canonical(value: object) -> bytes:
    """Give the one JSON text of a value: keys sorted, no blanks, UTF-8. A float is a ValueError."""
    text = json.dumps(
        _jsonable(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    return text.encode()


def pretty(value: object) -> bytes:
    """Give the JSON text of a value for people and machines: keys sorted, one fact a line."""
    text = json.dumps(
        _jsonable(value), sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False
    )
    return text.encode() + b"\n"


def amount_of(milli: int) -> str:
    """Give thousandths as an amount in text, with three decimals."""
    return format(Decimal(milli).scaleb(-3), "f")


def write_manifest(directory: Path, manifest: Manifest) -> str:
    """Write `manifest.json`, sync it and give the SHA-256 of the file."""
    text = json.dumps(manifest, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False)
    data = text.encode() + b"\n"
    write_synced(directory / MANIFEST_NAME, data)
    return hashlib.sha256(data).hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """Give the manifest of a run's directory; `InputRefused` where there is none that we know."""
    path = directory / MANIFEST_NAME
    try:
        manifest = json.loads(read_bytes(path))
    except (OSError, ValueError) as error:
        raise InputRefused(
            what="the manifest of a published run cannot be read",
            where=str(path),
            found=_shape_of(error),
            expected="a manifest.json that this engine wrote",
            cure="restore it, or move the directory away",
        ) from error
    wrong = _first_wrong(manifest)
    if wrong:
        raise InputRefused(
            what="the manifest of a published run is not one that this engine knows",
            where=str(path),
            found=wrong,
            expected=f"contract version {CONTRACT_VERSION}",
            cure="use the engine that wrote it, or move the directory away",
        )
    known: Manifest = manifest
    return known


def manifest_sha256(directory: Path) -> str | None:
    """Give the SHA-256 of the manifest's file; None where there is no such file."""
    try:
        return hashlib.sha256(read_bytes(directory / MANIFEST_NAME)).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _shape_of(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "text that is not JSON"


def _first_wrong(manifest: object) -> str:
    if not isinstance(manifest, dict):
        return "no JSON object"
    if manifest.get("contract_version") != CONTRACT_VERSION:
        return f"contract version {manifest.get('contract_version')!r}"
    for name, kind in _FIELDS.items():
        if not isinstance(manifest.get(name), kind):
            return f"no {name}"
    return ""


def _jsonable(value: object, *, floats: bool = False) -> Any:  # noqa: ANN401 - JSON is untyped
    """Give the JSON value of a fact; floats pass inside `timing` only."""
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Mapping):
        return {
            _key(name): _jsonable(each, floats=floats or name == TIMING)
            for name, each in value.items()
        }
    if isinstance(value, PublishedFile):
        return value.as_dict()
    if isinstance(value, list | tuple | set | frozenset):
        ordered = sorted(value) if isinstance(value, set | frozenset) else value
        return [_jsonable(each, floats=floats) for each in ordered]
    if isinstance(value, float) and floats:
        return value
    return _text(value)


def _text(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return value.as_posix()
    if hasattr(value, "__index__"):
        return value.__index__()
    message = f"manifest: a {type(value).__name__} has no exact text"
    raise ValueError(message)


def _key(name: object) -> str:
    text = _text(name) if not isinstance(name, str) or isinstance(name, Enum) else name
    return str(text)
