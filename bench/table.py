"""Figures of `make bench` as Markdown, put into a page between its two markers.

    python -m bench.table build/bench/results.json [more.json …] [--into README.md]

Without `--into` the tables are printed. Of two results of one benchmark the later file's counts.
What each figure means stands in bench/README.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

START: Final = "<!-- bench:start -->"
END: Final = "<!-- bench:end -->"

Benchmark: TypeAlias = dict[str, Any]
"""One entry of pytest-benchmark's JSON."""


def read_results(paths: Iterable[Path]) -> tuple[dict[str, Benchmark], dict[str, Any]]:
    """Give every benchmark by its full name, and the machine of the last file."""
    found: dict[str, Benchmark] = {}
    machine: dict[str, Any] = {}
    for path in paths:
        results = json.loads(path.read_text(encoding="utf-8"))
        machine = results["machine_info"]
        found.update({each["fullname"]: each for each in results["benchmarks"]})
    return found, machine


def render(benchmarks: dict[str, Benchmark], machine: dict[str, Any]) -> str:
    """Give all tables that the results have figures for."""
    every = list(benchmarks.values())
    sections = (
        ("The whole night", night_table(every)),
        ("The same night in other engines", peer_table(every)),
        ("One core, stage by stage", stage_table(every)),
        ("Where the time goes", share_table(every)),
        ("How it grows", growth_table(every)),
        ("Gates", gate_table(every)),
    )
    parts = [machine_line(machine)]
    parts += [f"**{title}**\n\n{table}" for title, table in sections if table]
    return "\n\n".join(parts)


def machine_line(machine: dict[str, Any]) -> str:
    """Tell where the figures come from."""
    processor = machine.get("cpu", {}).get("brand_raw") or machine.get("machine", "unknown")
    versions = ", ".join(
        f"{name} {version}"
        for name, version in {
            "Python": machine.get("python_version", "?"),
            **machine.get("versions", {}),
        }.items()
    )
    cores = machine.get("cores_used", "?")
    return f"Measured on {cores} cores of {processor}; {versions}. Medians of several rounds."


def night_table(benchmarks: Sequence[Benchmark]) -> str:
    """Give wall, CPU and memory of the command by size and kind of run."""
    kinds = {
        "run: start-up": "",
        "run: without limits": "all outputs, no limits given",
        "run: all outputs": "all outputs",
        "run: with interest periods": "and interest periods",
    }
    rows = []
    for each in chosen(benchmarks, *kinds):
        facts = each["extra_info"]
        what = kinds[each["group"]] or facts["start"]
        rows.append((f"{facts['items']:,}", what, *usage_cells(facts)))
    heads = ("open items", "run", "wall", "CPU", "peak memory", "items/s")
    return table(heads, rows, right_from=2)


def peer_table(benchmarks: Sequence[Benchmark]) -> str:
    """Give the peers beside the engine."""
    rows = []
    for each in chosen(benchmarks, "peers: the same night"):
        facts = each["extra_info"]
        does = "everything" if facts["peer"] == "encours" else "a part (see its docstring)"
        rows.append((f"{facts['items']:,}", facts["peer"], does, *usage_cells(facts)))
    heads = ("open items", "engine", "computes", "wall", "CPU", "peak memory", "items/s")
    return table(heads, rows, right_from=3)


def usage_cells(facts: dict[str, Any]) -> tuple[str, ...]:
    """Give wall, CPU, memory and items per second of one command."""
    return (
        seconds(facts["wall_seconds"]),
        seconds(facts["cpu_seconds"]),
        megabytes(facts["peak_memory_bytes"]),
        f"{facts['items_per_second']:,}",
    )


def stage_table(benchmarks: Sequence[Benchmark]) -> str:
    """Give nanoseconds per item and items per second of each stage; of its sizes the largest."""
    largest: dict[str, Benchmark] = {}
    for each in benchmarks:
        stage = each["extra_info"].get("stage")
        if stage is not None:
            best = largest.get(stage, each)
            is_larger = each["extra_info"]["items"] >= best["extra_info"]["items"]
            largest[stage] = each if is_larger else best
    rows = []
    for stage, each in largest.items():
        items, median = each["extra_info"]["items"], each["stats"]["median"]
        per_second = round(items / median / 1e5) / 10
        rows.append((stage, f"{items:,}", f"{median / items * 1e9:,.0f} ns", f"{per_second:,} M"))
    return table(("stage", "items", "per item", "items/s and core"), rows, right_from=1)


def share_table(benchmarks: Sequence[Benchmark]) -> str:
    """Give the wall seconds of each stage of the largest run, from its manifest."""
    runs = chosen(benchmarks, "run: all outputs")
    if not runs:
        return ""
    facts = runs[-1]["extra_info"]
    rest = facts["wall_seconds"] - sum(facts["stages"].values())
    taken = {**facts["stages"], "start of the process, commit, end": max(rest, 0.0)}
    rows = [(stage, seconds(value)) for stage, value in taken.items()]
    heads = (f"stage of the run of {facts['items']:,} items", "wall")
    return table(heads, rows, right_from=1)


def growth_table(benchmarks: Sequence[Benchmark]) -> str:
    """Give the points of the slope, where it was measured at sizes that say something."""
    slopes = [each for each in chosen(benchmarks, "slope") if "gates" in each["extra_info"]]
    if not slopes:
        return ""
    facts = slopes[-1]["extra_info"]
    steps = ["", *(f"{step:.2f} s" for step in facts["seconds_per_million"])]
    rows = [
        (
            f"{point['items']:,}",
            seconds(point["wall_seconds"]),
            f"{point['wall_seconds'] / point['items'] * 1e6:.2f} s",
            step,
            megabytes(point["peak_memory_bytes"]),
        )
        for point, step in zip(facts["points"], steps, strict=True)
    ]
    heads = ("open items", "wall", "per million", "per further million", "peak memory")
    return table(heads, rows, right_from=0)


def gate_table(benchmarks: Sequence[Benchmark]) -> str:
    """Give every gate that was measured."""
    rows = [
        (
            gate["figure"],
            f"{gate['limit']:g} {gate['unit']}",
            f"{gate['measured']:.2f} {gate['unit']}",
            "yes" if gate["measured"] <= gate["limit"] else "**no**",
        )
        for each in benchmarks
        for gate in each["extra_info"].get("gates", [])
    ]
    return table(("gate", "at most", "measured", "holds"), rows, right_from=1)


def chosen(benchmarks: Sequence[Benchmark], *groups: str) -> list[Benchmark]:
    """Give the benchmarks of some groups: by group, then by size, else in their order."""
    return sorted(
        # Without facts it failed before its figures were noted.
        (each for each in benchmarks if each["group"] in groups and each["extra_info"]),
        key=lambda each: (groups.index(each["group"]), each["extra_info"].get("items", 0)),
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right_from: int) -> str:
    """Give a Markdown table, columns from `right_from` on aligned right; nothing without rows."""
    if not rows:
        return ""
    rules = ["---" if place < right_from else "---:" for place in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rules, *rows))


def seconds(value: float) -> str:
    """Give seconds with three digits that count."""
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def megabytes(value: int) -> str:
    """Give bytes as MB or GB."""
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def put_between(text: str, tables: str, page: str) -> str:
    """Give a page's text with the tables between its markers; SystemExit where it has none."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        message = f"{page} has no lines {START} and {END}: add them where the tables belong"
        raise SystemExit(message)
    return f"{before}{start}\n\n{tables}\n\n{end}{after}"


def main() -> None:
    """Read results, and print the tables or put them into a page."""
    parser = argparse.ArgumentParser(description="Tables of benchmark results.")
    parser.add_argument("results", nargs="+", type=Path, help="JSON written by make bench")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="Markdown page with the markers")
    given = parser.parse_args()
    tables = render(*read_results(given.results))
    if given.into is None:
        print(tables)
        return
    text = given.into.read_text(encoding="utf-8")
    given.into.write_text(put_between(text, tables, str(given.into)), encoding="utf-8")


if __name__ == "__main__":
    main()
