"""The second process of the first run ever: what it compiles, when it starts, and that it ends."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from encours.passes import compilation
from encours_jobs import second_compiler
from encours_jobs.synthetic import generate_ledger
from tests.jobs.ledgers import AS_OF, parquet_files
from tests.tidy.sources import ROOT

needs_compiler = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="there is nothing to compile"
)
RECORD = """
import json, sys
from pathlib import Path
from encours.kernels import _recording
from encours_jobs import second_compiler

_recording.compile_recorded = lambda: ()
second_compiler._compile(Path(sys.argv[1]), 0)
calls = [(one.py_func.__name__, str(types)) for one, types in _recording._calls]
json.dump(calls, sys.stdout)
"""
RUN = """
import json, sys
from datetime import date
from pathlib import Path
from numba.core import event
import encours
from encours.kernels import _jit
from encours_schemas.configuration import Configuration

class Compiled(event.Listener):
    def on_start(self, event):
        names.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event):
        pass

names, made, make = [], [], _jit.kernel
event.register("numba:compile", Compiled())
_jit.kernel = lambda function: made.append(make(function)) or made[-1]
encours.run(Path(sys.argv[1]), date(2026, 10, 31), Path(sys.argv[2]), Configuration())
used = [(one.py_func.__name__, str(types)) for one in made for types in one.signatures]
json.dump([names, used], sys.stdout)
"""
WAIT = """
import sys, time
import encours

def wait(*_, progress, **__):
    progress.note("waiting")
    time.sleep(60)

encours.run = wait
from encours_jobs.cli import main
main(["run", "--ledger", "x", "--as-of", "2026-10-31", "--out", "y"])
"""


def python(code: str, *arguments: Path, cache: Path | None = None) -> Any:
    """Give what a script prints as JSON."""
    chosen = {} if cache is None else {"ENCOURS_KERNEL_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, env={**os.environ, **chosen}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a ledger of a seed and a size that the second process does not use."""
    place = tmp_path_factory.mktemp("generated") / "ledger"
    generate_ledger(place, 1_000, 7, date.fromisoformat(AS_OF))
    return place


@needs_compiler
def test_tiny_ledger__calls_every_kernel_that_a_run_calls_and_with_its_types(
    tmp_path: Path, ledger: Path
) -> None:
    recorded = {tuple(call) for call in python(RECORD, tmp_path)}
    _, used = python(RUN, ledger, tmp_path / "run")
    called = {name for name, _ in recorded}
    assert {"find_codes", "accrue_claims", "add_items", "decide_orders"} <= called
    assert {(name, types) for name, types in used if name in called} == recorded


@needs_compiler
@pytest.mark.slow  # compiles every kernel twice
def test_first_run__shares_the_work_and_gives_the_same_figures(
    tmp_path: Path, ledger: Path
) -> None:
    shared, alone, temporary = tmp_path / "shared", tmp_path / "alone", tmp_path / "temporary"
    temporary.mkdir()
    command: list[str | Path] = [
        sys.executable, "-c", "from encours_jobs.cli import main; main()", "run",
        "--ledger", ledger, "--as-of", AS_OF, "--out", tmp_path / "out", "--quiet",
    ]  # fmt: skip
    environment = {"ENCOURS_KERNEL_CACHE": str(shared), "TMPDIR": str(temporary)}
    subprocess.run(command, env={**os.environ, **environment}, check=True)
    assert not list(temporary.iterdir())
    assert {path.suffix for path in shared.rglob("*") if path.is_file()} == {".nbc", ".nbi"}
    # Nothing is left to compile, and what was compiled by two is what one compiles.
    compiled, used = python(RUN, ledger, tmp_path / "again", cache=shared)
    assert not compiled
    with subprocess.Popen(
        [sys.executable, "-m", second_compiler.__name__, tmp_path / "place", str(os.getpid())],
        env={**os.environ, "ENCOURS_KERNEL_CACHE": str(alone)},
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.wait() == 0
    compiled, same = python(RUN, ledger, tmp_path / "once more", cache=alone)
    assert (compiled, same) == ([], used)
    published = [next((tmp_path / out).glob("as_of=*")) for out in ("out", "again", "once more")]
    for table in ("items", "credit_accounts", "breaches", "order_decisions", "outlook"):
        first, *others = [parquet_files(run / table) for run in published]
        assert all(other.equals(first) for other in others)


class Started(subprocess.Popen[bytes]):
    """A process that does something else than compile; the last one started is remembered."""

    words: tuple[str, ...] = ()
    last: "Started"

    def __init__(self, command: Any, **options: Any) -> None:
        super().__init__(self.words or command, **options)
        type(self).last = self
        self.place = Path(command[-2])


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> type[Started]:
    """Start whatever a test says instead of the second process."""
    monkeypatch.setattr(subprocess, "Popen", Started)
    monkeypatch.setattr(second_compiler, "_is_of_use", lambda threads: True)
    return Started


def test_second_process__ends_with_the_block_even_when_that_fails(
    started: type[Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(started, "words", ("sleep", "60"))
    with suppress(ValueError), second_compiler.second_compiler(None):
        assert started.last.poll() is None
        assert started.last.place.is_dir()
        raise ValueError
    assert started.last.returncode == -signal.SIGKILL
    assert not started.last.place.exists()


@pytest.mark.parametrize("words", [("false",), ("no such program",)], ids=["dies", "cannot start"])
def test_second_process__that_fails_does_no_harm(
    started: type[Started], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(started, "words", words)
    done = False
    with second_compiler.second_compiler(None):
        done = True
    assert done


def test_second_process__takes_no_settings_of_jobs_along(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENCOURS_INPUT__MAX_REJECTED", "ENCOURS_KERNEL_CACHE", "NUMBA_BOUNDSCHECK"):
        monkeypatch.setenv(name, "0")
    environment = second_compiler._environment()
    assert "ENCOURS_INPUT__MAX_REJECTED" not in environment
    assert {"ENCOURS_KERNEL_CACHE", "NUMBA_BOUNDSCHECK", "PATH"} <= set(environment)


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set up what the second process is for: no kernel on disk, and two cores."""
    monkeypatch.setattr(compilation, "CACHE_IS_USABLE", True)
    monkeypatch.setattr(compilation, "has_no_kernels", lambda: True)
    monkeypatch.setattr(compilation, "HAS_COMPILER", True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    return monkeypatch


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (compilation, "CACHE_IS_USABLE", False),
        (compilation, "has_no_kernels", lambda: False),
        (compilation, "HAS_COMPILER", False),
        (os, "sched_getaffinity", lambda pid: {0}),
    ],
    ids=["cache is unusable", "kernels are there", "no compiler", "one core"],
)
def test_second_process__starts_only_where_it_is_of_use(
    empty_cache: pytest.MonkeyPatch, place: Any, name: str, value: Any
) -> None:
    assert second_compiler._is_of_use(None)
    assert second_compiler._is_of_use(2)
    assert not second_compiler._is_of_use(1)
    empty_cache.setattr(place, name, value)
    assert not second_compiler._is_of_use(None)


@needs_compiler
@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="there is no core for it")
def test_second_process__is_gone_when_the_run_is_terminated(tmp_path: Path) -> None:
    environment = {"ENCOURS_KERNEL_CACHE": str(tmp_path / "cache"), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", WAIT],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "waiting" in process.stderr.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 1
        process.terminate()
        assert process.wait(20) == 143
    assert not Path(f"/proc/{children[0]}").exists()
    assert not list(tmp_path.glob("encours-kernels-*"))
