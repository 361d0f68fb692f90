"""How kernels are compiled, kept on disk and recorded."""

import os
import shutil
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from encours.kernels import _jit, _recording

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="there is nothing compiled"
)


def _first(values: Any) -> Any:
    return values[0]


def _first_of_both(values: Any, others: Any) -> Any:
    return values[0] + others[0]


def test_cache__takes_no_kernel_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    small, large = np.array([1, 2], np.int32), np.array([3, 4], np.int64)
    for values in (small, large):
        _jit.kernel(_first)(values)
    of_small, of_large = sorted(tmp_path.rglob("*.nbc"))
    shutil.copy(of_large, of_small)  # what two processes that save at once may leave
    again: Any = _jit.kernel(_first)
    assert (again(small), again(large)) == (1, 3)
    assert not again.stats.cache_hits.get(_types(small))


def _types(*values: Any) -> tuple[Any, ...]:
    return tuple(numba.typeof(value) for value in values)


def test_recorded_kernels__are_compiled_from_the_back_for_calls_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(_recording, "_calls", {})
    inner: Any = _jit.kernel(_first)
    outer: Any = _jit.kernel(_outer_of(inner))
    last: Any = _jit.kernel(_first_of_both)
    values = np.array([5, 6], np.int64)
    assert (outer(values), last(values, values), outer(values)) == (6, 10, 6)
    assert not list(tmp_path.rglob("*.nbc"))
    kernels = (inner, outer, last)
    steps = _recording.compile_recorded()
    found = [[one._compiled.signatures for one in kernels] for _ in steps]
    alone, both = [_types(values)], [_types(values, values)]
    assert found == [[[], [], both], [alone, alone, both]]


def _outer_of(inner: Any) -> Any:
    def outer(values: Any) -> Any:
        return inner(values) + 1

    return outer
