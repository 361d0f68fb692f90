"""A second process that compiles kernels while the first run ever does: started, and ended.

`python -m encours_jobs.second_compiler DIR PARENT` is that process. It takes a tiny ledger through
the nightly job, which tells it every kernel with the types that it is called with.
"""

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path

_AS_OF = date(2026, 10, 31)
_ITEMS = 50
_SEED = 1
"""A ledger so small takes a second, and is enough to call every kernel: a test holds it to that."""

_KEPT_VARIABLE = "ENCOURS_KERNEL_CACHE"


@contextmanager
def second_compiler(threads: int | None) -> Iterator[None]:
    """Let a second process compile kernels while the block runs, in the first run ever alone.

    Whatever keeps it from starting or ends it early, the block compiles for itself. At the end of
    the block it is gone, and so are its files but for the kernels.
    """
    with ExitStack() as stack:
        if _is_of_use(threads):
            with suppress(OSError):
                _start(stack)
        yield


def _is_of_use(threads: int | None) -> bool:
    """Tell whether kernels are to be compiled, and a core is left for that."""
    if threads == 1 or len(os.sched_getaffinity(0)) == 1:
        return False
    from encours.passes.compilation import can_be_shared

    return can_be_shared()


def _start(stack: ExitStack) -> None:
    """Start the process; the stack ends it, then removes its directory."""
    place = stack.enter_context(
        tempfile.TemporaryDirectory(prefix="encours-kernels-", ignore_cleanup_errors=True)
    )
    process = subprocess.Popen(  # noqa: S603 - our own module
        # -P: a module of the same name in the user's working directory is none of ours.
        [sys.executable, "-P", "-m", __name__, place, str(os.getpid())],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(_end, process)


def _environment() -> dict[str, str]:
    """Give the environment without the user's settings of jobs, which a tiny ledger may not suit.

    Those of Numba stay: they decide what is compiled.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name == _KEPT_VARIABLE or not name.startswith("ENCOURS_")
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process at once: what it has not compiled nobody waits for."""
    process.kill()
    process.wait()


def _compile(place: Path, parent: int) -> None:
    """Compile kernels as long as the parent lives."""
    from encours.passes.compilation import compile_from_the_back
    from encours.passes.memory import collect_rarely

    def night() -> None:
        import encours
        from encours_jobs.synthetic import generate_ledger
        from encours_schemas.configuration import Configuration

        generate_ledger(place / "ledger", _ITEMS, _SEED, _AS_OF, threads=1)
        encours.run(place / "ledger", _AS_OF, place / "out", Configuration(), threads=1)

    collect_rarely()
    # Without the compiler, NumPy warns of hashes that are meant to overflow.
    warnings.simplefilter("ignore")
    compile_from_the_back(night, lambda: os.getppid() == parent)


if __name__ == "__main__":
    _compile(Path(sys.argv[1]), int(sys.argv[2]))
