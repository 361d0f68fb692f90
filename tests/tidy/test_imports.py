"""Who imports whom: the contracts of pyproject.toml."""

import os
import subprocess
import sys
import tomllib

from tests.tidy.sources import PACKAGES, ROOT

LINT_IMPORTS = "from importlinter.cli import lint_imports_command as run; run()"


def test_contracts__are_kept() -> None:
    # In a process of its own: import-linter's logging setup silences every other logger.
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_contracts__have_a_place_for_every_part_of_the_engine() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = " ".join(contracts[1]["layers"])
    parts = {path.parent.name for path in PACKAGES["engine"].glob("*/__init__.py")}
    placed = set(layers.replace("(", " ").replace(")", " ").replace(":", " ").split())
    assert parts - {"kernels"} <= placed
    assert parts - {"kernels"} - {"report", "explain", "passes"} >= placed - {
        "report", "explain", "passes",
    }  # fmt: skip
    # Kernels stand beside the layers: every other part is closed to them by name.
    closed = {name.removeprefix("encours.") for name in contracts[2]["forbidden_modules"]}
    assert parts - {"kernels"} <= closed


def test_roots__are_packaged_under_names_of_their_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    build = project["tool"]["hatch"]["build"]
    assert build["dev-mode-dirs"] == list(PACKAGES)
    expected = [path.relative_to(ROOT).as_posix() for path in PACKAGES.values()]
    assert build["targets"]["wheel"]["packages"] == expected
    for folder, package in PACKAGES.items():
        assert (package / "py.typed").is_file()
        assert not (ROOT / folder / "__init__.py").exists()
