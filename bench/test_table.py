import ast
import json
from pathlib import Path
from typing import Any

import pytest

from bench import gates
from bench.table import END, START, put_between, read_results, render

BENCH = Path(__file__).resolve().parent
KINDS = {"gate", "informational"}


def entry(name: str, group: str, median: float, **facts: Any) -> dict[str, Any]:
    stats = {"median": median}
    return {"fullname": name, "group": group, "stats": stats, "extra_info": facts}


def usage(items: int, wall_seconds: float) -> dict[str, Any]:
    return {
        "items": items,
        "wall_seconds": wall_seconds,
        "cpu_seconds": 2 * wall_seconds,
        "peak_memory_bytes": 1_250_000_000,
        "items_per_second": round(items / wall_seconds),
    }


MACHINE = {
    "cpu": {"brand_raw": "A Processor"},
    "python_version": "3.11.9",
    "versions": {"encours": "0.1.0"},
    "cores_used": 2,
}
GATE = {"figure": "10,000,000 items", "limit": 15.0, "unit": "s", "measured": 16.25}
RESULTS = [
    entry("a", "run: all outputs", 12.5, **usage(10_000_000, 12.5), stages={"rows": 9.0},
          gates=[GATE]),
    entry("b", "run: all outputs", 1.5, **usage(1_000_000, 1.5), stages={"rows": 1.0}),
    entry("c", "peers: the same night", 3.0, **usage(1_000_000, 3.0), peer="duckdb"),
    entry("d", "kernels, one core", 0.001, stage="interest", items=100_000),
]  # fmt: skip


def test_render__orders_runs_by_size_and_tells_a_missed_gate() -> None:
    text = render({each["fullname"]: each for each in RESULTS}, MACHINE)
    assert "Measured on 2 cores of A Processor; Python 3.11.9, encours 0.1.0." in text
    small = text.index("| 1,000,000 | all outputs | 1.50 s | 3.00 s | 1.25 GB | 666,667 |")
    assert small < text.index("| 10,000,000 | all outputs | 12.5 s |")
    assert "| interest | 100,000 | 10 ns | 100.0 M |" in text
    assert "| rows | 9.00 s |\n| start of the process, commit, end | 3.50 s |" in text
    assert "| 10,000,000 items | 15 s | 16.25 s | **no** |" in text
    assert "How it grows" not in text


def test_read_results__takes_the_later_of_two(tmp_path: Path) -> None:
    for name, median in (("first", 1.0), ("second", 2.0)):
        results = {"benchmarks": [entry("a", "g", median)], "machine_info": {"node": name}}
        (tmp_path / name).write_text(json.dumps(results), encoding="utf-8")
    found, machine = read_results([tmp_path / "first", tmp_path / "second"])
    assert found["a"]["stats"]["median"] == 2.0
    assert machine["node"] == "second"


def test_put_between__replaces_what_stands_between_the_markers() -> None:
    page = f"# Title\n\n{START}\nold\n{END}\n\nafter\n"
    once = put_between(page, "| new |", "README.md")
    assert once == f"# Title\n\n{START}\n\n| new |\n\n{END}\n\nafter\n"
    assert put_between(once, "| new |", "README.md") == once


def test_put_between__names_the_page_without_markers() -> None:
    with pytest.raises(SystemExit, match=r"README.md has no lines"):
        put_between("# Title\n", "| new |", "README.md")


def test_readme__names_every_benchmark_and_every_gate() -> None:
    page = (BENCH / "README.md").read_text(encoding="utf-8")
    missing = [
        node.name
        for path in BENCH.glob("test_*_bench.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and f"`{node.name}`" not in page
    ]
    assert not missing
    every = [gate for gate in vars(gates).values() if isinstance(gate, gates.Gate)]
    assert len(every) == 9
    assert not [gate for gate in every if f"{gate.limit:g} {gate.unit}" not in page]


def test_benchmarks__say_gate_or_informational(request: pytest.FixtureRequest) -> None:
    benchmarks = [item for item in request.session.items if item.path.name.endswith("_bench.py")]
    unclear = [
        item.nodeid
        for item in benchmarks
        if len(KINDS & {mark.name for mark in item.iter_markers()}) != 1
    ]
    assert not unclear
