"""A tiny run to publish, and what must hold for an output at any time, for tests and forks."""

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from encours.calc.columns import money_array
from encours.publish import records
from encours.publish.commit import Publication, commit
from encours.publish.files import PublishedFile, write_published
from encours.publish.manifest import Manifest, build_manifest, make_run_id, read_manifest
from encours.publish.parquet import part_name, write_small_table
from encours.publish.runs import list_runs, verify_run
from encours.publish.staging import Staging

AS_OF = date(2026, 10, 31)


def items(variant: str) -> pa.Table:
    return pa.table(
        {
            "item_id": pa.array([f"{variant}-2", f"{variant}-1"]),
            "open_amount": money_array(np.array([1_500, -2_000])),
        }
    )


def facts(variant: str, outputs: list[PublishedFile], as_of: date = AS_OF) -> dict[str, Any]:
    inputs = [{"table": "open_items", "file": "open_items.csv", "size": 1, "rows": 2}]
    inputs[0]["sha256"] = hashlib.sha256(variant.encode()).hexdigest()
    configuration = {"reporting": {"currency": "EUR"}}
    run_id = make_run_id(as_of=as_of, inputs=inputs, configuration=configuration, previous_run=None)
    return {
        "run_id": run_id,
        "as_of": as_of,
        "configuration": configuration,
        "inputs": inputs,
        "rows": {"open_items": {"read": 2, "accepted": 2, "quarantined": 0, "kept": 0}},
        "items": {"open": 2},
        "controls": [{"name": "rows", "holds": True}],
        "control_totals": {"EUR": {"open_amount": "3.000"}},
        "outputs": outputs,
        "tables": {"items": 2},
        "rate_series": {},
        "warnings": [],
        "quarantine": {},
        "timing": {"wall_seconds": {"read": 0.25}},
    }


def run_id_of(variant: str, as_of: date = AS_OF) -> str:
    return str(facts(variant, [], as_of)["run_id"])


def stage(staging: Staging, variant: str) -> Manifest:
    table = staging.table_directory("items") / part_name(0)
    holds = staging.table_directory("erp") / "holds.csv"
    outputs = [
        write_small_table(table, items(variant), ("item_id",)),
        write_published(holds, f"run_id\n{variant}\n".encode(), rows=1),
        write_published(staging.directory / "report.html", variant.encode()),
    ]
    (staging.spill / "shard").write_bytes(b"scratch")
    return build_manifest(facts(variant, outputs, staging.as_of))


def publish(
    output: Path,
    variant: str,
    *,
    revise: bool = False,
    as_of: date = AS_OF,
    before_commit: Callable[[], object] = lambda: None,
) -> Publication:
    with Staging(output, as_of, revise=revise) as staging:
        manifest = stage(staging, variant)
        before_commit()
        return commit(staging, manifest, revise=revise)


def visible_run(output: Path, as_of: date = AS_OF) -> str | None:
    """Give the run id that a reader sees, after proving that what it sees is whole."""
    directory = records.published_directory(output, as_of)
    if not directory.exists():
        return None
    assert verify_run(directory) == []
    return str(read_manifest(directory)["run_id"])


def content(directory: Path) -> dict[str, str]:
    """Give the digest of every file below a directory; of manifests what their digest covers."""
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.name == "manifest.json":
            found[str(path.relative_to(directory))] = read_manifest(path.parent)["digest"]
        elif path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(directory))] = digest
    return found


def check_settled(output: Path, history: list[str]) -> None:
    """Assert that nothing is left over and that the records tell this history of run ids."""
    assert list(records.staging_root(output).iterdir()) == []
    assert records.read_claim(output) is None
    assert [each.run_id for each in records.list_records(output)] == history
    assert records.broken_links(output) == []
    superseded = output / records.STATE / "superseded"
    kept = sorted(path.name for path in superseded.iterdir()) if superseded.exists() else []
    assert kept == sorted(history[:-1])
    for name in kept:
        assert read_manifest(superseded / name)["run_id"] == name
    assert [run.revision for run in list_runs(output)] == [len(history)]
