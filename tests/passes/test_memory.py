import subprocess
import sys

import pyarrow as pa
import pytest

from encours.passes import memory


def printed(script: str) -> list[str]:
    """Give the words that a script prints in a process of its own, whose memory it may change."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_keep_freed_memory__serves_arrow_from_the_c_librarys_memory() -> None:
    script = (
        "from encours.passes.memory import keep_freed_memory\n"
        "import numpy, pyarrow\n"
        "keep_freed_memory()\n"
        "keep_freed_memory()\n"
        "numpy.ones(1 << 22)\n"
        "print(pyarrow.default_memory_pool().backend_name)\n"
    )
    assert printed(script) == ["system"]


def test_keep_freed_memory__of_another_c_library_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "_c_library", object)
    before = pa.default_memory_pool().backend_name
    memory.keep_freed_memory()
    memory.give_memory_back()
    assert pa.default_memory_pool().backend_name == before


def test_give_memory_back__returns_what_a_pass_has_freed() -> None:
    script = (
        "from encours.passes.memory import give_memory_back, keep_freed_memory\n"
        "keep_freed_memory()\n"
        "import numpy\n"
        "def resident():\n"
        "    return int(open('/proc/self/statm').read().split()[1]) * 4096\n"
        "blocks = [numpy.ones(1 << 17) for _ in range(200)]\n"
        "full = resident()\n"
        "blocks.clear()\n"
        "kept = resident()\n"
        "give_memory_back()\n"
        "print(full - kept < 50e6, kept - resident() > 150e6)\n"
    )
    assert printed(script) == ["True", "True"]


def test_collect_rarely__leaves_what_is_there_out_of_every_look() -> None:
    script = (
        "import gc\n"
        "from encours.passes.memory import collect_rarely\n"
        "before = gc.get_threshold()[0]\n"
        "collect_rarely()\n"
        "print(gc.get_freeze_count() > 1_000, gc.get_threshold()[0] > before, gc.isenabled())\n"
    )
    assert printed(script) == ["True", "True", "True"]
