"""Progress: heartbeat lines without a terminal, a bar with one."""

import io
import json
import sys
import threading

import pytest

from encours_jobs import logs, progress
from encours_jobs.logs import LogFormat
from encours_jobs.options import Voice
from encours_jobs.progress import Bar, Heartbeat, heartbeat_seconds, listener
from encours_schemas.errors import ConfigurationWrong


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def text_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.split(maxsplit=2)[2] for line in capsys.readouterr().err.splitlines()]


def test_heartbeat__tells_rows_speed_and_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with logs.installed():
        heartbeat = Heartbeat(10, clock)
        heartbeat.beat()  # outside of a stage: nothing
        heartbeat.start_stage("rows", 1_000_000)
        heartbeat.beat()
        clock.seconds += 10
        heartbeat.advance(200_000)
        heartbeat.advance(50_000)
        heartbeat.beat()
        clock.seconds += 30
        heartbeat.advance(750_000)
        heartbeat.finish_stage()
        heartbeat.beat()
    assert text_of(capsys) == [
        "rows: under way, 0.0 s",
        "rows: under way, 10.0 s, 250,000 of 1,000,000 rows, 25,000 rows/s, about 30 s left",
        "rows: finished, 40.0 s, 1,000,000 rows, 25,000 rows/s",
    ]


def test_heartbeat__of_an_unknown_number_of_rows_promises_no_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with logs.installed():
        heartbeat = Heartbeat(10, clock)
        heartbeat.start_stage("keys", None)
        heartbeat.advance(10)
        clock.seconds += 5
        heartbeat.beat()
    assert text_of(capsys) == ["keys: under way, 5.0 s, 10 rows, 2 rows/s"]


def test_heartbeat__in_json_has_facts(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with logs.installed():
        logs.choose(LogFormat.JSON, quiet=False)
        heartbeat = Heartbeat(10, clock)
        heartbeat.start_stage("rows", 100)
        clock.seconds += 1
        heartbeat.advance(50)
        heartbeat.beat()
    record = json.loads(capsys.readouterr().err)
    assert record["event"] == "heartbeat"
    assert (record["stage"], record["rows"], record["rows_per_second"]) == ("rows", 50, 50)
    assert (record["rows_expected"], record["seconds_left"]) == (100, 1)


def test_heartbeat__beats_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    beaten = threading.Event()

    class Told(Heartbeat):
        def beat(self) -> None:
            super().beat()
            beaten.set()

    with logs.installed(), Told(0.01) as heartbeat:
        heartbeat.start_stage("rows", None)
        assert beaten.wait(5)
    assert "rows: under way" in text_of(capsys)[0]


def advance_often(heartbeat: Heartbeat, times: int) -> None:
    for _ in range(times):
        heartbeat.advance(1)


def test_advance__counts_every_row_of_every_thread(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.installed(), Heartbeat(60) as heartbeat:
        heartbeat.start_stage("rows", None)
        threads = [
            threading.Thread(target=advance_often, args=(heartbeat, 2_000)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        heartbeat.finish_stage()
    assert "8,000 rows" in text_of(capsys)[0]


def test_note__explains_the_first_compilation(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.installed(), Heartbeat(60) as heartbeat:
        heartbeat.note("kernels.compiling")
        heartbeat.note("run.warning", message="a column is ignored", column="x")
        heartbeat.note("ledger.opened", tables=3)
        heartbeat.note("quarantine.kept", rows=1234, path="out/q")
        heartbeat.note("quarantine.kept", path="out/q")
    assert text_of(capsys) == [
        "compiling kernels: only the very first run of a version does this, some 15 seconds",
        "a column is ignored",
        "ledger.opened tables=3",
        "1,234 rows stand in the quarantine: out/q",
        "quarantine.kept path=out/q",
    ]


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "ten", "\uff11\uff10", "1000000"])
def test_heartbeat_seconds__are_whole_seconds(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ENCOURS_HEARTBEAT_SECONDS", text)
    with pytest.raises(ConfigurationWrong, match="ENCOURS_HEARTBEAT_SECONDS"):
        heartbeat_seconds()


def test_heartbeat_seconds__default_and_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heartbeat_seconds() == 10
    monkeypatch.setenv("ENCOURS_HEARTBEAT_SECONDS", "3")
    assert heartbeat_seconds() == 3


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_listener__is_a_bar_on_a_terminal_and_leaves_the_stages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    voice = Voice(LogFormat.TEXT, quiet=False)
    with logs.installed(), listener(voice) as bar:
        assert isinstance(bar, Bar)
        bar.start_stage("rows [red]", 100)
        bar.advance(60)
        bar.advance(40)
        bar.finish_stage()
        bar.start_stage("accounts", None)
        bar.finish_stage()
    shown = terminal.getvalue()
    assert "rows [red]: finished" in shown
    assert "100 rows" in shown
    assert "accounts: finished" in shown


@pytest.mark.parametrize(
    ("voice", "term"),
    [
        (Voice(LogFormat.JSON, quiet=False), "xterm"),
        (Voice(LogFormat.TEXT, quiet=True), "xterm"),
        (Voice(LogFormat.TEXT, quiet=False), "dumb"),
    ],
)
def test_listener__is_a_heartbeat_for_machines_and_dumb_terminals(
    monkeypatch: pytest.MonkeyPatch, voice: Voice, term: str
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", term)
    with listener(voice) as found:
        assert isinstance(found, Heartbeat)


def test_listener__stops_its_thread_when_the_run_fails() -> None:
    def fail() -> None:
        with listener(Voice(LogFormat.TEXT, quiet=False)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}
    assert progress.HEARTBEAT_SECONDS == 10
