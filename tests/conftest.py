"""What holds for every test: a clean environment, kernels kept in `build/`, fixed searches."""

import os
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
KEPT_VARIABLES = {
    "ENCOURS_COVER_WORLDS",
    "ENCOURS_CURE_LEDGERS",
    "ENCOURS_EXPLAINED_LEDGERS",
    "ENCOURS_KERNEL_CACHE",
    "ENCOURS_OUTLOOK_LEDGERS",
    "ENCOURS_RENEW_GOLDEN",
    "ENCOURS_TWIN_LEDGERS",
}


def _clean_environment() -> None:
    """Drop the developer's own settings; keep compiled kernels out of the home directory.

    Commands that tests start find their bytecode, as they do where pip has installed them.
    """
    for name in [name for name in os.environ if name.startswith("ENCOURS_")]:
        if name not in KEPT_VARIABLES:
            del os.environ[name]
    os.environ.setdefault("ENCOURS_KERNEL_CACHE", str(ROOT / "build" / "kernels"))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / "build" / "bytecode")


# Before any test module imports a kernel: the folder is read once, at import.
_clean_environment()

# No deadline: the first call of a kernel compiles it. The same cases in every run, so that red
# means a change; `make test-all` searches with new ones.
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, database=None, max_examples=75
)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("repeatable")
