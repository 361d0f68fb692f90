"""What an output tells about its runs, and how damage shows."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from encours.publish import records
from encours.publish.manifest import manifest_digest, read_manifest
from encours.publish.runs import latest_before, latest_directory_before, list_runs, verify_run
from encours_schemas.errors import InputMissing, InputRefused
from tests.publish.scenario import AS_OF, publish, run_id_of

NEXT = date(2026, 11, 1)


def test_list_runs__one_run_for_each_date_with_its_revision(output: Path) -> None:
    publish(output, "old", as_of=NEXT)
    publish(output, "old")
    publish(output, "new", revise=True)
    (output / "notes").mkdir()
    (output / "as_of=2026-11-02").write_bytes(b"no directory")
    runs = list_runs(output)
    assert [(run.as_of, run.run_id, run.revision) for run in runs] == [
        (AS_OF, run_id_of("new"), 2),
        (NEXT, run_id_of("old", NEXT), 1),
    ]
    assert runs[0].rows == {"items": 2}
    assert runs[0].totals == {"EUR": {"open_amount": "3.000"}}
    assert runs[0].directory == output / "as_of=2026-10-31"


def test_list_runs__no_output_or_nothing_published(place: Path) -> None:
    assert list_runs(place) == []
    with pytest.raises(InputMissing, match="no output"):
        list_runs(place / "missing")


def test_list_runs__unknown_directory_is_named(output: Path) -> None:
    publish(output, "old")
    (output / "as_of=2026-01-01").mkdir()
    with pytest.raises(InputRefused, match="as_of=2026-01-01"):
        list_runs(output)


def test_latest_before__is_strictly_earlier(output: Path) -> None:
    assert latest_before(output, AS_OF) is None
    publish(output, "old")
    publish(output, "old", as_of=NEXT)
    assert latest_before(output, AS_OF) is None
    earlier = latest_before(output, NEXT)
    assert earlier is not None
    assert earlier["run_id"] == run_id_of("old")
    assert latest_directory_before(output, date(2027, 1, 1)) == output / "as_of=2026-11-01"


@pytest.mark.parametrize("file", ["items/part-00000.parquet", "erp/holds.csv", "report.html"])
def test_verify_run__names_the_file_with_a_flipped_bit(output: Path, file: str) -> None:
    directory = publish(output, "old").directory
    assert verify_run(directory) == []
    data = bytearray((directory / file).read_bytes())
    data[len(data) // 2] ^= 4
    (directory / file).write_bytes(data)
    assert [(each.file, each.what) for each in verify_run(directory)] == [(file, "sha256")]
    (directory / file).write_bytes(data[:-1])
    assert [(each.file, each.what) for each in verify_run(directory)] == [(file, "size")]


def test_verify_run__missing_added_and_linked_files(output: Path) -> None:
    directory = publish(output, "old").directory
    (directory / "items" / "part-00009.parquet").write_bytes(b"")
    (directory / "erp" / "holds.csv").unlink()
    shutil.move(directory / "report.html", output / "report.html")
    (directory / "report.html").symlink_to(output / "report.html")
    found = [(each.file, each.what) for each in verify_run(directory)]
    assert ("items/part-00009.parquet", "not listed") in found
    assert ("erp/holds.csv", "missing") in found
    assert ("report.html", "not readable") in found


def test_verify_run__edited_manifest(output: Path) -> None:
    directory = publish(output, "old").directory
    path = directory / "manifest.json"
    manifest = read_manifest(directory)
    manifest["control_totals"]["EUR"]["open_amount"] = "4.000"
    path.write_text(json.dumps(manifest))
    assert "digest" in {each.what for each in verify_run(directory)}
    # Whoever makes the digest again still contradicts the publication record.
    manifest["digest"] = manifest_digest(manifest)
    path.write_text(json.dumps(manifest))
    assert [(each.file, each.what) for each in verify_run(directory)] == [
        ("manifest.json", "sha256")
    ]


def test_verify_run__edited_record_breaks_the_chain(output: Path) -> None:
    for day in (29, 30, 31):
        last = publish(output, "old", as_of=AS_OF.replace(day=day)).directory
    path = records.publications(output) / "00000002.json"
    record = json.loads(path.read_bytes()) | {"run_id": "0" * 16}
    path.write_text(json.dumps(record))
    assert [str(each) for each in verify_run(last)] == [
        "00000003.json: does not continue the record before it"
    ]


def test_verify_run__a_copy_elsewhere_needs_no_records(output: Path, place: Path) -> None:
    directory = publish(output, "old").directory
    shutil.copytree(directory, place / "copy" / directory.name)
    assert verify_run(place / "copy" / directory.name) == []


def test_difference__is_told_in_one_line(output: Path) -> None:
    directory = publish(output, "old").directory
    (directory / "report.html").write_bytes(b"longer")
    assert [str(each) for each in verify_run(directory)] == [
        "report.html: size, found 6, expected 3"
    ]
