"""One machine code per kernel: every caller gives each kernel the same types and layouts.

A second signature would be compiled in the middle of a night, and cost its time every first run.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.sources import ROOT, modules

COUNT_SIGNATURES = """
import importlib, json, pkgutil, sys, tempfile
from datetime import timedelta
from pathlib import Path
from numba.core.registry import CPUDispatcher
import encours
import encours.kernels
from encours.explain.item import explain_items
from encours_schemas.configuration import Configuration
from tests.property.ledgers import build_case
from tests.property.limit_ledgers import build_limit_case
from tests.property.published import run_engine

cases = [
    (seed, only_format, build_case(seed, with_defects=seed % 4 != 0))
    for seed, only_format in ((1, "csv"), (4, "parquet"), (5, "parquet"), (8, None), (12, None))
]
cases += [(2, only_format, build_limit_case(2)) for only_format in ("csv", "parquet")]
for seed, only_format, case in cases:
    with tempfile.TemporaryDirectory() as place:
        run = run_engine(case, Path(place), seed, only_format=only_format, threads=2)
        named = {row["item_id"] for row in case.tables["open_items"] if row.get("item_id")}
        explain_items(run.directory, sorted(named))
        if seed == 1:  # a second night remembers the first
            fresh = case.configuration.get("fx", {}) | {"max_age_days": 999}
            encours.run(
                Path(place) / "ledger",
                case.as_of + timedelta(days=1),
                Path(place) / "out",
                Configuration.model_validate(case.configuration | {"fx": fresh}),
                extract_date=case.extract_date,
                threads=2,
            )
counts = {}
for module in pkgutil.iter_modules(encours.kernels.__path__, "encours.kernels."):
    for name, value in vars(importlib.import_module(module.name)).items():
        if isinstance(value, CPUDispatcher):
            counts[name] = [str(signature) for signature in value.signatures]
json.dump(counts, sys.stdout)
"""


def called_from_outside(names: set[str]) -> set[str]:
    """Name the kernels that a run of a canonical ledger calls, as opposed to other kernels."""
    elsewhere = (
        "engine/encours/kernels/",
        "engine/encours/explain/",
        "engine/encours/ledger/json_files.py",  # layouts alone read JSON
        "engine/encours/ledger/layouts/",
    )
    texts = [one.text for one in modules() if not one.path.startswith(elsewhere)]
    return {name for name in names if any(re.search(rf"\b{name}\(", text) for text in texts)}


@pytest.mark.skipif(
    bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="without the compiler nothing has signatures"
)
def test_kernels__are_compiled_once_each(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_SIGNATURES],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    signatures = json.loads(done.stdout)
    called = called_from_outside(set(signatures))
    assert {"match_shard", "assign_ids", "add_items", "settle_items", "hash_text"} <= called
    several = {name: signatures[name] for name in called if len(signatures[name]) > 1}
    assert not several, several
    unused = [name for name in called if not signatures[name]]
    assert not unused, f"the ledgers of this test never reach {unused}"
