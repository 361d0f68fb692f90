"""The pages that `encours layout` prints."""

import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from encours.ledger.layouts.sampling import SampledLayout, SampledRow, SampledRule
    from encours_schemas.configuration import Configuration
    from encours_schemas.layouts.models import Layout, Source

_WIDTH_MAX = 44


def list_page() -> str:
    """Give the bundled layouts, one per line."""
    from encours.ledger.layouts import catalog
    from encours_schemas.layouts.loading import read_layout

    names = catalog.names()
    width = max(map(len, names), default=0)
    lines = []
    for name in names:
        layout = read_layout(name, catalog.BUNDLED)
        lines.append(f"{name:<{width}}  {layout.title}")
        lines.append(f"{'':<{width}}  fills {', '.join(layout.tables)}")
    return "\n".join(lines)


def file_text(name: str) -> str:
    """Give the file of a layout as it stands."""
    from encours.ledger.layouts.catalog import BUNDLED
    from encours_schemas.layouts.loading import find_layout, read_tree

    read_tree(name, BUNDLED)
    return find_layout(name, BUNDLED).read_text(encoding="utf-8").rstrip("\n")


def show_page(name: str) -> str:
    """Give what a layout says, for people."""
    from encours.ledger.layouts.catalog import BUNDLED
    from encours_schemas.layouts.loading import read_layout

    layout = read_layout(name, BUNDLED)
    lines = [f"{layout.name}: {layout.title}"]
    if layout.about:
        lines += ["", layout.about.strip()]
    lines += _parameter_lines(layout)
    for key, source in layout.sources.items():
        lines += ["", f"source {key}", *_source_lines(source)]
    for table, rules in layout.tables.items():
        for rule in rules:
            lines += ["", f"{table} from {', '.join(rule.source)}"]
            lines += [f"  where {_one_line(rule.where)}"] if rule.where else []
            for join, of in rule.join.items():
                lines.append(f"  join {join}: {of.source} on {of.on} = {of.to}")
            pairs = dict(rule.columns) | dict(rule.extra)
            if rule.clearing is not None:
                given = rule.clearing.model_dump(exclude_defaults=True)
                pairs = {f"clearing {key}": str(value) for key, value in given.items()}
            width = max(map(len, pairs), default=0)
            lines += [f"  {column:<{width}}  {_one_line(text)}" for column, text in pairs.items()]
    return "\n".join(lines)


def _parameter_lines(layout: "Layout") -> list[str]:
    lines = ["", "parameters ([input.parameters])"] if layout.parameters else []
    for name, parameter in layout.parameters.items():
        default = (
            "must be stated" if parameter.default is None else f"default {parameter.default!r}"
        )
        lines.append(f"  {name} ({parameter.type}, {default})  {parameter.about}".rstrip())
    return lines


def _source_lines(source: "Source") -> list[str]:
    said = source.model_dump(exclude_defaults=True, exclude={"fields", "let"})
    lines = [f"  {key} = {value!r}" for key, value in said.items()]
    width = max(map(len, source.fields), default=0)
    for name, field in source.fields.items():
        own = field.model_dump(exclude_defaults=True, exclude={"type"})
        notes = ", ".join(f"{key} {value!r}" for key, value in own.items())
        lines.append(f"  {name:<{width}}  {field.type}{'  ' + notes if notes else ''}")
    lines += [f"  let {name} = {_one_line(text)}" for name, text in source.let.items()]
    return lines


def _one_line(text: str) -> str:
    return " ".join(text.split())


def check_page(ledger: Path | str, settings: "Configuration", rows: int, shown: int) -> str:
    """Give what layouts make of the first rows of a ledger."""
    from encours.ledger.layouts.sampling import sample_layouts

    with tempfile.TemporaryDirectory(prefix="encours-layout-") as staging:
        sampled = sample_layouts(ledger, settings, Path(staging), rows=rows, shown=shown)
    return "\n\n".join(_checked_layout(layout) for layout in sampled)


def _checked_layout(layout: "SampledLayout") -> str:
    parts = [f"layout {layout.name}: {layout.title}".rstrip(": ")]
    for name, files in layout.sources.items():
        told = ", ".join(f"{file} ({count:,} rows read)" for file, count in files)
        parts.append(f"source {name}: {told or 'no file'}")
    lines = ["\n".join(parts)]
    lines += [_checked_rule(rule) for rule in layout.rules]
    if layout.rejected:
        first = [f"  {one.file} row {one.row_number}: {one.message}" for one in layout.rejected[:9]]
        lines.append("\n".join([f"{len(layout.rejected)} rows are no records:", *first]))
    return "\n\n".join(lines)


def _checked_rule(rule: "SampledRule") -> str:
    heading = (
        f"{rule.table} from {rule.source}: {rule.read:,} rows read, {rule.left_out:,} left out, "
        f"{rule.made:,} made, {rule.quarantined:,} would be quarantined"
    )
    lines = [heading]
    for row in rule.rows:
        lines += ["", f"  {row.file} row {row.row_number}", *_side_by_side(row)]
    if rule.findings:
        lines += ["", "  would be quarantined:"]
        lines += [f"    {one.file} row {one.row_number}: {one.message}" for one in rule.findings]
    return "\n".join(lines)


def _side_by_side(row: "SampledRow") -> list[str]:
    left = _pairs(row.source)
    right = _pairs({name: value for name, value in row.contract.items() if value is not None})
    width = max(map(len, left), default=0)
    pairs = zip_longest(left, right, fillvalue="")
    return [f"    {source:<{width}} | {contract}".rstrip() for source, contract in pairs]


def _pairs(values: dict[str, str | None]) -> list[str]:
    width = max(map(len, values), default=0)
    return [f"{name:<{width}} {_short(value)}" for name, value in values.items()]


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain if len(plain) <= _WIDTH_MAX else plain[: _WIDTH_MAX - 1] + "…"


def new_page(files: Sequence[Path]) -> str:
    """Give a layout to begin with."""
    from encours.ledger.layouts.skeleton import skeleton

    return skeleton(files).rstrip("\n")
