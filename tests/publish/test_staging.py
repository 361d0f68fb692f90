"""Who may write an output, and what entering and leaving a staging do."""

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from encours.publish import files, records
from encours.publish.commit import commit
from encours.publish.staging import Staging
from encours_schemas.errors import OutputBusy, OutputUnwritable, PublicationUnknown
from tests.publish.scenario import AS_OF, check_settled, publish, run_id_of, stage, visible_run

OLD, NEW = run_id_of("old"), run_id_of("new")
STATE = records.STATE


def test_staging__creates_a_missing_output_with_its_parents(place: Path) -> None:
    with Staging(place / "a" / "b", AS_OF) as staging:
        assert staging.directory.is_dir()
        assert staging.spill.is_dir()
        assert staging.table_directory("items") == staging.directory / "items"
        assert staging.table_directory("items").is_dir()
        assert staging.directory.name == "as_of=2026-10-31"
        root = staging.root
    assert not root.exists()
    assert list(records.staging_root(place / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("leads_to", ["output", "parent"])
def test_staging__output_is_a_file(place: Path, leads_to: str) -> None:
    (place / "file").write_bytes(b"mine")
    output = place / "file" if leads_to == "output" else place / "file" / "out"
    with pytest.raises(OutputUnwritable, match="directory") as refusal, Staging(output, AS_OF):
        pass
    assert refusal.value.exit_status == 73
    assert refusal.value.cure
    assert (place / "file").read_bytes() == b"mine"


def test_staging__output_may_not_be_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with pytest.raises(OutputUnwritable, match="no write permission"), Staging(place, AS_OF):
        pass
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_staging__directory_cannot_be_made(
    place: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(files, "_make_directory", refused)
    with pytest.raises(OutputUnwritable) as refusal, Staging(place / "out", AS_OF):
        pass
    assert refusal.value.found == os.strerror(number)
    assert "name another output" in refusal.value.cure


def test_staging__second_run_is_told_who_writes(output: Path) -> None:
    with (
        Staging(output, AS_OF) as first,
        pytest.raises(OutputBusy, match=f"process {os.getpid()} on host") as refusal,
        Staging(output, AS_OF),
    ):
        pass
    assert refusal.value.exit_status == 75
    assert not first.root.exists()
    publish(output, "old")


def test_staging__lock_of_a_killed_process_is_free(output: Path) -> None:
    script = (
        "import os, sys; from datetime import date; from pathlib import Path\n"
        "from encours.publish.staging import Staging\n"
        "Staging(Path(sys.argv[1]), date(2026, 10, 31)).__enter__()\n"
        "os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", script, str(output)]
    assert subprocess.run(command, check=False).returncode == -9
    assert len(list(records.staging_root(output).iterdir())) == 2
    # The number of this very process stands in the lock: who holds it is not decided by number.
    (output / STATE / "lock").write_text(json.dumps({"host": "here", "pid": os.getpid()}))
    publish(output, "old")
    check_settled(output, [OLD])


@pytest.mark.parametrize("holder", [b"", b"{", b"[]", b'{"pid": "x", "host": 1}', b"\xff" * 9000])
def test_lock__unreadable_holder_is_another_process(place: Path, holder: bytes) -> None:
    held = files.hold_lock(place / "lock")
    (place / "lock").write_bytes(holder)
    with pytest.raises(OutputBusy, match="found another process"):
        files.hold_lock(place / "lock")
    held.release()
    held.release()
    files.hold_lock(place / "lock").release()


def test_lock__file_deleted_while_waiting_is_made_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = files._open_lock
    planned = [True, False]

    def disturbed(path: Path) -> int:
        descriptor = opened(path)
        if planned.pop(0):
            path.unlink()
        return descriptor

    monkeypatch.setattr(files, "_open_lock", disturbed)
    lock = files.hold_lock(place / "lock")
    monkeypatch.undo()
    with pytest.raises(OutputBusy):
        files.hold_lock(place / "lock")
    lock.release()


@pytest.mark.parametrize(
    "name",
    [
        STATE,
        f"{STATE}/lock",
        f"{STATE}/staging",
        f"{STATE}/publications",
        f"{STATE}/publications/claim.json",
    ],
)
def test_staging__planted_link_is_not_followed(place: Path, output: Path, name: str) -> None:
    target = place / "target"
    target.mkdir()
    (output / name).parent.mkdir(parents=True)
    (output / name).symlink_to(target / "lock" if name.endswith(("lock", "json")) else target)
    with pytest.raises(OutputUnwritable), Staging(output, AS_OF):
        pass
    assert list(target.iterdir()) == []


def test_staging__planted_pipe_does_not_block(output: Path) -> None:
    (output / STATE).mkdir(parents=True)
    os.mkfifo(output / STATE / "lock")
    with pytest.raises(OutputUnwritable, match="not a regular file"), Staging(output, AS_OF):
        pass


def test_staging__output_may_be_reached_through_a_link(place: Path) -> None:
    (place / "real").mkdir()
    (place / "link").symlink_to(place / "real")
    publish(place / "link", "old")
    assert visible_run(place / "real") == OLD


def test_staging__state_that_everybody_may_write_is_refused(output: Path) -> None:
    (output / STATE).mkdir(parents=True)
    (output / STATE).chmod(0o777)
    with pytest.raises(OutputUnwritable, match="chmod o-w"), Staging(output, AS_OF):
        pass


def test_staging__group_of_a_shared_directory_is_inherited(output: Path) -> None:
    output.mkdir()
    output.chmod(0o2750)
    with Staging(output, AS_OF) as staging:
        made = stat.S_IMODE(staging.table_directory("items").stat().st_mode)
    assert made == 0o2750


def test_staging__error_leaves_no_staging_but_the_lock_free(output: Path) -> None:
    def fail() -> None:
        message = "in the middle"
        raise ZeroDivisionError(message)

    with pytest.raises(ZeroDivisionError):
        publish(output, "old", before_commit=fail)
    assert list(records.staging_root(output).iterdir()) == []
    publish(output, "old")


def test_staging__failing_cleanup_hides_nothing_and_is_reclaimed(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(files, "_unlink", stuck)
        publish(output, "old")
    assert visible_run(output) == OLD
    assert list(records.staging_root(output).iterdir()) != []
    assert publish(output, "old").already
    check_settled(output, [OLD])


def test_staging__leftovers_of_the_dead_are_reclaimed_and_of_the_living_kept(output: Path) -> None:
    publish(output, "old")
    root = records.staging_root(output)
    for token in ("dead-1", "dead-2", "alive"):
        (root / token / "as_of=2026-10-31" / "items").mkdir(parents=True)
        (root / token / "as_of=2026-10-31" / "items" / "part-00000.parquet").write_bytes(b"x")
    (root / "dead-2" / "link").symlink_to(output / "as_of=2026-10-31")
    (root / "dead-3.lock").write_bytes(b"")
    alive = files.hold_lock(root / "alive.lock")
    publish(output, "new", revise=True)
    assert sorted(path.name for path in root.iterdir()) == ["alive", "alive.lock"]
    assert visible_run(output) == NEW
    alive.release()
    assert publish(output, "new").already
    assert list(root.iterdir()) == []


def test_settle__claim_of_a_living_run_is_respected(output: Path) -> None:
    publish(output, "old")
    claim = records.next_record(output, AS_OF, NEW, OLD, "0" * 64, "alive")
    draft = records.staging_root(output) / "alive"
    draft.mkdir()
    alive = files.hold_lock(records.staging_lock(output, "alive"))
    records.make_claim(output, claim)
    with pytest.raises(OutputBusy):
        publish(output, "new", revise=True)
    assert records.read_claim(output) == claim
    alive.release()
    publish(output, "new", revise=True)
    check_settled(output, [OLD, NEW])


def test_settle__revision_taken_away_by_hand_after_a_crash(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(output, "old")
    with monkeypatch.context() as patch:
        patch.setattr(records, "complete", lambda *_: (_ for _ in ()).throw(OSError("crash")))
        publish(output, "new", revise=True)
    files.delete_tree(output / f"as_of={AS_OF}")
    publish(output, "new")
    assert (output / STATE / "superseded" / OLD / "manifest.json").exists()
    assert visible_run(output) == NEW


SOUND = {
    "as_of": "2026-10-31",
    "manifest_sha256": "0",
    "previous_sha256": None,
    "replaces": None,
    "run_id": "x",
    "sequence": 1,
    "token": "t",
}


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        SOUND | {"run_id": "../../x"},
        SOUND | {"replaces": ".."},
        SOUND | {"as_of": "../x"},
        SOUND | {"sequence": 0},
        SOUND | {"more": 1},
    ],
)
def test_records__damaged_record_stops_everything(output: Path, record: object) -> None:
    publish(output, "old")
    (records.publications(output) / "00000001.json").write_text(json.dumps(record))
    with pytest.raises(OutputUnwritable, match="publication record"):
        publish(output, "new", revise=True)
    assert visible_run_ignoring_records(output) == OLD


def visible_run_ignoring_records(output: Path) -> str:
    manifest = json.loads((output / f"as_of={AS_OF}" / "manifest.json").read_bytes())
    return str(manifest["run_id"])


def test_staging__unknown_outcome_keeps_everything(output: Path) -> None:
    def fail() -> None:
        raise PublicationUnknown(what="unclear")

    with pytest.raises(PublicationUnknown):
        publish(output, "old", before_commit=fail)
    assert len(list(records.staging_root(output).glob("*/as_of=*/items/*"))) == 1


def test_staging__other_date_on_one_output_waits_its_turn(output: Path) -> None:
    with Staging(output, AS_OF) as staging:
        commit(staging, stage(staging, "old"))
        with pytest.raises(OutputBusy), Staging(output, AS_OF.replace(day=30)):
            pass
    publish(output, "old", as_of=AS_OF.replace(day=30))
