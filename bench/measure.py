"""Wall seconds, CPU seconds and peak memory of a command and everything that it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CORES: Final = 2
"""Cores that a measured command may use, wherever it runs: figures of machines stay comparable."""

_SAMPLE_SECONDS: Final = 0.02
_SAMPLES_PER_SCAN: Final = 10  # looking for new processes costs more than looking at known ones
_PROC: Final = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """What one execution of a command took.

    peak_memory_bytes   resident, pages of mapped files included
    peak_private_bytes  resident, without pages of files: what no other process can make use of
    """

    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    peak_private_bytes: int


class CommandError(Exception):
    """A measured command ended with another status than 0: its figures mean nothing."""


def measure_command(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path, cores: int = CORES
) -> Usage:
    """Execute a command on so many cores and give what it took; its output goes to `log`.

    CPU seconds come from the kernel's accounts. Memory is that of the whole process tree, looked at
    every 20 ms (for new processes every 200 ms); for a single process the kernel's own high-water
    mark is taken where it is higher.

    Raises CommandError with the end of the log.
    """
    words = [str(word) for word in command]
    opened = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with _on_cores(cores):
        started = time.perf_counter()
        process = os.posix_spawn(
            words[0],
            words,
            dict(environment),
            file_actions=[opened, (os.POSIX_SPAWN_DUP2, 1, 2)],
        )
    sampler = _Sampler(process)
    sampler.start()
    try:
        _, status, used = os.wait4(process, 0)
        wall_seconds = time.perf_counter() - started
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process, 0)
        raise
    finally:
        sampler.stop()
    code = os.waitstatus_to_exitcode(status)
    if code:
        end = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        message = f"{' '.join(words[:4])} … ended with status {code}:\n{end}"
        raise CommandError(message)
    return Usage(
        wall_seconds,
        used.ru_utime + used.ru_stime,
        sampler.peak_memory_bytes,
        sampler.peak_private_bytes,
    )


@contextlib.contextmanager
def _on_cores(count: int) -> Iterator[None]:
    """Let what the calling thread starts use only the first `count` of its cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class _Sampler(threading.Thread):
    """Looks at the memory of a process tree until it is stopped."""

    def __init__(self, root: int) -> None:
        super().__init__(name="memory sampler", daemon=True)
        self._root = root
        self._stopped = threading.Event()
        self.peak_memory_bytes = 0
        self.peak_private_bytes = 0

    def run(self) -> None:
        while True:
            tree = _process_tree(self._root)
            for _ in range(_SAMPLES_PER_SCAN):
                self._look(tree)
                if self._stopped.wait(_SAMPLE_SECONDS):
                    return

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _look(self, processes: Sequence[int]) -> None:
        states = [_memory_lines(process) for process in processes]
        resident = sum(state.get("VmRSS", 0) for state in states)
        private = sum(state.get("RssAnon", 0) + state.get("RssShmem", 0) for state in states)
        if len(states) == 1:
            resident = max(resident, states[0].get("VmHWM", 0))
        self.peak_memory_bytes = max(self.peak_memory_bytes, resident)
        self.peak_private_bytes = max(self.peak_private_bytes, private)


def _process_tree(root: int) -> list[int]:
    """Give a process and its descendants; those that end meanwhile may be missing."""
    children: dict[int, list[int]] = {}
    for directory in _PROC.iterdir():
        if directory.name.isdecimal():
            with contextlib.suppress(OSError):
                # "pid (name) state parent …": the name may hold spaces and parentheses.
                _, _, rest = (directory / "stat").read_text(errors="replace").rpartition(")")
                children.setdefault(int(rest.split()[1]), []).append(int(directory.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def _memory_lines(process: int) -> dict[str, int]:
    """Give the memory lines of a process's status in bytes, none once it has ended."""
    try:
        text = (_PROC / str(process) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.split() for line in text.splitlines() if line.endswith(" kB"))
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}
