"""Every state-changing call of a publication refused in turn: the exit status tells the truth."""

import errno
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from encours.publish import files, records
from encours_schemas.errors import EncoursError, OutputUnwritable, PublicationUnknown
from tests.publish.scenario import AS_OF, check_settled, content, publish, run_id_of, visible_run

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT, errno.EINTR)
Primitive = Callable[..., object]


class Faults:
    """Makes the call of one number (from 1) fail: in its place, from it on, or once done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.number = 0
        self.kind = "once"
        for name in files.PRIMITIVES:
            monkeypatch.setattr(files, name, self._wrapped(getattr(files, name)))

    def arm(self, number: int, kind: str) -> None:
        self.count, self.number, self.kind = 0, number, kind

    def _wrapped(self, primitive: Primitive) -> Primitive:
        def call(*arguments: object) -> object:
            self.count += 1
            failing = self.number and (
                self.count == self.number
                or (self.count > self.number and self.kind == "persistent")
            )
            if not failing:
                return primitive(*arguments)
            if self.kind == "reply lost":
                primitive(*arguments)
            number = ERRORS[self.number % len(ERRORS)]
            raise OSError(number, os.strerror(number))

        return call


def prepared(place: Path, scenario: str) -> tuple[Path, list[str]]:
    """Give an output to copy for each trial, and the history that must come out."""
    model = place / "model"
    if scenario == "first":
        model.mkdir()
        return model, [run_id_of("new")]
    publish(model, "old")
    return model, [run_id_of("old"), run_id_of("new")]


@pytest.mark.parametrize("kind", ["once", "persistent", "reply lost"])
@pytest.mark.parametrize("scenario", ["first", "revision"])
def test_commit__tells_the_truth_when_a_call_fails(
    place: Path, monkeypatch: pytest.MonkeyPatch, scenario: str, kind: str
) -> None:
    model, history = prepared(place, scenario)
    old = visible_run(model)
    faults = Faults(monkeypatch)
    seen = set()
    for number in itertools.count(1):
        output = place / f"trial-{number}"
        shutil.copytree(model, output)
        faults.arm(number, kind)
        status = 0
        try:
            publish(output, "new", revise=True)
        except EncoursError as error:
            status = int(error.exit_status)
        reached = faults.count >= number
        faults.arm(0, kind)
        visible = visible_run(output)
        if status == 0:
            assert visible == history[-1], (kind, number)
        elif status == 79:
            assert visible in {old, history[-1]}, (kind, number)
        else:
            assert status in {73, 75}, (kind, number, status)
            assert visible == old, (kind, number, status)
        publish(output, "new", revise=True)
        assert visible_run(output) == history[-1], (kind, number)
        check_settled(output, history)
        shutil.rmtree(output)
        seen.add(status)
        if not reached:
            break
    assert number > 40
    assert 0 in seen
    assert 73 in seen


def test_commit__lost_reply_of_the_rename_is_settled_by_looking(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = files._rename_no_replace

    def loses_reply(source: Path, target: Path) -> None:
        rename(source, target)
        if target.name.startswith("as_of="):
            raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(files, "_rename_no_replace", loses_reply)
    assert publish(output, "new").run_id == run_id_of("new")
    check_settled(output, [run_id_of("new")])


def test_commit__unclear_outcome_deletes_nothing(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(output, "old")
    hidden = output / "hidden"

    def vanishes(first: Path, second: Path) -> None:
        first.rename(hidden)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(files, "_exchange", vanishes)
        patch.setattr("encours.publish.staging.Staging._probe", lambda self: None)
        with pytest.raises(PublicationUnknown, match="encours runs") as caught:
            publish(output, "new", revise=True)
    assert caught.value.exit_status == 79
    assert records.read_claim(output) is not None
    assert len(list(records.staging_root(output).glob("*.lock"))) == 1
    assert (hidden / "manifest.json").exists()
    assert visible_run(output) == run_id_of("old")
    publish(output, "new", revise=True)
    check_settled(output, [run_id_of("old"), run_id_of("new")])


def test_commit__storage_that_answers_nothing_is_unclear(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(output, "old")
    identity_of = files.identity_of
    blind = []

    def fails(first: Path, second: Path) -> None:
        blind.append(True)
        raise OSError(errno.EIO, "Input/output error")

    def looks(path: Path) -> tuple[int, int] | None:
        if blind:
            raise OSError(errno.EIO, "Input/output error")
        return identity_of(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_exchange", fails)
        patch.setattr(files, "identity_of", looks)
        patch.setattr("encours.publish.staging.Staging._probe", lambda self: None)
        with pytest.raises(PublicationUnknown):
            publish(output, "new", revise=True)
    publish(output, "new", revise=True)
    check_settled(output, [run_id_of("old"), run_id_of("new")])


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_staging__refuses_a_file_system_that_cannot_rename_without_replacing(
    output: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def unsupported(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "_rename_no_replace", unsupported)
    with pytest.raises(OutputUnwritable, match="cannot rename without replacing"):
        publish(output, "new")


def test_staging__refuses_to_revise_where_nothing_can_be_exchanged(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(first: Path, second: Path) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    publish(output, "old")
    before = content(output / f"as_of={AS_OF}")
    monkeypatch.setattr(files, "_exchange", unsupported)
    with pytest.raises(OutputUnwritable, match="cannot exchange two directories"):
        publish(output, "new", revise=True)
    assert content(output / f"as_of={AS_OF}") == before
    check_settled(output, [run_id_of("old")])


def test_files__without_renameat2_in_the_c_library(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_renameat2", lambda: None)
    with pytest.raises(OutputUnwritable, match="renameat2"):
        files.rename_no_replace(place, place / "other")
