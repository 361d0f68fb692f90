"""The manifest: one text for one content, nothing inexact, an id that can be made again."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from encours.publish.files import PublishedFile
from encours.publish.manifest import (
    build_manifest,
    canonical,
    engine_version,
    make_run_id,
    manifest_digest,
    read_manifest,
    write_manifest,
)
from encours_schemas import CONTRACT_VERSION
from encours_schemas.errors import InputRefused
from tests.publish.scenario import AS_OF, facts

OUTPUTS = [
    PublishedFile("items", "items/part-00001.parquet", 1, 10, "b" * 64),
    PublishedFile("items", "items/part-00000.parquet", 1, 10, "a" * 64),
]


class Colour(StrEnum):
    RED = "red"


def test_build_manifest__states_versions_and_orders_outputs() -> None:
    manifest = build_manifest(facts("old", OUTPUTS))
    assert manifest["contract_version"] == CONTRACT_VERSION
    assert manifest["engine_version"] == engine_version()
    assert manifest["as_of"] == "2026-10-31"
    assert manifest["previous_run"] is None
    assert [entry["file"] for entry in manifest["outputs"]] == [
        "items/part-00000.parquet",
        "items/part-00001.parquet",
    ]
    assert manifest["digest"] == manifest_digest(manifest)


def test_build_manifest__digest_covers_all_but_timing() -> None:
    said = facts("old", OUTPUTS)
    first = build_manifest(said)
    assert build_manifest(said | {"timing": {"peak": 1.5}})["digest"] == first["digest"]
    assert build_manifest(said | {"warnings": [{"code": "x"}]})["digest"] != first["digest"]


def test_build_manifest__values_become_exact_texts() -> None:
    more = {
        "amount": Decimal("1E+3"),
        "small": Decimal("-0.0010"),
        "colour": Colour.RED,
        "day": date(2026, 1, 2),
        "path": PurePosixPath("a/b"),
        "pair": (1, True),
        "set": frozenset({"b", "a"}),
        Colour.RED: {date(2026, 1, 2): None},
    }
    manifest = build_manifest(facts("old", OUTPUTS) | more)
    assert manifest["amount"] == "1000"
    assert manifest["small"] == "-0.0010"
    assert manifest["colour"] == "red"
    assert manifest["day"] == "2026-01-02"
    assert manifest["path"] == "a/b"
    assert manifest["pair"] == [1, True]
    assert manifest["set"] == ["a", "b"]
    assert manifest["red"] == {"2026-01-02": None}
    assert json.loads(canonical(manifest)) == manifest


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.pop("inputs"),
        lambda said: said.update(tables=[]),
        lambda said: said.update(control_totals={"EUR": {"amount": 0.1}}),
        lambda said: said.update(configuration={"reporting": object()}),
        lambda said: said.update(outputs=[{"file": "x"}]),
        lambda said: said.update(timing={"wall": float("nan")}),
    ],
)
def test_build_manifest__refuses_what_is_missing_or_inexact(
    change: Callable[[dict[str, Any]], object], place: Path
) -> None:
    said = facts("old", OUTPUTS)
    change(said)
    with pytest.raises(ValueError, match=r"manifest|JSON"):
        write_manifest(place, build_manifest(said))


def test_read_manifest__gives_what_was_written(place: Path) -> None:
    manifest = build_manifest(facts("é", OUTPUTS))
    write_manifest(place, manifest)
    assert read_manifest(place) == manifest
    text = (place / "manifest.json").read_text("utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))


@pytest.mark.parametrize("text", ["", "[]", "{}", "\udcff", '{"contract_version": 99}'])
def test_read_manifest__refuses_what_it_does_not_know(place: Path, text: str) -> None:
    (place / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputRefused, match="manifest") as refusal:
        read_manifest(place)
    assert str(place) in refusal.value.where
    assert refusal.value.cure


def test_read_manifest__missing_or_a_link(place: Path) -> None:
    with pytest.raises(InputRefused, match="No such file"):
        read_manifest(place)
    write_manifest(place, build_manifest(facts("old", OUTPUTS)))
    (place / "other").mkdir()
    (place / "other" / "manifest.json").symlink_to(place / "manifest.json")
    with pytest.raises(InputRefused):
        read_manifest(place / "other")


def test_read_manifest__other_contract_version(place: Path) -> None:
    manifest = build_manifest(facts("old", OUTPUTS)) | {"contract_version": CONTRACT_VERSION + 1}
    write_manifest(place, manifest)
    with pytest.raises(InputRefused, match=f"contract version {CONTRACT_VERSION + 1}"):
        read_manifest(place)


def test_make_run_id__same_things_same_id() -> None:
    inputs = [
        {"table": "customers", "file": "customers.csv", "sha256": "1", "size": 1},
        {"table": "open_items", "file": "a.parquet", "sha256": "2", "size": 2},
    ]
    configuration: dict[str, object] = {"ageing": {"bounds": (30, 60)}, "carry": ()}
    run_id = make_run_id(as_of=AS_OF, inputs=inputs, configuration=configuration, previous_run=None)
    assert len(run_id) == 16
    assert int(run_id, 16) >= 0
    again = make_run_id(
        as_of=AS_OF,
        inputs=[{**each, "size": 9} for each in reversed(inputs)],
        configuration={"carry": [], "ageing": {"bounds": [30, 60]}},
        previous_run=None,
    )
    assert again == run_id
    nothing: dict[str, object] = {"carry": []}
    others = {
        make_run_id(as_of=day, inputs=chosen, configuration=settings, previous_run=previous)
        for day, chosen, settings, previous in [
            (date(2026, 10, 30), inputs, configuration, None),
            (AS_OF, inputs[:1], configuration, None),
            (AS_OF, [inputs[0], inputs[1] | {"sha256": "3"}], configuration, None),
            (AS_OF, [inputs[0], inputs[1] | {"file": "b.parquet"}], configuration, None),
            (AS_OF, inputs, nothing, None),
            (AS_OF, inputs, configuration, run_id),
        ]
    }
    assert len(others | {run_id}) == 7
