"""The ledger of a run: where it lay, where it lies now, and whether it is the same."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from encours.explain.item import explain_items
from encours.explain.run_ledger import open_run_ledger, recorded_configuration
from encours_schemas.errors import ControlFailed, InputMissing, InputRefused
from tests.jobs.ledgers import Night, allocation, item, items


@pytest.fixture
def night(tmp_path: Path) -> Night:
    made = Night(tmp_path)
    made.ledger.csv("open_items", *items(3))
    made.ledger.csv("allocations", allocation("I1"))
    made.publish()
    return made


def published_bytes(night: Night) -> dict[str, bytes]:
    """Give every data file of a run."""
    files = sorted(night.published().rglob("*.parquet"))
    return {str(path.relative_to(night.published())): path.read_bytes() for path in files}


def test_manifest__names_the_ledger_outside_of_its_digest(night: Night, tmp_path: Path) -> None:
    assert night.manifest()["timing"]["ledger"] == str(night.ledger.directory.resolve())
    other = Night(tmp_path / "elsewhere")
    shutil.copytree(night.ledger.directory, other.ledger.directory)
    other.publish()
    assert other.manifest()["timing"]["ledger"] != night.manifest()["timing"]["ledger"]
    for name in ("run_id", "digest"):
        assert other.manifest()[name] == night.manifest()[name]
    assert published_bytes(other) == published_bytes(night)


def test_explain__finds_a_ledger_that_was_moved(night: Night) -> None:
    moved = night.root / "archive"
    shutil.move(night.ledger.directory, moved)
    with pytest.raises(InputMissing, match="--ledger"):
        explain_items(night.published(), ["I1"])
    (told,) = explain_items(night.published(), ["I1"], moved)
    assert told.item_id == "I1"


@pytest.mark.parametrize(
    ("change", "file"),
    [
        (lambda night: night.ledger.csv("open_items", *items(4)), "open_items.csv"),
        (lambda night: night.ledger.csv("allocations"), "allocations.csv"),
        (lambda night: (night.ledger.directory / "allocations.csv").unlink(), "allocations.csv"),
        (lambda night: night.ledger.csv("reference_rates"), "reference_rates.csv"),
    ],
    ids=["rows added", "rows gone", "file gone", "file added"],
)
def test_explain__refuses_a_ledger_that_changed(
    night: Night, change: Callable[[Night], object], file: str
) -> None:
    change(night)
    with pytest.raises(InputRefused) as caught:
        explain_items(night.published(), ["I1"])
    assert file in str(caught.value)


def test_explain__fails_where_the_published_figure_is_another(night: Night) -> None:
    # A run that was tampered with: the row of another night stands in its place.
    other = Night(night.root / "other")
    other.ledger.csv("open_items", *items(3))
    other.publish()
    part = "items/part-00000.parquet"
    shutil.copy(other.published() / part, night.published() / part)
    with pytest.raises(ControlFailed, match="does not agree with what was published"):
        explain_items(night.published(), ["I1"])
    assert explain_items(night.published(), ["I2"])


def test_open_run_ledger__leaves_nothing_behind(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with open_run_ledger(night.published()) as source:
        assert source.ledger.tables["open_items"].row_count == 3
        assert any(scratch.iterdir())
    assert not any(scratch.iterdir())


def test_recorded_configuration__is_the_one_that_the_run_was_given(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.ledger.csv("open_items", item("I1"))
    text = '[interest]\ngrace_days = 3\nminimum_claim = "2.50"\n[ageing]\nbounds = [10, 20]\n'
    text += '[interest.regimes.HOUSE]\nbased_on = "FR"\ncontractual_rate = "5.5"\n'
    night.publish(*night.configure(text), "--extract-date", "2026-10-30")
    configuration, extract_date = recorded_configuration(night.manifest())
    assert configuration.interest.grace_days == 3
    assert str(configuration.interest.minimum_claim) == "2.5"
    assert configuration.ageing.bounds == (10, 20)
    assert "HOUSE" in configuration.interest.regimes
    assert str(extract_date) == "2026-10-30"
    (told,) = explain_items(night.published(), ["I1"])
    assert told.status == "published"
