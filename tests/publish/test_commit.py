"""What a commit does when nothing fails, and whom it refuses."""

import os
import signal
import stat
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from encours.publish import commit as commit_module
from encours.publish import files, records
from encours.publish.commit import already_published, commit, publish_rejected
from encours.publish.files import sha256_of, write_published
from encours.publish.manifest import build_manifest
from encours.publish.runs import verify_run
from encours.publish.staging import Staging
from encours_schemas.errors import ControlFailed, EncoursError, OutputBusy, OutputUnwritable
from tests.publish.scenario import (
    AS_OF,
    check_settled,
    content,
    facts,
    publish,
    run_id_of,
    stage,
    visible_run,
)

OLD, NEW = run_id_of("old"), run_id_of("new")


def test_commit__publishes_the_whole_run_and_leaves_nothing_else(output: Path) -> None:
    publication = publish(output, "old")
    assert publication.directory == output / f"as_of={AS_OF}"
    assert (publication.run_id, publication.sequence, publication.replaced) == (OLD, 1, None)
    assert not publication.already
    assert sorted(path.name for path in output.iterdir()) == [".encours", f"as_of={AS_OF}"]
    assert set(content(publication.directory)) == {
        "erp/holds.csv",
        "items/part-00000.parquet",
        "manifest.json",
        "report.html",
    }
    check_settled(output, [OLD])


def test_commit__same_run_again_changes_nothing(output: Path) -> None:
    publish(output, "old")
    before = {path: path.stat().st_mtime_ns for path in (output / f"as_of={AS_OF}").rglob("*")}
    again = publish(output, "old")
    assert (again.already, again.run_id) == (True, OLD)
    assert publish(output, "old", revise=True).already
    assert {path: path.stat().st_mtime_ns for path in before} == before
    check_settled(output, [OLD])


def test_commit__other_run_of_the_date_needs_revise(output: Path) -> None:
    publish(output, "old")
    with pytest.raises(OutputUnwritable, match="--revise") as refusal:
        publish(output, "new")
    assert refusal.value.exit_status == 73
    assert visible_run(output) == OLD
    with pytest.raises(OutputUnwritable, match="--revise"):
        already_published(output, AS_OF, NEW)
    assert already_published(output, AS_OF, NEW, revise=True) is None
    revised = publish(output, "new", revise=True)
    assert (revised.replaced, revised.sequence) == (OLD, 2)
    check_settled(output, [OLD, NEW])
    assert verify_run(output / ".encours" / "superseded" / OLD) == []


def test_commit__back_and_forth_keeps_every_revision(output: Path) -> None:
    for variant in ("old", "new", "old", "new"):
        publish(output, variant, revise=True)
    kept = sorted(path.name for path in (output / ".encours" / "superseded").iterdir())
    assert kept == sorted([OLD, NEW, f"{OLD}-2"])
    assert [each.run_id for each in records.list_records(output)] == [OLD, NEW, OLD, NEW]


def test_commit__damaged_run_is_not_taken_for_published(output: Path) -> None:
    publish(output, "old")
    (output / f"as_of={AS_OF}" / "erp" / "holds.csv").unlink()
    with pytest.raises(OutputUnwritable, match=r"erp/holds.csv: missing.*--revise"):
        publish(output, "old")
    assert not publish(output, "old", revise=True).already
    assert visible_run(output) == OLD


def test_commit__dates_are_independent(output: Path) -> None:
    publish(output, "old")
    publish(output, "old", as_of=date(2026, 11, 1))
    assert [each.as_of for each in records.list_records(output)] == ["2026-10-31", "2026-11-01"]
    assert records.broken_links(output) == []


@pytest.mark.parametrize("what", ["file", "link", "empty directory"])
def test_commit__something_else_has_the_name(output: Path, place: Path, what: str) -> None:
    def plant() -> None:
        target = output / f"as_of={AS_OF}"
        if what == "file":
            target.write_bytes(b"")
        elif what == "link":
            (place / "elsewhere").mkdir()
            target.symlink_to(place / "elsewhere")
        else:
            target.mkdir()

    with pytest.raises(OutputUnwritable, match="something else has the name"):
        publish(output, "old", before_commit=plant)
    assert not (place / "elsewhere").exists() or not list((place / "elsewhere").iterdir())
    assert records.read_claim(output) is None


def test_commit__name_taken_at_the_last_moment(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plant(output: Path, record: records.Record) -> None:
        make_claim(output, record)
        monkeypatch.setattr(commit_module, "already_published", lambda *_, **__: None)
        monkeypatch.setattr(commit_module, "_manifest_at", lambda _: None)
        (output / f"as_of={AS_OF}").mkdir()

    make_claim = records.make_claim
    monkeypatch.setattr(records, "make_claim", plant)
    with pytest.raises(OutputUnwritable, match="took the name"):
        publish(output, "old")
    assert list((output / f"as_of={AS_OF}").iterdir()) == []
    assert records.read_claim(output) is None


def test_commit__output_moved_during_the_run(output: Path, place: Path) -> None:
    def move() -> None:
        output.rename(place / "moved")
        output.symlink_to(place / "elsewhere")
        (place / "elsewhere").mkdir()

    with pytest.raises(EncoursError):
        publish(output, "old", before_commit=move)
    assert list((place / "elsewhere").iterdir()) == []
    assert not (place / "moved" / f"as_of={AS_OF}").exists()


def test_commit__storage_that_changed_a_byte(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = files._write

    def flips(descriptor: int, data: memoryview) -> int:
        if bytes(data).startswith(b"run_id"):
            return write(descriptor, memoryview(bytes(data).replace(b"o", b"O")))
        return write(descriptor, data)

    monkeypatch.setattr(files, "_write", flips)
    with pytest.raises(ControlFailed, match=r"erp/holds.csv: sha256"):
        publish(output, "old")
    assert visible_run(output) is None


def test_commit__short_writes_are_completed(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = files._write
    monkeypatch.setattr(files, "_write", lambda target, data: write(target, data[:7]))
    publish(output, "old")
    assert visible_run(output) == OLD


@pytest.mark.parametrize("slip", ["unlisted file", "unlisted table", "rows"])
def test_commit__refuses_what_the_manifest_does_not_say(output: Path, slip: str) -> None:
    with Staging(output, AS_OF) as staging:
        said = facts("old", stage(staging, "old")["outputs"])
        if slip == "unlisted file":
            (staging.directory / "items" / "part-00001.parquet").write_bytes(b"")
        elif slip == "unlisted table":
            said["tables"] = {"items": 2, "ageing": 0}
        else:
            said["tables"] = {"items": 3}
        with pytest.raises(ControlFailed):
            commit(staging, build_manifest(said))
    assert visible_run(output) is None


def test_commit__hardened_files_are_not_read_twice(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def counted(path: Path, *, from_storage: bool = False) -> tuple[str, int]:
        read.append(path.name)
        return sha256_of(path, from_storage=from_storage)

    monkeypatch.setattr(files, "sha256_of", counted)
    with Staging(output, AS_OF) as staging:
        manifest = stage(staging, "old")
        for entry in manifest["outputs"]:
            staging.harden(files.PublishedFile(**entry))
        commit(staging, manifest)
    assert sorted(read) == ["holds.csv", "part-00000.parquet", "report.html"]


def test_commit__hardened_file_that_was_written_again(output: Path) -> None:
    with Staging(output, AS_OF) as staging:
        manifest = stage(staging, "old")
        (staging.directory / "report.html").unlink()
        staging.harden(write_published(staging.directory / "report.html", b"else"))
        with pytest.raises(ControlFailed, match=r"report\.html"):
            commit(staging, manifest)


def test_commit__interrupt_cannot_separate_step_and_record(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = files._rename_no_replace

    def interrupted(source: Path, target: Path) -> None:
        rename(source, target)
        if target.name.startswith("as_of="):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(files, "_rename_no_replace", interrupted)
    assert publish(output, "old").run_id == OLD
    check_settled(output, [OLD])
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_commit__power_loss_finds_everything_synced(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step that counts, all that it builds on has been synced since its last change."""
    dirty: dict[int, str] = {}
    checked = []

    def follow(name: str, changed: Any) -> None:
        primitive = getattr(files, name)

        def call(*arguments: Any) -> Any:
            if name in {"_rename_no_replace", "_exchange"}:
                check(*arguments)
            result = primitive(*arguments)
            for path_or_descriptor in changed(arguments, result):
                status = os.stat(path_or_descriptor)  # noqa: PTH116 - may be a descriptor
                dirty[status.st_ino] = str(path_or_descriptor)
            return result

        monkeypatch.setattr(files, name, call)

    def check(source: Path, target: Path) -> None:
        if target.name.startswith("as_of="):
            staged = [source, *source.rglob("*"), records.publications(output)]
            assert [
                dirty[path.stat().st_ino] for path in staged if path.stat().st_ino in dirty
            ] == []
            checked.append("publish")
        elif source.name == records.CLAIM_NAME:
            involved = [source, output, *(output / f"as_of={AS_OF}").rglob("*")]
            late = [path for path in involved if path.exists() and path.stat().st_ino in dirty]
            assert late == [] or target.name == records.CLAIM_NAME
            assert source.stat().st_ino not in dirty
            checked.append("record")

    def synced(descriptor: int) -> None:
        sync(descriptor)
        dirty.pop(os.fstat(descriptor).st_ino, None)

    sync = files._sync
    monkeypatch.setattr(files, "_sync", synced)
    follow("_create", lambda arguments, result: [arguments[0], arguments[0].parent])
    follow("_write", lambda arguments, result: [arguments[0]])
    follow("_make_directory", lambda arguments, result: [arguments[0], arguments[0].parent])
    follow("_rename_no_replace", lambda arguments, result: [each.parent for each in arguments])
    follow("_exchange", lambda arguments, result: [each.parent for each in arguments])
    publish(output, "old")
    publish(output, "new", revise=True)
    assert checked.count("publish") == 2
    assert checked.count("record") == 4
    left = [output, records.publications(output), output / ".encours" / "superseded"]
    assert [path for path in left if path.stat().st_ino in dirty] == []


def test_publish_rejected__keeps_the_quarantine_of_a_refused_run(output: Path) -> None:
    for text in (b"first", b"again"):
        with Staging(output, AS_OF) as staging:
            quarantine = staging.table_directory("quarantine")
            write_published(quarantine / "part-00000.parquet", text)
            kept = publish_rejected(staging, OLD, quarantine)
        assert kept == output / ".encours" / "rejected" / OLD / "quarantine"
        assert (kept / "part-00000.parquet").read_bytes() == b"first"
    assert visible_run(output) is None
    assert list(records.staging_root(output).iterdir()) == []


def race(output: Path, variants: tuple[str, str]) -> list[str]:
    """Publish two runs from two threads that start together; give both outcomes."""
    outcomes: list[str] = []
    barrier = threading.Barrier(2, timeout=20)

    def run(variant: str) -> None:
        barrier.wait()
        try:
            done = publish(output, variant)
            outcomes.append("already" if done.already else "published")
        except (OutputBusy, OutputUnwritable) as error:
            outcomes.append(type(error).__name__)

    threads = [
        threading.Thread(target=run, args=(variant,), name=f"lock-{number}")
        for number, variant in enumerate(variants)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


@pytest.mark.parametrize("variants", [("old", "old"), ("old", "new")])
@pytest.mark.parametrize("lock", ["kept", "lost"])
def test_commit__of_two_runs_at_once_one_publishes(
    place: Path, monkeypatch: pytest.MonkeyPatch, variants: tuple[str, str], lock: str
) -> None:
    """Also where a tidy-up job deletes the lock file: then the claim decides (fault F013)."""

    def own_lock(path: Path) -> files.HeldLock:
        lost = lock == "lost" and path.name == "lock"
        return hold_lock(path.with_name(threading.current_thread().name) if lost else path)

    hold_lock = files.hold_lock
    monkeypatch.setattr(files, "hold_lock", own_lock)
    seen = set()
    for number in range(12):
        output = place / str(number)
        outcomes = race(output, variants)
        assert outcomes.count("published") == 1, outcomes
        assert len(records.list_records(output)) == 1
        assert visible_run(output) in {OLD, NEW}
        seen.update(outcomes)
    assert len(seen) > 1


def test_files_of_a_run__have_the_modes_that_are_stated(output: Path) -> None:
    before = os.umask(0o077)
    try:
        for umask in (0o000, 0o077):
            os.umask(umask)
            publish(output / str(umask), "old")
    finally:
        os.umask(before)
    modes = {
        (path.is_dir(), stat.S_IMODE(path.lstat().st_mode)) for path in [output, *output.rglob("*")]
    }
    assert modes == {(True, 0o750), (False, 0o640)}
