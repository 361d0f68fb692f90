"""Log lines: one per event, for people or for machines, and nothing forged."""

import json
import logging
import warnings

import pytest

from encours_jobs import logs
from encours_jobs.logs import LogFormat


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_text__has_moment_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.installed():
        logs.tell(logging.WARNING, "x.y", "message", {"fact": 1})
    (line,) = lines(capsys)
    moment, level, message = line.split()
    assert moment.endswith("Z")
    assert (level, message) == ("warning", "message")


def test_json__has_event_facts_and_what_was_bound(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.installed():
        logs.choose(LogFormat.JSON, quiet=False)
        logs.bind(as_of="2026-10-31")
        logs.tell(logging.INFO, "stage.finished", "done", {"rows": 3})
    (line,) = lines(capsys)
    record = json.loads(line)
    assert record.pop("ts").endswith("Z")
    assert record == {
        "level": "info",
        "event": "stage.finished",
        "message": "done",
        "as_of": "2026-10-31",
        "rows": 3,
    }


def test_text__of_several_lines_forges_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.installed():
        logs.tell(logging.ERROR, "x", "file a\n2026-01-01T00:00:00Z info all is well\x1b[2J")
    first, second = lines(capsys)
    assert first.endswith("file a")
    assert second == "    2026-01-01T00:00:00Z info all is well\\x1b[2J"


def test_quiet__keeps_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.installed():
        logs.choose(LogFormat.TEXT, quiet=True)
        logs.tell(logging.INFO, "x", "information")
        logs.tell(logging.WARNING, "x", "a warning")
    (line,) = lines(capsys)
    assert "a warning" in line


def test_libraries__are_heard_only_when_they_warn(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.installed():
        logging.getLogger("numba.core").info("chatter")
        logging.getLogger("numba.core").warning("trouble")
        logging.getLogger("encours.ledger").info("ours")
    assert [line.split()[-1] for line in lines(capsys)] == ["trouble", "ours"]


@pytest.mark.filterwarnings("default")
def test_python_warnings__become_log_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.installed():
        logs.choose(LogFormat.JSON, quiet=False)
        warnings.warn("something is odd", stacklevel=1)
    (line,) = lines(capsys)
    assert "something is odd" in json.loads(line)["message"]


def test_installed__leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    before = list(logging.getLogger().handlers), logging.getLogger().level
    with logs.installed():
        logs.bind(run_id="a")
    with logs.installed():
        logs.choose(LogFormat.JSON, quiet=False)
        logs.tell(logging.INFO, "x", "second command")
    assert (list(logging.getLogger().handlers), logging.getLogger().level) == before
    (line,) = lines(capsys)
    assert "run_id" not in json.loads(line)
