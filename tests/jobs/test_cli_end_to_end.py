"""The commands one after another on one small ledger, as on a night and the morning after."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from encours_jobs.cli import main

AS_OF = "2026-10-31"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("night") / "ledger"
    result = call("generate", "--items", 600, "--out", directory, "--seed", 7, "--as-of", AS_OF)
    assert result.exit_code == 0, result.stderr
    assert re.search(r"open_items +600 rows", result.stdout)
    return directory


@pytest.fixture(scope="module")
def output(ledger: Path) -> Path:
    return ledger.parent / "out"


@pytest.fixture(scope="module")
def night(ledger: Path, output: Path) -> Result:
    return call("run", "--ledger", ledger, "--as-of", AS_OF, "--out", output)


def test_generate__refuses_a_directory_that_holds_something(ledger: Path) -> None:
    result = call("generate", "--items", 10, "--out", ledger)
    assert result.exit_code == 73
    assert "not empty" in result.stderr


def test_generate__plants_defects_and_says_which(tmp_path: Path) -> None:
    place = ("--out", tmp_path / "ledger", "--seed", 7, "--as-of", AS_OF)
    result = call("generate", "--items", 600, *place, "--defects")
    assert result.exit_code == 0, result.stderr
    planted = json.loads((tmp_path / "ledger" / "planted_defects.json").read_text("utf-8"))
    counts = [rows for part in ("quarantined", "kept") for rows in planted[part].values()]
    total = sum(sum(reasons.values()) for reasons in counts)
    assert f"{total} bad rows were planted" in result.stdout
    assert planted["quarantined"]["open_items"]["duplicate_key"] >= 1


def test_generate__takes_the_share_of_bad_rows(tmp_path: Path) -> None:
    counts = []
    for share in ("0.01", "0.1"):
        out = tmp_path / share
        result = call("generate", "--items", 3000, "--out", out, "--defects", share)
        assert result.exit_code == 0, result.stderr
        planted = json.loads((out / "planted_defects.json").read_text("utf-8"))
        counts.append(sum(planted["quarantined"]["open_items"].values()))
    assert counts[0] < counts[1]
    assert counts[1] >= 3000 * 0.05


def test_run__publishes_and_sums_up(night: Result, output: Path) -> None:
    assert night.exit_code == 0, night.stderr
    directory = output / f"as_of={AS_OF}"
    assert (directory / "manifest.json").is_file()
    assert night.stdout.startswith(f"Receivables as of {AS_OF}\n")
    assert f"Published in {directory}" in night.stdout
    assert "is published" in night.stderr.splitlines()[-1]
    assert "Traceback" not in night.stderr


def test_run__again_publishes_nothing_and_succeeds(
    night: Result, ledger: Path, output: Path
) -> None:
    manifest = output / f"as_of={AS_OF}" / "manifest.json"
    before = manifest.stat().st_mtime_ns
    result = call("run", "--ledger", ledger, "--as-of", AS_OF, "--out", output)
    assert result.exit_code == 0, result.stderr
    assert "was published already" in result.stderr
    assert result.stdout == night.stdout
    assert manifest.stat().st_mtime_ns == before


def test_run__quiet_says_nothing_but_warnings(night: Result, ledger: Path, output: Path) -> None:
    assert night.exit_code == 0
    result = call("run", "--ledger", ledger, "--as-of", AS_OF, "--out", output, "--quiet")
    assert result.exit_code == 0
    assert result.stdout == ""
    levels = {line.split()[1] for line in result.stderr.splitlines()}
    assert levels <= {"warning"}


def test_run__with_another_configuration_needs_revise(
    night: Result, ledger: Path, output: Path
) -> None:
    assert night.exit_code == 0
    arguments = ("run", "--ledger", ledger, "--as-of", AS_OF, "--out", output)
    result = call(*arguments, "--max-rejected", "0.5")
    assert result.exit_code == 73
    assert "--revise" in result.stderr


def test_runs__list_the_night(night: Result, output: Path) -> None:
    assert night.exit_code == 0
    (record,) = json.loads(call("runs", "--out", output, "--format", "json").stdout)
    assert record["as_of"] == AS_OF
    assert record["directory"] == str(output / f"as_of={AS_OF}")
    text = call("runs", "--out", output).stdout
    assert f"{AS_OF}  run {record['run_id']}" in text
    assert "open: " in text


def test_verify__finds_a_run_intact_and_tells_damage(night: Result, output: Path) -> None:
    assert night.exit_code == 0
    directory = output / f"as_of={AS_OF}"
    result = call("verify", directory)
    assert result.exit_code == 0, result.stderr
    assert "is intact" in result.stdout
    damaged = next((directory / "ageing").glob("*.parquet"))
    whole = damaged.read_bytes()
    damaged.chmod(0o640)
    damaged.write_bytes(whole[:-1])
    try:
        result = call("verify", directory)
    finally:
        damaged.write_bytes(whole)
    assert result.exit_code == 70
    assert "ageing/" in result.stdout
    assert "not what was published" in result.stderr


def test_validate__counts_rows_and_publishes_nothing(ledger: Path, tmp_path: Path) -> None:
    result = call("validate", "--ledger", ledger, "--as-of", AS_OF, "--out", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert re.search(r"open_items +600 ", result.stdout)
    assert not list(tmp_path.glob("as_of=*"))


def test_run__of_a_ledger_that_is_not_there_is_input_missing(tmp_path: Path) -> None:
    result = call("run", "--ledger", tmp_path / "x", "--as-of", AS_OF, "--out", tmp_path / "out")
    assert result.exit_code == 66
    assert str(tmp_path / "x") in result.stderr


def test_runs__of_an_output_that_is_not_there_is_input_missing(tmp_path: Path) -> None:
    assert call("runs", "--out", tmp_path / "x").exit_code == 66


def test_verify__of_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    assert call("verify", tmp_path).exit_code in {65, 66}
