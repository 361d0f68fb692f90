import json
import random
from pathlib import Path

import pytest

from encours.publish.hold_check import check_hold_files
from encours_schemas.errors import InputMissing, InputRefused
from tests.erp.nights import FIRST, Ledger, tell


@pytest.fixture
def erp(output: Path) -> Path:
    ledger = Ledger({("A", "ALL"): 1, ("B,1", "ALL"): 3, ('C"\n', "EU"): 4}, (("D", "ALL"),))
    return tell(output, FIRST, ledger).directory / "erp"


FILES = ("hold_changes.csv", "holds.csv", "holds_readable.csv")


def test_check__of_whole_files_finds_nothing(erp: Path) -> None:
    for path in (erp, erp / "control.json", *(erp / name for name in FILES)):
        assert check_hold_files(path).problems == ()
    assert check_hold_files(erp).checked == FILES
    assert check_hold_files(erp / "holds.csv").checked == ("holds.csv",)


@pytest.mark.parametrize("name", FILES)
def test_check__finds_a_file_torn_anywhere(erp: Path, name: str) -> None:
    data = (erp / name).read_bytes()
    for length in range(len(data)):
        (erp / name).write_bytes(data[:length])
        problems = check_hold_files(erp / name).problems
        assert problems[0] == f"{name}: torn: {length} bytes of {len(data)}"


@pytest.mark.parametrize("name", FILES)
def test_check__finds_every_changed_byte(erp: Path, name: str) -> None:
    data = bytearray((erp / name).read_bytes())
    draw = random.Random(5)
    for _ in range(60):
        place, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
        data[place] ^= bit
        (erp / name).write_bytes(data)
        assert check_hold_files(erp / name).problems, (place, bit)
        data[place] ^= bit


def loaded_as(erp: Path, name: str, data: bytes) -> list[str]:
    """Give the problems of a file whose size and digest somebody made fit."""
    import hashlib

    (erp / name).write_bytes(data)
    control = json.loads((erp / "control.json").read_bytes())
    control["files"][name] |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (erp / "control.json").write_bytes(json.dumps(control).encode())
    found = check_hold_files(erp / name).problems
    assert found[0] == "control.json: not the file that the run's manifest lists"
    return [each.removeprefix(f"{name}: ") for each in found[1:]]


def test_check__counts_rows_and_adds_them_up_again(erp: Path) -> None:
    lines = (erp / "hold_changes.csv").read_bytes().splitlines(keepends=True)
    missing = b"".join(lines[:1] + lines[2:])
    problems = loaded_as(erp, "hold_changes.csv", missing)
    assert problems[0] == "2 rows, expected 3"
    assert problems[1].startswith("exposures add up to ")
    assert "sequence does not run from 1 without a gap" in problems
    assert "2 lines BLOCK, expected 3" in problems


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b",1.000,", b",1.001,", "exposures add up to 3.031, expected 3.030"),
        (b",1.000,", b",x,", "an exposure that is no number"),
        (b"BLOCK", b"LOCK", "an action that is none of BLOCK, CHANGE, RELEASE"),
        (b",Y,", b",X,", "hold_orders with something else than Y and N"),
        (b"2026-10-01", b"2026-10-02", "a row with another as_of than 2026-10-01"),
        (b",EUR\n", b",USD\n", "a row with another currency than EUR"),
        (b'"B,1",ALL', b"A,ALL", "a customer and credit segment that stand there twice"),
        (b"sequence,", b"number,", "first line is not the header"),
        (b",A,ALL,", b",A,ALL,,", "line 2 has 15 fields of 14"),
    ],
)
def test_check__looks_at_rows(erp: Path, old: bytes, new: bytes, problem: str) -> None:
    data = (erp / "hold_changes.csv").read_bytes()
    assert old in data
    problems = loaded_as(erp, "hold_changes.csv", data.replace(old, new, 1))
    assert any(each.startswith(problem) for each in problems), problems


def test_check__tells_what_was_loaded_already_and_what_is_missing(output: Path) -> None:
    runs = [
        tell(output, FIRST.replace(day=day), Ledger({("A", "ALL"): 1 + day % 2}, (("B", "ALL"),)))
        for day in (1, 2, 4)
    ]
    first, second, third = (run.directory / "erp" for run in runs)
    assert check_hold_files(first, last_run="").problems == ()
    assert check_hold_files(second, last_run=runs[0].run_id).problems == ()
    twice = check_hold_files(second, last_run=runs[1].run_id).problems
    assert twice == (
        (
            f"chain: run {runs[1].run_id} was loaded already: "
            "loading it twice changes nothing, skip it"
        ),
    )
    early = check_hold_files(third, last_run=runs[0].run_id).problems
    assert early == (
        (
            f"chain: follows run {runs[1].run_id}, but {runs[0].run_id} was loaded last: "
            "load the files between, or all of holds.csv"
        ),
    )
    late = tell(output, FIRST.replace(day=3), Ledger({})).directory / "erp"
    assert check_hold_files(late).problems == ()
    assert check_hold_files(late, last_run=runs[2].run_id).problems == (
        "chain: the run is older than the one told last: there is nothing to load",
    )


def test_check__of_a_file_that_no_run_wrote(erp: Path) -> None:
    (erp / "other.csv").write_bytes(b"")
    assert check_hold_files(erp / "other.csv").problems == (
        "other.csv: not listed in control.json: it is no file of this run",
    )
    (erp / "holds.csv").unlink()
    assert check_hold_files(erp / "holds.csv").problems[0].startswith("holds.csv: cannot be read")


def test_check__without_a_control_file(erp: Path) -> None:
    (erp / "control.json").unlink()
    with pytest.raises(InputMissing, match="no control file") as missing:
        check_hold_files(erp / "holds.csv")
    assert missing.value.exit_status == 66


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"run_id": 1}', b"\xff"])
def test_check__of_a_torn_control_file(erp: Path, data: bytes) -> None:
    (erp / "control.json").write_bytes(data)
    with pytest.raises(InputRefused, match="control file") as refused:
        check_hold_files(erp)
    assert refused.value.exit_status == 65


def test_check__of_another_run_s_control_file(erp: Path, output: Path) -> None:
    other = tell(output, FIRST.replace(day=2), Ledger({})).directory / "erp"
    (erp / "control.json").write_bytes((other / "control.json").read_bytes())
    assert "in the directory of" in check_hold_files(erp).problems[0]
