"""Whether a hold file is whole, right and next: what a consumer checks before it loads one.

Nothing is trusted that the file says of itself: its bytes are held against `control.json`, its
rows are counted and added up again, and where the run lies beside it `control.json` is held against
the manifest.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from encours.erp.hold_files import CHANGES, CONTROL, HOLDS, READABLE
from encours.publish import files
from encours.publish.manifest import read_manifest
from encours_schemas import ERP_FILES
from encours_schemas.errors import EncoursError, InputMissing, InputRefused
from encours_schemas.outputs import HOLD_ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_FACTS: Final[dict[str, type | tuple[type, ...]]] = {
    "run_id": str,
    "as_of": str,
    "currency": str,
    "follows": (str, type(None)),
    "position": int,
    "tells": bool,
    "changes": dict,
    "files": dict,
}
_FLAGS: Final = ("hold_orders", "hold_deliveries", "hold_production")


@dataclass(frozen=True, slots=True)
class HoldCheck:
    """What a check found: facts of the control file, the files looked at, and what is wrong."""

    run_id: str
    as_of: str
    follows: str | None
    position: int
    tells: bool
    checked: tuple[str, ...]
    problems: tuple[str, ...]


def check_hold_files(path: Path, *, last_run: str | None = None) -> HoldCheck:
    """Check one file of `erp/`, or all of them.

    path      a file, or the directory `erp`; `control.json` stands beside the file
    last_run  run id of the files that were loaded last; None: the chain is not looked at, and an
              empty text means that nothing was loaded yet

    Raises InputMissing (66) without a control file, InputRefused (65) for one that is none.
    """
    folder = path if path.is_dir() else path.parent
    control = _read_control(folder / CONTROL)
    listed: Mapping[str, Any] = control["files"]
    wanted = sorted(listed) if path.is_dir() or path.name == CONTROL else [path.name]
    problems = list(_control_problems(folder, control))
    for name in wanted:
        if name not in listed:
            problems.append(f"{name}: not listed in {CONTROL}: it is no file of this run")
            continue
        problems += [f"{name}: {each}" for each in _file_problems(folder / name, control)]
    if last_run is not None:
        problems += _chain_problems(control, last_run)
    return HoldCheck(
        control["run_id"],
        control["as_of"],
        control["follows"],
        control["position"],
        control["tells"],
        tuple(wanted),
        tuple(problems),
    )


def _read_control(path: Path) -> dict[str, Any]:
    """Read `control.json`, and refuse what is none."""
    try:
        facts = json.loads(files.read_bytes(path))
    except FileNotFoundError:
        raise InputMissing(
            what="there is no control file beside the hold file",
            where=str(path),
            cure="take the whole folder erp/; a run that waits for approval has none yet",
        ) from None
    except (OSError, ValueError) as error:
        raise _no_control(path, type(error).__name__) from None
    if not isinstance(facts, dict):
        raise _no_control(path, "no JSON object")
    for name, kind in _FACTS.items():
        if not isinstance(facts.get(name), kind):
            raise _no_control(path, f"no {name}")
    return facts


def _no_control(path: Path, found: str) -> InputRefused:
    return InputRefused(
        what="the control file of the hold files cannot be read",
        where=str(path),
        found=found,
        expected="the control.json of a run",
        cure="take the folder erp/ again: it may be torn",
    )


def _control_problems(folder: Path, control: Mapping[str, Any]) -> Iterator[str]:
    """Hold the control file against the manifest of its run, where that is at hand."""
    if not (folder.parent / files.MANIFEST_NAME).is_file():
        return
    try:
        manifest = read_manifest(folder.parent)
    except EncoursError as error:
        yield f"{CONTROL}: the manifest beside it cannot be read: {error.found}"
        return
    entries = [*manifest["outputs"], *manifest.get("erp", {}).get("files", [])]
    stated = [each["sha256"] for each in entries if each["file"] == f"erp/{CONTROL}"]
    if manifest["run_id"] != control["run_id"]:
        yield f"{CONTROL}: of run {control['run_id']}, in the directory of {manifest['run_id']}"
    elif stated != [hashlib.sha256(files.read_bytes(folder / CONTROL)).hexdigest()]:
        yield f"{CONTROL}: not the file that the run's manifest lists"


def _chain_problems(control: Mapping[str, Any], last_run: str) -> Iterator[str]:
    """Say whether these files come next after those that were loaded last."""
    if control["run_id"] == last_run:
        yield f"chain: run {last_run} was loaded already: loading it twice changes nothing, skip it"
    elif not control["tells"]:
        yield "chain: the run is older than the one told last: there is nothing to load"
    elif (control["follows"] or "") != last_run:
        yield (
            f"chain: follows run {control['follows'] or 'none'}, but "
            f"{last_run or 'none'} was loaded last: load the files between, or all of holds.csv"
        )


# -- one file --------------------------------------------------------------------------------------


def _file_problems(path: Path, control: Mapping[str, Any]) -> Iterator[str]:
    """Check the bytes of a file, then its rows."""
    stated = control["files"][path.name]
    try:
        data = files.read_bytes(path)
    except OSError as error:
        yield f"cannot be read: {error.strerror}"
        return
    if len(data) < stated["size"]:
        yield f"torn: {len(data)} bytes of {stated['size']}"
    elif len(data) > stated["size"]:
        yield f"{len(data)} bytes, expected {stated['size']}"
    if hashlib.sha256(data).hexdigest() != stated["sha256"]:
        yield "other bytes than the run wrote (SHA-256)"
    if path.name in {HOLDS, CHANGES, READABLE}:
        yield from _row_problems(path.name, data, control)


def _row_problems(name: str, data: bytes, control: Mapping[str, Any]) -> Iterator[str]:
    """Count and add up the rows of one of the contract's files."""
    columns = ERP_FILES[f"erp/{name.removesuffix('.csv')}"].names
    try:
        reader = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        yield f"no CSV: {type(error).__name__}"
        return
    if not rows or tuple(rows[0]) != columns:
        yield f"first line is not the header {','.join(columns)}"
        return
    uneven = next((at for at, row in enumerate(rows) if len(row) != len(columns)), None)
    if uneven is not None:
        yield f"line {uneven + 1} has {len(rows[uneven])} fields of {len(columns)}"
        return
    table = dict(zip(columns, zip(*rows[1:], strict=True), strict=True)) if rows[1:] else {}
    yield from _sum_problems(name, table, len(rows) - 1, control)
    if name == CHANGES:
        yield from _change_problems(table, control)


def _sum_problems(
    name: str, table: Mapping[str, Sequence[str]], count: int, control: Mapping[str, Any]
) -> Iterator[str]:
    """Compare rows, exposure and what every row says alike with the control file."""
    stated = control["files"][name]
    if count != stated["rows"]:
        yield f"{count} rows, expected {stated['rows']}"
    try:
        total = sum((Decimal(text) for text in table.get("exposure", ())), Decimal(0))
    except InvalidOperation:
        yield "an exposure that is no number"
    else:
        if total != Decimal(stated["exposure"]):
            yield f"exposures add up to {total}, expected {stated['exposure']}"
    for column in ("run_id", "as_of", "currency"):
        if set(table.get(column, ())) - {control[column]}:
            yield f"a row with another {column} than {control[column]}"
    for column in _FLAGS:
        if set(table.get(column, ())) - {"Y", "N"}:
            yield f"{column} with something else than Y and N"
    keys = list(zip(table.get("customer_id", ()), table.get("credit_segment", ()), strict=True))
    if len(set(keys)) != len(keys):
        yield "a customer and credit segment that stand there twice"


def _change_problems(
    table: Mapping[str, Sequence[str]], control: Mapping[str, Any]
) -> Iterator[str]:
    """Check the numbering and the actions of the changes."""
    sequence = list(table.get("sequence", ()))
    if sequence != [str(number) for number in range(1, len(sequence) + 1)]:
        yield "sequence does not run from 1 without a gap"
    actions = list(table.get("action", ()))
    if set(actions) - set(HOLD_ACTIONS):
        yield f"an action that is none of {', '.join(HOLD_ACTIONS)}"
    for action in HOLD_ACTIONS:
        if actions.count(action) != control["changes"].get(action):
            yield (
                f"{actions.count(action)} lines {action}, expected {control['changes'].get(action)}"
            )
